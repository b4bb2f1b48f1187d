/* Operations packed ahead of their turn, of changes that stand side by side in a list: what a bundle has made of its rules. One thread. */
#ifndef BUSBAR_OFAGENT_PACKED_OPS_H
#define BUSBAR_OFAGENT_PACKED_OPS_H

#include <stddef.h>

#include "lib/base/bytes.h"

struct packed_ops {
    size_t at, n; /* the changes: the first, and how many; an operation each */
    struct writer ops;
};

/* Begins as zero. */
struct packed_ops_list {
    struct packed_ops *items; /* in the order of their changes, which do not overlap */
    size_t count, room;
};

/* Behind all others. Takes the bytes and leaves the writer empty. */
void packed_ops_add(struct packed_ops_list *list, size_t at, size_t n, struct writer *ops);
/* The change at this place is not what was packed any more: what was packed with it goes too. */
void packed_ops_forget(struct packed_ops_list *list, size_t place);
/* The first n changes have left the list: what had begun among them goes, the others' places are counted anew. */
void packed_ops_leave(struct packed_ops_list *list, size_t n);
/* Those that begin at this change, or NULL. *next is 0 at first, and changes are asked for in their order. */
const struct packed_ops *packed_ops_find(const struct packed_ops_list *list, size_t at, size_t *next);
void packed_ops_fini(struct packed_ops_list *list);

#endif
