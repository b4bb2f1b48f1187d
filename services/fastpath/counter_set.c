/* Counter ids and their values.
 *
 * Packets are counted in their flow only; every half second the growth of each flow is added to the ids of its program, and a flow
 * whose program changes is settled with the old one first, so no packet is credited to a list it did not go through.
 * Cost: a hash probe per id when a program is made, an addition per id and flow when settled. Worker thread, control side.
 * Invariants: the values of an id only grow while its slot lives; a slot named by a program is never reused.
 */
#include "services/fastpath/counter_set.h"

#include <stdlib.h>

#include "lib/base/memory.h"

enum { BUCKETS_MIN = 1024 };
#define NO_SLOT UINT32_MAX

void counter_set_init(struct counter_set *set)
{
    *set = (struct counter_set){.tick = 1, .free_slot = NO_SLOT, .n_buckets = BUCKETS_MIN};
    set->buckets = memory_array(set->n_buckets, sizeof *set->buckets);
}

void counter_set_fini(struct counter_set *set)
{
    free(set->counters);
    free(set->buckets);
    *set = (struct counter_set){0};
}

static uint32_t home_of(const struct counter_set *set, uint64_t id)
{
    return (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 32) & (set->n_buckets - 1);
}

/* The bucket that holds the id, or the empty one where it would be. */
static uint32_t bucket_of(const struct counter_set *set, uint64_t id)
{
    uint32_t i = home_of(set, id);
    while (set->buckets[i] != 0 && set->counters[set->buckets[i] - 1].id != id) {
        i = (i + 1) & (set->n_buckets - 1);
    }
    return i;
}

static void grow_buckets(struct counter_set *set)
{
    free(set->buckets);
    set->n_buckets *= 2;
    set->buckets = memory_array(set->n_buckets, sizeof *set->buckets);
    for (uint32_t slot = 0; slot < set->n_slots; slot++) {
        if (set->counters[slot].id != 0) {
            set->buckets[bucket_of(set, set->counters[slot].id)] = slot + 1;
        }
    }
}

static uint32_t new_slot(struct counter_set *set)
{
    if (set->free_slot == NO_SLOT) {
        uint32_t n_more = set->n_slots > 0 ? set->n_slots : 64;
        set->counters = memory_resize(set->counters, (set->n_slots + n_more) * sizeof *set->counters);
        for (uint32_t i = set->n_slots + n_more; i > set->n_slots; i--) {
            set->counters[i - 1] = (struct counter){.next_free = set->free_slot};
            set->free_slot = i - 1;
        }
        set->n_slots += n_more;
    }
    uint32_t slot = set->free_slot;
    set->free_slot = set->counters[slot].next_free;
    return slot;
}

uint32_t counter_set_slot(struct counter_set *set, uint64_t id)
{
    uint32_t bucket = bucket_of(set, id);
    if (set->buckets[bucket] != 0) {
        return set->buckets[bucket] - 1;
    }
    if (set->n_ids * 2 >= set->n_buckets) {
        grow_buckets(set);
        bucket = bucket_of(set, id);
    }
    uint32_t slot = new_slot(set);
    set->counters[slot] = (struct counter){.id = id, .changed = set->tick};
    set->buckets[bucket] = slot + 1;
    set->n_ids++;
    return slot;
}

/* Closes the gap in the probe chains that taking out a bucket leaves. */
static void free_slot(struct counter_set *set, uint32_t slot)
{
    uint32_t hole = bucket_of(set, set->counters[slot].id), mask = set->n_buckets - 1;
    for (uint32_t i = (hole + 1) & mask; set->buckets[i] != 0; i = (i + 1) & mask) {
        uint32_t home = home_of(set, set->counters[set->buckets[i] - 1].id);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            set->buckets[hole] = set->buckets[i];
            hole = i;
        }
    }
    set->buckets[hole] = 0;
    set->counters[slot] = (struct counter){.next_free = set->free_slot};
    set->free_slot = slot;
    set->n_ids--;
}

void counter_set_hold(struct counter_set *set, const struct program *program)
{
    for (uint32_t i = 0; i < program->n_counters; i++) {
        set->counters[program->counters[i]].n_programs++;
    }
}

void counter_set_release(struct counter_set *set, const struct program *program)
{
    for (uint32_t i = 0; i < program->n_counters; i++) {
        struct counter *counter = &set->counters[program->counters[i]];
        if (--counter->n_programs == 0 && counter->is_retired) {
            free_slot(set, program->counters[i]);
        }
    }
}

void counter_set_credit(struct counter_set *set, const struct program *program, uint64_t packets, uint64_t bytes, uint64_t used_ns)
{
    for (uint32_t i = 0; i < program->n_counters; i++) {
        struct counter *counter = &set->counters[program->counters[i]];
        counter->packets += packets;
        counter->bytes += bytes;
        counter->used_ns = used_ns > counter->used_ns ? used_ns : counter->used_ns;
        counter->changed = set->tick;
    }
}

void counter_set_settle(struct counter_set *set, struct flow *flow)
{
    uint64_t packets = flow->packets - flow->settled_packets, bytes = flow->bytes - flow->settled_bytes;
    if (packets != 0) {
        counter_set_credit(set, flow->program, packets, bytes, flow->used_ns);
        flow->settled_packets = flow->packets;
        flow->settled_bytes = flow->bytes;
    }
}

void counter_set_drop_idle(struct counter_set *set, uint8_t kind, uint64_t now_ns, uint64_t idle_ns, uint32_t *slot, uint32_t n)
{
    uint32_t end = set->n_slots - *slot > n ? *slot + n : set->n_slots;
    for (; *slot < end; (*slot)++) {
        const struct counter *counter = &set->counters[*slot];
        if (counter->id != 0 && counter->id >> 56 == kind && counter->n_programs == 0 && now_ns - counter->used_ns >= idle_ns) {
            free_slot(set, *slot);
        }
    }
    *slot = *slot < set->n_slots ? *slot : 0;
}

void counter_set_retire(struct counter_set *set, uint64_t id)
{
    uint32_t bucket = bucket_of(set, id);
    if (id == 0 || set->buckets[bucket] == 0) {
        return;
    }
    uint32_t slot = set->buckets[bucket] - 1;
    set->counters[slot].is_retired = true;
    if (set->counters[slot].n_programs == 0) {
        free_slot(set, slot);
    }
}
