/* Pictures of the configuration.
 *
 *   commits:    ... 12 ──── 15 ──── 31 ──── 40 ...  now
 *   picture of 20:           └──────────────────────┘ what each row was before the first commit behind 20 that changed it;
 *                                                     rows that none changed are as they are now
 *
 * Any version is a picture, also one between two commits of configuration (n counts commits of rules too). The oldest is the one before
 * the first commit kept.
 *
 * Cost: an unpack a row and a change; a millisecond for a thousand of each. Thread: configdb's main thread, within one transaction.
 * Input: our own database, whose values carry checksums; what cannot be read all the same is -ERROR_DAMAGED.
 */
#include "services/configdb/picture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "lib/base/memory.h"
#include "services/configdb/history.h"

struct picture_entry {
    struct picture_row row; /* first: what callers hold */
    uint8_t key[9];
    UT_hash_handle hh;
};
struct picture {
    struct picture_entry *entries;
    struct picture_entry **sorted; /* NULL: to be made */
};

struct picture *picture_new(void)
{
    return memory_zeroed(sizeof(struct picture));
}

void picture_destroy(struct picture **picture)
{
    if (*picture == NULL) {
        return;
    }
    struct picture_entry *entry, *next;
    HASH_ITER(hh, (*picture)->entries, entry, next)
    {
        HASH_DEL((*picture)->entries, entry);
        protobuf_c_message_free_unpacked(entry->row.row, NULL);
        free(entry);
    }
    free((*picture)->sorted);
    free(*picture);
    *picture = NULL;
}

static struct picture_entry *picture_find(const struct picture *picture, uint32_t table, uint64_t id)
{
    struct db_key key = db_key_row(table, id);
    struct picture_entry *entry = NULL;
    HASH_FIND(hh, picture->entries, key.bytes, key.size, entry);
    return entry;
}

static void picture_unsort(struct picture *picture)
{
    free(picture->sorted);
    picture->sorted = NULL;
}

void picture_set(struct picture *picture, uint32_t table, uint64_t id, ProtobufCMessage *row)
{
    struct picture_entry *entry = picture_find(picture, table, id);
    if (entry == NULL) {
        struct db_key key = db_key_row(table, id);
        entry = memory_zeroed(sizeof *entry);
        entry->row = (struct picture_row){.table = table, .id = id};
        memcpy(entry->key, key.bytes, sizeof entry->key);
        HASH_ADD(hh, picture->entries, key, sizeof entry->key, entry);
        picture_unsort(picture);
    }
    protobuf_c_message_free_unpacked(entry->row.row, NULL);
    entry->row.row = row;
}

void picture_remove(struct picture *picture, uint32_t table, uint64_t id)
{
    struct picture_entry *entry = picture_find(picture, table, id);
    if (entry != NULL) {
        HASH_DEL(picture->entries, entry);
        protobuf_c_message_free_unpacked(entry->row.row, NULL);
        free(entry);
        picture_unsort(picture);
    }
}

struct picture_row *picture_get(const struct picture *picture, uint32_t table, uint64_t id)
{
    struct picture_entry *entry = picture_find(picture, table, id);
    return entry != NULL ? &entry->row : NULL;
}

static int picture_compare(const void *a, const void *b)
{
    const struct picture_entry *const *x = a;
    const struct picture_entry *const *y = b;
    return memcmp((*x)->key, (*y)->key, sizeof(*x)->key);
}

struct picture_row *picture_at_index(struct picture *picture, size_t index)
{
    size_t n = HASH_COUNT(picture->entries);
    if (index >= n) {
        return NULL;
    }
    if (picture->sorted == NULL) {
        size_t i = 0;
        picture->sorted = memory_array(n, sizeof(struct picture_entry *));
        for (struct picture_entry *entry = picture->entries; entry != NULL; entry = entry->hh.next) {
            picture->sorted[i++] = entry;
        }
        qsort(picture->sorted, n, sizeof(struct picture_entry *), picture_compare);
    }
    return &picture->sorted[index]->row;
}

static int picture_add_table(struct picture *picture, struct rows *rows, const struct cfg_table_info *info,
                             struct error_detail *detail)
{
    struct store_cursor *cursor = rows_walk(rows, info->table, 0);
    struct store_bytes value;
    uint64_t id = 0;
    int err;
    while ((err = rows_walk_next(cursor, info->table, &id, &value)) == 0) {
        ProtobufCMessage *row = protobuf_c_message_unpack(info->descriptor, NULL, value.size, value.bytes);
        if (row == NULL) {
            err = -ERROR_DAMAGED;
            break;
        }
        picture_set(picture, info->table, id, row);
    }
    store_cursor_close(&cursor);
    return err == -ERROR_NOT_FOUND ? 0 : error_set(detail, err, "table %s: %s", info->name, error_text(err));
}

int picture_now(struct rows *rows, struct picture **out_picture, struct error_detail *detail)
{
    struct picture *picture = picture_new();
    int err = 0;
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        enum rows_env env;
        if (rows_env_of(table, &env) && env == ROWS_DISK) {
            err = picture_add_table(picture, rows, cfg_table_info(table), detail);
        }
    }
    if (err != 0) {
        picture_destroy(&picture);
        return err;
    }
    *out_picture = picture;
    return 0;
}

struct picture_undo {
    struct picture *picture;
    struct picture *seen; /* rows whose first change is done: nothing but their keys */
};

static int picture_undo(void *context, uint64_t n, const Busbar__HistoryChange *change)
{
    struct picture_undo *undo = context;
    const struct cfg_table_info *info = cfg_table_info(change->table);
    (void)n;
    if (picture_get(undo->seen, change->table, change->id) != NULL) {
        return 0;
    }
    picture_set(undo->seen, change->table, change->id, NULL);
    if (!change->has_before) {
        picture_remove(undo->picture, change->table, change->id);
        return 0;
    }
    ProtobufCMessage *row =
        info != NULL ? protobuf_c_message_unpack(info->descriptor, NULL, change->before.len, change->before.data) : NULL;
    if (row == NULL) {
        return -ERROR_DAMAGED;
    }
    picture_set(undo->picture, change->table, change->id, row);
    return 0;
}

static uint64_t picture_epoch_of(struct rows *rows, uint64_t n, uint64_t none)
{
    Busbar__HistoryCommit *commit = NULL;
    uint64_t epoch = history_commit(rows, n, &commit) == 0 ? commit->epoch : none;
    busbar__history_commit__free_unpacked(commit, NULL);
    return epoch;
}

/* Whether the version may be of this epoch: between those of the commits around it. Commits of rules have no entry of their own. */
static bool picture_epoch_fits(struct rows *rows, struct version version, uint64_t newest_epoch)
{
    uint64_t n = 0, before = 0, after = UINT64_MAX;
    for (uint64_t from = 0; history_first(rows, from, &n) == 0; from = n + 1) {
        if (n > version.n) {
            after = n;
            break;
        }
        before = n;
    }
    uint64_t highest = after == UINT64_MAX ? newest_epoch : picture_epoch_of(rows, after, newest_epoch);
    uint64_t lowest = before == 0 ? highest : picture_epoch_of(rows, before, highest);
    highest = before == version.n && before != 0 ? lowest : highest;
    return version.epoch >= lowest && version.epoch <= highest;
}

static int picture_unknown(struct version version, struct version newest, uint64_t oldest, struct error_detail *detail)
{
    char *text = version.epoch != 0 ? memory_format("%" PRIu64 ".%" PRIu64, version.epoch, version.n)
                                    : memory_format("%" PRIu64, version.n);
    int err = error_set(detail, -ERROR_NOT_FOUND,
                        "version %s is not known: what is kept goes from %" PRIu64 " to %" PRIu64 " (swctl history lists it)", text,
                        oldest, newest.n);
    free(text);
    return err;
}

/* Whether there was such a version, and everything since then is kept. */
static int picture_resolve(struct rows *rows, struct version version, struct error_detail *detail)
{
    struct db_key epoch_key = db_key_meta(DB_META_EPOCH, 0);
    struct version newest = {.n = rows_shown_n(rows)};
    uint64_t oldest = 0;
    int err = store_get_u64(rows_txn(rows, ROWS_DISK), STORE_META, &epoch_key, &newest.epoch);
    err = err == 0 ? history_oldest(rows, &oldest) : err;
    if (err != 0) {
        return error_set(detail, err, "the history: %s", error_text(err));
    }
    bool is_known = version.n <= newest.n && version.n >= oldest;
    if (is_known && version.epoch != 0) {
        is_known = picture_epoch_fits(rows, version, newest.epoch);
    }
    return is_known ? 0 : picture_unknown(version, newest, oldest, detail);
}

int picture_then(struct rows *rows, struct version version, struct picture **out_picture, struct error_detail *detail)
{
    struct picture_undo undo = {.picture = NULL};
    uint64_t bad = 0;
    int err = picture_resolve(rows, version, detail);
    if (err == 0) {
        err = picture_now(rows, &undo.picture, detail);
    }
    if (err != 0) {
        return err;
    }
    undo.seen = picture_new();
    err = history_changes(rows, version.n + 1, UINT64_MAX, picture_undo, &undo, &bad);
    picture_destroy(&undo.seen);
    if (err != 0) {
        picture_destroy(&undo.picture);
        return error_set(detail, err,
                         "the history of version %" PRIu64 " cannot be read (%s): versions before it are lost, that one and later ones are not",
                         bad, error_text(err));
    }
    *out_picture = undo.picture;
    return 0;
}
