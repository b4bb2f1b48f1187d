/* Ports and their devices: rows of the configuration become open devices, links are watched, errors told. */
#ifndef BUSBAR_FASTPATH_PORT_CONTROL_H
#define BUSBAR_FASTPATH_PORT_CONTROL_H

#include "proto/rows.pb-c.h"
#include "services/fastpath/link.h"
#include "services/fastpath/shard.h"
#include "services/fastpath/shard_set.h"

enum {
    PORT_RETRY_MS = 1000,    /* a device that could not be opened is tried again */
    PORT_LOOK_MS = 1,        /* one that another thread is opening */
    PORT_SOON_MS = 10,       /* one that will be free in a moment */
    PORT_PATIENCE_MS = 500,  /* and is an error when it is not after this long */
    PORT_PAUSE_MAX_MS = 20,  /* packets have their turn between two devices opened as long as opening took, but no longer than this */
    PORT_OPEN_MAX_MS = 200,  /* no opening takes as long: then the loop slept, and packets had their turn */
    PORT_WITHDRAW_MS = 300,  /* another shard speaks since then: it has published by now */
};

struct port_control {
    struct shard *shard;
    struct io_factory factory;
    uint64_t wall_base_ns; /* wall clock less our own, for the time stamps of captures */
    bool holds; /* a new port is held until port_control_release(): what it plays once must not be refused as of an unknown port */
    const struct shard_set *shards; /* NULL: we are alone */
    bool has_links; /* a link monitor tells the state of links; else an open device counts as up */
    /* The port's state has changed, or who speaks for it. May be called more often than it has. */
    void (*on_change)(void *context, const struct port *port);
    /* A descriptor of a device comes (events to be watched for reading) or goes. */
    void (*on_fd)(void *context, int fd, bool is_open);
    void *context;
    /* private */
    size_t next;           /* port to look at first */
    uint64_t seen_changes; /* of the shard set */
    bool is_swept;
    uint64_t opened_ns;    /* the step in which a device was opened; 0: none, or the time it took is made up for */
    uint64_t pause_ns;     /* until then packets have their turn, and no device is opened */
    bool was_speaker;
    uint64_t withdraw_ns;  /* then the states that we published when we spoke are withdrawn; 0: there are none */
};

/* The row as it is now; NULL: it is gone. Closes at once, opens by and by in port_control_step(). */
void port_control_apply(struct port_control *control, uint64_t id, const Busbar__PortRow *row, uint64_t now_ns);
void port_control_link(struct port_control *control, const struct link_info *link, uint64_t now_ns);
/* Every row of this version has been applied. */
void port_control_version(struct port_control *control, struct version version);
/* Lets ports begin that the slowpaths know: the floor has reached their version, and a session is open. True when there was one. */
bool port_control_release(struct port_control *control, struct version floor);
/* Once a millisecond: opens one device that waits for it, lets devices look after their queues, counts what they report. */
void port_control_step(struct port_control *control, uint64_t now_ns);
/* When it must be called at the latest, UINT64_MAX when there is nothing to do. */
uint64_t port_control_next_step(const struct port_control *control);
/* The first whole configuration has been applied: what is left of ports that are gone may go. */
void port_control_is_complete(struct port_control *control);
/* We speak for the switch: of all shards that live, the lowest publishes the state of ports. */
bool port_control_is_speaker(const struct port_control *control);
/* Before shard_fini(): closes the sessions and every device; internal ports keep their persistent TAP, so that the host keeps its address. */
void port_control_close_all(struct port_control *control);

#endif
