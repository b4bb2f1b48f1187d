/* Scenarios at the edges: a port that floods, a shard cut off, rules that end by time, controllers that nobody reaches.
 *
 * I9 (work caused by one port starves no other), the one exception to I3 (a shard cut off from the bus goes on), expiry in simulated time,
 * and what a bridge does without its controllers. One thread.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/sim_host.h"

/* New flows at port 1, as many as its shard can receive, more than twice what a port may ask; the others talk in new flows all the while. */
static void a_flooding_port_leaves_the_others_their_way(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    unsigned longest_ms = 0;
    (void)sim_network(sim, "br0", "secure", 3);
    sim_flow_mod(sim, "br0", "add", "priority=9,udp,udp_src=65535,actions=drop"); /* every flow looks at its UDP port from now on */
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=output:2");
    sim_flow_mod(sim, "br0", "add", "in_port=2,actions=output:3");
    for (uint16_t round = 0; round < 40; round++) {
        for (unsigned ms = 0; ms < 8; ms++) {
            for (unsigned i = 0; i < 300; i++) {
                (void)sim_offer(sim, (struct sim_packet){.from = 1,
                                                         .to = (uint8_t)random_below(&sim->random, 200),
                                                         .flow = (uint16_t)random_below(&sim->random, 65535)});
            }
            sim_run_ms(sim, 1);
            (void)sim_receive_all(sim, 2);
        }
        unsigned ms = sim_ping(sim, 2, 3, round);
        longest_ms = ms > longest_ms ? ms : longest_ms;
    }
    assert_true(sim_shard(sim).dropped > 0); /* it was more than a port may ask */
    if (longest_ms > 50) {
        fail_msg("seed %" PRIu64 ": the first packet of a flow took %u ms while another port flooded", sim->seed, longest_ms);
    }
    sim_run_ms(sim, 3000);
    (void)sim_receive_all(sim, 2);
    (void)sim_ping(sim, 1, 2, 3);
    sim_end(&sim);
}

static void a_shard_cut_off_goes_on_and_is_put_right_on_return(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    uint32_t sent = 0, received = 0;
    (void)sim_network(sim, "br0", "secure", 3);
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=output:2");
    (void)sim_ping(sim, 1, 2, 1);
    struct sim_process *shard = sim_process(sim, PROCESS_FASTPATH, 1);
    struct bus_identity who = {.kind = PROCESS_FASTPATH, .instance = 1, .start = shard->start};
    bus_hub_cut(sim->hub, &who, true);
    for (unsigned ms = 0; ms < 3500; ms++) {
        sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1, .sequence = sent++});
        sim_run_ms(sim, 1);
    }
    sim_receive_in_order(sim, 2, 1, 1, &received, sent);
    sim_flow_mod(sim, "br0", "modify", "in_port=1,actions=output:3"); /* nobody waits for a shard whose lease has lapsed */
    bus_hub_cut(sim->hub, &who, false);
    sim_settle(sim);
    sim_flow_mod(sim, "br0", "add", "in_port=2,actions=output:3"); /* from this barrier on the shard counts again */
    for (unsigned i = 0; i < 50; i++) {
        sim_send(sim, (struct sim_packet){.from = 1, .to = 3, .flow = 1, .sequence = i});
        sim_run_ms(sim, 1);
    }
    received = 0;
    sim_run_ms(sim, 10);
    sim_receive_in_order(sim, 3, 1, 1, &received, 50);
    assert_int_equal(sim_receive_all(sim, 2), 0);
    sim_end(&sim);
}

static void rules_end_by_time_and_not_while_they_are_used(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    (void)sim_network(sim, "br0", "secure", 3);
    sim_flow_mod(sim, "br0", "add", "cookie=1,idle_timeout=3,in_port=1,actions=output:2");
    sim_flow_mod(sim, "br0", "add", "cookie=2,hard_timeout=5,in_port=2,actions=output:3");
    sim_flow_mod(sim, "br0", "add", "cookie=3,idle_timeout=3,in_port=3,actions=output:1");
    for (unsigned i = 0; i < 45; i++) {
        (void)sim_ping(sim, 1, 2, 1);
        sim_run_ms(sim, 100);
    }
    assert_true(sim_rule_packets(sim, "br0", 1) > 30); /* used all the time */
    assert_true(sim_rule_packets(sim, "br0", 2) >= 0);
    assert_int_equal(sim_rule_packets(sim, "br0", 3), -1); /* never used */
    (void)sim_ping(sim, 2, 3, 1);
    sim_run_ms(sim, 2500);
    assert_int_equal(sim_rule_packets(sim, "br0", 2), -1); /* used or not */
    assert_true(sim_rule_packets(sim, "br0", 1) >= 0);
    sim_run_ms(sim, 3000);
    assert_int_equal(sim_rule_packets(sim, "br0", 1), -1);
    for (uint8_t host = 1; host <= 3; host++) {
        (void)sim_receive_all(sim, host);
        sim_send(sim, (struct sim_packet){.from = host, .to = host % 3 + 1, .flow = 1});
    }
    sim_run_ms(sim, 100);
    assert_int_equal(sim_receive_all(sim, 1) + sim_receive_all(sim, 2) + sim_receive_all(sim, 3), 0);
    sim_end(&sim);
}

static void add_unreachable_controller(struct sim *sim, uint64_t bridge)
{
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
    struct cfg_txn *txn = cfg_txn_new("sim");
    row.bridge = bridge;
    row.target = (char *)"tcp:127.0.0.1:1"; /* refused at once */
    (void)cfg_txn_insert(txn, CFG_CONTROLLER, &row.base);
    assert_int_equal(sim_transact(sim, &txn, NULL), 0);
    sim_settle(sim);
}

static bool comes_through(struct sim *sim, void *context)
{
    (void)sim_receive_all(sim, 2);
    sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1});
    sim_run_ms(sim, 20);
    return sim_receive_all(sim, 2) > 0;
}

static void without_controllers_a_standalone_bridge_learns_and_a_secure_one_drops(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    uint64_t standalone = sim_add_bridge(sim, "br0", "standalone"), secure = sim_add_bridge(sim, "br1", "secure");
    (void)sim_add_port(sim, standalone, "p1");
    (void)sim_add_port(sim, standalone, "p2");
    (void)sim_add_port(sim, secure, "p3");
    (void)sim_add_port(sim, secure, "p4");
    add_unreachable_controller(sim, standalone);
    add_unreachable_controller(sim, secure);
    assert_false(comes_through(sim, NULL)); /* controllers get their time */
    (void)sim_until(sim, comes_through, NULL, "the standalone bridge has become a learning switch");
    sim_run_ms(sim, 60000);
    assert_true(comes_through(sim, NULL));
    sim_send(sim, (struct sim_packet){.from = 3, .to = 4, .flow = 1});
    sim_run_ms(sim, 100);
    assert_int_equal(sim_receive_all(sim, 4), 0);
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flooding_port_leaves_the_others_their_way),
        cmocka_unit_test(a_shard_cut_off_goes_on_and_is_put_right_on_return),
        cmocka_unit_test(rules_end_by_time_and_not_while_they_are_used),
        cmocka_unit_test(without_controllers_a_standalone_bridge_learns_and_a_secure_one_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
