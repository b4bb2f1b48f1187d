/* What one socket knows of each of its peers: the sequence number last sent to it, and the newest version of the wire it understands. A small bounded
 * hash table. */
#ifndef BUSBAR_BUS_PEER_SET_H
#define BUSBAR_BUS_PEER_SET_H

#include "lib/bus/bus.h"

enum { PEER_SET_MAX = 4096 /* processes talking to one socket, twice configdb's readers; each swctl run is one, so the longest unused makes room */ };

struct peer;
struct peer_set {
    struct peer *by_identity; /* uthash */
    uint64_t n_used;          /* counts uses, the clock of `last used` */
};

/* The number the next message to `to` carries, from 1. */
uint64_t peer_set_next(struct peer_set *set, const struct bus_identity *to);
/* That message could not be sent: its number is used again. */
void peer_set_take_back(struct peer_set *set, const struct bus_identity *to);
/* It understands versions up to this one, as it says. */
void peer_set_heard(struct peer_set *set, const struct bus_identity *from, uint32_t newest);
/* 0: it has not been heard. */
uint32_t peer_set_newest(const struct peer_set *set, const struct bus_identity *to);
size_t peer_set_size(const struct peer_set *set);
void peer_set_fini(struct peer_set *set);

#endif
