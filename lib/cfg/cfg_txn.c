/* Putting a transaction together (declared in cfg.h).
 *
 * The builder is the protobuf message itself, so nothing is copied again before packing. Labels stand for rows that do not exist yet; they
 * count from 2^63 within one transaction, and configdb replaces them wherever they are used.
 * Costs one allocation an operation and one for its value. Control code, one thread; no limit here: configdb and the bus refuse what
 * is too large as a whole.
 */
#include "lib/cfg/txn.h"

#include <stdlib.h>

#include "lib/base/memory.h"

static const uint64_t LABEL_FIRST = 1ull << 63;

struct cfg_txn {
    Busbar__Transact *message;
    size_t room;
    uint64_t n_labels;
};

static Busbar__Op *add_op(struct cfg_txn *txn, Busbar__OpKind kind, enum cfg_table table, uint64_t id,
                          const ProtobufCMessage *row)
{
    Busbar__Op *op = memory_zeroed(sizeof *op);
    busbar__op__init(op);
    op->kind = kind;
    op->table = (uint32_t)table;
    op->id = id;
    if (row != NULL) {
        op->value.data = memory_zeroed(protobuf_c_message_get_packed_size(row));
        op->value.len = protobuf_c_message_pack(row, op->value.data);
    }
    if (txn->message->n_ops == txn->room) {
        txn->room = txn->room > 0 ? txn->room * 2 : 4;
        txn->message->ops = memory_resize(txn->message->ops, txn->room * sizeof(Busbar__Op *));
    }
    txn->message->ops[txn->message->n_ops++] = op;
    return op;
}

static void add_columns(Busbar__Op *op, const char *const *columns, size_t n_columns)
{
    op->columns = memory_array(n_columns, sizeof *op->columns);
    op->n_columns = n_columns;
    for (size_t i = 0; i < n_columns; i++) {
        op->columns[i] = memory_string(columns[i]);
    }
}

struct cfg_txn *cfg_txn_new(const char *client)
{
    struct cfg_txn *txn = memory_zeroed(sizeof *txn);
    txn->message = memory_zeroed(sizeof *txn->message);
    busbar__transact__init(txn->message);
    txn->message->client = memory_string(client);
    return txn;
}

void cfg_txn_destroy(struct cfg_txn **txn)
{
    if (*txn != NULL) {
        busbar__transact__free_unpacked((*txn)->message, NULL);
        free(*txn);
        *txn = NULL;
    }
}

uint64_t cfg_txn_insert(struct cfg_txn *txn, enum cfg_table table, const ProtobufCMessage *row)
{
    uint64_t label = LABEL_FIRST + txn->n_labels++;
    add_op(txn, BUSBAR__OP_KIND__OP_INSERT, table, label, row);
    return label;
}

void cfg_txn_put(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    add_op(txn, BUSBAR__OP_KIND__OP_PUT, table, id, row);
}

void cfg_txn_update(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                    const char *const *columns, size_t n_columns)
{
    add_columns(add_op(txn, BUSBAR__OP_KIND__OP_UPDATE, table, id, row), columns, n_columns);
}

void cfg_txn_delete(struct cfg_txn *txn, enum cfg_table table, uint64_t id)
{
    add_op(txn, BUSBAR__OP_KIND__OP_DELETE, table, id, NULL);
}

void cfg_txn_require(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                     const char *const *columns, size_t n_columns)
{
    add_columns(add_op(txn, BUSBAR__OP_KIND__OP_REQUIRE, table, id, row), columns, n_columns);
}

void cfg_txn_wait(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, const char *const *columns,
                  size_t n_columns, bool is_other, uint32_t timeout_ms)
{
    Busbar__Op *op = add_op(txn, BUSBAR__OP_KIND__OP_WAIT, table, id, row);
    op->other = is_other;
    op->timeout_ms = timeout_ms;
    add_columns(op, columns, n_columns);
}

void cfg_txn_mutate(struct cfg_txn *txn, Busbar__OpKind kind, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                    const char *column)
{
    add_columns(add_op(txn, kind, table, id, row), &column, 1);
}

void cfg_txn_require_absent(struct cfg_txn *txn, enum cfg_table table, uint64_t id)
{
    add_op(txn, BUSBAR__OP_KIND__OP_REQUIRE_ABSENT, table, id, NULL);
}

void cfg_txn_rollback(struct cfg_txn *txn, struct version version)
{
    Busbar__Version target;
    version_encode(version, &target);
    add_op(txn, BUSBAR__OP_KIND__OP_ROLLBACK, CFG_SWITCH, 0, &target.base);
}

void cfg_txn_restore(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const void *packed, size_t size)
{
    Busbar__Op *op = add_op(txn, BUSBAR__OP_KIND__OP_RESTORE, table, id, NULL);
    op->value.data = memory_copy(packed, size);
    op->value.len = size;
}

void cfg_txn_settle(struct cfg_txn *txn, bool is_kept)
{
    add_op(txn, is_kept ? BUSBAR__OP_KIND__OP_CONFIRM : BUSBAR__OP_KIND__OP_CANCEL, CFG_SWITCH, 0, NULL);
}

void cfg_txn_confirm_within(struct cfg_txn *txn, uint32_t seconds)
{
    add_op(txn, BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, CFG_SWITCH, seconds, NULL);
}

void cfg_txn_set_user(struct cfg_txn *txn, const char *user)
{
    if (txn->message->user != (char *)protobuf_c_empty_string) {
        free(txn->message->user);
    }
    txn->message->user = memory_string(user);
}

size_t cfg_txn_size(const struct cfg_txn *txn)
{
    return txn->message->n_ops;
}

Busbar__Transact *txn_take(struct cfg_txn **txn)
{
    Busbar__Transact *message = (*txn)->message;
    free(*txn);
    *txn = NULL;
    return message;
}
