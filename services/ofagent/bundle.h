/* Bundles: messages that are kept until a commit, and then done all or none [OF1.5.1 6.9]. One thread. */
#ifndef BUSBAR_OFAGENT_BUNDLE_H
#define BUSBAR_OFAGENT_BUNDLE_H

#include "services/ofagent/session.h"

enum {
    BUNDLES_MAX = 16,              /* of a session */
    BUNDLE_COMMITS_MAX = 64,       /* of a session, not committed yet: sixteen with a thousand rules each are all that may be in flight */
    BUNDLE_MESSAGES_MAX = 1 << 20, /* in one: a million rules and a bit */
    BUNDLE_READY_MAX = 128 << 20,  /* bytes made ahead of the messages of all bundles: 250,000 rules; what comes beyond is done at its commit alone */
    BUNDLE_PIECE_MAX = INFLIGHT_PART_MAX, /* rules packed as one: a bundle that must be cut is cut between them */
    BUNDLE_BYTES_MAX = 256 << 20   /* of all bundles in the process together: a million rules of 250 bytes */
};
#define BUNDLE_IDLE_NS (10 * NS_PER_S) /* as Open vSwitch: a bundle that nobody touches is dropped, and the peer told */

/* Drops bundles nobody touched for long, and answers commits once their changes are committed. */
void bundles_step(struct session *session);
void bundles_drop(struct session *session);
/* What this commit changes, or a part of it, was refused: it is answered with MSG_FAILED, in the order of the commits and at once where it can be.
 * Nothing happens when it has been refused or answered before. */
void bundles_refused(struct session *session, uint64_t batch, const uint8_t *request, size_t size);

#endif
