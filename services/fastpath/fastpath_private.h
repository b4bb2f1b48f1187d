/* What fastpath.c and command.c share: the struct behind fastpath.h. */
#ifndef BUSBAR_FASTPATH_FASTPATH_PRIVATE_H
#define BUSBAR_FASTPATH_FASTPATH_PRIVATE_H

#include <poll.h>

#include "lib/cfg/cfg.h"
#include "lib/msg/control.h"
#include "services/fastpath/fastpath.h"
#include "services/fastpath/port_control.h"
#include "services/fastpath/usage.h"

struct command_dump; /* command.c */

struct fastpath {
    struct shard shard;
    struct usage usage;
    struct port_control ports;
    struct umem *umem;
    struct cfg *cfg;
    struct control_server *control;
    struct command_dump *dumps; /* calls under way whose answers take many ticks, the next one first */
    struct link_monitor *links;
    struct meter_set *meters;
    struct shard_set *shards; /* NULL: we are alone */
    uint64_t complete_ns;     /* when the first whole configuration was applied; 0: not yet */
    struct bus *bus;
    int epoll_fd;
    bool is_ending;
    char session_endpoint[128], usage_endpoint[128], control_endpoint[128];
    uint32_t pid, instance;
    const char *no_tier; /* why the kernel forwards nothing by itself; NULL: nobody said */
    uint64_t now_ns;
    uint64_t began_ns, began_cycles; /* the rate of the cycle counter is measured from here */
    uint64_t tick_ns; /* of the last round of housekeeping */
    bool tick_waits;  /* one is due, but packets came */
    uint64_t packets_ns; /* when packets came last */
    unsigned n_busy;  /* steps in a row in which packets came */
    uint64_t bus_ns;  /* when the sessions were last looked at */
    uint64_t calls_ns; /* when the ports whose rx() is a system call were last looked at */
    struct pollfd polled[PORTS_MAX];
    struct port *polled_ports[PORTS_MAX];
    uint64_t row;     /* our service row */
};

#endif
