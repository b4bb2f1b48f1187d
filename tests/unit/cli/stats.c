/* Figures for people, made of raw ones.
 * What may never happen: a share or rate of nothing shown as 0, a counter that went back shown as negative. */
#include "cli/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Two stages, and some of the rest. */
static json_t *shard(int number, double now_s, int packets, int sampled, int cycles, int exact, int megaflow, int misses, int dropped)
{
    return json_pack("{s:i, s:I, s:f, s:i, s:i, s:i, s:i, s:[{s:s, s:i, s:i, s:i, s:i}, {s:s, s:i, s:i, s:i, s:i}], "
                     "s:{s:i, s:i, s:i, s:i, s:i, s:i}, s:{s:i}, s:i}",
                     "shard", number, "now_ns", (json_int_t)(now_s * 1e9), "cycles_per_s", 2e9, "received", packets, "sent", packets / 2, "sent_up", 0,
                     "bursts", packets / 16, "stages", "stage", "parse", "packets", packets, "batches", packets / 16, "sampled_packets", sampled,
                     "sampled_cycles", cycles, "stage", "send", "packets", packets, "batches", packets / 8, "sampled_packets", sampled, "sampled_cycles",
                     3 * cycles, "lookups", "exact_hits", exact, "megaflow_hits", megaflow, "misses", misses, "megaflow_lookups", megaflow + misses,
                     "megaflow_probes", 2 * (megaflow + misses), "recirculated", 0, "drops", "miss_rate", dropped, "flows", 7);
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void totals_are_shared_out_by_stage(void **state)
{
    json_t *raw = shard(1, 5, 1600, 160, 3200, 75, 20, 5, 3), *said = stats_readable(NULL, raw);
    const json_t *parse = json_array_get(json_object_get(said, "stages"), 0), *send = json_array_get(json_object_get(said, "stages"), 1);
    const json_t *lookups = json_object_get(said, "lookups");
    assert_true(number(parse, "packets_a_batch") == 16 && number(send, "packets_a_batch") == 8);
    assert_true(number(parse, "cycles_a_packet") == 20 && number(parse, "ns_a_packet") == 10);
    assert_true(number(parse, "share") == 25 && number(send, "share") == 75);
    assert_true(number(lookups, "exact_percent") == 75 && number(lookups, "megaflow_percent") == 20 && number(lookups, "miss_percent") == 5);
    assert_true(number(lookups, "masks_a_megaflow_lookup") == 2);
    assert_true(number(json_object_get(said, "drops"), "miss_rate") == 3 && number(said, "flows") == 7);
    assert_true(json_is_null(json_object_get(said, "seconds")) && json_object_get(said, "received_a_second") == NULL);
    json_decref(said);
    json_decref(raw);
}

static void two_looks_give_what_was_between_them(void **state)
{
    json_t *old = shard(1, 5, 1600, 160, 3200, 75, 20, 5, 3), *now = shard(1, 7, 4800, 320, 9600, 175, 20, 5, 3), *said = stats_readable(old, now);
    const json_t *parse = json_array_get(json_object_get(said, "stages"), 0);
    assert_true(number(said, "seconds") == 2 && number(said, "received") == 3200 && number(said, "received_a_second") == 1600);
    assert_true(number(parse, "cycles_a_packet") == 40 && number(parse, "packets") == 3200);
    assert_true(number(json_object_get(said, "lookups"), "exact_percent") == 100);
    assert_true(json_is_null(json_object_get(json_object_get(said, "lookups"), "masks_a_megaflow_lookup")));
    assert_int_equal(json_object_size(json_object_get(said, "drops")), 0);
    assert_true(number(said, "flows") == 7);
    json_decref(said);
    json_decref(old);
    json_decref(now);
}

static void what_is_not_known_is_null(void **state)
{
    json_t *raw = shard(1, 5, 0, 0, 0, 0, 0, 0, 0), *said = stats_readable(NULL, raw);
    const json_t *parse = json_array_get(json_object_get(said, "stages"), 0);
    assert_true(json_is_null(json_object_get(parse, "cycles_a_packet")) && json_is_null(json_object_get(parse, "share")));
    assert_true(json_is_null(json_object_get(json_object_get(said, "lookups"), "exact_percent")));
    json_decref(said);
    json_object_set_new(raw, "cycles_per_s", json_real(0));
    said = stats_readable(NULL, raw);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(said, "stages"), 0), "ns_a_packet")));
    json_decref(said);
    json_decref(raw);
}

static void a_counter_that_went_back_has_grown_by_nothing(void **state)
{
    json_t *old = shard(1, 5, 1600, 160, 3200, 75, 20, 5, 3), *now = shard(1, 6, 1600, 160, 3200, 75, 10, 5, 3), *said = stats_readable(old, now);
    assert_true(number(json_object_get(said, "lookups"), "megaflow_hits") == 0);
    json_decref(said);
    json_decref(old);
    json_decref(now);
}

static void another_life_of_a_shard_is_not_compared(void **state)
{
    json_t *old = json_pack("[o, o]", shard(1, 5, 1600, 1, 1, 1, 1, 1, 1), shard(2, 5, 100, 1, 1, 1, 1, 1, 1));
    json_t *same = shard(2, 6, 200, 1, 1, 1, 1, 1, 1), *reborn = shard(1, 6, 10, 1, 1, 1, 1, 1, 1), *other = shard(3, 6, 10, 1, 1, 1, 1, 1, 1);
    assert_ptr_equal(stats_of_shard(old, same), json_array_get(old, 1));
    assert_null(stats_of_shard(old, reborn));
    assert_null(stats_of_shard(old, other));
    assert_null(stats_of_shard(NULL, same));
    json_decref(old);
    json_decref(same);
    json_decref(reborn);
    json_decref(other);
}

static void drops_are_told_by_reason(void **state)
{
    json_t *drops = json_pack("{s:i, s:i}", "meter", 2, "rule", 1), *text = stats_drops_text(drops);
    assert_non_null(strstr(json_string_value(text), "meter:2"));
    assert_non_null(strstr(json_string_value(text), "rule:1"));
    assert_null(stats_drops_text(NULL));
    json_decref(text);
    json_decref(drops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_shared_out_by_stage),
        cmocka_unit_test(two_looks_give_what_was_between_them),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(a_counter_that_went_back_has_grown_by_nothing),
        cmocka_unit_test(another_life_of_a_shard_is_not_compared),
        cmocka_unit_test(drops_are_told_by_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
