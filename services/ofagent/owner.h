/* The right to write the rules of a bridge: its owner row, and the tables as they stand when we get that right. One thread. */
#ifndef BUSBAR_OFAGENT_OWNER_H
#define BUSBAR_OFAGENT_OWNER_H

#include "services/ofagent/agent.h"

enum { OWNER_LOAD_ROWS = 10000 /* of the mirror's rules that are read in one step: some 25 ms */ };
#define OWNER_RETRY_NS (200 * NS_PER_MS) /* a refused claim is tried again when the mirror may know more */
#define OWNER_TIMEOUT_NS (5 * NS_PER_S)
#define OWNER_SNAPSHOT_NS (10 * NS_PER_S) /* for counts of shards that have died, before a bridge of another is served */
#define OWNER_OTHERS_NS (500 * NS_PER_MS) /* a bridge that falls or was given to somebody who does not claim it is claimed by anybody after this */

/* Claims the bridge when nobody else who lives has it, and begins to load the tables once the mirror has come to that commit. */
void owner_step(struct bridge *bridge);
/* What is in memory may differ from configdb: claim again. The next epoch refuses every transaction still under way. */
void owner_reload(struct bridge *bridge);
/* Gives a bridge on which nothing is under way to bridge->successor: ends all service of it, then writes the owner row with the next epoch. */
void owner_give(struct bridge *bridge);
/* Ends all service: sessions, listeners, status rows; forgets the tables. What is uncommitted has been answered. */
void owner_let_go(struct bridge *bridge, const char *why);
/* Begins to make the tables those of the mirror, keeping what is known of rules by row number; until every rule was looked at, they stay what they
 * are. At once, when there are few rules. */
void owner_load(struct bridge *bridge);
/* Reads the next rules for all bridges that are being loaded, and frees some of what they had before. `begin`: of a step. */
void owner_load_begin_step(struct ofagent *agent);
void owner_load_step(struct ofagent *agent);
bool owner_is_loading(const struct bridge *bridge); /* and there is more to do at once */
/* Whether the rule with this row number is in the tables, or in those that are being loaded. */
bool owner_has_rule(const struct bridge *bridge, uint64_t id);
/* Forgets what has been loaded, and frees what the bridge had before. */
void owner_drop_load(struct bridge *bridge);
/* Does the owner row in the mirror still name us? */
bool owner_is_us(const struct bridge *bridge);
/* The same, and by the very claim that we work with: another may have had it meanwhile. */
bool owner_is_current(const struct bridge *bridge);
/* Has another process that lives the bridge? */
bool owner_is_other(const struct bridge *bridge);
/* The transaction is refused unless the bridge is ours by the claim that we work with. */
void owner_require(struct cfg_txn *txn, const struct bridge *bridge);
/* What table_mods and SET_CONFIG have set, into the owner row, so that the next owner finds it. A barrier of the session waits for that. Should it be
 * refused, the request is answered with `error`, and the bridge claimed and loaded anew. */
void owner_write(struct session *session, const uint8_t *request, size_t size, enum of_error_number error);
/* Whether the controllers are away (bridge->is_fail_open) and whether one wants misses, into the owner row, when that says something else. */
void owner_note(struct bridge *bridge);

#endif
