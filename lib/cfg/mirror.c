/* The mirrored rows: one sorted array a table.
 *
 *   slots   | 3 | 4 | 9 | 12 | 13 | 20 |      ids ascending; a removed row leaves its slot, marked gone,
 *             r   r   -   r    -    r         until half of the slots are gone and the array is swept
 *
 * Why not a hash: configdb gives ids in ascending order and never again, so a new row goes to the end, and people, dumps and
 * diffs want id order. One structure does lookup and order.
 * Cost: lookup and next O(log n) (20 steps over 24 MB at a million rows, about 0.5 us); insert at the end and removal O(log n)
 * amortised; insert in the middle moves the slots behind it (status and owner rows: some hundreds), so the many rows of a bridge that
 * is followed from now on are merged in one pass.
 * Invariants: ids strictly ascend; n_gone counts slots without row; after a sweep none is left.
 * One thread; nothing here calls back but mirror_diff(), which changes nothing.
 */
#include "lib/cfg/mirror.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

enum { SWEEP_MIN = 64 /* fewer slots are not worth it */ };

static bool is_packed(const ProtobufCMessage *row)
{
    return row->descriptor == NULL;
}

ProtobufCMessage *mirror_row_pack(const void *bytes, size_t size)
{
    struct mirror_packed *packed = memory_resize(NULL, sizeof *packed + size);
    packed->base = (ProtobufCMessage){0};
    packed->size = size;
    if (size > 0) {
        memcpy(packed->bytes, bytes, size);
    }
    return &packed->base;
}

void mirror_row_free(ProtobufCMessage *row)
{
    if (row != NULL && is_packed(row)) {
        free(row);
    } else {
        protobuf_c_message_free_unpacked(row, NULL);
    }
}

const ProtobufCMessage *mirror_row_read(const ProtobufCMessage *row, const ProtobufCMessageDescriptor *descriptor, struct msg_arena *arena)
{
    if (row == NULL || !is_packed(row)) {
        return row;
    }
    const struct mirror_packed *packed = (const struct mirror_packed *)row;
    return msg_arena_unpack(arena, descriptor, packed->bytes, packed->size);
}

/* The first slot at or after `id`, gone ones too. */
static size_t lower_bound(const struct mirror_table *t, uint64_t id)
{
    size_t low = 0, high = t->n_slots;
    if (high > 0 && t->slots[high - 1].id < id) {
        return high; /* the usual insert */
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->slots[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void sweep(struct mirror_table *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n_slots; i++) {
        if (t->slots[i].row != NULL) {
            t->slots[kept++] = t->slots[i];
        }
    }
    t->n_slots = kept;
    t->n_gone = 0;
}

const ProtobufCMessage *mirror_row(const struct mirror *mirror, enum cfg_table table, uint64_t id)
{
    const struct mirror_table *t = &mirror->tables[table];
    size_t i = lower_bound(t, id);
    return i < t->n_slots && t->slots[i].id == id ? t->slots[i].row : NULL;
}

const struct mirror_slot *mirror_at_or_after(const struct mirror *mirror, enum cfg_table table, uint64_t id)
{
    const struct mirror_table *t = &mirror->tables[table];
    for (size_t i = lower_bound(t, id); i < t->n_slots; i++) {
        if (t->slots[i].row != NULL) {
            return &t->slots[i];
        }
    }
    return NULL;
}

size_t mirror_size(const struct mirror *mirror, enum cfg_table table)
{
    return mirror->tables[table].n_slots - mirror->tables[table].n_gone;
}

ProtobufCMessage *mirror_put(struct mirror *mirror, enum cfg_table table, uint64_t id, ProtobufCMessage **row, uint64_t mark)
{
    struct mirror_table *t = &mirror->tables[table];
    struct mirror_slot slot = {.id = id, .row = *row, .mark = mark};
    *row = NULL;
    size_t i = lower_bound(t, id);
    if (i < t->n_slots && t->slots[i].id == id) {
        ProtobufCMessage *before = t->slots[i].row;
        t->n_gone -= before == NULL ? 1 : 0;
        t->slots[i] = slot;
        return before;
    }
    if (t->n_slots == t->room) {
        t->room = t->room > 0 ? t->room * 2 : 16;
        t->slots = memory_resize(t->slots, t->room * sizeof *t->slots);
    }
    memmove(&t->slots[i + 1], &t->slots[i], (t->n_slots - i) * sizeof *t->slots);
    t->slots[i] = slot;
    t->n_slots++;
    return NULL;
}

ProtobufCMessage *mirror_remove(struct mirror *mirror, enum cfg_table table, uint64_t id)
{
    struct mirror_table *t = &mirror->tables[table];
    size_t i = lower_bound(t, id);
    if (i == t->n_slots || t->slots[i].id != id || t->slots[i].row == NULL) {
        return NULL;
    }
    ProtobufCMessage *before = t->slots[i].row;
    t->slots[i].row = NULL;
    t->n_gone++;
    if (t->n_slots >= SWEEP_MIN && t->n_gone > t->n_slots / 2) {
        sweep(t);
    }
    return before;
}

/* The changes of one table; its slots are written anew. */
static void merge_table(struct mirror_table *t, struct mirror_change *changes, size_t n)
{
    struct mirror_table merged = {.room = t->n_slots - t->n_gone + n};
    merged.slots = memory_array(merged.room + 1, sizeof *merged.slots);
    size_t i = 0, k = 0;
    while (i < t->n_slots || k < n) {
        bool is_old = i < t->n_slots && (k == n || t->slots[i].id < changes[k].id);
        if (is_old) {
            if (t->slots[i].row != NULL) {
                merged.slots[merged.n_slots++] = t->slots[i];
            }
            i++;
            continue;
        }
        struct mirror_change *change = &changes[k++];
        bool is_there = i < t->n_slots && t->slots[i].id == change->id;
        change->before = is_there ? t->slots[i].row : NULL;
        i += is_there;
        if (change->after != NULL) {
            merged.slots[merged.n_slots++] = (struct mirror_slot){.id = change->id, .row = change->after};
        }
    }
    free(t->slots);
    *t = merged;
}

void mirror_merge(struct mirror *mirror, struct mirror_change *changes, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && changes[end].table == changes[i].table) {
            end++;
        }
        merge_table(&mirror->tables[changes[i].table], &changes[i], end - i);
    }
}

void mirror_fini(struct mirror *mirror)
{
    for (size_t table = 0; table < CFG_TABLE_MAX; table++) {
        struct mirror_table *t = &mirror->tables[table];
        for (size_t i = 0; i < t->n_slots; i++) {
            mirror_row_free(t->slots[i].row);
        }
        free(t->slots);
    }
    *mirror = (struct mirror){0};
}

static bool is_same_packed(const struct mirror_packed *a, const struct mirror_packed *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

bool mirror_row_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    if (is_packed(a) || is_packed(b)) {
        return is_packed(a) && is_packed(b) && is_same_packed((const struct mirror_packed *)a, (const struct mirror_packed *)b);
    }
    size_t size = protobuf_c_message_get_packed_size(a);
    if (a->descriptor != b->descriptor || size != protobuf_c_message_get_packed_size(b)) {
        return false;
    }
    uint8_t *bytes = memory_zeroed(2 * size);
    protobuf_c_message_pack(a, bytes);
    protobuf_c_message_pack(b, bytes + size);
    bool equal = memcmp(bytes, bytes + size, size) == 0;
    free(bytes);
    return equal;
}

typedef void (*change_function)(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                                const ProtobufCMessage *after);

/* Walks both arrays at once and shows either what is gone or what is new and changed. */
static void diff_table(const struct mirror *from, const struct mirror *to, enum cfg_table table, bool show_gone,
                       change_function change, void *context)
{
    const struct mirror_slot *a = mirror_at_or_after(from, table, 0), *b = mirror_at_or_after(to, table, 0);
    const struct mirror_slot *a_end = from->tables[table].slots + from->tables[table].n_slots;
    const struct mirror_slot *b_end = to->tables[table].slots + to->tables[table].n_slots;
    while (a != NULL || b != NULL) {
        bool in_a = a != NULL && (b == NULL || a->id <= b->id), in_b = b != NULL && (a == NULL || b->id <= a->id);
        if (in_a && !in_b && show_gone) {
            change(context, table, a->id, a->row, NULL);
        } else if (in_b && !show_gone && (!in_a || !mirror_row_equal(a->row, b->row))) {
            change(context, table, b->id, in_a ? a->row : NULL, b->row);
        }
        for (bool step = in_a; step; step = a != NULL && a->row == NULL) {
            a = a + 1 < a_end ? a + 1 : NULL;
        }
        for (bool step = in_b; step; step = b != NULL && b->row == NULL) {
            b = b + 1 < b_end ? b + 1 : NULL;
        }
    }
}

void mirror_diff(const struct mirror *from, const struct mirror *to, change_function change, void *context)
{
    for (unsigned table = CFG_TABLE_MAX; table-- > 0;) {
        diff_table(from, to, (enum cfg_table)table, true, change, context);
    }
    for (unsigned table = 0; table < CFG_TABLE_MAX; table++) {
        diff_table(from, to, (enum cfg_table)table, false, change, context);
    }
}
