/* Tests of lib/bus/zap.c: asked as libzmq asks, it lets in ipc, known keys over tcp, and nothing else. */
#include "lib/bus/zap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>
#include <cmocka.h>

#include "lib/base/log.h"

struct door {
    void *context, *asker;
    struct key_table *keys;
    struct zap *zap;
    struct key_pair pair;
    uint8_t key[32];
};

static int setup(void **state)
{
    static struct door d;
    int patience_ms = 5000;
    d = (struct door){.context = zmq_ctx_new(), .keys = key_table_new()};
    assert_int_equal(zap_start(d.context, d.keys, &d.zap), 0);
    d.asker = zmq_socket(d.context, ZMQ_REQ);
    zmq_setsockopt(d.asker, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    assert_int_equal(zmq_connect(d.asker, "inproc://zeromq.zap.01"), 0);
    assert_int_equal(key_pair_make("somebody", &d.pair), 0);
    assert_non_null(zmq_z85_decode(d.key, d.pair.public_key));
    *state = &d;
    return 0;
}

static int teardown(void **state)
{
    struct door *d = *state;
    zmq_close(d->asker);
    zmq_ctx_shutdown(d->context);
    zap_stop(&d->zap);
    zmq_ctx_term(d->context);
    key_table_destroy(&d->keys);
    return 0;
}

struct frame {
    const void *bytes;
    size_t size;
};

/* Sends the frames and reads the answer: its status (200 or 300), and the user id. */
static int ask(struct door *d, const struct frame *frames, int n, char out_user[64])
{
    char answer[6][64];
    int sizes[6];
    for (int i = 0; i < n; i++) {
        assert_true(zmq_send(d->asker, frames[i].bytes, frames[i].size, i + 1 < n ? ZMQ_SNDMORE : 0) >= 0);
    }
    for (int i = 0; i < 6; i++) {
        sizes[i] = zmq_recv(d->asker, answer[i], 63, 0);
        assert_true(sizes[i] >= 0 && sizes[i] <= 63);
        answer[i][sizes[i]] = '\0';
    }
    assert_string_equal(answer[0], "1.0");
    assert_true(n < 2 || strcmp(answer[1], "7") == 0);
    snprintf(out_user, 64, "%s", answer[4]);
    return strcmp(answer[2], "200") == 0 ? 200 : strcmp(answer[2], "300") == 0 ? 300 : 0;
}

static int ask_as(struct door *d, const char *domain, const char *mechanism, const void *key, size_t size, char out_user[64])
{
    struct frame frames[] = {
        {"1.0", 3}, {"7", 1}, {domain, strlen(domain)}, {"10.0.0.1", 8}, {"", 0}, {mechanism, strlen(mechanism)}, {key, size}};
    return ask(d, frames, key != NULL ? 7 : 6, out_user);
}

static void only_ipc_comes_in_without_a_key(void **state)
{
    struct door *d = *state;
    char user[64];
    assert_int_equal(ask_as(d, "busbar", "NULL", NULL, 0, user), 200);
    assert_string_equal(user, "ipc");
    assert_int_equal(ask_as(d, "busbar-tcp", "NULL", NULL, 0, user), 300);
    assert_int_equal(ask_as(d, "", "NULL", NULL, 0, user), 300);
    assert_int_equal(ask_as(d, "other", "NULL", NULL, 0, user), 300);
    assert_int_equal(zap_refused(d->zap), 3);
}

static void a_key_comes_in_while_it_is_known(void **state)
{
    struct door *d = *state;
    char user[64];
    assert_int_equal(ask_as(d, "busbar-tcp", "CURVE", d->key, 32, user), 300);
    key_table_set(d->keys, d->pair.public_key, "somebody", ROLE_READ);
    assert_int_equal(ask_as(d, "busbar-tcp", "CURVE", d->key, 32, user), 200);
    assert_string_equal(user, d->pair.public_key);
    assert_int_equal(ask_as(d, "busbar", "CURVE", d->key, 32, user), 300);
    assert_int_equal(ask_as(d, "busbar-tcp", "PLAIN", d->key, 32, user), 300);
    key_table_remove(d->keys, d->pair.public_key);
    assert_int_equal(ask_as(d, "busbar-tcp", "CURVE", d->key, 32, user), 300);
}

static void requests_of_another_shape_are_refused_and_the_next_is_answered(void **state)
{
    struct door *d = *state;
    char user[64], longest[600];
    memset(longest, 'x', sizeof longest);
    key_table_set(d->keys, d->pair.public_key, "somebody", ROLE_READ);
    const struct frame surplus[] = {{"1.0", 3}, {"7", 1},     {"busbar-tcp", 10}, {"", 0},
                                    {"", 0},    {"CURVE", 5}, {d->key, 32},       {"more", 4}};
    const struct frame other_version[] = {{"2.0", 3}, {"7", 1}, {"busbar", 6}, {"", 0}, {"", 0}, {"NULL", 4}};
    const struct frame too_long[] = {{"1.0", 3}, {"7", 1}, {longest, sizeof longest}, {"", 0}, {"", 0}, {"NULL", 4}};
    const struct frame alone[] = {{"1.0", 3}};
    assert_int_equal(ask(d, surplus, 8, user), 300);
    assert_int_equal(ask(d, other_version, 6, user), 300);
    assert_int_equal(ask(d, too_long, 6, user), 300);
    assert_int_equal(ask(d, alone, 1, user), 300);
    assert_int_equal(ask_as(d, "busbar-tcp", "CURVE", d->key, 31, user), 300);
    assert_int_equal(ask_as(d, "busbar-tcp", "CURVE", NULL, 0, user), 300);
    assert_int_equal(ask_as(d, "busbar-tcp", "CURVE", d->key, 32, user), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_ipc_comes_in_without_a_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_comes_in_while_it_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_of_another_shape_are_refused_and_the_next_is_answered, setup, teardown),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
