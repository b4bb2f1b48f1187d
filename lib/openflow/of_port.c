/* Codecs of ports: their description, changes of state, port_mod and statistics [OF1.3.5 A.2.1, A.3.4.3, A.4.3, A.3.5.6].
 *
 * Fixed layouts, nothing to free. Which bits of a port_mod the switch can honour is the handler's question.
 * Any thread, no state, constant cost. Invariant: names end with 0 whatever the wire said.
 */
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_multipart.h"

static void put_port(struct writer *w, const struct of_port *port)
{
    writer_u32(w, port->port_no);
    writer_pad(w, 4);
    writer_bytes(w, port->hw_addr, sizeof port->hw_addr);
    writer_pad(w, 2);
    of_put_text(w, port->name, sizeof port->name);
    writer_u32(w, port->config);
    writer_u32(w, port->state);
    writer_u32(w, port->current);
    writer_u32(w, port->advertised);
    writer_u32(w, port->supported);
    writer_u32(w, port->peer);
    writer_u32(w, port->current_kbps);
    writer_u32(w, port->max_kbps);
}

static void get_port(struct reader *r, struct of_port *port)
{
    port->port_no = reader_u32(r);
    reader_skip(r, 4);
    reader_copy(r, port->hw_addr, sizeof port->hw_addr);
    reader_skip(r, 2);
    of_get_text(r, port->name, sizeof port->name);
    port->config = reader_u32(r);
    port->state = reader_u32(r);
    port->current = reader_u32(r);
    port->advertised = reader_u32(r);
    port->supported = reader_u32(r);
    port->peer = reader_u32(r);
    port->current_kbps = reader_u32(r);
    port->max_kbps = reader_u32(r);
}

int of_port_status_decode(struct of_decoding *d, struct of_message *out)
{
    out->port_status.reason = reader_u8(&d->body);
    reader_skip(&d->body, 7);
    get_port(&d->body, &out->port_status.port);
    return 0;
}

void of_port_status_encode(const struct of_message *message, struct writer *w)
{
    writer_u8(w, message->port_status.reason);
    writer_pad(w, 7);
    put_port(w, &message->port_status.port);
}

int of_port_mod_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_port_mod *mod = &out->port_mod;

    mod->port_no = reader_u32(&d->body);
    reader_skip(&d->body, 4);
    reader_copy(&d->body, mod->hw_addr, sizeof mod->hw_addr);
    reader_skip(&d->body, 2);
    mod->config = reader_u32(&d->body);
    mod->mask = reader_u32(&d->body);
    mod->advertise = reader_u32(&d->body);
    reader_skip(&d->body, 4);
    return reader_finish(&d->body) == 0 ? of_port_check(mod->port_no, "port_no", d->error) : 0;
}

void of_port_mod_encode(const struct of_message *message, struct writer *w)
{
    const struct of_port_mod *mod = &message->port_mod;

    writer_u32(w, mod->port_no);
    writer_pad(w, 4);
    writer_bytes(w, mod->hw_addr, sizeof mod->hw_addr);
    writer_pad(w, 2);
    writer_u32(w, mod->config);
    writer_u32(w, mod->mask);
    writer_u32(w, mod->advertise);
    writer_pad(w, 4);
}

int of_port_desc_encode(struct of_multipart *mp, const struct of_port *port)
{
    of_multipart_item_begin(mp);
    put_port(mp->out, port);
    return of_multipart_item_end(mp);
}

int of_port_desc_decode(struct reader *r, struct of_port *out)
{
    struct of_port port;

    get_port(r, &port);
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = port;
    return 0;
}

int of_port_stats_encode(struct of_multipart *mp, const struct of_port_stats *stats)
{
    const uint64_t counters[] = {
        stats->rx_packets,      stats->tx_packets,     stats->rx_bytes,      stats->tx_bytes,
        stats->rx_dropped,      stats->tx_dropped,     stats->rx_errors,     stats->tx_errors,
        stats->rx_frame_errors, stats->rx_over_errors, stats->rx_crc_errors, stats->collisions,
    };

    of_multipart_item_begin(mp);
    writer_u32(mp->out, stats->port_no);
    writer_pad(mp->out, 4);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        writer_u64(mp->out, counters[i]);
    }
    of_put_duration(mp->out, stats->duration_ns);
    return of_multipart_item_end(mp);
}

int of_port_stats_decode(struct reader *r, struct of_port_stats *out)
{
    struct of_port_stats stats;
    uint64_t *const counters[] = {
        &stats.rx_packets,      &stats.tx_packets,     &stats.rx_bytes,      &stats.tx_bytes,
        &stats.rx_dropped,      &stats.tx_dropped,     &stats.rx_errors,     &stats.tx_errors,
        &stats.rx_frame_errors, &stats.rx_over_errors, &stats.rx_crc_errors, &stats.collisions,
    };

    stats.port_no = reader_u32(r);
    reader_skip(r, 4);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        *counters[i] = reader_u64(r);
    }
    stats.duration_ns = of_get_duration(r);
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = stats;
    return 0;
}
