/* Tests of services/ofagent/evict.c: in any order of adds, changes, uses and evictions, the rule that goes is the one that walks find, with groups
 * and without. */
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

enum { RULES = 400, STEPS = 60000, GROUPED_RULES = 40, GROUPED_STEPS = 4000 /* the twin is quadratic */ };

static int64_t expires(const struct flow_entry *entry)
{
    int64_t idle = entry->rule.idle_timeout_s != 0 ? entry->used_ns + entry->rule.idle_timeout_s * (int64_t)NS_PER_S : INT64_MAX;
    int64_t hard = entry->rule.hard_timeout_s != 0 ? entry->created_ns + entry->rule.hard_timeout_s * (int64_t)NS_PER_S : INT64_MAX;
    return idle < hard ? idle : hard;
}

/* Half of the rules name a port, so that 0 is also what the others count as. */
enum { PORTS = 6 };

static char in_port[] = "NXM_OF_IN_PORT[]", low_bits[] = "eth_dst[0..1]", high_bit[] = "in_port[2]";
static char *by_port[] = {in_port}, *by_bits[] = {low_bits, high_bit};

/* By the match alone: what the hash is not asked for. */
static bool are_alike(const struct flow_entry *a, const struct flow_entry *b, const struct evict_fields *groups)
{
    struct rule x = flow_entry_rule(a), y = flow_entry_rule(b);

    for (size_t i = 0; groups != NULL && i < groups->n; i++) {
        const struct subfield part = groups->parts[i];
        if (subfield_get(part, field_get(part.field, &x.match.value)) != subfield_get(part, field_get(part.field, &y.match.value))) {
            return false;
        }
    }
    return true;
}

static size_t size_of_group(const struct flow_table *table, const struct flow_entry *of, const struct evict_fields *groups)
{
    bool is_timed = expires(of) != INT64_MAX;
    size_t n = 0;

    for (const struct flow_entry *e = flow_table_first(table, 0); e != NULL; e = e->next) {
        n += (expires(e) != INT64_MAX) == is_timed && (is_timed || e->rule.importance == of->rule.importance) && are_alike(e, of, groups);
    }
    return n;
}

/* Of two rules of one kind, by group and then by themselves; `a` is the older. */
static bool goes_later(const struct flow_table *table, const struct flow_entry *a, const struct flow_entry *b, const struct evict_fields *groups)
{
    bool is_timed = expires(a) != INT64_MAX;

    if (!is_timed && a->rule.importance != b->rule.importance) {
        return b->rule.importance < a->rule.importance;
    }
    size_t n_a = groups != NULL ? size_of_group(table, a, groups) : 0, n_b = groups != NULL ? size_of_group(table, b, groups) : 0;
    if (n_a != n_b) {
        return n_b > n_a;
    }
    return b->rule.importance != a->rule.importance ? b->rule.importance < a->rule.importance : expires(b) < expires(a);
}

/* The naive twin: walks of the table, oldest first. */
static struct flow_entry *walk(const struct flow_table *table, const struct evict_fields *groups, uint16_t importance)
{
    struct flow_entry *timed = NULL, *permanent = NULL;

    for (struct flow_entry *e = flow_table_first(table, 0); e != NULL; e = e->next) {
        struct flow_entry **victim = expires(e) != INT64_MAX ? &timed : &permanent;
        if (victim == &permanent && e->rule.importance >= importance) {
            continue;
        }
        if (*victim == NULL || goes_later(table, *victim, e, groups)) {
            *victim = e;
        }
    }
    if (timed == NULL || (permanent != NULL && permanent->rule.importance < timed->rule.importance)) {
        return permanent;
    }
    return timed;
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
    if (random_below(random, 2) == 0) {
        match_set(&rule.match, FIELD_IN_PORT, field_value_u64(random_below(random, PORTS)));
    }
    if (random_below(random, 2) == 0) {
        match_set(&rule.match, FIELD_ETH_DST, field_value_u64(random_below(random, 8)));
    }
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

/* One decision held against the twin; then a rule goes. */
static bool try_victim(struct random *random, struct flow_table *table, const struct evict_fields *groups)
{
    uint16_t importance = (uint16_t)random_below(random, 5);
    struct flow_entry *victim = flow_table_victim(table, 0, groups, importance);
    bool is_none = victim == NULL;

    assert_ptr_equal(victim, walk(table, groups, importance));
    if (is_none || random_below(random, 4) == 0) {
        victim = pick(random, table); /* it may also go in another way */
    }
    flow_table_remove(table, victim, FLOW_ENTRY_QUIET);
    assert_int_equal(victim->evict_at, 0);
    flow_entry_destroy(&victim);
    return is_none;
}

static void hold_against_walks(uint64_t seed, size_t n_rules, size_t n_steps, const struct evict_fields *const *groups, size_t n_groups)
{
    struct flow_table *table = flow_table_new();
    struct random random;
    int64_t now_ns = (int64_t)NS_PER_S;
    size_t n_none = 0, at = 0;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&random, seed);
    for (size_t i = 0; i < n_steps; i++) {
        now_ns += (int64_t)random_below(&random, 3) * (int64_t)NS_PER_S / 4;
        uint32_t what = (uint32_t)random_below(&random, 10);
        bool grows = i / 1000 % 2 == 0; /* else it comes down to a few rules, of which none may go at times */
        if (random_below(&random, 200) == 0) {
            at = random_below(&random, (uint32_t)n_groups); /* people change their mind */
        }
        if (flow_table_size(table) == 0 || (what < (grows ? 4 : 2) && flow_table_size(table) < n_rules)) {
            add_random(&random, table, now_ns);
        } else if (what < (grows ? 7 : 4)) {
            change_random(&random, table, now_ns);
        } else {
            n_none += try_victim(&random, table, groups[at]);
        }
    }
    assert_true(n_none > 0);
    flow_table_destroy(&table);
}

static void the_rule_that_goes_is_the_one_a_walk_finds(void **state)
{
    const struct evict_fields *const none = NULL;

    (void)state;
    hold_against_walks(41, RULES, STEPS, &none, 1);
}

static void with_groups_the_rule_that_goes_is_of_the_largest(void **state)
{
    struct evict_fields *ports = evict_fields_new(by_port, 1), *bits = evict_fields_new(by_bits, 2);
    const struct evict_fields *const all[] = {ports, bits, NULL};

    (void)state;
    hold_against_walks(42, GROUPED_RULES, GROUPED_STEPS, all, 1);
    hold_against_walks(43, GROUPED_RULES, GROUPED_STEPS, all + 1, 1);
    hold_against_walks(44, GROUPED_RULES, GROUPED_STEPS, all, 3);
    free(ports);
    free(bits);
}

/* Each rule a group of its own, and all in one: the most groups there can be, and the fewest. */
static void a_group_a_rule_is_as_no_groups_at_all(void **state)
{
    static char metadata[] = "metadata", *names[] = {metadata};
    struct evict_fields *fields = evict_fields_new(names, 1);
    struct flow_table *table = flow_table_new();
    struct random random;

    (void)state;
    random_seed(&random, 6);
    for (int i = 0; i < 300; i++) {
        add_random(&random, table, 7 + i);
    }
    while (flow_table_size(table) > 0) {
        struct flow_entry *victim = flow_table_victim(table, 0, fields, UINT16_MAX);
        assert_ptr_equal(victim, walk(table, NULL, UINT16_MAX));
        flow_table_remove(table, victim, FLOW_ENTRY_QUIET);
        flow_entry_destroy(&victim);
    }
    free(fields);
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
        struct flow_entry *victim = flow_table_victim(table, 0, NULL, 0);
        assert_ptr_equal(victim, flow_table_first(table, 0));
        flow_table_remove(table, victim, FLOW_ENTRY_QUIET);
        flow_entry_destroy(&victim);
    }
    assert_null(flow_table_victim(table, 0, NULL, UINT16_MAX));
    flow_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_that_goes_is_the_one_a_walk_finds),
        cmocka_unit_test(with_groups_the_rule_that_goes_is_of_the_largest),
        cmocka_unit_test(a_group_a_rule_is_as_no_groups_at_all),
        cmocka_unit_test(of_equals_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
