/* Tests of lib/cfg/bridge_set.c: sets as sets are, and the bridge of a packed row whatever its bytes. */
#include "lib/cfg/bridge_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"

static void a_set_has_what_it_was_given_once(void **state)
{
    struct bridge_set set = {0}, copy = {0}, other = {0};
    bridge_set_assign(&set, (const uint64_t[]){9, 3, 9, 5}, 4);
    assert_int_equal(set.n, 3);
    assert_true(bridge_set_has(&set, 3) && bridge_set_has(&set, 5) && bridge_set_has(&set, 9));
    assert_false(bridge_set_has(&set, 4) || bridge_set_has(&set, 0) || bridge_set_has(&set, 10));
    bridge_set_copy(&copy, &set);
    assert_true(bridge_set_equal(&copy, &set));
    bridge_set_assign(&other, (const uint64_t[]){5, 7}, 2);
    assert_false(bridge_set_equal(&other, &set));
    assert_false(bridge_set_is_within(&other, &set));
    bridge_set_keep(&other, &set);
    assert_int_equal(other.n, 1);
    assert_true(bridge_set_has(&other, 5) && bridge_set_is_within(&other, &set));
    bridge_set_assign(&copy, NULL, 0);
    assert_false(bridge_set_has(&copy, 3));
    bridge_set_fini(&set);
    bridge_set_fini(&copy);
    bridge_set_fini(&other);
}

static void the_set_of_all_has_all_and_is_within_no_other(void **state)
{
    struct bridge_set all = {.is_all = true}, few = {0};
    bridge_set_assign(&few, (const uint64_t[]){4}, 1);
    assert_true(bridge_set_has(&all, 12345));
    assert_true(bridge_set_is_within(&few, &all) && bridge_set_is_within(&all, &all));
    assert_false(bridge_set_is_within(&all, &few) || bridge_set_equal(&all, &few));
    bridge_set_keep(&all, &few);
    assert_true(bridge_set_equal(&all, &few));
    bridge_set_fini(&all);
    bridge_set_fini(&few);
}

static void the_bridge_of_a_row_is_what_unpacking_says(void **state)
{
    static const uint64_t bridges[] = {0, 1, 127, 128, 16384, UINT64_C(1) << 40, UINT64_MAX};
    for (size_t i = 0; i < sizeof bridges / sizeof bridges[0]; i++) {
        Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
        row.bridge = bridges[i];
        row.priority = 7;
        size_t size = busbar__rule_row__get_packed_size(&row);
        uint8_t *bytes = memory_zeroed(size + 1);
        busbar__rule_row__pack(&row, bytes);
        assert_true(bridge_set_row_bridge(bytes, size) == bridges[i]);
        for (size_t cut = 0; cut < size; cut++) { /* in a copy of just that size: reading on would be found */
            uint8_t *piece = memory_copy(bytes, cut + (cut == 0));
            uint64_t bridge = bridge_set_row_bridge(piece, cut);
            assert_true(bridge == 0 || bridge == bridges[i]);
            free(piece);
        }
        free(bytes);
    }
    static const uint8_t endless[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    assert_int_equal(bridge_set_row_bridge(endless, sizeof endless), 0);
}

static void only_rules_are_filtered_and_none_without_a_bridge(void **state)
{
    struct bridge_set set = {0};
    static const uint8_t of_4[] = {0x08, 4}, of_5[] = {0x08, 5}, of_none[] = {0x10, 4};
    bridge_set_assign(&set, (const uint64_t[]){4}, 1);
    assert_true(bridge_set_takes(&set, CFG_RULE, of_4, 2));
    assert_false(bridge_set_takes(&set, CFG_RULE, of_5, 2));
    assert_true(bridge_set_takes(&set, CFG_RULE, of_none, 2));
    assert_true(bridge_set_takes(&set, CFG_GROUP, of_5, 2));
    assert_true(bridge_set_takes(&set, CFG_PORT, of_5, 2));
    assert_true(bridge_set_takes(&set, 4000, of_5, 2));
    assert_int_equal(CFG_TABLES_BY_BRIDGE, 1 << CFG_RULE);
    bridge_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_has_what_it_was_given_once),
        cmocka_unit_test(the_set_of_all_has_all_and_is_within_no_other),
        cmocka_unit_test(the_bridge_of_a_row_is_what_unpacking_says),
        cmocka_unit_test(only_rules_are_filtered_and_none_without_a_bridge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
