/* The slowpath as a library: one struct, one step. main.c gives it time and sleeps; tests give it a fake clock and a bus in memory. */
#ifndef BUSBAR_SLOWPATH_SLOWPATH_H
#define BUSBAR_SLOWPATH_SLOWPATH_H

#include "lib/bus/bus.h"

struct slowpath_settings {
    struct bus *bus; /* the caller's, to be destroyed after the slowpath */
    uint32_t instance;
    uint32_t pid;
    uint64_t seed;               /* where the numbers of sessions start */
    const char *config_endpoint; /* configdb's */
    const char *packet_endpoint; /* these three are bound */
    const char *mac_endpoint;
    const char *control_endpoint;
};

struct slowpath;
/* -EADDRINUSE and other errors of bus_bind(). */
int slowpath_new(const struct slowpath_settings *settings, struct slowpath **out_slowpath) MUST_CHECK;
void slowpath_destroy(struct slowpath **slowpath);
/* At most 50 ms of work. True: there is more to do at once; false: nothing before an fd is readable or slowpath_wait_ms() have passed. */
bool slowpath_step(struct slowpath *slowpath, uint64_t now_ns);
/* 50 at rest: beats, ageing; 10 while something is to be told or tried again. */
unsigned slowpath_wait_ms(const struct slowpath *slowpath);
/* The fds to wait on, at most `room`; they change when shards come and go. */
size_t slowpath_fds(const struct slowpath *slowpath, int *out_fds, size_t room);
/* The whole configuration has come once. */
bool slowpath_is_ready(const struct slowpath *slowpath);

struct page;
/* For lib/metrics; `context` is a slowpath. "ok", or what it lacks. */
const char *slowpath_state(const void *context);
void slowpath_fill_metrics(const void *context, struct page *page);

#endif
