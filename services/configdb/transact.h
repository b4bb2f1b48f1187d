/* A transaction read from its message, without a copy of its rows.
 *
 * One thread.
 */
#ifndef BUSBAR_CONFIGDB_TRANSACT_H
#define BUSBAR_CONFIGDB_TRANSACT_H

#include "lib/msg/msg.h"
#include "proto/config.pb-c.h"

/* As msg_arena_unpack(); but the values of operations may be lent from `bytes`, which have to last as long as the message. */
Busbar__Transact *transact_read(struct msg_arena *memory, const uint8_t *bytes, size_t size);

#endif
