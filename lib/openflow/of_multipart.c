/* Multipart requests and replies: the header they share, the bodies of requests, and the splitting of long replies [OF1.3.5 A.3.5].
 *
 * A reply is written into one growing buffer. When an item makes the message too long, the message ends before it, is marked MORE,
 * and the item's bytes move behind a new header: at most one item is moved per 64 KiB. Any thread, no state.
 * What may never happen: a reply that goes out with a wrong length, or without a last message that is not marked MORE.
 */
#include "lib/openflow/of_multipart.h"

#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"

enum { MULTIPART_HEADER_SIZE = OF_HEADER_SIZE + 8, FLAGS_OFFSET = OF_HEADER_SIZE + 2, EXPERIMENTER_HEADER_SIZE = 8 };

static void put_header(struct writer *w, uint16_t type, uint16_t flags)
{
    writer_u16(w, type);
    writer_u16(w, flags);
    writer_pad(w, 4);
}

void of_multipart_begin(struct of_multipart *mp, struct writer *out, uint8_t version, uint32_t xid, enum of_multipart_type type)
{
    *mp = (struct of_multipart){.out = out, .xid = xid, .version = version, .type = (uint16_t)type};
    mp->begin = of_begin(out, version, OF_MULTIPART_REPLY, xid);
    put_header(out, mp->type, 0);
    mp->item_begin = out->size;
}

void of_multipart_end(struct of_multipart *mp)
{
    writer_patch_u16(mp->out, mp->begin + 2, (uint16_t)(mp->out->size - mp->begin));
}

void of_multipart_item_begin(struct of_multipart *mp)
{
    mp->item_begin = mp->out->size;
}

/* Ends the message before the last item and puts that item into a new one. */
static void begin_next_message(struct of_multipart *mp, size_t item_size)
{
    struct writer *w = mp->out;
    size_t item_begin = mp->item_begin;

    writer_patch_u16(w, mp->begin + 2, (uint16_t)(item_begin - mp->begin));
    writer_patch_u16(w, mp->begin + FLAGS_OFFSET, OF_MULTIPART_MORE);
    writer_extend(w, MULTIPART_HEADER_SIZE);
    memmove(w->bytes + item_begin + MULTIPART_HEADER_SIZE, w->bytes + item_begin, item_size);
    w->size = item_begin;
    mp->begin = of_begin(w, mp->version, OF_MULTIPART_REPLY, mp->xid);
    put_header(w, mp->type, 0);
    mp->item_begin = w->size;
    w->size += item_size;
}

int of_multipart_item_end(struct of_multipart *mp)
{
    size_t item_size = mp->out->size - mp->item_begin;

    if (item_size + MULTIPART_HEADER_SIZE > OF_MESSAGE_MAX) {
        mp->out->size = mp->item_begin;
        return -ERROR_TOO_LARGE;
    }
    if (mp->out->size - mp->begin > OF_MESSAGE_MAX) {
        begin_next_message(mp, item_size);
    }
    return 0;
}

static bool request_size_is_right(uint16_t type, size_t size)
{
    if (type == OF_MULTIPART_EXPERIMENTER) {
        return size >= EXPERIMENTER_HEADER_SIZE;
    }
    switch ((enum of_multipart_type)type) {
#define OF_MULTIPART(name, number, request_size)                                                                               \
    case OF_MULTIPART_##name:                                                                                                  \
        return (request_size) == OF_BODY_ANY || size == (request_size);
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
    }
    return false;
}

static int get_filter(struct of_decoding *d, struct rule_filter *filter)
{
    struct reader *r = &d->body;

    rule_filter_init(filter);
    filter->table = reader_u8(r);
    reader_skip(r, 3);
    filter->out_port = reader_u32(r);
    filter->out_group = reader_u32(r);
    reader_skip(r, 4);
    filter->cookie = reader_u64(r);
    filter->cookie_mask = reader_u64(r);
    if (r->failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "statistics request: too short");
    }
    int err = of_check_units(d);
    if (err == 0) {
        err = of_port_check(filter->out_port, "out_port", d->error);
    }
    return err != 0 ? err : of_match_decode(r, &filter->match, d->error);
}

static void put_filter(struct writer *w, const struct rule_filter *filter)
{
    writer_u8(w, filter->table);
    writer_pad(w, 3);
    writer_u32(w, filter->out_port);
    writer_u32(w, filter->out_group);
    writer_pad(w, 4);
    writer_u64(w, filter->cookie);
    writer_u64(w, filter->cookie_mask);
    of_match_encode(w, &filter->match);
}

static uint32_t get_id(struct reader *r)
{
    uint32_t id = reader_u32(r);

    reader_skip(r, 4);
    return id;
}

static void put_id(struct writer *w, uint32_t id)
{
    writer_u32(w, id);
    writer_pad(w, 4);
}

static int get_request_body(struct of_decoding *d, struct of_multipart_request *request)
{
    struct reader *r = &d->body;

    switch ((enum of_multipart_type)request->type) {
    case OF_MULTIPART_FLOW:
    case OF_MULTIPART_AGGREGATE:
        return get_filter(d, &request->filter);
    case OF_MULTIPART_PORT_STATS:
        request->port_no = get_id(r);
        return of_port_check(request->port_no, "port_no", d->error);
    case OF_MULTIPART_QUEUE:
        request->queue.port_no = reader_u32(r);
        request->queue.queue_id = reader_u32(r);
        return of_port_check(request->queue.port_no, "port_no", d->error);
    case OF_MULTIPART_GROUP:
        request->group_id = get_id(r);
        return 0;
    case OF_MULTIPART_METER:
    case OF_MULTIPART_METER_CONFIG:
        request->meter_id = get_id(r);
        return 0;
    case OF_MULTIPART_TABLE_FEATURES:
    case OF_MULTIPART_EXPERIMENTER:
        request->raw.data_size = reader_left(r);
        request->raw.data = request->raw.data_size > 0 ? reader_bytes(r, request->raw.data_size) : NULL;
        return 0;
    case OF_MULTIPART_DESC:
    case OF_MULTIPART_TABLE:
    case OF_MULTIPART_GROUP_DESC:
    case OF_MULTIPART_GROUP_FEATURES:
    case OF_MULTIPART_METER_FEATURES:
    case OF_MULTIPART_PORT_DESC:
        return 0;
    }
    return 0;
}

int of_multipart_request_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_multipart_request *request = &out->multipart_request;

    request->type = reader_u16(&d->body);
    request->flags = reader_u16(&d->body) & OF_MULTIPART_MORE;
    reader_skip(&d->body, 4);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "multipart: too short");
    }
    if (of_multipart_name(request->type) == NULL) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_MULTIPART, "unknown multipart type %u", request->type);
    }
    if (!request_size_is_right(request->type, reader_left(&d->body))) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "multipart %s: wrong length",
                         of_multipart_name(request->type));
    }
    bool may_go_on = request->type == OF_MULTIPART_TABLE_FEATURES || request->type == OF_MULTIPART_EXPERIMENTER;
    if (request->flags != 0 && !may_go_on) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_MULTIPART_BUFFER_OVERFLOW,
                         "multipart %s: one message holds the request", of_multipart_name(request->type));
    }
    return get_request_body(d, request);
}

void of_multipart_request_encode(const struct of_message *message, struct writer *w)
{
    const struct of_multipart_request *request = &message->multipart_request;

    put_header(w, request->type, request->flags);
    switch ((enum of_multipart_type)request->type) {
    case OF_MULTIPART_FLOW:
    case OF_MULTIPART_AGGREGATE:
        put_filter(w, &request->filter);
        return;
    case OF_MULTIPART_PORT_STATS:
        put_id(w, request->port_no);
        return;
    case OF_MULTIPART_QUEUE:
        writer_u32(w, request->queue.port_no);
        writer_u32(w, request->queue.queue_id);
        return;
    case OF_MULTIPART_GROUP:
        put_id(w, request->group_id);
        return;
    case OF_MULTIPART_METER:
    case OF_MULTIPART_METER_CONFIG:
        put_id(w, request->meter_id);
        return;
    case OF_MULTIPART_TABLE_FEATURES:
    case OF_MULTIPART_EXPERIMENTER:
        if (request->raw.data_size > 0) {
            writer_bytes(w, request->raw.data, request->raw.data_size);
        }
        return;
    case OF_MULTIPART_DESC:
    case OF_MULTIPART_TABLE:
    case OF_MULTIPART_GROUP_DESC:
    case OF_MULTIPART_GROUP_FEATURES:
    case OF_MULTIPART_METER_FEATURES:
    case OF_MULTIPART_PORT_DESC:
        return;
    }
}

int of_multipart_reply_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_multipart_reply *reply = &out->multipart_reply;

    reply->type = reader_u16(&d->body);
    reply->flags = reader_u16(&d->body);
    reader_skip(&d->body, 4);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "multipart: too short");
    }
    reply->data_size = reader_left(&d->body);
    reply->data = reply->data_size > 0 ? reader_bytes(&d->body, reply->data_size) : NULL;
    return 0;
}

void of_multipart_reply_encode(const struct of_message *message, struct writer *w)
{
    const struct of_multipart_reply *reply = &message->multipart_reply;

    put_header(w, reply->type, reply->flags);
    if (reply->data_size > 0) {
        writer_bytes(w, reply->data, reply->data_size);
    }
}
