/* Tuple space lookup against trying every flow. Unit test, one thread; prints its seed.
 * What may never happen: a packet gets a flow that does not cover it, or misses one that does (I1, I9).
 * Masks are nested prefixes, so several flows may cover a packet: any of them will do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/fastpath/megaflow.h"
#include "tests/unit/services/fastpath/frames.h"

enum { FLOWS_MAX = 400 };

struct rig {
    struct flow_table *flows;
    struct megaflow_table table;
    struct flow *have[FLOWS_MAX];
    size_t n;
};

static struct flow *add(struct rig *rig, uint16_t source, const struct flow_key *mask)
{
    struct flow_key key = key_udp(1, source, 1);
    struct flow_id id = key_flow_id(&key, mask);
    struct flow *flow = flow_table_find(rig->flows, id);
    struct program *program = flow == NULL ? program_new(NULL, 0, NULL, 0) : NULL;
    if (flow == NULL) {
        flow = flow_table_add(rig->flows, &key, mask, id, &program);
        rig->have[rig->n++] = flow;
    }
    assert_true(megaflow_insert(&rig->table, flow, &key));
    return flow;
}

static void drop(struct rig *rig, size_t i)
{
    megaflow_remove(&rig->table, rig->have[i]);
    flow_table_remove(rig->flows, rig->have[i]);
    rig->have[i] = rig->have[--rig->n];
}

static void lookup_finds_a_covering_flow_exactly_when_there_is_one(void **state)
{
    struct rig rig = {.flows = flow_table_new()};
    struct random random;
    random_seed(&random, 3);
    print_message("seed 3\n");
    for (int i = 0; i < 20000; i++) {
        struct flow_key mask = mask_source(16 + (unsigned)random_below(&random, 17));
        struct flow_key key = key_udp(1, (uint16_t)random_below(&random, 3000), 1);
        if (random_below(&random, 3) == 0 && rig.n < FLOWS_MAX) {
            (void)add(&rig, (uint16_t)random_below(&random, 3000), &mask);
        } else if (rig.n > 0 && random_below(&random, 3) == 0) {
            drop(&rig, random_below(&random, rig.n));
        }
        bool any = false;
        for (size_t k = 0; k < rig.n; k++) {
            any |= key_equal_under(&rig.have[k]->entry.key, &key, &rig.have[k]->mask);
        }
        struct flow *found = megaflow_lookup(&rig.table, &key);
        assert_int_equal(found != NULL, any);
        assert_true(found == NULL || key_equal_under(&found->entry.key, &key, &found->mask));
        if (i % 1000 == 0) {
            megaflow_rank(&rig.table);
        }
    }
    while (rig.n > 0) {
        drop(&rig, 0);
    }
    megaflow_fini(&rig.table);
    flow_table_destroy(&rig.flows);
}

static struct flow_key mask_number(unsigned i)
{
    struct flow_key mask = mask_source(32);
    mask.l4_dst = be16((uint16_t)(i + 1));
    return mask;
}

static void flow_beyond_the_mask_limit_is_entered_key_by_key(void **state)
{
    struct rig rig = {.flows = flow_table_new()};
    for (unsigned i = 0; i < MEGAFLOW_MASKS; i++) {
        struct flow_key mask = mask_number(i);
        (void)add(&rig, (uint16_t)(5000 + i), &mask);
    }
    assert_int_equal(rig.table.n_masks, MEGAFLOW_MASKS);
    struct flow_key mask = mask_source(24);
    struct flow *flow = add(&rig, 0x0101, &mask);
    assert_ptr_equal(add(&rig, 0x0102, &mask), flow);
    assert_int_equal(rig.table.n_masks, MEGAFLOW_MASKS);
    assert_int_equal(flow->n_spread, 2);
    struct flow_key seen = key_udp(1, 0x0102, 1), unseen = key_udp(1, 0x0103, 1);
    assert_ptr_equal(megaflow_lookup(&rig.table, &seen), flow);
    assert_null(megaflow_lookup(&rig.table, &unseen));
    while (rig.n > 0) {
        drop(&rig, rig.n - 1);
    }
    assert_null(megaflow_lookup(&rig.table, &seen));
    megaflow_fini(&rig.table);
    flow_table_destroy(&rig.flows);
}

static void spread_of_one_flow_is_bounded(void **state)
{
    struct rig rig = {.flows = flow_table_new()};
    for (unsigned i = 0; i < MEGAFLOW_MASKS; i++) {
        struct flow_key mask = mask_number(i);
        (void)add(&rig, (uint16_t)(5000 + i), &mask);
    }
    struct flow_key mask = mask_source(8);
    struct flow *flow = add(&rig, 0, &mask);
    for (uint16_t i = 1; i < MEGAFLOW_SPREAD_MAX; i++) {
        struct flow_key key = key_udp(1, i, 1);
        assert_true(megaflow_insert(&rig.table, flow, &key));
    }
    struct flow_key key = key_udp(1, MEGAFLOW_SPREAD_MAX, 1), again = key_udp(1, 5, 1);
    assert_false(megaflow_insert(&rig.table, flow, &key));
    assert_true(megaflow_insert(&rig.table, flow, &again));
    while (rig.n > 0) {
        drop(&rig, rig.n - 1);
    }
    megaflow_fini(&rig.table);
    flow_table_destroy(&rig.flows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookup_finds_a_covering_flow_exactly_when_there_is_one),
        cmocka_unit_test(flow_beyond_the_mask_limit_is_entered_key_by_key),
        cmocka_unit_test(spread_of_one_flow_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
