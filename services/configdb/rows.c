/* The tables over two stores.
 *
 * Why counts, ids and n live in memory and are written at the commit: they change with every row, and one put each per commit
 * costs a hundredth of one put each per row. `kept` is what the environments say, `now` what the open transaction has made of it;
 * rows_end() takes `kept` back, except ids, which may never be given twice.
 *
 * The dirty list tells the fold which rows of the run environment the disk does not have yet. It is written in the same commit as
 * the rows, so that kill -9 between commit and fold loses nothing of it. Services and counters are not folded: the
 * processes are gone after a power loss, and counters are checkpoints of what shards know.
 *
 * Cost: a put is one LMDB put, one more for the dirty entry (in key order: appended). Thread: configdb's main thread.
 * Invariants: I6 (n never goes back, is never given twice for what anybody saw), I8 (nothing remains of a write that ends).
 */
#include "services/configdb/rows.h"

#include <stdlib.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"

struct rows_numbers {
    uint64_t counts[CFG_TABLE_MAX];
    uint64_t n;
};

struct rows {
    struct store *stores[ROWS_ENV_COUNT];
    struct store_txn *txns[ROWS_ENV_COUNT];
    struct rows_numbers kept, now;
    uint64_t next_ids[CFG_TABLE_MAX];
    uint64_t written_ids[CFG_TABLE_MAX]; /* what the environment has */
    enum rows_env written;
    bool is_writing;
    uint32_t dirty_serial;
};

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
    for (size_t env = 0; env < ROWS_ENV_COUNT; env++) {
        store_close(&(*rows)->stores[env]);
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
        int err = store_read(rows->stores[env], &rows->txns[env]);
        if (err != 0) {
            return err;
        }
    }
    return rows->is_writing ? store_write(rows->stores[rows->written], &rows->txns[rows->written]) : 0;
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
    rows->is_writing = true;
    rows->written = written;
    rows->dirty_serial = 0;
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
    for (size_t env = 0; env < ROWS_ENV_COUNT; env++) {
        store_abort(&rows->txns[env]);
    }
    rows->now = rows->kept;
    rows->is_writing = false;
}

static int rows_write_numbers(struct rows *rows)
{
    struct store_txn *txn = rows->txns[rows->written];
    int err = 0;
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        if (rows->now.counts[table] != rows->kept.counts[table]) {
            struct db_key key = db_key_meta(DB_META_COUNT, table);
            err = store_put_u64(txn, STORE_META, &key, rows->now.counts[table]);
        }
        enum rows_env env;
        if (err == 0 && rows_env_of(table, &env) && env == rows->written && rows->next_ids[table] != rows->written_ids[table]) {
            struct db_key key = db_key_meta(DB_META_NEXT_ID, table);
            err = store_put_u64(txn, STORE_META, &key, rows->next_ids[table]);
        }
    }
    if (err == 0 && rows->now.n != rows->kept.n) {
        struct db_key key = db_key_meta(DB_META_N, 0);
        err = store_put_u64(txn, STORE_META, &key, rows->now.n);
    }
    return err;
}

int rows_commit(struct rows *rows)
{
    int err = rows_write_numbers(rows);
    if (err == 0) {
        err = store_commit(&rows->txns[rows->written]);
    }
    if (err == 0) {
        rows->kept = rows->now;
        for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
            enum rows_env env;
            if (rows_env_of(table, &env) && env == rows->written) {
                rows->written_ids[table] = rows->next_ids[table];
            }
        }
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

/* Whether the fold copies this table. */
static bool rows_is_folded(uint32_t table)
{
    return table == CFG_RULE || table == CFG_GROUP || table == CFG_METER || table == CFG_OWNER;
}

static int rows_note_dirty(struct rows *rows, uint32_t table, uint64_t id)
{
    if (!rows_is_folded(table)) {
        return 0;
    }
    struct db_key key = db_key_dirty(rows->now.n, rows->dirty_serial++);
    struct db_key row = db_key_row(table, id);
    return store_put(rows->txns[ROWS_RUN], STORE_DIRTY, &key, row.bytes, row.size);
}

int rows_put(struct rows *rows, uint32_t table, uint64_t id, const void *value, size_t size)
{
    struct db_key key = db_key_row(table, id);
    struct store_txn *txn = rows->txns[rows_env(table)];
    struct store_bytes old;
    int err = store_get(txn, STORE_ROWS, &key, &old);
    bool is_new = err == -ERROR_NOT_FOUND;
    if (err != 0 && !is_new) {
        return err;
    }
    err = store_put(txn, STORE_ROWS, &key, value, size);
    if (err == 0) {
        rows->now.counts[table] += is_new ? 1 : 0;
        err = rows_note_dirty(rows, table, id);
    }
    return err;
}

int rows_delete(struct rows *rows, uint32_t table, uint64_t id)
{
    struct db_key key = db_key_row(table, id);
    int err = store_delete(rows->txns[rows_env(table)], STORE_ROWS, &key);
    if (err == 0) {
        rows->now.counts[table]--;
        err = rows_note_dirty(rows, table, id);
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
