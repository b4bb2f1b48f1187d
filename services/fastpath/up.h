/* Packets to and from controllers: up in batches, down one by one, both already translated by the slowpath. */
#ifndef BUSBAR_FASTPATH_UP_H
#define BUSBAR_FASTPATH_UP_H

#include "services/fastpath/shard.h"

/* The worker's request (worker_events.up); context is the shard. */
int up_packet(void *shard, const struct dp_controller *to, const struct dp_packet *packet);
void up_flush(struct shard *shard, struct session *session);
/* The session closes: what it was not sent is counted as dropped. */
void up_give_up(struct shard *shard, struct session *session);
/* FRAME_DOWN. False when it makes no sense. */
bool up_frame_down(struct shard *shard, struct session *session, const struct bus_message *message);

#endif
