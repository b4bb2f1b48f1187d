/* A path-compressed trie of prefixes, with the tuples of each.
 *
 *     10.0.0.0/8 {tuple 3}                 a node stands for the bits that all below it share; it has tuples when it is itself
 *        |                                 a rule's prefix, and two children unless it has
 *     10.1.0.0/16 {tuples 0, 3}
 *        |      \
 *     10.1.2.0/24  10.1.200.1/32           a packet to 10.1.2.9 meets the tuples 3, 0 and those of the /24 on its way down
 *
 * The way ends at a node whose bits the value does not have, or where there is no child. All prefixes that cover the value are on the way, and
 * the bits up to the first one that left it tell so: no prefix beside the way covers any value with the same leading bits.
 *
 * Most prefixes are in one or two tuples, which are in the node, of one cache line. One with more has a list, one with many a
 * set, of which a lookup adds a few words, and counts by tuple. Cost: insert, remove and find go down as many nodes as the field has bits at
 * most, log2 of the prefixes on average. With many prefixes each node is a wait for memory, so the ways of all fields of a packet are gone
 * in turns, and nodes lie in pages of 2 MB. Nodes come from chunks that live as long as the axis. Thread: the one that translates.
 */
#include "services/slowpath/axis.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

enum { USERS_INSIDE = 2, USERS_LISTED = 8 /* more than these are in a set too */, CHUNK_NODES = 64, HUGE_NODES = (2 << 20) / 64, SMALL_CHUNKS_MAX = 64 };

/* A tuple has `count` rules with the node's prefix. */
struct axis_user {
    uint32_t tuple, count;
};

struct axis_users {
    uint32_t room;
    uint32_t n_words;
    uint64_t *set; /* owned; NULL while the list is short; then the list is by tuple */
    struct axis_user list[];
};

struct axis_node {
    struct trie_value value; /* zero behind length */
    struct axis_node *children[2];
    uint32_t length;
    uint32_t n_users;
    struct axis_user inside[USERS_INSIDE]; /* while there are no more */
    struct axis_users *more;               /* owned; else all of them, with room to spare */
};

_Static_assert(sizeof(struct axis_node) == 64, "a cache line");

struct axis_chunk {
    struct axis_chunk *next;
    size_t n_nodes;
    struct axis_node *nodes; /* owned */
};

static inline unsigned bit_at(struct trie_value value, unsigned bit)
{
    return (unsigned)((bit < 64 ? value.high >> (63 - bit) : value.low >> (127 - bit)) & 1);
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

/* ---- nodes ---- */

static struct axis_node *node_new(struct axis *axis, struct trie_value value, unsigned length)
{
    if (axis->free_nodes == NULL) {
        struct axis_chunk *chunk = memory_zeroed(sizeof *chunk);
        bool is_large = axis->n_chunks++ >= SMALL_CHUNKS_MAX;
        chunk->n_nodes = is_large ? HUGE_NODES : CHUNK_NODES;
        chunk->nodes = is_large ? memory_huge(HUGE_NODES * sizeof *chunk->nodes) : memory_lines(CHUNK_NODES * sizeof *chunk->nodes);
        chunk->next = axis->chunks;
        axis->chunks = chunk;
        for (size_t i = chunk->n_nodes; i-- > 0;) {
            chunk->nodes[i].children[0] = axis->free_nodes;
            axis->free_nodes = &chunk->nodes[i];
        }
    }
    struct axis_node *node = axis->free_nodes;
    axis->free_nodes = node->children[0];
    *node = (struct axis_node){.value = trie_leading_bits(value, length), .length = length};
    return node;
}

static void node_free(struct axis *axis, struct axis_node *node)
{
    *node = (struct axis_node){.children = {axis->free_nodes, NULL}};
    axis->free_nodes = node;
}

static void users_free(struct axis_node *node)
{
    if (node->more != NULL) {
        free(node->more->set);
        free(node->more);
        node->more = NULL;
    }
}

static struct axis_user *node_users(struct axis_node *node)
{
    return node->more != NULL ? node->more->list : node->inside;
}

/* Gives the node a list, or a longer one. */
static void node_grow(struct axis_node *node)
{
    uint32_t room = node->n_users * 2;
    struct axis_users *users = node->more;
    if (users == NULL) {
        users = memory_zeroed(sizeof *users + room * sizeof users->list[0]);
        memcpy(users->list, node->inside, sizeof node->inside);
    } else {
        users = memory_resize(users, sizeof *users + room * sizeof users->list[0]);
    }
    users->room = room;
    node->more = users;
}

/* Makes of a list, or of a set that is too small, a set with counts by tuple. */
static void node_index(const struct axis *axis, struct axis_node *node)
{
    struct axis_users *old = node->more;
    uint32_t room = (uint32_t)axis->words * 64;
    struct axis_users *users = memory_zeroed(sizeof *users + room * sizeof users->list[0]);
    users->room = room;
    users->n_words = (uint32_t)axis->words;
    users->set = memory_array(axis->words, sizeof *users->set);
    for (uint32_t i = 0; i < (old->set != NULL ? old->room : node->n_users); i++) {
        if (old->list[i].count > 0) {
            users->list[old->list[i].tuple] = old->list[i];
            users->set[old->list[i].tuple / 64] |= 1ull << old->list[i].tuple % 64;
        }
    }
    users_free(node);
    node->more = users;
}

static bool is_indexed(const struct axis_node *node)
{
    return node->more != NULL && node->more->set != NULL;
}

static void node_add_user(struct axis *axis, struct axis_node *node, uint32_t tuple)
{
    if (is_indexed(node)) {
        if (tuple >= node->more->room) {
            node_index(axis, node);
        }
        struct axis_user *user = &node->more->list[tuple];
        node->n_users += user->count == 0;
        user->tuple = tuple;
        user->count++;
        node->more->set[tuple / 64] |= 1ull << tuple % 64;
        return;
    }
    struct axis_user *users = node_users(node);
    for (uint32_t i = 0; i < node->n_users; i++) {
        if (users[i].tuple == tuple) {
            users[i].count++;
            return;
        }
    }
    if (node->n_users == (node->more != NULL ? node->more->room : USERS_INSIDE)) {
        node_grow(node);
        users = node_users(node);
    }
    users[node->n_users++] = (struct axis_user){.tuple = tuple, .count = 1};
    if (node->n_users > USERS_LISTED) {
        node_index(axis, node);
    }
}

static void node_remove_user(struct axis_node *node, uint32_t tuple)
{
    struct axis_user *users = node_users(node);
    uint32_t i = is_indexed(node) ? tuple : 0;
    while (users[i].tuple != tuple) {
        i++;
    }
    if (--users[i].count > 0) {
        return;
    }
    node->n_users--;
    if (is_indexed(node)) {
        node->more->set[tuple / 64] &= ~(1ull << tuple % 64);
    } else {
        users[i] = users[node->n_users];
    }
    if (node->n_users == 0) {
        users_free(node);
    }
}

/* ---- the tuples of a length ---- */

void axis_init(struct axis *axis, size_t words)
{
    *axis = (struct axis){.words = words};
    axis->by_length = memory_array((TRIE_BITS + 1) * words, sizeof *axis->by_length);
}

void axis_fini(struct axis *axis)
{
    for (struct axis_chunk *chunk = axis->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        for (size_t i = 0; i < chunk->n_nodes; i++) {
            users_free(&chunk->nodes[i]);
        }
        free(chunk->nodes);
        free(chunk);
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

void axis_insert(struct axis *axis, struct trie_value prefix, unsigned length, uint32_t tuple)
{
    struct axis_node **place = &axis->root;
    unsigned common = 0;
    while (*place != NULL) {
        common = common_bits((*place)->value, prefix);
        if (common < (*place)->length || length <= (*place)->length) {
            break;
        }
        place = &(*place)->children[bit_at(prefix, (*place)->length)];
    }
    struct axis_node *at = *place;
    if (at == NULL) {
        *place = node_new(axis, prefix, length);
    } else if (common < length && common < at->length) {
        struct axis_node *branch = node_new(axis, prefix, common);
        branch->children[bit_at(at->value, common)] = at;
        branch->children[bit_at(prefix, common)] = node_new(axis, prefix, length);
        *place = branch;
        place = &branch->children[bit_at(prefix, common)];
    } else if (length < at->length) {
        *place = node_new(axis, prefix, length);
        (*place)->children[bit_at(at->value, length)] = at;
    }
    node_add_user(axis, *place, tuple);
}

void axis_remove(struct axis *axis, struct trie_value prefix, unsigned length, uint32_t tuple)
{
    struct axis_node **place = &axis->root, **above = NULL;
    while ((*place)->length < length) {
        above = place;
        place = &(*place)->children[bit_at(prefix, (*place)->length)];
    }
    struct axis_node *node = *place;
    node_remove_user(node, tuple);
    if (node->n_users > 0 || (node->children[0] != NULL && node->children[1] != NULL)) {
        return;
    }
    *place = node->children[node->children[0] == NULL];
    node_free(axis, node);
    if (*place == NULL && above != NULL && (*above)->n_users == 0) { /* a branch that branches no more */
        node = *above;
        *above = node->children[node->children[0] == NULL];
        node_free(axis, node);
    }
}

static inline void add_users(const struct axis_node *node, uint64_t *out)
{
    if (node->more == NULL) {
        for (uint32_t i = 0; i < node->n_users; i++) {
            out[node->inside[i].tuple / 64] |= 1ull << node->inside[i].tuple % 64;
        }
    } else if (node->more->set != NULL) {
        for (uint32_t w = 0; w < node->more->n_words; w++) {
            out[w] |= node->more->set[w];
        }
    } else {
        for (uint32_t i = 0; i < node->n_users; i++) {
            out[node->more->list[i].tuple / 64] |= 1ull << node->more->list[i].tuple % 64;
        }
    }
}

/* One node of the way. False: it ends, and look->n_bits is known. */
static inline bool walk_on(struct axis_look *look)
{
    const struct axis_node *node = look->node;
    if (node == NULL) {
        return false;
    }
    unsigned common = common_bits(node->value, look->value);
    if (common < node->length) {
        look->n_bits = common + 1;
        return false;
    }
    add_users(node, look->out);
    look->n_bits = node->length;
    if (node->children[0] == NULL && node->children[1] == NULL) {
        return false;
    }
    look->node = node->children[bit_at(look->value, node->length)];
    look->n_bits++; /* enough where there is no child */
    __builtin_prefetch(look->node);
    return true;
}

void axis_find(struct axis_look *looks, size_t n)
{
    uint32_t under_way = 0;
    for (size_t i = 0; i < n; i++) {
        looks[i].node = looks[i].axis->root;
        looks[i].n_bits = 0;
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
