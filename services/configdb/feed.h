/* The feed: what each reader is sent, in which order, and what it has acknowledged. See the essay in feed.c and proto/README.md.
 *
 * One thread. The rows must have no transaction open when feed_step() is called: it opens a short read of its own.
 */
#ifndef BUSBAR_CONFIGDB_FEED_H
#define BUSBAR_CONFIGDB_FEED_H

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/msg/version.h"
#include "services/configdb/ring.h"
#include "services/configdb/status.h"

enum {
    FEED_READERS_MAX = 256,                     /* every process of a large switch and a crowd of swctl watches */
    FEED_WINDOW_VERSIONS = 256,                 /* unacknowledged under way per reader (proto/README.md) */
    FEED_WINDOW_BYTES = 8 * 1024 * 1024,
    FEED_SLICES_PER_STEP = 4,                   /* pieces of a snapshot per reader and step: 2 MiB, a millisecond */
    FEED_ERRORS_MAX = 256,                      /* row errors kept per reader */
};
#define FEED_SILENCE_NS (3 * NS_PER_S)  /* a reader not heard for this long is not waited for */
#define FEED_FORGET_NS (60 * NS_PER_S)  /* and forgotten after this */

struct feed;
struct feed *feed_new(struct bus_socket *socket, struct rows *rows, struct ring *ring, struct status *status, struct version last_epoch_end);
void feed_destroy(struct feed **feed);

void feed_subscribe(struct feed *feed, const struct bus_identity *from, const Busbar__Subscribe *message, uint64_t now_ns);
void feed_applied(struct feed *feed, const struct bus_identity *from, const Busbar__Applied *message);
/* Every message shows that its sender lives. */
void feed_heard(struct feed *feed, const struct bus_identity *from, uint64_t now_ns);
/* A commit was pushed: row errors of the rows it changed are void. */
void feed_pushed(struct feed *feed, const struct ring_entry *entry);
/* Sends what there is room for. True when there is more to send that nothing but a further step holds back. */
bool feed_step(struct feed *feed, uint64_t now_ns);

/* Calls `missing` for every live service reader of `tables` that has not acknowledged n. */
void feed_missing(const struct feed *feed, uint64_t n, uint32_t tables, uint64_t now_ns, void (*missing)(void *context, const char *text), void *context);
/* Calls `each` for every row error that readers reported. */
void feed_errors(const struct feed *feed, void (*each)(void *context, const struct bus_identity *reader, const Busbar__RowError *error), void *context);
/* For status: an array of objects. */
json_t *feed_json(const struct feed *feed, uint64_t now_ns);

#endif
