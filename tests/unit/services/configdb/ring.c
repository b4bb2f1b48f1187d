/* The ring: whole commits, n without gaps, bounded. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/msg/authors.h"
#include "services/configdb/ring.h"

static void push(struct fixture_base *base, struct ring *ring, uint64_t first_id, size_t n_rules, size_t value_bytes)
{
    struct error_detail detail;
    uint8_t *bytes = memory_zeroed(value_bytes + 1);
    assert_int_equal(rows_begin(base->rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base->rows);
    for (size_t i = 0; i < n_rules; i++) {
        Busbar__RuleRow rule = fixture_rule(1, i);
        Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
        Busbar__FieldMatch *matches[1] = {&match};
        match.value.data = bytes;
        match.value.len = value_bytes;
        rule.match = matches;
        rule.n_match = 1;
        assert_int_equal(overlay_set(overlay, CFG_RULE, first_id + i, NULL, &rule.base, &detail), 0);
    }
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    rows_end(base->rows);
    free(bytes);
}

struct seen {
    uint64_t ids[2000];
    size_t n;
};
static void see(void *context, const Busbar__Row *row)
{
    struct seen *seen = context;
    assert_true(seen->n < 2000);
    seen->ids[seen->n++] = row->id;
}

static void entries_are_found_by_n(void **state)
{
    struct fixture_base base;
    struct seen seen = {.n = 0};
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 100);
    assert_int_equal(ring_oldest(ring), 101);
    assert_null(ring_entry(ring, 100));
    assert_null(ring_entry(ring, 101));
    push(&base, ring, 7, 2, 10);
    push(&base, ring, 9, 1, 10);
    assert_int_equal(ring_newest(ring), 102);
    assert_int_equal(ring_entry(ring, 101)->n, 101);
    assert_int_equal(ring_entry(ring, 102)->tables, 1u << CFG_RULE);
    assert_null(ring_entry(ring, 103));
    ring_entry_rows(ring_entry(ring, 101), see, &seen);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.ids[1], 8);
    ring_destroy(&ring);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

/* What a reader is told of a commit beside its rows, of those that it does not see as well. */
static void a_commit_says_whose_it_is_and_which_tables_it_changed(void **state)
{
    struct fixture_base base;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 100);
    ring_push(ring, NULL, 0, authors_one(3));
    push(&base, ring, 7, 2, 10);
    Busbar__Delta *delta = busbar__delta__unpack(NULL, ring_entry(ring, 101)->pieces[0].size, ring_entry(ring, 101)->pieces[0].bytes);
    assert_true(authors_has(delta->authors, 3) && !authors_has(delta->authors, 1) && delta->tables == 0);
    busbar__delta__free_unpacked(delta, NULL);
    delta = busbar__delta__unpack(NULL, ring_entry(ring, 102)->pieces[0].size, ring_entry(ring, 102)->pieces[0].bytes);
    assert_true(delta->authors == AUTHORS_NONE && delta->tables == 1u << CFG_RULE && delta->n_changes == 2 && delta->last);
    busbar__delta__free_unpacked(delta, NULL);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void a_large_commit_comes_in_pieces_with_last_on_the_final_one(void **state)
{
    struct fixture_base base;
    struct seen seen = {.n = 0};
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    push(&base, ring, 1, 1000, 2000);
    const struct ring_entry *entry = ring_entry(ring, 1);
    assert_true(entry->n_pieces > 2);
    for (size_t i = 0; i < entry->n_pieces; i++) {
        Busbar__Delta *delta = busbar__delta__unpack(NULL, entry->pieces[i].size, entry->pieces[i].bytes);
        assert_non_null(delta);
        assert_true(entry->pieces[i].size < 1024 * 1024);
        assert_int_equal(delta->version->n, 1);
        assert_int_equal(delta->version->epoch, 5);
        assert_int_equal(delta->last, i + 1 == entry->n_pieces);
        busbar__delta__free_unpacked(delta, NULL);
    }
    ring_entry_rows(entry, see, &seen);
    assert_int_equal(seen.n, 1000);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void the_oldest_leave_when_a_bound_is_reached(void **state)
{
    struct fixture_base base;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    for (uint64_t i = 1; ring_oldest(ring) < 100; i++) { /* the smallest there are */
        ring_push(ring, NULL, 0, AUTHORS_NONE);
        assert_int_equal(ring_newest(ring), i);
        assert_true(i <= RING_ENTRIES_MAX && ring_bytes(ring) <= RING_BYTES_MAX);
    }
    assert_true(ring_newest(ring) - ring_oldest(ring) > 4 * 58000); /* seconds of the fastest writers */
    size_t n = ring_newest(ring) - ring_oldest(ring) + 1;
    assert_true(ring_bytes(ring) > n * (sizeof(struct ring_entry) + sizeof(struct ring_piece)));
    for (int i = 0; i < 40; i++) {
        push(&base, ring, 1, 10, 200000);
        assert_true(ring_bytes(ring) <= RING_BYTES_MAX);
    }
    assert_true(ring_oldest(ring) > 20);
    assert_non_null(ring_entry(ring, ring_oldest(ring)));
    assert_null(ring_entry(ring, ring_oldest(ring) - 1));
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void a_difference_of_places_is_the_bytes_between_them(void **state)
{
    struct fixture_base base;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 100);
    assert_int_equal(ring_upto(ring, 100), 0);
    for (uint64_t i = 1; i <= 40; i++) {
        push(&base, ring, i, 10, i <= 3 ? 1000 * i : 200000);
    }
    assert_true(ring_oldest(ring) > 104);
    uint64_t oldest = ring_oldest(ring), newest = ring_newest(ring);
    assert_int_equal(ring_upto(ring, newest) - ring_upto(ring, newest - 2), ring_entry(ring, newest)->size + ring_entry(ring, newest - 1)->size);
    size_t bytes = 0;
    for (uint64_t n = oldest; n <= newest; n++) {
        bytes += ring_entry(ring, n)->size;
    }
    assert_int_equal(ring_upto(ring, newest) - ring_upto(ring, oldest - 1), bytes);
    assert_true(ring_bytes(ring) > bytes); /* that is memory */
    assert_int_equal(ring_upto(ring, 100), ring_upto(ring, oldest - 1)); /* what has left counts as one */
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void counters_are_left_out(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct seen seen = {.n = 0};
    Busbar__CounterRow counter = BUSBAR__COUNTER_ROW__INIT;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base.rows);
    assert_int_equal(overlay_set(overlay, CFG_COUNTER, 1, NULL, &counter.base, &detail), 0);
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    ring_entry_rows(ring_entry(ring, 1), see, &seen);
    assert_int_equal(seen.n, 0);
    assert_int_equal(ring_entry(ring, 1)->tables, 0);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void an_entry_knows_the_bridge_of_its_rules_if_they_have_one(void **state)
{
    static const struct {
        uint64_t first, second; /* bridges of two rules; 0: one that goes */
        uint64_t bridge;
    } cases[] = {{7, 7, 7}, {7, 8, 0}, {7, 0, 0}, {0, 7, 0}, {0, 0, RING_BRIDGE_ANY}};
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
        struct overlay *before = overlay_new(base.rows), *overlay;
        Busbar__RuleRow old = fixture_rule(7, 1);
        assert_int_equal(overlay_set(before, CFG_RULE, 1, NULL, &old.base, &detail), 0);
        assert_int_equal(overlay_set(before, CFG_RULE, 2, NULL, &old.base, &detail), 0);
        assert_int_equal(overlay_write(before), 0);
        overlay_destroy(&before);
        overlay = overlay_new(base.rows);
        for (uint64_t k = 0; k < 2; k++) {
            uint64_t bridge = k == 0 ? cases[i].first : cases[i].second;
            Busbar__RuleRow rule = fixture_rule(bridge, 2);
            if (bridge == 0) {
                assert_int_equal(overlay_delete(overlay, CFG_RULE, k + 1, &old.base), 0);
            } else {
                assert_int_equal(overlay_set(overlay, CFG_RULE, k + 1, &old.base, &rule.base, &detail), 0);
            }
        }
        ring_push(ring, &overlay, 1, AUTHORS_NONE);
        assert_true(ring_entry(ring, ring_newest(ring))->bridge == cases[i].bridge);
        overlay_destroy(&overlay);
        rows_end(base.rows);
    }
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found_by_n),
        cmocka_unit_test(a_commit_says_whose_it_is_and_which_tables_it_changed),
        cmocka_unit_test(a_large_commit_comes_in_pieces_with_last_on_the_final_one),
        cmocka_unit_test(the_oldest_leave_when_a_bound_is_reached),
        cmocka_unit_test(a_difference_of_places_is_the_bytes_between_them),
        cmocka_unit_test(counters_are_left_out),
        cmocka_unit_test(an_entry_knows_the_bridge_of_its_rules_if_they_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
