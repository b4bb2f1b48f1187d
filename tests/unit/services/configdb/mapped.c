/* Room for what a transaction may need, and the commit that was cut short. */
#include "tests/unit/services/configdb/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

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
    assert_int_equal(store_recover(dir.db), 0);
    assert_int_equal(store_recover(dir.db), 0); /* once is enough */
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
    assert_int_equal(store_recover(dir.db), 0);
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
        assert_int_equal(store_recover(dir.db), 0);
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
    assert_int_equal(store_recover(dir.db), -ERROR_IN_USE);
    store_close(&store);
    write_mark(&dir, 1, 0, newest_number(&dir));
    int fd = file_of(&dir, "data.mdb");
    assert_int_equal(pwrite(fd, zeros, sizeof zeros, 0), sizeof zeros);
    close(fd);
    assert_int_equal(store_recover(dir.db), -ERROR_DAMAGED);
    fixture_remove(dir.path);
}

/* The mark follows commits, also when they end in another order than they began in. */
static void the_mark_says_what_is_under_way(void **state)
{
    struct fixture_dir dir;
    struct store *store = make_store(&dir);
    struct mapped *mapped = NULL;
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
    assert_int_equal(mapped_recover(dir.db), 0);
    assert_int_equal(newest_number(&dir), newest);
    (void)mapped_begin(mapped, newest);
    assert_int_equal(mapped_recover(dir.db), 0);
    assert_int_equal(number_of(&dir, newest & 1), 0);
    mapped_close(&mapped);
    mapped_close(&mapped);
    fixture_remove(dir.path);
}

/* Whatever a transaction does: it takes no more pages than were counted. */
static void no_transaction_takes_more_than_was_counted(void **state)
{
    const uint64_t seed = (uint64_t)time(NULL);
    static uint8_t value[20000];
    struct fixture_dir dir;
    struct random random;
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    struct store *store = make_store(&dir);
    for (int round = 0; round < 150; round++) {
        struct store_txn *txn = NULL;
        struct mapped_need need = {.large = 0};
        uint64_t before = store_used_bytes(store) / PAGE, n = 1 + random_below(&random, round % 10 == 0 ? 3000 : 60);
        uint64_t from = random_below(&random, 5000), spread = 1 + random_below(&random, 5000);
        bool in_order = random_below(&random, 2) == 0;
        for (size_t db = 0; db < MAPPED_DBS; db++) {
            need.dbs[db].pages = before; /* more than each has: as an upper bound it is still one */
        }
        assert_int_equal(store_write(store, &txn), 0);
        for (uint64_t i = 0; i < n; i++) {
            struct db_key key = db_key_row(3, in_order ? from + i : from + random_below(&random, spread));
            enum store_db db = random_below(&random, 2) == 0 ? STORE_ROWS : STORE_INDEX;
            size_t size = random_below(&random, random_below(&random, 20) == 0 ? sizeof value : 900);
            if (random_below(&random, 3) == 0) {
                int err = store_delete(txn, db, &key);
                assert_true(err == 0 || err == -ERROR_NOT_FOUND);
                mapped_count(&need, (uint32_t)db, 0);
            } else {
                assert_int_equal(store_put(txn, db, &key, value, size), 0);
                mapped_count(&need, (uint32_t)db, key.size + 8 + size);
            }
        }
        assert_int_equal(store_commit(&txn), 0);
        assert_true(store_used_bytes(store) / PAGE <= before + mapped_pages(&need));
    }
    store_close(&store);
    fixture_remove(dir.path);
}

/* In a child, with a directory of its own that gets full. A page without room would be its end. */
static int full_directory(const struct fixture_dir *dir)
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
    store_close(&store);
    return 0;
}

static void a_full_directory_is_an_error_and_not_a_signal(void **state)
{
    struct fixture_dir dir;
    int status = 0;
    fixture_dir_make(&dir);
    pid_t child = fork();
    if (child == 0) {
        _exit(full_directory(&dir));
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
        cmocka_unit_test(no_transaction_takes_more_than_was_counted),
        cmocka_unit_test(a_full_directory_is_an_error_and_not_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
