/* NXT_PACKET_IN and NXT_PACKET_IN2, which a controller asks for by SET_PACKET_IN_FORMAT, and NXT_RESUME, which brings one of the second back.
 *
 *     first: buffer(4) total(2) reason(1) table(1) cookie(8) match_len(2) pad(6) NXM pad(2) frame
 *     second: properties: packet 0, full length 1, buffer 2, table 3, cookie 4, reason 5, metadata 6 (OXM, in 1.0 NXM), userdata 7,
 *     continuation 8: pad(4), properties of the switch's own: here one, whose bytes are those of lib/msg/continuation.h
 * The second is the only one that carries the userdata of a controller action. Any thread, no state, linear cost.
 * Invariant: frame and userdata are lent from the input.
 */
#include "lib/openflow/of_packet_nicira.h"

#include "lib/openflow/of_match.h"

enum {
    IN2_PACKET = 0,
    IN2_FULL_LEN = 1,
    IN2_BUFFER_ID = 2,
    IN2_TABLE_ID = 3,
    IN2_COOKIE = 4,
    IN2_REASON = 5,
    IN2_METADATA = 6,
    IN2_USERDATA = 7,
    IN2_CONTINUATION = 8,
    CONTINUATION_OURS = 0x9000 /* Open vSwitch's are 0x8000 to 0x8009 */
};

static int decode_first(struct of_decoding *d, struct of_packet_in *in)
{
    in->buffer_id = reader_u32(&d->body);
    in->total_size = reader_u16(&d->body);
    in->reason = reader_u8(&d->body);
    in->table = reader_u8(&d->body);
    in->cookie = reader_u64(&d->body);
    uint16_t match_size = reader_u16(&d->body);
    reader_skip(&d->body, 6);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "packet_in: too short");
    }
    int err = of_nxm_decode(&d->body, match_size, &in->match, NULL, d->error);
    if (err != 0) {
        return err;
    }
    reader_skip(&d->body, 2);
    in->data_size = reader_left(&d->body);
    in->data = in->data_size > 0 ? reader_bytes(&d->body, in->data_size) : NULL;
    return 0;
}

static const uint8_t *lend(struct reader *r, size_t *out_size)
{
    *out_size = reader_left(r);
    return *out_size > 0 ? reader_bytes(r, *out_size) : NULL;
}

/* The pad and the property in it. */
static int get_continuation(struct reader body, struct of_packet_in *in, struct of_error *error)
{
    struct of_property inner;

    reader_skip(&body, 4);
    while (!body.failed && reader_left(&body) > 0) {
        int err = of_property_get(&body, &inner, error);
        if (err != 0) {
            return err;
        }
        if (inner.type != CONTINUATION_OURS) {
            return of_property_unknown(&inner, error);
        }
        in->continuation = lend(&inner.body, &in->continuation_size);
    }
    return body.failed ? of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_LEN, "continuation: too short") : 0;
}

static int get_property(struct of_property *property, struct of_packet_in *in, struct of_error *error)
{
    struct reader *body = &property->body;

    switch (property->type) {
    case IN2_PACKET:
        in->data = lend(body, &in->data_size);
        return 0;
    case IN2_FULL_LEN:
        in->total_size = (uint16_t)reader_u32(body);
        break;
    case IN2_BUFFER_ID:
        in->buffer_id = reader_u32(body);
        break;
    case IN2_TABLE_ID:
        in->table = reader_u8(body);
        break;
    case IN2_COOKIE:
        reader_skip(body, 4);
        in->cookie = reader_u64(body);
        break;
    case IN2_REASON:
        in->reason = reader_u8(body);
        break;
    case IN2_METADATA:
        return of_oxm_decode_match(*body, &in->match, error);
    case IN2_USERDATA:
        in->userdata = lend(body, &in->userdata_size);
        return 0;
    case IN2_CONTINUATION:
        return get_continuation(*body, in, error);
    default:
        return of_property_unknown(property, error);
    }
    return of_property_finish(property, error);
}

static int decode_second(struct of_decoding *d, struct of_packet_in *in)
{
    uint16_t total = 0;

    match_init(&in->match);
    in->buffer_id = OF_NO_BUFFER;
    in->cookie = UINT64_MAX;
    in->total_size = 0;
    while (reader_left(&d->body) > 0) {
        struct of_property property;
        int err = of_property_get(&d->body, &property, d->error);
        if (err == 0) {
            err = get_property(&property, in, d->error);
        }
        if (err != 0) {
            return err;
        }
        total = in->total_size;
    }
    in->total_size = total != 0 ? total : (uint16_t)(in->data_size < UINT16_MAX ? in->data_size : UINT16_MAX);
    return 0;
}

int of_packet_in_nicira_decode(struct of_decoding *d, struct of_message *out)
{
    return out->form == OF_FORM_NICIRA ? decode_first(d, &out->packet_in) : decode_second(d, &out->packet_in);
}

static void put_u32(struct writer *w, uint16_t type, uint32_t value)
{
    size_t begin = of_property_begin(w, type);

    writer_u32(w, value);
    of_property_end(w, begin);
}

static void put_u8(struct writer *w, uint16_t type, uint8_t value)
{
    size_t begin = of_property_begin(w, type);

    writer_u8(w, value);
    of_property_end(w, begin);
}

static void put_bytes(struct writer *w, uint16_t type, const uint8_t *bytes, size_t size)
{
    size_t begin = of_property_begin(w, type);

    if (size > 0) {
        writer_bytes(w, bytes, size);
    }
    of_property_end(w, begin);
}

static void encode_second(struct writer *w, uint8_t version, const struct of_packet_in *in)
{
    put_bytes(w, IN2_PACKET, in->data, in->data_size);
    if (in->total_size != in->data_size) {
        put_u32(w, IN2_FULL_LEN, in->total_size);
    }
    if (in->buffer_id != OF_NO_BUFFER) {
        put_u32(w, IN2_BUFFER_ID, in->buffer_id);
    }
    put_u8(w, IN2_TABLE_ID, in->table);
    if (in->cookie != UINT64_MAX) {
        size_t begin = of_property_begin(w, IN2_COOKIE);
        writer_pad(w, 4);
        writer_u64(w, in->cookie);
        of_property_end(w, begin);
    }
    put_u8(w, IN2_REASON, in->reason);
    size_t begin = of_property_begin(w, IN2_METADATA);
    of_oxm_encode_match(w, version, &in->match);
    of_property_end(w, begin);
    if (in->userdata != NULL) {
        put_bytes(w, IN2_USERDATA, in->userdata, in->userdata_size);
    }
    if (in->continuation != NULL) {
        begin = of_property_begin(w, IN2_CONTINUATION);
        writer_pad(w, 4);
        put_bytes(w, CONTINUATION_OURS, in->continuation, in->continuation_size);
        of_property_end(w, begin);
    }
}

void of_packet_in_nicira_encode(const struct of_message *message, struct writer *w)
{
    const struct of_packet_in *in = &message->packet_in;

    if (message->form == OF_FORM_NICIRA2) {
        encode_second(w, message->version, in);
        return;
    }
    writer_u32(w, in->buffer_id);
    writer_u16(w, in->total_size);
    writer_u8(w, in->reason);
    writer_u8(w, in->table);
    writer_u64(w, in->cookie);
    size_t size_at = w->size;
    writer_u16(w, 0);
    writer_pad(w, 6);
    writer_patch_u16(w, size_at, of_nxm_encode(w, &in->match, NULL));
    writer_pad(w, 2);
    if (in->data_size > 0) {
        writer_bytes(w, in->data, in->data_size);
    }
}

int of_resume_decode(struct of_decoding *d, struct of_message *out)
{
    memset(&out->resume, 0, sizeof out->resume);
    return decode_second(d, &out->resume);
}

void of_resume_encode(const struct of_message *message, struct writer *w)
{
    encode_second(w, message->version, &message->resume);
}
