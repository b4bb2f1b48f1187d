/* A hash table from id to number, and the ids in order of their numbers.
 *
 * Ids are hashed by a multiplication, looked up with linear probing, never removed: a session that has named SESSION_NAMES_MAX ids is
 * opened anew. An id costs 16 to 32 bytes. Thread: the one that translates. Invariant: numbers are told in order, each once.
 */
#include "services/slowpath/names.h"

#include <stdlib.h>

#include "lib/base/memory.h"

struct names {
    uint64_t *ids;     /* ids[number - 1] */
    uint32_t *numbers; /* hashed; 0: free */
    size_t n, ids_room, slots;
    size_t n_told;
};

struct names *names_new(void)
{
    struct names *names = memory_zeroed(sizeof *names);
    names->slots = 256;
    names->numbers = memory_array(names->slots, sizeof *names->numbers);
    return names;
}

void names_destroy(struct names **names)
{
    if (*names != NULL) {
        free((*names)->ids);
        free((*names)->numbers);
        free(*names);
        *names = NULL;
    }
}

static size_t slot_of(const struct names *names, uint64_t id)
{
    size_t i = (id * 0x9e3779b97f4a7c15ull >> 20) & (names->slots - 1);
    while (names->numbers[i] != 0 && names->ids[names->numbers[i] - 1] != id) {
        i = (i + 1) & (names->slots - 1);
    }
    return i;
}

static void grow(struct names *names)
{
    free(names->numbers);
    names->slots *= 2;
    names->numbers = memory_array(names->slots, sizeof *names->numbers);
    for (size_t i = 0; i < names->n; i++) {
        names->numbers[slot_of(names, names->ids[i])] = (uint32_t)(i + 1);
    }
}

uint32_t names_number(struct names *names, uint64_t id)
{
    size_t slot = slot_of(names, id);
    if (names->numbers[slot] != 0) {
        return names->numbers[slot];
    }
    if (names->n == names->ids_room) {
        names->ids_room = names->ids_room == 0 ? 64 : names->ids_room * 2;
        names->ids = memory_resize(names->ids, names->ids_room * sizeof *names->ids);
    }
    names->ids[names->n++] = id;
    uint32_t number = (uint32_t)names->n;
    names->numbers[slot] = number;
    if (names->n * 2 > names->slots) {
        grow(names);
    }
    return number;
}

const uint64_t *names_untold(const struct names *names, uint32_t *out_first, size_t *out_n)
{
    *out_first = (uint32_t)names->n_told + 1;
    *out_n = names->n - names->n_told;
    return names->ids + names->n_told;
}

void names_told(struct names *names)
{
    names->n_told = names->n;
}

size_t names_count(const struct names *names)
{
    return names->n;
}
