/* Flows of ports that have gone end in slices. In-process, fake clock, one thread.
 * What may never happen: a step that ends more than its share; a flow of a gone port that stays; a port that comes back and finds old flows. */
#include "tests/unit/services/fastpath/rig.h"

#include "services/fastpath/port_flows.h"

enum { MANY = 200000 };

/* n flows of a port, entered in its table under the mask of the source address. */
static void add_flows(struct rig *rig, uint32_t in_port, size_t n)
{
    struct port *port = port_set_find(&rig->shard->ports, in_port);
    struct flow_key mask = mask_all();
    struct dp_action output = {.type = DP_ACTION_OUTPUT, .port = 2};
    for (size_t i = 0; i < n; i++) {
        struct flow_key key = key_udp(in_port, (uint16_t)(i >> 8), (uint16_t)(i & 0xff));
        bool is_new;
        struct program *program = program_get(rig->shard->programs, &output, 1, NULL, 0, &is_new);
        struct flow *flow = flow_table_add(rig->shard->flows, &key, &mask, key_flow_id(&key, &mask), &program);
        assert_non_null(flow);
        flow->used_ns = rig->now_ns;
        install_own(rig->shard, flow, 0);
        megaflow_insert(&port->megaflows, flow, &key);
    }
}

static size_t n_flows(const struct rig *rig)
{
    return flow_table_count(rig->shard->flows);
}

static size_t count_of_port(const struct rig *rig, uint32_t in_port)
{
    size_t cursor = 0, n = 0;
    for (const struct flow *flow; (flow = flow_table_next(rig->shard->flows, &cursor)) != NULL;) {
        n += flow->in_port == in_port;
    }
    return n;
}

static void many_flows_end_a_slice_a_step_and_all_are_told(void **state)
{
    struct rig *rig = rig_new(256);
    size_t n_told = 0, n_steps = 0;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    add_flows(rig, 3, 10);
    add_flows(rig, 1, MANY);
    port_control_apply(&rig->ports, 1, NULL, rig->now_ns);
    assert_int_equal(n_flows(rig), MANY + 10); /* nothing of it was done at once */
    while (rig->shard->port_flows.n > 0) {
        size_t before = n_flows(rig);
        port_flows_step(rig->shard);
        assert_true(before - n_flows(rig) <= PORT_FLOWS_PER_STEP);
        if (n_steps++ % 50 == 0) { /* another port's packets go on */
            rig_put(rig, "p3", 0, 5, 9);
            (void)worker_poll(&rig->shard->worker, rig->now_ns);
            assert_int_equal(rig_got(rig, "p2"), 9);
        }
        rig->shard->sessions[0].heard_ns = rig->now_ns;
        session_flush(rig->shard);
        bus_hub_step(rig->hub, rig->now_ns);
        rig_listen(&rig->replicas[0]);
        for (Busbar__FlowGone *gone; (gone = rig_take(rig, 0, MESSAGE_FLOW_GONE)) != NULL;) {
            n_told += gone->n_ids;
            protobuf_c_message_free_unpacked(&gone->base, NULL);
        }
    }
    assert_true(n_steps >= MANY / PORT_FLOWS_PER_STEP);
    assert_int_equal(n_told, MANY);
    assert_int_equal(n_flows(rig), 10);
    assert_int_equal(count_of_port(rig, 3), 10);
    rig_end(rig);
}

static void a_port_that_goes_while_others_flows_end_loses_its_flows_too(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    add_flows(rig, 1, 5000);
    add_flows(rig, 3, 3000);
    add_flows(rig, 2, 7);
    port_control_apply(&rig->ports, 3, NULL, rig->now_ns); /* its flows lie behind those of 1 */
    for (int i = 0; i < 7; i++) {
        port_flows_step(rig->shard);
    }
    assert_true(count_of_port(rig, 3) < 3000);
    port_control_apply(&rig->ports, 1, NULL, rig->now_ns);
    for (int i = 0; i < 20; i++) {
        port_flows_step(rig->shard);
    }
    assert_int_equal(n_flows(rig), 7);
    assert_int_equal(rig->shard->port_flows.n, 0);
    rig_end(rig);
}

static void a_port_that_comes_as_another_begins_without_flows(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 16, 10);
    add_flows(rig, 1, 3000);
    io_mem_add(rig->mem, "p9");
    rig_add_port(rig, 1, "p9"); /* the same number under another name */
    rig->ports.opened_ns = rig->ports.pause_ns = 0; /* no other device has been opened lately */
    port_control_step(&rig->ports, rig->now_ns);
    assert_int_equal(count_of_port(rig, 1), 0);
    rig_put(rig, "p9", 1, 1, 3);
    rig_run(rig, 0);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), -1);
    struct flow_key key, mask = mask_source(16);
    struct rig_answer answer = {.ask = rig_ask(rig, 0, &key), .mask = &mask, .port = 2, .version = 10};
    rig_answer(rig, 0, &answer);
    assert_int_equal(rig_got(rig, "p2"), 3);
    rig_put(rig, "p9", 1, 2, 4);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 4);
    assert_int_equal(n_flows(rig), 1);
    rig_end(rig);
}

static void ports_that_come_and_go_forever_leave_nothing(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    add_flows(rig, 2, 4000);
    io_mem_add(rig->mem, "p9");
    for (uint32_t id = 100; id < 3100; id++) {
        rig_add_port(rig, id, "p9");
        add_flows(rig, id, 3);
        port_control_apply(&rig->ports, id, NULL, rig->now_ns);
        port_flows_step(rig->shard);
        assert_true(rig->shard->port_flows.n <= 20 && n_flows(rig) <= 4000 + 60);
    }
    for (int i = 0; i < 20; i++) {
        port_flows_step(rig->shard);
    }
    assert_int_equal(n_flows(rig), 4000);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_flows_end_a_slice_a_step_and_all_are_told),
        cmocka_unit_test(a_port_that_goes_while_others_flows_end_loses_its_flows_too),
        cmocka_unit_test(a_port_that_comes_as_another_begins_without_flows),
        cmocka_unit_test(ports_that_come_and_go_forever_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
