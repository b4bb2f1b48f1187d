/* Adding up what the shards count. See counters.h.
 *
 * A map by id; each counter has the base and a short array with one part for each shard that has reported it: two or three in
 * practice, so a walk is the fastest search. Changed counters hang in a list until the checkpoint takes them, so the cost of a
 * checkpoint is that of what changed and not of what exists. About 110 bytes a rule with one shard.
 * The ofagent's one thread. Invariant: a start number in `gone` has no part in any counter (folded once, I8 for counts).
 */
#include "services/ofagent/counters.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/id_map.h"
#include "lib/base/memory.h"

struct part {
    uint64_t shard;
    uint64_t values[]; /* n_values of them */
};

struct counter {
    uint64_t id;
    struct counter *next_changed;
    struct counter *previous_changed;
    int64_t used_ns;
    bool is_changed;
    uint8_t n_parts;
    uint8_t *parts;  /* n_parts times part_size */
    uint64_t base[]; /* n_values of them */
};

struct counters {
    size_t n_values;
    size_t part_size;
    struct id_map by_id;
    struct counter *first_changed;
    uint64_t *gone; /* start numbers, owned; a few, and only as many as shards have died */
    size_t n_gone;
};

struct counters *counters_new(size_t n_values)
{
    struct counters *counters = memory_zeroed(sizeof *counters);
    counters->n_values = n_values;
    counters->part_size = sizeof(struct part) + n_values * sizeof(uint64_t);
    return counters;
}

static void counter_free(struct counters *counters, struct counter *counter)
{
    (void)id_map_remove(&counters->by_id, counter->id);
    free(counter->parts);
    free(counter);
}

void counters_destroy(struct counters **counters)
{
    struct counter *counter;
    size_t cursor = 0;

    if (*counters == NULL) {
        return;
    }
    while ((counter = id_map_next(&(*counters)->by_id, &cursor)) != NULL) {
        free(counter->parts);
        free(counter);
    }
    id_map_fini(&(*counters)->by_id);
    free((*counters)->gone);
    free(*counters);
    *counters = NULL;
}

static struct part *part_at(const struct counters *counters, const struct counter *counter, size_t i)
{
    return (struct part *)(void *)(counter->parts + i * counters->part_size);
}

static struct counter *find(const struct counters *counters, uint64_t id)
{
    return id_map_find(&counters->by_id, id);
}

static struct counter *find_or_add(struct counters *counters, uint64_t id)
{
    struct counter *counter = find(counters, id);

    if (counter != NULL || counters->by_id.used >= COUNTERS_IDS_MAX) {
        return counter;
    }
    counter = memory_zeroed(sizeof *counter + counters->n_values * sizeof(uint64_t));
    counter->id = id;
    id_map_put(&counters->by_id, id, counter);
    return counter;
}

static void mark_changed(struct counters *counters, struct counter *counter)
{
    if (counter->is_changed) {
        return;
    }
    counter->is_changed = true;
    counter->previous_changed = NULL;
    counter->next_changed = counters->first_changed;
    if (counters->first_changed != NULL) {
        counters->first_changed->previous_changed = counter;
    }
    counters->first_changed = counter;
}

static void unmark_changed(struct counters *counters, struct counter *counter)
{
    if (!counter->is_changed) {
        return;
    }
    if (counter->previous_changed != NULL) {
        counter->previous_changed->next_changed = counter->next_changed;
    } else {
        counters->first_changed = counter->next_changed;
    }
    if (counter->next_changed != NULL) {
        counter->next_changed->previous_changed = counter->previous_changed;
    }
    counter->is_changed = false;
    counter->next_changed = counter->previous_changed = NULL;
}

static bool is_gone(const struct counters *counters, uint64_t shard)
{
    for (size_t i = 0; i < counters->n_gone; i++) {
        if (counters->gone[i] == shard) {
            return true;
        }
    }
    return false;
}

static struct part *find_or_add_part(struct counters *counters, struct counter *counter, uint64_t shard)
{
    for (size_t i = 0; i < counter->n_parts; i++) {
        struct part *part = part_at(counters, counter, i);
        if (part->shard == shard) {
            return part;
        }
    }
    if (counter->n_parts + 1 >= COUNTERS_PARTS_MAX) {
        return NULL;
    }
    counter->parts = memory_resize(counter->parts, (counter->n_parts + 1u) * counters->part_size);
    struct part *part = part_at(counters, counter, counter->n_parts++);
    memset(part, 0, counters->part_size);
    part->shard = shard;
    return part;
}

void counters_report(struct counters *counters, uint64_t shard, uint64_t id, const uint64_t *values)
{
    struct counter *counter;
    struct part *part;
    bool is_new = false;

    if (is_gone(counters, shard) || (counter = find_or_add(counters, id)) == NULL ||
        (part = find_or_add_part(counters, counter, shard)) == NULL) {
        return;
    }
    for (size_t i = 0; i < counters->n_values; i++) {
        if (values[i] > part->values[i]) {
            part->values[i] = values[i]; /* cumulative: a smaller one is an older one */
            is_new = true;
        }
    }
    if (is_new) {
        mark_changed(counters, counter);
    }
}

static void fold(struct counters *counters, struct counter *counter, uint64_t shard)
{
    for (size_t i = 0; i < counter->n_parts; i++) {
        struct part *part = part_at(counters, counter, i);
        if (part->shard != shard) {
            continue;
        }
        for (size_t v = 0; v < counters->n_values; v++) {
            counter->base[v] += part->values[v];
        }
        counter->n_parts--;
        memmove(part, part_at(counters, counter, i + 1), (counter->n_parts - i) * counters->part_size);
        mark_changed(counters, counter);
        return;
    }
}

void counters_shard_gone(struct counters *counters, uint64_t shard)
{
    struct counter *counter;
    size_t cursor = 0;

    if (is_gone(counters, shard)) {
        return;
    }
    while ((counter = id_map_next(&counters->by_id, &cursor)) != NULL) {
        fold(counters, counter, shard);
    }
    counters->gone = memory_resize(counters->gone, (counters->n_gone + 1) * sizeof *counters->gone);
    counters->gone[counters->n_gone++] = shard;
}

void counters_add_base(struct counters *counters, uint64_t id, const uint64_t *values)
{
    struct counter *counter = find_or_add(counters, id);

    for (size_t i = 0; counter != NULL && i < counters->n_values; i++) {
        counter->base[i] += values[i];
    }
}

static bool is_in_checkpoint(uint64_t shard, const struct counters_part *parts, size_t n_parts)
{
    for (size_t i = 1; i < n_parts; i++) {
        if (parts[i].shard == shard) {
            return true;
        }
    }
    return false;
}

/* Raises each value; true when one was lower. */
static bool raise_values(const struct counters *counters, uint64_t *values, const uint64_t *to)
{
    bool is_new = false;

    for (size_t v = 0; v < counters->n_values; v++) {
        if (to[v] > values[v]) {
            values[v] = to[v];
            is_new = true;
        }
    }
    return is_new;
}

/* A shard that is silent and that the other does not name: he may have folded it, so it is compared as part of the base. */
static void fold_unnamed(struct counters *counters, struct counter *counter, const struct counters_part *parts, size_t n_parts,
                         bool (*may_count)(const void *context, uint64_t shard), const void *context)
{
    for (size_t i = counter->n_parts; i-- > 0;) {
        uint64_t shard = part_at(counters, counter, i)->shard;
        if (!is_in_checkpoint(shard, parts, n_parts) && !may_count(context, shard)) {
            counters_shard_gone(counters, shard);
        }
    }
}

void counters_merge(struct counters *counters, uint64_t id, const struct counters_part *parts, size_t n_parts,
                    bool (*may_count)(const void *context, uint64_t shard), const void *context)
{
    struct counter *counter = find_or_add(counters, id);
    uint64_t base[COUNTERS_VALUES_MAX];
    bool is_new = false;

    if (counter == NULL || n_parts == 0) {
        return;
    }
    fold_unnamed(counters, counter, parts, n_parts, may_count, context);
    memcpy(base, parts[0].values, sizeof base);
    for (size_t i = 1; i < n_parts; i++) {
        struct part *part = is_gone(counters, parts[i].shard) ? NULL : find_or_add_part(counters, counter, parts[i].shard);
        if (part != NULL) {
            is_new = raise_values(counters, part->values, parts[i].values) || is_new;
            continue;
        }
        for (size_t v = 0; v < counters->n_values; v++) {
            base[v] += parts[i].values[v];
        }
    }
    is_new = raise_values(counters, counter->base, base) || is_new;
    if (is_new) {
        mark_changed(counters, counter);
    }
}

void counters_note_use(struct counters *counters, uint64_t id, int64_t used_ns)
{
    struct counter *counter = find_or_add(counters, id);

    if (counter != NULL && used_ns > counter->used_ns) {
        counter->used_ns = used_ns;
    }
}

int64_t counters_used_ns(const struct counters *counters, uint64_t id)
{
    const struct counter *counter = find(counters, id);
    return counter != NULL ? counter->used_ns : 0;
}

void counters_mark(struct counters *counters, uint64_t id)
{
    struct counter *counter = find(counters, id);

    if (counter != NULL) {
        mark_changed(counters, counter);
    }
}

bool counters_is_marked(const struct counters *counters, uint64_t id)
{
    const struct counter *counter = find(counters, id);
    return counter != NULL && counter->is_changed;
}

void counters_unmark(struct counters *counters, uint64_t id)
{
    struct counter *counter = find(counters, id);

    if (counter != NULL) {
        unmark_changed(counters, counter);
    }
}

void counters_total(const struct counters *counters, uint64_t id, uint64_t *out_values)
{
    const struct counter *counter = find(counters, id);

    for (size_t v = 0; v < counters->n_values; v++) {
        out_values[v] = counter != NULL ? counter->base[v] : 0;
        for (size_t i = 0; counter != NULL && i < counter->n_parts; i++) {
            out_values[v] += part_at(counters, counter, i)->values[v];
        }
    }
}

bool counters_has(const struct counters *counters, uint64_t id)
{
    return find(counters, id) != NULL;
}

void counters_forget(struct counters *counters, uint64_t id)
{
    struct counter *counter = find(counters, id);

    if (counter != NULL) {
        unmark_changed(counters, counter);
        counter_free(counters, counter);
    }
}

size_t counters_size(const struct counters *counters)
{
    return counters->by_id.used;
}

bool counters_next_changed(struct counters *counters, uint64_t *out_id, struct counters_part *out_parts, size_t *out_n_parts)
{
    struct counter *counter = counters->first_changed;

    if (counter == NULL) {
        return false;
    }
    unmark_changed(counters, counter);
    *out_id = counter->id;
    out_parts[0] = (struct counters_part){.shard = 0};
    memcpy(out_parts[0].values, counter->base, counters->n_values * sizeof(uint64_t));
    for (size_t i = 0; i < counter->n_parts; i++) {
        const struct part *part = part_at(counters, counter, i);
        out_parts[i + 1] = (struct counters_part){.shard = part->shard};
        memcpy(out_parts[i + 1].values, part->values, counters->n_values * sizeof(uint64_t));
    }
    *out_n_parts = counter->n_parts + 1u;
    return true;
}

bool counters_has_changed(const struct counters *counters)
{
    return counters->first_changed != NULL;
}
