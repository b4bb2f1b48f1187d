/* The life of a session, its messages, and when `reached` may be said.
 *
 *     CLOSED --HELLO(number)--> ASKED --WELCOME(same number)--> OPEN --silence, lost message, REFUSE, too many names--> CLOSED
 *                                 `--REFUSE, or no reply for 1 s--> CLOSED
 *
 * A HELLO has a number, and only the reply with the last one's number counts: the shard begins a session with each HELLO it hears, so a
 * reply to an older one belongs to a session that is over there. Whatever comes outside OPEN is the tail of a session that is over here.
 *
 * `reached v` follows the corrections of v on the same connection, so the shard's floor says what its flows are: the version before
 * that of the first flow still marked, or the applied version when none is. Flows marked by MAC events have no version to wait for.
 * Cost: per message; bounded work a step (session.h). Thread: the one that translates. Invariants: each ask answered once; reached grows.
 */
#include "services/slowpath/session.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/authors.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/slowpath/packet.h"
#include "services/slowpath/session_state.h"

struct session *session_new(struct core *core, const struct bus_identity *shard, const char *endpoint)
{
    struct session *session = memory_zeroed(sizeof *session);
    session->core = core;
    session->shard = *shard;
    session->flows = flow_index_new();
    session->names = names_new();
    msg_arena_init(&session->arena);
    session->misses = memory_array(SESSION_MISSES_MAX, sizeof *session->misses);
    session->offers = memory_array(SESSION_OFFERS_MAX, sizeof *session->offers);
    int err = bus_connect(core->bus, WIRE_SESSION, endpoint, &session->socket);
    if (err != 0) {
        log_error("session_unconnected endpoint=%s error=\"%s\"", endpoint, error_text(err));
    }
    return session;
}

void session_destroy(struct session **session)
{
    if (*session == NULL) {
        return;
    }
    bus_close(&(*session)->socket);
    flow_index_destroy(&(*session)->flows);
    names_destroy(&(*session)->names);
    msg_arena_fini(&(*session)->arena);
    answer_batch_destroy(&(*session)->batch);
    free((*session)->misses);
    free((*session)->offers);
    free(*session);
    *session = NULL;
}

const struct bus_identity *session_shard(const struct session *session)
{
    return &session->shard;
}

int session_fd(const struct session *session)
{
    return session->socket != NULL ? bus_fd(session->socket) : -1;
}

bool session_is_open(const struct session *session)
{
    return session->state == SESSION_OPEN;
}

struct flow_index *session_flows(const struct session *session)
{
    return session->flows;
}

/* ---- opening and closing ---- */

static void forget(struct session *session)
{
    flow_index_destroy(&session->flows);
    names_destroy(&session->names);
    session->flows = flow_index_new();
    session->names = names_new();
    session->n_misses = session->n_offers = 0;
    session->answers = 0;
}

static void close_session(struct session *session, const char *reason)
{
    if (session->state == SESSION_OPEN) {
        log_info("session_closed peer=fastpath.%u reason=\"%s\" flows=%zu", session->shard.instance, reason,
                 flow_index_count(session->flows));
        session->core->counts.sessions_closed++;
        forget(session);
    }
    session->state = SESSION_CLOSED;
    session->hello_ns = session->core->now_ns;
}

static void say_hello(struct session *session)
{
    struct core *core = session->core;
    Busbar__SessionHello hello = BUSBAR__SESSION_HELLO__INIT;
    Busbar__Version version;
    version_encode(core->version, &version);
    hello.reached = &version;
    hello.key_layout = MSG_KEY_LAYOUT;
    hello.session = ++core->sessions_named;
    int err = msg_send(session->socket, NULL, MESSAGE_SESSION_HELLO, &hello.base);
    session->hello_ns = core->now_ns + SESSION_RETRY_MS * NS_PER_MS;
    if (err == 0) {
        session->number = hello.session;
        session->reached = core->version;
        session->authors = AUTHORS_NONE;
        session->state = SESSION_ASKED;
        session->hello_ns = core->now_ns + SESSION_HELLO_TIMEOUT_MS * NS_PER_MS;
    }
}

static void on_welcome(struct session *session, const struct bus_message *message)
{
    Busbar__SessionWelcome *welcome = (Busbar__SessionWelcome *)msg_unpack(message, &busbar__session_welcome__descriptor);
    if (welcome == NULL) {
        session->core->counts.malformed++;
        return;
    }
    if (session->state == SESSION_ASKED && welcome->session == session->number) {
        forget(session);
        session->state = SESSION_OPEN;
        session->sequence = message->sequence;
        session->heard_ns = session->beat_ns = session->core->now_ns;
        session->refusals = 0;
        session->core->counts.sessions_opened++;
        log_info("session_opened peer=fastpath.%u reached=%llu", session->shard.instance,
                 (unsigned long long)session->reached.n);
    }
    protobuf_c_message_free_unpacked(&welcome->base, NULL);
}

/* Foreign text on its way into the log: one line, printable, short. */
static void make_printable(char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        text[i] = (char)(i == 120 ? '\0' : text[i] >= ' ' && text[i] <= '~' && text[i] != '"' ? text[i] : '?');
    }
}

static void on_refuse(struct session *session, const struct bus_message *message)
{
    Busbar__SessionRefuse *refuse = (Busbar__SessionRefuse *)msg_unpack(message, &busbar__session_refuse__descriptor);
    if (refuse == NULL) {
        session->core->counts.malformed++;
        return;
    }
    make_printable(refuse->reason);
    if (session->state == SESSION_ASKED && refuse->session == session->number) {
        session->state = SESSION_CLOSED;
        session->hello_ns = session->core->now_ns + SESSION_RETRY_MS * NS_PER_MS;
        if (session->refusals++ % 50 == 0) {
            log_info("session_refused peer=fastpath.%u reason=\"%s\"", session->shard.instance, refuse->reason);
        }
    } else if (session->state == SESSION_OPEN && refuse->session == 0) {
        close_session(session, refuse->reason);
    }
    protobuf_c_message_free_unpacked(&refuse->base, NULL);
}

/* ---- messages of an open session ---- */

static void queue_miss(struct session *session, const struct session_miss *miss)
{
    if (session->n_misses == SESSION_MISSES_MAX) {
        session->core->counts.misses_dropped++;
        return;
    }
    session->misses[(session->miss_first + session->n_misses++) % SESSION_MISSES_MAX] = *miss;
}

static bool on_misses(struct session *session, const ProtobufCMessage *body)
{
    const Busbar__MissBatch *batch = (const Busbar__MissBatch *)body;
    bool makes_sense = batch->n_asks > 0 || batch->keys.len == 0;
    for (size_t i = 0; makes_sense && i < batch->n_asks; i++) {
        struct session_miss miss = {.ask = batch->asks[i]};
        makes_sense = keys_decode(&batch->keys, batch->n_asks, i, &miss.key) == 0;
        if (makes_sense) {
            queue_miss(session, &miss);
        }
    }
    return makes_sense;
}

static bool on_gone(struct session *session, const ProtobufCMessage *body)
{
    const Busbar__FlowGone *gone = (const Busbar__FlowGone *)body;
    for (size_t i = 0; i < gone->n_ids; i++) {
        struct flow_id id = {.high = gone->ids[i]->high, .low = gone->ids[i]->low};
        struct flow *flow = flow_index_find(session->flows, id);
        if (flow != NULL && flow->answer <= gone->answers) { /* else an answer under way installs it again */
            flow_index_remove(session->flows, flow);
        }
    }
    return true;
}

static bool on_offers(struct session *session, const ProtobufCMessage *body)
{
    const Busbar__FlowOfferBatch *batch = (const Busbar__FlowOfferBatch *)body;
    for (size_t i = 0; i < batch->n_offers; i++) {
        const Busbar__FlowOffer *from = batch->offers[i];
        if (session->n_offers == SESSION_OFFERS_MAX || from->id == NULL) {
            return false;
        }
        struct session_offer *offer = &session->offers[(session->offer_first + session->n_offers) % SESSION_OFFERS_MAX];
        if (key_decode(&from->key, &offer->key) != 0 || key_decode(&from->mask, &offer->mask) != 0) {
            return false;
        }
        offer->id = (struct flow_id){.high = from->id->high, .low = from->id->low};
        session->n_offers++;
    }
    return true;
}

static bool on_links(struct session *session, const ProtobufCMessage *body)
{
    const Busbar__LinkStates *states = (const Busbar__LinkStates *)body;
    for (size_t i = 0; i < states->n_links; i++) {
        world_set_link(&session->core->world, states->links[i]->port, states->links[i]->up);
    }
    return true;
}

static bool on_packets_up(struct session *session, const ProtobufCMessage *body)
{
    packet_up(session->core->packets, (const Busbar__PacketUpBatch *)body);
    return true;
}

static bool on_beat(struct session *session, const ProtobufCMessage *body)
{
    return true;
}

static const struct {
    uint32_t type;
    const ProtobufCMessageDescriptor *descriptor;
    bool (*take)(struct session *session, const ProtobufCMessage *body);
} handlers[] = {
    {MESSAGE_MISS_BATCH, &busbar__miss_batch__descriptor, on_misses},
    {MESSAGE_FLOW_GONE, &busbar__flow_gone__descriptor, on_gone},
    {MESSAGE_FLOW_OFFER_BATCH, &busbar__flow_offer_batch__descriptor, on_offers},
    {MESSAGE_PACKET_UP_BATCH, &busbar__packet_up_batch__descriptor, on_packets_up},
    {MESSAGE_LINK_STATES, &busbar__link_states__descriptor, on_links},
    {MESSAGE_SESSION_BEAT, &busbar__session_beat__descriptor, on_beat},
};

static bool take_body(struct session *session, const struct bus_message *message)
{
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type == message->type) {
            const ProtobufCMessage *body = msg_unpack_into(&session->arena, message, handlers[i].descriptor);
            return body != NULL && handlers[i].take(session, body);
        }
    }
    return false;
}

static void on_message(struct session *session, const struct bus_message *message)
{
    if (!bus_identity_equal(&message->from, &session->shard)) {
        return; /* another life of the shard at the same endpoint: its own row will bring its own session */
    }
    if (message->type == MESSAGE_SESSION_WELCOME) {
        on_welcome(session, message);
    } else if (message->type == MESSAGE_SESSION_REFUSE) {
        on_refuse(session, message);
    } else if (session->state == SESSION_OPEN && message->sequence != session->sequence + 1) {
        close_session(session, "messages were lost");
    } else if (session->state == SESSION_OPEN) {
        session->sequence = message->sequence;
        session->heard_ns = session->core->now_ns;
        if (!take_body(session, message)) {
            session->core->counts.malformed++;
            close_session(session, "it sent something malformed");
        }
    }
}

void session_receive(struct session *session)
{
    struct bus_message message;
    for (int i = 0; i < SESSION_MESSAGES_PER_STEP && session->socket != NULL; i++) {
        if (session->n_misses > SESSION_MISSES_MAX / 2 || session->n_offers > SESSION_OFFERS_MAX / 2) {
            session->heard_ns = session->core->now_ns; /* the silence is ours */
            break;
        }
        if (bus_recv(session->socket, &message) != 0) {
            break;
        }
        on_message(session, &message);
        bus_message_fini(&message);
    }
    if (session->socket != NULL && bus_take_version_change(session->socket)) {
        session->hello_ns = session->core->now_ns;
    }
}

/* ---- names, work, reached ---- */

int session_tell_names(struct session *session)
{
    uint32_t first;
    size_t n;
    const uint64_t *ids = names_untold(session->names, &first, &n);
    if (n == 0) {
        return 0;
    }
    Busbar__CounterNames message = BUSBAR__COUNTER_NAMES__INIT;
    Busbar__CounterName *names = memory_array(n, sizeof *names);
    Busbar__CounterName **pointers = memory_array(n, sizeof(Busbar__CounterName *));
    for (size_t i = 0; i < n; i++) {
        busbar__counter_name__init(&names[i]);
        names[i].number = first + (uint32_t)i;
        names[i].id = ids[i];
        pointers[i] = &names[i];
    }
    message.names = pointers;
    message.n_names = n;
    int err = msg_send(session->socket, NULL, MESSAGE_COUNTER_NAMES, &message.base);
    if (err == 0) {
        names_told(session->names);
    }
    free(names);
    free(pointers);
    return err;
}

uint32_t *session_number_counters(struct session *session, const uint64_t *ids, size_t n, struct number_list *list)
{
    if (list->numbers == NULL) {
        list->numbers = memory_array(SESSION_BATCH_ITEMS + TRANSLATE_COUNTERS_MAX, sizeof *list->numbers);
    }
    uint32_t *numbers = list->numbers + list->n;
    list->n += n;
    for (size_t i = 0; i < n; i++) {
        numbers[i] = names_number(session->names, ids[i]);
    }
    return numbers;
}

/* Are there numbers left for the ids of a batch? */
static bool may_name(const struct session *session)
{
    return names_count(session->names) + SESSION_BATCH_ITEMS + TRANSLATE_COUNTERS_MAX <= SESSION_NAMES_MAX;
}

bool session_batch_goes_on(const struct session *session, size_t n, size_t n_items)
{
    return n < SESSION_BATCH && n_items <= SESSION_BATCH_ITEMS && (n == 0 || session->core->work_left > 0);
}

static struct version version_reachable(const struct session *session)
{
    struct version version = session->core->version;
    const struct flow *first = flow_index_marked(session->flows);
    if (first != NULL && first->marked_n != 0 && first->marked_n <= version.n) {
        version.n = first->marked_n - 1;
    }
    return version;
}

static void tell_reached(struct session *session)
{
    struct version version = version_reachable(session);
    if (version.n <= session->reached.n) {
        return;
    }
    Busbar__Reached message = BUSBAR__REACHED__INIT;
    Busbar__Version encoded;
    version_encode(version, &encoded);
    message.version = &encoded;
    message.authors = session->authors;
    message.settings = session->core->settings_n < version.n ? session->core->settings_n : version.n;
    if (msg_send(session->socket, NULL, MESSAGE_REACHED, &message.base) == 0) {
        session->reached = version;
        session->authors = version.n == session->core->version.n ? AUTHORS_NONE : session->authors;
    }
}

void session_note_authors(struct session *session, uint64_t authors)
{
    session->authors = authors_join(session->authors, authors);
}

static void beat(struct session *session)
{
    uint64_t now_ns = session->core->now_ns;
    if (now_ns - session->heard_ns > SESSION_SILENCE_MS * NS_PER_MS) {
        close_session(session, "silent for 500 ms");
    } else if (!may_name(session)) {
        close_session(session, "too many counter ids named");
    } else if (flow_index_count(session->flows) > SESSION_FLOWS_MAX) {
        close_session(session, "too many flows remembered");
    } else if (now_ns - session->beat_ns >= SESSION_BEAT_MS * NS_PER_MS) {
        Busbar__SessionBeat message = BUSBAR__SESSION_BEAT__INIT;
        if (msg_send(session->socket, NULL, MESSAGE_SESSION_BEAT, &message.base) == 0) {
            session->beat_ns = now_ns;
        }
    }
}

/* Runs one kind of batch up to `limit` items, or until work_left is `rest`. True: more waits. */
static bool run_batches(struct session *session, int (*batch)(struct session *session), unsigned limit, int64_t rest)
{
    for (unsigned done = 0; done < limit && session->core->work_left > rest && may_name(session); done += SESSION_BATCH) {
        int err = batch(session);
        if (err != 0) {
            return err < 0;
        }
    }
    return true;
}

bool session_work(struct session *session)
{
    struct core *core = session->core;
    if (session->socket == NULL || !core->has_version) {
        return false;
    }
    if (session->state != SESSION_OPEN) {
        if (core->now_ns >= session->hello_ns) {
            say_hello(session);
        }
        return false;
    }
    int64_t share = core->work_left / 3; /* so that neither corrections nor offers hold up the misses */
    bool more = run_batches(session, amend_batch, SESSION_CORRECTIONS_PER_STEP, 2 * share);
    more = run_batches(session, amend_offers_batch, SESSION_CORRECTIONS_PER_STEP, share) || more;
    tell_reached(session);
    more = run_batches(session, answer_misses, SESSION_MISSES_PER_STEP, 0) || more;
    beat(session);
    return more;
}

bool session_has_reached(const struct session *session, struct version version)
{
    return session->state != SESSION_OPEN || version_reached(session->reached, version);
}

int session_send_frame(struct session *session, uint32_t in_port, const struct translation *translation, const void *frame,
                       size_t size)
{
    if (session->state != SESSION_OPEN) {
        return -ERROR_NOT_CONNECTED;
    }
    struct number_list numbers = {.numbers = NULL};
    Busbar__FrameDown message = BUSBAR__FRAME_DOWN__INIT;
    message.frame = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)frame};
    message.in_port = in_port;
    message.counters = session_number_counters(session, translation->counters, translation->n_counters, &numbers);
    message.n_counters = translation->n_counters;
    int err = session_tell_names(session);
    if (err == 0) {
        message.actions = dp_actions_encode(translation->actions, translation->n_actions);
        message.n_actions = translation->n_actions;
        err = msg_send(session->socket, NULL, MESSAGE_FRAME_DOWN, &message.base);
        dp_actions_message_free(message.actions, message.n_actions);
    }
    free(numbers.numbers);
    return err;
}
