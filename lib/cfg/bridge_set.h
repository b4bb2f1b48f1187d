/* The bridges whose rows a reader wants of the tables that are filtered by bridge (tables.def), for both ends of the feed.
 *
 * A value: {0} is the empty set; bridge_set_fini() gives its memory back. Any thread.
 */
#ifndef BUSBAR_CFG_BRIDGE_SET_H
#define BUSBAR_CFG_BRIDGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bridge_set {
    bool is_all;   /* no filter */
    uint64_t *ids; /* ascending, without repeats */
    size_t n;
};

void bridge_set_fini(struct bridge_set *set);
/* Makes it these bridges; any order, repeats too. */
void bridge_set_assign(struct bridge_set *set, const uint64_t *ids, size_t n);
void bridge_set_copy(struct bridge_set *set, const struct bridge_set *from);
bool bridge_set_has(const struct bridge_set *set, uint64_t bridge);
bool bridge_set_equal(const struct bridge_set *a, const struct bridge_set *b);
/* Takes out what is not in `other`, too. */
void bridge_set_keep(struct bridge_set *set, const struct bridge_set *other);
/* Is every bridge of `set` in `other`? */
bool bridge_set_is_within(const struct bridge_set *set, const struct bridge_set *other);

/* The bridge of a packed row of a table filtered by bridge; 0: it does not say. */
uint64_t bridge_set_row_bridge(const uint8_t *row, size_t size);
/* Is the packed row in the set? One that names no bridge is in every set, as are all rows of other tables. */
bool bridge_set_takes(const struct bridge_set *set, uint32_t table, const uint8_t *row, size_t size);

#endif
