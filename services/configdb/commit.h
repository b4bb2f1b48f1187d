/* From a queue of transactions to versions: evaluates them and lets as many as possible share one LMDB commit.
 *
 * One thread, which never waits for a sync: commits of configuration are the disk's thread's (disk.h), and commit_step() publishes them when
 * they are done. commit_step() is the only place that writes rows (the fold's copies excepted).
 */
#ifndef BUSBAR_CONFIGDB_COMMIT_H
#define BUSBAR_CONFIGDB_COMMIT_H

#include "lib/metrics/histogram.h"
#include "services/configdb/confirm.h"
#include "services/configdb/disk.h"
#include "services/configdb/park.h"
#include "services/configdb/recent.h"
#include "services/configdb/ring.h"

enum {
    COMMIT_GROUP_MAX = 1000,               /* transactions in one LMDB commit: 10 ms of work */
    COMMIT_GROUP_BYTES = 32 * 1024 * 1024, /* of memory: well within what LMDB can hold dirty */
    COMMIT_STEP_BYTES = 2 * 1024 * 1024,   /* of messages with rules in one step, 15 ms of work: then readers are told, who take in these beside the next */
    COMMIT_QUEUE_BYTES = 64 * 1024 * 1024, /* of memory, waiting; transactions that come beyond it are put off */
    COMMIT_GATHER_MAX_NS = 2000000,        /* what one transaction may be held up so that others share its sync */
};

struct commit_events {
    /* The answer to a transaction; called after its commit is done (synced, on disk). Not for configdb's own. */
    void (*on_reply)(void *context, const struct bus_identity *to, const void *reply, size_t size);
    /* A version was pushed into the ring. */
    void (*on_version)(void *context, const struct ring_entry *entry);
    void *context;
    uint64_t (*clock_ns)(void); /* for latencies: a step may last as long as the disk takes. NULL: time stands still during a step */
};

struct commit;
/* All but `events` lent. */
struct commit *commit_new(struct rows *rows, struct ring *ring, struct recent *recent, struct disk *disk, const struct commit_events *events);
/* Nothing may be under way in the disk's thread: commit_wait() first. What has not been begun is forgotten. */
void commit_destroy(struct commit **commit);
/* Waits for what is being synced, and publishes it. */
void commit_wait(struct commit *commit);

/* Memory for a message to be queued; until then, or the next call, it may be used for another. */
struct msg_arena *commit_memory(struct commit *commit);
/* Takes *message over: unpacked by protobuf-c, or, is_in_memory, into commit_memory(), which it takes over too. */
void commit_queue(struct commit *commit, const struct bus_identity *from, Busbar__Transact **message, size_t size, bool is_in_memory);
bool commit_is_full(const struct commit *commit);
/* One was not taken because of that. */
void commit_put_off(struct commit *commit, const struct bus_identity *from);
void commit_step(struct commit *commit);
/* When commit_step() has to be called again although nothing happens; UINT64_MAX: never. */
uint64_t commit_due_ns(const struct commit *commit);

/* What time it is from now on; boot_id is lent for the life of `commit`. Without this it is the year 1970. */
void commit_set_clocks(struct commit *commit, const struct confirm_clocks *clocks);
/* Reads what the database says of a commit that awaits confirmation; once, at start. */
int commit_load_pending(struct commit *commit) MUST_CHECK;
/* The commit that awaits confirmation, NULL: none. Lent until the next commit_step(). */
const Busbar__Pending *commit_pending(const struct commit *commit);

/* True once when a bridge is gone and some of its rows in the run environment could not go with it. */
bool commit_has_orphans(struct commit *commit);

/* Why changes are refused, "" when they are not: a failed sync (until restart), or what the fold says. */
const char *commit_refusal(const struct commit *commit);
/* Sets (NULL: lifts) a refusal that may pass, such as a full disk. */
void commit_set_refusal(struct commit *commit, const char *why);
/* Refuses changes until restart. */
void commit_stop(struct commit *commit, const char *why);

struct commit_counters {
    uint64_t done, refused, repeated, dropped, put_off, lmdb_commits;
};
const struct commit_counters *commit_counters(const struct commit *commit);
/* From commit_queue() to the answer, of transactions that wrote this environment or were refused by it; repeats are not in it. */
const struct histogram *commit_latency(const struct commit *commit, enum rows_env env);
/* What waits for a condition to come true; for metrics. */
const struct park *commit_parked(const struct commit *commit);
size_t commit_queued_bytes(const struct commit *commit);

#endif
