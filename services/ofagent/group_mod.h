/* What a group_mod does to the groups of a bridge and to the rules that use them [OF1.3.5 §6.5, OF1.5.1 §7.3.4.3]. */
#ifndef BUSBAR_OFAGENT_GROUP_MOD_H
#define BUSBAR_OFAGENT_GROUP_MOD_H

#include "lib/openflow/of_multipart.h"
#include "services/ofagent/bridge.h"

/* Checks the whole, then changes the tables and notes it for the next transaction. The group is lent; its row and bridge are not read.
 * command_bucket_id: of insert and remove. out_n_changes: groups and rules. OF_ERROR_NONE, or what to answer, and nothing has changed. */
enum of_error_number group_mod_apply(struct bridge *bridge, enum group_command command, const struct group *group,
                                     uint32_t command_bucket_id, size_t *out_n_changes);
/* What a message's command means in this table: one of Open vSwitch's adds or modifies, whichever fits. */
enum group_command group_mod_command(const struct bridge *bridge, const struct of_group_mod *mod);
/* Do the instructions use the group (GROUP_ALL: any)? Such rules go with it. */
bool group_mod_uses(const struct instructions *instructions, uint32_t group_id);
/* A group's deletion is committed: what it counted will not be asked for. */
void group_mod_retire_counters(struct bridge *bridge, const struct group *group);
/* Sets n_references of every group, in one walk over the rules: before group_mod_stats(). */
void group_mod_count_references(struct bridge *bridge);
struct of_group_stats group_mod_stats(const struct bridge *bridge, const struct group_entry *entry); /* of_group_stats_fini() */

#endif
