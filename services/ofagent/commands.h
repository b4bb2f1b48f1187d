/* What swctl can ask an ofagent: the table of control commands, and the calls that wait for their changes. One thread. */
#ifndef BUSBAR_OFAGENT_COMMANDS_H
#define BUSBAR_OFAGENT_COMMANDS_H

#include "lib/base/clock.h"
#include "services/ofagent/agent.h"

enum { COMMANDS_PIECE = 1000 /* rules looked at for one piece of dump-flows, one a step: about 500 KB and 5 ms */ };
#define COMMANDS_WAIT_NS (9 * NS_PER_S) /* a little less than swctl's own patience, so that the answer says what is missing */

struct control_waits;
struct control_waits *commands_waits_new(void);
/* Calls that still wait are answered with an error. */
void commands_waits_destroy(struct control_waits **waits);

/* The table for control_server_new(); its context is the agent. */
extern const struct control_command commands_table[];
extern const size_t commands_count;
json_t *commands_status(void *agent);
/* "ok", or what it lacks. */
const char *commands_state(const struct ofagent *agent);

/* A batch of a bridge is committed / its uncommitted changes are lost. */
void commands_committed(struct ofagent *agent, uint64_t bridge, uint64_t batch, struct version version);
void commands_lost(struct ofagent *agent, uint64_t bridge, int error, const char *text);
/* For the tables of commands in other files (commands_group.c): the bridge that the first argument names, or NULL and the call has failed. */
struct bridge *commands_bridge(struct ofagent *agent, struct control_call *call, const char *const *arguments, size_t n_arguments);
/* May the bridge be changed now? When not, the call has failed. */
bool commands_may_change(const struct bridge *bridge, struct control_call *call);
/* Changes were made, or none: the call is answered when they are committed and every shard forwards that way. */
void commands_await(struct bridge *bridge, struct control_call *call, size_t n_changes);
/* Answers the calls whose changes every shard follows, and goes on with long lists. */
void commands_step(struct ofagent *agent);
/* Is there a list to go on with? Then the next step should come at once. */
bool commands_are_busy(const struct ofagent *agent);
/* Does any wait for a commit or for shards? */
bool commands_wait(const struct ofagent *agent);

#endif
