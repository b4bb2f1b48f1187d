/* Protobuf written by hand: for the few messages that are written a hundred thousand times a second, where building protobuf-c's structs, asking
 * their size and packing them costs some ten times as much.
 *
 * Each call writes one field at `at` and returns the place behind it; as in protobuf-c, what is zero or empty is left out, so that equal
 * messages are equal bytes when fields are written in the order of their numbers. The caller has made room: PACKER_NUMBER_MAX bytes a number,
 * PACKER_HEAD_MAX and the content otherwise. Any thread; no state. What may never happen: bytes that protobuf-c would not have written
 * (tests/prop/packed_rules.c).
 */
#ifndef BUSBAR_MSG_PACKER_H
#define BUSBAR_MSG_PACKER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/msg/wire.h"

enum { PACKER_NUMBER_MAX = 12 /* tag and number */, PACKER_HEAD_MAX = 7 /* tag and length */ };

static inline uint8_t *pack_number(uint8_t *at, unsigned field, uint64_t value)
{
    return value != 0 ? wire_put(wire_put(at, wire_tag(field, WIRE_NUMBER)), value) : at;
}

/* Also of size 0: elements of lists, and messages, are said when they are empty. */
static inline uint8_t *pack_element(uint8_t *at, unsigned field, const void *bytes, size_t size)
{
    at = wire_put(wire_put(at, wire_tag(field, WIRE_BYTES)), size);
    if (size > 0) {
        memcpy(at, bytes, size);
    }
    return at + size;
}

static inline uint8_t *pack_bytes(uint8_t *at, unsigned field, const void *bytes, size_t size)
{
    return size > 0 ? pack_element(at, field, bytes, size) : at;
}

/* A message within: its fields are written at what pack_begin() returns, and pack_end() puts their length before them. */
static inline uint8_t *pack_begin(uint8_t *at, unsigned field)
{
    return wire_put(at, wire_tag(field, WIRE_BYTES)) + 1; /* most are shorter than 128 bytes */
}

static inline uint8_t *pack_end(uint8_t *begin, uint8_t *end)
{
    size_t size = (size_t)(end - begin), n_more = 0;

    for (size_t left = size >> 7; left > 0; left >>= 7) {
        n_more++;
    }
    if (n_more > 0) {
        memmove(begin + n_more, begin, size);
    }
    (void)wire_put(begin - 1, size);
    return end + n_more;
}

#endif
