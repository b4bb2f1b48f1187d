/* The shard's ports, found by number.
 *
 * Port ids are configdb's and only grow, so they index nothing; a table of twice the limit with linear probing finds one in about one
 * load, which matters because each output asks it.
 * Worker thread; adding and removing on its control side. Invariant: every port is in `ports` once and in `by_id` once.
 */
#include "services/fastpath/port.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/memory.h"

enum { SLOTS = 2 * PORTS_MAX };

static inline uint32_t home_of(uint32_t id)
{
    return (id * 2654435769u >> 16) % SLOTS;
}

struct port *port_set_find(const struct port_set *set, uint32_t id)
{
    for (uint32_t i = home_of(id); set->by_id[i] != NULL; i = (i + 1) % SLOTS) {
        if (set->by_id[i]->id == id) {
            return set->by_id[i];
        }
    }
    return NULL;
}

static void enter(struct port_set *set, struct port *port)
{
    uint32_t i = home_of(port->id);
    while (set->by_id[i] != NULL) {
        i = (i + 1) % SLOTS;
    }
    set->by_id[i] = port;
}

void port_set_up_rate(struct port *port, uint32_t rate_per_s)
{
    if (port->up_rate != rate_per_s) {
        port->up_rate = rate_per_s;
        port->up_buckets[0] = port->up_buckets[1] = bucket_of_rate(rate_per_s, rate_per_s / PORT_UP_BURSTS_PER_S + 1);
    }
}

struct port *port_set_add(struct port_set *set, uint32_t id)
{
    if (set->n_ports == PORTS_MAX) {
        return NULL;
    }
    struct port *port = memory_zeroed(sizeof *port);
    port->id = id;
    port->miss_bucket = bucket_of_rate(PORT_MISS_RATE, PORT_MISS_BURST);
    port_set_up_rate(port, PORT_UP_RATE);
    megaflow_init(&port->megaflows, id);
    set->ports[set->n_ports++] = port;
    enter(set, port);
    return port;
}

void port_set_remove(struct port_set *set, struct port *port)
{
    size_t at = 0;
    assert(port->io == NULL && port->n_pending == 0 && port->n_tx == 0);
    while (set->ports[at] != port) {
        at++;
    }
    set->ports[at] = set->ports[--set->n_ports];
    memset(set->by_id, 0, sizeof set->by_id);
    for (size_t i = 0; i < set->n_ports; i++) {
        enter(set, set->ports[i]);
    }
    megaflow_fini(&port->megaflows);
    for (size_t i = 0; i < port->n_options; i++) {
        free((char *)(uintptr_t)port->options[i].key);
        free((char *)(uintptr_t)port->options[i].value);
    }
    free(port->options);
    free(port);
}
