/* Batches: the commits of the ring, whole and in order, as many as fit, with the rows of the asked tables only. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/msg/authors.h"
#include "services/configdb/batch.h"

/* One commit of a rule with `bytes` in its match, or, mixed, of a bridge and a port. */
static void push(struct fixture_base *base, struct ring *ring, uint64_t id, size_t bytes, bool is_mixed)
{
    struct error_detail detail;
    assert_int_equal(rows_begin(base->rows, is_mixed ? ROWS_DISK : ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base->rows);
    if (is_mixed) {
        Busbar__BridgeRow bridge = fixture_bridge("br0");
        Busbar__SwitchRow settings = BUSBAR__SWITCH_ROW__INIT;
        assert_int_equal(overlay_set(overlay, CFG_BRIDGE, id, NULL, &bridge.base, &detail), 0);
        assert_int_equal(overlay_set(overlay, CFG_SWITCH, 1, NULL, &settings.base, &detail), 0);
    } else {
        uint8_t *value = memory_zeroed(bytes + 1);
        Busbar__RuleRow rule = fixture_rule(1, id);
        Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
        Busbar__FieldMatch *matches[1] = {&match};
        match.value.data = value;
        match.value.len = bytes;
        rule.match = matches;
        rule.n_match = 1;
        assert_int_equal(overlay_set(overlay, CFG_RULE, id, NULL, &rule.base, &detail), 0);
        free(value);
    }
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    rows_end(base->rows);
}

static void make(struct batch *batch, const struct ring *ring, uint32_t tables, uint64_t from, size_t max_versions, size_t max_bytes)
{
    const struct view view = {.tables = tables, .bridges.is_all = true};
    batch_make(batch, ring, &view, from, max_versions, max_bytes);
}

static bool is_at(const struct batch *batch, const struct ring *ring, uint32_t tables, uint64_t from)
{
    const struct view view = {.tables = tables, .bridges.is_all = true};
    return batch_is_at(batch, ring, &view, from);
}

static Busbar__DeltaBatch *unpacked(const struct batch *batch)
{
    Busbar__DeltaBatch *message = busbar__delta_batch__unpack(NULL, batch->body.size, batch->body.bytes);
    assert_non_null(message);
    assert_int_equal(message->n_deltas, batch->n);
    for (size_t i = 0; i < message->n_deltas; i++) {
        assert_true(message->deltas[i]->last);
        assert_int_equal(message->deltas[i]->version->n, batch->from + i);
    }
    return message;
}

static void commits_stand_whole_and_in_order_without_rows_nobody_asked_for(void **state)
{
    struct fixture_base base;
    struct batch batch;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 100);
    batch_init(&batch);
    push(&base, ring, 7, 10, false);
    push(&base, ring, 1, 0, true);
    push(&base, ring, 8, 300, false); /* its length takes two bytes */
    make(&batch, ring, 1u << CFG_RULE | 1u << CFG_BRIDGE, 101, 10, 10000);
    Busbar__DeltaBatch *message = unpacked(&batch);
    assert_int_equal(message->n_deltas, 3);
    assert_int_equal(message->deltas[0]->changes[0]->id, 7);
    assert_int_equal(message->deltas[1]->n_changes, 1);
    assert_int_equal(message->deltas[1]->changes[0]->table, CFG_BRIDGE);
    assert_int_equal(message->deltas[2]->version->epoch, 5);
    assert_int_equal(message->deltas[2]->changes[0]->id, 8);
    busbar__delta_batch__free_unpacked(message, NULL);
    make(&batch, ring, 1u << CFG_PORT, 101, 10, 10000);
    message = unpacked(&batch);
    assert_int_equal(message->n_deltas, 3);
    assert_int_equal(message->deltas[0]->n_changes + message->deltas[1]->n_changes + message->deltas[2]->n_changes, 0);
    busbar__delta_batch__free_unpacked(message, NULL);
    batch_fini(&batch);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void it_is_bounded_and_ends_before_a_commit_of_several_pieces(void **state)
{
    struct fixture_base base;
    struct batch batch;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    batch_init(&batch);
    for (uint64_t i = 1; i <= 9; i++) {
        push(&base, ring, i, 1000, false);
    }
    make(&batch, ring, 1u << CFG_RULE, 2, 4, 100000);
    assert_int_equal(batch.n, 4);
    make(&batch, ring, 1u << CFG_RULE, 2, 100, 3500);
    assert_int_equal(batch.n, 3);
    assert_true(batch.body.size <= 3500);
    make(&batch, ring, 1u << CFG_RULE, 10, 100, 100000);
    assert_int_equal(batch.n, 0);
    struct overlay *overlays[2] = {NULL, NULL};
    struct error_detail detail;
    uint8_t *value = memory_zeroed(RING_PIECE_BYTES);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    overlays[0] = overlay_new(base.rows);
    for (uint64_t i = 20; i < 23; i++) {
        Busbar__RuleRow rule = fixture_rule(1, i);
        Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
        Busbar__FieldMatch *matches[1] = {&match};
        match.value.data = value;
        match.value.len = RING_PIECE_BYTES;
        rule.match = matches;
        rule.n_match = 1;
        assert_int_equal(overlay_set(overlays[0], CFG_RULE, i, NULL, &rule.base, &detail), 0);
    }
    ring_push(ring, overlays, 1, AUTHORS_NONE);
    assert_true(ring_entry(ring, 10)->n_pieces > 1);
    overlay_destroy(&overlays[0]);
    rows_end(base.rows);
    free(value);
    make(&batch, ring, 1u << CFG_RULE, 8, 100, 100000);
    assert_int_equal(batch.n, 2);
    make(&batch, ring, 1u << CFG_RULE, 10, 100, 16 << 20);
    assert_int_equal(batch.n, 0);
    batch_fini(&batch);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void readers_at_one_place_share_it_until_the_ring_goes_on(void **state)
{
    struct fixture_base base;
    struct batch batch;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    batch_init(&batch);
    push(&base, ring, 1, 10, false);
    push(&base, ring, 2, 10, false);
    make(&batch, ring, 1u << CFG_RULE, 1, 100, 10000);
    uint64_t serial = batch.serial;
    make(&batch, ring, 1u << CFG_RULE, 1, 50, 9000);
    assert_int_equal(batch.serial, serial);
    assert_true(is_at(&batch, ring, 1u << CFG_RULE, 1));
    assert_false(is_at(&batch, ring, 1u << CFG_RULE, 2) || is_at(&batch, ring, 1u << CFG_PORT, 1));
    const struct view view = {.tables = 1u << CFG_RULE, .bridges.is_all = true};
    assert_true(batch_fits(&batch, ring, &view, 1, 2, batch.body.size));
    assert_false(batch_fits(&batch, ring, &view, 1, 1, 9000) || batch_fits(&batch, ring, &view, 1, 2, batch.body.size - 1));
    make(&batch, ring, 1u << CFG_RULE, 1, 1, 9000); /* it has room for less */
    assert_int_not_equal(batch.serial, serial);
    assert_int_equal(batch.n, 1);
    serial = batch.serial;
    push(&base, ring, 3, 10, false);
    assert_false(is_at(&batch, ring, 1u << CFG_RULE, 1));
    make(&batch, ring, 1u << CFG_RULE, 1, 50, 9000);
    assert_int_not_equal(batch.serial, serial);
    assert_int_equal(batch.n, 3);
    make(&batch, ring, 1u << CFG_BRIDGE, 1, 50, 9000);
    assert_int_not_equal(batch.serial, serial + 1);
    batch_fini(&batch);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

/* Commits of other bridges that follow one another are one Delta; those of the reader's stand as they are. */
static void a_reader_by_bridge_gets_one_delta_for_what_it_does_not_see(void **state)
{
    struct fixture_base base;
    struct batch batch;
    struct error_detail detail;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    batch_init(&batch);
    static const uint64_t bridges[] = {9, 9, 9, 7, 9, 7, 9, 9};
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
        struct overlay *overlay = overlay_new(base.rows);
        Busbar__RuleRow rule = fixture_rule(bridges[i], i);
        assert_int_equal(overlay_set(overlay, CFG_RULE, i + 1, NULL, &rule.base, &detail), 0);
        ring_push(ring, &overlay, 1, AUTHORS_NONE);
        overlay_destroy(&overlay);
        rows_end(base.rows);
    }
    struct view view = {.tables = 1u << CFG_RULE};
    bridge_set_assign(&view.bridges, (const uint64_t[]){7}, 1);
    batch_make(&batch, ring, &view, 1, 100, 100000);
    assert_int_equal(batch.n, 8);
    Busbar__DeltaBatch *message = busbar__delta_batch__unpack(NULL, batch.body.size, batch.body.bytes);
    static const struct {
        uint64_t n, since;
        size_t n_changes;
    } expected[] = {{3, 1, 0}, {4, 0, 1}, {5, 0, 0}, {6, 0, 1}, {8, 7, 0}};
    assert_int_equal(message->n_deltas, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(message->deltas[i]->version->n, expected[i].n);
        assert_int_equal(message->deltas[i]->since, expected[i].since);
        assert_int_equal(message->deltas[i]->n_changes, expected[i].n_changes);
    }
    busbar__delta_batch__free_unpacked(message, NULL);
    uint64_t serial = batch.serial;
    bridge_set_assign(&view.bridges, (const uint64_t[]){7, 9}, 2); /* another filter, another batch */
    batch_make(&batch, ring, &view, 1, 100, 100000);
    assert_int_not_equal(batch.serial, serial);
    message = busbar__delta_batch__unpack(NULL, batch.body.size, batch.body.bytes);
    assert_int_equal(message->n_deltas, 8);
    busbar__delta_batch__free_unpacked(message, NULL);
    view_fini(&view);
    batch_fini(&batch);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void a_large_commit_is_filtered_piece_by_piece(void **state)
{
    enum { RULES = 40, BYTES = 100 * 1000 };
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 0);
    uint8_t *value = memory_zeroed(BYTES);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base.rows);
    for (uint64_t i = 0; i < RULES; i++) {
        Busbar__RuleRow rule = fixture_rule(i < 10 || i == 20 ? 7 : 9, i); /* of bridge 7 in the beginning and one in the middle */
        Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
        Busbar__FieldMatch *matches[1] = {&match};
        match.value = (ProtobufCBinaryData){.data = value, .len = BYTES};
        rule.match = matches;
        rule.n_match = 1;
        assert_int_equal(overlay_set(overlay, CFG_RULE, i + 1, NULL, &rule.base, &detail), 0);
    }
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    const struct ring_entry *entry = ring_entry(ring, 1);
    struct view view = {.tables = 1u << CFG_RULE};
    bridge_set_assign(&view.bridges, (const uint64_t[]){7}, 1);
    assert_int_equal(view_share(&view, entry), VIEW_BY_ROW);
    size_t n_rows = 0, n_left_out = 0;
    for (size_t piece = 0; piece < entry->n_pieces; piece++) {
        size_t size;
        uint8_t *bytes = batch_filtered(ring, entry, piece, 1, &view, &size);
        Busbar__Delta *delta = bytes != NULL ? busbar__delta__unpack(NULL, size, bytes) : NULL;
        n_left_out += bytes == NULL;
        assert_true(bytes != NULL || piece + 1 < entry->n_pieces);
        assert_true(bytes == NULL || size <= entry->pieces[piece].size);
        assert_true(delta == NULL || (delta->last == (piece + 1 == entry->n_pieces) && delta->version->n == 1));
        n_rows += delta != NULL ? delta->n_changes : 0;
        busbar__delta__free_unpacked(delta, NULL);
        free(bytes);
    }
    assert_int_equal(n_rows, 11);
    assert_true(n_left_out > 0 && n_left_out < entry->n_pieces - 1);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    free(value);
    view_fini(&view);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_stand_whole_and_in_order_without_rows_nobody_asked_for),
        cmocka_unit_test(it_is_bounded_and_ends_before_a_commit_of_several_pieces),
        cmocka_unit_test(a_reader_by_bridge_gets_one_delta_for_what_it_does_not_see),
        cmocka_unit_test(a_large_commit_is_filtered_piece_by_piece),
        cmocka_unit_test(readers_at_one_place_share_it_until_the_ring_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
