/* A controller that a bridge connects to. See controller.h.
 *
 *     BACKOFF ── time ──► CONNECTING ── connected ──► session (HELLO) ──► ACTIVE
 *        ▲                    └── refused, 5 s ──┐       └── closed ──┐     │
 *        └──── 1 s, 2 s, 4 s ... max_backoff ◄───┴────────────────────┴─────┘
 *
 * A passive one (ptcp, pssl, punix) listens, and its peers are sessions as of the bridge's own socket, at most CONTROLLER_PEERS_MAX; who comes then is
 * turned away at once, so that he knows, and so that the status row says "full":
 *
 *     BACKOFF ── time ──► LISTENING        bind refused: back-off as above
 *
 * The back-off begins at one second again once a session has been active. The status row says what people and the slowpath need to
 * know; it is published when it changes, the mirror repeats it. "fail-open" is the bridge's doing: see bridge.c.
 * The ofagent's one thread. Invariant: at most one of fd, session and listener is there.
 */
#include "services/ofagent/controller.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/ofagent/conn_tcp.h"
#include "services/ofagent/conn_tls.h"
#include "services/ofagent/session.h"

static void read_settings(struct controller *controller, const Busbar__ControllerRow *row)
{
    uint64_t backoff_ms = row->has_max_backoff_ms ? row->max_backoff_ms : CONTROLLER_MAX_BACKOFF_MS;
    uint64_t probe_ms = row->has_inactivity_probe_ms ? row->inactivity_probe_ms : CONTROLLER_PROBE_MS;

    controller->max_backoff_ns = (backoff_ms > 0 ? backoff_ms : 1) * NS_PER_MS;
    controller->probe_ns = probe_ms * NS_PER_MS;
    controller->packet_in_rate = row->has_controller_rate_limit ? row->controller_rate_limit : 0;
    controller->packet_in_burst = row->has_controller_burst_limit ? row->controller_burst_limit : controller->packet_in_rate;
    if (controller->session != NULL) {
        controller->session->probe_ns = controller->probe_ns;
    }
    for (struct session *session = controller->bridge->sessions; session != NULL; session = session->next) {
        if (session->controller == controller->id || session->listener == controller->id) {
            session_limit(session, controller->packet_in_rate, controller->packet_in_burst);
        }
    }
}

static void set_target(struct controller *controller, const char *text)
{
    struct target target;

    free(controller->target);
    controller->target = memory_string(text);
    controller->is_passive = target_is_passive(text);
    controller->is_tls = target_parse(text, &target) == 0 && target_is_tls(&target);
    controller->backoff_ns = CONTROLLER_FIRST_BACKOFF_NS;
    controller->try_at_ns = controller->bridge->agent->now_ns;
}

struct controller *controller_new(struct bridge *bridge, uint64_t id, const Busbar__ControllerRow *row)
{
    struct controller *controller = memory_zeroed(sizeof *controller);

    controller->bridge = bridge;
    controller->id = id;
    controller->fd = controller->listener = -1;
    set_target(controller, row->target);
    controller->since_wall_ns = bridge->agent->wall_ns;
    read_settings(controller, row);
    return controller;
}

/* The next of the peers that have come by a passive one, from `session` on. */
static struct session *peer_from(const struct controller *controller, struct session *session)
{
    while (session != NULL && session->listener != controller->id) {
        session = session->next;
    }
    return session;
}

static void stop_listening(struct controller *controller, const char *why)
{
    if (controller->listener < 0) {
        return;
    }
    if (controller->listener_path != NULL) {
        (void)unlink(controller->listener_path);
        free(controller->listener_path);
        controller->listener_path = NULL;
    }
    (void)close(controller->listener);
    controller->listener = -1;
    struct session *session = peer_from(controller, controller->bridge->sessions);
    for (; session != NULL; session = peer_from(controller, session->next)) {
        session_close(session, "%s", why);
    }
}

static void give_up(struct controller *controller)
{
    stop_listening(controller, "the listener is not configured any more");
    if (controller->fd >= 0) {
        (void)close(controller->fd);
        controller->fd = -1;
    }
    if (controller->session != NULL) {
        session_close(controller->session, "the controller is not configured any more");
        controller->session = NULL;
    }
    controller->is_active = false;
}

void controller_destroy(struct controller **controller)
{
    if (*controller == NULL) {
        return;
    }
    give_up(*controller);
    if ((*controller)->was_published) {
        cfg_publish((*controller)->bridge->agent->cfg, CFG_CONTROLLER_STATUS, (*controller)->id, NULL);
    }
    free((*controller)->target);
    free(*controller);
    *controller = NULL;
}

void controller_update(struct controller *controller, const Busbar__ControllerRow *row)
{
    read_settings(controller, row);
    if (strcmp(controller->target, row->target) != 0) {
        give_up(controller);
        set_target(controller, row->target);
    }
}

/* Counts the wait before the next attempt from the moment the last one began, as Open vSwitch does. */
static void back_off(struct controller *controller, const char *why)
{
    uint64_t limit_ns = controller->max_backoff_ns;
    uint64_t wait_ns = controller->backoff_ns < limit_ns ? controller->backoff_ns : limit_ns;

    if (strcmp(controller->last_error, why) != 0 || controller->is_active) {
        log_info("controller-disconnected bridge=%s target=%s error=\"%s\"", controller->bridge->name, controller->target, why);
    }
    (void)snprintf(controller->last_error, sizeof controller->last_error, "%s", why);
    if (controller->is_active) {
        controller->since_wall_ns = controller->bridge->agent->wall_ns;
    }
    controller->is_active = false;
    controller->try_at_ns = controller->bridge->agent->now_ns + wait_ns;
    controller->backoff_ns = wait_ns * 2 < limit_ns ? wait_ns * 2 : limit_ns;
}

static void connect_now(struct controller *controller)
{
    struct error_detail detail = {{0}};
    int err = conn_tcp_open(controller->target, controller->bridge->agent->settings.run_dir, &controller->fd, &detail);

    controller->tried_ns = controller->bridge->agent->now_ns;
    if (err != 0) {
        controller->fd = -1;
        back_off(controller, detail.text[0] != '\0' ? detail.text : error_text(err));
    }
}

static struct session *begin_session(struct controller *controller, int fd, struct channel *channel)
{
    struct bridge *bridge = controller->bridge;
    struct session *session =
        session_new(bridge, conn_new(fd, channel), controller->is_passive ? 0 : controller->id, controller->probe_ns);

    session_limit(session, controller->packet_in_rate, controller->packet_in_burst);
    session_join(session);
    return session;
}

/* The ofagent that had the bridge may still be there, stopped: its socket goes when it does. */
static void wait_to_listen(struct controller *controller, int err)
{
    char text[80];

    if ((err != -EADDRINUSE && err != -ERROR_IN_USE) || controller->bridge->former_instance == 0) {
        back_off(controller, error_text(err));
        return;
    }
    (void)snprintf(text, sizeof text, "waiting for the listener of ofagent %u", controller->bridge->former_instance);
    controller->backoff_ns = CONTROLLER_HANDOVER_NS;
    back_off(controller, text);
}

static void listen_now(struct controller *controller)
{
    struct target target;
    int err = target_parse(controller->target, &target);

    controller->tried_ns = controller->bridge->agent->now_ns;
    if (err == 0) {
        err = target_place(&target, controller->bridge->agent->settings.run_dir);
    }
    if (err == 0) {
        err = conn_tcp_listen_at(&target, &controller->listener);
    }
    if (err != 0) {
        controller->listener = -1;
        wait_to_listen(controller, err);
        return;
    }
    controller->listener_path = target_path(&target) != NULL ? memory_string(target_path(&target)) : NULL;
    controller->last_error[0] = '\0';
    controller->backoff_ns = CONTROLLER_FIRST_BACKOFF_NS;
    controller->since_wall_ns = controller->bridge->agent->wall_ns;
    log_info("controller-listening bridge=%s target=%s", controller->bridge->name, controller->target);
}

static bool has_room(const struct controller *controller)
{
    const struct session *session = peer_from(controller, controller->bridge->sessions);
    size_t n = 0;

    for (; session != NULL; session = peer_from(controller, session->next)) {
        n++;
    }
    return n < CONTROLLER_PEERS_MAX && controller->bridge->n_sessions < SESSION_MAX;
}

static void turn_away(struct controller *controller, int fd)
{
    (void)close(fd);
    (void)snprintf(controller->last_error, sizeof controller->last_error, "a peer was turned away: %u are there already",
                   (unsigned)controller->bridge->n_sessions);
    if (!controller->is_full) {
        log_warn("controller-full bridge=%s target=%s sessions=%zu", controller->bridge->name, controller->target,
                 controller->bridge->n_sessions);
    }
    controller->is_full = true;
}

static void accept_peers(struct controller *controller)
{
    struct error_detail detail = {{0}};
    int fd;

    for (int i = 0; i < CONTROLLER_ACCEPTS_PER_STEP; i++) {
        struct channel *channel = NULL;
        if (conn_tcp_accept(controller->listener, controller->bridge->agent->now_ns, &controller->accept_again_ns, &fd) != 0) {
            return;
        }
        if (!has_room(controller)) {
            turn_away(controller, fd);
            continue;
        }
        if (controller->is_tls && conn_tls_new(controller->bridge->agent->tls, fd, true, &channel, &detail) != 0) {
            (void)snprintf(controller->last_error, sizeof controller->last_error, "%s", detail.text);
            (void)close(fd);
            continue;
        }
        begin_session(controller, fd, channel)->listener = controller->id;
    }
}

void controller_tls_changed(struct controller *controller)
{
    if (controller->is_tls && controller->try_at_ns > controller->bridge->agent->now_ns) {
        controller->try_at_ns = controller->bridge->agent->now_ns;
        controller->backoff_ns = CONTROLLER_FIRST_BACKOFF_NS;
    }
}

static void finish_connecting(struct controller *controller)
{
    struct bridge *bridge = controller->bridge;
    struct error_detail detail = {{0}};
    struct channel *channel = NULL;
    int err = conn_tcp_finish(controller->fd);

    if (err == -EAGAIN) {
        if (bridge->agent->now_ns - controller->tried_ns < CONTROLLER_CONNECT_NS) {
            return;
        }
        err = -ETIMEDOUT;
    }
    if (err == 0 && controller->is_tls) {
        err = conn_tls_new(bridge->agent->tls, controller->fd, false, &channel, &detail);
    }
    if (err != 0) {
        (void)close(controller->fd);
        controller->fd = -1;
        back_off(controller, detail.text[0] != '\0' ? detail.text : error_text(err));
        return;
    }
    controller->session = begin_session(controller, controller->fd, channel);
    controller->fd = -1;
}

void controller_lost(struct controller *controller, const struct session *session)
{
    if (controller->session == session) {
        controller->session = NULL;
        back_off(controller, session->reason);
    } else if (session->listener == controller->id && !session->was_active) {
        (void)snprintf(controller->last_error, sizeof controller->last_error, "%s", session->reason);
    }
}

static const char *role_name(const struct controller *controller)
{
    if (!controller->is_active || controller->is_passive) {
        return "";
    }
    switch (controller->session->role) {
    case OF_ROLE_MASTER:
        return "master";
    case OF_ROLE_SLAVE:
        return "slave";
    case OF_ROLE_EQUAL:
    case OF_ROLE_NOCHANGE:
        break;
    }
    return "equal";
}

static const char *state_name(const struct controller *controller)
{
    if (controller->is_passive) {
        return controller->listener < 0 ? "backoff" : controller->is_full ? "full" : "listening";
    }
    if (controller->is_active) {
        return "active";
    }
    if (controller->bridge->is_fail_open) {
        return "fail-open";
    }
    return controller->fd >= 0 || controller->session != NULL ? "connecting" : "backoff";
}

static void publish(struct controller *controller)
{
    Busbar__ControllerStatusRow row = BUSBAR__CONTROLLER_STATUS_ROW__INIT;
    char summary[sizeof controller->published];

    row.is_connected = controller->is_active;
    row.role = (char *)(uintptr_t)role_name(controller);
    row.state = (char *)(uintptr_t)state_name(controller);
    row.last_error = controller->is_active && !controller->is_full ? "" : controller->last_error;
    row.since_wall_ns = controller->since_wall_ns;
    (void)snprintf(summary, sizeof summary, "%d %s %s %s", row.is_connected, row.role, row.state, row.last_error);
    if (controller->was_published && strcmp(summary, controller->published) == 0) {
        return;
    }
    controller->was_published = true;
    (void)snprintf(controller->published, sizeof controller->published, "%s", summary);
    cfg_publish(controller->bridge->agent->cfg, CFG_CONTROLLER_STATUS, controller->id, &row.base);
}

static void step_passive(struct controller *controller)
{
    const struct bridge *bridge = controller->bridge;

    if (controller->listener < 0 && bridge->agent->now_ns >= controller->try_at_ns) {
        listen_now(controller);
    } else if (controller->listener >= 0 && agent_may_have(bridge->agent, controller->listener, POLLIN)) {
        accept_peers(controller);
    }
    bool was_active = controller->is_active;
    controller->is_active = false;
    controller->is_full = controller->is_full && !has_room(controller);
    const struct session *session = peer_from(controller, bridge->sessions);
    for (; session != NULL; session = peer_from(controller, session->next)) {
        controller->is_active = controller->is_active || session->state == SESSION_ACTIVE;
    }
    if (controller->is_active != was_active) {
        controller->since_wall_ns = bridge->agent->wall_ns;
    }
    if (controller->is_active && !controller->is_full) {
        controller->last_error[0] = '\0';
    }
    publish(controller);
}

/* The bridge is another's, who publishes the row. */
static void rest(struct controller *controller)
{
    if (!controller->was_published) {
        return;
    }
    give_up(controller);
    controller->was_published = false;
    controller->backoff_ns = CONTROLLER_FIRST_BACKOFF_NS;
    controller->try_at_ns = controller->bridge->agent->now_ns;
    controller->last_error[0] = '\0';
    cfg_publish(controller->bridge->agent->cfg, CFG_CONTROLLER_STATUS, controller->id, NULL);
}

void controller_step(struct controller *controller)
{
    const struct bridge *bridge = controller->bridge;

    if (!bridge->is_served) {
        rest(controller);
        return;
    }
    if (controller->is_passive) {
        step_passive(controller);
        return;
    }
    if (controller->fd >= 0) {
        finish_connecting(controller);
    } else if (controller->session == NULL && bridge->agent->now_ns >= controller->try_at_ns) {
        connect_now(controller);
    }
    if (controller->session != NULL && !controller->is_active && controller->session->state == SESSION_ACTIVE) {
        controller->is_active = true;
        controller->since_wall_ns = bridge->agent->wall_ns;
        controller->backoff_ns = CONTROLLER_FIRST_BACKOFF_NS;
        log_info("controller-connected bridge=%s target=%s", bridge->name, controller->target);
    }
    publish(controller);
}

uint64_t controller_next_ns(const struct controller *controller)
{
    if (controller->fd >= 0) {
        return controller->tried_ns + CONTROLLER_CONNECT_NS;
    }
    return controller->session == NULL && controller->listener < 0 && controller->bridge->is_served ? controller->try_at_ns : UINT64_MAX;
}
