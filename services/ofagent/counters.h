/* Sums of what the shards count: a base, and the latest cumulative values of every shard that lives.
 *
 *     total(id) = base(id) + sum over shards of the last value that shard reported
 *
 * Several ofagents hear the same shards; each counts for itself, and a checkpoint passes on what another may have missed (counters_merge).
 * A shard is named by its start number. When it cannot come back, its last values are folded into the base, once; values it is still
 * reported with afterwards are not taken any more. Totals never go back. One thread.
 */
#ifndef BUSBAR_OFAGENT_COUNTERS_H
#define BUSBAR_OFAGENT_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COUNTERS_VALUES_MAX = 8,
    COUNTERS_IDS_MAX = 8000000 /* twice the rules of a full bridge; a shard cannot make it grow without end */
};

/* A part of a count, in checkpoints. */
struct counters_part {
    uint64_t shard; /* 0: the base, which is the first */
    uint64_t values[COUNTERS_VALUES_MAX];
};
enum { COUNTERS_PARTS_MAX = 64 };

struct counters;
/* n_values: how many numbers each id has (2: packets and bytes). */
struct counters *counters_new(size_t n_values);
void counters_destroy(struct counters **counters);

/* A shard's cumulative values since its start. Refused silently: from a shard that is gone, or for a new id beyond the limit. */
void counters_report(struct counters *counters, uint64_t shard, uint64_t id, const uint64_t *values);
/* Folds the shard into the base. */
void counters_shard_gone(struct counters *counters, uint64_t shard);
/* Adds to the base of an id (from a checkpoint). */
void counters_add_base(struct counters *counters, uint64_t id, const uint64_t *values);
/* What a checkpoint of another ofagent says of an id, on top of what we have counted ourselves. `may_count(context, shard)`: that shard lives.
 * The greater of what both know holds, for each shard and for the base, so totals never go back and nothing is counted twice. */
void counters_merge(struct counters *counters, uint64_t id, const struct counters_part *parts, size_t n_parts,
                    bool (*may_count)(const void *context, uint64_t shard), const void *context);
/* The last use of an id that any shard has told, on our clock; 0: none. */
void counters_note_use(struct counters *counters, uint64_t id, int64_t used_ns);
int64_t counters_used_ns(const struct counters *counters, uint64_t id);
/* All zeroes for an id that nobody has counted. */
void counters_total(const struct counters *counters, uint64_t id, uint64_t *out_values);
bool counters_has(const struct counters *counters, uint64_t id);
void counters_forget(struct counters *counters, uint64_t id);
size_t counters_size(const struct counters *counters);

/* Checkpoints: ids whose values have changed since they were last handed out.
 * One changed id with its base first and then its shards; false when there is none left. */
bool counters_next_changed(struct counters *counters, uint64_t *out_id, struct counters_part *out_parts, size_t *out_n_parts);
/* The id is handed out (again). */
void counters_mark(struct counters *counters, uint64_t id);
/* Does the id wait to be handed out? It need not be. */
bool counters_is_marked(const struct counters *counters, uint64_t id);
void counters_unmark(struct counters *counters, uint64_t id);
/* Do any wait to be handed out? */
bool counters_has_changed(const struct counters *counters);

#endif
