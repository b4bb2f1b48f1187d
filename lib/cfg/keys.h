/* Rows of the table KEY into a key_table (lib/bus/key_table.h). For files of lib/cfg and for configdb, which has the rows themselves. */
#ifndef BUSBAR_CFG_KEYS_H
#define BUSBAR_CFG_KEYS_H

#include "lib/bus/key_table.h"
#include "proto/rows.pb-c.h"

/* A row changed: before / after are NULL when it did not / no longer exists. A role that this version does not know gives no right. */
void keys_on_row(struct key_table *keys, const Busbar__KeyRow *before, const Busbar__KeyRow *after);

#endif
