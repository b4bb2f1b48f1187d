/* Group commit.
 *
 *   queue ─┬─ rules ──────────► one commit a step, no fsync ─────────────────────────► published, answered
 *          └─ configuration ──► group, worked out ──► disk's thread: write, fsync ──► published, answered
 *                └ held while a group is there: they are the next one
 *
 * Why groups: a synced commit costs 6 ms whatever is in it; a hundred clients that wait for theirs share it. Each transaction is evaluated on
 * an overlay over the open commit, so each sees those before it, and each is refused alone. Replies and versions go out only after the commit; when it
 * fails, all of the group are refused.
 *
 * Why rules may go on while a group is being synced: versions are the order in which commits are published, and rules that are
 * published first come first. They see the configuration as it was before the group, which is right for who comes before it: a rule for
 * a bridge that the group deletes is there, and goes with the bridge when the group is published. What the group was worked out on are
 * the tables of the disk, which nobody else writes (the fold may only put versions right there: then no group is begun). Two things wait:
 * transactions of a writer of whom an earlier one is held or in the group (his order), and, if a transaction of the group requires a row
 * of the run environment, all rules, as they could change it.
 *
 * A bridge that goes is committed on disk first and then its rules in the run environment, in the same version (a crash between the
 * two leaves rules without a bridge, which the next start drops): gone.c.
 *
 * Writers that shared a sync were answered together and will write again together. Without a pause the first of them gets a sync of its own and the rest
 * waits for it. So behind a group configdb waits for as many as were in it and held beside it, at most a quarter of the time it took. A lonely
 * writer is never waited for, and rules never wait.
 *
 * Rules are written and published two megabytes a step, so that readers take in the first part of a large load while the next is written.
 *
 * Thread: configdb's main thread. Invariants: I6, I8 (an acknowledged change is in a finished commit; a refused one leaves no
 * trace: its overlay is thrown away before anything is written). After a failed sync nobody knows what the disk has: changes are
 * refused until the next start has looked.
 */
#include "services/configdb/commit.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/authors.h"
#include "services/configdb/gone.h"
#include "services/configdb/history.h"
#include "services/configdb/item.h"
#include "services/configdb/writers.h"

struct commit {
    struct rows *rows;
    struct ring *ring;
    struct recent *recent;
    struct disk *disk;
    struct park *park;
    struct commit_events events;
    struct commit_item *queue; /* not looked at yet */
    struct commit_item *held;  /* until the group is published; in order */
    size_t queue_bytes;        /* of both, and of: */
    struct commit_item *rules; /* that go on now; what a step leaves is before all else in the next */
    struct commit_item *group; /* configuration: being worked out, then being synced */
    struct writers *writers;   /* of `held` and `group` */
    bool is_exclusive;         /* no rules while this group is being synced */
    uint64_t undone;               /* the version that the last of the group has undone; 0: none */
    uint64_t begun_ns;             /* when the group was begun */
    size_t n_held;                 /* of configuration */
    size_t n_together;             /* so many are waited for */
    uint64_t gather_until_ns;
    char *refusal;
    bool is_stopped; /* the refusal stays */
    bool has_orphans;
    struct confirm_clocks clocks;
    Busbar__Pending *pending; /* as the last commit on disk left it */
    struct item_pool items;
    struct msg_arena scratch; /* of the transaction that is being worked out */
    struct commit_counters counters;
    struct histogram latency[2]; /* by enum rows_env */
};

struct commit *commit_new(struct rows *rows, struct ring *ring, struct recent *recent, struct disk *disk, const struct commit_events *events)
{
    struct commit *commit = memory_zeroed(sizeof *commit);
    commit->rows = rows;
    commit->ring = ring;
    commit->recent = recent;
    commit->disk = disk;
    commit->park = park_new();
    commit->writers = writers_new();
    commit->events = *events;
    commit->clocks.boot_id = "";
    msg_arena_init(&commit->scratch);
    return commit;
}

static uint64_t commit_now_ns(const struct commit *commit)
{
    return commit->events.clock_ns != NULL ? commit->events.clock_ns() : commit->clocks.now_ns;
}

struct msg_arena *commit_memory(struct commit *commit)
{
    return item_memory(&commit->items);
}

void commit_queue(struct commit *commit, const struct bus_identity *from, Busbar__Transact **message, size_t size, bool is_in_memory)
{
    struct commit_item *item = item_new(&commit->items, from, *message, size, is_in_memory);
    item->queued_ns = commit_now_ns(commit);
    uint64_t now_ns = commit->clocks.now_ns;
    item->parked = (struct park_entry){.from = *from, .message = item->message, .size = item->size, .came_ns = now_ns, .heard_ns = now_ns};
    park_heard(commit->park, from->start, now_ns);
    *message = NULL;
    commit->queue_bytes += item->size;
    DL_APPEND(commit->queue, item);
}

bool commit_is_full(const struct commit *commit)
{
    return commit->queue_bytes >= COMMIT_QUEUE_BYTES;
}

void commit_put_off(struct commit *commit, const struct bus_identity *from)
{
    commit->counters.put_off++;
    park_heard(commit->park, from->start, commit->clocks.now_ns);
}

static uint8_t *commit_pack_reply(const struct commit *commit, const struct commit_item *item, size_t *out_size)
{
    Busbar__TransactReply reply = BUSBAR__TRANSACT_REPLY__INIT;
    Busbar__Version version;
    reply.sequence = item->message->sequence;
    reply.error = item->txn.error;
    if (item->txn.error != 0) {
        reply.text = (char *)(uintptr_t)item->txn.detail.text;
        reply.failed_op = item->txn.failed_op;
    } else {
        version_encode((struct version){.epoch = ring_epoch(commit->ring), .n = item->n}, &version);
        reply.version = &version;
        reply.ids = item->txn.ids;
        reply.n_ids = item->txn.n_ids;
        reply.text = (char *)(uintptr_t)item->txn.note;
    }
    *out_size = busbar__transact_reply__get_packed_size(&reply);
    uint8_t *bytes = memory_zeroed(*out_size + 1);
    busbar__transact_reply__pack(&reply, bytes);
    return bytes;
}

static bool commit_is_own(const struct commit_item *item)
{
    return item->from.kind == PROCESS_CONFIGDB;
}

/* Tells the writer, and remembers having told it. */
static void commit_answer(struct commit *commit, struct commit_item *item)
{
    if (item->txn.error != 0) {
        commit->counters.refused++;
        log_write(commit_is_own(item) ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG,
               "transaction_refused client=\"%.64s\" error=%d why=\"%s\"", item->message->client, item->txn.error,
                  item->txn.detail.text);
    } else {
        commit->counters.done++;
    }
    if (commit_is_own(item)) {
        return;
    }
    histogram_add(&commit->latency[item->env], commit_now_ns(commit) - item->queued_ns);
    if (item->reply == NULL || item->txn.error != 0) {
        item_forget_reply(item);
        item->reply = commit_pack_reply(commit, item, &item->reply_size);
    }
    recent_note(commit->recent, item->from.start, item->message->sequence, item->reply, item->reply_size);
    commit->events.on_reply(commit->events.context, &item->from, item->reply, item->reply_size);
}

/* Whether it is this one's turn; a repeat is answered here. */
static bool commit_is_next(struct commit *commit, struct commit_item *item)
{
    struct store_bytes reply = {.bytes = NULL};
    if (commit_is_own(item) || item->is_asked) {
        return true;
    }
    item->is_asked = true;
    switch (recent_ask(commit->recent, item->from.start, item->message->sequence, item->message->oldest, &reply)) {
    case RECENT_DO:
        return true;
    case RECENT_REPEAT:
        commit->counters.repeated++;
        commit->events.on_reply(commit->events.context, &item->from, reply.bytes, reply.size);
        return false;
    case RECENT_LATE: {
        size_t size;
        commit->counters.repeated++;
        item->txn.error = error_set(&item->txn.detail, -ERROR_CONFLICT,
                                    "transaction %" PRIu64 " was carried out or refused before; its reply is not kept",
                                    item->message->sequence);
        uint8_t *bytes = commit_pack_reply(commit, item, &size);
        commit->events.on_reply(commit->events.context, &item->from, bytes, size);
        free(bytes);
        return false;
    }
    case RECENT_GAP:
        if (!park_repeat(commit->park, item->from.start, item->message->sequence, item->message->n_ops == 0)) {
            commit->counters.dropped++;
        }
        return false;
    }
    return false;
}

static int commit_refuse(struct commit_item *item, int err, const char *why)
{
    item->txn.error = err;
    return error_set(&item->txn.detail, err, "%s", why);
}

/* Why nothing may be changed now, by this one: a refusal is in force, or another commit of configuration awaits confirmation. 0: it may. */
static int commit_bars(struct commit *commit, const struct commit_item *item, enum rows_env env, struct error_detail *out_why)
{
    Busbar__Pending *pending = NULL;
    bool settles = true, writes = txn_writes(item->message);
    for (size_t i = 0; i < item->message->n_ops; i++) {
        Busbar__OpKind kind = item->message->ops[i]->kind;
        settles = settles && (kind == BUSBAR__OP_KIND__OP_CONFIRM || kind == BUSBAR__OP_KIND__OP_CANCEL);
    }
    if (writes && commit->refusal != NULL) {
        return error_set(out_why, -ERROR_REFUSED, "%s", commit->refusal);
    }
    if (env != ROWS_DISK || settles || !writes || confirm_get(commit->rows, &pending) != 0) {
        return 0;
    }
    int err = confirm_refuse(pending, &commit->clocks, out_why);
    busbar__pending__free_unpacked(pending, NULL);
    return err;
}

/* Works one out; one that must not be done now only as far as it takes to know whether it waits. */
static void commit_evaluate(struct commit *commit, struct commit_item *item, enum rows_env env)
{
    struct error_detail why;
    int barred = commit_bars(commit, item, env, &why);
    if (barred == 0) {
        txn_evaluate(commit->rows, &item->from, item->message, &commit->scratch, &item->txn);
        return;
    }
    txn_evaluate_waits(commit->rows, &item->from, item->message, &item->txn);
    if (item->txn.error == 0) {
        (void)commit_refuse(item, barred, why.text);
    }
}

/* The commit that awaited confirmation is settled: it says how. */
static int commit_settle(struct commit *commit, const struct commit_item *item)
{
    char *note = item->message->ops[0]->kind == BUSBAR__OP_KIND__OP_CONFIRM
                     ? memory_format("confirmed by %s", item->message->user[0] != '\0' ? item->message->user : item->message->client)
                     : memory_format(DB_NOTE_UNDONE, item->n);
    int err = confirm_end(commit->rows);
    commit->undone = item->message->ops[0]->kind == BUSBAR__OP_KIND__OP_CONFIRM ? 0 : item->txn.settles_n;
    if (err == 0) {
        err = history_note(commit->rows, item->txn.settles_n, note);
    }
    free(note);
    return err;
}

/* Keeps the change in the history, before it is written; and what there is to say of confirmations. */
static int commit_remember(struct commit *commit, struct commit_item *item)
{
    Busbar__HistoryCommit entry = BUSBAR__HISTORY_COMMIT__INIT;
    char client[HISTORY_TEXT_MAX], user[HISTORY_TEXT_MAX];
    const struct txn *txn = &item->txn;
    (void)snprintf(client, sizeof client, "%s", item->message->client);
    (void)snprintf(user, sizeof user, "%s", item->message->user);
    entry.epoch = ring_epoch(commit->ring);
    entry.wall_ns = commit->clocks.wall_ns;
    entry.client = client;
    entry.user = user;
    entry.kind = (uint32_t)item->from.kind;
    entry.instance = item->from.instance;
    entry.note = txn_note(txn);
    int err = txn->makes_version ? history_record(commit->rows, item->n, &entry, txn->overlay) : 0;
    free(entry.note);
    if (err == 0 && txn->settles_n != 0) {
        err = commit_settle(commit, item);
    }
    if (err == 0 && txn->confirm_within_s != 0 && txn->makes_version) {
        err = confirm_begin(commit->rows, entry.epoch, item->n, client, user, txn->confirm_within_s, &commit->clocks);
    }
    return err;
}

/* Refused because a wait does not hold: it is put aside while it may still come true. */
static void commit_park(struct commit *commit, struct commit_item *item)
{
    uint64_t now_ns = commit->clocks.now_ns;
    item->parked.over_ns = item->parked.came_ns + item->txn.wait_ms * NS_PER_MS;
    if (now_ns < item->parked.over_ns) {
        int err = park_add(commit->park, &item->parked, &item->txn.detail);
        item->is_parked = err == 0;
        item->txn.error = err != 0 ? err : item->txn.error;
    }
}

/* Lays one transaction into the open commit. Not 0: the commit is spoilt. A parked one is none of the group's any more. */
static int commit_write(struct commit *commit, struct commit_item *item, enum rows_env env)
{
    commit_evaluate(commit, item, env);
    if (item->txn.wait_ms != 0) {
        commit_park(commit, item);
    }
    if (item->txn.error != 0) {
        return 0;
    }
    if (commit->refusal != NULL) { /* it changes nothing, and its reply is kept in memory alone */
        item->n = rows_n(commit->rows);
        return 0;
    }
    if (item->txn.confirm_within_s != 0 && item->txn.n_gone_bridges > 0 && item->txn.note[0] == '\0') {
        (void)snprintf(item->txn.note, sizeof item->txn.note,
                       "when it is undone, the bridges it deletes come back without their rules, groups and meters");
    }
    item->n = item->txn.makes_version ? rows_next_n(commit->rows) : rows_n(commit->rows);
    int err = env == ROWS_DISK ? commit_remember(commit, item) : 0;
    if (err == 0) {
        err = overlay_write(item->txn.overlay);
    }
    if (err == 0 && !commit_is_own(item)) {
        item->reply = commit_pack_reply(commit, item, &item->reply_size);
        err = recent_store(commit->recent, commit->rows, env, item->from.start, item->message->sequence, item->reply, item->reply_size);
    }
    return err;
}

bool commit_has_orphans(struct commit *commit)
{
    bool has = commit->has_orphans;
    commit->has_orphans = false;
    return has;
}

static void commit_publish(struct commit *commit, struct commit_item *item)
{
    struct overlay *overlays[2] = {item->txn.overlay, item->gone};
    if (item->txn.error == 0 && item->txn.makes_version) {
        assert(item->n == ring_newest(commit->ring) + 1);
        uint64_t authors = item->from.kind == PROCESS_OFAGENT ? authors_one(item->from.instance) : AUTHORS_NONE;
        ring_push(commit->ring, overlays, item->gone != NULL ? 2 : 1, authors);
        const struct ring_entry *entry = ring_entry(commit->ring, ring_newest(commit->ring));
        park_changed(commit->park, entry);
        commit->events.on_version(commit->events.context, entry);
    }
    commit_answer(commit, item);
}

static void commit_fail_group(struct commit *commit, struct commit_item *group, int err, enum rows_env env)
{
    char *why = memory_format("the %s database could not be written: %s", env == ROWS_DISK ? "disk" : "run", error_text(err));
    log_error("commit_failed environment=%s error=\"%s\"", env == ROWS_DISK ? "disk" : "run", error_text(err));
    if (!store_error_passes(err)) {
        commit_stop(commit, why);
    }
    struct commit_item *item;
    park_wake(commit->park); /* they may have been looked at beside what is lost */
    DL_FOREACH(group, item)
    {
        if (item->txn.error == 0) {
            (void)commit_refuse(item, err, why);
        }
        commit_answer(commit, item);
    }
    free(why);
}

int commit_load_pending(struct commit *commit)
{
    Busbar__Pending *pending = NULL;
    int err = rows_begin_read(commit->rows);
    if (err != 0) {
        return err;
    }
    err = confirm_get(commit->rows, &pending);
    rows_end(commit->rows);
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        return err;
    }
    busbar__pending__free_unpacked(commit->pending, NULL);
    commit->pending = pending;
    return 0;
}

/* What is committed is committed: a failure here must not be told as one of the commit. */
static void commit_reload_pending(struct commit *commit)
{
    int err = commit_load_pending(commit);
    if (err != 0) {
        log_error("confirmation_unreadable error=\"%s\"", error_text(err));
    }
}

void commit_set_clocks(struct commit *commit, const struct confirm_clocks *clocks)
{
    commit->clocks = *clocks;
}

const Busbar__Pending *commit_pending(const struct commit *commit)
{
    return commit->pending;
}

/* ---- who goes now, and who is held ---- */

/* What was held is sorted again, before all that came later: no group is there, so only what is held once more is in a writer's way. */
static void commit_sort_again(struct commit *commit)
{
    writers_clear(commit->writers);
    DL_CONCAT(commit->held, commit->queue);
    commit->queue = commit->held;
    commit->held = NULL;
    commit->n_held = 0;
}

/* What is held is the next group. */
static void commit_release(struct commit *commit)
{
    commit_sort_again(commit);
    commit->n_together = 0;
}

static struct commit_item *commit_take_parked(struct commit *commit)
{
    struct park_entry *entry = park_take(commit->park, commit->clocks.now_ns);
    return entry != NULL ? (struct commit_item *)(void *)((char *)entry - offsetof(struct commit_item, parked)) : NULL;
}

/* What is parked and may hold by now goes through the queue again; who has gone is not waited for. */
static void commit_unpark(struct commit *commit)
{
    struct commit_item *item;
    while ((item = commit_take_parked(commit)) != NULL) {
        txn_fini(&item->txn);
        item->is_parked = false;
        item->queued_ns = commit_now_ns(commit);
        if (item->parked.why == NULL) {
            commit->queue_bytes += item->size;
            DL_APPEND(commit->queue, item);
        } else {
            (void)commit_refuse(item, -ERROR_NOT_TRUE, item->parked.why);
            commit_answer(commit, item);
            item_end(&commit->items, item);
        }
    }
}

static void commit_free_parked(struct commit *commit)
{
    struct commit_item *item;
    park_wake(commit->park);
    while ((item = commit_take_parked(commit)) != NULL) {
        item_end(&commit->items, item);
    }
    park_destroy(&commit->park);
}

/* Answers what needs no commit. True when the item was dealt with. */
static bool commit_early(struct commit *commit, struct commit_item *item)
{
    if (!commit_is_next(commit, item)) {
        item_end(&commit->items, item);
        return true;
    }
    item->env = ROWS_DISK;
    int err = txn_env(item->message, &item->env, &item->txn.detail, &item->txn.failed_op);
    if (err != 0) {
        item->txn.error = err;
        commit_answer(commit, item);
        item_end(&commit->items, item);
        return true;
    }
    item->requires_run = item->env == ROWS_DISK && txn_looks_at_run(item->message);
    return false;
}

static bool commit_is_syncing(const struct commit *commit)
{
    return rows_is_staged(commit->rows);
}

static bool commit_may_begin(const struct commit *commit)
{
    return !commit_is_syncing(commit) && !rows_is_settling(commit->rows);
}

static bool commit_gathers(const struct commit *commit)
{
    return commit->n_together > 1 && commit->n_held < commit->n_together && commit->clocks.now_ns < commit->gather_until_ns;
}

/* Puts one on a list of what goes now, or holds it. Several of one writer may share a group, in their order: only what is held is in their way. */
static void commit_sort_one(struct commit *commit, struct commit_item *item, bool takes_configuration)
{
    enum writers_place place = writers_place(commit->writers, item->from.start);
    if (item->env == ROWS_RUN && place == WRITERS_FREE && !commit->is_exclusive) {
        DL_APPEND(commit->rules, item);
    } else if (item->env == ROWS_DISK && takes_configuration && place != WRITERS_HELD) {
        DL_APPEND(commit->group, item);
        commit->queue_bytes -= item->size;
        writers_note(commit->writers, item->from.start, false);
    } else {
        DL_APPEND(commit->held, item);
        commit->n_held += item->env == ROWS_DISK ? 1 : 0;
        writers_note(commit->writers, item->from.start, true);
    }
}

static void commit_sort(struct commit *commit)
{
    bool takes_configuration = commit_may_begin(commit) && !commit_gathers(commit);
    while (commit->queue != NULL) {
        struct commit_item *item = commit->queue;
        size_t size = item->size;
        DL_DELETE(commit->queue, item);
        if (commit_early(commit, item)) {
            commit->queue_bytes -= size;
        } else {
            commit_sort_one(commit, item, takes_configuration);
        }
    }
}

/* ---- rules ---- */

/* The first of the rules, as many as one commit takes, and no more than fill the step. Returns their bytes. */
static size_t commit_rule_group(struct commit *commit)
{
    struct commit_item *group = NULL;
    struct commit_item *item;
    size_t bytes = 0;
    bool is_written = false;
    int err = rows_begin(commit->rows, ROWS_RUN);
    for (size_t n = 0; commit->rules != NULL && n < COMMIT_GROUP_MAX && bytes < COMMIT_STEP_BYTES && (n == 0 || err == 0); n++) {
        item = commit->rules;
        DL_DELETE(commit->rules, item);
        commit->queue_bytes -= item->size;
        DL_APPEND(group, item);
        bytes += item->size;
        if (err == 0) {
            err = commit_write(commit, item, ROWS_RUN);
            is_written = is_written || (item->txn.error == 0 && commit->refusal == NULL);
        }
        if (item->is_parked) {
            DL_DELETE(group, item);
        }
    }
    if (err != 0 || !is_written) {
        rows_end(commit->rows);
    } else {
        err = rows_commit(commit->rows);
        commit->counters.lmdb_commits++;
    }
    if (err != 0) {
        commit_fail_group(commit, group, err, ROWS_RUN);
    } else {
        DL_FOREACH(group, item)
        {
            commit_publish(commit, item);
        }
    }
    item_end_list(&commit->items, &group);
    return bytes;
}

/* ---- configuration ---- */

static int commit_work(void *rows)
{
    return rows_apply(rows);
}

/* Puts back what the group does not take any more, before all that is held. */
static void commit_put_back(struct commit *commit, struct commit_item *rest)
{
    struct commit_item *item;
    DL_FOREACH(rest, item)
    {
        commit->queue_bytes += item->size;
        commit->n_held++;
    }
    DL_CONCAT(rest, commit->held);
    commit->held = rest;
}

/* Works the group out on what is to be written. */
static int commit_work_out(struct commit *commit, bool *out_is_written)
{
    struct commit_item *candidates = commit->group;
    size_t n = 0, bytes = 0;
    bool is_end = false;
    int err = rows_begin(commit->rows, ROWS_DISK);
    *out_is_written = false;
    commit->group = NULL;
    commit->undone = 0;
    while (!is_end && candidates != NULL) {
        struct commit_item *item = candidates;
        DL_DELETE(candidates, item);
        DL_APPEND(commit->group, item);
        bytes += item->size;
        n++;
        if (err == 0) {
            err = commit_write(commit, item, ROWS_DISK);
            *out_is_written = *out_is_written || (item->txn.error == 0 && commit->refusal == NULL);
            commit->is_exclusive = commit->is_exclusive || (item->requires_run && item->txn.error == 0);
        }
        if (item->is_parked) {
            DL_DELETE(commit->group, item);
            continue;
        }
        bool is_last = item->txn.error == 0 && (item->txn.n_gone_bridges > 0 || commit->undone != 0);
        is_end = err != 0 || is_last || n >= COMMIT_GROUP_MAX || bytes >= COMMIT_GROUP_BYTES;
    }
    commit_put_back(commit, candidates);
    return err;
}

/* Publishes the group, or refuses it. */
static void commit_end_group(struct commit *commit, int err, uint64_t shift)
{
    struct commit_item *item;
    commit->is_exclusive = false;
    if (err != 0) {
        commit_fail_group(commit, commit->group, err, ROWS_DISK);
        item_end_list(&commit->items, &commit->group);
        commit_sort_again(commit);
        return;
    }
    DL_FOREACH(commit->group, item)
    {
        item->n += shift;
        if (shift > 0) {
            item_forget_reply(item); /* it says another version */
        }
        bool takes_along = item->txn.error == 0 && item->txn.n_gone_bridges > 0;
        if (takes_along && (err = gone_delete(commit->rows, item->txn.gone_bridges, item->txn.n_gone_bridges, &item->gone)) != 0) {
            log_error("bridge_rules_left error=\"%s\" hint=\"they are tried again\"", error_text(err));
            commit->has_orphans = true;
        }
        commit_publish(commit, item);
    }
    item_end_list(&commit->items, &commit->group);
    commit_sort_again(commit); /* rules behind a transaction that is answered go on, whether or not others are waited for */
}

/* The group goes to the disk; one of which nothing is left is answered at once. */
static void commit_launch(struct commit *commit)
{
    bool is_written;
    commit->begun_ns = commit_now_ns(commit);
    int err = commit_work_out(commit, &is_written);
    if (err != 0 || !is_written) {
        rows_end(commit->rows);
        commit_end_group(commit, err, 0);
        return;
    }
    rows_stage(commit->rows, commit->undone);
    disk_ask(commit->disk, DISK_COMMIT, commit_work, commit->rows);
}

/* The group is on disk, or failed to get there. */
static void commit_land(struct commit *commit, int err)
{
    uint64_t shift = rows_publish(commit->rows, err);
    commit->counters.lmdb_commits++;
    const struct commit_item *item;
    DL_COUNT(commit->group, item, commit->n_together);
    commit->n_together = err == 0 ? commit->n_together + commit->n_held : 0;
    if (err == 0) {
        commit_reload_pending(commit);
    }
    commit_end_group(commit, err, shift);
    uint64_t now_ns = commit_now_ns(commit);
    uint64_t wait_ns = (now_ns - commit->begun_ns) / 4;
    commit->gather_until_ns = now_ns + (wait_ns < COMMIT_GATHER_MAX_NS ? wait_ns : COMMIT_GATHER_MAX_NS);
}

/* What is behind the rules that a step has left waits for them, as it would have. */
static void commit_take_in(struct commit *commit)
{
    int err;
    if (commit->rules != NULL) {
        return;
    }
    if (commit_is_syncing(commit) && disk_take(commit->disk, DISK_COMMIT, &err)) {
        commit_land(commit, err);
    }
    commit_unpark(commit);
    if (commit_may_begin(commit) && !commit_gathers(commit)) {
        commit_release(commit);
    }
    commit_sort(commit);
}

void commit_step(struct commit *commit)
{
    bool goes_on = true;
    size_t bytes = 0;
    while (goes_on) {
        commit_take_in(commit);
        while (commit->rules != NULL && bytes < COMMIT_STEP_BYTES) {
            bytes += commit_rule_group(commit);
        }
        if (commit->rules != NULL) {
            return;
        }
        bool is_gathered = commit_may_begin(commit) && commit->held != NULL && !commit_gathers(commit);
        goes_on = is_gathered || park_due_ns(commit->park) == 0 || commit->queue != NULL; /* it came behind the rules that the step before left */
        if (commit->group != NULL && !commit_is_syncing(commit)) {
            commit_launch(commit);
            goes_on = true;
        }
    }
}

void commit_wait(struct commit *commit)
{
    if (commit_is_syncing(commit)) {
        commit_land(commit, disk_wait(commit->disk, DISK_COMMIT));
    }
}

uint64_t commit_due_ns(const struct commit *commit)
{
    if (commit->rules != NULL) {
        return commit->clocks.now_ns;
    }
    uint64_t parked_ns = park_due_ns(commit->park);
    bool is_gathering = commit_may_begin(commit) && commit->held != NULL && commit->gather_until_ns < parked_ns;
    return is_gathering ? commit->gather_until_ns : parked_ns;
}

void commit_destroy(struct commit **commit)
{
    if (*commit == NULL) {
        return;
    }
    item_end_list(&(*commit)->items, &(*commit)->queue);
    item_end_list(&(*commit)->items, &(*commit)->rules);
    item_end_list(&(*commit)->items, &(*commit)->held);
    item_end_list(&(*commit)->items, &(*commit)->group);
    commit_free_parked(*commit);
    writers_destroy(&(*commit)->writers);
    item_pool_fini(&(*commit)->items);
    msg_arena_fini(&(*commit)->scratch);
    busbar__pending__free_unpacked((*commit)->pending, NULL);
    free((*commit)->refusal);
    free(*commit);
    *commit = NULL;
}

const char *commit_refusal(const struct commit *commit)
{
    return commit->refusal != NULL ? commit->refusal : "";
}

void commit_set_refusal(struct commit *commit, const char *why)
{
    if (!commit->is_stopped) {
        free(commit->refusal);
        commit->refusal = why != NULL ? memory_string(why) : NULL;
    }
}

void commit_stop(struct commit *commit, const char *why)
{
    char *text = memory_format("changes are refused until configdb is started again: %s", why);
    commit_set_refusal(commit, text);
    commit->is_stopped = true;
    free(text);
}

const struct commit_counters *commit_counters(const struct commit *commit)
{
    return &commit->counters;
}

const struct histogram *commit_latency(const struct commit *commit, enum rows_env env)
{
    return &commit->latency[env];
}

const struct park *commit_parked(const struct commit *commit)
{
    return commit->park;
}

size_t commit_queued_bytes(const struct commit *commit)
{
    return commit->queue_bytes;
}
