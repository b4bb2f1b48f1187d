/* Idle and hard timeouts of rules. See expiry.h.
 *
 * Idle time counts from the last use a shard knows, hard time from the rule's making. When both are due at once the hard timeout is
 * named, as Open vSwitch does. The caller does not call while some shard has yet to report after our start: a rule in use would look idle.
 * The ofagent's one thread; a walk costs one step per rule with a timeout.
 * Invariant: no rule is handed out before its time, whatever the order of reports.
 */
#include "services/ofagent/expiry.h"

#include "lib/openflow/of_message.h"

void expiry_init(struct expiry *expiry)
{
    *expiry = (struct expiry){.next_due_ns = INT64_MAX};
}

int64_t expiry_due_ns(const struct flow_entry *entry, uint8_t *out_reason)
{
    int64_t due = INT64_MAX;

    if (entry->rule.idle_timeout_s != 0) {
        int64_t used = entry->used_ns > entry->created_ns ? entry->used_ns : entry->created_ns;
        due = used + (int64_t)entry->rule.idle_timeout_s * (int64_t)NS_PER_S;
        *out_reason = OF_REMOVED_IDLE;
    }
    if (entry->rule.hard_timeout_s != 0) {
        int64_t hard = entry->created_ns + (int64_t)entry->rule.hard_timeout_s * (int64_t)NS_PER_S;
        if (hard <= due) {
            due = hard;
            *out_reason = OF_REMOVED_HARD;
        }
    }
    return due;
}

void expiry_step(struct expiry *expiry, struct flow_table *table, uint64_t now_ns,
                 void (*expire)(void *context, struct flow_entry *entry, uint8_t reason), void *context)
{
    bool is_changed = expiry->seen_changes != flow_table_timed_changes(table);
    uint8_t reason = 0;

    if ((!is_changed && expiry->next_due_ns > (int64_t)now_ns) || now_ns - expiry->walked_ns < EXPIRY_INTERVAL_NS) {
        return;
    }
    expiry->walked_ns = now_ns;
    expiry->seen_changes = flow_table_timed_changes(table);
    expiry->next_due_ns = INT64_MAX;
    struct flow_entry *entry = flow_table_first_timed(table);
    while (entry != NULL) {
        struct flow_entry *following = entry->next_timed;
        int64_t due = expiry_due_ns(entry, &reason);
        if (due <= (int64_t)now_ns) {
            expire(context, entry, reason);
        } else if (due < expiry->next_due_ns) {
            expiry->next_due_ns = due;
        }
        entry = following;
    }
}
