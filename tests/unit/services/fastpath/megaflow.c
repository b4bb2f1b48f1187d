/* Tuple space lookup against trying every flow. Unit test, one thread; prints its seed.
 * What may never happen: a packet gets a flow that does not cover it, or misses one that does (I1, I9).
 * Masks are nested prefixes, so several flows may cover a packet: any of them will do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "services/fastpath/megaflow.h"
#include "tests/unit/services/fastpath/frames.h"

enum { FLOWS_HERE = 400 };

struct rig {
    struct flow_table *flows;
    struct program_table *programs;
    struct megaflow_table table;
    struct flow *have[FLOWS_HERE];
    size_t n;
    struct dp_packet *packets; /* EXACT_BURST */
};

static void rig_init(struct rig *rig)
{
    *rig = (struct rig){.flows = flow_table_new(), .programs = program_table_new(), .packets = memory_lines(EXACT_BURST * sizeof *rig->packets)};
    megaflow_init(&rig->table, 1);
}

static struct flow *add(struct rig *rig, uint16_t source, const struct flow_key *mask)
{
    struct flow_key key = key_udp(1, source, 1);
    struct flow_id id = key_flow_id(&key, mask);
    struct flow *flow = flow_table_find(rig->flows, id);
    bool is_new;
    if (flow == NULL) {
        struct program *program = program_get(rig->programs, NULL, 0, NULL, 0, &is_new);
        flow = flow_table_add(rig->flows, &key, mask, id, &program);
        rig->have[rig->n++] = flow;
    }
    megaflow_insert(&rig->table, flow, &key);
    return flow;
}

static void drop(struct rig *rig, size_t i)
{
    megaflow_remove(&rig->table, rig->have[i]);
    flow_table_remove(rig->flows, rig->have[i]);
    rig->have[i] = rig->have[--rig->n];
}

static void rig_end(struct rig *rig)
{
    while (rig->n > 0) {
        drop(rig, rig->n - 1);
    }
    megaflow_fini(&rig->table);
    flow_table_destroy(&rig->flows);
    program_table_destroy(&rig->programs);
    free(rig->packets);
}

static struct flow *look_up(struct rig *rig, const struct flow_key *key)
{
    struct dp_packet *packet = &rig->packets[0];
    struct flow *flow;
    packet->key = *key;
    megaflow_lookup(&rig->table, &packet, 1, &flow);
    return flow;
}

static void lookup_finds_a_covering_flow_exactly_when_there_is_one(void **state)
{
    struct rig rig;
    struct random random;
    rig_init(&rig);
    random_seed(&random, 3);
    print_message("seed 3\n");
    for (int i = 0; i < 4000; i++) {
        struct flow_key mask = mask_source(16 + (unsigned)random_below(&random, 17));
        struct dp_packet *packets[EXACT_BURST];
        struct flow *found[EXACT_BURST];
        unsigned n = 1 + (unsigned)random_below(&random, 32);
        if (random_below(&random, 3) == 0 && rig.n < FLOWS_HERE) {
            (void)add(&rig, (uint16_t)random_below(&random, 3000), &mask);
        } else if (rig.n > 0 && random_below(&random, 3) == 0) {
            drop(&rig, random_below(&random, rig.n));
        }
        for (unsigned k = 0; k < n; k++) {
            packets[k] = &rig.packets[k];
            packets[k]->key = key_udp(1, (uint16_t)random_below(&random, 3000), 1);
        }
        megaflow_lookup(&rig.table, packets, n, found);
        for (unsigned k = 0; k < n; k++) {
            bool any = false;
            for (size_t f = 0; f < rig.n; f++) {
                any |= flow_covers(rig.have[f], &packets[k]->key);
            }
            assert_int_equal(found[k] != NULL, any);
            assert_true(found[k] == NULL || flow_covers(found[k], &packets[k]->key));
        }
        if (i % 100 == 0) {
            megaflow_rank(&rig.table);
        }
        for (size_t f = 0; f < rig.n; f++) {
            assert_true(key_mask_covers(&rig.table.looked_at, &rig.have[f]->mask->bits));
        }
    }
    rig_end(&rig);
}

static void bits_looked_at_widen_at_once_and_narrow_late(void **state)
{
    struct rig rig;
    rig_init(&rig);
    struct flow_key few = mask_source(8), many = mask_source(32);
    (void)add(&rig, 1, &few);
    assert_true(key_equal(&rig.table.looked_at, &few));
    (void)add(&rig, 2, &many);
    assert_true(key_equal(&rig.table.looked_at, &many));
    drop(&rig, 1);
    for (unsigned i = 1; i < MEGAFLOW_PATIENCE; i++) {
        megaflow_rank(&rig.table);
        assert_true(key_equal(&rig.table.looked_at, &many));
    }
    megaflow_rank(&rig.table);
    assert_true(key_equal(&rig.table.looked_at, &few));
    rig_end(&rig);
}

static struct flow_key mask_number(unsigned i)
{
    struct flow_key mask = mask_source(32);
    mask.l4_dst = be16((uint16_t)(i + 1));
    return mask;
}

static void flow_beyond_the_mask_limit_is_entered_key_by_key(void **state)
{
    struct rig rig;
    rig_init(&rig);
    for (unsigned i = 0; i < MEGAFLOW_MASKS_DEFAULT; i++) {
        struct flow_key mask = mask_number(i);
        (void)add(&rig, (uint16_t)(5000 + i), &mask);
    }
    assert_int_equal(rig.table.n_subtables, MEGAFLOW_MASKS_DEFAULT);
    struct flow_key mask = mask_source(24);
    struct flow *flow = add(&rig, 0x0101, &mask);
    assert_ptr_equal(add(&rig, 0x0102, &mask), flow);
    assert_int_equal(rig.table.n_subtables, MEGAFLOW_MASKS_DEFAULT);
    assert_int_equal(flow->entered, FLOW_KEY_BY_KEY);
    struct flow_key seen = key_udp(1, 0x0102, 1), unseen = key_udp(1, 0x0103, 1);
    assert_ptr_equal(look_up(&rig, &seen), flow);
    assert_null(look_up(&rig, &unseen));
    drop(&rig, rig.n - 1);
    assert_null(look_up(&rig, &seen));
    rig_end(&rig);
}

static void keys_of_flows_beyond_the_masks_are_bounded(void **state)
{
    struct rig rig;
    rig_init(&rig);
    for (unsigned i = 0; i < MEGAFLOW_MASKS_DEFAULT; i++) {
        struct flow_key mask = mask_number(i);
        (void)add(&rig, (uint16_t)(5000 + i), &mask);
    }
    struct flow_key mask = mask_source(8);
    struct flow *flow = add(&rig, 0, &mask);
    for (uint32_t i = 0; i < MEGAFLOW_KEYS * 4; i++) {
        struct flow_key key = key_udp(1, (uint16_t)i, (uint16_t)(2 + (i >> 16)));
        megaflow_insert(&rig.table, flow, &key);
        if (i % 1000 == 500) {
            assert_ptr_equal(look_up(&rig, &key), flow);
        }
    }
    assert_int_equal(exact_size(rig.table.keys), MEGAFLOW_KEYS);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookup_finds_a_covering_flow_exactly_when_there_is_one),
        cmocka_unit_test(bits_looked_at_widen_at_once_and_narrow_late),
        cmocka_unit_test(flow_beyond_the_mask_limit_is_entered_key_by_key),
        cmocka_unit_test(keys_of_flows_beyond_the_masks_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
