/* Tests of services/ofagent/counters.c. */
#include "services/ofagent/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void report(struct counters *c, uint64_t shard, uint64_t id, uint64_t packets)
{
    counters_report(c, shard, id, (uint64_t[]){packets, packets * 100});
}

static void assert_total(const struct counters *c, uint64_t id, uint64_t packets)
{
    uint64_t values[COUNTERS_VALUES_MAX];
    counters_total(c, id, values);
    assert_int_equal(values[0], packets);
    assert_int_equal(values[1], packets * 100);
}

static void a_total_is_the_base_and_the_latest_of_each_shard(void **state)
{
    struct counters *c = counters_new(2);

    assert_total(c, 5, 0);
    counters_add_base(c, 5, (uint64_t[]){7, 700});
    report(c, 1, 5, 10);
    report(c, 2, 5, 20);
    report(c, 1, 5, 15);
    assert_total(c, 5, 42);
    counters_destroy(&c);
    counters_destroy(&c);
}

static void a_total_never_goes_back(void **state)
{
    struct counters *c = counters_new(2);

    report(c, 1, 5, 10);
    report(c, 1, 5, 4); /* an old report */
    assert_total(c, 5, 10);
    counters_shard_gone(c, 1);
    assert_total(c, 5, 10);
    counters_destroy(&c);
}

static void a_shard_is_folded_once(void **state)
{
    struct counters *c = counters_new(2);

    report(c, 1, 5, 10);
    counters_shard_gone(c, 1);
    counters_shard_gone(c, 1);
    report(c, 1, 5, 12); /* from the grave */
    assert_total(c, 5, 10);
    report(c, 9, 5, 3); /* its successor begins at zero */
    assert_total(c, 5, 13);
    counters_destroy(&c);
}

static void a_changed_id_is_handed_out_once_with_all_its_parts(void **state)
{
    struct counters *c = counters_new(2);
    struct counters_part parts[COUNTERS_PARTS_MAX];
    uint64_t id;
    size_t n;

    counters_add_base(c, 5, (uint64_t[]){7, 700});
    report(c, 1, 5, 10);
    report(c, 2, 5, 20);
    report(c, 2, 5, 20);
    assert_true(counters_has_changed(c));
    assert_true(counters_next_changed(c, &id, parts, &n));
    assert_int_equal(id, 5);
    assert_int_equal(n, 3);
    assert_int_equal(parts[0].shard, 0);
    assert_int_equal(parts[0].values[0], 7);
    assert_int_equal(parts[1].values[0] + parts[2].values[0], 30);
    assert_false(counters_next_changed(c, &id, parts, &n));
    report(c, 2, 5, 20); /* nothing new */
    assert_false(counters_has_changed(c));
    counters_mark(c, 5);
    counters_mark(c, 6); /* nobody counts it */
    assert_true(counters_next_changed(c, &id, parts, &n));
    assert_int_equal(id, 5);
    assert_false(counters_has_changed(c));
    counters_destroy(&c);
}

static void a_forgotten_id_is_zero_and_not_handed_out(void **state)
{
    struct counters *c = counters_new(2);

    report(c, 1, 5, 10);
    report(c, 1, 6, 11);
    counters_forget(c, 5);
    counters_forget(c, 5);
    assert_total(c, 5, 0);
    assert_total(c, 6, 11);
    assert_int_equal(counters_size(c), 1);
    counters_destroy(&c);
}

static void more_shards_than_parts_lose_the_surplus_and_nothing_else(void **state)
{
    struct counters *c = counters_new(2);

    for (uint64_t shard = 1; shard <= 200; shard++) {
        report(c, shard, 5, 1);
    }
    assert_total(c, 5, COUNTERS_PARTS_MAX - 1);
    counters_destroy(&c);
}

static bool shard_one_lives(const void *context, uint64_t shard)
{
    return shard == 1;
}

static void what_another_has_written_is_joined_by_maximum(void **state)
{
    struct counters *c = counters_new(2);
    struct counters_part parts[] = {{.values = {100, 10000}}, {.shard = 1, .values = {8, 800}}, {.shard = 2, .values = {5, 500}}};

    report(c, 1, 5, 10); /* later than what he had heard of it */
    report(c, 3, 5, 7);  /* silent, and not in his row: he may have folded it into his 100 */
    counters_merge(c, 5, parts, 3, shard_one_lives, NULL);
    assert_total(c, 5, 100 + 10 + 5);
    counters_merge(c, 5, parts, 3, shard_one_lives, NULL);
    assert_total(c, 5, 100 + 10 + 5); /* the same again changes nothing */
    report(c, 3, 5, 9); /* folded: not taken any more */
    assert_total(c, 5, 115);
    counters_destroy(&c);
}

static void joining_never_lowers_a_total(void **state)
{
    struct counters *c = counters_new(2);
    struct counters_part parts[] = {{.values = {3, 300}}};

    counters_add_base(c, 5, (uint64_t[]){40, 4000});
    report(c, 1, 5, 10);
    counters_merge(c, 5, parts, 1, shard_one_lives, NULL);
    assert_total(c, 5, 50);
    counters_destroy(&c);
}

static void the_last_use_is_the_latest_told(void **state)
{
    struct counters *c = counters_new(2);

    assert_int_equal(counters_used_ns(c, 5), 0);
    counters_note_use(c, 5, 70);
    counters_note_use(c, 5, 60);
    assert_int_equal(counters_used_ns(c, 5), 70);
    counters_forget(c, 5);
    assert_int_equal(counters_used_ns(c, 5), 0);
    counters_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_total_is_the_base_and_the_latest_of_each_shard),
        cmocka_unit_test(a_total_never_goes_back),
        cmocka_unit_test(a_shard_is_folded_once),
        cmocka_unit_test(a_changed_id_is_handed_out_once_with_all_its_parts),
        cmocka_unit_test(what_another_has_written_is_joined_by_maximum),
        cmocka_unit_test(joining_never_lowers_a_total),
        cmocka_unit_test(the_last_use_is_the_latest_told),
        cmocka_unit_test(a_forgotten_id_is_zero_and_not_handed_out),
        cmocka_unit_test(more_shards_than_parts_lose_the_surplus_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
