/* By which routing id, and under whose key, each peer of a socket that listens on tcp:// is reached. For files of lib/bus only. */
#ifndef BUSBAR_BUS_ROUTES_H
#define BUSBAR_BUS_ROUTES_H

#include "lib/bus/envelope.h"
#include "lib/bus/key_table.h"

enum {
    ROUTES_MAX = 4096,      /* peers of one socket: a thousand processes and runs of swctl; the longest unheard makes room */
    ROUTE_NONCE_BYTES = 16, /* nobody guesses it */
    ROUTE_ID_MAX = ROUTING_ID_BYTES + ROUTE_NONCE_BYTES,
};

struct route;
struct routes {
    struct route *by_identity; /* uthash */
    uint64_t n_heard;
};

/* A message of `identity` came with this routing id under this key (NULL: over ipc). False: the identity belongs to another key that is known. */
bool routes_learn(struct routes *routes, struct key_table *keys, const struct bus_identity *identity, const void *id,
                  size_t size, const char *key) MUST_CHECK;
/* The routing id to answer by; a peer that was never heard has the one of ipc. -ERROR_NOT_CONNECTED: the key it came with is not known any more. */
int routes_find(const struct routes *routes, struct key_table *keys, const struct bus_identity *identity,
                uint8_t out_id[ROUTE_ID_MAX], size_t *out_size) MUST_CHECK;
size_t routes_size(const struct routes *routes);
void routes_fini(struct routes *routes);

#endif
