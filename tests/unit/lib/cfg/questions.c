/* Tests of lib/cfg/questions.c: each question is answered exactly once, by configdb or by the clock. */
#include "lib/cfg/questions.h"

#include <stdlib.h>

#include "tests/unit/lib/cfg/peer.h"

struct test {
    struct peer peer;
    struct questions *questions;
};

struct outcome {
    int n_calls;
    bool reached, is_away;
};

static int setup(void **state)
{
    static struct test t;
    t = (struct test){0};
    peer_open(&t.peer, true);
    t.questions = questions_new();
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    questions_destroy(&t->questions);
    questions_destroy(&t->questions);
    peer_close(&t->peer);
    return 0;
}

static void on_done(void *context, const Busbar__AwaitAppliedReply *reply)
{
    struct outcome *o = context;
    o->n_calls++;
    o->is_away = reply == NULL;
    o->reached = reply != NULL && reply->reached;
}

static void ask(struct test *t, uint64_t n, uint32_t timeout_ms, struct outcome *outcome)
{
    questions_ask(t->questions, (struct version){.epoch = 1, .n = n}, timeout_ms, on_done, outcome);
}

static void step(struct test *t, uint64_t ms)
{
    peer_pass(&t->peer, ms);
    questions_step(t->questions, t->peer.client, t->peer.now_ns);
    bus_hub_step(t->peer.hub, t->peer.now_ns);
}

/* The version asked about by the next question at configdb, 0 when none came. */
static uint64_t asked(struct test *t, uint32_t *out_timeout_ms)
{
    Busbar__AwaitApplied *m = (Busbar__AwaitApplied *)peer_next_of(&t->peer, MESSAGE_AWAIT_APPLIED);
    uint64_t n = m != NULL ? m->version->n : 0;
    if (m != NULL && out_timeout_ms != NULL) {
        *out_timeout_ms = m->timeout_ms;
    }
    busbar__await_applied__free_unpacked(m, NULL);
    return n;
}

static void reply(struct test *t, uint64_t n, bool reached)
{
    Busbar__AwaitAppliedReply m = BUSBAR__AWAIT_APPLIED_REPLY__INIT;
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.n = n;
    m.version = &version;
    m.reached = reached;
    questions_on_reply(t->questions, &m);
}

static void answers_find_their_questions(void **state)
{
    struct test *t = *state;
    struct outcome a = {0}, b = {0}, c = {0};
    ask(t, 5, 1000, &a);
    ask(t, 6, 1000, &b);
    ask(t, 5, 1000, &c);
    step(t, 0);
    assert_true(asked(t, NULL) == 5 && asked(t, NULL) == 6 && asked(t, NULL) == 5);
    reply(t, 6, true);
    assert_true(b.n_calls == 1 && b.reached && a.n_calls == 0);
    reply(t, 5, false);
    reply(t, 5, true);
    assert_true(a.n_calls == 1 && !a.reached && !a.is_away && c.n_calls == 1 && c.reached);
    reply(t, 5, true); /* nobody asks any more */
    assert_int_equal(a.n_calls + c.n_calls, 2);
}

static void silence_ends_a_question_a_second_behind_its_time(void **state)
{
    struct test *t = *state;
    struct outcome a = {0};
    bus_hub_cut(t->peer.hub, &peer_client, true);
    ask(t, 5, 700, &a);
    step(t, 0);
    step(t, 1699);
    assert_int_equal(a.n_calls, 0);
    step(t, 1);
    assert_true(a.n_calls == 1 && a.is_away);
}

static void question_is_repeated_with_the_time_that_is_left(void **state)
{
    struct test *t = *state;
    struct outcome a = {0};
    uint32_t timeout_ms = 0;
    ask(t, 5, 1000, &a);
    step(t, 0);
    assert_true(asked(t, &timeout_ms) == 5 && timeout_ms == 1000);
    step(t, 300);
    assert_true(asked(t, NULL) == 0);
    questions_repeat_all(t->questions);
    step(t, 0);
    assert_true(asked(t, &timeout_ms) == 5 && timeout_ms == 700);
    step(t, 1000);
    questions_repeat_all(t->questions);
    step(t, 0);
    assert_true(asked(t, &timeout_ms) == 5 && timeout_ms == 0);
}

#define QUESTIONS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUESTIONS_TEST(answers_find_their_questions),
        QUESTIONS_TEST(silence_ends_a_question_a_second_behind_its_time),
        QUESTIONS_TEST(question_is_repeated_with_the_time_that_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
