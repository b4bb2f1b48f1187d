/* Tests of services/ofagent/on_packet.c. */
#include "lib/msg/continuation.h"
#include "tests/unit/services/ofagent/bench.h"

static void packet_out_to(struct bench *b, struct client *c, uint32_t buffer, const char *actions)
{
    static const uint8_t frame[60] = {1, 2, 3};
    struct of_message message = {
        .type = OF_PACKET_OUT,
        .packet_out = {.buffer_id = buffer, .in_port = PORT_CONTROLLER, .data = frame, .data_size = sizeof frame}};
    struct error_detail detail;

    assert_int_equal(action_list_parse(actions, NULL, &message.packet_out.actions, &detail), 0);
    client_send(b, c, &message);
    action_list_fini(&message.packet_out.actions);
}

static void a_packet_out_goes_to_a_slowpath(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    packet_out_to(b, &c, OF_NO_BUFFER, "output:2");
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->n_packet_outs, 1);
    assert_int_equal(b->packet_out->bridge, 1);
    assert_int_equal(b->packet_out->frame.len, 60);
    assert_int_equal(b->packet_out->n_actions, 1);
    client_close(&c);
}

static void a_packet_out_follows_the_changes_before_it(void **state)
{
    struct bench *b = *state;
    struct of_message echo = {.type = OF_ECHO_REQUEST};
    struct client c;

    bench_join(b);
    client_open(b, &c);
    b->agent->cfg->automatic = false;
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    packet_out_to(b, &c, OF_NO_BUFFER, "output:2");
    client_send(b, &c, &echo);
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->n_packet_outs, 0);
    assert_false(client_next(b, &c)); /* what comes behind it waits too */
    b->agent->cfg->automatic = true;
    bench_run(b, 20 * NS_PER_MS);
    assert_int_equal(b->n_packet_outs, 1);
    assert_int_equal(b->packet_out->follow->n, b->agent->cfg->version.n);
    client_expect(b, &c, OF_ECHO_REPLY);
    client_close(&c);
}

static void buffers_and_groups_that_do_not_exist_are_refused(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    packet_out_to(b, &c, 3, "output:2");
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_BUFFER_UNKNOWN);
    packet_out_to(b, &c, OF_NO_BUFFER, "group:2");
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    assert_int_equal(b->n_packet_outs, 0);
    client_close(&c);
}

static void resume(struct bench *b, struct client *c, uint64_t bridge, const char *actions, size_t cut)
{
    static const uint8_t frame[60] = {1, 2, 3};
    struct continuation left = {.bridge = bridge};
    struct continuation_step *step = continuation_add(&left);
    uint8_t bytes[1024];
    struct of_message message = {.type = OF_RESUME, .form = OF_FORM_NICIRA};

    assert_int_equal(instructions_parse(actions, NULL, &step->instructions, NULL), 0);
    size_t size = continuation_write(&left, bytes, sizeof bytes);
    continuation_fini(&left);
    message.resume = (struct of_packet_in){.buffer_id = OF_NO_BUFFER, .total_size = sizeof frame, .data = frame, .data_size = sizeof frame,
                                           .continuation = size > cut ? bytes : NULL, .continuation_size = size - cut};
    match_init(&message.resume.match);
    match_set(&message.resume.match, FIELD_IN_PORT, field_value_u64(2));
    match_set(&message.resume.match, FIELD_REG3, field_value_u64(9));
    client_send(b, c, &message);
}

static void a_packet_that_waited_goes_on_at_a_slowpath(void **state)
{
    struct bench *b = *state;
    struct continuation left;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    resume(b, &c, 1, "output:2,goto_table:5", 0);
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->n_packet_outs, 1);
    assert_int_equal(b->packet_out->in_port, 2);
    assert_int_equal(b->packet_out->frame.len, 60);
    assert_int_equal(b->packet_out->n_actions, 1); /* the register */
    assert_int_equal(continuation_read(b->packet_out->continuation.data, b->packet_out->continuation.len, &left, NULL), 0);
    assert_int_equal(left.steps[0].instructions.goto_table, 5);
    continuation_fini(&left);
    assert_false(client_next(b, &c));
    client_close(&c);
}

static void what_cannot_go_on_is_refused(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    resume(b, &c, 1, "output:2", 1);
    client_expect_error(b, &c, OF_ERROR_BAD_PROPERTY_BAD_VALUE);
    resume(b, &c, 9, "output:2", 0); /* another bridge */
    client_expect_error(b, &c, OF_ERROR_BAD_PROPERTY_BAD_VALUE);
    resume(b, &c, 1, "push_vlan:0x1234", 0);
    client_expect_error(b, &c, OF_ERROR_BAD_PROPERTY_BAD_VALUE);
    resume(b, &c, 1, "group:5", 0);
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    resume(b, &c, 1, "controller(meter_id=5)", 0);
    client_expect_error(b, &c, OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    assert_int_equal(b->n_packet_outs, 0);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_packet_out_goes_to_a_slowpath),
        CLAIM(a_packet_out_follows_the_changes_before_it),
        CLAIM(buffers_and_groups_that_do_not_exist_are_refused),
        CLAIM(a_packet_that_waited_goes_on_at_a_slowpath),
        CLAIM(what_cannot_go_on_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
