/* The groups of one bridge [OF1.3.5 §5.6, §6.5], found by their number. Entries are owned by the table while they are in it. One thread. */
#ifndef BUSBAR_OFAGENT_GROUP_TABLE_H
#define BUSBAR_OFAGENT_GROUP_TABLE_H

#include "lib/openflow/of_message.h"

enum {
    GROUP_TABLE_MAX = 65536,  /* groups of a bridge: more than any controller known uses, at most 30 MB */
    GROUP_BUCKETS_MAX = 1024, /* of a group; Open vSwitch's select groups end at 256 hash buckets */
};

struct group_entry {
    struct group group;
    int64_t created_ns;
    /* As in struct flow_entry: inflight.c alone writes these. */
    bool is_dirty;
    bool is_in_flight;
    bool is_in_table;
    struct group_entry *next, *previous;
};

struct group_table;
struct group_table *group_table_new(void);
void group_table_destroy(struct group_table **table);
struct group_entry *group_table_find(const struct group_table *table, uint32_t group_id);
/* Takes over the group's parts. */
struct group_entry *group_table_insert(struct group_table *table, struct group *group, int64_t created_ns);
void group_table_remove(struct group_table *table, struct group_entry *entry); /* the caller's from here on */
struct group_entry *group_table_first(const struct group_table *table);
size_t group_table_size(const struct group_table *table);
void group_entry_destroy(struct group_entry **entry);

/* Is this group acceptable, whatever is in the table? OF_ERROR_NONE or what to answer. */
enum of_error_number group_check(const struct group *group);

#endif
