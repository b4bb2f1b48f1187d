/* One bridge in the agent. See bridge.h and the drawing in agent.h.
 *
 * Ties together what the other files do: the tables, what is in flight, who is connected. What others hold of a bridge is its row
 * number, never a pointer, since it may go at any step.
 * A rule that has been removed stays in `removals` from its commit until every shard forwards without it and has reported what it counted for
 * it: only then are its counts final, FLOW_REMOVED sent and its counter retired. A shard that is slow holds that up
 * for REMOVAL_WAIT_NS at most.
 * The ofagent's one thread. Invariant: FLOW_REMOVED is sent at most once for a rule, after its deletion was committed.
 */
#include "services/ofagent/bridge.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "services/ofagent/bundle.h"
#include "services/ofagent/commands.h"
#include "services/ofagent/conn_tcp.h"
#include "services/ofagent/controller.h"
#include "services/ofagent/group_mod.h"
#include "services/ofagent/meter_mod.h"
#include "services/ofagent/monitor.h"
#include "services/ofagent/owner.h"
#include "services/ofagent/packet.h"
#include "services/ofagent/session.h"
#include "services/ofagent/snoop.h"
#include "services/ofagent/usage.h"

#define REMOVAL_WAIT_NS (3 * NS_PER_S)
#define LISTEN_RETRY_NS (250 * NS_PER_MS) /* the one before us may need a moment to let go of the socket */
#define FAIL_OPEN_PROBES 3 /* as Open vSwitch: silent for three inactivity probes */

static struct session *session_by_number(const struct bridge *bridge, uint64_t number)
{
    struct session *session = bridge->sessions;

    while (session != NULL && session->number != number) {
        session = session->next;
    }
    return session;
}

/* ---- what inflight.c tells ---- */

static void on_committed(void *context, uint64_t batch, struct version version)
{
    struct bridge *bridge = context;
    commands_committed(bridge->agent, bridge->id, batch, version);
}

static void on_removed(void *context, struct flow_entry *entry, struct version version)
{
    struct bridge *bridge = context;

    if (bridge->n_removals == bridge->room_removals) {
        bridge->room_removals = bridge->room_removals == 0 ? 16 : bridge->room_removals * 2;
        bridge->removals = memory_resize(bridge->removals, bridge->room_removals * sizeof *bridge->removals);
    }
    bridge->removals[bridge->n_removals++] =
        (struct bridge_removal){.entry = entry, .version = version, .deadline_ns = bridge->agent->now_ns + REMOVAL_WAIT_NS};
}

static uint32_t xid_of(const struct inflight_request *request)
{
    struct of_header header;

    return of_header_read(request->head, request->size, &header) == 0 ? header.xid : 0;
}

/* 1.0 cannot say "unknown". */
static enum of_error_number unknown_flow_mod_error(const struct session *session)
{
    return session->version == OF_VERSION_10 ? OF_ERROR_FLOW_MOD_FAILED_EPERM : OF_ERROR_FLOW_MOD_FAILED_UNKNOWN;
}

static void on_refused(void *context, const struct inflight_request *request, int error, const char *text)
{
    struct bridge *bridge = context;
    struct session *session = session_by_number(bridge, request->session);

    if (session != NULL && session->state == SESSION_ACTIVE) {
        enum of_type type = request->size > 1 ? of_type_by_number(session->version, request->head[1]) : OF_FLOW_MOD;
        enum of_error_number number = type == OF_GROUP_MOD   ? OF_ERROR_GROUP_MOD_FAILED_EPERM
                                      : type == OF_METER_MOD ? OF_ERROR_METER_MOD_FAILED_UNKNOWN
                                                             : unknown_flow_mod_error(session);
        if (request->is_commit) {
            bundles_refused(session, request->batch, request->head, request->size);
        } else {
            session_send_error(session, number, request->head, request->size);
        }
    }
}

static void on_group_inserted(void *context, struct group_entry *entry, uint64_t row)
{
    struct bridge *bridge = context;

    bridge->group_row_max = row > bridge->group_row_max ? row : bridge->group_row_max;
    group_table_set_row(bridge->groups, entry, row);
}

static void on_group_removed(void *context, const struct group *group, struct version version)
{
    group_mod_retire_counters(context, group);
}

static void on_meter_inserted(void *context, struct meter_entry *entry, uint64_t row)
{
    struct bridge *bridge = context;

    bridge->meter_row_max = row > bridge->meter_row_max ? row : bridge->meter_row_max;
    meter_table_set_row(bridge->meters, entry, row);
}

static void on_meter_removed(void *context, const struct meter *meter)
{
    const struct bridge *bridge = context;
    meter_mod_forget(bridge->agent, meter->id);
}

static void on_lost(void *context, int error, const char *text)
{
    struct bridge *bridge = context;

    log_warn("changes-lost bridge=%s error=\"%s\"", bridge->name, text);
    commands_lost(bridge->agent, bridge->id, error, text);
    if (owner_is_us(bridge)) {
        owner_load(bridge); /* otherwise they are forgotten in this step; what configdb has is shown even if it cannot be claimed now */
    }
    bridge->state = BRIDGE_UNOWNED;
}

/* ---- life ---- */

struct bridge *bridge_new(struct ofagent *agent, uint64_t id, const Busbar__BridgeRow *row)
{
    struct bridge *bridge = memory_zeroed(sizeof *bridge);
    struct inflight_events events = {.on_committed = on_committed,
                                     .on_removed = on_removed,
                                     .on_group_inserted = on_group_inserted,
                                     .on_group_removed = on_group_removed,
                                     .on_meter_inserted = on_meter_inserted,
                                     .on_meter_removed = on_meter_removed,
                                     .on_refused = on_refused,
                                     .on_lost = on_lost,
                                     .context = bridge};

    bridge->agent = agent;
    bridge->id = id;
    bridge->name = memory_string(row->name);
    bridge->flows = flow_table_new();
    bridge->groups = group_table_new();
    bridge->meters = meter_table_new();
    bridge->inflight = inflight_new(agent->cfg, id, bridge->flows, &events);
    expiry_init(&bridge->expiry);
    bridge->listener = -1;
    bridge->listener_path = memory_format("%s/%s.mgmt", agent->settings.run_dir, row->name);
    char *snoop_path = memory_format("%s/%s.snoop", agent->settings.run_dir, row->name);
    bridge->snoop = snoop_new(snoop_path, (uint32_t)OF_VERSIONS);
    free(snoop_path);
    bridge->without_controller_ns = agent->now_ns;
    bridge_follow_tables(bridge);
    return bridge;
}

static void stop_listening(struct bridge *bridge)
{
    if (bridge->listener >= 0) {
        (void)unlink(bridge->listener_path);
        (void)close(bridge->listener);
        bridge->listener = -1;
    }
}

static void close_sessions(struct bridge *bridge, const char *why)
{
    for (struct session *session = bridge->sessions; session != NULL; session = session->next) {
        session_close(session, "%s", why);
    }
}

/* Takes closed sessions out. */
static void sweep_sessions(struct bridge *bridge)
{
    struct session **at = &bridge->sessions;

    while (*at != NULL) {
        struct session *session = *at;
        if (session->state != SESSION_CLOSED) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        bridge->n_sessions--;
        for (struct controller *c = bridge->controllers; c != NULL; c = c->next) {
            controller_lost(c, session);
        }
        log_debug("openflow-closed bridge=%s session=%llu reason=\"%s\"", bridge->name, (unsigned long long)session->number,
                  session->reason);
        session_destroy(&session);
    }
}

static void forget_counter(struct bridge *bridge, uint64_t id)
{
    counters_forget(bridge->agent->rule_counters, id);
    usage_retire(bridge->agent->usage, id);
}

void bridge_end_service(struct bridge *bridge, const char *why)
{
    stop_listening(bridge);
    close_sessions(bridge, why);
    sweep_sessions(bridge);
    for (struct controller *c = bridge->controllers; c != NULL; c = c->next) {
        controller_step(c); /* rests, as nobody is served */
    }
    snoop_step(bridge->snoop, false, bridge->agent->now_ns);
    for (size_t i = 0; i < bridge->n_removals; i++) { /* there is nobody left to tell */
        if (bridge->removals[i].entry->rule.id != 0) {
            forget_counter(bridge, counter_id(COUNTER_RULE, bridge->removals[i].entry->rule.id));
        }
        flow_entry_destroy(&bridge->removals[i].entry);
    }
    bridge->n_removals = 0;
    bridge->listen_error = 0;
    bridge->has_generation = false;
    bridge->is_fail_open = bridge->tells_misses = false;
}

static bool is_busy(const struct session *session)
{
    return session->waits_for_barrier || session->held != NULL || session->commits != NULL || session->walk != NULL ||
           session->bundles != NULL || session->n_port_mods > 0;
}

bool bridge_may_come_to_rest(const struct bridge *bridge)
{
    const struct session *session = bridge->sessions;

    while (session != NULL && session->bundles == NULL && session->walk == NULL) {
        session = session->next;
    }
    return session == NULL;
}

bool bridge_is_quiet(const struct bridge *bridge)
{
    for (const struct session *session = bridge->sessions; session != NULL; session = session->next) {
        if (is_busy(session)) {
            return false;
        }
    }
    return inflight_size(bridge->inflight) == 0 && !inflight_is_under_way(bridge->inflight) && bridge->n_removals == 0 && !bridge->is_noting;
}

const char *bridge_listener_trouble(const struct bridge *bridge, char *out_text, size_t room)
{
    if (bridge->listen_error == 0) {
        return NULL;
    }
    if (bridge->listen_error != -ERROR_IN_USE) {
        (void)snprintf(out_text, room, "no socket for OpenFlow tools: %s", error_text(bridge->listen_error));
    } else if (bridge->former_instance != 0) {
        (void)snprintf(out_text, room, "waiting for the listener of ofagent %u", bridge->former_instance);
    } else {
        (void)snprintf(out_text, room, "waiting for the listener of another process");
    }
    return out_text;
}

static void retire_groups_and_meters(struct bridge *bridge)
{
    for (struct group_entry *e = group_table_first(bridge->groups); e != NULL; e = e->next) {
        group_mod_retire_counters(bridge, &e->group);
    }
    for (const struct meter_entry *e = meter_table_first(bridge->meters); e != NULL; e = meter_table_next(e)) {
        meter_mod_forget(bridge->agent, e->meter.id);
    }
}

static void forget_counters(struct bridge *bridge)
{
    retire_groups_and_meters(bridge);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        for (struct flow_entry *e = flow_table_first(bridge->flows, (uint8_t)i); e != NULL; e = e->next) {
            forget_counter(bridge, counter_id(COUNTER_RULE, e->rule.id));
        }
        counters_forget(bridge->agent->rule_counters, counter_id(COUNTER_TABLE, bridge->id << 8 | i));
    }
    for (size_t i = 0; i < bridge->n_removals; i++) {
        forget_counter(bridge, counter_id(COUNTER_RULE, bridge->removals[i].entry->rule.id));
    }
}

static void forget_groups(struct bridge *bridge)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        free(bridge->tables[i].groups);
        bridge->tables[i].groups = NULL;
    }
}

void bridge_destroy(struct bridge **bridge)
{
    struct bridge *b = *bridge;

    if (b == NULL) {
        return;
    }
    commands_lost(b->agent, b->id, -ERROR_NOT_FOUND, "the bridge is gone");
    stop_listening(b);
    while (b->controllers != NULL) {
        struct controller *controller = b->controllers;
        b->controllers = controller->next;
        controller_destroy(&controller);
    }
    close_sessions(b, "the bridge is gone");
    sweep_sessions(b);
    if (b->is_gone) {
        forget_counters(b);
    }
    for (size_t i = 0; i < b->n_removals; i++) {
        flow_entry_destroy(&b->removals[i].entry);
    }
    free(b->removals);
    inflight_destroy(&b->inflight);
    owner_drop_load(b);
    flow_table_destroy(&b->flows);
    group_table_destroy(&b->groups);
    meter_table_destroy(&b->meters);
    snoop_destroy(&b->snoop);
    forget_groups(b);
    free(b->listener_path);
    free(b->name);
    free(b);
    *bridge = NULL;
}

static void retire(struct ofagent *agent, uint64_t id)
{
    counters_forget(agent->rule_counters, id);
    usage_retire(agent->usage, id);
}

void bridge_retire_counters(struct bridge *bridge)
{
    retire_groups_and_meters(bridge);
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        for (struct flow_entry *e = flow_table_first(bridge->flows, (uint8_t)table); e != NULL; e = e->next) {
            if (e->rule.id != 0) {
                retire(bridge->agent, counter_id(COUNTER_RULE, e->rule.id));
            }
        }
        retire(bridge->agent, counter_id(COUNTER_TABLE, bridge->id << 8 | table));
    }
    for (size_t i = 0; i < bridge->n_removals; i++) {
        if (bridge->removals[i].entry->rule.id != 0) {
            retire(bridge->agent, counter_id(COUNTER_RULE, bridge->removals[i].entry->rule.id));
        }
    }
}

/* ---- questions ---- */

struct bridge *bridge_find(const struct ofagent *agent, uint64_t id)
{
    struct bridge *bridge = agent->bridges;

    while (bridge != NULL && bridge->id != id) {
        bridge = bridge->next;
    }
    return bridge;
}

struct bridge *bridge_by_name(const struct ofagent *agent, const char *name)
{
    struct bridge *bridge = agent->bridges;

    while (bridge != NULL && strcmp(bridge->name, name) != 0) {
        bridge = bridge->next;
    }
    return bridge;
}

const Busbar__BridgeRow *bridge_row(const struct bridge *bridge)
{
    return (const Busbar__BridgeRow *)cfg_row(bridge->agent->cfg, CFG_BRIDGE, bridge->id);
}

uint64_t bridge_datapath_id(const struct bridge *bridge)
{
    const Busbar__BridgeRow *row = bridge_row(bridge);
    return row != NULL && row->has_datapath_id ? row->datapath_id : bridge->id;
}

uint32_t bridge_versions(const struct bridge *bridge)
{
    const Busbar__BridgeRow *row = bridge_row(bridge);
    uint32_t versions = 0;

    for (size_t i = 0; row != NULL && i < row->n_protocols; i++) {
        for (uint8_t version = 0; version < 32; version++) {
            const char *name = of_version_name(version);
            versions |= name != NULL && strcmp(name, row->protocols[i]) == 0 ? UINT32_C(1) << version : 0;
        }
    }
    return versions != 0 ? versions : (uint32_t)OF_VERSIONS;
}

const char *bridge_state_name(enum bridge_state state)
{
    switch (state) {
    case BRIDGE_UNOWNED:
        return "unowned";
    case BRIDGE_CLAIMING:
        return "claiming";
    case BRIDGE_LOADING:
        return "loading";
    case BRIDGE_READY:
        return "ready";
    case BRIDGE_GIVING:
        return "giving";
    }
    return "?";
}

bool bridge_is_writable(const struct bridge *bridge)
{
    return bridge->state == BRIDGE_READY && !bridge->must_reload && cfg_is_connected(bridge->agent->cfg);
}

static bool group_exists(const void *context, uint32_t group_id)
{
    const struct bridge *bridge = context;
    return group_table_find(bridge->groups, group_id) != NULL;
}

static bool meter_exists(const void *context, uint32_t meter_id)
{
    const struct bridge *bridge = context;
    return meter_table_find(bridge->meters, meter_id) != NULL;
}

size_t bridge_table_limit(const struct bridge *bridge, uint8_t table)
{
    return bridge->tables[table].flow_limit;
}

static struct flow_limit limit_of(const void *context, uint8_t number)
{
    const struct bridge *bridge = context;
    const struct bridge_table *table = &bridge->tables[number];

    return (struct flow_limit){.n_rules = bridge_table_limit(bridge, number),
                               .evicts = table->evicts || (table->config & OF_TABLE_EVICTION) != 0,
                               .groups = table->groups};
}

void bridge_follow_tables(struct bridge *bridge)
{
    const ProtobufCMessage *message;
    uint64_t cursor = 0, id;

    forget_groups(bridge);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        bridge->tables[i].flow_limit = FLOW_TABLE_RULES_MAX;
        bridge->tables[i].evicts = false;
    }
    while (cfg_next(bridge->agent->cfg, CFG_FLOW_TABLE, &cursor, &id, &message)) {
        const Busbar__FlowTableRow *row = (const Busbar__FlowTableRow *)message;
        if (row->bridge == bridge->id && row->number <= TABLE_MAX) {
            struct bridge_table *table = &bridge->tables[row->number];
            table->flow_limit = row->has_flow_limit && row->flow_limit < FLOW_TABLE_RULES_MAX ? row->flow_limit : FLOW_TABLE_RULES_MAX;
            table->evicts = row->overflow_policy != NULL && strcmp(row->overflow_policy, "evict") == 0;
            free(table->groups);
            table->groups = evict_fields_new(row->groups, row->n_groups);
        }
    }
}

struct flow_mod_context bridge_flow_mod_context(const struct bridge *bridge)
{
    return (struct flow_mod_context){.bridge = bridge->id,
                                     .now_ns = bridge->agent->now_ns,
                                     .wall_ns = bridge->agent->wall_ns,
                                     .group_exists = group_exists,
                                     .meter_exists = meter_exists,
                                     .limit = limit_of,
                                     .context = bridge};
}

uint64_t bridge_note(struct bridge *bridge, struct flow_changes *changes, struct inflight_request *request)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct flow_change *change = &changes->items[i];
        if (change->kind == FLOW_CHANGE_REMOVED && change->entry->rule.id != 0) {
            /* Its counts still come in, perhaps for the first time. */
            counters_add_base(bridge->agent->rule_counters, counter_id(COUNTER_RULE, change->entry->rule.id),
                              (uint64_t[COUNTERS_VALUES_MAX]){0});
        }
    }
    if (monitors_watch(bridge)) {
        monitors_tell(bridge, changes, request != NULL ? request->session : 0, request != NULL ? xid_of(request) : 0);
    }
    uint64_t batch = inflight_note_flows(bridge->inflight, changes);
    if (request != NULL) {
        inflight_note_request(bridge->inflight, request);
    }
    return batch;
}

size_t bridge_delete_rules(struct bridge *bridge, bool (*uses)(const struct instructions *instructions, uint32_t id), uint32_t id, uint8_t reason)
{
    struct flow_changes changes;
    flow_changes_init(&changes);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        for (struct flow_entry *entry = flow_table_first(bridge->flows, (uint8_t)i), *following; entry != NULL; entry = following) {
            following = entry->next;
            if (uses(&entry->rule.instructions, id)) {
                flow_changes_remove(&changes, bridge->flows, entry, reason);
            }
        }
    }
    size_t n = changes.count;
    (void)bridge_note(bridge, &changes, NULL);
    return n;
}

struct rule_stats bridge_rule_stats(const struct bridge *bridge, const struct flow_entry *entry)
{
    uint64_t values[COUNTERS_VALUES_MAX] = {0};
    int64_t now_ns = (int64_t)bridge->agent->now_ns;
    int64_t used_ns = entry->used_ns > entry->created_ns ? entry->used_ns : entry->created_ns;

    if (entry->rule.id != 0) {
        counters_total(bridge->agent->rule_counters, counter_id(COUNTER_RULE, entry->rule.id), values);
    }
    return (struct rule_stats){.n_packets = values[0],
                               .n_bytes = values[1],
                               .duration_ns = (uint64_t)(now_ns > entry->created_ns ? now_ns - entry->created_ns : 0),
                               .idle_ns = (uint64_t)(now_ns > used_ns ? now_ns - used_ns : 0)};
}

void bridge_tell(struct bridge *bridge, struct of_message *message, size_t masks_offset, unsigned reason)
{
    for (struct session *session = bridge->sessions; session != NULL; session = session->next) {
        const uint32_t *masks = (const uint32_t *)(const void *)((const uint8_t *)&session->async + masks_offset);
        if (!session_wants(session, masks, reason)) {
            continue;
        }
        if (conn_is_overfull(session->conn)) {
            bridge->n_unread++;
            session_close(session, "does not read");
            continue;
        }
        session_send(session, message);
    }
}

bool bridge_is_behind(const struct bridge *bridge)
{
    return inflight_total(bridge->inflight) - bridge->followed_total > BRIDGE_BEHIND_MAX;
}

static void watch_floor(struct bridge *bridge)
{
    if (floor_reached(&bridge->agent->floor, bridge->behind_version)) {
        bridge->followed_total = bridge->behind_total;
        (void)inflight_committed(bridge->inflight, &bridge->behind_version);
        bridge->behind_total = inflight_total(bridge->inflight);
    }
    if (bridge_is_behind(bridge)) {
        bridge->agent->awaits_floor = true;
    }
}

/* ---- removed rules ---- */

static void tell_removed(struct bridge *bridge, const struct flow_entry *entry)
{
    const struct flow_rule *rule = &entry->rule;
    struct rule_stats stats = bridge_rule_stats(bridge, entry);
    struct of_message message = {.type = OF_FLOW_REMOVED,
                                 .flow_removed = {.cookie = rule->cookie,
                                                  .duration_ns = stats.duration_ns,
                                                  .n_packets = stats.n_packets,
                                                  .n_bytes = stats.n_bytes,
                                                  .priority = rule->priority,
                                                  .idle_timeout_s = rule->idle_timeout_s,
                                                  .hard_timeout_s = rule->hard_timeout_s,
                                                  .reason = entry->removed_reason,
                                                  .table = rule->table}};

    bridge->matched_before[rule->table] += stats.n_packets;
    if ((rule->flags & RULE_SEND_FLOW_REM) != 0 && entry->removed_reason != FLOW_ENTRY_QUIET) {
        packed_match_read(&entry->match, &message.flow_removed.match);
        bridge_tell(bridge, &message, offsetof(struct of_async, flow_removed), entry->removed_reason);
    }
}

static bool is_counted(const struct bridge *bridge, const struct bridge_removal *removal)
{
    const struct ofagent *agent = bridge->agent;

    if (removal->entry->rule.id == 0 || agent->now_ns >= removal->deadline_ns) {
        return true;
    }
    return version_reached(cfg_version(agent->cfg), removal->version) && floor_counted(&agent->floor, removal->version);
}

static void finish_removals(struct bridge *bridge)
{
    size_t done = 0;

    while (done < bridge->n_removals && is_counted(bridge, &bridge->removals[done])) {
        struct flow_entry *entry = bridge->removals[done++].entry;
        tell_removed(bridge, entry);
        if (entry->rule.id != 0) {
            retire(bridge->agent, counter_id(COUNTER_RULE, entry->rule.id));
        }
        flow_entry_destroy(&entry);
    }
    if (done > 0) {
        bridge->n_removals -= done;
        memmove(bridge->removals, bridge->removals + done, bridge->n_removals * sizeof *bridge->removals);
    }
}

/* ---- vacancy ---- */

static uint8_t per_cent_free(size_t n, size_t room)
{
    return n < room ? (uint8_t)((room - n) * 100 / room) : 0;
}

/* All tables share the bridge's places; one with a limit has its own besides. */
uint8_t bridge_vacancy(const struct bridge *bridge, uint8_t table)
{
    uint8_t own = per_cent_free(flow_table_size_of(bridge->flows, table), bridge_table_limit(bridge, table));
    uint8_t shared = per_cent_free(flow_table_size(bridge->flows), FLOW_TABLE_RULES_MAX);

    return own < shared ? own : shared;
}

static void tell_vacancy(struct bridge *bridge, uint8_t number, uint8_t vacancy, enum of_table_reason reason)
{
    const struct bridge_table *table = &bridge->tables[number];
    struct of_message message = {.type = OF_TABLE_STATUS,
                                 .table_status = {.reason = (uint8_t)reason,
                                                  .table = {.table = number,
                                                            .config = table->config,
                                                            .has_vacancy = true,
                                                            .vacancy_down = table->vacancy_down,
                                                            .vacancy_up = table->vacancy_up,
                                                            .vacancy = vacancy}}};

    bridge_tell(bridge, &message, offsetof(struct of_async, table_status), reason);
}

static void watch_vacancy(struct bridge *bridge)
{
    for (unsigned i = 0; i < TABLE_COUNT && bridge->has_vacancy_events; i++) {
        struct bridge_table *table = &bridge->tables[i];
        if ((table->config & OF_TABLE_VACANCY_EVENTS) == 0) {
            continue;
        }
        uint8_t vacancy = bridge_vacancy(bridge, (uint8_t)i);
        if (!table->is_scarce && vacancy < table->vacancy_down) {
            table->is_scarce = true;
            tell_vacancy(bridge, (uint8_t)i, vacancy, OF_TABLE_VACANCY_DOWN);
        } else if (table->is_scarce && vacancy > table->vacancy_up) {
            table->is_scarce = false;
            tell_vacancy(bridge, (uint8_t)i, vacancy, OF_TABLE_VACANCY_UP);
        }
    }
}

/* ---- the step ---- */

static void expire(void *context, struct flow_entry *entry, uint8_t reason)
{
    struct bridge *bridge = context;
    struct flow_changes changes;

    flow_changes_init(&changes);
    flow_changes_remove(&changes, bridge->flows, entry, reason);
    (void)bridge_note(bridge, &changes, NULL);
    inflight_note_end(bridge->inflight);
}

static void listen_for_tools(struct bridge *bridge)
{
    if (bridge->listener >= 0 || bridge->state != BRIDGE_READY || bridge->agent->now_ns < bridge->listen_again_ns) {
        return;
    }
    int err = conn_tcp_listen(bridge->listener_path, &bridge->listener);
    bridge->listen_error = err;
    if (err != 0) {
        bridge->listener = -1;
        bridge->listen_again_ns = bridge->agent->now_ns + LISTEN_RETRY_NS;
        LOG_LIMITED(LOG_LEVEL_ERROR, "listener-failed bridge=%s path=%s error=\"%s\"", bridge->name, bridge->listener_path,
                    error_text(err));
    }
}

static void accept_tools(struct bridge *bridge)
{
    int fd;

    if (!agent_may_have(bridge->agent, bridge->listener, POLLIN)) {
        return;
    }
    while (bridge->listener >= 0 && conn_tcp_accept(bridge->listener, bridge->agent->now_ns, &bridge->accept_again_ns, &fd) == 0) {
        if (bridge->n_sessions >= SESSION_MAX) {
            LOG_LIMITED(LOG_LEVEL_WARN, "listener-full bridge=%s path=%s sessions=%zu", bridge->name, bridge->listener_path, bridge->n_sessions);
            (void)close(fd); /* who is told can do something else */
            return;
        }
        session_join(session_new(bridge, conn_new(fd, NULL), 0, 0));
    }
}

/* All controllers silent for three probes: the slowpath takes over as a learning switch, told by the status rows. */
static void watch_controllers(struct bridge *bridge)
{
    const Busbar__BridgeRow *row = bridge_row(bridge);
    bool is_secure = row != NULL && row->fail_mode != NULL && strcmp(row->fail_mode, "secure") == 0;
    uint64_t now_ns = bridge->agent->now_ns;
    uint64_t probe_ns = CONTROLLER_PROBE_MS * NS_PER_MS;
    bool is_connected = false, has_any = false;

    if (!bridge->is_served) {
        bridge->without_controller_ns = now_ns;
        return;
    }
    for (const struct controller *c = bridge->controllers; c != NULL; c = c->next) {
        if (c->is_passive) {
            continue; /* who may come is nobody to wait for */
        }
        is_connected = is_connected || c->is_active;
        if (!has_any || (c->probe_ns != 0 && c->probe_ns > probe_ns)) {
            probe_ns = c->probe_ns != 0 ? c->probe_ns : CONTROLLER_PROBE_MS * NS_PER_MS;
        }
        has_any = true;
    }
    if (is_connected || !has_any) {
        bridge->without_controller_ns = now_ns;
    }
    bool was_fail_open = bridge->is_fail_open;
    bridge->is_fail_open = !is_secure && has_any && !is_connected &&
                           (was_fail_open || now_ns - bridge->without_controller_ns >= FAIL_OPEN_PROBES * probe_ns);
    if (bridge->is_fail_open != was_fail_open) {
        log_warn("fail-open bridge=%s state=%s", bridge->name, bridge->is_fail_open ? "on" : "off");
    }
    packet_watch_misses(bridge);
    owner_note(bridge);
}

void bridge_step(struct bridge *bridge)
{
    struct ofagent *agent = bridge->agent;

    if (bridge->successor != 0 && bridge->state == BRIDGE_READY && bridge_is_quiet(bridge)) {
        owner_give(bridge);
    }
    watch_floor(bridge);
    listen_for_tools(bridge);
    accept_tools(bridge);
    if (!bridge->is_served || snoop_is_watched(bridge->snoop) || agent_may_have(agent, snoop_listener(bridge->snoop), POLLIN)) {
        snoop_step(bridge->snoop, bridge->is_served, agent->now_ns);
    }
    for (struct session *session = bridge->sessions; session != NULL; session = session->next) {
        session_step(session);
    }
    if (bridge->state == BRIDGE_READY && cfg_is_connected(agent->cfg)) {
        if (agent->is_loaded && bridge_is_writable(bridge) && floor_all_reported(&agent->floor)) {
            expiry_step(&bridge->expiry, bridge->flows, agent->now_ns, expire, bridge);
        }
        inflight_flush(bridge->inflight, &bridge->owner, agent->now_ns);
    }
    finish_removals(bridge);
    sweep_sessions(bridge);
    if (snoop_is_watched(bridge->snoop)) {
        snoop_step(bridge->snoop, bridge->is_served, agent->now_ns); /* sends what the sessions said */
    }
    watch_controllers(bridge);
    watch_vacancy(bridge);
    for (struct controller *c = bridge->controllers; c != NULL; c = c->next) {
        controller_step(c);
    }
}
