/* A configdb in the test's own memory behind the calls of lib/cfg/cfg.h: rows, transactions, versions, all at the test's command.
 *
 * Including this file defines every function of cfg.h, so the real mirror is not linked. Transactions wait in a queue until
 * fake_cfg_commit() or fake_cfg_refuse(); the rows and on_row() / on_version() follow at once, or when fake_cfg_show() says if
 * `delay_feed` is set. With `automatic` every transaction commits at the next cfg_step().
 */
#ifndef BUSBAR_TESTS_OFAGENT_FAKE_CFG_H
#define BUSBAR_TESTS_OFAGENT_FAKE_CFG_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"
#include "lib/cfg/bridge_set.h"
#include "lib/cfg/cfg.h"
#include "lib/cfg/column.h"

enum { FAKE_ROWS = 4096, FAKE_TXNS = 256 };

enum fake_op_kind { FAKE_INSERT, FAKE_PUT, FAKE_UPDATE, FAKE_DELETE, FAKE_REQUIRE, FAKE_REQUIRE_ABSENT };
struct fake_op {
    enum fake_op_kind kind;
    enum cfg_table table;
    uint64_t id;
    ProtobufCMessage *row;
    const char *const *columns; /* of an update; they are the caller's constants */
    size_t n_columns;
};
struct cfg_txn {
    struct fake_op *ops;
    size_t n_ops, ops_room;
    size_t n_packed_ahead; /* of these */
    void (*done)(void *context, const struct cfg_result *result);
    void *context;
};
struct fake_row {
    enum cfg_table table;
    uint64_t id;
    ProtobufCMessage *row;
};
struct cfg {
    uint64_t row_max[CFG_TABLE_MAX];
    struct bridge_set followed; /* rules of others are not shown */
    bool holds_rules_back;      /* those that are followed have not come yet */
    size_t n_follows;           /* how often the owner has said which */
    struct cfg_events events;
    struct fake_row rows[FAKE_ROWS]; /* in the order of (table, id) */
    size_t n_rows;
    struct cfg_txn *txns[FAKE_TXNS];
    size_t n_txns;
    uint64_t n_committed;
    uint64_t next_id;
    struct version version; /* committed */
    struct version shown;   /* to the owner */
    bool is_connected, automatic, delay_feed, wants_snapshot;
    size_t n_refreshes;
    int fd;                 /* that the owner is to poll; 0: none */
    struct version applied; /* as the owner says */
    size_t n_applied_errors, unapplied_bytes;
    uint64_t registered;
    Busbar__ServiceRow service;
    ProtobufCMessage *published; /* the last status row, of CONTROLLER_STATUS */
    size_t n_published;
};

static struct cfg *fake_cfg; /* the one of the test */

static ProtobufCMessage *fake_copy(const ProtobufCMessage *row)
{
    size_t size = protobuf_c_message_get_packed_size(row);
    uint8_t *bytes = memory_zeroed(size + 1);
    protobuf_c_message_pack(row, bytes);
    ProtobufCMessage *copy = protobuf_c_message_unpack(row->descriptor, NULL, size, bytes);
    assert(copy != NULL);
    free(bytes);
    return copy;
}

static size_t fake_place(const struct cfg *cfg, enum cfg_table table, uint64_t id)
{
    size_t i = 0;
    while (i < cfg->n_rows && (cfg->rows[i].table < table || (cfg->rows[i].table == table && cfg->rows[i].id < id))) {
        i++;
    }
    return i;
}

static void fake_free(ProtobufCMessage *row)
{
    if (row != NULL) {
        protobuf_c_message_free_unpacked(row, NULL);
    }
}

static bool fake_is_shown(const struct cfg *cfg, enum cfg_table table, const ProtobufCMessage *row)
{
    return table != CFG_RULE || bridge_set_has(&cfg->followed, ((const Busbar__RuleRow *)row)->bridge);
}

/* Sets (row != NULL, copied) or deletes a row and tells the owner. */
static void fake_cfg_set(struct cfg *cfg, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    size_t i = fake_place(cfg, table, id);
    bool is_there = i < cfg->n_rows && cfg->rows[i].table == table && cfg->rows[i].id == id;
    ProtobufCMessage *before = is_there ? cfg->rows[i].row : NULL;

    if (row == NULL) {
        if (!is_there) {
            return;
        }
        memmove(&cfg->rows[i], &cfg->rows[i + 1], (cfg->n_rows - i - 1) * sizeof cfg->rows[0]);
        cfg->n_rows--;
    } else {
        if (!is_there) {
            assert(cfg->n_rows < FAKE_ROWS);
            memmove(&cfg->rows[i + 1], &cfg->rows[i], (cfg->n_rows - i) * sizeof cfg->rows[0]);
            cfg->n_rows++;
        }
        cfg->rows[i] = (struct fake_row){.table = table, .id = id, .row = fake_copy(row)};
    }
    if (!fake_is_shown(cfg, table, row != NULL ? row : before)) {
        if (row == NULL && cfg->events.on_unheld_gone != NULL) {
            cfg->events.on_unheld_gone(cfg->events.context, table, id);
        }
        fake_free(before);
        return;
    }
    if (row != NULL && id > cfg->row_max[table]) {
        cfg->row_max[table] = id;
    }
    if (row == NULL || (cfg->events.unshown >> table & 1) == 0) {
        cfg->events.on_row(cfg->events.context, table, id, before, row == NULL ? NULL : cfg->rows[i].row);
    }
    fake_free(before);
}

static inline void fake_cfg_show(struct cfg *cfg, bool is_snapshot)
{
    cfg->shown = cfg->version;
    cfg->events.on_version(cfg->events.context, cfg->version, is_snapshot);
}

/* ---- cfg.h ---- */

int cfg_new(struct bus *bus, const char *endpoint, const enum cfg_table *tables, size_t n_tables,
            const struct cfg_events *events, struct cfg **out_cfg)
{
    struct cfg *cfg = memory_zeroed(sizeof *cfg);
    if (events != NULL) {
        cfg->events = *events;
    }
    cfg->is_connected = true;
    cfg->next_id = 100;
    cfg->followed.is_all = true;
    cfg->version = cfg->shown = (struct version){.epoch = 1, .n = 10};
    fake_cfg = cfg;
    *out_cfg = cfg;
    return 0;
}

static void fake_txn_free(struct cfg_txn *txn)
{
    for (size_t i = 0; i < txn->n_ops; i++) {
        fake_free(txn->ops[i].row);
    }
    free(txn->ops);
    free(txn);
}

/* Takes the oldest transaction out and answers it. */
static void fake_answer(struct cfg *cfg, const struct cfg_result *result)
{
    struct cfg_txn *txn = cfg->txns[0];
    memmove(&cfg->txns[0], &cfg->txns[1], (cfg->n_txns - 1) * sizeof cfg->txns[0]);
    cfg->n_txns--;
    txn->done(txn->context, result);
    fake_txn_free(txn);
}

static inline void fake_cfg_refuse(struct cfg *cfg, int error, const char *text)
{
    fake_answer(cfg, &(struct cfg_result){.error = error, .text = text});
}

void cfg_destroy(struct cfg **cfg)
{
    if (*cfg == NULL) {
        return;
    }
    while ((*cfg)->n_txns > 0) {
        fake_cfg_refuse(*cfg, -ERROR_NOT_CONNECTED, "the end");
    }
    for (size_t i = 0; i < (*cfg)->n_rows; i++) {
        fake_free((*cfg)->rows[i].row);
    }
    fake_free((*cfg)->published);
    bridge_set_fini(&(*cfg)->followed);
    free(*cfg);
    *cfg = NULL;
}

/* What configdb has, shown or not. */
static const ProtobufCMessage *fake_row(const struct cfg *cfg, enum cfg_table table, uint64_t id)
{
    size_t i = fake_place(cfg, table, id);
    return i < cfg->n_rows && cfg->rows[i].table == table && cfg->rows[i].id == id ? cfg->rows[i].row : NULL;
}

/* Would configdb refuse it? */
static int fake_check(const struct cfg *cfg, const struct cfg_txn *txn, uint32_t *out_failed_op)
{
    for (size_t i = 0; i < txn->n_ops; i++) {
        const struct fake_op *op = &txn->ops[i];
        const ProtobufCMessage *row = fake_row(cfg, op->table, op->id);
        *out_failed_op = (uint32_t)i;
        if (op->kind == FAKE_REQUIRE_ABSENT && row != NULL) {
            return -ERROR_EXISTS;
        }
        if ((op->kind == FAKE_DELETE || op->kind == FAKE_UPDATE || (op->kind == FAKE_REQUIRE && op->table != CFG_OWNER)) && row == NULL) {
            return -ERROR_NOT_FOUND;
        }
        if (op->kind == FAKE_REQUIRE && op->table == CFG_OWNER) {
            const Busbar__OwnerRow *have = (const Busbar__OwnerRow *)row;
            const Busbar__OwnerRow *want = (const Busbar__OwnerRow *)op->row;
            if (have == NULL || have->start != want->start || have->epoch != want->epoch) {
                return -ERROR_OWNER;
            }
        }
    }
    return 0;
}

static inline void fake_update(struct cfg *cfg, const struct fake_op *op)
{
    ProtobufCMessage *row = fake_copy(fake_row(cfg, op->table, op->id)), *changed = fake_copy(op->row);
    for (size_t i = 0; i < op->n_columns; i++) {
        column_swap(column_find(row->descriptor, op->columns[i]), row, changed);
    }
    fake_cfg_set(cfg, op->table, op->id, row);
    fake_free(row);
    fake_free(changed);
}

static inline void fake_cfg_commit(struct cfg *cfg)
{
    struct cfg_txn *txn = cfg->txns[0];
    uint64_t *ids = memory_array(txn->n_ops + 1, sizeof *ids);
    bool makes_version = false;
    uint32_t failed_op = 0;
    int err = fake_check(cfg, txn, &failed_op);

    for (size_t i = 0; err == 0 && i < txn->n_ops; i++) {
        const struct fake_op *op = &txn->ops[i];
        ids[i] = op->kind == FAKE_INSERT ? cfg->next_id++ : op->id;
        if (op->kind == FAKE_UPDATE) {
            fake_update(cfg, op);
            makes_version = true;
        } else if (op->kind == FAKE_INSERT || op->kind == FAKE_PUT || op->kind == FAKE_DELETE) {
            fake_cfg_set(cfg, op->table, ids[i], op->kind == FAKE_DELETE ? NULL : op->row);
            makes_version = makes_version || op->table != CFG_COUNTER;
        }
    }
    cfg->version.n += makes_version && err == 0;
    cfg->n_committed += err == 0;
    fake_answer(cfg, &(struct cfg_result){.error = err, .failed_op = failed_op, .version = cfg->version, .ids = ids, .n_ids = txn->n_ops});
    free(ids);
    if (!cfg->delay_feed && makes_version) {
        fake_cfg_show(cfg, false);
    }
}

/* Says yes to a transaction too large to keep: ids and a version, no rows. */
static inline void fake_cfg_pretend(struct cfg *cfg)
{
    size_t n = cfg->txns[0]->n_ops;
    uint64_t *ids = memory_array(n + 1, sizeof *ids);

    for (size_t i = 0; i < n; i++) {
        ids[i] = cfg->next_id++;
    }
    cfg->version.n++;
    fake_answer(cfg, &(struct cfg_result){.version = cfg->version, .ids = ids, .n_ids = n});
    free(ids);
}

int cfg_fd(const struct cfg *cfg)
{
    return cfg->fd != 0 ? cfg->fd : -1;
}
void cfg_step(struct cfg *cfg, uint64_t now_ns)
{
    if (cfg->wants_snapshot) {
        cfg->wants_snapshot = false;
        fake_cfg_show(cfg, true);
    }
    while (cfg->automatic && cfg->n_txns > 0) {
        fake_cfg_commit(cfg);
    }
}
void cfg_say(struct cfg *cfg, uint64_t now_ns)
{
    cfg_step(cfg, now_ns);
}
void cfg_refresh(struct cfg *cfg)
{
    cfg->wants_snapshot = true;
    cfg->n_refreshes++;
}
bool cfg_is_connected(const struct cfg *cfg)
{
    return cfg->is_connected;
}
bool cfg_has_snapshot(const struct cfg *cfg)
{
    return true;
}
struct version cfg_version(const struct cfg *cfg)
{
    return cfg->shown;
}
const ProtobufCMessage *cfg_row(const struct cfg *cfg, enum cfg_table table, uint64_t id)
{
    const ProtobufCMessage *row = fake_row(cfg, table, id);
    return row != NULL && fake_is_shown(cfg, table, row) ? row : NULL;
}
void cfg_follow_bridges(struct cfg *cfg, const uint64_t *bridges, size_t n)
{
    bridge_set_assign(&cfg->followed, bridges, n);
    cfg->followed.is_all = false;
    cfg->n_follows++;
}
bool cfg_holds_bridge(const struct cfg *cfg, uint64_t bridge)
{
    return !cfg->holds_rules_back && bridge_set_has(&cfg->followed, bridge);
}
uint64_t cfg_row_max(const struct cfg *cfg, enum cfg_table table)
{
    return cfg->row_max[table];
}

bool cfg_next(const struct cfg *cfg, enum cfg_table table, uint64_t *cursor, uint64_t *out_id, const ProtobufCMessage **out_row)
{
    size_t i = fake_place(cfg, table, *cursor);
    while (i < cfg->n_rows && cfg->rows[i].table == table && !fake_is_shown(cfg, table, cfg->rows[i].row)) {
        i++;
    }
    if (i >= cfg->n_rows || cfg->rows[i].table != table) {
        return false;
    }
    *out_id = cfg->rows[i].id;
    *out_row = cfg->rows[i].row;
    *cursor = *out_id + 1;
    return true;
}
size_t cfg_unapplied_bytes(const struct cfg *cfg)
{
    return cfg->unapplied_bytes;
}
void cfg_applied(struct cfg *cfg, struct version version, const Busbar__RowError *errors, size_t n_errors)
{
    cfg->applied = version;
    cfg->n_applied_errors = n_errors;
    cfg->unapplied_bytes = 0;
}

struct cfg_txn *cfg_txn_new(const char *client)
{
    return memory_zeroed(sizeof(struct cfg_txn));
}
void cfg_txn_destroy(struct cfg_txn **txn)
{
    if (*txn != NULL) {
        fake_txn_free(*txn);
        *txn = NULL;
    }
}
static void fake_op(struct cfg_txn *txn, enum fake_op_kind kind, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    if (txn->n_ops == txn->ops_room) {
        txn->ops_room = txn->ops_room == 0 ? 8 : txn->ops_room * 2;
        txn->ops = memory_resize(txn->ops, txn->ops_room * sizeof *txn->ops);
    }
    txn->ops[txn->n_ops++] =
        (struct fake_op){.kind = kind, .table = table, .id = id, .row = row != NULL ? fake_copy(row) : NULL};
}
uint64_t cfg_txn_insert(struct cfg_txn *txn, enum cfg_table table, const ProtobufCMessage *row)
{
    fake_op(txn, FAKE_INSERT, table, 0, row);
    return 1ull << 63 | txn->n_ops;
}
void cfg_txn_put(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    fake_op(txn, FAKE_PUT, table, id, row);
}
static ProtobufCMessage *fake_unpack(enum cfg_table table, const void *packed, size_t size)
{
    ProtobufCMessage *row = protobuf_c_message_unpack(cfg_table_info((uint32_t)table)->descriptor, NULL, size, packed);
    assert(row != NULL);
    return row;
}
uint64_t cfg_txn_insert_packed(struct cfg_txn *txn, enum cfg_table table, const void *packed, size_t size)
{
    ProtobufCMessage *row = fake_unpack(table, packed, size);
    uint64_t label = cfg_txn_insert(txn, table, row);
    fake_free(row);
    return label;
}
void cfg_ops_insert_packed(struct writer *ops, enum cfg_table table, const void *packed, size_t size)
{
    Busbar__Transact message = BUSBAR__TRANSACT__INIT;
    Busbar__Op op = BUSBAR__OP__INIT, *pointer = &op;
    op.kind = BUSBAR__OP_KIND__OP_INSERT;
    op.table = (uint32_t)table;
    op.value = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)packed};
    message.n_ops = 1;
    message.ops = &pointer;
    busbar__transact__pack(&message, writer_extend(ops, busbar__transact__get_packed_size(&message)));
}
void cfg_txn_insert_ops(struct cfg_txn *txn, const void *ops, size_t size, size_t n_ops)
{
    Busbar__Transact *message = busbar__transact__unpack(NULL, size, ops);
    assert(message != NULL && message->n_ops == n_ops);
    for (size_t i = 0; i < n_ops; i++) {
        assert(message->ops[i]->kind == BUSBAR__OP_KIND__OP_INSERT && message->ops[i]->id == 0);
        (void)cfg_txn_insert_packed(txn, (enum cfg_table)message->ops[i]->table, message->ops[i]->value.data, message->ops[i]->value.len);
    }
    txn->n_packed_ahead += n_ops;
    busbar__transact__free_unpacked(message, NULL);
}
void cfg_txn_put_packed(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const void *packed, size_t size)
{
    ProtobufCMessage *row = fake_unpack(table, packed, size);
    cfg_txn_put(txn, table, id, row);
    fake_free(row);
}
void cfg_txn_update(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                    const char *const *columns, size_t n_columns)
{
    for (size_t i = 0; i < n_columns; i++) {
        assert(protobuf_c_message_descriptor_get_field_by_name(row->descriptor, columns[i]) != NULL);
    }
    fake_op(txn, FAKE_UPDATE, table, id, row);
    txn->ops[txn->n_ops - 1].columns = columns;
    txn->ops[txn->n_ops - 1].n_columns = n_columns;
}
void cfg_txn_delete(struct cfg_txn *txn, enum cfg_table table, uint64_t id)
{
    fake_op(txn, FAKE_DELETE, table, id, NULL);
}
void cfg_txn_require(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row,
                     const char *const *columns, size_t n_columns)
{
    fake_op(txn, FAKE_REQUIRE, table, id, row);
}
void cfg_txn_require_absent(struct cfg_txn *txn, enum cfg_table table, uint64_t id)
{
    fake_op(txn, FAKE_REQUIRE_ABSENT, table, id, NULL);
}
size_t cfg_txn_size(const struct cfg_txn *txn)
{
    return txn->n_ops;
}
void cfg_transact(struct cfg *cfg, struct cfg_txn **txn, uint64_t deadline_ns,
                  void (*done)(void *context, const struct cfg_result *result), void *context)
{
    assert(cfg->n_txns < FAKE_TXNS);
    (*txn)->done = done;
    (*txn)->context = context;
    cfg->txns[cfg->n_txns++] = *txn;
    *txn = NULL;
}
size_t cfg_transactions_in_flight(const struct cfg *cfg)
{
    return cfg->n_txns;
}

void cfg_publish(struct cfg *cfg, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    fake_free(cfg->published);
    cfg->published = row != NULL ? fake_copy(row) : NULL;
    cfg->n_published++;
}
void cfg_register(struct cfg *cfg, const Busbar__ServiceRow *service)
{
    cfg->service = *service;
    cfg->registered = 7;
}
uint64_t cfg_registered(const struct cfg *cfg, struct version *out_version)
{
    return cfg->registered;
}
void cfg_unregister(struct cfg *cfg)
{
    cfg->registered = 0;
}
void cfg_await_applied(struct cfg *cfg, struct version version, uint32_t timeout_ms,
                       void (*done)(void *context, const Busbar__AwaitAppliedReply *reply), void *context)
{
    done(context, NULL);
}

#endif
