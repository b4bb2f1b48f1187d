/* The fastpath's half of the kernel's tier, against a program and maps in memory. In-process, fake clock, one thread.
 * What may never happen: a connection's packets overtake each other on the way into the kernel (I7); an entry that forwards after its flow
 * has changed (I3); a packet the kernel forwarded that is in no counter, or in the wrong one (I5). */
#include "tests/unit/services/fastpath/rig.h"

#include "services/fastpath/bpf/tier_frame.h"
#include "services/fastpath/tier.h"

enum { KEYS_MAX = 256, QUEUE = 3, COUNTER = 9 };

/* The kernel: the map, and one receive queue of p1. */
struct kernel {
    struct rig *rig;
    struct tier_slot slots[TIER_SLOTS];
    struct tier_queue queue;
    struct tier_key keys[KEYS_MAX];
    struct tier_entry entries[KEYS_MAX];
    size_t n_keys;
    struct tier_rx rx;
    struct tier_device devices[RIG_PORTS];
    uint32_t n_outstanding;
    uint64_t n_lost;
    uint8_t tos, last_mac_byte; /* of frames from now on; 0: as usual */
    bool takes_all; /* keeps no account of keys */
    struct tier_failed failed;
};

static int find(const struct kernel *kernel, const struct tier_key *key)
{
    for (size_t i = 0; i < kernel->n_keys; i++) {
        if (memcmp(&kernel->keys[i], key, sizeof *key) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int put(void *context, const struct tier_key *key, const struct tier_entry *entry)
{
    struct kernel *kernel = context;
    if (kernel->takes_all) {
        return 0;
    }
    assert_int_equal(find(kernel, key), -1);
    if (kernel->n_keys == KEYS_MAX) {
        return -1;
    }
    kernel->keys[kernel->n_keys] = *key;
    kernel->entries[kernel->n_keys++] = *entry;
    return 0;
}

static void remove_key(void *context, const struct tier_key *key, uint32_t slot)
{
    struct kernel *kernel = context;
    int at = find(kernel, key);
    if (kernel->takes_all) {
        return;
    }
    assert_true(at >= 0 && kernel->entries[at].slot == slot);
    kernel->n_keys--;
    kernel->keys[at] = kernel->keys[kernel->n_keys];
    kernel->entries[at] = kernel->entries[kernel->n_keys];
}

static struct tier_failed count_failed(void *context, uint32_t ifindex)
{
    const struct kernel *kernel = context;
    return ifindex == 102 ? kernel->failed : (struct tier_failed){0};
}

static uint64_t count_lost(const struct tier_rx *rx)
{
    return ((const struct kernel *)((const char *)rx - offsetof(struct kernel, rx)))->n_lost;
}

static struct kernel *kernel_new(void)
{
    struct kernel *kernel = memory_zeroed(sizeof *kernel);
    struct rig *rig = rig_new(256);
    struct tier_table table = {.slots = kernel->slots, .first = 1000, .put = put, .remove = remove_key, .count_failed = count_failed, .context = kernel};
    kernel->rig = rig;
    kernel->rx = (struct tier_rx){
        .shared = &kernel->queue, .number = QUEUE, .n_outstanding = &kernel->n_outstanding, .count_lost = count_lost};
    tier_rx_begin(&kernel->rx, 77);
    for (uint32_t i = 0; i < RIG_PORTS; i++) {
        kernel->devices[i] = (struct tier_device){.ifindex = 101 + i, .takes = true};
        port_set_find(&rig->shard->ports, i + 1)->io->tier = &kernel->devices[i];
    }
    kernel->devices[0].rx[kernel->devices[0].n_rx++] = &kernel->rx;
    rig->shard->tier = tier_new(&table);
    assert_non_null(rig->shard->tier);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    return kernel;
}

static void kernel_end(struct kernel *kernel)
{
    rig_end(kernel->rig);
    assert_int_equal(kernel->n_keys, 0);
    free(kernel);
}

/* What bpf/rx.bpf.c does with a frame of p1. True: the kernel forwarded it. */
static bool receive(struct kernel *kernel, uint16_t source, uint16_t l4_port, uint8_t mark)
{
    uint8_t frame[FRAME_BYTES];
    struct plain plain = {0};
    frame_udp(frame, source, l4_port, mark);
    frame[15] = kernel->tos;
    frame[11] = kernel->last_mac_byte != 0 ? kernel->last_mac_byte : frame[11];
    assert_true(read_frame(frame, frame + sizeof frame, &plain) && !plain.is_odd);
    plain.key.ifindex = 101;
    struct tier_key key = plain.key;
    int at = find(kernel, &key);
    struct tier_queue *queue = &kernel->queue;
    if (at >= 0) {
        const struct tier_entry *entry = &kernel->entries[at];
        struct tier_slot *slot = &kernel->slots[entry->slot - 1000];
        bool counts = entry->generation == slot->generation && entry->owner == queue->owner && entry->queue == QUEUE && entry->check == tier_check(&key);
        if (counts && (kernel->rig->now_ns >= queue->lease_ns || !fits(entry, frame))) {
            slot->live = 0;
        } else if (counts && (slot->live == queue->epoch + 1 || queue->redirected == queue->processed)) {
            slot->live = queue->epoch + 1;
            slot->packets++;
            slot->bytes += FRAME_BYTES;
            slot->used_ns = kernel->rig->now_ns;
            assert_int_equal(entry->target_ifindex, 102);
            return true;
        } else if (counts && queue->hold != 0) {
            queue->held++;
            return false;
        }
    }
    queue->redirected++;
    assert_true(io_mem_put(kernel->rig->mem, "p1", frame, sizeof frame));
    return false;
}

static void poll_packets(struct kernel *kernel)
{
    struct shard *shard = kernel->rig->shard;
    kernel->rx.n_received += worker_poll(&shard->worker, kernel->rig->now_ns);
    tier_settle(shard, false, kernel->rig->now_ns);
}

/* The packets of this sample, as the worker would show them. */
static void sample(struct kernel *kernel, uint16_t source, uint16_t l4_port)
{
    struct shard *shard = kernel->rig->shard;
    struct port *port = port_set_find(&shard->ports, 1);
    struct dp_packet packet = {.key = key_udp(1, source, l4_port), .in_port = 1}, *pointer = &packet;
    struct flow *flow;
    megaflow_lookup(&port->megaflows, &pointer, 1, &flow);
    assert_non_null(flow);
    tier_sample(shard->tier, kernel->rig->umem, port, &packet, &flow, 1);
    tier_settle(shard, false, kernel->rig->now_ns);
    tier_step(shard, kernel->rig->now_ns); /* the lease */
}

static void pass(struct kernel *kernel, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        kernel->rig->now_ns += NS_PER_MS;
        kernel->rig->shard->worker.now_ns = kernel->rig->now_ns;
        poll_packets(kernel);
        tier_step(kernel->rig->shard, kernel->rig->now_ns);
    }
}

/* A flow from p1 to p2 for 10.0.x.x, by an ask and its answer. */
static struct flow *flow_new(struct kernel *kernel, struct flow_key *out_key, const struct flow_key *mask)
{
    struct rig *rig = kernel->rig;
    rig_name_counter(rig, 0, 1, COUNTER);
    assert_false(receive(kernel, 5, 7, 1));
    rig_run(rig, 0);
    kernel->rx.n_received++;
    uint64_t ask = rig_ask(rig, 0, out_key);
    assert_true(ask != 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = mask, .port = 2, .counter = 1, .version = 10});
    assert_int_equal(rig_got(rig, "p2"), 1);
    struct flow *flow = flow_table_find(rig->shard->flows, key_flow_id(out_key, mask));
    assert_non_null(flow);
    return flow;
}

/* A switch whose one connection, 10.0.0.5 port 7, has been handed over, with nothing of it on the way. */
static struct kernel *kernel_with_connection(void)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    (void)flow_new(kernel, &key, &mask);
    sample(kernel, 5, 7);
    poll_packets(kernel);
    return kernel;
}

static void the_kernel_begins_when_the_socket_is_worked_off(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    (void)flow_new(kernel, &key, &mask);
    assert_false(receive(kernel, 5, 7, 2)); /* in the ring when it is handed over */
    sample(kernel, 5, 7);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 1);
    assert_false(receive(kernel, 5, 7, 3)); /* so this one waits behind it, and is not overtaken */
    poll_packets(kernel);
    assert_int_equal(rig_got(kernel->rig, "p2"), 2);
    assert_int_equal(rig_got(kernel->rig, "p2"), 3);
    kernel->n_outstanding = 1; /* taken, but not sent yet */
    kernel->queue.processed = 0;
    poll_packets(kernel);
    assert_false(receive(kernel, 5, 7, 4));
    kernel->n_outstanding = 0;
    poll_packets(kernel);
    assert_true(receive(kernel, 5, 7, 5));
    assert_true(receive(kernel, 5, 7, 6));
    assert_int_equal(rig_got(kernel->rig, "p2"), 4);
    kernel_end(kernel);
}

static void waiting_packets_and_lost_ones_are_waited_for(void **state)
{
    struct kernel *kernel = kernel_with_connection();
    assert_false(receive(kernel, 6, 7, 9)); /* no flow: waits for the slowpath, of the same port */
    pass(kernel, 2);
    assert_int_equal(port_set_find(&kernel->rig->shard->ports, 1)->n_pending, 1);
    assert_false(receive(kernel, 5, 7, 2));
    kernel->queue.redirected++; /* one that the kernel had no frame for */
    miss_drop_all(kernel->rig->shard, DROP_STOPPED);
    poll_packets(kernel);
    assert_false(receive(kernel, 5, 7, 3)); /* the account does not fit */
    kernel->n_lost = 1;
    pass(kernel, 2);
    assert_true(receive(kernel, 5, 7, 4));
    kernel_end(kernel);
}

static void what_the_kernel_forwards_is_counted(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    struct flow *flow = flow_new(kernel, &key, &mask);
    struct shard *shard = kernel->rig->shard;
    sample(kernel, 5, 7);
    poll_packets(kernel);
    for (int i = 0; i < 100; i++) {
        assert_true(receive(kernel, 5, 7, 1));
    }
    kernel->failed.frames = 3;
    pass(kernel, TIER_ROUND_MS + TIER_RENEW_MS);
    assert_int_equal(flow->packets, 101);
    assert_int_equal(shard->worker.totals.kernel_hits, 100);
    assert_int_equal(port_set_find(&shard->ports, 1)->rx_packets, 101);
    port_control_step(&kernel->rig->ports, kernel->rig->now_ns);
    assert_int_equal(port_set_find(&shard->ports, 2)->tx_packets, 98);
    assert_int_equal(shard->worker.totals.drops[DROP_OUTPUT_FAILED], 3);
    assert_true(worker_is_balanced(&shard->worker));
    assert_true(kernel->rig->now_ns - flow->used_ns < 300 * NS_PER_MS);
    kernel_end(kernel);
}

static uint64_t counted(const struct shard *shard)
{
    for (uint32_t i = 0; i < shard->counters.n_slots; i++) {
        if (shard->counters.counters[i].id == COUNTER) {
            return shard->counters.counters[i].packets;
        }
    }
    return 0;
}

static void a_changed_flow_comes_back_and_keeps_its_counts(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    struct flow *flow = flow_new(kernel, &key, &mask);
    sample(kernel, 5, 7);
    poll_packets(kernel);
    assert_true(receive(kernel, 5, 7, 1));
    rig_change(kernel->rig, 0, flow->id, 3, 11);
    struct tier_slot *slot = &kernel->slots[0];
    slot->packets++; /* a program that had found its entry good just before */
    slot->bytes += FRAME_BYTES;
    assert_false(receive(kernel, 5, 7, 8));
    poll_packets(kernel);
    assert_int_equal(rig_got(kernel->rig, "p3"), 8);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    assert_int_equal(counted(kernel->rig->shard), 2); /* the first by the socket, one by the kernel */
    pass(kernel, TIER_REST_MS + 2 * TIER_ROUND_MS);
    assert_int_equal(kernel->n_keys, 0);
    assert_int_equal(counted(kernel->rig->shard), 3); /* and the late one goes to what its flow was */
    kernel_end(kernel);
}

static void a_removed_flow_ends_all_its_entries(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(24);
    struct flow *flow = flow_new(kernel, &key, &mask);
    for (uint16_t i = 0; i < 100; i++) {
        sample(kernel, (uint16_t)(i % 10), (uint16_t)(100 + i));
    }
    assert_int_equal(tier_count(kernel->rig->shard->tier), 100);
    poll_packets(kernel);
    assert_true(receive(kernel, 3, 103, 1));
    rig_change(kernel->rig, 0, flow->id, 0, 11);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    assert_false(receive(kernel, 3, 103, 1));
    assert_false(receive(kernel, 4, 104, 1));
    pass(kernel, TIER_REST_MS + 2 * TIER_ROUND_MS);
    assert_int_equal(kernel->n_keys, 0);
    kernel_end(kernel);
}

static void a_port_that_goes_down_a_lease_and_idleness_end_it(void **state)
{
    struct kernel *kernel = kernel_with_connection();
    assert_true(receive(kernel, 5, 7, 1));
    kernel->rig->now_ns += (TIER_LEASE_MS + 1) * NS_PER_MS; /* we stood still */
    assert_false(receive(kernel, 5, 7, 2));
    pass(kernel, TIER_RENEW_MS);
    assert_true(receive(kernel, 5, 7, 3));
    kernel->failed = (struct tier_failed){.frames = 1, .refused = 1}; /* the host behind it takes none any more */
    pass(kernel, TIER_FAILED_MS + 1);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    assert_false(receive(kernel, 5, 7, 4));
    pass(kernel, TIER_REST_MS + 2 * TIER_ROUND_MS);
    sample(kernel, 5, 7); /* though it says that it does */
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    pass(kernel, TIER_REFUSED_MS);
    sample(kernel, 5, 7);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 1);
    kernel->devices[1].takes = false; /* and says so */
    pass(kernel, TIER_ROUND_MS + 1);
    assert_false(receive(kernel, 5, 7, 4));
    kernel->devices[1].takes = true;
    pass(kernel, TIER_REST_MS + 2 * TIER_ROUND_MS);
    sample(kernel, 5, 7);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 1);
    pass(kernel, TIER_IDLE_MS + TIER_ROUND_MS + 1);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    pass(kernel, TIER_REST_MS + 2 * TIER_ROUND_MS);
    sample(kernel, 5, 7);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 1);
    tier_port_ends(kernel->rig->shard, 2);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    assert_int_equal(kernel->devices[0].n_in + kernel->devices[1].n_out, 0);
    tier_switch(kernel->rig->shard, false);
    sample(kernel, 5, 8);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    kernel_end(kernel);
}

static void overload_holds_back_for_a_moment_and_says_so(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    (void)flow_new(kernel, &key, &mask);
    kernel->queue.processed = 0; /* never worked off so far */
    sample(kernel, 5, 7);
    kernel->queue.redirected += 1000;
    for (int i = 0; i < 4; i++) {
        kernel->n_lost += 10;
        pass(kernel, 1);
    }
    assert_int_equal(kernel->queue.hold, 1);
    assert_false(receive(kernel, 5, 7, 2));
    assert_int_equal(kernel->queue.held, 1);
    kernel->n_lost = 1000; /* the ring has run empty */
    pass(kernel, 2);
    assert_int_equal(kernel->queue.hold, 0);
    assert_true(receive(kernel, 5, 7, 3));
    assert_int_equal(kernel->rig->shard->worker.totals.drops[DROP_HAND_OVER], 1);
    kernel_end(kernel);
}

static void a_frame_that_hides_its_flow_hash_takes_life_from_all_entries(void **state)
{
    struct kernel *kernel = kernel_with_connection();
    assert_true(receive(kernel, 5, 7, 1));
    kernel->queue.epoch++; /* as the program does for a tag without a VLAN, */
    kernel->queue.redirected++;
    rig_put(kernel->rig, "p1", 5, 7, 2); /* which is on its way to us */
    assert_false(receive(kernel, 5, 7, 3));
    poll_packets(kernel);
    assert_int_equal(rig_got(kernel->rig, "p2"), 2);
    assert_int_equal(rig_got(kernel->rig, "p2"), 3);
    pass(kernel, TIER_ROUND_MS + 1); /* found waiting by the round at the latest */
    assert_true(receive(kernel, 5, 7, 4));
    kernel_end(kernel);
}

static void a_queue_that_is_somebody_elses_takes_its_entries_along(void **state)
{
    struct kernel *kernel = kernel_with_connection();
    assert_true(receive(kernel, 5, 7, 1));
    tier_rx_end(&kernel->rx);
    assert_false(receive(kernel, 5, 7, 2));
    pass(kernel, TIER_ROUND_MS);
    tier_rx_begin(&kernel->rx, 78); /* and comes back */
    kernel->rx.n_received = 0;
    pass(kernel, TIER_ROUND_MS + 1);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    pass(kernel, TIER_REST_MS + 2 * TIER_ROUND_MS);
    sample(kernel, 5, 7);
    poll_packets(kernel);
    assert_true(receive(kernel, 5, 7, 3));
    kernel_end(kernel);
}

static void a_port_that_is_down_stops_no_other(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    uint32_t stuck = 1;
    struct tier_queue other_queue = {0};
    struct tier_rx other = {.shared = &other_queue, .n_outstanding = &stuck, .count_lost = count_lost};
    (void)flow_new(kernel, &key, &mask);
    kernel->devices[2].rx[kernel->devices[2].n_rx++] = &other; /* frames that a device kept when it went down */
    sample(kernel, 5, 7);
    poll_packets(kernel);
    assert_false(receive(kernel, 5, 7, 1));
    poll_packets(kernel);
    assert_false(receive(kernel, 5, 7, 2));
    port_set_find(&kernel->rig->shard->ports, 3)->can_send = false;
    poll_packets(kernel);
    assert_true(receive(kernel, 5, 7, 3));
    kernel->devices[2].n_rx = 0;
    kernel_end(kernel);
}

static void an_account_that_does_not_come_out_begins_anew(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    (void)flow_new(kernel, &key, &mask);
    sample(kernel, 5, 7);
    kernel->queue.redirected += 3; /* of which nobody knows anything */
    pass(kernel, 5);
    assert_false(receive(kernel, 5, 7, 1));
    pass(kernel, 60);
    assert_true(receive(kernel, 5, 7, 2));
    kernel_end(kernel);
}

static void the_last_quarter_is_for_ports_that_have_few(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(16);
    (void)flow_new(kernel, &key, &mask);
    kernel->takes_all = true;
    for (uint32_t i = 0; i < TIER_SLOTS; i++) {
        sample(kernel, (uint16_t)(i >> 8), (uint16_t)(1000 + (i & 0xff)));
    }
    assert_int_equal(tier_count(kernel->rig->shard->tier), TIER_SLOTS - TIER_SLOTS / 4);
    assert_int_equal(tier_count_full(kernel->rig->shard->tier), TIER_SLOTS / 4);
    tier_port_ends(kernel->rig->shard, 1); /* one step for each entry, not one for each pair */
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    kernel_end(kernel);
}

static void the_kernel_compares_what_the_flow_looks_at(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    mask.ip_tos = 0xfc;
    memset(mask.eth_src, 0xff, 6);
    (void)flow_new(kernel, &key, &mask);
    sample(kernel, 5, 7);
    poll_packets(kernel);
    assert_true(receive(kernel, 5, 7, 1));
    kernel->tos = 0x01; /* not looked at */
    assert_true(receive(kernel, 5, 7, 2));
    kernel->tos = 0x10;
    assert_false(receive(kernel, 5, 7, 3)); /* no flow of ours: it waits for the slowpath, and the next one behind it */
    kernel->tos = 0;
    assert_false(receive(kernel, 5, 7, 4));
    poll_packets(kernel);
    assert_int_equal(port_set_find(&kernel->rig->shard->ports, 1)->n_pending, 2);
    miss_drop_all(kernel->rig->shard, DROP_STOPPED);
    pass(kernel, TIER_ROUND_MS + 1);
    assert_true(receive(kernel, 5, 7, 5));
    kernel->last_mac_byte = 0x77;
    assert_false(receive(kernel, 5, 7, 6));
    kernel_end(kernel);
}

static void flows_the_kernel_cannot_tell_are_not_handed_over(void **state)
{
    struct kernel *kernel = kernel_new();
    struct flow_key key, mask = mask_source(32);
    mask.ip_ttl = 0x40; /* looked at by a rule that decrements it */
    (void)flow_new(kernel, &key, &mask);
    sample(kernel, 5, 7);
    assert_int_equal(tier_count(kernel->rig->shard->tier), 0);
    kernel_end(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_begins_when_the_socket_is_worked_off),
        cmocka_unit_test(waiting_packets_and_lost_ones_are_waited_for),
        cmocka_unit_test(what_the_kernel_forwards_is_counted),
        cmocka_unit_test(a_changed_flow_comes_back_and_keeps_its_counts),
        cmocka_unit_test(a_removed_flow_ends_all_its_entries),
        cmocka_unit_test(a_port_that_goes_down_a_lease_and_idleness_end_it),
        cmocka_unit_test(overload_holds_back_for_a_moment_and_says_so),
        cmocka_unit_test(a_frame_that_hides_its_flow_hash_takes_life_from_all_entries),
        cmocka_unit_test(a_queue_that_is_somebody_elses_takes_its_entries_along),
        cmocka_unit_test(a_port_that_is_down_stops_no_other),
        cmocka_unit_test(an_account_that_does_not_come_out_begins_anew),
        cmocka_unit_test(the_last_quarter_is_for_ports_that_have_few),
        cmocka_unit_test(the_kernel_compares_what_the_flow_looks_at),
        cmocka_unit_test(flows_the_kernel_cannot_tell_are_not_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
