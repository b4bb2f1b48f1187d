/* The history of configuration.
 *
 *   n, serial 0: commit     n, 1: first changed row     n, 2: second     ...     next n, 0: commit
 *
 * Why whole rows before and after, not operations: going back is then taking values over, whatever the operations meant; and the values
 * of one row are small. A value of its own for each row, so that none grows with the commit.
 *
 * Trimming removes the commit first and its changes behind it, in bounded slices: changes whose commit is gone are no part of the
 * history and are the first to go with the next commit. The newest commit always stays.
 *
 * Cost: one put a changed row and one or two deletes, about 10 us for a usual commit, beside an fsync of 6 ms. Thread: configdb's main
 * thread. A damaged value is passed over by trimming and refuses, by its version, whatever needs it.
 */
#include "services/configdb/history.h"

#include <stdlib.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

struct history_limits {
    uint64_t n_commits, age_ns;
};

static int history_put(struct rows *rows, uint64_t n, uint32_t serial, const ProtobufCMessage *message)
{
    struct db_key key = db_key_history(n, serial);
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = memory_zeroed(size + 1);
    protobuf_c_message_pack(message, packed);
    int err = store_put(rows_txn(rows, ROWS_DISK), STORE_HISTORY, &key, packed, size);
    free(packed);
    return err;
}

static int history_number(struct rows *rows, enum db_meta what, uint64_t *out_number)
{
    struct db_key key = db_key_meta(what, 0);
    int err = store_get_u64(rows_txn(rows, ROWS_DISK), STORE_META, &key, out_number);
    if (err == -ERROR_NOT_FOUND) {
        *out_number = 0;
        return 0;
    }
    return err;
}

static int history_put_number(struct rows *rows, enum db_meta what, uint64_t number)
{
    struct db_key key = db_key_meta(what, 0);
    return store_put_u64(rows_txn(rows, ROWS_DISK), STORE_META, &key, number);
}

uint64_t history_count(struct rows *rows)
{
    uint64_t count = 0;
    return history_number(rows, DB_META_HISTORY, &count) == 0 ? count : 0;
}

int history_oldest(struct rows *rows, uint64_t *out_n)
{
    return history_number(rows, DB_META_OLDEST, out_n);
}

/* One change of the overlay; the row is in the tables as it was before. *serial counts what was written. */
static int history_record_change(struct rows *rows, uint64_t n, const struct overlay_change *change, uint32_t *serial)
{
    Busbar__HistoryChange message = BUSBAR__HISTORY_CHANGE__INIT;
    struct store_bytes before = {.bytes = NULL};
    int err = rows_get(rows, change->table, change->id, &before);
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        return err;
    }
    message.table = change->table;
    message.id = change->id;
    message.has_before = err == 0;
    message.has_after = !change->is_deleted;
    if (message.has_before && message.has_after && before.size == change->size &&
        (before.size == 0 || memcmp(before.bytes, change->value, before.size) == 0)) {
        return 0;
    }
    message.before.data = (uint8_t *)(uintptr_t)before.bytes;
    message.before.len = before.size;
    message.after.data = (uint8_t *)(uintptr_t)change->value;
    message.after.len = change->size;
    return history_put(rows, n, ++*serial, &message.base);
}

/* Versions and the numbers under which the disk holds them are the same, but for the newest group (settle.h). */
static uint64_t history_version(struct rows *rows, uint64_t kept)
{
    return settle_version(rows_txn(rows, ROWS_DISK), rows_published(rows), kept);
}

static uint64_t history_kept(struct rows *rows, uint64_t version)
{
    return settle_kept(rows_txn(rows, ROWS_DISK), rows_published(rows), version);
}

static struct history_limits history_limits(struct rows *rows)
{
    struct history_limits limits = {.n_commits = HISTORY_COMMITS, .age_ns = HISTORY_AGE_S * NS_PER_S};
    struct store_bytes value;
    if (rows_get(rows, CFG_SWITCH, 1, &value) != 0) {
        return limits;
    }
    Busbar__SwitchRow *row = busbar__switch_row__unpack(NULL, value.size, value.bytes);
    if (row != NULL && row->has_history_max) {
        limits.n_commits = row->history_max;
    }
    if (row != NULL && row->has_history_max_age_s) {
        limits.age_ns = row->history_max_age_s * NS_PER_S;
    }
    busbar__switch_row__free_unpacked(row, NULL);
    return limits;
}

/* Whether this commit is older than may be; one that cannot be read has no age. */
static bool history_is_old(const struct store_bytes *value, uint64_t wall_ns, uint64_t age_ns)
{
    Busbar__HistoryCommit *commit = busbar__history_commit__unpack(NULL, value->size, value->bytes);
    bool is_old = commit != NULL && commit->wall_ns < wall_ns && wall_ns - commit->wall_ns > age_ns;
    busbar__history_commit__free_unpacked(commit, NULL);
    return is_old;
}

struct history_trim {
    struct history_limits limits;
    uint64_t wall_ns, newest, count;
    uint64_t oldest; /* n of the last commit that went, 0: none did */
    size_t n_commits, n_entries; /* that may still go */
};

/* Whether the value the walk stands on goes. */
static bool history_goes(struct history_trim *trim, const struct store_bytes *key, const struct store_bytes *value, bool is_damaged)
{
    struct reader r = reader_of(key->bytes, key->size);
    uint64_t n = reader_u64(&r);
    uint32_t serial = reader_u32(&r);
    if (n >= trim->newest || trim->n_entries == 0) {
        return false;
    }
    if (serial == 0) {
        bool is_due = trim->count > trim->limits.n_commits ||
                      (!is_damaged && history_is_old(value, trim->wall_ns, trim->limits.age_ns));
        if (!is_due || trim->n_commits == 0) {
            return false;
        }
        trim->n_commits--;
        trim->count--;
        trim->oldest = n; /* as it is kept */
    }
    trim->n_entries--;
    return true;
}

static int history_trim(struct rows *rows, struct history_trim *trim)
{
    struct db_key from = {.size = 0};
    struct store_cursor *cursor = store_cursor_open(rows_txn(rows, ROWS_DISK), STORE_HISTORY, &from);
    struct store_bytes key, value;
    int err;
    while ((err = store_next(cursor, &key, &value)) == 0 || (err == -ERROR_DAMAGED && key.bytes != NULL)) {
        if (!history_goes(trim, &key, &value, err != 0)) {
            err = -ERROR_NOT_FOUND;
            break;
        }
        err = store_cursor_delete(cursor);
        if (err != 0) {
            break;
        }
    }
    store_cursor_close(&cursor);
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

int history_record(struct rows *rows, uint64_t n, Busbar__HistoryCommit *commit, struct overlay *overlay)
{
    const struct overlay_change *change = NULL;
    uint32_t serial = 0;
    int err = 0;
    while (err == 0 && overlay_next(overlay, &change) != NULL) {
        err = history_record_change(rows, n, change, &serial);
    }
    if (err != 0 || serial == 0) {
        return err;
    }
    commit->n_changes = serial;
    struct history_trim trim = {.limits = history_limits(rows),
                                .wall_ns = commit->wall_ns,
                                .newest = n,
                                .n_commits = HISTORY_TRIM_COMMITS,
                                .n_entries = HISTORY_TRIM_ENTRIES + 2 * (size_t)serial};
    err = history_put(rows, n, 0, &commit->base);
    if (err == 0) {
        err = history_number(rows, DB_META_HISTORY, &trim.count);
    }
    if (err == 0) {
        trim.count++;
        err = history_trim(rows, &trim);
    }
    if (err == 0 && trim.oldest != 0) {
        err = history_put_number(rows, DB_META_OLDEST, history_version(rows, trim.oldest));
    }
    return err != 0 ? err : history_put_number(rows, DB_META_HISTORY, trim.count);
}

int history_commit(struct rows *rows, uint64_t n, Busbar__HistoryCommit **out_commit)
{
    struct db_key key = db_key_history(history_kept(rows, n), 0);
    struct store_bytes value;
    uint64_t by = 0;
    if (history_version(rows, history_kept(rows, n)) != n) {
        return -ERROR_NOT_FOUND; /* one of rules, between two of the configuration */
    }
    int err = store_get(rows_txn(rows, ROWS_DISK), STORE_HISTORY, &key, &value);
    if (err != 0) {
        return err;
    }
    Busbar__HistoryCommit *commit = busbar__history_commit__unpack(NULL, value.size, value.bytes);
    if (commit == NULL) {
        return -ERROR_DAMAGED;
    }
    if (settle_undone(rows_txn(rows, ROWS_DISK), rows_published(rows), &by) == n) {
        free(commit->note);
        commit->note = memory_format(DB_NOTE_UNDONE, by);
    }
    *out_commit = commit;
    return 0;
}

int history_note(struct rows *rows, uint64_t n, const char *note)
{
    Busbar__HistoryCommit *commit = NULL;
    int err = history_commit(rows, n, &commit);
    if (err != 0) {
        return err == -ERROR_NOT_FOUND || err == -ERROR_DAMAGED ? 0 : err;
    }
    free(commit->note);
    commit->note = memory_string(note);
    err = history_put(rows, history_kept(rows, n), 0, &commit->base);
    busbar__history_commit__free_unpacked(commit, NULL);
    return err;
}

int history_first(struct rows *rows, uint64_t from, uint64_t *out_n)
{
    struct db_key key = db_key_history(history_kept(rows, from), 0);
    struct store_cursor *cursor = store_cursor_open(rows_txn(rows, ROWS_DISK), STORE_HISTORY, &key);
    struct store_bytes found, value;
    int err;
    while ((err = store_next(cursor, &found, &value)) == 0 || (err == -ERROR_DAMAGED && found.bytes != NULL)) {
        struct reader r = reader_of(found.bytes, found.size);
        uint64_t n = reader_u64(&r);
        if (reader_u32(&r) == 0) {
            *out_n = history_version(rows, n);
            err = 0;
            break;
        }
        /* What trimming has left of a commit, or the changes of one at `from` - 1 and below: step over them. */
    }
    store_cursor_close(&cursor);
    return err;
}

int history_changes(struct rows *rows, uint64_t from, uint64_t to, history_each *each, void *context, uint64_t *out_bad)
{
    struct db_key key = db_key_history(history_kept(rows, from), 1);
    struct store_cursor *cursor = store_cursor_open(rows_txn(rows, ROWS_DISK), STORE_HISTORY, &key);
    struct store_bytes found, value;
    int err;
    while ((err = store_next(cursor, &found, &value)) == 0 || (err == -ERROR_DAMAGED && found.bytes != NULL)) {
        struct reader r = reader_of(found.bytes, found.size);
        uint64_t n = history_version(rows, reader_u64(&r));
        uint32_t serial = reader_u32(&r);
        if (n > to) {
            err = -ERROR_NOT_FOUND;
            break;
        }
        if (serial == 0) {
            continue; /* who and when do not matter here */
        }
        Busbar__HistoryChange *change = err == 0 ? busbar__history_change__unpack(NULL, value.size, value.bytes) : NULL;
        err = change != NULL ? each(context, n, change) : -ERROR_DAMAGED;
        busbar__history_change__free_unpacked(change, NULL);
        if (err != 0) {
            *out_bad = n;
            break;
        }
    }
    store_cursor_close(&cursor);
    return err == -ERROR_NOT_FOUND ? 0 : err;
}
