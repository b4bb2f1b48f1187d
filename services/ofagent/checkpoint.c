/* The counters of rules, groups and buckets as configdb keeps them. See checkpoint.h.
 *
 * A row is what counters.c knows of an id: the base, and the last values of each living shard beside its start number. When we start again, a
 * shard that still lives reports its part itself, and the part of one that does not is folded into the base; so nothing is
 * counted twice and nothing but the last second of a killed shard is lost.
 * The ofagent's one thread; one transaction at a time, without a version.
 */
#include "services/ofagent/checkpoint.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"

struct checkpoint {
    struct ofagent *agent;
    bool is_under_way;
    uint64_t next_ns;
};

struct checkpoint *checkpoint_new(struct ofagent *agent)
{
    struct checkpoint *checkpoint = memory_zeroed(sizeof *checkpoint);
    checkpoint->agent = agent;
    return checkpoint;
}

void checkpoint_destroy(struct checkpoint **checkpoint)
{
    free(*checkpoint); /* a transaction under way has nobody to call: the mirror goes in the same breath */
    *checkpoint = NULL;
}

static bool is_alive(const struct ofagent *agent, uint64_t start)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;

    while (cfg_next(agent->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        const Busbar__ServiceRow *service = (const Busbar__ServiceRow *)row;
        if (service->kind == PROCESS_FASTPATH && service->start == start) {
            return true;
        }
    }
    return false;
}

static void load_row(struct ofagent *agent, uint64_t key, const Busbar__CounterRow *row)
{
    uint64_t id = counter_id_of_row(key);
    size_t n = row->n_shard_start;

    counters_add_base(agent->rule_counters, id, (uint64_t[]){row->packets, row->bytes});
    if (row->n_shard_packets != n || row->n_shard_bytes != n) {
        log_error("counter-unreadable row=%llu", (unsigned long long)key);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t values[] = {row->shard_packets[i], row->shard_bytes[i]};
        if (is_alive(agent, row->shard_start[i])) {
            counters_report(agent->rule_counters, row->shard_start[i], id, values);
        } else {
            counters_add_base(agent->rule_counters, id, values);
            counters_shard_gone(agent->rule_counters, row->shard_start[i]);
        }
    }
}

void checkpoint_load(struct checkpoint *checkpoint)
{
    struct ofagent *agent = checkpoint->agent;
    struct counters_part parts[COUNTERS_PARTS_MAX];
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;
    size_t n;

    while (cfg_next(agent->cfg, CFG_COUNTER, &cursor, &id, &row)) {
        load_row(agent, id, (const Busbar__CounterRow *)row);
    }
    while (counters_next_changed(agent->rule_counters, &id, parts, &n)) {
        /* What was just read need not be written. */
    }
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct checkpoint *checkpoint = context;

    checkpoint->is_under_way = false;
    if (result->error != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "checkpoint-failed error=\"%s\"",
                    result->text != NULL ? result->text : error_text(result->error));
        counters_mark_all(checkpoint->agent->rule_counters);
    }
}

static void add_row(struct cfg_txn *txn, uint64_t id, const struct counters_part *parts, size_t n_parts)
{
    Busbar__CounterRow row = BUSBAR__COUNTER_ROW__INIT;
    uint64_t starts[COUNTERS_PARTS_MAX], packets[COUNTERS_PARTS_MAX], bytes[COUNTERS_PARTS_MAX];

    row.packets = parts[0].values[0];
    row.bytes = parts[0].values[1];
    for (size_t i = 1; i < n_parts; i++) {
        starts[i - 1] = parts[i].shard;
        packets[i - 1] = parts[i].values[0];
        bytes[i - 1] = parts[i].values[1];
    }
    row.n_shard_start = row.n_shard_packets = row.n_shard_bytes = n_parts - 1;
    row.shard_start = starts;
    row.shard_packets = packets;
    row.shard_bytes = bytes;
    cfg_txn_put(txn, CFG_COUNTER, counter_row_of_id(id), &row.base);
}

/* configdb knows what else ends, and with it its counters: rules, groups, buckets. */
static bool is_kept(uint64_t id)
{
    switch (counter_id_kind(id)) {
    case COUNTER_RULE:
    case COUNTER_GROUP:
    case COUNTER_BUCKET:
        return true;
    case COUNTER_TABLE:
    case COUNTER_METER:
    case COUNTER_MAC:
    case COUNTER_PATCH_IN:
    case COUNTER_PATCH_OUT:
        break;
    }
    return false;
}

void checkpoint_step(struct checkpoint *checkpoint)
{
    struct ofagent *agent = checkpoint->agent;
    struct counters_part parts[COUNTERS_PARTS_MAX];
    uint64_t id;
    size_t n_parts;

    if (!agent->is_loaded || checkpoint->is_under_way || agent->now_ns < checkpoint->next_ns ||
        !counters_has_changed(agent->rule_counters) || !cfg_is_connected(agent->cfg)) {
        return;
    }
    struct cfg_txn *txn = cfg_txn_new("ofagent counters");
    while (cfg_txn_size(txn) < CHECKPOINT_ROWS && counters_next_changed(agent->rule_counters, &id, parts, &n_parts)) {
        if (is_kept(id)) {
            add_row(txn, id, parts, n_parts);
        }
    }
    if (!counters_has_changed(agent->rule_counters)) {
        checkpoint->next_ns = agent->now_ns + CHECKPOINT_INTERVAL_NS;
    }
    if (cfg_txn_size(txn) == 0) {
        cfg_txn_destroy(&txn);
        return;
    }
    checkpoint->is_under_way = true;
    cfg_transact(agent->cfg, &txn, agent->now_ns + INFLIGHT_TIMEOUT_NS, on_done, checkpoint);
}
