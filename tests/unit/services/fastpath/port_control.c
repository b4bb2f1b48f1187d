/* Ports come, go, vanish and return. Unit test with memory ports.
 * What may never happen: a frame or a flow stays behind with a port that has gone, or another port is disturbed.
 * One thread, fake clock. */
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
    assert_int_equal(flow_table_count(rig->shard->flows), 0);
    assert_int_equal(rig->shard->worker.pending.n_packets, 1);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_STOPPED], 1);
    rig_run(rig, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_device_is_an_error_until_it_comes),
        cmocka_unit_test(removed_port_takes_its_flows_and_waiting_packets_along),
        cmocka_unit_test(vanished_device_is_told_and_its_flows_stay),
        cmocka_unit_test(thousand_flaps_leak_nothing),
        cmocka_unit_test(changed_row_reopens_and_bad_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
