/* What one transaction would change, before anything is written: rows and index entries laid over the tables.
 *
 * A transaction is evaluated whole on an overlay; refused, the overlay is thrown away and nothing was touched (I8); accepted, it is
 * written into the shared commit. So a hundred clients' transactions share one LMDB commit although each may be refused alone.
 * One thread; lives no longer than the transaction open on `rows`.
 */
#ifndef BUSBAR_CONFIGDB_OVERLAY_H
#define BUSBAR_CONFIGDB_OVERLAY_H

#include "services/configdb/rows.h"

struct overlay_change {
    uint32_t table;
    uint64_t id;
    bool is_deleted;
    const uint8_t *value; /* packed row; NULL when deleted */
    size_t size;
};

struct overlay;
struct overlay *overlay_new(struct rows *rows);
void overlay_destroy(struct overlay **overlay);

/* The row as the transaction sees it, unpacked (free with protobuf_c_message_free_unpacked). -ERROR_NOT_FOUND, -ERROR_DAMAGED. */
int overlay_get(struct overlay *overlay, uint32_t table, uint64_t id, ProtobufCMessage **out_row) MUST_CHECK;
/* In `memory` instead, of which it is a part. */
int overlay_get_into(struct overlay *overlay, uint32_t table, uint64_t id, ProtobufCAllocator *memory, ProtobufCMessage **out_row) MUST_CHECK;
bool overlay_has(struct overlay *overlay, uint32_t table, uint64_t id);
/* The same as it is packed, lent until the row is changed. -ERROR_NOT_FOUND, -ERROR_DAMAGED. */
int overlay_value(struct overlay *overlay, uint32_t table, uint64_t id, struct store_bytes *out_value) MUST_CHECK;
/* 0 and the id, or -ERROR_NOT_FOUND. */
int overlay_index(struct overlay *overlay, uint32_t table, const struct db_key *key, uint64_t *out_id) MUST_CHECK;

/* Inserts or replaces; before: the row as it was, NULL for a new one. -ERROR_EXISTS, with the columns in detail, when another row
 * has the same unique columns. What cannot be read, such as -ERROR_DAMAGED, is no row that is not there: the transaction cannot be written. */
int overlay_set(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *before,
                const ProtobufCMessage *row, struct error_detail *detail) MUST_CHECK;
int overlay_delete(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *before) MUST_CHECK;

/* A row of a table without unique columns, packed as protobuf-c packs it, whose bytes outlive the overlay. _new: an id just given, that was nowhere before.
 * The other: the row exists (overlay_value()); a value of NULL deletes it. */
void overlay_lend_new(struct overlay *overlay, uint32_t table, uint64_t id, const uint8_t *value, size_t size);
void overlay_lend(struct overlay *overlay, uint32_t table, uint64_t id, const uint8_t *value, size_t size);

/* Changes in order; *cursor starts as NULL. NULL at the end. A row inserted and deleted again is left out. */
const struct overlay_change *overlay_next(struct overlay *overlay, const struct overlay_change **cursor);
/* Forgets the changes behind `last`, NULL: all. Only for what has no index entries left to write. */
void overlay_cut(struct overlay *overlay, const struct overlay_change *last);
/* Ids of the table's rows whose index entry starts with `prefix`, overlay included; the array is the caller's. */
uint64_t *overlay_prefix(struct overlay *overlay, uint32_t table, const struct db_key *prefix, size_t *out_n);

/* How many rows were looked at to find those that are not hashed: each once or twice, however the operations alternate. For tests. */
uint64_t overlay_looks(const struct overlay *overlay);

/* Writes everything into the open transaction of the rows. An error spoils the whole commit. */
int overlay_write(struct overlay *overlay) MUST_CHECK;

#endif
