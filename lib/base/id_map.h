/* Row numbers to things, for a million rows that come in the order of their numbers: an open hash table of 16-byte slots.
 *
 * Who holds the things by pointer has no memory per thing here but its slots, and growing touches slots only, not the things. Four numbers in a row
 * share a cache line. Find costs one cache miss at any size. One thread.
 */
#ifndef BUSBAR_BASE_ID_MAP_H
#define BUSBAR_BASE_ID_MAP_H

#include <stddef.h>
#include <stdint.h>

struct id_slot {
    uint64_t id;
    void *value; /* NULL: the slot is free */
};

struct id_map {
    struct id_slot *slots; /* NULL: nothing was ever put */
    size_t mask;           /* number of slots - 1 */
    size_t used;
};

/* An id_map of zeroes is empty. */
void id_map_fini(struct id_map *map);
/* NULL when there is none. */
void *id_map_find(const struct id_map *map, uint64_t id);
/* The number must not be there yet; value is not NULL. */
void id_map_put(struct id_map *map, uint64_t id, void *value);
/* What was there, or NULL. */
void *id_map_remove(struct id_map *map, uint64_t id);
/* Something that is there, or NULL: with *cursor = 0 at first, taking all out one by one costs a walk in all. */
void *id_map_any(const struct id_map *map, size_t *cursor);
/* Each thing once, in no order, from *cursor = 0 until NULL; nothing may be put or removed meanwhile. */
void *id_map_next(const struct id_map *map, size_t *cursor);

#endif
