/* A transaction read from its message: all of it one copy, in which it is told where things are.
 *
 * One thread.
 */
#ifndef BUSBAR_CONFIGDB_TRANSACT_H
#define BUSBAR_CONFIGDB_TRANSACT_H

#include "lib/msg/msg.h"
#include "proto/config.pb-c.h"

/* As msg_arena_unpack(). With more than TXN_OPS_MAX operations there is their number and no `ops`: such a one is refused (txn_count_ops()). */
Busbar__Transact *transact_read(struct msg_arena *memory, const uint8_t *bytes, size_t size);

#endif
