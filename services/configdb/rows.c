/* The tables over two stores.
 *
 * Why counts, ids and n live in memory and are written at the commit: they change with every row, and one put each per commit
 * costs a hundredth of one put each per row. `kept` is what the environments say, `now` what the open transaction has made of it;
 * rows_end() takes `kept` back, except ids, which may never be given twice.
 *
 * The dirty list tells the fold which rows of the run environment the disk does not have yet. It is written in the same commit as
 * the rows, so that kill -9 between commit and fold loses nothing of it. Rows that follow each other, as new ones do, are one entry. Services
 * and counters are not folded: the processes are gone after a power loss, and counters are checkpoints of what shards know.
 *
 * A write of the disk environment that is staged: reads go on seeing the tables of before, through a read transaction that stays open as long (`view`),
 * so nobody is shown rows whose version has not been published.
 *
 * Rows of the tables filtered by bridge are found by bridge through ranges of ids in memory (bridge_ids.c), made at the start. A bridge that is not known
 * is 0 there. Column `bridge` is FIXED, so only rows that are new are noted.
 *
 * Cost: a put is one LMDB put, and one more for the dirty entry unless it goes on with the last one. Thread: configdb's main thread.
 * Invariants: I6 (n never goes back, is never given twice for what anybody saw), I8 (nothing remains of a write that ends).
 */
#include "services/configdb/rows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"
#include "services/configdb/bridge_ids.h"

/* Of one dirty entry: the fold ends a pass behind a whole one, and its smallest passes must not be much larger than it says (FOLD_ROWS_MIN). */
enum { ROWS_DIRTY_MAX = 64, ROWS_DIRTY_BYTES = 64 * 1024 };

struct rows_numbers {
    uint64_t counts[CFG_TABLE_MAX];
    uint64_t n;
};

/* A write of the disk environment that is under way. */
struct rows_staged {
    struct stage *stage;
    struct store_txn *view; /* a read of the disk environment from before it */
    struct rows_numbers numbers; /* as they will be */
    uint64_t next_ids[CFG_TABLE_MAX];
    struct settle_group group;
    struct writer replies; /* keys of the replies of the group */
    struct settle_published settled; /* the group before it, put right in the same commit */
};

struct rows {
    struct store *stores[ROWS_ENV_COUNT];
    struct store_txn *txns[ROWS_ENV_COUNT];
    struct rows_staged staged; /* rows_apply() reads it while the main thread leaves it alone */
    struct writer replies; /* of the write that is open: keys of what rows_note_reply() named */
    struct settle_published published;
    bool is_settling;
    struct settle_published published_written; /* the one that the run environment knows, of this life */
    uint64_t serial;                           /* of the group that was staged last */
    struct rows_numbers kept, now;
    uint64_t next_ids[CFG_TABLE_MAX];
    uint64_t written_ids[CFG_TABLE_MAX]; /* what the environment has */
    enum rows_env written;
    bool is_writing;
    uint64_t dirty_n; /* of the newest entry of the dirty list */
    uint32_t dirty_serial;
    struct db_dirty dirty; /* rows of the open write that are not in the list yet; a count of 0: none */
    size_t dirty_bytes;    /* of them */
    struct bridge_ids *of_bridges[CFG_TABLE_MAX]; /* where the rows of a bridge are, of the tables filtered by bridge */
};

static const struct settle_published rows_nothing_published = {.from = UINT64_MAX, .base = UINT64_MAX};

bool rows_env_of(uint32_t table, enum rows_env *out_env)
{
    const struct cfg_table_info *info = table < CFG_TABLE_MAX ? cfg_table_info(table) : NULL;
    if (info == NULL || info->storage == CFG_STORAGE_MEMORY) {
        return false;
    }
    *out_env = info->storage == CFG_STORAGE_DISK ? ROWS_DISK : ROWS_RUN;
    return true;
}

static enum rows_env rows_env(uint32_t table)
{
    enum rows_env env = ROWS_DISK;
    (void)rows_env_of(table, &env);
    return env;
}

static int rows_load_number(struct rows *rows, enum rows_env env, enum db_meta what, uint32_t table, uint64_t *out_number)
{
    struct db_key key = db_key_meta(what, table);
    int err = store_get_u64(rows->txns[env], STORE_META, &key, out_number);
    if (err == -ERROR_NOT_FOUND) {
        *out_number = 0;
        return 0;
    }
    return err;
}

static void rows_note_bridge(struct rows *rows, uint32_t table, uint64_t id, const void *value, size_t size)
{
    if (rows->of_bridges[table] != NULL) {
        bridge_ids_add(rows->of_bridges[table], bridge_set_row_bridge(value, size), id);
    }
}

/* A walk over the tables filtered by bridge: 0.1 s a million rows. */
static int rows_load_bridges(struct rows *rows)
{
    int err = 0;
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        if (((uint32_t)CFG_TABLES_BY_BRIDGE & 1u << table) == 0) {
            continue;
        }
        struct store_bytes value;
        uint64_t id;
        rows->of_bridges[table] = bridge_ids_new();
        struct store_cursor *cursor = rows_walk(rows, table, 0);
        while ((err = rows_walk_next(cursor, table, &id, &value)) == 0) {
            rows_note_bridge(rows, table, id, value.bytes, value.size);
        }
        store_cursor_close(&cursor);
        err = err == -ERROR_NOT_FOUND ? 0 : err;
    }
    return err;
}

static int rows_load(struct rows *rows)
{
    int err = rows_begin_read(rows);
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        if (!rows_env_of(table, &env)) {
            continue;
        }
        err = rows_load_number(rows, env, DB_META_COUNT, table, &rows->kept.counts[table]);
        if (err == 0) {
            err = rows_load_number(rows, env, DB_META_NEXT_ID, table, &rows->written_ids[table]);
        }
        rows->next_ids[table] = rows->written_ids[table] == 0 ? 1 : rows->written_ids[table];
    }
    for (enum rows_env env = ROWS_DISK; err == 0 && env <= ROWS_RUN; env++) {
        uint64_t n = 0;
        err = rows_load_number(rows, env, DB_META_N, 0, &n);
        rows->kept.n = n > rows->kept.n ? n : rows->kept.n;
    }
    rows->now = rows->kept;
    rows->published = rows_nothing_published;
    rows->published_written = rows_nothing_published;
    if (err == 0) {
        struct settle_published former = {.serial = 0};
        err = settle_load_published(rows->txns[ROWS_RUN], &former);
        err = err == -ERROR_NOT_FOUND ? 0 : err;
        rows->serial = former.serial;
    }
    err = err == 0 ? rows_load_bridges(rows) : err;
    rows_end(rows);
    return err;
}

int rows_new(struct store **disk, struct store **run, struct rows **out_rows, struct error_detail *detail)
{
    struct rows *rows = memory_zeroed(sizeof *rows);
    rows->stores[ROWS_DISK] = *disk;
    rows->stores[ROWS_RUN] = *run;
    *disk = NULL;
    *run = NULL;
    int err = rows_load(rows);
    if (err != 0) {
        rows_destroy(&rows);
        return error_set(detail, err, "counts and versions cannot be read: %s", error_text(err));
    }
    *out_rows = rows;
    return 0;
}

void rows_destroy(struct rows **rows)
{
    if (*rows == NULL) {
        return;
    }
    rows_end(*rows);
    if (rows_is_staged(*rows)) {
        (void)rows_publish(*rows, -ECANCELED);
    }
    for (size_t env = 0; env < ROWS_ENV_COUNT; env++) {
        store_close(&(*rows)->stores[env]);
    }
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        bridge_ids_destroy(&(*rows)->of_bridges[table]);
    }
    free(*rows);
    *rows = NULL;
}

static int rows_open_txns(struct rows *rows)
{
    /* The read first: a writer of the other environment must never wait for us to finish this one (the fold takes disk alone). */
    for (size_t env = 0; env < ROWS_ENV_COUNT; env++) {
        if (rows->is_writing && env == (size_t)rows->written) {
            continue;
        }
        if (env == ROWS_DISK && rows->staged.view != NULL) {
            rows->txns[env] = rows->staged.view;
            continue;
        }
        int err = store_read(rows->stores[env], &rows->txns[env]);
        if (err != 0) {
            return err;
        }
    }
    if (!rows->is_writing) {
        return 0;
    }
    struct store_txn **txn = &rows->txns[rows->written];
    return rows->written == ROWS_DISK ? store_stage(rows->stores[ROWS_DISK], txn) : store_write(rows->stores[ROWS_RUN], txn);
}

int rows_begin_read(struct rows *rows)
{
    rows->is_writing = false;
    int err = rows_open_txns(rows);
    if (err != 0) {
        rows_end(rows);
    }
    return err;
}

int rows_begin(struct rows *rows, enum rows_env written)
{
    assert(written != ROWS_DISK || (!rows_is_staged(rows) && !rows->is_settling));
    rows->is_writing = true;
    rows->written = written;
    int err = rows_open_txns(rows);
    if (err != 0) {
        rows_end(rows);
    }
    return err;
}

bool rows_is_open(const struct rows *rows)
{
    return rows->txns[ROWS_DISK] != NULL;
}

void rows_end(struct rows *rows)
{
    if (rows->txns[ROWS_DISK] == rows->staged.view) {
        rows->txns[ROWS_DISK] = NULL;
    }
    for (size_t env = 0; env < ROWS_ENV_COUNT; env++) {
        store_abort(&rows->txns[env]);
    }
    rows->now = rows->kept;
    rows->is_writing = false;
    rows->dirty.count = 0;
    writer_fini(&rows->replies);
    writer_init(&rows->replies);
}

void rows_note_reply(struct rows *rows, const struct db_key *key)
{
    assert(rows->is_writing && key->size == SETTLE_REPLY_BYTES);
    writer_bytes(&rows->replies, key->bytes, key->size);
}

/* Counts and ids of the written environment. */
static int rows_write_counts(struct rows *rows)
{
    struct store_txn *txn = rows->txns[rows->written];
    int err = 0;
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        if (!rows_env_of(table, &env) || env != rows->written) {
            continue;
        }
        if (rows->now.counts[table] != rows->kept.counts[table]) {
            struct db_key key = db_key_meta(DB_META_COUNT, table);
            err = store_put_u64(txn, STORE_META, &key, rows->now.counts[table]);
        }
        if (err == 0 && rows->next_ids[table] != rows->written_ids[table]) {
            struct db_key key = db_key_meta(DB_META_NEXT_ID, table);
            err = store_put_u64(txn, STORE_META, &key, rows->next_ids[table]);
        }
    }
    return err;
}

/* The n of the run environment, and with it, since both say what was shown in which order, what the last group of configuration was published as. */
static int rows_write_n(struct rows *rows)
{
    struct store_txn *txn = rows->txns[ROWS_RUN];
    struct db_key n = db_key_meta(DB_META_N, 0);
    int err = store_put_u64(txn, STORE_META, &n, rows->now.n);
    if (err == 0 && rows->published.serial != rows->published_written.serial) {
        err = settle_store_published(txn, &rows->published);
    }
    return err;
}

/* What the transaction has made of its environment is what there is. */
static void rows_keep(struct rows *rows, enum rows_env written, const struct rows_numbers *numbers, const uint64_t *next_ids)
{
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        if (rows_env_of(table, &env) && env == written) {
            rows->kept.counts[table] = numbers->counts[table];
            rows->written_ids[table] = next_ids[table];
        }
    }
}

void rows_stage(struct rows *rows, uint64_t undone)
{
    struct rows_staged *staged = &rows->staged;
    assert(rows->is_writing && rows->written == ROWS_DISK);
    int err = rows_write_counts(rows);
    assert(err == 0); /* memory takes it */
    (void)err;
    staged->view = rows->txns[ROWS_DISK];
    staged->stage = store_take(staged->view);
    staged->numbers = rows->now;
    staged->group = (struct settle_group){.from = rows->kept.n, .count = rows->now.n - rows->kept.n, .undone = undone, .serial = ++rows->serial};
    staged->replies = rows->replies;
    writer_init(&rows->replies);
    staged->settled = rows->published;
    memcpy(staged->next_ids, rows->next_ids, sizeof staged->next_ids);
    rows_end(rows);
}

bool rows_is_staged(const struct rows *rows)
{
    return rows->staged.view != NULL;
}

/* What the group adds to its commit: its place among the versions, and that of the group before it put right. */
static int rows_finish(void *context, struct store_txn *txn)
{
    const struct rows_staged *staged = context;
    struct db_key key = db_key_meta(DB_META_N, 0);
    uint64_t n = 0;
    int err = settle_run(txn, &staged->settled);
    err = err == 0 ? settle_store(txn, &staged->group) : err;
    if (err == 0) {
        err = settle_store_replies(txn, &staged->group, staged->replies.bytes, staged->replies.size);
    }
    if (err == 0) {
        err = store_get_u64(txn, STORE_META, &key, &n);
        err = err == -ERROR_NOT_FOUND ? 0 : err;
    }
    uint64_t least = staged->group.from + staged->group.count;
    return err == 0 && n < least ? store_put_u64(txn, STORE_META, &key, least) : err; /* the fold may have been further */
}

int rows_apply(struct rows *rows)
{
    return store_apply(rows->stores[ROWS_DISK], rows->staged.stage, rows_finish, &rows->staged);
}

uint64_t rows_publish(struct rows *rows, int err)
{
    struct rows_staged *staged = &rows->staged;
    uint64_t base = rows->kept.n;
    assert(!rows_is_open(rows));
    if (err == 0) {
        rows_keep(rows, ROWS_DISK, &staged->numbers, staged->next_ids);
        rows->kept.n += staged->group.count;
        rows->published = (struct settle_published){.from = staged->group.from, .base = base, .serial = staged->group.serial};
        rows->now = rows->kept;
    }
    uint64_t shift = base - staged->group.from;
    stage_destroy(&staged->stage);
    writer_fini(&staged->replies);
    store_abort(&staged->view);
    return shift;
}

void rows_set_settling(struct rows *rows, bool is_settling)
{
    rows->is_settling = is_settling;
}

bool rows_is_settling(const struct rows *rows)
{
    return rows->is_settling;
}

const struct settle_published *rows_published(const struct rows *rows)
{
    return &rows->published;
}

/* The rows that are not in the dirty list yet, as its next entry. */
static int rows_write_dirty(struct rows *rows)
{
    if (rows->dirty.count == 0) {
        return 0;
    }
    if (rows->now.n != rows->dirty_n) { /* several commits may be of one n: what a bridge takes along */
        rows->dirty_n = rows->now.n;
        rows->dirty_serial = 0;
    }
    struct db_key key = db_key_dirty(rows->now.n, rows->dirty_serial++);
    struct db_key value = db_dirty_pack(&rows->dirty);
    rows->dirty.count = 0;
    return store_put(rows->txns[ROWS_RUN], STORE_DIRTY, &key, value.bytes, value.size);
}

int rows_commit(struct rows *rows)
{
    if (rows->written == ROWS_DISK) {
        rows_stage(rows, 0);
        int rc = rows_apply(rows);
        (void)rows_publish(rows, rc);
        return rc;
    }
    int err = rows_write_counts(rows);
    if (err == 0) {
        err = rows_write_n(rows);
    }
    if (err == 0) {
        err = rows_write_dirty(rows);
    }
    if (err == 0) {
        err = store_commit(&rows->txns[ROWS_RUN]);
    }
    if (err == 0) {
        rows_keep(rows, ROWS_RUN, &rows->now, rows->next_ids);
        rows->kept.n = rows->now.n;
        rows->published_written = rows->published;
    }
    rows_end(rows);
    return err;
}

int rows_get(struct rows *rows, uint32_t table, uint64_t id, struct store_bytes *out_value)
{
    struct db_key key = db_key_row(table, id);
    return store_get(rows->txns[rows_env(table)], STORE_ROWS, &key, out_value);
}

int rows_index_get(struct rows *rows, uint32_t table, const struct db_key *key, uint64_t *out_id)
{
    return store_get_u64(rows->txns[rows_env(table)], STORE_INDEX, key, out_id);
}

uint64_t rows_count(const struct rows *rows, uint32_t table)
{
    return table < CFG_TABLE_MAX ? rows->now.counts[table] : 0;
}

struct store_cursor *rows_walk(struct rows *rows, uint32_t table, uint64_t from_id)
{
    struct db_key key = db_key_row(table, from_id);
    return store_cursor_open(rows->txns[rows_env(table)], STORE_ROWS, &key);
}

int rows_walk_next(struct store_cursor *cursor, uint32_t table, uint64_t *out_id, struct store_bytes *out_value)
{
    struct store_bytes key, value;
    int err = store_next(cursor, &key, &value);
    if (err != 0) {
        return err;
    }
    struct reader r = reader_of(key.bytes, key.size);
    uint8_t row_table = reader_u8(&r);
    uint64_t id = reader_u64(&r);
    if (reader_finish(&r) != 0) {
        return -ERROR_DAMAGED;
    }
    if (row_table != table) {
        return -ERROR_NOT_FOUND;
    }
    *out_id = id;
    *out_value = value;
    return 0;
}

bool rows_next_of(const struct rows *rows, uint32_t table, const struct bridge_set *bridges, uint64_t from_id, uint64_t *out_first, uint64_t *out_last)
{
    if (rows->of_bridges[table] == NULL || bridges->is_all || bridges->n > ROWS_BRIDGES_MAX) {
        *out_first = from_id;
        *out_last = UINT64_MAX;
        return true;
    }
    return bridge_ids_next(rows->of_bridges[table], bridges, from_id, out_first, out_last);
}

void rows_forget_bridge(struct rows *rows, uint64_t bridge)
{
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        if (rows->of_bridges[table] != NULL) {
            bridge_ids_forget(rows->of_bridges[table], bridge);
        }
    }
}

static bool rows_has_bridge(void *context, uint64_t bridge)
{
    struct store_bytes value;
    return rows_get(context, CFG_BRIDGE, bridge, &value) == 0;
}

bool rows_has_all_bridges(struct rows *rows, uint32_t table)
{
    return rows->of_bridges[table] != NULL && bridge_ids_all(rows->of_bridges[table], rows_has_bridge, rows);
}

/* Whether the fold copies this table. */
static bool rows_is_folded(uint32_t table)
{
    return table == CFG_RULE || table == CFG_GROUP || table == CFG_METER || table == CFG_OWNER;
}

static int rows_note_dirty(struct rows *rows, uint32_t table, uint64_t id, size_t size)
{
    struct db_dirty *dirty = &rows->dirty;
    if (!rows_is_folded(table)) {
        return 0;
    }
    bool is_next = dirty->count > 0 && dirty->table == table && dirty->first + dirty->count == id && dirty->count < ROWS_DIRTY_MAX &&
                   rows->dirty_bytes + size <= ROWS_DIRTY_BYTES;
    int err = is_next ? 0 : rows_write_dirty(rows);
    *dirty = is_next ? *dirty : (struct db_dirty){.table = table, .first = id};
    rows->dirty_bytes = is_next ? rows->dirty_bytes + size : size;
    dirty->count++;
    return err;
}

int rows_put(struct rows *rows, uint32_t table, uint64_t id, const void *value, size_t size)
{
    struct db_key key = db_key_row(table, id);
    bool is_new = false;
    int err = store_put_counted(rows->txns[rows_env(table)], STORE_ROWS, &key, value, size, &is_new);
    if (err == 0) {
        rows->now.counts[table] += is_new ? 1 : 0;
        rows_note_bridge(rows, table, id, value, size); /* stays if the write is given up: too much does no harm */
        err = rows_note_dirty(rows, table, id, size);
    }
    return err;
}

int rows_replace(struct rows *rows, uint32_t table, uint64_t id, const void *value, size_t size)
{
    struct db_key key = db_key_row(table, id);
    int err = store_put(rows->txns[rows_env(table)], STORE_ROWS, &key, value, size);
    return err != 0 ? err : rows_note_dirty(rows, table, id, size);
}

int rows_delete(struct rows *rows, uint32_t table, uint64_t id)
{
    struct db_key key = db_key_row(table, id);
    int err = store_delete(rows->txns[rows_env(table)], STORE_ROWS, &key);
    if (err == 0) {
        rows->now.counts[table]--;
        err = rows_note_dirty(rows, table, id, 0);
    }
    return err;
}

int rows_index_put(struct rows *rows, uint32_t table, const struct db_key *key, uint64_t id)
{
    return store_put_u64(rows->txns[rows_env(table)], STORE_INDEX, key, id);
}

int rows_index_delete(struct rows *rows, uint32_t table, const struct db_key *key)
{
    return store_delete(rows->txns[rows_env(table)], STORE_INDEX, key);
}

uint64_t rows_new_id(struct rows *rows, uint32_t table)
{
    /* Port ids travel in 32 bits (keys and actions); the others share 56 bits with a kind (lib/msg/counter_id.h). */
    uint64_t limit = table == CFG_PORT ? UINT32_MAX - 256u : (1ull << 56) - 1;
    return rows->next_ids[table] < limit ? rows->next_ids[table]++ : 0;
}

uint64_t rows_n(const struct rows *rows)
{
    return rows->now.n;
}

uint64_t rows_shown_n(const struct rows *rows)
{
    return rows->kept.n;
}

uint64_t rows_next_n(struct rows *rows)
{
    return ++rows->now.n;
}

struct store_txn *rows_txn(struct rows *rows, enum rows_env env)
{
    return rows->txns[env];
}

struct store *rows_store(struct rows *rows, enum rows_env env)
{
    return rows->stores[env];
}
