/* Changes in memory: equal to a sorted array of them, in LMDB's order, whatever order they come in. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/stage.h"

enum { KEYS = 300 };

static struct db_key key_of(uint64_t number)
{
    struct db_key key = {.size = 0};
    for (uint64_t left = number; left > 0; left /= 3) { /* of different lengths, some the beginning of others */
        db_key_add_u8(&key, (uint8_t)(left % 3));
    }
    return key;
}

static int compare(const struct db_key *a, const struct db_key *b)
{
    size_t common = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->bytes, b->bytes, common);
    return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size ? 1 : 0;
}

static bool is_before(uint32_t db_a, const struct db_key *a, const struct stage_change *b)
{
    struct db_key key = {.size = 0};
    db_key_add(&key, b->key, b->key_size);
    return db_a < b->db || (db_a == b->db && compare(a, &key) < 0);
}

static void it_is_a_sorted_list_of_the_last_changes(void **state)
{
    const uint64_t seed = 4711;
    struct random random;
    uint64_t values[2][KEYS] = {{0}};
    bool is_gone[2][KEYS] = {{false}};
    struct stage *stage = stage_new();
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    assert_null(stage_next(stage, NULL));
    for (int i = 0; i < 5000; i++) {
        uint32_t db = (uint32_t)random_below(&random, 2);
        uint64_t number = random_below(&random, KEYS), value = 1 + random_below(&random, 1000);
        struct db_key key = key_of(number);
        is_gone[db][number] = random_below(&random, 4) == 0;
        if (is_gone[db][number]) {
            stage_remove(stage, db, &key);
        } else {
            stage_put(stage, db, &key, &value, sizeof value);
        }
        values[db][number] = value;
    }
    size_t n = 0;
    for (uint32_t db = 0; db < 2; db++) {
        for (uint64_t number = 0; number < KEYS; number++) {
            struct db_key key = key_of(number);
            const struct stage_change *change = stage_find(stage, db, &key);
            assert_int_equal(change != NULL, values[db][number] != 0);
            if (change == NULL) {
                continue;
            }
            n++;
            assert_int_equal(change->is_gone, is_gone[db][number]);
            assert_true(change->is_gone || memcmp(change->value, &values[db][number], sizeof(uint64_t)) == 0);
            assert_ptr_equal(stage_from(stage, db, &key, false), change);
            const struct stage_change *next = stage_next(stage, change);
            assert_ptr_equal(stage_from(stage, db, &key, true), next != NULL && next->db == db ? next : NULL);
            assert_true(next == NULL || is_before(db, &key, next));
        }
    }
    assert_int_equal(stage_count(stage), n);
    for (const struct stage_change *change = stage_next(stage, NULL); change != NULL; change = stage_next(stage, change)) {
        n--;
    }
    assert_int_equal(n, 0);
    stage_destroy(&stage);
    assert_null(stage);
}

static void a_value_may_be_put_over_itself(void **state)
{
    struct stage *stage = stage_new();
    struct db_key key = key_of(5);
    stage_put(stage, 1, &key, "abc", 3);
    const struct stage_change *change = stage_find(stage, 1, &key);
    stage_put(stage, 1, &key, change->value + 1, 2);
    assert_int_equal(change->size, 2);
    assert_memory_equal(change->value, "bc", 2);
    assert_null(stage_find(stage, 0, &key));
    stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_sorted_list_of_the_last_changes),
        cmocka_unit_test(a_value_may_be_put_over_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
