/* Programs by content.
 *
 * The hash is of everything that usually tells two programs apart: counters, types, ports and values of fields. What it leaves out
 * costs a longer chain, not a wrong answer: equality decides.
 * Cost: a hash and a comparison of the actions an answer of the slowpath. Control side of the worker thread.
 * Invariant: a program in the table has at least one user.
 */
#include "services/fastpath/program.h"

#include <assert.h>
#include <stdlib.h>

#include <xxhash.h>

#include "lib/base/memory.h"

enum { HEADS_MIN = 256 };

struct program_table {
    struct program **heads;
    size_t n_heads; /* a power of two */
    size_t n_programs;
};

struct program_table *program_table_new(void)
{
    struct program_table *table = memory_zeroed(sizeof *table);
    table->n_heads = HEADS_MIN;
    table->heads = memory_array(table->n_heads, sizeof *table->heads);
    return table;
}

void program_table_destroy(struct program_table **table)
{
    if (*table != NULL) {
        assert((*table)->n_programs == 0);
        free((*table)->heads);
        free(*table);
        *table = NULL;
    }
}

size_t program_table_count(const struct program_table *table)
{
    return table->n_programs;
}

static uint64_t hash_of(const struct dp_action *actions, size_t n_actions, const uint32_t *counters, size_t n_counters)
{
    uint64_t hash = XXH3_64bits_withSeed(counters, n_counters * sizeof *counters, n_actions);
    for (size_t i = 0; i < n_actions; i++) {
        hash = XXH3_64bits_withSeed(&actions[i].type, sizeof actions[i].type, hash);
        if (actions[i].type == DP_ACTION_OUTPUT) {
            hash = XXH3_64bits_withSeed(&actions[i].port, sizeof actions[i].port, hash);
        } else if (actions[i].type == DP_ACTION_SET_FIELD) {
            hash = XXH3_64bits_withSeed(&actions[i].set_field.field, sizeof actions[i].set_field.field, hash);
            hash = XXH3_64bits_withSeed(&actions[i].set_field.value, sizeof actions[i].set_field.value, hash);
        }
    }
    return hash;
}

static struct program *program_new(const struct dp_action *actions, size_t n_actions, const uint32_t *counters, size_t n_counters)
{
    struct program *program = memory_zeroed(sizeof *program);
    program->n_actions = (uint32_t)n_actions;
    program->n_counters = (uint32_t)n_counters;
    program->n_users = 1;
    program->single_output = n_actions == 1 && actions[0].type == DP_ACTION_OUTPUT ? actions[0].port : PROGRAM_NO_OUTPUT;
    program->n_effective = (uint16_t)dp_actions_effective(actions, n_actions);
    for (size_t i = 0; i < n_actions; i++) {
        program->recirculates = program->recirculates || actions[i].type == DP_ACTION_RECIRC;
    }
    program->actions = memory_array(n_actions + 1, sizeof *actions);
    program->counters = memory_array(n_counters + 1, sizeof *counters);
    if (n_actions > 0) {
        memcpy(program->actions, actions, n_actions * sizeof *actions);
    }
    if (n_counters > 0) {
        memcpy(program->counters, counters, n_counters * sizeof *counters);
    }
    return program;
}

static bool is_of(const struct program *program, const struct dp_action *actions, size_t n_actions, const uint32_t *counters,
                  size_t n_counters)
{
    return program->n_counters == n_counters &&
           (n_counters == 0 || memcmp(program->counters, counters, n_counters * sizeof *counters) == 0) &&
           dp_actions_equal(program->actions, program->n_actions, actions, n_actions);
}

static void grow(struct program_table *table)
{
    struct program **old = table->heads;
    size_t n_old = table->n_heads;
    table->n_heads *= 2;
    table->heads = memory_array(table->n_heads, sizeof *table->heads);
    for (size_t i = 0; i < n_old; i++) {
        for (struct program *program = old[i], *next; program != NULL; program = next) {
            struct program **head = &table->heads[program->hash & (table->n_heads - 1)];
            next = program->next;
            program->next = *head;
            *head = program;
        }
    }
    free(old);
}

struct program *program_get(struct program_table *table, const struct dp_action *actions, size_t n_actions, const uint32_t *counters,
                            size_t n_counters, bool *out_is_new)
{
    uint64_t hash = hash_of(actions, n_actions, counters, n_counters);
    for (struct program *program = table->heads[hash & (table->n_heads - 1)]; program != NULL; program = program->next) {
        if (program->hash == hash && is_of(program, actions, n_actions, counters, n_counters)) {
            program->n_users++;
            *out_is_new = false;
            return program;
        }
    }
    if (table->n_programs >= table->n_heads) {
        grow(table);
    }
    struct program *program = program_new(actions, n_actions, counters, n_counters), **head = &table->heads[hash & (table->n_heads - 1)];
    program->hash = hash;
    program->table = table;
    program->next = *head;
    *head = program;
    table->n_programs++;
    *out_is_new = true;
    return program;
}

void program_put(struct program **program)
{
    struct program *it = *program;
    *program = NULL;
    if (it == NULL || --it->n_users > 0) {
        return;
    }
    struct program **link = &it->table->heads[it->hash & (it->table->n_heads - 1)];
    while (*link != it) {
        link = &(*link)->next;
    }
    *link = it->next;
    it->table->n_programs--;
    free(it->actions);
    free(it->counters);
    free(it);
}
