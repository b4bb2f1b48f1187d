/* Waits.
 *
 * They are looked at before all other operations, whatever their place, on the rows as they were before the transaction: what it changes itself
 * nobody can wait for, and a transaction that has to wait uses up no row ids. So one that waits costs an unpack and a comparison for each wait and
 * try, and a text when one does not hold. A row that is not there equals nothing. Who tries again, and when: park.c.
 *
 * Thread: configdb's main thread. Input: what any process on the bus sent; it has passed the unpacker. Reading is free to all, so this is too.
 * Invariant I8: nothing is touched.
 */
#include "services/configdb/wait.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"
#include "lib/cfg/schema.h"
#include "services/configdb/validate.h"

/* What one wait has found. */
struct wait_look {
    const Busbar__Op *op;
    ProtobufCMessage *row; /* NULL: it is not there */
    ProtobufCMessage *wanted;
    const ProtobufCFieldDescriptor *column; /* that is in the way; NULL: the row itself is */
    bool holds;
};

static int wait_refuse(struct txn *txn, const Busbar__Op *op, int err, const char *why)
{
    return error_set(&txn->detail, err, "%s row %" PRIu64 ": %s", cfg_table_info(op->table)->name, op->id, why);
}

static int wait_open(struct txn *txn, struct wait_look *look)
{
    const Busbar__Op *op = look->op;
    if (op->table == CFG_COUNTER) {
        return wait_refuse(txn, op, -ERROR_REFUSED, "nobody can wait for a counter: it makes no version");
    }
    if (op->id >= 1ull << 63) {
        return wait_refuse(txn, op, -ERROR_REFERENCE, "a wait is for a row of before the transaction, and this is a label");
    }
    if (op->n_columns > cfg_table_info(op->table)->descriptor->n_fields) {
        return wait_refuse(txn, op, -ERROR_TOO_LARGE, "more columns than the table has");
    }
    for (size_t i = 0; i < op->n_columns; i++) {
        if (column_find(cfg_table_info(op->table)->descriptor, op->columns[i]) == NULL) {
            return error_set(&txn->detail, -ERROR_UNKNOWN_NAME, "%s row %" PRIu64 ": there is no column %.64s",
                             cfg_table_info(op->table)->name, op->id, op->columns[i]);
        }
    }
    int err = overlay_get(txn->overlay, op->table, op->id, &look->row);
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        return wait_refuse(txn, op, err, error_text(err));
    }
    return op->n_columns > 0 ? validate_unpack(op->table, op->id, op->value.data, op->value.len, NULL, &look->wanted, &txn->detail) : 0;
}

/* Equal is every column, other is one. */
static void wait_compare(struct wait_look *look)
{
    bool is_equal = look->row != NULL;
    for (size_t i = 0; look->row != NULL && i < look->op->n_columns; i++) {
        const ProtobufCFieldDescriptor *column = column_find(look->row->descriptor, look->op->columns[i]);
        bool is_same = column_equal(column, look->row, look->wanted);
        is_equal = is_equal && is_same;
        look->column = is_same == (look->op->other != 0) ? column : look->column;
    }
    look->holds = is_equal == (look->op->other == 0);
}

static char *wait_value(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row)
{
    json_t *json = column_row_json(row);
    char *text = json_dumps(json_object_get(json, column->name), JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    return text != NULL ? text : memory_string("not set");
}

static void wait_tell(struct txn *txn, const struct wait_look *look)
{
    const Busbar__Op *op = look->op;
    const char *table = cfg_table_info(op->table)->name;
    if (look->row == NULL || look->column == NULL) {
        (void)error_set(&txn->detail, -ERROR_NOT_TRUE, "%s row %" PRIu64 ": timed out after %u ms: it %s", table, op->id, op->timeout_ms,
                        look->row == NULL ? "does not exist" : "exists");
        return;
    }
    const struct schema_setting *setting = schema_setting_of((enum cfg_table)op->table, look->column->name);
    char *seen = wait_value(look->column, look->row), *wanted = wait_value(look->column, look->wanted);
    (void)error_set(&txn->detail, -ERROR_NOT_TRUE, "%s row %" PRIu64 ", column %s: timed out after %u ms: it is %.64s, wanted was %s%.64s",
                    table, op->id, setting != NULL ? setting->name : look->column->name, op->timeout_ms, seen,
                    op->other ? "anything but " : "", wanted);
    free(seen);
    free(wanted);
}

/* Notes what does not hold if no shorter wait was found so. */
static int wait_one(struct txn *txn, const Busbar__Op *op, uint32_t index, bool *is_met)
{
    struct wait_look look = {.op = op};
    uint32_t timeout_ms = op->timeout_ms < WAIT_TIMEOUT_MAX_MS ? op->timeout_ms : WAIT_TIMEOUT_MAX_MS;
    int err = wait_open(txn, &look);
    if (err != 0) {
        txn->failed_op = index;
    } else {
        wait_compare(&look);
    }
    if (err == 0 && !look.holds && (*is_met || timeout_ms < txn->wait_ms)) {
        *is_met = false;
        txn->wait_ms = timeout_ms;
        txn->failed_op = index;
        wait_tell(txn, &look);
    }
    protobuf_c_message_free_unpacked(look.row, NULL);
    protobuf_c_message_free_unpacked(look.wanted, NULL);
    return err;
}

int wait_check(struct txn *txn, const Busbar__Transact *message)
{
    bool is_met = true;
    size_t n = 0;
    for (size_t i = 0; i < message->n_ops; i++) {
        if (message->ops[i]->kind != BUSBAR__OP_KIND__OP_WAIT) {
            continue;
        }
        int err = ++n > WAIT_ROWS_MAX ? wait_refuse(txn, message->ops[i], -ERROR_TOO_LARGE, "a transaction has at most 64 waits")
                                      : wait_one(txn, message->ops[i], (uint32_t)i, &is_met);
        if (err != 0) {
            txn->wait_ms = 0;
            return err;
        }
    }
    return is_met ? 0 : -ERROR_NOT_TRUE;
}
