/* The flows of ports that have gone: they end in slices, because there may be a million of them. */
#ifndef BUSBAR_FASTPATH_PORT_FLOWS_H
#define BUSBAR_FASTPATH_PORT_FLOWS_H

#include "services/fastpath/shard.h"

enum { PORT_FLOWS_PER_STEP = 1024 /* looked at, and ended if need be: 0.5 ms */ };

/* The port is about to be removed: nothing leads to its flows from now on, and they end in the steps to come. */
void port_flows_forget(struct shard *shard, struct port *port);
/* A port of this number is about to be added: what is left of an earlier one ends at once. Numbers are not used again, but a port whose
 * name or type changes comes as the same number anew. */
void port_flows_make_way(struct shard *shard, uint32_t port);
/* A slice. */
void port_flows_step(struct shard *shard);
void port_flows_fini(struct shard *shard);

#endif
