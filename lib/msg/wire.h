/* Protobuf's wire form, read and written in place: for what comes by the thousand and is not worth a struct a message.
 *
 * A number is read only in its shortest form, the one that protobuf-c writes; another one fails the reader, and its message is then left to protobuf-c.
 */
#ifndef BUSBAR_MSG_WIRE_H
#define BUSBAR_MSG_WIRE_H

#include "lib/base/bytes.h"

enum { WIRE_NUMBER = 0, WIRE_BYTES = 2 };
enum { WIRE_NUMBER_MAX = 10 /* bytes of a number */ };

static inline uint64_t wire_number(struct reader *r)
{
    uint64_t value = 0;
    if (r->pos < r->end && *r->pos < 0x80) {
        return *r->pos++; /* most of them */
    }
    for (unsigned int shift = 0; shift < 64 && r->pos < r->end; shift += 7) {
        uint8_t byte = *r->pos++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            bool is_shortest = (byte != 0 || shift == 0) && (shift < 63 || byte == 1);
            r->failed = r->failed || !is_shortest;
            return value;
        }
    }
    r->failed = true;
    return 0;
}

/* What has its length in front. */
static inline struct reader wire_bytes(struct reader *r)
{
    uint64_t size = wire_number(r);
    if (r->failed || size > (uint64_t)(r->end - r->pos)) {
        r->failed = true;
        return (struct reader){.failed = true};
    }
    r->pos += size;
    return (struct reader){.pos = r->pos - size, .end = r->pos};
}

static inline uint64_t wire_tag(uint32_t field, unsigned int type)
{
    return (uint64_t)field << 3 | type;
}

static inline size_t wire_size(uint64_t number)
{
    size_t size = 1;
    for (; number >= 0x80; number >>= 7) {
        size++;
    }
    return size;
}

/* Returns what is behind it. */
static inline uint8_t *wire_put(uint8_t *at, uint64_t number)
{
    for (; number >= 0x80; number >>= 7) {
        *at++ = (uint8_t)(number | 0x80);
    }
    *at++ = (uint8_t)number;
    return at;
}

#endif
