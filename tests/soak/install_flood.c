/* A replica that floods a shard: ever new masks and keys, answers nobody asked for, versions that contradict each other, nonsense.
 *
 * Each is counted, every table stays within its bound (flow_limit, 64 masks and 65,536 keys a port: I9), frames and packets stay accounted for (I4, I5),
 * and what comes in by another port is forwarded all the while. One thread, fake clock, memory ports. BUSBAR_SEED repeats a run.
 */
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "tests/soak/heap.h"
#include "tests/unit/services/fastpath/rig.h"

enum { OTHER_SOURCE = 60000, HONEST = 1 /* the replica that owns the flow of p3 */, FLOODING = 0, MARK = 9 };

struct flood {
    struct rig *rig;
    struct random random;
    size_t n_honest; /* packets of the other port that had to be forwarded, and were */
};

static uint64_t below(struct flood *f, uint64_t limit)
{
    return random_below(&f->random, limit);
}

static void begin(struct flood *f)
{
    const char *given = getenv("BUSBAR_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 1;
    *f = (struct flood){.rig = rig_new(512)};
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&f->random, seed);
    log_set_level(LOG_LEVEL_ERROR);
    /* The flow of p3, made while the honest one is alone. */
    rig_hello(f->rig, HONEST, 10, MSG_KEY_LAYOUT);
    rig_put(f->rig, "p3", OTHER_SOURCE, 1, 7);
    rig_run(f->rig, 0);
    struct flow_key mask = mask_source(0);
    rig_answer(f->rig, HONEST, &(struct rig_answer){.ask = rig_ask(f->rig, HONEST, NULL), .mask = &mask, .port = 2, .version = 10});
    assert_int_equal(rig_got(f->rig, "p2"), 7);
    rig_hello(f->rig, FLOODING, 10, MSG_KEY_LAYOUT);
}

/* I4, I5, the bounds, and a packet of the other port. */
static void look_at(struct flood *f)
{
    struct rig *rig = f->rig;
    const struct shard *shard = rig->shard;
    assert_true(umem_is_sound(rig->umem) && worker_is_balanced(&shard->worker));
    assert_true(flow_table_count(shard->flows) <= shard->flow_limit);
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        const struct megaflow_table *table = &shard->ports.ports[i]->megaflows;
        assert_true(table->n_subtables <= MEGAFLOW_MASKS_DEFAULT);
        assert_true(table->keys == NULL || exact_size(table->keys) <= MEGAFLOW_KEYS);
    }
    rig_beat(rig, HONEST);
    while (rig_got(rig, "p1") >= 0 || rig_got(rig, "p2") >= 0 || rig_got(rig, "p3") >= 0) {
    }
    rig_put(rig, "p3", OTHER_SOURCE, (uint16_t)below(f, 1000), MARK);
    rig_run(rig, 1);
    int mark = rig_got(rig, "p2");
    while (mark >= 0 && mark != MARK) {
        mark = rig_got(rig, "p2"); /* of the flood, released meanwhile */
    }
    assert_int_equal(mark, MARK);
    f->n_honest++;
    rig_forget_heard(&rig->replicas[HONEST]);
}

/* A mask that never came before, as far as chance goes, of one source. */
static struct flow_key random_mask(struct flood *f)
{
    struct flow_key mask = {0};
    uint8_t *bytes = (uint8_t *)&mask;
    for (size_t i = 0; i < sizeof mask; i++) {
        bytes[i] = (uint8_t)random_u64(&f->random);
    }
    mask.in_port.raw = UINT32_MAX;
    memset(mask.ip_src, 0xff, sizeof mask.ip_src); /* so that no flow covers what comes later */
    return mask;
}

/* Every ask of p1 is answered by the replica that has it, with a flow under `mask` or one made up for it. */
static void answer_all(struct flood *f, const struct flow_key *mask)
{
    for (size_t r = 0; r <= HONEST; r++) {
        for (Busbar__MissBatch *batch; (batch = rig_take(f->rig, r, MESSAGE_MISS_BATCH)) != NULL;) {
            for (size_t i = 0; i < batch->n_asks; i++) {
                struct flow_key made_up = random_mask(f);
                struct rig_answer answer = {.ask = batch->asks[i], .mask = mask != NULL ? mask : &made_up, .port = 2, .version = 10 + below(f, 3)};
                rig_answer(f->rig, r, &answer);
            }
            protobuf_c_message_free_unpacked(&batch->base, NULL);
        }
    }
}

static void flood_p1(struct flood *f, unsigned rounds, const struct flow_key *mask)
{
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned n = 0; n < 16; n++) {
            rig_put(f->rig, "p1", (uint16_t)(i * 16 + n), (uint16_t)(i / 4096), 1);
        }
        rig_run(f->rig, 1); /* time passes, so that what was used lately is known */
        answer_all(f, mask);
        rig_forget_heard(&f->rig->replicas[FLOODING]);
        rig_forget_heard(&f->rig->replicas[HONEST]);
        rig_beat(f->rig, FLOODING);
        rig_beat(f->rig, HONEST);
        if (i % 16 == 0) {
            look_at(f);
        }
    }
}

static void ever_new_masks_stay_within_their_bounds(void **state)
{
    struct flood f;
    begin(&f);
    f.rig->shard->flow_limit = 2000;
    flood_p1(&f, 100, NULL);
    size_t before = heap_in_use();
    flood_p1(&f, 500, NULL);
    const struct megaflow_table *table = &port_set_find(&f.rig->shard->ports, 1)->megaflows;
    assert_int_equal(table->n_subtables, MEGAFLOW_MASKS_DEFAULT);
    assert_true(table->keys != NULL && table->n_by_key > 0);
    assert_true(f.rig->shard->counts.installed > 5000 && f.rig->shard->counts.evicted > 3000);
    assert_true(heap_in_use() < before + 1024 * 1024); /* 8,000 flows more went through */
    print_message("installed %llu, evicted %llu, %zu flows; %zu packets of the other port\n", (unsigned long long)f.rig->shard->counts.installed,
                  (unsigned long long)f.rig->shard->counts.evicted, flow_table_count(f.rig->shard->flows), f.n_honest);
    rig_end(f.rig);
}

static void ever_new_keys_stay_within_the_flow_limit(void **state)
{
    struct flood f;
    struct flow_key mask = mask_all();
    begin(&f);
    f.rig->shard->flow_limit = 1000;
    flood_p1(&f, 100, &mask);
    size_t before = heap_in_use();
    flood_p1(&f, 1000, &mask);
    assert_true(f.rig->shard->counts.evicted > 10000);
    assert_true(heap_in_use() < before + 256 * 1024);
    rig_end(f.rig);
}

static void answers_nobody_asked_for_are_counted_and_install_nothing(void **state)
{
    struct flood f;
    begin(&f);
    struct shard *shard = f.rig->shard;
    uint64_t before = shard->counts.installed;
    for (unsigned i = 0; i < 5000; i++) {
        struct flow_key mask = random_mask(&f);
        uint64_t ask = i % 2 == 0 ? random_u64(&f.random) : below(&f, 64);
        rig_answer(f.rig, FLOODING, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 1 + (uint32_t)below(&f, 4), .version = below(&f, 20)});
        if (i % 64 == 0) {
            rig_beat(f.rig, FLOODING);
            look_at(&f);
        }
    }
    assert_int_equal(shard->counts.installed, before);
    assert_int_equal(shard->counts.stale_answers, 5000);
    rig_end(f.rig);
}

/* Both replicas change and remove the same flows under versions that go up and down. What a flow says never gets older. */
static void versions_that_contradict_never_go_back(void **state)
{
    enum { N = 40 };
    struct flood f;
    struct flow_key mask = mask_all();
    begin(&f);
    struct shard *shard = f.rig->shard;
    for (unsigned i = 0; i < 3000; i++) {
        if (i % 100 == 0) {
            for (unsigned n = 0; n < N; n++) {
                rig_put(f.rig, "p1", (uint16_t)n, 1, 1);
            }
            rig_run(f.rig, 1); /* asks wait a little for others while some are under way */
            answer_all(&f, &mask);
            look_at(&f);
        }
        size_t cursor = below(&f, N + 4);
        const struct flow *flow = flow_table_next(shard->flows, &cursor);
        if (flow == NULL || flow->in_port != 1) {
            continue;
        }
        struct flow_id id = flow->id;
        uint64_t had = flow->version_n, says = 5 + below(&f, 40);
        rig_change(f.rig, below(&f, 2), id, (uint32_t)below(&f, 4), says);
        rig_beat(f.rig, FLOODING);
        rig_beat(f.rig, HONEST);
        flow = flow_table_find(shard->flows, id);
        assert_true(flow == NULL || flow->version_n == had || (flow->version_n == says && says > had));
        assert_true(flow != NULL || says >= had);
    }
    assert_true(shard->counts.old_versions > 100 && shard->counts.unknown_flows > 100 && shard->counts.changed > 100);
    rig_end(f.rig);
}

static void nonsense_ends_the_session_that_said_it_and_no_other(void **state)
{
    static const enum message_type types[] = {MESSAGE_COUNTER_NAMES, MESSAGE_ANSWER_BATCH, MESSAGE_FLOW_CHANGE_BATCH, MESSAGE_REACHED,
                                              MESSAGE_FRAME_DOWN,    MESSAGE_SESSION_HELLO};
    struct flood f;
    begin(&f);
    struct shard *shard = f.rig->shard;
    size_t before = 0;
    for (unsigned i = 0; i < 4000; i++) {
        uint8_t bytes[256];
        size_t size = 1 + below(&f, sizeof bytes);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)random_u64(&f.random);
        }
        if (session_count_open(shard) < 2) {
            rig_hello(f.rig, FLOODING, 10, MSG_KEY_LAYOUT);
        }
        assert_int_equal(bus_send(f.rig->replicas[FLOODING].socket, NULL, types[below(&f, sizeof types / sizeof types[0])], bytes, size), 0);
        rig_run(f.rig, 0);
        rig_forget_heard(&f.rig->replicas[FLOODING]);
        if (i % 16 == 0) {
            look_at(&f);
        }
        before = i == 400 ? heap_in_use() : before;
    }
    assert_true(shard->counts.malformed > 1000 && shard->counts.sessions_closed > 500);
    assert_int_equal(shard->sessions[0].who.instance, HONEST + 1);
    assert_int_equal(shard->sessions[0].state, SESSION_OPEN);
    assert_true(heap_in_use() < before + 64 * 1024);
    rig_end(f.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ever_new_masks_stay_within_their_bounds),
        cmocka_unit_test(ever_new_keys_stay_within_the_flow_limit),
        cmocka_unit_test(answers_nobody_asked_for_are_counted_and_install_nothing),
        cmocka_unit_test(versions_that_contradict_never_go_back),
        cmocka_unit_test(nonsense_ends_the_session_that_said_it_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
