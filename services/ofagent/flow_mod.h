/* What a flow_mod does to the tables of a bridge [OF1.3.5 §6.4], with the answers of Open vSwitch where the standard is silent.
 *
 * Nothing here waits or sends: flow_mod_apply() changes the table and lists what it changed. The list is what inflight.c
 * writes to configdb, and what takes everything back when a later mod of the same group is refused.
 */
#ifndef BUSBAR_OFAGENT_FLOW_MOD_H
#define BUSBAR_OFAGENT_FLOW_MOD_H

#include "lib/openflow/of_error.h"
#include "services/ofagent/evict_fields.h"
#include "services/ofagent/flow_table.h"

enum { FLOW_MOD_READY_ACTIONS = 32 /* of an add that is made ready: what waits for its turn shall not be much larger than its bytes */ };
enum { FLOW_MOD_ACTIONS_MAX = 8192 /* more than 64 KiB can hold; a rule of so many is a row that configdb still takes */ };

enum flow_change_kind { FLOW_CHANGE_ADDED, FLOW_CHANGE_MODIFIED, FLOW_CHANGE_REMOVED };

struct flow_change {
    enum flow_change_kind kind;
    struct flow_entry *entry;
    struct flow_rule *before; /* MODIFIED: the rule as it was (owned) */
    int64_t before_created_ns, before_used_ns;
};

struct flow_changes {
    struct flow_change *items; /* owned */
    size_t count;
    size_t room;
};

void flow_changes_init(struct flow_changes *changes);
/* Frees the list; entries stay where they are. */
void flow_changes_fini(struct flow_changes *changes);
/* Puts the table back as it was before these changes. Entries that were added are destroyed. The list is empty afterwards. */
void flow_changes_undo(struct flow_changes *changes, struct flow_table *table);
/* Takes the entry out of the table and lists that. */
void flow_changes_remove(struct flow_changes *changes, struct flow_table *table, struct flow_entry *entry, uint8_t reason);

/* What a table may hold. */
struct flow_limit {
    size_t n_rules;
    bool evicts;                       /* others go for a rule too many; else it is refused */
    const struct evict_fields *groups; /* of which; NULL: no groups */
};

/* What a flow_mod may refer to beyond the flow tables. */
struct flow_mod_context {
    uint64_t bridge;
    uint64_t now_ns;
    uint64_t wall_ns;
    bool (*group_exists)(const void *context, uint32_t group_id);
    bool (*meter_exists)(const void *context, uint32_t meter_id);
    struct flow_limit (*limit)(const void *context, uint8_t table); /* NULL: FLOW_TABLE_RULES_MAX, and nothing goes */
    const void *context;
};

/* OF_ERROR_NONE and the changes appended; or the error to answer, and nothing changed. */
enum of_error_number flow_mod_apply(struct flow_table *table, const struct flow_mod *mod,
                                    const struct flow_mod_context *context, struct flow_changes *changes);

/* An add that is made ready before its turn: the rule that it will insert, of what its bytes alone say. False: that depends on the tables, or is refused
 * anyway. */
struct flow_mod_ready {
    struct flow_entry *entry; /* owned; NULL: none */
    uint64_t hash;
};
/* Takes the mod's instructions. out_rule: the same as it would be packed, lent as long as the entry. */
bool flow_mod_prepare(struct flow_mod *mod, const struct flow_mod_context *context, struct rule *out_rule, struct flow_mod_ready *out_ready);
/* As flow_mod_apply() of the mod it was made from. Done, the entry is the table's or no more. */
enum of_error_number flow_mod_apply_ready(struct flow_table *table, struct flow_mod_ready *ready, const struct flow_mod_context *context,
                                          struct flow_changes *changes);

enum { FLOW_MOD_USERDATA_MAX = 1024 /* bytes, as the datapath carries them */ };
/* What in the list would be stored and have no effect, for people; NULL: nothing. Such a list is refused. */
const char *flow_mod_unsupported(const struct action_list *actions);
/* Do actions and instructions refer only to what exists, and has an effect? Also for packet-outs and group buckets. */
enum of_error_number flow_mod_check_actions(const struct action_list *actions, const struct flow_mod_context *context);

#endif
