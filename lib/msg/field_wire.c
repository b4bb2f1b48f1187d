/* Field numbers and values on the wire.
 *
 * The numbers are OXM's, because they are the only ones that stay when fields.def gains a row. A field_value is right-aligned in 16
 * bytes, so the wire form is its last oxm_size bytes, without a loop. Decoding refuses anything that encoding cannot have made.
 * Constant cost; no state; any thread.
 */
#include "lib/msg/field_wire.h"

#include <string.h>

#include "lib/base/memory.h"

static int bytes_decode(enum field_id id, const ProtobufCBinaryData *bytes, struct field_value *out_value)
{
    const struct field *field = &field_table[id];
    struct field_value value = {{0}};
    if (bytes->len != field->oxm_size) {
        return -ERROR_RANGE;
    }
    memcpy(value.bytes + sizeof value.bytes - bytes->len, bytes->data, bytes->len);
    if (!field_value_fits(id, value)) {
        return -ERROR_RANGE;
    }
    *out_value = value;
    return 0;
}

uint32_t field_wire_number(enum field_id id)
{
    return (uint32_t)field_table[id].oxm_class << 16 | field_table[id].oxm_field;
}

enum field_id field_wire_id(uint32_t number)
{
    if ((number & 0xff00) != 0) {
        return FIELD_COUNT;
    }
    return field_by_oxm((uint16_t)(number >> 16), (uint8_t)number);
}

ProtobufCBinaryData field_wire_bytes(enum field_id id, const struct field_value *value)
{
    size_t size = field_table[id].oxm_size;
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)value->bytes + sizeof value->bytes - size};
}

ProtobufCBinaryData field_wire_copy(enum field_id id, const struct field_value *value)
{
    ProtobufCBinaryData bytes = field_wire_bytes(id, value);
    bytes.data = memory_copy(bytes.data, bytes.len);
    return bytes;
}

int field_wire_decode(uint32_t number, const ProtobufCBinaryData *value, const ProtobufCBinaryData *mask, enum field_id *out_id,
                      struct field_value *out_value, struct field_value *out_mask, struct error_detail *detail)
{
    enum field_id id = field_wire_id(number);
    if (id == FIELD_COUNT) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "no match field has the number 0x%08x", number);
    }
    struct field_value v, m = field_all_ones(id);
    if (bytes_decode(id, value, &v) < 0) {
        return error_set(detail, -ERROR_RANGE, "%s: the value is not of %u bits", field_table[id].name, field_table[id].bits);
    }
    if (mask->len > 0 && bytes_decode(id, mask, &m) < 0) {
        return error_set(detail, -ERROR_RANGE, "%s: the mask is not of %u bits", field_table[id].name, field_table[id].bits);
    }
    for (size_t i = 0; i < sizeof v.bytes; i++) {
        if ((v.bytes[i] & ~m.bytes[i]) != 0) {
            return error_set(detail, -ERROR_RANGE, "%s: the value has bits outside its mask", field_table[id].name);
        }
    }
    *out_id = id;
    *out_value = v;
    *out_mask = m;
    return 0;
}
