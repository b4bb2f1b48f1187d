/* A trie of bytes whose ends are short lists (a burst trie): prefixes of a field, with the tuples of each.
 *
 *     root        0.0.0.0/1 {tuple 2}                     listed in a node: prefixes that end before its next byte does, and all
 *     ├ 9         9.1.2.0/24 {1}   9.255.0.1/32 {0}       that go on behind it while there are LISTED_MAX at most
 *     └ 10        10.0.0.0/8 {3}
 *       ├ 10.1    10.1.0.0/16 {0, 3}   10.1.2.0/24 {1}   10.1.200.1/32 {0}      ...
 *       └ 10.2    ...
 *
 * A list is looked through as a whole, eight at a time, by the 16 bits that come next: which prefixes cover the value, and how many bits at
 * most another one shares with it. Eight of them, with a tuple each, are a cache line, and all lines of a node are called for at once. A prefix of
 * several tuples is listed as often, one of more than LISTED_EACH once, with a set. A random address among 100,000 costs three nodes, of which
 * the first two stay in the cache; the ways of all fields of a packet are gone in turns, so that they wait for memory together.
 *
 * The longest prefix on the way, and one bit more than any prefix beside the way shares with the value, tell that no others cover it.
 *
 * A node whose list grows beyond LISTED_MAX moves what goes on behind its next byte to children; it goes when nothing is left in it. Cost of insert
 * and remove: the way down, one list, sometimes a move of LISTED_MAX. Memory, of the classifier's pool: some 60 bytes a prefix, 64 a node, 2 KB one
 * with children.
 * Thread: the one that translates. No allocation in a lookup.
 */
#include "services/slowpath/axis.h"

#include <emmintrin.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "services/slowpath/pool.h"
#include "services/slowpath/users.h"

enum {
    FAN = 256,
    HEAD_BITS = 16,
    LANES = 8,
    LISTED_MAX = 96,
    LISTED_EACH = 8, /* tuples of one prefix that are listed one by one */
    ROOM_FIRST = 2,
    LINES_AHEAD = 12,
    MANY = -1, /* a tuple of the list: they are in the entry */
};

/* Eight of a list: what a lookup reads of each. */
struct axis_group {
    uint16_t heads[LANES], masks[LANES]; /* the bits of the prefix behind the node's, and which of them are its own */
    uint32_t tuples[LANES];
};

_Static_assert(sizeof(struct axis_group) == 64, "a cache line");

/* The rest of one. */
struct axis_entry {
    struct trie_value value;
    struct users *many; /* owned; when there are more than LISTED_EACH, else NULL */
    uint32_t count;     /* of rules of its one tuple */
    uint32_t length;
};

/* At depth d it has the prefixes that agree in 8 * d bits. One piece of memory: entries are behind the groups. */
struct axis_node {
    struct axis_node **children; /* owned, FAN; NULL: all is in the list */
    struct axis_entry *entries;
    uint32_t n, room;
    uint32_t n_long;     /* of the listed ones; they go on behind the next byte */
    uint32_t n_deep;     /* and behind the head */
    uint64_t set[FAN / 64]; /* the bytes that have a child */
    struct axis_group groups[];
};

_Static_assert(sizeof(struct axis_node) == 64, "groups are lines");

static inline uint8_t byte_at(struct trie_value value, unsigned depth)
{
    return (uint8_t)(depth < 8 ? value.high >> (56 - 8 * depth) : value.low >> (120 - 8 * depth));
}

/* Those behind `depth` bytes. */
static inline uint16_t head_at(struct trie_value value, unsigned depth)
{
    uint16_t next = depth == TRIE_BITS / 8 ? 0 : (uint16_t)(byte_at(value, depth) << 8);
    return depth + 1 >= TRIE_BITS / 8 ? next : next | byte_at(value, depth + 1);
}

static inline uint16_t mask_at(unsigned length, unsigned depth)
{
    unsigned n = length - 8 * depth;
    return n >= HEAD_BITS ? UINT16_MAX : (uint16_t) ~(UINT16_MAX >> n);
}

/* TRIE_BITS when they are equal. */
static inline unsigned common_bits(struct trie_value a, struct trie_value b)
{
    uint64_t high = a.high ^ b.high, low = a.low ^ b.low;
    if (high != 0) {
        return (unsigned)__builtin_clzll(high);
    }
    return low != 0 ? 64 + (unsigned)__builtin_clzll(low) : TRIE_BITS;
}

/* ---- lists ---- */

static size_t n_groups(uint32_t room)
{
    return (room + LANES - 1) / LANES;
}

static size_t node_size(uint32_t room)
{
    return sizeof(struct axis_node) + n_groups(room) * sizeof(struct axis_group) + (room + 1) / 2 * 2 * sizeof(struct axis_entry);
}

static void node_resize(struct pool *pool, struct axis_node **place, uint32_t room)
{
    struct axis_node *old = *place, *node = pool_take(pool, node_size(room));
    struct axis_entry *entries = (struct axis_entry *)&node->groups[n_groups(room)];
    if (old != NULL) {
        *node = *old;
        memcpy(node->groups, old->groups, n_groups(old->n) * sizeof old->groups[0]);
        memcpy(entries, old->entries, old->n * sizeof *entries);
        pool_give(pool, old, node_size(old->room));
    }
    node->entries = entries;
    node->room = room;
    *place = node;
}

static void list_set(struct axis_node *node, unsigned depth, uint32_t i, const struct axis_entry *entry, uint32_t tuple)
{
    struct axis_group *group = &node->groups[i / LANES];
    group->heads[i % LANES] = head_at(entry->value, depth);
    group->masks[i % LANES] = mask_at(entry->length, depth);
    group->tuples[i % LANES] = tuple;
    node->entries[i] = *entry;
}

static uint32_t list_tuple(const struct axis_node *node, uint32_t i)
{
    return node->groups[i / LANES].tuples[i % LANES];
}

/* What is counted of an entry that comes or goes. */
static void list_count(struct axis_node *node, unsigned depth, const struct axis_entry *entry, uint32_t change)
{
    node->n += change;
    node->n_long += entry->length >= 8 * (depth + 1) ? change : 0;
    node->n_deep += entry->length > 8 * depth + HEAD_BITS ? change : 0;
}

static void list_add(struct pool *pool, struct axis_node **place, unsigned depth, const struct axis_entry *entry, uint32_t tuple)
{
    if ((*place)->n == (*place)->room) {
        uint32_t room = (*place)->room;
        node_resize(pool, place, room < LANES ? room * 2 : room + (room / 2 + LANES - 1) / LANES * LANES);
    }
    list_set(*place, depth, (*place)->n, entry, tuple);
    list_count(*place, depth, entry, 1);
}

/* The last one takes its place. */
static void list_remove(struct axis_node *node, unsigned depth, uint32_t i)
{
    list_count(node, depth, &node->entries[i], UINT32_MAX);
    list_set(node, depth, i, &node->entries[node->n], list_tuple(node, node->n));
}

/* The first entry of the prefix from `from` on; node->n: there is none. */
static uint32_t list_next(const struct axis_node *node, unsigned depth, struct trie_value prefix, unsigned length, uint32_t from)
{
    const __m128i heads = _mm_set1_epi16((int16_t)head_at(prefix, depth)), masks = _mm_set1_epi16((int16_t)mask_at(length, depth));
    for (uint32_t i = from / LANES * LANES; i < node->n; i += LANES) {
        const struct axis_group *group = &node->groups[i / LANES];
        __m128i same = _mm_and_si128(_mm_cmpeq_epi16(_mm_load_si128((const __m128i *)group->heads), heads),
                                     _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)group->masks), masks));
        unsigned met = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(same, _mm_setzero_si128()));
        for (; met != 0; met &= met - 1) {
            uint32_t at = i + (unsigned)__builtin_ctz(met);
            const struct axis_entry *entry = &node->entries[at];
            if (at >= from && at < node->n && entry->length == length && entry->value.high == prefix.high && entry->value.low == prefix.low) {
                return at;
            }
        }
    }
    return node->n;
}

/* All that the list has of a prefix becomes one entry. */
static void list_gather(struct axis_node *node, unsigned depth, struct trie_value prefix, unsigned length, size_t words)
{
    struct axis_entry entry = {.value = prefix, .length = length, .many = memory_zeroed(sizeof *entry.many)};
    uint32_t i = 0;
    while ((i = list_next(node, depth, prefix, length, i)) < node->n) {
        for (uint32_t c = 0; c < node->entries[i].count; c++) {
            users_add(entry.many, list_tuple(node, i), words);
        }
        list_remove(node, depth, i);
    }
    list_set(node, depth, node->n, &entry, (uint32_t)MANY);
    list_count(node, depth, &entry, 1);
}

static void entry_fini(struct axis_entry *entry)
{
    if (entry->many != NULL) {
        users_fini(entry->many);
        free(entry->many);
    }
}

static void node_destroy(struct pool *pool, struct axis_node **node_to_end)
{
    struct axis_node *node = *node_to_end;
    for (unsigned b = 0; node->children != NULL && b < FAN; b++) {
        if (node->children[b] != NULL) {
            node_destroy(pool, &node->children[b]);
        }
    }
    for (uint32_t i = 0; i < node->n; i++) {
        entry_fini(&node->entries[i]);
    }
    pool_give(pool, node->children, FAN * sizeof(struct axis_node *));
    pool_give(pool, node, node_size(node->room));
    *node_to_end = NULL;
}

/* ---- the tuples of a length ---- */

void axis_init(struct axis *axis, size_t words, struct pool *pool)
{
    *axis = (struct axis){.words = words, .pool = pool};
    axis->by_length = memory_array((TRIE_BITS + 1) * words, sizeof *axis->by_length);
}

void axis_fini(struct axis *axis)
{
    if (axis->root != NULL) {
        node_destroy(axis->pool, &axis->root);
    }
    free(axis->by_length);
    *axis = (struct axis){0};
}

void axis_widen(struct axis *axis, size_t words)
{
    uint64_t *wide = memory_array((TRIE_BITS + 1) * words, sizeof *wide);
    for (size_t length = 0; length <= TRIE_BITS; length++) {
        memcpy(wide + length * words, axis->by_length + length * axis->words, axis->words * sizeof *wide);
    }
    free(axis->by_length);
    axis->by_length = wide;
    axis->words = words;
}

static bool length_is_used(const struct axis *axis, unsigned length)
{
    uint64_t any = 0;
    for (size_t w = 0; w < axis->words; w++) {
        any |= axis_tuples(axis, length)[w];
    }
    return any != 0;
}

static void list_lengths(struct axis *axis)
{
    axis->n_lengths = 0;
    for (unsigned length = TRIE_BITS; length > 0; length--) {
        if (length_is_used(axis, length)) {
            axis->lengths[axis->n_lengths++] = (uint8_t)length;
        }
    }
}

void axis_add_tuple(struct axis *axis, uint32_t tuple, unsigned length)
{
    axis->by_length[length * axis->words + tuple / 64] |= 1ull << tuple % 64;
    list_lengths(axis);
}

void axis_remove_tuple(struct axis *axis, uint32_t tuple, unsigned length)
{
    axis->by_length[length * axis->words + tuple / 64] &= ~(1ull << tuple % 64);
    list_lengths(axis);
}

/* ---- prefixes ---- */

static bool has_children(const struct axis_node *node)
{
    return (node->set[0] | node->set[1] | node->set[2] | node->set[3]) != 0;
}

static struct axis_node **node_child(struct pool *pool, struct axis_node *node, uint8_t byte)
{
    if (node->children[byte] == NULL) {
        node_resize(pool, &node->children[byte], ROOM_FIRST);
        node->set[byte / 64] |= 1ull << byte % 64;
    }
    return &node->children[byte];
}

static void node_burst(struct pool *pool, struct axis_node **place, unsigned depth)
{
    struct axis_node *node = *place;
    node->children = pool_take(pool, FAN * sizeof(struct axis_node *));
    for (uint32_t i = node->n; i-- > 0;) {
        if (node->entries[i].length >= 8 * (depth + 1)) {
            list_add(pool, node_child(pool, node, byte_at(node->entries[i].value, depth)), depth + 1, &node->entries[i], list_tuple(node, i));
            list_remove(node, depth, i);
        }
    }
    node_resize(pool, place, node->n < ROOM_FIRST ? ROOM_FIRST : node->n);
}

void axis_insert(struct axis *axis, struct trie_value prefix, unsigned length, uint32_t tuple)
{
    if (axis->root == NULL) {
        node_resize(axis->pool, &axis->root, ROOM_FIRST);
    }
    struct axis_node **place = &axis->root;
    unsigned depth = 0;
    for (; (*place)->children != NULL && length >= 8 * (depth + 1); depth++) {
        place = node_child(axis->pool, *place, byte_at(prefix, depth));
    }
    struct axis_node *node = *place;
    unsigned n_same = 0;
    for (uint32_t i = 0; (i = list_next(node, depth, prefix, length, i)) < node->n; i++, n_same++) {
        if (node->entries[i].many != NULL) {
            users_add(node->entries[i].many, tuple, axis->words);
            return;
        }
        if (list_tuple(node, i) == tuple) {
            node->entries[i].count++;
            return;
        }
    }
    list_add(axis->pool, place, depth, &(struct axis_entry){.value = prefix, .length = length, .count = 1}, tuple);
    if (n_same == LISTED_EACH) {
        list_gather(*place, depth, prefix, length, axis->words);
    }
    if ((*place)->n_long > LISTED_MAX && (*place)->children == NULL) {
        node_burst(axis->pool, place, depth);
    }
}

/* A rule less. True: the entry is gone. */
static bool entry_remove(struct axis_node *node, unsigned depth, uint32_t i, uint32_t tuple)
{
    struct axis_entry *entry = &node->entries[i];
    if (entry->many != NULL) {
        users_remove(entry->many, tuple);
    } else {
        entry->count--;
    }
    if (entry->many != NULL ? entry->many->n > 0 : entry->count > 0) {
        return false;
    }
    entry_fini(entry);
    list_remove(node, depth, i);
    return true;
}

void axis_remove(struct axis *axis, struct trie_value prefix, unsigned length, uint32_t tuple)
{
    struct axis_node **way[TRIE_BITS / 8 + 1] = {&axis->root};
    unsigned depth = 0;
    while ((*way[depth])->children != NULL && length >= 8 * (depth + 1)) {
        way[depth + 1] = &(*way[depth])->children[byte_at(prefix, depth)];
        depth++;
    }
    struct axis_node *node = *way[depth];
    uint32_t i = list_next(node, depth, prefix, length, 0);
    while (node->entries[i].many == NULL && list_tuple(node, i) != tuple) {
        i = list_next(node, depth, prefix, length, i + 1);
    }
    if (!entry_remove(node, depth, i, tuple)) {
        return;
    }
    while ((node = *way[depth])->n == 0 && !has_children(node)) {
        node_destroy(axis->pool, way[depth]);
        if (depth == 0) {
            return;
        }
        uint8_t byte = byte_at(prefix, --depth);
        (*way[depth])->set[byte / 64] &= ~(1ull << byte % 64);
    }
}

/* ---- lookup ---- */

/* How many leading bits a byte, which has no child, shares at most with those that have one: with the nearest below or above it. */
static inline unsigned bits_shared(const struct axis_node *node, uint8_t byte)
{
    uint64_t near = node->set[byte / 64], below = near & ((1ull << byte % 64) - 1), above = near & ~below;
    if (near == 0) {
        return node->set[byte / 64 ^ 1] != 0 ? 1 : 0;
    }
    unsigned first = below != 0 ? (byte % 64) ^ (63 - (unsigned)__builtin_clzll(below)) : 64;
    unsigned second = above != 0 ? (byte % 64) ^ (unsigned)__builtin_ctzll(above) : 64;
    return (unsigned)__builtin_clz(first < second ? first : second) - 24;
}

static inline void tell_at_least(struct axis_look *look, unsigned n_bits)
{
    look->n_bits = n_bits > look->n_bits ? n_bits : look->n_bits;
}

/* The value has the head of this entry. */
static inline void meet(struct axis_look *look, uint32_t i)
{
    const struct axis_node *node = look->node;
    const struct axis_group *group = &node->groups[i / LANES];
    if (group->masks[i % LANES] == UINT16_MAX && node->n_deep > 0) {
        unsigned common = common_bits(node->entries[i].value, look->value), length = node->entries[i].length;
        tell_at_least(look, common < length ? common + 1 : length);
        if (common < length) {
            return;
        }
    }
    uint32_t tuple = group->tuples[i % LANES];
    if (tuple == (uint32_t)MANY) {
        users_mark(node->entries[i].many, look->out);
    } else {
        look->out[tuple / 64] |= 1ull << tuple % 64;
    }
}

/* The list of a node: four numbers at a time are compared as signed ones, with the sign turned. */
static inline void look_through(struct axis_look *look)
{
    const struct axis_node *node = look->node;
    const __m128i value = _mm_set1_epi16((int16_t)head_at(look->value, look->depth)), zero = _mm_setzero_si128();
    const __m128i less_one = _mm_set1_epi16(INT16_MAX);
    bool has_met = false;
    unsigned in_last = node->n % LANES != 0 ? (1u << node->n % LANES) - 1 : 0xff; /* of the lanes of the last group */
    __m128i least = less_one, longest = zero; /* the least difference, less one; the mask of the longest that is met */
    for (uint32_t i = 0; i < node->n; i += LANES) {
        const struct axis_group *group = &node->groups[i / LANES];
        __m128i masks = _mm_load_si128((const __m128i *)group->masks);
        __m128i differs = _mm_and_si128(_mm_xor_si128(_mm_load_si128((const __m128i *)group->heads), value), masks);
        __m128i same = _mm_cmpeq_epi16(differs, zero);
        least = _mm_min_epi16(least, _mm_add_epi16(differs, less_one));
        unsigned met = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(same, zero)) & (i + LANES < node->n ? 0xff : in_last);
        if (met != 0) {
            has_met = true;
            longest = _mm_or_si128(longest, _mm_and_si128(same, masks)); /* a mask is bits from the first on */
            for (; met != 0; met &= met - 1) {
                meet(look, i + (unsigned)__builtin_ctz(met));
            }
        }
    }
    least = _mm_min_epi16(least, _mm_srli_si128(least, 8));
    least = _mm_min_epi16(least, _mm_srli_si128(least, 4));
    least = _mm_min_epi16(least, _mm_srli_si128(least, 2));
    longest = _mm_or_si128(longest, _mm_srli_si128(longest, 8));
    longest = _mm_or_si128(longest, _mm_srli_si128(longest, 4));
    longest = _mm_or_si128(longest, _mm_srli_si128(longest, 2));
    unsigned closest = (unsigned)(uint16_t)(_mm_extract_epi16(least, 0) - INT16_MAX), mask = (unsigned)(uint16_t)_mm_extract_epi16(longest, 0);
    if (closest != 0) {
        tell_at_least(look, 8 * look->depth + (unsigned)__builtin_clz(closest << 16) + 1);
    }
    if (has_met) {
        tell_at_least(look, 8 * look->depth + (mask != 0 ? HEAD_BITS - (unsigned)__builtin_ctz(mask) : 0));
    }
}

static inline void call_for(const struct axis_node *node)
{
    for (unsigned line = 0; node != NULL && line < LINES_AHEAD; line++) {
        __builtin_prefetch((const uint8_t *)node + line * 64);
    }
}

/* One node of the way. False: it ends. */
static inline bool walk_on(struct axis_look *look)
{
    const struct axis_node *node = look->node;
    if (node == NULL) {
        return false;
    }
    look_through(look);
    if (node->children == NULL) {
        return false;
    }
    uint8_t byte = byte_at(look->value, look->depth);
    look->node = node->children[byte];
    if (look->node == NULL && has_children(node)) {
        tell_at_least(look, 8 * look->depth + bits_shared(node, byte) + 1);
    }
    look->depth++;
    call_for(look->node);
    return look->node != NULL;
}

void axis_find(struct axis_look *looks, size_t n)
{
    uint32_t under_way = 0;
    for (size_t i = 0; i < n; i++) {
        looks[i].node = looks[i].axis->root;
        looks[i].n_bits = looks[i].depth = 0;
        under_way |= 1u << i;
    }
    while (under_way != 0) {
        for (uint32_t left = under_way; left != 0; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctz(left);
            if (!walk_on(&looks[i])) {
                under_way &= ~(1u << i);
            }
        }
    }
}
