/* One bridge in the agent: its right to write rules, its tables in memory, its sessions and controllers. One thread. */
#ifndef BUSBAR_OFAGENT_BRIDGE_H
#define BUSBAR_OFAGENT_BRIDGE_H

#include "lib/openflow/of_message.h"
#include "services/ofagent/agent.h"

#define BRIDGE_MISSES_KEPT_NS (2 * NS_PER_S) /* a controller of OpenFlow 1.0 that was there begins anew within a second or two */

struct bridge *bridge_new(struct ofagent *agent, uint64_t id, const Busbar__BridgeRow *row);
void bridge_destroy(struct bridge **bridge);
/* The bridge is gone from the configuration: nobody will ask for what its rules and tables have counted. Before bridge_destroy(). */
void bridge_retire_counters(struct bridge *bridge);
struct bridge *bridge_find(const struct ofagent *agent, uint64_t id);
struct bridge *bridge_by_name(const struct ofagent *agent, const char *name);
void bridge_step(struct bridge *bridge);
/* Closes its sessions and listeners, withdraws what it has published, and drops the removals that are not told. */
void bridge_end_service(struct bridge *bridge, const char *why);
/* Nothing is under way: no change, no answer, no bundle, no removal that waits for its counts. */
bool bridge_is_quiet(const struct bridge *bridge);
/* Nothing is under way that takes as long as its peer likes: no bundle is open, and no list is being sent, which he may not read. */
bool bridge_may_come_to_rest(const struct bridge *bridge);
/* What keeps tools from reaching the bridge at its socket, or NULL. Lent until the next call. */
const char *bridge_listener_trouble(const struct bridge *bridge, char *out_text, size_t room);
const Busbar__BridgeRow *bridge_row(const struct bridge *bridge);
uint64_t bridge_datapath_id(const struct bridge *bridge);
/* Bit n: OpenFlow version n may be spoken on this bridge. */
uint32_t bridge_versions(const struct bridge *bridge);
const char *bridge_state_name(enum bridge_state state);

/* May changes be made now? When not, they are refused. */
bool bridge_is_writable(const struct bridge *bridge);
struct flow_mod_context bridge_flow_mod_context(const struct bridge *bridge);
/* Takes note of changes made to the tables; `request` (may be NULL) is answered with an error should they not be committed. */
uint64_t bridge_note(struct bridge *bridge, struct flow_changes *changes, struct inflight_request *request);
/* Deletes every rule whose instructions say true of the id, a group's or a meter's that goes; returns how many. */
size_t bridge_delete_rules(struct bridge *bridge, bool (*uses)(const struct instructions *instructions, uint32_t id), uint32_t id, uint8_t reason);
struct rule_stats bridge_rule_stats(const struct bridge *bridge, const struct flow_entry *entry);
/* Are the shards so far behind that controllers must wait? */
enum { BRIDGE_BEHIND_MAX = 100000 /* changes: about a second of a slowpath's work */ };
bool bridge_is_behind(const struct bridge *bridge);
/* How many of a hundred places for rules are free in a table. */
uint8_t bridge_vacancy(const struct bridge *bridge, uint8_t table);
/* The limits that people have set may have changed in the mirror. */
void bridge_follow_tables(struct bridge *bridge);
/* The rules a table may hold, all tables together holding FLOW_TABLE_RULES_MAX. */
size_t bridge_table_limit(const struct bridge *bridge, uint8_t table);
/* Sends a message to every session that wants it; one whose peer does not read (CONN_OUTPUT_MAX) is closed.
 * masks_offset: offsetof(struct of_async, port_status) or flow_removed. */
void bridge_tell(struct bridge *bridge, struct of_message *message, size_t masks_offset, unsigned reason);

#endif
