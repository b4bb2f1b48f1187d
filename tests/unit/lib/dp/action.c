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

static void bad_labels_cuts_hashes_and_recirculations_are_refused(void **state)
{
    struct error_detail detail;
    struct dp_action push = {.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x0800}, pop = {.type = DP_ACTION_POP_MPLS, .ethertype = 0x05ff};
    struct dp_action cut[] = {{.type = DP_ACTION_TRUNCATE, .max_len = 60}, output(1)};
    struct dp_action hash = {.type = DP_ACTION_HASH, .hash = {.algorithm = DP_HASH_FIELDS}};
    struct dp_action recirc = {.type = DP_ACTION_RECIRC};

    assert_int_equal(dp_actions_check(&push, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&pop, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(cut, 2, &detail), 0);
    assert_int_equal(dp_actions_check(cut, 1, &detail), -ERROR_RANGE);
    cut[0].max_len = DP_TRUNCATE_MIN - 1;
    assert_int_equal(dp_actions_check(cut, 2, &detail), -ERROR_RANGE);
    cut[1] = (struct dp_action){.type = DP_ACTION_POP_VLAN};
    cut[0].max_len = 60;
    assert_int_equal(dp_actions_check(cut, 2, &detail), -ERROR_RANGE);
    struct dp_action cut_inside[] = {clone_of(1), cut[0], output(1)}; /* the output is not in the copy */
    assert_int_equal(dp_actions_check(cut_inside, 3, &detail), -ERROR_RANGE);

    assert_int_equal(dp_actions_check(&hash, 1, &detail), 0);
    dp_hash_add(&hash.hash, FIELD_IPV4_SRC);
    assert_int_equal(dp_actions_check(&hash, 1, &detail), 0);
    hash.hash.algorithm = DP_HASH_SYMMETRIC_L4;
    assert_int_equal(dp_actions_check(&hash, 1, &detail), -ERROR_RANGE);
    hash.hash = (struct dp_hash){.algorithm = DP_HASH_FIELDS, .fields = {0, UINT64_C(1) << 63}};
    assert_int_equal(dp_actions_check(&hash, 1, &detail), -ERROR_RANGE);
    hash.hash = (struct dp_hash){.algorithm = DP_HASH_FIELDS};
    dp_hash_add(&hash.hash, FIELD_REG0);
    assert_int_equal(dp_actions_check(&hash, 1, &detail), -ERROR_RANGE);
    hash.hash = (struct dp_hash){.algorithm = DP_HASH_ALGORITHM_COUNT};
    assert_int_equal(dp_actions_check(&hash, 1, &detail), -ERROR_RANGE);
    assert_int_equal(dp_actions_check(&recirc, 1, &detail), -ERROR_RANGE);
    recirc = (struct dp_action){.type = DP_ACTION_RECIRC, .recirc_id = 1, .n_labels = DP_UNCOVER_MAX, .uncovers_type = 0x0800};
    assert_int_equal(dp_actions_check(&recirc, 1, &detail), 0);
    recirc.uncovers_type = 0x8848;
    assert_int_equal(dp_actions_check(&recirc, 1, &detail), -ERROR_RANGE);
    recirc = (struct dp_action){.type = DP_ACTION_RECIRC, .recirc_id = 1, .n_labels = DP_UNCOVER_MAX + 1, .uncovers_type = 0x0800};
    assert_int_equal(dp_actions_check(&recirc, 1, &detail), -ERROR_RANGE);
}

/* What a packet has can be set if the field says so, what only the pipeline has cannot. */
static void every_settable_field_of_a_packet_passes_and_no_other(void **state)
{
    size_t n_good = 0;
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        struct dp_action action = set((enum field_id)id, 0);
        bool is_of_packet = field_table[id].offset + field_table[id].size <= sizeof(struct flow_key);
        bool is_good = is_of_packet && field_table[id].set_rule == FIELD_SET_RW;
        assert_int_equal(dp_actions_check(&action, 1, NULL), is_good ? 0 : -ERROR_RANGE);
        n_good += is_good;
    }
    assert_in_range(n_good, 30, FIELD_COUNT - 20);
}

static void effective_part_ends_behind_the_last_that_can_be_noticed(void **state)
{
    struct dp_action list[] = {set(FIELD_IP_TTL, 3), output(1), clone_of(2), output(2), output(3), set(FIELD_IP_TTL, 4)};
    struct dp_action meter = {.type = DP_ACTION_METER, .meter = 1};
    assert_int_equal(dp_actions_effective(list, 6), 3);
    assert_int_equal(dp_actions_effective(list, 2), 2);
    assert_int_equal(dp_actions_effective(list, 1), 0);
    assert_int_equal(dp_actions_effective(&meter, 1), 1);
    assert_int_equal(dp_actions_effective(NULL, 0), 0);
}

static void user_data_stand_before_their_action_and_are_read_from_there(void **state)
{
    struct dp_action list[] = {{.type = DP_ACTION_USERDATA, .userdata.bytes = {1, 2, 3}},
                               {.type = DP_ACTION_USERDATA, .userdata.bytes = {9, 8}},
                               {.type = DP_ACTION_CONTROLLER, .controller.n_userdata = 33}};
    uint8_t bytes[DP_USERDATA_MAX] = {0}, wanted[33] = {1, 2, 3};
    wanted[32] = 9;
    assert_int_equal(dp_actions_check(list, 3, NULL), 0);
    assert_int_equal(dp_actions_effective(list, 3), 3);
    assert_int_equal(dp_actions_effective(list, 2), 0);
    assert_int_equal(dp_controller_userdata(&list[2].controller, bytes), 33);
    assert_memory_equal(bytes, wanted, sizeof wanted);
    assert_int_equal(bytes[33], 0);
    list[2].controller.n_userdata = 64;
    assert_int_equal(dp_actions_check(list, 3, NULL), 0);
    list[2].controller.n_userdata = 65; /* a third item is not there: it would be read before the list */
    assert_int_equal(dp_actions_check(list, 3, NULL), -ERROR_RANGE);
    list[2].controller.n_userdata = 33;
    assert_int_equal(dp_actions_check(list + 1, 2, NULL), -ERROR_RANGE);
    list[0] = output(1);
    assert_int_equal(dp_actions_check(list, 3, NULL), -ERROR_RANGE);
    list[2].controller.n_userdata = UINT16_MAX;
    assert_int_equal(dp_actions_check(list, 3, NULL), -ERROR_RANGE);
}

static void pipeline_fields_stand_before_the_user_data(void **state)
{
    struct dp_action list[] = {{.type = DP_ACTION_USERDATA, .userdata.bytes = {4, 5}},
                               {.type = DP_ACTION_USERDATA, .userdata.bytes = {9, 8}},
                               {.type = DP_ACTION_CONTROLLER, .controller = {.n_userdata = 1, .n_pipeline = 2}}};
    uint8_t bytes[DP_PIPELINE_MAX] = {0};
    assert_int_equal(dp_actions_check(list, 3, NULL), 0);
    assert_int_equal(dp_controller_pipeline(&list[2].controller, bytes), 2);
    assert_true(bytes[0] == 4 && bytes[1] == 5 && bytes[2] == 0);
    assert_int_equal(dp_controller_userdata(&list[2].controller, bytes), 1);
    assert_int_equal(bytes[0], 9);
    assert_int_equal(dp_actions_check(list + 1, 2, NULL), -ERROR_RANGE);
    struct dp_action other = list[2];
    other.controller.n_pipeline = 3;
    assert_false(dp_actions_equal(&list[2], 1, &other, 1));
    list[2].controller.n_pipeline = DP_PIPELINE_MAX + 1;
    assert_int_equal(dp_actions_check(list, 3, NULL), -ERROR_RANGE);
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
    struct dp_action pairs[][2] = {
        {{.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8847}, {.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8848}},
        {{.type = DP_ACTION_POP_MPLS, .ethertype = 0x0800}, {.type = DP_ACTION_POP_MPLS, .ethertype = 0x86dd}},
        {{.type = DP_ACTION_TRUNCATE, .max_len = 14}, {.type = DP_ACTION_TRUNCATE, .max_len = 15}},
        {{.type = DP_ACTION_RECIRC, .recirc_id = 1}, {.type = DP_ACTION_RECIRC, .recirc_id = 2}},
        {{.type = DP_ACTION_RECIRC, .recirc_id = 1, .n_labels = 1}, {.type = DP_ACTION_RECIRC, .recirc_id = 1, .n_labels = 2}},
        {{.type = DP_ACTION_RECIRC, .recirc_id = 1, .uncovers_type = 1}, {.type = DP_ACTION_RECIRC, .recirc_id = 1, .uncovers_type = 2}},
        {{.type = DP_ACTION_CONTROLLER, .controller.id = 1}, {.type = DP_ACTION_CONTROLLER, .controller.id = 2}},
        {{.type = DP_ACTION_USERDATA, .userdata.bytes = {1}}, {.type = DP_ACTION_USERDATA, .userdata.bytes = {2}}},
        {{.type = DP_ACTION_METER, .meter = 1}, {.type = DP_ACTION_METER, .meter = 1ull << 40 | 1}},
        {{.type = DP_ACTION_HASH, .hash.basis = 1}, {.type = DP_ACTION_HASH, .hash.basis = 2}},
        {{.type = DP_ACTION_HASH, .hash.algorithm = 1}, {.type = DP_ACTION_HASH, .hash = {.algorithm = 1, .fields = {1}}}},
        {{.type = DP_ACTION_HASH, .hash.algorithm = 1}, {.type = DP_ACTION_HASH, .hash = {.algorithm = 1, .fields = {0, 1}}}},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_true(dp_actions_equal(&pairs[i][0], 1, &pairs[i][0], 1));
        assert_false(dp_actions_equal(&pairs[i][0], 1, &pairs[i][1], 1));
    }
}

static void lists_read_well(void **state)
{
    struct dp_action list[] = {set(FIELD_IPV4_DST, 0x0a000001), {.type = DP_ACTION_DEC_TTL}, clone_of(1), output(2), output(3)};
    char *text = dp_actions_format(list, 5, NULL);
    assert_string_equal(text, "set_field:10.0.0.1->nw_dst,dec_ttl,clone(output:2),output:3");
    free(text);
    struct dp_action more[] = {{.type = DP_ACTION_METER, .meter = 7},
                               {.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8847},
                               {.type = DP_ACTION_DEC_MPLS_TTL},
                               {.type = DP_ACTION_POP_MPLS, .ethertype = 0x0800},
                               {.type = DP_ACTION_TRUNCATE, .max_len = 64},
                               output(1),
                               {.type = DP_ACTION_HASH, .hash = {.basis = 5}},
                               {.type = DP_ACTION_HASH, .hash = {.algorithm = DP_HASH_FIELDS}},
                               {.type = DP_ACTION_RECIRC, .recirc_id = 3},
                               {.type = DP_ACTION_RECIRC, .recirc_id = 4, .n_labels = 2, .uncovers_type = 0x0800}};
    dp_hash_add(&more[7].hash, FIELD_IPV4_DST);
    dp_hash_add(&more[7].hash, FIELD_TCP_DST);
    text = dp_actions_format(more, 10, NULL);
    assert_string_equal(text, "meter(7),push_mpls:0x8847,dec_mpls_ttl,pop_mpls:0x0800,truncate(64),output:1,hash(symmetric_l4,basis=5),"
                              "hash(fields,basis=0,nw_dst,tcp_dst),recirc(3),recirc(4,labels=2,uncovers=0x0800)");
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
        cmocka_unit_test(bad_labels_cuts_hashes_and_recirculations_are_refused),
        cmocka_unit_test(every_settable_field_of_a_packet_passes_and_no_other),
        cmocka_unit_test(effective_part_ends_behind_the_last_that_can_be_noticed),
        cmocka_unit_test(user_data_stand_before_their_action_and_are_read_from_there),
        cmocka_unit_test(pipeline_fields_stand_before_the_user_data),
        cmocka_unit_test(clones_nested_too_deep_are_refused),
        cmocka_unit_test(list_over_the_limit_is_refused),
        cmocka_unit_test(lists_differ_in_any_member),
        cmocka_unit_test(lists_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
