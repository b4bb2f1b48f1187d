/* Codecs of queues: their configuration and statistics [OF1.3.5 A.3.6, A.3.5.8].
 *
 * A queue is described by properties, of 16 bytes up to 1.3, of eight from 1.4 on, where the list is a multipart; the minimum and maximum rate
 * are known, others are stepped over. The list is bounded by its message (4,000 queues). Any thread, no state, linear cost.
 * Invariant: a property is read within its own length.
 */
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_multipart.h"

#include "lib/base/memory.h"

enum { QUEUE_SIZE_10 = 8, QUEUE_STATS_SIZE_14 = 48, QUEUE_SIZE = 16, PROPERTY_MIN_RATE = 1, PROPERTY_MAX_RATE = 2, PROPERTY_SIZE = 16, RATE_NONE = 0xffff };

int of_queue_config_request_decode(struct of_decoding *d, struct of_message *out)
{
    bool is_10 = d->version == OF_VERSION_10;

    out->queue_config_request.port_no = is_10 ? of_port_of_10(reader_u16(&d->body)) : reader_u32(&d->body);
    reader_skip(&d->body, is_10 ? 2 : 4);
    uint32_t port = out->queue_config_request.port_no;
    int err = reader_finish(&d->body) == 0 ? of_port_check(port, "port_no", d->error) : 0;
    if (err == 0 && port > PORT_MAX && port != PORT_ANY) {
        err = of_refuse(d->error, OF_ERROR_QUEUE_OP_FAILED_BAD_PORT, "port %u has no queues", port);
    }
    return err;
}

void of_queue_config_request_encode(const struct of_message *message, struct writer *w)
{
    if (message->version == OF_VERSION_10) {
        writer_u16(w, of_port_in_10(message->queue_config_request.port_no));
        writer_pad(w, 2);
        return;
    }
    writer_u32(w, message->queue_config_request.port_no);
    writer_pad(w, 4);
}

static int get_property(struct reader *properties, struct of_queue_config *queue)
{
    uint16_t property = reader_u16(properties);
    uint16_t length = reader_u16(properties);

    if (properties->failed || length < 8 || reader_left(properties) < length - 4u) {
        return -ERROR_TRUNCATED;
    }
    struct reader body = reader_sub(properties, length - 4u);
    reader_skip(&body, 4);
    uint16_t rate = reader_u16(&body);
    if (!body.failed && property == PROPERTY_MIN_RATE) {
        queue->min_rate = rate;
    } else if (!body.failed && property == PROPERTY_MAX_RATE) {
        queue->max_rate = rate;
    }
    return 0;
}

/* 1.0 has no port in it. */
static int get_queue(struct reader *r, uint8_t version, struct of_queue_config *queue)
{
    bool is_10 = version == OF_VERSION_10;
    unsigned fixed = is_10 ? QUEUE_SIZE_10 : QUEUE_SIZE;

    *queue = (struct of_queue_config){.min_rate = RATE_NONE, .max_rate = RATE_NONE};
    queue->queue_id = reader_u32(r);
    queue->port_no = is_10 ? 0 : reader_u32(r);
    uint16_t length = reader_u16(r);
    reader_skip(r, is_10 ? 2 : 6);
    if (r->failed || length < fixed || reader_left(r) < length - fixed) {
        return -ERROR_TRUNCATED;
    }
    struct reader properties = reader_sub(r, length - fixed);
    int err = 0;
    while (err == 0 && reader_left(&properties) > 0) {
        err = get_property(&properties, queue);
    }
    return err;
}

int of_queue_config_reply_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_queue_config_reply *reply = &out->queue_config_reply;

    bool is_10 = d->version == OF_VERSION_10;

    reply->port_no = is_10 ? of_port_of_10(reader_u16(&d->body)) : reader_u32(&d->body);
    reader_skip(&d->body, is_10 ? 6 : 4);
    while (reader_left(&d->body) > 0) {
        struct of_queue_config queue;
        if (get_queue(&d->body, d->version, &queue) != 0) {
            return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "queue: wrong length");
        }
        reply->queues = memory_resize(reply->queues, (reply->n_queues + 1) * sizeof *reply->queues);
        reply->queues[reply->n_queues++] = queue;
    }
    return 0;
}

static void put_rate(struct writer *w, uint16_t property, uint16_t rate)
{
    if (rate != RATE_NONE) {
        writer_u16(w, property);
        writer_u16(w, PROPERTY_SIZE);
        writer_pad(w, 4);
        writer_u16(w, rate);
        writer_pad(w, 6);
    }
}

static void put_queue10(struct writer *w, const struct of_queue_config *queue)
{
    size_t begin = w->size;

    writer_u32(w, queue->queue_id);
    writer_u16(w, 0);
    writer_pad(w, 2);
    put_rate(w, PROPERTY_MIN_RATE, queue->min_rate);
    put_rate(w, PROPERTY_MAX_RATE, queue->max_rate);
    writer_patch_u16(w, begin + 4, (uint16_t)(w->size - begin));
}

void of_queue_config_reply_encode(const struct of_message *message, struct writer *w)
{
    const struct of_queue_config_reply *reply = &message->queue_config_reply;
    bool is_10 = message->version == OF_VERSION_10;

    if (is_10) {
        writer_u16(w, of_port_in_10(reply->port_no));
        writer_pad(w, 6);
    } else {
        writer_u32(w, reply->port_no);
        writer_pad(w, 4);
    }
    for (size_t i = 0; i < reply->n_queues; i++) {
        const struct of_queue_config *queue = &reply->queues[i];
        if (is_10) {
            put_queue10(w, queue);
            continue;
        }
        size_t begin = w->size;
        writer_u32(w, queue->queue_id);
        writer_u32(w, queue->port_no);
        writer_u16(w, 0);
        writer_pad(w, 6);
        put_rate(w, PROPERTY_MIN_RATE, queue->min_rate);
        put_rate(w, PROPERTY_MAX_RATE, queue->max_rate);
        writer_patch_u16(w, begin + 8, (uint16_t)(w->size - begin));
    }
}

static void put_rate14(struct writer *w, uint16_t type, uint16_t rate)
{
    if (rate != RATE_NONE) {
        size_t begin = of_property_begin(w, type);
        writer_u16(w, rate);
        writer_pad(w, 2);
        of_property_end(w, begin);
    }
}

int of_queue_desc_encode(struct of_multipart *mp, const struct of_queue_config *queue)
{
    struct writer *w = mp->out;

    of_multipart_item_begin(mp);
    writer_u32(w, queue->port_no);
    writer_u32(w, queue->queue_id);
    writer_u16(w, 0);
    writer_pad(w, 6);
    put_rate14(w, PROPERTY_MIN_RATE, queue->min_rate);
    put_rate14(w, PROPERTY_MAX_RATE, queue->max_rate);
    writer_patch_u16(w, mp->item_begin + 8, (uint16_t)(w->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

int of_queue_desc_decode(struct reader *r, struct of_queue_config *out)
{
    struct of_queue_config queue = {.min_rate = RATE_NONE, .max_rate = RATE_NONE};

    queue.port_no = reader_u32(r);
    queue.queue_id = reader_u32(r);
    uint16_t length = reader_u16(r);
    reader_skip(r, 6);
    if (r->failed || length < QUEUE_SIZE || reader_left(r) < length - (unsigned)QUEUE_SIZE) {
        return -ERROR_TRUNCATED;
    }
    struct reader properties = reader_sub(r, length - (unsigned)QUEUE_SIZE);
    while (reader_left(&properties) > 0) {
        struct of_property property;
        if (of_property_get(&properties, &property, NULL) != 0) {
            return -ERROR_TRUNCATED;
        }
        uint16_t rate = reader_u16(&property.body);
        if (!property.body.failed && property.type == PROPERTY_MIN_RATE) {
            queue.min_rate = rate;
        } else if (!property.body.failed && property.type == PROPERTY_MAX_RATE) {
            queue.max_rate = rate;
        }
    }
    *out = queue;
    return 0;
}

int of_queue_stats_encode(struct of_multipart *mp, const struct of_queue_stats *stats)
{
    struct writer *w = mp->out;

    of_multipart_item_begin(mp);
    if (mp->version >= OF_VERSION_14) {
        writer_u16(w, QUEUE_STATS_SIZE_14);
        writer_pad(w, 6);
    }
    if (mp->version == OF_VERSION_10) {
        writer_u16(w, of_port_in_10(stats->port_no));
        writer_pad(w, 2);
    } else {
        writer_u32(w, stats->port_no);
    }
    writer_u32(w, stats->queue_id);
    writer_u64(w, stats->tx_bytes);
    writer_u64(w, stats->tx_packets);
    writer_u64(w, stats->tx_errors);
    if (mp->version != OF_VERSION_10) {
        of_put_duration(w, stats->duration_ns);
    }
    return of_multipart_item_end(mp);
}

int of_queue_stats_decode(struct reader *r, uint8_t version, struct of_queue_stats *out)
{
    struct of_queue_stats stats = {.duration_ns = 0};
    bool is_10 = version == OF_VERSION_10;
    uint16_t length = version >= OF_VERSION_14 ? reader_u16(r) : QUEUE_STATS_SIZE_14;

    reader_skip(r, version >= OF_VERSION_14 ? 6 : 0);
    stats.port_no = is_10 ? of_port_of_10(reader_u16(r)) : reader_u32(r);
    reader_skip(r, is_10 ? 2 : 0);
    stats.queue_id = reader_u32(r);
    stats.tx_bytes = reader_u64(r);
    stats.tx_packets = reader_u64(r);
    stats.tx_errors = reader_u64(r);
    stats.duration_ns = is_10 ? 0 : of_get_duration(r);
    if (r->failed || length < QUEUE_STATS_SIZE_14) {
        return -ERROR_TRUNCATED;
    }
    reader_skip(r, length - (unsigned)QUEUE_STATS_SIZE_14); /* properties */
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = stats;
    return 0;
}
