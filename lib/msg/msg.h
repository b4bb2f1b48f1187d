/* Packing, checking and sending protobuf messages, shared by all processes.
 *
 * protobuf-c's generated structs are the C structs of the wires: a hand-written second set would be every fact twice. What has a
 * meaning beyond its wire (keys, actions, rules, versions) is converted by the pairs in this folder, encode beside decode.
 */
#ifndef BUSBAR_MSG_MSG_H
#define BUSBAR_MSG_MSG_H

#include <protobuf-c/protobuf-c.h>

#include "lib/bus/bus.h"

/* Packs `message` and sends it. Errors as bus_send(). */
int msg_send(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const ProtobufCMessage *message) MUST_CHECK;
/* The body as a message of `descriptor`, to be freed with protobuf_c_message_free_unpacked(); NULL when it cannot be read. */
ProtobufCMessage *msg_unpack(const struct bus_message *message, const ProtobufCMessageDescriptor *descriptor);

/* Memory for one message at a time, for those that come by the thousand: pieces of one block, all given back together. */
struct msg_arena {
    uint8_t *bytes; /* owned */
    size_t room, used;
    size_t wanted; /* by this message, in the block or beside it */
    struct msg_arena_piece *beside; /* owned: what the block had no room for */
    ProtobufCAllocator allocator;
};

void msg_arena_init(struct msg_arena *arena);
void msg_arena_fini(struct msg_arena *arena);
/* Gives all pieces back, and makes the block large enough for as many next time. */
void msg_arena_clear(struct msg_arena *arena);
/* As msg_unpack(), but the message lasts until the arena's next one or its end, and is not freed. */
ProtobufCMessage *msg_unpack_into(struct msg_arena *arena, const struct bus_message *message, const ProtobufCMessageDescriptor *descriptor);
/* The same of bytes that come from elsewhere. */
ProtobufCMessage *msg_arena_unpack(struct msg_arena *arena, const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t size);

#endif
