/* The fold.
 *
 *   run:   rows ──┐            dirty: (41,0) rule 7, (41,1) rule 8, (42,0) rule 7 ...
 *                 │ as they are now, once each
 *   disk:  rows ◄─┘            one commit, fsync; then the dirty entries up to there are deleted from run
 *
 * Why in a thread: the synced commit takes 6 ms and more, and rule transactions (run environment) must not wait for it. LMDB lets one thread
 * write each environment; the disk's thread (disk.c) writes disk while the main thread writes run. The fold also puts right the versions of the newest
 * group of configuration, if rules took those it thought to have (settle.h), so that a power loss finds them right a second later.
 *
 * The dirty list is in LMDB, written with the rows, so kill -9 at any point repeats work and loses none. Deleting the entries
 * happens in a write transaction of run, by whoever did the copy, in slices of a few thousand: the main thread's rule commits wait at
 * most a millisecond for that.
 *
 * Cost: about 1 us a row, off the main thread. Threads: while a fold is under way its result is the disk's thread's, then the main thread's.
 * Invariant I8: a power loss costs at most the last second of rules.
 */
#include "services/configdb/fold.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

#include "lib/base/bytes.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/configdb/validate.h"

enum { FOLD_DELETE_SLICE = 4000 };

/* Of one pass. */
struct fold_result {
    size_t n;
    bool has_more;
};
struct fold {
    struct rows *rows;
    struct store *disk, *run;
    struct disk *thread;
    struct settle_published published; /* set before a pass, read in it */
    bool settles;                      /* likewise: the disk has not the versions of `published` yet */
    struct fold_result result;         /* set in a pass, read after it */
    int error;                         /* of the last fold */
    size_t rows_max;                   /* of a pass: less while one is too large */
    uint64_t n_failed, n_in_a_row;     /* passes that failed; since the last that did not */
    bool has_more;
    uint64_t n_rows;
    uint64_t due_ns;
};

/* What was copied in this pass: a rule changed a hundred times is copied once, and rules that are written again and again in the same order, too.
 * Ranges that only overlap are copied each. */
struct fold_seen {
    uint8_t dirty[13]; /* its value in the dirty list: table, id, and count of a range */
    UT_hash_handle hh;
};
struct fold_pass {
    struct store_txn *from; /* a read of run */
    struct store_txn *to;   /* the write of disk */
    struct fold_seen *seen;
    int64_t counts[CFG_TABLE_MAX]; /* growth of the disk's copies */
    struct db_key last;            /* dirty entries up to this are done */
    uint64_t last_n;
    size_t n, bytes, rows_max;
};

static int fold_put(struct fold_pass *pass, const struct db_key *key, uint32_t table, const struct store_bytes *value)
{
    bool is_new = false;
    int err = store_put_counted(pass->to, STORE_ROWS, key, value->bytes, value->size, &is_new);
    pass->counts[table] += is_new ? 1 : 0;
    pass->bytes += value->size;
    return err;
}

static int fold_gone(struct fold_pass *pass, const struct db_key *key, uint32_t table)
{
    int err = store_delete(pass->to, STORE_ROWS, key);
    pass->counts[table] -= err == 0 ? 1 : 0;
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

/* Copies the row as it is now; gone rows go. */
static int fold_row(struct fold_pass *pass, const struct db_key *key, uint32_t table)
{
    struct store_bytes value;
    int err = store_get(pass->from, STORE_ROWS, key, &value);
    return err == 0 ? fold_put(pass, key, table, &value) : err == -ERROR_NOT_FOUND ? fold_gone(pass, key, table) : err;
}

/* Rows that follow each other: one walk over those that are there, and what is not there between them is gone. */
static int fold_range(struct fold_pass *pass, const struct db_dirty *dirty)
{
    struct db_key key = db_key_row(dirty->table, dirty->first);
    struct store_cursor *cursor = store_cursor_open(pass->from, STORE_ROWS, &key);
    struct store_bytes row_key, value;
    uint64_t id = dirty->first, end = dirty->first + dirty->count;
    int err = 0;
    while (err == 0 && id < end) {
        err = store_next(cursor, &row_key, &value);
        struct reader r = reader_of(row_key.bytes, err == 0 ? row_key.size : 0);
        bool is_table = reader_u8(&r) == dirty->table;
        uint64_t found = reader_u64(&r);
        bool is_there = err == 0 && is_table && found < end;
        err = err == -ERROR_NOT_FOUND ? 0 : err == 0 && is_table && reader_finish(&r) != 0 ? -ERROR_DAMAGED : err;
        for (; err == 0 && id < (is_there ? found : end); id++) {
            key = db_key_row(dirty->table, id);
            err = fold_gone(pass, &key, dirty->table);
        }
        if (err == 0 && is_there) {
            key = db_key_row(dirty->table, id++);
            err = fold_put(pass, &key, dirty->table, &value);
        }
    }
    store_cursor_close(&cursor);
    pass->n += dirty->count;
    return err;
}

/* And sees it. */
static bool fold_was_seen(struct fold_pass *pass, const struct store_bytes *dirty)
{
    struct fold_seen *seen = NULL;
    HASH_FIND(hh, pass->seen, dirty->bytes, dirty->size, seen);
    if (seen != NULL) {
        return true;
    }
    seen = memory_zeroed(sizeof *seen);
    memcpy(seen->dirty, dirty->bytes, dirty->size);
    HASH_ADD_KEYPTR(hh, pass->seen, seen->dirty, dirty->size, seen);
    return false;
}

static int fold_entry(struct fold_pass *pass, const struct store_bytes *dirty_key, const struct store_bytes *row_key)
{
    struct reader r = reader_of(row_key->bytes, row_key->size);
    struct reader d = reader_of(dirty_key->bytes, dirty_key->size);
    uint32_t table = reader_u8(&r);
    uint64_t id = reader_u64(&r);
    bool is_range = reader_left(&r) > 0;
    struct db_dirty dirty = {.table = table, .count = is_range ? reader_u32(&r) : 1, .first = id};
    if (reader_finish(&r) != 0 || table >= CFG_TABLE_MAX) {
        return -ERROR_DAMAGED;
    }
    pass->last.size = 0;
    db_key_add(&pass->last, dirty_key->bytes, dirty_key->size);
    pass->last_n = reader_u64(&d);
    if (fold_was_seen(pass, row_key)) {
        return 0;
    }
    if (is_range) {
        return fold_range(pass, &dirty);
    }
    struct db_key key = db_key_row(table, id);
    pass->n++;
    return fold_row(pass, &key, table);
}

static int fold_add_u64(struct store_txn *txn, enum db_meta what, uint32_t table, int64_t growth, uint64_t at_least)
{
    struct db_key key = db_key_meta(what, table);
    uint64_t old = 0;
    int err = store_get_u64(txn, STORE_META, &key, &old);
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        return err;
    }
    uint64_t value = (uint64_t)((int64_t)old + growth);
    value = value < at_least ? at_least : value;
    return value != old || err != 0 ? store_put_u64(txn, STORE_META, &key, value) : 0;
}

/* Counts, ids and n of what was copied. */
static int fold_numbers(struct fold_pass *pass)
{
    int err = fold_add_u64(pass->to, DB_META_N, 0, 0, pass->last_n);
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        struct db_key key = db_key_meta(DB_META_NEXT_ID, table);
        uint64_t next_id = 0;
        if (!rows_env_of(table, &env) || env != ROWS_RUN) {
            continue;
        }
        err = store_get_u64(pass->from, STORE_META, &key, &next_id);
        if (err == 0 || err == -ERROR_NOT_FOUND) {
            err = fold_add_u64(pass->to, DB_META_NEXT_ID, table, 0, next_id);
        }
        if (err == 0 && pass->counts[table] != 0) {
            err = fold_add_u64(pass->to, DB_META_COUNT, table, pass->counts[table], 0);
        }
    }
    return err;
}

static int fold_copy(struct fold_pass *pass, bool *out_has_more)
{
    struct db_key from = {.size = 0};
    struct store_cursor *cursor = store_cursor_open(pass->from, STORE_DIRTY, &from);
    struct store_bytes key, value;
    int err = 0;
    while (pass->n < pass->rows_max && pass->bytes < FOLD_BYTES_MAX && (err = store_next(cursor, &key, &value)) == 0) {
        err = fold_entry(pass, &key, &value);
        if (err != 0) {
            break;
        }
    }
    *out_has_more = err == 0;
    store_cursor_close(&cursor);
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

/* Deletes dirty entries up to `last`; 1 when more are left. */
static int fold_clean_slice(struct store *run, const struct db_key *last)
{
    struct store_txn *txn = NULL;
    int err = store_write(run, &txn);
    if (err != 0) {
        return err;
    }
    struct db_key from = {.size = 0};
    struct store_cursor *cursor = store_cursor_open(txn, STORE_DIRTY, &from);
    struct store_bytes key, value;
    int n = 0;
    while (n < FOLD_DELETE_SLICE && (err = store_next(cursor, &key, &value)) == 0) {
        if (key.size != last->size || memcmp(key.bytes, last->bytes, last->size) > 0) {
            err = -ERROR_NOT_FOUND;
            break;
        }
        err = store_cursor_delete(cursor);
        if (err != 0) {
            break;
        }
        n++;
    }
    store_cursor_close(&cursor);
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        store_abort(&txn);
        return err;
    }
    bool is_done = err == -ERROR_NOT_FOUND;
    err = store_commit(&txn);
    return err != 0 ? err : is_done ? 0 : 1;
}

static void fold_pass_fini(struct fold_pass *pass)
{
    struct fold_seen *seen, *next;
    HASH_ITER(hh, pass->seen, seen, next)
    {
        HASH_DEL(pass->seen, seen);
        free(seen);
    }
    store_abort(&pass->from);
    store_abort(&pass->to);
}

static bool fold_is_clean(struct store_txn *run)
{
    struct db_key from = {.size = 0};
    struct store_cursor *cursor = store_cursor_open(run, STORE_DIRTY, &from);
    struct store_bytes key, value;
    bool is_clean = store_next(cursor, &key, &value) == -ERROR_NOT_FOUND;
    store_cursor_close(&cursor);
    return is_clean;
}

/* Whether the disk holds a group under versions that it did not get. */
static bool fold_is_unsettled(struct store *disk, const struct settle_published *published)
{
    struct store_txn *txn = NULL;
    struct settle_group group;
    if (published->base == published->from || store_read(disk, &txn) != 0) {
        return false;
    }
    bool is_unsettled = settle_load(txn, &group) == 0 && settle_is_same(&group, published);
    store_abort(&txn);
    return is_unsettled;
}

static int fold_once(struct fold *fold)
{
    struct fold_pass pass = {.rows_max = fold->rows_max};
    bool has_more = false;
    fold->result = (struct fold_result){.n = 0};
    int err = store_read_done(fold->run, &pass.from);
    if (err == 0 && fold_is_clean(pass.from) && !fold->settles) {
        fold_pass_fini(&pass);
        return 0;
    }
    if (err == 0) {
        err = store_write(fold->disk, &pass.to);
    }
    if (err == 0 && fold->settles) {
        err = settle_run(pass.to, &fold->published);
    }
    if (err == 0) {
        err = fold_copy(&pass, &has_more);
    }
    if (err == 0 && pass.last.size > 0) {
        err = fold_numbers(&pass);
    }
    if (err == 0 && (pass.last.size > 0 || fold->settles)) {
        err = store_commit(&pass.to);
    }
    fold_pass_fini(&pass);
    while (err == 0 && pass.last.size > 0 && (err = fold_clean_slice(fold->run, &pass.last)) == 1) {
        err = 0;
    }
    if (err == 0) {
        fold->result = (struct fold_result){.n = pass.n, .has_more = has_more};
    }
    return err;
}

static int fold_work(void *context)
{
    return fold_once(context);
}

struct fold *fold_new(struct rows *rows, struct disk *disk)
{
    struct fold *fold = memory_zeroed(sizeof *fold);
    fold->rows = rows;
    fold->disk = rows_store(rows, ROWS_DISK);
    fold->run = rows_store(rows, ROWS_RUN);
    fold->thread = disk;
    fold->rows_max = FOLD_ROWS_MAX;
    return fold;
}

void fold_destroy(struct fold **fold)
{
    if (*fold == NULL) {
        return;
    }
    int err = disk_wait((*fold)->thread, DISK_FOLD);
    if (err != 0) {
        log_warn("fold_failed error=\"%s\"", error_text(err));
    }
    free(*fold);
    *fold = NULL;
}

static bool fold_may_go_on(const struct fold *fold)
{
    return fold->error == 0 || store_error_passes(fold->error);
}

static void fold_ask(struct fold *fold)
{
    fold->published = *rows_published(fold->rows);
    fold->settles = !rows_is_staged(fold->rows) && fold_is_unsettled(fold->disk, &fold->published); /* else the group does it */
    rows_set_settling(fold->rows, fold->settles);
    disk_ask(fold->thread, DISK_FOLD, fold_work, fold);
}

static void fold_take_in(struct fold *fold, int err)
{
    rows_set_settling(fold->rows, false);
    fold->error = err;
    fold->n_rows += fold->result.n;
    fold->has_more = err == 0 && fold->result.has_more;
    fold->n_failed += err != 0 ? 1 : 0;
    fold->n_in_a_row = err != 0 ? fold->n_in_a_row + 1 : 0;
    if (err == -ERROR_TOO_LARGE || err == -ENOMEM) {
        fold->rows_max = fold->rows_max > 2 * FOLD_ROWS_MIN ? fold->rows_max / 2 : FOLD_ROWS_MIN;
    } else if (err == 0 && !fold->has_more) {
        fold->rows_max = FOLD_ROWS_MAX;
    }
}

/* A full disk is looked at each second, as room may be made at any moment; what is short of memory is left alone for longer each time. */
uint64_t fold_pause_ns(const struct fold *fold)
{
    uint64_t pause_ns = FOLD_EVERY_NS;
    for (uint64_t i = 1; i < fold->n_in_a_row && fold->error != -ENOSPC && pause_ns < FOLD_PAUSE_MAX_NS; i++) {
        pause_ns *= 2;
    }
    return pause_ns < FOLD_PAUSE_MAX_NS ? pause_ns : FOLD_PAUSE_MAX_NS;
}

static void fold_settle_due(struct fold *fold, int err, uint64_t now_ns)
{
    fold_take_in(fold, err);
    fold->due_ns = fold->has_more ? now_ns : err != 0 ? now_ns + fold_pause_ns(fold) : fold->due_ns;
}

void fold_step(struct fold *fold, uint64_t now_ns)
{
    int err;
    if (disk_take(fold->thread, DISK_FOLD, &err)) {
        fold_settle_due(fold, err, now_ns);
    }
    if (!disk_is_busy(fold->thread, DISK_FOLD) && now_ns >= fold->due_ns && fold_may_go_on(fold)) {
        fold->due_ns = now_ns + FOLD_EVERY_NS;
        fold_ask(fold);
        if (disk_take(fold->thread, DISK_FOLD, &err)) {
            fold_settle_due(fold, err, now_ns);
        }
    }
}

int fold_flush(struct fold *fold)
{
    int err = 0;
    if (disk_is_busy(fold->thread, DISK_FOLD)) {
        err = disk_wait(fold->thread, DISK_FOLD);
        fold_take_in(fold, err);
    }
    do {
        fold_ask(fold);
        err = disk_wait(fold->thread, DISK_FOLD);
        fold_take_in(fold, err);
    } while (fold->has_more);
    return err;
}

int fold_error(const struct fold *fold)
{
    return fold->error;
}

uint64_t fold_failures(const struct fold *fold)
{
    return fold->n_failed;
}

uint64_t fold_rows(const struct fold *fold)
{
    return fold->n_rows;
}

/* Numbers of one table of the rebuilt environment. */
static int fold_rebuild_numbers(struct store_txn *disk, struct store_txn *run, uint32_t table, uint64_t count, uint64_t id_jump)
{
    struct db_key next_key = db_key_meta(DB_META_NEXT_ID, table);
    struct db_key count_key = db_key_meta(DB_META_COUNT, table);
    uint64_t next_id = 1;
    int err = store_get_u64(disk, STORE_META, &next_key, &next_id);
    if (err == 0 || err == -ERROR_NOT_FOUND) {
        err = store_put_u64(run, STORE_META, &next_key, next_id + id_jump);
    }
    return err != 0 ? err : store_put_u64(run, STORE_META, &count_key, count);
}

/* Index entries of one row. */
static int fold_rebuild_index(struct store_txn *run, uint32_t table, const struct db_key *row_key,
                              const struct store_bytes *value)
{
    int err = 0;
    struct reader r = reader_of(row_key->bytes + 1, row_key->size - 1);
    uint64_t id = reader_u64(&r);
    if (validate_unique_count(table) == 0) {
        return 0;
    }
    ProtobufCMessage *row = protobuf_c_message_unpack(cfg_table_info(table)->descriptor, NULL, value->size, value->bytes);
    if (row == NULL) {
        return -ERROR_DAMAGED;
    }
    for (size_t i = 0; err == 0 && i < validate_unique_count(table); i++) {
        struct db_key key = validate_unique_key(table, i, row);
        err = store_put_u64(run, STORE_INDEX, &key, id);
    }
    protobuf_c_message_free_unpacked(row, NULL);
    return err;
}

static int fold_rebuild_table(struct store_txn *disk, struct store_txn *run, uint32_t table, uint64_t id_jump)
{
    struct db_key from = db_key_row(table, 0);
    struct store_cursor *cursor = store_cursor_open(disk, STORE_ROWS, &from);
    struct store_bytes key, value;
    uint64_t count = 0;
    int err;
    while ((err = store_next(cursor, &key, &value)) == 0 && key.bytes[0] == table) {
        struct db_key copy = {.size = 0};
        db_key_add(&copy, key.bytes, key.size);
        err = store_put(run, STORE_ROWS, &copy, value.bytes, value.size);
        if (err == 0) {
            err = fold_rebuild_index(run, table, &copy, &value);
        }
        if (err != 0) {
            break;
        }
        count++;
    }
    store_cursor_close(&cursor);
    return err != 0 && err != -ERROR_NOT_FOUND ? err : fold_rebuild_numbers(disk, run, table, count, id_jump);
}

int fold_rebuild(struct store *disk, struct store *run, uint64_t n, uint64_t id_jump)
{
    struct store_txn *from = NULL;
    struct store_txn *to = NULL;
    struct db_key layout = db_key_meta(DB_META_LAYOUT, 0);
    struct db_key built = db_key_meta(DB_META_BUILT, 0);
    struct db_key version = db_key_meta(DB_META_N, 0);
    int err = store_read(disk, &from);
    if (err == 0) {
        err = store_write(run, &to);
    }
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        if (rows_env_of(table, &env) && env == ROWS_RUN) {
            err = fold_rebuild_table(from, to, table, id_jump);
        }
    }
    if (err == 0 && (err = store_put_u64(to, STORE_META, &layout, DB_LAYOUT)) == 0 &&
        (err = store_put_u64(to, STORE_META, &version, n)) == 0 && (err = store_put_u64(to, STORE_META, &built, 1)) == 0) {
        err = store_commit(&to);
    }
    store_abort(&to);
    store_abort(&from);
    return err;
}
