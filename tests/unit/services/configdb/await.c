/* Questions about applied versions. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/await.h"

struct answers {
    size_t n;
    bool is_reached;
    char missing[256];
};

static void on_reply(void *context, const struct bus_identity *to, const Busbar__AwaitAppliedReply *reply)
{
    struct answers *answers = context;
    answers->n++;
    answers->is_reached = reply->reached;
    (void)snprintf(answers->missing, sizeof answers->missing, "%s", reply->n_missing > 0 ? reply->missing[0] : "");
    assert_int_equal(reply->n_missing == 0, reply->reached);
}

struct desk {
    struct fixture_base base;
    struct ring *ring;
    struct status *status;
    struct readers *readers;
    struct await *await;
};

static void desk_init(struct desk *desk)
{
    memset(desk, 0, sizeof *desk);
    fixture_base_init(&desk->base);
    desk->ring = ring_new(desk->base.epoch, 10);
    desk->status = status_new();
    desk->readers =
        readers_new(NULL, desk->base.rows, desk->ring, desk->status, desk->base.last_epoch_end); /* nothing is sent here */
    desk->await = await_new(desk->readers, desk->ring);
}

static void desk_fini(struct desk *desk)
{
    await_destroy(&desk->await);
    await_destroy(&desk->await);
    readers_destroy(&desk->readers);
    status_destroy(&desk->status);
    ring_destroy(&desk->ring);
    fixture_base_fini(&desk->base);
}

static void ask(struct desk *desk, uint64_t epoch, uint64_t n, uint32_t timeout_ms, uint64_t now_ns)
{
    struct bus_identity swctl = {.kind = PROCESS_SWCTL, .instance = 1, .start = 2};
    Busbar__Version version;
    Busbar__AwaitApplied message = BUSBAR__AWAIT_APPLIED__INIT;
    version_encode((struct version){.epoch = epoch, .n = n}, &version);
    message.version = &version;
    message.timeout_ms = timeout_ms;
    await_ask(desk->await, &swctl, &message, now_ns);
}

static void with_nobody_to_wait_for_the_answer_is_yes_at_once(void **state)
{
    struct desk desk;
    struct answers answers = {.n = 0};
    desk_init(&desk);
    ask(&desk, desk.base.epoch, 10, 1000, 0);
    await_step(desk.await, 0, on_reply, &answers);
    assert_int_equal(answers.n, 1);
    assert_true(answers.is_reached);
    desk_fini(&desk);
}

static void a_version_not_made_yet_is_answered_at_the_time_out(void **state)
{
    struct desk desk;
    struct answers answers = {.n = 0};
    desk_init(&desk);
    ask(&desk, desk.base.epoch, 11, 1000, 0);
    await_step(desk.await, 999 * NS_PER_MS, on_reply, &answers);
    assert_int_equal(answers.n, 0);
    await_step(desk.await, 1000 * NS_PER_MS, on_reply, &answers);
    assert_int_equal(answers.n, 1);
    assert_false(answers.is_reached);
    assert_non_null(strstr(answers.missing, "not made"));
    assert_int_equal(await_count(desk.await), 0);
    desk_fini(&desk);
}

static void a_reader_counts_while_it_lives_and_swctl_never(void **state)
{
    struct desk desk;
    struct answers answers = {.n = 0};
    uint32_t table = CFG_BRIDGE;
    struct bus_identity slowpath = {.kind = PROCESS_SLOWPATH, .instance = 3, .start = 5};
    struct bus_identity swctl = {.kind = PROCESS_SWCTL, .instance = 1, .start = 5};
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    message.tables = &table;
    message.n_tables = 1;
    desk_init(&desk);
    readers_subscribe(desk.readers, &swctl, &message, 0);
    ask(&desk, desk.base.epoch, 10, 10000, 0);
    await_step(desk.await, 0, on_reply, &answers);
    assert_int_equal(answers.n, 1);
    readers_subscribe(desk.readers, &slowpath, &message, 0);
    ask(&desk, desk.base.epoch, 10, 1000, 0);
    ask(&desk, desk.base.epoch, 10, 10000, 0);
    await_step(desk.await, NS_PER_S, on_reply, &answers);
    assert_int_equal(answers.n, 2);
    assert_non_null(strstr(answers.missing, "slowpath.3"));
    await_step(desk.await, READERS_SILENCE_NS + 1, on_reply, &answers); /* silent: it is not waited for any longer */
    assert_int_equal(answers.n, 3);
    assert_true(answers.is_reached);
    readers_heard(desk.readers, &slowpath, 20 * NS_PER_S);
    ask(&desk, desk.base.epoch, 10, 10000, 20 * NS_PER_S);
    await_step(desk.await, 20 * NS_PER_S, on_reply, &answers);
    assert_int_equal(answers.n, 3);
    readers_left(desk.readers, &slowpath, 20 * NS_PER_S); /* its lease has lapsed */
    await_step(desk.await, 20 * NS_PER_S, on_reply, &answers);
    assert_int_equal(answers.n, 4);
    assert_true(answers.is_reached);
    desk_fini(&desk);
}

static void too_many_questions_are_answered_at_once_saying_so(void **state)
{
    struct desk desk;
    struct answers answers = {.n = 0};
    desk_init(&desk);
    for (int i = 0; i < AWAIT_MAX + 1; i++) {
        ask(&desk, desk.base.epoch, 11, 1000, 0);
    }
    await_step(desk.await, 1, on_reply, &answers);
    assert_int_equal(answers.n, 1);
    assert_false(answers.is_reached);
    assert_int_equal(await_count(desk.await), AWAIT_MAX);
    desk_fini(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nobody_to_wait_for_the_answer_is_yes_at_once),
        cmocka_unit_test(a_version_not_made_yet_is_answered_at_the_time_out),
        cmocka_unit_test(a_reader_counts_while_it_lives_and_swctl_never),
        cmocka_unit_test(too_many_questions_are_answered_at_once_saying_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
