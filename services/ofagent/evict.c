/* Two heaps, of the rules with a timeout and of those without. See evict.h.
 *
 * Any rule with a timeout may go, and of the others those that are less important than the new one: so the first of each heap are the only ones
 * to look at. In order of importance, then of expiry, then of age.
 *
 * Why the expiry in a heap may be an old one: rules in use expire later and later, and to move each at each report of its use would cost more than
 * all adds. A place that is too early is put right when it comes to the top; no place is ever too late.
 * Cost: O(log n) a rule that comes or goes, 32 bytes each; a table has heaps from its first eviction on. The ofagent's one thread.
 * Invariant: heap[entry->evict_at - 1] is the entry's; what stands in a place is not later than the truth.
 */
#include "services/ofagent/evict.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

struct place {
    struct flow_entry *entry;
    int64_t expires_ns; /* when it will be gone by itself, if it is not used any more; INT64_MAX: never */
    uint64_t order;
    uint16_t importance;
};

struct heap {
    struct place *places;
    size_t count, room;
};

struct evict {
    struct heap timed, permanent;
    uint64_t order; /* of the next entry */
};

static int64_t expires_ns(const struct flow_entry *entry)
{
    int64_t idle = entry->rule.idle_timeout_s != 0 ? entry->used_ns + entry->rule.idle_timeout_s * (int64_t)NS_PER_S : INT64_MAX;
    int64_t hard = entry->rule.hard_timeout_s != 0 ? entry->created_ns + entry->rule.hard_timeout_s * (int64_t)NS_PER_S : INT64_MAX;
    return idle < hard ? idle : hard;
}

static bool goes_before(const struct place *a, const struct place *b)
{
    if (a->importance != b->importance) {
        return a->importance < b->importance;
    }
    return a->expires_ns != b->expires_ns ? a->expires_ns < b->expires_ns : a->order < b->order;
}

static void put(struct heap *heap, size_t at, struct place place)
{
    heap->places[at] = place;
    place.entry->evict_at = (uint32_t)(at + 1);
}

static void sift_up(struct heap *heap, size_t at)
{
    struct place place = heap->places[at];

    while (at > 0 && goes_before(&place, &heap->places[(at - 1) / 2])) {
        put(heap, at, heap->places[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(heap, at, place);
}

static void sift_down(struct heap *heap, size_t at)
{
    struct place place = heap->places[at];

    for (size_t child = 2 * at + 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && goes_before(&heap->places[child + 1], &heap->places[child])) {
            child++;
        }
        if (!goes_before(&heap->places[child], &place)) {
            break;
        }
        put(heap, at, heap->places[child]);
        at = child;
    }
    put(heap, at, place);
}

static void heap_add(struct heap *heap, struct place place)
{
    if (heap->count == heap->room) {
        heap->room = heap->room == 0 ? 64 : heap->room * 2;
        heap->places = memory_resize(heap->places, heap->room * sizeof *heap->places);
    }
    heap->places[heap->count] = place;
    sift_up(heap, heap->count++);
}

static struct place heap_take(struct heap *heap, size_t at)
{
    struct place taken = heap->places[at], last = heap->places[--heap->count];

    if (at < heap->count) {
        heap->places[at] = last;
        sift_up(heap, at);
        sift_down(heap, last.entry->evict_at - 1);
    }
    taken.entry->evict_at = 0;
    return taken;
}

static void heap_fini(struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        heap->places[i].entry->evict_at = 0;
    }
    free(heap->places);
}

struct evict *evict_new(void)
{
    return memory_zeroed(sizeof(struct evict));
}

void evict_destroy(struct evict **evict)
{
    if (*evict == NULL) {
        return;
    }
    heap_fini(&(*evict)->timed);
    heap_fini(&(*evict)->permanent);
    free(*evict);
    *evict = NULL;
}

static void add(struct evict *evict, struct flow_entry *entry, uint64_t order)
{
    struct place place = {.entry = entry, .expires_ns = expires_ns(entry), .order = order, .importance = entry->rule.importance};

    entry->evict_is_timed = place.expires_ns != INT64_MAX;
    heap_add(entry->evict_is_timed ? &evict->timed : &evict->permanent, place);
}

static struct place take(struct evict *evict, struct flow_entry *entry)
{
    assert(entry->evict_at != 0);
    return heap_take(entry->evict_is_timed ? &evict->timed : &evict->permanent, entry->evict_at - 1);
}

void evict_add(struct evict *evict, struct flow_entry *entry)
{
    assert(entry->evict_at == 0);
    add(evict, entry, evict->order++);
}

void evict_remove(struct evict *evict, struct flow_entry *entry)
{
    (void)take(evict, entry);
}

void evict_update(struct evict *evict, struct flow_entry *entry)
{
    add(evict, entry, take(evict, entry).order);
}

/* Puts right what comes to the top until that is right. */
static const struct place *first_timed(struct heap *heap)
{
    while (heap->count > 0) {
        int64_t truth = expires_ns(heap->places[0].entry);
        if (truth <= heap->places[0].expires_ns) {
            return &heap->places[0];
        }
        heap->places[0].expires_ns = truth;
        sift_down(heap, 0);
    }
    return NULL;
}

struct flow_entry *evict_first(struct evict *evict, uint16_t importance)
{
    const struct place *timed = first_timed(&evict->timed);
    const struct place *permanent = evict->permanent.count > 0 ? &evict->permanent.places[0] : NULL;

    if (permanent != NULL && permanent->importance < importance && (timed == NULL || goes_before(permanent, timed))) {
        return permanent->entry;
    }
    return timed != NULL ? timed->entry : NULL;
}
