/* Ranges of ids by bridge, beside a naive twin: an array that says of each id whose it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/configdb/bridge_ids.h"

enum { TWIN_IDS = 1200000, TWIN_BRIDGES = 6 };

static const uint64_t one_and_three[] = {1, 3};

/* Ids that a walk along the ranges of these bridges comes past. */
static size_t walk(const struct bridge_ids *ids, const struct bridge_set *bridges, uint8_t *seen)
{
    uint64_t from = 0, first, last;
    size_t n = 0;
    memset(seen, 0, TWIN_IDS);
    while (bridge_ids_next(ids, bridges, from, &first, &last)) {
        assert_true(first >= from && last >= first && last < TWIN_IDS);
        memset(seen + first, 1, last - first + 1);
        n += last - first + 1;
        from = last + 1;
    }
    return n;
}

static void rows_in_a_row_are_one_range(void **state)
{
    struct bridge_ids *ids = bridge_ids_new();
    const struct bridge_set one = {.ids = (uint64_t[]){1}, .n = 1}, none = {.n = 0};
    uint64_t first, last;
    for (uint64_t id = 1; id <= 9000; id++) {
        bridge_ids_add(ids, id <= 5000 || id > 5900 ? 1 : 2, id);
    }
    assert_int_equal(bridge_ids_ranges(ids, 1), 2);
    assert_int_equal(bridge_ids_ranges(ids, 2), 1);
    assert_true(bridge_ids_next(ids, &one, 0, &first, &last));
    assert_true(first == 1 && last == 5000);
    assert_true(bridge_ids_next(ids, &one, 77, &first, &last));
    assert_true(first == 77 && last == 5000);
    assert_true(bridge_ids_next(ids, &one, 5001, &first, &last));
    assert_true(first == 5901 && last == 9000);
    assert_false(bridge_ids_next(ids, &one, 9001, &first, &last));
    assert_false(bridge_ids_next(ids, &none, 0, &first, &last));
    bridge_ids_add(ids, 0, 5500);
    assert_true(bridge_ids_next(ids, &none, 0, &first, &last)); /* of a bridge that is not known: everybody's */
    assert_true(first == 5500 && last == 5500);
    bridge_ids_forget(ids, 1);
    bridge_ids_forget(ids, 1);
    assert_int_equal(bridge_ids_ranges(ids, 1), 0);
    assert_int_equal(bridge_ids_ranges(ids, 2), 1);
    bridge_ids_destroy(&ids);
}

static void no_row_is_missed_in_whatever_order_they_come(void **state)
{
    uint8_t *owner = calloc(TWIN_IDS, 1), *seen = calloc(TWIN_IDS, 1);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct random random;
        struct bridge_ids *ids = bridge_ids_new();
        random_seed(&random, seed);
        printf("seed %llu\n", (unsigned long long)seed);
        memset(owner, 0xff, TWIN_IDS);
        for (uint64_t i = 0, id = 1; i < 30000 && id < TWIN_IDS; i++) {
            bool is_back = random_below(&random, 10) == 0;
            uint64_t at = is_back ? random_below(&random, id) : id;
            uint8_t bridge = (uint8_t)random_below(&random, TWIN_BRIDGES);
            id += is_back ? 0 : 1 + random_below(&random, 1 << random_below(&random, 8));
            if (owner[at] == 0xff) {
                owner[at] = bridge;
                bridge_ids_add(ids, bridge, at);
            }
        }
        const struct bridge_set two = {.ids = (uint64_t *)(uintptr_t)one_and_three, .n = 2};
        (void)walk(ids, &two, seen);
        for (size_t id = 0; id < TWIN_IDS; id++) {
            assert_true(seen[id] || (owner[id] != 0 && owner[id] != 1 && owner[id] != 3));
        }
        bridge_ids_destroy(&ids);
    }
    free(owner);
    free(seen);
}

static void ranges_have_a_bound_and_the_nearest_become_one(void **state)
{
    struct bridge_ids *ids = bridge_ids_new();
    const struct bridge_set two = {.ids = (uint64_t[]){2}, .n = 1};
    uint8_t *seen = calloc(TWIN_IDS, 1);
    size_t most = 0;
    bridge_ids_add(ids, 2, 1);
    for (uint64_t id = 20000; id < TWIN_IDS; id += BRIDGE_IDS_GAP + 1) {
        bridge_ids_add(ids, 2, id);
        most = bridge_ids_ranges(ids, 2) > most ? bridge_ids_ranges(ids, 2) : most;
    }
    assert_int_equal(most, BRIDGE_IDS_RANGES);
    size_t n = walk(ids, &two, seen);
    assert_true(seen[1] && !seen[10000] && seen[20000]); /* a large gap stays one */
    assert_true(n <= (TWIN_IDS - 20000) / 2); /* and of the small ones every other */
    for (uint64_t id = 20000; id < TWIN_IDS; id += BRIDGE_IDS_GAP + 1) {
        assert_true(seen[id]);
    }
    free(seen);
    bridge_ids_destroy(&ids);
}

static bool is_below(void *context, uint64_t bridge)
{
    return bridge < *(const uint64_t *)context;
}

static void all_bridges_are_asked_about(void **state)
{
    struct bridge_ids *ids = bridge_ids_new();
    uint64_t bound = 5;
    assert_true(bridge_ids_all(ids, is_below, &bound));
    bridge_ids_add(ids, 4, 1);
    bridge_ids_add(ids, 1, 2);
    assert_true(bridge_ids_all(ids, is_below, &bound));
    bridge_ids_add(ids, 5, 3);
    assert_false(bridge_ids_all(ids, is_below, &bound));
    bridge_ids_destroy(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_a_row_are_one_range),
        cmocka_unit_test(no_row_is_missed_in_whatever_order_they_come),
        cmocka_unit_test(ranges_have_a_bound_and_the_nearest_become_one),
        cmocka_unit_test(all_bridges_are_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
