/* The groups of one bridge [OF1.3.5 §5.6, §6.5], found by their number and by their row. Entries are owned by the table while they are in it. One thread. */
#ifndef BUSBAR_OFAGENT_GROUP_TABLE_H
#define BUSBAR_OFAGENT_GROUP_TABLE_H

#include <uthash.h>

#include "lib/openflow/of_message.h"

enum {
    GROUP_TABLE_MAX = 65536,  /* groups of a bridge: more than any controller known uses, at most 30 MB */
    GROUP_BUCKETS_MAX = 1024, /* of a group; Open vSwitch's select groups end at 256 hash buckets */
};

struct group_entry {
    struct group group;
    int64_t created_ns;
    uint32_t n_references; /* as group_mod_count_references() has counted last */
    /* As in struct flow_entry: inflight.c alone writes these. */
    bool is_dirty;
    bool is_in_flight;
    uint32_t dirty_at; /* as of struct flow_entry */
    bool is_in_table;
    struct group_entry *next, *previous;
    UT_hash_handle hh_row;
    uint64_t walk; /* group_table_would_loop() alone uses these two */
    struct group_entry *todo;
};

struct group_table;
struct group_table *group_table_new(void);
void group_table_destroy(struct group_table **table);
struct group_entry *group_table_find(const struct group_table *table, uint32_t group_id);
/* Takes over the group's parts. */
struct group_entry *group_table_insert(struct group_table *table, struct group *group, int64_t created_ns);
struct group_entry *group_table_by_row(const struct group_table *table, uint64_t row);
/* Its row has got a number. */
void group_table_set_row(struct group_table *table, struct group_entry *entry, uint64_t row);
void group_table_remove(struct group_table *table, struct group_entry *entry); /* the caller's from here on */
struct group_entry *group_table_first(const struct group_table *table);
size_t group_table_size(const struct group_table *table);
void group_entry_destroy(struct group_entry **entry);

/* Is this group acceptable, whatever is in the table? OF_ERROR_NONE or what to answer. */
enum of_error_number group_check(const struct group *group);
/* Would the packets of this group, put into the table, come back to it by way of other groups [OF1.3.5 §6.5, OFPGMFC_LOOP]? */
bool group_table_would_loop(struct group_table *table, const struct group *group);
/* Buckets without a number (above BUCKET_ID_MAX) get the lowest ones that are free. */
void group_number_buckets(struct group *group);
bool group_has_bucket_twice(const struct group *group);
/* The counting of these buckets begins: each gets the next counter of the group. */
void group_begin_counting(struct group *group, size_t first, size_t n);

#endif
