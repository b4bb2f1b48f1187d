/* Asking the slowpath: batches of misses a session, deadlines, another replica when one does not answer. */
#ifndef BUSBAR_FASTPATH_MISS_H
#define BUSBAR_FASTPATH_MISS_H

#include "services/fastpath/shard.h"

/* The worker's question (worker_events.ask); context is the shard. */
int miss_ask(void *shard, struct pending_list *list, const struct dp_packet *head);
void miss_flush(struct shard *shard, struct session *session);
/* The same, unless more asks may come soon (MISS_GATHER_US) and others are under way. */
void miss_flush_due(struct shard *shard, struct session *session);
/* Sends what a burst after a pause has asked of one session, at once. False: nothing, or others are under way or of other sessions. */
bool miss_flush_alone(struct shard *shard);
/* Asks that have waited too long go to another replica, then their packets are dropped. */
void miss_check_deadlines(struct shard *shard, uint64_t now_ns);
/* What the closed session was asked is asked of others. */
void miss_session_closed(struct shard *shard, struct session *session, uint64_t now_ns);
/* Everything that waits is dropped. */
void miss_drop_all(struct shard *shard, enum drop_reason reason);

#endif
