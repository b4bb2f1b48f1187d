/* Ports come, go, vanish and return. Unit test with memory ports.
 * What may never happen: a frame or a flow stays behind with a port that has gone, or another port is disturbed.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/captures.h"
#include "tests/unit/services/fastpath/rig.h"

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
    port_control_retry(&rig->ports, rig->now_ns + 999 * NS_PER_MS);
    assert_null(port(rig, 9)->io);
    port_control_retry(&rig->ports, rig->now_ns + 1000 * NS_PER_MS);
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
    port_control_retry(&rig->ports, rig->now_ns);
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
        port_control_retry(&rig->ports, rig->now_ns);
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
    assert_int_equal(port_control_next_retry(&rig->ports), rig->now_ns + PORT_RETRY_MS * NS_PER_MS);
    make_capture(path, 3);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(truncate(path, 130), 0);
    port_control_retry(&rig->ports, rig->now_ns + PORT_RETRY_MS * NS_PER_MS);
    assert_non_null(strstr(port(rig, 9)->error, path));
    assert_null(strstr(port(rig, 9)->error, "No such file"));
    assert_int_equal(port_control_next_retry(&rig->ports), UINT64_MAX);
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
    snprintf(port(rig, 2)->io->failure, sizeof port(rig, 2)->io->failure, "the disk is full");
    port_control_retry(&rig->ports, rig->now_ns);
    port_control_retry(&rig->ports, rig->now_ns);
    assert_int_equal(rig->n_changes, n_before + 1);
    assert_string_equal(port(rig, 2)->error, "the disk is full");
    assert_non_null(port(rig, 2)->io);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
