/* The rules of one bridge as its controllers mean them: 254 tables, found by (table, match, priority) and by row number.
 *
 * Entries are owned by the table while they are in it; flow_table_remove() hands the entry to the caller, because its deletion has
 * yet to be committed. Entries of a table are listed in the order they were added. One thread.
 */
#ifndef BUSBAR_OFAGENT_FLOW_TABLE_H
#define BUSBAR_OFAGENT_FLOW_TABLE_H

#include "lib/flow/packed_match.h"
#include "lib/model/rule.h"

enum { FLOW_TABLE_RULES_MAX = 4000000 /* a bridge; about 2 GB here, and no controller known keeps a tenth of it */ };

/* Why an entry left the table: enum of_removed_reason, or: nobody is told (replaced). */
enum { FLOW_ENTRY_QUIET = 0xff };

/* A rule but its match, whose members mean what they do there. */
struct flow_rule {
    uint64_t id;
    uint64_t bridge;
    struct instructions instructions;
    uint64_t cookie;
    uint64_t created_wall_ns;
    uint16_t priority;
    uint16_t idle_timeout_s;
    uint16_t hard_timeout_s;
    uint16_t importance;
    uint16_t flags;
    uint8_t table;
};

struct flow_entry {
    struct flow_rule rule;
    int64_t created_ns;                 /* on the clock of now_ns; may lie before the machine's start */
    int64_t used_ns;                    /* last use that is known, at least created_ns */
    struct flow_entry *next, *previous; /* in the same table; read only */
    /* The bookkeeping of changes on their way to configdb; inflight.c alone writes these. */
    bool is_dirty;     /* is to be written with the next transaction */
    bool is_in_flight; /* is part of the one under way */
    /* What flow_table.c alone writes. */
    bool is_in_table;
    uint8_t removed_reason; /* when no longer in the table */
    bool is_timed;
    /* What evict.c alone writes. */
    uint32_t evict_at;    /* place + 1; 0: in none */
    uint32_t evict_group; /* whose place */
    uint32_t dirty_at;    /* inflight.c's: its place among what is to be written, counted from the start, modulo 2^32 */
    struct flow_entry *next_timed, *previous_timed; /* flow_table.c's */
    struct packed_match match; /* last, as its size is its own; never changed */
};

/* Copies the rule. */
struct flow_entry *flow_entry_new(const struct rule *rule);
/* The same but its instructions, which are the entry's from here on. */
struct flow_entry *flow_entry_new_taking(const struct rule *rule);
void flow_entry_destroy(struct flow_entry **entry);
size_t flow_entry_size(const struct flow_entry *entry); /* bytes of memory, about */
/* Of its table, priority and match. */
uint64_t flow_entry_hash(const struct flow_entry *entry);
/* The whole rule; its instructions are lent as long as the entry keeps them. */
struct rule flow_entry_rule(const struct flow_entry *entry);

struct flow_table;
struct flow_table *flow_table_new(void);
void flow_table_destroy(struct flow_table **table); /* with the entries in it */
/* The same over several calls, of n entries each: nothing else may be done with the table any more. May be NULL. */
void flow_table_destroy_some(struct flow_table **table, size_t n);
void flow_table_close_cursors(struct flow_table *table);

/* The entry must not be there yet (flow_table_find). Takes the entry. */
void flow_table_insert(struct flow_table *table, struct flow_entry *entry);
/* The same for who knows the entry's flow_entry_hash(); and to be called some entries before that, so that memory has time to answer. */
void flow_table_insert_hashed(struct flow_table *table, struct flow_entry *entry, uint64_t hash);
void flow_table_expect(const struct flow_table *table, uint64_t hash);
/* Takes it out: it is the caller's from here on. */
void flow_table_remove(struct flow_table *table, struct flow_entry *entry, uint8_t reason);
/* The row number of an entry in the table has become known. */
void flow_table_set_id(struct flow_table *table, struct flow_entry *entry, uint64_t id);

/* The entry with exactly this match and priority, or NULL. */
struct flow_entry *flow_table_find(const struct flow_table *table, uint8_t number, const struct match *match,
                                   uint16_t priority);
/* That with the match and priority of this one, which is in no table, and has this flow_entry_hash(). */
struct flow_entry *flow_table_find_like(const struct flow_table *table, const struct flow_entry *entry, uint64_t hash);
struct flow_entry *flow_table_by_id(const struct flow_table *table, uint64_t id);
/* The greatest row number that was ever in the table. */
uint64_t flow_table_max_id(const struct flow_table *table);
/* The first entry of a table (go on with ->next), or NULL. */
struct flow_entry *flow_table_first(const struct flow_table *table, uint8_t number);
/* The first entry that has a timeout (go on with ->next_timed), or NULL; and a number that changes when one comes or changes. */
struct flow_entry *flow_table_first_timed(const struct flow_table *table);
uint64_t flow_table_timed_changes(const struct flow_table *table);
/* The rule that goes for one of this importance (evict.h), or NULL; groups: NULL for none. The first call for a table, and with other groups, costs a
 * walk of it. */
struct evict_fields;
struct flow_entry *flow_table_victim(struct flow_table *table, uint8_t number, const struct evict_fields *groups, uint16_t importance);
/* To be called when timeouts or importance of an entry in the table have changed. */
void flow_table_retime(struct flow_table *table, struct flow_entry *entry);
/* A walk that goes on over several steps, while entries come and go: what is there all the time is met once. */
struct flow_cursor {
    struct flow_table *table; /* NULL: the table has been destroyed meanwhile, or the cursor is closed */
    struct flow_entry *entry; /* to be handed out next */
    unsigned number;          /* of the table it is in */
    bool is_single;           /* that table only */
    struct flow_cursor *next;
};
/* number: TABLE_ALL for every table. */
void flow_cursor_open(struct flow_cursor *cursor, struct flow_table *table, uint8_t number);
struct flow_entry *flow_cursor_next(struct flow_cursor *cursor); /* NULL at the end */
void flow_cursor_close(struct flow_cursor *cursor);

size_t flow_table_size(const struct flow_table *table);
size_t flow_table_size_of(const struct flow_table *table, uint8_t number);

#endif
