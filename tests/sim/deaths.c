/* Scenarios of processes that are killed, stopped or come back: DESIGN §1, the column "killed with -9, what goes on".
 *
 * Traffic runs all the while, a packet a millisecond on every pair of hosts, numbered; "goes on" means that no number is missing and
 * none is late. sim_end() checks I4 and I5 of the shard that lives then. One thread.
 */
#include <inttypes.h>

#include "tests/sim/sim_host.h"

enum { HOSTS = 5, FIRST_FLOW = 100 };

/* Traffic between all pairs of hosts, each pair a flow of its own (FIRST_FLOW + from * HOSTS + to). */
struct traffic {
    uint32_t sent[HOSTS + 1][HOSTS + 1];
    uint32_t received[HOSTS + 1][HOSTS + 1];
    bool may_flood; /* somebody's address may be unknown: copies for others are not looked at */
};

static uint16_t flow_of(unsigned from, unsigned to)
{
    return (uint16_t)(FIRST_FLOW + from * (HOSTS + 1) + to);
}

static void traffic_receive(struct sim *sim, struct traffic *traffic)
{
    struct sim_packet packet;
    for (unsigned to = 1; to <= HOSTS; to++) {
        while (sim_receive(sim, to, &packet)) {
            if (traffic->may_flood && packet.to != to) {
                continue;
            }
            assert_int_equal(packet.to, to);
            assert_int_equal(packet.flow, flow_of(packet.from, to));
            if (packet.sequence != traffic->received[packet.from][to]) {
                fail_msg("seed %" PRIu64 ": from host %u to host %u came packet %u, and %u was due", sim->seed, packet.from, to, packet.sequence,
                         traffic->received[packet.from][to]);
            }
            traffic->received[packet.from][to]++;
        }
    }
}

/* So many milliseconds of traffic; nothing may be lost, and nothing may be later than `max_late` milliseconds. */
static void traffic_run(struct sim *sim, struct traffic *traffic, unsigned ms, unsigned max_late)
{
    for (unsigned i = 0; i < ms; i++) {
        for (uint8_t from = 1; from <= HOSTS; from++) {
            for (uint8_t to = 1; to <= HOSTS; to++) {
                if (from != to) {
                    sim_send(sim, (struct sim_packet){from, to, flow_of(from, to), traffic->sent[from][to]++});
                }
            }
        }
        sim_run_ms(sim, 1);
        traffic_receive(sim, traffic);
        for (unsigned pair = 0; pair < HOSTS * HOSTS; pair++) {
            unsigned from = 1 + pair / HOSTS, to = 1 + pair % HOSTS;
            if (traffic->sent[from][to] - traffic->received[from][to] > max_late) {
                fail_msg("seed %" PRIu64 ", ms %llu: %u packets from host %u to host %u are late", sim->seed, sim->now_ns / NS_PER_MS,
                         traffic->sent[from][to] - traffic->received[from][to], from, to);
            }
        }
    }
}

/* A learning switch on which everybody is known and all pairs have flows. */
static struct sim *talking_switch(const char *scenario, unsigned n_slowpaths, struct traffic *traffic)
{
    struct sim *sim = sim_new(scenario, n_slowpaths);
    *traffic = (struct traffic){.may_flood = false};
    (void)sim_network(sim, "br0", "standalone", HOSTS);
    for (unsigned round = 0; round < 2; round++) {
        for (uint8_t host = 1; host <= HOSTS; host++) {
            (void)sim_ping(sim, host, host % HOSTS + 1, 1);
            sim_run_ms(sim, 50);
        }
    }
    for (unsigned host = 1; host <= HOSTS; host++) {
        (void)sim_receive_all(sim, host);
    }
    traffic_run(sim, traffic, 50, 50);
    traffic_run(sim, traffic, 50, 0);
    return sim;
}

static void slowpath_killed_established_traffic_goes_on_and_flows_are_adopted(void **state)
{
    struct traffic traffic;
    struct sim *sim = talking_switch(__func__, 2, &traffic);
    size_t n_flows = sim_shard(sim).n_flows;
    assert_true(n_flows >= HOSTS * (HOSTS - 1));
    sim_kill(sim, PROCESS_SLOWPATH, 1);
    traffic_run(sim, &traffic, 1000, 0);
    struct sim_shard shard = sim_shard(sim);
    assert_int_equal(shard.n_sessions_open, 1);
    sim_start(sim, PROCESS_SLOWPATH, 1);
    traffic_run(sim, &traffic, 2000, 0);
    assert_int_equal(sim_shard(sim).n_sessions_open, 2);
    sim_kill(sim, PROCESS_SLOWPATH, 2);
    traffic_run(sim, &traffic, 1000, 0);
    shard = sim_shard(sim);
    assert_true(shard.adopted >= n_flows); /* each flow's first owner was killed, the first time or the second */
    (void)sim_ping(sim, 1, 2, 7);                          /* the one that is left answers misses */
    sim_end(&sim);
}

static void only_slowpath_killed_traffic_goes_on_and_misses_wait_for_the_next(void **state)
{
    struct traffic traffic;
    struct sim *sim = talking_switch(__func__, 1, &traffic);
    sim_kill(sim, PROCESS_SLOWPATH, 1);
    traffic_run(sim, &traffic, 3000, 0);
    assert_int_equal(sim_shard(sim).n_sessions_open, 0);
    assert_true(sim_shard(sim).n_flows >= HOSTS * (HOSTS - 1));
    sim_start(sim, PROCESS_SLOWPATH, 1);
    traffic.may_flood = true; /* it knows no addresses, and nobody it could ask does */
    traffic_run(sim, &traffic, 1000, 20);
    traffic.may_flood = false;
    traffic_run(sim, &traffic, 1000, 0);
    assert_int_equal(sim_shard(sim).n_sessions_open, 1);
    sim_flow_mod(sim, "br0", "add", "cookie=5,priority=9,udp,udp_src=9,in_port=1,actions=output:3");
    (void)sim_ping(sim, 1, 3, 9);
    sim_end(&sim);
}

static void silent_slowpath_is_dropped_after_500_ms_and_returns(void **state)
{
    struct traffic traffic;
    struct sim *sim = talking_switch(__func__, 2, &traffic);
    sim_stop(sim, PROCESS_SLOWPATH, 2, true);
    traffic_run(sim, &traffic, 350, 0);
    assert_int_equal(sim_shard(sim).n_sessions_open, 2); /* one beat of 100 ms may have just been missed */
    traffic_run(sim, &traffic, 160, 0);
    assert_int_equal(sim_shard(sim).n_sessions_open, 1);
    traffic_run(sim, &traffic, 3000, 0);
    for (uint16_t flow = 1; flow < 20; flow++) {
        sim_flow_mod(sim, "br0", "add", "priority=9,udp,udp_src=9,in_port=1,actions=output:3"); /* barriers do not wait for it */
        sim_flow_mod(sim, "br0", "delete", "udp,in_port=1");
    }
    sim_stop(sim, PROCESS_SLOWPATH, 2, false);
    traffic_run(sim, &traffic, 1000, 20); /* flows that did not look at UDP were removed by the rules above */
    traffic_run(sim, &traffic, 1000, 0);
    sim_settle(sim);
    assert_int_equal(sim_shard(sim).n_sessions_open, 2);
    sim_end(&sim);
}

struct count {
    uint64_t cookie;
    int64_t packets;
};

static bool rule_has_counted(struct sim *sim, void *context)
{
    struct count *count = context;
    return sim_rule_packets(sim, "br0", count->cookie) == count->packets;
}

static void configdb_killed_traffic_and_misses_go_on_then_it_resumes(void **state)
{
    struct traffic traffic;
    struct sim *sim = talking_switch(__func__, 1, &traffic);
    sim_flow_mod(sim, "br0", "add", "cookie=5,priority=9,udp,udp_src=9,in_port=1,actions=output:3");
    traffic_run(sim, &traffic, 100, 20); /* flows of port 1 did not look at UDP and are made again */
    sim_kill(sim, PROCESS_CONFIGDB, 1);
    traffic_run(sim, &traffic, 4000, 0);
    (void)sim_ping(sim, 1, 3, 9); /* a miss: a flow of the rule that nobody has used yet */
    sim_start(sim, PROCESS_CONFIGDB, 1);
    traffic_run(sim, &traffic, 3000, 0);
    sim_settle(sim);
    assert_int_equal(sim_shard(sim).stalls, 0);
    sim_flow_mod(sim, "br0", "add", "cookie=6,priority=9,udp,udp_src=10,in_port=1,actions=output:4");
    (void)sim_ping(sim, 1, 4, 10);
    uint64_t bridge = sim_network(sim, "br1", "standalone", 0);
    assert_int_not_equal(bridge, 0);
    struct count count = {.cookie = 5, .packets = 1};
    (void)sim_until(sim, rule_has_counted, &count, "the rule of before has counted its packet");
    sim_end(&sim);
}

static void configdb_killed_again_and_again_keeps_what_it_acknowledged(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    char flow[128];
    (void)sim_network(sim, "br0", "secure", 2);
    for (uint64_t cookie = 1; cookie <= 10; cookie++) {
        (void)snprintf(flow, sizeof flow, "cookie=%" PRIu64 ",udp,udp_src=%" PRIu64 ",in_port=1,actions=output:2", cookie, cookie);
        sim_flow_mod(sim, "br0", "add", flow);
        sim_kill(sim, PROCESS_CONFIGDB, 1);
        sim_run_ms(sim, (unsigned)random_below(&sim->random, 3000));
        sim_start(sim, PROCESS_CONFIGDB, 1);
        sim_settle(sim);
        for (uint64_t i = 1; i <= cookie; i++) {
            assert_true(sim_rule_packets(sim, "br0", i) >= 0);
            (void)sim_ping(sim, 1, 2, (uint16_t)i);
        }
    }
    sim_end(&sim);
}

static void ofagent_killed_rules_stay_counters_survive(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    uint32_t sequence = 0, sent = 0;
    (void)sim_network(sim, "br0", "secure", 2);
    sim_flow_mod(sim, "br0", "add", "cookie=5,in_port=1,actions=output:2");
    for (int life = 0; life < 4; life++) {
        for (int i = 0; i < 1500; i++) {
            sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1, .sequence = sent++});
            sim_run_ms(sim, 1);
            if (i == 500) {
                sim_kill(sim, PROCESS_OFAGENT, 1);
            } else if (i == 500 + 300 * life) {
                sim_start(sim, PROCESS_OFAGENT, 1);
            }
        }
        if (sim_process(sim, PROCESS_OFAGENT, 1)->start == 0) {
            sim_start(sim, PROCESS_OFAGENT, 1);
        }
        sim_settle(sim);
        sim_receive_in_order(sim, 2, 1, 1, &sequence, sent);
        struct count count = {.cookie = 5, .packets = sent};
        (void)sim_until(sim, rule_has_counted, &count, "every packet is counted once");
    }
    sim_end(&sim);
}

static bool network_is_open(struct sim *sim, void *context)
{
    return sim_shard(sim).n_ports == 3; /* LOCAL too */
}

static void fastpath_killed_comes_back_and_loses_a_second_of_counts_at_most(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    (void)sim_network(sim, "br0", "secure", 2);
    sim_flow_mod(sim, "br0", "add", "cookie=5,in_port=1,actions=output:2");
    for (int i = 0; i < 2000; i++) {
        sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1, .sequence = (uint32_t)i});
        sim_run_ms(sim, 1);
    }
    (void)sim_receive_all(sim, 2);
    sim_kill(sim, PROCESS_FASTPATH, 1);
    sim_run_ms(sim, (unsigned)random_below(&sim->random, 4000));
    sim_start(sim, PROCESS_FASTPATH, 1);
    (void)sim_until(sim, network_is_open, NULL, "the ports are open again");
    sim_settle(sim);
    for (uint32_t i = 0; i < 100; i++) {
        (void)sim_ping(sim, 1, 2, 1);
    }
    sim_run_ms(sim, 3000);
    int64_t packets = sim_rule_packets(sim, "br0", 5);
    if (packets < 1100 || packets > 2100) {
        fail_msg("seed %" PRIu64 ": %" PRId64 " packets counted of 2100, of which 1000 may be lost", sim->seed, packets);
    }
    sim_end(&sim);
}

/* Ends it and starts another build in its place; the others run on. */
static void replace(struct sim *sim, struct traffic *traffic, enum process_kind kind, int protocol_ahead)
{
    traffic_run(sim, traffic, 500, 20); /* flows that did not look at UDP were removed by the last rule */
    sim_kill(sim, kind, 1);
    sim_process(sim, kind, 1)->protocol_ahead = protocol_ahead;
    traffic_run(sim, traffic, 100, 0);
    sim_start(sim, kind, 1);
    traffic_run(sim, traffic, 2500, 20); /* a slowpath takes over flows, and may look at some anew */
    traffic_run(sim, traffic, 500, 0);
    sim_settle(sim);
}

/* One version of every wire up, process by process in any order, and down again: packets go on, rules and counts stay, changes are taken. */
static void processes_are_replaced_by_other_versions_one_by_one(void **state)
{
    static const enum process_kind kinds[] = {PROCESS_CONFIGDB, PROCESS_SLOWPATH, PROCESS_OFAGENT};
    struct traffic traffic;
    struct sim *sim = talking_switch(__func__, 1, &traffic);
    size_t first = random_below(&sim->random, 3);
    sim_flow_mod(sim, "br0", "add", "cookie=4,priority=9,udp,udp_src=9,in_port=1,actions=output:3");
    traffic.may_flood = true; /* a new slowpath knows no addresses */
    for (size_t i = 0; i < 6; i++) {
        replace(sim, &traffic, kinds[(first + i) % 3], i < 3 ? 1 : 0);
        assert_int_equal(sim_rule_packets(sim, "br0", 4), (int64_t)i);
        (void)sim_ping(sim, 1, 3, 9);
        sim_run_ms(sim, 1500);
        assert_int_equal(sim_rule_packets(sim, "br0", 4), (int64_t)i + 1);
        if (i % 2 == 0) {
            sim_flow_mod(sim, "br0", "add", "priority=9,udp,udp_src=10,in_port=1,actions=output:2");
        } else {
            sim_flow_mod(sim, "br0", "delete", "udp,udp_src=10,in_port=1");
        }
    }
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slowpath_killed_established_traffic_goes_on_and_flows_are_adopted),
        cmocka_unit_test(only_slowpath_killed_traffic_goes_on_and_misses_wait_for_the_next),
        cmocka_unit_test(silent_slowpath_is_dropped_after_500_ms_and_returns),
        cmocka_unit_test(configdb_killed_traffic_and_misses_go_on_then_it_resumes),
        cmocka_unit_test(configdb_killed_again_and_again_keeps_what_it_acknowledged),
        cmocka_unit_test(ofagent_killed_rules_stay_counters_survive),
        cmocka_unit_test(fastpath_killed_comes_back_and_loses_a_second_of_counts_at_most),
        cmocka_unit_test(processes_are_replaced_by_other_versions_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
