/* Scenarios of a controller that speaks OpenFlow 1.3 with the switch: barriers over many changes, packets up and down, removals told once.
 *
 * The road of a rule (DESIGN §5) from bytes to packets and back; I3 with the barrier of the protocol itself. One thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim_controller.h"

enum { RULES = 300 };

static bool barrier_is_answered(struct sim_controller *controller, uint32_t xid)
{
    const struct of_message *message;
    while ((message = sim_controller_hear(controller)) != NULL) {
        assert_int_not_equal(message->type, OF_ERROR);
        if (message->type == OF_BARRIER_REPLY && message->xid == xid) {
            return true;
        }
    }
    return false;
}

/* All rules point to host 2 + round % 2; once the barrier is answered, no flow goes anywhere else. */
static void a_barrier_covers_all_flow_mods_before_it(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    struct sim_packet packet;
    char flow[96];
    (void)sim_network(sim, "br0", "secure", 3);
    struct sim_controller *controller = sim_controller_new(sim, "br0");
    uint32_t sequence = 0;
    for (unsigned round = 0; round < 6; round++) {
        unsigned host = 2 + round % 2;
        bus_hub_set_faults(sim->hub, 0, 0, round * 3 * NS_PER_MS);
        for (unsigned rule = 0; rule < RULES; rule++) {
            (void)snprintf(flow, sizeof flow, "udp,in_port=1,udp_src=%u,actions=output:%u", rule, host);
            (void)sim_controller_flow_mod(controller, FLOW_MOD_ADD, flow);
        }
        uint32_t xid = sim_controller_barrier(controller);
        for (unsigned ms = 0; !barrier_is_answered(controller, xid); ms++) {
            sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = (uint16_t)random_below(&sim->random, RULES), .sequence = sequence++});
            sim_run_ms(sim, 1);
            assert_true(ms < SIM_PATIENCE_MS);
        }
        uint32_t first = sequence;
        for (unsigned i = 0; i < RULES; i++) {
            sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = (uint16_t)i, .sequence = sequence++});
            sim_run_ms(sim, i % 8 == 0);
        }
        sim_run_ms(sim, 200);
        for (unsigned at = 2; at <= 3; at++) {
            unsigned n = 0;
            while (sim_receive(sim, at, &packet)) {
                n += packet.sequence >= first;
            }
            if (n != (at == host ? RULES : 0)) {
                fail_msg("seed %" PRIu64 ": after barrier %u host %u got %u of %d packets; host %u is right", sim->seed, round, at, n, RULES, host);
            }
        }
    }
    sim_controller_destroy(&controller);
    sim_end(&sim);
}

static void a_packet_goes_up_whole_and_comes_down_by_the_rule_sent_before_it(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    struct sim_packet up, sent, down;
    char flow[96];
    (void)sim_network(sim, "br0", "secure", 3);
    struct sim_controller *controller = sim_controller_new(sim, "br0");
    (void)sim_controller_flow_mod(controller, FLOW_MOD_ADD, "cookie=9,priority=0,actions=CONTROLLER:65535");
    (void)sim_controller_barrier(controller);
    (void)sim_controller_await(controller, OF_BARRIER_REPLY);
    bus_hub_set_faults(sim->hub, 0, 0, 5 * NS_PER_MS);
    for (uint16_t n = 1; n <= 40; n++) {
        sent = (struct sim_packet){.from = (uint8_t)(1 + n % 3), .to = (uint8_t)(1 + (n + 1) % 3), .flow = n, .sequence = n};
        sim_send(sim, sent);
        const struct of_message *message = sim_controller_await(controller, OF_PACKET_IN);
        assert_int_equal(message->packet_in.cookie, 9);
        assert_int_equal(message->packet_in.total_size, SIM_FRAME_BYTES);
        assert_int_equal(message->packet_in.data_size, SIM_FRAME_BYTES);
        sim_frame_read(message->packet_in.data, message->packet_in.data_size, &up);
        assert_memory_equal(&up, &sent, sizeof up);
        /* As reactive controllers do: the rule, and behind it the packet, through the tables, without a barrier between. */
        (void)snprintf(flow, sizeof flow, "priority=5,in_port=%u,udp,udp_src=%u,actions=output:%u", up.from, up.flow, up.to);
        (void)sim_controller_flow_mod(controller, FLOW_MOD_ADD, flow);
        (void)sim_controller_packet_out(controller, up, PORT_TABLE);
        sim_run_ms(sim, 100);
        assert_null(sim_controller_hear(controller)); /* it did not come up again */
        assert_true(sim_receive(sim, up.to, &down));
        assert_memory_equal(&down, &sent, sizeof down);
        assert_false(sim_receive(sim, up.to, &down));
        (void)sim_ping(sim, up.from, up.to, up.flow);
    }
    sim_controller_destroy(&controller);
    sim_end(&sim);
}

/* Flows that were made while nobody wanted misses, or while somebody did, are right again soon after that has changed. */
static void a_controller_of_1_0_hears_of_what_no_rule_matches_while_it_is_there(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    struct sim_packet sent, up, down;
    (void)sim_network(sim, "br0", "secure", 3);
    struct sim_controller *newer = sim_controller_new(sim, "br0");
    for (uint16_t n = 1; n <= 3; n++) {
        sent = (struct sim_packet){.from = 1, .to = 2, .flow = 5, .sequence = n};
        sim_send(sim, sent); /* nobody has asked: dropped, by a flow */
        sim_run_ms(sim, 100);
        struct sim_controller *controller = sim_controller_new_in(sim, "br0", OF_VERSION_10);
        sim_run_ms(sim, 200);
        assert_null(sim_controller_hear(controller));
        for (int i = 0; i < 2; i++) { /* the second one by a flow */
            sim_send(sim, sent);
            const struct of_message *message = sim_controller_await(controller, OF_PACKET_IN);
            assert_int_equal(message->packet_in.reason, 0);
            assert_int_equal(message->packet_in.data_size, SIM_FRAME_BYTES);
            sim_frame_read(message->packet_in.data, message->packet_in.data_size, &up);
            assert_memory_equal(&up, &sent, sizeof up);
        }
        (void)sim_controller_flow_mod(controller, FLOW_MOD_ADD, "in_port=1,udp,actions=output:2");
        (void)sim_controller_barrier(controller);
        (void)sim_controller_await(controller, OF_BARRIER_REPLY);
        sim_send(sim, sent);
        sim_run_ms(sim, 50);
        assert_true(sim_receive(sim, 2, &down));
        assert_memory_equal(&down, &sent, sizeof down);
        assert_null(sim_controller_hear(controller));
        (void)sim_controller_flow_mod(controller, FLOW_MOD_DELETE, "table=0");
        (void)sim_controller_barrier(controller);
        (void)sim_controller_await(controller, OF_BARRIER_REPLY);
        sim_send(sim, sent);
        (void)sim_controller_await(controller, OF_PACKET_IN);
        sim_controller_destroy(&controller);
        sim_run_ms(sim, 3000);
        assert_null(sim_controller_hear(newer)); /* from 1.3 on such packets are dropped */
    }
    sim_controller_destroy(&newer);
    sim_end(&sim);
}

static void a_removal_is_told_once_with_the_final_count(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    (void)sim_network(sim, "br0", "secure", 2);
    struct sim_controller *controller = sim_controller_new(sim, "br0");
    for (uint32_t n = 1; n <= 20; n++) {
        bool by_time = n % 2 == 0;
        (void)sim_controller_flow_mod(controller, FLOW_MOD_ADD,
                                      by_time ? "send_flow_rem,cookie=8,idle_timeout=1,in_port=1,actions=output:2"
                                              : "send_flow_rem,cookie=8,in_port=1,actions=output:2");
        (void)sim_controller_barrier(controller);
        (void)sim_controller_await(controller, OF_BARRIER_REPLY);
        uint32_t n_packets = 1 + (uint32_t)random_below(&sim->random, 200);
        for (uint32_t i = 0; i < n_packets; i++) {
            sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = (uint16_t)(i % 5), .sequence = i});
            sim_run_ms(sim, i % 2);
        }
        sim_run_ms(sim, 5); /* the last ones have been forwarded when the deletion is asked for */
        if (!by_time) {
            (void)sim_controller_flow_mod(controller, FLOW_MOD_DELETE, "in_port=1");
        }
        const struct of_message *message = sim_controller_await(controller, OF_FLOW_REMOVED);
        assert_int_equal(message->flow_removed.cookie, 8);
        assert_int_equal(message->flow_removed.reason, by_time ? OF_REMOVED_IDLE : OF_REMOVED_DELETE);
        if (message->flow_removed.n_packets != n_packets || message->flow_removed.n_bytes != (uint64_t)n_packets * SIM_FRAME_BYTES) {
            fail_msg("seed %" PRIu64 ", round %u: %" PRIu64 " packets, %" PRIu64 " bytes told of %u packets", sim->seed, n,
                     message->flow_removed.n_packets, message->flow_removed.n_bytes, n_packets);
        }
        assert_int_equal(sim_receive_all(sim, 2), n_packets);
        sim_run_ms(sim, 2000);
        assert_null(sim_controller_hear(controller));
    }
    sim_controller_destroy(&controller);
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_barrier_covers_all_flow_mods_before_it),
        cmocka_unit_test(a_packet_goes_up_whole_and_comes_down_by_the_rule_sent_before_it),
        cmocka_unit_test(a_controller_of_1_0_hears_of_what_no_rule_matches_while_it_is_there),
        cmocka_unit_test(a_removal_is_told_once_with_the_final_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
