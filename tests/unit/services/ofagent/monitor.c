/* Tests of services/ofagent/monitor.c. */
#include "tests/unit/services/ofagent/bench.h"

static const enum of_form forms[] = {[OF_VERSION_10] = OF_FORM_NICIRA, [OF_VERSION_13] = OF_FORM_ONF, [OF_VERSION_14] = OF_FORM_STANDARD,
                                     [OF_VERSION_15] = OF_FORM_STANDARD};

static void watch(struct bench *b, struct client *c, uint32_t id, uint16_t flags)
{
    struct of_monitor monitor = {.id = id, .flags = flags};
    struct of_message message = {.type = OF_MULTIPART_REQUEST,
                                 .multipart_request = {.type = OF_MULTIPART_FLOW_MONITOR,
                                                       .form = forms[c->version],
                                                       .monitors = {.items = &monitor, .count = 1}}};
    rule_filter_init(&monitor.filter);
    match_set(&monitor.filter.match, FIELD_ETH_TYPE, field_value_u64(0x800));
    client_send(b, c, &message);
}

/* The next update; the rule's parts are not kept. */
static struct of_flow_update expect_update(struct bench *b, struct client *c)
{
    struct of_flow_update update;
    client_expect(b, c, OF_MULTIPART_REPLY);
    assert_int_equal(c->message.multipart_reply.type, OF_MULTIPART_FLOW_MONITOR);
    struct reader r = reader_of(c->message.multipart_reply.data, c->message.multipart_reply.data_size);
    assert_int_equal(of_flow_update_decode(&r, c->version, &update), 0);
    assert_int_equal(reader_left(&r), 0);
    rule_fini(&update.rule);
    return update;
}

static void rules_that_come_change_and_go_are_told_in_every_version(void **state)
{
    static const uint8_t versions[] = {OF_VERSION_10, OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};
    struct bench *b = *state;
    struct client actor;

    client_open(b, &actor);
    for (size_t i = 0; i < sizeof versions; i++) {
        struct client c;
        client_open_in(b, &c, versions[i]);
        client_flow_mod(b, &actor, FLOW_MOD_ADD, "priority=9,cookie=4,ip,actions=output:1");
        watch(b, &c, 1, OF_MONITOR_INITIAL | OF_MONITOR_ADDED | OF_MONITOR_MODIFIED | OF_MONITOR_REMOVED | OF_MONITOR_INSTRUCTIONS);
        struct of_flow_update update = expect_update(b, &c);
        assert_int_equal(update.event, versions[i] < OF_VERSION_14 ? OF_UPDATE_ADDED : OF_UPDATE_INITIAL);
        assert_int_equal(update.rule.priority, 9);
        assert_int_equal(update.rule.cookie, 4);
        client_flow_mod(b, &actor, FLOW_MOD_ADD, "priority=9,arp,actions=output:1"); /* not watched */
        client_flow_mod(b, &actor, FLOW_MOD_MODIFY, "ip,actions=output:2");
        assert_int_equal(expect_update(b, &c).event, OF_UPDATE_MODIFIED);
        client_flow_mod(b, &actor, FLOW_MOD_DELETE, "");
        update = expect_update(b, &c);
        assert_int_equal(update.event, OF_UPDATE_REMOVED);
        assert_int_equal(update.reason, OF_REMOVED_DELETE);
        client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=9,ip,actions=drop"); /* its own: only that it was */
        update = expect_update(b, &c);
        assert_int_equal(update.event, OF_UPDATE_ABBREV);
        assert_int_equal(update.xid, 77);
        client_flow_mod(b, &actor, FLOW_MOD_DELETE, "");
        client_close(&c);
        bench_step(b, NS_PER_MS);
    }
    client_close(&actor);
}

static void a_monitor_is_unique_and_goes_when_it_is_told_to(void **state)
{
    struct bench *b = *state;
    struct of_message cancel = {.type = OF_FLOW_MONITOR_CANCEL, .number = {.number = 1}};
    struct client c, actor;

    client_open(b, &c);
    client_open(b, &actor);
    watch(b, &c, 1, OF_MONITOR_ADDED);
    client_expect(b, &c, OF_MULTIPART_REPLY); /* nothing is there yet */
    assert_int_equal(c.message.multipart_reply.data_size, 0);
    watch(b, &c, 1, OF_MONITOR_ADDED);
    client_expect_error(b, &c, OF_ERROR_FLOW_MONITOR_FAILED_MONITOR_EXISTS);
    client_send(b, &c, &cancel);
    client_send(b, &c, &cancel);
    client_expect_error(b, &c, OF_ERROR_FLOW_MONITOR_FAILED_UNKNOWN_MONITOR);
    client_flow_mod(b, &actor, FLOW_MOD_ADD, "ip,actions=drop");
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_false(client_next(b, &c));
    client_close(&c);
    client_close(&actor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(rules_that_come_change_and_go_are_told_in_every_version),
        CLAIM(a_monitor_is_unique_and_goes_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
