/* The whole shard under everything at once: packets, right and wrong answers, changes, sessions and ports that come and go.
 * What may never happen, whatever is said to it: I4, I5, I7 broken, a flow in no list or in two. BUSBAR_SEED repeats a run.
 * One thread, fake clock, memory bus. */
#include "tests/unit/services/fastpath/rig.h"

#include <stdio.h>

#include "lib/base/random.h"

enum { STEPS = 6000, SOURCES = 40, L4_PORTS = 3, ASKS_MAX = 512 };

struct asked {
    size_t replica;
    uint64_t ask;
};

struct chaos {
    struct rig *rig;
    struct random random;
    struct asked asks[ASKS_MAX];
    size_t n_asks;
    uint32_t next_mark;
    uint32_t seen[RIG_PORTS + 1][RIG_PORTS + 1][SOURCES][L4_PORTS]; /* by output, input and flow: the last mark */
};

static const char *const names[RIG_PORTS + 1] = {"", "p1", "p2", "p3"};

static uint64_t below(struct chaos *c, uint64_t limit)
{
    return random_below(&c->random, limit);
}

static void put_some(struct chaos *c)
{
    for (uint64_t n = below(c, 40); n > 0; n--) {
        uint8_t frame[FRAME_BYTES];
        uint32_t in = 1 + (uint32_t)below(c, RIG_PORTS);
        frame_udp(frame, (uint16_t)below(c, SOURCES), (uint16_t)below(c, L4_PORTS), 0);
        c->next_mark++;
        memcpy(frame + 44, &c->next_mark, 4);
        frame[43] = (uint8_t)in;
        (void)io_mem_put(c->rig->mem, names[in], frame, sizeof frame);
    }
}

/* Marks of one flow that came in by one port leave each port in growing order (I7). */
static void look_at_output(struct chaos *c)
{
    uint8_t frame[2048];
    for (uint32_t out = 1; out <= RIG_PORTS; out++) {
        while (io_mem_get(c->rig->mem, names[out], frame, sizeof frame) > 0) {
            uint32_t mark;
            memcpy(&mark, frame + 44, 4);
            uint32_t *last = &c->seen[out][frame[43]][frame[29]][frame[35]];
            assert_true(mark > *last);
            *last = mark;
        }
    }
}

static void listen_to_asks(struct chaos *c)
{
    for (size_t r = 0; r < RIG_REPLICAS; r++) {
        for (Busbar__MissBatch *batch; (batch = rig_take(c->rig, r, MESSAGE_MISS_BATCH)) != NULL;) {
            for (size_t i = 0; i < batch->n_asks && c->n_asks < ASKS_MAX; i++) {
                c->asks[c->n_asks++] = (struct asked){.replica = r, .ask = batch->asks[i]};
            }
            protobuf_c_message_free_unpacked(&batch->base, NULL);
        }
        rig_forget_heard(&c->rig->replicas[r]);
    }
}

static void answer_one(struct chaos *c)
{
    struct flow_key mask;
    if (c->n_asks == 0) {
        return;
    }
    size_t i = below(c, c->n_asks);
    struct rig_answer answer = {.ask = c->asks[i].ask, .port = (uint32_t)below(c, 5), .version = c->rig->shard->floor.n + below(c, 10)};
    size_t replica = below(c, 20) == 0 ? below(c, RIG_REPLICAS) : c->asks[i].replica;
    uint64_t kind = below(c, 10);
    mask = kind < 6 ? mask_source(24 + (unsigned)below(c, 9)) : mask_all();
    answer.mask = kind < 8 ? &mask : NULL;
    if (c->rig->replicas[replica].bus != NULL) {
        rig_answer(c->rig, replica, &answer);
    }
    if (below(c, 10) != 0) {
        c->asks[i] = c->asks[--c->n_asks];
    }
}

static void change_one(struct chaos *c)
{
    size_t cursor = below(c, flow_table_count(c->rig->shard->flows) + 16), replica = below(c, RIG_REPLICAS);
    const struct flow *flow = flow_table_next(c->rig->shard->flows, &cursor);
    if (flow != NULL && c->rig->replicas[replica].bus != NULL) {
        rig_change(c->rig, replica, flow->id, (uint32_t)below(c, 4), c->rig->shard->floor.n + below(c, 12));
    }
}

static void disturb(struct chaos *c)
{
    struct rig *rig = c->rig;
    uint32_t port = 1 + (uint32_t)below(c, RIG_PORTS);
    switch (below(c, 24)) {
    case 0:
    case 6:
    case 7:
        rig_hello(rig, below(c, RIG_REPLICAS), rig->shard->floor.n + below(c, 3) - (below(c, 20) == 0), MSG_KEY_LAYOUT);
        break;
    case 1:
        rig_run(rig, 700); /* everybody falls silent */
        break;
    case 2:
        port_control_apply(&rig->ports, port, NULL, rig->now_ns);
        break;
    case 3:
    case 8:
    case 9:
        rig_add_port(rig, port, names[port]);
        break;
    case 4:
        io_mem_set_tx_room(rig->mem, names[port], below(c, 2) == 0 ? 5 : UINT32_MAX);
        break;
    case 5:
        rig->shard->flow_limit = 5 + (uint32_t)below(c, 100);
        break;
    default:
        for (size_t r = 0; r < RIG_REPLICAS; r++) {
            if (rig->replicas[r].bus != NULL) {
                rig_beat(rig, r);
            }
        }
        break;
    }
}

static void look_at_invariants(const struct rig *rig)
{
    size_t n_owned = 0, n_offered = 0, n_listed = 0, n_pending = 0;
    const struct shard *shard = rig->shard;
    assert_true(umem_is_sound(rig->umem));
    assert_true(worker_is_balanced(&shard->worker));
    assert_int_equal(umem_count(rig->umem, FRAME_PENDING), shard->worker.pending.n_packets);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *session = &shard->sessions[i];
        n_owned += session->n_owned;
        n_offered += session->n_offered;
        for (const struct flow *flow = session->owned_first; flow != NULL; flow = flow->next_owned) {
            assert_int_equal(flow->owner, i);
            assert_true(flow->offered == OWNER_NONE || session->state == SESSION_CLOSED);
            n_offered -= flow->offered != OWNER_NONE;
            n_listed++;
        }
    }
    assert_int_equal(n_owned, flow_table_count(shard->flows));
    assert_int_equal(n_listed, n_owned);
    assert_int_equal(n_offered, 0);
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        n_pending += shard->ports.ports[i]->n_pending;
    }
    assert_int_equal(n_pending, shard->worker.pending.n_packets);
}

static void nothing_that_is_said_breaks_the_invariants(void **state)
{
    static struct chaos c;
    const char *given = getenv("BUSBAR_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 4711;
    print_message("seed %llu\n", (unsigned long long)seed);
    c = (struct chaos){.rig = rig_new(512)};
    random_seed(&c.random, seed);
    for (int i = 0; i < STEPS; i++) {
        put_some(&c);
        rig_run(c.rig, (unsigned)below(&c, 3));
        listen_to_asks(&c);
        for (uint64_t n = below(&c, 6); n > 0; n--) {
            answer_one(&c);
            listen_to_asks(&c);
        }
        if (below(&c, 4) == 0) {
            change_one(&c);
        }
        if (below(&c, 6) == 0) {
            disturb(&c);
        }
        look_at_output(&c);
        look_at_invariants(c.rig);
    }
    const struct shard_counts *counts = &c.rig->shard->counts;
    print_message("installed %llu replaced %llu changed %llu evicted %llu adopted %llu stale %llu closed %llu sent %llu\n",
                  (unsigned long long)counts->installed, (unsigned long long)counts->replaced, (unsigned long long)counts->changed,
                  (unsigned long long)counts->evicted, (unsigned long long)counts->adopted, (unsigned long long)counts->stale_answers,
                  (unsigned long long)counts->sessions_closed, (unsigned long long)c.rig->shard->worker.totals.sent);
    assert_true(counts->installed > 100 && counts->changed > 5 && counts->adopted > 0 && counts->sessions_closed > 10);
    assert_true(c.rig->shard->worker.totals.sent > 1000);
    rig_end(c.rig);
}

static void bent_messages_harm_nobody(void **state)
{
    struct random random;
    struct rig *rig = rig_new(512);
    random_seed(&random, 99);
    print_message("seed 99\n");
    for (int i = 0; i < 4000; i++) {
        uint8_t bytes[512];
        struct dp_action list[2] = {{.type = DP_ACTION_CLONE, .clone.n_actions = 1}, {.type = DP_ACTION_OUTPUT, .port = 2}};
        Busbar__AnswerBatch batch = BUSBAR__ANSWER_BATCH__INIT;
        Busbar__Answer answer = BUSBAR__ANSWER__INIT, *pointer = &answer;
        struct flow_key mask = mask_source(32);
        if (session_count_open(rig->shard) == 0) {
            rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
        }
        rig_put(rig, "p1", (uint16_t)i, 1, 1);
        rig_run(rig, 0);
        answer.ask = rig_ask(rig, 0, NULL);
        answer.actions = dp_actions_encode(list, 2);
        answer.n_actions = 2;
        answer.mask = key_encode(&mask);
        batch.n_answers = 1;
        batch.answers = &pointer;
        size_t size = busbar__answer_batch__pack(&batch, bytes);
        dp_actions_message_free(answer.actions, 2);
        for (uint64_t n = random_below(&random, 4); n > 0; n--) {
            bytes[random_below(&random, size)] = (uint8_t)random_u64(&random);
        }
        size -= random_below(&random, 8) == 0 ? random_below(&random, size) : 0;
        assert_int_equal(bus_send(rig->replicas[0].socket, NULL, MESSAGE_ANSWER_BATCH, bytes, size), 0);
        rig_run(rig, 0);
        rig_forget_heard(&rig->replicas[0]);
        (void)rig_got(rig, "p2");
    }
    assert_true(rig->shard->counts.malformed > 100 && rig->shard->counts.installed > 100);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_that_is_said_breaks_the_invariants), cmocka_unit_test(bent_messages_harm_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
