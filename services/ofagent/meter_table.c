/* The meters of one bridge. See meter_table.h.
 *
 * A hash by number, in the order of their coming, and one by row, since shards report what they counted by row. meter_check() answers
 * what the bytes of a meter_mod cannot tell by themselves, and again what they can, for the text of swctl.
 * The ofagent's one thread. Invariant: an entry is in the hash by number exactly while is_in_table, in the one by row if it has a row too.
 */
#include "services/ofagent/meter_table.h"

#include <stdlib.h>

#include "lib/base/memory.h"

struct meter_table {
    struct meter_entry *by_id, *by_row;
};

struct meter_table *meter_table_new(void)
{
    return memory_zeroed(sizeof(struct meter_table));
}

void meter_entry_destroy(struct meter_entry **entry)
{
    if (*entry == NULL) {
        return;
    }
    meter_fini(&(*entry)->meter);
    free(*entry);
    *entry = NULL;
}

void meter_table_destroy(struct meter_table **table)
{
    if (*table == NULL) {
        return;
    }
    while ((*table)->by_id != NULL) {
        struct meter_entry *entry = (*table)->by_id;
        meter_table_remove(*table, entry);
        meter_entry_destroy(&entry);
    }
    free(*table);
    *table = NULL;
}

struct meter_entry *meter_table_find(const struct meter_table *table, uint32_t meter_id)
{
    struct meter_entry *entry;

    HASH_FIND(hh, table->by_id, &meter_id, sizeof meter_id, entry);
    return entry;
}

struct meter_entry *meter_table_by_row(const struct meter_table *table, uint64_t row)
{
    struct meter_entry *entry;

    HASH_FIND(hh_row, table->by_row, &row, sizeof row, entry);
    return entry;
}

void meter_table_set_row(struct meter_table *table, struct meter_entry *entry, uint64_t row)
{
    entry->meter.id = row;
    if (entry->is_in_table) {
        HASH_ADD(hh_row, table->by_row, meter.id, sizeof entry->meter.id, entry);
    }
}

struct meter_entry *meter_table_insert(struct meter_table *table, struct meter *meter, int64_t created_ns)
{
    struct meter_entry *entry = memory_zeroed(sizeof *entry);

    entry->meter = *meter;
    meter->bands = NULL;
    meter->n_bands = 0;
    entry->created_ns = created_ns;
    entry->is_in_table = true;
    HASH_ADD(hh, table->by_id, meter.meter_id, sizeof entry->meter.meter_id, entry);
    if (entry->meter.id != 0) {
        meter_table_set_row(table, entry, entry->meter.id);
    }
    return entry;
}

void meter_table_remove(struct meter_table *table, struct meter_entry *entry)
{
    HASH_DELETE(hh, table->by_id, entry);
    if (entry->meter.id != 0) {
        HASH_DELETE(hh_row, table->by_row, entry);
    }
    entry->is_in_table = false;
}

struct meter_entry *meter_table_first(const struct meter_table *table)
{
    return table->by_id;
}

struct meter_entry *meter_table_next(const struct meter_entry *entry)
{
    return entry->hh.next;
}

size_t meter_table_size(const struct meter_table *table)
{
    return HASH_COUNT(table->by_id);
}

static enum of_error_number check_band(const struct meter_band *band)
{
    bool is_remark = band->type == METER_BAND_DSCP_REMARK;

    if (band->type != METER_BAND_DROP && !is_remark) {
        return OF_ERROR_METER_MOD_FAILED_BAD_BAND;
    }
    if (band->rate == 0) {
        return OF_ERROR_METER_MOD_FAILED_BAD_RATE;
    }
    return is_remark && band->prec_level == 0 ? OF_ERROR_METER_MOD_FAILED_BAD_BAND_VALUE : OF_ERROR_NONE;
}

enum of_error_number meter_check(const struct meter *meter)
{
    bool has_both = (meter->flags & METER_KBPS) != 0 && (meter->flags & METER_PKTPS) != 0;

    if (meter->meter_id == 0 || (meter->meter_id > METER_MAX && meter->meter_id != METER_CONTROLLER)) {
        return OF_ERROR_METER_MOD_FAILED_INVALID_METER;
    }
    if (has_both || (meter->flags & ~(unsigned)(METER_KBPS | METER_PKTPS | METER_BURST | METER_STATS)) != 0) {
        return OF_ERROR_METER_MOD_FAILED_BAD_FLAGS;
    }
    if (meter->n_bands == 0 || meter->n_bands > METER_BANDS_MAX) {
        return OF_ERROR_METER_MOD_FAILED_OUT_OF_BANDS;
    }
    for (size_t i = 0; i < meter->n_bands; i++) {
        enum of_error_number error = check_band(&meter->bands[i]);
        if (error != OF_ERROR_NONE) {
            return error;
        }
    }
    return OF_ERROR_NONE;
}
