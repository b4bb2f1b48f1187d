/* Ten thousand times a port goes and comes: its device vanishes or loses its link, its row leaves the configuration, while packets wait for
 * answers, flows are there and frames are on their way out.
 *
 * After each flap every frame has one owner and every packet is accounted for (I4, I5); in the end no frame and no byte of heap has been lost.
 * One thread, fake clock, memory ports. BUSBAR_SEED repeats a run.
 */
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "tests/soak/heap.h"
#include "tests/unit/services/fastpath/rig.h"

#include <stdio.h>

enum { FLAPS = 10000, WARM_UP = 1000, SOURCES = 30, HEAP_BOUND = 64 * 1024 /* growth over 9,000 flaps: less than eight bytes a flap */ };

static const char *const names[RIG_PORTS] = {"p1", "p2", "p3"};

struct seen {
    size_t n_waiting, n_flows, n_errors; /* flaps that met packets waiting, flows of the port, a port without a device */
};

static void tell_link(struct rig *rig, size_t port, bool is_up, bool is_gone)
{
    struct link_info link = {.ifindex = (uint32_t)port + 1, .mtu = 1500, .is_up = is_up, .is_gone = is_gone};
    snprintf(link.name, sizeof link.name, "%s", names[port]);
    port_control_link(&rig->ports, &link, rig->now_ns);
}

static void traffic(struct rig *rig, struct random *random)
{
    uint8_t frame[FRAME_BYTES];
    struct flow_key mask = mask_source(24 + (unsigned)random_below(random, 9));
    for (unsigned n = (unsigned)random_below(random, 12); n > 0; n--) {
        frame_udp(frame, (uint16_t)random_below(random, SOURCES), 1, 1);
        (void)io_mem_put(rig->mem, names[random_below(random, RIG_PORTS)], frame, sizeof frame);
    }
    rig_run(rig, 0);
    Busbar__MissBatch *batch = rig_take(rig, 0, MESSAGE_MISS_BATCH);
    for (size_t i = 0; batch != NULL && i < batch->n_asks; i++) {
        if (random_below(random, 3) != 0) { /* the others wait when the port flaps */
            uint32_t port = 1 + (uint32_t)random_below(random, RIG_PORTS);
            rig_answer(rig, 0, &(struct rig_answer){.ask = batch->asks[i], .mask = &mask, .port = port, .version = 10});
        }
    }
    if (batch != NULL) {
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    for (size_t i = 0; i < RIG_PORTS; i++) {
        while (io_mem_get(rig->mem, names[i], frame, sizeof frame) > 0) {
        }
    }
}

static void look_at(struct rig *rig)
{
    assert_true(umem_is_sound(rig->umem));
    assert_true(worker_is_balanced(&rig->shard->worker));
    assert_int_equal(umem_count(rig->umem, FRAME_PENDING), rig->shard->worker.pending.n_packets);
    rig_forget_heard(&rig->replicas[0]);
}

static void come_back(struct rig *rig, size_t port)
{
    io_mem_add(rig->mem, names[port]);
    rig_add_port(rig, (uint32_t)port + 1, names[port]);
    tell_link(rig, port, true, false);
    port_control_step(&rig->ports, rig->now_ns);
}

static void flap(struct rig *rig, struct random *random, struct seen *seen)
{
    size_t port = random_below(random, RIG_PORTS);
    const struct port *before = port_set_find(&rig->shard->ports, (uint32_t)port + 1);
    assert_non_null(before);
    seen->n_waiting += before->n_pending > 0;
    seen->n_flows += before->megaflows.n_subtables > 0;
    uint64_t how = random_below(random, 5);
    if (how == 0) {
        port_control_apply(&rig->ports, port + 1, NULL, rig->now_ns);
    } else if (how == 1) {
        io_mem_remove(rig->mem, names[port]);
        tell_link(rig, port, false, true);
    } else if (how == 2) {
        tell_link(rig, port, false, false);
    } else if (how == 3) {
        io_mem_remove(rig->mem, names[port]);
        tell_link(rig, port, false, true);
        port_control_apply(&rig->ports, port + 1, NULL, rig->now_ns);
    } else {
        io_mem_remove(rig->mem, names[port]); /* it is back before anybody was told */
    }
    look_at(rig);
    traffic(rig, random);
    look_at(rig);
    const struct port *now = port_set_find(&rig->shard->ports, (uint32_t)port + 1);
    seen->n_errors += now != NULL && now->io == NULL;
    come_back(rig, port);
    rig_beat(rig, 0);
    traffic(rig, random);
    look_at(rig);
}

/* Nothing waits, no flow is left, all are up. */
static size_t quiet_heap(struct rig *rig)
{
    for (size_t i = 0; i < RIG_PORTS; i++) {
        come_back(rig, i);
    }
    for (unsigned i = 0; i < 20; i++) { /* asks expire; the session lives on */
        rig_beat(rig, 0);
        rig_run(rig, 50);
        rig_forget_heard(&rig->replicas[0]);
    }
    install_remove_all_flows(rig->shard);
    rig_run(rig, 1);
    rig_forget_heard(&rig->replicas[0]);
    assert_int_equal(rig->shard->worker.pending.n_packets, 0);
    assert_int_equal(umem_count(rig->umem, FRAME_FREE), umem_total(rig->umem));
    return heap_in_use();
}

static void ten_thousand_flaps_lose_no_frame_and_no_memory(void **state)
{
    const char *given = getenv("BUSBAR_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 1;
    struct rig *rig = rig_new(512);
    struct random random;
    struct seen seen = {0};
    size_t settled = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&random, seed);
    log_set_level(LOG_LEVEL_ERROR);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (unsigned i = 0; i < FLAPS; i++) {
        if (session_count_open(rig->shard) == 0) {
            rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
        }
        if (i == WARM_UP) {
            settled = quiet_heap(rig);
        }
        flap(rig, &random, &seen);
    }
    size_t at_end = quiet_heap(rig);
    print_message("flaps with packets waiting %zu, with flows %zu, ports seen without a device %zu; heap %zu, then %zu bytes\n", seen.n_waiting,
                  seen.n_flows, seen.n_errors, settled, at_end);
    assert_true(seen.n_waiting > FLAPS / 20 && seen.n_flows > FLAPS / 5 && seen.n_errors > FLAPS / 20);
    assert_true(at_end < settled + HEAP_BOUND);
    assert_true(rig->shard->worker.totals.sent > FLAPS);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_thousand_flaps_lose_no_frame_and_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
