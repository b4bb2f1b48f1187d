/* Tests of services/ofagent/on_switch.c. */
#include "tests/unit/services/ofagent/bench.h"

#include "services/ofagent/owner.h"

static void an_echo_comes_back_with_its_bytes(void **state)
{
    struct bench *b = *state;
    struct of_message echo = {.type = OF_ECHO_REQUEST, .xid = 8, .echo = {.data = (const uint8_t *)"busbar", .data_size = 6}};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &echo);
    client_expect(b, &c, OF_ECHO_REPLY);
    assert_int_equal(c.message.xid, 8);
    assert_int_equal(c.message.echo.data_size, 6);
    assert_memory_equal(c.message.echo.data, "busbar", 6);
    client_close(&c);
}

static void features_name_the_datapath_and_no_buffers(void **state)
{
    struct bench *b = *state;
    struct of_message request = {.type = OF_FEATURES_REQUEST};
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &request);
    client_expect(b, &c, OF_FEATURES_REPLY);
    assert_int_equal(c.message.features.datapath_id, 1);
    assert_int_equal(c.message.features.n_tables, 254);
    assert_int_equal(c.message.features.n_buffers, 0);
    row.name = (char *)(uintptr_t) "br0";
    row.has_datapath_id = true;
    row.datapath_id = 0xabcdef;
    bench_commit_row(b, CFG_BRIDGE, 1, &row.base);
    client_send(b, &c, &request);
    client_expect(b, &c, OF_FEATURES_REPLY);
    assert_int_equal(c.message.features.datapath_id, 0xabcdef);
    client_close(&c);
}

static void configuration_is_what_was_set(void **state)
{
    struct bench *b = *state;
    struct of_message set = {.type = OF_SET_CONFIG, .config = {.flags = OF_FRAG_NORMAL, .miss_send_len = 0xffff}};
    struct of_message get = {.type = OF_GET_CONFIG_REQUEST};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &set);
    client_send(b, &c, &get);
    client_expect(b, &c, OF_GET_CONFIG_REPLY);
    assert_int_equal(c.message.config.miss_send_len, 0xffff);
    set.config = (struct of_config){.flags = OF_FRAG_REASM, .miss_send_len = 77}; /* nobody does that: the mode stays, without an error */
    client_send(b, &c, &set);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_send(b, &c, &get);
    client_expect(b, &c, OF_GET_CONFIG_REPLY);
    assert_int_equal(c.message.config.flags, OF_FRAG_NORMAL);
    assert_int_equal(c.message.config.miss_send_len, 77);
    client_close(&c);
}

static const Busbar__OwnerRow *owner_of(const struct bench *b)
{
    return (const Busbar__OwnerRow *)cfg_row(b->agent->cfg, CFG_OWNER, 1);
}

static void what_becomes_of_fragments_is_the_bridges_and_kept_in_its_owner_row(void **state)
{
    struct bench *b = *state;
    struct of_message set = {.type = OF_SET_CONFIG, .xid = 7, .config = {.flags = OF_FRAG_DROP, .miss_send_len = 0xffff}};
    struct of_message get = {.type = OF_GET_CONFIG_REQUEST};
    struct client c, other;

    client_open(b, &c);
    client_open(b, &other);
    b->agent->cfg->automatic = false;
    client_send(b, &c, &set);
    client_barrier(b, &c);
    assert_false(client_next(b, &c)); /* until it is committed */
    b->agent->cfg->automatic = true;
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(owner_of(b)->fragments, OF_FRAG_DROP);
    client_send(b, &other, &get);
    client_expect(b, &other, OF_GET_CONFIG_REPLY);
    assert_int_equal(other.message.config.flags, OF_FRAG_DROP);
    assert_int_equal(other.message.config.miss_send_len, 0); /* that is a session's own */
    owner_reload(bridge_find(b->agent, 1));
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(owner_of(b)->fragments, OF_FRAG_DROP);
    assert_int_equal(bridge_find(b->agent, 1)->fragments, OF_FRAG_DROP);
    uint64_t n = b->agent->cfg->n_committed;
    client_send(b, &c, &set); /* nothing new, nothing written */
    bench_run(b, 10 * NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_committed, n);
    b->agent->cfg->automatic = false;
    set.config.flags = OF_FRAG_NX_MATCH;
    client_send(b, &c, &set);
    fake_cfg_refuse(b->agent->cfg, -ERROR_OWNER, "no");
    b->agent->cfg->automatic = true;
    client_expect_error(b, &c, OF_ERROR_SWITCH_CONFIG_FAILED_EPERM);
    assert_int_equal(c.message.xid, 7);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 1)->fragments, OF_FRAG_DROP);
    client_close(&c);
    client_close(&other);
}

static void an_unknown_experimenter_is_refused(void **state)
{
    struct bench *b = *state;
    struct of_message message = {.type = OF_EXPERIMENTER, .experimenter = {.experimenter = 0x1234, .exp_type = 1}};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &message);
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_BAD_EXPERIMENTER);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(an_echo_comes_back_with_its_bytes),
        CLAIM(features_name_the_datapath_and_no_buffers),
        CLAIM(configuration_is_what_was_set),
        CLAIM(what_becomes_of_fragments_is_the_bridges_and_kept_in_its_owner_row),
        CLAIM(an_unknown_experimenter_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
