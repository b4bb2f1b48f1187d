/* Codecs of the messages by which a connection lives: hello, error, echo, barrier, role, async, experimenter [OF1.3.5 A.3, A.4, A.5].
 *
 * A HELLO must be understood even from a version not yet written: elements that are not known, or make no sense, are stepped over, and the
 * version of the header counts. Any thread, no state, constant cost.
 * Invariant: data members point into the input or are NULL.
 */
#include "lib/openflow/of_codec.h"

enum { HELLO_VERSION_BITMAP = 1, ERROR_TYPE_EXPERIMENTER = 0xffff };

static const uint8_t *rest_of(struct reader *r, size_t *out_size)
{
    *out_size = reader_left(r);
    return *out_size > 0 ? reader_bytes(r, *out_size) : NULL;
}

static void put_rest(struct writer *w, const uint8_t *data, size_t size)
{
    if (size > 0) {
        writer_bytes(w, data, size);
    }
}

int of_empty_decode(struct of_decoding *d, struct of_message *out)
{
    return 0;
}

void of_empty_encode(const struct of_message *message, struct writer *w)
{
}

static uint32_t versions_up_to(uint8_t version)
{
    return version >= 31 ? 0xfffffffeu : (UINT32_C(2) << version) - 2;
}

int of_hello_decode(struct of_decoding *d, struct of_message *out)
{
    uint32_t versions = 0;

    while (reader_left(&d->body) >= 4) {
        uint16_t type = reader_u16(&d->body);
        uint16_t length = reader_u16(&d->body);
        size_t padded = (length + 7u) / 8 * 8;
        if (length < 4 || length - 4u > reader_left(&d->body)) {
            break;
        }
        size_t body_size = padded - 4 < reader_left(&d->body) ? padded - 4 : reader_left(&d->body);
        struct reader element = reader_sub(&d->body, body_size);
        if (type == HELLO_VERSION_BITMAP && length >= 8) {
            versions = reader_u32(&element);
        }
    }
    reader_skip(&d->body, reader_left(&d->body));
    out->hello.versions = versions != 0 ? versions : versions_up_to(d->version);
    return 0;
}

void of_hello_encode(const struct of_message *message, struct writer *w)
{
    writer_u16(w, HELLO_VERSION_BITMAP);
    writer_u16(w, 8);
    writer_u32(w, message->hello.versions);
}

int of_error_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_error_body *body = &out->error;

    body->wire.type = reader_u16(&d->body);
    body->wire.code = reader_u16(&d->body);
    body->wire.experimenter = body->wire.type == ERROR_TYPE_EXPERIMENTER ? reader_u32(&d->body) : 0;
    body->number = of_error_by_wire(body->wire);
    body->data = rest_of(&d->body, &body->data_size);
    return 0;
}

void of_error_encode(const struct of_message *message, struct writer *w)
{
    const struct of_error_body *body = &message->error;
    struct of_error_wire wire = body->number != OF_ERROR_NONE ? of_error_wire(body->number) : body->wire;

    writer_u16(w, wire.type);
    writer_u16(w, wire.code);
    if (wire.type == ERROR_TYPE_EXPERIMENTER) {
        writer_u32(w, wire.experimenter);
    }
    put_rest(w, body->data, body->data_size);
}

int of_echo_decode(struct of_decoding *d, struct of_message *out)
{
    out->echo.data = rest_of(&d->body, &out->echo.data_size);
    return 0;
}

void of_echo_encode(const struct of_message *message, struct writer *w)
{
    put_rest(w, message->echo.data, message->echo.data_size);
}

int of_experimenter_decode(struct of_decoding *d, struct of_message *out)
{
    out->experimenter.experimenter = reader_u32(&d->body);
    out->experimenter.exp_type = reader_u32(&d->body);
    out->experimenter.data = rest_of(&d->body, &out->experimenter.data_size);
    return 0;
}

void of_experimenter_encode(const struct of_message *message, struct writer *w)
{
    writer_u32(w, message->experimenter.experimenter);
    writer_u32(w, message->experimenter.exp_type);
    put_rest(w, message->experimenter.data, message->experimenter.data_size);
}

int of_role_decode(struct of_decoding *d, struct of_message *out)
{
    uint32_t role = reader_u32(&d->body);

    reader_skip(&d->body, 4);
    out->role.generation_id = reader_u64(&d->body);
    if (!d->body.failed && role > OF_ROLE_SLAVE) {
        return of_refuse(d->error, OF_ERROR_ROLE_REQUEST_FAILED_BAD_ROLE, "unknown role %u", role);
    }
    out->role.role = (enum of_role_kind)role;
    return 0;
}

void of_role_encode(const struct of_message *message, struct writer *w)
{
    writer_u32(w, (uint32_t)message->role.role);
    writer_pad(w, 4);
    writer_u64(w, message->role.generation_id);
}

int of_async_decode(struct of_decoding *d, struct of_message *out)
{
    uint32_t *const masks[] = {out->async.packet_in, out->async.port_status, out->async.flow_removed};

    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        masks[i][0] = reader_u32(&d->body);
        masks[i][1] = reader_u32(&d->body);
    }
    return 0;
}

void of_async_encode(const struct of_message *message, struct writer *w)
{
    const uint32_t *const masks[] = {message->async.packet_in, message->async.port_status, message->async.flow_removed};

    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        writer_u32(w, masks[i][0]);
        writer_u32(w, masks[i][1]);
    }
}
