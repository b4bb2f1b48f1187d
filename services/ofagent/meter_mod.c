/* The meaning of the three commands on meters. See meter_mod.h.
 *
 * A meter is a row like a group; the shards read its bands from there themselves, so a change of bands touches no flow. Deleting a meter takes
 * the rules that use it along [OF1.3.5 §6.6]. The shards count together, in memory that they share: each reports the
 * whole, and the newest is the greatest. The ofagent's one thread. Invariant: what is refused has changed nothing.
 */
#include "services/ofagent/meter_mod.h"

#include <stdlib.h>

#include "lib/base/memory.h"

static enum of_error_number add_meter(struct bridge *bridge, const struct meter *meter, size_t *out_n_changes)
{
    enum of_error_number error = meter_check(meter);
    struct meter mine;

    if (error != OF_ERROR_NONE) {
        return error;
    }
    if (meter_table_find(bridge->meters, meter->meter_id) != NULL) {
        return OF_ERROR_METER_MOD_FAILED_METER_EXISTS;
    }
    if (meter_table_size(bridge->meters) >= METER_TABLE_MAX) {
        return OF_ERROR_METER_MOD_FAILED_OUT_OF_METERS;
    }
    mine = meter_copy(meter);
    mine.id = 0;
    mine.bridge = bridge->id;
    (void)inflight_note_meter(bridge->inflight, meter_table_insert(bridge->meters, &mine, (int64_t)bridge->agent->now_ns));
    *out_n_changes = 1;
    return OF_ERROR_NONE;
}

static enum of_error_number modify_meter(struct bridge *bridge, const struct meter *meter, size_t *out_n_changes)
{
    struct meter_entry *entry = meter_table_find(bridge->meters, meter->meter_id);
    enum of_error_number error = meter_check(meter);
    struct meter mine;

    if (error != OF_ERROR_NONE) {
        return error;
    }
    if (entry == NULL) {
        return OF_ERROR_METER_MOD_FAILED_UNKNOWN_METER;
    }
    mine = meter_copy(meter);
    mine.id = entry->meter.id;
    mine.bridge = bridge->id;
    meter_fini(&entry->meter);
    entry->meter = mine;
    (void)inflight_note_meter(bridge->inflight, entry);
    *out_n_changes = 1;
    return OF_ERROR_NONE;
}

/* METER_ALL: any meter. */
static bool uses_meter(const struct instructions *in, uint32_t meter_id)
{
    return in->meter_id != 0 && (meter_id == METER_ALL || in->meter_id == meter_id);
}

static void take_out(struct bridge *bridge, struct meter_entry *entry)
{
    meter_table_remove(bridge->meters, entry);
    (void)inflight_note_meter(bridge->inflight, entry);
}

static size_t delete_meters(struct bridge *bridge, uint32_t meter_id)
{
    struct meter_entry *entry = meter_id == METER_ALL ? meter_table_first(bridge->meters) : meter_table_find(bridge->meters, meter_id);

    if (entry == NULL) {
        return 0;
    }
    size_t n = bridge_delete_rules(bridge, uses_meter, meter_id, OF_REMOVED_METER_DELETE);
    if (meter_id != METER_ALL) {
        take_out(bridge, entry);
        return n + 1;
    }
    while ((entry = meter_table_first(bridge->meters)) != NULL) {
        take_out(bridge, entry);
        n++;
    }
    return n;
}

enum of_error_number meter_mod_apply(struct bridge *bridge, enum of_meter_command command, const struct meter *meter,
                                     size_t *out_n_changes)
{
    switch (command) {
    case OF_METER_ADD:
        return add_meter(bridge, meter, out_n_changes);
    case OF_METER_MODIFY:
        return modify_meter(bridge, meter, out_n_changes);
    case OF_METER_DELETE:
        *out_n_changes = delete_meters(bridge, meter->meter_id);
        return OF_ERROR_NONE;
    }
    return OF_ERROR_METER_MOD_FAILED_BAD_COMMAND;
}

/* ---- what was counted ---- */

/* Apart from the tables, since shards tell what they have counted once, perhaps before the tables are loaded. */
struct meter_use {
    uint64_t row;
    struct meter_counts counts; /* the most that any shard has told: they count together */
    UT_hash_handle hh;
};

enum { USES_MAX = 262144 /* four times the slots that shards have; they cannot make it grow without end */ };

static struct meter_use *use_find(const struct ofagent *agent, uint64_t row)
{
    struct meter_use *use;

    HASH_FIND(hh, agent->meter_uses, &row, sizeof row, use);
    return use;
}

/* Is there such a meter, or may there be one that we do not know yet? */
static bool is_wanted(const struct ofagent *agent, uint64_t row)
{
    bool may_come = true;

    for (const struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        if (bridge->state != BRIDGE_READY || meter_table_by_row(bridge->meters, row) != NULL) {
            return true;
        }
        may_come = may_come && row > bridge->meter_row_max;
    }
    return may_come;
}

static void raise(uint64_t *value, uint64_t to)
{
    *value = to > *value ? to : *value;
}

void meter_mod_report(struct ofagent *agent, uint64_t row, const struct meter_counts *counts)
{
    struct meter_use *use = use_find(agent, row);

    if (use == NULL) {
        if (HASH_COUNT(agent->meter_uses) >= USES_MAX || !is_wanted(agent, row)) {
            return;
        }
        use = memory_zeroed(sizeof *use);
        use->row = row;
        HASH_ADD(hh, agent->meter_uses, row, sizeof use->row, use);
    }
    raise(&use->counts.n_packets, counts->n_packets);
    raise(&use->counts.n_bytes, counts->n_bytes);
    for (size_t i = 0; i < METER_BANDS_MAX; i++) {
        raise(&use->counts.bands[i].n_packets, counts->bands[i].n_packets);
        raise(&use->counts.bands[i].n_bytes, counts->bands[i].n_bytes);
    }
}

void meter_mod_forget(struct ofagent *agent, uint64_t row)
{
    struct meter_use *use = use_find(agent, row);

    if (use != NULL) {
        HASH_DELETE(hh, agent->meter_uses, use);
        free(use);
    }
}

void meter_mod_forget_all(struct ofagent *agent)
{
    while (agent->meter_uses != NULL) {
        meter_mod_forget(agent, agent->meter_uses->row);
    }
}

void meter_mod_count_references(struct bridge *bridge)
{
    for (struct meter_entry *e = meter_table_first(bridge->meters); e != NULL; e = meter_table_next(e)) {
        e->n_references = 0;
    }
    for (unsigned i = 0; i < TABLE_COUNT && meter_table_size(bridge->meters) > 0; i++) {
        for (struct flow_entry *e = flow_table_first(bridge->flows, (uint8_t)i); e != NULL; e = e->next) {
            uint32_t meter_id = e->rule.instructions.meter_id;
            struct meter_entry *entry = meter_id != 0 ? meter_table_find(bridge->meters, meter_id) : NULL;
            if (entry != NULL) {
                entry->n_references++;
            }
        }
    }
}

struct of_meter_stats meter_mod_stats(const struct bridge *bridge, const struct meter_entry *entry)
{
    static const struct meter_counts none;
    const struct meter_use *use = entry->meter.id != 0 ? use_find(bridge->agent, entry->meter.id) : NULL;
    const struct meter_counts *counts = use != NULL ? &use->counts : &none;
    size_t n_bands = entry->meter.n_bands;
    struct of_meter_stats stats = {.meter_id = entry->meter.meter_id,
                                   .n_flows = entry->n_references,
                                   .n_packets = counts->n_packets,
                                   .n_bytes = counts->n_bytes,
                                   .duration_ns = bridge->agent->now_ns - (uint64_t)entry->created_ns,
                                   .bands = memory_array(n_bands + 1, sizeof *stats.bands),
                                   .n_bands = n_bands};

    for (size_t i = 0; i < n_bands && i < METER_BANDS_MAX; i++) {
        stats.bands[i] =
            (struct of_band_stats){.n_packets = counts->bands[i].n_packets, .n_bytes = counts->bands[i].n_bytes};
    }
    return stats;
}
