/* Flows of ports that have gone. See port_flows.h.
 *
 *     port removed --> its megaflow table is emptied at once: no packet comes to its flows, whose keys name a port that receives nothing
 *                  --> a round over all flows, a slice a step: flows of ports that are not there end, their owners are told
 *
 * A port that goes while a round is under way waits for the next one. Until its turn a flow is like one that is not used: its owner may
 * correct it, it may expire, and it counts for flow_limit. It is in no subtable, which its `entered` does not say; that is why it must be
 * gone before a port of the same number comes (port_flows_make_way).
 * Cost: a slice looks at PORT_FLOWS_PER_STEP places; a million flows end in a second. Worker thread, between bursts.
 * Invariant: a flow whose port is there is in that port's table; I1 to I3 hold for the others because no packet reaches them.
 */
#include "services/fastpath/port_flows.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "services/fastpath/install.h"

void port_flows_forget(struct shard *shard, struct port *port)
{
    struct port_flows *gone = &shard->port_flows;
    if (gone->n == gone->room) {
        gone->room = gone->room * 2 + 16;
        gone->ports = memory_resize(gone->ports, gone->room * sizeof *gone->ports);
    }
    gone->n_in_round = gone->n == 0 ? 1 : gone->n_in_round;
    gone->ports[gone->n++] = port->id;
    megaflow_clear(&port->megaflows);
}

/* Forgets n of the ports, from the at-th on. */
static void drop_ports(struct port_flows *gone, size_t at, size_t n)
{
    memmove(&gone->ports[at], &gone->ports[at + n], (gone->n - at - n) * sizeof *gone->ports);
    gone->n -= n;
    gone->n_in_round -= at < gone->n_in_round ? n : 0;
}

void port_flows_make_way(struct shard *shard, uint32_t port)
{
    struct port_flows *gone = &shard->port_flows;
    for (size_t i = 0; i < gone->n; i++) {
        if (gone->ports[i] == port) {
            drop_ports(gone, i, 1);
            install_remove_port_flows(shard, port, true);
            return;
        }
    }
}

void port_flows_step(struct shard *shard)
{
    struct port_flows *gone = &shard->port_flows;
    size_t left = PORT_FLOWS_PER_STEP;
    if (gone->n == 0) {
        return;
    }
    for (struct flow *flow; (flow = flow_table_next_within(shard->flows, &gone->cursor, &left)) != NULL;) {
        if (port_set_find(&shard->ports, flow->in_port) == NULL) {
            install_remove_flow(shard, flow, true);
        }
    }
    if (left > 0) { /* the end of the round */
        drop_ports(gone, 0, gone->n_in_round);
        gone->n_in_round = gone->n;
        gone->cursor = 0;
    }
}

void port_flows_fini(struct shard *shard)
{
    free(shard->port_flows.ports);
    shard->port_flows = (struct port_flows){0};
}
