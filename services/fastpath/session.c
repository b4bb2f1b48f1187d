/* The session wire from the shard's side.
 *
 *     FREE --HELLO accepted--> OPEN --silence, jump, bad message, HELLO again--> CLOSED --last flow adopted or gone--> FREE
 *
 * Only the shard decides who answers what: 256 buckets of the flow hash, shared evenly by the open sessions; one that comes takes from all, one that
 * goes gives to all, and no other bucket moves. Evenly, because asks of all wait in one room, which fills with those of the busiest: with buckets
 * dealt by hash the largest share of four is expected some 11 % above a quarter. A closed session
 * stays in the table as the owner of its flows, which go on forwarding while adopt.c offers them; its `reached` holds the floor down until they are adopted.
 * The floor is the least `reached` of open sessions and unadopted flows, and never sinks: nobody below it is let in. Nor does it pass what the shard
 * knows itself: a barrier behind a change of a meter is answered when packets are measured by the new rate (I3).
 * Cost: per message; one thread. Invariants: a message acts only within the session that sent it; floor and reached only grow.
 */
#include "services/fastpath/session.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/authors.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/fastpath/adopt.h"
#include "services/fastpath/install.h"
#include "services/fastpath/miss.h"
#include "services/fastpath/up.h"

enum { MESSAGES_PER_STEP = 64 /* then packets get their turn again */ };

int session_send(struct shard *shard, struct session *session, enum message_type type, const ProtobufCMessage *message)
{
    return msg_send(shard->socket, &session->who, type, message);
}

size_t session_count_open(const struct shard *shard)
{
    size_t n = 0;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        n += shard->sessions[i].state == SESSION_OPEN;
    }
    return n;
}

static uint8_t least_busy(const struct shard *shard, const unsigned n_of[SESSIONS_MAX])
{
    uint8_t chosen = OWNER_NONE;
    for (uint8_t i = 0; i < SESSIONS_MAX; i++) {
        if (shard->sessions[i].state == SESSION_OPEN && (chosen == OWNER_NONE || n_of[i] < n_of[chosen])) {
            chosen = i;
        }
    }
    return chosen;
}

/* What an open session has it keeps, up to its share; the rest is dealt to those that have least. */
static void share_buckets(struct shard *shard)
{
    unsigned n_of[SESSIONS_MAX] = {0}, n_open = (unsigned)session_count_open(shard), most = n_open > 0 ? (SESSION_BUCKETS + n_open - 1) / n_open : 0;
    for (unsigned bucket = 0; bucket < SESSION_BUCKETS; bucket++) {
        uint8_t *owner = &shard->buckets[bucket];
        if (*owner != OWNER_NONE && shard->sessions[*owner].state == SESSION_OPEN && n_of[*owner] < most) {
            n_of[*owner]++;
        } else {
            *owner = OWNER_NONE;
        }
    }
    for (unsigned bucket = 0; bucket < SESSION_BUCKETS; bucket++) {
        uint8_t *owner = &shard->buckets[bucket];
        if (*owner == OWNER_NONE && n_open > 0) {
            *owner = least_busy(shard, n_of);
            n_of[*owner]++;
        }
    }
}

/* It, or flows of it that nobody has adopted, forward packets. */
static bool session_counts(const struct session *session)
{
    return session->state == SESSION_OPEN || (session->state == SESSION_CLOSED && session->n_owned > 0);
}

uint64_t session_take_floor_for(struct shard *shard)
{
    uint64_t authors = shard->floor_for;
    bool is_ahead = false;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *session = &shard->sessions[i];
        is_ahead = is_ahead || (session_counts(session) && session->reached.n > shard->floor.n);
    }
    shard->floor_for = is_ahead ? authors : AUTHORS_NONE;
    return authors;
}

bool session_update_floor(struct shard *shard)
{
    struct version least = {0};
    bool any = false;
    uint64_t settings_n = 0;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *session = &shard->sessions[i];
        if (session_counts(session) && (!any || session->reached.n < least.n)) {
            least = session->reached;
            settings_n = session->settings_n;
            any = true;
        }
    }
    if (any && shard->known.n != 0 && shard->known.n < least.n && shard->known.n < settings_n) {
        least = shard->known;
    }
    if (!any || least.n <= shard->floor.n) {
        return false;
    }
    shard->floor = least;
    return true;
}

/* ---- closing ---- */

static void free_memory(struct session *session)
{
    free(session->names);
    free(session->gone);
    free(session->up_bytes);
    session->names = NULL;
    session->gone = NULL;
    session->up_bytes = NULL;
    session->n_names = 0;
    session->n_gone = session->gone_room = 0;
    session->n_asks = session->n_ups = session->up_size = 0;
}

void session_close(struct shard *shard, struct session *session, const char *reason, uint64_t now_ns)
{
    log_info("session_closed peer=%s.%u reason=\"%s\" flows=%zu", process_kind_name(session->who.kind), session->who.instance, reason,
             session->n_owned);
    session->state = session->n_owned > 0 ? SESSION_CLOSED : SESSION_FREE;
    shard->counts.sessions_closed++;
    up_give_up(shard, session);
    free_memory(session);
    share_buckets(shard);
    adopt_take_back(shard, session);
    miss_session_closed(shard, session, now_ns);
}

void session_close_all(struct shard *shard, const char *reason, uint64_t now_ns)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (shard->sessions[i].state == SESSION_OPEN) {
            session_close(shard, &shard->sessions[i], reason, now_ns);
        }
    }
}

/* ---- opening ---- */

static void send_links(struct shard *shard, struct session *session)
{
    Busbar__LinkStates message = BUSBAR__LINK_STATES__INIT;
    Busbar__LinkState *links = memory_array(shard->ports.n_ports + 1, sizeof *links);
    Busbar__LinkState **pointers = memory_array(shard->ports.n_ports + 1, sizeof(Busbar__LinkState *));
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        const struct port *port = shard->ports.ports[i];
        if (!port->is_known || port->elsewhere != 0) {
            continue; /* "down" from us would be wrong: another shard knows better, or we shall in a moment */
        }
        Busbar__LinkState *link = &links[message.n_links];
        busbar__link_state__init(link);
        link->port = port->id;
        link->up = port->can_send;
        pointers[message.n_links++] = link;
    }
    message.links = pointers;
    session->links_late = session_send(shard, session, MESSAGE_LINK_STATES, &message.base) == -EAGAIN;
    free(links);
    free(pointers);
}

void session_tell_link(struct shard *shard, const struct port *port)
{
    Busbar__LinkStates message = BUSBAR__LINK_STATES__INIT;
    Busbar__LinkState link = BUSBAR__LINK_STATE__INIT, *pointer = &link;
    link.port = port->id;
    link.up = port->can_send;
    message.n_links = 1;
    message.links = &pointer;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &shard->sessions[i];
        if (session->state == SESSION_OPEN && session_send(shard, session, MESSAGE_LINK_STATES, &message.base) == -EAGAIN) {
            session->links_late = true;
        }
    }
}

static void refuse(struct shard *shard, const struct bus_identity *who, uint64_t number, const char *reason)
{
    Busbar__SessionRefuse message = BUSBAR__SESSION_REFUSE__INIT;
    Busbar__Version floor;
    version_encode(shard->floor.n > shard->registered.n ? shard->floor : shard->registered, &floor);
    message.reason = (char *)reason;
    message.floor = &floor;
    message.session = number;
    int err = msg_send(shard->socket, who, MESSAGE_SESSION_REFUSE, &message.base);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_DEBUG, "refusal_unsent peer=%s.%u error=\"%s\"", process_kind_name(who->kind), who->instance, error_text(err));
    }
}

static struct session *find_open(struct shard *shard, const struct bus_identity *who, bool any_life)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &shard->sessions[i];
        bool same = session->who.kind == who->kind && session->who.instance == who->instance;
        if (session->state == SESSION_OPEN && same && (any_life || session->who.start == who->start)) {
            return session;
        }
    }
    return NULL;
}

static struct session *free_session(struct shard *shard)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
            if (shard->sessions[i].state == SESSION_FREE) {
                return &shard->sessions[i];
            }
        }
        adopt_merge_closed(shard);
    }
    return NULL;
}

static const char *why_not(const struct shard *shard, const Busbar__SessionHello *hello)
{
    struct version reached = version_decode(hello->reached);
    if (hello->key_layout != MSG_KEY_LAYOUT) {
        return "another layout of the flow key";
    }
    if (!shard->is_registered) {
        return "this fastpath has not joined yet";
    }
    if (!version_reached(reached, shard->registered) || !version_reached(reached, shard->floor)) {
        return "the configuration it has reached is below the floor";
    }
    return NULL;
}

static void on_hello(struct shard *shard, const struct bus_message *message, uint64_t now_ns)
{
    Busbar__SessionHello *hello = (Busbar__SessionHello *)msg_unpack(message, &busbar__session_hello__descriptor);
    struct session *session = find_open(shard, &message->from, true);
    if (hello == NULL) {
        shard->counts.malformed++;
        return;
    }
    if (session != NULL) {
        session_close(shard, session, "it says hello again", now_ns);
    }
    const char *reason = why_not(shard, hello);
    session = reason == NULL ? free_session(shard) : NULL;
    if (session == NULL) {
        shard->counts.hellos_refused++;
        refuse(shard, &message->from, hello->session, reason != NULL ? reason : "too many sessions");
        protobuf_c_message_free_unpacked(&hello->base, NULL);
        return;
    }
    shard->floor_for = AUTHORS_ALL; /* whose commits it has seen before is not known */
    *session = (struct session){.state = SESSION_OPEN,
                                .who = message->from,
                                .reached = version_decode(hello->reached),
                                .sequence = message->sequence,
                                .heard_ns = now_ns,
                                .opened_ns = now_ns};
    session->settings_n = session->reached.n; /* it has not said */
    session->up_bytes = memory_zeroed(UP_BYTES);
    shard->counts.sessions_opened++;
    share_buckets(shard);
    Busbar__SessionWelcome welcome = BUSBAR__SESSION_WELCOME__INIT;
    Busbar__Version floor;
    version_encode(shard->floor, &floor);
    welcome.floor = &floor;
    welcome.session = hello->session;
    protobuf_c_message_free_unpacked(&hello->base, NULL);
    if (session_send(shard, session, MESSAGE_SESSION_WELCOME, &welcome.base) != 0) {
        session_close(shard, session, "the welcome could not be sent", now_ns);
        return;
    }
    log_info("session_opened peer=%s.%u reached=%llu", process_kind_name(session->who.kind), session->who.instance,
             (unsigned long long)session->reached.n);
    send_links(shard, session);
}

/* ---- messages of an open session ---- */

static bool on_reached(struct shard *shard, struct session *session, const struct bus_message *message)
{
    Busbar__Reached *reached = (Busbar__Reached *)msg_unpack(message, &busbar__reached__descriptor);
    if (reached == NULL) {
        return false;
    }
    struct version version = version_decode(reached->version);
    if (version.n > session->reached.n) {
        session->reached = version;
        session->settings_n = reached->settings != 0 ? reached->settings : version.n;
    }
    shard->floor_for = authors_join(shard->floor_for, reached->authors);
    protobuf_c_message_free_unpacked(&reached->base, NULL);
    return true;
}

/* False: the message makes no sense, which ends the session. */
static bool dispatch(struct shard *shard, struct session *session, const struct bus_message *message)
{
    switch (message->type) {
    case MESSAGE_SESSION_BEAT:
        return true;
    case MESSAGE_COUNTER_NAMES:
        return install_counter_names(shard, session, message);
    case MESSAGE_ANSWER_BATCH:
        return install_answers(shard, session, message);
    case MESSAGE_FLOW_CHANGE_BATCH:
        return install_changes(shard, session, message);
    case MESSAGE_REACHED:
        return on_reached(shard, session, message);
    case MESSAGE_FRAME_DOWN:
        return up_frame_down(shard, session, message);
    default:
        return false; /* the bus lets no other type of a slowpath through */
    }
}

static void on_message(struct shard *shard, const struct bus_message *message, uint64_t now_ns)
{
    if (message->type == MESSAGE_SESSION_HELLO) {
        on_hello(shard, message, now_ns);
        return;
    }
    struct session *session = find_open(shard, &message->from, false);
    if (session == NULL) {
        shard->counts.strangers++;
        if (message->type == MESSAGE_SESSION_BEAT) {
            refuse(shard, &message->from, 0, "no session is open");
        }
        return;
    }
    if (message->sequence != session->sequence + 1) {
        shard->counts.sequence_jumps++;
        session_close(shard, session, "messages were lost", now_ns);
        return;
    }
    session->sequence = message->sequence;
    session->heard_ns = now_ns;
    if (!dispatch(shard, session, message)) {
        shard->counts.malformed++;
        session_close(shard, session, "it sent something malformed", now_ns);
    }
}

/* is_heard: all that it has said so far has been read, so its silence is its own. */
static void beat(struct shard *shard, struct session *session, bool is_heard, uint64_t now_ns)
{
    Busbar__SessionBeat message = BUSBAR__SESSION_BEAT__INIT;
    if (is_heard && now_ns - session->heard_ns > SESSION_SILENCE_MS * NS_PER_MS) {
        session_close(shard, session, "silent for 500 ms", now_ns);
        return;
    }
    if (now_ns - session->beat_ns >= SESSION_BEAT_MS * NS_PER_MS) {
        session->beat_ns = now_ns;
        int err = session_send(shard, session, MESSAGE_SESSION_BEAT, &message.base);
        if (err == -ERROR_NOT_CONNECTED) {
            session_close(shard, session, "the connection fell", now_ns);
            return;
        }
    }
    if (session->links_late) {
        send_links(shard, session);
    }
}

unsigned session_receive(struct shard *shard, uint64_t now_ns)
{
    struct bus_message message;
    unsigned n = 0;
    shard->worker.now_ns = now_ns;
    while (n < MESSAGES_PER_STEP && bus_recv(shard->socket, &message) == 0) {
        on_message(shard, &message, now_ns);
        bus_message_fini(&message);
        n++;
    }
    return n;
}

unsigned session_step(struct shard *shard, uint64_t now_ns)
{
    unsigned n = session_receive(shard, now_ns);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (shard->sessions[i].state == SESSION_OPEN) {
            beat(shard, &shard->sessions[i], n < MESSAGES_PER_STEP, now_ns);
        }
    }
    adopt_step(shard);
    session_flush(shard);
    return n;
}

static void flush(struct shard *shard, bool all)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &shard->sessions[i];
        if (session->state == SESSION_OPEN) {
            install_flush_gone(shard, session);
            up_flush(shard, session);
            if (all) {
                miss_flush(shard, session);
            } else {
                miss_flush_due(shard, session);
            }
        }
    }
    worker_flush(&shard->worker);
}

void session_flush(struct shard *shard)
{
    flush(shard, false);
}

void session_flush_all(struct shard *shard)
{
    flush(shard, true);
}
