/* A trie of bytes whose ends are short lists (a burst trie): prefixes of a field, with the tuples of each.
 *
 *     root        0.0.0.0/1 {tuple 2}                     listed in a node: prefixes that end before its next byte does, and all
 *     ├ 9         9.1.2.0/24 {1}   9.255.0.1/32 {0}       that go on behind it while there are LISTED_MAX at most
 *     └ 10        10.0.0.0/8 {3}
 *       ├ 10.1    10.1.0.0/16 {0, 3}   10.1.2.0/24 {1}   10.1.200.1/32 {0}      ...
 *       └ 10.2    ...
 *
 * A list is looked through as a whole, four at a time, by the 32 bits that come next: which prefixes cover the value, and how many bits at
 * most another one shares with it. A random address among 100,000 costs three nodes, of which the first two stay in the cache; the lists
 * are read in one go, and the ways of all fields of a packet are gone in turns, so that they wait for memory together.
 *
 * The longest prefix on the way, and one bit more than any prefix beside the way shares with the value, tell that no others cover it.
 *
 * A node whose list grows beyond LISTED_MAX moves what goes on behind its next byte to children; it goes when nothing is left in it. Cost of insert
 * and remove: the way down, one list, sometimes a move of LISTED_MAX. Memory: some 60 bytes a prefix, 2 KB a node with children.
 * Thread: the one that translates. No allocation in a lookup.
 */
#include "services/slowpath/axis.h"

#include <emmintrin.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "services/slowpath/users.h"

enum { FAN = 256, LISTED_MAX = 64, ROOM_FIRST = 4 /* a multiple of four */, LINES_AHEAD = 10, BIAS = INT32_MIN };

struct axis_prefix {
    struct trie_value value;
    struct users users;
    uint32_t length;
};

/* At depth d it has the prefixes that agree in 8 * d bits. */
struct axis_node {
    struct axis_node **children; /* owned, FAN; NULL: all is in the list */
    /* The list: of each prefix its next 32 bits, which of these are its own, and the rest. One piece of memory, room for four more. */
    uint32_t *heads; /* owned */
    uint32_t *masks;
    struct axis_prefix *prefixes;
    uint32_t n, room;
    uint32_t n_long;     /* of the listed ones; they go on behind the next byte */
    uint32_t n_children;
    uint8_t pad[8];
};

static inline uint8_t byte_at(struct trie_value value, unsigned depth)
{
    return (uint8_t)(depth < 8 ? value.high >> (56 - 8 * depth) : value.low >> (120 - 8 * depth));
}

/* Those behind `depth` bytes. */
static inline uint32_t head_at(struct trie_value value, unsigned depth)
{
    if (depth == TRIE_BITS / 8) {
        return 0;
    }
    uint64_t bits = depth == 0 ? value.high : depth < 8 ? value.high << 8 * depth | value.low >> (64 - 8 * depth) : value.low << (8 * depth - 64);
    return (uint32_t)(bits >> 32);
}

static inline uint32_t mask_at(unsigned length, unsigned depth)
{
    unsigned n = length - 8 * depth;
    return n >= 32 ? UINT32_MAX : ~(UINT32_MAX >> n);
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

static void list_resize(struct axis_node *node, uint32_t room)
{
    size_t size = room * (2 * sizeof(uint32_t) + sizeof(struct axis_prefix));
    uint32_t *heads = memory_zeroed(size), *masks = heads + room;
    struct axis_prefix *prefixes = (struct axis_prefix *)(masks + room);
    if (node->n > 0) {
        memcpy(heads, node->heads, node->n * sizeof *heads);
        memcpy(masks, node->masks, node->n * sizeof *masks);
        memcpy(prefixes, node->prefixes, node->n * sizeof *prefixes);
    }
    free(node->heads);
    node->heads = heads;
    node->masks = masks;
    node->prefixes = prefixes;
    node->room = room;
}

static struct axis_prefix *list_add(struct axis_node *node, unsigned depth, const struct axis_prefix *prefix)
{
    if (node->n == node->room) {
        list_resize(node, node->room == 0 ? ROOM_FIRST : node->room + node->room / 2 / 4 * 4 + 4);
    }
    node->heads[node->n] = head_at(prefix->value, depth);
    node->masks[node->n] = mask_at(prefix->length, depth);
    node->prefixes[node->n] = *prefix;
    node->n_long += prefix->length >= 8 * (depth + 1);
    return &node->prefixes[node->n++];
}

static void list_remove(struct axis_node *node, unsigned depth, uint32_t i)
{
    node->n_long -= node->prefixes[i].length >= 8 * (depth + 1);
    node->n--;
    node->heads[i] = node->heads[node->n];
    node->masks[i] = node->masks[node->n];
    node->prefixes[i] = node->prefixes[node->n];
    node->heads[node->n] = node->masks[node->n] = 0; /* behind the end they are looked at, and do no harm */
}

/* node->n when it is not there. */
static uint32_t list_find(const struct axis_node *node, unsigned depth, struct trie_value prefix, unsigned length)
{
    uint32_t head = head_at(prefix, depth), mask = mask_at(length, depth), i = 0;
    for (; i < node->n; i++) {
        if (node->heads[i] == head && node->masks[i] == mask && node->prefixes[i].length == length && node->prefixes[i].value.high == prefix.high &&
            node->prefixes[i].value.low == prefix.low) {
            break;
        }
    }
    return i;
}

/* ---- the tuples of a length ---- */

void axis_init(struct axis *axis, size_t words)
{
    *axis = (struct axis){.words = words};
    axis->by_length = memory_array((TRIE_BITS + 1) * words, sizeof *axis->by_length);
}

static void node_destroy(struct axis_node **node_to_end)
{
    struct axis_node *node = *node_to_end;
    for (unsigned b = 0; node->children != NULL && b < FAN; b++) {
        if (node->children[b] != NULL) {
            node_destroy(&node->children[b]);
        }
    }
    for (uint32_t i = 0; i < node->n; i++) {
        users_fini(&node->prefixes[i].users);
    }
    free(node->children);
    free(node->heads);
    free(node);
    *node_to_end = NULL;
}

void axis_fini(struct axis *axis)
{
    if (axis->root != NULL) {
        node_destroy(&axis->root);
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

static struct axis_node *node_child(struct axis_node *node, uint8_t byte)
{
    if (node->children[byte] == NULL) {
        node->children[byte] = memory_lines(sizeof(struct axis_node));
        node->n_children++;
    }
    return node->children[byte];
}

static void node_burst(struct axis_node *node, unsigned depth)
{
    node->children = memory_array(FAN, sizeof(struct axis_node *));
    for (uint32_t i = node->n; i-- > 0;) {
        if (node->prefixes[i].length >= 8 * (depth + 1)) {
            (void)list_add(node_child(node, byte_at(node->prefixes[i].value, depth)), depth + 1, &node->prefixes[i]);
            list_remove(node, depth, i);
        }
    }
    list_resize(node, (node->n + 3) / 4 * 4 + 4);
}

void axis_insert(struct axis *axis, struct trie_value prefix, unsigned length, uint32_t tuple)
{
    if (axis->root == NULL) {
        axis->root = memory_lines(sizeof *axis->root);
    }
    struct axis_node *node = axis->root;
    unsigned depth = 0;
    for (; node->children != NULL && length >= 8 * (depth + 1); depth++) {
        node = node_child(node, byte_at(prefix, depth));
    }
    uint32_t i = list_find(node, depth, prefix, length);
    struct axis_prefix added = {.value = prefix, .length = length};
    users_add(i < node->n ? &node->prefixes[i].users : &list_add(node, depth, &added)->users, tuple, axis->words);
    if (node->n_long > LISTED_MAX) {
        node_burst(node, depth);
    }
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
    uint32_t i = list_find(node, depth, prefix, length);
    users_remove(&node->prefixes[i].users, tuple);
    if (node->prefixes[i].users.n > 0) {
        return;
    }
    list_remove(node, depth, i);
    while ((node = *way[depth])->n == 0 && node->n_children == 0) {
        node_destroy(way[depth]);
        if (depth == 0) {
            return;
        }
        (*way[--depth])->n_children--;
    }
}

/* ---- lookup ---- */

/* How many leading bits a byte shares at most with those that have a child. */
static unsigned bits_shared(const struct axis_node *node, uint8_t byte)
{
    for (unsigned shared = 8; shared-- > 0;) {
        unsigned block = 0x80u >> shared, first = (byte ^ block) & ~(block - 1); /* those that part at this bit */
        for (unsigned b = first; b < first + block; b++) {
            if (node->children[b] != NULL) {
                return shared;
            }
        }
    }
    return 0;
}

static inline void tell_at_least(struct axis_look *look, unsigned n_bits)
{
    look->n_bits = n_bits > look->n_bits ? n_bits : look->n_bits;
}

static inline void meet(struct axis_look *look, const struct axis_prefix *prefix)
{
    unsigned common = common_bits(prefix->value, look->value);
    if (common < prefix->length) {
        tell_at_least(look, common + 1); /* apart behind the 32 bits */
    } else {
        users_mark(&prefix->users, look->out);
        tell_at_least(look, prefix->length);
    }
}

static inline void look_through(struct axis_look *look)
{
    const struct axis_node *node = look->node;
    const __m128i value = _mm_set1_epi32((int32_t)head_at(look->value, look->depth)), zero = _mm_setzero_si128();
    const __m128i less_one = _mm_set1_epi32(INT32_MAX); /* and the sign turned, so that a signed comparison is the unsigned one */
    __m128i least = _mm_set1_epi32(INT32_MAX);
    for (uint32_t i = 0; i < node->n; i += 4) {
        __m128i heads = _mm_loadu_si128((const __m128i *)(node->heads + i)), masks = _mm_loadu_si128((const __m128i *)(node->masks + i));
        __m128i differs = _mm_and_si128(_mm_xor_si128(heads, value), masks);
        __m128i rest = _mm_add_epi32(differs, less_one), is_less = _mm_cmplt_epi32(rest, least);
        least = _mm_or_si128(_mm_and_si128(is_less, rest), _mm_andnot_si128(is_less, least));
        unsigned met = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(differs, zero)));
        for (; met != 0; met &= met - 1) {
            uint32_t at = i + (unsigned)__builtin_ctz(met);
            if (at < node->n) {
                meet(look, &node->prefixes[at]);
            }
        }
    }
    int32_t lanes[4], closest = INT32_MAX;
    _mm_storeu_si128((__m128i *)lanes, least);
    for (unsigned i = 0; i < 4; i++) {
        closest = lanes[i] < closest ? lanes[i] : closest;
    }
    if (closest != INT32_MAX) {
        tell_at_least(look, 8 * look->depth + (unsigned)__builtin_clz((uint32_t)closest - INT32_MAX) + 1);
    }
}

/* Half a node of the way: first its memory is called for, then it is looked through. False: the way ends. */
static inline bool walk_on(struct axis_look *look)
{
    const struct axis_node *node = look->node;
    if (node == NULL) {
        return false;
    }
    if (!look->is_fetched) {
        look->is_fetched = true;
        const char *list = (const char *)node->heads;
        for (unsigned line = 0; line < LINES_AHEAD && line * 64 < node->room * 8; line++) {
            __builtin_prefetch(list + line * 64);
        }
        if (node->children != NULL) {
            __builtin_prefetch(&node->children[byte_at(look->value, look->depth)]);
        }
        return true;
    }
    look_through(look);
    if (node->children == NULL) {
        return false;
    }
    uint8_t byte = byte_at(look->value, look->depth);
    look->node = node->children[byte];
    if (look->node == NULL && node->n_children > 0) {
        tell_at_least(look, 8 * look->depth + bits_shared(node, byte) + 1);
    }
    __builtin_prefetch(look->node);
    look->depth++;
    look->is_fetched = false;
    return look->node != NULL;
}

void axis_find(struct axis_look *looks, size_t n)
{
    uint32_t under_way = 0;
    for (size_t i = 0; i < n; i++) {
        looks[i].node = looks[i].axis->root;
        looks[i].n_bits = looks[i].depth = 0;
        looks[i].is_fetched = false;
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
