/* Tests of services/ofagent/on_role.c. */
#include "tests/unit/services/ofagent/bench.h"

static void ask(struct bench *b, struct client *c, enum of_role_kind role, uint64_t generation)
{
    struct of_message message = {.type = OF_ROLE_REQUEST, .role = {.role = role, .generation_id = generation}};
    client_send(b, c, &message);
}

static void there_is_at_most_one_master(void **state)
{
    struct bench *b = *state;
    struct client c1, c2;

    client_open(b, &c1);
    client_open(b, &c2);
    ask(b, &c1, OF_ROLE_MASTER, 5);
    client_expect(b, &c1, OF_ROLE_REPLY);
    assert_int_equal(c1.message.role.role, OF_ROLE_MASTER);
    ask(b, &c2, OF_ROLE_MASTER, 6);
    client_expect(b, &c2, OF_ROLE_REPLY);
    ask(b, &c1, OF_ROLE_NOCHANGE, 0);
    client_expect(b, &c1, OF_ROLE_REPLY);
    assert_int_equal(c1.message.role.role, OF_ROLE_SLAVE);
    assert_int_equal(c1.message.role.generation_id, 6);
    client_close(&c1);
    client_close(&c2);
}

static void an_older_generation_is_stale(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    ask(b, &c, OF_ROLE_MASTER, UINT64_MAX);
    client_expect(b, &c, OF_ROLE_REPLY);
    ask(b, &c, OF_ROLE_SLAVE, UINT64_MAX - 1);
    client_expect_error(b, &c, OF_ERROR_ROLE_REQUEST_FAILED_STALE);
    ask(b, &c, OF_ROLE_SLAVE, 3); /* the counter has wrapped: newer */
    client_expect(b, &c, OF_ROLE_REPLY);
    client_close(&c);
}

static void the_filter_of_asynchronous_messages_is_what_was_set(void **state)
{
    struct bench *b = *state;
    struct of_message set = {.type = OF_SET_ASYNC,
                             .async = {.packet_in = {1, 2}, .port_status = {3, 4}, .flow_removed = {5, 6}, .given = OF_ASYNC_GIVEN_13}};
    struct of_message get = {.type = OF_GET_ASYNC_REQUEST};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &set);
    client_send(b, &c, &get);
    client_expect(b, &c, OF_GET_ASYNC_REPLY);
    assert_memory_equal(&c.message.async, &set.async, sizeof set.async);
    client_close(&c);
}

/* As Open vSwitch's: what the version knows, but for expired TTLs. */
static void without_a_word_the_filter_lets_through_what_the_version_knows(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint8_t version;
        uint32_t packet_in, flow_removed;
    } rows[] = {{OF_VERSION_13, 0x3, 0xf}, {OF_VERSION_14, 0x3b, 0x3f}, {OF_VERSION_15, 0x3b, 0x3f}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct of_message get = {.type = OF_GET_ASYNC_REQUEST};
        struct client c;
        client_open_in(b, &c, rows[i].version);
        client_send(b, &c, &get);
        client_expect(b, &c, OF_GET_ASYNC_REPLY);
        const struct of_async *async = &c.message.async;
        assert_true(async->packet_in[0] == rows[i].packet_in && async->packet_in[1] == 0);
        assert_true(async->flow_removed[0] == rows[i].flow_removed && async->flow_removed[1] == 0);
        assert_true(async->port_status[0] == 7 && async->port_status[1] == 7);
        client_close(&c);
    }
}

static void a_master_that_is_one_no_more_is_told_when_it_has_asked(void **state)
{
    struct bench *b = *state;
    struct of_message set = {.type = OF_SET_ASYNC, .async = {.role_status = {1, 0}, .given = 1 << 7}};
    struct of_message config = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 128}}; /* a tool hears nothing before */
    struct client first, second;

    client_open_in(b, &first, OF_VERSION_14);
    client_open(b, &second);
    client_send(b, &first, &config);
    client_send(b, &first, &set);
    ask(b, &first, OF_ROLE_MASTER, 3);
    client_expect(b, &first, OF_ROLE_REPLY);
    ask(b, &second, OF_ROLE_MASTER, 4);
    client_expect(b, &first, OF_ROLE_STATUS);
    assert_int_equal(first.message.role_status.role, OF_ROLE_SLAVE);
    assert_int_equal(first.message.role_status.reason, OF_ROLE_MASTER_REQUEST);
    assert_int_equal(first.message.role_status.generation_id, 4);
    client_close(&first);
    client_close(&second);
}

static void nicira_s_request_asks_without_an_election(void **state)
{
    struct bench *b = *state;
    struct of_message request = {.type = OF_ROLE_REQUEST, .role = {.role = OF_ROLE_SLAVE}};
    struct client c;

    client_open_in(b, &c, OF_VERSION_10);
    client_send(b, &c, &request);
    client_expect(b, &c, OF_ROLE_REPLY);
    assert_int_equal(c.message.role.role, OF_ROLE_SLAVE);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "actions=drop");
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_EPERM); /* 1.0's number of IS_SLAVE */
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(there_is_at_most_one_master),
        CLAIM(an_older_generation_is_stale),
        CLAIM(a_master_that_is_one_no_more_is_told_when_it_has_asked),
        CLAIM(nicira_s_request_asks_without_an_election),
        CLAIM(the_filter_of_asynchronous_messages_is_what_was_set),
        CLAIM(without_a_word_the_filter_lets_through_what_the_version_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
