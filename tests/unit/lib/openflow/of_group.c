/* Tests of lib/openflow/of_group.c. */
#include "lib/base/memory.h"
#include "tests/oracle/openflow.h"
#include "tests/unit/lib/openflow/openflow_test.h"

/* Nicira's messages: the layout of 1.5 around the actions of 1.0. */
static void groups_arrive_in_1_0_with_numbers_of_buckets(void **state)
{
    struct bucket buckets[2] = {{.bucket_id = 3, .weight = 5, .watch_port = PORT_ANY, .watch_group = GROUP_ANY},
                                {.bucket_id = 9, .weight = 6, .watch_port = PORT_ANY, .watch_group = 7}};
    struct group group = {.group_id = 8, .type = GROUP_TYPE_SELECT, .n_buckets = 2, .buckets = buckets}, out_group;
    struct of_multipart mp;
    struct writer w;

    action_list_add(&buckets[0].actions, &(struct action){.type = ACTION_OUTPUT, .output = {.port = 2}});
    action_list_add(&buckets[1].actions, &(struct action){.type = ACTION_GROUP, .group_id = 4});
    writer_init(&w);
    struct of_message in = {.type = OF_GROUP_MOD, .version = OF_VERSION_10, .group_mod = {.command = OF_GROUP_INSERT_BUCKET, .group = group}};
    in.group_mod.command_bucket_id = BUCKET_LAST;
    struct of_message out = openflow_over_the_wire(in, &w);
    assert_int_equal(out.form, OF_FORM_NICIRA);
    assert_int_equal(out.group_mod.command, OF_GROUP_INSERT_BUCKET);
    assert_true(openflow_groups_equal(&out.group_mod.group, &group));
    assert_int_equal(out.group_mod.group.buckets[1].bucket_id, 9);
    of_message_fini(&out);
    writer_clear(&w);
    of_multipart_begin(&mp, &w, OF_VERSION_10, 1, OF_MULTIPART_GROUP_DESC, OF_FORM_NICIRA);
    assert_int_equal(of_group_desc_encode(&mp, &group), 0);
    struct reader r = openflow_items(&mp);
    assert_int_equal(of_group_desc_decode(&r, OF_VERSION_10, &out_group), 0);
    assert_true(openflow_groups_equal(&out_group, &group));
    assert_int_equal(out_group.buckets[1].bucket_id, 9);
    group_fini(&out_group);
    action_list_fini(&buckets[0].actions);
    action_list_fini(&buckets[1].actions);
    writer_fini(&w);
}

static void random_groups_arrive_in_mods_and_descriptions(void **state)
{
    struct random random;
    random_seed(&random, 8);
    for (int i = 0; i < 200; i++) {
        struct of_multipart mp;
        struct group group, out_group;
        struct writer w;
        writer_init(&w);
        openflow_random_group(&random, &group);
        struct of_message out = openflow_over_the_wire(
            (struct of_message){.type = OF_GROUP_MOD, .group_mod = {.command = OF_GROUP_ADD, .group = group}}, &w);
        assert_true(openflow_groups_equal(&out.group_mod.group, &group));
        of_message_fini(&out);
        writer_clear(&w);
        of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_GROUP_DESC, OF_FORM_STANDARD);
        assert_int_equal(of_group_desc_encode(&mp, &group), 0);
        struct reader r = openflow_items(&mp);
        OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_group_desc_decode, struct group);
        assert_int_equal(of_group_desc_decode(&r, OF_VERSION_13, &out_group), 0);
        assert_true(openflow_groups_equal(&out_group, &group));
        group_fini(&out_group);
        group_fini(&group);
        writer_fini(&w);
    }
}

static enum of_error_number refusal(enum of_group_command command, enum group_type type, uint32_t id, size_t n_buckets,
                                    const struct bucket *bucket)
{
    struct group group = {
        .group_id = id, .type = type, .n_buckets = n_buckets, .buckets = memory_array(n_buckets, sizeof *bucket)};
    for (size_t i = 0; i < n_buckets; i++) {
        group.buckets[i] = *bucket;
    }
    enum of_error_number number =
        openflow_refusal_of((struct of_message){.type = OF_GROUP_MOD, .group_mod = {.command = command, .group = group}});
    free(group.buckets);
    return number;
}

static void a_bucket_fits_its_type_of_group(void **state)
{
    const struct bucket plain = {.watch_port = PORT_ANY, .watch_group = GROUP_ANY};
    const struct bucket heavy = {.watch_port = PORT_ANY, .watch_group = GROUP_ANY, .weight = 1};
    const struct bucket watching = {.watch_port = 1, .watch_group = GROUP_ANY};

    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_ALL, 1, 2, &plain), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_ALL, 1, 2, &heavy), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_ALL, 1, 2, &watching), OF_ERROR_GROUP_MOD_FAILED_WATCH_UNSUPPORTED);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_SELECT, 1, 2, &heavy), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_SELECT, 1, 2, &plain), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_GROUP_MODIFY, GROUP_TYPE_INDIRECT, 1, 1, &plain), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_GROUP_MODIFY, GROUP_TYPE_INDIRECT, 1, 2, &plain), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(refusal(OF_GROUP_MODIFY, GROUP_TYPE_INDIRECT, 1, 0, &plain), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_FF, 1, 2, &watching), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_FF, 1, 2, &plain), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(refusal(OF_GROUP_DELETE, GROUP_TYPE_ALL, 1, 1, &plain), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
}

static void group_ids_end_where_the_reserved_ones_begin(void **state)
{
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_ALL, GROUP_MAX, 0, NULL), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_ALL, GROUP_MAX + 1, 0, NULL), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(refusal(OF_GROUP_DELETE, GROUP_TYPE_ALL, GROUP_MAX + 1, 0, NULL), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_GROUP_ADD, GROUP_TYPE_ALL, GROUP_ALL, 0, NULL), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(refusal(OF_GROUP_DELETE, GROUP_TYPE_ALL, GROUP_ALL, 0, NULL), OF_ERROR_NONE);
    assert_int_equal(refusal((enum of_group_command)3, GROUP_TYPE_ALL, 1, 0, NULL), OF_ERROR_GROUP_MOD_FAILED_BAD_COMMAND);
    assert_int_equal(refusal(OF_GROUP_ADD, (enum group_type)4, 1, 0, NULL), OF_ERROR_GROUP_MOD_FAILED_BAD_TYPE);
}

/* For the macro: a decoded item is the test's to free, but a cut one is never decoded. */
static void group_statistics_arrive_bucket_by_bucket(void **state)
{
    struct of_bucket_stats buckets[3] = {{1, 2}, {3, 4}, {5, 6}};
    struct of_group_stats out;
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_GROUP, OF_FORM_STANDARD);
    assert_int_equal(of_group_stats_encode(&mp, &(struct of_group_stats){.group_id = 7,
                                                                         .ref_count = 1,
                                                                         .n_packets = 9,
                                                                         .n_bytes = 12,
                                                                         .duration_ns = 13,
                                                                         .buckets = buckets,
                                                                         .n_buckets = 3}),
                     0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_group_stats_decode, struct of_group_stats);
    assert_int_equal(of_group_stats_decode(&r, OF_VERSION_13, &out), 0);
    assert_int_equal(out.group_id, 7);
    assert_int_equal(out.n_buckets, 3);
    assert_memory_equal(out.buckets, buckets, sizeof buckets);
    of_group_stats_fini(&out);
    of_group_stats_fini(&out);
    writer_fini(&w);
}

static void group_features_arrive(void **state)
{
    struct of_group_features features = {.types = 0xf, .capabilities = 5, .max_groups = {1, 2, 3, 4}, .actions = {5, 6, 7, 8}},
                             out;
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_GROUP_FEATURES, OF_FORM_STANDARD);
    assert_int_equal(of_group_features_encode(&mp, &features), 0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_group_features_decode, struct of_group_features);
    assert_int_equal(of_group_features_decode(&r, OF_VERSION_13, &out), 0);
    assert_memory_equal(&out, &features, sizeof out);
    assert_int_equal(of_group_features_actions(OF_VERSION_13) & 1, 1);
    assert_int_equal(of_group_features_actions(OF_VERSION_10), 0xfff);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_arrive_in_1_0_with_numbers_of_buckets),
        cmocka_unit_test(random_groups_arrive_in_mods_and_descriptions),
        cmocka_unit_test(a_bucket_fits_its_type_of_group),
        cmocka_unit_test(group_ids_end_where_the_reserved_ones_begin),
        cmocka_unit_test(group_statistics_arrive_bucket_by_bucket),
        cmocka_unit_test(group_features_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
