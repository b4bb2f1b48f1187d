/* Rollback, restore, confirm, cancel: each decides on a picture of the configuration, and replace.c makes it so.
 *
 * They are operations of ordinary transactions, so that repeats, refusals, versions, the feed and the history are those of any change: a
 * rollback is one more commit, and can be rolled back itself.
 *
 * Cost: that of the picture. Thread: configdb's main thread. Input: what swctl sent; it has passed the unpacker.
 */
#include "services/configdb/revert.h"

#include <inttypes.h>
#include <stdio.h>

#include "services/configdb/confirm.h"
#include "services/configdb/picture.h"
#include "services/configdb/replace.h"
#include "services/configdb/validate.h"

static bool revert_is_kind(Busbar__OpKind kind)
{
    return kind == BUSBAR__OP_KIND__OP_ROLLBACK || kind == BUSBAR__OP_KIND__OP_RESTORE || kind == BUSBAR__OP_KIND__OP_CONFIRM ||
           kind == BUSBAR__OP_KIND__OP_CANCEL;
}

bool revert_is_asked(const Busbar__Transact *message)
{
    for (size_t i = 0; i < message->n_ops; i++) {
        if (revert_is_kind(message->ops[i]->kind)) {
            return true;
        }
    }
    return false;
}

int revert_confirm_within(struct txn *txn, const Busbar__Op *op)
{
    if (op->table != CFG_SWITCH) {
        return error_set(&txn->detail, -ERROR_REFUSED, "only changes of the configuration await confirmation");
    }
    if (op->id < 1 || op->id > CONFIRM_SECONDS_MAX) {
        return error_set(&txn->detail, -ERROR_RANGE, "a confirmation is awaited for 1 to %d seconds, not %" PRIu64, CONFIRM_SECONDS_MAX,
                         op->id);
    }
    txn->confirm_within_s = (uint32_t)op->id;
    return 0;
}

/* Keys are no matter of going back: one that was taken away, perhaps because it was stolen, must not return with last week's ports. */
static int revert_keep_keys(struct txn *txn, struct rows *rows, struct picture *picture)
{
    struct picture *now = NULL;
    struct picture_row *row;
    int err = picture_now(rows, &now, &txn->detail);
    for (size_t i = 0; err == 0 && (row = picture_at_index(picture, i)) != NULL;) {
        if (row->table == CFG_KEY) {
            picture_remove(picture, CFG_KEY, row->id);
        } else {
            i++;
        }
    }
    for (size_t i = 0; err == 0 && (row = picture_at_index(now, i)) != NULL; i++) {
        if (row->table == CFG_KEY) {
            picture_set(picture, CFG_KEY, row->id, row->row);
            row->row = NULL;
        }
    }
    picture_destroy(&now);
    return err;
}

static int revert_to(struct txn *txn, struct rows *rows, struct version version, bool keeps_keys)
{
    struct picture *picture = NULL;
    int err = picture_then(rows, version, &picture, &txn->detail);
    if (err == 0 && keeps_keys) {
        err = revert_keep_keys(txn, rows, picture);
    }
    if (err == 0) {
        err = replace_configuration(txn, rows, picture, true);
    }
    picture_destroy(&picture);
    return err;
}

static int revert_rollback(struct txn *txn, struct rows *rows, const Busbar__Op *op)
{
    Busbar__Version *target = busbar__version__unpack(NULL, op->value.len, op->value.data);
    if (target == NULL) {
        return error_set(&txn->detail, -ERROR_SYNTAX, "rollback: the version cannot be read");
    }
    struct version version = version_decode(target);
    busbar__version__free_unpacked(target, NULL);
    (void)snprintf(txn->what, sizeof txn->what, "back to %" PRIu64, version.n);
    return revert_to(txn, rows, version, true);
}

static int revert_restore(struct txn *txn, struct rows *rows, const Busbar__Transact *message)
{
    struct picture *picture = picture_new();
    int err = 0;
    (void)snprintf(txn->what, sizeof txn->what, "restored");
    for (size_t i = 0; err == 0 && i < message->n_ops; i++) {
        const Busbar__Op *op = message->ops[i];
        ProtobufCMessage *row = NULL;
        if (op->kind != BUSBAR__OP_KIND__OP_RESTORE) {
            continue;
        }
        txn->failed_op = (uint32_t)i;
        err = validate_unpack(op->table, op->id, op->value.data, op->value.len, NULL, &row, &txn->detail);
        if (err == 0 && picture_get(picture, op->table, op->id) != NULL) {
            protobuf_c_message_free_unpacked(row, NULL);
            err = error_set(&txn->detail, -ERROR_DUPLICATE, "%s row %" PRIu64 ": given twice", cfg_table_info(op->table)->name, op->id);
        } else if (err == 0) {
            picture_set(picture, op->table, op->id, row);
        }
    }
    if (err == 0) {
        err = replace_configuration(txn, rows, picture, false);
    }
    picture_destroy(&picture);
    return err;
}

/* Confirm and cancel: both need the commit that awaits it, and the one that was meant. */
static int revert_settle(struct txn *txn, struct rows *rows, const Busbar__Op *op)
{
    Busbar__Pending *pending = NULL;
    bool is_cancel = op->kind == BUSBAR__OP_KIND__OP_CANCEL;
    int err = confirm_get(rows, &pending);
    if (err != 0) {
        return error_set(&txn->detail, err, "%s", err == -ERROR_NOT_FOUND ? "nothing awaits confirmation" : error_text(err));
    }
    if (op->id != 0 && op->id != pending->n) {
        err = error_set(&txn->detail, -ERROR_CONFLICT, "version %" PRIu64 " awaits confirmation, not %" PRIu64, pending->n, op->id);
    } else if (is_cancel) {
        (void)snprintf(txn->what, sizeof txn->what, "undoes %" PRIu64, pending->n);
        err = revert_to(txn, rows, (struct version){.n = pending->n - 1}, false);
    }
    txn->settles_n = err == 0 ? pending->n : 0;
    busbar__pending__free_unpacked(pending, NULL);
    return err;
}

/* Nothing but operations of one kind, one of them unless it is a restore, and OP_CONFIRM_WITHIN. */
static int revert_is_pure(struct txn *txn, const Busbar__Transact *message, const Busbar__Op **out_op)
{
    const Busbar__Op *first = NULL;
    bool awaits = false;
    for (size_t i = 0; i < message->n_ops; i++) {
        const Busbar__Op *op = message->ops[i];
        txn->failed_op = (uint32_t)i;
        enum rows_env env;
        if (!rows_env_of(op->table, &env) || env != ROWS_DISK) {
            return error_set(&txn->detail, -ERROR_REFUSED, "table %s is no configuration", cfg_table_info(op->table)->name);
        }
        if (op->kind == BUSBAR__OP_KIND__OP_CONFIRM_WITHIN) {
            awaits = true;
            continue;
        }
        bool is_more = first != NULL && (op->kind != first->kind || op->kind != BUSBAR__OP_KIND__OP_RESTORE);
        if (!revert_is_kind(op->kind) || is_more) {
            return error_set(&txn->detail, -ERROR_REFUSED,
                             "rollback, restore, confirm and cancel concern the whole configuration and stand alone in a transaction");
        }
        first = first != NULL ? first : op;
    }
    bool settles = first->kind == BUSBAR__OP_KIND__OP_CONFIRM || first->kind == BUSBAR__OP_KIND__OP_CANCEL;
    if (awaits && settles) {
        return error_set(&txn->detail, -ERROR_REFUSED, "a confirmation or its refusal does not await confirmation itself");
    }
    *out_op = first;
    return 0;
}

int revert_run(struct txn *txn, struct rows *rows, const Busbar__Transact *message)
{
    const Busbar__Op *op = NULL;
    int err = revert_is_pure(txn, message, &op);
    for (size_t i = 0; err == 0 && i < message->n_ops; i++) {
        txn->ids[i] = message->ops[i]->id;
        if (message->ops[i]->kind == BUSBAR__OP_KIND__OP_CONFIRM_WITHIN) {
            txn->failed_op = (uint32_t)i;
            err = revert_confirm_within(txn, message->ops[i]);
        }
    }
    if (err == 0 && txn->from.kind != PROCESS_CONFIGDB) {
        err = validate_writer(CFG_SWITCH, txn->from.kind, &txn->detail);
    }
    if (err != 0) {
        return err;
    }
    if (op->kind == BUSBAR__OP_KIND__OP_ROLLBACK) {
        return revert_rollback(txn, rows, op);
    }
    return op->kind == BUSBAR__OP_KIND__OP_RESTORE ? revert_restore(txn, rows, message) : revert_settle(txn, rows, op);
}
