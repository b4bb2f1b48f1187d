/* The history: what a commit changed is kept with it, the oldest go in bounded steps, and damage is told by version. */
#include "tests/unit/services/configdb/past.h"

static void begin_read(struct fixture_base *base)
{
    assert_int_equal(rows_begin_read(base->rows), 0);
}

struct seen {
    size_t n;
    uint64_t versions[16];
    Busbar__HistoryChange changes[16];
};

static int see(void *context, uint64_t n, const Busbar__HistoryChange *change)
{
    struct seen *seen = context;
    assert_true(seen->n < 16);
    seen->versions[seen->n] = n;
    seen->changes[seen->n++] = *change; /* values are gone afterwards; sizes are not */
    return 0;
}

static void a_commit_is_kept_with_its_rows_before_and_after(void **state)
{
    struct fixture_base base;
    struct seen seen = {.n = 0};
    Busbar__HistoryCommit *commit = NULL;
    uint64_t bad = 0;
    fixture_base_init(&base);
    uint64_t first = past_add_bridge(&base, "br0");
    uint64_t second = past_set_limit(&base, 5);
    begin_read(&base);
    assert_int_equal(history_count(base.rows), 2);
    assert_int_equal(history_commit(base.rows, first, &commit), 0);
    assert_string_equal(commit->client, "past client");
    assert_string_equal(commit->user, "anna");
    assert_true(commit->epoch == base.epoch && commit->wall_ns == 1000 * NS_PER_S && commit->n_changes == 2);
    busbar__history_commit__free_unpacked(commit, NULL);
    assert_int_equal(history_changes(base.rows, first, second, see, &seen, &bad), 0);
    assert_int_equal(seen.n, 3); /* bridge and its LOCAL port, switch */
    assert_true(!seen.changes[0].has_before && seen.changes[0].has_after && seen.changes[0].table == CFG_BRIDGE);
    assert_true(seen.changes[2].has_before && seen.changes[2].has_after && seen.versions[2] == second);
    assert_true(seen.changes[2].before.len == 0 && seen.changes[2].after.len > 0); /* a row without columns is a row */
    rows_end(base.rows);
    uint64_t third = past_one(&base, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, 1, NULL, NULL);
    seen.n = 0;
    begin_read(&base);
    assert_int_equal(history_changes(base.rows, third, third, see, &seen, &bad), 0);
    assert_int_equal(seen.n, 2);
    assert_true(seen.changes[0].has_before && !seen.changes[0].has_after);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void what_changes_nothing_is_not_kept(void **state)
{
    struct fixture_base base;
    uint64_t n = 0;
    fixture_base_init(&base);
    uint64_t first = past_set_limit(&base, 5);
    (void)past_set_limit(&base, 5);
    begin_read(&base);
    assert_int_equal(history_count(base.rows), 1);
    assert_int_equal(history_first(base.rows, 0, &n), 0);
    assert_int_equal(n, first);
    assert_int_equal(history_first(base.rows, first + 1, &n), -ERROR_NOT_FOUND);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void an_ended_transaction_leaves_no_history(void **state)
{
    struct fixture_base base;
    Busbar__HistoryCommit commit = BUSBAR__HISTORY_COMMIT__INIT;
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    struct error_detail detail;
    char text[] = "";
    fixture_base_init(&base);
    commit.client = commit.user = commit.note = text;
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base.rows);
    assert_int_equal(overlay_set(overlay, CFG_BRIDGE, 7, NULL, &bridge.base, &detail), 0);
    assert_int_equal(history_record(base.rows, rows_next_n(base.rows), &commit, overlay), 0);
    assert_int_equal(history_count(base.rows), 1);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    begin_read(&base);
    assert_int_equal(history_count(base.rows), 0);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void limit_history(struct fixture_base *base, uint32_t n, uint32_t age_s)
{
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    row.has_history_max = n > 0;
    row.history_max = n;
    row.has_history_max_age_s = age_s > 0;
    row.history_max_age_s = age_s;
    fixture_put(base, CFG_SWITCH, 1, &row.base);
}

static uint64_t bridge_at(struct fixture_base *base, uint64_t id, uint64_t wall_s)
{
    Busbar__BridgeRow bridge = fixture_bridge("br");
    struct error_detail detail;
    char name[16];
    (void)snprintf(name, sizeof name, "br%u", (unsigned)id);
    bridge.name = name;
    assert_int_equal(rows_begin(base->rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base->rows);
    assert_int_equal(overlay_set(overlay, CFG_BRIDGE, id, NULL, &bridge.base, &detail), 0);
    uint64_t n = past_record(base, overlay, wall_s, "c");
    overlay_destroy(&overlay);
    return n;
}

static void check_kept(struct fixture_base *base, uint64_t count, uint64_t first)
{
    uint64_t n = 0, oldest = 0;
    begin_read(base);
    assert_int_equal(history_count(base->rows), count);
    assert_int_equal(history_first(base->rows, 0, &n), 0);
    assert_int_equal(n, first);
    assert_int_equal(history_oldest(base->rows, &oldest), 0);
    assert_true(oldest < n);
    rows_end(base->rows);
}

static void the_oldest_go_by_number_in_bounded_steps(void **state)
{
    struct fixture_base base;
    uint64_t n[64];
    fixture_base_init(&base);
    limit_history(&base, 30, 0);
    for (uint64_t i = 1; i <= 32; i++) {
        n[i] = bridge_at(&base, i, 1000);
    }
    check_kept(&base, 30, n[3]);
    limit_history(&base, 3, 0);
    n[33] = bridge_at(&base, 33, 1000);
    check_kept(&base, 31 - HISTORY_TRIM_COMMITS, n[3 + HISTORY_TRIM_COMMITS]);
    for (uint64_t i = 34; i <= 40; i++) {
        n[i] = bridge_at(&base, i, 1000);
    }
    check_kept(&base, 3, n[38]);
    limit_history(&base, 1, 0);
    n[41] = bridge_at(&base, 41, 1000);
    check_kept(&base, 1, n[41]);
    fixture_base_fini(&base);
}

static void old_ones_go_and_a_clock_that_is_wrong_for_a_moment_takes_few(void **state)
{
    struct fixture_base base;
    uint64_t n[64];
    fixture_base_init(&base);
    limit_history(&base, 0, 3600);
    for (uint64_t i = 1; i <= 20; i++) {
        n[i] = bridge_at(&base, i, 1000 + i);
    }
    n[21] = bridge_at(&base, 21, 1000 + 3600 + 3); /* 1 and 2 are older than an hour */
    check_kept(&base, 19, n[3]);
    n[22] = bridge_at(&base, 22, 4000000000ull); /* the clock has jumped */
    check_kept(&base, 20 - HISTORY_TRIM_COMMITS, n[3 + HISTORY_TRIM_COMMITS]);
    n[23] = bridge_at(&base, 23, 2000); /* and is back; nothing is of the future to it */
    check_kept(&base, 21 - HISTORY_TRIM_COMMITS, n[3 + HISTORY_TRIM_COMMITS]);
    fixture_base_fini(&base);
}

static uint64_t many_bridges(struct fixture_base *base, uint64_t from, size_t count)
{
    struct error_detail detail;
    assert_int_equal(rows_begin(base->rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base->rows);
    for (uint64_t id = from; id < from + count; id++) {
        char name[16];
        (void)snprintf(name, sizeof name, "x%u", (unsigned)id);
        Busbar__BridgeRow bridge = fixture_bridge(name);
        assert_int_equal(overlay_set(overlay, CFG_BRIDGE, id, NULL, &bridge.base, &detail), 0);
    }
    uint64_t n = past_record(base, overlay, 1000, "many");
    overlay_destroy(&overlay);
    return n;
}

static size_t count_values(struct fixture_base *base)
{
    struct db_key from = {.size = 0};
    struct store_bytes key, value;
    size_t n = 0;
    begin_read(base);
    struct store_cursor *cursor = store_cursor_open(rows_txn(base->rows, ROWS_DISK), STORE_HISTORY, &from);
    while (store_next(cursor, &key, &value) == 0) {
        n++;
    }
    store_cursor_close(&cursor);
    rows_end(base->rows);
    return n;
}

static void a_large_commit_goes_in_slices_and_is_no_part_of_the_history_meanwhile(void **state)
{
    struct fixture_base base;
    fixture_base_init(&base);
    limit_history(&base, 1, 0);
    (void)many_bridges(&base, 100, 2500);
    assert_int_equal(count_values(&base), 2501);
    uint64_t n = bridge_at(&base, 1, 1000);
    assert_int_equal(count_values(&base), 2501 - (HISTORY_TRIM_ENTRIES + 2) + 2);
    check_kept(&base, 1, n);
    n = bridge_at(&base, 2, 1000);
    n = bridge_at(&base, 3, 1000);
    assert_int_equal(count_values(&base), 2);
    check_kept(&base, 1, n);
    fixture_base_fini(&base);
}

static void a_note_is_replaced_and_survives(void **state)
{
    struct fixture_base base;
    Busbar__HistoryCommit *commit = NULL;
    fixture_base_init(&base);
    uint64_t n = past_set_limit(&base, 5);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    assert_int_equal(history_note(base.rows, n, "confirmed by anna"), 0);
    assert_int_equal(history_note(base.rows, n + 5, "there is no such commit"), 0);
    assert_int_equal(rows_commit(base.rows), 0);
    past_reopen(&base);
    begin_read(&base);
    assert_int_equal(history_commit(base.rows, n, &commit), 0);
    assert_string_equal(commit->note, "confirmed by anna");
    busbar__history_commit__free_unpacked(commit, NULL);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void damage_is_told_by_version_and_trimmed_like_the_rest(void **state)
{
    struct fixture_base base;
    struct seen seen = {.n = 0};
    uint64_t bad = 0;
    fixture_base_init(&base);
    (void)past_add_bridge(&base, "br0");
    uint64_t gone = past_add_and_remove_marked(&base, 1, "/marks/the-spot");
    uint64_t last = past_set_limit(&base, 5);
    assert_true(past_damage(&base, "/marks/the-spot") >= 2);
    past_reopen(&base); /* a damaged past is no reason not to start */
    begin_read(&base);
    assert_int_equal(history_changes(base.rows, 0, UINT64_MAX, see, &seen, &bad), -ERROR_DAMAGED);
    assert_int_equal(bad, gone - 1);
    assert_int_equal(history_changes(base.rows, gone + 1, UINT64_MAX, see, &seen, &bad), 0);
    rows_end(base.rows);
    limit_history(&base, 1, 0);
    (void)past_set_limit(&base, 6);
    begin_read(&base);
    assert_int_equal(history_changes(base.rows, 0, UINT64_MAX, see, &seen, &bad), 0);
    assert_true(last > gone);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_kept_with_its_rows_before_and_after),
        cmocka_unit_test(what_changes_nothing_is_not_kept),
        cmocka_unit_test(an_ended_transaction_leaves_no_history),
        cmocka_unit_test(the_oldest_go_by_number_in_bounded_steps),
        cmocka_unit_test(old_ones_go_and_a_clock_that_is_wrong_for_a_moment_takes_few),
        cmocka_unit_test(a_large_commit_goes_in_slices_and_is_no_part_of_the_history_meanwhile),
        cmocka_unit_test(a_note_is_replaced_and_survives),
        cmocka_unit_test(damage_is_told_by_version_and_trimmed_like_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
