/* Damage is found before work begins, and never by dying of it. */
#include "tests/unit/services/configdb/fixture.h"

#include <fcntl.h>

#include "services/configdb/check.h"

static void fill(struct fixture_base *base)
{
    fixture_base_init(base);
    uint8_t packed[64];
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    size_t size = protobuf_c_message_pack(&bridge.base, packed);
    assert_int_equal(rows_begin(base->rows, ROWS_DISK), 0);
    for (uint64_t id = 1; id <= 5000; id++) {
        assert_int_equal(rows_put(base->rows, CFG_BRIDGE, id, packed, size), 0);
    }
    assert_int_equal(rows_commit(base->rows), 0);
    rows_destroy(&base->rows);
}

static void a_sound_database_passes(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fill(&base);
    assert_int_equal(check_database(base.dir.db, FIXTURE_MAP_BYTES, &detail), 0);
    assert_int_equal(check_database("/nonexistent/busbar", FIXTURE_MAP_BYTES, &detail), 0);
    fixture_base_fini(&base);
}

static void a_wrong_count_is_damage(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct db_key key = db_key_meta(DB_META_COUNT, CFG_BRIDGE);
    fill(&base);
    assert_int_equal(store_open(base.dir.db, STORE_SYNC, FIXTURE_MAP_BYTES, &store, &detail), 0);
    assert_int_equal(store_write(store, &txn), 0);
    assert_int_equal(store_put_u64(txn, STORE_META, &key, 4999), 0);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    assert_int_equal(check_database(base.dir.db, FIXTURE_MAP_BYTES, &detail), -ERROR_DAMAGED);
    assert_non_null(strstr(detail.text, "bridge"));
    assert_non_null(strstr(detail.text, base.dir.db));
    fixture_base_fini(&base);
}

static void another_layout_is_refused(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    struct db_key key = db_key_meta(DB_META_LAYOUT, 0);
    fill(&base);
    assert_int_equal(store_open(base.dir.db, STORE_SYNC, FIXTURE_MAP_BYTES, &store, &detail), 0);
    assert_int_equal(store_write(store, &txn), 0);
    assert_int_equal(store_put_u64(txn, STORE_META, &key, DB_LAYOUT + 1), 0);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    assert_int_equal(check_database(base.dir.db, FIXTURE_MAP_BYTES, &detail), -ERROR_VERSION);
    fixture_base_fini(&base);
}

/* Writes rubbish over a page, or cuts the file, and puts the good file back afterwards. */
static void damage_anywhere_is_reported_or_harmless(void **state)
{
    const uint64_t seed = 4711;
    struct fixture_base base;
    struct error_detail detail;
    struct random r;
    char path[128];
    static uint8_t good[1 << 20];
    size_t n_found = 0;
    fill(&base);
    random_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    (void)snprintf(path, sizeof path, "%s/data.mdb", base.dir.db);
    int fd = open(path, O_RDWR);
    ssize_t size = read(fd, good, sizeof good);
    assert_true(size > 8192 && size < (ssize_t)sizeof good);
    for (int i = 0; i < 60; i++) {
        uint8_t rubbish[256];
        for (size_t k = 0; k < sizeof rubbish; k++) {
            rubbish[k] = (uint8_t)random_u64(&r);
        }
        off_t place = (off_t)random_below(&r, (uint64_t)size - sizeof rubbish);
        if (i % 4 == 0) {
            assert_int_equal(ftruncate(fd, place), 0);
        } else {
            assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, place), sizeof rubbish);
        }
        int err = check_database(base.dir.db, FIXTURE_MAP_BYTES, &detail);
        n_found += err == -ERROR_DAMAGED || err == -ERROR_VERSION ? 1 : 0;
        assert_int_equal(pwrite(fd, good, (size_t)size, 0), size);
    }
    close(fd);
    print_message("%zu of 60 damages lay where something is stored\n", n_found);
    assert_true(n_found > 40);
    assert_int_equal(check_database(base.dir.db, FIXTURE_MAP_BYTES, &detail), 0);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_database_passes),
        cmocka_unit_test(a_wrong_count_is_damage),
        cmocka_unit_test(another_layout_is_refused),
        cmocka_unit_test(damage_anywhere_is_reported_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
