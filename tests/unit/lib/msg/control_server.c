/* Tests of lib/msg/control_server.c in memory: commands, late answers, long lists, limits, and garbage. */
#include "lib/msg/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/msg/msg.h"
#include "proto/control.pb-c.h"

static const struct bus_identity process = {.kind = PROCESS_SLOWPATH, .instance = 2, .start = 0xabc};
static const struct bus_identity swctl = {.kind = PROCESS_SWCTL, .instance = 1, .start = 7};

struct test {
    struct bus_hub *hub;
    struct bus *process_bus, *client_bus;
    struct bus_socket *client;
    struct control_server *server;
    struct control_call *kept[CONTROL_CALLS_MAX + 1];
    size_t n_kept;
    uint64_t now_ns;
};

static void run_echo(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n_arguments; i++) {
        json_array_append_new(list, json_string(arguments[i]));
    }
    control_reply(call, list);
}

static void run_keep(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct test *t = context;
    t->kept[t->n_kept++] = call;
}

static void run_long(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    for (int piece = 0; piece < 3; piece++) {
        json_t *list = json_array();
        for (int i = 0; i < 1200; i++) {
            json_array_append_new(list, json_integer(piece * 1200 + i));
        }
        if (piece < 2) {
            control_piece(call, list);
        } else {
            control_reply(call, list);
        }
    }
}

static void run_huge(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    char *text = memory_zeroed((size_t)BUS_MESSAGE_MAX_BYTES + 1);
    memset(text, 'x', BUS_MESSAGE_MAX_BYTES);
    control_reply(call, json_string(text));
    free(text);
}

static const struct control_command commands[] = {
    {.name = "echo", .usage = "[WORD]...", .help = "Says its words.", .needs = ROLE_READ, .run = run_echo},
    {.name = "keep", .usage = "", .help = "Answers later.", .needs = ROLE_OPERATE, .run = run_keep},
    {.name = "long", .usage = "", .help = "Answers at length.", .needs = ROLE_READ, .run = run_long},
    {.name = "huge", .usage = "", .help = "Answers too much.", .run = run_huge},
};

static json_t *status(void *context)
{
    return json_pack("{s:i}", "rules", 42);
}

static int setup(void **state)
{
    static struct test t;
    t = (struct test){.hub = bus_hub_new(1), .now_ns = NS_PER_S};
    t.process_bus = bus_memory_new(t.hub, &process);
    t.client_bus = bus_memory_new(t.hub, &swctl);
    assert_int_equal(control_server_new(t.process_bus, "c", commands, 4, status, &t, &t.server), 0);
    assert_int_equal(bus_connect(t.client_bus, WIRE_CONTROL, "c", &t.client), 0);
    bus_hub_step(t.hub, t.now_ns);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    control_server_destroy(&t->server);
    assert_null(t->server);
    control_server_destroy(&t->server);
    bus_destroy(&t->process_bus);
    bus_destroy(&t->client_bus);
    bus_hub_destroy(&t->hub);
    return 0;
}

static void step(struct test *t, uint64_t ms)
{
    t->now_ns += ms * NS_PER_MS;
    bus_hub_step(t->hub, t->now_ns);
    control_server_step(t->server, t->now_ns);
    bus_hub_step(t->hub, t->now_ns);
}

static void ask(struct test *t, uint64_t call, const char *command, const char *const *arguments, size_t n_arguments)
{
    Busbar__ControlRequest m = BUSBAR__CONTROL_REQUEST__INIT;
    m.command = (char *)command;
    m.arguments = (char **)arguments;
    m.n_arguments = n_arguments;
    m.call = call;
    assert_int_equal(msg_send(t->client, NULL, MESSAGE_CONTROL_REQUEST, &m.base), 0);
}

/* The next reply, the caller's; NULL when there is none. */
static Busbar__ControlReply *next_reply(struct test *t)
{
    struct bus_message m;
    if (bus_recv(t->client, &m) != 0) {
        return NULL;
    }
    Busbar__ControlReply *reply = (Busbar__ControlReply *)msg_unpack(&m, &busbar__control_reply__descriptor);
    bus_message_fini(&m);
    assert_non_null(reply);
    return reply;
}

static void expect_reply(struct test *t, uint64_t call, int error, const char *json, bool is_last)
{
    Busbar__ControlReply *reply = next_reply(t);
    assert_non_null(reply);
    assert_true(reply->call == call);
    assert_int_equal(reply->error, error);
    assert_string_equal(reply->json, json);
    assert_true(reply->last == is_last && (error == 0 || reply->text[0] != '\0'));
    busbar__control_reply__free_unpacked(reply, NULL);
}

static void command_gets_its_words_and_answers(void **state)
{
    struct test *t = *state;
    const char *words[] = {"br0", "in_port=1,actions=drop", ""};
    ask(t, 5, "echo", words, 3);
    ask(t, 6, "echo", NULL, 0);
    step(t, 0);
    expect_reply(t, 5, 0, "[\"br0\",\"in_port=1,actions=drop\",\"\"]", true);
    expect_reply(t, 6, 0, "[]", true);
    assert_null(next_reply(t));
}

static void built_in_commands_are_there(void **state)
{
    struct test *t = *state;
    ask(t, 1, "status", NULL, 0);
    ask(t, 2, "help", NULL, 0);
    step(t, 0);
    Busbar__ControlReply *reply = next_reply(t);
    json_t *json = json_loads(reply->json, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "process")), "slowpath");
    assert_int_equal(json_integer_value(json_object_get(json, "instance")), 2);
    assert_string_equal(json_string_value(json_object_get(json, "start")), "0000000000000abc");
    assert_int_equal(json_integer_value(json_object_get(json, "rules")), 42);
    json_decref(json);
    busbar__control_reply__free_unpacked(reply, NULL);
    reply = next_reply(t);
    json = json_loads(reply->json, 0, NULL);
    assert_int_equal(json_array_size(json), 3 + 4);
    json_decref(json);
    busbar__control_reply__free_unpacked(reply, NULL);
}

static void log_level_is_shown_and_set(void **state)
{
    struct test *t = *state;
    const char *debug[] = {"debug"}, *loud[] = {"loud"}, *two[] = {"info", "warn"};
    enum log_level before = log_get_level();
    ask(t, 1, "log-level", debug, 1);
    ask(t, 2, "log-level", NULL, 0);
    ask(t, 3, "log-level", loud, 1);
    ask(t, 4, "log-level", two, 2);
    step(t, 0);
    expect_reply(t, 1, 0, "\"debug\"", true);
    expect_reply(t, 2, 0, "\"debug\"", true);
    expect_reply(t, 3, -ERROR_SYNTAX, "", true);
    expect_reply(t, 4, -ERROR_SYNTAX, "", true);
    assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
    log_set_level(before);
}

/* commands[]: echo and long only look, keep is an operator's, huge says nothing and so needs an administrator. */
static void a_role_runs_what_it_includes_and_no_more(void **state)
{
    struct test *t = *state;
    const struct {
        const char *command, *argument;
        enum bus_role needs;
    } rows[] = {{"echo", NULL, ROLE_READ},  {"status", NULL, ROLE_READ},         {"help", NULL, ROLE_READ}, {"log-level", NULL, ROLE_READ},
                {"huge", NULL, ROLE_ADMIN}, {"log-level", "info", ROLE_OPERATE}, {"none", NULL, ROLE_READ}};
    enum log_level before = log_get_level();
    uint64_t call = 0;
    for (enum bus_role role = ROLE_READ; role <= ROLE_ADMIN; role++) {
        bus_memory_set_key(t->client_bus, role, "a key");
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            ask(t, ++call, rows[i].command, &rows[i].argument, rows[i].argument != NULL ? 1 : 0);
            step(t, 0);
            Busbar__ControlReply *reply = next_reply(t);
            assert_non_null(reply);
            assert_int_equal(reply->error == -ERROR_WRONG_SENDER, role < rows[i].needs);
            assert_true(reply->error != -ERROR_WRONG_SENDER || strstr(reply->text, "needs a key of the role") != NULL);
            busbar__control_reply__free_unpacked(reply, NULL);
            assert_null(next_reply(t));
        }
    }
    bus_memory_set_key(t->client_bus, ROLE_READ, "a key");
    ask(t, ++call, "keep", NULL, 0);
    step(t, 0);
    expect_reply(t, call, -ERROR_WRONG_SENDER, "", true);
    log_set_level(before);
}

static void unknown_command_is_an_error_with_its_name(void **state)
{
    struct test *t = *state;
    ask(t, 1, "fly", NULL, 0);
    step(t, 0);
    Busbar__ControlReply *reply = next_reply(t);
    assert_int_equal(reply->error, -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(reply->text, "fly"));
    busbar__control_reply__free_unpacked(reply, NULL);
}

static void answer_may_come_later_and_fail(void **state)
{
    struct test *t = *state;
    ask(t, 1, "keep", NULL, 0);
    ask(t, 2, "keep", NULL, 0);
    step(t, 0);
    assert_null(next_reply(t));
    assert_int_equal(t->n_kept, 2);
    control_fail(t->kept[1], -ERROR_CONFLICT, "rule %d changed", 5);
    control_reply(t->kept[0], NULL);
    step(t, 0);
    Busbar__ControlReply *reply = next_reply(t);
    assert_true(reply->call == 2 && reply->error == -ERROR_CONFLICT && reply->last);
    assert_string_equal(reply->text, "rule 5 changed");
    busbar__control_reply__free_unpacked(reply, NULL);
    expect_reply(t, 1, 0, "", true);
}

static void long_lists_come_in_pieces_in_order(void **state)
{
    struct test *t = *state;
    ask(t, 1, "long", NULL, 0);
    step(t, 0);
    int next = 0;
    size_t n_pieces = 0;
    bool is_last = false;
    for (Busbar__ControlReply *reply; !is_last && (reply = next_reply(t)) != NULL; n_pieces++) {
        json_t *json = json_loads(reply->json, 0, NULL), *value;
        size_t i;
        assert_true(json_array_size(json) > 0 && json_array_size(json) <= 500);
        json_array_foreach(json, i, value)
        {
            assert_int_equal(json_integer_value(value), next++);
        }
        json_decref(json);
        is_last = reply->last;
        busbar__control_reply__free_unpacked(reply, NULL);
    }
    assert_true(is_last && next == 3600 && n_pieces == 9);
}

static void more_calls_than_the_limit_are_refused(void **state)
{
    struct test *t = *state;
    for (uint64_t i = 0; i < CONTROL_CALLS_MAX + 3; i++) {
        ask(t, i, "keep", NULL, 0);
    }
    step(t, 0);
    step(t, 0);
    assert_int_equal(t->n_kept, CONTROL_CALLS_MAX);
    for (uint64_t i = 0; i < 3; i++) {
        expect_reply(t, CONTROL_CALLS_MAX + i, -ERROR_REFUSED, "", true);
    }
    control_reply(t->kept[0], json_true());
    ask(t, 99, "echo", NULL, 0);
    step(t, 0);
    expect_reply(t, 0, 0, "true", true);
    expect_reply(t, 99, 0, "[]", true);
}

static void client_that_takes_nothing_holds_its_call_five_seconds(void **state)
{
    struct test *t = *state;
    for (uint64_t i = 0; i < BUS_QUEUE_MESSAGES; i++) { /* fill its way */
        assert_int_equal(bus_send(t->client, NULL, MESSAGE_CONTROL_REQUEST, "", 0), 0);
        if (i % 32 == 0) {
            step(t, 0);
        }
    }
    for (int i = 0; i < 40; i++) {
        step(t, 0);
    }
    ask(t, 7, "keep", NULL, 0);
    step(t, 0);
    assert_int_equal(t->n_kept, 1);
    assert_true(control_has_room(t->kept[0]));
    control_piece(t->kept[0], json_array()); /* waits, and goes after 5 s */
    assert_true(!control_has_room(t->kept[0]) && !control_is_lost(t->kept[0]));
    step(t, 0);
    assert_false(control_has_room(t->kept[0]));
    control_reply(t->kept[0], json_true());
    for (uint64_t i = 0; i < CONTROL_CALLS_MAX - 1; i++) {
        ask(t, i, "keep", NULL, 0);
    }
    step(t, 0);
    assert_int_equal(t->n_kept, CONTROL_CALLS_MAX);
    step(t, 5001);
    t->n_kept = CONTROL_CALLS_MAX - 1;
    ask(t, 8, "keep", NULL, 0); /* there is room for one again */
    step(t, 0);
    assert_int_equal(t->n_kept, CONTROL_CALLS_MAX);
}

static void answer_beyond_the_message_size_is_an_error(void **state)
{
    struct test *t = *state;
    ask(t, 1, "huge", NULL, 0);
    ask(t, 2, "echo", NULL, 0);
    step(t, 0);
    expect_reply(t, 1, -ERROR_TOO_LARGE, "", true);
    expect_reply(t, 2, 0, "[]", true);
    assert_null(next_reply(t));
}

static void client_that_went_away_is_forgotten(void **state)
{
    struct test *t = *state;
    ask(t, 1, "keep", NULL, 0);
    step(t, 0);
    bus_close(&t->client);
    assert_false(control_is_lost(t->kept[0]));
    control_piece(t->kept[0], json_array());
    assert_true(control_is_lost(t->kept[0]));
    control_reply(t->kept[0], json_true());
    step(t, 0);
    assert_int_equal(bus_connect(t->client_bus, WIRE_CONTROL, "c", &t->client), 0);
    step(t, 100);
    ask(t, 2, "echo", NULL, 0);
    step(t, 0);
    expect_reply(t, 2, 0, "[]", true);
}

static void garbage_is_dropped(void **state)
{
    struct test *t = *state;
    struct random r;
    uint64_t seed = 3;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int i = 0; i < 500; i++) {
        uint8_t bytes[60];
        size_t size = 1 + (size_t)random_below(&r, sizeof bytes - 1);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)random_u64(&r);
        }
        bytes[0] = 0xff; /* nothing begins like this */
        assert_int_equal(bus_send(t->client, NULL, MESSAGE_CONTROL_REQUEST, bytes, size), 0);
        step(t, 0);
    }
    assert_null(next_reply(t));
    ask(t, 2, "echo", NULL, 0);
    step(t, 0);
    expect_reply(t, 2, 0, "[]", true);
}

static void calls_open_at_the_end_are_answered(void **state)
{
    struct test *t = *state;
    ask(t, 1, "keep", NULL, 0);
    step(t, 0);
    control_server_destroy(&t->server);
    assert_null(t->server);
}

static void taken_endpoint_is_an_error(void **state)
{
    struct test *t = *state;
    struct control_server *second = NULL;
    assert_true(control_server_new(t->process_bus, "c", commands, 4, NULL, NULL, &second) < 0);
    assert_null(second);
    assert_int_equal(control_server_fd(t->server), -1);
}

#define CONTROL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(command_gets_its_words_and_answers),
        CONTROL_TEST(built_in_commands_are_there),
        CONTROL_TEST(log_level_is_shown_and_set),
        CONTROL_TEST(a_role_runs_what_it_includes_and_no_more),
        CONTROL_TEST(unknown_command_is_an_error_with_its_name),
        CONTROL_TEST(answer_may_come_later_and_fail),
        CONTROL_TEST(long_lists_come_in_pieces_in_order),
        CONTROL_TEST(more_calls_than_the_limit_are_refused),
        CONTROL_TEST(client_that_takes_nothing_holds_its_call_five_seconds),
        CONTROL_TEST(answer_beyond_the_message_size_is_an_error),
        CONTROL_TEST(client_that_went_away_is_forgotten),
        CONTROL_TEST(garbage_is_dropped),
        CONTROL_TEST(calls_open_at_the_end_are_answered),
        CONTROL_TEST(taken_endpoint_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
