/* A flow: what the slowpath decided for a key under a mask, and all flows of the shard by id, owner and age.
 *
 * A flow is reached by packets through entries: one entry with its key under its mask (a megaflow), or, where a port has too many masks
 * already, one exact entry for each packet key seen (spread). The id is the hash of key and mask of the answer in both cases. Memory
 * of flows is never given back while the table lives, and each carries a generation that changes when it ends, so that a shortcut
 * to it (exact.h) can be asked whether it still holds. One thread.
 */
#ifndef BUSBAR_FASTPATH_FLOW_H
#define BUSBAR_FASTPATH_FLOW_H

#include "lib/dp/action.h"
#include "lib/msg/version.h"

/* What is done to a packet of the flow and which counters it moves. Immutable; replaced as a whole. */
struct program {
    uint32_t n_actions;
    uint32_t n_counters;
    uint32_t *counters;   /* slots of the counter set */
    uint16_t n_effective; /* dp_actions_effective() of them, found out once */
    bool recirculates;    /* a RECIRC is among them */
    struct dp_action actions[];
};
struct program *program_new(const struct dp_action *actions, size_t n_actions, const uint32_t *counters, size_t n_counters);
void program_destroy(struct program **program);
bool program_equal(const struct program *a, const struct program *b);

struct subtable;
struct flow;

/* One way for packets to reach a flow: a masked key in a subtable of a port. */
struct flow_entry {
    struct flow_key key; /* masked */
    struct flow *flow;
    struct subtable *subtable;
    struct flow_entry *next;         /* in its bucket */
    struct flow_entry *next_of_flow; /* spread entries of the flow */
    uint64_t hash;
};

enum { OWNER_NONE = 0xff };

struct flow {
    /* One cache line: what a packet of the flow reads and writes. */
    uint64_t packets, bytes;
    uint64_t used_ns;
    struct program *program;
    uint32_t generation;
    uint32_t in_port; /* switch-wide port id */
    struct flow_entry entry __attribute__((aligned(64))); /* the megaflow's; unused (subtable NULL) when the flow is spread */
    /* Control. */
    struct flow_key mask; /* of the answer */
    struct flow_id id;
    struct flow_entry *spread;
    uint32_t n_spread;
    uint64_t settled_packets, settled_bytes; /* already credited to the counters */
    struct version version;                  /* of the answer or change that made it what it is */
    uint64_t made_ns;
    uint8_t owner;   /* number of the session */
    uint8_t offered; /* session it was offered to, or OWNER_NONE */
    bool is_used;    /* the slot holds a flow */
    struct flow *next_by_id;
    struct flow *next_owned, *prev_owned; /* list of the owner */
};

struct flow_table;
struct flow_table *flow_table_new(void);
void flow_table_destroy(struct flow_table **table);
/* Takes *program. The flow is in no subtable and in no owner's list yet. */
struct flow *flow_table_add(struct flow_table *table, const struct flow_key *key, const struct flow_key *mask, struct flow_id id,
                            struct program **program);
/* Ends the flow: its generation changes, its program is freed. Take it out of subtables and owner lists first. */
void flow_table_remove(struct flow_table *table, struct flow *flow);
struct flow *flow_table_find(const struct flow_table *table, struct flow_id id);
size_t flow_table_count(const struct flow_table *table);
/* Flows by slot: the next one at or behind *cursor, which moves behind it; NULL at the end. For slices: expiry, counters, dumps. */
struct flow *flow_table_next(const struct flow_table *table, size_t *cursor);
size_t flow_table_slots(const struct flow_table *table);

#endif
