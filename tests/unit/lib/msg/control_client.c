/* Tests of lib/msg/control_client.c over a real ipc socket: the answering process is a thread of the test. */
#include "lib/msg/control.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/msg/msg.h"
#include "proto/control.pb-c.h"

static const struct bus_identity process = {.kind = PROCESS_CONFIGDB, .instance = 1, .start = 5};
static const struct bus_identity swctl = {.kind = PROCESS_SWCTL, .instance = 1, .start = 7};

struct test {
    char dir[64], endpoint[128];
    struct bus *bus;
    struct bus *process_bus; /* the thread's while it runs */
    struct control_server *server;
    struct control_call *kept;
    pthread_t thread;
    atomic_bool ends;
};

static void run_pieces(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    control_piece(call, json_pack("[i,i]", 1, 2));
    control_piece(call, json_pack("[i]", 3));
    control_reply(call, n_arguments > 0 ? json_string(arguments[0]) : json_pack("[i]", 4));
}

static void run_refuse(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    control_fail(call, -ERROR_EXISTS, "bridge \"%s\" exists already", n_arguments > 0 ? arguments[0] : "");
}

static void run_object(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    control_reply(call, json_pack("{s:i}", "a", 1));
}

static void run_nothing(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    control_reply(call, NULL);
}

static void run_keep(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    ((struct test *)context)->kept = call;
}

/* Answers what "keep" left, and then the call itself: the first answer finds nobody who wants it. */
static void run_release(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct test *t = context;
    if (t->kept != NULL) {
        control_reply(t->kept, json_string("late"));
    }
    t->kept = NULL;
    control_reply(call, json_string("own"));
}

static const struct control_command commands[] = {
    {.name = "pieces", .usage = "", .help = "", .run = run_pieces},
    {.name = "refuse", .usage = "", .help = "", .run = run_refuse},
    {.name = "object", .usage = "", .help = "", .run = run_object},
    {.name = "nothing", .usage = "", .help = "", .run = run_nothing},
    {.name = "keep", .usage = "", .help = "", .run = run_keep},
    {.name = "release", .usage = "", .help = "", .run = run_release},
};

static void *serve(void *context)
{
    struct test *t = context;
    while (!atomic_load(&t->ends)) {
        struct pollfd pfd = {.fd = control_server_fd(t->server), .events = POLLIN};
        poll(&pfd, 1, 10);
        control_server_step(t->server, clock_now_ns());
    }
    return NULL;
}

static int setup(void **state)
{
    static struct test t;
    t = (struct test){0};
    snprintf(t.dir, sizeof t.dir, "%s/control.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(t.dir));
    assert_int_equal(bus_endpoint(t.dir, WIRE_CONTROL, PROCESS_CONFIGDB, 1, t.endpoint, sizeof t.endpoint), 0);
    t.bus = bus_zmq_new(&swctl);
    t.process_bus = bus_zmq_new(&process);
    assert_int_equal(control_server_new(t.process_bus, t.endpoint, commands, 6, NULL, &t, &t.server), 0);
    assert_int_equal(pthread_create(&t.thread, NULL, serve, &t), 0);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    atomic_store(&t->ends, true);
    pthread_join(t->thread, NULL);
    control_server_destroy(&t->server);
    bus_destroy(&t->process_bus);
    bus_destroy(&t->bus);
    unlink(t->endpoint + strlen("ipc://"));
    assert_int_equal(rmdir(t->dir), 0);
    return 0;
}

static void expect(struct test *t, const char *command, const char *argument, const char *expected)
{
    struct error_detail detail = {{0}};
    json_t *json = NULL;
    int err = control_request(t->bus, t->endpoint, command, &argument, argument != NULL ? 1 : 0, 5000, &json, &detail);
    if (err != 0) {
        fail_msg("%s: %d %s", command, err, detail.text);
    }
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void answers_of_every_shape_arrive(void **state)
{
    struct test *t = *state;
    expect(t, "object", NULL, "{\"a\":1}");
    expect(t, "pieces", NULL, "[1,2,3,4]");
    expect(t, "pieces", "x", "[1,2,3,\"x\"]");
    expect(t, "nothing", NULL, "null");
}

static void refusal_comes_with_its_words(void **state)
{
    struct test *t = *state;
    struct error_detail detail = {{0}};
    const char *argument = "br0";
    json_t *json = NULL;
    assert_int_equal(control_request(t->bus, t->endpoint, "refuse", &argument, 1, 5000, &json, &detail), -ERROR_EXISTS);
    assert_string_equal(detail.text, "bridge \"br0\" exists already");
    assert_null(json);
}

static void silence_ends_at_the_deadline_naming_the_endpoint(void **state)
{
    struct test *t = *state;
    struct error_detail detail = {{0}};
    json_t *json = NULL;
    uint64_t begin = clock_now_ns();
    assert_int_equal(control_request(t->bus, t->endpoint, "keep", NULL, 0, 200, &json, &detail), -ERROR_TIMEOUT);
    assert_true(clock_now_ns() - begin >= 200 * NS_PER_MS);
    assert_non_null(strstr(detail.text, t->endpoint));
    expect(t, "release", NULL, "\"own\""); /* the late answer to the first is known as such */
}

static void an_older_process_is_asked_again_in_its_version(void **state)
{
    struct test *t = *state;
    bus_set_protocol_ahead(t->bus, 1);
    uint64_t begin = clock_now_ns();
    expect(t, "pieces", "x", "[1,2,3,\"x\"]");
    assert_true(clock_now_ns() - begin < 2 * NS_PER_S); /* at once, not when somebody loses patience */
}

static void a_process_two_versions_older_is_named_with_what_to_do(void **state)
{
    struct test *t = *state;
    struct error_detail detail = {{0}};
    json_t *json = NULL;
    bus_set_protocol_ahead(t->bus, 2);
    assert_int_equal(control_request(t->bus, t->endpoint, "object", NULL, 0, 5000, &json, &detail), -ERROR_VERSION);
    assert_non_null(strstr(detail.text, "configdb.1 understands versions 1 and 0 of the wire control, this program 3 and 2: replace configdb.1"));
    assert_null(json);
}

static void nobody_there_ends_at_the_deadline(void **state)
{
    struct test *t = *state;
    struct error_detail detail = {{0}};
    json_t *json = NULL;
    char endpoint[160];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/nobody", t->dir);
    assert_int_equal(control_request(t->bus, endpoint, "status", NULL, 0, 100, &json, &detail), -ERROR_TIMEOUT);
    assert_non_null(strstr(detail.text, "is the process running"));
    assert_int_equal(control_request(t->bus, "nonsense", "status", NULL, 0, 100, &json, &detail), -ERROR_SYNTAX);
    assert_null(json);
}

static void bus_in_memory_is_refused(void **state)
{
    struct bus_hub *hub = bus_hub_new(1);
    struct bus *bus = bus_memory_new(hub, &swctl);
    json_t *json = NULL;
    assert_int_equal(control_request(bus, "c", "status", NULL, 0, 100, &json, NULL), -ERROR_UNSUPPORTED);
    bus_destroy(&bus);
    bus_hub_destroy(&hub);
}

/* A process that answers what it should not. */
static void *answer_nonsense(void *context)
{
    struct test *t = context;
    struct bus_socket *socket;
    char endpoint[160];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/liar", t->dir);
    struct bus *bus = bus_zmq_new(&process);
    int round = bus_bind(bus, WIRE_CONTROL, endpoint, &socket) == 0 ? 0 : 100;
    static const char *const nonsense[] = {"{\"a\":", "[1] 2", "nul"};
    while (round < 5 && !atomic_load(&t->ends)) {
        struct bus_message m;
        struct pollfd pfd = {.fd = bus_fd(socket), .events = POLLIN};
        poll(&pfd, 1, 10);
        if (bus_recv(socket, &m) != 0) {
            continue;
        }
        Busbar__ControlRequest *request = (Busbar__ControlRequest *)msg_unpack(&m, &busbar__control_request__descriptor);
        Busbar__ControlReply reply = BUSBAR__CONTROL_REPLY__INIT;
        reply.call = request->call;
        reply.json = (char *)(round < 3 ? nonsense[round] : "{}");
        reply.last = round < 3;
        for (int i = 0; i < 2 && round != 4; i++) { /* round 3: two objects as pieces */
            (void)!msg_send(socket, &m.from, MESSAGE_CONTROL_REPLY, &reply.base);
        }
        if (round == 4) {
            (void)!bus_send(socket, &m.from, MESSAGE_CONTROL_REPLY, "\xff\xff\xff", 3);
        }
        busbar__control_request__free_unpacked(request, NULL);
        bus_message_fini(&m);
        round++;
    }
    struct pollfd none = {.fd = -1};
    while (!atomic_load(&t->ends)) {
        poll(&none, 0, 10);
    }
    bus_destroy(&bus);
    unlink(endpoint + strlen("ipc://"));
    return NULL;
}

static void nonsense_is_an_error_never_a_crash(void **state)
{
    struct test *t = *state;
    pthread_t liar;
    char endpoint[160];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/liar", t->dir);
    assert_int_equal(pthread_create(&liar, NULL, answer_nonsense, t), 0);
    for (int round = 0; round < 5; round++) {
        struct error_detail detail = {{0}};
        json_t *json = NULL;
        assert_int_equal(control_request(t->bus, endpoint, "status", NULL, 0, 5000, &json, &detail), -ERROR_SYNTAX);
        assert_non_null(strstr(detail.text, endpoint));
        assert_null(json);
    }
    atomic_store(&t->ends, true);
    pthread_join(liar, NULL);
}

#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(answers_of_every_shape_arrive),
        CLIENT_TEST(refusal_comes_with_its_words),
        CLIENT_TEST(silence_ends_at_the_deadline_naming_the_endpoint),
        CLIENT_TEST(an_older_process_is_asked_again_in_its_version),
        CLIENT_TEST(a_process_two_versions_older_is_named_with_what_to_do),
        CLIENT_TEST(nobody_there_ends_at_the_deadline),
        cmocka_unit_test(bus_in_memory_is_refused),
        CLIENT_TEST(nonsense_is_an_error_never_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
