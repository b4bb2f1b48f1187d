/* What one reader sees of the feed: tables, and of those filtered by bridge the rows of some bridges. See view.c.
 *
 * A value that owns its set of bridges. One thread.
 */
#ifndef BUSBAR_CONFIGDB_VIEW_H
#define BUSBAR_CONFIGDB_VIEW_H

#include "lib/cfg/bridge_set.h"
#include "services/configdb/ring.h"

struct view {
    uint32_t tables; /* a bit for each wanted */
    struct bridge_set bridges;
};

void view_fini(struct view *view);
void view_copy(struct view *view, const struct view *from);
bool view_equal(const struct view *a, const struct view *b);

/* How much of a commit is seen. */
enum view_share {
    VIEW_NOTHING,
    VIEW_WHOLE,
    VIEW_BY_ROW /* its rows have to be looked at, one by one */
};
enum view_share view_share(const struct view *view, const struct ring_entry *entry);
/* Is this row of a commit seen? Rows that are gone say no bridge, so of those every reader of the table is told. */
bool view_takes_row(const struct view *view, const Busbar__Row *row);

#endif
