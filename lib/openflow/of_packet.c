/* Codecs of packets up and down: packet_in and packet_out [OF1.3.5 A.4.1, A.3.7].
 *
 * The data of a packet is lent from the input, not copied. The actions of a packet_out are checked against the packet that it carries, as
 * those of a rule are against its match. Any thread, no state; cost linear in the actions.
 * Invariant: the packet is what is left behind the actions, so a wrong length of the actions cannot reach beyond the message.
 */
#include "lib/flow/parse.h"
#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"
#include "lib/openflow/of_packet_nicira.h"

static void get_frame(struct of_decoding *d, struct of_packet_in *in)
{
    in->data_size = reader_left(&d->body);
    in->data = in->data_size > 0 ? reader_bytes(&d->body, in->data_size) : NULL;
}

/* 1.0 says nothing of tables and cookies. */
static int decode_in10(struct of_decoding *d, struct of_packet_in *in)
{
    match_init(&in->match);
    in->buffer_id = reader_u32(&d->body);
    in->total_size = reader_u16(&d->body);
    uint32_t port = of_port_of_10(reader_u16(&d->body));
    in->reason = reader_u8(&d->body);
    reader_skip(&d->body, 1);
    match_set(&in->match, FIELD_IN_PORT, field_value_u64(port));
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_in: too short");
    }
    get_frame(d, in);
    return 0;
}

static void encode_in10(struct writer *w, const struct of_packet_in *in)
{
    writer_u32(w, in->buffer_id);
    writer_u16(w, in->total_size);
    writer_u16(w, of_port_in_10((uint32_t)field_value_to_u64(field_get(FIELD_IN_PORT, &in->match.value))));
    writer_u8(w, in->reason);
    writer_pad(w, 1);
}

int of_packet_in_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_packet_in *in = &out->packet_in;

    if (out->form != OF_FORM_STANDARD) {
        return of_packet_in_nicira_decode(d, out);
    }
    if (d->version == OF_VERSION_10) {
        return decode_in10(d, in);
    }
    in->buffer_id = reader_u32(&d->body);
    in->total_size = reader_u16(&d->body);
    in->reason = reader_u8(&d->body);
    in->table = reader_u8(&d->body);
    in->cookie = reader_u64(&d->body);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_in: too short");
    }
    int err = of_match_decode(&d->body, &in->match, d->error);
    reader_skip(&d->body, 2);
    get_frame(d, in);
    return err;
}

void of_packet_in_encode(const struct of_message *message, struct writer *w)
{
    const struct of_packet_in *in = &message->packet_in;

    if (message->form != OF_FORM_STANDARD) {
        of_packet_in_nicira_encode(message, w);
        return;
    }
    if (message->version == OF_VERSION_10) {
        encode_in10(w, in);
    } else {
        writer_u32(w, in->buffer_id);
        writer_u16(w, in->total_size);
        writer_u8(w, in->reason);
        writer_u8(w, in->table);
        writer_u64(w, in->cookie);
        of_match_encode(w, message->version, &in->match);
        writer_pad(w, 2);
    }
    if (in->data_size > 0) {
        writer_bytes(w, in->data, in->data_size);
    }
}

static int check_actions(const struct of_packet_out *po, uint8_t version, struct of_error *error)
{
    struct match packet;
    struct parse_result where;

    match_init(&packet);
    if (po->data_size == 0 || parse_frame(po->data, po->data_size, po->in_port, &packet.value.key, &where) != 0) {
        return of_actions_check(&po->actions, version, NULL, error);
    }
    memset(&packet.mask, 0xff, sizeof packet.mask);
    return of_actions_check(&po->actions, version, &packet, error);
}

static int check_in_port(uint32_t port, struct of_error *error)
{
    int err = of_port_check(port, "in_port", error);

    if (err == 0 && !of_port_is_ingress(port)) {
        err = of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_PORT, "packet_out: in_port %u", port);
    }
    return err;
}

/* 1.5 says all that is known of the packet's way by a match, of which the port must be one. */
static int get_head15(struct of_decoding *d, struct of_packet_out *po, uint16_t *out_actions_size)
{
    *out_actions_size = reader_u16(&d->body);
    reader_skip(&d->body, 2);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_out: too short");
    }
    int err = of_match_decode(&d->body, &po->match, d->error);
    if (err == 0 && po->match.mask.key.in_port.raw == 0) {
        err = of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_PORT, "packet_out: without in_port");
    }
    po->in_port = (uint32_t)field_value_to_u64(field_get(FIELD_IN_PORT, &po->match.value));
    po->match.mask.key.in_port = be32(0);
    po->match.value.key.in_port = be32(0);
    return err;
}

static int get_head(struct of_decoding *d, struct of_packet_out *po, uint16_t *out_actions_size)
{
    bool is_10 = d->version == OF_VERSION_10;

    match_init(&po->match);
    po->buffer_id = reader_u32(&d->body);
    if (d->version >= OF_VERSION_15) {
        return get_head15(d, po, out_actions_size);
    }
    po->in_port = is_10 ? of_port_of_10(reader_u16(&d->body)) : reader_u32(&d->body);
    *out_actions_size = reader_u16(&d->body);
    reader_skip(&d->body, is_10 ? 0 : 6);
    return d->body.failed ? of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_out: too short") : 0;
}

int of_packet_out_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_packet_out *po = &out->packet_out;

    uint16_t actions_size = 0;
    int err = get_head(d, po, &actions_size);

    if (err == 0) {
        err = check_in_port(po->in_port, d->error);
    }
    if (err != 0) {
        return err;
    }
    if (actions_size > reader_left(&d->body)) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_out: actions of %u bytes", actions_size);
    }
    struct reader actions = reader_sub(&d->body, actions_size);
    err = of_actions_decode(&actions, d->version, &po->actions, d->error);
    if (err != 0) {
        return err;
    }
    po->data_size = reader_left(&d->body);
    po->data = po->data_size > 0 ? reader_bytes(&d->body, po->data_size) : NULL;
    return check_actions(po, d->version, d->error);
}

/* Returns where the length of the actions goes. */
static size_t put_head(struct writer *w, uint8_t version, const struct of_packet_out *po)
{
    size_t length_at = w->size;

    if (version >= OF_VERSION_15) {
        struct match match = po->match;
        match_set(&match, FIELD_IN_PORT, field_value_u64(po->in_port));
        writer_u16(w, 0);
        writer_pad(w, 2);
        of_match_encode(w, version, &match);
        return length_at;
    }
    if (version == OF_VERSION_10) {
        writer_u16(w, of_port_in_10(po->in_port));
        length_at = w->size;
        writer_u16(w, 0);
        return length_at;
    }
    writer_u32(w, po->in_port);
    length_at = w->size;
    writer_u16(w, 0);
    writer_pad(w, 6);
    return length_at;
}

void of_packet_out_encode(const struct of_message *message, struct writer *w)
{
    const struct of_packet_out *po = &message->packet_out;

    writer_u32(w, po->buffer_id);
    size_t length_at = put_head(w, message->version, po);
    size_t begin = w->size;
    of_actions_encode(w, message->version, &po->actions);
    writer_patch_u16(w, length_at, (uint16_t)(w->size - begin));
    if (po->data_size > 0) {
        writer_bytes(w, po->data, po->data_size);
    }
}
