/* Scenarios of a switch that nothing happens to: it learns, follows rules, counts, keeps packets in order, and forgets what is deleted.
 *
 * Each is the end-to-end form of a road of DESIGN §5; the invariants they lean on are I5 (checked by sim_end) and I7.
 * One thread; a scenario costs a second or less.
 */
#include <inttypes.h>
#include <string.h>

#include "services/fastpath/io_mem.h"
#include "tests/sim/sim_host.h"

static void hosts_talk_through_a_learning_switch(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    (void)sim_network(sim, "br0", "standalone", 3);
    (void)sim_ping(sim, 1, 2, 1);
    sim_run_ms(sim, 20);
    assert_int_equal(sim_receive_all(sim, 3), 1); /* nobody knew where host 2 is */
    (void)sim_ping(sim, 2, 1, 1);
    sim_run_ms(sim, 20);
    (void)sim_receive_all(sim, 3);
    for (uint16_t flow = 1; flow < 20; flow++) {
        (void)sim_ping(sim, 1, 2, flow);
        (void)sim_ping(sim, 2, 1, flow);
    }
    sim_run_ms(sim, 20);
    assert_int_equal(sim_receive_all(sim, 3), 0); /* both are known by now */
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

static void a_rule_forwards_and_counts(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    uint32_t sequence = 0;
    (void)sim_network(sim, "br0", "secure", 3);
    sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1});
    sim_run_ms(sim, 50);
    assert_int_equal(sim_receive_all(sim, 2), 0);
    sim_flow_mod(sim, "br0", "add", "cookie=7,in_port=1,actions=output:2");
    for (uint32_t i = 0; i < 100; i++) {
        sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1, .sequence = i});
        sim_run_ms(sim, i % 3);
    }
    sim_run_ms(sim, 20);
    sim_receive_in_order(sim, 2, 1, 1, &sequence, 100);
    assert_int_equal(sim_receive_all(sim, 3), 0);
    struct count count = {.cookie = 7, .packets = 100};
    (void)sim_until(sim, rule_has_counted, &count, "the rule has counted 100 packets");
    sim_run_ms(sim, 3000);
    assert_int_equal(sim_rule_packets(sim, "br0", 7), 100);
    sim_end(&sim);
}

static void two_rules_of_one_flow_both_count_it(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    struct count first = {.cookie = 1, .packets = 30}, second = {.cookie = 2, .packets = 20}, third = {.cookie = 3, .packets = 10};
    (void)sim_network(sim, "br0", "secure", 3);
    sim_flow_mod(sim, "br0", "add", "cookie=1,table=0,in_port=1,actions=goto_table:1");
    sim_flow_mod(sim, "br0", "add", "cookie=2,table=1,udp,actions=output:2");
    sim_flow_mod(sim, "br0", "add", "cookie=3,table=1,priority=40000,udp,udp_src=9,actions=output:3");
    for (uint32_t i = 0; i < 30; i++) {
        sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = i % 3 == 0 ? 9 : 8, .sequence = i});
        sim_run_ms(sim, 2);
    }
    (void)sim_until(sim, rule_has_counted, &first, "the first table's rule has counted all");
    (void)sim_until(sim, rule_has_counted, &second, "the general rule has counted its own");
    (void)sim_until(sim, rule_has_counted, &third, "the special rule has counted its own");
    assert_int_equal(sim_receive_all(sim, 2), 20);
    assert_int_equal(sim_receive_all(sim, 3), 10);
    sim_end(&sim);
}

enum { ORDER_FLOWS = 12, ORDER_PACKETS = 50 };

/* The answer takes 5 to 20 ms; all 50 packets of a flow arrive meanwhile, one or more a millisecond, flows mixed. */
static void first_packets_keep_their_order(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    uint32_t sent[ORDER_FLOWS] = {0}, received[ORDER_FLOWS] = {0};
    struct sim_packet packet;
    (void)sim_network(sim, "br0", "secure", 2);
    sim_flow_mod(sim, "br0", "add", "in_port=1,udp,udp_src=3,actions=output:2");
    sim_flow_mod(sim, "br0", "add", "priority=1,in_port=1,actions=output:2");
    bus_hub_set_faults(sim->hub, 0, 5 * NS_PER_MS, 20 * NS_PER_MS);
    for (unsigned total = 0; total < ORDER_FLOWS * ORDER_PACKETS;) {
        unsigned flow = (unsigned)random_below(&sim->random, ORDER_FLOWS);
        if (sent[flow] < ORDER_PACKETS) {
            sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = (uint16_t)flow, .sequence = sent[flow]++});
            total++;
            sim_run_ms(sim, random_below(&sim->random, 3) == 0); /* a port may have 256 packets waiting */
        }
    }
    sim_run_ms(sim, 500);
    while (sim_receive(sim, 2, &packet)) {
        assert_true(packet.flow < ORDER_FLOWS);
        if (packet.sequence != received[packet.flow]) {
            fail_msg("seed %" PRIu64 ": flow %u: packet %u came where %u was due; dropped: %s", sim->seed, packet.flow, packet.sequence,
                     received[packet.flow], sim_shard(sim).drops);
        }
        received[packet.flow]++;
    }
    for (unsigned flow = 0; flow < ORDER_FLOWS; flow++) {
        assert_int_equal(received[flow], ORDER_PACKETS);
    }
    sim_end(&sim);
}

static json_int_t rows_of(struct sim *sim, const char *table)
{
    json_t *status = sim_status(sim, PROCESS_CONFIGDB, 1);
    const json_t *rows = json_object_get(json_object_get(status, "rows"), table);
    assert_true(json_is_integer(rows));
    json_int_t n = json_integer_value(rows);
    json_decref(status);
    return n;
}

static bool shard_is_empty(struct sim *sim, void *context)
{
    struct sim_shard shard = sim_shard(sim);
    return shard.n_flows == 0 && shard.n_ports == 0;
}

/* A packet of host 1 with two labels before its IP header. */
static void send_labelled(struct sim *sim, uint16_t flow)
{
    struct sim_packet packet = {.from = 1, .to = 2, .flow = flow};
    struct writer plain;
    uint8_t frame[SIM_FRAME_BYTES + 8];
    static const uint8_t labels[] = {0x88, 0x47, 0, 0x01, 0x00, 64, 0, 0x01, 0x11, 64};
    writer_init(&plain);
    sim_frame(&packet, &plain);
    memcpy(frame, plain.bytes, 12);
    memcpy(frame + 12, labels, sizeof labels);
    memcpy(frame + 12 + sizeof labels, plain.bytes + 14, SIM_FRAME_BYTES - 14);
    assert_true(io_mem_put(sim->devices, "p1", frame, sizeof frame));
    writer_fini(&plain);
}

/* Labels come off, and the next table tells connections by their ports, whichever replica answers; a rule that changes is followed (I3); what
 * leaves is the packet without labels, its TTL one less, its checksums right. */
static void rules_see_what_popped_labels_covered(void **state)
{
    struct sim *sim = sim_new(__func__, 2);
    struct sim_packet packet;
    (void)sim_network(sim, "br0", "secure", 3);
    sim_flow_mod(sim, "br0", "add", "mpls,mpls_bos=0,actions=load:7->NXM_NX_REG0[],pop_mpls:0x8847,pop_mpls:0x0800,goto_table:1");
    sim_flow_mod(sim, "br0", "add", "table=1,priority=2,cookie=5,udp,reg0=7,tp_src=5,actions=dec_ttl,output:2");
    sim_flow_mod(sim, "br0", "add", "table=1,priority=1,actions=output:3");
    for (uint16_t round = 0; round < 3; round++) {
        for (uint16_t flow = 1; flow <= 20; flow++) {
            send_labelled(sim, flow);
            sim_run_ms(sim, 20);
        }
        assert_true(sim_receive(sim, 2, &packet));
        assert_int_equal(packet.flow, 5);
        assert_false(sim_receive(sim, 2, &packet));
        assert_int_equal(sim_receive_all(sim, 3), 19);
        if (round == 1) {
            sim_kill(sim, PROCESS_SLOWPATH, 1);
            sim_run_ms(sim, 1000);
        }
    }
    sim_run_ms(sim, 1500);
    assert_int_equal(sim_rule_packets(sim, "br0", 5), 3);
    sim_flow_mod(sim, "br0", "add", "table=1,priority=3,udp,tp_src=6,actions=output:2");
    send_labelled(sim, 6);
    sim_run_ms(sim, 5);
    assert_true(sim_receive(sim, 2, &packet));
    assert_int_equal(packet.flow, 6);
    sim_end(&sim);
}

static void bridge_deleted_nothing_left(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    uint64_t bridge = sim_network(sim, "br0", "secure", 3);
    sim_flow_mod(sim, "br0", "add", "cookie=1,in_port=1,actions=output:2");
    sim_flow_mod(sim, "br0", "add", "cookie=2,in_port=2,actions=normal");
    (void)sim_ping(sim, 1, 2, 1);
    (void)sim_ping(sim, 2, 1, 2);
    sim_run_ms(sim, 2000); /* counters are on their way to configdb too */
    assert_true(sim_shard(sim).n_flows >= 2);
    assert_int_equal(rows_of(sim, "rule"), 2);
    sim_send(sim, (struct sim_packet){.from = 3, .to = 1, .flow = 1}); /* nobody's rule; it may be under way when the bridge goes */
    sim_delete(sim, CFG_BRIDGE, bridge);
    (void)sim_until(sim, shard_is_empty, NULL, "the shard has neither flows nor ports");
    sim_run_ms(sim, 3000);
    static const char *const tables[] = {"bridge", "port", "controller", "rule", "group", "meter", "owner", "counter"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (rows_of(sim, tables[i]) != 0) {
            fail_msg("seed %" PRIu64 ": %d rows of %s are left", sim->seed, (int)rows_of(sim, tables[i]), tables[i]);
        }
    }
    sim_run_ms(sim, 61000); /* addresses nobody has used for a minute */
    assert_int_equal(sim_shard(sim).n_counters, 0);
    /* A bridge of the same name begins anew. */
    (void)sim_network(sim, "br0", "standalone", 2);
    assert_int_equal(sim_rule_packets(sim, "br0", 1), -1);
    (void)sim_ping(sim, 1, 2, 1);
    sim_end(&sim);
}

/* An ofagent's end of the config wire, for rows that only one may write. */
struct row_writer {
    struct bus *bus;
    struct cfg *cfg;
    bool is_done;
    int error;
    uint64_t first_id;
};

static void row_writer_on_version(void *context, struct version version, bool is_snapshot)
{
    cfg_applied(((struct row_writer *)context)->cfg, version, NULL, 0);
}

static void row_writer_done(void *context, const struct cfg_result *result)
{
    struct row_writer *writer = context;
    writer->is_done = true;
    writer->error = result->error;
    writer->first_id = result->n_ids > 0 ? result->ids[0] : 0;
}

static void row_writer_open(struct sim *sim, struct row_writer *writer)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE};
    struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = 9, .start = ++sim->births};
    struct cfg_events events = {.on_version = row_writer_on_version, .context = writer};
    char endpoint[SIM_PATH_MAX];
    *writer = (struct row_writer){.bus = bus_memory_new(sim->hub, &self)};
    assert_int_equal(bus_endpoint(sim->run_dir, WIRE_CONFIG, PROCESS_CONFIGDB, 1, endpoint, sizeof endpoint), 0);
    assert_int_equal(cfg_new(writer->bus, endpoint, tables, 1, &events, &writer->cfg), 0);
}

static void row_writer_write(struct sim *sim, struct row_writer *writer, struct cfg_txn **txn)
{
    writer->is_done = false;
    cfg_transact(writer->cfg, txn, sim->now_ns + 10 * NS_PER_S, row_writer_done, writer);
    for (unsigned ms = 0; !writer->is_done && ms < SIM_PATIENCE_MS; ms++) {
        cfg_step(writer->cfg, sim->now_ns);
        sim_run_ms(sim, 1);
    }
    assert_true(writer->is_done);
    assert_int_equal(writer->error, 0);
    sim_run_ms(sim, 100);
}

static json_t *meters_of_shard(struct sim *sim)
{
    json_t *json = NULL;
    assert_int_equal(sim_call_end(sim, sim_call_begin(sim, PROCESS_FASTPATH, 1, "dp-meters", NULL), &json), 0);
    return json;
}

static void meters_come_to_the_shard_by_the_feed(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    Busbar__BandMessage band[2] = {BUSBAR__BAND_MESSAGE__INIT, BUSBAR__BAND_MESSAGE__INIT}, *bands[] = {&band[0], &band[1]};
    Busbar__MeterRow row = BUSBAR__METER_ROW__INIT;
    struct cfg_txn *txn = cfg_txn_new("test");
    struct row_writer writer;
    row_writer_open(sim, &writer);
    band[0].type = band[1].type = 1;
    band[0].rate = 1000;
    band[1].rate = 2000;
    row.bridge = sim_network(sim, "br0", "standalone", 2);
    row.meter_id = 77;
    row.flags = 1;
    row.n_bands = 2;
    row.bands = bands;
    (void)cfg_txn_insert(txn, CFG_METER, &row.base);
    row_writer_write(sim, &writer, &txn);
    uint64_t id = writer.first_id;
    json_t *meters = meters_of_shard(sim), *meter = json_array_get(meters, 0);
    assert_int_equal(json_array_size(meters), 1);
    assert_int_equal(json_integer_value(json_object_get(meter, "meter")), id);
    assert_int_equal(json_integer_value(json_object_get(meter, "packets")), 0);
    assert_int_equal(json_array_size(json_object_get(meter, "bands")), 2);
    json_decref(meters);
    txn = cfg_txn_new("test");
    cfg_txn_delete(txn, CFG_METER, id);
    row_writer_write(sim, &writer, &txn);
    meters = meters_of_shard(sim);
    assert_int_equal(json_array_size(meters), 0);
    json_decref(meters);
    cfg_destroy(&writer.cfg);
    bus_destroy(&writer.bus);
    sim_end(&sim);
}

static void add_patch_port(struct sim *sim, uint64_t bridge, const char *name, const char *peer)
{
    Busbar__PortOption option = BUSBAR__PORT_OPTION__INIT, *options[] = {&option};
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    struct cfg_txn *txn = cfg_txn_new("sim");
    option.key = (char *)(uintptr_t) "peer";
    option.value = (char *)(uintptr_t)peer;
    row.name = (char *)(uintptr_t)name;
    row.type = (char *)(uintptr_t) "patch";
    row.bridge = bridge;
    row.options = options;
    row.n_options = 1;
    (void)cfg_txn_insert(txn, CFG_PORT, &row.base);
    assert_int_equal(sim_transact(sim, &txn, NULL), 0);
    sim_settle(sim);
}

static json_int_t port_counter(struct sim *sim, const char *bridge, const char *name, const char *counter)
{
    json_t *ports = NULL, *port;
    json_int_t value = -1;
    size_t i;
    struct sim_call *call = sim_call_begin(sim, PROCESS_OFAGENT, 1, "dump-ports", bridge, NULL);
    assert_int_equal(sim_call_end(sim, call, &ports), 0);
    json_array_foreach(ports, i, port) {
        if (strcmp(json_string_value(json_object_get(port, "name")), name) == 0) {
            value = json_integer_value(json_object_get(port, counter));
        }
    }
    json_decref(ports);
    return value;
}

static bool patch_has_counted(struct sim *sim, void *context)
{
    (void)context;
    return port_counter(sim, "br0", "to-br1", "tx_packets") == 10 && port_counter(sim, "br1", "to-br0", "rx_packets") == 10 &&
           port_counter(sim, "br0", "to-br1", "rx_packets") == 10;
}

/* From host 1 through br0, br1 and br0 again to host 2; a rule of br1 that goes is seen by the flow of br0's port (I3). */
static void a_patch_leads_through_another_bridge_and_back(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    uint64_t br0 = sim_network(sim, "br0", "secure", 2), br1 = sim_add_bridge(sim, "br1", "secure");
    add_patch_port(sim, br0, "to-br1", "to-br0");
    add_patch_port(sim, br1, "to-br0", "to-br1");
    sim_flow_mod(sim, "br0", "add", "in_port=1,actions=output:3");
    sim_flow_mod(sim, "br0", "add", "in_port=3,actions=output:2");
    sim_flow_mod(sim, "br1", "add", "udp,actions=in_port");
    for (uint32_t i = 0; i < 10; i++) {
        sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1, .sequence = i});
        sim_run_ms(sim, 5);
    }
    sim_run_ms(sim, 20);
    assert_int_equal(sim_receive_all(sim, 2), 10);
    (void)sim_until(sim, patch_has_counted, NULL, "both ends of the patch have counted ten packets");
    sim_flow_mod(sim, "br1", "delete", "udp");
    sim_send(sim, (struct sim_packet){.from = 1, .to = 2, .flow = 1, .sequence = 10});
    sim_run_ms(sim, 50);
    assert_int_equal(sim_receive_all(sim, 2), 0);
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meters_come_to_the_shard_by_the_feed),
        cmocka_unit_test(hosts_talk_through_a_learning_switch),
        cmocka_unit_test(a_rule_forwards_and_counts),
        cmocka_unit_test(two_rules_of_one_flow_both_count_it),
        cmocka_unit_test(first_packets_keep_their_order),
        cmocka_unit_test(a_patch_leads_through_another_bridge_and_back),
        cmocka_unit_test(rules_see_what_popped_labels_covered),
        cmocka_unit_test(bridge_deleted_nothing_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
