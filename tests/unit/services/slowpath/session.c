/* Sessions against a shard made of a socket: opening, answers, corrections before reached, gone flows, offers, learning. */
#include <errno.h>

#include "lib/base/random.h"
#include "lib/bus/bus.h"
#include "lib/msg/counter_id.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/slowpath/correct.h"
#include "services/slowpath/packet.h"
#include "services/slowpath/session.h"
#include "tests/unit/services/slowpath/fixture.h"

enum { N_SEEN = 64 };

/* The shard's side: what it heard, in order, as text. */
struct bench {
    struct fixture fixture; /* its world and MAC table are core's */
    struct core core;
    struct bus_hub *hub;
    struct bus *bus, *shard_bus;
    struct bus_socket *shard;
    struct bus_identity replica, self;
    struct session *session;
    struct session *sessions[1];
    uint64_t number; /* of the last HELLO */
    char seen[N_SEEN][160];
    size_t n_like; /* answers that say so */
    size_t n_answers, n_answer_counters, most_answer_counters; /* in all; in all; in one batch */
    size_t n_seen;
};

static void note(struct bench *b, const char *format, ...) PRINTF_LIKE(2, 3);
static void note(struct bench *b, const char *format, ...)
{
    va_list arguments;
    assert_true(b->n_seen < N_SEEN);
    va_start(arguments, format);
    (void)vsnprintf(b->seen[b->n_seen++], sizeof b->seen[0], format, arguments);
    va_end(arguments);
}

static char *actions_text(Busbar__DpAction **messages, size_t n_messages)
{
    struct dp_action actions[64];
    size_t n = 0;
    assert_true(n_messages <= 64);
    assert_int_equal(dp_actions_decode(messages, n_messages, actions, &n, NULL), 0);
    return dp_actions_format(actions, n, NULL);
}

static void hear_answers(struct bench *b, const Busbar__AnswerBatch *batch)
{
    size_t n_counters = 0;
    for (size_t i = 0; i < batch->n_answers; i++) {
        n_counters += batch->answers[i]->n_counters;
    }
    b->n_answers += batch->n_answers;
    b->n_answer_counters += n_counters;
    b->most_answer_counters = n_counters > b->most_answer_counters ? n_counters : b->most_answer_counters;
    for (size_t i = 0; i < batch->n_answers; i++) {
        const Busbar__Answer *answer = batch->answers[i];
        assert_true(answer->like <= i);
        const Busbar__Answer *said = answer->like != 0 ? batch->answers[answer->like - 1] : answer;
        assert_int_equal(said->like, 0);
        char *text = actions_text(said->actions, said->n_actions);
        b->n_like += answer->like != 0;
        note(b, "answer %llu %s%s%s v%llu", (unsigned long long)answer->ask, text, said->mask.len > 0 ? "" : " single",
             said->refused ? " refused" : "", (unsigned long long)said->version->n);
        free(text);
    }
}

static void hear_changes(struct bench *b, const Busbar__FlowChangeBatch *batch)
{
    for (size_t i = 0; i < batch->n_changes; i++) {
        char *text = actions_text(batch->changes[i]->actions, batch->changes[i]->n_actions);
        note(b, "change %s", batch->changes[i]->remove ? "remove" : text);
        free(text);
    }
}

static void hear(struct bench *b, const struct bus_message *message)
{
    static const ProtobufCMessageDescriptor *const descriptors[] = {
        [MESSAGE_SESSION_HELLO] = &busbar__session_hello__descriptor,
        [MESSAGE_SESSION_BEAT] = &busbar__session_beat__descriptor,
        [MESSAGE_COUNTER_NAMES] = &busbar__counter_names__descriptor,
        [MESSAGE_ANSWER_BATCH] = &busbar__answer_batch__descriptor,
        [MESSAGE_FLOW_CHANGE_BATCH] = &busbar__flow_change_batch__descriptor,
        [MESSAGE_REACHED] = &busbar__reached__descriptor,
        [MESSAGE_FRAME_DOWN] = &busbar__frame_down__descriptor,
    };
    ProtobufCMessage *body = msg_unpack(message, descriptors[message->type]);
    assert_non_null(body);
    b->replica = message->from;
    if (message->type == MESSAGE_SESSION_HELLO) {
        b->number = ((Busbar__SessionHello *)body)->session;
        note(b, "hello v%llu", (unsigned long long)((Busbar__SessionHello *)body)->reached->n);
    } else if (message->type == MESSAGE_ANSWER_BATCH) {
        hear_answers(b, (Busbar__AnswerBatch *)body);
    } else if (message->type == MESSAGE_FLOW_CHANGE_BATCH) {
        hear_changes(b, (Busbar__FlowChangeBatch *)body);
    } else if (message->type == MESSAGE_REACHED) {
        note(b, "reached v%llu", (unsigned long long)((Busbar__Reached *)body)->version->n);
    }
    protobuf_c_message_free_unpacked(body, NULL);
}

/* Lets `ms` pass in steps of one. */
static void run(struct bench *b, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        struct bus_message message;
        b->core.now_ns += NS_PER_MS;
        b->core.work_left = CORE_WORK_PER_STEP;
        bus_hub_step(b->hub, b->core.now_ns);
        session_receive(b->session);
        correct_mark(&b->core, b->core.version.n);
        (void)session_work(b->session);
        packet_step(b->core.packets);
        bus_hub_step(b->hub, b->core.now_ns);
        while (bus_recv(b->shard, &message) == 0) {
            hear(b, &message);
            bus_message_fini(&message);
        }
    }
}

static void expect(struct bench *b, size_t i, const char *text)
{
    assert_true(i < b->n_seen);
    assert_string_equal(b->seen[i], text);
}

static void say(struct bench *b, enum message_type type, const ProtobufCMessage *message)
{
    assert_int_equal(msg_send(b->shard, &b->replica, type, message), 0);
}

static void say_welcome(struct bench *b, uint64_t number)
{
    Busbar__SessionWelcome welcome = BUSBAR__SESSION_WELCOME__INIT;
    welcome.session = number;
    say(b, MESSAGE_SESSION_WELCOME, &welcome.base);
}

static void say_beat(struct bench *b)
{
    Busbar__SessionBeat beat = BUSBAR__SESSION_BEAT__INIT;
    say(b, MESSAGE_SESSION_BEAT, &beat.base);
}

static void say_miss(struct bench *b, uint64_t ask, const char *packet, uint32_t port)
{
    struct flow_key key = fixture_key(packet, port);
    Busbar__MissBatch batch = BUSBAR__MISS_BATCH__INIT;
    batch.asks = &ask;
    batch.n_asks = 1;
    batch.keys = keys_encode(&key, 1);
    say(b, MESSAGE_MISS_BATCH, &batch.base);
}

/* The changes made to the fixture's world are those of version n. */
static void commit(struct bench *b, uint64_t n)
{
    uint64_t first_unapplied = b->core.version.n + 1;
    b->core.world = b->fixture.world;
    b->core.version.n = n;
    correct_mark(&b->core, first_unapplied);
    b->fixture.world = b->core.world;
}

static void bench_open(struct bench *b)
{
    memset(b, 0, sizeof *b);
    fixture_open(&b->fixture);
    b->self = (struct bus_identity){.kind = PROCESS_FASTPATH, .instance = 1, .start = 77};
    struct bus_identity replica = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 5};
    b->hub = bus_hub_new(1);
    b->bus = bus_memory_new(b->hub, &replica);
    b->shard_bus = bus_memory_new(b->hub, &b->self);
    assert_int_equal(bus_bind(b->shard_bus, WIRE_SESSION, "session", &b->shard), 0);
    b->core.bus = b->bus;
    b->core.macs = b->fixture.macs;
    b->core.has_version = true;
    b->core.version.epoch = 1;
    b->core.now_ns = NS_PER_S;
    b->core.sessions = b->sessions;
    assert_int_equal(packet_open(&b->core, "packet", &b->core.packets), 0);
    b->session = b->sessions[0] = session_new(&b->core, &b->self, "session");
    b->core.n_sessions = 1;
    commit(b, 10);
}

static void bench_close(struct bench *b)
{
    b->fixture.world = b->core.world;
    session_destroy(&b->session);
    packet_close(&b->core.packets);
    bus_destroy(&b->bus);
    bus_destroy(&b->shard_bus);
    bus_hub_destroy(&b->hub);
    fixture_close(&b->fixture);
}

static void open_session(struct bench *b)
{
    run(b, 200);
    assert_true(b->n_seen > 0);
    say_welcome(b, b->number);
    run(b, 2);
    assert_true(session_is_open(b->session));
    b->n_seen = 0;
}

static void a_session_opens_by_the_reply_to_its_last_hello(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    run(&b, 200);
    expect(&b, 0, "hello v10");
    say_welcome(&b, b.number - 1);
    run(&b, 2);
    assert_false(session_is_open(b.session));
    Busbar__SessionRefuse refuse = BUSBAR__SESSION_REFUSE__INIT;
    refuse.reason = (char *)"not yet";
    refuse.session = b.number;
    say(&b, MESSAGE_SESSION_REFUSE, &refuse.base);
    run(&b, 150);
    assert_int_equal(b.n_seen, 2);
    say_welcome(&b, b.number);
    run(&b, 2);
    assert_true(session_is_open(b.session));
    run(&b, 600);
    assert_int_equal(b.core.counts.sessions_closed, 1);
    expect(&b, b.n_seen - 1, "hello v10");
    bench_close(&b);
}

static void misses_are_answered_and_lost_messages_close(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fixture_rule(&b.fixture, "ip,nw_dst=10.0.0.1,actions=output:2");
    commit(&b, 11);
    open_session(&b);
    say_miss(&b, 1, "ip,nw_dst=10.0.0.1", 11);
    say_miss(&b, 2, "arp", 11);
    say_miss(&b, 3, "arp", 99);
    run(&b, 2);
    expect(&b, 0, "answer 1 output:12 v11");
    expect(&b, 1, "answer 2 drop(no_rule) v11");
    expect(&b, 2, "answer 3 drop single refused v11");
    assert_int_equal(flow_index_count(session_flows(b.session)), 2);
    Busbar__MissBatch broken = BUSBAR__MISS_BATCH__INIT;
    uint64_t ask = 4;
    broken.asks = &ask;
    broken.n_asks = 1;
    say(&b, MESSAGE_MISS_BATCH, &broken.base);
    run(&b, 2);
    assert_int_equal(b.core.counts.malformed, 1);
    assert_false(session_is_open(b.session));
    bench_close(&b);
}

static void say_misses(struct bench *b, const uint64_t *asks, const struct flow_key *keys, size_t n_asks, size_t n_keys)
{
    Busbar__MissBatch batch = BUSBAR__MISS_BATCH__INIT;
    batch.asks = (uint64_t *)(uintptr_t)asks;
    batch.n_asks = n_asks;
    batch.keys = keys_encode(keys, n_keys);
    say(b, MESSAGE_MISS_BATCH, &batch.base);
}

static void answers_that_are_like_another_of_their_batch_say_so(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fixture_rule(&b.fixture, "priority=5,ip,nw_dst=10.0.0.0/24,actions=output:2");
    fixture_rule(&b.fixture, "priority=5,ip,nw_dst=10.0.1.0/24,actions=output:3");
    commit(&b, 11);
    open_session(&b);
    struct flow_key keys[5] = {fixture_key("ip,nw_dst=10.0.0.1", 11), fixture_key("ip,nw_dst=10.0.1.1", 11), fixture_key("arp", 99),
                               fixture_key("ip,nw_dst=10.0.0.2", 11), fixture_key("ip,nw_dst=10.0.1.2", 11)};
    static const uint64_t asks[] = {1, 2, 3, 4, 5};
    say_misses(&b, asks, keys, 5, 5);
    run(&b, 2);
    expect(&b, 0, "answer 1 output:12 v11");
    expect(&b, 1, "answer 2 output:13 v11");
    expect(&b, 2, "answer 3 drop single refused v11");
    expect(&b, 3, "answer 4 output:12 v11");
    expect(&b, 4, "answer 5 output:13 v11");
    assert_int_equal(b.n_like, 2);
    bench_close(&b);
}

/* Each says 4,000 counters of its own, 16,384 a batch: all are answered, and the step keeps to its messages. */
static void long_lists_of_counters_go_in_batches_of_bounded_size(void **state)
{
    (void)state;
    struct bench b;
    struct flow_key keys[12];
    uint64_t asks[12];
    char *text = memory_zeroed(40000);
    bench_open(&b);
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(text, 40000, "table=1,reg0=%u,actions=drop", i);
        fixture_rule(&b.fixture, text);
    }
    for (unsigned k = 0, n; k < 12; k++) {
        n = (unsigned)snprintf(text, 40000, "ip,nw_dst=10.0.%u.0/24,actions=output:2", k);
        for (unsigned i = 0; i < 400; i++) {
            n += (unsigned)snprintf(text + n, 40000 - n, ",load:%u->NXM_NX_REG0[],resubmit(,1),resubmit(,1)", k * 100 + i);
        }
        fixture_rule(&b.fixture, text);
        (void)snprintf(text, 40000, "ip,nw_dst=10.0.%u.1", k);
        keys[k] = fixture_key(text, 11);
        asks[k] = k + 1;
    }
    commit(&b, 11);
    open_session(&b);
    say_misses(&b, asks, keys, 12, 12);
    run(&b, 3);
    assert_int_equal(b.n_answers, 12);
    assert_int_equal(b.n_answer_counters, 12 * (2 + 400 * 2 * 2));
    assert_in_range(b.most_answer_counters, 1, SESSION_BATCH_ITEMS + 2 + 400 * 2 * 2);
    assert_int_equal(flow_index_count(session_flows(b.session)), 12);
    bench_close(&b);
    free(text);
}

static void asks_without_their_keys_close_the_session(void **state)
{
    (void)state;
    static const size_t counts[][2] = {{2, 1}, {1, 2}, {0, 1}, {1, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct bench b;
        bench_open(&b);
        commit(&b, 11);
        open_session(&b);
        struct flow_key keys[2] = {fixture_key("arp", 11), fixture_key("arp", 11)};
        static const uint64_t asks[] = {1, 2};
        say_misses(&b, asks, keys, counts[i][0], counts[i][1]);
        run(&b, 2);
        assert_int_equal(b.core.counts.malformed, 1);
        assert_false(session_is_open(b.session));
        bench_close(&b);
    }
}

static void corrections_come_before_reached(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    uint64_t rule = fixture_rule(&b.fixture, "priority=5,ip,nw_dst=10.0.0.0/24,actions=output:2");
    commit(&b, 11);
    open_session(&b);
    say_miss(&b, 1, "ip,nw_dst=10.0.0.1", 11);
    say_miss(&b, 2, "arp", 11);
    run(&b, 2);
    b.n_seen = 0;
    fixture_rule(&b.fixture, "priority=6,ip,nw_dst=10.0.0.0/24,actions=output:3");
    commit(&b, 12);
    run(&b, 2);
    expect(&b, 0, "change output:13");
    expect(&b, 1, "reached v12");
    assert_int_equal(b.n_seen, 2);
    fixture_rule(&b.fixture, "priority=7,ip,nw_dst=10.0.0.7,actions=output:4");
    commit(&b, 13);
    run(&b, 2);
    expect(&b, 2, "change remove");
    expect(&b, 3, "reached v13");
    assert_int_equal(flow_index_count(session_flows(b.session)), 1);
    world_remove_rule(&b.fixture.world, rule);
    fixture_rule(&b.fixture, "table=5,arp,actions=output:4");
    commit(&b, 14);
    run(&b, 2);
    expect(&b, 4, "reached v14");
    assert_int_equal(b.n_seen, 5);
    bench_close(&b);
}

static void gone_flows_are_forgotten_unless_an_answer_under_way_makes_them_again(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fixture_rule(&b.fixture, "ip,actions=output:2");
    commit(&b, 11);
    open_session(&b);
    say_miss(&b, 1, "ip", 11);
    run(&b, 2);
    say_miss(&b, 2, "ip", 11);
    run(&b, 2);
    struct flow_key key = fixture_key("ip", 11);
    fixture_translate(&b.fixture, "ip", 11);
    struct flow_id id = key_flow_id(&key, &b.fixture.translation.mask);
    Busbar__FlowId wire_id = BUSBAR__FLOW_ID__INIT, *pointer = &wire_id;
    Busbar__FlowGone gone = BUSBAR__FLOW_GONE__INIT;
    wire_id.high = id.high;
    wire_id.low = id.low;
    gone.ids = &pointer;
    gone.n_ids = 1;
    gone.answers = 1;
    say(&b, MESSAGE_FLOW_GONE, &gone.base);
    run(&b, 2);
    assert_int_equal(flow_index_count(session_flows(b.session)), 1);
    gone.answers = 2;
    say(&b, MESSAGE_FLOW_GONE, &gone.base);
    run(&b, 2);
    assert_int_equal(flow_index_count(session_flows(b.session)), 0);
    bench_close(&b);
}

static void say_offer(struct bench *b, const struct flow_key *key, const struct flow_key *mask)
{
    struct flow_id id = key_flow_id(key, mask);
    Busbar__FlowId wire_id = BUSBAR__FLOW_ID__INIT;
    Busbar__FlowOffer offer = BUSBAR__FLOW_OFFER__INIT, *pointer = &offer;
    Busbar__FlowOfferBatch batch = BUSBAR__FLOW_OFFER_BATCH__INIT;
    wire_id.high = id.high;
    wire_id.low = id.low;
    offer.id = &wire_id;
    offer.key = key_encode(key);
    offer.mask = key_encode(mask);
    batch.offers = &pointer;
    batch.n_offers = 1;
    say(b, MESSAGE_FLOW_OFFER_BATCH, &batch.base);
}

static void every_offer_is_answered(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fixture_rule(&b.fixture, "ip,actions=output:2");
    commit(&b, 11);
    open_session(&b);
    struct flow_key key = fixture_key("ip", 11), narrow = {.in_port = be32(UINT32_MAX)};
    fixture_translate(&b.fixture, "ip", 11);
    say_offer(&b, &key, &b.fixture.translation.mask);
    say_offer(&b, &key, &narrow);
    run(&b, 2);
    expect(&b, 0, "change output:12");
    expect(&b, 1, "change remove");
    assert_int_equal(flow_index_count(session_flows(b.session)), 1);
    bench_close(&b);
}

static void learning_corrects_floods_and_moves_remove_flows(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fixture_bridge(&b.fixture, false);
    commit(&b, 11);
    open_session(&b);
    const char *a_to_b = "dl_src=00:00:00:00:00:0a,dl_dst=00:00:00:00:00:0b";
    const char *b_to_a = "dl_src=00:00:00:00:00:0b,dl_dst=00:00:00:00:00:0a";
    say_miss(&b, 1, a_to_b, 11);
    run(&b, 2);
    say_miss(&b, 2, b_to_a, 12);
    run(&b, 3);
    expect(&b, 0, "answer 1 output:12,output:13,output:14,output:10 v11");
    expect(&b, 1, "answer 2 output:11 v11");
    expect(&b, 2, "change output:12");
    b.n_seen = 0;
    say_beat(&b);
    say_miss(&b, 3, a_to_b, 13);
    run(&b, 3);
    expect(&b, 0, "answer 3 output:12 v11");
    expect(&b, 1, "change output:13");
    expect(&b, 2, "change remove");
    assert_int_equal(b.n_seen, 3);
    bench_close(&b);
}

static void a_batch_that_learns_corrects_itself(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fixture_bridge(&b.fixture, false);
    commit(&b, 11);
    open_session(&b);
    struct flow_key keys[2] = {fixture_key("dl_src=00:00:00:00:00:0a,dl_dst=00:00:00:00:00:0b", 11),
                               fixture_key("dl_src=00:00:00:00:00:0b,dl_dst=00:00:00:00:00:0a", 12)};
    static const uint64_t asks[] = {1, 2};
    say_misses(&b, asks, keys, 2, 2);
    run(&b, 3);
    expect(&b, 0, "answer 1 output:12,output:13,output:14,output:10 v11");
    expect(&b, 1, "answer 2 output:11 v11");
    expect(&b, 2, "change output:12");
    bench_close(&b);
}

/* Bodies that a broken shard could send: messages that make sense, with bytes changed, cut or put in. */
static void whatever_a_shard_sends_the_slowpath_lives(void **state)
{
    (void)state;
    static const enum message_type types[] = {MESSAGE_MISS_BATCH,      MESSAGE_FLOW_GONE,   MESSAGE_FLOW_OFFER_BATCH,
                                              MESSAGE_PACKET_UP_BATCH, MESSAGE_LINK_STATES, MESSAGE_SESSION_WELCOME,
                                              MESSAGE_SESSION_REFUSE,  MESSAGE_SESSION_BEAT};
    struct bench b;
    struct random r;
    const char *given = getenv("BUSBAR_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : random_start_number();
    printf("BUSBAR_TEST_SEED=%llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    bench_open(&b);
    fixture_rule(&b.fixture, "ip,actions=output:2,controller");
    fixture_bridge(&b.fixture, false);
    commit(&b, 11);
    struct flow_key key = fixture_key("ip", 11);
    for (int i = 0; i < 3000; i++) {
        b.n_seen = 0;
        if (!session_is_open(b.session)) {
            run(&b, 60);
            say_welcome(&b, b.number);
            run(&b, 1);
            continue;
        }
        /* Field 1 of length 136: an offer, a packet: with the key as field 2. Or an ask as field 2 and its key as field 3. */
        static const uint8_t heads[2][13] = {{0x0a, 0x85, 0x01, 0x08, 1, 0x12, 0x80, 0x01}, {0x12, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a, 0x80, 0x01}};
        bool is_miss = random_below(&r, 3) == 0;
        uint8_t body[300] = {0};
        size_t size = is_miss ? 13 : 8;
        memcpy(body, heads[is_miss], size);
        memcpy(body + size, &key, sizeof key);
        size += sizeof key;
        for (uint64_t n = random_below(&r, 4); n > 0; n--) {
            body[random_below(&r, random_below(&r, 2) == 0 ? 10 : size)] = (uint8_t)random_u64(&r);
        }
        size = random_below(&r, 4) == 0 ? random_below(&r, sizeof body) : size;
        (void)!bus_send(b.shard, &b.replica, types[random_below(&r, sizeof types / sizeof types[0])], body, size);
        run(&b, 1);
    }
    assert_true(b.core.counts.malformed > 0 && b.core.counts.misses > 0);
    bench_close(&b);
}

/* The version is said to be reached when the shard holds what the index says: not before an undone answer is made up for. */
static void an_answer_that_finds_no_room_holds_the_version_back(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fixture_rule(&b.fixture, "ip,actions=output:2");
    commit(&b, 11);
    open_session(&b);
    say_miss(&b, 1, "ip", 11);
    run(&b, 2);
    say_miss(&b, 2, "ip", 11);
    bus_hub_step(b.hub, b.core.now_ns + NS_PER_MS);
    session_receive(b.session);
    bus_hub_cut(b.hub, &b.self, true);
    b.core.work_left = CORE_WORK_PER_STEP;
    (void)session_work(b.session);
    const struct flow *flow = flow_index_marked(session_flows(b.session));
    assert_non_null(flow);
    assert_true(flow->is_unsure);
    assert_int_equal(flow->marked_n, 11);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_opens_by_the_reply_to_its_last_hello),
        cmocka_unit_test(misses_are_answered_and_lost_messages_close),
        cmocka_unit_test(answers_that_are_like_another_of_their_batch_say_so),
        cmocka_unit_test(long_lists_of_counters_go_in_batches_of_bounded_size),
        cmocka_unit_test(asks_without_their_keys_close_the_session),
        cmocka_unit_test(corrections_come_before_reached),
        cmocka_unit_test(gone_flows_are_forgotten_unless_an_answer_under_way_makes_them_again),
        cmocka_unit_test(every_offer_is_answered),
        cmocka_unit_test(learning_corrects_floods_and_moves_remove_flows),
        cmocka_unit_test(a_batch_that_learns_corrects_itself),
        cmocka_unit_test(an_answer_that_finds_no_room_holds_the_version_back),
        cmocka_unit_test(whatever_a_shard_sends_the_slowpath_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
