/* The fold: after it, the disk has what the run environment had; a rebuild gives it back. */
#include "tests/unit/services/configdb/fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <lmdb.h>

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

/* Many in one commit, in the order of their ids; some go. */
static void change_run(struct fixture_base *base, uint64_t *model, uint64_t first, uint64_t n, struct random *random)
{
    uint8_t packed[64];
    assert_int_equal(rows_begin(base->rows, ROWS_RUN), 0);
    (void)rows_next_n(base->rows);
    for (uint64_t id = first; id < first + n && id < MODEL_IDS; id++) {
        uint64_t cookie = random != NULL && random_below(random, 4) == 0 ? 0 : id + 1000;
        Busbar__RuleRow rule = fixture_rule(1, cookie);
        size_t size = busbar__rule_row__pack(&rule, packed);
        if (cookie != 0) {
            assert_int_equal(rows_put(base->rows, CFG_RULE, id, packed, size), 0);
        } else if (model[id] != 0) {
            assert_int_equal(rows_delete(base->rows, CFG_RULE, id), 0);
        }
        model[id] = cookie;
    }
    assert_int_equal(rows_commit(base->rows), 0);
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
        for (int i = 0; i < 4; i++) {
            change_run(&base, model, 1 + random_below(&random, MODEL_IDS - 1), random_below(&random, MODEL_IDS), &random);
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

static void rows_that_follow_each_other_are_few_entries(void **state)
{
    struct fixture_base base;
    uint64_t model[MODEL_IDS] = {0};
    fixture_base_init(&base);
    struct disk *disk = disk_new(DISK_INLINE);
    struct fold *fold = fold_new(base.rows, disk);
    change_run(&base, model, 1, 130, NULL);
    assert_int_equal(entries(&base, ROWS_RUN, STORE_DIRTY), 3); /* of 64 rows at most */
    change(&base, model, 7, 0); /* before the entry that has it is copied */
    change_run(&base, model, 150, 20, NULL);
    fold_step(fold, 0);
    assert_int_equal(fold_error(fold), 0);
    assert_int_equal(entries(&base, ROWS_RUN, STORE_DIRTY), 0);
    compare(&base, model, ROWS_DISK);
    change(&base, model, 60, 0);
    change_run(&base, model, 55, 20, NULL); /* one of which is new again */
    fold_step(fold, 2 * FOLD_EVERY_NS);
    compare(&base, model, ROWS_DISK);
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
    for (uint64_t i = 0; i < 10; i++) { /* the same in runs: 64, 64 and 2 */
        change_run(&base, model, 1, 130, NULL);
    }
    assert_int_equal(entries(&base, ROWS_RUN, STORE_DIRTY), 30);
    fold_step(fold, 4 * FOLD_EVERY_NS);
    assert_int_equal(entries(&base, ROWS_RUN, STORE_DIRTY), 0);
    assert_int_equal(fold_rows(fold), 1 + 130);
    compare(&base, model, ROWS_DISK);
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

/* ---- writes that fail ---- */

static int failing; /* what mdb_cursor_put() says, 0: what LMDB says */
static size_t puts_left;

/* In front of LMDB's. Where two threads put, neither is to fail, and nothing of ours is written. */
int mdb_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned int flags)
{
    if (failing != 0 && puts_left-- == 0) {
        puts_left = 0;
        return failing;
    }
    int (*real)(MDB_cursor *, MDB_val *, MDB_val *, unsigned int) =
        (int (*)(MDB_cursor *, MDB_val *, MDB_val *, unsigned int))dlsym(RTLD_NEXT, "mdb_cursor_put");
    return real(cursor, key, data, flags);
}

struct failure {
    struct fixture_base base;
    uint64_t model[MODEL_IDS];
    struct disk *disk;
    struct fold *fold;
    uint64_t now_ns;
};

static void failure_begin(struct failure *f, int rc)
{
    memset(f, 0, sizeof *f);
    fixture_base_init(&f->base);
    f->disk = disk_new(DISK_INLINE);
    f->fold = fold_new(f->base.rows, f->disk);
    for (uint64_t id = 1; id < MODEL_IDS; id++) {
        change(&f->base, f->model, id, id);
    }
    failing = rc;
}

static void failure_end(struct failure *f)
{
    failing = 0;
    fold_destroy(&f->fold);
    disk_destroy(&f->disk);
    fixture_base_fini(&f->base);
}

/* A step `pause_ns` after the last, of which so many writes succeed. */
static void failure_step(struct failure *f, uint64_t pause_ns, size_t n_puts)
{
    puts_left = n_puts;
    f->now_ns += pause_ns;
    fold_step(f->fold, f->now_ns);
}

static void a_pass_that_is_too_large_is_tried_again_later_and_smaller(void **state)
{
    struct failure f;
    uint64_t pause_ns = FOLD_EVERY_NS;
    failure_begin(&f, MDB_TXN_FULL);
    failure_step(&f, FOLD_EVERY_NS, 100);
    for (uint64_t n = 1; fold_error(f.fold) != 0; n++) {
        assert_true(n < 20);
        assert_int_equal(fold_error(f.fold), -ERROR_TOO_LARGE);
        assert_int_equal(fold_failures(f.fold), n);
        assert_int_equal(fold_pause_ns(f.fold), pause_ns);
        failure_step(&f, pause_ns - 1, 100); /* not yet */
        assert_int_equal(fold_failures(f.fold), n);
        failure_step(&f, 1, 100);
        pause_ns = 2 * pause_ns < FOLD_PAUSE_MAX_NS ? 2 * pause_ns : FOLD_PAUSE_MAX_NS;
    }
    assert_true(fold_failures(f.fold) > 6);
    assert_true(fold_rows(f.fold) > 0 && fold_rows(f.fold) < 100);
    for (int i = 0; i < 5; i++) {
        failure_step(&f, 0, 100); /* the rest, at once and as small */
    }
    assert_int_equal(fold_error(f.fold), 0);
    assert_int_equal(fold_pause_ns(f.fold), FOLD_EVERY_NS);
    assert_int_equal(entries(&f.base, ROWS_RUN, STORE_DIRTY), 0);
    compare(&f.base, f.model, ROWS_DISK);
    failure_end(&f);
}

static void without_memory_it_goes_on_when_there_is_some(void **state)
{
    struct failure f;
    failure_begin(&f, ENOMEM);
    failure_step(&f, FOLD_EVERY_NS, 5);
    failure_step(&f, FOLD_EVERY_NS, 5);
    assert_int_equal(fold_error(f.fold), -ENOMEM);
    assert_int_equal(fold_failures(f.fold), 2);
    failing = 0;
    failure_step(&f, 2 * FOLD_EVERY_NS, 0);
    assert_int_equal(fold_error(f.fold), 0);
    compare(&f.base, f.model, ROWS_DISK);
    failure_end(&f);
}

static void a_full_disk_is_looked_at_each_second_and_what_does_not_pass_never_again(void **state)
{
    struct failure f;
    failure_begin(&f, ENOSPC);
    for (uint64_t n = 1; n < 5; n++) {
        failure_step(&f, FOLD_EVERY_NS, 5);
        assert_int_equal(fold_failures(f.fold), n);
        assert_int_equal(fold_pause_ns(f.fold), FOLD_EVERY_NS);
    }
    failing = EIO;
    for (int i = 0; i < 5; i++) {
        failure_step(&f, 100 * FOLD_EVERY_NS, 5);
        assert_int_equal(fold_failures(f.fold), 5);
        assert_int_equal(fold_error(f.fold), -EIO);
    }
    failure_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_fold_the_disk_has_the_rules),
        cmocka_unit_test(rows_that_follow_each_other_are_few_entries),
        cmocka_unit_test(a_fold_waits_its_second_and_repeats_are_copied_once),
        cmocka_unit_test(the_thread_folds_while_rules_are_written),
        cmocka_unit_test(a_rebuilt_environment_equals_the_folded_one),
        cmocka_unit_test(a_pass_that_is_too_large_is_tried_again_later_and_smaller),
        cmocka_unit_test(without_memory_it_goes_on_when_there_is_some),
        cmocka_unit_test(a_full_disk_is_looked_at_each_second_and_what_does_not_pass_never_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
