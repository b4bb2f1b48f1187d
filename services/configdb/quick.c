/* The short way of rules.
 *
 * Why: rules come by the hundred thousand, from one writer that has checked them, and the general way of a row (unpack, look up its rules by name, pack, hash)
 * takes longer than all that LMDB does with it. Here a row is read where it stands (verbatim.h), held against its table's rules, which were looked up once
 * a transaction, and lent to the overlay. Everything that is not as it should be goes the general way: that one has the texts of refusals,
 * so there is one place for them.
 *
 * Cost: 0.2 us an insertion; a replacement or deletion is that and one look-up of the row. Twin: txn.c without this (txn_evaluate_slowly()).
 */
#include "services/configdb/quick.h"

#include "services/configdb/derive.h"
#include "services/configdb/rows.h"

/* What holds for all operations of the transaction, once one of them wants it. */
static bool quick_begin(struct quick *quick)
{
    if (!quick->is_begun) {
        quick->is_begun = true;
        quick->has_plan = validate_plan_make(CFG_RULE, &quick->plan);
    }
    return quick->has_plan;
}

/* Rules of one transaction are of one bridge, mostly; it was there a moment ago and no operation of this transaction can change that. */
static bool quick_exists(void *context, uint32_t table, uint64_t id)
{
    struct txn *txn = context;
    bool is_known = table == CFG_BRIDGE && id == txn->quick.bridge && id != 0;
    if (!is_known && !overlay_has(txn->overlay, table, id)) {
        return false;
    }
    txn->quick.bridge = table == CFG_BRIDGE ? id : txn->quick.bridge;
    return true;
}

static bool quick_read(struct txn *txn, const uint8_t *bytes, size_t size, struct verbatim *out_row)
{
    return quick_begin(&txn->quick) && size <= ROWS_VALUE_MAX && verbatim_read(cfg_table_info(CFG_RULE)->descriptor, bytes, size, out_row) &&
           validate_plan_row(&txn->quick.plan, out_row, quick_exists, txn);
}

static bool quick_insert(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    struct verbatim row;
    if (!quick_read(txn, op->value.data, op->value.len, &row)) {
        return false;
    }
    overlay_lend_new(txn->overlay, CFG_RULE, id, op->value.data, op->value.len);
    return true;
}

static bool quick_put(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    struct verbatim row, before;
    struct store_bytes stored;
    if (!quick_read(txn, op->value.data, op->value.len, &row) || overlay_value(txn->overlay, CFG_RULE, id, &stored) != 0 ||
        !verbatim_read(cfg_table_info(CFG_RULE)->descriptor, stored.bytes, stored.size, &before) ||
        !validate_plan_change(&txn->quick.plan, &before, &row)) {
        return false;
    }
    overlay_lend(txn->overlay, CFG_RULE, id, op->value.data, op->value.len);
    return true;
}

static bool quick_delete(struct txn *txn, uint64_t id)
{
    struct verbatim before;
    struct store_bytes stored;
    if (overlay_value(txn->overlay, CFG_RULE, id, &stored) != 0 ||
        !verbatim_read(cfg_table_info(CFG_RULE)->descriptor, stored.bytes, stored.size, &before) || derive_delete(txn, id, CFG_RULE, NULL) != 0) {
        return false;
    }
    overlay_lend(txn->overlay, CFG_RULE, id, NULL, 0);
    return true;
}

bool quick_op(struct txn *txn, const Busbar__Op *op, uint64_t id)
{
    if (op->table != CFG_RULE) {
        return false;
    }
    return op->kind == BUSBAR__OP_KIND__OP_INSERT   ? quick_insert(txn, op, id)
           : op->kind == BUSBAR__OP_KIND__OP_PUT    ? quick_put(txn, op, id)
           : op->kind == BUSBAR__OP_KIND__OP_DELETE ? quick_delete(txn, id)
                                                    : false;
}
