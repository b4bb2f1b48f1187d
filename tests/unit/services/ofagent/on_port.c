/* Tests of services/ofagent/on_port.c. */
#include "tests/unit/services/ofagent/bench.h"

static void port_mod(struct bench *b, struct client *c, uint32_t port, uint8_t last_byte, uint32_t config, uint32_t mask)
{
    struct of_message message = {
        .type = OF_PORT_MOD,
        .xid = 55,
        .port_mod = {.port_no = port, .hw_addr = {2, 0, 0, 0, 0, last_byte}, .config = config, .mask = mask}};
    client_send(b, c, &message);
}

static void a_port_mod_is_written_to_the_ports_row(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    port_mod(b, &c, 1, 2, OF_PORT_NO_FWD, OF_PORT_NO_FWD | OF_PORT_DOWN);
    bench_step(b, NS_PER_MS);
    assert_int_equal(((const Busbar__PortRow *)cfg_row(b->agent->cfg, CFG_PORT, 2))->config, OF_PORT_NO_FWD);
    client_close(&c);
}

static void no_flood_is_of_1_0_alone(void **state)
{
    struct bench *b = *state;
    struct client old, new;

    client_open_in(b, &old, OF_VERSION_10);
    client_open(b, &new);
    port_mod(b, &new, 1, 2, OF_PORT_NO_FLOOD, OF_PORT_NO_FLOOD);
    client_expect_error(b, &new, OF_ERROR_PORT_MOD_FAILED_BAD_CONFIG);
    port_mod(b, &old, 1, 2, OF_PORT_NO_FLOOD, OF_PORT_NO_FLOOD);
    bench_step(b, NS_PER_MS);
    assert_int_equal(((const Busbar__PortRow *)cfg_row(b->agent->cfg, CFG_PORT, 2))->config, OF_PORT_NO_FLOOD);
    port_mod(b, &new, 1, 2, OF_PORT_NO_FWD, OF_PORT_NO_FWD); /* which leaves the other bit alone */
    bench_step(b, NS_PER_MS);
    assert_int_equal(((const Busbar__PortRow *)cfg_row(b->agent->cfg, CFG_PORT, 2))->config, OF_PORT_NO_FLOOD | OF_PORT_NO_FWD);
    client_close(&old);
    client_close(&new);
}

static void a_wrong_port_or_address_is_refused(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    port_mod(b, &c, 9, 2, 0, 0);
    client_expect_error(b, &c, OF_ERROR_PORT_MOD_FAILED_BAD_PORT);
    port_mod(b, &c, 1, 3, 0, 0);
    client_expect_error(b, &c, OF_ERROR_PORT_MOD_FAILED_BAD_HW_ADDR);
    client_close(&c);
}

static void a_port_mod_that_configdb_refuses_is_answered_with_its_xid(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    port_mod(b, &c, 1, 2, OF_PORT_DOWN, OF_PORT_DOWN);
    fake_cfg_refuse(b->agent->cfg, -ERROR_REFUSED, "no");
    client_expect_error(b, &c, OF_ERROR_PORT_MOD_FAILED_EPERM);
    assert_int_equal(c.message.xid, 55);
    client_close(&c);
}

static void a_barrier_waits_for_the_port_mods_before_it(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    port_mod(b, &c, 1, 2, OF_PORT_DOWN, OF_PORT_DOWN);
    client_barrier(b, &c);
    assert_false(client_next(b, &c));
    b->agent->cfg->automatic = true;
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

static uint32_t config_of(const struct bench *b, uint64_t id)
{
    return ((const Busbar__PortRow *)cfg_row(b->agent->cfg, CFG_PORT, id))->config;
}

static void port_mods_back_to_back_add_up(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    port_mod(b, &c, 1, 2, OF_PORT_NO_FWD, OF_PORT_NO_FWD);
    port_mod(b, &c, 1, 2, OF_PORT_NO_PACKET_IN, OF_PORT_NO_PACKET_IN);
    port_mod(b, &c, 2, 3, OF_PORT_DOWN, OF_PORT_DOWN);
    b->agent->cfg->automatic = true;
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(config_of(b, 2), OF_PORT_NO_FWD | OF_PORT_NO_PACKET_IN);
    assert_int_equal(config_of(b, 3), OF_PORT_DOWN);
    port_mod(b, &c, 1, 2, 0, OF_PORT_NO_FWD);
    bench_step(b, NS_PER_MS);
    assert_int_equal(config_of(b, 2), OF_PORT_NO_PACKET_IN);
    client_close(&c);
}

static void a_bit_set_and_cleared_at_once_ends_cleared(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    port_mod(b, &c, 1, 2, OF_PORT_NO_FWD, OF_PORT_NO_FWD);
    port_mod(b, &c, 1, 2, 0, OF_PORT_NO_FWD);
    b->agent->cfg->automatic = true;
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(config_of(b, 2), 0);
    client_close(&c);
}

static void a_refused_port_mod_is_not_the_base_of_the_next(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    port_mod(b, &c, 1, 2, OF_PORT_DOWN, OF_PORT_DOWN);
    fake_cfg_refuse(b->agent->cfg, -ERROR_REFUSED, "no");
    port_mod(b, &c, 1, 2, OF_PORT_NO_FWD, OF_PORT_NO_FWD);
    port_mod(b, &c, 1, 2, OF_PORT_NO_RECV, OF_PORT_NO_RECV);
    fake_cfg_commit(b->agent->cfg);
    fake_cfg_refuse(b->agent->cfg, -ERROR_REFUSED, "no");
    b->agent->cfg->automatic = true;
    port_mod(b, &c, 1, 2, OF_PORT_NO_PACKET_IN, OF_PORT_NO_PACKET_IN);
    bench_step(b, NS_PER_MS);
    assert_int_equal(config_of(b, 2), OF_PORT_NO_FWD | OF_PORT_NO_PACKET_IN);
    client_close(&c);
}

static void ports_have_no_queues(void **state)
{
    struct bench *b = *state;
    struct of_message request = {.type = OF_QUEUE_GET_CONFIG_REQUEST, .queue_config_request = {.port_no = 1}};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &request);
    client_expect(b, &c, OF_QUEUE_GET_CONFIG_REPLY);
    assert_int_equal(c.message.queue_config_reply.n_queues, 0);
    request.queue_config_request.port_no = 9;
    client_send(b, &c, &request);
    client_expect_error(b, &c, OF_ERROR_QUEUE_OP_FAILED_BAD_PORT);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_port_mod_is_written_to_the_ports_row),
        CLAIM(no_flood_is_of_1_0_alone),
        CLAIM(a_wrong_port_or_address_is_refused),
        CLAIM(a_port_mod_that_configdb_refuses_is_answered_with_its_xid),
        CLAIM(a_barrier_waits_for_the_port_mods_before_it),
        CLAIM(port_mods_back_to_back_add_up),
        CLAIM(a_bit_set_and_cleared_at_once_ends_cleared),
        CLAIM(a_refused_port_mod_is_not_the_base_of_the_next),
        CLAIM(ports_have_no_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
