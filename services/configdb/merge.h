/* Many commits of the ring as one: each row once, as the last of them left it. See merge.c. */
#ifndef BUSBAR_CONFIGDB_MERGE_H
#define BUSBAR_CONFIGDB_MERGE_H

#include "services/configdb/batch.h"

/* As batch_make(), but body is a packed DeltaMerged; of all bridges, whatever the view says of them. */
void merge_make(struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from, size_t max_versions, size_t max_bytes);

#endif
