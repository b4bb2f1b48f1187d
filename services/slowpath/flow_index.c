/* Flows by id, by MAC lookup, and the two queues of flows that may be wrong.
 *
 *     by id        a hash table; FLOW_GONE and offers name flows so
 *     by MAC       (bridge, VLAN, address) -> the flows that asked for it, whether it was known or not
 *     marked       one queue in order of versions, one for MAC events, which have none; a flow is in one of them, the versions' first
 *
 * Which flows does a changed rule concern? Those that looked into its table and whose packets may have matched it when they got there. All
 * packets of a flow agree on the bits of its mask, so one bit that the flow's mask and the match's mask both have and in which they differ
 * rules the flow out; fields that an action may have written on the way are not compared. Everything else is translated again, which is the
 * exact answer. The comparison walks all flows of the session for each commit: a few ns a flow that fails on bridge or table, some 10 ns a
 * pair that is compared; a commit with so many pairs that it would take longer than a step may is judged by tables alone.
 *
 * Flows and the map live in large pages that are touched little by little: a flow a small page cost more than all else that is done here.
 * Cost: some 600 bytes a flow and its actions. Thread: the one that translates. Invariant: a marked flow is in exactly one queue.
 */
#include "services/slowpath/flow_index.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/base/memory.h"

struct mac_users {
    struct mac_name name; /* the map's key: no padding */
    struct flow_mac_link *links;
    UT_hash_handle hh;
};

struct flow_mac_link {
    struct flow *flow;
    struct mac_users *users;
    struct flow_mac_link *prev, *next;
};

/* A hash table of ids by linear probing, at most half full; an id is a hash already. */
struct flow_slot {
    uint64_t low;      /* of the id; decides nothing where flow is NULL */
    struct flow *flow; /* owned; NULL: free */
};

struct flow_map {
    struct flow_slot *slots; /* owned */
    size_t room, used;       /* room is a power of two */
};

/* Memory of flows; each block is as large as all before it, up to BLOCK_BYTES_MAX. */
struct flow_block {
    struct flow_block *next;
    size_t bytes, n_flows;
    struct flow flows[];
};

struct flow_index {
    struct flow_block *blocks; /* owned, the newest first */
    size_t n_fresh;            /* flows at the end of the newest that were never used */
    size_t n_places;           /* flows in all blocks */
    struct flow *free;         /* places given back, by `next` */
    struct flow_map flows;
    struct flow_map old;  /* being emptied into `flows`, a few slots an addition, so that no single one takes long */
    size_t old_cursor;    /* slots before it are empty */
    struct flow_slot *next_slots; /* owned: of the next map, twice as large, whose pages are touched before it is needed; NULL: not yet */
    size_t next_touched;          /* bytes */
    struct mac_users *macs;
    struct flow *by_version; /* marked by a version, oldest first */
    struct flow *by_event;   /* marked by an event without a version */
    size_t n_marked;
    size_t lists_bytes; /* of actions and counters that are not in their flow */
};

_Static_assert(sizeof(struct mac_name) == 16, "hashed as bytes");

enum { BLOCK_FLOWS_MIN = 64, BLOCK_BYTES_MAX = 2 << 20 /* a large page */ };
enum { PAGE_BYTES = 4096, TOUCHED_AN_ADDITION = 512 /* so that all are when the map is half full; begun at three eighths */ };
enum { MAP_ROOM_FIRST = 64, MAP_MOVED_AN_ADDITION = 3 /* 1 would be enough to be done before the next doubling; more at once are felt */ };

/* ---- memory ---- */

static struct flow_slot *slots_new(size_t room)
{
    return memory_pages(room * sizeof(struct flow_slot));
}

static void slots_free(struct flow_map *map)
{
    memory_pages_free(map->slots, map->room * sizeof *map->slots);
}

static void block_add(struct flow_index *index)
{
    size_t n_most = (BLOCK_BYTES_MAX - sizeof(struct flow_block)) / sizeof(struct flow);
    size_t n = index->n_places < BLOCK_FLOWS_MIN ? BLOCK_FLOWS_MIN : index->n_places < n_most / 2 ? index->n_places : n_most;
    size_t bytes = n == n_most ? BLOCK_BYTES_MAX : sizeof(struct flow_block) + n * sizeof(struct flow);
    struct flow_block *block = memory_pages(bytes);
    block->next = index->blocks;
    block->bytes = bytes;
    block->n_flows = n;
    index->blocks = block;
    index->n_fresh = n;
    index->n_places += n;
}

static struct flow *place_take(struct flow_index *index)
{
    struct flow *flow = index->free;
    if (flow != NULL) {
        index->free = flow->next;
        memset(flow, 0, sizeof *flow);
        return flow;
    }
    if (index->n_fresh == 0) {
        block_add(index);
    }
    return &index->blocks->flows[index->blocks->n_flows - index->n_fresh--];
}

static size_t lists_bytes(size_t n_actions, size_t n_counters)
{
    return n_actions * sizeof(struct dp_action) + n_counters * sizeof(uint64_t);
}

static void flow_free(struct flow_index *index, struct flow *flow)
{
    free(flow->more);
    if (flow->actions != NULL && flow->actions != (struct dp_action *)flow->few) {
        index->lists_bytes -= lists_bytes(flow->n_actions, flow->n_counters);
        free(flow->actions);
    }
}

static void blocks_free(struct flow_index *index)
{
    for (struct flow_block *block = index->blocks, *next; block != NULL; block = next) {
        next = block->next;
        memory_pages_free(block, block->bytes);
    }
}

struct flow_index *flow_index_new(void)
{
    struct flow_index *index = memory_zeroed(sizeof *index);
    index->flows.room = MAP_ROOM_FIRST;
    index->flows.slots = slots_new(index->flows.room);
    return index;
}

/* ---- the map ---- */

/* Where the flow is, or would be. */
static size_t map_place(const struct flow_map *map, struct flow_id id)
{
    size_t i = id.low & (map->room - 1);
    while (map->slots[i].flow != NULL && (map->slots[i].low != id.low || map->slots[i].flow->id.high != id.high)) {
        i = (i + 1) & (map->room - 1);
    }
    return i;
}

static struct flow *map_find(const struct flow_map *map, struct flow_id id)
{
    return map->used > 0 ? map->slots[map_place(map, id)].flow : NULL;
}

static void map_add(struct flow_map *map, struct flow *flow)
{
    map->slots[map_place(map, flow->id)] = (struct flow_slot){.low = flow->id.low, .flow = flow};
    map->used++;
}

/* Empties slot i; the flows behind it that only stand there because it was taken move up. */
static void map_empty(struct flow_map *map, size_t i)
{
    for (size_t j = (i + 1) & (map->room - 1); map->slots[j].flow != NULL; j = (j + 1) & (map->room - 1)) {
        size_t home = map->slots[j].low & (map->room - 1);
        if (((j - home) & (map->room - 1)) >= ((j - i) & (map->room - 1))) {
            map->slots[i] = map->slots[j];
            i = j;
        }
    }
    map->slots[i].flow = NULL;
    map->used--;
}

static void move_some(struct flow_index *index)
{
    for (unsigned n = 0; n < MAP_MOVED_AN_ADDITION && index->old.used > 0; n++) {
        while (index->old.slots[index->old_cursor].flow == NULL) {
            index->old_cursor = (index->old_cursor + 1) & (index->old.room - 1);
        }
        struct flow *flow = index->old.slots[index->old_cursor].flow;
        map_empty(&index->old, index->old_cursor);
        map_add(&index->flows, flow);
    }
    if (index->old.used == 0 && index->old.slots != NULL) {
        slots_free(&index->old);
        index->old = (struct flow_map){0};
    }
}

/* Fresh memory costs the kernel up to a millisecond a megabyte: of a map of 262,144 flows, all in its first additions, that was 20 ms without answers. */
static void prepare_next(struct flow_index *index)
{
    size_t bytes = index->flows.room * 2 * sizeof *index->flows.slots;
    if (index->next_slots == NULL) {
        if ((index->flows.used + index->old.used) * 8 < index->flows.room * 3) {
            return;
        }
        index->next_slots = slots_new(index->flows.room * 2);
        index->next_touched = 0;
    }
    if (index->next_touched < bytes) {
        if (index->next_touched % PAGE_BYTES == 0) {
            *((volatile char *)index->next_slots + index->next_touched) = 0;
        }
        index->next_touched += TOUCHED_AN_ADDITION;
    }
}

static void index_add(struct flow_index *index, struct flow *flow)
{
    prepare_next(index);
    if ((index->flows.used + index->old.used) * 2 >= index->flows.room) {
        while (index->old.used > 0) {
            move_some(index);
        }
        index->old = index->flows;
        index->old_cursor = 0;
        index->flows = (struct flow_map){.room = index->old.room * 2, .slots = index->next_slots};
        index->next_slots = NULL;
    }
    move_some(index);
    map_add(&index->flows, flow);
}

static void index_take_out(struct flow_index *index, const struct flow *flow)
{
    struct flow_map *map = map_find(&index->flows, flow->id) == flow ? &index->flows : &index->old;
    map_empty(map, map_place(map, flow->id));
}

/* All flows one after the other: `*cursor` starts at 0. NULL: that was all. */
static struct flow *index_next(const struct flow_index *index, size_t *cursor)
{
    while (*cursor < index->flows.room + index->old.room) {
        size_t i = (*cursor)++;
        struct flow *flow = i < index->flows.room ? index->flows.slots[i].flow : index->old.slots[i - index->flows.room].flow;
        if (flow != NULL) {
            return flow;
        }
    }
    return NULL;
}

/* ---- queues ---- */

static void queue_leave(struct flow_index *index, struct flow *flow)
{
    if (!flow->is_marked) {
        return;
    }
    if (flow->marked_n != 0) {
        DL_DELETE(index->by_version, flow);
    } else {
        DL_DELETE(index->by_event, flow);
    }
    flow->is_marked = false;
    index->n_marked--;
}

/* ---- MAC lookups ---- */

static void macs_forget(struct flow_index *index, struct flow *flow)
{
    for (size_t i = 0; i < flow->n_macs; i++) {
        struct mac_users *users = flow->macs[i].users;
        DL_DELETE(users->links, &flow->macs[i]);
        if (users->links == NULL) {
            HASH_DELETE(hh, index->macs, users);
            free(users);
        }
    }
    free(flow->macs);
    flow->macs = NULL;
    flow->n_macs = 0;
}

static struct mac_users *mac_users_find(const struct flow_index *index, const struct mac_name *name)
{
    struct mac_users *users;
    HASH_FIND(hh, index->macs, name, sizeof *name, users);
    return users;
}

static void macs_note(struct flow_index *index, struct flow *flow, const struct translation *translation)
{
    flow->n_macs = translation->n_macs;
    flow->macs = flow->n_macs > 0 ? memory_array(flow->n_macs, sizeof *flow->macs) : NULL;
    for (size_t i = 0; i < flow->n_macs; i++) {
        const struct mac_name *name = &translation->macs[i].name;
        struct mac_users *users = mac_users_find(index, name);
        if (users == NULL) {
            users = memory_zeroed(sizeof *users);
            users->name = *name;
            HASH_ADD(hh, index->macs, name, sizeof users->name, users);
        }
        flow->macs[i].flow = flow;
        flow->macs[i].users = users;
        DL_APPEND(users->links, &flow->macs[i]);
    }
}

/* ---- flows ---- */

static void flow_take(struct flow_index *index, struct flow *flow, const struct translation *translation)
{
    macs_forget(index, flow);
    flow_free(index, flow);
    flow->n_more = translation->n_more;
    flow->more = flow->n_more > 0 ? memory_copy(translation->more, flow->n_more * sizeof *flow->more) : NULL;
    flow->bridge = translation->bridge;
    flow->in_ofport = translation->in_ofport;
    memcpy(flow->visited, translation->visited, sizeof flow->visited);
    flow->rewritten_words = translation->rewritten_words;
    flow->uses_groups = translation->uses_groups;
    flow->uses_meters = translation->uses_meters;
    /* Both lists in one block, the actions first. */
    size_t bytes = lists_bytes(translation->n_actions, translation->n_counters);
    flow->n_actions = translation->n_actions;
    flow->n_counters = translation->n_counters;
    bool are_few = bytes <= sizeof flow->few;
    index->lists_bytes += are_few ? 0 : bytes;
    flow->actions = are_few ? (struct dp_action *)flow->few : memory_zeroed(bytes);
    flow->counters = (uint64_t *)(flow->actions + flow->n_actions);
    if (flow->n_actions > 0) {
        memcpy(flow->actions, translation->actions, flow->n_actions * sizeof *flow->actions);
    }
    if (flow->n_counters > 0) {
        memcpy(flow->counters, translation->counters, flow->n_counters * sizeof *flow->counters);
    }
    macs_note(index, flow, translation);
}

struct flow *flow_index_put(struct flow_index *index, const struct flow_key *key, const struct flow_key *mask,
                            const struct translation *translation, bool *out_is_new)
{
    struct flow_id id = key_flow_id(key, mask);
    struct flow *flow = flow_index_find(index, id);
    *out_is_new = flow == NULL;
    if (flow == NULL) {
        flow = place_take(index);
        flow->id = id;
        flow->key = *key;
        flow->mask = *mask;
        index_add(index, flow);
    }
    flow_take(index, flow, translation);
    flow->is_unsure = flow->is_unsure || flow->is_marked; /* the shard may ignore this: the correction still goes out */
    return flow;
}

void flow_index_update(struct flow_index *index, struct flow *flow, const struct translation *translation)
{
    flow_take(index, flow, translation);
    queue_leave(index, flow);
    flow->is_unsure = false;
    flow->is_removal = false;
}

void flow_index_remove(struct flow_index *index, struct flow *flow)
{
    queue_leave(index, flow);
    macs_forget(index, flow);
    index_take_out(index, flow);
    flow_free(index, flow);
    flow->next = index->free;
    index->free = flow;
}

void flow_index_destroy(struct flow_index **index)
{
    if (*index == NULL) {
        return;
    }
    size_t cursor = 0;
    for (struct flow *flow; (flow = index_next(*index, &cursor)) != NULL;) {
        macs_forget(*index, flow);
        flow_free(*index, flow);
    }
    slots_free(&(*index)->flows);
    slots_free(&(*index)->old);
    memory_pages_free((*index)->next_slots, (*index)->flows.room * 2 * sizeof *(*index)->next_slots);
    blocks_free(*index);
    free(*index);
    *index = NULL;
}

bool flow_index_has_room(const struct flow_index *index, const struct translation *translation)
{
    size_t bytes = lists_bytes(translation->n_actions, translation->n_counters);
    return bytes <= FLOW_INDEX_FEW_WORDS * sizeof(uint64_t) || index->lists_bytes + bytes <= FLOW_INDEX_BYTES_MAX;
}

size_t flow_index_count(const struct flow_index *index)
{
    return index->flows.used + index->old.used;
}

struct flow *flow_index_find(const struct flow_index *index, struct flow_id id)
{
    struct flow *flow = map_find(&index->flows, id);
    return flow != NULL ? flow : map_find(&index->old, id);
}

/* ---- marking ---- */

void flow_index_mark(struct flow_index *index, struct flow *flow, uint64_t n)
{
    if (flow->is_marked && (flow->marked_n != 0 || n == 0)) {
        return; /* it waits by an earlier version, or by an event already */
    }
    queue_leave(index, flow);
    flow->marked_n = n;
    flow->is_marked = true;
    index->n_marked++;
    if (n != 0) {
        DL_APPEND(index->by_version, flow);
    } else {
        DL_APPEND(index->by_event, flow);
    }
}

void flow_index_mark_mac(struct flow_index *index, const struct mac_name *name)
{
    const struct mac_users *users = mac_users_find(index, name);
    if (users != NULL) {
        for (struct flow_mac_link *link = users->links; link != NULL; link = link->next) {
            flow_index_mark(index, link->flow, 0);
        }
    }
}

/* What the changes touch of one bridge, for the quick answer. */
struct bridge_changes {
    uint64_t bridge;
    uint64_t tables[4];
    bool all, groups, meters;
};

static size_t summarize(const struct change *changes, size_t n_changes, struct bridge_changes *out)
{
    size_t n = 0;
    for (size_t c = 0; c < n_changes; c++) {
        size_t i = 0;
        while (i < n && out[i].bridge != changes[c].bridge) {
            i++;
        }
        if (i == n) {
            out[n++] = (struct bridge_changes){.bridge = changes[c].bridge};
        }
        switch (changes[c].kind) {
        case CHANGE_RULE:
            out[i].tables[changes[c].table / 64] |= 1ull << (changes[c].table % 64);
            break;
        case CHANGE_GROUPS:
            out[i].groups = true;
            break;
        case CHANGE_METERS:
            out[i].meters = true;
            break;
        case CHANGE_BRIDGE:
        case CHANGE_PORT_GONE:
            out[i].all = true;
            break;
        }
    }
    return n;
}

/* Could packets of the flow match when they enter the table? */
static bool overlaps(const struct flow *flow, const struct change *change)
{
    struct flow_key key = flow->key;
    key.in_port = be32(flow->in_ofport); /* as tables see it */
    const struct packed_word *word = change->match;
    for (uint32_t left = change->match_used; left != 0; left &= left - 1, word++) {
        size_t i = (size_t)__builtin_ctz(left);
        uint64_t mask = key_word(&flow->mask, i) & word->mask;
        bool is_written = (flow->rewritten_words >> i & 1) != 0;
        if (!is_written && ((key_word(&key, i) ^ word->value) & mask) != 0) {
            return false;
        }
    }
    return true;
}

/* The tables of a bridge that the flow looked into; NULL: not a bridge of its. */
static const uint64_t *tables_of(const struct flow *flow, uint64_t bridge)
{
    if (bridge == flow->bridge) {
        return flow->visited;
    }
    for (size_t i = 0; i < flow->n_more; i++) {
        if (flow->more[i].bridge == bridge) {
            return flow->more[i].tables;
        }
    }
    return NULL;
}

static bool concerned_by_rules(const struct flow *flow, const struct change *changes, size_t n_changes)
{
    for (size_t c = 0; c < n_changes; c++) {
        const struct change *change = &changes[c];
        const uint64_t *tables = change->kind == CHANGE_RULE ? tables_of(flow, change->bridge) : NULL;
        bool looked_there = tables != NULL && (tables[change->table / 64] >> (change->table % 64) & 1) != 0;
        if (looked_there && overlaps(flow, change)) {
            return true;
        }
    }
    return false;
}

enum concern { CONCERN_NONE, CONCERN_RULES, CONCERN_CERTAIN };

static enum concern concern_of(const struct flow *flow, const struct bridge_changes *bridges, size_t n_bridges)
{
    uint64_t common = 0;
    for (size_t i = 0; i < n_bridges; i++) {
        const uint64_t *tables = tables_of(flow, bridges[i].bridge);
        if (tables != NULL && (bridges[i].all || (bridges[i].groups && flow->uses_groups) || (bridges[i].meters && flow->uses_meters))) {
            return CONCERN_CERTAIN;
        }
        for (size_t t = 0; tables != NULL && t < 4; t++) {
            common |= tables[t] & bridges[i].tables[t];
        }
    }
    return common != 0 ? CONCERN_RULES : CONCERN_NONE;
}

static void mark_all_for_removal(struct flow_index *index)
{
    for (struct flow *flow = index->by_version; flow != NULL; flow = flow->next) {
        flow->is_removal = true;
    }
}

void flow_index_mark_changes(struct flow_index *index, const struct change *changes, size_t n_changes, uint64_t n)
{
    if (flow_index_count(index) == 0 || n_changes == 0) {
        return;
    }
    struct bridge_changes *bridges = memory_array(n_changes, sizeof *bridges);
    size_t n_bridges = summarize(changes, n_changes, bridges);
    bool is_long = n_changes > FLOW_INDEX_COMPARES_MAX / flow_index_count(index);
    size_t n_concerned = 0;
    size_t cursor = 0;
    for (struct flow *flow; (flow = index_next(index, &cursor)) != NULL;) {
        enum concern concern = concern_of(flow, bridges, n_bridges);
        if (concern == CONCERN_CERTAIN ||
            (concern == CONCERN_RULES && (is_long || concerned_by_rules(flow, changes, n_changes)))) {
            flow_index_mark(index, flow, n);
            n_concerned++;
        }
    }
    if (n_concerned > FLOW_INDEX_CORRECTIONS_MAX) {
        mark_all_for_removal(index);
    }
    free(bridges);
}

struct flow *flow_index_marked(const struct flow_index *index)
{
    return index->by_version != NULL ? index->by_version : index->by_event;
}

struct flow *flow_index_marked_after(const struct flow_index *index, const struct flow *flow)
{
    return flow->next != NULL || flow->marked_n == 0 ? flow->next : index->by_event;
}

size_t flow_index_count_marked(const struct flow_index *index)
{
    return index->n_marked;
}
