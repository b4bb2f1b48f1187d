/* Codecs of ports: their description, changes of state, port_mod and statistics [OF1.3.5 A.2.1, A.3.4.3, A.4.3, A.3.5.6].
 *
 * 1.0: fixed, 16-bit numbers, no speeds, and features above 10 Gb/s where later versions have others. 1.3: fixed. From 1.4 on: a length, and what
 * concerns Ethernet in a property of its own. Nothing to free. Which bits of a port_mod the switch can honour is the handler's question.
 * Any thread, no state, constant cost. Invariant: names end with 0 whatever the wire said.
 */
#include "lib/openflow/of_port.h"

#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_multipart.h"

enum {
    PROPERTY_ETHERNET = 0,
    SAME_FEATURES = 0x7f,  /* up to 10 Gb/s */
    MEDIA_10_SHIFT = 7,    /* copper, fibre, negotiation and pauses, five bits, in 1.0 */
    MEDIA_SHIFT = 11,      /* and later */
    MEDIA_BITS = 0x1f,
    PORT_SIZE_14 = 72,
    PORT_FIXED_14 = 40,
    ETHERNET_SIZE = 32,
    STATS_SIZE_14 = 120,
    STATS_FIXED_14 = 80,
    STATE_10 = OF_PORT_LINK_DOWN
};

static uint32_t features_in_10(uint32_t features)
{
    return (features & SAME_FEATURES) | (features >> MEDIA_SHIFT & MEDIA_BITS) << MEDIA_10_SHIFT;
}

static uint32_t features_of_10(uint32_t features)
{
    return (features & SAME_FEATURES) | (features >> MEDIA_10_SHIFT & MEDIA_BITS) << MEDIA_SHIFT;
}

static void put_port10(struct writer *w, const struct of_port *port)
{
    writer_u16(w, of_port_in_10(port->port_no));
    writer_bytes(w, port->hw_addr, sizeof port->hw_addr);
    of_put_text(w, port->name, sizeof port->name);
    writer_u32(w, port->config);
    writer_u32(w, port->state & STATE_10);
    writer_u32(w, features_in_10(port->current));
    writer_u32(w, features_in_10(port->advertised));
    writer_u32(w, features_in_10(port->supported));
    writer_u32(w, features_in_10(port->peer));
}

static void get_port10(struct reader *r, struct of_port *port)
{
    port->port_no = of_port_of_10(reader_u16(r));
    reader_copy(r, port->hw_addr, sizeof port->hw_addr);
    of_get_text(r, port->name, sizeof port->name);
    port->config = reader_u32(r);
    port->state = reader_u32(r) & STATE_10;
    port->current = features_of_10(reader_u32(r));
    port->advertised = features_of_10(reader_u32(r));
    port->supported = features_of_10(reader_u32(r));
    port->peer = features_of_10(reader_u32(r));
}

static void put_ethernet(struct writer *w, const struct of_port *port)
{
    writer_u32(w, port->current);
    writer_u32(w, port->advertised);
    writer_u32(w, port->supported);
    writer_u32(w, port->peer);
    writer_u32(w, port->current_kbps);
    writer_u32(w, port->max_kbps);
}

static void get_ethernet(struct reader *r, struct of_port *port)
{
    port->current = reader_u32(r);
    port->advertised = reader_u32(r);
    port->supported = reader_u32(r);
    port->peer = reader_u32(r);
    port->current_kbps = reader_u32(r);
    port->max_kbps = reader_u32(r);
}

void of_port_put(struct writer *w, uint8_t version, const struct of_port *port)
{
    bool has_properties = version >= OF_VERSION_14;

    if (version == OF_VERSION_10) {
        put_port10(w, port);
        return;
    }
    writer_u32(w, port->port_no);
    writer_u16(w, has_properties ? PORT_SIZE_14 : 0);
    writer_pad(w, 2);
    writer_bytes(w, port->hw_addr, sizeof port->hw_addr);
    writer_pad(w, 2);
    of_put_text(w, port->name, sizeof port->name);
    writer_u32(w, port->config & ~(uint32_t)OF_PORT_NO_FLOOD); /* has a meaning in 1.0 alone */
    writer_u32(w, port->state);
    if (has_properties) {
        writer_u16(w, PROPERTY_ETHERNET);
        writer_u16(w, ETHERNET_SIZE);
        writer_pad(w, 4);
    }
    put_ethernet(w, port);
}

/* Properties that are not known are stepped over. */
static int get_properties(struct reader *r, struct of_port *port)
{
    struct of_property property;

    while (reader_left(r) > 0) {
        int err = of_property_get(r, &property, NULL);
        if (err != 0) {
            return -ERROR_TRUNCATED;
        }
        if (property.type == PROPERTY_ETHERNET && reader_left(&property.body) == ETHERNET_SIZE - 4) {
            reader_skip(&property.body, 4);
            get_ethernet(&property.body, port);
        }
    }
    return 0;
}

int of_port_get(struct reader *r, uint8_t version, struct of_port *out)
{
    struct of_port port = {.port_no = 0};
    int err = 0;

    if (version == OF_VERSION_10) {
        get_port10(r, &port);
    } else {
        port.port_no = reader_u32(r);
        uint16_t length = reader_u16(r);
        reader_skip(r, 2);
        reader_copy(r, port.hw_addr, sizeof port.hw_addr);
        reader_skip(r, 2);
        of_get_text(r, port.name, sizeof port.name);
        port.config = reader_u32(r) & ~(uint32_t)OF_PORT_NO_FLOOD; /* what 1.0 means by that bit nobody means here */
        port.state = reader_u32(r);
        if (version < OF_VERSION_14) {
            get_ethernet(r, &port);
        } else if (r->failed || length < PORT_FIXED_14 || reader_left(r) < length - (unsigned)PORT_FIXED_14) {
            return -ERROR_TRUNCATED;
        } else {
            struct reader properties = reader_sub(r, length - (unsigned)PORT_FIXED_14);
            err = get_properties(&properties, &port);
        }
    }
    if (r->failed || err != 0) {
        return -ERROR_TRUNCATED;
    }
    *out = port;
    return 0;
}

int of_port_status_decode(struct of_decoding *d, struct of_message *out)
{
    out->port_status.reason = reader_u8(&d->body);
    reader_skip(&d->body, 7);
    return of_port_get(&d->body, d->version, &out->port_status.port) == 0
               ? 0
               : of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "port_status: wrong length");
}

void of_port_status_encode(const struct of_message *message, struct writer *w)
{
    writer_u8(w, message->port_status.reason);
    writer_pad(w, 7);
    of_port_put(w, message->version, &message->port_status.port);
}

static int get_mod_properties(struct of_decoding *d, struct of_port_mod *mod)
{
    struct of_property property;

    while (reader_left(&d->body) > 0) {
        int err = of_property_get(&d->body, &property, d->error);
        if (err == 0 && property.type != PROPERTY_ETHERNET) {
            err = of_property_unknown(&property, d->error);
        }
        if (err != 0) {
            return err;
        }
        mod->advertise = reader_u32(&property.body);
        err = of_property_finish(&property, d->error);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int of_port_mod_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_port_mod *mod = &out->port_mod;
    bool is_10 = d->version == OF_VERSION_10;

    mod->port_no = is_10 ? of_port_of_10(reader_u16(&d->body)) : reader_u32(&d->body);
    reader_skip(&d->body, is_10 ? 0 : 4);
    reader_copy(&d->body, mod->hw_addr, sizeof mod->hw_addr);
    reader_skip(&d->body, is_10 ? 0 : 2);
    mod->config = reader_u32(&d->body);
    mod->mask = reader_u32(&d->body);
    if (d->version >= OF_VERSION_14) {
        if (d->body.failed) {
            return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "port_mod: too short");
        }
        int err = get_mod_properties(d, mod);
        return err != 0 ? err : of_port_check(mod->port_no, "port_no", d->error);
    }
    mod->advertise = reader_u32(&d->body);
    mod->advertise = is_10 ? features_of_10(mod->advertise) : mod->advertise;
    reader_skip(&d->body, 4);
    return reader_finish(&d->body) == 0 ? of_port_check(mod->port_no, "port_no", d->error) : 0;
}

void of_port_mod_encode(const struct of_message *message, struct writer *w)
{
    const struct of_port_mod *mod = &message->port_mod;
    bool is_10 = message->version == OF_VERSION_10;

    if (is_10) {
        writer_u16(w, of_port_in_10(mod->port_no));
    } else {
        writer_u32(w, mod->port_no);
        writer_pad(w, 4);
    }
    writer_bytes(w, mod->hw_addr, sizeof mod->hw_addr);
    writer_pad(w, is_10 ? 0 : 2);
    writer_u32(w, mod->config);
    writer_u32(w, mod->mask);
    if (message->version < OF_VERSION_14) {
        writer_u32(w, is_10 ? features_in_10(mod->advertise) : mod->advertise);
        writer_pad(w, 4);
    } else if (mod->advertise != 0) {
        size_t begin = of_property_begin(w, PROPERTY_ETHERNET);
        writer_u32(w, mod->advertise);
        of_property_end(w, begin);
    }
}

int of_port_desc_encode(struct of_multipart *mp, const struct of_port *port)
{
    of_multipart_item_begin(mp);
    of_port_put(mp->out, mp->version, port);
    return of_multipart_item_end(mp);
}

int of_port_desc_decode(struct reader *r, uint8_t version, struct of_port *out)
{
    return of_port_get(r, version, out);
}

/* ---- statistics ---- */

enum { COUNTERS = 12, COMMON_COUNTERS = 8 };

static uint64_t *counter_of(struct of_port_stats *stats, size_t i)
{
    uint64_t *const counters[COUNTERS] = {
        &stats->rx_packets,      &stats->tx_packets,     &stats->rx_bytes,      &stats->tx_bytes,
        &stats->rx_dropped,      &stats->tx_dropped,     &stats->rx_errors,     &stats->tx_errors,
        &stats->rx_frame_errors, &stats->rx_over_errors, &stats->rx_crc_errors, &stats->collisions,
    };

    return counters[i];
}

static void put_stats14(struct writer *w, struct of_port_stats *stats)
{
    writer_u16(w, STATS_SIZE_14);
    writer_pad(w, 2);
    writer_u32(w, stats->port_no);
    of_put_duration(w, stats->duration_ns);
    for (size_t i = 0; i < COMMON_COUNTERS; i++) {
        writer_u64(w, *counter_of(stats, i));
    }
    writer_u16(w, PROPERTY_ETHERNET);
    writer_u16(w, STATS_SIZE_14 - STATS_FIXED_14);
    writer_pad(w, 4);
    for (size_t i = COMMON_COUNTERS; i < COUNTERS; i++) {
        writer_u64(w, *counter_of(stats, i));
    }
}

int of_port_stats_encode(struct of_multipart *mp, const struct of_port_stats *stats)
{
    struct of_port_stats copy = *stats;
    bool is_10 = mp->version == OF_VERSION_10;

    of_multipart_item_begin(mp);
    if (mp->version >= OF_VERSION_14) {
        put_stats14(mp->out, &copy);
        return of_multipart_item_end(mp);
    }
    if (is_10) {
        writer_u16(mp->out, of_port_in_10(stats->port_no));
        writer_pad(mp->out, 6);
    } else {
        writer_u32(mp->out, stats->port_no);
        writer_pad(mp->out, 4);
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        writer_u64(mp->out, *counter_of(&copy, i));
    }
    if (!is_10) {
        of_put_duration(mp->out, stats->duration_ns);
    }
    return of_multipart_item_end(mp);
}

static int get_stats14(struct reader *r, struct of_port_stats *stats)
{
    uint16_t length = reader_u16(r);

    if (r->failed || length < STATS_FIXED_14 || reader_left(r) < length - 2u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 2u);
    reader_skip(&item, 2);
    stats->port_no = reader_u32(&item);
    stats->duration_ns = of_get_duration(&item);
    for (size_t i = 0; i < COUNTERS; i++) {
        *counter_of(stats, i) = i < COMMON_COUNTERS ? reader_u64(&item) : UINT64_MAX;
    }
    while (reader_left(&item) > 0) {
        struct of_property property;
        if (of_property_get(&item, &property, NULL) != 0) {
            return -ERROR_TRUNCATED;
        }
        if (property.type == PROPERTY_ETHERNET && reader_left(&property.body) == STATS_SIZE_14 - STATS_FIXED_14 - 4) {
            reader_skip(&property.body, 4);
            for (size_t i = COMMON_COUNTERS; i < COUNTERS; i++) {
                *counter_of(stats, i) = reader_u64(&property.body);
            }
        }
    }
    return 0;
}

int of_port_stats_decode(struct reader *r, uint8_t version, struct of_port_stats *out)
{
    struct of_port_stats stats = {.port_no = 0};
    bool is_10 = version == OF_VERSION_10;

    if (version >= OF_VERSION_14) {
        int err = get_stats14(r, &stats);
        if (err != 0) {
            return err;
        }
        *out = stats;
        return 0;
    }
    stats.port_no = is_10 ? of_port_of_10(reader_u16(r)) : reader_u32(r);
    reader_skip(r, is_10 ? 6 : 4);
    for (size_t i = 0; i < COUNTERS; i++) {
        *counter_of(&stats, i) = reader_u64(r);
    }
    stats.duration_ns = is_10 ? 0 : of_get_duration(r);
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = stats;
    return 0;
}
