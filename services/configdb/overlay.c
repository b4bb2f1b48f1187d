/* Changes laid over the tables.
 *
 * Two small hash tables per transaction: rows by (table, id), in the order of their first change, and index entries by key. Reads
 * ask them first and LMDB then. Uniqueness falls out of the index: an entry that names another row is the conflict.
 *
 * Cost: one allocation a change and one hash insertion; evaluation of a rule insertion about 2 us without LMDB. Thread: configdb's
 * main thread. Invariant: until overlay_write() nothing outside the overlay changes (I8).
 */
#include "services/configdb/overlay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"
#include "services/configdb/validate.h"

struct overlay_row {
    struct overlay_change change;
    bool was_stored;   /* the tables have it */
    UT_hash_handle hh; /* key: change.table, change.id as one struct db_key's bytes */
    uint8_t key[9];
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
    struct overlay_row *by_row;
    struct overlay_entry *by_key;
};

struct overlay *overlay_new(struct rows *rows)
{
    struct overlay *overlay = memory_zeroed(sizeof *overlay);
    overlay->rows = rows;
    return overlay;
}

void overlay_destroy(struct overlay **overlay)
{
    if (*overlay == NULL) {
        return;
    }
    struct overlay_row *row, *next_row;
    HASH_ITER(hh, (*overlay)->by_row, row, next_row)
    {
        HASH_DEL((*overlay)->by_row, row);
        free(row->change.value);
        free(row);
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

static struct overlay_row *overlay_find(struct overlay *overlay, uint32_t table, uint64_t id)
{
    struct db_key key = db_key_row(table, id);
    struct overlay_row *row = NULL;
    HASH_FIND(hh, overlay->by_row, key.bytes, key.size, row);
    return row;
}

int overlay_get(struct overlay *overlay, uint32_t table, uint64_t id, ProtobufCMessage **out_row)
{
    return overlay_get_into(overlay, table, id, NULL, out_row);
}

int overlay_get_into(struct overlay *overlay, uint32_t table, uint64_t id, ProtobufCAllocator *memory, ProtobufCMessage **out_row)
{
    struct store_bytes value;
    struct overlay_row *changed = overlay_find(overlay, table, id);
    if (changed != NULL) {
        if (changed->change.is_deleted) {
            return -ERROR_NOT_FOUND;
        }
        value = (struct store_bytes){.bytes = changed->change.value, .size = changed->change.size};
    } else {
        int err = rows_get(overlay->rows, table, id, &value);
        if (err != 0) {
            return err;
        }
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

static void overlay_enter(struct overlay *overlay, uint32_t table, const struct db_key *key, uint64_t id)
{
    struct overlay_entry *entry = NULL;
    HASH_FIND(hh, overlay->by_key, key->bytes, key->size, entry);
    if (entry == NULL) {
        uint64_t stored;
        entry = memory_zeroed(sizeof *entry);
        entry->key = *key;
        entry->table = table;
        entry->was_stored = rows_index_get(overlay->rows, table, key, &stored) == 0;
        HASH_ADD_KEYPTR(hh, overlay->by_key, entry->key.bytes, entry->key.size, entry);
    }
    entry->id = id;
}

static struct overlay_row *overlay_row(struct overlay *overlay, uint32_t table, uint64_t id)
{
    struct overlay_row *row = overlay_find(overlay, table, id);
    if (row != NULL) {
        return row;
    }
    struct store_bytes stored;
    struct db_key key = db_key_row(table, id);
    row = memory_zeroed(sizeof *row);
    row->change.table = table;
    row->change.id = id;
    row->was_stored = rows_get(overlay->rows, table, id, &stored) == 0;
    memcpy(row->key, key.bytes, sizeof row->key);
    HASH_ADD_KEYPTR(hh, overlay->by_row, row->key, sizeof row->key, row);
    return row;
}

int overlay_set(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *before,
                const ProtobufCMessage *row, struct error_detail *detail)
{
    for (size_t i = 0; i < validate_unique_count(table); i++) {
        struct db_key key = validate_unique_key(table, i, row);
        uint64_t other;
        if (overlay_index(overlay, table, &key, &other) == 0 && other != id) {
            return validate_unique_error(table, i, row, other, detail);
        }
    }
    for (size_t i = 0; i < validate_unique_count(table); i++) {
        if (before != NULL) {
            struct db_key old = validate_unique_key(table, i, before);
            overlay_enter(overlay, table, &old, 0);
        }
        struct db_key key = validate_unique_key(table, i, row);
        overlay_enter(overlay, table, &key, id);
    }
    struct overlay_row *change = overlay_row(overlay, table, id);
    free(change->change.value);
    change->change.size = protobuf_c_message_get_packed_size(row);
    change->change.value = memory_zeroed(change->change.size + 1);
    change->change.is_deleted = false;
    protobuf_c_message_pack(row, change->change.value);
    return 0;
}

void overlay_delete(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *before)
{
    for (size_t i = 0; i < validate_unique_count(table); i++) {
        struct db_key key = validate_unique_key(table, i, before);
        overlay_enter(overlay, table, &key, 0);
    }
    struct overlay_row *row = overlay_row(overlay, table, id);
    free(row->change.value);
    row->change.value = NULL;
    row->change.size = 0;
    row->change.is_deleted = true;
}

const struct overlay_change *overlay_next(struct overlay *overlay, const struct overlay_change **cursor)
{
    /* The change is the first member of its row. */
    const struct overlay_row *row = *cursor == NULL ? overlay->by_row : ((const struct overlay_row *)*cursor)->hh.next;
    while (row != NULL && row->change.is_deleted && !row->was_stored) {
        row = row->hh.next;
    }
    *cursor = row != NULL ? &row->change : NULL;
    return *cursor;
}

void overlay_cut(struct overlay *overlay, const struct overlay_change *last)
{
    struct overlay_row *row = last == NULL ? overlay->by_row : ((const struct overlay_row *)last)->hh.next;
    while (row != NULL) {
        struct overlay_row *next = row->hh.next;
        HASH_DEL(overlay->by_row, row);
        free(row->change.value);
        free(row);
        row = next;
    }
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
    for (struct overlay_row *row = overlay->by_row; err == 0 && row != NULL; row = row->hh.next) {
        if (!row->change.is_deleted) {
            err = rows_put(overlay->rows, row->change.table, row->change.id, row->change.value, row->change.size);
        } else if (row->was_stored) {
            err = rows_delete(overlay->rows, row->change.table, row->change.id);
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
