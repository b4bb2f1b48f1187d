/* The agent: wires the mirror's events to bridges, shards and replicas, and steps everything in a fixed order. See ofagent.h, agent.h.
 *
 * The order of a step is that of the news: what configdb says, then the shards and slowpaths, then the sessions, whose changes leave in the
 * same step. Bridges and controllers follow the mirror by comparison (what should be there, what is there) and not event by event, so the
 * order of rows in a commit does not matter.
 * One thread. Nothing waits; an idle step costs a few system calls.
 */
#include "services/ofagent/ofagent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/checkpoint.h"
#include "services/ofagent/commands.h"
#include "services/ofagent/controller.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/follow.h"
#include "services/ofagent/meter_mod.h"
#include "services/ofagent/owner.h"
#include "services/ofagent/packet.h"
#include "services/ofagent/ports.h"
#include "services/ofagent/scrape.h"
#include "services/ofagent/session.h"
#include "services/ofagent/share.h"
#include "services/ofagent/snoop.h"
#include "services/ofagent/tls.h"
#include "services/ofagent/usage.h"

enum { PORT_VALUES = 8, OFAGENT_ERRORS_MAX = 16 /* named in one report; a person starts with the first */ };
/* Within configdb's window: it sends no delta beyond 8192 unacknowledged versions or 8 MB, and a bridge is settled by the delta of its claim. */
enum { APPLIED_LAG_MAX = 2048, APPLIED_LAG_BYTES = 4 * 1024 * 1024 };
#define APPLIED_AT_LAST_NS (2 * NS_PER_S)
#define STOOD_STILL_NS (1500 * NS_PER_MS) /* less than the lease of a service row */
#define LOOK_NS (10 * NS_PER_MS)
#define STEP_AT_LEAST_NS (50 * NS_PER_MS)
/* While an answer is awaited: an edge of the bus's fd may have been spent while sending (lib/bus/README.md). */
#define STEP_WHILE_WAITING_NS (1 * NS_PER_MS)

/* ---- following the mirror ---- */

static void follow_bridges(struct ofagent *agent)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;
    struct bridge **at = &agent->bridges;

    while (*at != NULL) {
        struct bridge *bridge = *at;
        const Busbar__BridgeRow *now = bridge_row(bridge);
        if (now != NULL && strcmp(now->name, bridge->name) == 0) {
            at = &bridge->next;
            continue;
        }
        *at = bridge->next;
        log_info("bridge-gone bridge=%s", bridge->name);
        bridge->is_gone = true;
        bridge_retire_counters(bridge);
        bridge_destroy(&bridge);
        packet_bridges_changed(agent->packet);
    }
    while (cfg_next(agent->cfg, CFG_BRIDGE, &cursor, &id, &row)) {
        if (bridge_find(agent, id) == NULL) {
            struct bridge *bridge = bridge_new(agent, id, (const Busbar__BridgeRow *)row);
            bridge->next = agent->bridges;
            agent->bridges = bridge;
        }
    }
}

static void follow_controllers_of(struct bridge *bridge)
{
    const struct cfg *cfg = bridge->agent->cfg;
    struct controller **at = &bridge->controllers;

    while (*at != NULL) {
        struct controller *controller = *at;
        const Busbar__ControllerRow *row = (const Busbar__ControllerRow *)cfg_row(cfg, CFG_CONTROLLER, controller->id);
        if (row != NULL && row->bridge == bridge->id) {
            controller_update(controller, row);
            at = &controller->next;
            continue;
        }
        *at = controller->next;
        controller_destroy(&controller);
    }
}

static bool has_controller(const struct bridge *bridge, uint64_t id)
{
    const struct controller *controller = bridge->controllers;

    while (controller != NULL && controller->id != id) {
        controller = controller->next;
    }
    return controller != NULL;
}

static void follow_controllers(struct ofagent *agent)
{
    const ProtobufCMessage *message;
    uint64_t cursor = 0, id;

    for (struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        follow_controllers_of(bridge);
    }
    while (cfg_next(agent->cfg, CFG_CONTROLLER, &cursor, &id, &message)) {
        const Busbar__ControllerRow *row = (const Busbar__ControllerRow *)message;
        struct bridge *bridge = bridge_find(agent, row->bridge);
        if (bridge != NULL && !has_controller(bridge, id)) {
            struct controller *controller = controller_new(bridge, id, row);
            controller->next = bridge->controllers;
            bridge->controllers = controller;
        }
    }
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void follow_tls(struct ofagent *agent, const Busbar__SwitchRow *before, const Busbar__SwitchRow *after)
{
    if (after == NULL || (before != NULL && is_same_text(before->ssl_private_key, after->ssl_private_key) &&
                          is_same_text(before->ssl_certificate, after->ssl_certificate) &&
                          is_same_text(before->ssl_ca_cert, after->ssl_ca_cert) &&
                          before->ssl_bootstrap_ca_cert == after->ssl_bootstrap_ca_cert)) {
        return;
    }
    tls_configure(agent->tls, after->ssl_private_key, after->ssl_certificate, after->ssl_ca_cert, after->ssl_bootstrap_ca_cert != 0);
    for (struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        for (struct controller *c = bridge->controllers; c != NULL; c = c->next) {
            controller_tls_changed(c);
        }
    }
}

static void on_service(struct ofagent *agent, uint64_t id, const Busbar__ServiceRow *before, const Busbar__ServiceRow *after)
{
    if (before != NULL && after != NULL && before->start == after->start) {
        return;
    }
    const Busbar__ServiceRow *one = after != NULL ? after : before;
    share_changed(agent);
    if (one->kind == PROCESS_OFAGENT && one->start != agent->settings.start) {
        agent->share.shared_ns = agent->now_ns; /* he lived, though perhaps not at any step of ours */
    }
    if (before != NULL && before->kind == PROCESS_FASTPATH) {
        agent->shard_ended_ns = agent->now_ns;
        usage_leave(agent->usage, id);
    }
    if (before != NULL && before->kind == PROCESS_SLOWPATH) {
        packet_leave(agent->packet, id);
    }
    if (after != NULL && after->kind == PROCESS_FASTPATH) {
        usage_join(agent->usage, id, after);
    }
    if (after != NULL && after->kind == PROCESS_SLOWPATH) {
        packet_join(agent->packet, id, after);
    }
}

static bool is_same_status(const Busbar__PortStatusRow *a, const Busbar__PortStatusRow *b)
{
    return a != NULL && b != NULL && a->up == b->up && a->speed_mbps == b->speed_mbps && a->mac.len == b->mac.len &&
           (a->mac.len == 0 || memcmp(a->mac.data, b->mac.data, a->mac.len) == 0);
}

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                   const ProtobufCMessage *after)
{
    struct ofagent *agent = context;

    agent->must_look = agent->must_look || table != CFG_RULE;
    if (table == CFG_SERVICE) {
        on_service(agent, id, (const Busbar__ServiceRow *)before, (const Busbar__ServiceRow *)after);
    } else if (table == CFG_PORT) {
        ports_changed(agent, id, (const Busbar__PortRow *)before, (const Busbar__PortRow *)after);
        if (after == NULL) {
            counters_forget(agent->port_counters, id);
        }
    } else if (table == CFG_PORT_STATUS &&
               !is_same_status((const Busbar__PortStatusRow *)before, (const Busbar__PortStatusRow *)after)) {
        ports_status_changed(agent, id);
    } else if (table == CFG_SWITCH) {
        follow_tls(agent, (const Busbar__SwitchRow *)before, (const Busbar__SwitchRow *)after);
    } else if (table == CFG_RULE || table == CFG_GROUP || table == CFG_METER) {
        usage_row_changed(agent->usage, table, id, before, after);
    } else if (table == CFG_OWNER) {
        share_changed(agent);
    } else if (table == CFG_BRIDGE || table == CFG_CONTROLLER || table == CFG_FLOW_TABLE) {
        agent->must_follow = true;
    }
}

static void on_unheld_gone(void *context, enum cfg_table table, uint64_t id)
{
    struct ofagent *agent = context;

    usage_rule_gone(agent->usage, id);
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct ofagent *agent = context;

    if (agent->is_ending) {
        return;
    }
    if (!agent->has_mirror) {
        agent->has_mirror = true;
        checkpoint_load(agent->checkpoint);
    } else if (is_snapshot && !(agent->has_asked_snapshot && version.epoch == agent->seen.epoch)) {
        for (struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
            owner_reload(bridge);
        }
    }
    if (is_snapshot) {
        agent->window_from = version;
        agent->has_asked_snapshot = false;
        agent->counters_ns = agent->now_ns;
        agent->n_snapshots++;
    }
    if (agent->must_follow) {
        agent->must_follow = false;
        share_changed(agent);
        follow_bridges(agent);
        follow_controllers(agent);
        for (struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
            bridge_follow_tables(bridge);
        }
    }
    agent->seen = version;
}

/* Is all that this bridge needs done: loaded and served, or another's, or impossible for a reason that is told? */
static bool is_settled(const struct bridge *bridge)
{
    if (bridge->state == BRIDGE_READY) {
        return bridge->listener >= 0 || bridge->listen_error != 0;
    }
    bool falls_to_other = bridge->claimant != 0 && bridge->claimant != bridge->agent->settings.start;
    return bridge->state == BRIDGE_GIVING || (bridge->state == BRIDGE_UNOWNED && (owner_is_other(bridge) || falls_to_other));
}

/* Says what has been applied, so that a command which waits for that finds the bridge's socket; but never holds up configdb's deltas. */
static void report_applied(struct ofagent *agent)
{
    Busbar__RowError errors[OFAGENT_ERRORS_MAX];
    char texts[OFAGENT_ERRORS_MAX][128];
    size_t n = 0;

    if (agent->seen.n == agent->applied.n && agent->seen.epoch == agent->applied.epoch) {
        agent->owed_ns = agent->now_ns;
        return;
    }
    bool is_late = agent->seen.n - agent->window_from.n >= APPLIED_LAG_MAX || agent->now_ns - agent->owed_ns >= APPLIED_AT_LAST_NS ||
                   cfg_unapplied_bytes(agent->cfg) >= APPLIED_LAG_BYTES;
    for (const struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        if (!is_late && !is_settled(bridge)) {
            return;
        }
        if (n < OFAGENT_ERRORS_MAX && bridge_listener_trouble(bridge, texts[n], sizeof texts[n]) != NULL) {
            busbar__row_error__init(&errors[n]);
            errors[n].table = CFG_BRIDGE;
            errors[n].id = bridge->id;
            errors[n].text = texts[n];
            n++;
        }
    }
    agent->applied = agent->window_from = agent->seen;
    agent->owed_ns = agent->now_ns;
    const Busbar__RowError *list = errors;
    cfg_applied(agent->cfg, agent->seen, list, n);
}

static void on_connection(void *context, bool is_connected)
{
    log_write(is_connected ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "configdb-connection state=%s", is_connected ? "up" : "down");
}

/* ---- life ---- */

/* Not before the mirror is complete: whoever has a service row is given bridges. */
static void register_service(struct ofagent *agent)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;

    if (!agent->is_loaded || agent->has_joined) {
        return;
    }
    agent->has_joined = true;
    share_changed(agent);
    row.kind = PROCESS_OFAGENT;
    row.instance = agent->settings.instance;
    row.start = agent->settings.start;
    row.session = row.usage = row.packet = row.mac = "";
    row.control = (char *)(uintptr_t)control_server_endpoint(agent->control);
    row.pid = agent->settings.pid;
    cfg_register(agent->cfg, &row);
}

int ofagent_new(const struct ofagent_settings *settings, struct ofagent **out_agent, struct error_detail *detail)
{
    static const enum cfg_table tables[] = {CFG_SWITCH, CFG_FLOW_TABLE, CFG_BRIDGE, CFG_PORT,    CFG_CONTROLLER, CFG_RULE,       CFG_GROUP,
                                            CFG_METER,  CFG_OWNER,   CFG_SERVICE,    CFG_COUNTER,    CFG_PORT_STATUS};
    struct ofagent *agent = memory_zeroed(sizeof *agent);
    struct cfg_events events = {.on_row = on_row, .on_version = on_version, .on_connection = on_connection, .on_unheld_gone = on_unheld_gone,
                                .unshown = 1u << CFG_RULE, .context = agent};

    agent->settings = *settings;
    agent->load_rows = agent->load_left = OWNER_LOAD_ROWS;
    agent->rule_counters = counters_new(2);
    agent->port_counters = counters_new(PORT_VALUES);
    floor_init(&agent->floor);
    agent->usage = usage_new(agent);
    agent->packet = packet_new(agent);
    agent->waits = commands_waits_new();
    agent->checkpoint = checkpoint_new(agent);
    agent->tls = tls_new();
    int err = cfg_new(settings->bus, settings->config, tables, sizeof tables / sizeof tables[0], &events, &agent->cfg);
    if (err != 0) {
        error_set(detail, err, "%s: %s", settings->config, error_text(err));
        goto fail;
    }
    cfg_follow_bridges(agent->cfg, NULL, 0);
    err = control_server_new(settings->bus, settings->control, commands_table, commands_count, commands_status, agent,
                             &agent->control);
    if (err != 0) {
        error_set(detail, err, "%s: %s", settings->control, error_text(err));
        goto fail;
    }
    *out_agent = agent;
    return 0;
fail:
    ofagent_destroy(&agent);
    return err;
}

void ofagent_destroy(struct ofagent **out_agent)
{
    struct ofagent *agent = *out_agent;

    if (agent == NULL) {
        return;
    }
    while (agent->bridges != NULL) {
        struct bridge *bridge = agent->bridges;
        agent->bridges = bridge->next;
        bridge_destroy(&bridge);
    }
    if (agent->cfg != NULL) {
        agent->is_ending = true;
        cfg_unregister(agent->cfg);
        cfg_step(agent->cfg, agent->now_ns); /* sends that, and the withdrawn status rows */
        if (cfg_transactions_in_flight(agent->cfg) > 0) {
            cfg_step(agent->cfg, agent->now_ns + INFLIGHT_TIMEOUT_NS + OWNER_TIMEOUT_NS); /* nobody waits for an answer any more */
        }
    }
    commands_waits_destroy(&agent->waits);
    control_server_destroy(&agent->control);
    checkpoint_destroy(&agent->checkpoint);
    cfg_destroy(&agent->cfg);
    port_wishes_destroy(&agent->port_wishes);
    usage_destroy(&agent->usage);
    packet_destroy(&agent->packet);
    meter_mod_forget_all(agent);
    tls_destroy(&agent->tls);
    counters_destroy(&agent->rule_counters);
    counters_destroy(&agent->port_counters);
    free(agent->fds);
    free(agent->polled);
    free(agent);
    *out_agent = NULL;
}

/* ---- stepping ---- */

/* Whoever stands still for long may have lost his bridges and not know it yet: every right is claimed anew, and nothing accepted before. */
static void doubt_after_standing_still(struct ofagent *agent, uint64_t now_ns)
{
    bool stood_still = now_ns - agent->now_ns > STOOD_STILL_NS;

    agent->now_ns = now_ns;
    for (struct bridge *bridge = agent->bridges; stood_still && bridge != NULL; bridge = bridge->next) {
        owner_reload(bridge);
    }
    if (stood_still) {
        log_warn("stood-still bridges are claimed anew");
        agent->heard_ns = agent->shard_ended_ns = now_ns; /* as far as we know */
    }
}

/* Bridges of others are looked at when something else than rules has changed, and by the clock: with several ofagents they are most. */
static bool looks_at_others(struct ofagent *agent)
{
    bool is_due = agent->must_look || !agent->has_polled || agent->now_ns - agent->looked_ns >= LOOK_NS;

    agent->must_look = false;
    agent->looked_ns = is_due ? agent->now_ns : agent->looked_ns;
    return is_due;
}

static bool is_of_other(const struct bridge *bridge)
{
    return bridge->state == BRIDGE_UNOWNED && !bridge->is_served && bridge->old == NULL;
}

void ofagent_step(struct ofagent *agent, uint64_t now_ns, uint64_t wall_ns)
{
    agent->wall_ns = wall_ns;
    if (agent->started_ns == 0) {
        agent->started_ns = agent->now_ns = agent->heard_ns = agent->shard_ended_ns = now_ns;
    }
    doubt_after_standing_still(agent, now_ns);
    agent->awaits_floor = false;
    owner_load_begin_step(agent);
    if (agent_may_have(agent, cfg_fd(agent->cfg), POLLIN)) {
        cfg_step(agent->cfg, now_ns);
    }
    register_service(agent);
    share_step(agent);
    usage_step(agent->usage);
    packet_step(agent->packet);
    if (control_server_is_busy(agent->control) || agent_may_have(agent, control_server_fd(agent->control), POLLIN)) {
        control_server_step(agent->control, now_ns);
    }
    bool looks = looks_at_others(agent);
    for (struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        if (looks || !is_of_other(bridge)) {
            owner_step(bridge);
        }
    }
    follow_step(agent);
    owner_load_step(agent);
    for (struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        if (looks || !is_of_other(bridge)) {
            bridge_step(bridge);
        }
    }
    commands_step(agent);
    checkpoint_step(agent->checkpoint);
    report_applied(agent);
    cfg_say(agent->cfg, now_ns);
    agent->has_polled = false;
}

static void add_fd_always(struct ofagent *agent, int fd, short events)
{
    if (agent->n_fds == agent->room_fds) {
        agent->room_fds = agent->room_fds == 0 ? 32 : agent->room_fds * 2;
        agent->fds = memory_resize(agent->fds, agent->room_fds * sizeof *agent->fds);
    }
    agent->fds[agent->n_fds++] = (struct pollfd){.fd = fd, .events = events};
}

static void add_fd(struct ofagent *agent, int fd, short events)
{
    if (fd >= 0 && events != 0) {
        add_fd_always(agent, fd, events);
    }
}

static void earlier(uint64_t *next_ns, uint64_t other_ns)
{
    *next_ns = other_ns < *next_ns ? other_ns : *next_ns;
}

static void add_bridge_fds(struct ofagent *agent, const struct bridge *bridge, uint64_t *next_ns)
{
    struct pollfd fds[SNOOP_FDS_MAX];

    if (owner_is_loading(bridge)) {
        *next_ns = agent->now_ns;
    }
    add_fd(agent, bridge->listener, agent->now_ns < bridge->accept_again_ns ? 0 : POLLIN);
    size_t n = snoop_fds(bridge->snoop, fds);
    for (size_t i = 0; i < n; i++) {
        add_fd(agent, fds[i].fd, fds[i].events);
    }
    for (const struct session *session = bridge->sessions; session != NULL; session = session->next) {
        bool again;
        add_fd_always(agent, conn_fd(session->conn), session_events(session, &again)); /* whether it has gone is told in any case */
        if (again) {
            *next_ns = agent->now_ns;
        }
        earlier(next_ns, session_next_ns(session));
        if (session->waits_for_barrier || session->held != NULL) {
            earlier(next_ns, agent->now_ns + STEP_WHILE_WAITING_NS);
        }
    }
    for (const struct controller *controller = bridge->controllers; controller != NULL; controller = controller->next) {
        add_fd(agent, controller->fd, POLLOUT);
        bool may_come = controller->listener >= 0 && agent->now_ns >= controller->accept_again_ns;
        add_fd(agent, controller->listener, may_come ? POLLIN : 0);
        earlier(next_ns, controller_next_ns(controller));
    }
}

/* Is there nothing under way but what sessions wait for with a barrier? The answer of configdb helps nobody then: the shards' floors come behind it, and
 * what is read with them was there before. So one is woken once for a barrier and not twice; a refusal is told by the clock, a millisecond later. */
static bool rests_on_floors(const struct ofagent *agent)
{
    bool has_barrier = false;
    size_t n_calls = 0;

    if (agent->floor.count == 0 || commands_wait(agent)) {
        return false;
    }
    for (const struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        n_calls += inflight_calls(bridge->inflight);
        if (inflight_has_unsent(bridge->inflight)) {
            return false;
        }
        for (const struct session *session = bridge->sessions; session != NULL; session = session->next) {
            has_barrier = has_barrier || session->waits_for_barrier;
            if (session->held != NULL || session->n_commits > 0 || session->n_port_mods > 0) {
                return false;
            }
        }
    }
    return has_barrier && n_calls == cfg_transactions_in_flight(agent->cfg);
}

struct pollfd *ofagent_fds(struct ofagent *agent, size_t *out_n, uint64_t *out_next_ns)
{
    uint64_t next_ns = agent->now_ns + STEP_AT_LEAST_NS;
    int bus_fds[FLOOR_SHARDS_MAX + PACKET_REPLICAS_MAX];

    bool rests = rests_on_floors(agent);

    agent->n_fds = 0;
    add_fd(agent, cfg_fd(agent->cfg), rests ? 0 : POLLIN);
    add_fd(agent, control_server_fd(agent->control), POLLIN);
    /* Floors move with the rules of all ofagents; they are read in every step, and one is made for them only while somebody waits for one. */
    agent->awaited_floor = agent->awaits_floor || rests;
    size_t n = agent->awaited_floor ? usage_fds(agent->usage, bus_fds, FLOOR_SHARDS_MAX) : 0;
    n += packet_fds(agent->packet, bus_fds + n, PACKET_REPLICAS_MAX);
    for (size_t i = 0; i < n; i++) {
        add_fd(agent, bus_fds[i], POLLIN);
    }
    for (const struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        add_bridge_fds(agent, bridge, &next_ns);
    }
    if (cfg_transactions_in_flight(agent->cfg) > 0) {
        earlier(&next_ns, agent->now_ns + STEP_WHILE_WAITING_NS);
    }
    if (commands_are_busy(agent) || checkpoint_is_loading(agent->checkpoint)) {
        next_ns = agent->now_ns;
    }
    *out_n = agent->n_fds;
    *out_next_ns = next_ns;
    return agent->fds;
}

void ofagent_polled(struct ofagent *agent, const struct pollfd *fds, size_t n)
{
    agent->n_polls++;
    for (size_t i = 0; i < n; i++) {
        size_t fd = (size_t)fds[i].fd;
        if (fds[i].fd < 0) {
            continue;
        }
        if (fd >= agent->room_polled) {
            size_t room = (fd + 1) * 2;
            agent->polled = memory_resize(agent->polled, room * sizeof *agent->polled);
            memset(agent->polled + agent->room_polled, 0, (room - agent->room_polled) * sizeof *agent->polled);
            agent->room_polled = room;
        }
        agent->polled[fd] = (struct agent_polled){.poll = agent->n_polls, .asked = fds[i].events, .said = fds[i].revents};
    }
    agent->has_polled = true;
}

bool agent_may_have(const struct ofagent *agent, int fd, short events)
{
    const short always = POLLHUP | POLLERR;

    if (!agent->has_polled || fd < 0 || (size_t)fd >= agent->room_polled || agent->polled[fd].poll != agent->n_polls) {
        return true;
    }
    const struct agent_polled *polled = &agent->polled[fd];
    return (events & ~(polled->asked | always)) != 0 || (polled->said & (events | always)) != 0;
}

bool ofagent_is_settled(const struct ofagent *agent)
{
    for (const struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        if (!is_settled(bridge)) {
            return false;
        }
    }
    return cfg_has_snapshot(agent->cfg);
}

bool ofagent_is_ready(const struct ofagent *agent)
{
    return cfg_has_snapshot(agent->cfg);
}

const char *ofagent_state(const void *context)
{
    return commands_state(context);
}

void ofagent_fill_metrics(const void *context, struct page *page)
{
    scrape_fill(context, page);
}
