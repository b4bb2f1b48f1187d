/* Sockets on ipc that speak ZeroMQ's protocol in their owner's thread: bus_direct.c. For files of lib/bus only; bus_zmq.c opens them. */
#ifndef BUSBAR_BUS_DIRECT_H
#define BUSBAR_BUS_DIRECT_H

#include <sys/types.h>

#include "lib/bus/transport.h"

enum {
    DIRECT_WAITING_MAX = 64 * 1024 * 1024, /* bytes for one peer above which no more are taken; so at most one message more wait */
    DIRECT_LINKS_MAX = 4096,               /* connections of a binder: one further is closed */
};

/* Who may put sockets into the directory of an endpoint and so is one of us: its owner, and its group when files made in it get that group (setgid), as
 * then the services run as different users. Nobody is -1. */
struct bus_home {
    uid_t uid;
    gid_t gid;
};

/* A socket of its own transport in any bus. endpoint: "ipc://PATH", looked at by the caller (its length; that nobody alive binds it). home: they may
 * connect to a binder, besides our own user and root. */
int bus_direct_open(struct bus *bus, bool is_binder, const char *endpoint, struct bus_home home, struct bus_socket **out_socket) MUST_CHECK;

/* Which wires of this bus, as bits 1 << wire, have such sockets (CONFIG and SESSION, unless this is called): where ipc is all there is. Before they are
 * opened. */
void bus_zmq_set_direct(struct bus *bus, uint32_t wires);

#endif
