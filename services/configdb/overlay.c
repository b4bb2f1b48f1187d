/* Changes laid over the tables.
 *
 * A list of rows per transaction, in the order of their first change, with a hash table of them by (table, id), and a hash table of index entries by
 * key. Reads ask them first and LMDB then. Uniqueness falls out of the index: an entry that names another row is the conflict.
 *
 * New rules come by the thousand and hardly ever is one of them looked for again in its transaction. So they stand in the list alone until
 * somebody asks for an id that may be one of theirs; then all of them are hashed.
 *
 * Cost: of a new rule some 20 ns, its bytes are the message's own; of others an allocation and a hash insertion. Thread: configdb's
 * main thread. Invariant: until overlay_write() nothing outside the overlay changes (I8).
 */
#include "services/configdb/overlay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"
#include "services/configdb/validate.h"

enum { OVERLAY_CHUNK_LEAST = 8, OVERLAY_CHUNK_MOST = 1024 /* rows in one allocation: the next is twice the last */ };

struct overlay_row {
    struct overlay_change change; /* first: what overlay_next() gives is the row */
    struct overlay_row *next;     /* in the order of the first change */
    uint8_t *owned;               /* the value, unless it is lent */
    bool was_stored;              /* the tables have it */
    bool is_hashed;
    uint64_t key[2]; /* table, id */
    UT_hash_handle hh;
};
struct overlay_chunk {
    struct overlay_chunk *next;
    size_t n, room;
    struct overlay_row rows[];
};
struct overlay_entry {
    struct db_key key;
    uint32_t table;
    uint64_t id; /* 0: removed */
    bool was_stored;
    UT_hash_handle hh;
};
struct overlay {
    struct rows *rows;
    struct overlay_row *first, *last;
    struct overlay_row *by_row;
    struct overlay_chunk *chunks;    /* the newest first */
    uint32_t fresh_table;            /* of the rows that are not hashed */
    uint64_t fresh_from;             /* the least id of them; UINT64_MAX: there are none */
    struct overlay_row *fresh_first; /* all before it in the list are hashed */
    uint64_t n_looks;
    struct overlay_entry *by_key;
};

struct overlay *overlay_new(struct rows *rows)
{
    struct overlay *overlay = memory_zeroed(sizeof *overlay);
    overlay->rows = rows;
    overlay->fresh_from = UINT64_MAX;
    return overlay;
}

void overlay_destroy(struct overlay **overlay)
{
    if (*overlay == NULL) {
        return;
    }
    HASH_CLEAR(hh, (*overlay)->by_row);
    for (struct overlay_row *row = (*overlay)->first; row != NULL; row = row->next) {
        free(row->owned);
    }
    for (struct overlay_chunk *chunk = (*overlay)->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    struct overlay_entry *entry, *next_entry;
    HASH_ITER(hh, (*overlay)->by_key, entry, next_entry)
    {
        HASH_DEL((*overlay)->by_key, entry);
        free(entry);
    }
    free(*overlay);
    *overlay = NULL;
}

static void overlay_hash(struct overlay *overlay, struct overlay_row *row)
{
    row->is_hashed = true;
    row->key[0] = row->change.table;
    row->key[1] = row->change.id;
    HASH_ADD_KEYPTR(hh, overlay->by_row, row->key, sizeof row->key, row);
}

static void overlay_hash_fresh(struct overlay *overlay)
{
    for (struct overlay_row *row = overlay->fresh_first; row != NULL; row = row->next) {
        overlay->n_looks++;
        if (!row->is_hashed) {
            overlay_hash(overlay, row);
        }
    }
    overlay->fresh_from = UINT64_MAX;
    overlay->fresh_first = NULL;
}

static struct overlay_row *overlay_find(struct overlay *overlay, uint32_t table, uint64_t id)
{
    uint64_t key[2] = {table, id};
    struct overlay_row *row = NULL;
    if (id >= overlay->fresh_from && table == overlay->fresh_table) {
        overlay_hash_fresh(overlay);
    }
    HASH_FIND(hh, overlay->by_row, key, sizeof key, row);
    return row;
}

/* A row at the end of the list, without a value. */
static struct overlay_row *overlay_append(struct overlay *overlay, uint32_t table, uint64_t id, bool was_stored)
{
    struct overlay_chunk *chunk = overlay->chunks;
    if (chunk == NULL || chunk->n == chunk->room) {
        size_t room = chunk == NULL ? OVERLAY_CHUNK_LEAST : chunk->room < OVERLAY_CHUNK_MOST ? 2 * chunk->room : chunk->room;
        chunk = memory_resize(NULL, sizeof *chunk + room * sizeof *chunk->rows);
        *chunk = (struct overlay_chunk){.next = overlay->chunks, .room = room};
        overlay->chunks = chunk;
    }
    struct overlay_row *row = &chunk->rows[chunk->n++];
    row->change = (struct overlay_change){.table = table, .id = id};
    row->next = NULL;
    row->owned = NULL;
    row->was_stored = was_stored;
    row->is_hashed = false;
    *(overlay->last != NULL ? &overlay->last->next : &overlay->first) = row;
    overlay->last = row;
    return row;
}

/* owned: the same as value, to be freed with the row, or NULL. */
static void overlay_give(struct overlay_row *row, const uint8_t *value, size_t size, uint8_t *owned)
{
    free(row->owned);
    row->owned = owned;
    row->change.value = value;
    row->change.size = size;
    row->change.is_deleted = value == NULL;
}

int overlay_value(struct overlay *overlay, uint32_t table, uint64_t id, struct store_bytes *out_value)
{
    const struct overlay_row *changed = overlay_find(overlay, table, id);
    if (changed == NULL) {
        return rows_get(overlay->rows, table, id, out_value);
    }
    if (changed->change.is_deleted) {
        return -ERROR_NOT_FOUND;
    }
    *out_value = (struct store_bytes){.bytes = changed->change.value, .size = changed->change.size};
    return 0;
}

int overlay_get(struct overlay *overlay, uint32_t table, uint64_t id, ProtobufCMessage **out_row)
{
    return overlay_get_into(overlay, table, id, NULL, out_row);
}

int overlay_get_into(struct overlay *overlay, uint32_t table, uint64_t id, ProtobufCAllocator *memory, ProtobufCMessage **out_row)
{
    struct store_bytes value;
    int err = overlay_value(overlay, table, id, &value);
    if (err != 0) {
        return err;
    }
    ProtobufCMessage *row = protobuf_c_message_unpack(cfg_table_info(table)->descriptor, memory, value.size, value.bytes);
    if (row == NULL) {
        return -ERROR_DAMAGED;
    }
    *out_row = row;
    return 0;
}

bool overlay_has(struct overlay *overlay, uint32_t table, uint64_t id)
{
    struct overlay_row *changed = overlay_find(overlay, table, id);
    struct store_bytes value;
    return changed != NULL ? !changed->change.is_deleted : rows_get(overlay->rows, table, id, &value) == 0;
}

int overlay_index(struct overlay *overlay, uint32_t table, const struct db_key *key, uint64_t *out_id)
{
    struct overlay_entry *entry = NULL;
    HASH_FIND(hh, overlay->by_key, key->bytes, key->size, entry);
    if (entry == NULL) {
        return rows_index_get(overlay->rows, table, key, out_id);
    }
    if (entry->id == 0) {
        return -ERROR_NOT_FOUND;
    }
    *out_id = entry->id;
    return 0;
}

/* 0 and whether it is there; only what cannot be read is an error. */
static int overlay_is_stored(int err, bool *out_is_stored)
{
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        return err;
    }
    *out_is_stored = err == 0;
    return 0;
}

static int overlay_enter(struct overlay *overlay, uint32_t table, const struct db_key *key, uint64_t id)
{
    struct overlay_entry *entry = NULL;
    HASH_FIND(hh, overlay->by_key, key->bytes, key->size, entry);
    if (entry == NULL) {
        uint64_t stored;
        bool was_stored = false;
        int err = overlay_is_stored(rows_index_get(overlay->rows, table, key, &stored), &was_stored);
        if (err != 0) {
            return err;
        }
        entry = memory_zeroed(sizeof *entry);
        entry->key = *key;
        entry->table = table;
        entry->was_stored = was_stored;
        HASH_ADD_KEYPTR(hh, overlay->by_key, entry->key.bytes, entry->key.size, entry);
    }
    entry->id = id;
    return 0;
}

/* The row to be changed; a new one at the end of the list when it was not changed before. */
static int overlay_row(struct overlay *overlay, uint32_t table, uint64_t id, struct overlay_row **out_row)
{
    struct store_bytes stored;
    struct overlay_row *row = overlay_find(overlay, table, id);
    if (row == NULL) {
        bool was_stored = false;
        int err = overlay_is_stored(rows_get(overlay->rows, table, id, &stored), &was_stored);
        if (err != 0) {
            return err;
        }
        row = overlay_append(overlay, table, id, was_stored);
        overlay_hash(overlay, row);
    }
    *out_row = row;
    return 0;
}

void overlay_lend_new(struct overlay *overlay, uint32_t table, uint64_t id, const uint8_t *value, size_t size)
{
    if (overlay->fresh_from != UINT64_MAX && table != overlay->fresh_table) {
        overlay_hash_fresh(overlay);
    }
    overlay->fresh_table = table;
    overlay->fresh_from = id < overlay->fresh_from ? id : overlay->fresh_from;
    struct overlay_row *row = overlay_append(overlay, table, id, false);
    overlay->fresh_first = overlay->fresh_first != NULL ? overlay->fresh_first : row;
    overlay_give(row, value, size, NULL);
}

void overlay_lend(struct overlay *overlay, uint32_t table, uint64_t id, const uint8_t *value, size_t size)
{
    struct overlay_row *row = overlay_find(overlay, table, id);
    if (row == NULL) {
        row = overlay_append(overlay, table, id, true);
        overlay_hash(overlay, row);
    }
    overlay_give(row, value, size, NULL);
}

static int overlay_unreadable(uint32_t table, uint64_t id, int err, struct error_detail *detail)
{
    return error_set(detail, err, "%s row %" PRIu64 ": %s", cfg_table_info(table)->name, id, error_text(err));
}

/* The index entries of a row: those as it was go, those as it is come. NULL: it was not, or is no more. */
static int overlay_enter_row(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *row)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < validate_unique_count(table); i++) {
        if (before != NULL) {
            struct db_key old = validate_unique_key(table, i, before);
            err = overlay_enter(overlay, table, &old, 0);
        }
        if (err == 0 && row != NULL) {
            struct db_key key = validate_unique_key(table, i, row);
            err = overlay_enter(overlay, table, &key, id);
        }
    }
    return err;
}

int overlay_set(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *before,
                const ProtobufCMessage *row, struct error_detail *detail)
{
    struct overlay_row *changed = NULL;
    for (size_t i = 0; i < validate_unique_count(table); i++) {
        struct db_key key = validate_unique_key(table, i, row);
        uint64_t other;
        if (overlay_index(overlay, table, &key, &other) == 0 && other != id) {
            return validate_unique_error(table, i, row, other, detail);
        }
    }
    int err = overlay_enter_row(overlay, table, id, before, row);
    err = err == 0 ? overlay_row(overlay, table, id, &changed) : err;
    if (err != 0) {
        return overlay_unreadable(table, id, err, detail);
    }
    size_t size = protobuf_c_message_get_packed_size(row);
    uint8_t *value = memory_resize(NULL, size + 1);
    (void)protobuf_c_message_pack(row, value);
    overlay_give(changed, value, size, value);
    return 0;
}

int overlay_delete(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *before)
{
    struct overlay_row *changed = NULL;
    int err = overlay_enter_row(overlay, table, id, before, NULL);
    err = err == 0 ? overlay_row(overlay, table, id, &changed) : err;
    if (err == 0) {
        overlay_give(changed, NULL, 0, NULL);
    }
    return err;
}

const struct overlay_change *overlay_next(struct overlay *overlay, const struct overlay_change **cursor)
{
    /* The change is the first member of its row. */
    const struct overlay_row *row = *cursor == NULL ? overlay->first : ((const struct overlay_row *)(const void *)*cursor)->next;
    while (row != NULL && row->change.is_deleted && !row->was_stored) {
        row = row->next;
    }
    *cursor = row != NULL ? &row->change : NULL;
    return *cursor;
}

void overlay_cut(struct overlay *overlay, const struct overlay_change *last)
{
    struct overlay_row *kept = (struct overlay_row *)(uintptr_t)last;
    struct overlay_row **link = kept == NULL ? &overlay->first : &kept->next;
    overlay_hash_fresh(overlay);
    for (struct overlay_row *row = *link; row != NULL; row = row->next) {
        HASH_DEL(overlay->by_row, row);
        overlay_give(row, NULL, 0, NULL); /* its place goes with the chunk */
    }
    *link = NULL;
    overlay->last = kept;
}

uint64_t overlay_looks(const struct overlay *overlay)
{
    return overlay->n_looks;
}

static bool overlay_key_starts(const struct db_key *prefix, const uint8_t *bytes, size_t size)
{
    return size >= prefix->size && memcmp(bytes, prefix->bytes, prefix->size) == 0;
}

static void overlay_collect(uint64_t **ids, size_t *n, uint64_t id)
{
    *ids = memory_resize(*ids, (*n + 1) * sizeof **ids);
    (*ids)[(*n)++] = id;
}

uint64_t *overlay_prefix(struct overlay *overlay, uint32_t table, const struct db_key *prefix, size_t *out_n)
{
    enum rows_env env = ROWS_DISK;
    (void)rows_env_of(table, &env);
    struct store_cursor *cursor = store_cursor_open(rows_txn(overlay->rows, env), STORE_INDEX, prefix);
    struct store_bytes key, value;
    uint64_t *ids = NULL;
    size_t n = 0;
    while (store_next(cursor, &key, &value) == 0 && overlay_key_starts(prefix, key.bytes, key.size)) {
        struct overlay_entry *entry = NULL;
        HASH_FIND(hh, overlay->by_key, key.bytes, key.size, entry);
        struct reader r = reader_of(value.bytes, value.size);
        if (entry == NULL) {
            overlay_collect(&ids, &n, reader_u64(&r));
        }
    }
    store_cursor_close(&cursor);
    for (const struct overlay_entry *entry = overlay->by_key; entry != NULL; entry = entry->hh.next) {
        if (entry->id != 0 && overlay_key_starts(prefix, entry->key.bytes, entry->key.size)) {
            overlay_collect(&ids, &n, entry->id);
        }
    }
    *out_n = n;
    return ids;
}

int overlay_write(struct overlay *overlay)
{
    int err = 0;
    for (struct overlay_row *row = overlay->first; err == 0 && row != NULL; row = row->next) {
        const struct overlay_change *change = &row->change;
        if (!change->is_deleted && row->was_stored) {
            err = rows_replace(overlay->rows, change->table, change->id, change->value, change->size);
        } else if (!change->is_deleted) {
            err = rows_put(overlay->rows, change->table, change->id, change->value, change->size);
        } else if (row->was_stored) {
            err = rows_delete(overlay->rows, change->table, change->id);
        }
    }
    for (struct overlay_entry *entry = overlay->by_key; err == 0 && entry != NULL; entry = entry->hh.next) {
        if (entry->id != 0) {
            err = rows_index_put(overlay->rows, entry->table, &entry->key, entry->id);
        } else if (entry->was_stored) {
            err = rows_index_delete(overlay->rows, entry->table, &entry->key);
        }
    }
    return err;
}
