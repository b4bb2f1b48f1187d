/* Messages of the feed, quickly: their rows in one array, and values where they stand in the message. For files of lib/cfg only. */
#ifndef BUSBAR_CFG_ROWS_READ_H
#define BUSBAR_CFG_ROWS_READ_H

#include "lib/msg/msg.h"
#include "proto/config.pb-c.h"

/* A DELTA, DELTA_BATCH or DELTA_MERGED (`type`), as msg_arena_unpack() would make it, but that it lasts no longer than `bytes`. NULL: another message, or
 * not as configdb writes them: protobuf-c may still read it. */
ProtobufCMessage *rows_read(struct msg_arena *arena, uint32_t type, const uint8_t *bytes, size_t size);

#endif
