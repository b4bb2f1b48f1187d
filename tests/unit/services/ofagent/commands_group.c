/* Tests of services/ofagent/commands_group.c: groups and meters as swctl asks for them. */
#include "services/ofagent/commands_group.h"

#include "tests/unit/services/ofagent/swctl.h"

static void groups_are_changed_and_listed_in_the_same_words(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    changed(b, "group-mod", "add", "group_id=1,type=select,bucket=weight:2,watch_port:p2,actions=output:p1,bucket=output:p2", 1);
    json_t *list = said(b, "dump-groups", "br0", NULL, NULL, NULL);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text_of(list, 0), "group_id=1,type=select,bucket=bucket_id:0,weight:2,watch_port:2,actions=output:1,"
                                          "bucket=bucket_id:1,weight:1,actions=output:2");
    json_decref(list);
    changed(b, "group-mod", "insert-buckets", "group_id=1,command_bucket_id=1,bucket=bucket_id:7,actions=drop", 1);
    changed(b, "group-mod", "remove-buckets", "group_id=1,command_bucket_id=first", 1);
    list = said(b, "dump-groups", "br0", "1", NULL, NULL);
    assert_string_equal(text_of(list, 0), "group_id=1,type=select,bucket=bucket_id:7,weight:0,actions=drop,"
                                          "bucket=bucket_id:1,weight:1,actions=output:2");
    json_decref(list);
    list = said(b, "dump-groups", "br0", "2", NULL, NULL);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    changed(b, "group-mod", "modify", "group_id=1,type=all,bucket=output:p1", 1);
    changed(b, "flow-mod", "add", "ip,actions=group:1", 1);
    changed(b, "group-mod", "delete", "group_id=1", 2); /* and its rule */
    changed(b, "group-mod", "delete", "", 0);
}

static void wrong_groups_are_refused_with_the_reason(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    refused(b, "group-mod", "br0", "add", NULL, NULL, "add|modify");
    refused(b, "group-mod", "br0", "paint", "group_id=1,type=all", NULL, "add|modify");
    refused(b, "group-mod", "br9", "add", "group_id=1,type=all", NULL, "br9");
    refused(b, "group-mod", "br0", "add", "group_id=1,type=any", NULL, "any");
    refused(b, "group-mod", "br0", "add", "group_id=1,type=indirect", NULL, "INVALID_GROUP");
    refused(b, "group-mod", "br0", "add", "group_id=1,type=all,bucket=group:1", NULL, "LOOP");
    refused(b, "group-mod", "br0", "modify", "group_id=1,type=all", NULL, "UNKNOWN_GROUP");
    refused(b, "dump-groups", "br0", "first", NULL, NULL, "first");
    refused(b, "dump-group-stats", "br0", "1", "2", NULL, "2");
}

static void group_statistics_show_what_shards_counted(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    changed(b, "group-mod", "add", "group_id=1,type=all,bucket=output:p1,bucket=output:p2", 1);
    changed(b, "flow-mod", "add", "ip,actions=group:1", 1);
    uint64_t row = group_table_find(bridge_find(b->agent, 1)->groups, 1)->group.id;
    bench_report(b, false, counter_id(COUNTER_GROUP, row), 5, 0);
    bench_report(b, false, counter_id(COUNTER_BUCKET, row << 16 | 1), 5, 0);
    json_t *list = said(b, "dump-group-stats", "br0", NULL, NULL, NULL);
    assert_non_null(strstr(text_of(list, 0), ",ref_count=1,packet_count=5,byte_count=500,bucket0:packet_count=0,byte_count=0,"
                                             "bucket1:packet_count=5,byte_count=500"));
    json_decref(list);
}

static void meters_are_changed_and_listed_in_the_same_words(void **state)
{
    struct bench *b = *state;

    bench_join(b);
    changed(b, "meter-mod", "add", "meter=1,pktps,burst,bands=type=drop,rate=100,burst_size=10", 1);
    refused(b, "meter-mod", "br0", "add", "meter=1,pktps,bands=type=drop,rate=100", NULL, "METER_EXISTS");
    refused(b, "meter-mod", "br0", "add", "meter=2,pktps,bands=type=drop,speed=100", NULL, "speed");
    refused(b, "meter-mod", "br0", "paint", "meter=2", NULL, "add|modify");
    json_t *list = said(b, "dump-meters", "br0", NULL, NULL, NULL);
    assert_string_equal(text_of(list, 0), "meter=1 pktps burst bands=\ntype=drop rate=100 burst_size=10");
    json_decref(list);
    changed(b, "meter-mod", "modify", "meter=1,kbps,bands=type=drop,rate=7", 1);
    list = said(b, "dump-meters", "br0", "meter=1", NULL, NULL);
    assert_string_equal(text_of(list, 0), "meter=1 kbps bands=\ntype=drop rate=7");
    json_decref(list);
    list = said(b, "meter-stats", "br0", NULL, NULL, NULL);
    assert_non_null(strstr(text_of(list, 0), "meter:1 flow_count:0 packet_in_count:0 byte_in_count:0"));
    json_decref(list);
    changed(b, "flow-mod", "add", "ip,actions=meter:1,output:p1", 1);
    changed(b, "meter-mod", "delete", "meter=1", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(groups_are_changed_and_listed_in_the_same_words),
        CLAIM(wrong_groups_are_refused_with_the_reason),
        CLAIM(group_statistics_show_what_shards_counted),
        CLAIM(meters_are_changed_and_listed_in_the_same_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
