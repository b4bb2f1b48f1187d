/* The fold: after it, the disk has what the run environment had; a rebuild gives it back. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/fold.h"

enum { MODEL_IDS = 200 };

static void change(struct fixture_base *base, uint64_t *model, uint64_t id, uint64_t cookie)
{
    uint8_t packed[64];
    Busbar__RuleRow rule = fixture_rule(1, cookie);
    size_t size = busbar__rule_row__pack(&rule, packed);
    assert_int_equal(rows_begin(base->rows, ROWS_RUN), 0);
    (void)rows_next_n(base->rows);
    if (cookie != 0) {
        assert_int_equal(rows_put(base->rows, CFG_RULE, id, packed, size), 0);
    } else if (model[id] != 0) {
        assert_int_equal(rows_delete(base->rows, CFG_RULE, id), 0);
    }
    assert_int_equal(rows_commit(base->rows), 0);
    model[id] = cookie;
}

static size_t entries(struct fixture_base *base, enum rows_env env, enum store_db db)
{
    struct db_key from = {.size = 0};
    struct store_bytes key, value;
    size_t n = 0;
    assert_int_equal(rows_begin_read(base->rows), 0);
    struct store_cursor *cursor = store_cursor_open(rows_txn(base->rows, env), db, &from);
    while (store_next(cursor, &key, &value) == 0) {
        n++;
    }
    store_cursor_close(&cursor);
    rows_end(base->rows);
    return n;
}

static void compare(struct fixture_base *base, const uint64_t *model, enum rows_env env)
{
    size_t n = 0;
    assert_int_equal(rows_begin_read(base->rows), 0);
    for (uint64_t id = 1; id < MODEL_IDS; id++) {
        struct db_key key = db_key_row(CFG_RULE, id);
        struct store_bytes value;
        int err = store_get(rows_txn(base->rows, env), STORE_ROWS, &key, &value);
        assert_int_equal(err, model[id] != 0 ? 0 : -ERROR_NOT_FOUND);
        if (err == 0) {
            Busbar__RuleRow *rule = busbar__rule_row__unpack(NULL, value.size, value.bytes);
            assert_int_equal(rule->cookie, model[id]);
            busbar__rule_row__free_unpacked(rule, NULL);
            n++;
        }
    }
    struct db_key key = db_key_meta(DB_META_COUNT, CFG_RULE);
    uint64_t count = 0;
    assert_int_equal(store_get_u64(rows_txn(base->rows, env), STORE_META, &key, &count), 0);
    assert_int_equal(count, n);
    rows_end(base->rows);
}

static void after_a_fold_the_disk_has_the_rules(void **state)
{
    const uint64_t seed = 99;
    struct fixture_base base;
    struct random random;
    uint64_t model[MODEL_IDS] = {0};
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    fixture_base_init(&base);
    struct disk *disk = disk_new(DISK_INLINE);
    struct fold *fold = fold_new(base.rows, disk);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 100; i++) {
            change(&base, model, 1 + random_below(&random, MODEL_IDS - 1), random_below(&random, 3));
        }
        fold_step(fold, (uint64_t)round * 2 * FOLD_EVERY_NS);
        assert_int_equal(fold_error(fold), 0);
        assert_int_equal(entries(&base, ROWS_RUN, STORE_DIRTY), 0);
        compare(&base, model, ROWS_DISK);
        compare(&base, model, ROWS_RUN);
    }
    fold_destroy(&fold);
    disk_destroy(&disk);
    fixture_base_fini(&base);
}

static void a_fold_waits_its_second_and_repeats_are_copied_once(void **state)
{
    struct fixture_base base;
    uint64_t model[MODEL_IDS] = {0};
    fixture_base_init(&base);
    struct disk *disk = disk_new(DISK_INLINE);
    struct fold *fold = fold_new(base.rows, disk);
    fold_step(fold, 0);
    for (uint64_t i = 1; i <= 50; i++) {
        change(&base, model, 7, i);
    }
    fold_step(fold, FOLD_EVERY_NS / 2);
    assert_int_equal(entries(&base, ROWS_RUN, STORE_DIRTY), 50);
    fold_step(fold, 2 * FOLD_EVERY_NS);
    assert_int_equal(entries(&base, ROWS_RUN, STORE_DIRTY), 0);
    assert_int_equal(fold_rows(fold), 1);
    fold_destroy(&fold);
    disk_destroy(&disk);
    fixture_base_fini(&base);
}

static void the_thread_folds_while_rules_are_written(void **state)
{
    struct fixture_base base;
    uint64_t model[MODEL_IDS] = {0};
    fixture_base_init(&base);
    struct disk *disk = disk_new(DISK_THREAD);
    struct fold *fold = fold_new(base.rows, disk);
    for (uint64_t i = 0; i < 3000; i++) {
        change(&base, model, 1 + i % (MODEL_IDS - 1), 1 + i);
        fold_step(fold, i * FOLD_EVERY_NS);
    }
    assert_int_equal(fold_flush(fold), 0);
    compare(&base, model, ROWS_DISK);
    fold_destroy(&fold);
    disk_destroy(&disk);
    fixture_base_fini(&base);
}

static void a_rebuilt_environment_equals_the_folded_one(void **state)
{
    struct fixture_base base;
    struct store *run = NULL;
    struct error_detail detail;
    uint64_t model[MODEL_IDS] = {0};
    char path[128];
    fixture_base_init(&base);
    Busbar__GroupRow group = BUSBAR__GROUP_ROW__INIT;
    group.bridge = 1;
    group.group_id = 3;
    fixture_put(&base, CFG_GROUP, 44, &group.base);
    for (uint64_t id = 1; id < MODEL_IDS; id++) {
        change(&base, model, id, id * 3);
    }
    struct disk *disk = disk_new(DISK_THREAD);
    struct fold *fold = fold_new(base.rows, disk);
    assert_int_equal(fold_flush(fold), 0);
    fold_destroy(&fold);
    disk_destroy(&disk);
    (void)snprintf(path, sizeof path, "%s/new", base.dir.path);
    assert_int_equal(store_open(path, STORE_NO_SYNC, FIXTURE_MAP_BYTES, &run, &detail), 0);
    assert_int_equal(fold_rebuild(rows_store(base.rows, ROWS_DISK), run, 12345, 1000), 0);
    struct store_txn *txn = NULL;
    uint64_t number;
    assert_int_equal(store_read(run, &txn), 0);
    struct db_key key = db_key_meta(DB_META_COUNT, CFG_RULE);
    assert_int_equal(store_get_u64(txn, STORE_META, &key, &number), 0);
    assert_int_equal(number, MODEL_IDS - 1);
    key = db_key_meta(DB_META_N, 0);
    assert_int_equal(store_get_u64(txn, STORE_META, &key, &number), 0);
    assert_int_equal(number, 12345);
    key = db_key_index(CFG_GROUP, 1);
    db_key_add_u64(&key, 1);
    db_key_add_u64(&key, 3);
    assert_int_equal(store_get_u64(txn, STORE_INDEX, &key, &number), 0);
    assert_int_equal(number, 44);
    store_abort(&txn);
    store_close(&run);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_fold_the_disk_has_the_rules),
        cmocka_unit_test(a_fold_waits_its_second_and_repeats_are_copied_once),
        cmocka_unit_test(the_thread_folds_while_rules_are_written),
        cmocka_unit_test(a_rebuilt_environment_equals_the_folded_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
