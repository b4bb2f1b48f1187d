/* The figures of `dp stats`. See stats.h.
 *
 * Everything is cumulative since the start of the process, and raw: shares, averages and rates are made by who reads (swctl), from one
 * answer or from the difference of two. Cycles are those of sampled bursts only (worker.h), so they go with the sampled packets.
 * The share of the exact cache in use is estimated from some of its buckets: to look at all of them would take milliseconds.
 * Cost: a look at each port and 512 cache lines. Worker thread, between bursts. Invariant: nothing here changes the shard.
 */
#include "services/fastpath/stats.h"

enum { BUCKETS_LOOKED_AT = 512 };

json_t *stats_drops_json(const uint64_t *drops)
{
    json_t *json = json_object();
    for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
        if (drops[reason] != 0) {
            json_object_set_new(json, drop_name((enum drop_reason)reason), json_integer((json_int_t)drops[reason]));
        }
    }
    return json;
}

json_t *stats_frames_json(const struct umem *umem)
{
    json_t *json = json_object();
    for (int state = 0; state < FRAME_STATE_COUNT; state++) {
        json_object_set_new(json, frame_state_name((enum frame_state)state), json_integer(umem_count(umem, (enum frame_state)state)));
    }
    json_object_set_new(json, "total", json_integer(umem_total(umem)));
    json_object_set_new(json, "sound", json_boolean(umem_is_sound(umem)));
    return json;
}

static json_t *stages_json(const struct worker *worker)
{
    static const struct {
        const char *name, *help;
    } rows[] = {
#define WORKER_STAGE(name, text, help) [STAGE_##name] = {text, help},
        WORKER_STAGES
#undef WORKER_STAGE
    };
    json_t *json = json_array();
    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        const struct stage_counts *counts = &worker->stages[stage];
        json_array_append_new(json, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "stage", rows[stage].name, "help", rows[stage].help, "packets",
                                              (json_int_t)counts->packets, "batches", (json_int_t)counts->batches, "sampled_packets",
                                              (json_int_t)counts->sampled_packets, "sampled_cycles", (json_int_t)counts->sampled_cycles));
    }
    return json;
}

static json_t *lookups_json(const struct shard *shard)
{
    const struct worker_totals *totals = &shard->worker.totals;
    uint64_t n_lookups = 0, n_probes = 0;
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        n_lookups += shard->ports.ports[i]->megaflows.n_lookups;
        n_probes += shard->ports.ports[i]->megaflows.n_probes;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "kernel_hits", (json_int_t)totals->kernel_hits, "exact_hits",
                     (json_int_t)totals->exact_hits, "megaflow_hits",
                     (json_int_t)totals->megaflow_hits, "misses", (json_int_t)totals->misses, "recirculated",
                     (json_int_t)totals->recirculated, "megaflow_lookups", (json_int_t)n_lookups, "megaflow_probes", (json_int_t)n_probes);
}

/* Entries that lead to a flow, of a thousand places. */
static unsigned entries_per_mille(const struct exact_cache *cache)
{
    size_t n_buckets = (size_t)cache->bucket_mask + 1, n_looked_at = n_buckets < BUCKETS_LOOKED_AT ? n_buckets : BUCKETS_LOOKED_AT;
    unsigned n_used = 0;
    for (size_t i = 0; i < n_looked_at; i++) {
        const struct exact_bucket *bucket = &cache->buckets[i * (n_buckets / n_looked_at)];
        for (int way = 0; way < EXACT_WAYS; way++) {
            n_used += bucket->flows[way] != FLOW_NONE && cache->flows[bucket->flows[way]].is_used;
        }
    }
    return (unsigned)(n_used * 1000 / (n_looked_at * EXACT_WAYS));
}

static json_t *exact_json(const struct exact_cache *cache)
{
    size_t n_places = ((size_t)cache->bucket_mask + 1) * EXACT_WAYS;
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "lookup", cache->lookup_name, "made_for", (json_int_t)exact_size(cache), "places",
                     (json_int_t)n_places, "used_estimate", (json_int_t)(n_places * entries_per_mille(cache) / 1000), "bytes",
                     (json_int_t)cache->bytes, "evictions", (json_int_t)cache->n_evictions);
}

json_t *stats_json(const struct shard *shard, uint64_t now_ns, double cycles_per_s)
{
    const struct worker *worker = &shard->worker;
    const struct worker_totals *totals = &worker->totals;
    return json_pack("{s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:s}", "now_ns", (json_int_t)now_ns,
                     "cycles_per_s", cycles_per_s, "received", (json_int_t)totals->received, "sent", (json_int_t)totals->sent, "sent_up",
                     (json_int_t)totals->sent_up, "bursts", (json_int_t)totals->bursts, "unmetered", (json_int_t)totals->unmetered,
                     "pending", (json_int_t)worker->pending.n_packets, "stages", stages_json(worker), "lookups", lookups_json(shard),
                     "drops", stats_drops_json(totals->drops), "exact", exact_json(&worker->exact), "flows",
                     (json_int_t)flow_table_count(shard->flows), "masks", (json_int_t)flow_table_masks(shard->flows), "programs",
                     (json_int_t)program_table_count(shard->programs), "counters", (json_int_t)shard->counters.n_ids, "frames",
                     stats_frames_json(shard->umem), "huge_pages", shard->umem->has_huge_pages ? "reserved" : "asked for");
}
