/* Tests of services/ofagent/snoop.c: who looks sees what a controller says and is told, whole messages in their order. */
#include "services/ofagent/snoop.h"

#include "tests/unit/services/ofagent/bench.h"

static int look(struct bench *b)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/br0.snoop", b->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    bench_step(b, NS_PER_MS);
    return fd;
}

static void messages_of_a_controller_are_seen_both_ways_and_in_order(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client looks, controller, tool;
    struct of_message echo = {.type = OF_ECHO_REQUEST, .xid = 7}, theirs = {.type = OF_ECHO_REQUEST, .xid = 9};

    client_attach(&looks, look(b));
    client_expect(b, &looks, OF_HELLO);
    bench_run(b, 50 * NS_PER_MS);
    client_attach(&controller, accept(listener, NULL, NULL));
    client_hello(b, &controller);
    client_send(b, &controller, &echo);
    client_expect(b, &controller, OF_ECHO_REPLY);
    client_expect(b, &looks, OF_HELLO); /* ours to the controller, and its own */
    client_expect(b, &looks, OF_HELLO);
    assert_int_equal(client_expect(b, &looks, OF_ECHO_REQUEST)->xid, 7);
    assert_int_equal(client_expect(b, &looks, OF_ECHO_REPLY)->xid, 7);
    client_open(b, &tool);
    client_send(b, &tool, &theirs);
    assert_false(client_next(b, &looks)); /* tools are no controllers */
    client_close(&tool);
    client_close(&controller);
    client_close(&looks);
    bench_run(b, 50 * NS_PER_MS);
    assert_false(snoop_is_watched(bridge_find(b->agent, 1)->snoop));
    bench_controller_stop(b, listener);
}

static void who_does_not_read_misses_whole_messages_and_holds_up_nobody(void **state)
{
    struct bench *b = *state;
    static uint8_t message[60000] = {4, OF_ECHO_REQUEST, 60000 >> 8, 60000 & 0xff};
    struct snoop *snoop = bridge_find(b->agent, 1)->snoop;
    struct client looks;
    size_t n = 0;

    client_attach(&looks, look(b));
    client_expect(b, &looks, OF_HELLO);
    for (int i = 0; i < 100; i++) {
        snoop_tell(snoop, message, sizeof message);
    }
    bench_step(b, NS_PER_MS);
    while (client_next(b, &looks)) {
        assert_int_equal(looks.message.type, OF_ECHO_REQUEST);
        n++;
    }
    assert_in_range(n, 5, 50);
    client_close(&looks);
}

static void only_so_many_look(void **state)
{
    struct bench *b = *state;
    int fds[SNOOPERS_MAX + 1];
    uint8_t bytes[64];

    for (size_t i = 0; i <= SNOOPERS_MAX; i++) {
        fds[i] = look(b);
    }
    assert_true(recv(fds[SNOOPERS_MAX - 1], bytes, sizeof bytes, MSG_DONTWAIT) > 0);
    assert_int_equal(recv(fds[SNOOPERS_MAX], bytes, sizeof bytes, MSG_DONTWAIT), -1);
    close(fds[0]);
    bench_step(b, NS_PER_MS);
    bench_step(b, NS_PER_MS);
    assert_true(recv(fds[SNOOPERS_MAX], bytes, sizeof bytes, MSG_DONTWAIT) > 0);
    for (size_t i = 1; i <= SNOOPERS_MAX; i++) {
        close(fds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(messages_of_a_controller_are_seen_both_ways_and_in_order),
        CLAIM(who_does_not_read_misses_whole_messages_and_holds_up_nobody),
        CLAIM(only_so_many_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
