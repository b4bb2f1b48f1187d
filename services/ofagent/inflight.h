/* The changes of one bridge between "checked in memory" and "committed by configdb".
 *
 * Batches are numbered from 1. Changes that are noted while nothing is under way leave with the next inflight_flush(); while
 * a transaction is, they collect and leave together when it is done, or before when they are many: a row
 * changed twice in one batch is written once. A batch is one transaction: it happens or it does not. Only a batch of more than
 * INFLIGHT_TXN_MAX changes or INFLIGHT_TXN_BYTES goes as several, each of whole requests, which happen or do not; requests that change one row
 * stay together. Only a request (or several that do) larger than that is cut (delete everything, a bundle of more rules, or rules of hundreds of
 * actions), and its parts leave one behind the other without waiting for answers; should a part fail, it is answered with an error although another stands.
 * When one is refused, or unanswered for INFLIGHT_TIMEOUT_NS, its requests are handed to on_refused in the order they came; when those sent behind it
 * have been answered too, so are all not yet committed, then
 * on_lost is called once, and the owner rebuilds its tables from the mirror (inflight holds no entry any more then).
 *
 * One thread. Entries: see struct flow_entry, struct group_entry and struct meter_entry for who owns them when.
 */
#ifndef BUSBAR_OFAGENT_INFLIGHT_H
#define BUSBAR_OFAGENT_INFLIGHT_H

#include "lib/cfg/cfg.h"
#include "services/ofagent/flow_mod.h"
#include "services/ofagent/group_table.h"
#include "services/ofagent/meter_table.h"

enum {
    INFLIGHT_CHANGES_MAX = 16384, /* uncommitted changes above which sessions are not read: about 0.2 s of configdb's work */
    INFLIGHT_TXNS_MAX = 4,        /* transactions under way: configdb has the next while it answers one, and ofagent two steps of its own */
    INFLIGHT_TXN_LEAST = 256,     /* changes that are worth a transaction beside another: its own costs are then below a tenth */
    INFLIGHT_TXN_MAX = 50000,     /* changes in one transaction: half of what configdb takes */
    INFLIGHT_PART_MAX = 8192,  /* changes of a request that must be cut, in one transaction: while one is written the one before is followed */
    INFLIGHT_TXN_BYTES = 7 * 1024 * 1024, /* of rows in one transaction: no request is begun above it, and twice that is less than the bus takes */
    INFLIGHT_REQUEST_HEAD = 64,           /* bytes of a request kept for its error; what the standard asks for */
};
#define INFLIGHT_TIMEOUT_NS (2 * NS_PER_S)

/* A request of a controller whose changes are not committed yet. */
struct inflight_request {
    uint64_t session; /* number of the session it came from */
    uint64_t batch;   /* set by inflight_note_request(), */
    uint64_t number;  /* as is this: they are counted */
    bool is_commit;   /* of a bundle */
    uint16_t size;
    uint8_t head[INFLIGHT_REQUEST_HEAD];
};

struct inflight_events {
    void (*on_committed)(void *context, uint64_t batch, struct version version);
    /* The deletion of this rule is committed. Takes the entry. */
    void (*on_removed)(void *context, struct flow_entry *entry, struct version version);
    /* The deletion of this group is committed. */
    void (*on_group_removed)(void *context, const struct group *group, struct version version);
    /* The insertion of this group or meter is committed; it may have left its table since. */
    void (*on_group_inserted)(void *context, struct group_entry *entry, uint64_t row);
    void (*on_meter_inserted)(void *context, struct meter_entry *entry, uint64_t row);
    /* The deletion of this meter is committed. */
    void (*on_meter_removed)(void *context, const struct meter *meter);
    void (*on_refused)(void *context, const struct inflight_request *request, int error, const char *text);
    void (*on_lost)(void *context, int error, const char *text);
    void *context;
};

/* Which owner row every transaction requires. */
struct inflight_owner {
    uint64_t start;
    uint64_t epoch;
};

struct inflight;
struct inflight *inflight_new(struct cfg *cfg, uint64_t bridge, struct flow_table *table, const struct inflight_events *events);
/* Entries that are in no table any more go too. A transaction under way is forgotten. */
void inflight_destroy(struct inflight **inflight);
/* After a rebuild the entries are in another table. */
void inflight_set_table(struct inflight *inflight, struct flow_table *table);

/* Takes note of the changes and empties the list. Returns the number of the batch that will carry them. */
uint64_t inflight_note_flows(struct inflight *inflight, struct flow_changes *changes);
/* Of the last n_last flow changes that were noted the first n, all of them new rules, are packed already: operation i inserts the i-th. Takes the
 * bytes. Should one of the rules be changed before they leave, they are packed as any. */
void inflight_note_packed(struct inflight *inflight, size_t n_last, struct writer *ops, size_t n);
/* Appends the operation that inserts the rule. */
void inflight_pack(struct inflight *inflight, const struct rule *rule, struct writer *ops);
uint64_t inflight_note_group(struct inflight *inflight, struct group_entry *entry);
uint64_t inflight_note_meter(struct inflight *inflight, struct meter_entry *entry);
/* The request is part of the batch being collected. What has been noted since the one before it is its own: it goes in one transaction. */
void inflight_note_request(struct inflight *inflight, struct inflight_request *request);
/* The same of changes that no request has made. */
void inflight_note_end(struct inflight *inflight);
/* Sends what has been collected, if nothing is under way. */
void inflight_flush(struct inflight *inflight, const struct inflight_owner *owner, uint64_t now_ns);

/* With no transaction under way: answers what has been collected as if it had been refused. */
void inflight_give_up(struct inflight *inflight, int error, const char *text);
bool inflight_is_under_way(const struct inflight *inflight);
/* How many transactions are. */
size_t inflight_calls(const struct inflight *inflight);
/* Are there changes that wait for one of these? */
bool inflight_has_unsent(const struct inflight *inflight);
size_t inflight_size(const struct inflight *inflight);    /* uncommitted changes */
uint64_t inflight_batch(const struct inflight *inflight); /* the number that the next changes will get */
uint64_t inflight_total(const struct inflight *inflight); /* changes committed so far */
uint64_t inflight_committed(const struct inflight *inflight, struct version *out_version); /* last batch, (0, 0) at first */

#endif
