/* Bridges in a sorted array, and the bridge of a row without unpacking it.
 *
 * Column `bridge` is field 1 of the rows concerned, and protobuf-c packs fields in the order of their numbers, so it is the first thing of a row. A
 * row that begins otherwise is of no bridge that we know, and is taken for everybody's: too much does no harm.
 * Cost: a binary search among some dozen bridges. Any thread. Invariant: ids strictly ascend.
 */
#include "lib/cfg/bridge_set.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"

enum { TAG_BRIDGE = 1 << 3, VARINT_MAX = 10 };

void bridge_set_fini(struct bridge_set *set)
{
    free(set->ids);
    *set = (struct bridge_set){0};
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

void bridge_set_assign(struct bridge_set *set, const uint64_t *ids, size_t n)
{
    uint64_t *sorted = memory_array(n + 1, sizeof *sorted);
    size_t kept = 0;
    if (n > 0) {
        memcpy(sorted, ids, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, compare_ids);
    }
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || sorted[kept - 1] != sorted[i]) {
            sorted[kept++] = sorted[i];
        }
    }
    bridge_set_fini(set);
    set->ids = sorted;
    set->n = kept;
}

void bridge_set_copy(struct bridge_set *set, const struct bridge_set *from)
{
    if (set != from) {
        bridge_set_assign(set, from->ids, from->n);
        set->is_all = from->is_all;
    }
}

bool bridge_set_has(const struct bridge_set *set, uint64_t bridge)
{
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ids[middle] < bridge) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return set->is_all || (low < set->n && set->ids[low] == bridge);
}

bool bridge_set_equal(const struct bridge_set *a, const struct bridge_set *b)
{
    return a->is_all == b->is_all && (a->is_all || (a->n == b->n && (a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0)));
}

void bridge_set_keep(struct bridge_set *set, const struct bridge_set *other)
{
    size_t kept = 0;
    if (set->is_all) {
        bridge_set_copy(set, other);
        return;
    }
    for (size_t i = 0; i < set->n; i++) {
        if (bridge_set_has(other, set->ids[i])) {
            set->ids[kept++] = set->ids[i];
        }
    }
    set->n = kept;
}

bool bridge_set_is_within(const struct bridge_set *set, const struct bridge_set *other)
{
    for (size_t i = 0; !set->is_all && i < set->n; i++) {
        if (!bridge_set_has(other, set->ids[i])) {
            return false;
        }
    }
    return !set->is_all || other->is_all;
}

uint64_t bridge_set_row_bridge(const uint8_t *row, size_t size)
{
    uint64_t bridge = 0;
    if (size == 0 || row[0] != TAG_BRIDGE) {
        return 0;
    }
    for (size_t i = 1; i < size && i <= VARINT_MAX; i++) {
        bridge |= (uint64_t)(row[i] & 0x7f) << (7 * (i - 1));
        if ((row[i] & 0x80) == 0) {
            return bridge;
        }
    }
    return 0;
}

bool bridge_set_takes(const struct bridge_set *set, uint32_t table, const uint8_t *row, size_t size)
{
    if (set->is_all || table >= CFG_TABLE_MAX || ((uint32_t)CFG_TABLES_BY_BRIDGE & 1u << table) == 0) {
        return true;
    }
    uint64_t bridge = bridge_set_row_bridge(row, size);
    return bridge == 0 || bridge_set_has(set, bridge);
}
