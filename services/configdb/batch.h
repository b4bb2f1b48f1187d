/* Commits of the ring as one reader gets them: with the rows of its tables only, one by one or many in one message. See batch.c. */
#ifndef BUSBAR_CONFIGDB_BATCH_H
#define BUSBAR_CONFIGDB_BATCH_H

#include "lib/base/bytes.h"
#include "services/configdb/view.h"

enum {
    BATCH_VERSIONS_MAX = 4096,    /* commits in one message: a fifteenth of a second of rule changes */
    BATCH_BYTES_MAX = 512 * 1024, /* it ends at the commit that would pass this */
};

struct batch {
    struct view view;
    uint64_t epoch;
    uint64_t from;      /* n of the first commit */
    size_t n;           /* commits in it; 0: nothing was made yet */
    uint64_t newest;    /* of the ring when it was made */
    uint64_t serial;    /* another number each time it is made */
    struct writer body; /* a packed DeltaBatch */
};

void batch_init(struct batch *batch);
void batch_fini(struct batch *batch);
/* It was made for this place, this view and the ring as it is. */
bool batch_is_at(const struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from);
/* The same, and it is not more than there is room for. */
bool batch_fits(const struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from, size_t max_versions, size_t max_bytes);
/* Empties it for that place. */
void batch_begin(struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from);
/* The commits from `from` on, at most so many and so large. Made anew only when the last one was for other tables or another place, so that
 * readers that are equally far share it. Ends before a commit of several pieces; then and at the ring's end batch->n may be 0. */
void batch_make(struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from, size_t max_versions, size_t max_bytes);
/* A packed Delta of version n with the rows of one piece of the entry that are seen; entry NULL: without rows. NULL when there are none and it is not
 * the last piece. To be freed. */
uint8_t *batch_filtered(const struct ring *ring, const struct ring_entry *entry, size_t piece, uint64_t n, const struct view *view, size_t *out_size);

#endif
