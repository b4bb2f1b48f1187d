/* The metrics of a fastpath. See scrape.h; the list is metrics.def.
 *
 * Everything is read from the counters that `dp show` reads too, when it is asked for: nothing is kept for it but the histogram. No flow is
 * looked at, and of ports only the first SCRAPE_PORTS_MAX, so that packets wait for a page no longer than for any other round of housekeeping.
 * Cost: some 50 us with a few ports; a request takes 130 us besides, for its connection. Worker thread, between bursts.
 * Invariant: nothing here changes the shard.
 */
#include "services/fastpath/scrape.h"

#include "services/fastpath/session.h"
#include "services/fastpath/tier.h"

static void one(struct page *page, const char *label, const char *value, uint64_t n)
{
    page_sample(page, &(struct page_label){label, value}, 1, (double)n);
}

static void fill_lookups(const struct shard *shard, struct page *page)
{
    const struct worker_totals *totals = &shard->worker.totals;
    one(page, "stage", "kernel", totals->kernel_hits);
    one(page, "stage", "exact", totals->exact_hits);
    one(page, "stage", "megaflow", totals->megaflow_hits);
    one(page, "stage", "miss", totals->misses);
}

static void fill_drops(const struct shard *shard, struct page *page)
{
    for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
        one(page, "reason", drop_name((enum drop_reason)reason), shard->worker.totals.drops[reason]);
    }
}

static void fill_setup(const struct shard *shard, struct page *page)
{
    page_histogram(page, NULL, 0, &shard->flow_setup);
}

static void fill_events(const struct shard *shard, struct page *page)
{
#define SHARD_COUNT(name) one(page, "event", #name, shard->counts.name);
    SHARD_COUNTS
#undef SHARD_COUNT
}

static void fill_frames(const struct shard *shard, struct page *page)
{
    for (int state = 0; state < FRAME_STATE_COUNT; state++) {
        one(page, "state", frame_state_name((enum frame_state)state), umem_count(shard->umem, (enum frame_state)state));
    }
}

static size_t count_up(const struct shard *shard)
{
    size_t n = 0;
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        n += shard->ports.ports[i]->can_send;
    }
    return n;
}

static void fill_ports(const struct shard *shard, struct page *page, uint64_t (*count)(const struct port *port))
{
    for (size_t i = 0; i < shard->ports.n_ports && i < SCRAPE_PORTS_MAX; i++) {
        one(page, "port", shard->ports.ports[i]->name, count(shard->ports.ports[i]));
    }
}

static uint64_t rx_packets(const struct port *port)
{
    return port->rx_packets;
}

static uint64_t rx_bytes(const struct port *port)
{
    return port->rx_bytes;
}

static uint64_t tx_packets(const struct port *port)
{
    return port->tx_packets;
}

static uint64_t tx_bytes(const struct port *port)
{
    return port->tx_bytes;
}

static uint64_t ring_full(const struct port *port)
{
    struct io_stats stats = {0};
    if (port->io != NULL) {
        port->io->ops->stats(port->io, &stats);
    }
    return stats.receive_ring_full;
}

static void fill_port_rx_packets(const struct shard *shard, struct page *page)
{
    fill_ports(shard, page, rx_packets);
}

static void fill_port_rx_bytes(const struct shard *shard, struct page *page)
{
    fill_ports(shard, page, rx_bytes);
}

static void fill_port_tx_packets(const struct shard *shard, struct page *page)
{
    fill_ports(shard, page, tx_packets);
}

static void fill_port_tx_bytes(const struct shard *shard, struct page *page)
{
    fill_ports(shard, page, tx_bytes);
}

static void fill_port_ring_full(const struct shard *shard, struct page *page)
{
    fill_ports(shard, page, ring_full);
}

void scrape_fill(const struct shard *shard, bool has_configdb, struct page *page)
{
    const struct worker_totals *totals = &shard->worker.totals;
#define METRIC(type, name, unit, help, value)                                                                                   \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    page_sample(page, NULL, 0, (double)(value));
#define SERIES(type, name, unit, help, function)                                                                                \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    function(shard, page);
#include "services/fastpath/metrics.def"
#undef METRIC
#undef SERIES
}
