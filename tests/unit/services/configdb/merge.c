/* Merged commits: whoever applies them is where he would be who applied the commits one by one, from any place to any other. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/base/random.h"
#include "lib/msg/authors.h"
#include "services/configdb/merge.h"

enum { IDS = 12, TABLES = 2, COMMITS = 400 };

static void make(struct batch *batch, const struct ring *ring, uint32_t of_tables, uint64_t from, size_t max_versions, size_t max_bytes)
{
    const struct view view = {.tables = of_tables, .bridges.is_all = true};
    merge_make(batch, ring, &view, from, max_versions, max_bytes);
}

static const enum cfg_table tables[TABLES] = {CFG_RULE, CFG_METER};

/* What a reader has: the value of each row by its cookie or bands' sum, 0: no row. */
struct model {
    uint64_t rows[TABLES][IDS];
};

static uint64_t value_of(const Busbar__Row *row)
{
    uint64_t value;
    if (row->table == CFG_RULE) {
        Busbar__RuleRow *rule = busbar__rule_row__unpack(NULL, row->value.len, row->value.data);
        assert_non_null(rule);
        value = rule->cookie;
        busbar__rule_row__free_unpacked(rule, NULL);
    } else {
        Busbar__MeterRow *meter = busbar__meter_row__unpack(NULL, row->value.len, row->value.data);
        assert_non_null(meter);
        value = meter->meter_id;
        busbar__meter_row__free_unpacked(meter, NULL);
    }
    return value;
}

static void model_row(void *context, const Busbar__Row *row)
{
    struct model *model = context;
    assert_true(row->table == CFG_RULE || row->table == CFG_METER);
    model->rows[row->table == CFG_METER][row->id % IDS] = row->deleted ? 0 : value_of(row);
}

static void set(struct overlay *overlay, enum cfg_table table, uint64_t id, uint64_t value, size_t bytes)
{
    static uint8_t large[100000];
    struct error_detail detail;
    Busbar__RuleRow rule = fixture_rule(1, 1);
    Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
    Busbar__FieldMatch *matches[1] = {&match};
    Busbar__MeterRow meter = BUSBAR__METER_ROW__INIT;
    match.value = (ProtobufCBinaryData){.data = large, .len = bytes};
    rule.match = matches;
    rule.n_match = bytes > 0 ? 1 : 0;
    rule.cookie = value;
    meter.bridge = 1;
    meter.meter_id = (uint32_t)value;
    const ProtobufCMessage *row = table == CFG_RULE ? &rule.base : &meter.base;
    if (value == 0) {
        assert_int_equal(overlay_delete(overlay, table, id, row), 0);
    } else {
        assert_int_equal(overlay_set(overlay, table, id, NULL, row, &detail), 0);
    }
}

static void push_random(struct fixture_base *base, struct ring *ring, struct random *r, uint64_t serial)
{
    assert_int_equal(rows_begin(base->rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base->rows);
    uint64_t first = random_below(r, IDS);
    for (uint64_t i = 0; i < random_below(r, 4); i++) { /* ids differ within a commit; of more than one byte, too */
        set(overlay, tables[random_below(r, TABLES)], (first + i) % IDS + 12 * 100, random_below(r, 4) == 0 ? 0 : serial * 4 + i, random_below(r, 300));
    }
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    rows_end(base->rows);
}

static Busbar__DeltaMerged *unpacked(const struct batch *batch)
{
    Busbar__DeltaMerged *merged = busbar__delta_merged__unpack(NULL, batch->body.size, batch->body.bytes);
    assert_non_null(merged);
    assert_int_equal(merged->since, batch->from);
    assert_int_equal(merged->version->n, batch->from + batch->n - 1);
    assert_int_equal(merged->version->epoch, 5);
    return merged;
}

static void one_step_leads_where_many_do(void **state)
{
    const uint64_t seed = 20261127;
    struct fixture_base base;
    struct random r;
    struct batch batch;
    random_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    fixture_base_init(&base);
    batch_init(&batch);
    struct ring *ring = ring_new(5, 1000);
    for (uint64_t i = 1; i <= COMMITS; i++) {
        push_random(&base, ring, &r, i);
    }
    for (int turn = 0; turn < 300; turn++) {
        struct model one_by_one = {0}, at_once;
        uint64_t from = 1001 + random_below(&r, COMMITS);
        size_t most = 1 + random_below(&r, COMMITS);
        for (uint64_t n = 1001; n < from; n++) {
            ring_entry_rows(ring_entry(ring, n), model_row, &one_by_one);
        }
        at_once = one_by_one;
        batch.n = 0; /* not the one of an earlier turn, which may be shorter */
        make(&batch, ring, 1u << CFG_RULE | 1u << CFG_METER, from, most, 1 << 20);
        assert_int_equal(batch.n, most < 1001 + COMMITS - from ? most : 1001 + COMMITS - from);
        Busbar__DeltaMerged *merged = unpacked(&batch);
        assert_true(merged->n_changes <= (size_t)IDS * TABLES);
        for (size_t i = 0; i < merged->n_changes; i++) {
            model_row(&at_once, merged->changes[i]);
        }
        busbar__delta_merged__free_unpacked(merged, NULL);
        for (uint64_t n = from; n < from + batch.n; n++) {
            ring_entry_rows(ring_entry(ring, n), model_row, &one_by_one);
        }
        assert_memory_equal(&one_by_one, &at_once, sizeof at_once);
    }
    batch_fini(&batch);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void push_one(struct fixture_base *base, struct ring *ring, enum cfg_table table, uint64_t id, uint64_t value, size_t bytes)
{
    assert_int_equal(rows_begin(base->rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base->rows);
    set(overlay, table, id, value, bytes);
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    rows_end(base->rows);
}

/* The order is that of the last changes; commits of other tables count, and their rows do not come. */
static void rows_come_once_in_order_and_those_of_other_tables_not(void **state)
{
    static const uint64_t ids[] = {7, 8, 7, 9};
    struct fixture_base base;
    struct batch batch;
    fixture_base_init(&base);
    batch_init(&batch);
    struct ring *ring = ring_new(5, 100);
    for (size_t i = 0; i < 4; i++) {
        push_one(&base, ring, CFG_RULE, ids[i], i + 1, 0);
        push_one(&base, ring, CFG_METER, 1, i + 1, 0);
    }
    make(&batch, ring, 1u << CFG_RULE, 101, 100, 100000);
    Busbar__DeltaMerged *merged = unpacked(&batch);
    assert_int_equal(batch.n, 8);
    assert_int_equal(merged->n_changes, 3);
    assert_true(merged->changes[0]->id == 8 && merged->changes[1]->id == 7 && merged->changes[2]->id == 9);
    assert_int_equal(value_of(merged->changes[1]), 3);
    assert_int_equal(merged->authors, AUTHORS_NONE);
    assert_int_equal(merged->tables, 1u << CFG_RULE | 1u << CFG_METER); /* those that it is not shown, too */
    busbar__delta_merged__free_unpacked(merged, NULL);
    make(&batch, ring, 1u << CFG_BRIDGE, 101, 100, 100000);
    merged = unpacked(&batch);
    assert_true(batch.n == 8 && merged->n_changes == 0);
    busbar__delta_merged__free_unpacked(merged, NULL);
    batch_fini(&batch);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void it_is_bounded_and_made_once_for_a_place(void **state)
{
    enum { BYTES = 10000 };
    struct fixture_base base;
    struct batch batch;
    fixture_base_init(&base);
    batch_init(&batch);
    struct ring *ring = ring_new(5, 0);
    for (uint64_t i = 1; i <= 9; i++) {
        push_one(&base, ring, CFG_RULE, i, i, BYTES);
    }
    make(&batch, ring, 1u << CFG_RULE, 1, 4, 1 << 20);
    assert_int_equal(batch.n, 4);
    make(&batch, ring, 1u << CFG_RULE, 2, 100, 3 * BYTES + BYTES / 2);
    assert_int_equal(batch.n, 3);
    assert_true(batch.body.size <= 3 * BYTES + BYTES / 2);
    uint64_t serial = batch.serial;
    make(&batch, ring, 1u << CFG_RULE, 2, 100, 1 << 20);
    assert_int_equal(batch.serial, serial);
    make(&batch, ring, 1u << CFG_RULE, 10, 100, 1 << 20);
    assert_int_equal(batch.n, 0);
    /* It ends before a commit of several pieces. */
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base.rows);
    for (uint64_t i = 20; i < 32; i++) {
        set(overlay, CFG_RULE, i, i, 100000);
    }
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    assert_true(ring_entry(ring, 10)->n_pieces > 1);
    make(&batch, ring, 1u << CFG_RULE, 8, 100, 16 << 20);
    assert_int_equal(batch.n, 2);
    make(&batch, ring, 1u << CFG_RULE, 10, 100, 16 << 20);
    assert_int_equal(batch.n, 0);
    batch_fini(&batch);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_leads_where_many_do),
        cmocka_unit_test(rows_come_once_in_order_and_those_of_other_tables_not),
        cmocka_unit_test(it_is_bounded_and_made_once_for_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
