/* Scenarios of groups and meters, end to end: what swctl asks for is what happens to packets, and is what is counted.
 *
 * A meter's rate is exact to a packet in the simulator, since its clock only moves when told. Each scenario leans on I3: the command
 * has returned, so the next packet is treated the new way. One thread; a second or less each.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/sim_host.h"

static void change(struct sim *sim, const char *command, const char *verb, const char *text)
{
    struct sim_call *call = sim_call_begin(sim, PROCESS_OFAGENT, 1, command, "br0", verb, text, NULL);
    int err = sim_call_end(sim, call, NULL);
    if (err != 0) {
        fail_msg("%s %s %s: %s", command, verb, text, error_text(err));
    }
}

/* The only item of a list about groups or meters; the caller's. */
static json_t *only(struct sim *sim, const char *command)
{
    json_t *list = NULL;
    assert_int_equal(sim_call_end(sim, sim_call_begin(sim, PROCESS_OFAGENT, 1, command, "br0", NULL), &list), 0);
    assert_int_equal(json_array_size(list), 1);
    json_t *item = json_incref(json_array_get(list, 0));
    json_decref(list);
    return item;
}

static int64_t number(const json_t *item, const char *name)
{
    const json_t *value = json_object_get(item, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

/* n packets of flow 1, `gap_ms` between them; returns how many came out at host 2. */
static unsigned stream(struct sim *sim, unsigned n, unsigned gap_ms)
{
    unsigned came = 0;
    for (unsigned i = 0; i < n; i++) {
        sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1, .sequence = i});
        sim_run_ms(sim, gap_ms);
        came += sim_receive_all(sim, 2);
    }
    sim_run_ms(sim, 20);
    return came + sim_receive_all(sim, 2);
}

static void a_meter_drops_above_its_rate_and_counts_what_it_drops(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    (void)sim_network(sim, "br0", "secure", 2);
    change(sim, "meter-mod", "add", "meter=1,pktps,burst,bands=type=drop,rate=10,burst_size=5");
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=meter:1,output:2");
    assert_int_equal(stream(sim, 130, 1), 6); /* a full bucket and one of 0.13 s */
    sim_run_ms(sim, 2000);
    assert_int_equal(stream(sim, 20, 100), 20); /* as many as it lets through */
    sim_run_ms(sim, 1500);
    json_t *stats = only(sim, "meter-stats"), *band = json_array_get(json_object_get(stats, "bands"), 0);
    assert_int_equal(number(stats, "n_packets"), 150);
    assert_int_equal(number(stats, "flows"), 1);
    assert_int_equal(number(band, "n_packets"), 124);
    assert_int_equal(number(band, "n_bytes"), 124 * SIM_FRAME_BYTES);
    json_decref(stats);
    sim_kill(sim, PROCESS_OFAGENT, 1);
    sim_run_ms(sim, 500);
    sim_start(sim, PROCESS_OFAGENT, 1);
    sim_settle(sim);
    sim_run_ms(sim, 1500);
    stats = only(sim, "meter-stats");
    assert_int_equal(number(stats, "n_packets"), 150); /* as the shard tells the next one */
    json_decref(stats);
    sim_end(&sim);
}

static void a_meters_new_rate_is_measured_by_when_the_command_returns(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    (void)sim_network(sim, "br0", "secure", 2);
    change(sim, "meter-mod", "add", "meter=1,pktps,burst,bands=type=drop,rate=1,burst_size=1");
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=meter:1,output:2");
    (void)stream(sim, 5, 1);
    bus_hub_set_faults(sim->hub, 0, 0, 30 * NS_PER_MS); /* the shard may hear of the change after the slowpaths have told it that they did */
    for (unsigned i = 0; i < 200; i++) {
        change(sim, "meter-mod", "modify", "meter=1,pktps,burst,bands=type=drop,rate=100000,burst_size=1000");
        assert_int_equal(stream(sim, 3, 0), 3);
        change(sim, "meter-mod", "modify", "meter=1,pktps,burst,bands=type=drop,rate=1,burst_size=1");
        assert_true(stream(sim, 3, 0) <= 1);
    }
    bus_hub_set_faults(sim->hub, 0, 0, 0);
    change(sim, "meter-mod", "delete", "meter=1"); /* its rule goes along */
    assert_int_equal(stream(sim, 10, 1), 0);
    sim_end(&sim);
}

/* Connections 1 to n, a packet each; out_where[i]: the host that got that of connection i. */
static void spread(struct sim *sim, unsigned n, unsigned *out_where)
{
    for (unsigned flow = 1; flow <= n; flow++) {
        out_where[flow] = 0;
        sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = (uint16_t)flow});
        sim_run_ms(sim, 3);
    }
    sim_run_ms(sim, 50);
    for (unsigned host = 2; host <= 4; host++) {
        struct sim_packet packet;
        while (sim_receive(sim, host, &packet)) {
            assert_int_equal(out_where[packet.flow], 0); /* nobody else has it */
            out_where[packet.flow] = host;
        }
    }
}

static int64_t n_flows(struct sim *sim)
{
    json_t *status = sim_status(sim, PROCESS_FASTPATH, 1);
    int64_t n = number(status, "flows");
    json_decref(status);
    return n;
}

enum { N_CONNECTIONS = 200 };

static void expect_spread(const unsigned *where, unsigned n_hosts)
{
    unsigned n_at[5] = {0};
    for (unsigned flow = 1; flow <= N_CONNECTIONS; flow++) {
        n_at[where[flow]]++;
    }
    assert_int_equal(n_at[0], 0); /* none is lost */
    for (unsigned host = 2; host < 2 + n_hosts; host++) {
        assert_true(n_at[host] > N_CONNECTIONS / n_hosts / 2);
    }
}

/* The group has counted so many, and its three buckets together as many. */
static void expect_group_count(struct sim *sim, int64_t n)
{
    json_t *stats = only(sim, "dump-group-stats"), *buckets = json_object_get(stats, "buckets");
    int64_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        sum += number(json_array_get(buckets, i), "n_packets");
    }
    assert_int_equal(number(stats, "n_packets"), n);
    assert_int_equal(sum, n);
    json_decref(stats);
}

static void the_datapath_hash_spreads_many_connections_with_few_flows(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    unsigned where[N_CONNECTIONS + 1], again[N_CONNECTIONS + 1];
    (void)sim_network(sim, "br0", "secure", 4);
    change(sim, "group-mod", "add", "group_id=1,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:3,bucket=output:4");
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=group:1");
    spread(sim, N_CONNECTIONS, where);
    expect_spread(where, 3);
    assert_true(n_flows(sim) <= 1 + 64); /* the way to the hash, and its values */
    spread(sim, N_CONNECTIONS, again);
    assert_memory_equal(&where[1], &again[1], N_CONNECTIONS * sizeof where[0]);
    sim_kill(sim, PROCESS_SLOWPATH, 1); /* the other takes over what comes back with a hash, knowing nothing of the first */
    sim_run_ms(sim, 2000);
    spread(sim, N_CONNECTIONS, again);
    assert_memory_equal(&where[1], &again[1], N_CONNECTIONS * sizeof where[0]);
    sim_start(sim, PROCESS_SLOWPATH, 1);
    sim_settle(sim);
    sim_run_ms(sim, 1500);
    expect_group_count(sim, 3 * N_CONNECTIONS);
    sim_kill(sim, PROCESS_OFAGENT, 1); /* the shard tells the next one */
    sim_run_ms(sim, 500);
    sim_start(sim, PROCESS_OFAGENT, 1);
    sim_settle(sim);
    sim_run_ms(sim, 1500);
    expect_group_count(sim, 3 * N_CONNECTIONS);
    sim_kill(sim, PROCESS_FASTPATH, 1); /* and when both have died in turn, the checkpoint does */
    sim_run_ms(sim, 500);
    sim_start(sim, PROCESS_FASTPATH, 1);
    sim_settle(sim);
    sim_run_ms(sim, 1500);
    sim_kill(sim, PROCESS_OFAGENT, 1);
    sim_run_ms(sim, 500);
    sim_start(sim, PROCESS_OFAGENT, 1);
    sim_settle(sim);
    sim_run_ms(sim, 1500);
    expect_group_count(sim, 3 * N_CONNECTIONS);
    sim_end(&sim);
}

/* What trace says is what happened to the packet before. */
static void trace_goes_with_the_packet_through_its_second_lookup(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    unsigned where[N_CONNECTIONS + 1];
    (void)sim_network(sim, "br0", "secure", 4);
    change(sim, "group-mod", "add", "group_id=1,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:3,bucket=output:4");
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=group:1");
    spread(sim, N_CONNECTIONS, where);
    for (unsigned flow = 1; flow <= 20; flow++) {
        char packet[160], actions[16];
        json_t *trace = NULL;
        (void)snprintf(packet, sizeof packet,
                       "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=%u,tp_dst=4000",
                       flow);
        assert_int_equal(sim_call_end(sim, sim_call_begin(sim, PROCESS_SLOWPATH, 1, "trace", "br0", packet, NULL), &trace), 0);
        (void)snprintf(actions, sizeof actions, "output:p%u", where[flow]);
        assert_string_equal(json_string_value(json_object_get(trace, "actions")), actions);
        assert_non_null(strstr(json_string_value(json_object_get(trace, "megaflow")), "recirc_id=0x1"));
        json_decref(trace);
    }
    sim_end(&sim);
}

static void a_group_changed_under_traffic_takes_the_next_packet_the_new_way(void **state)
{
    static const char *const ways[] = {
        "group_id=1,type=select,selection_method=dp_hash,bucket=output:2",
        "group_id=1,type=select,selection_method=hash,fields(udp_src),bucket=output:2",
        "group_id=1,type=all,bucket=output:2,bucket=output:3",
        "group_id=1,type=ff,bucket=watch_port:2,actions=output:2,bucket=watch_port:3,actions=output:3",
    };
    struct sim *sim = sim_new(__func__, 2);
    (void)sim_network(sim, "br0", "secure", 3);
    change(sim, "group-mod", "add", "group_id=1,type=all,bucket=drop");
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=group:1");
    for (unsigned round = 0; round < 12; round++) {
        change(sim, "group-mod", "modify", ways[round % 4]);
        assert_int_equal(stream(sim, 10, 1), 10);
        change(sim, "group-mod", "modify", "group_id=1,type=indirect,bucket=drop");
        assert_int_equal(stream(sim, 10, 1), 0);
        (void)sim_receive_all(sim, 3);
    }
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_meter_drops_above_its_rate_and_counts_what_it_drops),
        cmocka_unit_test(a_meters_new_rate_is_measured_by_when_the_command_returns),
        cmocka_unit_test(the_datapath_hash_spreads_many_connections_with_few_flows),
        cmocka_unit_test(trace_goes_with_the_packet_through_its_second_lookup),
        cmocka_unit_test(a_group_changed_under_traffic_takes_the_next_packet_the_new_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
