/* Tests of lib/cfg/mirror.c: against a naive array under random puts and removals, order, sweeping, and differences. */
#include "lib/cfg/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/base/random.h"
#include "tests/unit/lib/cfg/rows.h"

static uint64_t put(struct mirror *m, enum cfg_table table, uint64_t id, uint64_t value)
{
    ProtobufCMessage *row = row_new(value);
    ProtobufCMessage *before = mirror_put(m, table, id, &row, 0);
    assert_null(row);
    uint64_t old = row_value(before);
    protobuf_c_message_free_unpacked(before, NULL);
    return old;
}

static uint64_t removed(struct mirror *m, enum cfg_table table, uint64_t id)
{
    ProtobufCMessage *before = mirror_remove(m, table, id);
    uint64_t old = row_value(before);
    protobuf_c_message_free_unpacked(before, NULL);
    return old;
}

enum { IDS = 300 };

static void agrees_with_the_naive_array(const struct mirror *m, const uint64_t naive[IDS])
{
    size_t n = 0;
    const struct mirror_slot *slot = mirror_at_or_after(m, CFG_OWNER, 0);
    for (uint64_t id = 0; id < IDS; id++) {
        assert_true(row_value(mirror_row(m, CFG_OWNER, id)) == naive[id]);
        if (naive[id] != 0) {
            assert_non_null(slot);
            assert_true(slot->id == id && row_value(slot->row) == naive[id]);
            slot = mirror_at_or_after(m, CFG_OWNER, id + 1);
            n++;
        }
    }
    assert_null(slot);
    assert_int_equal(mirror_size(m, CFG_OWNER), n);
}

static void random_changes_agree_with_the_naive_array(void **state)
{
    struct random r;
    struct mirror m = {0};
    uint64_t naive[IDS] = {0}, seed = 31;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int i = 0; i < 20000; i++) {
        uint64_t id = random_below(&r, IDS), value = 1 + random_below(&r, 1000);
        bool grows = (i / 1000) % 2 == 0; /* phases in which most go, so that sweeps happen */
        if (random_below(&r, 10) < (grows ? 7u : 2u)) {
            assert_true(put(&m, CFG_OWNER, id, value) == naive[id]);
            naive[id] = value;
        } else {
            assert_true(removed(&m, CFG_OWNER, id) == naive[id]);
            naive[id] = 0;
        }
        if (i % 500 == 0) {
            agrees_with_the_naive_array(&m, naive);
        }
    }
    agrees_with_the_naive_array(&m, naive);
    mirror_fini(&m);
}

static void removed_rows_do_not_pile_up(void **state)
{
    struct mirror m = {0};
    for (uint64_t id = 1; id <= 100000; id++) { /* a controller that adds and deletes for days */
        put(&m, CFG_OWNER, id, 1);
        if (id > 10) {
            assert_true(removed(&m, CFG_OWNER, id - 10) == 1);
        }
    }
    assert_int_equal(mirror_size(&m, CFG_OWNER), 10);
    assert_true(m.tables[CFG_OWNER].room < 1000);
    mirror_fini(&m);
}

static void tables_are_apart(void **state)
{
    struct mirror m = {0};
    put(&m, CFG_OWNER, 5, 50);
    put(&m, CFG_PORT, 5, 60);
    assert_true(removed(&m, CFG_PORT, 5) == 60);
    assert_true(row_value(mirror_row(&m, CFG_OWNER, 5)) == 50);
    mirror_fini(&m);
}

static void rows_compare_by_type_and_content(void **state)
{
    ProtobufCMessage *a = row_new(1), *b = row_new(1), *c = row_new(2);
    Busbar__CounterRow other = BUSBAR__COUNTER_ROW__INIT;
    assert_true(mirror_row_equal(a, b));
    assert_false(mirror_row_equal(a, c));
    assert_false(mirror_row_equal(a, &other.base));
    protobuf_c_message_free_unpacked(a, NULL);
    protobuf_c_message_free_unpacked(b, NULL);
    protobuf_c_message_free_unpacked(c, NULL);
}

static void packed_rows_are_read_as_messages(void **state)
{
    ProtobufCBinaryData one = row_bytes(1), two = row_bytes(2);
    ProtobufCMessage *a = mirror_row_pack(one.data, one.len), *b = mirror_row_pack(one.data, one.len), *c = mirror_row_pack(two.data, two.len);
    ProtobufCMessage *unpacked = row_new(1), *damaged = mirror_row_pack("\xff", 1);
    struct msg_arena arena;
    msg_arena_init(&arena);
    assert_true(mirror_row_equal(a, b));
    assert_false(mirror_row_equal(a, c));
    assert_false(mirror_row_equal(a, unpacked));
    assert_true(row_value(mirror_row_read(c, unpacked->descriptor, &arena)) == 2);
    assert_ptr_equal(mirror_row_read(unpacked, unpacked->descriptor, &arena), unpacked);
    assert_null(mirror_row_read(damaged, unpacked->descriptor, &arena));
    assert_null(mirror_row_read(NULL, unpacked->descriptor, &arena));
    ProtobufCMessage *rows[] = {a, b, c, unpacked, damaged, NULL};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mirror_row_free(rows[i]);
    }
    msg_arena_fini(&arena);
    free(one.data);
    free(two.data);
}

struct log {
    char text[400];
    size_t used;
};

static void on_change(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                      const ProtobufCMessage *after)
{
    struct log *log = context;
    log->used +=
        (size_t)snprintf(log->text + log->used, sizeof log->text - log->used, "%d/%llu:%llu>%llu ", (int)table,
                         (unsigned long long)id, (unsigned long long)row_value(before), (unsigned long long)row_value(after));
}

static void differences_show_the_gone_first_and_the_equal_never(void **state)
{
    struct mirror a = {0}, b = {0};
    struct log log = {0};
    put(&a, CFG_BRIDGE, 1, 10);
    put(&a, CFG_BRIDGE, 2, 20);
    put(&a, CFG_PORT, 3, 30);
    put(&a, CFG_PORT, 4, 40);
    put(&a, CFG_PORT, 9, 90);
    removed(&a, CFG_PORT, 9);
    put(&b, CFG_BRIDGE, 1, 10);
    put(&b, CFG_BRIDGE, 7, 70);
    put(&b, CFG_PORT, 4, 41);
    put(&b, CFG_PORT, 8, 80);
    removed(&b, CFG_PORT, 8);
    mirror_diff(&a, &b, on_change, &log);
    assert_string_equal(log.text, "3/3:30>0 2/2:20>0 2/7:0>70 3/4:40>41 ");
    mirror_fini(&a);
    mirror_fini(&b);
}

/* Applying the differences to a copy of one random mirror gives the other. */
static void on_change_apply(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                            const ProtobufCMessage *after)
{
    uint64_t *naive = context;
    assert_true(naive[id] == row_value(before));
    assert_true(naive[id] != row_value(after));
    naive[id] = row_value(after);
}

static void differences_of_random_mirrors_are_complete(void **state)
{
    struct random r;
    uint64_t seed = 8;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int round = 0; round < 200; round++) {
        struct mirror a = {0}, b = {0};
        uint64_t naive_a[IDS] = {0}, naive_b[IDS] = {0};
        for (int i = 0; i < 100; i++) {
            uint64_t id = random_below(&r, 60), value = random_below(&r, 3);
            struct mirror *m = i % 2 == 0 ? &a : &b;
            uint64_t *naive = i % 2 == 0 ? naive_a : naive_b;
            (void)(value == 0 ? removed(m, CFG_OWNER, id) : put(m, CFG_OWNER, id, value));
            naive[id] = value;
        }
        mirror_diff(&a, &b, on_change_apply, naive_a);
        assert_memory_equal(naive_a, naive_b, sizeof naive_a);
        mirror_fini(&a);
        mirror_fini(&b);
    }
}

static void many_changes_at_once_agree_with_one_by_one(void **state)
{
    struct random r;
    uint64_t seed = 77;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int round = 0; round < 200; round++) {
        struct mirror m = {0};
        uint64_t naive[IDS] = {0}, n = random_below(&r, 200);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t id = random_below(&r, IDS);
            naive[id] = random_below(&r, 3) == 0 ? 0 : 1 + random_below(&r, 1000);
            (void)(naive[id] != 0 ? put(&m, CFG_OWNER, id, naive[id]) : removed(&m, CFG_OWNER, id));
        }
        struct mirror_change changes[IDS + 1];
        size_t n_changes = 0;
        for (uint64_t id = 0; id < IDS; id++) {
            if (random_below(&r, 3) == 0) {
                uint64_t value = random_below(&r, 2) * (1 + random_below(&r, 1000));
                changes[n_changes++] =
                    (struct mirror_change){.table = CFG_OWNER, .id = id, .after = value != 0 ? row_new(value) : NULL, .order = naive[id]};
                naive[id] = value;
            }
        }
        changes[n_changes] = (struct mirror_change){.table = CFG_SERVICE, .id = 5}; /* another table, and a row it has not */
        mirror_merge(&m, changes, n_changes + 1);
        agrees_with_the_naive_array(&m, naive);
        for (size_t i = 0; i <= n_changes; i++) {
            assert_true(row_value(changes[i].before) == changes[i].order);
            mirror_row_free(changes[i].before);
        }
        mirror_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_agree_with_the_naive_array),
        cmocka_unit_test(removed_rows_do_not_pile_up),
        cmocka_unit_test(tables_are_apart),
        cmocka_unit_test(rows_compare_by_type_and_content),
        cmocka_unit_test(packed_rows_are_read_as_messages),
        cmocka_unit_test(differences_show_the_gone_first_and_the_equal_never),
        cmocka_unit_test(differences_of_random_mirrors_are_complete),
        cmocka_unit_test(many_changes_at_once_agree_with_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
