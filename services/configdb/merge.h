/* Many commits of the ring as one: each row once, as the last of them left it. See merge.c. */
#ifndef BUSBAR_CONFIGDB_MERGE_H
#define BUSBAR_CONFIGDB_MERGE_H

#include "services/configdb/batch.h"

/* As batch_make(), but body is a packed DeltaMerged. */
void merge_make(struct batch *batch, const struct ring *ring, uint32_t tables, uint64_t from, size_t max_versions, size_t max_bytes);

#endif
