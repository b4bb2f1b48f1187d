/* The agent of OpenFlow controllers: one step at a time, all time by argument, so that it runs under a fake clock.
 *
 *     ofagent_new(&settings, &agent);  while (...) { ofagent_step(agent, now, wall); poll(ofagent_fds(...)); }  ofagent_destroy(&agent);
 *
 * One thread calls everything. The bus and the run directory are lent for the agent's life.
 */
#ifndef BUSBAR_OFAGENT_OFAGENT_H
#define BUSBAR_OFAGENT_OFAGENT_H

#include <poll.h>

#include "lib/bus/bus.h"

struct ofagent_settings {
    struct bus *bus;
    const char *run_dir; /* where the sockets BRIDGE.mgmt are made */
    const char *config;  /* endpoint of configdb */
    const char *control; /* endpoint to bind for swctl */
    uint32_t instance;
    uint64_t start; /* start number of this process */
    uint32_t pid;
};

struct ofagent;
int ofagent_new(const struct ofagent_settings *settings, struct ofagent **out_agent, struct error_detail *detail) MUST_CHECK;
void ofagent_destroy(struct ofagent **agent);
/* Does all that can be done now. now_ns: CLOCK_BOOTTIME, wall_ns: CLOCK_REALTIME. */
void ofagent_step(struct ofagent *agent, uint64_t now_ns, uint64_t wall_ns);
/* What to poll for before the next step, into an array of the agent's that lives until the next call; and when to step at the latest. */
struct pollfd *ofagent_fds(struct ofagent *agent, size_t *out_n, uint64_t *out_next_ns);

/* What poll() has said of them, for the next step, which then need not ask the kernel again. Optional. */
void ofagent_polled(struct ofagent *agent, const struct pollfd *fds, size_t n);

/* The whole configuration has come, and each bridge is served, is another's, or cannot be for a reason that is told. */
bool ofagent_is_settled(const struct ofagent *agent);
/* The whole configuration has come once. */
bool ofagent_is_ready(const struct ofagent *agent);

struct page;
/* For lib/metrics; `context` is an agent. "ok", or what it lacks. */
const char *ofagent_state(const void *context);
void ofagent_fill_metrics(const void *context, struct page *page);

#endif
