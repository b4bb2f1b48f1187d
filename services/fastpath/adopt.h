/* Flows whose session has closed: offered to open ones, which answer keep, change or remove. */
#ifndef BUSBAR_FASTPATH_ADOPT_H
#define BUSBAR_FASTPATH_ADOPT_H

#include "services/fastpath/shard.h"

/* Offers some more flows, as far as windows and bus have room. */
void adopt_step(struct shard *shard);
/* The session has closed: what it was offered is offered to others. */
void adopt_take_back(struct shard *shard, struct session *session);
/* A flow that is on offer is so no more, and will be offered anew. */
void adopt_offer_again(struct shard *shard, struct flow *flow);
/* Makes one closed session of two, to have a place for a new one. */
void adopt_merge_closed(struct shard *shard);

#endif
