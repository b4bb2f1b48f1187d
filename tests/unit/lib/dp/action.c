/* Checks, comparisons and text of action lists. Unit test, one thread.
 * What may never happen: a list that the executor cannot run passes the check.
 * Bad lists are written out one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/dp/action.h"

static struct dp_action output(uint32_t port)
{
    return (struct dp_action){.type = DP_ACTION_OUTPUT, .port = port};
}

static struct dp_action clone_of(uint16_t n)
{
    return (struct dp_action){.type = DP_ACTION_CLONE, .clone.n_actions = n};
}

static struct dp_action set(enum field_id id, uint64_t value)
{
    return (struct dp_action){.type = DP_ACTION_SET_FIELD,
                              .set_field = {.field = (uint16_t)id, .value = field_value_u64(value), .mask = field_all_ones(id)}};
}

static void good_list_passes(void **state)
{
    struct dp_action list[] = {set(FIELD_IPV4_DST, 0x0a000001), clone_of(2), output(1), output(2), output(3)};
    assert_int_equal(dp_actions_check(list, 5, NULL), 0);
    assert_int_equal(dp_actions_check(NULL, 0, NULL), 0);
}

static void each_bad_list_is_refused(void **state)
{
    struct error_detail detail;
    struct dp_action unknown = {.type = DP_ACTION_COUNT};
    struct dp_action tpid = {.type = DP_ACTION_PUSH_VLAN, .push_vlan = {.tpid = 0x9100}};
    struct dp_action reason = {.type = DP_ACTION_DROP, .reason = DROP_REASON_COUNT};
    struct dp_action clone_past_end[] = {clone_of(2), output(1)};
    struct dp_action inner_past_outer[] = {clone_of(1), clone_of(1), output(1)};
    struct dp_action drop_inside[] = {{.type = DP_ACTION_DROP, .reason = DROP_RULE}, output(1)};
    struct dp_action no_field = set(FIELD_ETH_DST, 1), wide = set(FIELD_IP_DSCP, 64);
    struct dp_action read_only = set(FIELD_ETH_TYPE, 1), of_pipeline = set(FIELD_REG0, 1), port0 = output(0);
    no_field.set_field.field = FIELD_COUNT;

    assert_int_equal(dp_actions_check(&unknown, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&tpid, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&reason, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(clone_past_end, 2, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(inner_past_outer, 3, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(drop_inside, 2, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&no_field, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&wide, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&read_only, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&of_pipeline, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&port0, 1, &detail), -ERROR_RANGE);
    assert_non_null(strstr(detail.text, "action 0"));
}

static void clones_nested_too_deep_are_refused(void **state)
{
    struct dp_action list[DP_CLONE_DEPTH + 2];
    for (unsigned i = 0; i <= DP_CLONE_DEPTH; i++) {
        list[i] = clone_of((uint16_t)(DP_CLONE_DEPTH + 1 - i));
    }
    list[DP_CLONE_DEPTH + 1] = output(1);
    assert_int_equal(dp_actions_check(list, DP_CLONE_DEPTH + 2, NULL), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(list + 1, DP_CLONE_DEPTH + 1, NULL), 0);
}

static void list_over_the_limit_is_refused(void **state)
{
    struct dp_action *list = memory_array(DP_ACTIONS_MAX + 1, sizeof *list);
    for (size_t i = 0; i <= DP_ACTIONS_MAX; i++) {
        list[i] = output(1);
    }
    assert_int_equal(dp_actions_check(list, DP_ACTIONS_MAX + 1, NULL), -ERROR_TOO_LARGE);
    assert_int_equal(dp_actions_check(list, DP_ACTIONS_MAX, NULL), 0);
    free(list);
}

static void lists_differ_in_any_member(void **state)
{
    struct dp_action a[] = {set(FIELD_IP_TTL, 3), output(1)}, b[] = {set(FIELD_IP_TTL, 3), output(1)};
    assert_true(dp_actions_equal(a, 2, b, 2));
    assert_false(dp_actions_equal(a, 2, b, 1));
    b[0].set_field.mask.bytes[15] = 1;
    assert_false(dp_actions_equal(a, 2, b, 2));
    b[0] = a[0];
    b[1].port = 2;
    assert_false(dp_actions_equal(a, 2, b, 2));
}

static void lists_read_well(void **state)
{
    struct dp_action list[] = {set(FIELD_IPV4_DST, 0x0a000001), {.type = DP_ACTION_DEC_TTL}, clone_of(1), output(2), output(3)};
    char *text = dp_actions_format(list, 5, NULL);
    assert_string_equal(text, "set_field:10.0.0.1->nw_dst,dec_ttl,clone(output:2),output:3");
    free(text);
    text = dp_actions_format(NULL, 0, NULL);
    assert_string_equal(text, "drop");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_list_passes),
        cmocka_unit_test(each_bad_list_is_refused),
        cmocka_unit_test(clones_nested_too_deep_are_refused),
        cmocka_unit_test(list_over_the_limit_is_refused),
        cmocka_unit_test(lists_differ_in_any_member),
        cmocka_unit_test(lists_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
