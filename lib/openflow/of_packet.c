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

int of_packet_in_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_packet_in *in = &out->packet_in;

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
    in->data_size = reader_left(&d->body);
    in->data = in->data_size > 0 ? reader_bytes(&d->body, in->data_size) : NULL;
    return err;
}

void of_packet_in_encode(const struct of_message *message, struct writer *w)
{
    const struct of_packet_in *in = &message->packet_in;

    writer_u32(w, in->buffer_id);
    writer_u16(w, in->total_size);
    writer_u8(w, in->reason);
    writer_u8(w, in->table);
    writer_u64(w, in->cookie);
    of_match_encode(w, &in->match);
    writer_pad(w, 2);
    if (in->data_size > 0) {
        writer_bytes(w, in->data, in->data_size);
    }
}

static int check_actions(const struct of_packet_out *po, struct of_error *error)
{
    struct match packet;
    struct parse_result where;

    match_init(&packet);
    if (po->data_size == 0 || parse_frame(po->data, po->data_size, po->in_port, &packet.value.key, &where) != 0) {
        return of_actions_check(&po->actions, NULL, error);
    }
    memset(&packet.mask, 0xff, sizeof packet.mask);
    return of_actions_check(&po->actions, &packet, error);
}

static int check_in_port(uint32_t port, struct of_error *error)
{
    int err = of_port_check(port, "in_port", error);

    if (err == 0 && !of_port_is_ingress(port)) {
        err = of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_PORT, "packet_out: in_port %u", port);
    }
    return err;
}

int of_packet_out_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_packet_out *po = &out->packet_out;

    po->buffer_id = reader_u32(&d->body);
    po->in_port = reader_u32(&d->body);
    uint16_t actions_size = reader_u16(&d->body);
    reader_skip(&d->body, 6);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_out: too short");
    }
    int err = check_in_port(po->in_port, d->error);
    if (err != 0) {
        return err;
    }
    if (actions_size > reader_left(&d->body)) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_out: actions of %u bytes", actions_size);
    }
    struct reader actions = reader_sub(&d->body, actions_size);
    err = of_actions_decode(&actions, &po->actions, d->error);
    if (err != 0) {
        return err;
    }
    po->data_size = reader_left(&d->body);
    po->data = po->data_size > 0 ? reader_bytes(&d->body, po->data_size) : NULL;
    return check_actions(po, d->error);
}

void of_packet_out_encode(const struct of_message *message, struct writer *w)
{
    const struct of_packet_out *po = &message->packet_out;

    writer_u32(w, po->buffer_id);
    writer_u32(w, po->in_port);
    size_t length_at = w->size;
    writer_u16(w, 0);
    writer_pad(w, 6);
    size_t begin = w->size;
    of_actions_encode(w, &po->actions);
    writer_patch_u16(w, length_at, (uint16_t)(w->size - begin));
    if (po->data_size > 0) {
        writer_bytes(w, po->data, po->data_size);
    }
}
