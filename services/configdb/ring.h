/* The ring: the newest commits, each encoded once for all readers.
 *
 * n counts without gaps inside it. The oldest entries leave when a bound is reached; a reader that still needs them takes a snapshot.
 * One thread.
 */
#ifndef BUSBAR_CONFIGDB_RING_H
#define BUSBAR_CONFIGDB_RING_H

#include "services/configdb/overlay.h"

enum {
    RING_BYTES_MAX = 64 * 1024 * 1024, /* of memory, with what an entry costs beside its bytes: 200,000 commits of one rule, seconds of the fastest writers,
                                        * in which a snapshot has to end. The newest entry is kept even when it alone is larger */
    RING_ENTRIES_MAX = 1 << 20,        /* places; above what the bytes allow */
    RING_PIECE_BYTES = 448 * 1024,     /* a piece ends at the row that passes this: with ROWS_VALUE_MAX below 1 MiB */
};

#define RING_BRIDGE_ANY UINT64_MAX

struct ring_piece {
    uint8_t *bytes; /* a packed Delta */
    size_t size;
};
struct ring_entry {
    uint64_t n;
    uint32_t tables; /* a bit for each table changed */
    uint64_t authors; /* whose commit it is, lib/msg/authors.h */
    uint64_t bridge; /* of all its rows of tables filtered by bridge; RING_BRIDGE_ANY when they are all gone ones, 0 when it is not one, or not known */
    struct ring_piece *pieces;
    size_t n_pieces;
    size_t size;
    uint64_t upto; /* bytes of all entries there have been, up to and with this one */
};

struct ring;
/* newest: the n at which this epoch begins; the first entry is newest + 1. */
struct ring *ring_new(uint64_t epoch, uint64_t newest);
void ring_destroy(struct ring **ring);

/* Adds newest + 1 with these changes (COUNTER rows are left out). The overlays are walked in order. authors: whose commit it is. */
void ring_push(struct ring *ring, struct overlay *const *overlays, size_t n_overlays, uint64_t authors);

uint64_t ring_epoch(const struct ring *ring);
uint64_t ring_newest(const struct ring *ring);
uint64_t ring_oldest(const struct ring *ring);                            /* newest + 1 when empty */
const struct ring_entry *ring_entry(const struct ring *ring, uint64_t n); /* NULL when it does not hold n */
size_t ring_bytes(const struct ring *ring); /* of memory */
/* Bytes of all entries up to and with n, so that a difference is what lies between two places; what has left the ring counts as one. */
uint64_t ring_upto(const struct ring *ring, uint64_t n);

/* Calls `each` for every row of the piece / of the entry. */
void ring_piece_rows(const struct ring_piece *piece, void (*each)(void *context, const Busbar__Row *row), void *context);
void ring_entry_rows(const struct ring_entry *entry, void (*each)(void *context, const Busbar__Row *row), void *context);

#endif
