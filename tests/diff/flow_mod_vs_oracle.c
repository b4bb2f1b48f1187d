/* services/ofagent/flow_mod.c against tests/oracle/flow_table.c on random flow mods, with random groups of them taken back. */
#include "services/ofagent/flow_mod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/openflow/of_message.h"
#include "tests/oracle/flow_table.h"

enum { STEPS = 20000 };

static bool nothing_exists(const void *context, uint32_t number)
{
    return false;
}

/* Few bits, few tables, few priorities: rules meet. */
static struct flow_mod mod_random(struct random *r)
{
    struct flow_mod mod;
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = (uint32_t)random_below(r, 4) + 1}};

    flow_mod_init(&mod, random_below(r, 2) == 0 ? FLOW_MOD_ADD : (enum flow_mod_command)random_below(r, 5));
    mod.table = (uint8_t)random_below(r, 3);
    if (random_below(r, 10) == 0) {
        mod.table = random_below(r, 2) == 0 ? TABLE_ALL : TABLE_MAX;
    }
    mod.priority = (uint16_t)random_below(r, 3);
    mod.cookie = random_below(r, 4);
    mod.cookie_mask = random_below(r, 3) == 0 ? random_below(r, 4) : 0;
    mod.out_port = random_below(r, 4) == 0 ? (uint32_t)random_below(r, 4) + 1 : PORT_ANY;
    mod.flags =
        (uint16_t)(random_below(r, 4) == 0 ? RULE_CHECK_OVERLAP : 0) | (random_below(r, 4) == 0 ? RULE_RESET_COUNTS : 0);
    mod.idle_timeout_s = (uint16_t)random_below(r, 2);
    match_set_masked(&mod.match, FIELD_REG0, field_value_u64(random_below(r, 8)), field_value_u64(random_below(r, 8)));
    action_list_add(&mod.instructions.apply, &output);
    mod.instructions.has_apply = true;
    return mod;
}

static enum of_error_number error_of(enum oracle_answer answer)
{
    switch (answer) {
    case ORACLE_DONE:
        return OF_ERROR_NONE;
    case ORACLE_OVERLAP:
        return OF_ERROR_FLOW_MOD_FAILED_OVERLAP;
    case ORACLE_BAD_TABLE:
        return OF_ERROR_FLOW_MOD_FAILED_BAD_TABLE_ID;
    }
    return OF_ERROR_NONE;
}

static void assert_same(const struct flow_table *table, const struct oracle_table *oracle)
{
    assert_int_equal(flow_table_size(table), oracle->count);
    for (size_t i = 0; i < oracle->count; i++) {
        const struct rule *rule = &oracle->rules[i].rule;
        const struct flow_entry *entry = flow_table_find(table, rule->table, &rule->match, rule->priority);
        assert_non_null(entry);
        assert_int_equal(entry->rule.cookie, rule->cookie);
        assert_int_equal(entry->rule.idle_timeout_s, rule->idle_timeout_s);
        assert_true(instructions_equal(&entry->rule.instructions, &rule->instructions));
        assert_int_equal(entry->is_timed, rule->idle_timeout_s != 0);
    }
}

/* Two rules share a row number here exactly when they share it there. */
static void give_rows(struct flow_table *table, const struct oracle_table *oracle)
{
    for (size_t i = 0; i < oracle->count; i++) {
        const struct rule *rule = &oracle->rules[i].rule;
        struct flow_entry *entry = flow_table_find(table, rule->table, &rule->match, rule->priority);
        if (entry->rule.id == 0) {
            flow_table_set_id(table, entry, oracle->rules[i].serial + 1);
        }
        assert_int_equal(entry->rule.id, oracle->rules[i].serial + 1);
    }
}

static void settle(struct flow_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->items[i].kind == FLOW_CHANGE_REMOVED) {
            flow_entry_destroy(&changes->items[i].entry);
        }
    }
    flow_changes_fini(changes);
}

static void random_flow_mods_do_what_the_standard_says(void **state)
{
    const struct flow_mod_context context = {.bridge = 1, .group_exists = nothing_exists, .meter_exists = nothing_exists};
    struct oracle_table *oracle = memory_zeroed(sizeof *oracle);
    struct flow_table *table = flow_table_new();
    struct flow_changes changes;
    struct random r;

    print_message("seed 20261121\n");
    random_seed(&r, 20261121);
    for (int step = 0; step < STEPS; step++) {
        struct flow_mod mod = mod_random(&r);
        flow_changes_init(&changes);
        if (random_below(&r, 4) == 0) { /* done and taken back: as if it had not been */
            (void)flow_mod_apply(table, &mod, &context, &changes);
            flow_changes_undo(&changes, table);
            assert_same(table, oracle);
        }
        enum of_error_number error = flow_mod_apply(table, &mod, &context, &changes);
        assert_int_equal(error, error_of(oracle_flow_mod(oracle, &mod)));
        settle(&changes);
        flow_mod_fini(&mod);
        assert_same(table, oracle);
        give_rows(table, oracle);
    }
    oracle_table_fini(oracle);
    free(oracle);
    flow_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_flow_mods_do_what_the_standard_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
