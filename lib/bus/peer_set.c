/* Sequence numbers and versions by peer.
 *
 * A receiver finds losses by jumps of the sequence, so each peer has a count of its own. The set is fed from outside (any process that
 * connects and is answered), so it is bounded: beyond PEER_SET_MAX the peer that was longest not sent to is forgotten; should it
 * come back it sees a jump, which is safe. A lookup is one hash of 16 bytes; making room costs a walk over the set.
 * Used by the thread that owns the socket.
 */
#include "lib/bus/peer_set.h"

#include <uthash.h>

#include "lib/base/memory.h"

struct peer_key {
    uint32_t kind;
    uint32_t instance;
    uint64_t start;
};
_Static_assert(sizeof(struct peer_key) == 16, "no padding: it is hashed as bytes");

struct peer {
    struct peer_key key;
    uint64_t sequence;
    uint32_t newest; /* 0: not heard yet */
    uint64_t last_used;
    UT_hash_handle hh;
};

static struct peer_key key_of(const struct bus_identity *identity)
{
    return (struct peer_key){.kind = (uint32_t)identity->kind, .instance = identity->instance, .start = identity->start};
}

static struct peer *find(const struct peer_set *set, const struct bus_identity *to)
{
    struct peer_key key = key_of(to);
    struct peer *peer;
    HASH_FIND(hh, set->by_identity, &key, sizeof key, peer);
    return peer;
}

static void forget_longest_unused(struct peer_set *set)
{
    struct peer *oldest = set->by_identity;
    for (struct peer *peer = set->by_identity; peer != NULL; peer = peer->hh.next) {
        if (peer->last_used < oldest->last_used) {
            oldest = peer;
        }
    }
    HASH_DEL(set->by_identity, oldest);
    free(oldest);
}

/* The peer, made when it is not there; now the one used last. */
static struct peer *use(struct peer_set *set, const struct bus_identity *to)
{
    struct peer *peer = find(set, to);
    if (peer == NULL) {
        if (HASH_COUNT(set->by_identity) >= PEER_SET_MAX) {
            forget_longest_unused(set);
        }
        peer = memory_zeroed(sizeof *peer);
        peer->key = key_of(to);
        HASH_ADD(hh, set->by_identity, key, sizeof peer->key, peer);
    }
    peer->last_used = ++set->n_used;
    return peer;
}

uint64_t peer_set_next(struct peer_set *set, const struct bus_identity *to)
{
    return ++use(set, to)->sequence;
}

void peer_set_take_back(struct peer_set *set, const struct bus_identity *to)
{
    struct peer *peer = find(set, to);
    if (peer != NULL && --peer->sequence == 0 && peer->newest == 0) {
        HASH_DEL(set->by_identity, peer);
        free(peer);
    }
}

void peer_set_heard(struct peer_set *set, const struct bus_identity *from, uint32_t newest)
{
    use(set, from)->newest = newest;
}

uint32_t peer_set_newest(const struct peer_set *set, const struct bus_identity *to)
{
    const struct peer *peer = find(set, to);
    return peer != NULL ? peer->newest : 0;
}

size_t peer_set_size(const struct peer_set *set)
{
    return HASH_COUNT(set->by_identity);
}

void peer_set_fini(struct peer_set *set)
{
    struct peer *peer, *next;
    HASH_ITER(hh, set->by_identity, peer, next)
    {
        HASH_DEL(set->by_identity, peer);
        free(peer);
    }
}
