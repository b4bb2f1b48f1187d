/* A flow: what the slowpath decided for a key under a mask, and all flows of the shard by number, id and owner.
 *
 * A packet reaches a flow by its number, which the exact cache and the megaflow tables hold, and the flow itself says whether it covers
 * the packet: its key and mask decide, nothing else. So whatever points to a flow may be out of date without ever being wrong: a number
 * whose flow has ended, or is another flow's by now, covers nothing or covers rightly. Numbers are places in one region of address
 * space, which is used from its start, so memory grows with use. One thread.
 */
#ifndef BUSBAR_FASTPATH_FLOW_H
#define BUSBAR_FASTPATH_FLOW_H

#include "lib/msg/version.h"
#include "services/fastpath/program.h"

enum {
    FLOW_NONE = 0,           /* the number of a place that never holds a flow and covers no packet */
    FLOWS_MAX = 1 << 24,     /* 4 GiB of address space; flow_limit is lower by far (I9) */
    OWNER_NONE = 0xff,
};

/* How packets reach it. */
enum flow_entered {
    FLOW_NOT_ENTERED,
    FLOW_UNDER_ITS_MASK, /* in a subtable of its port */
    FLOW_KEY_BY_KEY,     /* its port has too many masks */
};

/* A mask in use, shared by the flows under it. */
struct flow_mask {
    struct flow_key bits __attribute__((aligned(64)));
    uint32_t n_flows;
    uint64_t hash;
    struct flow_mask *next;
};

struct flow {
    /* One cache line: what a packet of the flow reads and writes. */
    uint64_t packets, bytes;
    uint64_t used_ns;
    struct program *program;
    const struct flow_mask *mask;
    uint32_t in_port; /* switch-wide port id */
    uint32_t number;
    uint64_t version_n; /* n of the version of the answer or change that made it what it is */
    uint32_t next_by_id; /* number */
    uint8_t owner;      /* number of the session */
    uint8_t offered;    /* session it was offered to, or OWNER_NONE */
    bool is_used;       /* the place holds a flow */
    uint8_t entered;    /* enum flow_entered, megaflow.c */
    struct flow_key key __attribute__((aligned(64))); /* masked */
    /* Control. */
    struct flow_id id;
    uint64_t settled_packets, settled_bytes;      /* already credited to the counters */
    struct flow *next_owned, *prev_owned;         /* list of the owner */
    uint64_t rated_packets, rated_ns;             /* what a dump by rate has seen before (command.c) */
};

struct flow_table;
struct flow_table *flow_table_new(void);
/* Gives back the programs of the flows still there. */
void flow_table_destroy(struct flow_table **table);
/* Takes *program. The flow is in no subtable and in no owner's list yet. NULL, and *program stays, when all FLOWS_MAX places are used. */
struct flow *flow_table_add(struct flow_table *table, const struct flow_key *key, const struct flow_key *mask, struct flow_id id,
                            struct program **program);
/* Ends the flow and gives its program back. Take it out of subtables and owner lists first. */
void flow_table_remove(struct flow_table *table, struct flow *flow);
struct flow *flow_table_find(const struct flow_table *table, struct flow_id id);
size_t flow_table_count(const struct flow_table *table);
size_t flow_table_masks(const struct flow_table *table);
/* Flows by number: the next one at or behind *cursor, which moves behind it; NULL at the end. For slices: expiry, counters, dumps. */
struct flow *flow_table_next(const struct flow_table *table, size_t *cursor);
/* The same, looking at no more than *left places, which it lowers; NULL with *left > 0 is the end. */
struct flow *flow_table_next_within(const struct flow_table *table, size_t *cursor, size_t *left);
/* The place with number 0: flow n is flow_table_base() + n. */
struct flow *flow_table_base(const struct flow_table *table);

/* The flow covers a packet of this key. */
static inline bool flow_covers(const struct flow *flow, const struct flow_key *key)
{
    return key_equal_under(&flow->key, key, &flow->mask->bits);
}

#endif
