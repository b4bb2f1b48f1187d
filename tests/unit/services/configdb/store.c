/* One LMDB environment: values, checksums, walks, and what happens when it is opened twice or the disk is full. */
#include "tests/unit/services/configdb/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "services/configdb/store.h"

static struct store *open_store(const struct fixture_dir *dir, enum store_mode mode)
{
    struct store *store = NULL;
    struct error_detail detail = {.text = ""};
    if (store_open(dir->db, mode, FIXTURE_MAP_BYTES, &store, &detail) != 0) {
        fail_msg("%s", detail.text);
    }
    return store;
}

static void put(struct store *store, uint64_t id, const char *value)
{
    struct store_txn *txn = NULL;
    struct db_key key = db_key_row(3, id);
    assert_int_equal(store_write(store, &txn), 0);
    assert_int_equal(store_put(txn, STORE_ROWS, &key, value, strlen(value)), 0);
    assert_int_equal(store_commit(&txn), 0);
    assert_null(txn);
}

static void values_come_back_after_reopening(void **state)
{
    struct fixture_dir dir;
    struct store_txn *txn = NULL;
    struct store_bytes value;
    struct db_key key = db_key_row(3, 7);
    fixture_dir_make(&dir);
    struct store *store = open_store(&dir, STORE_SYNC);
    put(store, 7, "hello");
    store_close(&store);
    store_close(&store);
    store = open_store(&dir, STORE_NO_SYNC);
    assert_int_equal(store_read(store, &txn), 0);
    assert_int_equal(store_get(txn, STORE_ROWS, &key, &value), 0);
    assert_int_equal(value.size, 5);
    assert_memory_equal(value.bytes, "hello", 5);
    key = db_key_row(3, 8);
    assert_int_equal(store_get(txn, STORE_ROWS, &key, &value), -ERROR_NOT_FOUND);
    store_abort(&txn);
    store_close(&store);
    fixture_remove(dir.path);
}

static void no_other_user_can_read_its_files(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "owner"};
    struct fixture_dir dir;
    fixture_dir_make(&dir);
    mode_t before = umask(0);
    struct store *store = open_store(&dir, STORE_SYNC);
    umask(before);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        char *path = memory_format("%s/%s", dir.db, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        free(path);
    }
    store_close(&store);
    fixture_remove(dir.path);
}

static void an_aborted_write_leaves_nothing(void **state)
{
    struct fixture_dir dir;
    struct store_txn *txn = NULL;
    uint64_t number;
    struct db_key key = db_key_meta(DB_META_N, 0);
    fixture_dir_make(&dir);
    struct store *store = open_store(&dir, STORE_NO_SYNC);
    assert_int_equal(store_write(store, &txn), 0);
    assert_int_equal(store_put_u64(txn, STORE_META, &key, 5), 0);
    store_abort(&txn);
    assert_int_equal(store_read(store, &txn), 0);
    assert_int_equal(store_get_u64(txn, STORE_META, &key, &number), -ERROR_NOT_FOUND);
    store_abort(&txn);
    store_close(&store);
    fixture_remove(dir.path);
}

static void a_put_says_whether_the_key_is_new(void **state)
{
    for (int is_staged = 0; is_staged < 2; is_staged++) {
        struct fixture_dir dir;
        fixture_dir_make(&dir);
        struct store *store = open_store(&dir, STORE_NO_SYNC);
        struct store_txn *txn = NULL;
        struct store_bytes value;
        bool is_new = false;
        assert_int_equal(is_staged ? store_stage(store, &txn) : store_write(store, &txn), 0);
        for (uint64_t i = 0; i < 3000; i++) {
            struct db_key key = db_key_row(10, i * 7919 % 3000); /* all of them, in no order */
            assert_int_equal(store_put_counted(txn, STORE_ROWS, &key, &i, sizeof i, &is_new), 0);
            assert_true(is_new);
        }
        for (uint64_t i = 0; i < 3000; i++) {
            struct db_key key = db_key_row(10, i);
            uint64_t other = i + 5;
            assert_int_equal(store_put_counted(txn, STORE_ROWS, &key, &other, sizeof other, &is_new), 0);
            assert_false(is_new);
            assert_int_equal(store_get(txn, STORE_ROWS, &key, &value), 0);
            assert_memory_equal(value.bytes, &other, sizeof other);
        }
        store_abort(&txn);
        store_close(&store);
        fixture_remove(dir.path);
    }
}

enum { MODEL_KEYS = 3000, MODEL_CHANGES = 40000, MODEL_VALUE = 700 };

/* Runs of keys as rules come and go, between them single ones: pages are split, joined and given back under the cursors that puts leave behind. */
static void whatever_comes_and_goes_the_right_rows_stay(void **state)
{
    const uint64_t seed = random_start_number();
    static size_t model[MODEL_KEYS]; /* sizes; 0: not there */
    static uint8_t value[MODEL_VALUE];
    struct fixture_dir dir;
    struct random random;
    struct store_txn *txn = NULL;
    struct store_bytes found;
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    fixture_dir_make(&dir);
    memset(model, 0, sizeof model);
    struct store *store = open_store(&dir, STORE_NO_SYNC);
    assert_int_equal(store_write(store, &txn), 0);
    for (int i = 0; i < MODEL_CHANGES;) {
        bool is_put = random_below(&random, 2) == 0, is_new = false;
        uint64_t id = random_below(&random, MODEL_KEYS);
        for (uint64_t n = 1 + random_below(&random, random_below(&random, 3) == 0 ? 300 : 3); n > 0 && id < MODEL_KEYS; n--, id++, i++) {
            struct db_key key = db_key_row(10, id);
            size_t size = 1 + random_below(&random, MODEL_VALUE);
            if (!is_put) {
                assert_int_equal(store_delete(txn, STORE_ROWS, &key), model[id] != 0 ? 0 : -ERROR_NOT_FOUND);
                model[id] = 0;
                continue;
            }
            memset(value, (int)(id ^ size), size);
            assert_int_equal(store_put_counted(txn, STORE_ROWS, &key, value, size, &is_new), 0);
            assert_int_equal(is_new, model[id] == 0);
            model[id] = size;
        }
        if (random_below(&random, 50) == 0) {
            assert_int_equal(store_commit(&txn), 0);
            assert_int_equal(store_write(store, &txn), 0);
        }
    }
    for (uint64_t id = 0; id < MODEL_KEYS; id++) {
        struct db_key key = db_key_row(10, id);
        assert_int_equal(store_get(txn, STORE_ROWS, &key, &found), model[id] != 0 ? 0 : -ERROR_NOT_FOUND);
        assert_true(model[id] == 0 || (found.size == model[id] && found.bytes[0] == (uint8_t)(id ^ model[id]) && found.bytes[model[id] - 1] == found.bytes[0]));
    }
    store_abort(&txn);
    store_close(&store);
    fixture_remove(dir.path);
}

static void a_walk_gives_keys_in_order_and_can_delete_on_its_way(void **state)
{
    struct fixture_dir dir;
    struct store_txn *txn = NULL;
    struct store_bytes key, value;
    fixture_dir_make(&dir);
    struct store *store = open_store(&dir, STORE_NO_SYNC);
    for (uint64_t id = 1000; id > 0; id--) {
        put(store, id, "some value that makes pages fill up before the thousandth");
    }
    assert_int_equal(store_write(store, &txn), 0);
    struct db_key from = db_key_row(3, 101);
    struct store_cursor *cursor = store_cursor_open(txn, STORE_ROWS, &from);
    for (uint64_t id = 101; id <= 900; id++) {
        struct db_key wanted = db_key_row(3, id);
        assert_int_equal(store_next(cursor, &key, &value), 0);
        assert_memory_equal(key.bytes, wanted.bytes, wanted.size);
        assert_int_equal(store_cursor_delete(cursor), 0);
    }
    store_cursor_close(&cursor);
    from = (struct db_key){.size = 0};
    cursor = store_cursor_open(txn, STORE_ROWS, &from);
    for (uint64_t id = 1; id <= 1000; id = id == 100 ? 901 : id + 1) {
        struct db_key wanted = db_key_row(3, id);
        assert_int_equal(store_next(cursor, &key, &value), 0);
        assert_memory_equal(key.bytes, wanted.bytes, wanted.size);
    }
    assert_int_equal(store_next(cursor, &key, &value), -ERROR_NOT_FOUND);
    store_cursor_close(&cursor);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    fixture_remove(dir.path);
}

static void a_flipped_bit_in_a_value_is_noticed(void **state)
{
    struct fixture_dir dir;
    struct store_txn *txn = NULL;
    struct store_bytes value;
    struct db_key key = db_key_row(3, 7);
    char path[128];
    uint8_t page[65536];
    fixture_dir_make(&dir);
    struct store *store = open_store(&dir, STORE_SYNC);
    put(store, 7, "a value that can be found in the file");
    store_close(&store);
    (void)snprintf(path, sizeof path, "%s/data.mdb", dir.db);
    int fd = open(path, O_RDWR);
    ssize_t size = read(fd, page, sizeof page);
    assert_true(size > 0);
    uint8_t *found = memmem(page, (size_t)size, "a value that", 12);
    assert_non_null(found);
    uint8_t flipped = *found ^ 1;
    assert_int_equal(pwrite(fd, &flipped, 1, found - page), 1);
    close(fd);
    store = open_store(&dir, STORE_SYNC);
    assert_int_equal(store_read(store, &txn), 0);
    assert_int_equal(store_get(txn, STORE_ROWS, &key, &value), -ERROR_DAMAGED);
    store_abort(&txn);
    store_close(&store);
    fixture_remove(dir.path);
}

static void a_second_process_is_refused_by_name(void **state)
{
    struct fixture_dir dir;
    struct error_detail detail;
    fixture_dir_make(&dir);
    struct store *store = open_store(&dir, STORE_SYNC);
    pid_t child = fork();
    if (child == 0) {
        struct store *second = NULL;
        int err = store_open(dir.db, STORE_SYNC, FIXTURE_MAP_BYTES, &second, &detail);
        _exit(err == -ERROR_IN_USE && strstr(detail.text, dir.db) != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store_close(&store);
    fixture_remove(dir.path);
}

/* In a child: files may not grow any more, as on a full disk. */
static int full_disk(const struct fixture_dir *dir)
{
    struct rlimit limit = {.rlim_cur = 256 * 1024, .rlim_max = 256 * 1024};
    char value[1000];
    struct store_txn *txn = NULL;
    struct store_bytes read_back;
    struct db_key first = db_key_row(3, 1);
    signal(SIGXFSZ, SIG_IGN);
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct store *store = open_store(dir, STORE_SYNC);
    put(store, 1, "first");
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    int err = 0;
    for (uint64_t id = 2; err == 0 && id < 5000; id++) {
        struct db_key key = db_key_row(3, id);
        err = store_write(store, &txn);
        err = err == 0 ? store_put(txn, STORE_ROWS, &key, value, sizeof value) : err;
        if (err == 0) {
            err = store_commit(&txn);
        }
    }
    if (err != -ENOSPC) {
        return 2;
    }
    store_abort(&txn);
    if (store_read(store, &txn) != 0 || store_get(txn, STORE_ROWS, &first, &read_back) != 0 || read_back.size != 5) {
        return 3;
    }
    store_abort(&txn);
    store_close(&store);
    return 0;
}

static void a_full_disk_refuses_the_commit_and_reads_go_on(void **state)
{
    struct fixture_dir dir;
    int status = 0;
    fixture_dir_make(&dir);
    pid_t child = fork();
    if (child == 0) {
        _exit(full_disk(&dir));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture_remove(dir.path);
}

static void a_full_map_refuses_and_the_store_goes_on(void **state)
{
    struct fixture_dir dir;
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct error_detail detail;
    static char value[100000];
    fixture_dir_make(&dir);
    assert_int_equal(store_open(dir.db, STORE_NO_SYNC, 1 << 20, &store, &detail), 0);
    int err = 0;
    assert_int_equal(store_write(store, &txn), 0);
    for (uint64_t id = 1; err == 0 && id < 100; id++) {
        struct db_key key = db_key_row(3, id);
        err = store_put(txn, STORE_ROWS, &key, value, sizeof value);
    }
    assert_int_equal(err, -ENOSPC);
    store_abort(&txn);
    put(store, 1, "small");
    store_close(&store);
    fixture_remove(dir.path);
}

static void the_layout_is_what_db_layout_h_says(void **state)
{
    static const uint8_t row[] = {3, 0, 0, 0, 0, 0, 0, 0, 7};
    static const uint8_t local[] = {3, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe};
    static const uint8_t name[] = {2, 1, 'b', 'r', '0'};
    static const uint8_t recent[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 5};
    static const uint8_t dirty[] = {0, 0, 0, 0, 0, 0, 0, 0x2a, 0, 0, 0, 3};
    assert_int_equal(DB_LAYOUT, 3);
    assert_int_equal(DB_META_GROUP, 'G');
    assert_int_equal(DB_META_PUBLISHED, 'V');
    struct db_key key = db_key_row(3, 7);
    assert_int_equal(key.size, sizeof row);
    assert_memory_equal(key.bytes, row, sizeof row);
    key = db_key_index(3, 2);
    db_key_add_u64(&key, 1);
    db_key_add_u64(&key, 0xfffffffe);
    assert_int_equal(key.size, sizeof local);
    assert_memory_equal(key.bytes, local, sizeof local);
    key = db_key_index(2, 1);
    db_key_add(&key, "br0", 3);
    assert_int_equal(key.size, sizeof name);
    assert_memory_equal(key.bytes, name, sizeof name);
    key = db_key_recent(0x1122334455667788, 64 + 5);
    assert_int_equal(key.size, sizeof recent);
    assert_memory_equal(key.bytes, recent, sizeof recent);
    static const uint8_t range[] = {0x0a, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 4};
    for (uint32_t count = 1; count < 5; count += 3) {
        struct db_dirty rows = {.table = 10, .first = 7, .count = count};
        key = db_dirty_pack(&rows);
        assert_int_equal(key.size, count > 1 ? sizeof range : 9);
        assert_memory_equal(key.bytes, range, key.size);
    }
    key = db_key_dirty(42, 3);
    assert_int_equal(key.size, sizeof dirty);
    assert_memory_equal(key.bytes, dirty, sizeof dirty);
}

static bool same(const struct store_bytes *a, const struct store_bytes *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Walks both from `from`, and ends either walk at the same place. */
static void compare_walks(struct store_txn *staged, struct store_txn *written, const struct db_key *from)
{
    struct store_cursor *a = store_cursor_open(staged, STORE_ROWS, from);
    struct store_cursor *b = store_cursor_open(written, STORE_ROWS, from);
    struct store_bytes key_a, key_b, value_a, value_b;
    int err_a, err_b;
    do {
        err_a = store_next(a, &key_a, &value_a);
        err_b = store_next(b, &key_b, &value_b);
        assert_int_equal(err_a, err_b);
        assert_true(err_a != 0 || (same(&key_a, &key_b) && same(&value_a, &value_b)));
    } while (err_a == 0);
    assert_int_equal(err_a, -ERROR_NOT_FOUND);
    store_cursor_close(&a);
    store_cursor_close(&b);
}

/* Deletes every third on the way of a walk. */
static void delete_on_the_way(struct store_txn *txn, const struct db_key *from)
{
    struct store_cursor *cursor = store_cursor_open(txn, STORE_ROWS, from);
    struct store_bytes key, value;
    for (int i = 0; i < 30 && store_next(cursor, &key, &value) == 0; i++) {
        assert_int_equal(i % 3 == 0 ? store_cursor_delete(cursor) : 0, 0);
    }
    store_cursor_close(&cursor);
}

static int mark(void *context, struct store_txn *txn)
{
    struct db_key key = db_key_meta(DB_META_N, 0);
    return store_put_u64(txn, STORE_META, &key, *(const uint64_t *)context);
}

/* The twin is a second environment that is written at once. */
static void a_staged_write_reads_as_a_real_one_and_becomes_one(void **state)
{
    const uint64_t seed = 815;
    struct fixture_dir dirs[2];
    struct store *stores[2];
    struct random random;
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 2; i++) {
        fixture_dir_make(&dirs[i]);
        stores[i] = open_store(&dirs[i], STORE_NO_SYNC);
    }
    for (uint64_t round = 0; round < 20; round++) {
        struct store_txn *txns[2] = {NULL, NULL};
        struct store_txn *old = NULL;
        struct db_key from = db_key_row(3, random_below(&random, 200));
        assert_int_equal(store_stage(stores[0], &txns[0]), 0);
        assert_int_equal(store_write(stores[1], &txns[1]), 0);
        for (int i = 0; i < 60; i++) {
            struct db_key key = db_key_row(3, random_below(&random, 200));
            uint64_t value = random_u64(&random);
            if (random_below(&random, 3) == 0) {
                assert_int_equal(store_delete(txns[0], STORE_ROWS, &key), store_delete(txns[1], STORE_ROWS, &key));
            } else {
                assert_int_equal(store_put_u64(txns[0], STORE_ROWS, &key, value), 0);
                assert_int_equal(store_put_u64(txns[1], STORE_ROWS, &key, value), 0);
            }
        }
        delete_on_the_way(txns[0], &from);
        delete_on_the_way(txns[1], &from);
        compare_walks(txns[0], txns[1], &from);
        struct stage *stage = store_take(txns[0]);
        assert_int_equal(store_read(stores[1], &old), 0);
        compare_walks(txns[0], old, &from); /* it goes on as a read of what was before */
        assert_int_equal(store_apply(stores[0], stage, mark, &round), 0);
        compare_walks(txns[0], old, &from);
        store_abort(&old);
        store_abort(&txns[0]);
        assert_int_equal(store_commit(&txns[1]), 0);
        assert_int_equal(store_read(stores[0], &txns[0]), 0);
        assert_int_equal(store_read(stores[1], &txns[1]), 0);
        from.size = 0;
        compare_walks(txns[0], txns[1], &from);
        uint64_t n = 99;
        struct db_key key = db_key_meta(DB_META_N, 0);
        assert_int_equal(store_get_u64(txns[0], STORE_META, &key, &n), 0);
        assert_int_equal(n, round);
        stage_destroy(&stage);
        store_abort(&txns[0]);
        store_abort(&txns[1]);
    }
    for (int i = 0; i < 2; i++) {
        store_close(&stores[i]);
        fixture_remove(dirs[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_after_reopening),
        cmocka_unit_test(no_other_user_can_read_its_files),
        cmocka_unit_test(an_aborted_write_leaves_nothing),
        cmocka_unit_test(a_put_says_whether_the_key_is_new),
        cmocka_unit_test(whatever_comes_and_goes_the_right_rows_stay),
        cmocka_unit_test(a_walk_gives_keys_in_order_and_can_delete_on_its_way),
        cmocka_unit_test(a_flipped_bit_in_a_value_is_noticed),
        cmocka_unit_test(a_second_process_is_refused_by_name),
        cmocka_unit_test(a_full_disk_refuses_the_commit_and_reads_go_on),
        cmocka_unit_test(a_full_map_refuses_and_the_store_goes_on),
        cmocka_unit_test(a_staged_write_reads_as_a_real_one_and_becomes_one),
        cmocka_unit_test(the_layout_is_what_db_layout_h_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
