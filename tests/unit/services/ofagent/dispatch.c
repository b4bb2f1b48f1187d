/* Tests of services/ofagent/dispatch.c: who may say what. */
#include "tests/unit/services/ofagent/bench.h"

#include "lib/base/random.h"

static void a_message_only_a_switch_sends_is_refused(void **state)
{
    struct bench *b = *state;
    struct of_message message = {.type = OF_BARRIER_REPLY, .xid = 3};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &message);
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_BAD_TYPE);
    assert_int_equal(c.message.xid, 3);
    client_close(&c);
}

static void an_unknown_type_is_refused(void **state)
{
    static const uint8_t unknown[] = {4, 99, 0, 8, 0, 0, 0, 7};
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    assert_int_equal(send(c.fd, unknown, sizeof unknown, 0), sizeof unknown);
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_BAD_TYPE);
    assert_int_equal(c.message.xid, 7);
    client_close(&c);
}

static void a_slave_may_ask_but_not_change(void **state)
{
    struct bench *b = *state;
    struct of_message role = {.type = OF_ROLE_REQUEST, .role = {.role = OF_ROLE_SLAVE, .generation_id = 1}};
    struct of_message features = {.type = OF_FEATURES_REQUEST};
    struct client c;

    client_open(b, &c);
    client_send(b, &c, &role);
    client_expect(b, &c, OF_ROLE_REPLY);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_expect_error(b, &c, OF_ERROR_BAD_REQUEST_IS_SLAVE);
    client_send(b, &c, &features);
    client_expect(b, &c, OF_FEATURES_REPLY);
    client_close(&c);
}

/* Bodies of noise behind headers that are right, some of them the beginnings of real messages. */
static void random_messages_disturb_nobody_else(void **state)
{
    struct bench *b = *state;
    struct client good, bad;
    struct random r;
    uint8_t bytes[256];

    print_message("seed 31\n");
    random_seed(&r, 31);
    bench_join(b);
    client_open(b, &good);
    client_open(b, &bad);
    for (int i = 0; i < 20000; i++) {
        size_t size = 8 + random_below(&r, sizeof bytes - 8);
        for (size_t j = 0; j < size; j++) {
            bytes[j] = random_below(&r, 3) == 0 ? (uint8_t)random_u64(&r) : 0;
        }
        bytes[0] = OF_VERSION_13;
        bytes[1] = (uint8_t)random_below(&r, 31);
        bytes[2] = 0;
        bytes[3] = (uint8_t)size;
        if (bytes[1] == OF_MULTIPART_REQUEST) {
            bytes[8] = 0;
            bytes[9] = (uint8_t)random_below(&r, 15);
        }
        if (send(bad.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            client_close(&bad);
            client_open(b, &bad);
        }
        bench_step(b, NS_PER_MS);
        while (recv(bad.fd, (uint8_t[65536]){0}, 65536, MSG_DONTWAIT) > 0) {
        }
        bench_floor(b, b->agent->cfg->version.n);
    }
    client_barrier(b, &good);
    client_expect(b, &good, OF_BARRIER_REPLY);
    client_close(&good);
    client_close(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_message_only_a_switch_sends_is_refused),
        CLAIM(an_unknown_type_is_refused),
        CLAIM(a_slave_may_ask_but_not_change),
        CLAIM(random_messages_disturb_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
