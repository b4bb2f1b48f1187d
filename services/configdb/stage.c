/* A skip list: each change stands in a list of all, and by the throw of a coin in sparser lists above it.
 *
 *   level 2   ●────────────────────► meta N ─────────────────────►
 *   level 1   ●────────► meta C ───► meta N ────────► rows 3.8 ──►
 *   level 0   ●► meta B ► meta C ──► meta N ► rows 3.7 ► rows 3.8 ► ...
 *
 * Why this: walks over the environment with the changes laid over need order, changes come in any order, and nothing is ever taken out (what
 * is deleted again is marked), which is the easy half of a balanced tree. The order is LMDB's: the bytes, then the length.
 *
 * Cost: one allocation a change and one a value, about 0.5 us at a thousand changes. The coin has a fixed seed: heights need no secret, since all
 * keys are our own. Thread: whoever holds the stage.
 */
#include "services/configdb/stage.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"

enum { STAGE_LEVELS = 16 };

struct stage_node {
    struct stage_change change; /* first: what callers hold; its key stands behind the links */
    struct stage_node *next[];  /* as many as it has levels */
};
struct stage {
    struct stage_node *first[STAGE_LEVELS];
    struct random random;
    size_t n, n_levels; /* changes; levels that have any */
};

struct stage *stage_new(void)
{
    struct stage *stage = memory_zeroed(sizeof *stage);
    random_seed(&stage->random, 1);
    stage->n_levels = 1;
    return stage;
}

static void stage_node_free(struct stage_node *node)
{
    free((void *)(uintptr_t)node->change.value);
    free(node);
}

void stage_destroy(struct stage **stage)
{
    if (*stage == NULL) {
        return;
    }
    for (struct stage_node *node = (*stage)->first[0], *next; node != NULL; node = next) {
        next = node->next[0];
        stage_node_free(node);
    }
    free(*stage);
    *stage = NULL;
}

static int stage_compare(const struct stage_change *change, uint32_t db, const struct db_key *key)
{
    if (change->db != db) {
        return change->db < db ? -1 : 1;
    }
    size_t common = change->key_size < key->size ? change->key_size : key->size;
    int order = common > 0 ? memcmp(change->key, key->bytes, common) : 0;
    return order != 0 ? order : change->key_size < key->size ? -1 : change->key_size > key->size ? 1 : 0;
}

/* The links that lead to the first change that is not before the key, on each level. */
static void stage_seek(const struct stage *stage, uint32_t db, const struct db_key *key, struct stage_node *const **out_links)
{
    struct stage_node *const *links = stage->first;
    for (size_t level = stage->n_levels; level-- > 0;) {
        while (links[level] != NULL && stage_compare(&links[level]->change, db, key) < 0) {
            links = links[level]->next;
        }
        out_links[level] = &links[level];
    }
}

static struct stage_node *stage_make(struct stage *stage, uint32_t db, const struct db_key *key)
{
    struct stage_node *const *links[STAGE_LEVELS];
    stage_seek(stage, db, key, links);
    struct stage_node *node = *links[0];
    if (node != NULL && stage_compare(&node->change, db, key) == 0) {
        return node;
    }
    size_t n_levels = 1;
    while (n_levels < STAGE_LEVELS && (random_u64(&stage->random) & 3) == 0) {
        n_levels++;
    }
    node = memory_zeroed(sizeof *node + n_levels * sizeof(struct stage_node *) + key->size);
    uint8_t *copy = (uint8_t *)&node->next[n_levels];
    memcpy(copy, key->bytes, key->size);
    node->change = (struct stage_change){.db = db, .key = copy, .key_size = key->size};
    for (size_t level = 0; level < n_levels; level++) {
        bool is_new = level >= stage->n_levels;
        struct stage_node **link = is_new ? &stage->first[level] : (struct stage_node **)(uintptr_t)links[level];
        node->next[level] = *link;
        *link = node;
    }
    stage->n_levels = n_levels > stage->n_levels ? n_levels : stage->n_levels;
    stage->n++;
    return node;
}

void stage_put(struct stage *stage, uint32_t db, const struct db_key *key, const void *value, size_t size)
{
    struct stage_node *node = stage_make(stage, db, key);
    uint8_t *copy = memory_zeroed(size + 1); /* first: `value` may be lent from this very change */
    if (size > 0) {
        memcpy(copy, value, size);
    }
    free((void *)(uintptr_t)node->change.value);
    node->change.value = copy;
    node->change.size = size;
    node->change.is_gone = false;
}

void stage_remove(struct stage *stage, uint32_t db, const struct db_key *key)
{
    struct stage_node *node = stage_make(stage, db, key);
    free((void *)(uintptr_t)node->change.value);
    node->change.value = NULL;
    node->change.size = 0;
    node->change.is_gone = true;
}

const struct stage_change *stage_from(const struct stage *stage, uint32_t db, const struct db_key *key, bool is_behind)
{
    struct stage_node *const *links[STAGE_LEVELS];
    stage_seek(stage, db, key, links);
    const struct stage_node *node = *links[0];
    if (is_behind && node != NULL && stage_compare(&node->change, db, key) == 0) {
        node = node->next[0];
    }
    return node != NULL && node->change.db == db ? &node->change : NULL;
}

const struct stage_change *stage_find(const struct stage *stage, uint32_t db, const struct db_key *key)
{
    const struct stage_change *change = stage_from(stage, db, key, false);
    return change != NULL && stage_compare(change, db, key) == 0 ? change : NULL;
}

const struct stage_change *stage_next(const struct stage *stage, const struct stage_change *change)
{
    const struct stage_node *next = change == NULL ? stage->first[0] : ((const struct stage_node *)(const void *)change)->next[0];
    return next != NULL ? &next->change : NULL;
}

size_t stage_count(const struct stage *stage)
{
    return stage->n;
}
