/* Values of counter ids. Unit test, one thread; prints its seed.
 * What may never happen: a value sinks, a slot that a program names is given to another id.
 * Compared with an array of sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/fastpath/counter_set.h"
#include "tests/unit/services/fastpath/frames.h"

enum { IDS = 500 };

static void values_are_the_sums_whatever_comes_and_goes(void **state)
{
    struct counter_set set;
    struct random random;
    uint64_t want[IDS] = {0};
    random_seed(&random, 21);
    print_message("seed 21\n");
    struct program_table *programs = program_table_new();
    bool is_new;
    counter_set_init(&set);
    for (int i = 0; i < 20000; i++) {
        uint64_t ids[2] = {random_below(&random, IDS), random_below(&random, IDS)};
        uint32_t slots[2];
        for (int k = 0; k < 2; k++) {
            slots[k] = counter_set_slot(&set, (ids[k] + 1) << 8);
            want[ids[k]] += 3;
        }
        struct program *program = program_get(programs, NULL, 0, slots, 2, &is_new);
        counter_set_hold(&set, program);
        counter_set_credit(&set, program, 3, 300, (uint64_t)i);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(set.counters[slots[k]].id, (ids[k] + 1) << 8);
            assert_int_equal(set.counters[slots[k]].packets, want[ids[k]]);
        }
        if (random_below(&random, 20) == 0) {
            counter_set_retire(&set, (ids[0] + 1) << 8);
            assert_int_equal(set.counters[slots[0]].id, (ids[0] + 1) << 8);
            want[ids[0]] = 0;
        }
        counter_set_release(&set, program);
        program_put(&program);
    }
    assert_true(set.n_ids <= IDS && set.n_slots <= 1024);
    program_table_destroy(&programs);
    counter_set_fini(&set);
}

static void growth_of_a_flow_is_credited_once(void **state)
{
    struct counter_set set;
    struct flow_table *table = flow_table_new();
    struct program_table *programs = program_table_new();
    bool is_new;
    counter_set_init(&set);
    uint32_t slot = counter_set_slot(&set, 77);
    struct flow_key key = key_udp(1, 1, 1), mask = mask_all();
    struct program *program = program_get(programs, NULL, 0, &slot, 1, &is_new);
    counter_set_hold(&set, program);
    struct flow *flow = flow_table_add(table, &key, &mask, key_flow_id(&key, &mask), &program);
    flow->packets = 5;
    flow->bytes = 500;
    flow->used_ns = 9;
    counter_set_settle(&set, flow);
    counter_set_settle(&set, flow);
    flow->packets = 6;
    flow->bytes = 600;
    counter_set_settle(&set, flow);
    assert_int_equal(set.counters[slot].packets, 6);
    assert_int_equal(set.counters[slot].bytes, 600);
    assert_int_equal(set.counters[slot].used_ns, 9);
    flow_table_destroy(&table);
    program_table_destroy(&programs);
    counter_set_fini(&set);
}

static void retired_id_goes_with_its_last_program(void **state)
{
    struct counter_set set;
    struct program_table *programs = program_table_new();
    bool is_new;
    counter_set_init(&set);
    uint32_t slot = counter_set_slot(&set, 77);
    struct program *program = program_get(programs, NULL, 0, &slot, 1, &is_new);
    counter_set_hold(&set, program);
    counter_set_retire(&set, 77);
    counter_set_retire(&set, 78);
    assert_int_equal(set.n_ids, 1);
    counter_set_release(&set, program);
    assert_int_equal(set.n_ids, 0);
    program_put(&program);
    program_table_destroy(&programs);
    counter_set_fini(&set);
}

static void idle_ids_of_a_kind_go_unless_a_program_names_them(void **state)
{
    struct counter_set set;
    struct program_table *programs = program_table_new();
    bool is_new;
    counter_set_init(&set);
    uint64_t mac = 6ull << 56, rule = 1ull << 56;
    uint32_t at = 0;
    uint32_t named = counter_set_slot(&set, mac | 1), used = counter_set_slot(&set, mac | 2);
    (void)counter_set_slot(&set, mac | 3);
    (void)counter_set_slot(&set, rule | 3);
    struct program *program = program_get(programs, NULL, 0, &named, 1, &is_new), *other = program_get(programs, NULL, 0, &used, 1, &is_new);
    counter_set_hold(&set, program);
    counter_set_credit(&set, other, 1, 60, 950);
    counter_set_drop_idle(&set, 6, 1000, 100, &at, UINT32_MAX);
    assert_int_equal(set.n_ids, 3); /* mac 3 has gone, the rule is of another kind */
    counter_set_drop_idle(&set, 6, 1050, 100, &at, UINT32_MAX);
    assert_int_equal(set.n_ids, 2);
    counter_set_drop_idle(&set, 0, 1050, 0, &at, UINT32_MAX);
    assert_int_equal(set.n_ids, 2);
    counter_set_release(&set, program);
    counter_set_drop_idle(&set, 6, 1050, 100, &at, UINT32_MAX);
    assert_int_equal(set.n_ids, 1);
    program_put(&program);
    program_put(&other);
    program_table_destroy(&programs);
    counter_set_fini(&set);
}

static void idle_ids_are_looked_for_in_slices(void **state)
{
    struct counter_set set;
    uint32_t at = 0;
    counter_set_init(&set);
    for (uint64_t i = 1; i <= 1000; i++) {
        (void)counter_set_slot(&set, 6ull << 56 | i);
    }
    for (uint64_t left = 1000; left > 0;) {
        uint64_t n_before = set.n_ids;
        counter_set_drop_idle(&set, 6, 1000, 100, &at, 30);
        assert_true(n_before - set.n_ids <= 30 && (set.n_ids < n_before || at == 0));
        left = set.n_ids;
    }
    counter_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_sums_whatever_comes_and_goes),
        cmocka_unit_test(growth_of_a_flow_is_credited_once),
        cmocka_unit_test(retired_id_goes_with_its_last_program),
        cmocka_unit_test(idle_ids_are_looked_for_in_slices),
        cmocka_unit_test(idle_ids_of_a_kind_go_unless_a_program_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
