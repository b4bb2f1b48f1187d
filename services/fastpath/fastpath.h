/* The fastpath as a library: one shard with its configuration, ports and wires, moved on by fastpath_step(now).
 *
 * main.c adds the poll loop and the real devices; the simulator adds memory ports and a fake clock. Nothing here waits or reads a clock.
 */
#ifndef BUSBAR_FASTPATH_FASTPATH_H
#define BUSBAR_FASTPATH_FASTPATH_H

#include "lib/bus/bus.h"
#include "services/fastpath/io.h"
#include "services/fastpath/shard_set.h"

struct tier_table;

struct fastpath_settings {
    struct bus *bus;
    const char *run_dir;         /* where its sockets are */
    uint32_t instance;           /* from 1 */
    const char *config_endpoint; /* of configdb */
    struct io_factory factory;
    const struct tier_table *tier; /* the kernel's; NULL: there is none */
    const char *no_tier;           /* why not; lent for life */
    struct shard_set *shards;    /* joined when we are ready, left at the end; lent for life. NULL: we are alone */
    bool watch_links;            /* netlink; false in the simulator */
    const char *meters_file;     /* the buckets of meters, shared by all fastpaths; NULL: this one has its own */
    uint32_t n_frames;           /* small ones, 0 = FASTPATH_FRAMES */
    uint32_t n_large_frames;     /* 0 = FASTPATH_LARGE_FRAMES */
    uint32_t pid;
    uint64_t now_ns;
    uint64_t wall_ns; /* the time of day at now_ns, for time stamps of captures; 0: from 1970 on */
};
enum {
    FASTPATH_FRAMES = 16384,     /* 64 MiB: 16 busy queues of 512 and a quarter for packets that wait */
    FASTPATH_LARGE_FRAMES = 512, /* 8 MiB: jumbo frames between receive and transmit */
    FASTPATH_FDS_MAX = 8,
};

struct fastpath;
int fastpath_new(const struct fastpath_settings *settings, struct fastpath **out_fastpath, struct error_detail *detail) MUST_CHECK;
void fastpath_destroy(struct fastpath **fastpath);
/* Does what there is to do. True when there was something: call again at once. */
bool fastpath_step(struct fastpath *fastpath, uint64_t now_ns);
/* A packet has been asked about while no other waited, since the last call: it waits for the bus's own thread alone, which may want this core. */
bool fastpath_take_asked(struct fastpath *fastpath);
/* Packets wait for an answer. */
bool fastpath_is_asking(const struct fastpath *fastpath);
/* When packets came last. */
uint64_t fastpath_packets_ns(const struct fastpath *fastpath);
/* Before the caller waits: does what is left, and says whether it may. False: step again first. */
bool fastpath_may_wait(struct fastpath *fastpath, uint64_t now_ns) MUST_CHECK;
/* Descriptors to wait for when there is nothing to do (an epoll descriptor stands for the devices), and how long at most. */
size_t fastpath_fds(const struct fastpath *fastpath, int out_fds[FASTPATH_FDS_MAX]);
int fastpath_wait_ms(const struct fastpath *fastpath);

/* The ports are known, and this shard is one of those that share them. */
bool fastpath_is_ready(const struct fastpath *fastpath);

struct page;
/* For lib/metrics; `context` is a fastpath. "ok", or what is wrong. */
const char *fastpath_state(const void *context);
void fastpath_fill_metrics(const void *context, struct page *page);

#endif
