/* Sockets on ipc that speak ZeroMQ's protocol in their owner's thread: bus_direct.c. For files of lib/bus only; bus_zmq.c opens them. */
#ifndef BUSBAR_BUS_DIRECT_H
#define BUSBAR_BUS_DIRECT_H

#include <sys/types.h>

#include "lib/bus/transport.h"

enum {
    DIRECT_WAITING_MAX = 64 * 1024 * 1024, /* bytes for one peer above which no more are taken; so at most one message more wait */
    DIRECT_LINKS_MAX = 4096,               /* connections of a binder: one further is closed */
};

/* A socket of its own transport in any bus. endpoint: "ipc://PATH", looked at by the caller (its length; that nobody alive binds it). owner_uid: of the
 * directory; he may connect too. */
int bus_direct_open(struct bus *bus, bool is_binder, const char *endpoint, uid_t owner_uid, struct bus_socket **out_socket) MUST_CHECK;

/* Which wires of this bus, as bits 1 << wire, have such sockets (CONFIG and SESSION, unless this is called): where ipc is all there is. Before they are
 * opened. */
void bus_zmq_set_direct(struct bus *bus, uint32_t wires);

#endif
