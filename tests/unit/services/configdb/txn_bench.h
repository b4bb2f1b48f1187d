/* Puts a transaction together from operations and works it out, without a bus. */
#ifndef BUSBAR_TESTS_CONFIGDB_TXN_BENCH_H
#define BUSBAR_TESTS_CONFIGDB_TXN_BENCH_H

#include "services/configdb/txn.h"
#include "tests/unit/services/configdb/fixture.h"

enum { BENCH_OPS = 32 };
struct bench {
    Busbar__Transact message;
    Busbar__Op ops[BENCH_OPS];
    Busbar__Op *pointers[BENCH_OPS];
    uint8_t values[BENCH_OPS][512];
};

static inline void bench_begin(struct bench *bench)
{
    busbar__transact__init(&bench->message);
    bench->message.ops = bench->pointers;
}

static inline Busbar__Op *bench_op(struct bench *bench, Busbar__OpKind kind, enum cfg_table table, uint64_t id,
                                   const ProtobufCMessage *row)
{
    size_t i = bench->message.n_ops++;
    assert_true(i < BENCH_OPS);
    Busbar__Op *op = bench->pointers[i] = &bench->ops[i];
    busbar__op__init(op);
    op->kind = kind;
    op->table = table;
    op->id = id;
    if (row != NULL) {
        assert_true(protobuf_c_message_get_packed_size(row) <= sizeof bench->values[i]);
        op->value.len = protobuf_c_message_pack(row, bench->values[i]);
        op->value.data = bench->values[i];
    }
    return op;
}

/* Evaluates as `kind`; accepted ones are written. Returns the error; the new ids are in *out_ids when it is given. */
static inline int bench_run(struct fixture_base *base, struct bench *bench, enum process_kind kind,
                            struct error_detail *out_detail, uint64_t *out_ids)
{
    struct bus_identity from = {.kind = kind, .instance = 1, .start = 55};
    struct txn txn;
    struct msg_arena scratch;
    enum rows_env env;
    uint32_t failed_op = 0;
    int err = txn_env(&bench->message, &env, out_detail, &failed_op);
    if (err != 0) {
        return err;
    }
    assert_int_equal(rows_begin(base->rows, env), 0);
    msg_arena_init(&scratch);
    txn_evaluate(base->rows, &from, &bench->message, &scratch, &txn);
    msg_arena_fini(&scratch); /* nothing of it is needed any more */
    *out_detail = txn.detail;
    if (txn.error == 0) {
        if (txn.makes_version) {
            (void)rows_next_n(base->rows);
        }
        assert_int_equal(overlay_write(txn.overlay), 0);
        for (size_t i = 0; out_ids != NULL && i < txn.n_ids; i++) {
            out_ids[i] = txn.ids[i];
        }
        assert_int_equal(rows_commit(base->rows), 0);
    } else {
        rows_end(base->rows);
    }
    err = txn.error;
    txn_fini(&txn);
    return err;
}

/* One operation as a whole transaction. */
static inline int bench_one(struct fixture_base *base, enum process_kind kind, Busbar__OpKind op, enum cfg_table table,
                            uint64_t id, const ProtobufCMessage *row, char *column, struct error_detail *out_detail,
                            uint64_t *out_id)
{
    struct bench bench;
    char *columns[1] = {column};
    bench_begin(&bench);
    Busbar__Op *made = bench_op(&bench, op, table, id, row);
    made->columns = columns;
    made->n_columns = column != NULL ? 1 : 0;
    return bench_run(base, &bench, kind, out_detail, out_id);
}

/* The stored row, or NULL. */
static inline ProtobufCMessage *bench_row(struct fixture_base *base, enum cfg_table table, uint64_t id)
{
    struct store_bytes value;
    ProtobufCMessage *row = NULL;
    assert_int_equal(rows_begin_read(base->rows), 0);
    if (rows_get(base->rows, table, id, &value) == 0) {
        row = protobuf_c_message_unpack(cfg_table_info(table)->descriptor, NULL, value.size, value.bytes);
    }
    rows_end(base->rows);
    return row;
}

static inline uint64_t bench_bridge(struct fixture_base *base, const char *name)
{
    Busbar__BridgeRow row = fixture_bridge(name);
    struct error_detail detail;
    uint64_t id = 0;
    if (bench_one(base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base, NULL, &detail, &id) != 0) {
        fail_msg("%s", detail.text);
    }
    return id;
}

static inline uint64_t bench_port(struct fixture_base *base, const char *name, uint64_t bridge)
{
    Busbar__PortRow row = fixture_port(name, bridge);
    struct error_detail detail;
    uint64_t id = 0;
    if (bench_one(base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_INSERT, CFG_PORT, 0, &row.base, NULL, &detail, &id) != 0) {
        fail_msg("%s", detail.text);
    }
    return id;
}

#endif
