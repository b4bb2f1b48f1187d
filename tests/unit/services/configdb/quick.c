/* The short way of rules and the general one: two databases, the same transactions, the same refusals, ids and rows. */
#include "tests/unit/services/configdb/txn_bench.h"

#include "tests/unit/services/configdb/wire_rows.h"

enum { ROUNDS = 1500, LIVE_MOST = 200 };

/* One of the two ways. */
struct way {
    struct fixture_base base;
    void (*evaluate)(struct rows *rows, const struct bus_identity *from, const Busbar__Transact *message, struct msg_arena *scratch, struct txn *out_txn);
    struct txn txn;
    struct msg_arena scratch;
};
struct law {
    struct random random;
    struct way quick, slow;
    uint64_t bridges[3];
    uint64_t next_id;
    uint64_t live[LIVE_MOST]; /* ids of rules that are there, or were a moment ago */
    size_t n_done, n_refused, n_lent;
};

static void way_open(struct way *way, uint64_t bridges[3])
{
    static const char *const names[] = {"br0", "br1", "br2"};
    fixture_base_init(&way->base);
    for (size_t i = 0; i < 3; i++) {
        bridges[i] = bench_bridge(&way->base, names[i]);
    }
    msg_arena_init(&way->scratch);
}

static void way_close(struct way *way)
{
    msg_arena_fini(&way->scratch);
    fixture_base_fini(&way->base);
}

/* The rows of the run environment, one behind the other. */
static void way_rows(struct way *way, struct writer *out)
{
    writer_clear(out);
    assert_int_equal(rows_begin_read(way->base.rows), 0);
    for (enum store_db db = STORE_META; db <= STORE_DIRTY; db++) {
        struct db_key from = {.size = 0};
        struct store_bytes key, value;
        struct store_cursor *cursor = store_cursor_open(rows_txn(way->base.rows, ROWS_RUN), db, &from);
        while (store_next(cursor, &key, &value) == 0) {
            writer_bytes(out, key.bytes, key.size);
            writer_bytes(out, value.bytes, value.size);
        }
        store_cursor_close(&cursor);
    }
    rows_end(way->base.rows);
}

static void random_value(struct law *law, Busbar__Op *op, uint8_t *room, size_t room_size)
{
    struct writer bytes;
    writer_init(&bytes);
    wire_rows_message(&bytes, &law->random, &busbar__rule_row__descriptor, random_below(&law->random, 60) == 0 ? 16 : 0, 0);
    Busbar__RuleRow *row = busbar__rule_row__unpack(NULL, bytes.size, bytes.bytes);
    if (row != NULL && row->base.n_unknown_fields == 0) {
        static const uint64_t others[] = {0, 99, 1ull << 63, UINT64_MAX};
        row->bridge = random_below(&law->random, 80) == 0 ? others[random_below(&law->random, 4)] : law->bridges[random_below(&law->random, 10) / 9];
        row->table = random_below(&law->random, 100) == 0 ? 255 : row->table % 255;
        row->priority = random_below(&law->random, 100) == 0 ? 65536 : row->priority & 0xffff;
        writer_clear(&bytes);
        (void)busbar__rule_row__pack(row, writer_extend(&bytes, busbar__rule_row__get_packed_size(row)));
    }
    busbar__rule_row__free_unpacked(row, NULL);
    op->value.len = bytes.size <= room_size ? bytes.size : 0;
    op->value.data = op->value.len > 0 ? room : NULL;
    if (op->value.len > 0) {
        memcpy(room, bytes.bytes, op->value.len);
    }
    writer_fini(&bytes);
}

static uint64_t random_id(struct law *law)
{
    uint64_t live = law->live[random_below(&law->random, LIVE_MOST)];
    return live != 0 && random_below(&law->random, 30) != 0 ? live : law->next_id + random_below(&law->random, 4); /* some that the transaction itself gives */
}

static void note_live(struct law *law, const struct overlay_change *change)
{
    uint64_t *place = &law->live[change->id % LIVE_MOST];
    if (change->table == CFG_RULE) {
        *place = !change->is_deleted ? change->id : *place == change->id ? 0 : *place;
    }
}

static void random_op(struct law *law, struct bench *bench, uint64_t *label)
{
    static char priority[] = "priority", bridge[] = "bridge", *columns[] = {priority, bridge};
    size_t i = bench->message.n_ops;
    uint64_t what = random_below(&law->random, 100);
    Busbar__OpKind kind = what < 55   ? BUSBAR__OP_KIND__OP_INSERT
                          : what < 75 ? BUSBAR__OP_KIND__OP_PUT
                          : what < 92 ? BUSBAR__OP_KIND__OP_DELETE
                          : what < 96 ? BUSBAR__OP_KIND__OP_UPDATE
                                      : BUSBAR__OP_KIND__OP_REQUIRE;
    Busbar__Op *op = bench_op(bench, kind, random_below(&law->random, 150) == 0 ? CFG_COUNTER : CFG_RULE, 0, NULL);
    if (kind == BUSBAR__OP_KIND__OP_INSERT) {
        *label = random_below(&law->random, 60) == 0 ? 1ull << 63 | random_below(&law->random, 40) : *label + 1;
        op->id = random_below(&law->random, 3) == 0 ? 0 : *label;
    } else {
        bool is_label = random_below(&law->random, 20) == 0;
        op->id = is_label ? 1ull << 63 | (1 + random_below(&law->random, 4)) : random_id(law);
    }
    if (kind != BUSBAR__OP_KIND__OP_DELETE) {
        random_value(law, op, bench->values[i], sizeof bench->values[i]);
    }
    if (kind == BUSBAR__OP_KIND__OP_UPDATE) {
        op->columns = columns;
        op->n_columns = 1 + random_below(&law->random, 2);
    }
}

static void run(struct way *way, struct bench *bench, const struct bus_identity *from)
{
    assert_int_equal(rows_begin(way->base.rows, ROWS_RUN), 0);
    way->evaluate(way->base.rows, from, &bench->message, &way->scratch, &way->txn);
}

static void end(struct way *way)
{
    if (way->txn.error == 0) {
        (void)rows_next_n(way->base.rows);
        assert_int_equal(overlay_write(way->txn.overlay), 0);
        assert_int_equal(rows_commit(way->base.rows), 0);
    } else {
        rows_end(way->base.rows);
    }
    txn_fini(&way->txn);
}

static void compare(struct law *law, const struct bench *bench)
{
    struct txn *quick = &law->quick.txn, *slow = &law->slow.txn;
    const struct overlay_change *a = NULL, *b = NULL;
    assert_int_equal(quick->error, slow->error);
    assert_int_equal(quick->failed_op, slow->failed_op);
    assert_int_equal(quick->makes_version, slow->makes_version);
    assert_memory_equal(quick->ids, slow->ids, bench->message.n_ops * sizeof *quick->ids);
    if (quick->error != 0) {
        assert_string_equal(quick->detail.text, slow->detail.text);
        law->n_refused++;
        return;
    }
    law->n_done++;
    do {
        (void)overlay_next(quick->overlay, &a);
        (void)overlay_next(slow->overlay, &b);
        assert_int_equal(a != NULL, b != NULL);
        if (a != NULL) {
            assert_true(a->table == b->table && a->id == b->id && a->is_deleted == b->is_deleted && a->size == b->size);
            assert_true(a->size == 0 || memcmp(a->value, b->value, a->size) == 0);
            const uint8_t *values = &bench->values[0][0];
            note_live(law, a);
            law->n_lent += a->value >= values && a->value < values + sizeof bench->values ? 1 : 0;
        }
    } while (a != NULL);
}

static void both_ways_do_the_same(void **state)
{
    const uint64_t seed = random_start_number();
    struct law law = {.quick.evaluate = txn_evaluate, .slow.evaluate = txn_evaluate_slowly, .next_id = 1};
    struct bench bench;
    struct writer quick, slow;
    random_seed(&law.random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    writer_init(&quick);
    writer_init(&slow);
    way_open(&law.slow, law.bridges);
    way_open(&law.quick, law.bridges);
    for (int round = 0; round < ROUNDS; round++) {
        struct bus_identity from = {.kind = random_below(&law.random, 40) == 0 ? PROCESS_SWCTL : PROCESS_OFAGENT, .instance = 1, .start = 55};
        uint64_t label = 1ull << 63;
        bench_begin(&bench);
        bool is_long = random_below(&law.random, 4) == 0;
        for (uint64_t n = 1 + random_below(&law.random, is_long ? BENCH_OPS - 1 : 3); n > 0; n--) {
            random_op(&law, &bench, &label);
        }
        run(&law.quick, &bench, &from);
        run(&law.slow, &bench, &from);
        compare(&law, &bench);
        for (size_t i = 0; i < law.quick.txn.n_ids; i++) {
            bool is_new = bench.ops[i].kind == BUSBAR__OP_KIND__OP_INSERT && bench.ops[i].table == CFG_RULE && law.quick.txn.ids[i] < 1ull << 63;
            law.next_id = is_new && law.quick.txn.ids[i] >= law.next_id ? law.quick.txn.ids[i] + 1 : law.next_id;
        }
        end(&law.quick);
        end(&law.slow);
    }
    way_rows(&law.quick, &quick);
    way_rows(&law.slow, &slow);
    assert_int_equal(quick.size, slow.size);
    assert_memory_equal(quick.bytes, slow.bytes, quick.size);
    print_message("%zu done, %zu refused, %zu rows lent\n", law.n_done, law.n_refused, law.n_lent);
    assert_true(law.n_done > ROUNDS / 5 && law.n_refused > ROUNDS / 20 && law.n_lent > ROUNDS / 10);
    writer_fini(&quick);
    writer_fini(&slow);
    way_close(&law.quick);
    way_close(&law.slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_do_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
