/* Tests of services/ofagent/on_multipart.c. */
#include "services/ofagent/on_multipart.h"

#include "tests/unit/services/ofagent/bench.h"

/* Asks and returns a reader of the (first) reply's items. */
static struct reader ask(struct bench *b, struct client *c, struct of_multipart_request request)
{
    struct of_message message = {.type = OF_MULTIPART_REQUEST, .xid = 4, .multipart_request = request};
    client_send(b, c, &message);
    do { /* what is left of a long answer before is passed over */
        client_expect(b, c, OF_MULTIPART_REPLY);
    } while (c->message.multipart_reply.type != request.type);
    return reader_of(c->message.multipart_reply.data, c->message.multipart_reply.data_size);
}

static struct of_multipart_request flows_of(const char *filter, uint16_t type)
{
    struct of_multipart_request request = {.type = type};
    struct error_detail detail;
    assert_int_equal(rule_filter_parse(filter, NULL, &request.filter, &detail), 0);
    return request;
}

static void rules_are_listed_with_what_shards_counted(void **state)
{
    struct bench *b = *state;
    struct rule rule;
    struct rule_stats stats;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=9,ip,cookie=5,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "table=3,priority=8,arp,actions=drop");
    bench_report(b, false, counter_id(COUNTER_RULE, flow_table_first(bridge_find(b->agent, 1)->flows, 0)->rule.id), 33, 0);
    struct reader r = ask(b, &c, flows_of("", OF_MULTIPART_FLOW));
    assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &rule, &stats), 0);
    assert_int_equal(rule.cookie, 5);
    assert_int_equal(stats.n_packets, 33);
    assert_int_equal(stats.n_bytes, 3300);
    rule_fini(&rule);
    assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &rule, &stats), 0);
    assert_int_equal(rule.table, 3);
    rule_fini(&rule);
    assert_int_equal(reader_left(&r), 0);
    r = ask(b, &c, flows_of("arp", OF_MULTIPART_FLOW));
    assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &rule, &stats), 0);
    assert_int_equal(rule.priority, 8);
    rule_fini(&rule);
    assert_int_equal(reader_left(&r), 0);
    struct of_aggregate sum;
    r = ask(b, &c, flows_of("", OF_MULTIPART_AGGREGATE));
    assert_int_equal(of_aggregate_decode(&r, OF_VERSION_13, &sum), 0);
    assert_int_equal(sum.n_flows, 2);
    assert_int_equal(sum.n_packets, 33);
    client_close(&c);
}

static void an_unknown_subtype_is_told_by_whether_its_experimenter_is_known(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint32_t experimenter;
        enum of_error_number in_10, in_13;
    } rows[] = {{OF_EXPERIMENTER_NICIRA, OF_ERROR_BAD_REQUEST_BAD_EXP_TYPE, OF_ERROR_BAD_REQUEST_BAD_EXP_TYPE},
                {OF_EXPERIMENTER_ONF, OF_ERROR_BAD_REQUEST_BAD_EXPERIMENTER, OF_ERROR_BAD_REQUEST_BAD_EXP_TYPE},
                {0x123456, OF_ERROR_BAD_REQUEST_BAD_EXPERIMENTER, OF_ERROR_BAD_REQUEST_BAD_EXPERIMENTER}};
    struct client c10, c13;

    client_open_in(b, &c10, OF_VERSION_10);
    client_open(b, &c13);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct writer w;
        writer_init(&w);
        writer_u32(&w, rows[i].experimenter);
        writer_u32(&w, 9999);
        struct of_message message = {.type = OF_MULTIPART_REQUEST, .multipart_request = {.type = OF_MULTIPART_EXPERIMENTER}};
        message.multipart_request.raw.data = w.bytes;
        message.multipart_request.raw.data_size = w.size;
        client_send(b, &c10, &message);
        client_expect_error(b, &c10, rows[i].in_10);
        client_send(b, &c13, &message);
        client_expect_error(b, &c13, rows[i].in_13);
        writer_fini(&w);
    }
    client_close(&c10);
    client_close(&c13);
}

static void matches_of_a_table_do_not_go_back_when_a_rule_goes(void **state)
{
    struct bench *b = *state;
    struct of_table_stats stats;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=9,ip,actions=output:1");
    bench_report(b, false, counter_id(COUNTER_RULE, flow_table_first(bridge_find(b->agent, 1)->flows, 0)->rule.id), 33, 0);
    bench_report(b, false, counter_id(COUNTER_TABLE, 1 << 8), 50, 0);
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    bench_run(b, 5 * NS_PER_S);
    struct reader r = ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_TABLE});
    assert_int_equal(of_table_stats_decode(&r, OF_VERSION_13, &stats), 0);
    assert_int_equal(stats.n_active, 0);
    assert_int_equal(stats.n_matched, 33);
    assert_int_equal(stats.n_lookup, 50);
    client_close(&c);
}

static void ports_are_described_and_counted(void **state)
{
    struct bench *b = *state;
    struct of_port port;
    struct of_port_stats stats;
    struct client c;

    client_open(b, &c);
    struct reader r = ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_PORT_DESC});
    assert_int_equal(of_port_desc_decode(&r, OF_VERSION_13, &port), 0);
    assert_int_equal(port.port_no, PORT_LOCAL);
    assert_int_equal(of_port_desc_decode(&r, OF_VERSION_13, &port), 0);
    assert_string_equal(port.name, "p1");
    assert_int_equal(port.hw_addr[5], 2);
    r = ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_PORT_STATS, .port_no = 2});
    assert_int_equal(of_port_stats_decode(&r, OF_VERSION_13, &stats), 0);
    assert_int_equal(stats.port_no, 2);
    assert_int_equal(reader_left(&r), 0);
    r = ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_PORT_STATS, .port_no = 9});
    assert_int_equal(reader_left(&r), 0);
    client_close(&c);
}

static void every_kind_is_answered_or_refused_by_name(void **state)
{
    static const uint16_t answered[] = {OF_MULTIPART_DESC, OF_MULTIPART_GROUP_DESC, OF_MULTIPART_GROUP_FEATURES, OF_MULTIPART_METER_FEATURES,
                                        OF_MULTIPART_TABLE_FEATURES};
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    for (size_t i = 0; i < sizeof answered / sizeof answered[0]; i++) {
        (void)ask(b, &c, (struct of_multipart_request){.type = answered[i]});
    }
    (void)ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_GROUP, .group_id = 5});
    (void)ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_METER, .meter_id = OF_METER_ALL});
    struct of_message message = {.type = OF_MULTIPART_REQUEST,
                                 .multipart_request = {.type = OF_MULTIPART_METER, .meter_id = 1}};
    client_send(b, &c, &message);
    client_expect_error(b, &c, OF_ERROR_METER_MOD_FAILED_UNKNOWN_METER);
    client_close(&c);
}

static void queues_of_a_port_are_none_and_those_of_no_port_an_error(void **state)
{
    static const struct {
        uint32_t port_no, queue_id;
        enum of_error_number error;
    } rows[] = {{1, UINT32_MAX, OF_ERROR_NONE},
                {PORT_ANY, UINT32_MAX, OF_ERROR_NONE},
                {9, UINT32_MAX, OF_ERROR_QUEUE_OP_FAILED_BAD_PORT},
                {1, 5, OF_ERROR_QUEUE_OP_FAILED_BAD_QUEUE},
                {PORT_ANY, 5, OF_ERROR_QUEUE_OP_FAILED_BAD_QUEUE}};
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct of_multipart_request request = {.type = OF_MULTIPART_QUEUE,
                                               .queue = {.port_no = rows[i].port_no, .queue_id = rows[i].queue_id}};
        if (rows[i].error == OF_ERROR_NONE) {
            struct reader r = ask(b, &c, request);
            assert_int_equal(reader_left(&r), 0);
            continue;
        }
        struct of_message message = {.type = OF_MULTIPART_REQUEST, .multipart_request = request};
        client_send(b, &c, &message);
        client_expect_error(b, &c, rows[i].error);
    }
    client_close(&c);
}

static void meters_are_described_and_their_use_is_told(void **state)
{
    struct bench *b = *state;
    struct meter_band band = {.type = METER_BAND_DROP, .rate = 100, .burst_size = 7};
    struct of_message add = {
        .type = OF_METER_MOD,
        .meter_mod = {.command = OF_METER_ADD, .meter = {.meter_id = 3, .flags = METER_PKTPS | METER_BURST, .bands = &band, .n_bands = 1}}};
    struct of_meter_features features;
    struct of_meter_stats stats;
    struct meter meter;
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &add);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=meter:3,output:1");
    struct reader r = ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_METER_CONFIG, .meter_id = 3});
    assert_int_equal(of_meter_config_decode(&r, OF_VERSION_13, &meter), 0);
    assert_int_equal(meter.meter_id, 3);
    assert_int_equal(meter.flags, METER_PKTPS | METER_BURST);
    assert_int_equal(meter.bands[0].burst_size, 7);
    meter_fini(&meter);
    assert_int_equal(reader_left(&r), 0);
    r = ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_METER, .meter_id = OF_METER_ALL});
    assert_int_equal(of_meter_stats_decode(&r, OF_VERSION_13, &stats), 0);
    assert_int_equal(stats.n_flows, 1);
    assert_int_equal(stats.n_bands, 1);
    of_meter_stats_fini(&stats);
    assert_int_equal(reader_left(&r), 0);
    r = ask(b, &c, (struct of_multipart_request){.type = OF_MULTIPART_METER_FEATURES});
    assert_int_equal(of_meter_features_decode(&r, OF_VERSION_13, &features), 0);
    assert_int_equal(features.max_bands, METER_BANDS_MAX);
    assert_int_equal(features.band_types, 1u << METER_BAND_DROP | 1u << METER_BAND_DSCP_REMARK);
    client_close(&c);
}

static void a_long_answer_comes_in_several_messages(void **state)
{
    struct bench *b = *state;
    struct of_message message = {.type = OF_MULTIPART_REQUEST, .multipart_request = flows_of("", OF_MULTIPART_FLOW)};
    struct client c;
    size_t n_rules = 0, n_messages = 0;
    bool is_last = false;

    client_open(b, &c);
    for (int i = 0; i < 1500; i++) {
        char *text = memory_format("priority=%d,ip,actions=output:1", i);
        client_flow_mod(b, &c, FLOW_MOD_ADD, text);
        free(text);
    }
    client_send(b, &c, &message);
    while (!is_last) {
        client_expect(b, &c, OF_MULTIPART_REPLY);
        is_last = (c.message.multipart_reply.flags & OF_MULTIPART_MORE) == 0;
        n_messages++;
        struct reader r = reader_of(c.message.multipart_reply.data, c.message.multipart_reply.data_size);
        while (reader_left(&r) > 0) {
            struct rule rule;
            struct rule_stats stats;
            assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &rule, &stats), 0);
            rule_fini(&rule);
            n_rules++;
        }
    }
    assert_int_equal(n_rules, 1500);
    assert_true(n_messages >= 2);
    client_close(&c);
}

/* More rules than one step lists, and than a peer that does not read may have waiting. */
static void a_very_long_list_is_made_as_the_peer_takes_it(void **state)
{
    struct bench *b = *state;
    struct of_message message = {.type = OF_MULTIPART_REQUEST, .multipart_request = flows_of("", OF_MULTIPART_FLOW)};
    struct of_message echo = {.type = OF_ECHO_REQUEST};
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct flow_mod_context context = bridge_flow_mod_context(bridge);
    struct flow_changes changes;
    struct flow_mod mod;
    struct client c;
    size_t n = 0;

    flow_changes_init(&changes);
    flow_mod_init(&mod, FLOW_MOD_ADD);
    mod.table = 2;
    for (unsigned i = 0; i < 4 * ON_MULTIPART_RULES; i++) {
        match_set(&mod.match, FIELD_METADATA, field_value_u64(i));
        assert_int_equal(flow_mod_apply(bridge->flows, &mod, &context, &changes), OF_ERROR_NONE);
    }
    flow_changes_fini(&changes);
    client_open(b, &c);
    client_send(b, &c, &message);
    client_send(b, &c, &echo);
    bench_run(b, NS_PER_S);
    assert_non_null(bridge->sessions->walk);
    struct of_stream *stream = &c.stream;
    assert_int_equal(stream->end - stream->begin, 0);
    for (;;) {
        assert_true(client_next(b, &c));
        if (c.message.type == OF_ECHO_REPLY) {
            break; /* behind the whole list */
        }
        struct reader r = reader_of(c.message.multipart_reply.data, c.message.multipart_reply.data_size);
        while (reader_left(&r) > 0) {
            struct rule rule;
            struct rule_stats stats;
            assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &rule, &stats), 0);
            rule_fini(&rule);
            n++;
        }
    }
    assert_int_equal(n, 4 * ON_MULTIPART_RULES);
    assert_null(bridge->sessions->walk);
    client_close(&c);
}

static void fill(struct bridge *bridge, unsigned n)
{
    struct flow_mod_context context = bridge_flow_mod_context(bridge);
    struct flow_changes changes;
    struct flow_mod mod;

    flow_changes_init(&changes);
    flow_mod_init(&mod, FLOW_MOD_ADD);
    mod.table = 2;
    for (unsigned i = 0; i < n; i++) {
        match_set(&mod.match, FIELD_METADATA, field_value_u64(i));
        assert_int_equal(flow_mod_apply(bridge->flows, &mod, &context, &changes), OF_ERROR_NONE);
    }
    flow_changes_fini(&changes);
}

static void list_cut_short(struct bench *b, uint8_t version, enum of_error_number number)
{
    struct of_message message = {.type = OF_MULTIPART_REQUEST, .xid = 4711, .multipart_request = flows_of("", OF_MULTIPART_FLOW)};
    struct of_message echo = {.type = OF_ECHO_REQUEST};
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct client c;

    client_open_in(b, &c, version);
    fill(bridge, 4 * ON_MULTIPART_RULES);
    client_send(b, &c, &message);
    owner_load(bridge);
    while (client_next(b, &c) && c.message.type == OF_MULTIPART_REPLY) {
        assert_true((c.message.multipart_reply.flags & OF_MULTIPART_MORE) != 0);
    }
    assert_int_equal(c.message.type, OF_ERROR);
    assert_int_equal(c.message.xid, 4711);
    assert_string_equal(of_error_name(c.message.error.number), of_error_name(number));
    client_send(b, &c, &echo);
    client_expect(b, &c, OF_ECHO_REPLY); /* the connection is as it was */
    client_close(&c);
}

static void a_list_that_new_tables_cut_short_ends_with_an_error_of_its_own(void **state)
{
    list_cut_short(*state, OF_VERSION_13, OF_ERROR_BAD_REQUEST_EPERM);
    list_cut_short(*state, OF_VERSION_14, OF_ERROR_BAD_REQUEST_MULTIPART_REPLY_TIMEOUT);
}

static void a_list_of_which_nothing_was_sent_begins_again_with_new_tables(void **state)
{
    struct bench *b = *state;
    struct of_message message = {.type = OF_MULTIPART_REQUEST, .xid = 4711, .multipart_request = flows_of("ip", OF_MULTIPART_FLOW)};
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct client c;

    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=3,ip,actions=output:1"); /* in configdb, so in the new tables too */
    fill(bridge, 4 * ON_MULTIPART_RULES);
    client_send(b, &c, &message);
    assert_non_null(bridge->sessions->walk);
    owner_load(bridge);
    client_expect(b, &c, OF_MULTIPART_REPLY);
    assert_int_equal(c.message.xid, 4711);
    assert_int_equal(c.message.multipart_reply.flags & OF_MULTIPART_MORE, 0);
    struct reader r = reader_of(c.message.multipart_reply.data, c.message.multipart_reply.data_size);
    struct rule rule;
    struct rule_stats stats;
    assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &rule, &stats), 0);
    assert_int_equal(rule.priority, 3); /* once, though it had been listed already */
    rule_fini(&rule);
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(bridge->n_sessions, 1);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(rules_are_listed_with_what_shards_counted), CLAIM(matches_of_a_table_do_not_go_back_when_a_rule_goes),
        CLAIM(an_unknown_subtype_is_told_by_whether_its_experimenter_is_known),
        CLAIM(ports_are_described_and_counted),           CLAIM(every_kind_is_answered_or_refused_by_name),
        CLAIM(queues_of_a_port_are_none_and_those_of_no_port_an_error),
        CLAIM(meters_are_described_and_their_use_is_told),
        CLAIM(a_long_answer_comes_in_several_messages),   CLAIM(a_very_long_list_is_made_as_the_peer_takes_it),
        CLAIM(a_list_that_new_tables_cut_short_ends_with_an_error_of_its_own),
        CLAIM(a_list_of_which_nothing_was_sent_begins_again_with_new_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
