/* configdb, put together: bus messages in, commits, and what goes out.
 *
 *   bus ──► dispatch ─┬─ TRANSACT ─────► commit ──► rows (LMDB) ──► ring ──► feed ──► bus
 *                     │                   disk (thread): write, fsync
 *                     ├─ SUBSCRIBE, APPLIED ─────────────────────────────────► feed
 *                     ├─ PUBLISH ──────► status ─────────────────────────────► feed
 *                     ├─ RENEW ────────► lease ── lapsed ──► commit
 *                     └─ AWAIT_APPLIED ► await
 *
 * A step reads at most CONFIGDB_MESSAGES_PER_STEP messages, so that transactions of many clients gather in one commit and nobody's
 * flood keeps the others from their turn. Thread: one. Input: everything on the socket; the bus has checked envelope and sender, here
 * bodies are unpacked and refused by name.
 */
#include "services/configdb/configdb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/msg.h"
#include "services/configdb/access.h"
#include "services/configdb/await.h"
#include "lib/cfg/column.h"
#include "services/configdb/commit.h"
#include "services/configdb/fold.h"
#include "services/configdb/lease.h"
#include "services/configdb/list.h"
#include "services/configdb/scrape.h"
#include "services/configdb/transact.h"
#include "services/configdb/txn.h"

enum {
    CONFIGDB_MESSAGES_PER_STEP = 2000, /* 20 ms of rule transactions, then everybody else has a turn */
    CONFIGDB_IDLE_MS = 100,            /* leases and times to live are looked at this often */
    CONFIGDB_ORPHANS = 10000,          /* in one transaction: a tenth of what one may hold */
    CONFIGDB_STANDSTILL_MS =
        1000, /* a gap between steps in which nobody was heard: a slow disk, a stopped process, a suspended host */
};

struct configdb {
    struct bus *bus;
    struct bus_socket *socket;
    struct rows *rows;
    struct ring *ring;
    struct recent *recent;
    struct commit *commit;
    struct status *status;
    struct readers *readers;
    struct await *await;
    struct leases *leases;
    struct disk *disk;
    struct fold *fold;
    struct access *access;
    uint64_t now_ns; /* of the step, for callbacks */
    uint64_t n_bad;  /* bodies that could not be read */
    bool is_serving;
    struct confirm_clocks clocks;
    char *boot_id;
    uint64_t (*clock_ns)(void);
    uint64_t wall_ahead_ns; /* of now_ns; wraps */
    uint64_t undo_ns; /* when to try next to undo what was not confirmed */
    bool has_orphans;
    uint64_t tidy_ns; /* when to try next to drop them */
};

static void configdb_send(struct configdb *db, const struct bus_identity *to, enum message_type type,
                          const ProtobufCMessage *message)
{
    int err = msg_send(db->socket, to, type, message);
    if (err != 0 && err != -EAGAIN && err != -ERROR_NOT_CONNECTED) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "send_failed to=%s.%u error=\"%s\"", process_kind_name(to->kind), to->instance,
                    error_text(err));
    }
}

/* A reply that finds no room is lost: the writer repeats and is answered from memory. */
static void configdb_on_reply(void *context, const struct bus_identity *to, const void *reply, size_t size)
{
    struct configdb *db = context;
    readers_replied(db->readers, to);
    int err = bus_send(db->socket, to, MESSAGE_TRANSACT_REPLY, reply, size);
    if (err != 0 && err != -EAGAIN && err != -ERROR_NOT_CONNECTED) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "reply_failed to=%s.%u error=\"%s\"", process_kind_name(to->kind), to->instance,
                    error_text(err));
    }
}

static void configdb_service_left(struct configdb *db, uint64_t id)
{
    const struct bus_identity *who = leases_who(db->leases, id);
    if (who != NULL) {
        log_info("service_left service=%s.%u id=%" PRIu64, process_kind_name(who->kind), who->instance, id);
        readers_left(db->readers, who, db->now_ns);
        leases_remove(db->leases, id);
    }
}

static void configdb_service_changed(void *context, const Busbar__Row *row)
{
    struct configdb *db = context;
    if (row->table != CFG_SERVICE) {
        return;
    }
    Busbar__ServiceRow *service = row->deleted ? NULL : busbar__service_row__unpack(NULL, row->value.len, row->value.data);
    if (service == NULL) {
        configdb_service_left(db, row->id);
        return;
    }
    struct bus_identity who = {
        .kind = (enum process_kind)service->kind, .instance = service->instance, .start = service->start};
    leases_add(db->leases, row->id, service, db->now_ns + (db->is_serving ? LEASE_NS : LEASE_GRACE_NS));
    status_expire(db->status, &who, db->now_ns);
    log_info("service_joined service=%s.%u id=%" PRIu64 " pid=%u", process_kind_name(who.kind), who.instance, row->id,
             service->pid);
    busbar__service_row__free_unpacked(service, NULL);
}

static void configdb_key_changed(void *context, const Busbar__Row *row)
{
    access_on_row(((struct configdb *)context)->access, row);
}

static void configdb_on_version(void *context, const struct ring_entry *entry)
{
    struct configdb *db = context;
    readers_pushed(db->readers, entry);
    if ((entry->tables & 1u << CFG_SERVICE) != 0) {
        ring_entry_rows(entry, configdb_service_changed, db);
    }
    if ((entry->tables & 1u << CFG_KEY) != 0) {
        ring_entry_rows(entry, configdb_key_changed, db);
    }
}

/* A transaction of configdb's own: `n` operations of one kind on rows of one table. */
static void configdb_transact(struct configdb *db, const char *why, Busbar__OpKind kind, uint32_t table, const uint64_t *ids, size_t n)
{
    Busbar__Transact *message = memory_zeroed(sizeof *message);
    busbar__transact__init(message);
    message->client = memory_string(why);
    message->ops = memory_array(n, sizeof *message->ops);
    for (size_t i = 0; i < n; i++) {
        Busbar__Op *op = memory_zeroed(sizeof *op);
        busbar__op__init(op);
        op->kind = kind;
        op->table = table;
        op->id = ids[i];
        message->ops[message->n_ops++] = op;
    }
    commit_queue(db->commit, bus_self(db->bus), &message, 64 * n, false);
}

static void configdb_delete(struct configdb *db, uint32_t table, const uint64_t *ids, size_t n)
{
    configdb_transact(db, "configdb", BUSBAR__OP_KIND__OP_DELETE, table, ids, n);
}

/* Rows of the run environment whose bridge is gone, CONFIGDB_ORPHANS at most from *from_id on, which moves on; the array is the caller's. */
static int configdb_orphans(struct configdb *db, uint32_t table, uint64_t *from_id, uint64_t **out_ids, size_t *out_n)
{
    const struct cfg_table_info *info = cfg_table_info(table);
    const ProtobufCFieldDescriptor *column = column_find(info->descriptor, "bridge");
    struct store_bytes value, bridge_row;
    uint64_t id, bridge;
    size_t n = 0;
    int err = rows_begin_read(db->rows);
    if (err != 0) {
        return err;
    }
    uint64_t *ids = memory_array(CONFIGDB_ORPHANS, sizeof *ids);
    struct store_cursor *cursor = rows_walk(db->rows, table, *from_id);
    while (n < CONFIGDB_ORPHANS && (err = rows_walk_next(cursor, table, &id, &value)) == 0) {
        ProtobufCMessage *row = protobuf_c_message_unpack(info->descriptor, NULL, value.size, value.bytes);
        bridge = table == CFG_OWNER ? id : 0;
        if (row != NULL && column != NULL) {
            (void)column_number(column, row, 0, &bridge);
        }
        protobuf_c_message_free_unpacked(row, NULL);
        if (rows_get(db->rows, CFG_BRIDGE, bridge, &bridge_row) == -ERROR_NOT_FOUND) {
            ids[n++] = id;
        }
        *from_id = id + 1;
    }
    store_cursor_close(&cursor);
    rows_end(db->rows);
    *out_ids = ids;
    *out_n = n;
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

/* They were left by a crash between the two commits of a deletion, or did not fit. Not 0: they could not be read; what cannot go stays for the next time. */
static int configdb_drop_orphans(struct configdb *db, uint32_t table)
{
    uint64_t from_id = 0, n_dropped = 0, n_found = 0;
    uint64_t *ids = NULL;
    size_t n = 0;
    int err;
    while ((err = configdb_orphans(db, table, &from_id, &ids, &n)) == 0 && n > 0) {
        uint64_t before = rows_count(db->rows, table);
        configdb_delete(db, table, ids, n);
        commit_step(db->commit);
        uint64_t after = rows_count(db->rows, table);
        n_dropped += before > after ? before - after : 0;
        n_found += n;
        free(ids);
        ids = NULL;
    }
    free(ids);
    if (n_dropped > 0) {
        log_warn("orphans_dropped table=%s rows=%" PRIu64, cfg_table_info(table)->name, n_dropped);
    }
    db->has_orphans = db->has_orphans || n_dropped < n_found;
    return err;
}

/* Of a million rules it is known which bridges they are of: that spares the look at each. */
static int configdb_has_no_orphans(struct configdb *db, uint32_t table, bool *out_has_none)
{
    int err = rows_begin_read(db->rows);
    if (err == 0) {
        *out_has_none = rows_has_all_bridges(db->rows, table);
        rows_end(db->rows);
    }
    return err;
}

static int configdb_drop_all_orphans(struct configdb *db)
{
    static const enum cfg_table of_bridges[] = {CFG_RULE, CFG_GROUP, CFG_METER, CFG_OWNER};
    int err = 0;
    for (size_t i = 0; err == 0 && i < sizeof of_bridges / sizeof of_bridges[0]; i++) {
        bool has_none = false;
        err = configdb_has_no_orphans(db, of_bridges[i], &has_none);
        err = err == 0 && !has_none ? configdb_drop_orphans(db, of_bridges[i]) : err;
    }
    return err;
}

/* Those that a bridge left behind while configdb ran: each second until all are gone. */
static void configdb_tidy(struct configdb *db)
{
    db->has_orphans = commit_has_orphans(db->commit) || db->has_orphans;
    if (!db->has_orphans || db->now_ns < db->tidy_ns) {
        return;
    }
    db->tidy_ns = db->now_ns + NS_PER_S;
    db->has_orphans = false;
    int err = configdb_drop_all_orphans(db);
    if (err != 0) {
        db->has_orphans = true;
        log_error("orphans_unreadable error=\"%s\"", error_text(err));
    }
}

/* Shows each row of a table as if a commit had just left it. */
static int configdb_load_rows(struct configdb *db, uint32_t table, void (*changed)(void *context, const Busbar__Row *row))
{
    struct store_bytes value;
    uint64_t id;
    int err = rows_begin_read(db->rows);
    if (err != 0) {
        return err;
    }
    struct store_cursor *cursor = rows_walk(db->rows, table, 0);
    while ((err = rows_walk_next(cursor, table, &id, &value)) == 0) {
        Busbar__Row row = BUSBAR__ROW__INIT;
        row.table = table;
        row.id = id;
        row.value.data = (uint8_t *)(uintptr_t)value.bytes;
        row.value.len = value.size;
        changed(db, &row);
    }
    store_cursor_close(&cursor);
    rows_end(db->rows);
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

static int configdb_load(struct configdb *db)
{
    int err = rows_begin_read(db->rows);
    if (err == 0) {
        err = recent_new(db->rows, &db->recent);
        rows_end(db->rows);
    }
    if (err == 0) {
        struct commit_events events = {.on_reply = configdb_on_reply, .on_version = configdb_on_version, .context = db, .clock_ns = db->clock_ns};
        db->commit = commit_new(db->rows, db->ring, db->recent, db->disk, &events);
        commit_set_clocks(db->commit, &db->clocks);
        err = commit_load_pending(db->commit);
    }
    if (err == 0) {
        err = configdb_load_rows(db, CFG_SERVICE, configdb_service_changed);
        err = err != 0 ? err : configdb_load_rows(db, CFG_KEY, configdb_key_changed);
    }
    return err != 0 ? err : configdb_drop_all_orphans(db);
}

void configdb_set_wall(struct configdb *db, uint64_t now_ns, uint64_t wall_ns)
{
    db->wall_ahead_ns = wall_ns - now_ns;
}

int configdb_new(const struct configdb_settings *settings, uint64_t now_ns, struct configdb **out_db,
                 struct error_detail *detail)
{
    struct start_result started;
    int err = start_database(&settings->start, &started, detail);
    if (err != 0) {
        return err;
    }
    struct configdb *db = memory_zeroed(sizeof *db);
    db->bus = settings->bus;
    db->now_ns = now_ns;
    db->clock_ns = settings->clock_ns;
    db->boot_id = memory_string(settings->start.boot_id);
    db->clocks =
        (struct confirm_clocks){.now_ns = now_ns, .wall_ns = settings->start.wall_s * NS_PER_S, .boot_id = db->boot_id};
    configdb_set_wall(db, now_ns, db->clocks.wall_ns);
    db->rows = started.rows;
    db->disk = disk_new(settings->disk);
    db->ring = ring_new(started.epoch, rows_n(db->rows));
    db->status = status_new();
    db->leases = leases_new();
    db->access = access_new(bus_keys(db->bus));
    err = bus_bind(db->bus, WIRE_CONFIG, settings->endpoint, &db->socket);
    if (err != 0) {
        (void)error_set(detail, err, "socket %.200s: %s", settings->endpoint, error_text(err));
        goto fail;
    }
    db->readers = readers_new(db->socket, db->rows, db->ring, db->status, started.last_epoch_end);
    db->await = await_new(db->readers, db->ring);
    err = configdb_load(db);
    if (err != 0) {
        (void)error_set(detail, err, "the database could not be read: %s", error_text(err));
        goto fail;
    }
    commit_step(db->commit);
    commit_wait(db->commit);
    db->fold = fold_new(db->rows, db->disk);
    db->is_serving = true;
    log_info("database_open epoch=%" PRIu64 " n=%" PRIu64 " bridges=%" PRIu64 " ports=%" PRIu64 " rules=%" PRIu64,
             started.epoch, rows_n(db->rows), rows_count(db->rows, CFG_BRIDGE), rows_count(db->rows, CFG_PORT),
             rows_count(db->rows, CFG_RULE));
    *out_db = db;
    return 0;
fail:
    configdb_destroy(&db);
    return err;
}

void configdb_destroy(struct configdb **db)
{
    struct configdb *gone = *db;
    if (gone == NULL) {
        return;
    }
    if (gone->commit != NULL) {
        commit_wait(gone->commit);
    }
    if (gone->fold != NULL && fold_flush(gone->fold) != 0) {
        log_warn("fold_failed hint=\"the rules are still in the run directory\"");
    }
    fold_destroy(&gone->fold);
    disk_destroy(&gone->disk);
    await_destroy(&gone->await);
    readers_destroy(&gone->readers);
    commit_destroy(&gone->commit);
    recent_destroy(&gone->recent);
    leases_destroy(&gone->leases);
    access_destroy(&gone->access);
    status_destroy(&gone->status);
    ring_destroy(&gone->ring);
    bus_close(&gone->socket);
    rows_destroy(&gone->rows);
    free(gone->boot_id);
    free(gone);
    *db = NULL;
}

int configdb_fd(const struct configdb *db)
{
    return bus_fd(db->socket);
}

int configdb_disk_fd(const struct configdb *db)
{
    return disk_fd(db->disk);
}

struct disk *configdb_disk(struct configdb *db)
{
    return db->disk;
}

static void configdb_publish(struct configdb *db, const struct bus_identity *from, const Busbar__Publish *message)
{
    for (size_t i = 0; i < message->n_rows; i++) {
        struct error_detail detail;
        if (status_publish(db->status, from, message->rows[i], db->now_ns, &detail) != 0) {
            LOG_LIMITED(LOG_LEVEL_WARN, "status_refused from=%s.%u why=\"%s\"", process_kind_name(from->kind), from->instance,
                        detail.text);
        }
    }
}

static void configdb_renew(struct configdb *db, const struct bus_identity *from, const Busbar__Renew *message)
{
    Busbar__Renewed reply = BUSBAR__RENEWED__INIT;
    Busbar__Version version;
    version_encode(configdb_version(db), &version);
    reply.id = leases_renew(db->leases, message->id, from, db->now_ns) ? message->id : 0;
    reply.version = &version;
    configdb_send(db, from, MESSAGE_RENEWED, &reply.base);
}

static const ProtobufCMessageDescriptor *configdb_descriptor(uint32_t type)
{
    switch (type) {
    case MESSAGE_SUBSCRIBE:
        return &busbar__subscribe__descriptor;
    case MESSAGE_APPLIED:
        return &busbar__applied__descriptor;
    case MESSAGE_PUBLISH:
        return &busbar__publish__descriptor;
    case MESSAGE_RENEW:
        return &busbar__renew__descriptor;
    case MESSAGE_AWAIT_APPLIED:
        return &busbar__await_applied__descriptor;
    default: /* a number, not an enum: the bus has refused what wires.def does not know, the rest is not for us */
        return NULL;
    }
}

/* The transaction stands in the memory that commit.c has lent. */
static void configdb_on_transact(struct configdb *db, const struct bus_message *message, Busbar__Transact *transact)
{
    struct error_detail detail;
    Busbar__TransactReply reply = BUSBAR__TRANSACT_REPLY__INIT;
    Busbar__Version version;
    int err = txn_count_ops(transact, &detail);
    err = err == 0 ? access_transact(message, transact, &reply.failed_op, &detail) : err;
    if (err == 0) {
        access_sign(db->access, message, transact, &commit_memory(db->commit)->allocator);
        commit_queue(db->commit, &message->from, &transact, message->size, true);
        return;
    }
    version_encode(configdb_version(db), &version);
    reply.sequence = transact->sequence;
    reply.error = err;
    reply.text = detail.text;
    reply.version = &version;
    LOG_LIMITED(LOG_LEVEL_WARN, "transaction_refused from=%s.%u why=\"%s\"", process_kind_name(message->from.kind),
                message->from.instance, detail.text);
    configdb_send(db, &message->from, MESSAGE_TRANSACT_REPLY, &reply.base);
}

static ProtobufCMessage *configdb_unpack(struct configdb *db, const struct bus_message *message)
{
    if (message->type == MESSAGE_TRANSACT) {
        Busbar__Transact *transact = transact_read(commit_memory(db->commit), message->body, message->size);
        return transact != NULL ? &transact->base : NULL;
    }
    const ProtobufCMessageDescriptor *descriptor = configdb_descriptor(message->type);
    return descriptor != NULL ? msg_unpack(message, descriptor) : NULL;
}

static void configdb_dispatch(struct configdb *db, const struct bus_message *message)
{
    const struct bus_identity *from = &message->from;
    ProtobufCMessage *body = configdb_unpack(db, message);
    if (body == NULL) {
        db->n_bad++;
        LOG_LIMITED(LOG_LEVEL_WARN, "message_bad from=%s.%u type=%s size=%zu", process_kind_name(from->kind), from->instance,
                    bus_message_name(WIRE_CONFIG, message->type), message->size);
        return;
    }
    readers_heard(db->readers, from, db->now_ns);
    if (message->type == MESSAGE_TRANSACT) {
        configdb_on_transact(db, message, (Busbar__Transact *)body);
        return;
    }
    if (message->type == MESSAGE_SUBSCRIBE) {
        readers_subscribe(db->readers, from, (const Busbar__Subscribe *)body, db->now_ns);
    } else if (message->type == MESSAGE_APPLIED) {
        readers_applied(db->readers, from, (const Busbar__Applied *)body);
    } else if (message->type == MESSAGE_PUBLISH && access_may_publish(message)) {
        configdb_publish(db, from, (const Busbar__Publish *)body);
    } else if (message->type == MESSAGE_RENEW) {
        configdb_renew(db, from, (const Busbar__Renew *)body);
    } else if (message->type == MESSAGE_AWAIT_APPLIED) {
        await_ask(db->await, from, (const Busbar__AwaitApplied *)body, db->now_ns);
    }
    protobuf_c_message_free_unpacked(body, NULL);
}

/* True when there may be more. A transaction that the queue has no room for is as good as lost on the way: those that its writer sends behind it wait for it,
 * and it is repeated when nothing was answered for half a second. So renewals, acknowledgements and questions are heard however long a sync takes. */
static bool configdb_receive(struct configdb *db)
{
    struct bus_message message;
    for (int i = 0; i < CONFIGDB_MESSAGES_PER_STEP; i++) {
        if (bus_recv(db->socket, &message) != 0) {
            return false;
        }
        if (message.type == MESSAGE_TRANSACT && commit_is_full(db->commit)) {
            commit_put_off(db->commit, &message.from);
            readers_heard(db->readers, &message.from, db->now_ns);
        } else {
            configdb_dispatch(db, &message);
        }
        bus_message_fini(&message);
    }
    return true;
}

static void configdb_lapse(struct configdb *db)
{
    uint64_t id;
    while ((id = leases_lapsed(db->leases, db->now_ns)) != 0) {
        const struct bus_identity *who = leases_who(db->leases, id);
        log_warn("lease_lapsed service=%s.%u id=%" PRIu64, process_kind_name(who->kind), who->instance, id);
        configdb_service_left(db, id);
        configdb_delete(db, CFG_SERVICE, &id, 1);
    }
}

static void configdb_fold(struct configdb *db)
{
    fold_step(db->fold, db->now_ns);
    int err = fold_error(db->fold);
    if (err == 0) {
        commit_set_refusal(db->commit, NULL);
        return;
    }
    bool is_tried = store_error_passes(err);
    char *why = is_tried ? memory_format("rules could not be copied to the disk database: %s; tried again every %u s", error_text(err),
                                         (unsigned)(fold_pause_ns(db->fold) / NS_PER_S))
                         : memory_format("rules could not be copied to the disk database: %s", error_text(err));
    if (commit_refusal(db->commit)[0] == '\0') {
        log_error("fold_failed error=\"%s\"", error_text(err));
    }
    if (is_tried) {
        commit_set_refusal(db->commit, why);
    } else if (commit_refusal(db->commit)[0] == '\0') {
        commit_stop(db->commit, why);
    }
    free(why);
}

static void configdb_on_await(void *context, const struct bus_identity *to, const Busbar__AwaitAppliedReply *reply)
{
    configdb_send(context, to, MESSAGE_AWAIT_APPLIED_REPLY, &reply->base);
}

/* Undoes what was not confirmed in time; again each second while that is refused (a full disk). */
static void configdb_undo(struct configdb *db)
{
    const Busbar__Pending *pending = commit_pending(db->commit);
    if (pending == NULL || confirm_left_ns(pending, &db->clocks) > 0 || db->now_ns < db->undo_ns) {
        return;
    }
    db->undo_ns = db->now_ns + NS_PER_S;
    char *why = memory_format("configdb: not confirmed within %u s", pending->seconds);
    log_warn("unconfirmed_undone version=%" PRIu64 " client=\"%.100s\"", pending->n, pending->client);
    configdb_transact(db, why, BUSBAR__OP_KIND__OP_CANCEL, CFG_SWITCH, &pending->n, 1);
    free(why);
}

uint64_t configdb_step(struct configdb *db, uint64_t now_ns)
{
    if (now_ns - db->now_ns > CONFIGDB_STANDSTILL_MS * NS_PER_MS) {
        log_warn("stood_still ms=%" PRIu64, (now_ns - db->now_ns) / (uint64_t)NS_PER_MS);
        leases_extend(db->leases, now_ns + LEASE_NS);
    }
    db->clocks.wall_ns = now_ns + db->wall_ahead_ns;
    db->clocks.now_ns = db->now_ns = now_ns;
    commit_set_clocks(db->commit, &db->clocks);
    bus_hold(db->socket); /* the replies of a group go out together */
    bool has_more = configdb_receive(db);
    configdb_lapse(db);
    configdb_undo(db);
    configdb_tidy(db);
    configdb_fold(db); /* first: commits may have waited for it */
    commit_step(db->commit);
    status_expire(db->status, NULL, now_ns);
    has_more = readers_step(db->readers, now_ns) || has_more;
    await_step(db->await, now_ns, configdb_on_await, db);
    bus_flush(db->socket);
    uint64_t idle_ns = now_ns + CONFIGDB_IDLE_MS * NS_PER_MS;
    uint64_t due_ns = readers_due_ns(db->readers);
    due_ns = commit_due_ns(db->commit) < due_ns ? commit_due_ns(db->commit) : due_ns;
    return has_more ? now_ns : due_ns < idle_ns ? due_ns : idle_ns;
}

struct version configdb_version(const struct configdb *db)
{
    return (struct version){.epoch = ring_epoch(db->ring), .n = ring_newest(db->ring)};
}

const char *configdb_state(const void *context)
{
    const struct configdb *db = context;
    const char *refusing = commit_refusal(db->commit);
    return refusing[0] == '\0' ? "ok" : refusing;
}

void configdb_fill_metrics(const void *context, struct page *page)
{
    const struct configdb *db = context;
    struct scrape scrape = {.commit = db->commit,
                            .ring = db->ring,
                            .readers = db->readers,
                            .await = db->await,
                            .leases = db->leases,
                            .fold = db->fold,
                            .rows = db->rows,
                            .status = db->status,
                            .n_bad = db->n_bad};
    scrape_fill(&scrape, page);
}

json_t *configdb_status_json(const struct configdb *db)
{
    json_t *tables = json_object();
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        if (rows_env_of(table, &env)) {
            json_object_set_new(tables, cfg_table_info(table)->name, json_integer((json_int_t)rows_count(db->rows, table)));
        }
    }
    const struct commit_counters *counters = commit_counters(db->commit);
    json_t *transactions = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "done", (json_int_t)counters->done, "refused",
                                     (json_int_t)counters->refused, "repeated", (json_int_t)counters->repeated, "dropped",
                                     (json_int_t)counters->dropped, "commits", (json_int_t)counters->lmdb_commits, "put_off", (json_int_t)counters->put_off,
                                     "parked", (json_int_t)park_count(commit_parked(db->commit)));
    json_t *ring = json_pack("{s:I, s:I, s:I}", "oldest", (json_int_t)ring_oldest(db->ring), "newest",
                             (json_int_t)ring_newest(db->ring), "bytes", (json_int_t)ring_bytes(db->ring));
    json_t *used = json_pack("{s:I, s:I}", "disk", (json_int_t)store_used_bytes(rows_store(db->rows, ROWS_DISK)), "run",
                             (json_int_t)store_used_bytes(rows_store(db->rows, ROWS_RUN)));
    const Busbar__Pending *pending = commit_pending(db->commit);
    json_t *unconfirmed = pending == NULL
                              ? json_null()
                              : json_pack("{s:I, s:I}", "n", (json_int_t)pending->n, "left_s",
                                          (json_int_t)(confirm_left_ns(pending, &db->clocks) / NS_PER_S));
    return json_pack("{s:s, s:{s:I, s:I}, s:s, s:o, s:o, s:o, s:I, s:o, s:I, s:o, s:I, s:o, s:o}", "state",
                     configdb_state(db), "version", "epoch",
                     (json_int_t)ring_epoch(db->ring), "n", (json_int_t)ring_newest(db->ring), "refusing",
                     commit_refusal(db->commit), "rows", tables, "transactions", transactions, "ring", ring, "folded_rows",
                     (json_int_t)fold_rows(db->fold), "readers", readers_json(db->readers, db->now_ns), "waiting",
                     (json_int_t)await_count(db->await), "services", leases_json(db->leases, db->now_ns), "messages_bad",
                     (json_int_t)db->n_bad, "used_bytes", used, "unconfirmed", unconfirmed);
}

struct rows *configdb_rows(struct configdb *db)
{
    return db->rows;
}

const struct confirm_clocks *configdb_clocks(const struct configdb *db)
{
    return &db->clocks;
}

int configdb_list(struct configdb *db, const char *table, list_each *each, void *context, struct error_detail *detail)
{
    return list_table(db->rows, db->status, table, each, context, detail);
}
