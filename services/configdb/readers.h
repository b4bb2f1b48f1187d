/* The feed: what each reader is sent, in which order, and what it has acknowledged. See the essay in readers.c and proto/README.md.
 *
 * One thread. The rows must have no transaction open when readers_step() is called: it opens a short read for each piece of a snapshot.
 */
#ifndef BUSBAR_CONFIGDB_READERS_H
#define BUSBAR_CONFIGDB_READERS_H

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/msg/version.h"
#include "services/configdb/ring.h"
#include "services/configdb/status.h"

enum {
    READERS_MAX = 2048,             /* every process of a large switch and a thousand others that watch; 20 kB each */
    READERS_BRIDGES_MAX = 4096,     /* in a filter; who asks for more gets all: it filters by itself too */
    READERS_WINDOW_VERSIONS = 8192, /* unacknowledged under way per reader (proto/README.md): two full batches */
    READERS_WINDOW_BYTES = 8 * 1024 * 1024,
    READERS_UNPACED = 32,        /* messages with commits in one step after which there is no pause */
    READERS_MESSAGE_NS = 60000,  /* the pause for each of them: some three times what one of 70 kB costs with its acknowledgement */
    READERS_PIECES = 4, /* of a partial snapshot beside the commits under way: what a commit may have to wait behind, some ms at the reader */
    READERS_SLICES_PER_STEP = 4, /* pieces of a snapshot per reader and step: 2 MiB, a millisecond */
};
#define READERS_SILENCE_NS (3 * NS_PER_S) /* a reader not heard for this long is not waited for */
#define READERS_FORGET_NS (60 * NS_PER_S) /* and forgotten after this */
#define READERS_SETTLE_NS (5 * NS_PER_MS) /* without a commit for so long, what waits for the end of a pause goes out */
#define READERS_UNSEEN_NS (20 * NS_PER_MS) /* a reader by bridge hears so late of commits that have nothing for it: fifty wake-ups a second */
#define READERS_RETRY_NS (5 * NS_PER_MS) /* a piece of a snapshot that found no room is made again after this: a twentieth of a core a reader */
#define READERS_WALK_NS (100 * NS_PER_MS) /* during a pause all are looked at this often: who is silent, who has to be sent a snapshot */

struct readers;
struct readers *readers_new(struct bus_socket *socket, struct rows *rows, struct ring *ring, struct status *status,
                            struct version last_epoch_end);
void readers_destroy(struct readers **readers);

void readers_subscribe(struct readers *readers, const struct bus_identity *from, const Busbar__Subscribe *message,
                       uint64_t now_ns);
void readers_applied(struct readers *readers, const struct bus_identity *from, const Busbar__Applied *message);
/* Every message shows that its sender lives. */
void readers_heard(struct readers *readers, const struct bus_identity *from, uint64_t now_ns);
/* It has left or its lease has lapsed: it is not waited for until it is heard again. */
void readers_left(struct readers *readers, const struct bus_identity *who, uint64_t now_ns);
/* It is told of a version: it is sent all up to the newest without delay, as it may wait to see it. */
void readers_replied(struct readers *readers, const struct bus_identity *to);
/* A commit was pushed: row errors of the rows it changed are void. */
void readers_pushed(struct readers *readers, const struct ring_entry *entry);
/* Sends what there is room for. True when there is more to send that nothing but a further step holds back. */
bool readers_step(struct readers *readers, uint64_t now_ns);
/* When commits that are held back may go out; UINT64_MAX when none are. */
uint64_t readers_due_ns(const struct readers *readers);

/* Calls `missing` for every live service reader of `tables` that has not acknowledged n. */
void readers_missing(const struct readers *readers, uint64_t n, uint32_t tables, uint64_t now_ns,
                     void (*missing)(void *context, const char *text), void *context);
/* Calls `each` for every row error that readers reported. */
void readers_errors(const struct readers *readers, void (*each)(void *context, const Busbar__RowError *error), void *context);
/* For metrics, of the live readers that are services: */
size_t readers_count(const struct readers *readers);
size_t readers_behind(const struct readers *readers);           /* that have not acknowledged the newest version */
uint64_t readers_least_applied(const struct readers *readers);  /* the newest version when there are none */
/* For status: an array of objects. */
json_t *readers_json(const struct readers *readers, uint64_t now_ns);

#endif
