/* Routes of peers.
 *
 * Over ipc the routing id of a peer is its identity, so whoever may connect can take a peer's place in the router (that is wanted: the newest
 * connection of a life has it). Over tcp many may connect who do not trust each other, and identities are public, so the routing id is the
 * identity and 16 random bytes that only the two ends know:
 *
 *     | kind 1 | instance 4 | start 8 | nonce 16 |
 *
 * and the way back is learned from what comes in. An identity stays with the key that spoke for it first, until that key is taken away:
 * another key of the same role is refused (wrong_sender). Nothing is sent to a peer whose key is gone or has another role now.
 * Cost: one hash lookup a message each way, on sockets that listen on tcp only. Used by the thread that owns the socket. Bounded: ROUTES_MAX.
 */
#include "lib/bus/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/base/memory.h"
#include "lib/bus/role.h"

struct route {
    uint8_t identity[ROUTING_ID_BYTES];
    uint8_t id[ROUTE_ID_MAX];
    size_t size;
    enum process_kind kind;
    char key[KEY_TEXT_SIZE + 1]; /* "": over ipc */
    uint64_t heard;
    UT_hash_handle hh;
};

static struct route *find(const struct routes *routes, const struct bus_identity *identity)
{
    uint8_t name[ROUTING_ID_BYTES];
    struct route *route;
    routing_id_encode(identity, name);
    HASH_FIND(hh, routes->by_identity, name, sizeof name, route);
    return route;
}

static void forget_longest_unheard(struct routes *routes)
{
    struct route *oldest = routes->by_identity;
    for (struct route *route = routes->by_identity; route != NULL; route = route->hh.next) {
        oldest = route->heard < oldest->heard ? route : oldest;
    }
    HASH_DEL(routes->by_identity, oldest);
    free(oldest);
}

static bool is_valid(const struct route *route, struct key_table *keys)
{
    return route->key[0] == '\0' || role_fits(key_table_role(keys, route->key), route->kind);
}

bool routes_learn(struct routes *routes, struct key_table *keys, const struct bus_identity *identity, const void *id,
                  size_t size, const char *key)
{
    key = key != NULL ? key : "";
    struct route *route = find(routes, identity);
    if (route != NULL && strcmp(route->key, key) != 0 && is_valid(route, keys)) {
        return false;
    }
    if (size > ROUTE_ID_MAX) {
        return false;
    }
    if (route == NULL) {
        if (HASH_COUNT(routes->by_identity) >= ROUTES_MAX) {
            forget_longest_unheard(routes);
        }
        route = memory_zeroed(sizeof *route);
        routing_id_encode(identity, route->identity);
        route->kind = identity->kind;
        HASH_ADD(hh, routes->by_identity, identity, sizeof route->identity, route);
    }
    memcpy(route->id, id, size);
    route->size = size;
    snprintf(route->key, sizeof route->key, "%s", key);
    route->heard = ++routes->n_heard;
    return true;
}

int routes_find(const struct routes *routes, struct key_table *keys, const struct bus_identity *identity,
                uint8_t out_id[ROUTE_ID_MAX], size_t *out_size)
{
    const struct route *route = find(routes, identity);
    if (route == NULL) {
        routing_id_encode(identity, out_id);
        *out_size = ROUTING_ID_BYTES;
        return 0;
    }
    if (!is_valid(route, keys)) {
        return -ERROR_NOT_CONNECTED;
    }
    memcpy(out_id, route->id, route->size);
    *out_size = route->size;
    return 0;
}

size_t routes_size(const struct routes *routes)
{
    return HASH_COUNT(routes->by_identity);
}

void routes_fini(struct routes *routes)
{
    struct route *route, *next;
    HASH_ITER(hh, routes->by_identity, route, next)
    {
        HASH_DEL(routes->by_identity, route);
        free(route);
    }
}
