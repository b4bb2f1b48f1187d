/* A program: what is done to the packets of flows and which counters they move. Interned: flows that do the same share one.
 *
 * A thousand rules make hundreds of thousands of flows but few programs, so those stay in the CPU's cache and cost no memory a flow.
 * Immutable; a flow that changes gets another one. Counted by reference. One thread.
 */
#ifndef BUSBAR_FASTPATH_PROGRAM_H
#define BUSBAR_FASTPATH_PROGRAM_H

#include "lib/dp/action.h"

enum { PROGRAM_NO_OUTPUT = 0 /* no port has this id */ };

struct program_table;

struct program {
    /* What a packet reads first. */
    uint32_t single_output; /* the port when the actions are one output and nothing else, else PROGRAM_NO_OUTPUT */
    uint16_t n_effective;   /* dp_actions_effective() of them, found out once */
    bool recirculates;      /* a RECIRC is among them */
    uint32_t n_actions;
    struct dp_action *actions;
    /* Control. */
    uint32_t *counters; /* slots of the counter set */
    uint32_t n_counters;
    uint32_t n_users;
    uint64_t hash;
    struct program_table *table;
    struct program *next; /* of the same hash chain */
};

struct program_table *program_table_new(void);
/* Every program must have been given back. */
void program_table_destroy(struct program_table **table);
size_t program_table_count(const struct program_table *table);

/* The program of these actions and counters, one more user of it; `out_is_new` tells whether it is the first. */
struct program *program_get(struct program_table *table, const struct dp_action *actions, size_t n_actions, const uint32_t *counters,
                            size_t n_counters, bool *out_is_new);
/* One user more. */
static inline struct program *program_hold(struct program *program)
{
    program->n_users++;
    return program;
}
/* One user less; the last one frees it. NULL inside is fine. */
void program_put(struct program **program);

#endif
