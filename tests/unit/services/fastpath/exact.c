/* The exact cache, with each of the lookups this CPU has. Unit test, one thread; prints its seed.
 * What may never happen: a packet gets a flow that does not cover it; an entry outlives its flow (I1, I3).
 * Tens of thousands of keys through a cache of sixteen thousand entries, while flows come, go and change places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "services/fastpath/exact.h"
#include "tests/unit/services/fastpath/frames.h"

static const char *const names[] = {"plain", "sse4.2", "avx2", "avx512"};
enum { NAMES = sizeof names / sizeof names[0], FLOWS = 300 };

struct rig {
    struct flow_table *flows;
    struct program_table *programs;
    struct exact_cache cache;
    struct exact_bits bits;
    struct dp_packet *packets; /* EXACT_BURST */
};

static void rig_init(struct rig *rig, const struct flow_key *looked_at)
{
    *rig = (struct rig){.flows = flow_table_new(), .programs = program_table_new(), .packets = memory_lines(EXACT_BURST * sizeof *rig->packets)};
    exact_init(&rig->cache, flow_table_base(rig->flows), EXACT_MIN);
    exact_bits_set(&rig->bits, 1, looked_at);
}

static void rig_end(struct rig *rig)
{
    exact_fini(&rig->cache);
    flow_table_destroy(&rig->flows);
    program_table_destroy(&rig->programs);
    free(rig->packets);
}

static struct flow *add(struct rig *rig, const struct flow_key *key, const struct flow_key *mask)
{
    bool is_new;
    struct flow_id id = key_flow_id(key, mask);
    struct flow *flow = flow_table_find(rig->flows, id);
    struct program *program = flow == NULL ? program_get(rig->programs, NULL, 0, NULL, 0, &is_new) : NULL;
    return flow != NULL ? flow : flow_table_add(rig->flows, key, mask, id, &program);
}

static struct flow *look_up(struct rig *rig, const struct flow_key *key, uint32_t *out_hash)
{
    struct flow *flow;
    rig->packets[0].key = *key;
    exact_lookup(&rig->cache, &rig->bits, rig->packets, 1, out_hash, &flow);
    return flow;
}

static void packets_that_no_flow_tells_apart_share_an_entry(void **state)
{
    struct rig rig;
    struct flow_key mask = mask_source(24), key = key_udp(1, 0x0100, 1);
    uint32_t hash;
    rig_init(&rig, &mask);
    struct flow *flow = add(&rig, &key, &mask);
    assert_null(look_up(&rig, &key, &hash));
    exact_insert(&rig.cache, hash, flow);
    for (uint32_t port = 0; port < 10000; port++) {
        struct flow_key other = key_udp(1, (uint16_t)(0x0100 + port % 256), (uint16_t)port);
        assert_ptr_equal(look_up(&rig, &other, &hash), flow);
    }
    struct flow_key outside = key_udp(1, 0x0200, 1);
    assert_null(look_up(&rig, &outside, &hash));
    rig_end(&rig);
}

static void another_ingress_port_has_entries_of_its_own(void **state)
{
    struct flow_key mask = mask_source(24), key = key_udp(1, 0x0100, 1), other = key_udp(2, 0x0100, 1);
    struct exact_bits first, second;
    exact_bits_set(&first, 1, &mask);
    exact_bits_set(&second, 2, &mask);
    assert_int_not_equal(exact_hash(&first, &key), exact_hash(&second, &other));
}

/* Every lookup says the same, and what it says is right: a covering flow whenever one was entered for that hash and not pushed out. */
static void every_lookup_gives_covering_flows_only_and_all_agree(void **state)
{
    struct rig rig;
    struct random random;
    struct flow_key looked_at = mask_source(32);
    size_t n_hits = 0, n_lookups = 0;
    random_seed(&random, 7);
    print_message("seed 7\n");
    for (size_t i = 0; i < NAMES; i++) {
        n_lookups += exact_lookup_named(names[i]) != NULL;
        print_message("%s: %s\n", names[i], exact_lookup_named(names[i]) != NULL ? "tested" : "not on this CPU");
    }
    looked_at.l4_src = be16(0xffff);
    rig_init(&rig, &looked_at);
    for (int round = 0; round < 2000; round++) {
        unsigned n = 1 + (unsigned)random_below(&random, EXACT_BURST);
        uint32_t hashes[NAMES][EXACT_BURST];
        struct flow *found[NAMES][EXACT_BURST];
        for (unsigned i = 0; i < n; i++) {
            rig.packets[i].key = key_udp(1, (uint16_t)random_below(&random, FLOWS), (uint16_t)random_below(&random, 20));
        }
        for (size_t v = 0; v < NAMES; v++) {
            exact_lookup_fn *lookup = exact_lookup_named(names[v]);
            if (lookup != NULL) {
                lookup(&rig.cache, &rig.bits, rig.packets, n, hashes[v], found[v]);
                assert_memory_equal(hashes[v], hashes[0], n * sizeof hashes[0][0]);
                assert_memory_equal(found[v], found[0], n * sizeof found[0][0]);
            }
        }
        for (unsigned i = 0; i < n; i++) {
            const struct flow_key *key = &rig.packets[i].key;
            assert_int_equal(hashes[0][i], exact_hash(&rig.bits, key));
            assert_true(found[0][i] == NULL || (found[0][i]->is_used && key_equal_under(&found[0][i]->key, key, &found[0][i]->mask->bits)));
            n_hits += found[0][i] != NULL;
            if (found[0][i] == NULL) {
                struct flow_key mask = mask_source(20 + (unsigned)random_below(&random, 13));
                exact_insert(&rig.cache, hashes[0][i], add(&rig, key, &mask));
            } else if (random_below(&random, 4) == 0) {
                for (unsigned k = 0; k < n; k++) { /* it may stand in this burst several times */
                    found[0][k] = k != i && found[0][k] == found[0][i] ? NULL : found[0][k];
                }
                flow_table_remove(rig.flows, found[0][i]);
            }
        }
    }
    assert_true(n_lookups >= 1 && n_hits > 10000);
    rig_end(&rig);
}

static void flow_that_ends_is_gone_from_all_entries_at_once(void **state)
{
    struct rig rig;
    struct flow_key everything = mask_all(), mask = mask_source(16), key = key_udp(1, 1, 1);
    uint32_t hash;
    rig_init(&rig, &everything);
    struct flow *flow = add(&rig, &key, &mask);
    for (uint16_t i = 0; i < 1000; i++) {
        struct flow_key other = key_udp(1, i, 2);
        exact_insert(&rig.cache, exact_hash(&rig.bits, &other), flow);
        assert_ptr_equal(look_up(&rig, &other, &hash), flow);
    }
    flow_table_remove(rig.flows, flow);
    for (uint16_t i = 0; i < 1000; i++) {
        struct flow_key other = key_udp(1, i, 2);
        assert_null(look_up(&rig, &other, &hash));
    }
    rig_end(&rig);
}

static void crowded_cache_doubles_up_to_its_limit_and_forgets_nothing(void **state)
{
    enum { KEYS = 50000 };
    struct rig rig;
    struct flow_key everything = mask_all(), mask = mask_source(8), key = key_udp(1, 1, 1);
    uint32_t hash;
    size_t n_known[2] = {0, 0};
    rig_init(&rig, &everything);
    struct flow *flow = add(&rig, &key, &mask);
    for (int round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            struct flow_key other = key_udp(1, (uint16_t)i, (uint16_t)(i >> 16));
            exact_insert(&rig.cache, exact_hash(&rig.bits, &other), flow);
        }
        for (int side = 0; side < 2; side++) {
            n_known[side] = 0;
            for (uint32_t i = 0; i < KEYS; i++) {
                struct flow_key other = key_udp(1, (uint16_t)i, (uint16_t)(i >> 16));
                n_known[side] += look_up(&rig, &other, &hash) != NULL;
            }
            if (side == 0) {
                exact_grow_if_crowded(&rig.cache, EXACT_MIN * 4);
            }
        }
        assert_int_equal(n_known[0], n_known[1]);
    }
    assert_int_equal(exact_size(&rig.cache), EXACT_MIN * 4);
    assert_true(n_known[1] > KEYS * 95 / 100);
    exact_clear(&rig.cache);
    assert_null(look_up(&rig, &key, &hash));
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_that_no_flow_tells_apart_share_an_entry),
        cmocka_unit_test(another_ingress_port_has_entries_of_its_own),
        cmocka_unit_test(every_lookup_gives_covering_flows_only_and_all_agree),
        cmocka_unit_test(flow_that_ends_is_gone_from_all_entries_at_once),
        cmocka_unit_test(crowded_cache_doubles_up_to_its_limit_and_forgets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
