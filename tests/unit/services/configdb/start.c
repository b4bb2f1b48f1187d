/* The start: what can be trusted is opened, what cannot is rebuilt or refused with a word on what to do. */
#include "tests/unit/services/configdb/fixture.h"

#include <fcntl.h>

#include <lmdb.h>

#include "services/configdb/check.h"
#include "services/configdb/fold.h"
#include "services/configdb/history.h"

static void overwrite(const char *dir, const char *name)
{
    char path[160];
    uint8_t rubbish[4096 * 6];
    memset(rubbish, 0x5a, sizeof rubbish);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, 0), sizeof rubbish);
    close(fd);
}

static int start(const struct fixture_base *base, const char *boot_id, uint64_t wall_s, struct start_result *out,
                 struct error_detail *detail)
{
    struct start_settings settings = fixture_settings(&base->dir);
    settings.boot_id = boot_id;
    settings.wall_s = wall_s;
    return start_database(&settings, out, detail);
}

static void each_start_is_a_new_epoch_and_n_goes_on(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    assert_int_equal(base.epoch, 1000);
    assert_int_equal(base.last_epoch_end.epoch, 0);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    rows_destroy(&base.rows);
    assert_int_equal(start(&base, "boot-1", 1000, &result, &detail), 0);
    assert_int_equal(result.epoch, 1001);
    assert_int_equal(result.last_epoch_end.epoch, 1000);
    assert_int_equal(result.last_epoch_end.n, 1);
    rows_destroy(&result.rows);
    assert_int_equal(start(&base, "boot-1", 5, &result, &detail), 0); /* the clock went back */
    assert_int_equal(result.epoch, 1002);
    base.rows = result.rows;
    fixture_base_fini(&base);
}

/* The wall clock stamps epochs and nothing else: whatever it jumps to, epochs go up, n goes on, and rows stay. */
static void wall_clock_jumps_make_no_more_than_another_epoch(void **state)
{
    static const uint64_t clocks_s[] = {7000000000, 0, 1, 18000000000, 999, 18000000000};
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    struct store_bytes value;
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    uint64_t epoch = base.epoch;
    for (uint64_t i = 0; i < sizeof clocks_s / sizeof clocks_s[0]; i++) {
        fixture_put(&base, CFG_RULE, 5 + i, &rule.base);
        rows_destroy(&base.rows);
        assert_int_equal(start(&base, "boot-1", clocks_s[i], &result, &detail), 0);
        base.rows = result.rows;
        assert_true(result.epoch > epoch);
        assert_int_equal(result.last_epoch_end.epoch, epoch);
        assert_int_equal(result.last_epoch_end.n, i + 1);
        assert_int_equal(rows_n(base.rows), i + 1);
        epoch = result.epoch;
        assert_int_equal(rows_begin_read(base.rows), 0);
        assert_int_equal(rows_get(base.rows, CFG_RULE, 5, &value), 0);
        assert_int_equal(rows_count(base.rows, CFG_RULE), i + 1);
        rows_end(base.rows);
    }
    fixture_base_fini(&base);
}

static void another_boot_id_rebuilds_without_opening_the_old(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    char run[128];
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    uint64_t next_id = rows_new_id(base.rows, CFG_RULE);
    struct disk *disk = disk_new(DISK_INLINE);
    struct fold *fold = fold_new(base.rows, disk);
    assert_int_equal(fold_flush(fold), 0);
    fold_destroy(&fold);
    disk_destroy(&disk);
    rows_destroy(&base.rows);
    (void)snprintf(run, sizeof run, "%s/rundb", base.dir.run);
    overwrite(run, "data.mdb");
    assert_int_equal(start(&base, "boot-2", 2000, &result, &detail), 0);
    assert_int_equal(rows_count(result.rows, CFG_RULE), 1);
    assert_true(rows_n(result.rows) > 1);
    assert_int_equal(result.last_epoch_end.n, 0);
    assert_true(rows_new_id(result.rows, CFG_RULE) > next_id);
    base.rows = result.rows;
    fixture_base_fini(&base);
}

static void a_damaged_run_environment_is_rebuilt(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    char run[128];
    fixture_base_init(&base);
    rows_destroy(&base.rows);
    (void)snprintf(run, sizeof run, "%s/rundb", base.dir.run);
    overwrite(run, "data.mdb");
    assert_int_equal(start(&base, "boot-1", 2000, &result, &detail), 0);
    assert_int_equal(result.last_epoch_end.epoch, 0);
    base.rows = result.rows;
    fixture_base_fini(&base);
}

static void a_damaged_disk_is_refused_with_what_to_do(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    fixture_base_init(&base);
    rows_destroy(&base.rows);
    overwrite(base.dir.db, "data.mdb");
    assert_int_equal(start(&base, "boot-1", 2000, &result, &detail), -ERROR_DAMAGED);
    assert_non_null(strstr(detail.text, "damaged"));
    assert_non_null(strstr(detail.text, base.dir.db));
    assert_non_null(strstr(detail.text, "good copy"));
    fixture_base_fini(&base);
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
    struct start_settings settings = {
        .run_dir = "/proc/nowhere", .db_dir = "/proc/nowhere/db", .boot_id = "b", .map_bytes = FIXTURE_MAP_BYTES};
    struct start_result result;
    struct error_detail detail;
    assert_true(start_database(&settings, &result, &detail) < 0);
    assert_non_null(strstr(detail.text, "/proc/nowhere/db"));
}

static void path_in_run(const struct fixture_base *base, const char *name, char path[static 160])
{
    (void)snprintf(path, 160, "%s/rundb/%s", base->dir.run, name);
}

static void write_in_run(const struct fixture_base *base, const char *name, const void *bytes, size_t size)
{
    char path[160];
    path_in_run(base, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static ino_t inode_in_run(const struct fixture_base *base, const char *name)
{
    struct stat stat_of;
    char path[160];
    path_in_run(base, name, path);
    assert_int_equal(stat(path, &stat_of), 0);
    return stat_of.st_ino;
}

/* The newest commit looks as if somebody had died in it. */
static void mark_newest(const struct fixture_base *base)
{
    uint64_t number, newest = 0;
    char path[160];
    path_in_run(base, "data.mdb", path);
    int fd = open(path, O_RDONLY);
    for (off_t page = 0; page < 2; page++) {
        assert_int_equal(pread(fd, &number, sizeof number, page * 4096 + 144), sizeof number);
        newest = number > newest ? number : newest;
    }
    close(fd);
    const uint64_t mark[] = {7, 6, newest};
    write_in_run(base, "mark", mark, sizeof mark);
}

/* Builds that know no marks compare the whole of `boot`: they do not open what may have to be mended. What they have written is theirs. */
static void a_commit_of_a_build_without_marks_is_never_taken_back(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char path[160], boot[64] = "";
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    fixture_put(&base, CFG_RULE, 6, &rule.base);
    rows_destroy(&base.rows);
    path_in_run(&base, "boot", path);
    for (int round = 0; round < 2; round++) {
        int fd = open(path, O_RDONLY);
        assert_true(read(fd, boot, sizeof boot - 1) > 0);
        close(fd);
        assert_string_not_equal(boot, "boot-1");
        ino_t inode = inode_in_run(&base, "data.mdb");
        write_in_run(&base, "boot", "boot-1", 6);
        mark_newest(&base);
        fixture_base_open(&base);
        assert_int_equal(rows_count(base.rows, CFG_RULE), 2);
        assert_int_equal(rows_n(base.rows), 2);
        assert_int_equal(inode_in_run(&base, "data.mdb"), inode);
        rows_destroy(&base.rows);
    }
    mark_newest(&base); /* and this one is ours */
    struct start_result result;
    assert_int_equal(start(&base, "boot-1", 2000, &result, &detail), 0);
    assert_int_equal(rows_n(result.rows), 1);
    base.rows = result.rows;
    fixture_base_fini(&base);
}

/* A file that cannot be read is not a damaged one: what is there may be sound. */
static void what_cannot_be_read_now_is_refused_and_stays(void **state)
{
    static const char *const names[] = {"owner", "mark", "boot"};
    struct fixture_base base;
    fixture_base_init(&base);
    rows_destroy(&base.rows);
    ino_t inode = inode_in_run(&base, "data.mdb");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[160], aside[168];
        struct error_detail detail;
        struct start_result result;
        path_in_run(&base, names[i], path);
        (void)snprintf(aside, sizeof aside, "%s.aside", path);
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(mkdir(path, 0750), 0); /* cannot be opened as a file, by root neither */
        assert_true(start(&base, "boot-1", 2000, &result, &detail) < 0);
        assert_non_null(strstr(detail.text, path));
        assert_int_equal(inode_in_run(&base, "data.mdb"), inode);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(rename(aside, path), 0);
    }
    fixture_base_open(&base);
    assert_int_equal(inode_in_run(&base, "data.mdb"), inode);
    fixture_base_fini(&base);
}

/* A database of layout 1 as far as a test can make one: no sixth database, no numbers of the history. */
static void make_layout_1(const char *dir)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, dir, 0, 0640), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "history", 0, &dbi), 0);
    assert_int_equal(mdb_drop(txn, dbi, 1), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
    uint8_t oldest[] = {DB_META_OLDEST, 0};
    MDB_val key = {.mv_data = oldest, .mv_size = sizeof oldest};
    assert_int_equal(mdb_del(txn, dbi, &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_database_of_layout_1_goes_on_and_its_history_begins(void **state)
{
    struct fixture_base base;
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct error_detail detail;
    struct db_key key = db_key_meta(DB_META_LAYOUT, 0);
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    uint64_t layout = 0, oldest = 0;
    fixture_base_init(&base);
    fixture_put(&base, CFG_BRIDGE, 5, &bridge.base);
    rows_destroy(&base.rows);
    assert_int_equal(store_open(base.dir.db, STORE_SYNC, FIXTURE_MAP_BYTES, &store, &detail), 0);
    assert_int_equal(store_write(store, &txn), 0);
    assert_int_equal(store_put_u64(txn, STORE_META, &key, 1), 0);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    make_layout_1(base.dir.db);
    assert_int_equal(check_database(base.dir.db, FIXTURE_MAP_BYTES, &detail), 0);
    fixture_base_open(&base);
    assert_int_equal(rows_count(base.rows, CFG_BRIDGE), 1);
    assert_int_equal(rows_begin_read(base.rows), 0);
    assert_int_equal(store_get_u64(rows_txn(base.rows, ROWS_DISK), STORE_META, &key, &layout), 0);
    assert_int_equal(layout, DB_LAYOUT);
    assert_int_equal(history_oldest(base.rows, &oldest), 0);
    assert_int_equal(oldest, 1); /* what was before cannot be told */
    rows_end(base.rows);
    fixture_base_fini(&base);
}

/* A build before entries of several rows said " marked" and takes this one's `boot` for another boot's; what it has left itself is gone on with. */
static void builds_that_cannot_read_several_rows_at_once_are_kept_away(void **state)
{
    static const char *const left[] = {"boot-1 marked", "boot-1 marked ranges", "boot-1 marked later", "boot-1 ranges"};
    struct fixture_base base;
    struct error_detail detail;
    char path[160];
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    rows_destroy(&base.rows);
    path_in_run(&base, "boot", path);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        char boot[64] = "";
        struct start_result result;
        write_in_run(&base, "boot", left[i], strlen(left[i]));
        ino_t inode = inode_in_run(&base, "data.mdb");
        assert_int_equal(start(&base, "boot-1", 2000, &result, &detail), 0);
        assert_true(i >= 2 || inode_in_run(&base, "data.mdb") == inode);
        base.rows = result.rows;
        assert_int_equal(rows_count(base.rows, CFG_RULE), i < 2 ? 1 : 0); /* it was not folded */
        rows_destroy(&base.rows);
        int fd = open(path, O_RDONLY);
        assert_true(read(fd, boot, sizeof boot - 1) > 0);
        close(fd);
        assert_string_equal(boot, "boot-1 marked ranges");
    }
    fixture_base_fini(&base);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_start_is_a_new_epoch_and_n_goes_on),
        cmocka_unit_test(wall_clock_jumps_make_no_more_than_another_epoch),
        cmocka_unit_test(another_boot_id_rebuilds_without_opening_the_old),
        cmocka_unit_test(builds_that_cannot_read_several_rows_at_once_are_kept_away),
        cmocka_unit_test(a_damaged_run_environment_is_rebuilt),
        cmocka_unit_test(a_commit_of_a_build_without_marks_is_never_taken_back),
        cmocka_unit_test(what_cannot_be_read_now_is_refused_and_stays),
        cmocka_unit_test(a_damaged_disk_is_refused_with_what_to_do),
        cmocka_unit_test(a_database_of_layout_1_goes_on_and_its_history_begins),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
