/* The ring of encoded commits.
 *
 *      oldest                          newest
 *   ────┬─────┬─────┬─────┬─────┬─────┬─────┐
 *       │ 101 │ 102 │ 103 │ 104 │ 105 │ 106 │      a reader's place is the n it gets next
 *   ────┴─────┴─────┴─────┴─────┴─────┴─────┘
 *
 * Why encoded: with R readers a commit is packed once and copied R times, and what waits for slow readers is shared by all of them.
 * Cost: a copy of each commit, some 20 ns a row. Thread: configdb's main thread. Invariants: I6 (an entry is whole: all its pieces or none; n without
 * gaps); at most RING_BYTES_MAX bytes of memory, the newest entry excepted, and so fewer than RING_ENTRIES_MAX entries.
 */
#include "services/configdb/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/bridge_set.h"
#include "lib/msg/wire.h"

struct ring {
    uint64_t epoch;
    uint64_t oldest; /* n of the oldest entry held */
    uint64_t newest;
    size_t bytes;  /* of the entries' pieces, */
    size_t memory; /* and what they take */
    uint64_t left; /* bytes of the entries that were dropped */
    struct ring_entry *entries[RING_ENTRIES_MAX]; /* n mod RING_ENTRIES_MAX */
};

/* A commit being encoded: first it is measured, so that a piece is one allocation, then written. */
struct ring_builder {
    struct ring_entry *entry;
    struct overlay *const *overlays;
    size_t n_overlays;
    uint64_t epoch;
};
/* A place in its changes; change NULL: at the end. */
struct ring_place {
    size_t overlay;
    const struct overlay_change *change;
};

enum { DELTA_VERSION = 1, DELTA_CHANGES = 2, DELTA_LAST = 3, ROW_TABLE = 1, ROW_ID = 2, ROW_VALUE = 3, ROW_DELETED = 4 };
enum { RING_HEAD_BYTES = 64 /* at most of the version and of `last` */, RING_MALLOC_BYTES = 16 /* what an allocation costs beside its bytes */ };
enum { RING_PIECE_COST = sizeof(struct ring_piece) + RING_HEAD_BYTES + RING_MALLOC_BYTES, RING_ENTRY_COST = sizeof(struct ring_entry) + 2 * RING_MALLOC_BYTES };
_Static_assert((uint64_t)RING_ENTRIES_MAX * (RING_ENTRY_COST + RING_PIECE_COST) > RING_BYTES_MAX, "the bytes bind first");

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

/* Its bytes, its head, and its allocations. */
static size_t ring_entry_memory(const struct ring_entry *entry)
{
    return entry->size + RING_ENTRY_COST + entry->n_pieces * RING_PIECE_COST;
}

static void ring_drop_oldest(struct ring *ring)
{
    struct ring_entry **place = &ring->entries[ring->oldest % RING_ENTRIES_MAX];
    ring->bytes -= (*place)->size;
    ring->memory -= ring_entry_memory(*place);
    ring->left += (*place)->size;
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

/* The next change that is told: not of counters. */
static void ring_next(const struct ring_builder *builder, struct ring_place *place)
{
    while (place->overlay < builder->n_overlays) {
        if (overlay_next(builder->overlays[place->overlay], &place->change) == NULL) {
            place->overlay++;
        } else if (place->change->table != CFG_COUNTER) {
            return;
        }
    }
}

/* Before the change is among entry->tables. */
static void ring_note_bridge(struct ring_entry *entry, const struct overlay_change *change)
{
    if (((uint32_t)CFG_TABLES_BY_BRIDGE & 1u << change->table) == 0) {
        return;
    }
    bool is_first = (entry->tables & (uint32_t)CFG_TABLES_BY_BRIDGE) == 0;
    uint64_t bridge = change->is_deleted ? RING_BRIDGE_ANY : bridge_set_row_bridge(change->value, change->size);
    entry->bridge = is_first || entry->bridge == bridge ? bridge : 0;
}

/* Of a packed Row: what is 0 or empty is left out. */
static size_t ring_row_size(const struct overlay_change *change)
{
    return 1 + wire_size(change->table) + (change->id != 0 ? 1 + wire_size(change->id) : 0) +
           (change->size > 0 ? 1 + wire_size(change->size) + change->size : 0) + (change->is_deleted ? 2 : 0);
}

static uint8_t *ring_put_row(uint8_t *at, const struct overlay_change *change)
{
    at = wire_put(at, wire_tag(DELTA_CHANGES, WIRE_BYTES));
    at = wire_put(at, ring_row_size(change));
    at = wire_put(wire_put(at, wire_tag(ROW_TABLE, WIRE_NUMBER)), change->table);
    if (change->id != 0) {
        at = wire_put(wire_put(at, wire_tag(ROW_ID, WIRE_NUMBER)), change->id);
    }
    if (change->size > 0) {
        at = wire_put(wire_put(at, wire_tag(ROW_VALUE, WIRE_BYTES)), change->size);
        memcpy(at, change->value, change->size);
        at += change->size;
    }
    return change->is_deleted ? wire_put(wire_put(at, wire_tag(ROW_DELETED, WIRE_NUMBER)), 1) : at;
}

/* The changes from *place on that make one piece; moves on behind them. */
static size_t ring_measure(const struct ring_builder *builder, struct ring_place *place)
{
    size_t size = 0, bytes = 0;
    for (; place->change != NULL && bytes < RING_PIECE_BYTES; ring_next(builder, place)) {
        size_t row = ring_row_size(place->change);
        size += 1 + wire_size(row) + row;
        bytes += place->change->size + 24;
        ring_note_bridge(builder->entry, place->change);
        builder->entry->tables |= 1u << place->change->table;
    }
    return size;
}

static void ring_flush(const struct ring_builder *builder, struct ring_place *place)
{
    struct ring_entry *entry = builder->entry;
    struct ring_place from = *place;
    Busbar__Version version = BUSBAR__VERSION__INIT;
    Busbar__Delta head = BUSBAR__DELTA__INIT;
    version.epoch = builder->epoch;
    version.n = entry->n;
    head.version = &version;
    head.authors = entry->authors;
    size_t rows = ring_measure(builder, place);
    head.tables = entry->tables; /* up to this piece */
    entry->pieces = memory_resize(entry->pieces, (entry->n_pieces + 1) * sizeof *entry->pieces);
    struct ring_piece *piece = &entry->pieces[entry->n_pieces++];
    piece->bytes = memory_resize(NULL, RING_HEAD_BYTES + rows);
    uint8_t *at = piece->bytes + busbar__delta__pack(&head, piece->bytes);
    for (; from.change != place->change; ring_next(builder, &from)) {
        at = ring_put_row(at, from.change);
    }
    at = place->change == NULL ? wire_put(wire_put(at, wire_tag(DELTA_LAST, WIRE_NUMBER)), 1) : at;
    piece->size = (size_t)(at - piece->bytes);
    assert(piece->size <= RING_HEAD_BYTES + rows);
    entry->size += piece->size;
}

void ring_push(struct ring *ring, struct overlay *const *overlays, size_t n_overlays, uint64_t authors)
{
    struct ring_builder builder = {.entry = memory_zeroed(sizeof *builder.entry), .overlays = overlays, .n_overlays = n_overlays, .epoch = ring->epoch};
    struct ring_place place = {.overlay = 0};
    builder.entry->n = ring->newest + 1;
    builder.entry->authors = authors;
    ring_next(&builder, &place);
    do {
        ring_flush(&builder, &place);
    } while (place.change != NULL);
    while (ring->oldest <= ring->newest && ring->memory + ring_entry_memory(builder.entry) > RING_BYTES_MAX) {
        ring_drop_oldest(ring);
    }
    ring->newest++;
    ring->entries[ring->newest % RING_ENTRIES_MAX] = builder.entry;
    ring->bytes += builder.entry->size;
    ring->memory += ring_entry_memory(builder.entry);
    builder.entry->upto = ring->left + ring->bytes;
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
    return ring->memory;
}

uint64_t ring_upto(const struct ring *ring, uint64_t n)
{
    const struct ring_entry *entry = ring_entry(ring, n);
    return entry != NULL ? entry->upto : n < ring->oldest ? ring->left : ring->left + ring->bytes;
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
