/* The counters of rules, groups and buckets as configdb keeps them. See checkpoint.h.
 *
 * A row is what counters.c knows of an id: the base, and the last values of each living shard beside its start number. When we start again, a
 * shard that still lives reports its part itself, and the part of one that does not is folded into the base; so nothing is
 * counted twice and nothing but the last second of a killed shard is lost.
 * Each bridge has a transaction of its own, which requires our claim of it, so one that is lost takes no other's counts along; when it is refused, its ids
 * and no others are written again. Ids of a bridge that is being loaded wait for the next round.
 * The ofagent's one thread; one transaction of a bridge at a time, without a version.
 */
#include "services/ofagent/checkpoint.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "services/ofagent/owner.h"
#include "services/ofagent/usage.h"

struct ids {
    uint64_t *items; /* owned */
    size_t count, room;
};

/* The rows of one bridge, on their way. */
struct batch {
    struct batch *next; /* under way */
    struct checkpoint *checkpoint;
    struct cfg_txn *txn;
    struct ids ids;
};

struct checkpoint {
    struct ofagent *agent;
    struct batch *under_way; /* owned */
    bool is_in_round;   /* some that are changed have not been looked at */
    struct ids later;   /* of bridges that are being loaded: for the next round */
    uint64_t next_ns;
    bool is_loading;
    uint64_t load_cursor;
};

static void ids_add(struct ids *ids, uint64_t id)
{
    if (ids->count == ids->room) {
        ids->room = ids->room == 0 ? 64 : ids->room * 2;
        ids->items = memory_resize(ids->items, ids->room * sizeof *ids->items);
    }
    ids->items[ids->count++] = id;
}

/* Marks them to be handed out again, and forgets them. */
static void ids_mark(struct ids *ids, struct counters *counters)
{
    for (size_t i = 0; i < ids->count; i++) {
        counters_mark(counters, ids->items[i]);
    }
    free(ids->items);
    *ids = (struct ids){0};
}

/* And frees it. */
static void take_out(struct checkpoint *checkpoint, struct batch *batch)
{
    struct batch **at = &checkpoint->under_way;

    while (*at != batch) {
        at = &(*at)->next;
    }
    *at = batch->next;
    free(batch->ids.items);
    free(batch);
}

struct checkpoint *checkpoint_new(struct ofagent *agent)
{
    struct checkpoint *checkpoint = memory_zeroed(sizeof *checkpoint);
    checkpoint->agent = agent;
    return checkpoint;
}

void checkpoint_destroy(struct checkpoint **checkpoint)
{
    if (*checkpoint == NULL) {
        return;
    }
    while ((*checkpoint)->under_way != NULL) { /* its transaction has nobody to call: the mirror goes in the same breath */
        take_out(*checkpoint, (*checkpoint)->under_way);
    }
    free((*checkpoint)->later.items);
    free(*checkpoint);
    *checkpoint = NULL;
}

/* May this life of a shard still count? Not when another life of its instance has joined; with no instance known (a row of an older version), not
 * when it is away. */
static bool may_come_back(struct ofagent *agent, uint64_t start, uint32_t instance)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;

    while (cfg_next(agent->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        const Busbar__ServiceRow *service = (const Busbar__ServiceRow *)row;
        if (service->kind == PROCESS_FASTPATH && (service->start == start || service->instance == instance)) {
            return service->start == start;
        }
    }
    return instance != 0;
}

/* Base first; returns how many. */
static size_t read_row(struct ofagent *agent, uint64_t key, const Busbar__CounterRow *row, struct counters_part parts[COUNTERS_PARTS_MAX])
{
    size_t n = row->n_shard_start;

    parts[0] = (struct counters_part){.values = {row->packets, row->bytes}};
    if (row->n_shard_packets != n || row->n_shard_bytes != n || n >= COUNTERS_PARTS_MAX) {
        log_error("counter-unreadable row=%llu", (unsigned long long)key);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t start = row->shard_start[i];
        uint32_t instance = row->n_shard_instance == n ? row->shard_instance[i] : 0;
        parts[i + 1] = (struct counters_part){.shard = start, .values = {row->shard_packets[i], row->shard_bytes[i]}};
        if (!may_come_back(agent, start, instance)) {
            counters_shard_gone(agent->rule_counters, start);
        } else if (instance != 0) {
            usage_note_life(agent->usage, instance, start);
        }
    }
    return n + 1;
}

static bool may_count(const void *context, uint64_t shard)
{
    return usage_shard_instance(((const struct ofagent *)context)->usage, shard) != 0;
}

static void load_row(struct ofagent *agent, uint64_t key, const Busbar__CounterRow *row)
{
    struct counters_part parts[COUNTERS_PARTS_MAX];
    size_t n = read_row(agent, key, row, parts);

    counters_merge(agent->rule_counters, counter_id_of_row(key), parts, n, may_count, agent);
}

void checkpoint_load(struct checkpoint *checkpoint)
{
    checkpoint->is_loading = true;
    checkpoint->load_cursor = 0;
}

bool checkpoint_is_loading(const struct checkpoint *checkpoint)
{
    return checkpoint->is_loading;
}

/* What is read need not be written, unless a shard has told more meanwhile. */
static void continue_load(struct checkpoint *checkpoint)
{
    struct ofagent *agent = checkpoint->agent;
    struct counters *counters = agent->rule_counters;
    const ProtobufCMessage *row;
    uint64_t key;

    for (size_t n = 0; n < agent->load_rows; n++) {
        if (!cfg_next(agent->cfg, CFG_COUNTER, &checkpoint->load_cursor, &key, &row)) {
            checkpoint->is_loading = false;
            agent->is_loaded = true;
            return;
        }
        uint64_t id = counter_id_of_row(key);
        bool was_marked = counters_is_marked(counters, id);
        load_row(agent, key, (const Busbar__CounterRow *)row);
        if (!was_marked) {
            counters_unmark(counters, id);
        }
    }
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct batch *batch = context;

    if (result->error != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "checkpoint-failed error=\"%s\"",
                    result->text != NULL ? result->text : error_text(result->error));
        ids_mark(&batch->ids, batch->checkpoint->agent->rule_counters);
    }
    take_out(batch->checkpoint, batch);
}

static void add_row(const struct ofagent *agent, struct cfg_txn *txn, uint64_t id, const struct counters_part *parts, size_t n_parts)
{
    Busbar__CounterRow row = BUSBAR__COUNTER_ROW__INIT;
    uint64_t starts[COUNTERS_PARTS_MAX], packets[COUNTERS_PARTS_MAX], bytes[COUNTERS_PARTS_MAX];
    uint32_t instances[COUNTERS_PARTS_MAX];

    row.packets = parts[0].values[0];
    row.bytes = parts[0].values[1];
    for (size_t i = 1; i < n_parts; i++) {
        starts[i - 1] = parts[i].shard;
        packets[i - 1] = parts[i].values[0];
        bytes[i - 1] = parts[i].values[1];
        instances[i - 1] = usage_shard_instance(agent->usage, parts[i].shard);
    }
    row.n_shard_start = row.n_shard_packets = row.n_shard_bytes = row.n_shard_instance = n_parts - 1;
    row.shard_start = starts;
    row.shard_packets = packets;
    row.shard_bytes = bytes;
    row.shard_instance = instances;
    cfg_txn_put(txn, CFG_COUNTER, counter_row_of_id(id), &row.base);
}

/* The bridge here whose rule, group or bucket the id is; NULL: it is another's, or is not kept. configdb knows what else ends,
 * and with it its counters: rules, groups, buckets. Adds its look-ups. */
static struct bridge *bridge_of(const struct ofagent *agent, uint64_t id, size_t *n_looks)
{
    enum counter_kind kind = counter_id_kind(id);
    uint64_t number = counter_id_number(id), group = kind == COUNTER_BUCKET ? number >> 16 : number;

    for (struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        ++*n_looks;
        bool is_here = (kind == COUNTER_RULE && owner_has_rule(b, number)) ||
                       ((kind == COUNTER_GROUP || kind == COUNTER_BUCKET) && group_table_by_row(b->groups, group) != NULL);
        if (is_here) {
            return b;
        }
    }
    return NULL;
}

static struct batch *batch_new(struct checkpoint *checkpoint, const struct bridge *bridge)
{
    struct batch *batch = memory_zeroed(sizeof *batch);

    batch->checkpoint = checkpoint;
    batch->txn = cfg_txn_new("ofagent counters");
    owner_require(batch->txn, bridge);
    return batch;
}

/* Puts changed counters into the transactions of their bridges. */
static void fill(struct checkpoint *checkpoint)
{
    struct ofagent *agent = checkpoint->agent;
    struct counters_part parts[COUNTERS_PARTS_MAX];
    size_t n_parts, n_rows = 0, n_looks = 0;
    uint64_t id;

    while (n_rows < CHECKPOINT_ROWS && n_looks < CHECKPOINT_LOOKS && counters_next_changed(agent->rule_counters, &id, parts, &n_parts)) {
        struct bridge *bridge = bridge_of(agent, id, &n_looks);
        n_looks++;
        if (bridge == NULL) {
            continue;
        }
        if (bridge->state != BRIDGE_READY) {
            ids_add(&checkpoint->later, id);
            continue;
        }
        if (bridge->batch == NULL) {
            bridge->batch = batch_new(checkpoint, bridge);
        }
        ids_add(&bridge->batch->ids, id);
        add_row(agent, bridge->batch->txn, id, parts, n_parts);
        n_rows++;
    }
}

bool checkpoint_is_current(const struct checkpoint *checkpoint)
{
    const struct ofagent *agent = checkpoint->agent;

    return agent->counters_ns > agent->shard_ended_ns + CHECKPOINT_LATE_NS || agent->now_ns - agent->counters_ns <= CHECKPOINT_FRESH_NS;
}

static void sum_row(const Busbar__CounterRow *row, uint64_t out_values[2])
{
    out_values[0] = row->packets;
    out_values[1] = row->bytes;
    for (size_t i = 0; i < row->n_shard_packets; i++) {
        out_values[0] += row->shard_packets[i];
    }
    for (size_t i = 0; i < row->n_shard_bytes; i++) {
        out_values[1] += row->shard_bytes[i];
    }
}

static void take_over(struct ofagent *agent, uint64_t id)
{
    uint64_t key = counter_row_of_id(id);
    const Busbar__CounterRow *row = (const Busbar__CounterRow *)cfg_row(agent->cfg, CFG_COUNTER, key);

    uint64_t written[] = {0, 0}, total[COUNTERS_VALUES_MAX];

    if (row != NULL) {
        load_row(agent, key, row);
        sum_row(row, written);
    }
    counters_total(agent->rule_counters, id, total);
    if (total[0] != written[0] || total[1] != written[1]) {
        counters_mark(agent->rule_counters, id); /* we know what the other had not written yet */
    }
}

void checkpoint_take_over_rule(struct checkpoint *checkpoint, uint64_t id)
{
    take_over(checkpoint->agent, counter_id(COUNTER_RULE, id));
}

void checkpoint_take_over_groups(struct checkpoint *checkpoint, const struct bridge *bridge)
{
    struct ofagent *agent = checkpoint->agent;

    for (const struct group_entry *e = group_table_first(bridge->groups); e != NULL; e = e->next) {
        take_over(agent, counter_id(COUNTER_GROUP, e->group.id));
        for (size_t i = 0; i < e->group.n_buckets; i++) {
            take_over(agent, counter_id(COUNTER_BUCKET, e->group.id << 16 | e->group.buckets[i].counter));
        }
    }
}

void checkpoint_step(struct checkpoint *checkpoint)
{
    struct ofagent *agent = checkpoint->agent;

    if (checkpoint->is_loading) {
        continue_load(checkpoint);
    }
    if (!agent->is_loaded || checkpoint->under_way != NULL || agent->now_ns < checkpoint->next_ns || !cfg_is_connected(agent->cfg)) {
        return;
    }
    if (!checkpoint->is_in_round) {
        ids_mark(&checkpoint->later, agent->rule_counters);
    }
    fill(checkpoint);
    checkpoint->is_in_round = counters_has_changed(agent->rule_counters);
    if (!checkpoint->is_in_round) {
        checkpoint->next_ns = agent->now_ns + CHECKPOINT_INTERVAL_NS;
    }
    for (struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        struct batch *batch = bridge->batch;
        bridge->batch = NULL;
        if (batch != NULL) {
            batch->next = checkpoint->under_way;
            checkpoint->under_way = batch;
            cfg_transact(agent->cfg, &batch->txn, agent->now_ns + INFLIGHT_TIMEOUT_NS, on_done, batch);
        }
    }
}
