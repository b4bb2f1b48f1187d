/* Tests of services/ofagent/evict.c: in any order of adds, changes, uses and evictions, the rule that goes is the one that a walk finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "services/ofagent/evict.h"

enum { RULES = 400, STEPS = 60000 };

static int64_t expires(const struct flow_entry *entry)
{
    int64_t idle = entry->rule.idle_timeout_s != 0 ? entry->used_ns + entry->rule.idle_timeout_s * (int64_t)NS_PER_S : INT64_MAX;
    int64_t hard = entry->rule.hard_timeout_s != 0 ? entry->created_ns + entry->rule.hard_timeout_s * (int64_t)NS_PER_S : INT64_MAX;
    return idle < hard ? idle : hard;
}

/* The naive twin: a walk of the table, oldest first. */
static struct flow_entry *walk(const struct flow_table *table, uint16_t importance)
{
    struct flow_entry *victim = NULL;

    for (struct flow_entry *e = flow_table_first(table, 0); e != NULL; e = e->next) {
        if (expires(e) == INT64_MAX && e->rule.importance >= importance) {
            continue;
        }
        if (victim == NULL || e->rule.importance < victim->rule.importance ||
            (e->rule.importance == victim->rule.importance && expires(e) < expires(victim))) {
            victim = e;
        }
    }
    return victim;
}

static void set_rule(struct random *random, struct rule *rule)
{
    rule->importance = (uint16_t)random_below(random, 4);
    rule->idle_timeout_s = (uint16_t)(random_below(random, 2) * random_below(random, 5));
    rule->hard_timeout_s = (uint16_t)(random_below(random, 2) * random_below(random, 5));
}

static struct flow_entry *pick(struct random *random, const struct flow_table *table)
{
    struct flow_entry *entry = flow_table_first(table, 0);

    for (uint64_t n = random_below(random, (uint32_t)flow_table_size(table)); n > 0; n--) {
        entry = entry->next;
    }
    return entry;
}

static void add_random(struct random *random, struct flow_table *table, int64_t now_ns)
{
    struct rule rule;

    rule_init(&rule);
    match_init(&rule.match);
    match_set(&rule.match, FIELD_METADATA, field_value_u64(random_u64(random)));
    set_rule(random, &rule);
    struct flow_entry *entry = flow_entry_new(&rule);
    entry->created_ns = entry->used_ns = now_ns;
    flow_table_insert(table, entry);
}

static void change_random(struct random *random, struct flow_table *table, int64_t now_ns)
{
    struct flow_entry *entry = pick(random, table);

    if (random_below(random, 2) == 0) { /* a use: nobody is told */
        entry->used_ns = now_ns;
    } else {
        struct rule rule = flow_entry_rule(entry);
        set_rule(random, &rule);
        entry->rule.idle_timeout_s = rule.idle_timeout_s;
        entry->rule.hard_timeout_s = rule.hard_timeout_s;
        entry->rule.importance = rule.importance;
        entry->created_ns = entry->used_ns = now_ns - (int64_t)random_below(random, 3) * (int64_t)NS_PER_S; /* an undo sets the clock back */
        flow_table_retime(table, entry);
    }
}

static void the_rule_that_goes_is_the_one_a_walk_finds(void **state)
{
    (void)state;
    struct flow_table *table = flow_table_new();
    struct random random;
    int64_t now_ns = (int64_t)NS_PER_S;
    size_t n_none = 0;

    random_seed(&random, 41);
    for (size_t i = 0; i < STEPS; i++) {
        now_ns += (int64_t)random_below(&random, 3) * (int64_t)NS_PER_S / 4;
        uint32_t what = (uint32_t)random_below(&random, 10);
        if (flow_table_size(table) == 0 || (what < 4 && flow_table_size(table) < RULES)) {
            add_random(&random, table, now_ns);
        } else if (what < 7) {
            change_random(&random, table, now_ns);
        } else {
            uint16_t importance = (uint16_t)random_below(&random, 5);
            struct flow_entry *victim = flow_table_victim(table, 0, importance);
            assert_ptr_equal(victim, walk(table, importance));
            n_none += victim == NULL;
            if (victim == NULL || random_below(&random, 4) == 0) {
                victim = pick(&random, table); /* it may also go in another way */
            }
            flow_table_remove(table, victim, FLOW_ENTRY_QUIET);
            assert_int_equal(victim->evict_at, 0);
            flow_entry_destroy(&victim);
        }
    }
    assert_true(n_none > 0);
    flow_table_destroy(&table);
}

static void of_equals_the_oldest_goes(void **state)
{
    (void)state;
    struct flow_table *table = flow_table_new();
    struct random random;

    random_seed(&random, 5);
    for (int i = 0; i < 200; i++) {
        add_random(&random, table, 7);
    }
    for (struct flow_entry *e = flow_table_first(table, 0); e != NULL; e = e->next) {
        e->rule.importance = 0;
        e->rule.hard_timeout_s = 0;
        e->rule.idle_timeout_s = 9;
        flow_table_retime(table, e);
    }
    for (int i = 0; i < 200; i++) {
        struct flow_entry *victim = flow_table_victim(table, 0, 0);
        assert_ptr_equal(victim, flow_table_first(table, 0));
        flow_table_remove(table, victim, FLOW_ENTRY_QUIET);
        flow_entry_destroy(&victim);
    }
    assert_null(flow_table_victim(table, 0, UINT16_MAX));
    flow_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_that_goes_is_the_one_a_walk_finds),
        cmocka_unit_test(of_equals_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
