/* Whether a packed row is just as protobuf-c would write it, so that its bytes may be stored as they are.
 *
 * One thread; no state.
 */
#ifndef BUSBAR_CONFIGDB_VERBATIM_H
#define BUSBAR_CONFIGDB_VERBATIM_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

enum { VERBATIM_COLUMNS_MAX = 16, VERBATIM_DEPTH_MAX = 8 };

/* The numbers of a row by the place of their column in its descriptor; 0: not set, or no number. */
struct verbatim {
    uint64_t numbers[VERBATIM_COLUMNS_MAX];
};

/* True: protobuf-c unpacks the bytes, knows all of them, and packs the same again. False says nothing: kinds of columns that rules do not have, and rows
 * with more columns than VERBATIM_COLUMNS_MAX, are not looked into. */
bool verbatim_read(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t size, struct verbatim *out_row);

#endif
