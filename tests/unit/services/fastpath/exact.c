/* The exact cache. Unit test, one thread.
 * What may never happen: an entry outlives its flow, or gives the flow of another key.
 * A hundred thousand keys through a cache of sixteen thousand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/fastpath/exact.h"
#include "tests/unit/services/fastpath/frames.h"

static struct flow *add(struct flow_table *table, const struct flow_key *key)
{
    struct flow_key mask = mask_all();
    struct program *program = program_new(NULL, 0, NULL, 0);
    return flow_table_add(table, key, &mask, key_flow_id(key, &mask), &program);
}

static void hit_is_always_the_flow_of_that_key(void **state)
{
    struct exact_cache cache;
    struct flow_table *table = flow_table_new();
    struct flow *flows[4];
    size_t hits = 0;
    exact_init(&cache, EXACT_MIN);
    for (uint16_t i = 0; i < 4; i++) {
        struct flow_key key = key_udp(1, i, 9);
        flows[i] = add(table, &key);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        struct flow_key key = key_udp(1 + i / 65536, (uint16_t)i, 1);
        uint64_t hash = key_hash(&key);
        assert_null(exact_lookup(&cache, &key, hash));
        exact_insert(&cache, &key, hash, flows[i % 4]);
        assert_ptr_equal(exact_lookup(&cache, &key, hash), flows[i % 4]);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        struct flow_key key = key_udp(1 + i / 65536, (uint16_t)i, 1);
        struct flow *flow = exact_lookup(&cache, &key, key_hash(&key));
        assert_true(flow == NULL || flow == flows[i % 4]);
        hits += flow != NULL;
    }
    assert_true(hits > EXACT_MIN * 9 / 10);
    exact_fini(&cache);
    flow_table_destroy(&table);
}

static void flow_that_ends_is_gone_from_all_entries_at_once(void **state)
{
    struct exact_cache cache;
    struct flow_table *table = flow_table_new();
    struct flow_key key = key_udp(1, 1, 1);
    struct flow *flow = add(table, &key);
    exact_init(&cache, EXACT_MIN);
    for (uint16_t i = 0; i < 1000; i++) {
        struct flow_key other = key_udp(1, i, 2);
        exact_insert(&cache, &other, key_hash(&other), flow);
    }
    flow_table_remove(table, flow);
    for (uint16_t i = 0; i < 1000; i++) {
        struct flow_key other = key_udp(1, i, 2);
        assert_null(exact_lookup(&cache, &other, key_hash(&other)));
    }
    exact_fini(&cache);
    flow_table_destroy(&table);
}

static void crowded_cache_doubles_up_to_its_limit(void **state)
{
    struct exact_cache cache;
    struct flow_table *table = flow_table_new();
    struct flow_key key = key_udp(1, 1, 1);
    struct flow *flow = add(table, &key);
    exact_init(&cache, EXACT_MIN);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 60000; i++) {
            struct flow_key other = key_udp(1, (uint16_t)i, 2);
            exact_insert(&cache, &other, key_hash(&other), flow);
        }
        exact_grow_if_crowded(&cache, EXACT_MIN * 2);
    }
    assert_int_equal(exact_size(&cache), EXACT_MIN * 2);
    exact_clear(&cache);
    assert_null(exact_lookup(&cache, &key, key_hash(&key)));
    exact_fini(&cache);
    flow_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hit_is_always_the_flow_of_that_key),
        cmocka_unit_test(flow_that_ends_is_gone_from_all_entries_at_once),
        cmocka_unit_test(crowded_cache_doubles_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
