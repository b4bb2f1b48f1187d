/* One reader's way through a snapshot: the place reached, and the next piece. See the essay in readers.c.
 *
 * A value: copy it, make a piece, and take the copy when the piece went out. Needs a read open on the rows.
 */
#ifndef BUSBAR_CONFIGDB_SLICE_H
#define BUSBAR_CONFIGDB_SLICE_H

#include "lib/base/bytes.h"
#include "services/configdb/view.h"

enum {
    SLICE_BYTES = 448 * 1024, /* a piece ends at the row that passes this: below 1 MiB with ROWS_VALUE_MAX */
    SLICE_BESIDE_BYTES = 112 * 1024, /* of one beside the commits, which wait behind it: a millisecond at the reader */
    SLICE_LOOKS = 20000,      /* or when so many rows were looked at, most of which may be of bridges that are not asked for: some ms */
};

struct slice {
    const struct view *view;          /* the reader's; lent */
    const struct bridge_set *bridges; /* of these, rows of the tables filtered by bridge are read */
    bool is_partial;
    uint64_t serial; /* of the SUBSCRIBE that it answers */
    uint32_t table;  /* the place reached: the next row has this table and at least this id */
    uint64_t id;
    uint64_t version; /* rows of commits up to this are in what was sent, once the tables are done */
    size_t piece;     /* of commit version + 1, the next to send */
    bool is_beside; /* a partial one beside the deltas: without rows of commits; its last piece comes when the deltas have reached `version`, */
    uint64_t told;  /* and up to here they have gone out; the caller's to say */
    bool has_begun;
    bool has_rows; /* all tables are done; commits since come next */
};

void slice_start(struct slice *slice, const struct view *view, uint64_t serial, uint64_t newest);
/* A partial one: rows of `added`, which are among the view's bridges, and those of every commit after `have`. */
void slice_start_partial(struct slice *slice, const struct view *view, const struct bridge_set *added, uint64_t serial, uint64_t have);
/* One beside the deltas, which are sent all the while under the same view: rows of `added` alone. */
void slice_start_beside(struct slice *slice, const struct view *view, const struct bridge_set *added, uint64_t serial);
/* Nothing but the last piece is left of one beside the deltas, and these have not come as far. */
bool slice_is_waiting(const struct slice *slice);
/* The next piece as a packed Snapshot message appended to `out`; *out_is_last: it is the last one and of version slice->version.
 * -ERROR_CONFLICT: the ring no longer holds the commits since the beginning, or since `have`: start again. */
int slice_next(struct slice *slice, struct rows *rows, const struct ring *ring, struct writer *out,
               bool *out_is_last) MUST_CHECK;

#endif
