/* The mac wire: learned addresses among replicas. proto/README.md, "mac". */
#ifndef BUSBAR_SLOWPATH_MAC_SHARE_H
#define BUSBAR_SLOWPATH_MAC_SHARE_H

#include "services/slowpath/core.h"

enum {
    MAC_SHARE_PEERS_MAX = 16, /* replicas of one switch */
    MAC_SHARE_INTERVAL_MS = 10,
    MAC_SHARE_BEAT_MS = 1000, /* an empty batch says that there was no news */
    MAC_SHARE_SILENCE_MS = 5000,
    MAC_SHARE_BATCH = 1000, /* addresses in one message: some 50 KB */
    MAC_SHARE_FLUSHES = 64, /* flushed bridges in one message */
    MAC_SHARE_MESSAGES_PER_STEP = 64,
};

struct mac_share;
int mac_share_open(struct core *core, const char *endpoint, struct mac_share **out_share) MUST_CHECK;
const char *mac_share_endpoint(const struct mac_share *share); /* as bus_socket_endpoint() */
void mac_share_close(struct mac_share **share);
/* Another replica, by the row of its service. */
void mac_share_add_peer(struct mac_share *share, uint64_t row, const char *endpoint);
void mac_share_remove_peer(struct mac_share *share, uint64_t row);
void mac_share_step(struct mac_share *share);
/* Fds to wait on, at most `room`. */
size_t mac_share_fds(const struct mac_share *share, int *out_fds, size_t room);

#endif
