/* See pipeline_fields.h.
 *
 *     class(2) number << 1(1) size(1) value(size), for each field: the heads of OXM [OF1.3.5 7.2.3.2], so that what a shard has kept in a flow is
 *     understood by any build.
 *
 * Behind them, with a head that no field has, what is left to do with a packet that waits (continuation.h): to shards it is the same.
 * The bytes go through a datapath action, which knows nothing of them. They are of another process, so reading checks everything.
 * Any thread, no state; cost linear in the bytes, 18 fields at most.
 */
#include "lib/msg/pipeline_fields.h"

#include <string.h>

#include "lib/base/error.h"

enum { HEAD_BYTES = 4 };

bool pipeline_field_goes_up(enum field_id id)
{
    return id == FIELD_METADATA || id == FIELD_TUNNEL_ID || (id >= FIELD_REG0 && id <= FIELD_REG15);
}

_Static_assert(2 * (HEAD_BYTES + 8) + 16 * (HEAD_BYTES + 4) <= DP_PIPELINE_MAX, "all fields at once");

size_t pipeline_fields_write(const struct flow_state *state, uint8_t out[DP_PIPELINE_MAX])
{
    size_t size = 0;

    for (enum field_id id = 0; id < FIELD_COUNT; id++) {
        const struct field *field = &field_table[id];
        if (!pipeline_field_goes_up(id)) {
            continue;
        }
        struct field_value value = field_get(id, state);
        if (field_value_is_zero(value)) {
            continue;
        }
        out[size] = (uint8_t)(field->oxm_class >> 8);
        out[size + 1] = (uint8_t)field->oxm_class;
        out[size + 2] = (uint8_t)(field->oxm_field << 1);
        out[size + 3] = field->oxm_size;
        memcpy(out + size + HEAD_BYTES, value.bytes + sizeof value.bytes - field->oxm_size, field->oxm_size);
        size += HEAD_BYTES + (size_t)field->oxm_size;
    }
    return size;
}

static const uint8_t rest_head[PIPELINE_REST_HEAD] = {0xff, 0xff, 0, 0}; /* no field has it */

size_t pipeline_fields_split(const uint8_t *bytes, size_t size, const uint8_t **out_rest, size_t *out_rest_size)
{
    size_t at = 0;

    while (at + HEAD_BYTES <= size && memcmp(bytes + at, rest_head, sizeof rest_head) != 0) {
        at += HEAD_BYTES + (size_t)bytes[at + 3];
    }
    bool has_rest = at + HEAD_BYTES <= size;
    *out_rest = has_rest ? bytes + at + HEAD_BYTES : NULL;
    *out_rest_size = has_rest ? size - at - HEAD_BYTES : 0;
    return has_rest ? at : size;
}

uint8_t *pipeline_fields_begin_rest(uint8_t *out, size_t size)
{
    memcpy(out + size, rest_head, sizeof rest_head);
    return out + size + sizeof rest_head;
}

int pipeline_fields_read(const uint8_t *bytes, size_t size, struct match *match)
{
    while (size > 0) {
        if (size < HEAD_BYTES || (bytes[2] & 1) != 0) {
            return -ERROR_RANGE;
        }
        enum field_id id = field_by_oxm((uint16_t)(bytes[0] << 8 | bytes[1]), bytes[2] >> 1);
        if (id == FIELD_COUNT || !pipeline_field_goes_up(id) || bytes[3] != field_table[id].oxm_size || size - HEAD_BYTES < bytes[3]) {
            return -ERROR_RANGE;
        }
        struct field_value value = {{0}};
        memcpy(value.bytes + sizeof value.bytes - bytes[3], bytes + HEAD_BYTES, bytes[3]);
        match_set(match, id, value);
        size -= HEAD_BYTES + (size_t)bytes[3];
        bytes += HEAD_BYTES + bytes[3];
    }
    return 0;
}
