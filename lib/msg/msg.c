/* Packing and unpacking at the edge of the bus.
 *
 * A message is packed into one buffer of exactly its size and copied once more by the bus: messages are batches, and a copy of some
 * KiB costs less than what ZeroMQ does with them. Unpacking allocates one block a submessage (protobuf-c); about 50 ns each.
 * Foreign bytes: protobuf_c_message_unpack() is bounded by the size given and refuses what does not end there.
 * No state; any thread that owns the socket.
 */
#include "lib/msg/msg.h"

#include <stdlib.h>

#include "lib/base/memory.h"

int msg_send(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > BUS_MESSAGE_MAX_BYTES) {
        return bus_send(socket, to, type, NULL, size); /* refused and counted there */
    }
    uint8_t *bytes = memory_zeroed(size);
    size_t packed = protobuf_c_message_pack(message, bytes);
    int err = bus_send(socket, to, type, bytes, packed);
    free(bytes);
    return err;
}

ProtobufCMessage *msg_unpack(const struct bus_message *message, const ProtobufCMessageDescriptor *descriptor)
{
    return protobuf_c_message_unpack(descriptor, NULL, message->size, message->body);
}
