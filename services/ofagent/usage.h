/* The usage wire: one connection to every shard, its counters and its floor. One thread. */
#ifndef BUSBAR_OFAGENT_USAGE_H
#define BUSBAR_OFAGENT_USAGE_H

#include "services/ofagent/agent.h"

enum { USAGE_RECEIVE_PER_STEP = 64 /* messages from one shard before the others have their turn (I9) */ };
#define USAGE_SILENCE_NS (2 * NS_PER_S) /* reports come every 500 ms: after this the HELLO is said again */

struct usage;
struct usage *usage_new(struct ofagent *agent);
void usage_destroy(struct usage **usage);
/* A fastpath is registered / its row has gone. */
void usage_join(struct usage *usage, uint64_t service, const Busbar__ServiceRow *row);
void usage_leave(struct usage *usage, uint64_t service);
/* A rule, group or meter has come or gone in the mirror. */
void usage_row_changed(struct usage *usage, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after);
/* A rule has gone whose bridge's rules are not in the mirror. */
void usage_rule_gone(struct usage *usage, uint64_t rule);
/* A life of a fastpath that a checkpoint names: it is folded when another life of that instance joins. */
void usage_note_life(struct usage *usage, uint32_t instance, uint64_t start);
/* Which fastpath that life is or was; 0: we have not seen it. */
uint32_t usage_shard_instance(const struct usage *usage, uint64_t start);
/* Sends what it has to and takes what has come. */
void usage_step(struct usage *usage);
/* The counter will not be used any more. */
void usage_retire(struct usage *usage, uint64_t counter);
size_t usage_fds(const struct usage *usage, int *out_fds, size_t room);
json_t *usage_status(const struct usage *usage);

#endif
