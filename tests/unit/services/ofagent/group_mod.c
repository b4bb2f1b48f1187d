/* Tests of services/ofagent/group_mod.c: loops, single buckets, and what is counted anew. */
#include "services/ofagent/group_mod.h"

#include "tests/unit/services/ofagent/bench.h"

static enum of_error_number mod(struct bench *b, enum group_command command, const char *text)
{
    struct group_text parsed;
    struct error_detail detail = {{0}};
    size_t n_changes;
    int err = group_parse(text, command, NULL, &parsed, &detail);
    if (err != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    enum of_error_number error =
        group_mod_apply(bridge_find(b->agent, 1), command, &parsed.group, parsed.command_bucket_id, &n_changes);
    group_fini(&parsed.group);
    bench_run(b, 20 * NS_PER_MS);
    return error;
}

static struct group_entry *entry_of(struct bench *b, uint32_t id)
{
    struct group_entry *entry = group_table_find(bridge_find(b->agent, 1)->groups, id);
    assert_non_null(entry);
    return entry;
}

static void expect_group(struct bench *b, uint32_t id, const char *expected)
{
    char *text = group_format(&entry_of(b, id)->group, NULL);
    assert_string_equal(text, expected);
    free(text);
}

static uint64_t bucket_packets(struct bench *b, uint32_t id, size_t i)
{
    struct of_group_stats stats = group_mod_stats(bridge_find(b->agent, 1), entry_of(b, id));
    assert_true(i < stats.n_buckets);
    uint64_t n = stats.buckets[i].n_packets;
    of_group_stats_fini(&stats);
    return n;
}

static void report_bucket(struct bench *b, uint32_t id, size_t i, uint64_t packets)
{
    const struct group *group = &entry_of(b, id)->group;
    bench_report(b, false, counter_id(COUNTER_BUCKET, group->id << 16 | group->buckets[i].counter), packets, 0);
}

static void a_chain_that_would_close_is_refused(void **state)
{
    struct bench *b = *state;
    assert_int_equal(mod(b, GROUP_ADD, "group_id=1,type=all,bucket=output:1"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_ADD, "group_id=2,type=all,bucket=group:1"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_ADD, "group_id=3,type=all,bucket=group:1,bucket=group:2"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_MODIFY, "group_id=1,type=all,bucket=group:3"), OF_ERROR_GROUP_MOD_FAILED_LOOP);
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=1,bucket=output:1,group:2"), OF_ERROR_GROUP_MOD_FAILED_LOOP);
    assert_int_equal(mod(b, GROUP_ADD, "group_id=4,type=all,bucket=group:4"), OF_ERROR_GROUP_MOD_FAILED_LOOP);
    expect_group(b, 1, "group_id=1,type=all,bucket=bucket_id:0,actions=output:1"); /* as before */
    assert_int_equal(mod(b, GROUP_MODIFY, "group_id=3,type=all,bucket=output:1"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_MODIFY, "group_id=1,type=all,bucket=group:3"), OF_ERROR_NONE); /* no loop any more */
}

static void buckets_are_inserted_and_removed_where_they_are_named(void **state)
{
    struct bench *b = *state;
    assert_int_equal(mod(b, GROUP_ADD, "group_id=1,type=all,bucket=bucket_id:5,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=1,command_bucket_id=first,bucket=output:2"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=1,command_bucket_id=last,bucket=output:3,bucket=output:4"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=1,command_bucket_id=5,bucket=bucket_id:9,actions=drop"), OF_ERROR_NONE);
    expect_group(b, 1, "group_id=1,type=all,bucket=bucket_id:0,actions=output:2,bucket=bucket_id:9,actions=drop,"
                       "bucket=bucket_id:5,actions=output:1,bucket=bucket_id:1,actions=output:3,bucket=bucket_id:2,actions=output:4");
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=1,command_bucket_id=77,bucket=drop"), OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_BUCKET);
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=1,bucket=bucket_id:9,actions=drop"), OF_ERROR_GROUP_MOD_FAILED_BUCKET_EXISTS);
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=2,bucket=drop"), OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_GROUP);
    assert_int_equal(mod(b, GROUP_REMOVE_BUCKETS, "group_id=1,command_bucket_id=77"), OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_BUCKET);
    assert_int_equal(mod(b, GROUP_REMOVE_BUCKETS, "group_id=1,command_bucket_id=5"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_REMOVE_BUCKETS, "group_id=1,command_bucket_id=last"), OF_ERROR_NONE);
    assert_int_equal(mod(b, GROUP_REMOVE_BUCKETS, "group_id=1,command_bucket_id=first"), OF_ERROR_NONE);
    expect_group(b, 1, "group_id=1,type=all,bucket=bucket_id:9,actions=drop,bucket=bucket_id:1,actions=output:3");
    assert_int_equal(mod(b, GROUP_REMOVE_BUCKETS, "group_id=1"), OF_ERROR_NONE);
    expect_group(b, 1, "group_id=1,type=all");
    assert_int_equal(mod(b, GROUP_REMOVE_BUCKETS, "group_id=1,command_bucket_id=first"), OF_ERROR_NONE); /* of none */
}

static void other_buckets_go_on_counting_and_changed_ones_begin_anew(void **state)
{
    struct bench *b = *state;
    bench_join(b);
    assert_int_equal(mod(b, GROUP_ADD, "group_id=1,type=all,bucket=output:1,bucket=output:2"), OF_ERROR_NONE);
    uint64_t row = entry_of(b, 1)->group.id;
    bench_report(b, false, counter_id(COUNTER_GROUP, row), 9, 0);
    report_bucket(b, 1, 0, 4);
    report_bucket(b, 1, 1, 5);
    assert_int_equal(bucket_packets(b, 1, 0), 4);
    assert_int_equal(mod(b, GROUP_INSERT_BUCKETS, "group_id=1,command_bucket_id=first,bucket=output:3"), OF_ERROR_NONE);
    assert_int_equal(bucket_packets(b, 1, 0), 0);
    assert_int_equal(bucket_packets(b, 1, 1), 4);
    assert_int_equal(bucket_packets(b, 1, 2), 5);
    uint64_t old = counter_id(COUNTER_BUCKET, row << 16 | entry_of(b, 1)->group.buckets[1].counter);
    assert_int_equal(mod(b, GROUP_REMOVE_BUCKETS, "group_id=1,command_bucket_id=0"), OF_ERROR_NONE);
    assert_int_equal(b->retired, old);
    b->retired = 0;
    bench_report(b, false, old, 6, 0); /* a flow of before still has it: nobody asks for it any more */
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->retired, old);
    assert_false(counters_has(b->agent->rule_counters, old));
    assert_int_equal(bucket_packets(b, 1, 1), 5);
    assert_int_equal(mod(b, GROUP_MODIFY, "group_id=1,type=all,bucket=output:1,bucket=output:2"), OF_ERROR_NONE);
    assert_int_equal(bucket_packets(b, 1, 0), 0);
    assert_int_equal(bucket_packets(b, 1, 1), 0);
    struct of_group_stats stats = group_mod_stats(bridge_find(b->agent, 1), entry_of(b, 1));
    assert_int_equal(stats.n_packets, 9); /* the group's own go on [OF1.3.5 §6.5] */
    of_group_stats_fini(&stats);
}

static void counters_of_a_deleted_group_are_retired(void **state)
{
    struct bench *b = *state;
    bench_join(b);
    assert_int_equal(mod(b, GROUP_ADD, "group_id=1,type=all,bucket=output:1"), OF_ERROR_NONE);
    uint64_t row = entry_of(b, 1)->group.id;
    uint64_t group = counter_id(COUNTER_GROUP, row), bucket = counter_id(COUNTER_BUCKET, row << 16);
    bench_report(b, false, group, 1, 0);
    bench_report(b, false, bucket, 1, 0);
    assert_true(counters_has(b->agent->rule_counters, group) && counters_has(b->agent->rule_counters, bucket));
    assert_int_equal(mod(b, GROUP_DELETE, "group_id=1"), OF_ERROR_NONE);
    assert_false(counters_has(b->agent->rule_counters, group) || counters_has(b->agent->rule_counters, bucket));
    assert_int_equal(b->retired, bucket);
    bench_report(b, false, group, 2, 0);
    assert_false(counters_has(b->agent->rule_counters, group));
    bench_report(b, false, counter_id(COUNTER_GROUP, row + 1), 2, 0); /* may be of one whose insertion is not answered yet */
    assert_true(counters_has(b->agent->rule_counters, counter_id(COUNTER_GROUP, row + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_chain_that_would_close_is_refused),
        CLAIM(buckets_are_inserted_and_removed_where_they_are_named),
        CLAIM(other_buckets_go_on_counting_and_changed_ones_begin_anew),
        CLAIM(counters_of_a_deleted_group_are_retired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
