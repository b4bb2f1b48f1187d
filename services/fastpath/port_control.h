/* Ports and their devices: rows of the configuration become open devices, links are watched, errors told. */
#ifndef BUSBAR_FASTPATH_PORT_CONTROL_H
#define BUSBAR_FASTPATH_PORT_CONTROL_H

#include "proto/rows.pb-c.h"
#include "services/fastpath/link.h"
#include "services/fastpath/shard.h"

enum {
    PORT_RETRY_MS = 1000,    /* a device that could not be opened is tried again */
    PORT_SOON_MS = 10,       /* one that will be free in a moment */
    PORT_PATIENCE_MS = 500,  /* and is an error when it is not after this long */
};

struct port_control {
    struct shard *shard;
    struct io_factory factory;
    uint64_t wall_base_ns; /* wall clock less our own, for the time stamps of captures */
    bool has_links; /* a link monitor tells the state of links; else an open device counts as up */
    /* The port's state has changed. May be called more often than it has. */
    void (*on_change)(void *context, const struct port *port);
    /* A descriptor of a device comes (events to be watched for reading) or goes. */
    void (*on_fd)(void *context, int fd, bool is_open);
    void *context;
};

/* The row as it is now; NULL: it is gone. Opens, closes, or reopens when name, type, options or force has changed. */
void port_control_apply(struct port_control *control, uint64_t id, const Busbar__PortRow *row, uint64_t now_ns);
void port_control_link(struct port_control *control, const struct link_info *link, uint64_t now_ns);
/* Opens what could not be opened before, and tells of open devices that have failed. */
void port_control_retry(struct port_control *control, uint64_t now_ns);
/* The time of the next retry, UINT64_MAX when there is none. */
uint64_t port_control_next_retry(const struct port_control *control);
/* Before shard_fini(): closes the sessions and every device; internal ports keep their persistent TAP, so that the host keeps its address. */
void port_control_close_all(struct port_control *control);

#endif
