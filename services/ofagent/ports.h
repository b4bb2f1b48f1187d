/* The ports of a bridge as OpenFlow shows them, made from the rows of configdb and the shards' counters. One thread. */
#ifndef BUSBAR_OFAGENT_PORTS_H
#define BUSBAR_OFAGENT_PORTS_H

#include "lib/openflow/of_multipart.h"
#include "services/ofagent/agent.h"

/* Ports of the bridge in the order of their ids: start with *cursor = 0; false at the end. */
bool ports_next(const struct bridge *bridge, uint64_t *cursor, uint64_t *out_id, const Busbar__PortRow **out_row);
bool ports_by_number(const struct bridge *bridge, uint32_t ofport, uint64_t *out_id, const Busbar__PortRow **out_row);
struct of_port ports_describe(const struct ofagent *agent, uint64_t id, const Busbar__PortRow *row);
struct of_port_stats ports_stats(const struct ofagent *agent, uint64_t id, const Busbar__PortRow *row);
/* Names in flow text. The bridge is lent to the result. */
struct match_ports ports_names(const struct bridge *bridge);
/* A row of PORT or PORT_STATUS has changed: tells the controllers [OF1.3.5 A.4.3]. */
void ports_changed(struct ofagent *agent, uint64_t id, const Busbar__PortRow *before, const Busbar__PortRow *after);
void ports_status_changed(struct ofagent *agent, uint64_t id);

#endif
