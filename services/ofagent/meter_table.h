/* The meters of one bridge [OF1.3.5 §5.7, §6.6], found by their number and by their row. Entries are owned by the table while they are in it. One
 * thread. */
#ifndef BUSBAR_OFAGENT_METER_TABLE_H
#define BUSBAR_OFAGENT_METER_TABLE_H

#include <uthash.h>

#include "lib/openflow/of_message.h"

enum { METER_TABLE_MAX = 16384 /* of a bridge: a quarter of the slots that the shards have for all bridges */ };

struct meter_entry {
    struct meter meter;
    int64_t created_ns;
    uint32_t n_references; /* as meter_mod_count_references() has counted last */
    /* As in struct flow_entry: inflight.c alone writes these. */
    bool is_dirty;
    bool is_in_flight;
    uint32_t dirty_at; /* as of struct flow_entry */
    bool is_in_table;
    UT_hash_handle hh, hh_row;
};

struct meter_table;
struct meter_table *meter_table_new(void);
void meter_table_destroy(struct meter_table **table);
struct meter_entry *meter_table_find(const struct meter_table *table, uint32_t meter_id);
struct meter_entry *meter_table_by_row(const struct meter_table *table, uint64_t row);
/* Takes over the meter's parts. */
struct meter_entry *meter_table_insert(struct meter_table *table, struct meter *meter, int64_t created_ns);
/* Its row has got a number. */
void meter_table_set_row(struct meter_table *table, struct meter_entry *entry, uint64_t row);
void meter_table_remove(struct meter_table *table, struct meter_entry *entry); /* the caller's from here on */
struct meter_entry *meter_table_first(const struct meter_table *table);
/* NULL: that was the last. */
struct meter_entry *meter_table_next(const struct meter_entry *entry);
size_t meter_table_size(const struct meter_table *table);
void meter_entry_destroy(struct meter_entry **entry);

/* Is this meter acceptable, whatever is in the table? OF_ERROR_NONE or what to answer. */
enum of_error_number meter_check(const struct meter *meter);

#endif
