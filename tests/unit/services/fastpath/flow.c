/* The table of flows. Unit test, one thread.
 * What may never happen: a place whose flow has ended covers a packet.
 * Ten thousand flows come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/fastpath/flow.h"
#include "tests/unit/services/fastpath/frames.h"

struct rig {
    struct flow_table *flows;
    struct program_table *programs;
};

static struct rig rig_new(void)
{
    return (struct rig){.flows = flow_table_new(), .programs = program_table_new()};
}

static void rig_end(struct rig *rig)
{
    flow_table_destroy(&rig->flows);
    program_table_destroy(&rig->programs);
}

static struct flow *add(struct rig *rig, uint16_t source)
{
    struct flow_key key = key_udp(1, source, 1), mask = mask_all();
    bool is_new;
    struct program *program = program_get(rig->programs, NULL, 0, NULL, 0, &is_new);
    struct flow *flow = flow_table_add(rig->flows, &key, &mask, key_flow_id(&key, &mask), &program);
    assert_null(program);
    return flow;
}

static void flows_are_found_by_id_until_they_end(void **state)
{
    struct rig rig = rig_new();
    for (uint16_t i = 0; i < 10000; i++) {
        struct flow *flow = add(&rig, i);
        assert_ptr_equal(flow, flow_table_base(rig.flows) + flow->number);
    }
    assert_int_equal(flow_table_count(rig.flows), 10000);
    assert_int_equal(flow_table_masks(rig.flows), 1);
    for (uint16_t i = 0; i < 10000; i++) {
        struct flow_key key = key_udp(1, i, 1), mask = mask_all();
        struct flow *flow = flow_table_find(rig.flows, key_flow_id(&key, &mask));
        assert_non_null(flow);
        assert_true(flow_covers(flow, &key));
        if (i % 2 == 0) {
            flow_table_remove(rig.flows, flow);
            assert_null(flow_table_find(rig.flows, key_flow_id(&key, &mask)));
        }
    }
    size_t cursor = 0, n = 0;
    while (flow_table_next(rig.flows, &cursor) != NULL) {
        n++;
    }
    assert_int_equal(n, 5000);
    rig_end(&rig);
}

static void walk_looks_at_no_more_places_than_it_may(void **state)
{
    struct rig rig = rig_new();
    for (uint16_t i = 0; i < 100; i++) {
        flow_table_remove(rig.flows, add(&rig, i));
        (void)add(&rig, i);
    }
    for (uint16_t i = 0; i < 99; i++) {
        struct flow_key key = key_udp(1, i, 1), mask = mask_all();
        flow_table_remove(rig.flows, flow_table_find(rig.flows, key_flow_id(&key, &mask)));
    }
    size_t cursor = 0, left = 50, n_calls = 1;
    struct flow *flow;
    while ((flow = flow_table_next_within(rig.flows, &cursor, &left)) == NULL) {
        assert_int_equal(left, 0);
        left = 50;
        n_calls++;
    }
    assert_true(n_calls >= 2);
    assert_null(flow_table_next_within(rig.flows, &cursor, &left));
    assert_true(left > 0);
    rig_end(&rig);
}

static void place_whose_flow_has_ended_covers_nothing(void **state)
{
    struct rig rig = rig_new();
    struct flow *first = add(&rig, 1), *none = flow_table_base(rig.flows) + FLOW_NONE;
    struct flow_key key = key_udp(1, 1, 1), ones = mask_all();
    ones.reserved[0] = 0; /* as a parser leaves it */
    assert_true(flow_covers(first, &key));
    assert_false(flow_covers(none, &key));
    assert_false(flow_covers(none, &ones));
    flow_table_remove(rig.flows, first);
    assert_false(flow_covers(first, &key));
    assert_false(flow_covers(first, &ones));
    assert_int_equal(flow_table_masks(rig.flows), 0);
    struct flow *second = add(&rig, 2);
    assert_ptr_equal(second, first);
    assert_false(flow_covers(second, &key));
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_are_found_by_id_until_they_end),
        cmocka_unit_test(walk_looks_at_no_more_places_than_it_may),
        cmocka_unit_test(place_whose_flow_has_ended_covers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
