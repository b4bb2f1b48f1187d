/* Rows of the mirrored tables, in id order. For files of lib/cfg only. */
#ifndef BUSBAR_CFG_MIRROR_H
#define BUSBAR_CFG_MIRROR_H

#include "lib/cfg/cfg.h"
#include "lib/msg/msg.h"

/* A row is a message or, in a table that may have millions, the bytes of one: a tenth of the memory and of the allocations. Both look alike here; who reads
 * a row asks mirror_row_read(). */
struct mirror_packed {
    ProtobufCMessage base; /* without a descriptor */
    size_t size;
    uint8_t bytes[];
};
ProtobufCMessage *mirror_row_pack(const void *bytes, size_t size);
void mirror_row_free(ProtobufCMessage *row);
/* The row as a message: itself, or made in the arena and lent until its next use. NULL of NULL, and of bytes that are none. */
const ProtobufCMessage *mirror_row_read(const ProtobufCMessage *row, const ProtobufCMessageDescriptor *descriptor, struct msg_arena *arena);

struct mirror_slot {
    uint64_t id;
    ProtobufCMessage *row; /* owned; NULL: the row is gone and the slot waits to be swept */
    uint64_t mark;         /* for the caller */
};

struct mirror_table {
    struct mirror_slot *slots; /* by id, ascending */
    size_t n_slots, room, n_gone;
};

struct mirror {
    struct mirror_table tables[CFG_TABLE_MAX];
};

/* One row that changes. */
struct mirror_change {
    enum cfg_table table;
    uint64_t id;
    ProtobufCMessage *before, *after; /* NULL: there is none */
    size_t order;                     /* for the caller */
};

const ProtobufCMessage *mirror_row(const struct mirror *mirror, enum cfg_table table, uint64_t id);
/* The first row at or after `id`; NULL at the end. */
const struct mirror_slot *mirror_at_or_after(const struct mirror *mirror, enum cfg_table table, uint64_t id);
size_t mirror_size(const struct mirror *mirror, enum cfg_table table);
/* Takes *row; returns the row that was there before, the caller's, or NULL. */
ProtobufCMessage *mirror_put(struct mirror *mirror, enum cfg_table table, uint64_t id, ProtobufCMessage **row, uint64_t mark);
ProtobufCMessage *mirror_remove(struct mirror *mirror, enum cfg_table table, uint64_t id);
/* Many changes at once, sorted by table and id, each id once: takes `after` of each (which stays lent in the change) and sets `before`, the caller's. One
 * pass over each table concerned, wherever the ids fall. */
void mirror_merge(struct mirror *mirror, struct mirror_change *changes, size_t n);
void mirror_fini(struct mirror *mirror);
/* Same type and same content. */
bool mirror_row_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);

/* Calls `change` for every row that differs from `from` to `to`: first the ones that are gone, from the last table to the first, then new and changed
 * ones from the first table to the last, so that a row's references exist when it is shown. */
void mirror_diff(const struct mirror *from, const struct mirror *to,
                 void (*change)(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                                const ProtobufCMessage *after),
                 void *context);

#endif
