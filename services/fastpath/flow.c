/* The table of flows: slots in slabs, found by id.
 *
 * Slabs of 256 flows are allocated when the free list is empty and kept: a flow's memory stays a flow, so a stale pointer in the exact
 * cache reads a generation and never something else. The id map is chained and doubles when there are more flows than heads.
 * Control side of the worker thread; packets reach flows through megaflow.c and exact.c only. Cost: about 1 KiB a flow with its program.
 * Invariant: generation of a slot only grows; an id is in the map at most once.
 */
#include "services/fastpath/flow.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/memory.h"

_Static_assert(offsetof(struct flow, entry) == 64 && sizeof(struct flow) % 64 == 0, "the hot part is a line of its own");

enum { SLAB_FLOWS = 256, HEADS_MIN = 1024 };

struct flow_table {
    struct flow **slabs;
    size_t n_slabs;
    struct flow *free; /* through next_by_id */
    struct flow **heads;
    size_t n_heads; /* a power of two */
    size_t n_flows;
};

struct program *program_new(const struct dp_action *actions, size_t n_actions, const uint32_t *counters, size_t n_counters)
{
    struct program *program = memory_zeroed(sizeof *program + n_actions * sizeof *actions);
    program->n_actions = (uint32_t)n_actions;
    program->n_counters = (uint32_t)n_counters;
    program->counters = memory_array(n_counters + 1, sizeof *counters);
    program->n_effective = (uint16_t)dp_actions_effective(actions, n_actions);
    for (size_t i = 0; i < n_actions; i++) {
        program->recirculates = program->recirculates || actions[i].type == DP_ACTION_RECIRC;
    }
    if (n_actions > 0) {
        memcpy(program->actions, actions, n_actions * sizeof *actions);
    }
    if (n_counters > 0) {
        memcpy(program->counters, counters, n_counters * sizeof *counters);
    }
    return program;
}

void program_destroy(struct program **program)
{
    if (*program != NULL) {
        free((*program)->counters);
        free(*program);
        *program = NULL;
    }
}

bool program_equal(const struct program *a, const struct program *b)
{
    return a->n_counters == b->n_counters && memcmp(a->counters, b->counters, a->n_counters * sizeof *a->counters) == 0 &&
           dp_actions_equal(a->actions, a->n_actions, b->actions, b->n_actions);
}

struct flow_table *flow_table_new(void)
{
    struct flow_table *table = memory_zeroed(sizeof *table);
    table->n_heads = HEADS_MIN;
    table->heads = memory_array(table->n_heads, sizeof *table->heads);
    return table;
}

void flow_table_destroy(struct flow_table **table)
{
    if (*table == NULL) {
        return;
    }
    for (size_t i = 0; i < (*table)->n_slabs; i++) {
        for (size_t k = 0; k < SLAB_FLOWS; k++) {
            program_destroy(&(*table)->slabs[i][k].program);
        }
        free((*table)->slabs[i]);
    }
    free((*table)->slabs);
    free((*table)->heads);
    free(*table);
    *table = NULL;
}

static struct flow **head_of(const struct flow_table *table, struct flow_id id)
{
    return &table->heads[id.low & (table->n_heads - 1)];
}

static void grow_heads(struct flow_table *table)
{
    struct flow **old = table->heads;
    size_t n_old = table->n_heads;
    table->n_heads *= 2;
    table->heads = memory_array(table->n_heads, sizeof *table->heads);
    for (size_t i = 0; i < n_old; i++) {
        for (struct flow *flow = old[i], *next; flow != NULL; flow = next) {
            struct flow **head = head_of(table, flow->id);
            next = flow->next_by_id;
            flow->next_by_id = *head;
            *head = flow;
        }
    }
    free(old);
}

static void add_slab(struct flow_table *table)
{
    struct flow *slab = aligned_alloc(64, SLAB_FLOWS * sizeof *slab);
    if (slab == NULL) {
        abort();
    }
    memset(slab, 0, SLAB_FLOWS * sizeof *slab);
    table->slabs = memory_resize(table->slabs, (table->n_slabs + 1) * sizeof *table->slabs);
    table->slabs[table->n_slabs++] = slab;
    for (size_t i = SLAB_FLOWS; i > 0; i--) {
        slab[i - 1].generation = 1;
        slab[i - 1].next_by_id = table->free;
        table->free = &slab[i - 1];
    }
}

struct flow *flow_table_add(struct flow_table *table, const struct flow_key *key, const struct flow_key *mask, struct flow_id id,
                            struct program **program)
{
    if (table->free == NULL) {
        add_slab(table);
    }
    if (table->n_flows >= table->n_heads) {
        grow_heads(table);
    }
    struct flow *flow = table->free;
    struct flow **head = head_of(table, id);
    table->free = flow->next_by_id;
    *flow = (struct flow){.generation = flow->generation,
                          .in_port = host32(key->in_port),
                          .program = *program,
                          .mask = *mask,
                          .id = id,
                          .owner = OWNER_NONE,
                          .offered = OWNER_NONE,
                          .is_used = true,
                          .next_by_id = *head};
    key_mask(key, mask, &flow->entry.key);
    flow->entry.flow = flow;
    *program = NULL;
    *head = flow;
    table->n_flows++;
    return flow;
}

void flow_table_remove(struct flow_table *table, struct flow *flow)
{
    struct flow **link = head_of(table, flow->id);
    assert(flow->is_used && flow->entry.subtable == NULL && flow->spread == NULL && flow->next_owned == NULL);
    while (*link != flow) {
        link = &(*link)->next_by_id;
    }
    *link = flow->next_by_id;
    program_destroy(&flow->program);
    flow->is_used = false;
    flow->generation++;
    flow->next_by_id = table->free;
    table->free = flow;
    table->n_flows--;
}

struct flow *flow_table_find(const struct flow_table *table, struct flow_id id)
{
    struct flow *flow = *head_of(table, id);
    while (flow != NULL && !flow_id_equal(flow->id, id)) {
        flow = flow->next_by_id;
    }
    return flow;
}

size_t flow_table_count(const struct flow_table *table)
{
    return table->n_flows;
}

size_t flow_table_slots(const struct flow_table *table)
{
    return table->n_slabs * SLAB_FLOWS;
}

struct flow *flow_table_next(const struct flow_table *table, size_t *cursor)
{
    while (*cursor < table->n_slabs * SLAB_FLOWS) {
        struct flow *flow = &table->slabs[*cursor / SLAB_FLOWS][*cursor % SLAB_FLOWS];
        (*cursor)++;
        if (flow->is_used) {
            return flow;
        }
    }
    return NULL;
}
