/* Flow monitors. See monitor.h.
 *
 * A change is told when it is made in memory, as Open vSwitch does, in one multipart for each session and request. What a session did itself is
 * told by the xid of its request alone, unless it asked for all. A peer that does not read what it asked for is closed, as one that
 * does not read FLOW_REMOVED. The ofagent's one thread; costs a filter's compare for each monitor and change.
 * Invariant: the ids of a session's monitors are unique.
 */
#include "services/ofagent/monitor.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"

struct monitor {
    struct monitor *next;
    struct of_monitor wanted;
};

static struct monitor **find(struct session *session, uint32_t id)
{
    struct monitor **at = &session->monitors;

    while (*at != NULL && (*at)->wanted.id != id) {
        at = &(*at)->next;
    }
    return at;
}

static void drop(struct monitor **at)
{
    struct monitor *monitor = *at;

    *at = monitor->next;
    free(monitor);
}

void monitors_drop(struct session *session)
{
    while (session->monitors != NULL) {
        drop(&session->monitors);
    }
}

static enum of_error_number check(struct session *session, const struct of_multipart_request *request)
{
    size_t n = request->monitors.count;

    for (const struct monitor *m = session->monitors; m != NULL; m = m->next) {
        n++;
    }
    if (n > MONITORS_MAX) {
        return OF_ERROR_FLOW_MONITOR_FAILED_UNKNOWN;
    }
    for (size_t i = 0; i < request->monitors.count; i++) {
        const struct of_monitor *wanted = &request->monitors.items[i];
        bool is_there = *find(session, wanted->id) != NULL;
        for (size_t k = 0; k < i; k++) {
            is_there = is_there || request->monitors.items[k].id == wanted->id;
        }
        if (wanted->command == OF_MONITOR_ADD && is_there) {
            return OF_ERROR_FLOW_MONITOR_FAILED_MONITOR_EXISTS;
        }
        if (wanted->command != OF_MONITOR_ADD && !is_there) {
            return OF_ERROR_FLOW_MONITOR_FAILED_UNKNOWN_MONITOR;
        }
        if (wanted->filter.table > TABLE_MAX && wanted->filter.table != TABLE_ALL && wanted->command != OF_MONITOR_DELETE) {
            return OF_ERROR_FLOW_MONITOR_FAILED_BAD_TABLE_ID;
        }
    }
    return OF_ERROR_NONE;
}

enum of_error_number monitors_request(struct session *session, const struct of_multipart_request *request)
{
    enum of_error_number error = check(session, request);

    for (size_t i = 0; i < request->monitors.count && error == OF_ERROR_NONE; i++) {
        const struct of_monitor *wanted = &request->monitors.items[i];
        struct monitor **at = find(session, wanted->id);
        if (*at == NULL) {
            *at = memory_zeroed(sizeof **at);
        }
        (*at)->wanted = *wanted;
        if (wanted->command == OF_MONITOR_DELETE) {
            drop(at);
        }
    }
    return error;
}

void monitors_undo(struct session *session, const struct of_multipart_request *request)
{
    for (size_t i = 0; i < request->monitors.count; i++) {
        struct monitor **at = find(session, request->monitors.items[i].id);
        if (request->monitors.items[i].command != OF_MONITOR_DELETE && *at != NULL) {
            drop(at);
        }
    }
}

enum of_error_number on_flow_monitor_cancel(struct session *session, struct of_message *message, const struct request *request)
{
    struct monitor **at = find(session, message->number.number);

    if (*at == NULL) {
        return OF_ERROR_FLOW_MONITOR_FAILED_UNKNOWN_MONITOR;
    }
    drop(at);
    return OF_ERROR_NONE;
}

bool monitors_show(const struct of_multipart_request *request, const struct rule *rule, bool *out_with_instructions)
{
    bool is_shown = false;

    *out_with_instructions = false;
    for (size_t i = 0; i < request->monitors.count; i++) {
        const struct of_monitor *wanted = &request->monitors.items[i];
        if (wanted->command != OF_MONITOR_DELETE && (wanted->flags & OF_MONITOR_INITIAL) != 0 &&
            rule_filter_covers(&wanted->filter, rule)) {
            is_shown = true;
            *out_with_instructions = *out_with_instructions || (wanted->flags & OF_MONITOR_INSTRUCTIONS) != 0;
        }
    }
    return is_shown;
}

bool monitors_watch(const struct bridge *bridge)
{
    for (const struct session *session = bridge->sessions; session != NULL; session = session->next) {
        if (session->monitors != NULL) {
            return true;
        }
    }
    return false;
}

static uint16_t flag_of(enum flow_change_kind kind)
{
    switch (kind) {
    case FLOW_CHANGE_ADDED:
        return OF_MONITOR_ADDED;
    case FLOW_CHANGE_MODIFIED:
        return OF_MONITOR_MODIFIED;
    case FLOW_CHANGE_REMOVED:
        return OF_MONITOR_REMOVED;
    }
    return 0;
}

static enum of_update_event event_of(enum flow_change_kind kind)
{
    switch (kind) {
    case FLOW_CHANGE_ADDED:
        return OF_UPDATE_ADDED;
    case FLOW_CHANGE_MODIFIED:
        return OF_UPDATE_MODIFIED;
    case FLOW_CHANGE_REMOVED:
        return OF_UPDATE_REMOVED;
    }
    return OF_UPDATE_ADDED;
}

/* The flags of all monitors of the session that look at this change; 0: none. */
static uint16_t flags_for(const struct session *session, const struct flow_change *change, const struct rule *rule)
{
    uint16_t flags = 0;

    for (const struct monitor *m = session->monitors; m != NULL; m = m->next) {
        if ((m->wanted.flags & flag_of(change->kind)) != 0 && rule_filter_covers(&m->wanted.filter, rule)) {
            flags |= m->wanted.flags;
        }
    }
    return flags;
}

static void tell(struct session *session, const struct flow_changes *changes, bool is_own, uint32_t xid)
{
    struct of_multipart mp;
    struct writer body;
    bool has_any = false, has_short = false;

    writer_init(&body);
    of_multipart_begin(&mp, &body, session->version, 0, OF_MULTIPART_FLOW_MONITOR, OF_FORM_STANDARD);
    for (size_t i = 0; i < changes->count; i++) {
        const struct flow_change *change = &changes->items[i];
        struct rule rule = flow_entry_rule(change->entry); /* lent */
        uint16_t flags = flags_for(session, change, &rule);
        bool is_short = is_own && (flags & (OF_MONITOR_NO_ABBREV | OF_MONITOR_ONLY_OWN)) == 0;
        if (flags == 0 || (is_short && has_short)) {
            continue;
        }
        bool is_quiet = change->entry->removed_reason == FLOW_ENTRY_QUIET; /* its place is taken in the same request */
        struct of_flow_update update = {.event = is_short ? OF_UPDATE_ABBREV : event_of(change->kind),
                                        .xid = xid,
                                        .reason = change->kind == FLOW_CHANGE_REMOVED && !is_quiet ? change->entry->removed_reason
                                                                                                   : (uint8_t)OF_REMOVED_DELETE,
                                        .rule = rule};
        has_any = of_flow_update_encode(&mp, &update, (flags & OF_MONITOR_INSTRUCTIONS) != 0) == 0 || has_any;
        has_short = has_short || is_short;
    }
    of_multipart_end(&mp);
    if (has_any) {
        writer_bytes(conn_output(session->conn), body.bytes, body.size);
    }
    writer_fini(&body);
}

void monitors_tell(struct bridge *bridge, const struct flow_changes *changes, uint64_t session, uint32_t xid)
{
    for (struct session *s = bridge->sessions; s != NULL && changes->count > 0; s = s->next) {
        if (s->monitors == NULL || s->state != SESSION_ACTIVE) {
            continue;
        }
        if (conn_is_overfull(s->conn)) {
            bridge->n_unread++;
            session_close(s, "does not read");
            continue;
        }
        tell(s, changes, s->number == session, xid);
    }
}
