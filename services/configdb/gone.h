/* What a bridge that is gone from the configuration takes along in the run environment: rules, groups, meters, its owner row, counters. */
#ifndef BUSBAR_CONFIGDB_GONE_H
#define BUSBAR_CONFIGDB_GONE_H

#include "services/configdb/overlay.h"

enum { GONE_ROWS = 10000, GONE_ROWS_MIN = 64 /* in one LMDB commit: as many as that, or as fit */ };

/* No transaction may be open. *out_gone: what was deleted, for those who are told; the caller's; NULL, or a part, when it fails: then the rest is still
 * there. */
int gone_delete(struct rows *rows, const uint64_t *bridges, size_t n_bridges, struct overlay **out_gone) MUST_CHECK;

#endif
