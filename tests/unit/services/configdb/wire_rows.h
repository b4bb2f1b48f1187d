/* Random packed messages of a descriptor: as protobuf-c writes them, or in other ways that it reads, or broken. */
#ifndef BUSBAR_TESTS_CONFIGDB_WIRE_ROWS_H
#define BUSBAR_TESTS_CONFIGDB_WIRE_ROWS_H

#include "lib/base/bytes.h"
#include "lib/base/random.h"
#include "lib/msg/wire.h"

/* One of `oddity` numbers and tags is odd; 0: none. */
static inline void wire_rows_number(struct writer *w, struct random *random, uint64_t number, uint64_t oddity)
{
    uint8_t bytes[WIRE_NUMBER_MAX + 1];
    uint8_t *end = wire_put(bytes, number);
    if (oddity != 0 && end - bytes < WIRE_NUMBER_MAX && random_below(random, oddity) == 0) {
        end[-1] |= 0x80; /* a byte longer than it need be */
        *end++ = 0;
    }
    writer_bytes(w, bytes, (size_t)(end - bytes));
}

static inline uint64_t wire_rows_value(struct random *random, bool is_small)
{
    uint64_t value = random_u64(random) >> random_below(random, 64);
    return random_below(random, 8) == 0 ? 0 : is_small ? value & UINT32_MAX : value;
}

static inline void wire_rows_message(struct writer *w, struct random *random, const ProtobufCMessageDescriptor *descriptor, uint64_t oddity, int depth);

static inline void wire_rows_field(struct writer *w, struct random *random, const ProtobufCFieldDescriptor *field, uint64_t oddity, int depth)
{
    bool is_bytes = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_STRING;
    bool is_odd = oddity != 0 && random_below(random, oddity) == 0;
    uint32_t id = is_odd ? (uint32_t)random_below(random, 20) : field->id;
    wire_rows_number(w, random, wire_tag(id, is_bytes != (is_odd && random_below(random, 2) == 0) ? WIRE_BYTES : WIRE_NUMBER), oddity);
    if (!is_bytes) {
        bool is_small = field->type != PROTOBUF_C_TYPE_UINT64 && (oddity == 0 || random_below(random, oddity) != 0);
        uint64_t value = wire_rows_value(random, is_small);
        wire_rows_number(w, random, field->type == PROTOBUF_C_TYPE_BOOL && random_below(random, 4) != 0 ? value & 1 : value, oddity);
        return;
    }
    struct writer inner;
    writer_init(&inner);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        wire_rows_message(&inner, random, field->descriptor, oddity, depth + 1);
    } else {
        for (uint64_t n = random_below(random, 20); n > 0; n--) {
            writer_u8(&inner, (uint8_t)('a' + random_below(random, 26)));
        }
    }
    wire_rows_number(w, random, inner.size + (oddity != 0 && random_below(random, 3 * oddity) == 0 ? 1 : 0), oddity);
    writer_bytes(w, inner.bytes, inner.size);
    writer_fini(&inner);
}

static inline void wire_rows_message(struct writer *w, struct random *random, const ProtobufCMessageDescriptor *descriptor, uint64_t oddity, int depth)
{
    for (unsigned int i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        uint64_t times = field->label == PROTOBUF_C_LABEL_REPEATED ? random_below(random, depth > 1 ? 2 : 4)
                         : oddity != 0 && random_below(random, 4 * oddity) == 0 ? 2
                                                                                : random_below(random, 2);
        for (; times > 0; times--) {
            bool is_other = oddity != 0 && random_below(random, 2 * oddity) == 0; /* in the wrong place */
            wire_rows_field(w, random, is_other ? &descriptor->fields[random_below(random, descriptor->n_fields)] : field, oddity, depth);
        }
    }
}

#endif
