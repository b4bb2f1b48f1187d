/* Match fields on the wire: class << 16 | number, and as many bytes of value as the field's TLV has. For files of lib/msg only. */
#ifndef BUSBAR_MSG_FIELD_WIRE_H
#define BUSBAR_MSG_FIELD_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "lib/flow/field.h"

uint32_t field_wire_number(enum field_id id);
/* FIELD_COUNT when there is none. */
enum field_id field_wire_id(uint32_t number);
/* Lends the last bytes of `value`. */
ProtobufCBinaryData field_wire_bytes(enum field_id id, const struct field_value *value);
/* The same in memory of its own, for messages that are freed as unpacked ones. */
ProtobufCBinaryData field_wire_copy(enum field_id id, const struct field_value *value);
/* Exactly the field's size, no bit beyond its width, no value bit outside the mask; an empty mask is all ones.
 * -ERROR_UNKNOWN_NAME, -ERROR_RANGE; the detail names the field. */
int field_wire_decode(uint32_t number, const ProtobufCBinaryData *value, const ProtobufCBinaryData *mask, enum field_id *out_id,
                      struct field_value *out_value, struct field_value *out_mask, struct error_detail *detail) MUST_CHECK;

#endif
