/* The right to write the rules of a bridge. See owner.h.
 *
 *     UNOWNED ── nobody alive has it ──► CLAIMING ── committed at v ──► LOADING ── mirror at v, with its rules ──► READY
 *        ▲                                  └── refused, no answer: a little later again             │
 *        └──────────── a transaction failed, or configdb has another past: epoch + 1 ────────────────┘
 *
 * One way in for a start and for every doubt. Each claim raises the epoch, and each rule transaction requires it, so when ours is
 * committed nothing sent before can be committed any more; the mirror at that version is therefore the truth. Costs one commit and a walk of
 * the mirror's rules, OWNER_LOAD_ROWS a step and for all bridges together, so that leases are renewed and others served meanwhile.
 * The ofagent's one thread. Invariant: changes are accepted in READY only.
 */
#include "services/ofagent/owner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "lib/msg/rule.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/checkpoint.h"
#include "services/ofagent/commands.h"
#include "services/ofagent/packet.h"
#include "services/ofagent/session.h"
#include "services/ofagent/share.h"

struct claim {
    struct ofagent *agent;
    uint64_t bridge;
    struct inflight_owner owner;
};

static const Busbar__OwnerRow *owner_row(const struct bridge *bridge)
{
    return (const Busbar__OwnerRow *)cfg_row(bridge->agent->cfg, CFG_OWNER, bridge->id);
}

bool owner_is_us(const struct bridge *bridge)
{
    const Busbar__OwnerRow *row = owner_row(bridge);
    return row != NULL && row->start == bridge->agent->settings.start;
}

bool owner_is_current(const struct bridge *bridge)
{
    const Busbar__OwnerRow *row = owner_row(bridge);
    return row != NULL && row->start == bridge->owner.start && row->epoch == bridge->owner.epoch;
}

bool owner_is_other(const struct bridge *bridge)
{
    return bridge->owner_start != 0 && bridge->owner_start != bridge->agent->settings.start;
}

void owner_require(struct cfg_txn *txn, const struct bridge *bridge)
{
    static const char *const columns[] = {"start", "epoch"};
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;

    row.start = bridge->owner.start;
    row.epoch = bridge->owner.epoch;
    cfg_txn_require(txn, CFG_OWNER, bridge->id, &row.base, columns, 2);
}

static void on_claimed(void *context, const struct cfg_result *result)
{
    struct claim *claim = context;
    struct bridge *bridge = bridge_find(claim->agent, claim->bridge);

    if (bridge != NULL && bridge->state == BRIDGE_CLAIMING) {
        if (result->error == 0) {
            bridge->state = BRIDGE_LOADING;
            bridge->owner = claim->owner;
            bridge->claimed = result->version;
            bridge->snapshots_wanted = 0;
            share_claimed(bridge);
            if (!bridge->is_served && !checkpoint_is_current(claim->agent->checkpoint)) {
                bridge->snapshots_wanted = claim->agent->n_snapshots + 1;
                bridge->load_by_ns = claim->agent->now_ns + OWNER_SNAPSHOT_NS;
                share_read_counters(claim->agent);
            }
        } else {
            LOG_LIMITED(result->error == -ERROR_OWNER ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "bridge-not-claimed bridge=%s error=\"%s\"", bridge->name,
                        result->text != NULL ? result->text : error_text(result->error));
            bridge->state = BRIDGE_UNOWNED;
            bridge->claim_again_ns = claim->agent->now_ns + OWNER_RETRY_NS;
        }
    }
    free(claim);
}

static void claim_bridge(struct bridge *bridge)
{
    static const char *const columns[] = {"start", "epoch", "given"}; /* the first two required */
    const Busbar__OwnerRow *row = owner_row(bridge);
    struct claim *claim = memory_zeroed(sizeof *claim);
    struct cfg_txn *txn = cfg_txn_new("ofagent claim");
    Busbar__OwnerRow mine = BUSBAR__OWNER_ROW__INIT;

    mine.start = bridge->agent->settings.start;
    mine.epoch = (row != NULL ? row->epoch : 0) + 1;
    if (row != NULL) { /* what controllers have set stays, also what the mirror does not show yet */
        cfg_txn_require(txn, CFG_OWNER, bridge->id, &row->base, columns, 2);
        cfg_txn_update(txn, CFG_OWNER, bridge->id, &mine.base, columns, 3);
    } else {
        cfg_txn_require_absent(txn, CFG_OWNER, bridge->id);
        cfg_txn_put(txn, CFG_OWNER, bridge->id, &mine.base);
    }
    *claim = (struct claim){.agent = bridge->agent, .bridge = bridge->id, .owner = {.start = mine.start, .epoch = mine.epoch}};
    bridge->state = BRIDGE_CLAIMING;
    bridge->must_reload = false;
    cfg_transact(bridge->agent->cfg, &txn, bridge->agent->now_ns + OWNER_TIMEOUT_NS, on_claimed, claim);
}

static void load_rule(struct bridge *bridge, struct flow_table *table, uint64_t id, const Busbar__RuleRow *row)
{
    struct ofagent *agent = bridge->agent;
    struct error_detail detail = {{0}};
    struct rule rule;

    int err = msg_rule_decode(id, row, &rule, &detail);
    if (err != 0) {
        log_error("rule-unreadable bridge=%s id=%llu error=\"%s\"", bridge->name, (unsigned long long)id, detail.text);
        return;
    }
    if (rule.table > TABLE_MAX || flow_table_find(table, rule.table, &rule.match, rule.priority) != NULL) {
        log_error("rule-twice bridge=%s id=%llu table=%u", bridge->name, (unsigned long long)id, rule.table);
        rule_fini(&rule);
        return;
    }
    struct flow_entry *known = flow_table_by_id(bridge->flows, id);
    struct flow_entry *entry = flow_entry_new(&rule);
    rule_fini(&rule);
    entry->created_ns = (int64_t)agent->now_ns - (int64_t)(agent->wall_ns - entry->rule.created_wall_ns);
    /* What shards have told while the bridge was another's. A use before we heard them is unknown: idle time then begins there, so nothing
     * expires too early. */
    int64_t used_ns = counters_used_ns(agent->rule_counters, counter_id(COUNTER_RULE, id));
    entry->used_ns = known != NULL ? known->used_ns : used_ns > (int64_t)agent->heard_ns ? used_ns : (int64_t)agent->heard_ns;
    flow_table_insert(table, entry);
}

static void load_groups(struct bridge *bridge)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;

    group_table_destroy(&bridge->groups);
    bridge->groups = group_table_new();
    while (cfg_next(bridge->agent->cfg, CFG_GROUP, &cursor, &id, &row)) {
        struct group group;
        if (((const Busbar__GroupRow *)row)->bridge != bridge->id) {
            continue;
        }
        if (msg_group_decode(id, (const Busbar__GroupRow *)row, &group, NULL) != 0) {
            log_error("group-unreadable bridge=%s id=%llu", bridge->name, (unsigned long long)id);
            continue;
        }
        bridge->group_row_max = id > bridge->group_row_max ? id : bridge->group_row_max;
        (void)group_table_insert(bridge->groups, &group, (int64_t)bridge->agent->now_ns);
    }
}

static void load_meters(struct bridge *bridge)
{
    struct meter_table *before = bridge->meters;
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;

    bridge->meters = meter_table_new();
    while (cfg_next(bridge->agent->cfg, CFG_METER, &cursor, &id, &row)) {
        struct meter meter;
        if (((const Busbar__MeterRow *)row)->bridge != bridge->id) {
            continue;
        }
        if (msg_meter_decode(id, (const Busbar__MeterRow *)row, &meter, NULL) != 0) {
            log_error("meter-unreadable bridge=%s id=%llu", bridge->name, (unsigned long long)id);
            continue;
        }
        const struct meter_entry *known = meter_table_by_row(before, id);
        bridge->meter_row_max = id > bridge->meter_row_max ? id : bridge->meter_row_max;
        (void)meter_table_insert(bridge->meters, &meter, known != NULL ? known->created_ns : (int64_t)bridge->agent->now_ns);
    }
    meter_table_destroy(&before);
}

static void load_tables(struct bridge *bridge)
{
    const Busbar__OwnerRow *row = owner_row(bridge);

    if (!bridge->is_served) { /* what its last owner knew of the controllers: nobody waits for three probes anew, and what misses do stays as they come back */
        bridge->is_fail_open = row != NULL && row->fail_open;
        bridge->misses_until_ns = row != NULL && row->tells_misses ? bridge->agent->now_ns + BRIDGE_MISSES_KEPT_NS : 0;
    }
    bridge->has_vacancy_events = false;
    bridge->fragments = row != NULL && row->has_fragments && row->fragments <= OF_FRAG_NX_MATCH ? (uint16_t)row->fragments : OF_FRAG_NORMAL;
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        bridge->tables[i].config = 0;
        bridge->tables[i].vacancy_down = bridge->tables[i].vacancy_up = 0;
    }
    for (size_t i = 0; row != NULL && i < row->n_tables; i++) {
        const Busbar__TableConfig *from = row->tables[i];
        if (from->number <= TABLE_MAX && from->vacancy_down <= 100 && from->vacancy_up <= 100) {
            struct bridge_table *table = &bridge->tables[from->number];
            table->config = from->config;
            table->vacancy_down = (uint8_t)from->vacancy_down;
            table->vacancy_up = (uint8_t)from->vacancy_up;
            bridge->has_vacancy_events = bridge->has_vacancy_events || (from->config & OF_TABLE_VACANCY_EVENTS) != 0;
        }
    }
}

/* A table_mod or SET_CONFIG under way; it may outlive its session. Or what the bridge notes itself, of no session. */
struct writing {
    struct ofagent *agent;
    uint64_t bridge, session; /* a session's number; 0: none */
    enum of_error_number error;
    size_t size;
    uint8_t head[INFLIGHT_REQUEST_HEAD];
};

static void on_written(void *context, const struct cfg_result *result)
{
    struct writing *writing = context;
    struct bridge *bridge = bridge_find(writing->agent, writing->bridge);
    struct session *session = bridge != NULL ? bridge->sessions : NULL;

    while (session != NULL && session->number != writing->session) {
        session = session->next;
    }
    if (result->error != 0) {
        log_warn("owner-row-unwritten bridge=%llu error=\"%s\"", (unsigned long long)writing->bridge,
                 result->text != NULL ? result->text : error_text(result->error));
    }
    if (result->error != 0 && bridge != NULL) {
        owner_reload(bridge);
    }
    if (bridge != NULL && writing->session == 0) {
        bridge->is_noting = false;
    }
    if (session != NULL) {
        session->n_port_mods--;
    }
    if (session != NULL && result->error != 0) {
        session_send_error(session, writing->error, writing->head, writing->size);
    } else if (session != NULL && version_reached(result->version, session->port_mod_version)) {
        session->port_mod_version = result->version;
    }
    free(writing);
}

/* Takes `writing`. */
static void write_row(struct bridge *bridge, struct writing *writing)
{
    Busbar__TableConfig configs[TABLE_COUNT], *pointers[TABLE_COUNT];
    Busbar__OwnerRow mine = BUSBAR__OWNER_ROW__INIT;
    struct cfg_txn *txn = cfg_txn_new("ofagent owner");

    mine.start = bridge->owner.start;
    mine.epoch = bridge->owner.epoch;
    mine.tables = pointers;
    mine.has_fragments = bridge->fragments != OF_FRAG_NORMAL;
    mine.fragments = bridge->fragments;
    mine.has_fail_open = mine.fail_open = bridge->is_fail_open;
    mine.has_tells_misses = mine.tells_misses = bridge->tells_misses;
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        const struct bridge_table *table = &bridge->tables[i];
        if (table->config != 0 || table->vacancy_down != 0 || table->vacancy_up != 0) {
            Busbar__TableConfig *config = &configs[mine.n_tables];
            busbar__table_config__init(config);
            config->number = i;
            config->config = table->config;
            config->vacancy_down = table->vacancy_down;
            config->vacancy_up = table->vacancy_up;
            pointers[mine.n_tables++] = config;
        }
    }
    owner_require(txn, bridge);
    cfg_txn_put(txn, CFG_OWNER, bridge->id, &mine.base);
    cfg_transact(bridge->agent->cfg, &txn, bridge->agent->now_ns + OWNER_TIMEOUT_NS, on_written, writing);
}

void owner_write(struct session *session, const uint8_t *request, size_t size, enum of_error_number error)
{
    struct bridge *bridge = session->bridge;
    struct writing *writing = memory_zeroed(sizeof *writing);

    *writing = (struct writing){.agent = bridge->agent, .bridge = bridge->id, .session = session->number, .error = error};
    writing->size = size < sizeof writing->head ? size : sizeof writing->head;
    memcpy(writing->head, request, writing->size);
    session->n_port_mods++;
    write_row(bridge, writing);
}

void owner_note(struct bridge *bridge)
{
    const Busbar__OwnerRow *row = owner_row(bridge);

    if (bridge->is_noting || !bridge_is_writable(bridge) || !owner_is_current(bridge) ||
        ((row->fail_open != 0) == bridge->is_fail_open && (row->tells_misses != 0) == bridge->tells_misses)) {
        return;
    }
    struct writing *writing = memory_zeroed(sizeof *writing);
    *writing = (struct writing){.agent = bridge->agent, .bridge = bridge->id};
    bridge->is_noting = true;
    write_row(bridge, writing);
}

/* ---- loading, over several steps ---- */

/* Takes a table out of service. */
static void put_away(struct bridge *bridge, struct flow_table **table)
{
    flow_table_destroy(&bridge->old); /* of a load just before; seldom */
    flow_table_close_cursors(*table);
    bridge->old = *table;
    *table = NULL;
}

void owner_drop_load(struct bridge *bridge)
{
    flow_table_destroy(&bridge->loading);
    flow_table_destroy(&bridge->old);
    bridge->is_in_pass = bridge->is_loaded_for_claim = false;
}

bool owner_is_loading(const struct bridge *bridge)
{
    return bridge->loading != NULL || bridge->old != NULL;
}

bool owner_has_rule(const struct bridge *bridge, uint64_t id)
{
    return flow_table_by_id(bridge->flows, id) != NULL || (bridge->loading != NULL && flow_table_by_id(bridge->loading, id) != NULL);
}

static void become_ready(struct bridge *bridge)
{
    struct ofagent *agent = bridge->agent;

    if (!bridge->is_served) {
        checkpoint_take_over_groups(agent->checkpoint, bridge);
    }
    bridge->state = BRIDGE_READY;
    bridge->is_served = true;
    log_info("bridge-ready bridge=%s rules=%zu groups=%zu meters=%zu epoch=%llu", bridge->name, flow_table_size(bridge->flows),
             group_table_size(bridge->groups), meter_table_size(bridge->meters), (unsigned long long)bridge->owner.epoch);
    packet_bridges_changed(agent->packet);
}

static void finish_load(struct bridge *bridge)
{
    put_away(bridge, &bridge->flows);
    bridge->flows = bridge->loading;
    bridge->loading = NULL;
    bridge->is_in_pass = false;
    inflight_set_table(bridge->inflight, bridge->flows);
    expiry_init(&bridge->expiry);
    load_groups(bridge);
    load_meters(bridge);
    load_tables(bridge);
    if (bridge->is_loaded_for_claim) {
        bridge->is_loaded_for_claim = false;
        become_ready(bridge);
    }
}

/* Bridges that wait join when no pass runs, so each meets the rules in the order of their numbers. */
static bool begin_pass(struct ofagent *agent)
{
    bool is_any = false, is_waiting = false;

    for (const struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        is_any = is_any || b->is_in_pass;
        is_waiting = is_waiting || b->loading != NULL;
    }
    if (is_any || !is_waiting) {
        return is_any;
    }
    agent->load_cursor = 0;
    for (struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        b->is_in_pass = b->loading != NULL;
    }
    return true;
}

static void load_row(struct ofagent *agent, uint64_t id, const Busbar__RuleRow *row)
{
    struct bridge *bridge = bridge_find(agent, row->bridge);

    if (bridge == NULL || !bridge->is_in_pass) {
        return;
    }
    load_rule(bridge, bridge->loading, id, row);
    if (bridge->is_loaded_for_claim && !bridge->is_served) {
        checkpoint_take_over_rule(agent->checkpoint, id);
    }
}

/* One pass over the mirror's rules serves all bridges that are being loaded. Nothing but our own transactions changes rules of a bridge that we have,
 * and while it is loaded there are none; another owner or another past of configdb ends the load (owner_step). */
static void continue_pass(struct ofagent *agent)
{
    const ProtobufCMessage *row;
    uint64_t id;
    bool has_more = true;

    if (!begin_pass(agent)) {
        return;
    }
    while (agent->load_left > 0 && (has_more = cfg_next(agent->cfg, CFG_RULE, &agent->load_cursor, &id, &row))) {
        agent->load_left--;
        load_row(agent, id, (const Busbar__RuleRow *)row);
    }
    if (has_more) {
        return;
    }
    for (struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        if (b->is_in_pass) {
            finish_load(b);
        }
    }
}

void owner_load_begin_step(struct ofagent *agent)
{
    agent->load_left = agent->load_rows;
    for (struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        flow_table_destroy_some(&b->old, agent->load_rows);
    }
}

void owner_load_step(struct ofagent *agent)
{
    continue_pass(agent);
}

static void begin_load(struct bridge *bridge, bool is_for_claim)
{
    flow_table_destroy(&bridge->loading);
    bridge->loading = flow_table_new();
    bridge->is_in_pass = false;
    bridge->is_loaded_for_claim = is_for_claim;
}

void owner_load(struct bridge *bridge)
{
    begin_load(bridge, false);
    continue_pass(bridge->agent);
}

void owner_reload(struct bridge *bridge)
{
    bridge->must_reload = true;
}

/* ---- letting go ---- */

struct giving {
    struct ofagent *agent;
    uint64_t bridge, epoch;
};

static void forget_tables(struct bridge *bridge)
{
    owner_drop_load(bridge);
    put_away(bridge, &bridge->flows);
    bridge->flows = flow_table_new();
    inflight_set_table(bridge->inflight, bridge->flows);
    expiry_init(&bridge->expiry);
    group_table_destroy(&bridge->groups);
    bridge->groups = group_table_new();
    meter_table_destroy(&bridge->meters);
    bridge->meters = meter_table_new();
}

void owner_let_go(struct bridge *bridge, const char *why)
{
    bridge->is_served = false;
    bridge->successor = 0;
    bridge->must_reload = false;
    bridge_end_service(bridge, why);
    forget_tables(bridge);
    packet_bridges_changed(bridge->agent->packet);
    log_info("bridge-left bridge=%s reason=\"%s\"", bridge->name, why);
}

static void on_given(void *context, const struct cfg_result *result)
{
    struct giving *giving = context;
    struct bridge *bridge = bridge_find(giving->agent, giving->bridge);

    if (bridge != NULL && bridge->state == BRIDGE_GIVING) {
        bridge->state = BRIDGE_UNOWNED;
        if (result->error == 0) {
            bridge->given = result->version;
            bridge->given_epoch = giving->epoch;
        } else {
            LOG_LIMITED(LOG_LEVEL_WARN, "bridge-not-given bridge=%s error=\"%s\"", bridge->name,
                        result->text != NULL ? result->text : error_text(result->error));
        }
    }
    free(giving);
}

void owner_give(struct bridge *bridge)
{
    static const char *const columns[] = {"start", "epoch", "given"}; /* the first two required */
    struct ofagent *agent = bridge->agent;
    const Busbar__OwnerRow *row = owner_row(bridge);
    struct giving *giving = memory_zeroed(sizeof *giving);
    struct cfg_txn *txn = cfg_txn_new("ofagent give");
    Busbar__OwnerRow theirs = BUSBAR__OWNER_ROW__INIT;

    theirs.start = bridge->successor;
    theirs.epoch = row->epoch + 1;
    theirs.has_given = theirs.given = true;
    cfg_txn_require(txn, CFG_OWNER, bridge->id, &row->base, columns, 2);
    cfg_txn_update(txn, CFG_OWNER, bridge->id, &theirs.base, columns, 3);
    *giving = (struct giving){.agent = agent, .bridge = bridge->id, .epoch = theirs.epoch};
    owner_let_go(bridge, "the bridge moves to another ofagent");
    bridge->state = BRIDGE_GIVING;
    cfg_transact(agent->cfg, &txn, agent->now_ns + OWNER_TIMEOUT_NS, on_given, giving);
}

/* Is it for us to claim? What falls to another is left to him for a while. */
static bool is_ours_to_claim(const struct bridge *bridge)
{
    const struct ofagent *agent = bridge->agent;

    if (!cfg_is_connected(agent->cfg) || cfg_registered(agent->cfg, NULL) == 0 || agent->now_ns < bridge->claim_again_ns ||
        !version_reached(cfg_version(agent->cfg), bridge->given) || owner_is_other(bridge)) {
        return false;
    }
    return owner_is_us(bridge) || bridge->claimant == agent->settings.start || agent->now_ns - bridge->free_since_ns >= OWNER_OTHERS_NS;
}

/* Answers what is not committed, and ends. A transaction under way is waited for: it may have been committed before the other's claim. */
static void lose(struct bridge *bridge)
{
    static const char why[] = "the bridge is owned by another process now";

    if (inflight_is_under_way(bridge->inflight)) {
        return;
    }
    inflight_give_up(bridge->inflight, -ERROR_OWNER, why);
    commands_lost(bridge->agent, bridge->id, -ERROR_OWNER, why);
    owner_let_go(bridge, why);
}

static void begin_again(struct bridge *bridge)
{
    flow_table_destroy(&bridge->loading);
    bridge->is_in_pass = bridge->is_loaded_for_claim = false;
    bridge->state = BRIDGE_UNOWNED;
}

void owner_step(struct bridge *bridge)
{
    struct ofagent *agent = bridge->agent;

    if (bridge->state == BRIDGE_READY && !owner_is_current(bridge)) {
        bridge->state = BRIDGE_UNOWNED;
    }
    if (bridge->state == BRIDGE_READY && bridge->must_reload && inflight_size(bridge->inflight) == 0) {
        bridge->state = BRIDGE_UNOWNED;
    }
    if (bridge->state == BRIDGE_LOADING && bridge->is_loaded_for_claim && (bridge->must_reload || !owner_is_current(bridge))) {
        begin_again(bridge); /* what was read may be of two times */
    }
    if (bridge->state == BRIDGE_UNOWNED && bridge->is_served && !owner_is_us(bridge)) {
        lose(bridge);
    }
    if (bridge->state == BRIDGE_UNOWNED && !inflight_is_under_way(bridge->inflight) && is_ours_to_claim(bridge)) {
        claim_bridge(bridge);
    }
    if (bridge->state == BRIDGE_LOADING && !bridge->is_loaded_for_claim && version_reached(cfg_version(agent->cfg), bridge->claimed) &&
        cfg_holds_bridge(agent->cfg, bridge->id) && (agent->n_snapshots >= bridge->snapshots_wanted || agent->now_ns >= bridge->load_by_ns)) {
        begin_load(bridge, true);
    }
}
