/* Ranges of row ids, bridge by bridge.
 *
 *   ids      1 ... 5000   5001 ... 5900   5901 ... 9000
 *            bridge 1     bridge 2        bridge 1              ranges of 1: [1, 5000] [5901, 9000]     of 2: [5001, 5900]
 *
 * Why in memory, and ranges: an index in LMDB would cost one more put for each rule that is loaded. Ids are given in ascending order and never again, and one
 * ofagent writes many rules of one bridge at once, so nearly every row that is written lengthens the last range of its bridge, and a million rules are some
 * ranges. A walk over the keys makes them anew at each start.
 *
 * Rows that go are not taken out: ids that are not there cost a walk nothing. Two ranges with a small gap are one, and where a bridge has too many, each
 * and the next become one, those with the smallest gaps first, until a quarter of them is gone. So there is a bound for memory, and what it costs in the
 * worst case is a look at rows of others that lie between.
 *
 * Cost: a comparison a row; a search among a bridge's ranges where it is not the last. Thread: configdb's main thread.
 * Invariants: of one bridge, ranges ascend with gaps above BRIDGE_IDS_GAP; each row that was added and whose bridge was not forgotten is in one.
 */
#include "services/configdb/bridge_ids.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/base/memory.h"

struct bridge_ids_range {
    uint64_t first, last;
};

struct bridge_ids_one {
    uint64_t bridge;
    struct bridge_ids_range *ranges;
    size_t n, room;
    UT_hash_handle hh;
};

struct bridge_ids {
    struct bridge_ids_one *by_bridge;
    struct bridge_ids_one *newest; /* the one that was asked for last: nearly always the next one, too */
};

struct bridge_ids *bridge_ids_new(void)
{
    return memory_zeroed(sizeof(struct bridge_ids));
}

static struct bridge_ids_one *one_find(const struct bridge_ids *ids, uint64_t bridge)
{
    struct bridge_ids_one *one = NULL;
    HASH_FIND(hh, ids->by_bridge, &bridge, sizeof bridge, one);
    return one;
}

static void one_remove(struct bridge_ids *ids, struct bridge_ids_one *one)
{
    ids->newest = ids->newest == one ? NULL : ids->newest;
    HASH_DEL(ids->by_bridge, one);
    free(one->ranges);
    free(one);
}

void bridge_ids_destroy(struct bridge_ids **ids)
{
    while (*ids != NULL && (*ids)->by_bridge != NULL) {
        one_remove(*ids, (*ids)->by_bridge);
    }
    free(*ids);
    *ids = NULL;
}

/* The first range that ends at or after `id`. */
static size_t one_lower_bound(const struct bridge_ids_one *one, uint64_t id)
{
    size_t low = 0, high = one->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (one->ranges[middle].last < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Each range and its follower become one where the gap between them is small. */
static void one_join_pairs(struct bridge_ids_one *one, uint64_t gap)
{
    size_t kept = 0;
    for (size_t i = 0; i < one->n; i++) {
        struct bridge_ids_range range = one->ranges[i];
        if (i + 1 < one->n && one->ranges[i + 1].first - range.last <= gap) {
            range.last = one->ranges[++i].last;
        }
        one->ranges[kept++] = range;
    }
    one->n = kept;
}

static void one_insert(struct bridge_ids_one *one, size_t at, uint64_t id)
{
    if (one->n == one->room) {
        one->room = one->room > 0 ? one->room * 2 : 4;
        one->ranges = memory_resize(one->ranges, one->room * sizeof *one->ranges);
    }
    memmove(&one->ranges[at + 1], &one->ranges[at], (one->n - at) * sizeof *one->ranges);
    one->ranges[at] = (struct bridge_ids_range){.first = id, .last = id};
    one->n++;
    for (uint64_t gap = BRIDGE_IDS_GAP * 2; one->n > BRIDGE_IDS_RANGES || (gap > BRIDGE_IDS_GAP * 2 && one->n > BRIDGE_IDS_RANGES / 4 * 3); gap *= 2) {
        one_join_pairs(one, gap); /* by a quarter at least, so that it is not again at the next row */
    }
}

static void one_add(struct bridge_ids_one *one, uint64_t id)
{
    struct bridge_ids_range *last = one->n > 0 ? &one->ranges[one->n - 1] : NULL;
    if (last != NULL && id >= last->first && (id <= last->last || id - last->last <= BRIDGE_IDS_GAP)) {
        last->last = id > last->last ? id : last->last;
        return;
    }
    size_t at = one_lower_bound(one, id);
    if (at < one->n && id >= one->ranges[at].first) {
        return;
    }
    bool is_near_before = at > 0 && id - one->ranges[at - 1].last <= BRIDGE_IDS_GAP;
    bool is_near_behind = at < one->n && one->ranges[at].first - id <= BRIDGE_IDS_GAP;
    if (is_near_before) {
        one->ranges[at - 1].last = is_near_behind ? one->ranges[at].last : id;
    } else if (is_near_behind) {
        one->ranges[at].first = id;
    } else {
        one_insert(one, at, id);
    }
    if (is_near_before && is_near_behind) {
        memmove(&one->ranges[at], &one->ranges[at + 1], (--one->n - at) * sizeof *one->ranges);
    }
}

void bridge_ids_add(struct bridge_ids *ids, uint64_t bridge, uint64_t id)
{
    struct bridge_ids_one *one = ids->newest;
    if (one == NULL || one->bridge != bridge) {
        one = one_find(ids, bridge);
    }
    if (one == NULL) {
        one = memory_zeroed(sizeof *one);
        one->bridge = bridge;
        HASH_ADD(hh, ids->by_bridge, bridge, sizeof one->bridge, one);
    }
    ids->newest = one;
    one_add(one, id);
}

void bridge_ids_forget(struct bridge_ids *ids, uint64_t bridge)
{
    struct bridge_ids_one *one = one_find(ids, bridge);
    if (one != NULL) {
        one_remove(ids, one);
    }
}

/* Takes the range of `bridge` at or after `from` if it begins before *first. */
static void take_earliest(const struct bridge_ids *ids, uint64_t bridge, uint64_t from, uint64_t *first, uint64_t *last)
{
    const struct bridge_ids_one *one = one_find(ids, bridge);
    size_t at = one != NULL ? one_lower_bound(one, from) : 0;
    if (one == NULL || at == one->n) {
        return;
    }
    uint64_t begin = one->ranges[at].first > from ? one->ranges[at].first : from;
    if (begin < *first) {
        *first = begin;
        *last = one->ranges[at].last;
    }
}

bool bridge_ids_next(const struct bridge_ids *ids, const struct bridge_set *bridges, uint64_t from, uint64_t *out_first, uint64_t *out_last)
{
    uint64_t first = UINT64_MAX, last = 0;
    take_earliest(ids, 0, from, &first, &last);
    for (size_t i = 0; i < bridges->n && first != from; i++) { /* one that begins here will do: behind its end there is another look */
        take_earliest(ids, bridges->ids[i], from, &first, &last);
    }
    if (first == UINT64_MAX) {
        return false;
    }
    *out_first = first;
    *out_last = last;
    return true;
}

bool bridge_ids_all(const struct bridge_ids *ids, bool (*known)(void *context, uint64_t bridge), void *context)
{
    for (const struct bridge_ids_one *one = ids->by_bridge; one != NULL; one = one->hh.next) {
        if (!known(context, one->bridge)) {
            return false;
        }
    }
    return true;
}

size_t bridge_ids_ranges(const struct bridge_ids *ids, uint64_t bridge)
{
    const struct bridge_ids_one *one = one_find(ids, bridge);
    return one != NULL ? one->n : 0;
}
