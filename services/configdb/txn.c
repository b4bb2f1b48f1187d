/* Transactions: operations one by one on an overlay.
 *
 * First its waits have to hold (wait.c). Then every insert gets its id, so that labels may be used before their insert; then bridges are inserted,
 * because ports look at them; then the other operations run in their order, each seeing what those before it did; then the consequences (derive.c)
 * that concern the whole. The first refusal ends it. Rules go a shorter way (quick.c) as long as nothing speaks against it.
 *
 * Cost: an unpack, a check and a pack of each row. Thread: configdb's main thread. Input: what any process on the bus sent; it has
 * passed the unpacker. Invariants: I8 (nothing but the overlay is touched); ids used up by a refused transaction are not reused.
 */
#include "services/configdb/txn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"
#include "lib/cfg/schema.h"
#include "services/configdb/derive.h"
#include "services/configdb/quick.h"
#include "services/configdb/revert.h"
#include "services/configdb/validate.h"
#include "services/configdb/wait.h"

#define TXN_LABEL_MIN (1ull << 63)

struct txn_label {
    uint64_t label;
    uint64_t id;
    UT_hash_handle hh;
};

static uint64_t txn_resolve(void *context, uint64_t label)
{
    const struct txn_labels *labels = &((struct txn *)context)->labels;
    struct txn_label *found = NULL;
    size_t low = 0, high = labels->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (labels->in_order[middle].label == label) {
            return labels->in_order[middle].id;
        }
        *(labels->in_order[middle].label < label ? &low : &high) = labels->in_order[middle].label < label ? middle + 1 : middle;
    }
    HASH_FIND(hh, labels->others, &label, sizeof label, found);
    return found != NULL ? found->id : 0;
}

static bool txn_is_last_label(const struct txn_labels *labels, uint64_t label)
{
    return (labels->n == 0 || labels->in_order[labels->n - 1].label < label) && labels->others == NULL;
}

static void txn_add_label(struct txn_labels *labels, uint64_t label, uint64_t id)
{
    if (txn_is_last_label(labels, label)) {
        if (labels->n == labels->room) {
            labels->room = labels->room * 2 + 8;
            labels->in_order = memory_resize(labels->in_order, labels->room * sizeof *labels->in_order);
        }
        labels->in_order[labels->n].label = label;
        labels->in_order[labels->n++].id = id;
        return;
    }
    struct txn_label *other = memory_zeroed(sizeof *other);
    other->label = label;
    other->id = id;
    HASH_ADD(hh, labels->others, label, sizeof other->label, other);
}

static bool txn_exists(void *context, uint32_t table, uint64_t id)
{
    struct txn *txn = context;
    return overlay_has(txn->overlay, table, id);
}

static bool txn_op_writes(const Busbar__Op *op)
{
    return op->kind != BUSBAR__OP_KIND__OP_REQUIRE && op->kind != BUSBAR__OP_KIND__OP_REQUIRE_ABSENT && op->kind != BUSBAR__OP_KIND__OP_WAIT;
}

int txn_count_ops(const Busbar__Transact *message, struct error_detail *detail)
{
    return message->n_ops <= TXN_OPS_MAX
               ? 0
               : error_set(detail, -ERROR_TOO_LARGE, "%zu operations are more than the limit of %d", message->n_ops, TXN_OPS_MAX);
}

int txn_env(const Busbar__Transact *message, enum rows_env *out_env, struct error_detail *detail, uint32_t *out_failed_op)
{
    enum rows_env env = ROWS_DISK;
    bool is_known = false;
    bool is_write = false;
    int err = txn_count_ops(message, detail);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < message->n_ops; i++) {
        enum rows_env mine;
        *out_failed_op = (uint32_t)i;
        if (!rows_env_of(message->ops[i]->table, &mine)) {
            return error_set(detail, -ERROR_UNKNOWN_NAME, "there is no stored table number %u", message->ops[i]->table);
        }
        bool writes = txn_op_writes(message->ops[i]);
        if (writes && is_write && mine != env) {
            return error_set(detail, -ERROR_REFUSED, "table %s: configuration and rules cannot be written in one transaction",
                             cfg_table_info(message->ops[i]->table)->name);
        }
        if (!is_known || (writes && !is_write)) {
            env = mine;
        }
        is_known = true;
        is_write = is_write || writes;
    }
    *out_env = env;
    return 0;
}

bool txn_looks_at_run(const Busbar__Transact *message)
{
    enum rows_env env;
    for (size_t i = 0; i < message->n_ops; i++) {
        if (rows_env_of(message->ops[i]->table, &env) && env == ROWS_RUN) {
            return true;
        }
    }
    return false;
}

bool txn_writes(const Busbar__Transact *message)
{
    for (size_t i = 0; i < message->n_ops; i++) {
        if (txn_op_writes(message->ops[i])) {
            return true;
        }
    }
    return false;
}

static int txn_missing(struct txn *txn, uint32_t table, uint64_t id, int err)
{
    return error_set(&txn->detail, err, "%s row %" PRIu64 ": %s", cfg_table_info(table)->name, id, error_text(err));
}

/* Where the rows of an operation stand. Those of rules and the like only exchange columns, so they are pieces of the scratch memory, all from the same; what
 * lists and maps gain, and what is derived for ports, is malloc()'s. */
static ProtobufCAllocator *txn_memory(const struct txn *txn, const Busbar__Op *op)
{
    enum rows_env env;
    bool moves_only = op->kind == BUSBAR__OP_KIND__OP_INSERT || op->kind == BUSBAR__OP_KIND__OP_UPDATE || op->kind == BUSBAR__OP_KIND__OP_PUT ||
                      op->kind == BUSBAR__OP_KIND__OP_DELETE || op->kind == BUSBAR__OP_KIND__OP_REQUIRE;
    return moves_only && txn->scratch != NULL && rows_env_of(op->table, &env) && env == ROWS_RUN ? &txn->scratch->allocator : NULL;
}

/* What is in the scratch memory goes with it. */
static void txn_free(const struct txn *txn, const Busbar__Op *op, ProtobufCMessage *row)
{
    if (txn_memory(txn, op) == NULL) {
        protobuf_c_message_free_unpacked(row, NULL);
    }
}

static int txn_get(struct txn *txn, const Busbar__Op *op, uint64_t id, ProtobufCMessage **out_row)
{
    return overlay_get_into(txn->overlay, op->table, id, txn_memory(txn, op), out_row);
}

/* Checks the row and lays it over; takes nothing over. */
static int txn_set(struct txn *txn, uint32_t table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *row)
{
    int err = validate_row(table, id, row, txn_exists, txn, &txn->detail);
    return err != 0 ? err : overlay_set(txn->overlay, table, id, before, row, &txn->detail);
}

static int txn_unpack(struct txn *txn, const Busbar__Op *op, uint64_t id, ProtobufCMessage **out_row)
{
    ProtobufCMessage *row = NULL;
    int err = validate_unpack(op->table, id, op->value.data, op->value.len, txn_memory(txn, op), &row, &txn->detail);
    if (err == 0) {
        err = validate_labels(op->table, id, row, txn_resolve, txn, &txn->detail);
    }
    if (err != 0) {
        txn_free(txn, op, row);
        return err;
    }
    *out_row = row;
    return 0;
}

static int txn_insert(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    ProtobufCMessage *row = NULL;
    int err = txn_unpack(txn, op, id, &row);
    if (err == 0) {
        err = derive_insert(txn, id, op->table, row);
    }
    if (err == 0) {
        err = txn_set(txn, op->table, id, NULL, row);
    }
    txn_free(txn, op, row);
    return err;
}

/* A number goes up or down; not set, it counts from its default. */
static int txn_add(struct txn *txn, const Busbar__Op *op, uint64_t id, const ProtobufCFieldDescriptor *column, ProtobufCMessage *row,
                   const ProtobufCMessage *value)
{
    const char *name = cfg_table_info(op->table)->name;
    const struct schema_setting *setting = schema_setting_of((enum cfg_table)op->table, column->name);
    const char *shown = setting != NULL ? setting->name : column->name;
    bool is_subtracted = op->kind == BUSBAR__OP_KIND__OP_MUTATE_SUBTRACT;
    char *end = NULL;
    uint64_t preset = setting != NULL ? strtoull(setting->preset, &end, 10) : 0, change = 0;
    if (column_count(column, row) == 0 && (setting == NULL || end == setting->preset || *end != '\0')) {
        return error_set(&txn->detail, -ERROR_REFUSED, "%s row %" PRIu64 ", column %s: is not set, so there is no number to count from", name,
                         id, shown);
    }
    int err = column_add(column, row, value, preset, is_subtracted);
    if (err == -EINVAL) {
        return error_set(&txn->detail, err, "%s row %" PRIu64 ", column %s: is not one number", name, id, shown);
    }
    (void)column_number(column, value, 0, &change);
    return err == 0 ? 0
                    : error_set(&txn->detail, err, "%s row %" PRIu64 ", column %s: %s %" PRIu64 " does not fit", name, id, shown,
                                is_subtracted ? "-=" : "+=", change);
}

/* One column of an update or mutate: from `value` into `row`. */
static int txn_change_column(struct txn *txn, const Busbar__Op *op, uint64_t id, const char *name, ProtobufCMessage *row,
                             ProtobufCMessage *value)
{
    int err = validate_change(op->table, id, name, &txn->detail);
    if (err != 0) {
        return err;
    }
    const ProtobufCFieldDescriptor *column = column_find(row->descriptor, name);
    if (op->kind == BUSBAR__OP_KIND__OP_UPDATE) {
        column_swap(column, row, value);
    } else if (op->kind == BUSBAR__OP_KIND__OP_MUTATE_ADD || op->kind == BUSBAR__OP_KIND__OP_MUTATE_SUBTRACT) {
        err = txn_add(txn, op, id, column, row, value);
    } else {
        err = op->kind == BUSBAR__OP_KIND__OP_MUTATE_INSERT ? column_insert(column, row, value) : column_remove(column, row, value);
        if (err != 0) {
            (void)error_set(&txn->detail, err, "%s row %" PRIu64 ", column %s: is neither a list of numbers nor a map",
                            cfg_table_info(op->table)->name, id, name);
        }
    }
    if (err != 0) {
        return err;
    }
    return derive_update(txn, id, op->table, name, row);
}

static int txn_change(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    ProtobufCMessage *before = NULL;
    ProtobufCMessage *row = NULL;
    ProtobufCMessage *value = NULL;
    int err = txn_get(txn, op, id, &row);
    if (err != 0) {
        return txn_missing(txn, op->table, id, err);
    }
    if (op->table == CFG_SERVICE) {
        err = error_set(&txn->detail, -ERROR_REFUSED, "service row %" PRIu64 ": does not change; join again", id);
    } else if (op->n_columns == 0) {
        err = error_set(&txn->detail, -ERROR_SYNTAX, "%s row %" PRIu64 ": an update names its columns",
                        cfg_table_info(op->table)->name, id);
    }
    if (err == 0 && validate_unique_count(op->table) > 0) {
        err = txn_get(txn, op, id, &before); /* its index entries go; rules have none */
    }
    if (err == 0) {
        err = txn_unpack(txn, op, id, &value);
    }
    for (size_t i = 0; err == 0 && i < op->n_columns; i++) {
        err = txn_change_column(txn, op, id, op->columns[i], row, value);
    }
    if (err == 0) {
        err = txn_set(txn, op->table, id, before, row);
    }
    txn_free(txn, op, before);
    txn_free(txn, op, row);
    txn_free(txn, op, value);
    return err;
}

static int txn_delete(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    ProtobufCMessage *row = NULL;
    int err = txn_get(txn, op, id, &row);
    if (err != 0) {
        return txn_missing(txn, op->table, id, err);
    }
    err = derive_delete(txn, id, op->table, row);
    if (err == 0 && (err = overlay_delete(txn->overlay, op->table, id, row)) != 0) {
        (void)txn_missing(txn, op->table, id, err);
    }
    txn_free(txn, op, row);
    return err;
}

/* Whether PUT may write this id: the tables keyed by another table's ids, and rows that exist. */
static int txn_may_put(struct txn *txn, uint32_t table, uint64_t id, bool *out_is_void)
{
    *out_is_void = false;
    if (table == CFG_OWNER && !overlay_has(txn->overlay, CFG_BRIDGE, id)) {
        return error_set(&txn->detail, -ERROR_REFERENCE, "owner row %" PRIu64 ": there is no bridge row %" PRIu64, id, id);
    }
    if (table == CFG_COUNTER) {
        /* The rule or bucket may have gone while its checkpoint was under way: nothing is left to count. */
        *out_is_void = !derive_is_counted(txn->overlay, id);
        return 0;
    }
    if (table == CFG_SERVICE) {
        return error_set(&txn->detail, -ERROR_REFUSED, "service row %" PRIu64 ": does not change; join again", id);
    }
    return table == CFG_OWNER || overlay_has(txn->overlay, table, id) ? 0 : txn_missing(txn, table, id, -ERROR_NOT_FOUND);
}

static int txn_put(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    bool is_void;
    ProtobufCMessage *before = NULL;
    ProtobufCMessage *row = NULL;
    int err = txn_may_put(txn, op->table, id, &is_void);
    if (err != 0 || is_void) {
        return err;
    }
    err = txn_unpack(txn, op, id, &row);
    if (err != 0) {
        return err;
    }
    err = txn_get(txn, op, id, &before);
    err = err == -ERROR_NOT_FOUND ? 0 : err != 0 ? txn_missing(txn, op->table, id, err) : 0;
    for (unsigned int i = 0; err == 0 && before != NULL && i < row->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *column = &row->descriptor->fields[i];
        if (!column_equal(column, before, row)) {
            err = validate_change(op->table, id, column->name, &txn->detail);
        }
        if (err == 0 && !column_equal(column, before, row)) {
            err = derive_update(txn, id, op->table, column->name, row);
        }
    }
    if (err == 0) {
        err = txn_set(txn, op->table, id, before, row);
    }
    txn_free(txn, op, before);
    txn_free(txn, op, row);
    return err;
}

static int txn_unequal(struct txn *txn, const Busbar__Op *op, uint64_t id, const ProtobufCFieldDescriptor *column,
                       const ProtobufCMessage *row)
{
    const struct schema_setting *setting = schema_setting_of((enum cfg_table)op->table, column->name);
    int err = op->table == CFG_OWNER ? -ERROR_OWNER : -ERROR_CONFLICT;
    const char *text = column_count(column, row) == 1 ? column_text(column, row, 0) : NULL;
    uint64_t number = 0;
    bool is_number = column_count(column, row) == 1 && column_number(column, row, 0, &number);
    char *value = text != NULL ? memory_format(", it is '%.64s' now", text)
                  : is_number  ? memory_format(", it is %" PRIu64 " now", number)
                               : memory_string("");
    (void)error_set(&txn->detail, err, "%s row %" PRIu64 ", column %s: %s%s", cfg_table_info(op->table)->name, id,
                    setting != NULL ? setting->name : column->name, error_text(err), value);
    free(value);
    return err;
}

static int txn_require_columns(struct txn *txn, const Busbar__Op *op, uint64_t id, const ProtobufCMessage *row,
                               const ProtobufCMessage *wanted)
{
    const char *name = cfg_table_info(op->table)->name;
    for (size_t i = 0; i < op->n_columns; i++) {
        const ProtobufCFieldDescriptor *column = column_find(row->descriptor, op->columns[i]);
        if (column == NULL) {
            return error_set(&txn->detail, -ERROR_UNKNOWN_NAME, "%s row %" PRIu64 ": there is no column %.64s", name, id,
                             op->columns[i]);
        }
        if (!column_equal(column, row, wanted)) {
            return txn_unequal(txn, op, id, column, row);
        }
    }
    return 0;
}

static int txn_require(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    ProtobufCMessage *row = NULL;
    ProtobufCMessage *wanted = NULL;
    int err = txn_get(txn, op, id, &row);
    if (err != 0) {
        return txn_missing(txn, op->table, id, err == -ERROR_NOT_FOUND && op->table == CFG_OWNER ? -ERROR_OWNER : err);
    }
    if (op->n_columns > 0) {
        err = txn_unpack(txn, op, id, &wanted);
        err = err == 0 ? txn_require_columns(txn, op, id, row, wanted) : err;
    }
    txn_free(txn, op, row);
    txn_free(txn, op, wanted);
    return err;
}

static int txn_require_absent(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    return overlay_has(txn->overlay, op->table, id) ? txn_missing(txn, op->table, id, -ERROR_EXISTS) : 0;
}

/* A controller's port-mod is the one change of configuration that does not come from swctl. */
static bool txn_is_port_mod(const Busbar__Op *op)
{
    return op->kind == BUSBAR__OP_KIND__OP_UPDATE && op->n_columns == 1 && strcmp(op->columns[0], "config") == 0;
}

static int txn_may_write(struct txn *txn, const Busbar__Op *op)
{
    if (!txn_op_writes(op) || txn->from.kind == PROCESS_CONFIGDB) {
        return 0;
    }
    int err = validate_writer(op->table, txn->from.kind, &txn->detail);
    if (err == 0 && op->table == CFG_PORT && txn->from.kind == PROCESS_OFAGENT && !txn_is_port_mod(op)) {
        err = error_set(&txn->detail, -ERROR_WRONG_SENDER, "table port: ofagent changes nothing but the column config");
    }
    return err;
}

static int txn_op(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    int err = txn_may_write(txn, op);
    if (err != 0) {
        return err;
    }
    if (txn->is_quick && quick_op(txn, op, id)) {
        return 0;
    }
    switch (op->kind) {
    case BUSBAR__OP_KIND__OP_INSERT:
        return txn_insert(txn, op, id);
    case BUSBAR__OP_KIND__OP_UPDATE:
    case BUSBAR__OP_KIND__OP_MUTATE_INSERT:
    case BUSBAR__OP_KIND__OP_MUTATE_DELETE:
    case BUSBAR__OP_KIND__OP_MUTATE_ADD:
    case BUSBAR__OP_KIND__OP_MUTATE_SUBTRACT:
        return txn_change(txn, op, id);
    case BUSBAR__OP_KIND__OP_DELETE:
        return txn_delete(txn, op, id);
    case BUSBAR__OP_KIND__OP_PUT:
        return txn_put(txn, op, id);
    case BUSBAR__OP_KIND__OP_REQUIRE:
        return txn_require(txn, op, id);
    case BUSBAR__OP_KIND__OP_REQUIRE_ABSENT:
        return txn_require_absent(txn, op, id);
    case BUSBAR__OP_KIND__OP_WAIT:
        return 0; /* was looked at before all others */
    case BUSBAR__OP_KIND__OP_CONFIRM_WITHIN:
        return revert_confirm_within(txn, op);
    case BUSBAR__OP_KIND__OP_ROLLBACK: /* these come to revert_run() */
    case BUSBAR__OP_KIND__OP_RESTORE:
    case BUSBAR__OP_KIND__OP_CONFIRM:
    case BUSBAR__OP_KIND__OP_CANCEL:
    case BUSBAR__OP_KIND__OP_NONE:
    case _BUSBAR__OP_KIND_IS_INT_SIZE:
        break;
    }
    return error_set(&txn->detail, -ERROR_UNSUPPORTED, "there is no operation number %d", (int)op->kind);
}

/* Gives inserts their ids and labels their meaning. */
static int txn_assign_ids(struct txn *txn, struct rows *rows, const Busbar__Transact *message)
{
    for (size_t i = 0; i < message->n_ops; i++) {
        const Busbar__Op *op = message->ops[i];
        txn->failed_op = (uint32_t)i;
        txn->ids[i] = op->id;
        if (op->kind != BUSBAR__OP_KIND__OP_INSERT) {
            continue;
        }
        txn->ids[i] = rows_new_id(rows, op->table);
        if (txn->ids[i] == 0) {
            return error_set(&txn->detail, -ENOSPC, "table %s: all row ids are used up", cfg_table_info(op->table)->name);
        }
        if (op->id == 0) {
            continue;
        }
        if (op->id < TXN_LABEL_MIN || (!txn_is_last_label(&txn->labels, op->id) && txn_resolve(txn, op->id) != 0)) {
            return error_set(&txn->detail, op->id < TXN_LABEL_MIN ? -ERROR_RANGE : -ERROR_DUPLICATE,
                             "table %s: %" PRIu64 " is not a label of its own, at or above 2^63, for an insert",
                             cfg_table_info(op->table)->name, op->id);
        }
        txn_add_label(&txn->labels, op->id, txn->ids[i]);
    }
    for (size_t i = 0; i < message->n_ops; i++) {
        if (txn->ids[i] >= TXN_LABEL_MIN && (txn->ids[i] = txn_resolve(txn, message->ops[i]->id)) == 0) {
            txn->failed_op = (uint32_t)i;
            return error_set(&txn->detail, -ERROR_REFERENCE, "table %s: no insert of this transaction has the label %" PRIu64,
                             cfg_table_info(message->ops[i]->table)->name, message->ops[i]->id);
        }
    }
    return 0;
}

static bool txn_is_bridge_insert(const Busbar__Op *op)
{
    return op->kind == BUSBAR__OP_KIND__OP_INSERT && op->table == CFG_BRIDGE;
}

/* Rules between columns, when all operations are done; the last one on the row is to blame. */
static int txn_check_whole(struct txn *txn, const Busbar__Transact *message)
{
    const struct overlay_change *change = NULL;
    int err = 0;
    while (err == 0 && overlay_next(txn->overlay, &change) != NULL) {
        ProtobufCMessage *row = NULL;
        if (change->is_deleted || !validate_has_whole(change->table)) {
            continue;
        }
        for (size_t i = 0; i < message->n_ops; i++) {
            txn->failed_op = message->ops[i]->table == change->table && txn->ids[i] == change->id ? (uint32_t)i : txn->failed_op;
        }
        err = overlay_get(txn->overlay, change->table, change->id, &row);
        err = err != 0 ? txn_missing(txn, change->table, change->id, err) : validate_whole(change->table, change->id, row, &txn->detail);
        protobuf_c_message_free_unpacked(row, NULL);
    }
    return err;
}

static int txn_run(struct txn *txn, struct rows *rows, const Busbar__Transact *message)
{
    if (revert_is_asked(message)) {
        int reverted = revert_run(txn, rows, message);
        return reverted != 0 ? reverted : derive_finish(txn, rows);
    }
    int err = wait_check(txn, message);
    err = err == 0 ? txn_assign_ids(txn, rows, message) : err;
    for (int round = 0; err == 0 && round < 2; round++) {
        for (size_t i = 0; err == 0 && i < message->n_ops; i++) {
            if (txn_is_bridge_insert(message->ops[i]) == (round == 0)) {
                txn->failed_op = (uint32_t)i;
                err = txn_op(txn, message->ops[i], txn->ids[i]);
                if (txn->scratch != NULL) {
                    msg_arena_clear(txn->scratch);
                }
            }
        }
    }
    if (err == 0) {
        err = derive_finish(txn, rows);
    }
    return err != 0 ? err : txn_check_whole(txn, message);
}

static void txn_begin(struct txn *txn, struct rows *rows, const struct bus_identity *from)
{
    memset(txn, 0, sizeof *txn);
    txn->from = *from;
    txn->overlay = overlay_new(rows);
}

void txn_evaluate_waits(struct rows *rows, const struct bus_identity *from, const Busbar__Transact *message, struct txn *out_txn)
{
    txn_begin(out_txn, rows, from);
    out_txn->error = wait_check(out_txn, message);
}

static void txn_work_out(struct txn *txn, struct rows *rows, const Busbar__Transact *message, struct msg_arena *scratch)
{
    txn->scratch = scratch;
    txn->n_ids = message->n_ops;
    txn->ids = memory_array(message->n_ops + 1, sizeof *txn->ids);
    txn->error = txn_run(txn, rows, message);
    const struct overlay_change *cursor = NULL;
    while (txn->error == 0 && !txn->makes_version && overlay_next(txn->overlay, &cursor) != NULL) {
        txn->makes_version = cursor->table != CFG_COUNTER;
    }
}

/* Whether all that it writes is in the run environment. */
static bool txn_is_of_run(const Busbar__Transact *message)
{
    enum rows_env env = ROWS_DISK;
    struct error_detail detail;
    uint32_t failed_op;
    return txn_env(message, &env, &detail, &failed_op) == 0 && env == ROWS_RUN;
}

void txn_evaluate(struct rows *rows, const struct bus_identity *from, const Busbar__Transact *message, struct msg_arena *scratch, struct txn *out_txn)
{
    txn_begin(out_txn, rows, from);
    out_txn->is_quick = txn_is_of_run(message);
    txn_work_out(out_txn, rows, message, scratch);
}

void txn_evaluate_slowly(struct rows *rows, const struct bus_identity *from, const Busbar__Transact *message, struct msg_arena *scratch,
                         struct txn *out_txn)
{
    txn_begin(out_txn, rows, from);
    txn_work_out(out_txn, rows, message, scratch);
}

char *txn_note(const struct txn *txn)
{
    if (txn->confirm_within_s == 0) {
        bool has_both = txn->what[0] != '\0' && txn->note[0] != '\0';
        return memory_format("%s%s%s", txn->what, has_both ? ": " : "", txn->note);
    }
    return memory_format("%s%sawaits confirmation, %u s", txn->what, txn->what[0] != '\0' ? ", " : "", txn->confirm_within_s);
}

void txn_fini(struct txn *txn)
{
    struct txn_label *label, *next;
    HASH_ITER(hh, txn->labels.others, label, next)
    {
        HASH_DEL(txn->labels.others, label);
        free(label);
    }
    free(txn->labels.in_order);
    overlay_destroy(&txn->overlay);
    free(txn->ids);
    free(txn->gone_bridges);
    free(txn->new_bridges);
    memset(txn, 0, sizeof *txn);
}
