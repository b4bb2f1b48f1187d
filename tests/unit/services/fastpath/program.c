/* Interned programs. Unit test, one thread.
 * What may never happen: two programs that differ are one, or one that is used is freed.
 * A few thousand users of a few hundred programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/fastpath/program.h"

static void programs_are_the_same_when_actions_and_counters_are(void **state)
{
    struct program_table *table = program_table_new();
    struct dp_action out1 = {.type = DP_ACTION_OUTPUT, .port = 1}, out2 = {.type = DP_ACTION_OUTPUT, .port = 2};
    uint32_t slots[] = {4, 5};
    bool is_new;
    struct program *a = program_get(table, &out1, 1, slots, 2, &is_new);
    assert_true(is_new);
    struct program *b = program_get(table, &out1, 1, slots, 2, &is_new);
    assert_false(is_new);
    struct program *c = program_get(table, &out2, 1, slots, 2, &is_new), *d = program_get(table, &out1, 1, slots, 1, &is_new);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_ptr_not_equal(a, d);
    assert_int_equal(program_table_count(table), 3);
    program_put(&a);
    assert_null(a);
    assert_int_equal(b->n_users, 1);
    program_put(&b);
    program_put(&c);
    program_put(&d);
    program_put(&d);
    assert_int_equal(program_table_count(table), 0);
    program_table_destroy(&table);
}

static void only_one_output_and_nothing_else_is_a_single_output(void **state)
{
    struct program_table *table = program_table_new();
    struct dp_action actions[2] = {{.type = DP_ACTION_OUTPUT, .port = 7}, {.type = DP_ACTION_OUTPUT, .port = 8}};
    bool is_new;
    struct program *one = program_get(table, actions, 1, NULL, 0, &is_new), *two = program_get(table, actions, 2, NULL, 0, &is_new),
                   *none = program_get(table, NULL, 0, NULL, 0, &is_new);
    assert_int_equal(one->single_output, 7);
    assert_int_equal(two->single_output, PROGRAM_NO_OUTPUT);
    assert_int_equal(none->single_output, PROGRAM_NO_OUTPUT);
    program_put(&one);
    program_put(&two);
    program_put(&none);
    program_table_destroy(&table);
}

static void many_programs_are_found_again_and_all_end(void **state)
{
    enum { N = 2000 };
    struct program_table *table = program_table_new();
    struct program *programs[N];
    bool is_new;
    for (uint32_t i = 0; i < N; i++) {
        struct dp_action out = {.type = DP_ACTION_OUTPUT, .port = i + 1};
        programs[i] = program_get(table, &out, 1, &i, 1, &is_new);
        assert_true(is_new);
    }
    for (uint32_t i = 0; i < N; i++) {
        struct dp_action out = {.type = DP_ACTION_OUTPUT, .port = i + 1};
        struct program *again = program_get(table, &out, 1, &i, 1, &is_new);
        assert_false(is_new);
        assert_ptr_equal(again, programs[i]);
        program_put(&again);
        program_put(&programs[i]);
    }
    assert_int_equal(program_table_count(table), 0);
    program_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_the_same_when_actions_and_counters_are),
        cmocka_unit_test(only_one_output_and_nothing_else_is_a_single_output),
        cmocka_unit_test(many_programs_are_found_again_and_all_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
