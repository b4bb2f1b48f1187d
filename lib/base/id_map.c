/* Linear probing with removal by moving back. See id_map.h.
 *
 *     slot of a number:  | hash of its upper bits ........ | its lowest two |      a line of 64 bytes holds four
 *
 * At most three quarters of the slots are in use, and numbers in a row are spread evenly, so runs are short; a removal moves what follows into the
 * hole where its own place allows, so there are no marks of what was. Growing copies slots in their order. The thread of the owner.
 * Invariant: between the place of a number and where it stands no slot is free.
 */
#include "lib/base/id_map.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/memory.h"

enum { SLOTS_AT_START = 64, LINE_BITS = 2 };

static size_t place_of(const struct id_map *map, uint64_t id)
{
    uint64_t hash = (id >> LINE_BITS) * 0x9e3779b97f4a7c15ull;
    return (size_t)((hash >> 24 << LINE_BITS) | (id & ((1 << LINE_BITS) - 1))) & map->mask;
}

/* Where the number stands, or the free slot where it would. */
static size_t seek(const struct id_map *map, uint64_t id)
{
    size_t i = place_of(map, id);
    while (map->slots[i].value != NULL && map->slots[i].id != id) {
        i = (i + 1) & map->mask;
    }
    return i;
}

void id_map_fini(struct id_map *map)
{
    memory_pages_free(map->slots, (map->mask + 1) * sizeof *map->slots);
    *map = (struct id_map){0};
}

static void grow(struct id_map *map)
{
    struct id_map larger = {.mask = map->slots == NULL ? SLOTS_AT_START - 1 : map->mask * 2 + 1, .used = map->used};
    larger.slots = memory_pages((larger.mask + 1) * sizeof *larger.slots);
    for (size_t i = 0; map->slots != NULL && i <= map->mask; i++) {
        if (map->slots[i].value != NULL) {
            larger.slots[seek(&larger, map->slots[i].id)] = map->slots[i];
        }
    }
    id_map_fini(map);
    *map = larger;
}

void *id_map_find(const struct id_map *map, uint64_t id)
{
    return map->slots != NULL ? map->slots[seek(map, id)].value : NULL;
}

void id_map_put(struct id_map *map, uint64_t id, void *value)
{
    if (map->slots == NULL || (map->used + 1) * 4 > (map->mask + 1) * 3) {
        grow(map);
    }
    size_t i = seek(map, id);
    assert(map->slots[i].value == NULL && value != NULL);
    map->slots[i] = (struct id_slot){.id = id, .value = value};
    map->used++;
}

void *id_map_remove(struct id_map *map, uint64_t id)
{
    size_t hole = map->slots != NULL ? seek(map, id) : 0;
    void *value = map->slots != NULL ? map->slots[hole].value : NULL;
    if (value == NULL) {
        return NULL;
    }
    for (size_t i = (hole + 1) & map->mask; map->slots[i].value != NULL; i = (i + 1) & map->mask) {
        size_t place = place_of(map, map->slots[i].id);
        if (((i - place) & map->mask) >= ((i - hole) & map->mask)) { /* its place is not behind the hole */
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct id_slot){0};
    map->used--;
    return value;
}

void *id_map_any(const struct id_map *map, size_t *cursor)
{
    if (map->used == 0) {
        return NULL;
    }
    size_t i = *cursor & map->mask;
    while (map->slots[i].value == NULL) {
        i = (i + 1) & map->mask;
    }
    *cursor = i;
    return map->slots[i].value;
}

void *id_map_next(const struct id_map *map, size_t *cursor)
{
    while (map->slots != NULL && *cursor <= map->mask) {
        void *value = map->slots[(*cursor)++].value;
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
