/* Tests of lib/model/group_text.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/model/rule.h"

static struct group_text parsed(const char *text, enum group_command command)
{
    struct group_text out;
    struct error_detail detail = {{0}};
    int err = group_parse(text, command, NULL, &out, &detail);
    if (err != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    return out;
}

static void expect_refusal(const char *text, enum group_command command, const char *why)
{
    struct group_text out = {.command_bucket_id = 77};
    struct error_detail detail = {{0}};
    assert_true(group_parse(text, command, NULL, &out, &detail) < 0);
    if (strstr(detail.text, why) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, detail.text, why);
    }
    assert_int_equal(out.command_bucket_id, 77);
}

static void words_of_ovs_ofctl_are_read(void **state)
{
    struct group_text t = parsed("group_id=7,type=select,selection_method=hash,selection_method_param=5,fields(ip_src=255.255.0.0,tcp_dst),"
                                 "bucket=weight:10,watch_port:2,actions=set_field:10.0.0.1->ip_dst,output:2,"
                                 "bucket=bucket_id:9,watch_group:3,output:4,output:5",
                                 GROUP_ADD);
    assert_int_equal(t.group.group_id, 7);
    assert_int_equal(t.group.type, GROUP_TYPE_SELECT);
    assert_int_equal(t.group.selection, GROUP_SELECTION_HASH);
    assert_int_equal(t.group.selection_param, 5);
    assert_int_equal(t.group.n_fields, 2);
    assert_int_equal(t.group.fields[0].field, FIELD_IPV4_SRC);
    assert_int_equal(field_value_to_u64(t.group.fields[0].mask), 0xffff0000);
    assert_int_equal(t.group.fields[1].field, FIELD_TCP_DST);
    assert_int_equal(t.group.n_buckets, 2);
    const struct bucket *b = t.group.buckets;
    assert_int_equal(b[0].weight, 10);
    assert_int_equal(b[0].watch_port, 2);
    assert_int_equal(b[0].watch_group, GROUP_ANY);
    assert_true(b[0].bucket_id > BUCKET_ID_MAX);
    assert_int_equal(b[0].actions.count, 2);
    assert_int_equal(b[1].weight, 1);
    assert_int_equal(b[1].bucket_id, 9);
    assert_int_equal(b[1].watch_group, 3);
    assert_int_equal(b[1].actions.count, 2);
    group_fini(&t.group);
}

static void what_is_written_reads_back_the_same(void **state)
{
    static const char *const texts[] = {
        "group_id=1,type=all,bucket=bucket_id:0,actions=output:1,bucket=bucket_id:1,actions=drop",
        "group_id=2,type=indirect,bucket=bucket_id:4,actions=group:1",
        "group_id=3,type=ff,bucket=bucket_id:0,watch_port:1,actions=output:1,bucket=bucket_id:1,watch_group:2,actions=output:2",
        "group_id=4,type=select,bucket=bucket_id:0,weight:1,actions=output:1",
        "group_id=5,type=select,selection_method=dp_hash,selection_method_param=12,bucket=bucket_id:0,weight:0,watch_port:LOCAL,actions=LOCAL",
        "group_id=6,type=select,selection_method=hash,fields(ip_src=255.255.0.0,tcp_dst),bucket=bucket_id:0,weight:65535,actions=dec_ttl,output:1",
        "group_id=4294967040,type=all",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct group_text t = parsed(texts[i], GROUP_ADD);
        char *text = group_format(&t.group, NULL);
        assert_string_equal(text, texts[i]);
        free(text);
        group_fini(&t.group);
    }
}

static void commands_on_buckets_say_where(void **state)
{
    struct group_text t = parsed("group_id=7,command_bucket_id=first,bucket=output:1", GROUP_INSERT_BUCKETS);
    assert_int_equal(t.command_bucket_id, BUCKET_FIRST);
    assert_int_equal(t.group.n_buckets, 1);
    group_fini(&t.group);
    t = parsed("group_id=7,bucket=output:1", GROUP_INSERT_BUCKETS);
    assert_int_equal(t.command_bucket_id, BUCKET_LAST);
    group_fini(&t.group);
    t = parsed("group_id=7", GROUP_REMOVE_BUCKETS);
    assert_int_equal(t.command_bucket_id, BUCKET_ALL);
    t = parsed("group_id=7,command_bucket_id=12", GROUP_REMOVE_BUCKETS);
    assert_int_equal(t.command_bucket_id, 12);
    t = parsed("", GROUP_DELETE);
    assert_int_equal(t.group.group_id, GROUP_ALL);
    t = parsed("group_id=3", GROUP_DELETE);
    assert_int_equal(t.group.group_id, 3);
}

static void what_is_wrong_is_refused_by_name(void **state)
{
    expect_refusal("type=all,bucket=output:1", GROUP_ADD, "group_id");
    expect_refusal("group_id=1,bucket=output:1", GROUP_ADD, "type=");
    expect_refusal("group_id=1,type=any", GROUP_ADD, "any");
    expect_refusal("group_id=4294967041,type=all", GROUP_ADD, "group_id");
    expect_refusal("group_id=1,type=all,colour=blue", GROUP_ADD, "colour");
    expect_refusal("group_id=1,type=all,selection_method=hash", GROUP_ADD, "selection_method");
    expect_refusal("group_id=1,type=select,selection_method=best", GROUP_ADD, "best");
    expect_refusal("group_id=1,type=select,fields(ip_src)", GROUP_ADD, "fields");
    expect_refusal("group_id=1,type=select,selection_method=dp_hash,fields(ip_src)", GROUP_ADD, "fields");
    expect_refusal("group_id=1,type=select,selection_method=hash,fields(ip_src,nw_src)", GROUP_ADD, "twice");
    expect_refusal("group_id=1,type=select,selection_method=hash,fields(flavour)", GROUP_ADD, "flavour");
    expect_refusal("group_id=1,type=all,bucket=bucket_id:2,output:1,bucket=bucket_id:2,output:1", GROUP_ADD, "twice");
    expect_refusal("group_id=1,type=select,bucket=weight:70000,output:1", GROUP_ADD, "weight");
    expect_refusal("group_id=1,type=all,bucket=frobnicate", GROUP_ADD, "frobnicate");
    expect_refusal("group_id=1,type=all,command_bucket_id=all", GROUP_MODIFY, "command_bucket_id");
    expect_refusal("group_id=1,command_bucket_id=all,bucket=output:1", GROUP_INSERT_BUCKETS, "command_bucket_id");
    expect_refusal("group_id=1,bucket=output:1", GROUP_REMOVE_BUCKETS, "bucket");
    expect_refusal("group_id=1,type=all", GROUP_DELETE, "type");
}

static void statistics_are_lines_of_dump_group_stats(void **state)
{
    struct group_text t = parsed("group_id=7,type=all,bucket=output:1,bucket=output:2", GROUP_ADD);
    const struct use_stats buckets[] = {{1, 60}, {2, 120}};
    struct group_stats stats = {.n_references = 3, .duration_ns = 1500000000, .total = {3, 180}, .buckets = buckets};
    char *text = group_stats_format(&t.group, &stats);
    assert_string_equal(text, "group_id=7,duration=1.500s,ref_count=3,packet_count=3,byte_count=180,bucket0:packet_count=1,byte_count=60,"
                              "bucket1:packet_count=2,byte_count=120");
    free(text);
    group_fini(&t.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_ovs_ofctl_are_read),     cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(commands_on_buckets_say_where),   cmocka_unit_test(what_is_wrong_is_refused_by_name),
        cmocka_unit_test(statistics_are_lines_of_dump_group_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
