/* Values of counter ids, cumulative since the shard's start, and which of them changed lately.
 *
 * Programs name counters by slot. A slot lives while a program names it, and until its id is retired by the receiver of its kind or
 * dropped as idle; ids are opaque but for their kind (counter_id.h). Control side of the worker thread.
 */
#ifndef BUSBAR_FASTPATH_COUNTER_SET_H
#define BUSBAR_FASTPATH_COUNTER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/fastpath/flow.h"

struct counter {
    uint64_t id; /* 0: the slot is free */
    uint64_t packets, bytes;
    uint64_t used_ns;
    uint64_t changed; /* the tick at which it changed last */
    uint32_t n_programs;
    bool is_retired;
    uint32_t next_free;
};

struct counter_set {
    struct counter *counters;
    uint32_t n_slots;
    uint64_t tick; /* counts reports; a receiver remembers up to which it was told */
    uint64_t n_ids;
    /* private */
    uint32_t free_slot;
    uint32_t *buckets; /* open addressing: slot + 1, 0 = empty */
    uint32_t n_buckets;
};

void counter_set_init(struct counter_set *set);
void counter_set_fini(struct counter_set *set);
/* The slot of the id, new when it is not known. */
uint32_t counter_set_slot(struct counter_set *set, uint64_t id);
/* A program names its slots from now on / no more. */
void counter_set_hold(struct counter_set *set, const struct program *program);
void counter_set_release(struct counter_set *set, const struct program *program);
void counter_set_credit(struct counter_set *set, const struct program *program, uint64_t packets, uint64_t bytes, uint64_t used_ns);
/* Credits what the flow has grown by since it was settled last. */
void counter_set_settle(struct counter_set *set, struct flow *flow);
/* Frees the ids of one kind (the top 8 bits) that no program names and nobody has used for idle_ns: addresses are never retired. Looks at
 * n slots from *slot on, which moves behind them and to 0 at the end. */
void counter_set_drop_idle(struct counter_set *set, uint8_t kind, uint64_t now_ns, uint64_t idle_ns, uint32_t *slot, uint32_t n);
/* The id will not be used again; its slot is freed once no program names it. */
void counter_set_retire(struct counter_set *set, uint64_t id);

#endif
