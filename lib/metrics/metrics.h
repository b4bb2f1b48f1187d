/* The HTTP server of a process: GET /metrics (OpenMetrics) and GET /healthz.
 *
 * It has no thread: its descriptor says when there is something to do, and metrics_step() does it in the caller's. /healthz is 200 "ok",
 * or 503 with what is wrong. Everything is optional: without an address metrics_open() gives NULL, which the others accept.
 * There is no protection but the address: use 127.0.0.1, or a network on which only monitoring is.
 */
#ifndef BUSBAR_METRICS_METRICS_H
#define BUSBAR_METRICS_METRICS_H

#include "lib/base/service.h"
#include "lib/metrics/page.h"

enum {
    METRICS_CONNECTIONS_MAX = 16, /* two monitors and some people */
    METRICS_TIMEOUT_S = 1,        /* of silence, then a connection is closed */
    METRICS_PAGE_MS = 20,         /* so long one page is given to all who ask: what rendering may cost is bounded */
    METRICS_PORTS_MAX = 64,       /* that are tried for an address ending in "+" */
    METRICS_AGAIN_S = 10          /* until an address that could not be had is tried again */
};

struct metrics_source {
    void (*fill)(const void *context, struct page *page); /* the service's own metrics */
    const char *(*state)(const void *context);            /* "ok", or what is wrong */
    const void *context;
};

struct metrics;
/* Listens at service->metrics ("127.0.0.1:9464", "[::1]:9464"; port 0: any; "9464+": the first free one from there on) and writes it to
 * `<kind>.<n>.metrics.json` in the run directory, in the form that Prometheus's file_sd_configs reads; any-address is written as the name of the
 * host. Lends the service. NULL with 0 when no address was given; -ERROR_SYNTAX when it is none. An address that cannot be had (in use, not of this host) ends
 * nobody: it is logged as an error, written to `<kind>.<n>.metrics.problem`, which swctl status shows, and tried again every METRICS_AGAIN_S. */
int metrics_open(const struct service *service, const struct metrics_source *source, struct metrics **out_metrics,
                 struct error_detail *detail) MUST_CHECK;
/* Removes the file too. */
void metrics_close(struct metrics **metrics);
/* To poll for reading; -1: none, or not yet. It may be another after a step. */
int metrics_fd(const struct metrics *metrics);
/* "127.0.0.1:9464"; "": nobody is answered yet. */
const char *metrics_address(const struct metrics *metrics);
/* Answers who waits, at most METRICS_CONNECTIONS_MAX. */
void metrics_step(struct metrics *metrics, uint64_t now_ns);

#endif
