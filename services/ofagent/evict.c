/* Heaps of rules, and over them heaps of groups. See evict.h.
 *
 *     timed:     ranked ──► group (most rules first) ──► its rules: importance, expiry, age
 *     permanent: ranked ──► group (least importance, then most rules first) ──► its rules: age
 *
 * Any rule with a timeout may go, and of the others those that are less important than the new one: so the first rule of the first group on either
 * side are the only ones to look at. Without fields each side is one group, and the order within it is all there is.
 *
 * Why permanent rules have groups of one importance each: whether they may go hangs on the new rule, so a group of several would have another size for each
 * asker; and they must not make their group seem large to those with a timeout, which would go for what cannot.
 *
 * Why the expiry in a heap may be an old one: rules in use expire later and later, and to move each at each report of its use would cost more than
 * all adds. A place that is too early is put right when it comes to the top; no place is ever too late, neither a rule's in its group nor, as a
 * group's depends on its first rule's, a group's.
 * Cost: O(log n) a rule that comes or goes, 32 bytes each, and some 200 a group; a table has heaps from its first eviction on. The ofagent's one thread.
 * Invariant: groups[entry->evict_group].rules.places[entry->evict_at - 1] is the entry's; what stands in a place is not later than the truth; no group
 * that is ranked is empty.
 */
#include "services/ofagent/evict.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/id_map.h"
#include "lib/base/memory.h"

enum { PLACES_AT_START = 4 };

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

struct evict_group {
    struct heap rules;
    uint64_t key;
    bool is_timed;
    uint32_t at; /* among the ranked; of a free one: the next free one + 1 */
};

/* The groups of rules with a timeout, or of those without. */
struct side {
    struct id_map by_key; /* number + 1, as a pointer */
    uint32_t *ranked;     /* their numbers, a heap */
    size_t count, room;
};

struct evict {
    struct evict_fields *fields; /* NULL: none */
    struct side timed, permanent;
    struct evict_group *groups; /* by number */
    size_t n_groups, room_groups;
    uint32_t first_free; /* + 1; 0: none */
    uint64_t order;      /* of the next entry */
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
        heap->room = heap->room == 0 ? PLACES_AT_START : heap->room * 2;
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

/* ---- groups ---- */

static bool group_goes_before(const struct evict_group *a, const struct evict_group *b)
{
    const struct place *first = &a->rules.places[0], *other = &b->rules.places[0];

    if (!a->is_timed && first->importance != other->importance) {
        return first->importance < other->importance;
    }
    return a->rules.count != b->rules.count ? a->rules.count > b->rules.count : goes_before(first, other);
}

static struct side *side_of(struct evict *evict, bool is_timed)
{
    return is_timed ? &evict->timed : &evict->permanent;
}

static void put_group(struct evict *evict, struct side *side, size_t at, uint32_t number)
{
    side->ranked[at] = number;
    evict->groups[number].at = (uint32_t)at;
}

static void rank_up(struct evict *evict, struct side *side, size_t at)
{
    uint32_t number = side->ranked[at];

    while (at > 0 && group_goes_before(&evict->groups[number], &evict->groups[side->ranked[(at - 1) / 2]])) {
        put_group(evict, side, at, side->ranked[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put_group(evict, side, at, number);
}

static void rank_down(struct evict *evict, struct side *side, size_t at)
{
    uint32_t number = side->ranked[at];

    for (size_t child = 2 * at + 1; child < side->count; child = 2 * at + 1) {
        if (child + 1 < side->count && group_goes_before(&evict->groups[side->ranked[child + 1]], &evict->groups[side->ranked[child]])) {
            child++;
        }
        if (!group_goes_before(&evict->groups[side->ranked[child]], &evict->groups[number])) {
            break;
        }
        put_group(evict, side, at, side->ranked[child]);
        at = child;
    }
    put_group(evict, side, at, number);
}

/* Its size or its first rule is another one. */
static void rank_again(struct evict *evict, uint32_t number)
{
    struct side *side = side_of(evict, evict->groups[number].is_timed);

    rank_up(evict, side, evict->groups[number].at);
    rank_down(evict, side, evict->groups[number].at);
}

static uint32_t free_group(struct evict *evict)
{
    if (evict->first_free != 0) {
        uint32_t number = evict->first_free - 1;
        evict->first_free = evict->groups[number].at;
        return number;
    }
    if (evict->n_groups == evict->room_groups) {
        evict->room_groups = evict->room_groups == 0 ? 2 : evict->room_groups * 2;
        evict->groups = memory_resize(evict->groups, evict->room_groups * sizeof *evict->groups);
    }
    return (uint32_t)evict->n_groups++;
}

/* The number of the group that `place` belongs to, with it in it; its rank is not right yet. */
static uint32_t group_add(struct evict *evict, bool is_timed, uint64_t key, struct place place)
{
    struct side *side = side_of(evict, is_timed);
    uintptr_t found = (uintptr_t)id_map_find(&side->by_key, key);

    if (found == 0) {
        uint32_t number = free_group(evict);
        evict->groups[number] = (struct evict_group){.key = key, .is_timed = is_timed};
        found = (uintptr_t)number + 1;
        id_map_put(&side->by_key, key, (void *)found); /* a number, never followed */
        if (side->count == side->room) {
            side->room = side->room == 0 ? PLACES_AT_START : side->room * 2;
            side->ranked = memory_resize(side->ranked, side->room * sizeof *side->ranked);
        }
        put_group(evict, side, side->count++, number);
    }
    heap_add(&evict->groups[found - 1].rules, place);
    return (uint32_t)(found - 1);
}

/* Its last rule has gone. */
static void group_end(struct evict *evict, uint32_t number)
{
    struct evict_group *group = &evict->groups[number];
    struct side *side = side_of(evict, group->is_timed);
    uint32_t last = side->ranked[--side->count];

    (void)id_map_remove(&side->by_key, group->key);
    heap_fini(&group->rules);
    if (last != number) {
        put_group(evict, side, group->at, last);
        rank_again(evict, last);
    }
    *group = (struct evict_group){.at = evict->first_free};
    evict->first_free = number + 1;
}

/* ---- all of it ---- */

struct evict *evict_new(const struct evict_fields *fields)
{
    struct evict *evict = memory_zeroed(sizeof *evict);
    evict->fields = evict_fields_copy(fields);
    return evict;
}

static void side_fini(struct side *side)
{
    id_map_fini(&side->by_key);
    free(side->ranked);
}

void evict_destroy(struct evict **evict)
{
    if (*evict == NULL) {
        return;
    }
    for (size_t i = 0; i < (*evict)->n_groups; i++) {
        heap_fini(&(*evict)->groups[i].rules);
    }
    side_fini(&(*evict)->timed);
    side_fini(&(*evict)->permanent);
    free((*evict)->groups);
    free((*evict)->fields);
    free(*evict);
    *evict = NULL;
}

bool evict_is_by(const struct evict *evict, const struct evict_fields *fields)
{
    return evict_fields_equal(evict->fields, fields);
}

static void add(struct evict *evict, struct flow_entry *entry, uint64_t order)
{
    struct place place = {.entry = entry, .expires_ns = expires_ns(entry), .order = order, .importance = entry->rule.importance};
    bool is_timed = place.expires_ns != INT64_MAX;
    uint64_t key = evict_fields_hash(evict->fields, &entry->match, is_timed ? 0 : 1 + (uint64_t)place.importance);

    entry->evict_group = group_add(evict, is_timed, key, place);
    rank_again(evict, entry->evict_group);
}

static struct place take(struct evict *evict, struct flow_entry *entry)
{
    struct evict_group *group = &evict->groups[entry->evict_group];

    assert(entry->evict_at != 0);
    struct place taken = heap_take(&group->rules, entry->evict_at - 1);
    if (group->rules.count == 0) {
        group_end(evict, entry->evict_group);
    } else {
        rank_again(evict, entry->evict_group);
    }
    return taken;
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
static const struct place *first_timed(struct evict *evict)
{
    while (evict->timed.count > 0) {
        struct heap *rules = &evict->groups[evict->timed.ranked[0]].rules;
        int64_t truth = expires_ns(rules->places[0].entry);
        if (truth <= rules->places[0].expires_ns) {
            return &rules->places[0];
        }
        rules->places[0].expires_ns = truth;
        sift_down(rules, 0);
        rank_down(evict, &evict->timed, 0);
    }
    return NULL;
}

struct flow_entry *evict_first(struct evict *evict, uint16_t importance)
{
    const struct place *timed = first_timed(evict);
    const struct place *permanent = evict->permanent.count > 0 ? &evict->groups[evict->permanent.ranked[0]].rules.places[0] : NULL;

    if (permanent != NULL && permanent->importance < importance && (timed == NULL || goes_before(permanent, timed))) {
        return permanent->entry;
    }
    return timed != NULL ? timed->entry : NULL;
}
