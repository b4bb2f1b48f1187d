/* The ring of encoded commits.
 *
 *      oldest                          newest
 *   ────┬─────┬─────┬─────┬─────┬─────┬─────┐
 *       │ 101 │ 102 │ 103 │ 104 │ 105 │ 106 │      a reader's place is the n it gets next
 *   ────┴─────┴─────┴─────┴─────┴─────┴─────┘
 *
 * Why encoded: with R readers a commit is packed once and copied R times, and what waits for slow readers is shared by all of them.
 * Cost: a pack of each commit. Thread: configdb's main thread. Invariants: I6 (an entry is whole: all its pieces or none; n without
 * gaps); at most RING_ENTRIES_MAX entries and RING_BYTES_MAX bytes, the newest entry excepted.
 */
#include "services/configdb/ring.h"

#include <stdlib.h>

#include "lib/base/memory.h"

struct ring {
    uint64_t epoch;
    uint64_t oldest; /* n of the oldest entry held */
    uint64_t newest;
    size_t bytes;
    struct ring_entry *entries[RING_ENTRIES_MAX]; /* n mod RING_ENTRIES_MAX */
};

/* A commit being encoded. The rows lend the values of the changes. */
struct ring_builder {
    struct ring_entry *entry;
    Busbar__Row *rows;
    size_t n_rows, room, bytes;
    uint64_t epoch;
};

struct ring *ring_new(uint64_t epoch, uint64_t newest)
{
    struct ring *ring = memory_zeroed(sizeof *ring);
    ring->epoch = epoch;
    ring->oldest = newest + 1;
    ring->newest = newest;
    return ring;
}

static void ring_entry_free(struct ring_entry *entry)
{
    for (size_t i = 0; i < entry->n_pieces; i++) {
        free(entry->pieces[i].bytes);
    }
    free(entry->pieces);
    free(entry);
}

static void ring_drop_oldest(struct ring *ring)
{
    struct ring_entry **place = &ring->entries[ring->oldest % RING_ENTRIES_MAX];
    ring->bytes -= (*place)->size;
    ring_entry_free(*place);
    *place = NULL;
    ring->oldest++;
}

void ring_destroy(struct ring **ring)
{
    if (*ring == NULL) {
        return;
    }
    while ((*ring)->oldest <= (*ring)->newest) {
        ring_drop_oldest(*ring);
    }
    free(*ring);
    *ring = NULL;
}

static void ring_flush(struct ring_builder *builder, bool is_last)
{
    struct ring_entry *entry = builder->entry;
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.epoch = builder->epoch;
    version.n = entry->n;
    Busbar__Delta delta = BUSBAR__DELTA__INIT;
    delta.version = &version;
    delta.last = is_last;
    delta.n_changes = builder->n_rows;
    delta.changes = memory_array(builder->n_rows + 1, sizeof *delta.changes);
    for (size_t i = 0; i < builder->n_rows; i++) {
        delta.changes[i] = &builder->rows[i];
    }
    entry->pieces = memory_resize(entry->pieces, (entry->n_pieces + 1) * sizeof *entry->pieces);
    struct ring_piece *piece = &entry->pieces[entry->n_pieces++];
    piece->size = busbar__delta__get_packed_size(&delta);
    piece->bytes = memory_zeroed(piece->size + 1);
    busbar__delta__pack(&delta, piece->bytes);
    entry->size += piece->size;
    free(delta.changes);
    builder->n_rows = 0;
    builder->bytes = 0;
}

static void ring_add(struct ring_builder *builder, const struct overlay_change *change)
{
    if (builder->bytes >= RING_PIECE_BYTES) {
        ring_flush(builder, false);
    }
    if (builder->n_rows == builder->room) {
        builder->room = builder->room * 2 + 8;
        builder->rows = memory_resize(builder->rows, builder->room * sizeof *builder->rows);
    }
    Busbar__Row *row = &builder->rows[builder->n_rows++];
    busbar__row__init(row);
    row->table = change->table;
    row->id = change->id;
    row->deleted = change->is_deleted;
    row->value.data = change->value;
    row->value.len = change->size;
    builder->bytes += change->size + 24;
    builder->entry->tables |= 1u << change->table;
}

void ring_push(struct ring *ring, struct overlay *const *overlays, size_t n_overlays)
{
    struct ring_builder builder = {.entry = memory_zeroed(sizeof *builder.entry), .epoch = ring->epoch};
    builder.entry->n = ring->newest + 1;
    for (size_t i = 0; i < n_overlays; i++) {
        const struct overlay_change *change = NULL;
        while (overlay_next(overlays[i], &change) != NULL) {
            if (change->table != CFG_COUNTER) {
                ring_add(&builder, change);
            }
        }
    }
    ring_flush(&builder, true);
    free(builder.rows);
    while (ring->oldest <= ring->newest &&
           (ring->newest - ring->oldest + 1 >= RING_ENTRIES_MAX || ring->bytes + builder.entry->size > RING_BYTES_MAX)) {
        ring_drop_oldest(ring);
    }
    ring->newest++;
    ring->entries[ring->newest % RING_ENTRIES_MAX] = builder.entry;
    ring->bytes += builder.entry->size;
}

uint64_t ring_epoch(const struct ring *ring)
{
    return ring->epoch;
}

uint64_t ring_newest(const struct ring *ring)
{
    return ring->newest;
}

uint64_t ring_oldest(const struct ring *ring)
{
    return ring->oldest;
}

const struct ring_entry *ring_entry(const struct ring *ring, uint64_t n)
{
    return n >= ring->oldest && n <= ring->newest ? ring->entries[n % RING_ENTRIES_MAX] : NULL;
}

size_t ring_bytes(const struct ring *ring)
{
    return ring->bytes;
}

void ring_piece_rows(const struct ring_piece *piece, void (*each)(void *context, const Busbar__Row *row), void *context)
{
    Busbar__Delta *delta = busbar__delta__unpack(NULL, piece->size, piece->bytes);
    for (size_t i = 0; delta != NULL && i < delta->n_changes; i++) {
        each(context, delta->changes[i]);
    }
    busbar__delta__free_unpacked(delta, NULL);
}

void ring_entry_rows(const struct ring_entry *entry, void (*each)(void *context, const Busbar__Row *row), void *context)
{
    for (size_t i = 0; i < entry->n_pieces; i++) {
        ring_piece_rows(&entry->pieces[i], each, context);
    }
}
