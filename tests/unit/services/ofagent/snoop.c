/* Tests of services/ofagent/snoop.c: who looks sees what a controller says and is told, whole messages in their order. */
#include "services/ofagent/snoop.h"

#include <sys/resource.h>

#include "services/ofagent/conn_tcp.h"
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

static void the_last_words_to_a_controller_are_seen(void **state)
{
    static const uint8_t shorter_than_its_header[8] = {4, OF_ECHO_REQUEST, 0, 4, 0, 0, 0, 3};
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client looks, controller;

    client_attach(&looks, look(b));
    client_expect(b, &looks, OF_HELLO);
    bench_run(b, 50 * NS_PER_MS);
    client_attach(&controller, accept(listener, NULL, NULL));
    client_hello(b, &controller);
    client_expect(b, &looks, OF_HELLO);
    client_expect(b, &looks, OF_HELLO);
    assert_int_equal(send(controller.fd, shorter_than_its_header, 8, 0), 8);
    client_expect(b, &controller, OF_ERROR); /* and the end */
    assert_int_equal(client_expect(b, &looks, OF_ERROR)->xid, 3);
    client_close(&controller);
    client_close(&looks);
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

static size_t n_polled(const struct bench *b)
{
    struct pollfd fds[SNOOP_FDS_MAX];
    return snoop_fds(bridge_find(b->agent, 1)->snoop, fds);
}

static void without_descriptors_nobody_is_polled_for(void **state)
{
    struct bench *b = *state;
    struct rlimit before, few = {.rlim_cur = 3};
    uint8_t bytes[64];
    int fd = -1;

    bench_step(b, NS_PER_MS);
    assert_int_equal(n_polled(b), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/br0.snoop", b->dir);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    bench_step(b, NS_PER_MS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(n_polled(b), 0);
    bench_step(b, NS_PER_MS);
    assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), -1);
    bench_run(b, 2 * CONN_TCP_ACCEPT_PAUSE_NS);
    assert_true(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0);
    assert_int_equal(n_polled(b), 2);
    close(fd);
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
        CLAIM(the_last_words_to_a_controller_are_seen),
        CLAIM(who_does_not_read_misses_whole_messages_and_holds_up_nobody),
        CLAIM(without_descriptors_nobody_is_polled_for),
        CLAIM(only_so_many_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
