/* Multipart requests and replies: the header they share, the bodies of requests, and the splitting of long replies [OF1.3.5 A.3.5].
 *
 * A reply is written into one growing buffer. When an item makes the message too long, the message ends before it, is marked MORE,
 * and the item's bytes move behind a new header: at most one item is moved per 64 KiB. Any thread, no state.
 * What may never happen: a reply that goes out with a wrong length, or without a last message that is not marked MORE.
 */
#include "lib/openflow/of_multipart.h"

#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_flow10.h"
#include "lib/openflow/of_match.h"
#include "lib/openflow/of_monitor.h"

enum { FLAGS_OFFSET = OF_HEADER_SIZE + 2, EXPERIMENTER_HEADER_SIZE = 8 };

/* 1.0 has no padding behind the flags; Nicira's of 1.0 has it behind its number. */
static void put_header(struct writer *w, uint8_t version, uint16_t type, uint16_t flags, enum of_form form)
{
    const struct of_experimenter_row *row = form != OF_FORM_STANDARD ? of_experimenter_multipart_of(version, type, form) : NULL;

    writer_u16(w, row != NULL ? (uint16_t)OF_MULTIPART_EXPERIMENTER : type);
    writer_u16(w, flags);
    if (version != OF_VERSION_10) {
        writer_pad(w, 4);
    }
    if (row != NULL) {
        writer_u32(w, row->experimenter);
        writer_u32(w, row->number);
        if (version == OF_VERSION_10) {
            writer_pad(w, 4);
        }
    }
}

static size_t begin_reply(struct of_multipart *mp)
{
    size_t begin = of_begin(mp->out, mp->version, of_type_number(mp->version, OF_MULTIPART_REPLY), mp->xid);

    put_header(mp->out, mp->version, mp->type, 0, mp->form);
    return begin;
}

void of_multipart_begin(struct of_multipart *mp, struct writer *out, uint8_t version, uint32_t xid, enum of_multipart_type type,
                        enum of_form form)
{
    const struct of_experimenter_row *row = !of_multipart_exists(version, (uint16_t)type) && form == OF_FORM_STANDARD
                                                ? of_experimenter_multipart_of(version, (uint16_t)type, form)
                                                : NULL;

    *mp = (struct of_multipart){
        .out = out, .xid = xid, .version = version, .type = (uint16_t)type, .form = row != NULL ? row->form : form};
    mp->begin = begin_reply(mp);
    mp->header_size = out->size - mp->begin;
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
    writer_extend(w, mp->header_size);
    memmove(w->bytes + item_begin + mp->header_size, w->bytes + item_begin, item_size);
    w->size = item_begin;
    mp->begin = begin_reply(mp);
    mp->item_begin = w->size;
    w->size += item_size;
}

int of_multipart_item_end(struct of_multipart *mp)
{
    size_t item_size = mp->out->size - mp->item_begin;

    if (item_size + mp->header_size > OF_MESSAGE_MAX) {
        mp->out->size = mp->item_begin;
        return -ERROR_TOO_LARGE;
    }
    if (mp->out->size - mp->begin > OF_MESSAGE_MAX) {
        begin_next_message(mp, item_size);
    }
    return 0;
}

static uint16_t size_in(uint8_t version, uint16_t size_10, uint16_t size, uint16_t size_15)
{
    return version == OF_VERSION_10 ? size_10 : version < OF_VERSION_15 ? size : size_15;
}

static bool request_size_is_right(uint8_t version, uint16_t type, size_t size)
{
    uint16_t wanted = OF_BODY_ANY;

    if (type == OF_MULTIPART_EXPERIMENTER) {
        return size >= EXPERIMENTER_HEADER_SIZE;
    }
    switch ((enum of_multipart_type)type) {
#define OF_MULTIPART(name, number, first, size_10, size, size_15)                                                              \
    case OF_MULTIPART_##name:                                                                                                  \
        wanted = size_in(version, size_10, size, size_15);                                                                     \
        break;
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
    }
    return wanted == OF_BODY_ANY || size == wanted;
}

static int get_filter(struct of_decoding *d, enum of_form form, struct rule_filter *filter)
{
    struct reader *r = &d->body;

    if (d->version == OF_VERSION_10) {
        return of_flow10_filter_decode(d, form, filter);
    }
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

static void put_filter(struct writer *w, uint8_t version, enum of_form form, const struct rule_filter *filter)
{
    if (version == OF_VERSION_10) {
        of_flow10_filter_encode(w, form, filter);
        return;
    }
    writer_u8(w, filter->table);
    writer_pad(w, 3);
    writer_u32(w, filter->out_port);
    writer_u32(w, filter->out_group);
    writer_pad(w, 4);
    writer_u64(w, filter->cookie);
    writer_u64(w, filter->cookie_mask);
    of_match_encode(w, version, &filter->match);
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

static uint32_t get_port(struct reader *r, uint8_t version)
{
    if (version != OF_VERSION_10) {
        return reader_u32(r);
    }
    uint32_t port = of_port_of_10(reader_u16(r));
    reader_skip(r, 2);
    return port;
}

static void put_port(struct writer *w, uint8_t version, uint32_t port)
{
    if (version != OF_VERSION_10) {
        writer_u32(w, port);
        return;
    }
    writer_u16(w, of_port_in_10(port));
    writer_pad(w, 2);
}

/* 1.0 says all queues' ports by OFPP_ALL. */
static int get_queue(struct of_decoding *d, struct of_multipart_request *request)
{
    request->queue.port_no = get_port(&d->body, d->version);
    request->queue.queue_id = reader_u32(&d->body);
    if (d->version == OF_VERSION_10 && request->queue.port_no == PORT_ALL) {
        request->queue.port_no = PORT_ANY;
    }
    return of_port_check(request->queue.port_no, "port_no", d->error);
}

static int get_request_body(struct of_decoding *d, struct of_multipart_request *request)
{
    struct reader *r = &d->body;

    switch ((enum of_multipart_type)request->type) {
    case OF_MULTIPART_FLOW:
    case OF_MULTIPART_AGGREGATE:
        return get_filter(d, request->form, &request->filter);
    case OF_MULTIPART_FLOW_MONITOR:
        return of_monitors_decode(d, request);
    case OF_MULTIPART_PORT_STATS:
        request->port_no = get_port(r, d->version);
        reader_skip(r, 4);
        return of_port_check(request->port_no, "port_no", d->error);
    case OF_MULTIPART_PORT_DESC:
        request->port_no = d->version >= OF_VERSION_15 ? get_id(r) : PORT_ANY;
        return of_port_check(request->port_no, "port_no", d->error);
    case OF_MULTIPART_QUEUE:
    case OF_MULTIPART_QUEUE_DESC:
        return get_queue(d, request);
    case OF_MULTIPART_GROUP_DESC:
        request->group_id = d->version >= OF_VERSION_15 || d->version == OF_VERSION_10 ? get_id(r) : GROUP_ALL;
        return 0;
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
    case OF_MULTIPART_GROUP_FEATURES:
    case OF_MULTIPART_METER_FEATURES:
    case OF_MULTIPART_TABLE_DESC:
        return 0;
    }
    return 0;
}

/* Type and flags, and which experimenter's it is. */
static int get_header(struct of_decoding *d, uint16_t *out_type, uint16_t *out_flags, enum of_form *out_form)
{
    struct reader *r = &d->body;
    uint16_t type = reader_u16(r);

    *out_flags = reader_u16(r);
    reader_skip(r, d->version != OF_VERSION_10 ? 4 : 0);
    if (r->failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "multipart: too short");
    }
    *out_form = OF_FORM_STANDARD;
    *out_type = type;
    struct reader ahead = *r;
    uint32_t experimenter = reader_u32(&ahead);
    uint32_t number = reader_u32(&ahead);
    const struct of_experimenter_row *row = type == OF_MULTIPART_EXPERIMENTER && !ahead.failed
                                                ? of_experimenter_multipart_by_number(d->version, experimenter, number)
                                                : NULL;
    reader_skip(&ahead, d->version == OF_VERSION_10 ? 4 : 0);
    if (row != NULL && ahead.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "multipart: too short");
    }
    if (row != NULL) {
        *out_type = row->type;
        *out_form = row->form;
        *r = ahead;
    }
    return 0;
}

int of_multipart_request_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_multipart_request *request = &out->multipart_request;

    int err = get_header(d, &request->type, &request->flags, &request->form);
    if (err != 0) {
        request->type = OF_MULTIPART_DESC; /* with nothing to free */
        return err;
    }
    request->flags &= OF_MULTIPART_MORE;
    if (request->form == OF_FORM_STANDARD && !of_multipart_exists(d->version, request->type)) {
        uint16_t type = request->type;
        request->type = OF_MULTIPART_DESC;
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_MULTIPART, "unknown multipart type %u", type);
    }
    if (!request_size_is_right(d->version, request->type, reader_left(&d->body))) {
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
    uint8_t version = message->version;

    put_header(w, version, request->type, request->flags, request->form);
    switch ((enum of_multipart_type)request->type) {
    case OF_MULTIPART_FLOW:
    case OF_MULTIPART_AGGREGATE:
        put_filter(w, version, request->form, &request->filter);
        return;
    case OF_MULTIPART_FLOW_MONITOR:
        of_monitors_encode(w, version, request);
        return;
    case OF_MULTIPART_PORT_STATS:
        put_port(w, version, request->port_no);
        writer_pad(w, 4);
        return;
    case OF_MULTIPART_QUEUE:
    case OF_MULTIPART_QUEUE_DESC:
        put_port(w, version, request->queue.port_no);
        writer_u32(w, request->queue.queue_id);
        return;
    case OF_MULTIPART_GROUP:
    case OF_MULTIPART_METER:
    case OF_MULTIPART_METER_CONFIG:
        put_id(w, request->group_id);
        return;
    case OF_MULTIPART_GROUP_DESC:
    case OF_MULTIPART_PORT_DESC:
        if (version >= OF_VERSION_15 || (version == OF_VERSION_10 && request->type == OF_MULTIPART_GROUP_DESC)) {
            put_id(w, request->group_id);
        }
        return;
    case OF_MULTIPART_TABLE_FEATURES:
    case OF_MULTIPART_EXPERIMENTER:
        if (request->raw.data_size > 0) {
            writer_bytes(w, request->raw.data, request->raw.data_size);
        }
        return;
    case OF_MULTIPART_DESC:
    case OF_MULTIPART_TABLE:
    case OF_MULTIPART_GROUP_FEATURES:
    case OF_MULTIPART_METER_FEATURES:
    case OF_MULTIPART_TABLE_DESC:
        return;
    }
}

int of_multipart_reply_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_multipart_reply *reply = &out->multipart_reply;
    int err = get_header(d, &reply->type, &reply->flags, &reply->form);

    if (err != 0) {
        return err;
    }
    reply->data_size = reader_left(&d->body);
    reply->data = reply->data_size > 0 ? reader_bytes(&d->body, reply->data_size) : NULL;
    return 0;
}

void of_multipart_reply_encode(const struct of_message *message, struct writer *w)
{
    const struct of_multipart_reply *reply = &message->multipart_reply;

    put_header(w, message->version, reply->type, reply->flags, reply->form);
    if (reply->data_size > 0) {
        writer_bytes(w, reply->data, reply->data_size);
    }
}
