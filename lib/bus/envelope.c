/* The envelope and its checks.
 *
 * Everything here is foreign: the frame may come from anybody who can reach the socket, so the numbers are looked up in the tables that
 * wires.def makes and nothing is believed that the tables do not allow. A refused message bumps exactly one counter.
 * About 100 ns a message. No state; any thread.
 */
#include "lib/bus/envelope.h"

#include <assert.h>

#include "lib/base/bytes.h"
#include "lib/base/log.h"
#include "proto/common.pb-c.h"

#define FROM(kind) (1u << PROCESS_##kind)
#define FROM_ANY (FROM(CONFIGDB) | FROM(OFAGENT) | FROM(SLOWPATH) | FROM(FASTPATH) | FROM(SWCTL))

struct message_row {
    enum wire wire;
    uint32_t type;
    uint32_t senders;
};

static const struct message_row message_rows[] = {
#define MESSAGE(w, name, number, message, from) {.wire = WIRE_##w, .type = (number), .senders = (from)},
#include "lib/bus/wires.def"
};

static const uint32_t protocols[WIRE_COUNT] = {
#define WIRE(name, number, protocol, binder) [WIRE_##name] = (protocol),
#include "lib/bus/wires.def"
};

static bool kind_is_known(uint32_t kind)
{
    return kind < 32 && (FROM_ANY & (1u << kind)) != 0;
}

static const struct message_row *row_of(enum wire wire, uint32_t type)
{
    for (size_t i = 0; i < sizeof message_rows / sizeof message_rows[0]; i++) {
        if (message_rows[i].wire == wire && message_rows[i].type == type) {
            return &message_rows[i];
        }
    }
    return NULL;
}

/* Bumps the counter and gives the reason as a word; NULL when the message is fine. */
static const char *fault_of(const struct envelope *envelope, size_t body_size, enum wire wire, uint32_t own, struct bus_counters *counters)
{
    if (envelope->wire != (uint32_t)wire) {
        counters->wrong_wire++;
        return "wrong_wire";
    }
    if (!envelope_protocol_understood(own, envelope->protocol)) {
        counters->wrong_version++;
        return "wrong_version";
    }
    const struct message_row *row = row_of(wire, envelope->type);
    if (row == NULL) {
        counters->unknown_type++;
        return "unknown_type";
    }
    if (!kind_is_known(envelope->from.kind) || (row->senders & (1u << envelope->from.kind)) == 0) {
        counters->wrong_sender++;
        return "wrong_sender";
    }
    if (body_size > BUS_MESSAGE_MAX_BYTES) {
        counters->too_large++;
        return "too_large";
    }
    return NULL;
}

size_t envelope_pack(const struct envelope *envelope, uint8_t out_bytes[ENVELOPE_MAX_BYTES])
{
    Busbar__Envelope message = BUSBAR__ENVELOPE__INIT;
    message.wire = envelope->wire;
    message.protocol = envelope->protocol;
    message.type = envelope->type;
    message.sequence = envelope->sequence;
    message.kind = (uint32_t)envelope->from.kind;
    message.instance = envelope->from.instance;
    message.start = envelope->from.start;
    message.newest = envelope->newest;
    assert(busbar__envelope__get_packed_size(&message) <= ENVELOPE_MAX_BYTES);
    return busbar__envelope__pack(&message, out_bytes);
}

/* The unpacker's memory for an envelope, which needs one piece, on the stack. */
struct envelope_room {
    _Alignas(16) uint8_t bytes[512];
    size_t used;
};

static void *room_alloc(void *context, size_t size)
{
    struct envelope_room *room = context;
    size_t at = (room->used + 15) / 16 * 16;
    if (size > sizeof room->bytes - at) {
        return NULL; /* fields nobody knows, by the dozen: it cannot be read */
    }
    room->used = at + size;
    return room->bytes + at;
}

static void room_free(void *context, void *piece)
{
    (void)context, (void)piece; /* with the stack */
}

int envelope_unpack(const void *bytes, size_t size, struct envelope *out_envelope)
{
    if (size == 0 || size > ENVELOPE_MAX_BYTES) {
        return -ERROR_SYNTAX;
    }
    struct envelope_room room = {.used = 0};
    ProtobufCAllocator allocator = {.alloc = room_alloc, .free = room_free, .allocator_data = &room};
    Busbar__Envelope *message = busbar__envelope__unpack(&allocator, size, bytes);
    if (message == NULL) {
        return -ERROR_SYNTAX;
    }
    int err = -ERROR_SYNTAX;
    if (kind_is_known(message->kind)) {
        *out_envelope = (struct envelope){
            .wire = message->wire,
            .protocol = message->protocol,
            .type = message->type,
            .newest = message->newest > message->protocol ? message->newest : message->protocol,
            .sequence = message->sequence,
            .from = {.kind = (enum process_kind)message->kind, .instance = message->instance, .start = message->start}};
        err = 0;
    }
    busbar__envelope__free_unpacked(message, &allocator);
    return err;
}

bool envelope_check(const struct envelope *envelope, size_t body_size, enum wire wire, uint32_t own, struct bus_counters *counters)
{
    const char *fault = fault_of(envelope, body_size, wire, own, counters);
    if (fault != NULL) {
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=%s wire=%u protocol=%u understood=%u,%u type=%u from=%s.%u size=%zu", fault,
                    envelope->wire, envelope->protocol, own, own - 1, envelope->type, process_kind_name(envelope->from.kind),
                    envelope->from.instance, body_size);
    }
    return fault == NULL;
}

bool envelope_protocol_understood(uint32_t own, uint32_t theirs)
{
    return theirs > 0 && (theirs == own || theirs == own - 1);
}

uint32_t envelope_protocol(enum wire wire)
{
    return protocols[wire];
}

void routing_id_encode(const struct bus_identity *identity, uint8_t out_bytes[ROUTING_ID_BYTES])
{
    out_bytes[0] = (uint8_t)identity->kind;
    for (int i = 0; i < 4; i++) {
        out_bytes[1 + i] = (uint8_t)(identity->instance >> (24 - 8 * i));
    }
    for (int i = 0; i < 8; i++) {
        out_bytes[5 + i] = (uint8_t)(identity->start >> (56 - 8 * i));
    }
}

int routing_id_decode(const void *bytes, size_t size, struct bus_identity *out_identity)
{
    struct reader r = reader_of(bytes, size);
    struct bus_identity identity = {.kind = (enum process_kind)reader_u8(&r)};
    identity.instance = reader_u32(&r);
    identity.start = reader_u64(&r);
    int err = reader_finish(&r);
    if (err == 0 && !kind_is_known(identity.kind)) {
        err = -ERROR_RANGE;
    }
    if (err == 0) {
        *out_identity = identity;
    }
    return err;
}
