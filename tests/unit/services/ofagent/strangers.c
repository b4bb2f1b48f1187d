/* Tests of services/ofagent/strangers.c: what is missing is found among what is there, and a question without an answer is asked again. */
#include "services/ofagent/strangers.h"

#include "lib/msg/counter_id.h"
#include "services/ofagent/counters.h"
#include "tests/unit/services/ofagent/bench.h"

enum { FIRST = 1000, N = 300 };

static uint64_t counter(uint64_t rule)
{
    return counter_id(COUNTER_RULE, rule);
}

/* Rules of a bridge that is not ours, all but every hundredth; their counters have been named. */
static struct strangers *with_strangers(struct bench *b)
{
    struct strangers *strangers = strangers_new(b->agent);
    Busbar__RuleRow rule = BUSBAR__RULE_ROW__INIT;

    bench_join(b);
    rule.bridge = 99;
    for (uint64_t i = FIRST; i < FIRST + N; i++) {
        if (i % 100 != 0) {
            bench_commit_row(b, CFG_RULE, i, &rule.base);
        }
        counters_note_use(b->agent->rule_counters, counter(i), 1);
        strangers_note(strangers, counter(i));
    }
    return strangers;
}

static size_t ask(struct bench *b, struct strangers *strangers, uint64_t *out_sum)
{
    size_t n = 0;
    uint64_t over;

    for (int i = 0; i < 200; i++) {
        strangers_step(strangers);
        bench_step(b, NS_PER_MS);
        while (strangers_take(strangers, &over)) {
            assert_int_equal(counter_id_number(over) % 100, 0);
            *out_sum += counter_id_number(over);
            n++;
        }
    }
    return n;
}

static void what_is_missing_is_found_once(void **state)
{
    struct bench *b = *state;
    struct strangers *strangers = with_strangers(b);
    uint64_t sum = 0;

    assert_int_equal(ask(b, strangers, &sum), 0); /* too early: it may be told yet */
    bench_run(b, STRANGERS_WAIT_NS);
    counters_forget(b->agent->rule_counters, counter(FIRST)); /* this one was */
    assert_int_equal(ask(b, strangers, &sum), 2);
    assert_int_equal(sum, 1100 + 1200);
    bench_run(b, STRANGERS_WAIT_NS);
    assert_int_equal(ask(b, strangers, &sum), 0);
    strangers_destroy(&strangers);
}

static void without_an_answer_it_is_asked_again(void **state)
{
    struct bench *b = *state;
    struct strangers *strangers = with_strangers(b);
    uint64_t sum = 0;

    bench_run(b, STRANGERS_WAIT_NS);
    b->agent->cfg->automatic = false;
    strangers_step(strangers);
    strangers_step(strangers);
    assert_int_equal(b->agent->cfg->n_txns, 1); /* one question at a time */
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "");
    strangers_step(strangers);
    assert_int_equal(b->agent->cfg->n_txns, 0); /* not at once */
    b->agent->cfg->automatic = true;
    bench_run(b, 2 * NS_PER_S);
    assert_int_equal(ask(b, strangers, &sum), 3);
    strangers_destroy(&strangers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_missing_is_found_once),
        CLAIM(without_an_answer_it_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
