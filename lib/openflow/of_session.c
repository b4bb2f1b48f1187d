/* Codecs of the messages by which a connection lives: hello, error, echo, barrier, role, experimenter, and what Nicira added to
 * shape a connection of 1.0 [OF1.3.5 A.3, A.4, A.5].
 *
 * A HELLO must be understood even from a version not yet written: elements that are not known, or make no sense, are stepped over, and the
 * version of the header counts. Any thread, no state, constant cost.
 * Invariant: data members point into the input or are NULL.
 */
#include "lib/openflow/of_codec.h"

enum {
    HELLO_VERSION_BITMAP = 1,
    ERROR_TYPE_EXPERIMENTER = 0xffff,
    ERROR_TYPE_VENDOR = 0xb0c2 /* 1.0 has none of its own for experimenters' errors: Nicira's, who have two numbers behind it */
};

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
    if (message->hello.versions == versions_up_to(message->version)) {
        return; /* the header says it all; old peers understand nothing else */
    }
    writer_u16(w, HELLO_VERSION_BITMAP);
    writer_u16(w, 8);
    writer_u32(w, message->hello.versions);
}

int of_error_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_error_body *body = &out->error;

    body->wire.type = reader_u16(&d->body);
    body->wire.code = reader_u16(&d->body);
    if (d->version == OF_VERSION_10 && body->wire.type == ERROR_TYPE_VENDOR && body->wire.code == 0) {
        body->wire.experimenter = reader_u32(&d->body);
        body->wire.type = reader_u16(&d->body);
        body->wire.code = reader_u16(&d->body);
        if (body->wire.experimenter == 0) {
            return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_EXPERIMENTER, "error: experimenter 0");
        }
    } else if (d->version != OF_VERSION_10 && body->wire.type == ERROR_TYPE_EXPERIMENTER) {
        body->wire.experimenter = reader_u32(&d->body);
    }
    body->number = of_error_by_wire(body->wire, d->version);
    body->data = rest_of(&d->body, &body->data_size);
    return 0;
}

void of_error_encode(const struct of_message *message, struct writer *w)
{
    const struct of_error_body *body = &message->error;
    struct of_error_wire wire = body->number != OF_ERROR_NONE ? of_error_wire(body->number, message->version) : body->wire;

    if (message->version == OF_VERSION_10 && wire.experimenter != 0) {
        writer_u16(w, ERROR_TYPE_VENDOR);
        writer_u16(w, 0);
        writer_u32(w, wire.experimenter);
        writer_u16(w, wire.type);
        writer_u16(w, wire.code);
        put_rest(w, body->data, body->data_size);
        return;
    }
    writer_u16(w, wire.type);
    writer_u16(w, wire.code);
    if (message->version != OF_VERSION_10 && wire.type == ERROR_TYPE_EXPERIMENTER) {
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

/* Nicira's numbers are one less, and without an election. */
static int decode_nicira_role(struct of_decoding *d, struct of_message *out)
{
    uint32_t role = reader_u32(&d->body);

    if (!d->body.failed && role >= OF_ROLE_SLAVE) {
        return of_refuse(d->error, OF_ERROR_ROLE_REQUEST_FAILED_BAD_ROLE, "unknown role %u", role);
    }
    out->role.role = (enum of_role_kind)(role + 1);
    return 0;
}

int of_role_decode(struct of_decoding *d, struct of_message *out)
{
    if (out->form == OF_FORM_NICIRA) {
        return decode_nicira_role(d, out);
    }
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
    if (message->form == OF_FORM_NICIRA) {
        writer_u32(w, message->role.role != OF_ROLE_NOCHANGE ? (uint32_t)message->role.role - 1 : 0);
        return;
    }
    writer_u32(w, (uint32_t)message->role.role);
    writer_pad(w, 4);
    writer_u64(w, message->role.generation_id);
}

int of_number_decode(struct of_decoding *d, struct of_message *out)
{
    out->number.number = reader_u32(&d->body);
    return 0;
}

void of_number_encode(const struct of_message *message, struct writer *w)
{
    writer_u32(w, message->number.number);
}

int of_flow_mod_table_id_decode(struct of_decoding *d, struct of_message *out)
{
    out->flow_mod_table_id.is_set = reader_u8(&d->body) != 0;
    reader_skip(&d->body, 7);
    return 0;
}

void of_flow_mod_table_id_encode(const struct of_message *message, struct writer *w)
{
    writer_u8(w, message->flow_mod_table_id.is_set);
    writer_pad(w, 7);
}

int of_controller_id_decode(struct of_decoding *d, struct of_message *out)
{
    if (!of_get_zeroes(&d->body, 6)) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "controller id: zeroes are not");
    }
    out->controller_id.id = reader_u16(&d->body);
    return 0;
}

void of_controller_id_encode(const struct of_message *message, struct writer *w)
{
    writer_pad(w, 6);
    writer_u16(w, message->controller_id.id);
}
