/* Codecs of what a switch says by itself: which of it a controller wants (set_async, get_async), role_status, table_status, requestforward
 * [OF1.3.5 A.3.10, OF1.5.1 7.3.10, 7.4.4 to 7.4.6].
 *
 *     1.3 and Nicira's: six masks in fixed places.   1.4 and Nicira's second: properties of eight bytes, even types for slaves.
 * A property that is left out leaves the filter as it is, so the body says which were given. Any thread, no state, constant cost.
 * Invariant: a mask that was not given is zero.
 */
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_table.h"

enum { REASONS_SIZE = 8, PROPERTY_EXPERIMENTER_SLAVE = 0xfffe };

static uint32_t *masks_of(struct of_async *async, size_t kind)
{
    uint32_t *const masks[OF_ASYNC_KINDS] = {async->packet_in,   async->port_status,  async->flow_removed,
                                             async->role_status, async->table_status, async->requestforward};

    return masks[kind];
}

static bool has_properties(const struct of_message *message)
{
    return message->form == OF_FORM_NICIRA2 || (message->form == OF_FORM_STANDARD && message->version >= OF_VERSION_14);
}

/* Reasons that a version has not are not to be asked for. Open vSwitch takes unknown bits in 1.3. */
static uint32_t known_reasons(size_t kind)
{
    static const uint32_t known[OF_ASYNC_KINDS] = {
        1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5, /* packet_in */
        7,                                                         /* port_status */
        0x3f,                                                      /* flow_removed */
        3,                                                         /* role_status */
        1u << OF_TABLE_VACANCY_DOWN | 1u << OF_TABLE_VACANCY_UP,   /* table_status */
        3                                                          /* requestforward */
    };

    return known[kind];
}

static int get_property(struct of_async *async, struct of_property *property, struct of_error *error)
{
    size_t kind = property->type / 2;

    if (property->type >= PROPERTY_EXPERIMENTER_SLAVE || kind >= OF_ASYNC_KINDS) {
        bool is_experimenter = property->type >= PROPERTY_EXPERIMENTER_SLAVE;
        return of_refuse(error, is_experimenter ? OF_ERROR_BAD_PROPERTY_BAD_EXPERIMENTER : OF_ERROR_BAD_PROPERTY_BAD_TYPE,
                         "async: property %u is not known", property->type);
    }
    if (reader_left(&property->body) != REASONS_SIZE - 4) {
        return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_LEN, "async: property %u has the wrong length", property->type);
    }
    uint32_t mask = reader_u32(&property->body);
    if ((mask & ~known_reasons(kind)) != 0) {
        return of_refuse(error, OF_ERROR_ASYNC_CONFIG_FAILED_INVALID, "async: property %u with the mask 0x%x", property->type, mask);
    }
    masks_of(async, kind)[property->type % 2 == 0] = mask;
    async->given |= UINT32_C(1) << property->type;
    return 0;
}

int of_async_decode(struct of_decoding *d, struct of_message *out)
{
    if (has_properties(out)) {
        int err = 0;
        while (err == 0 && reader_left(&d->body) > 0) {
            struct of_property property;
            err = of_property_get(&d->body, &property, d->error);
            if (err == 0) {
                err = get_property(&out->async, &property, d->error);
            }
        }
        return err;
    }
    for (size_t kind = 0; kind < OF_ASYNC_KINDS / 2; kind++) {
        masks_of(&out->async, kind)[0] = reader_u32(&d->body);
        masks_of(&out->async, kind)[1] = reader_u32(&d->body);
    }
    out->async.given = OF_ASYNC_GIVEN_13;
    return 0;
}

void of_async_encode(const struct of_message *message, struct writer *w)
{
    struct of_async async = message->async;

    if (!has_properties(message)) {
        for (size_t kind = 0; kind < OF_ASYNC_KINDS / 2; kind++) {
            writer_u32(w, masks_of(&async, kind)[0]);
            writer_u32(w, masks_of(&async, kind)[1]);
        }
        return;
    }
    for (uint16_t type = 0; type < 2 * OF_ASYNC_KINDS; type++) {
        if ((async.given >> type & 1) != 0) {
            size_t begin = of_property_begin(w, type);
            writer_u32(w, masks_of(&async, type / 2)[type % 2 == 0]);
            of_property_end(w, begin);
        }
    }
}

int of_role_status_decode(struct of_decoding *d, struct of_message *out)
{
    uint32_t role = reader_u32(&d->body);

    out->role_status.reason = reader_u8(&d->body);
    reader_skip(&d->body, 3);
    out->role_status.generation_id = reader_u64(&d->body);
    if (d->body.failed || role > OF_ROLE_SLAVE) {
        return of_refuse(d->error, d->body.failed ? OF_ERROR_BAD_REQUEST_BAD_LEN : OF_ERROR_ROLE_REQUEST_FAILED_BAD_ROLE,
                         "role_status: role %u", role);
    }
    out->role_status.role = (enum of_role_kind)role;
    return of_properties_skip(&d->body, d->error);
}

void of_role_status_encode(const struct of_message *message, struct writer *w)
{
    writer_u32(w, (uint32_t)message->role_status.role);
    writer_u8(w, message->role_status.reason);
    writer_pad(w, 3);
    writer_u64(w, message->role_status.generation_id);
}

int of_table_status_decode(struct of_decoding *d, struct of_message *out)
{
    out->table_status.reason = reader_u8(&d->body);
    reader_skip(&d->body, 7);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "table_status: too short");
    }
    return of_table_desc_decode(&d->body, &out->table_status.table) == 0
               ? 0
               : of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "table_status: wrong description");
}

void of_table_status_encode(const struct of_message *message, struct writer *w)
{
    writer_u8(w, message->table_status.reason);
    writer_pad(w, 7);
    of_table_desc_put(w, &message->table_status.table);
}

int of_requestforward_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_requestforward *forward = &out->requestforward;
    struct of_header header;

    forward->request_size = reader_left(&d->body);
    forward->request = forward->request_size > 0 ? reader_bytes(&d->body, forward->request_size) : NULL;
    if (of_header_read(forward->request, forward->request_size, &header) != 0 || header.length != forward->request_size) {
        return of_refuse(d->error, OF_ERROR_BUNDLE_FAILED_MSG_BAD_LEN, "requestforward: the request has another length");
    }
    return 0;
}

void of_requestforward_encode(const struct of_message *message, struct writer *w)
{
    writer_bytes(w, message->requestforward.request, message->requestforward.request_size);
}
