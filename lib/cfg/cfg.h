/* Configuration as a process sees it: the mirror of configdb's tables, transactions, status and the process's own registration.
 *
 * The mirror holds an unpacked copy of every row of the subscribed tables. It changes only whole commits at a time: cfg_step()
 * calls on_row() for each changed row and then on_version() once (I6). When configdb is away the mirror stays as it is; when it
 * returns the mirror resumes by deltas or takes a snapshot and reports only what differs.
 * The owner reports what it has applied with cfg_applied(); that is the applied report and the feed's acknowledgement.
 *
 * One thread. Nothing blocks; cfg_step(now) does all the work. Rows are lent until the next cfg_step().
 */
#ifndef BUSBAR_CFG_CFG_H
#define BUSBAR_CFG_CFG_H

#include <protobuf-c/protobuf-c.h>

#include "lib/bus/bus.h"
#include "lib/msg/version.h"
#include "proto/config.pb-c.h"
#include "proto/rows.pb-c.h"
#include "proto/rules.pb-c.h"

enum cfg_table {
#define TABLE(name, number, storage, message, text, filter) CFG_##name = (number),
#include "lib/cfg/tables.def"
#undef TABLE
    CFG_TABLE_MAX = 32
};
enum { CFG_FILTER_WHOLE, CFG_FILTER_BY_BRIDGE };
enum {
    CFG_TABLES_BY_BRIDGE = 0 /* a bit for each table that may be filtered by bridge */
#define TABLE(name, number, storage, message, text, filter) | CFG_FILTER_##filter << (number)
#include "lib/cfg/tables.def"
#undef TABLE
};
/* What a shard acts on by itself: a bit each. All else it is told by slowpaths. */
enum { CFG_TABLES_OF_SHARD = 1 << CFG_SWITCH | 1 << CFG_BRIDGE | 1 << CFG_PORT | 1 << CFG_METER };
enum cfg_storage { CFG_STORAGE_DISK, CFG_STORAGE_RUN, CFG_STORAGE_MEMORY };

struct cfg_table_info {
    enum cfg_table table;
    const char *name; /* "port" */
    enum cfg_storage storage;
    const ProtobufCMessageDescriptor *descriptor;
};
/* NULL when there is no such table. */
const struct cfg_table_info *cfg_table_info(uint32_t table);
const struct cfg_table_info *cfg_table_by_name(const char *name);

struct cfg_events {
    /* A row changed: before / after are NULL when it did not / no longer exists. Both are lent for the call. The mirror holds the whole commit
     * already. Differences of a snapshot: rows that are gone first, then the rest by table and id. Status rows come without on_version(). */
    void (*on_row)(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after);
    /* Instead of on_row() where there is one, of rules, of which there may be millions: the bytes of the row as configdb sent them, lent for the
     * call; NULL when it is gone. Whether they can be read is the owner's to find out. */
    void (*on_packed)(void *context, enum cfg_table table, uint64_t id, const uint8_t *bytes, size_t size);
    /* All rows of commits up to `version` have been shown. `is_snapshot`: the mirror was rebuilt (differences were shown). */
    void (*on_version)(void *context, struct version version, bool is_snapshot);
    /* configdb answers (again) / has fallen silent. May be NULL. */
    void (*on_connection)(void *context, bool is_connected);
    /* A row of a table filtered by bridge has gone that the mirror did not hold (its bridge is not followed). May be NULL. */
    void (*on_unheld_gone)(void *context, enum cfg_table table, uint64_t id);
    uint32_t unshown; /* bit n: of table n, whose rows are only mirrored, on_row() is called for those alone that are gone */
    void *context;
};

struct cfg;
/* endpoint: configdb's; tables: n_tables numbers to mirror. On a bus with keys that mirrors anything, the table KEY is mirrored as well, into bus_keys(); the
 * events show it only when it was asked for. */
int cfg_new(struct bus *bus, const char *endpoint, const enum cfg_table *tables, size_t n_tables, const struct cfg_events *events,
            struct cfg **out_cfg) MUST_CHECK;
void cfg_destroy(struct cfg **cfg); /* calls nobody: what is in flight then gets no answer */
int cfg_fd(const struct cfg *cfg);
void cfg_step(struct cfg *cfg, uint64_t now_ns);
/* A step that does not look for what has come: to be sent what there is, or when poll() has just said of cfg_fd() that nothing came. */
void cfg_say(struct cfg *cfg, uint64_t now_ns);

/* configdb understands none of the versions of the config wire that we do; the text says what is to be replaced. */
bool cfg_is_refused(const struct cfg *cfg, char *out_text, size_t room);
bool cfg_is_connected(const struct cfg *cfg);
bool cfg_has_snapshot(const struct cfg *cfg); /* the mirror has been complete at least once */
struct version cfg_version(const struct cfg *cfg);
/* Whose commits the versions were that have been shown since the last call: a set of ofagents (lib/msg/authors.h), at least these. */
uint64_t cfg_take_authors(struct cfg *cfg);
/* n of the newest version that may have changed one of these tables (a bit each), also where none of its rows is mirrored; 0: none. */
uint64_t cfg_changed(const struct cfg *cfg, uint32_t tables);
/* Takes a snapshot although nothing is missing: for rows that deltas do not carry (COUNTER). on_version() tells when it has come. */
void cfg_refresh(struct cfg *cfg);
/* From now on only rows of these bridges are wanted of the tables that tables.def says to be filtered by bridge (RULE); before the first call: of all, none: of
 * none. Rows of added bridges come all in one step with some version, as soon as configdb has read them; commits of that time are shown in the same step. Rows
 * of bridges that are left out go without on_row(), and not all at once: until then cfg_row() and cfg_next() may show some as they were. Calling it with
 * what is followed already costs a comparison. */
void cfg_follow_bridges(struct cfg *cfg, const uint64_t *bridges, size_t n);
/* Is the bridge followed, and are all its rows in the mirror? */
bool cfg_holds_bridge(const struct cfg *cfg, uint64_t bridge);
/* NULL when there is no such row. Cast to the table's message. A rule (there may be millions) is lent until the next call of these two for a rule. */
const ProtobufCMessage *cfg_row(const struct cfg *cfg, enum cfg_table table, uint64_t id);
/* The greatest id of a row of this table that was ever mirrored; 0: none was. */
uint64_t cfg_row_max(const struct cfg *cfg, enum cfg_table table);
/* Rows in id order; start with *cursor = 0; false at the end. */
bool cfg_next(const struct cfg *cfg, enum cfg_table table, uint64_t *cursor, uint64_t *out_id, const ProtobufCMessage **out_row);

/* Bytes of commits that have come since the last cfg_applied(): beyond its window of 8 MB configdb sends no more. */
size_t cfg_unapplied_bytes(const struct cfg *cfg);
/* Acknowledges `version`; errors by row may be NULL. When nothing but rules has changed it is told some 10 ms later. */
void cfg_applied(struct cfg *cfg, struct version version, const Busbar__RowError *errors, size_t n_errors);

/* ---- transactions ---- */
struct cfg_txn; /* being put together */
struct cfg_txn *cfg_txn_new(const char *client);
void cfg_txn_destroy(struct cfg_txn **txn);
/* Inserts; returns a label usable in reference columns of later operations of this transaction. */
uint64_t cfg_txn_insert(struct cfg_txn *txn, enum cfg_table table, const ProtobufCMessage *row);
void cfg_txn_put(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row);
/* The same with the row's bytes, which are copied. */
uint64_t cfg_txn_insert_packed(struct cfg_txn *txn, enum cfg_table table, const void *packed, size_t size);
struct writer;
/* Inserts put together ahead, for whichever transaction: one is appended to `ops`; and so many of them go into a transaction. They have no labels. */
void cfg_ops_insert_packed(struct writer *ops, enum cfg_table table, const void *packed, size_t size);
void cfg_txn_insert_ops(struct cfg_txn *txn, const void *ops, size_t size, size_t n_ops);
void cfg_txn_put_packed(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const void *packed, size_t size);
void cfg_txn_update(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, const char *const *columns,
                    size_t n_columns);
void cfg_txn_delete(struct cfg_txn *txn, enum cfg_table table, uint64_t id);
void cfg_txn_require(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, const char *const *columns,
                     size_t n_columns);
/* The transaction waits at configdb until the columns are those of `row` (is_other: until they differ), timeout_ms at most: -ERROR_NOT_TRUE. No columns: until
 * the row exists, or does not. Later transactions go on meanwhile, 63 at most. The deadline given to cfg_transact() should be later. */
void cfg_txn_wait(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, const char *const *columns, size_t n_columns,
                  bool is_other, uint32_t timeout_ms);
/* kind: one of the OP_MUTATE kinds; row: the column holds what is added or taken. */
void cfg_txn_mutate(struct cfg_txn *txn, Busbar__OpKind kind, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, const char *column);
void cfg_txn_require_absent(struct cfg_txn *txn, enum cfg_table table, uint64_t id);
/* The configuration as a whole; each alone in its transaction, or with cfg_txn_confirm_within(). */
void cfg_txn_rollback(struct cfg_txn *txn, struct version version);                              /* epoch 0: whichever had that n */
void cfg_txn_restore(struct cfg_txn *txn, enum cfg_table table, uint64_t id, const void *packed, size_t size); /* once for every row */
void cfg_txn_settle(struct cfg_txn *txn, bool is_kept);                                          /* what awaits confirmation */
/* The transaction is undone after so many seconds unless it is settled before. */
void cfg_txn_confirm_within(struct cfg_txn *txn, uint32_t seconds);
/* The person, for the history. */
void cfg_txn_set_user(struct cfg_txn *txn, const char *user);
size_t cfg_txn_size(const struct cfg_txn *txn);

struct cfg_result {
    int error; /* 0, or configdb's refusal, or -ERROR_NOT_CONNECTED / -ERROR_TIMEOUT: then it is not known whether it was done,
                  unless configdb answers the repeat */
    const char *text; /* of a success: what one should know, or "" */
    uint32_t failed_op;
    struct version version;
    const uint64_t *ids; /* one per operation */
    size_t n_ids;
};
/* Sends and consumes *txn; `done` is called exactly once, from cfg_step(). Repeated to a returned configdb under the same sequence
 * until deadline_ns. Transactions of one cfg are carried out in the order given. */
void cfg_transact(struct cfg *cfg, struct cfg_txn **txn, uint64_t deadline_ns, void (*done)(void *context, const struct cfg_result *result),
                  void *context);
size_t cfg_transactions_in_flight(const struct cfg *cfg);

/* ---- status and registration ---- */
/* Publishes a status row (table of storage MEMORY); the mirror repeats it while the process lives and after configdb returns. NULL row withdraws. */
void cfg_publish(struct cfg *cfg, enum cfg_table table, uint64_t id, const ProtobufCMessage *row);
/* Joins with this service row (kind, instance, start filled by the callee) and keeps the lease; joins again when it has lapsed. */
void cfg_register(struct cfg *cfg, const Busbar__ServiceRow *service);
/* Row id of our service row, 0 while not registered; version of the commit that registered us. */
uint64_t cfg_registered(const struct cfg *cfg, struct version *out_version);
void cfg_unregister(struct cfg *cfg);

/* Asks when all readers have applied `version`; done is called once with the reply (NULL: configdb is away). */
void cfg_await_applied(struct cfg *cfg, struct version version, uint32_t timeout_ms,
                       void (*done)(void *context, const Busbar__AwaitAppliedReply *reply), void *context);

#endif
