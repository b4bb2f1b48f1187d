/* The table of flows. Unit test, one thread.
 * What may never happen: a slot whose flow has ended is taken for the flow it held.
 * Ten thousand flows come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/fastpath/flow.h"
#include "tests/unit/services/fastpath/frames.h"

static struct flow *add(struct flow_table *table, uint16_t source)
{
    struct flow_key key = key_udp(1, source, 1), mask = mask_all();
    struct program *program = program_new(NULL, 0, NULL, 0);
    struct flow *flow = flow_table_add(table, &key, &mask, key_flow_id(&key, &mask), &program);
    assert_null(program);
    return flow;
}

static void flows_are_found_by_id_until_they_end(void **state)
{
    struct flow_table *table = flow_table_new();
    for (uint16_t i = 0; i < 10000; i++) {
        (void)add(table, i);
    }
    assert_int_equal(flow_table_count(table), 10000);
    for (uint16_t i = 0; i < 10000; i++) {
        struct flow_key key = key_udp(1, i, 1), mask = mask_all();
        struct flow *flow = flow_table_find(table, key_flow_id(&key, &mask));
        assert_non_null(flow);
        assert_true(key_equal(&flow->entry.key, &key));
        if (i % 2 == 0) {
            flow_table_remove(table, flow);
            assert_null(flow_table_find(table, key_flow_id(&key, &mask)));
        }
    }
    size_t cursor = 0, n = 0;
    while (flow_table_next(table, &cursor) != NULL) {
        n++;
    }
    assert_int_equal(n, 5000);
    flow_table_destroy(&table);
}

static void slot_that_is_used_again_has_another_generation(void **state)
{
    struct flow_table *table = flow_table_new();
    struct flow *first = add(table, 1);
    uint32_t generation = first->generation;
    flow_table_remove(table, first);
    struct flow *second = add(table, 2);
    assert_ptr_equal(second, first);
    assert_int_not_equal(second->generation, generation);
    flow_table_destroy(&table);
}

static void programs_are_equal_in_actions_and_counters(void **state)
{
    struct dp_action out1 = {.type = DP_ACTION_OUTPUT, .port = 1}, out2 = {.type = DP_ACTION_OUTPUT, .port = 2};
    uint32_t slots[] = {4, 5};
    struct program *a = program_new(&out1, 1, slots, 2), *b = program_new(&out1, 1, slots, 2), *c = program_new(&out2, 1, slots, 2),
                   *d = program_new(&out1, 1, slots, 1);
    assert_true(program_equal(a, b));
    assert_false(program_equal(a, c));
    assert_false(program_equal(a, d));
    program_destroy(&a);
    program_destroy(&b);
    program_destroy(&c);
    program_destroy(&d);
    program_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_are_found_by_id_until_they_end),
        cmocka_unit_test(slot_that_is_used_again_has_another_generation),
        cmocka_unit_test(programs_are_equal_in_actions_and_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
