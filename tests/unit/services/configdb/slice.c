/* Snapshots in slices while the tables change: what is shown at the end is exactly the tables at the version named (I6). */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/msg/authors.h"
#include "services/configdb/slice.h"

enum { MODEL_IDS = 4000 };

/* The naive twin: a value per id, 0 when there is no row. */
struct model {
    uint64_t cookie[MODEL_IDS];
};

/* What each version changed, so that the tables of any version can be told. */
enum { LOG_MAX = 20000 };
struct log_entry {
    uint64_t id, cookie;
};

struct world {
    struct log_entry log[LOG_MAX];
    struct fixture_base base;
    struct ring *ring;
    struct model tables;
    struct random random;
};

/* Rules never change their bridge. */
static uint64_t bridge_of(uint64_t id)
{
    return 1 + id % 3;
}

static void change(struct world *world, uint64_t id, uint64_t cookie)
{
    struct error_detail detail;
    uint8_t padding[1500] = {1};
    assert_int_equal(rows_begin(world->base.rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(world->base.rows);
    Busbar__RuleRow rule = fixture_rule(bridge_of(id), cookie);
    Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
    Busbar__FieldMatch *matches[1] = {&match};
    match.value.data = padding;
    match.value.len = sizeof padding;
    rule.match = matches;
    rule.n_match = 1;
    if (cookie != 0) {
        assert_int_equal(overlay_set(overlay, CFG_RULE, id, NULL, &rule.base, &detail), 0);
    } else {
        assert_int_equal(overlay_delete(overlay, CFG_RULE, id, &rule.base), 0);
    }
    (void)rows_next_n(world->base.rows);
    assert_int_equal(overlay_write(overlay), 0);
    assert_int_equal(rows_commit(world->base.rows), 0);
    ring_push(world->ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    world->tables.cookie[id] = cookie;
    assert_true(ring_newest(world->ring) < LOG_MAX);
    world->log[ring_newest(world->ring)] = (struct log_entry){.id = id, .cookie = cookie};
}

static void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    fixture_base_init(&world->base);
    world->ring = ring_new(world->base.epoch, rows_n(world->base.rows));
    random_seed(&world->random, seed);
    for (uint64_t id = 1; id < MODEL_IDS; id += 1 + random_below(&world->random, 3)) {
        change(world, id, id);
    }
}

static void world_fini(struct world *world)
{
    ring_destroy(&world->ring);
    fixture_base_fini(&world->base);
}

static void apply(struct model *seen, const Busbar__Snapshot *piece)
{
    for (size_t i = 0; i < piece->n_rows; i++) {
        const Busbar__Row *row = piece->rows[i];
        assert_int_equal(row->table, CFG_RULE);
        Busbar__RuleRow *rule = row->deleted ? NULL : busbar__rule_row__unpack(NULL, row->value.len, row->value.data);
        seen->cookie[row->id] = rule != NULL ? rule->cookie : 0;
        busbar__rule_row__free_unpacked(rule, NULL);
    }
}

static void change_some(struct world *world, int n)
{
    for (int i = 0; i < n; i++) {
        uint64_t id = 1 + random_below(&world->random, MODEL_IDS - 1);
        change(world, id,
               world->tables.cookie[id] == 0 || random_below(&world->random, 2) == 0 ? 1000000 + random_below(&world->random, 9999) : 0);
    }
}

/* Takes the slice to its end while rows change, and lays it over `seen`. */
static void take(struct world *world, struct slice *slice, struct model *seen, bool is_partial)
{
    bool is_last = false;
    int n_pieces = 0;
    while (!is_last) {
        struct writer body;
        writer_init(&body);
        assert_int_equal(rows_begin_read(world->base.rows), 0);
        assert_int_equal(slice_next(slice, world->base.rows, world->ring, &body, &is_last), 0);
        rows_end(world->base.rows);
        assert_true(body.size < 1024 * 1024);
        Busbar__Snapshot *piece = busbar__snapshot__unpack(NULL, body.size, body.bytes);
        assert_non_null(piece);
        assert_int_equal(piece->first, n_pieces == 0);
        assert_int_equal(piece->last, is_last);
        assert_int_equal(piece->partial, is_partial);
        assert_int_equal(piece->serial, 77);
        apply(seen, piece);
        if (is_last) {
            assert_int_equal(piece->version->n, ring_newest(world->ring));
        }
        busbar__snapshot__free_unpacked(piece, NULL);
        writer_fini(&body);
        n_pieces++;
        change_some(world, is_last ? 0 : 30);
        assert_true(n_pieces < 1000);
    }
    assert_true(n_pieces > 1);
}

/* Of the tables, the rows of these bridges. */
static void assert_seen(const struct world *world, const struct model *seen, const struct bridge_set *bridges)
{
    for (uint64_t id = 0; id < MODEL_IDS; id++) {
        assert_int_equal(seen->cookie[id], bridge_set_has(bridges, bridge_of(id)) ? world->tables.cookie[id] : 0);
    }
}

static void a_snapshot_taken_while_rows_change_equals_the_tables(void **state)
{
    const uint64_t seed = 31337;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t round = 0; round < 4; round++) {
        const struct view view = {.tables = 1u << CFG_RULE, .bridges.is_all = true};
        static struct world world;
        struct model seen = {{0}};
        struct slice slice;
        world_init(&world, seed + round);
        slice_start(&slice, &view, 77, ring_newest(world.ring));
        take(&world, &slice, &seen, false);
        assert_memory_equal(&seen, &world.tables, sizeof seen);
        world_fini(&world);
    }
}

static void a_partial_one_laid_over_what_was_there_equals_the_tables_of_both(void **state)
{
    const uint64_t seed = 4711;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t round = 0; round < 4; round++) {
        struct view view = {.tables = 1u << CFG_RULE};
        struct bridge_set added = {0};
        static struct world world;
        struct model seen = {{0}};
        struct slice slice;
        world_init(&world, seed + round);
        bridge_set_assign(&view.bridges, (const uint64_t[]){1}, 1);
        slice_start(&slice, &view, 77, ring_newest(world.ring));
        take(&world, &slice, &seen, false);
        assert_seen(&world, &seen, &view.bridges);
        uint64_t have = ring_newest(world.ring);
        change_some(&world, 500);
        bridge_set_assign(&view.bridges, (const uint64_t[]){1, 3}, 2);
        bridge_set_assign(&added, (const uint64_t[]){3}, 1);
        slice_start_partial(&slice, &view, &added, 77, have);
        take(&world, &slice, &seen, true);
        assert_seen(&world, &seen, &view.bridges);
        bridge_set_fini(&added);
        view_fini(&view);
        world_fini(&world);
    }
}

struct seen {
    struct model model;
    const struct view *view;
};

static void commit_is_seen(void *context, const Busbar__Row *row)
{
    struct seen *seen = context;
    Busbar__Row copy = *row, *rows[] = {&copy};
    Busbar__Snapshot piece = BUSBAR__SNAPSHOT__INIT;
    if (view_takes_row(seen->view, row)) {
        piece.rows = rows;
        piece.n_rows = 1;
        apply(&seen->model, &piece);
    }
}

/* Pieces and commits as they come, in any mixture; the commits lag behind the rows that are read. True: that was the last piece. */
static bool piece_or_commit(struct world *world, struct slice *slice, struct seen *seen)
{
    bool is_last = false;
    slice->told += slice->told == 0 ? 0 : random_below(&world->random, 2) == 0 && slice->told < ring_newest(world->ring);
    ring_entry_rows(ring_entry(world->ring, slice->told), commit_is_seen, seen); /* perhaps once more */
    if (slice_is_waiting(slice) || random_below(&world->random, 8) != 0) {
        return false;
    }
    struct writer body;
    writer_init(&body);
    assert_int_equal(rows_begin_read(world->base.rows), 0);
    assert_int_equal(slice_next(slice, world->base.rows, world->ring, &body, &is_last), 0);
    rows_end(world->base.rows);
    Busbar__Snapshot *piece = busbar__snapshot__unpack(NULL, body.size, body.bytes);
    assert_true(piece->partial && piece->serial == 77 && piece->last == is_last);
    assert_true(!is_last || piece->version->n == slice->told);
    for (size_t i = 0; i < piece->n_rows; i++) {
        assert_int_equal(bridge_of(piece->rows[i]->id), 3); /* of the added one alone, and no rows of commits */
    }
    apply(&seen->model, piece);
    busbar__snapshot__free_unpacked(piece, NULL);
    writer_fini(&body);
    return is_last;
}

static void rows_beside_the_commits_and_these_are_the_tables_of_a_version(void **state)
{
    const uint64_t seed = 1212;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t round = 0; round < 6; round++) {
        struct view view = {.tables = 1u << CFG_RULE};
        struct bridge_set added = {0};
        static struct world world;
        struct seen seen = {.view = &view};
        struct slice slice;
        struct model expected = {{0}};
        uint64_t n_commits = 0;
        world_init(&world, seed + round);
        bridge_set_assign(&view.bridges, (const uint64_t[]){1, 3}, 2);
        bridge_set_assign(&added, (const uint64_t[]){3}, 1);
        slice_start_beside(&slice, &view, &added, 77);
        slice.told = ring_newest(world.ring);
        for (uint64_t id = 0; id < MODEL_IDS; id++) {
            seen.model.cookie[id] = bridge_of(id) == 1 ? world.tables.cookie[id] : 0;
        }
        while (!piece_or_commit(&world, &slice, &seen)) {
            change_some(&world, n_commits++ < 1500 && random_below(&world.random, 2) == 0);
        }
        assert_true(slice.told >= slice.version);
        for (uint64_t n = 0; n <= slice.told; n++) {
            expected.cookie[world.log[n].id] = world.log[n].cookie;
        }
        for (uint64_t id = 1; id < MODEL_IDS; id++) {
            assert_int_equal(seen.model.cookie[id], bridge_set_has(&view.bridges, bridge_of(id)) ? expected.cookie[id] : 0);
        }
        bridge_set_fini(&added);
        view_fini(&view);
        world_fini(&world);
    }
}

static void empty_tables_make_one_piece(void **state)
{
    struct fixture_base base;
    struct slice slice;
    struct writer body;
    bool is_last = false;
    fixture_base_init(&base);
    struct ring *ring = ring_new(base.epoch, 50);
    const struct view view = {.tables = 1u << CFG_RULE | 1u << CFG_PORT_STATUS, .bridges.is_all = true};
    slice_start(&slice, &view, 0, 50);
    writer_init(&body);
    assert_int_equal(rows_begin_read(base.rows), 0);
    assert_int_equal(slice_next(&slice, base.rows, ring, &body, &is_last), 0);
    rows_end(base.rows);
    assert_true(is_last);
    Busbar__Snapshot *piece = busbar__snapshot__unpack(NULL, body.size, body.bytes);
    assert_true(piece->first && piece->last);
    assert_int_equal(piece->n_rows, 0);
    assert_int_equal(piece->version->n, 50);
    busbar__snapshot__free_unpacked(piece, NULL);
    writer_fini(&body);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void commits_that_outran_the_ring_are_reported(void **state)
{
    struct fixture_base base;
    struct slice slice;
    struct writer body;
    bool is_last = false;
    fixture_base_init(&base);
    struct ring *ring = ring_new(base.epoch, 0);
    const struct view view = {.tables = 1u << CFG_RULE, .bridges.is_all = true};
    slice_start(&slice, &view, 0, 0);
    while (ring_oldest(ring) < 2) {
        ring_push(ring, NULL, 0, AUTHORS_NONE);
    }
    writer_init(&body);
    assert_int_equal(rows_begin_read(base.rows), 0);
    assert_int_equal(slice_next(&slice, base.rows, ring, &body, &is_last), -ERROR_CONFLICT);
    rows_end(base.rows);
    writer_fini(&body);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

/* Not at its end, after all the rows have been sent. */
static void that_is_seen_between_two_pieces_of_rows(void **state)
{
    static struct world world;
    struct slice slice;
    bool is_last = false;
    world_init(&world, 5);
    const struct view view = {.tables = 1u << CFG_RULE, .bridges.is_all = true};
    uint64_t have = ring_newest(world.ring);
    slice_start_partial(&slice, &view, &view.bridges, 0, have);
    for (int i = 0; i < 2; i++) {
        struct writer body;
        writer_init(&body);
        assert_int_equal(rows_begin_read(world.base.rows), 0);
        assert_int_equal(slice_next(&slice, world.base.rows, world.ring, &body, &is_last), i == 0 ? 0 : -ERROR_CONFLICT);
        rows_end(world.base.rows);
        writer_fini(&body);
        assert_false(slice.has_rows);
        while (ring_oldest(world.ring) < have + 2) {
            ring_push(world.ring, NULL, 0, AUTHORS_NONE);
        }
    }
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_taken_while_rows_change_equals_the_tables),
        cmocka_unit_test(a_partial_one_laid_over_what_was_there_equals_the_tables_of_both),
        cmocka_unit_test(rows_beside_the_commits_and_these_are_the_tables_of_a_version),
        cmocka_unit_test(empty_tables_make_one_piece),
        cmocka_unit_test(commits_that_outran_the_ring_are_reported),
        cmocka_unit_test(that_is_seen_between_two_pieces_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
