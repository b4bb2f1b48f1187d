/* Room for what a transaction may need, and the commit that was cut short. */
#include "tests/unit/services/configdb/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include <lmdb.h>

#include "services/configdb/mapped.h"
#include "services/configdb/store.h"

enum { PAGE = 4096, TXNID_AT = 144, NOT_ALLOWED = 77 };

static struct store *open_store(const struct fixture_dir *dir, enum store_mode mode)
{
    struct store *store = NULL;
    struct error_detail detail = {.text = ""};
    if (store_open(dir->db, mode, FIXTURE_MAP_BYTES, &store, &detail) != 0) {
        fail_msg("%s", detail.text);
    }
    return store;
}

/* An environment with all its databases, opened through its map. */
static struct store *make_store(struct fixture_dir *dir)
{
    fixture_dir_make(dir);
    struct store *store = open_store(dir, STORE_NO_SYNC);
    store_close(&store);
    return open_store(dir, STORE_MAPPED);
}

static void put(struct store *store, uint64_t number)
{
    struct store_txn *txn = NULL;
    struct db_key key = db_key_meta(DB_META_N, 0);
    assert_int_equal(store_write(store, &txn), 0);
    assert_int_equal(store_put_u64(txn, STORE_META, &key, number), 0);
    assert_int_equal(store_commit(&txn), 0);
}

static uint64_t get(struct store *store)
{
    struct store_txn *txn = NULL;
    uint64_t number = 0;
    struct db_key key = db_key_meta(DB_META_N, 0);
    assert_int_equal(store_read(store, &txn), 0);
    assert_int_equal(store_get_u64(txn, STORE_META, &key, &number), 0);
    store_abort(&txn);
    return number;
}

static int file_of(const struct fixture_dir *dir, const char *name)
{
    char *path = memory_format("%s/%s", dir->db, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    free(path);
    assert_true(fd >= 0);
    return fd;
}

static uint64_t number_of(const struct fixture_dir *dir, size_t page)
{
    uint64_t number;
    int fd = file_of(dir, "data.mdb");
    assert_int_equal(pread(fd, &number, sizeof number, (off_t)(page * PAGE + TXNID_AT)), sizeof number);
    close(fd);
    return number;
}

/* What a process leaves that is killed in its commit. */
static void write_mark(const struct fixture_dir *dir, uint64_t begun, uint64_t done, uint64_t txnid)
{
    const uint64_t mark[] = {begun, done, txnid};
    int fd = file_of(dir, "mark");
    assert_int_equal(pwrite(fd, mark, sizeof mark, 0), sizeof mark);
    close(fd);
}

static int recover(const struct fixture_dir *dir)
{
    struct error_detail detail = {.text = ""};
    int err = store_recover(dir->db, &detail);
    assert_true(err == 0 || strstr(detail.text, dir->db) != NULL);
    return err;
}

static uint64_t newest_number(const struct fixture_dir *dir)
{
    uint64_t a = number_of(dir, 0), b = number_of(dir, 1);
    assert_int_equal(a > b ? a - b : b - a, 1);
    return a > b ? a : b;
}

static void a_commit_that_was_cut_short_is_taken_back(void **state)
{
    struct fixture_dir dir;
    struct store *store = make_store(&dir);
    put(store, 1);
    put(store, 2);
    put(store, 3);
    store_close(&store);
    uint64_t newest = newest_number(&dir);
    write_mark(&dir, 7, 6, newest);
    assert_int_equal(recover(&dir), 0);
    assert_int_equal(recover(&dir), 0); /* once is enough */
    uint64_t mark[3] = {1, 1, 1};
    int fd = file_of(&dir, "mark");
    assert_int_equal(pread(fd, mark, sizeof mark, 0), sizeof mark);
    close(fd);
    assert_true(mark[0] == 0 && mark[1] == 0); /* nor is it dealt with twice, whatever somebody writes who knows no marks */
    store = open_store(&dir, STORE_MAPPED);
    assert_int_equal(get(store), 2);
    put(store, 4);
    assert_int_equal(get(store), 4);
    store_close(&store);
    assert_int_equal(newest_number(&dir), newest);
    store = open_store(&dir, STORE_MAPPED);
    assert_int_equal(get(store), 4);
    store_close(&store);
    fixture_remove(dir.path);
}

/* The roots are old and the number is new: what the order of LMDB's stores allows. */
static void half_of_the_roots_are_not_believed(void **state)
{
    struct fixture_dir dir;
    uint8_t roots[PAGE], half[PAGE];
    struct store *store = make_store(&dir);
    put(store, 1);
    put(store, 2);
    store_close(&store);
    uint64_t newest = newest_number(&dir);
    int fd = file_of(&dir, "data.mdb");
    off_t at = (off_t)(((newest + 1) & 1) * PAGE); /* where the next commit goes */
    assert_int_equal(pread(fd, half, sizeof half, at), sizeof half);
    newest++;
    memcpy(half + TXNID_AT, &newest, sizeof newest);
    assert_int_equal(pwrite(fd, half, sizeof half, at), sizeof half);
    write_mark(&dir, 1, 0, newest);
    assert_int_equal(recover(&dir), 0);
    assert_int_equal(pread(fd, roots, sizeof roots, at), sizeof roots);
    close(fd);
    assert_memory_not_equal(roots, half, sizeof roots);
    store = open_store(&dir, STORE_MAPPED);
    assert_int_equal(get(store), 2);
    store_close(&store);
    fixture_remove(dir.path);
}

static void what_was_done_stays(void **state)
{
    struct fixture_dir dir;
    struct store *store = make_store(&dir);
    put(store, 1);
    put(store, 2);
    store_close(&store);
    uint64_t newest = newest_number(&dir);
    const uint64_t marks[][3] = {{7, 7, newest}, {7, 6, newest + 1}, {7, 6, newest - 1}, {7, 6, newest + 2}, {7, 6, 0}, {0, 0, newest}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        write_mark(&dir, marks[i][0], marks[i][1], marks[i][2]);
        assert_int_equal(recover(&dir), 0);
        store = open_store(&dir, STORE_MAPPED);
        assert_int_equal(get(store), 2);
        store_close(&store);
    }
    fixture_remove(dir.path);
}

static void foreign_pages_and_other_users_are_left_alone(void **state)
{
    struct fixture_dir dir;
    uint8_t zeros[2 * PAGE] = {0};
    struct store *store = make_store(&dir);
    put(store, 1);
    assert_int_equal(recover(&dir), -ERROR_IN_USE);
    store_close(&store);
    write_mark(&dir, 1, 0, newest_number(&dir));
    int fd = file_of(&dir, "data.mdb");
    assert_int_equal(pwrite(fd, zeros, sizeof zeros, 0), sizeof zeros);
    close(fd);
    assert_int_equal(recover(&dir), -ERROR_DAMAGED);
    fixture_remove(dir.path);
}

/* The mark follows commits, also when they end in another order than they began in. */
static void the_mark_says_what_is_under_way(void **state)
{
    struct fixture_dir dir;
    struct store *store = make_store(&dir);
    struct mapped *mapped = NULL;
    struct error_detail detail;
    store_close(&store);
    uint64_t newest = newest_number(&dir);
    assert_int_equal(mapped_open(dir.db, &mapped), 0);
    uint64_t first = mapped_begin(mapped, newest - 1);
    uint64_t second = mapped_begin(mapped, newest);
    assert_int_equal(mapped_newest(mapped), second);
    assert_false(mapped_is_done(mapped, first));
    mapped_end(mapped, second);
    assert_true(mapped_is_done(mapped, first));
    mapped_end(mapped, first);
    assert_true(mapped_is_done(mapped, second));
    assert_int_equal(mapped_recover(dir.db, &detail), 0);
    assert_int_equal(newest_number(&dir), newest);
    (void)mapped_begin(mapped, newest);
    assert_int_equal(mapped_recover(dir.db, &detail), 0);
    assert_int_equal(number_of(&dir, newest & 1), 0);
    mapped_close(&mapped);
    mapped_close(&mapped);
    fixture_remove(dir.path);
}

/* ---- room ---- */

enum { CHANGE_PAGES = 98, COMMIT_PAGES = 64, LARGE = 20000 };

/* Keys of all sizes that production has, in order or not. */
static struct db_key some_key(struct random *random, enum store_db db, uint64_t id)
{
    struct db_key key;
    switch (db) {
    case STORE_ROWS:
        return db_key_row(3, id);
    case STORE_RECENT:
        return db_key_recent(id / DB_RECENT_SLOTS, id);
    case STORE_DIRTY:
        return db_key_dirty(id / 10, (uint32_t)(id % 10));
    case STORE_INDEX:
        key = db_key_index(2, 1);
        for (size_t i = 0; i < id * 7919 % 35; i++) {
            db_key_add_u64(&key, id * (i + 1)); /* up to DB_KEY_MAX */
        }
        db_key_add_u64(&key, id);
        return key;
    case STORE_META:
    case STORE_HISTORY:
        break;
    }
    return db_key_meta(DB_META_COUNT, (uint32_t)random_below(random, CFG_TABLE_MAX));
}

static void room_is_enough_and_not_much_more(struct store *store)
{
    uint64_t used = store_used_bytes(store), room = store_room_bytes(store);
    assert_true(used <= room);
    assert_true(room <= used + used / 50 + (4 << 20));
}

/* Whatever is written: the room was there before, and is not much more. */
static void what_is_used_had_room_and_little_more_is_taken(void **state)
{
    const uint64_t seed = (uint64_t)time(NULL);
    static uint8_t value[LARGE];
    struct fixture_dir dir;
    struct random random;
    struct store_txn *reader = NULL;
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    struct store *store = make_store(&dir);
    for (int round = 0; round < 120; round++) {
        struct store_txn *txn = NULL;
        uint64_t n = 1 + random_below(&random, round % 10 == 0 ? 6000 : 60);
        uint64_t from = random_below(&random, 5000), spread = 1 + random_below(&random, 5000), deletes = random_below(&random, 11);
        bool in_order = random_below(&random, 2) == 0, is_large = random_below(&random, 6) == 0;
        if (round % 25 == 5) {
            store_abort(&reader); /* held for 25 commits: nothing becomes free */
            assert_int_equal(store_read(store, &reader), 0);
        }
        assert_int_equal(store_write(store, &txn), 0);
        for (uint64_t i = 0; i < n; i++) {
            enum store_db db = (enum store_db)random_below(&random, STORE_DIRTY + 1);
            struct db_key key = some_key(&random, db, in_order ? from + i : from + random_below(&random, spread));
            size_t size = random_below(&random, is_large ? 4000 : random_below(&random, 50) == 0 ? LARGE : 900);
            int err = random_below(&random, 10) < deletes ? store_delete(txn, db, &key) : store_put(txn, db, &key, value, size);
            assert_true(err == 0 || err == -ERROR_NOT_FOUND);
        }
        if (round % 20 == 7) {
            store_abort(&txn);
            continue;
        }
        assert_int_equal(store_commit(&txn), 0);
        room_is_enough_and_not_much_more(store);
    }
    store_abort(&reader);
    store_close(&store);
    fixture_remove(dir.path);
}

static void fill(struct store *store, uint64_t first, uint64_t n, uint64_t step, uint64_t modulus, size_t size, bool is_gone)
{
    static uint8_t value[LARGE];
    struct store_txn *txn = NULL;
    assert_int_equal(store_write(store, &txn), 0);
    for (uint64_t i = 0; i < n; i++) {
        struct db_key key = db_key_row(3, (first + i * step) % modulus);
        int err = is_gone ? store_delete(txn, STORE_ROWS, &key) : store_put(txn, STORE_ROWS, &key, value, size);
        assert_true(err == 0 || err == -ERROR_NOT_FOUND);
    }
    assert_int_equal(store_commit(&txn), 0);
    print_message("used %.1f MB, room %.1f MB\n", (double)store_used_bytes(store) / 1e6, (double)store_room_bytes(store) / 1e6);
    room_is_enough_and_not_much_more(store);
}

/* What is loaded, changed all over, and thrown away in one commit takes little more than it uses; values with pages of their own as well. */
static void one_large_commit_takes_little_more_than_it_uses(void **state)
{
    enum { ROWS = 60000, LOADED = 10000, LARGE_ROWS = 4000 };
    struct fixture_dir dir;
    struct store *store = make_store(&dir);
    for (uint64_t id = 0; id < ROWS; id += LOADED) {
        fill(store, id, LOADED, 1, ROWS, 160, false);
    }
    fill(store, 0, ROWS / 10, 7919, ROWS, 160, false);
    fill(store, 0, ROWS, 1, ROWS, 0, true);
    fill(store, 0, LARGE_ROWS, 7919, LARGE_ROWS, 5000, false);
    fill(store, 0, LARGE_ROWS, 7919, LARGE_ROWS, 0, true);
    store_close(&store);
    fixture_remove(dir.path);
}

static uint64_t blocks_of(const struct fixture_dir *dir)
{
    struct stat stat_of;
    int fd = file_of(dir, "data.mdb");
    assert_int_equal(fstat(fd, &stat_of), 0);
    close(fd);
    return (uint64_t)stat_of.st_blocks * 512;
}

/* Nor does what was never committed stay. */
static void room_of_what_was_aborted_is_given_back(void **state)
{
    static uint8_t value[LARGE];
    struct fixture_dir dir;
    struct store *store = make_store(&dir);
    for (int round = 0; round < 2; round++) {
        struct store_txn *txn = NULL;
        assert_int_equal(store_write(store, &txn), 0);
        for (uint64_t id = 0; id < 2000; id++) {
            struct db_key key = db_key_row(3, id);
            assert_int_equal(store_put(txn, STORE_ROWS, &key, value, sizeof value), 0);
        }
        assert_true(store_room_bytes(store) > 2000 * sizeof value);
        store_abort(&txn);
        assert_true(store_room_bytes(store) < 4 << 20);
        assert_true(blocks_of(&dir) < 4 << 20);
        put(store, 1);
        room_is_enough_and_not_much_more(store);
    }
    store_close(&store);
    int fd = file_of(&dir, "data.mdb");
    assert_int_equal(posix_fallocate(fd, 0, 16 << 20), 0); /* by one that was killed */
    close(fd);
    store = open_store(&dir, STORE_MAPPED);
    assert_true(blocks_of(&dir) < 4 << 20);
    assert_int_equal(get(store), 1);
    put(store, 2);
    room_is_enough_and_not_much_more(store);
    store_close(&store);
    fixture_remove(dir.path);
}

static uint64_t last_page(MDB_env *env)
{
    MDB_envinfo info;
    assert_int_equal(mdb_env_info(env, &info), 0);
    return info.me_last_pgno + 1;
}

/* What LMDB itself takes: for each change, and for the commit. */
static void no_change_and_no_commit_takes_more_than_was_counted(void **state)
{
    const uint64_t seed = (uint64_t)time(NULL);
    static uint8_t value[LARGE];
    struct fixture_dir dir;
    struct random random;
    MDB_env *env;
    MDB_txn *reader = NULL;
    uint64_t most = 0, most_commit = 0;
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    assert_int_equal(mapped_wanted(0, 0, 0), CHANGE_PAGES + COMMIT_PAGES);
    struct store *store = make_store(&dir);
    store_close(&store);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, STORE_DB_COUNT), 0);
    assert_int_equal(mdb_env_set_mapsize(env, FIXTURE_MAP_BYTES), 0);
    assert_int_equal(mdb_env_open(env, dir.db, MDB_NOSYNC | MDB_NOTLS | MDB_WRITEMAP, 0640), 0);
    for (int round = 0; round < 300; round++) {
        MDB_txn *txn = NULL;
        MDB_dbi dbi;
        MDB_stat free_of;
        uint64_t n = 1 + random_below(&random, round % 10 == 0 ? 5000 : 40), from = random_below(&random, 5000);
        uint64_t spread = 1 + random_below(&random, 5000), deletes = random_below(&random, 11);
        bool is_large = random_below(&random, 4) == 0;
        if (round % 50 == 20) {
            mdb_txn_abort(reader);
            assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &reader), 0);
        } else if (round % 50 == 40) {
            mdb_txn_abort(reader);
            reader = NULL;
        }
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        assert_int_equal(mapped_taken(txn), last_page(env));
        assert_int_equal(mdb_stat(txn, 0, &free_of), 0);
        assert_int_equal(mdb_dbi_open(txn, round % 2 == 0 ? "rows" : "index", 0, &dbi), 0);
        uint64_t free_pages = free_of.ms_branch_pages + free_of.ms_leaf_pages, taken = mapped_taken(txn);
        for (uint64_t i = 0; i < n; i++) {
            struct db_key key = some_key(&random, round % 2 == 0 ? STORE_ROWS : STORE_INDEX, from + random_below(&random, spread));
            MDB_val k = {.mv_size = key.size, .mv_data = key.bytes};
            MDB_val v = {.mv_size = random_below(&random, is_large ? 4000 : random_below(&random, 50) == 0 ? LARGE : 900), .mv_data = value};
            bool is_gone = random_below(&random, 10) < deletes;
            int rc = is_gone ? mdb_del(txn, dbi, &k, NULL) : mdb_put(txn, dbi, &k, &v, 0);
            assert_true(rc == 0 || rc == MDB_NOTFOUND);
            uint64_t large = is_gone ? 0 : v.mv_size / PAGE, took = mapped_taken(txn) - taken;
            assert_true(took <= CHANGE_PAGES + large);
            most = took > large && took - large > most ? took - large : most;
            taken += took;
        }
        assert_int_equal(mdb_txn_commit(txn), 0);
        assert_true(last_page(env) + CHANGE_PAGES <= mapped_wanted(taken, free_pages, 0));
        most_commit = last_page(env) - taken > most_commit ? last_page(env) - taken : most_commit;
    }
    print_message("a change took %llu pages, a commit %llu; the file has %llu\n", (unsigned long long)most, (unsigned long long)most_commit,
                  (unsigned long long)last_page(env));
    assert_true(most > 0 && most_commit > 0);
    mdb_txn_abort(reader);
    mdb_env_close(env);
    fixture_remove(dir.path);
}

/* Transactions of all sizes where there is room for few of them. How many found room; -1: something else went wrong. */
static int random_transactions(struct store *store, uint64_t seed)
{
    static uint8_t value[LARGE];
    struct random random;
    int n_done = 0;
    random_seed(&random, seed);
    for (int round = 0; round < 300; round++) {
        struct store_txn *txn = NULL;
        uint64_t n = 1 + random_below(&random, round % 10 == 0 ? 2000 : 40), deletes = random_below(&random, 11);
        int err = store_write(store, &txn);
        for (uint64_t i = 0; err == 0 && i < n; i++) {
            struct db_key key = some_key(&random, STORE_INDEX, random_below(&random, 3000));
            size_t size = random_below(&random, random_below(&random, 20) == 0 ? LARGE : 900);
            err = random_below(&random, 10) < deletes ? store_delete(txn, STORE_INDEX, &key) : store_put(txn, STORE_INDEX, &key, value, size);
            err = err == -ERROR_NOT_FOUND ? 0 : err;
        }
        if (err == 0) {
            err = store_commit(&txn);
            n_done++;
        }
        store_abort(&txn);
        if (err != 0 && err != -ENOSPC) {
            return -1;
        }
    }
    return n_done;
}

/* In a child, with a directory of its own that gets full. A page without room would be its end. */
static int full_directory(const struct fixture_dir *dir, uint64_t seed)
{
    static uint8_t value[1000];
    struct store_txn *txn = NULL;
    struct store_bytes read_back;
    struct db_key first = db_key_row(3, 1);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mkdir(dir->db, 0750) != 0 ||
        mount("tmpfs", dir->db, "tmpfs", 0, "size=3m") != 0) {
        return errno == EPERM ? NOT_ALLOWED : 1;
    }
    struct store *store = open_store(dir, STORE_NO_SYNC);
    store_close(&store);
    store = open_store(dir, STORE_MAPPED);
    int err = 0;
    uint64_t id = 1;
    for (; err == 0 && id < 10000; id++) {
        struct db_key key = db_key_row(3, id);
        err = store_write(store, &txn);
        err = err == 0 ? store_put(txn, STORE_ROWS, &key, value, sizeof value) : err;
        if (err == 0) {
            err = store_commit(&txn);
        }
    }
    store_abort(&txn);
    if (err != -ENOSPC || id < 500) {
        return 2;
    }
    if (store_read(store, &txn) != 0 || store_get(txn, STORE_ROWS, &first, &read_back) != 0 || read_back.size != sizeof value) {
        return 3;
    }
    store_abort(&txn);
    if (mount("tmpfs", dir->db, "tmpfs", MS_REMOUNT, "size=8m") != 0) {
        return 4;
    }
    put(store, 1);
    int n_done = random_transactions(store, seed);
    store_close(&store);
    return n_done > 0 && n_done < 300 ? 0 : 5;
}

static void a_full_directory_is_an_error_and_not_a_signal(void **state)
{
    const uint64_t seed = (uint64_t)time(NULL);
    struct fixture_dir dir;
    int status = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    fixture_dir_make(&dir);
    pid_t child = fork();
    if (child == 0) {
        _exit(full_directory(&dir, seed));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    fixture_remove(dir.path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_ALLOWED) {
        skip(); /* only root may mount */
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_that_was_cut_short_is_taken_back),
        cmocka_unit_test(half_of_the_roots_are_not_believed),
        cmocka_unit_test(what_was_done_stays),
        cmocka_unit_test(foreign_pages_and_other_users_are_left_alone),
        cmocka_unit_test(the_mark_says_what_is_under_way),
        cmocka_unit_test(what_is_used_had_room_and_little_more_is_taken),
        cmocka_unit_test(one_large_commit_takes_little_more_than_it_uses),
        cmocka_unit_test(room_of_what_was_aborted_is_given_back),
        cmocka_unit_test(no_change_and_no_commit_takes_more_than_was_counted),
        cmocka_unit_test(a_full_directory_is_an_error_and_not_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
