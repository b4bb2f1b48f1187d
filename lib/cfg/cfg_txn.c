/* Putting a transaction together (declared in cfg.h).
 *
 * Operations are packed as they are added, one behind the other, so that sending writes a head and copies; ofagent adds a hundred thousand rules a
 * second, and with a message for each, packed at the end, that took three times as long. Labels stand for rows that do not exist yet; they
 * count from 2^63 within one transaction, and configdb replaces them wherever they are used.
 * Control code, one thread; no limit here: configdb and the bus refuse what is too large as a whole.
 */
#include "lib/cfg/txn.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/msg/packer.h"

enum { OP_ROOM = 64, /* of an operation but its value and columns */ TRANSACT_ROOM = 64 };
static const uint64_t LABEL_FIRST = 1ull << 63;

struct op {
    Busbar__OpKind kind;
    enum cfg_table table;
    uint64_t id;
    const ProtobufCMessage *row; /* the value, or else: */
    const void *packed;
    size_t size;
    const char *const *columns;
    size_t n_columns;
    bool is_other;
    uint32_t timeout_ms;
};

static size_t columns_room(const struct op *op)
{
    size_t room = 0;
    for (size_t i = 0; i < op->n_columns; i++) {
        room += PACKER_HEAD_MAX + strlen(op->columns[i]);
    }
    return room;
}

static uint8_t *pack_row(uint8_t *at, unsigned field, const ProtobufCMessage *row, size_t size)
{
    if (size == 0) {
        return at;
    }
    at = wire_put(wire_put(at, wire_tag(field, WIRE_BYTES)), size);
    return at + protobuf_c_message_pack(row, at);
}

static void append_op(struct writer *ops, const struct op *op)
{
    size_t size = op->row != NULL ? protobuf_c_message_get_packed_size(op->row) : op->size;
    uint8_t *start = writer_reserve(ops, OP_ROOM + size + columns_room(op));
    uint8_t *begin = pack_begin(start, 3);
    uint8_t *at = pack_number(begin, 1, (uint64_t)op->kind);

    at = pack_number(at, 2, (uint64_t)op->table);
    at = pack_number(at, 3, op->id);
    at = op->row != NULL ? pack_row(at, 4, op->row, size) : pack_bytes(at, 4, op->packed, size);
    for (size_t i = 0; i < op->n_columns; i++) {
        at = pack_element(at, 5, op->columns[i], strlen(op->columns[i]));
    }
    at = pack_number(at, 6, op->is_other);
    at = pack_number(at, 7, op->timeout_ms);
    ops->size += (size_t)(pack_end(begin, at) - start);
}

static void add_op(struct cfg_txn *txn, const struct op *op)
{
    append_op(&txn->ops, op);
    txn->n_ops++;
}

void cfg_ops_insert_packed(struct writer *ops, enum cfg_table table, const void *packed, size_t size)
{
    append_op(ops, &(struct op){.kind = BUSBAR__OP_KIND__OP_INSERT, .table = table, .packed = packed, .size = size});
}

void cfg_txn_insert_ops(struct cfg_txn *txn, const void *ops, size_t size, size_t n_ops)
{
    writer_bytes(&txn->ops, ops, size);
    txn->n_ops += n_ops;
}

struct cfg_txn *cfg_txn_new(const char *client)
{
    struct cfg_txn *txn = memory_zeroed(sizeof *txn);
    txn->client = memory_string(client);
    writer_init(&txn->ops);
    return txn;
}

void cfg_txn_destroy(struct cfg_txn **txn)
{
    if (*txn != NULL) {
        free((*txn)->client);
        free((*txn)->user);
        writer_fini(&(*txn)->ops);
        free(*txn);
        *txn = NULL;
    }
}

uint64_t cfg_txn_insert(struct cfg_txn *txn, enum cfg_table table, const ProtobufCMessage *row)
{
    uint64_t label = LABEL_FIRST + txn->n_labels++;
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_INSERT, .table = table, .id = label, .row = row});
    return label;
}

uint64_t cfg_txn_insert_packed(struct cfg_txn *txn, enum cfg_table table, const void *packed, size_t size)
{
    uint64_t label = LABEL_FIRST + txn->n_labels++;
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_INSERT, .table = table, .id = label, .packed = packed, .size = size});
    return label;
}

void cfg_txn_put(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_PUT, .table = table, .id = id, .row = row});
}

void cfg_txn_put_packed(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const void *packed, size_t size)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_PUT, .table = table, .id = id, .packed = packed, .size = size});
}

void cfg_txn_update(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                    const char *const *columns, size_t n_columns)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_UPDATE, .table = table, .id = id, .row = row, .columns = columns, .n_columns = n_columns});
}

void cfg_txn_delete(struct cfg_txn *txn, enum cfg_table table, uint64_t id)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_DELETE, .table = table, .id = id});
}

void cfg_txn_require(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                     const char *const *columns, size_t n_columns)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_REQUIRE, .table = table, .id = id, .row = row, .columns = columns, .n_columns = n_columns});
}

void cfg_txn_wait(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, const char *const *columns,
                  size_t n_columns, bool is_other, uint32_t timeout_ms)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_WAIT,
                             .table = table,
                             .id = id,
                             .row = row,
                             .columns = columns,
                             .n_columns = n_columns,
                             .is_other = is_other,
                             .timeout_ms = timeout_ms});
}

void cfg_txn_mutate(struct cfg_txn *txn, Busbar__OpKind kind, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                    const char *column)
{
    add_op(txn, &(struct op){.kind = kind, .table = table, .id = id, .row = row, .columns = &column, .n_columns = 1});
}

void cfg_txn_require_absent(struct cfg_txn *txn, enum cfg_table table, uint64_t id)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_REQUIRE_ABSENT, .table = table, .id = id});
}

void cfg_txn_rollback(struct cfg_txn *txn, struct version version)
{
    Busbar__Version target;
    version_encode(version, &target);
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_ROLLBACK, .table = CFG_SWITCH, .row = &target.base});
}

void cfg_txn_restore(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const void *packed, size_t size)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_RESTORE, .table = table, .id = id, .packed = packed, .size = size});
}

void cfg_txn_settle(struct cfg_txn *txn, bool is_kept)
{
    add_op(txn, &(struct op){.kind = is_kept ? BUSBAR__OP_KIND__OP_CONFIRM : BUSBAR__OP_KIND__OP_CANCEL, .table = CFG_SWITCH});
}

void cfg_txn_confirm_within(struct cfg_txn *txn, uint32_t seconds)
{
    add_op(txn, &(struct op){.kind = BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, .table = CFG_SWITCH, .id = seconds});
}

void cfg_txn_set_user(struct cfg_txn *txn, const char *user)
{
    free(txn->user);
    txn->user = memory_string(user);
}

size_t cfg_txn_size(const struct cfg_txn *txn)
{
    return txn->n_ops;
}

void txn_empty(struct cfg_txn *txn)
{
    free(txn->user);
    txn->user = NULL;
    writer_fini(&txn->ops);
    txn->n_ops = 0;
}

void txn_pack(const struct cfg_txn *txn, uint64_t sequence, uint64_t oldest, struct writer *out)
{
    size_t user_size = txn->user != NULL ? strlen(txn->user) : 0;
    uint8_t *start = writer_reserve(out, TRANSACT_ROOM + strlen(txn->client) + user_size + txn->ops.size);
    uint8_t *at = pack_number(start, 1, sequence);

    at = pack_bytes(at, 2, txn->client, strlen(txn->client));
    if (txn->ops.size > 0) {
        memcpy(at, txn->ops.bytes, txn->ops.size);
        at += txn->ops.size;
    }
    at = pack_number(at, 4, oldest);
    at = pack_bytes(at, 5, txn->user, user_size);
    out->size += (size_t)(at - start);
}
