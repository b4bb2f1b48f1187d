/* Ports come, go, vanish and return. Unit test with memory ports.
 * What may never happen: a frame or a flow stays behind with a port that has gone, or another port is disturbed.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/captures.h"
#include "tests/unit/services/fastpath/rig.h"

#include <errno.h>
#include <stdio.h>

static struct port *port(struct rig *rig, uint32_t id)
{
    return port_set_find(&rig->shard->ports, id);
}

static void missing_device_is_an_error_until_it_comes(void **state)
{
    struct rig *rig = rig_new(256);
    rig_add_port(rig, 9, "later");
    assert_null(port(rig, 9)->io);
    assert_non_null(strstr(port(rig, 9)->error, "no such interface"));
    io_mem_add(rig->mem, "later");
    port_control_step(&rig->ports, rig->now_ns + 999 * NS_PER_MS);
    assert_null(port(rig, 9)->io);
    port_control_step(&rig->ports, rig->now_ns + 1000 * NS_PER_MS);
    assert_non_null(port(rig, 9)->io);
    assert_string_equal(port(rig, 9)->error, "");
    assert_true(port(rig, 9)->can_send);
    rig_end(rig);
}

static void removed_port_takes_its_flows_and_waiting_packets_along(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 32, 10);
    rig_put(rig, "p1", 2, 1, 1);
    rig_put(rig, "p3", 2, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(rig->shard->worker.pending.n_packets, 2);
    port_control_apply(&rig->ports, 1, NULL, rig->now_ns);
    assert_null(port(rig, 1));
    assert_int_equal(rig->shard->worker.pending.n_packets, 1);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_STOPPED], 1);
    rig_run(rig, 0);
    assert_int_equal(flow_table_count(rig->shard->flows), 0);
    assert_true(rig_heard(rig, 0, MESSAGE_FLOW_GONE));
    assert_false(io_mem_put(rig->mem, "p1", "x", 1));
    rig_end(rig);
}

static void vanished_device_is_told_and_its_flows_stay(void **state)
{
    struct rig *rig = rig_new(256);
    struct link_info link = {.name = "p2", .ifindex = 0, .is_gone = true};
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 32, 10);
    rig_forget_heard(&rig->replicas[0]);
    io_mem_remove(rig->mem, "p2");
    size_t n_before = rig->n_changes;
    port_control_link(&rig->ports, &link, rig->now_ns);
    assert_int_equal(rig->n_changes, n_before + 1);
    assert_null(port(rig, 2)->io);
    assert_non_null(strstr(port(rig, 2)->error, "vanished"));
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_OUTPUT_DOWN], 1);
    Busbar__LinkStates *links = rig_take(rig, 0, MESSAGE_LINK_STATES);
    assert_non_null(links);
    assert_true(links->n_links == 1 && links->links[0]->port == 2 && !links->links[0]->up);
    protobuf_c_message_free_unpacked(&links->base, NULL);
    io_mem_add(rig->mem, "p2");
    link = (struct link_info){.name = "p2", .ifindex = 7, .mtu = 1500, .is_up = true};
    port_control_link(&rig->ports, &link, rig->now_ns);
    port_control_step(&rig->ports, rig->now_ns); /* packets have their turn first: p3 has just been opened */
    assert_null(port(rig, 2)->io);
    rig->now_ns = port_control_next_step(&rig->ports);
    port_control_step(&rig->ports, rig->now_ns);
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 2);
    rig_end(rig);
}

static void thousand_flaps_leak_nothing(void **state)
{
    struct rig *rig = rig_new(256);
    for (int i = 0; i < 1000; i++) {
        struct link_info link = {.name = "p2", .is_gone = true};
        io_mem_remove(rig->mem, "p2");
        port_control_link(&rig->ports, &link, rig->now_ns);
        io_mem_add(rig->mem, "p2");
        rig->now_ns += NS_PER_S;
        port_control_step(&rig->ports, rig->now_ns);
        assert_non_null(port(rig, 2)->io);
        rig_put(rig, "p2", 1, 1, 1);
    }
    rig_run(rig, 0);
    rig_end(rig);
}

static void changed_row_reopens_and_bad_name_is_refused(void **state)
{
    struct rig *rig = rig_new(256);
    io_mem_add(rig->mem, "other");
    rig_add_port(rig, 1, "other");
    assert_string_equal(port(rig, 1)->name, "other");
    assert_non_null(port(rig, 1)->io);
    rig_add_port(rig, 50, "a-name-longer-than-linux-has");
    assert_null(port(rig, 50));
    rig_end(rig);
}

/* A port of a type with one option; key NULL: none. */
static void add_typed(struct rig *rig, uint32_t id, const char *name, const char *type, const char *key, const char *value)
{
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    Busbar__PortOption option = BUSBAR__PORT_OPTION__INIT, *pointer = &option;
    option.key = (char *)(uintptr_t)key;
    option.value = (char *)(uintptr_t)value;
    row.name = (char *)(uintptr_t)name;
    row.bridge = 1;
    row.ofport = id;
    row.type = (char *)(uintptr_t)type;
    row.options = &pointer;
    row.n_options = key != NULL;
    port_control_apply(&rig->ports, id, &row, rig->now_ns);
    rig->ports.opened_ns = rig->ports.pause_ns = 0; /* no other device has been opened lately */
    port_control_step(&rig->ports, rig->now_ns);
}

static void make_capture(const char *path, unsigned n)
{
    FILE *file = captures_new(path, CAPTURE_LINK_ETHERNET);
    for (unsigned i = 0; i < n; i++) {
        uint8_t frame[FRAME_BYTES];
        frame_udp(frame, 1, 1, (uint8_t)(i + 1));
        captures_add(file, i, frame, sizeof frame, sizeof frame);
    }
    assert_int_equal(fclose(file), 0);
}

static void capture_is_forwarded_to_a_null_port(void **state)
{
    struct rig *rig = rig_new(256);
    struct captures c;
    struct flow_key key, mask = mask_source(32);
    captures_begin(&c);
    char *path = captures_path(&c, "in");
    make_capture(path, 20);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    add_typed(rig, 8, "nowhere", "null", NULL, NULL);
    add_typed(rig, 9, "tape", "pcap", "rx", path);
    assert_string_equal(port(rig, 8)->io->mode, "null");
    assert_string_equal(port(rig, 9)->io->mode, "pcap");
    assert_true(port(rig, 9)->can_send && port(rig, 9)->mtu > 9000);
    rig_run(rig, 0);
    struct rig_answer answer = {.ask = rig_ask(rig, 0, &key), .mask = &mask, .port = 8, .version = 10};
    assert_int_not_equal(answer.ask, 0);
    rig_answer(rig, 0, &answer);
    assert_int_equal(port(rig, 9)->rx_packets, 20);
    assert_int_equal(port(rig, 8)->tx_packets, 20);
    struct link_info link = {.name = "tape", .ifindex = 7, .is_gone = true};
    port_control_link(&rig->ports, &link, rig->now_ns); /* an interface that happens to be called like it */
    assert_non_null(port(rig, 9)->io);
    rig_end(rig);
    free(path);
    captures_end(&c, (const char *const[]){"in"}, 1);
}

static void changed_options_open_the_port_anew(void **state)
{
    struct rig *rig = rig_new(256);
    struct captures c;
    captures_begin(&c);
    char *first = captures_path(&c, "first"), *second = captures_path(&c, "second");
    make_capture(first, 3);
    make_capture(second, 5);
    add_typed(rig, 9, "tape", "pcap", "rx", first);
    rig_run(rig, 0);
    assert_int_equal(port(rig, 9)->rx_packets, 3);
    add_typed(rig, 9, "tape", "pcap", "rx", first);
    rig_run(rig, 0);
    assert_int_equal(port(rig, 9)->rx_packets, 3);
    add_typed(rig, 9, "tape", "pcap", "rx", second);
    rig_run(rig, 0);
    assert_int_equal(port(rig, 9)->rx_packets, 5);
    add_typed(rig, 9, "tape", "null", NULL, NULL);
    assert_string_equal(port(rig, 9)->io->mode, "null");
    rig_end(rig);
    free(first);
    free(second);
    captures_end(&c, (const char *const[]){"first", "second"}, 2);
}

static void missing_capture_is_tried_again_and_a_damaged_one_is_not(void **state)
{
    struct rig *rig = rig_new(256);
    struct captures c;
    captures_begin(&c);
    char *path = captures_path(&c, "in");
    add_typed(rig, 9, "tape", "pcap", "rx", path);
    assert_non_null(strstr(port(rig, 9)->error, "No such file"));
    assert_int_equal(port_control_next_step(&rig->ports), rig->now_ns + PORT_RETRY_MS * NS_PER_MS);
    make_capture(path, 3);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(truncate(path, 130), 0);
    port_control_step(&rig->ports, rig->now_ns + PORT_RETRY_MS * NS_PER_MS);
    assert_non_null(strstr(port(rig, 9)->error, path));
    assert_null(strstr(port(rig, 9)->error, "No such file"));
    assert_int_equal(port_control_next_step(&rig->ports), UINT64_MAX);
    rig_end(rig);
    free(path);
    captures_end(&c, (const char *const[]){"in"}, 1);
}

static void new_port_is_held_until_a_slowpath_knows_it(void **state)
{
    struct rig *rig = rig_new(256);
    struct captures c;
    captures_begin(&c);
    char *path = captures_path(&c, "in");
    make_capture(path, 3);
    rig->ports.holds = true;
    add_typed(rig, 9, "tape", "pcap", "rx", path);
    assert_false(port_control_release(&rig->ports, (struct version){.epoch = 1, .n = 99}));
    port_control_version(&rig->ports, (struct version){.epoch = 1, .n = 12});
    assert_false(port_control_release(&rig->ports, (struct version){.epoch = 1, .n = 12})); /* no session is open */
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    assert_false(port_control_release(&rig->ports, (struct version){.epoch = 1, .n = 11}));
    rig_run(rig, 0);
    assert_int_equal(port(rig, 9)->rx_packets, 0);
    port_control_version(&rig->ports, (struct version){.epoch = 1, .n = 13}); /* later ones are no matter */
    assert_true(port_control_release(&rig->ports, (struct version){.epoch = 1, .n = 12}));
    assert_false(port_control_release(&rig->ports, (struct version){.epoch = 1, .n = 12}));
    rig_run(rig, 0);
    assert_int_equal(port(rig, 9)->rx_packets, 3);
    rig_end(rig);
    free(path);
    captures_end(&c, (const char *const[]){"in"}, 1);
}

static void failure_of_an_open_device_is_told_once(void **state)
{
    struct rig *rig = rig_new(256);
    size_t n_before = rig->n_changes;
    snprintf(port(rig, 2)->io->trouble, sizeof port(rig, 2)->io->trouble, "the disk is full");
    port(rig, 2)->io->has_news = true;
    port_control_step(&rig->ports, rig->now_ns);
    port_control_step(&rig->ports, rig->now_ns);
    assert_int_equal(rig->n_changes, n_before + 1);
    assert_string_equal(port(rig, 2)->error, "the disk is full");
    assert_non_null(port(rig, 2)->io);
    rig_end(rig);
}

/* ---- a device whose every word the test says ---- */

struct fake {
    struct io io;
    unsigned n_works, n_flushes;
    bool is_closed, was_forgotten, was_ending;
    unsigned n_forgets, n_steps, n_sweeps;
    size_t n_swept;
    unsigned n_opens;
    int open_err;
    bool is_shared;
};
static struct fake fake;

static unsigned fake_rx(struct io *io, struct io_frame *out_frames, unsigned max)
{
    return 0;
}

static unsigned fake_tx(struct io *io, const struct io_frame *frames, unsigned n)
{
    return 0;
}

static void fake_flush(struct io *io)
{
    fake.n_flushes++;
    if (io->is_ending) {
        fake.was_ending = true;
        io->n_failed++; /* what it had left */
    }
}

static int fake_fd(const struct io *io, unsigned i)
{
    return -1;
}

static void fake_stats(struct io *io, struct io_stats *out_stats)
{
    *out_stats = (struct io_stats){0};
}

static void fake_work(struct io *io, uint64_t now_ns)
{
    fake.n_works++;
    io->work_ns = now_ns + NS_PER_S;
}

static void fake_close(struct io *io)
{
    fake.is_closed = true;
    fake.was_forgotten = io->is_forgotten;
}

static const struct io_ops fake_ops = {
    .rx = fake_rx, .tx = fake_tx, .flush = fake_flush, .fd = fake_fd, .stats = fake_stats, .work = fake_work, .close = fake_close};

static int fake_open(void *context, const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail)
{
    fake.n_opens++;
    if (fake.open_err != 0) {
        return error_set(detail, fake.open_err, "the fake refuses");
    }
    fake.is_closed = false;
    fake.io = (struct io){.ops = &fake_ops, .mode = "fake", .frame_bytes = UMEM_LARGE_ROOM};
    *out_io = &fake.io;
    return 0;
}

static void fake_forget(void *context, enum io_kind kind, const char *name)
{
    fake.n_forgets++;
}

static bool fake_is_shared(enum io_kind kind)
{
    return kind == IO_SYSTEM || fake.is_shared; /* the memory ports are, whatever the fake is */
}

static void fake_step(void *context, struct umem *umem)
{
    fake.n_steps++;
}

static void fake_sweep(void *context, const char *const *names, size_t n)
{
    fake.n_sweeps++;
    fake.n_swept = n;
}

/* A rig whose port 9 is the fake device, not opened yet. */
static struct rig *fake_rig(const struct shard_set *shards)
{
    struct rig *rig = rig_new(256);
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    fake = (struct fake){.is_shared = true};
    rig->ports.factory = (struct io_factory){
        .open = fake_open, .forget = fake_forget, .is_shared = fake_is_shared, .step = fake_step, .sweep = fake_sweep};
    rig->ports.shards = shards;
    rig->now_ns += NS_PER_S;
    row.name = (char *)"fake";
    row.type = (char *)"internal";
    row.bridge = 1;
    row.ofport = 9;
    port_control_apply(&rig->ports, 9, &row, rig->now_ns);
    assert_int_equal(fake.n_opens, 0);
    return rig;
}

static void step(struct rig *rig, uint64_t ms)
{
    rig->now_ns += ms * NS_PER_MS;
    port_control_step(&rig->ports, rig->now_ns);
}

static void devices_are_opened_one_a_step_and_packets_have_their_turn_between(void **state)
{
    struct rig *rig = fake_rig(NULL);
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    fake.open_err = -ENODEV;
    for (uint32_t id = 20; id < 30; id++) {
        char name[8];
        snprintf(name, sizeof name, "f%u", id);
        row.name = name;
        row.bridge = 1;
        row.ofport = id;
        port_control_apply(&rig->ports, id, &row, rig->now_ns);
    }
    step(rig, 0);
    assert_int_equal(fake.n_opens, 1);
    step(rig, 12); /* so long it took */
    assert_int_equal(fake.n_opens, 1);
    step(rig, 11);
    assert_int_equal(fake.n_opens, 1);
    assert_int_equal(port_control_next_step(&rig->ports), rig->now_ns + NS_PER_MS);
    step(rig, 1);
    assert_int_equal(fake.n_opens, 2);
    step(rig, 60); /* never longer than the limit */
    step(rig, PORT_PAUSE_MAX_MS);
    assert_int_equal(fake.n_opens, 3);
    for (int i = 0; i < 200; i++) {
        step(rig, 1);
    }
    assert_int_equal(fake.n_opens, 11); /* each of the eleven once, and no port twice before its second is over */
    assert_int_equal(rig->shard->worker.totals.received, 0);
    rig_end(rig);
}

static void work_is_done_when_due_and_when_shards_change(void **state)
{
    struct shard_set set;
    shard_set_init(&set, NULL, 1);
    struct rig *rig = fake_rig(&set);
    step(rig, 0);
    step(rig, 1);
    assert_int_equal(fake.n_works, 1);
    step(rig, 999);
    assert_int_equal(fake.n_works, 1);
    step(rig, 1);
    assert_int_equal(fake.n_works, 2);
    set.changes++;
    step(rig, 1);
    assert_int_equal(fake.n_works, 3);
    assert_int_equal(port_control_next_step(&rig->ports), UINT64_MAX);
    fake.io.is_busy = true;
    assert_int_equal(port_control_next_step(&rig->ports), fake.io.work_ns);
    assert_true(fake.n_steps >= 5);
    rig_end(rig);
}

static void late_counts_of_a_device_go_into_the_totals_once(void **state)
{
    struct rig *rig = fake_rig(NULL);
    struct worker_totals *totals = &rig->shard->worker.totals;
    step(rig, 0);
    struct port *p = port(rig, 9);
    totals->sent = totals->packets_out = p->tx_packets = 10;
    p->tx_bytes = 600;
    fake.io.n_failed = 3;
    fake.io.failed_bytes = 180;
    fake.io.n_unserved = 7;
    step(rig, 1);
    step(rig, 1);
    assert_true(totals->sent == 7 && totals->drops[DROP_OUTPUT_FAILED] == 3);
    assert_true(p->tx_packets == 7 && p->tx_bytes == 420 && p->tx_drops[DROP_OUTPUT_FAILED] == 3);
    assert_true(totals->received == 7 && totals->drops[DROP_NO_SHARD] == 7 && p->rx_packets == 7 && p->rx_drops[DROP_NO_SHARD] == 7);
    assert_true(worker_is_balanced(&rig->shard->worker));
    port_control_apply(&rig->ports, 9, NULL, rig->now_ns);
    assert_true(fake.is_closed && fake.was_ending && fake.was_forgotten && fake.n_forgets == 0);
    assert_true(totals->sent == 6 && totals->drops[DROP_OUTPUT_FAILED] == 4);
    rig_end(rig);
}

static void a_lost_device_is_opened_again_and_not_forgotten(void **state)
{
    struct rig *rig = fake_rig(NULL);
    step(rig, 0);
    fake.io.is_lost = true;
    step(rig, 1);
    assert_true(fake.is_closed && !fake.was_forgotten);
    step(rig, 1);
    step(rig, 1);
    assert_true(!fake.is_closed && fake.n_opens == 2 && port(rig, 9)->io != NULL);
    rig_end(rig);
}

static void nobody_is_told_of_a_device_before_its_queues_are_open(void **state)
{
    struct rig *rig = fake_rig(NULL);
    step(rig, 0);
    fake.io.is_opening = true;
    size_t n_before = rig->n_changes;
    struct link_info link = {.name = "fake", .mtu = 1400, .is_up = true};
    port_control_link(&rig->ports, &link, rig->now_ns);
    step(rig, 1);
    assert_int_equal(rig->n_changes, n_before);
    fake.io.is_opening = false;
    fake.io.has_news = true;
    snprintf(fake.io.trouble, sizeof fake.io.trouble, "queue 3 is in use");
    step(rig, 1);
    step(rig, 1);
    assert_int_equal(rig->n_changes, n_before + 1);
    assert_string_equal(port(rig, 9)->error, "queue 3 is in use");
    fake.io.has_news = true;
    fake.io.trouble[0] = '\0';
    step(rig, 1);
    assert_string_equal(port(rig, 9)->error, "");
    rig_end(rig);
}

static void before_we_have_joined_nothing_is_opened(void **state)
{
    struct shard_set set;
    shard_set_init(&set, "/nonexistent", 1);
    struct rig *rig = fake_rig(&set);
    step(rig, 0);
    step(rig, 2000);
    assert_int_equal(fake.n_opens, 0);
    assert_int_equal(port_control_next_step(&rig->ports), UINT64_MAX);
    set.live[set.n_live++] = 1;
    set.changes++;
    step(rig, 1);
    assert_int_equal(fake.n_opens, 1);
    rig_end(rig);
}

static void what_only_one_shard_can_have_is_in_the_lowest(void **state)
{
    struct shard_set set;
    shard_set_init(&set, NULL, 2);
    struct rig *rig = fake_rig(&set);
    fake.is_shared = false;
    step(rig, 0);
    assert_non_null(port(rig, 9)->io);
    set.live[0] = 1;
    set.live[1] = 2;
    set.n_live = 2;
    set.changes++;
    step(rig, 1);
    assert_true(fake.is_closed && port(rig, 9)->io == NULL && port(rig, 9)->elsewhere == 1);
    /* What should go out there is dropped for this reason. */
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_key mask, key;
    memset(&mask, 0xff, sizeof mask);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    uint64_t ask = rig_ask(rig, 0, &key);
    assert_true(ask != 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 9, .version = 10});
    assert_int_equal(rig->shard->worker.totals.drops[DROP_OUTPUT_OTHER_SHARD], 1);
    assert_int_equal(port(rig, 9)->tx_drops[DROP_OUTPUT_OTHER_SHARD], 1);
    unsigned n_opens = fake.n_opens;
    step(rig, 3000);
    assert_int_equal(fake.n_opens, n_opens);
    set.live[0] = 2;
    set.n_live = 1;
    set.changes++;
    step(rig, 1);
    step(rig, 30);
    assert_true(port(rig, 9)->io != NULL && port(rig, 9)->elsewhere == 0);
    rig_end(rig);
}

static void the_lowest_shard_speaks_and_who_spoke_before_withdraws_later(void **state)
{
    struct shard_set set;
    shard_set_init(&set, NULL, 2);
    struct rig *rig = fake_rig(&set);
    set.changes++;
    step(rig, 0);
    step(rig, 1);
    assert_true(port_control_is_speaker(&rig->ports));
    set.live[0] = 1;
    set.live[1] = 2;
    set.n_live = 2;
    set.changes++;
    size_t n_before = rig->n_changes;
    step(rig, 1);
    assert_false(port_control_is_speaker(&rig->ports));
    assert_int_equal(rig->n_changes, n_before);
    step(rig, PORT_WITHDRAW_MS - 1);
    n_before = rig->n_changes;
    step(rig, 1);
    assert_int_equal(rig->n_changes, n_before + RIG_PORTS + 1);
    set.live[0] = 2;
    set.n_live = 1;
    set.changes++;
    n_before = rig->n_changes;
    step(rig, 1);
    assert_true(rig->n_changes > n_before);
    rig_end(rig);
}

static void the_first_whole_configuration_is_swept_by_once(void **state)
{
    struct rig *rig = fake_rig(NULL);
    port_control_is_complete(&rig->ports);
    port_control_is_complete(&rig->ports);
    assert_true(fake.n_sweeps == 1 && fake.n_swept == RIG_PORTS + 1);
    rig_end(rig);
}

static void a_port_that_never_opened_is_forgotten_by_name(void **state)
{
    struct rig *rig = fake_rig(NULL);
    fake.open_err = -EBUSY;
    step(rig, 0);
    assert_string_equal(port(rig, 9)->error, "the fake refuses");
    port_control_apply(&rig->ports, 9, NULL, rig->now_ns);
    assert_int_equal(fake.n_forgets, 1);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_device_is_an_error_until_it_comes),
        cmocka_unit_test(removed_port_takes_its_flows_and_waiting_packets_along),
        cmocka_unit_test(vanished_device_is_told_and_its_flows_stay),
        cmocka_unit_test(thousand_flaps_leak_nothing),
        cmocka_unit_test(changed_row_reopens_and_bad_name_is_refused),
        cmocka_unit_test(capture_is_forwarded_to_a_null_port),
        cmocka_unit_test(changed_options_open_the_port_anew),
        cmocka_unit_test(missing_capture_is_tried_again_and_a_damaged_one_is_not),
        cmocka_unit_test(new_port_is_held_until_a_slowpath_knows_it),
        cmocka_unit_test(failure_of_an_open_device_is_told_once),
        cmocka_unit_test(devices_are_opened_one_a_step_and_packets_have_their_turn_between),
        cmocka_unit_test(work_is_done_when_due_and_when_shards_change),
        cmocka_unit_test(late_counts_of_a_device_go_into_the_totals_once),
        cmocka_unit_test(a_lost_device_is_opened_again_and_not_forgotten),
        cmocka_unit_test(nobody_is_told_of_a_device_before_its_queues_are_open),
        cmocka_unit_test(before_we_have_joined_nothing_is_opened),
        cmocka_unit_test(what_only_one_shard_can_have_is_in_the_lowest),
        cmocka_unit_test(the_lowest_shard_speaks_and_who_spoke_before_withdraws_later),
        cmocka_unit_test(the_first_whole_configuration_is_swept_by_once),
        cmocka_unit_test(a_port_that_never_opened_is_forgotten_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
