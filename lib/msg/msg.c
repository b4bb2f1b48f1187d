/* Packing and unpacking at the edge of the bus.
 *
 * A message is packed into one buffer of exactly its size and copied once more by the bus: messages are batches, and a copy of some
 * KiB costs less than what ZeroMQ does with them. Unpacking allocates one block a submessage (protobuf-c); about 50 ns each. An arena makes
 * of these blocks pieces of one.
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
    uint8_t *bytes = memory_resize(NULL, size);
    size_t packed = protobuf_c_message_pack(message, bytes);
    int err = bus_send(socket, to, type, bytes, packed);
    free(bytes);
    return err;
}

ProtobufCMessage *msg_unpack(const struct bus_message *message, const ProtobufCMessageDescriptor *descriptor)
{
    return protobuf_c_message_unpack(descriptor, NULL, message->size, message->body);
}

/* ---- the arena ---- */

enum { PIECE_BYTES = 16 /* all pieces begin on such a boundary */, KEPT_BYTES_MAX = 1 << 20 /* of rare large messages nothing stays */ };

struct msg_arena_piece {
    struct msg_arena_piece *next;
    uint64_t padding; /* to PIECE_BYTES */
};

static void *arena_alloc(void *context, size_t size)
{
    struct msg_arena *arena = context;
    size_t rounded = (size + PIECE_BYTES - 1) / PIECE_BYTES * PIECE_BYTES;
    arena->wanted += rounded;
    if (rounded <= arena->room - arena->used) {
        arena->used += rounded;
        return arena->bytes + arena->used - rounded;
    }
    struct msg_arena_piece *piece = memory_zeroed(sizeof *piece + rounded);
    piece->next = arena->beside;
    arena->beside = piece;
    return piece + 1;
}

static void arena_free(void *context, void *piece)
{
    /* With all the others. */
}

static void arena_drop(struct msg_arena *arena)
{
    for (struct msg_arena_piece *piece = arena->beside, *next; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
    arena->beside = NULL;
    arena->used = 0;
}

void msg_arena_init(struct msg_arena *arena)
{
    *arena = (struct msg_arena){.allocator = {.alloc = arena_alloc, .free = arena_free, .allocator_data = arena}};
}

void msg_arena_clear(struct msg_arena *arena)
{
    arena_drop(arena);
    if (arena->wanted > arena->room && arena->wanted <= KEPT_BYTES_MAX) {
        free(arena->bytes);
        arena->room = arena->wanted * 2;
        arena->bytes = memory_zeroed(arena->room);
    }
    arena->wanted = 0;
}

void msg_arena_fini(struct msg_arena *arena)
{
    arena_drop(arena);
    free(arena->bytes);
    *arena = (struct msg_arena){0};
}

ProtobufCMessage *msg_arena_unpack(struct msg_arena *arena, const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t size)
{
    msg_arena_clear(arena);
    arena->allocator.allocator_data = arena; /* it may have been moved */
    return protobuf_c_message_unpack(descriptor, &arena->allocator, size, bytes);
}

ProtobufCMessage *msg_unpack_into(struct msg_arena *arena, const struct bus_message *message, const ProtobufCMessageDescriptor *descriptor)
{
    return msg_arena_unpack(arena, descriptor, message->body, message->size);
}
