/* One OpenFlow conversation. See session.h.
 *
 *     HELLO ── both HELLOs seen, a version in common ──► ACTIVE ── close, error, silence ──► CLOSED
 *       └── no version in common: HELLO_FAILED with a text; silence for 10 s ──────────────────┘
 *
 * A peer that came through a bridge's local socket gets no asynchronous messages until it sets a miss_send_len other than 0, as
 * Open vSwitch treats its "service" connections: tools would not expect them.
 * The ofagent's one thread. Invariant: a barrier reply leaves after the answers, errors too, to everything that came before it.
 */
#include "services/ofagent/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/bundle.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/monitor.h"
#include "services/ofagent/on_multipart.h"
#include "services/ofagent/packet_queue.h"
#include "services/ofagent/snoop.h"

enum { MISS_SEND_LEN_DEFAULT = 128 };

static uint8_t highest(uint32_t versions)
{
    uint8_t version = 31;

    while (version > 0 && (versions >> version & 1) == 0) {
        version--;
    }
    return version;
}

struct session *session_new(struct bridge *bridge, struct conn *conn, uint64_t controller, uint64_t probe_ns)
{
    struct session *session = memory_zeroed(sizeof *session);

    session->bridge = bridge;
    session->conn = conn;
    session->number = ++bridge->agent->n_sessions_ever;
    session->controller = controller;
    session->opened_ns = session->heard_ns = bridge->agent->now_ns;
    session->probe_ns = probe_ns;
    session->role = OF_ROLE_EQUAL;
    session->versions = bridge_versions(bridge);
    session->version = highest(session->versions);
    session->config.miss_send_len = controller != 0 ? MISS_SEND_LEN_DEFAULT : 0;
    struct of_message hello = {.type = OF_HELLO, .hello = {.versions = session->versions}};
    session_send(session, &hello);
    return session;
}

void session_join(struct session *session)
{
    struct bridge *bridge = session->bridge;

    session->next = bridge->sessions;
    bridge->sessions = session;
    bridge->n_sessions++;
}

void session_destroy(struct session **session)
{
    if (*session == NULL) {
        return;
    }
    on_multipart_drop(*session);
    conn_destroy(&(*session)->conn);
    free((*session)->held);
    bundles_drop(*session);
    monitors_drop(*session);
    packet_queue_destroy(&(*session)->queues[0]);
    packet_queue_destroy(&(*session)->queues[1]);
    free(*session);
    *session = NULL;
}

/* What the controllers of the bridge are told goes to those who look, and what they say. Tools have their own eyes. */
static bool is_watched(const struct session *session)
{
    return (session->controller != 0 || session->listener != 0) && snoop_is_watched(session->bridge->snoop);
}

static void tell_snoopers(struct session *session)
{
    const uint8_t *bytes;
    size_t size = conn_appended(session->conn, &bytes);

    if (size > 0 && is_watched(session)) {
        snoop_tell(session->bridge->snoop, bytes, size);
    }
}

static int flush(struct session *session)
{
    tell_snoopers(session);
    return conn_flush(session->conn);
}

void session_close(struct session *session, const char *format, ...)
{
    va_list args;

    if (session->state == SESSION_CLOSED) {
        return;
    }
    session->state = SESSION_CLOSED;
    va_start(args, format);
    (void)vsnprintf(session->reason, sizeof session->reason, format, args);
    va_end(args);
    (void)!flush(session);
}

/* 1.0 has some messages in the form that the peer has asked for. */
static enum of_form form_of(const struct session *session, const struct of_message *message)
{
    static const enum of_form packet_ins[] = {OF_FORM_STANDARD, OF_FORM_NICIRA, OF_FORM_NICIRA2};

    if (message->type == OF_PACKET_IN) {
        return packet_ins[session->packet_in_format];
    }
    bool is_nxm = session->version == OF_VERSION_10 && session->flow_format == OF_FLOW_FORMAT_NXM;
    return message->type == OF_FLOW_REMOVED && is_nxm ? OF_FORM_NICIRA : message->form;
}

/* A meter that went took the rule along, or another rule took its place: before 1.4 that is a deletion, as any. */
static uint8_t removed_reason(const struct session *session, unsigned reason)
{
    bool is_later = reason == OF_REMOVED_METER_DELETE || reason == OF_REMOVED_EVICTION;

    return (uint8_t)(is_later && session->version < OF_VERSION_14 ? OF_REMOVED_DELETE : reason);
}

static void encode(struct session *session, struct of_message *message, struct writer *out)
{
    enum of_form form = message->form;
    uint8_t reason = message->type == OF_FLOW_REMOVED ? message->flow_removed.reason : 0;

    message->version = session->version;
    message->form = form_of(session, message);
    if (message->type == OF_FLOW_REMOVED) {
        message->flow_removed.reason = removed_reason(session, reason);
    }
    int err = of_encode(message, out);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "openflow-unsent bridge=%s type=%s error=\"%s\"", session->bridge->name,
                    of_type_name((uint8_t)message->type), error_text(err));
    }
    message->form = form; /* of the next session it goes to */
    if (message->type == OF_FLOW_REMOVED) {
        message->flow_removed.reason = reason;
    }
}

void session_send(struct session *session, struct of_message *message)
{
    encode(session, message, conn_output(session->conn));
}

void session_limit(struct session *session, uint32_t rate, uint32_t burst)
{
    for (size_t i = 0; i < 2; i++) {
        if (session->queues[i] == NULL && rate != 0) {
            session->queues[i] = packet_queue_new();
        }
        if (session->queues[i] != NULL) {
            packet_queue_limit(session->queues[i], rate, burst, session->bridge->agent->now_ns);
        }
    }
}

/* Does the peer read? */
static bool may_send_packet_in(struct session *session)
{
    bool has_room = conn_has_room(session->conn);
    struct agent_counts *counts = &session->bridge->agent->counts;

    session->n_packet_ins += has_room;
    session->n_packet_ins_dropped += !has_room;
    counts->packet_ins += has_room;
    counts->packet_ins_dropped += !has_room;
    return has_room;
}

void session_send_packet_in(struct session *session, struct of_message *message, uint32_t port, bool is_miss)
{
    struct packet_queue *queue = session->queues[is_miss];
    struct agent_counts *counts = &session->bridge->agent->counts;

    if (queue == NULL || packet_queue_admits(queue, session->bridge->agent->now_ns)) {
        if (may_send_packet_in(session)) {
            session_send(session, message);
        }
        return;
    }
    struct writer w;
    uint64_t n_dropped = packet_queue_dropped(queue);
    writer_init(&w);
    encode(session, message, &w);
    if (w.size > 0) {
        packet_queue_hold(queue, port, w.bytes, w.size);
        counts->packet_ins_held[is_miss]++;
        counts->packet_ins_limited[is_miss] += packet_queue_dropped(queue) - n_dropped;
    }
    writer_fini(&w);
}

/* What has been held back and may go now. Where the peer does not read it stays, and the queue is bounded. */
static void send_held(struct session *session)
{
    for (size_t i = 0; i < 2; i++) {
        while (session->queues[i] != NULL && conn_has_room(session->conn) &&
               packet_queue_take(session->queues[i], session->bridge->agent->now_ns, conn_output(session->conn))) {
            session->n_packet_ins++;
            session->bridge->agent->counts.packet_ins++;
        }
    }
}

uint64_t session_next_ns(const struct session *session)
{
    uint64_t next_ns = UINT64_MAX;

    for (size_t i = 0; i < 2 && conn_has_room(session->conn); i++) { /* of no room the socket tells */
        uint64_t other_ns = session->queues[i] != NULL ? packet_queue_next_ns(session->queues[i], session->bridge->agent->now_ns) : UINT64_MAX;
        next_ns = other_ns < next_ns ? other_ns : next_ns;
    }
    return next_ns;
}

void session_send_error(struct session *session, enum of_error_number number, const uint8_t *request, size_t size)
{
    session->n_errors++;
    session->bridge->agent->counts.errors++;
    of_encode_error(conn_output(session->conn), session->version, number, request, size);
}

bool session_wants(const struct session *session, const uint32_t masks[2], unsigned reason)
{
    if (session->state != SESSION_ACTIVE || (session->controller == 0 && session->config.miss_send_len == 0)) {
        return false;
    }
    if (masks == session->async.flow_removed) {
        reason = removed_reason(session, reason);
    }
    return (masks[session->role == OF_ROLE_SLAVE] >> reason & 1) != 0;
}

/* Before 1.4 there are but three reasons, before 1.3 no table-miss rules; and from 1.3 on what no rule matches is dropped [OF1.3.5 §5.4]. */
bool session_wants_packet_in(const struct session *session, unsigned reason, uint8_t *out_reason)
{
    if (reason == PACKET_IN_NO_RULE) {
        if (session->version >= OF_VERSION_13) {
            return false;
        }
        reason = PACKET_IN_NO_MATCH;
    } else if ((reason == PACKET_IN_NO_MATCH && session->version < OF_VERSION_13) || (reason > PACKET_IN_INVALID_TTL && session->version < OF_VERSION_14)) {
        reason = PACKET_IN_ACTION;
    }
    *out_reason = (uint8_t)reason;
    return session_wants(session, session->async.packet_in, reason);
}

/* What a peer that has said nothing of it is sent, by the reasons that its version knows. */
static void default_filter(struct session *session)
{
    bool is_14 = session->version >= OF_VERSION_14;
    uint32_t packet_in = 1u << PACKET_IN_NO_MATCH | 1u << PACKET_IN_ACTION;
    uint32_t removed = 1u << OF_REMOVED_IDLE | 1u << OF_REMOVED_HARD | 1u << OF_REMOVED_DELETE | 1u << OF_REMOVED_GROUP_DELETE;

    if (is_14) {
        packet_in |= 1u << PACKET_IN_ACTION_SET | 1u << PACKET_IN_GROUP | 1u << PACKET_IN_PACKET_OUT;
        removed |= 1u << OF_REMOVED_METER_DELETE | 1u << OF_REMOVED_EVICTION;
    }
    session->async = (struct of_async){.packet_in = {packet_in, 0}, .port_status = {7, 7}, .flow_removed = {removed, 0}};
}

static void fail_hello(struct session *session, uint32_t xid, uint32_t theirs)
{
    char text[96];

    int n = snprintf(text, sizeof text, "no version in common: we speak the set 0x%x, you offer the set 0x%x", session->versions, theirs);
    struct of_message error = {
        .type = OF_ERROR,
        .xid = xid,
        .error = {.number = OF_ERROR_HELLO_FAILED_INCOMPATIBLE, .data = (const uint8_t *)text, .data_size = (size_t)n}};
    session_send(session, &error);
    session_close(session, "no OpenFlow version in common, the peer offers the set 0x%x", theirs);
}

static void on_hello(struct session *session, const struct of_message *hello)
{
    uint32_t common = hello->hello.versions & session->versions;

    if (common == 0) {
        fail_hello(session, hello->xid, hello->hello.versions);
        return;
    }
    session->version = highest(common);
    default_filter(session);
    session->state = SESSION_ACTIVE;
    session->was_active = true;
    log_debug("openflow-session bridge=%s session=%llu version=%u", session->bridge->name, (unsigned long long)session->number,
              session->version);
}

static void receive(struct session *session, const uint8_t *bytes, size_t size)
{
    struct of_decode_context context = {.version = session->state == SESSION_HELLO ? 0 : session->version,
                                        .n_tables = TABLE_COUNT,
                                        .has_table_id = session->has_table_id};
    struct of_message message;
    struct of_error error;

    session->heard_ns = session->bridge->agent->now_ns;
    session->is_probed = false;
    if (is_watched(session)) {
        tell_snoopers(session);
        snoop_tell(session->bridge->snoop, bytes, size);
    }
    if (of_decode(bytes, size, &context, &message, &error) != 0) {
        LOG_LIMITED(LOG_LEVEL_INFO, "openflow-refused bridge=%s error=%s detail=\"%s\"", session->bridge->name,
                    of_error_name(error.number), error.detail.text);
        session_send_error(session, error.number, bytes, size);
        if (session->state == SESSION_HELLO) {
            session_close(session, "the first message cannot be understood: %s", error.detail.text);
        }
        return;
    }
    if (message.type == OF_HELLO) {
        if (session->state == SESSION_HELLO) {
            on_hello(session, &message);
        }
    } else {
        dispatch(session, &message, bytes, size);
    }
    of_message_fini(&message);
}

static bool is_paused(const struct session *session)
{
    return session->state == SESSION_CLOSED || session->waits_for_barrier || session->walk != NULL || session->held != NULL ||
           session->commits_alone || session->n_commits >= BUNDLE_COMMITS_MAX || session->bridge->successor != 0 ||
           inflight_size(session->bridge->inflight) >= INFLIGHT_CHANGES_MAX || bridge_is_behind(session->bridge);
}

/* Answers a barrier when what came before it is committed, and every shard forwards that way (I3). */
static void try_barrier(struct session *session)
{
    struct ofagent *agent = session->bridge->agent;
    struct version committed;

    if (!session->waits_for_barrier || session->n_commits > 0) {
        return;
    }
    if (!session->is_committed) {
        if (inflight_committed(session->bridge->inflight, &committed) < session->last_batch || session->n_port_mods > 0) {
            return;
        }
        session->is_committed = true;
        session->barrier_version = session->last_batch != 0 ? committed : (struct version){0, 0};
        if (!version_reached(session->barrier_version, session->port_mod_version)) {
            session->barrier_version = session->port_mod_version;
        }
    }
    if (!version_reached(cfg_version(agent->cfg), session->barrier_version) ||
        !floor_reached(&agent->floor, session->barrier_version)) {
        agent->awaits_floor = true;
        return;
    }
    session->waits_for_barrier = false;
    histogram_add(&agent->barriers, agent->now_ns - session->barrier_ns);
    struct of_message reply = {.type = OF_BARRIER_REPLY, .xid = session->barrier_xid};
    session_send(session, &reply);
}

static void try_held(struct session *session)
{
    struct version committed;

    if (session->held == NULL || inflight_committed(session->bridge->inflight, &committed) < session->last_batch) {
        return;
    }
    uint8_t *bytes = session->held;
    session->held = NULL;
    receive(session, bytes, session->held_size);
    free(bytes);
}

static void watch_silence(struct session *session)
{
    uint64_t now_ns = session->bridge->agent->now_ns;

    if (session->state == SESSION_HELLO && now_ns - session->opened_ns > SESSION_HELLO_NS) {
        session_close(session, "no HELLO for %llu s", SESSION_HELLO_NS / NS_PER_S);
        return;
    }
    if (session->state != SESSION_ACTIVE || session->probe_ns == 0 || is_paused(session)) {
        return;
    }
    if (!session->is_probed && now_ns - session->heard_ns >= session->probe_ns) {
        struct of_message echo = {.type = OF_ECHO_REQUEST};
        session->is_probed = true;
        session->probed_ns = now_ns;
        session_send(session, &echo);
    } else if (session->is_probed && now_ns - session->probed_ns >= session->probe_ns) {
        session_close(session, "no answer to an echo request for %llu ms", (unsigned long long)(session->probe_ns / NS_PER_MS));
    }
}

static void read_input(struct session *session)
{
    const uint8_t *bytes;
    size_t size;
    int result = 0;

    while (!is_paused(session) && (result = conn_next(session->conn, &bytes, &size)) > 0) {
        receive(session, bytes, size);
    }
    if (result == -EPROTO) {
        struct of_message error = {
            .type = OF_ERROR, .xid = conn_xid(session->conn), .error = {.number = OF_ERROR_BAD_REQUEST_BAD_LEN}};
        session_send(session, &error);
        session_close(session, "a message claims to be shorter than its header");
    } else if (result < 0) {
        session_close(session, "%s", conn_why(session->conn, result));
    }
}

void session_step(struct session *session)
{
    if (session->state == SESSION_CLOSED) {
        return;
    }
    const struct ofagent *agent = session->bridge->agent;
    int fd = conn_fd(session->conn);

    /* Who waited for us and may go on now has hardly said anything meanwhile; the next poll() tells. */
    conn_begin_step(session->conn, agent_may_have(agent, fd, POLLIN) && !(agent->has_polled && is_paused(session)));
    bundles_step(session);
    try_barrier(session);
    try_held(session);
    if (session->walk != NULL) {
        on_multipart_continue(session);
    }
    bool waits;
    do { /* what has come behind a barrier that is answered at once is read at once */
        read_input(session);
        waits = session->waits_for_barrier;
        try_barrier(session);
    } while (waits && !session->waits_for_barrier);
    if (is_paused(session) && agent_may_have(agent, fd, POLLHUP | POLLERR) && conn_is_dead(session->conn)) {
        session_close(session, "closed by the peer");
    }
    watch_silence(session);
    if (session->state != SESSION_CLOSED) {
        send_held(session);
        int err = flush(session);
        if (err != 0) {
            session_close(session, "%s", conn_why(session->conn, err));
        }
    }
}

short session_events(const struct session *session, bool *out_again)
{
    bool wants_input = !is_paused(session);

    *out_again = (wants_input && conn_has_more(session->conn)) || (session->walk != NULL && conn_has_room(session->conn));
    return conn_events(session->conn, wants_input);
}
