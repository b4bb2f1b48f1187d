/* Tests of lib/openflow/of_group15.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static struct of_message mod_of(const char *text)
{
    struct of_message message = {.version = OF_VERSION_15, .type = OF_GROUP_MOD, .group_mod = {.command_bucket_id = BUCKET_ALL}};
    struct error_detail detail = {""};
    struct group_text parsed;
    if (group_parse(text, GROUP_ADD, NULL, &parsed, &detail) != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    message.group_mod.group = parsed.group;
    for (size_t i = 0; i < parsed.group.n_buckets; i++) {
        message.group_mod.group.buckets[i].bucket_id = (uint32_t)i;
    }
    return message;
}

static void buckets_and_selection_are_read_back(void **state)
{
    struct of_message message = mod_of("group_id=5,type=select,selection_method=hash,selection_method_param=7,fields(ip_src,tcp_dst=0xff),"
                                       "bucket=weight:5,actions=output:1,bucket=weight:6,actions=output:2");
    struct writer w;
    writer_init(&w);
    struct of_message out = openflow_over_the_wire(message, &w);
    const struct group *group = &out.group_mod.group;
    assert_int_equal(group->n_buckets, 2);
    assert_int_equal(group->buckets[1].weight, 6);
    assert_int_equal(group->buckets[1].bucket_id, 1);
    assert_int_equal(group->selection, GROUP_SELECTION_HASH);
    assert_int_equal(group->selection_param, 7);
    assert_int_equal(group->n_fields, 2);
    assert_int_equal(field_value_to_u64(group->fields[1].mask), 0xff);
    of_message_fini(&out);
    of_message_fini(&message);
    writer_fini(&w);
}

static void wrong_bucket_numbers_are_refused(void **state)
{
    struct of_message message = mod_of("group_id=5,type=all,bucket=actions=output:1");
    message.group_mod.command_bucket_id = 0; /* says nothing in an addition, and must say so */
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET);
    message.group_mod.command = OF_GROUP_INSERT_BUCKET;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.group_mod.command_bucket_id = BUCKET_ALL;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET);
    message.group_mod.command_bucket_id = BUCKET_LAST;
    message.group_mod.group.buckets[0].bucket_id = BUCKET_ID_MAX + 1;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET);
    of_message_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_and_selection_are_read_back),
        cmocka_unit_test(wrong_bucket_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
