/* Changes on their way to configdb. See inflight.h.
 *
 *     note ──► dirty ── flush ──► call 1, call 2, ... INFLIGHT_TXNS_MAX ── answers, in order ──► committed
 *                         ▲ when none is under way, or when INFLIGHT_TXN_LEAST have collected: configdb shall never wait for us
 *                         └ never while an entry that is to go is under way already: a new rule has no row number until its insert
 *                           is answered, and a later change of it must name that row; nor a new rule while the deletion of one of
 *                           its match and priority is; nor anything while groups or meters are, nor these beside anything
 *
 * The state of a row at the time of the flush is what is written; the states in between were never visible to anybody.
 * Each entry is at most once in `dirty` (is_dirty) and at most once in one call (is_in_flight); an entry that is out of its
 * table belongs to us until its deletion is committed, then to on_removed. The ofagent's one thread.
 * After a call that failed nothing more is sent; those behind it may still be done, and their requests are then not refused. When the last has been
 * answered all is given up.
 * Invariant: on_removed is called at most once for an entry, and only after its deletion was committed.
 */
#include "services/ofagent/inflight.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id_map.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/rule.h"
#include "services/ofagent/packed_ops.h"
#include "services/ofagent/row_write.h"

enum { ERROR_TEXT_MAX = 256 };
enum { DELETIONS_KEPT = 65536 /* slots for deletions under way that are kept when there are none; 1 MB */ };

struct item {
    struct flow_entry *flow; /* one of the three */
    struct group_entry *group;
    struct meter_entry *meter;
    uint32_t op; /* its operation in the transaction */
    bool was_inserted;
    bool was_removed;
};

struct items {
    struct item *items;
    size_t count, room;
    size_t n_gone; /* room in front of the first: parts of a million leave one by one, and the rest is not moved for each */
};

struct requests {
    struct inflight_request *items;
    size_t begin; /* those before it are answered */
    size_t count, room;
};

/* Places in `dirty` before which a transaction may end, in order: what lies between two of them belongs together. */
struct cut {
    size_t at;
    uint64_t request; /* the last that is done with what lies before it */
};

struct cuts {
    struct cut *items;
    size_t count, room;
};

/* A transaction under way: what cfg_transact() is given, so that an answer can come after the inflight has gone. */
struct call {
    struct inflight *inflight; /* NULL: forgotten */
    struct items items;
    uint64_t batch;
    uint64_t done;    /* the last request that is done with it, */
    uint64_t refused; /* and the last that is not done without it */
    bool is_last;     /* of its batch */
    bool is_alone; /* nothing is sent beside it: see must_be_alone() */
};

struct inflight {
    struct cfg *cfg;
    uint64_t bridge;
    struct flow_table *table;
    struct inflight_events events;
    struct items dirty;
    size_t n_blocked; /* of these, under way as they were before */
    uint32_t dirty_from; /* place of the first of these, counted from the start */
    struct packed_ops_list packed; /* pieces of `dirty` */
    struct cuts cuts;
    size_t lowest;    /* place in dirty of what has been noted since the last cut; SIZE_MAX: nothing */
    uint64_t n_requests;
    size_t n_clean;   /* the first of these that may leave beside what is under way: no flush since has brought a deletion */
    struct call *calls[INFLIGHT_TXNS_MAX];
    size_t n_calls;
    size_t n_under_way;       /* items of all calls */
    bool is_cut;              /* what left last was a part of a request whose rest begins `dirty` */
    struct id_map deletions;  /* of these, rules that have a row and are to go: by flow_entry_hash() */
    size_t n_like_another;    /* and those that are not in it, for one of another match has the same hash there; none in a thousand years */
    struct requests requests; /* oldest first */
    uint64_t batch;           /* being collected */
    uint64_t committed;
    uint64_t total;         /* changes committed */
    struct version version; /* of the last commit */
    struct writer row;      /* being packed */
    int error;              /* of a call; when the others are answered all is lost */
    char text[ERROR_TEXT_MAX];
};

static struct item *items_base(const struct items *list)
{
    return list->n_gone > 0 ? list->items - list->n_gone : list->items;
}

static void items_make_room(struct items *list)
{
    struct item *base = items_base(list);

    if (list->n_gone > list->room / 2) {
        memmove(base, list->items, list->count * sizeof *base);
        list->n_gone = 0;
    } else {
        list->room = list->room == 0 ? 16 : list->room * 2;
        base = memory_resize(base, list->room * sizeof *base);
    }
    list->items = base + list->n_gone;
}

static struct item *items_append(struct items *list)
{
    if (list->n_gone + list->count == list->room) {
        items_make_room(list);
    }
    struct item *item = &list->items[list->count++];
    *item = (struct item){0};
    return item;
}

static void items_fini(struct items *list)
{
    free(items_base(list));
    *list = (struct items){0};
}

static void items_drop_first(struct items *list, size_t n)
{
    list->count -= n;
    list->items += n;
    list->n_gone += n;
    if (list->count == 0) {
        items_fini(list);
    }
}

struct inflight *inflight_new(struct cfg *cfg, uint64_t bridge, struct flow_table *table, const struct inflight_events *events)
{
    struct inflight *inflight = memory_zeroed(sizeof *inflight);
    inflight->cfg = cfg;
    inflight->bridge = bridge;
    inflight->table = table;
    inflight->events = *events;
    inflight->batch = 1;
    inflight->lowest = SIZE_MAX;
    writer_init(&inflight->row);
    return inflight;
}

static bool is_ours(bool is_in_table, bool is_dirty, bool is_in_flight)
{
    return !is_in_table && !is_dirty && !is_in_flight;
}

static bool is_dirty(const struct item *item)
{
    return item->flow != NULL ? item->flow->is_dirty : item->group != NULL ? item->group->is_dirty : item->meter->is_dirty;
}

static void release_item(struct inflight *inflight, struct item *item, bool is_dirty_list)
{
    inflight->n_blocked -= !is_dirty_list && is_dirty(item) ? 1 : 0;
    if (item->flow != NULL) {
        *(is_dirty_list ? &item->flow->is_dirty : &item->flow->is_in_flight) = false;
        if (is_ours(item->flow->is_in_table, item->flow->is_dirty, item->flow->is_in_flight)) {
            flow_entry_destroy(&item->flow);
        }
    } else if (item->group != NULL) {
        *(is_dirty_list ? &item->group->is_dirty : &item->group->is_in_flight) = false;
        if (is_ours(item->group->is_in_table, item->group->is_dirty, item->group->is_in_flight)) {
            group_entry_destroy(&item->group);
        }
    } else {
        *(is_dirty_list ? &item->meter->is_dirty : &item->meter->is_in_flight) = false;
        if (is_ours(item->meter->is_in_table, item->meter->is_dirty, item->meter->is_in_flight)) {
            meter_entry_destroy(&item->meter);
        }
    }
}

/* Lets go of every entry; those in no table are destroyed. */
static void release(struct inflight *inflight, struct items *list, bool is_dirty_list)
{
    for (size_t i = 0; i < list->count; i++) {
        release_item(inflight, &list->items[i], is_dirty_list);
    }
    items_fini(list);
}

void inflight_destroy(struct inflight **inflight)
{
    struct inflight *in = *inflight;

    if (in == NULL) {
        return;
    }
    for (size_t i = 0; i < in->n_calls; i++) {
        in->calls[i]->inflight = NULL; /* freed when it is answered */
        release(in, &in->calls[i]->items, false);
    }
    release(in, &in->dirty, true);
    packed_ops_fini(&in->packed);
    free(in->requests.items);
    writer_fini(&in->row);
    id_map_fini(&in->deletions);
    free(in->cuts.items);
    free(in);
    *inflight = NULL;
}

void inflight_set_table(struct inflight *inflight, struct flow_table *table)
{
    assert(inflight->dirty.count == 0 && inflight->n_calls == 0);
    inflight->table = table;
}

static struct item *note_new(struct inflight *inflight, uint32_t *out_at)
{
    *out_at = inflight->dirty_from + (uint32_t)inflight->dirty.count;
    return items_append(&inflight->dirty);
}

static void note_place(struct inflight *inflight, uint32_t at)
{
    size_t place = at - inflight->dirty_from;

    inflight->lowest = place < inflight->lowest ? place : inflight->lowest;
}

uint64_t inflight_note_flows(struct inflight *inflight, struct flow_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        struct flow_entry *entry = changes->items[i].entry;
        if (!entry->is_dirty) {
            entry->is_dirty = true;
            inflight->n_blocked += entry->is_in_flight ? 1 : 0;
            note_new(inflight, &entry->dirty_at)->flow = entry;
        } else {
            packed_ops_forget(&inflight->packed, entry->dirty_at - inflight->dirty_from);
        }
        note_place(inflight, entry->dirty_at);
    }
    flow_changes_fini(changes);
    return inflight->batch;
}

void inflight_pack(struct inflight *inflight, const struct rule *rule, struct writer *ops)
{
    writer_clear(&inflight->row);
    msg_rule_pack(rule, &inflight->row);
    cfg_ops_insert_packed(ops, CFG_RULE, inflight->row.bytes, inflight->row.size);
}

void inflight_note_packed(struct inflight *inflight, size_t n_last, struct writer *ops, size_t n)
{
    assert(n <= n_last && n_last <= inflight->dirty.count);
    packed_ops_add(&inflight->packed, inflight->dirty.count - n_last, n, ops);
}

uint64_t inflight_note_group(struct inflight *inflight, struct group_entry *entry)
{
    if (!entry->is_dirty) {
        entry->is_dirty = true;
        inflight->n_blocked += entry->is_in_flight ? 1 : 0;
        note_new(inflight, &entry->dirty_at)->group = entry;
    }
    note_place(inflight, entry->dirty_at);
    return inflight->batch;
}

uint64_t inflight_note_meter(struct inflight *inflight, struct meter_entry *entry)
{
    if (!entry->is_dirty) {
        entry->is_dirty = true;
        inflight->n_blocked += entry->is_in_flight ? 1 : 0;
        note_new(inflight, &entry->dirty_at)->meter = entry;
    }
    note_place(inflight, entry->dirty_at);
    return inflight->batch;
}

static void requests_append(struct inflight *inflight, const struct inflight_request *request)
{
    struct requests *list = &inflight->requests;

    if (list->count == list->room) {
        list->room = list->room == 0 ? 16 : list->room * 2;
        list->items = memory_resize(list->items, list->room * sizeof *list->items);
    }
    list->items[list->count++] = *request;
}

/* Who changes what was noted before belongs to that, for the row is written once. */
void inflight_note_end(struct inflight *inflight)
{
    struct cuts *cuts = &inflight->cuts;
    size_t at = inflight->dirty.count;

    while (cuts->count > 0 && cuts->items[cuts->count - 1].at > inflight->lowest) {
        cuts->count--;
    }
    inflight->lowest = SIZE_MAX;
    if (at > 0 && (cuts->count == 0 || cuts->items[cuts->count - 1].at < at)) {
        if (cuts->count == cuts->room) {
            cuts->room = cuts->room == 0 ? 16 : cuts->room * 2;
            cuts->items = memory_resize(cuts->items, cuts->room * sizeof *cuts->items);
        }
        cuts->items[cuts->count++].at = at;
    }
    if (cuts->count > 0) {
        cuts->items[cuts->count - 1].request = inflight->n_requests;
    }
}

void inflight_note_request(struct inflight *inflight, struct inflight_request *request)
{
    request->batch = inflight->batch;
    request->number = ++inflight->n_requests;
    requests_append(inflight, request);
    inflight_note_end(inflight);
}

/* Moved only when most are done: some 16384 may wait while transactions of 256 are answered. */
static void forget_requests_until(struct inflight *inflight, uint64_t number)
{
    struct requests *list = &inflight->requests;

    while (list->begin < list->count && list->items[list->begin].number <= number) {
        list->begin++;
    }
    if (list->begin > list->count / 2) {
        list->count -= list->begin;
        memmove(list->items, list->items + list->begin, list->count * sizeof *list->items);
        list->begin = 0;
    }
}

static void commit_flow(struct inflight *inflight, struct item *item, const struct cfg_result *result)
{
    struct flow_entry *entry = item->flow;

    entry->is_in_flight = false;
    if (item->was_inserted) {
        flow_table_set_id(inflight->table, entry, result->ids[item->op]);
    }
    if (item->was_removed) {
        inflight->events.on_removed(inflight->events.context, entry, inflight->version);
    }
}

static void commit_group(struct inflight *inflight, struct item *item, const struct cfg_result *result)
{
    struct group_entry *entry = item->group;

    entry->is_in_flight = false;
    if (item->was_inserted) {
        inflight->events.on_group_inserted(inflight->events.context, entry, result->ids[item->op]);
    }
    if (item->was_removed) {
        inflight->events.on_group_removed(inflight->events.context, &entry->group, inflight->version);
        group_entry_destroy(&item->group);
    }
}

static void commit_meter(struct inflight *inflight, struct item *item, const struct cfg_result *result)
{
    item->meter->is_in_flight = false;
    if (item->was_inserted) {
        inflight->events.on_meter_inserted(inflight->events.context, item->meter, result->ids[item->op]);
    }
    if (item->was_removed) {
        inflight->events.on_meter_removed(inflight->events.context, &item->meter->meter);
        meter_entry_destroy(&item->meter);
    }
}

static void committed(struct inflight *inflight, struct call *call, const struct cfg_result *result)
{
    struct items *done = &call->items;

    inflight->total += done->count;
    if (result->version.n > inflight->version.n) {
        inflight->version = result->version;
    }
    for (size_t i = 0; i < done->count; i++) {
        inflight->n_blocked -= is_dirty(&done->items[i]) ? 1 : 0;
        if (done->items[i].flow != NULL) {
            commit_flow(inflight, &done->items[i], result);
        } else if (done->items[i].group != NULL) {
            commit_group(inflight, &done->items[i], result);
        } else {
            commit_meter(inflight, &done->items[i], result);
        }
    }
    items_fini(done);
    forget_requests_until(inflight, call->done);
    if (call->is_last && inflight->error == 0) {
        inflight->committed = call->batch;
        inflight->events.on_committed(inflight->events.context, inflight->committed, inflight->version);
    }
}

/* Those up to this one. */
static void refuse_requests(struct inflight *inflight, uint64_t number)
{
    struct requests refused = inflight->requests;
    size_t n = refused.begin;

    while (n < refused.count && refused.items[n].number <= number) {
        n++;
    }
    inflight->requests = (struct requests){0};
    for (size_t i = n; i < refused.count; i++) {
        requests_append(inflight, &refused.items[i]);
    }
    for (size_t i = refused.begin; i < n; i++) {
        inflight->events.on_refused(inflight->events.context, &refused.items[i], inflight->error, inflight->text);
    }
    free(refused.items);
}

static void lost(struct inflight *inflight)
{
    int error = inflight->error;

    release(inflight, &inflight->dirty, true);
    packed_ops_fini(&inflight->packed);
    inflight->is_cut = false;
    inflight->n_clean = 0;
    inflight->cuts.count = 0;
    inflight->lowest = SIZE_MAX;
    inflight->committed = inflight->batch;
    inflight->batch++;
    refuse_requests(inflight, inflight->n_requests);
    inflight->error = 0;
    inflight->events.on_lost(inflight->events.context, error, inflight->text);
}

static void remove_call(struct inflight *inflight, const struct call *call)
{
    size_t i = 0;

    while (inflight->calls[i] != call) {
        i++;
    }
    memmove(&inflight->calls[i], &inflight->calls[i + 1], (--inflight->n_calls - i) * sizeof inflight->calls[0]);
    inflight->n_under_way -= call->items.count;
}

/* A rule that was made and removed while collecting is written by nobody, and one of its match may come at any time. */
static bool is_deletion(const struct item *item)
{
    return item->flow != NULL && item->was_removed && item->flow->rule.id != 0;
}

static void note_deletions(struct inflight *inflight, const struct items *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_deletion(&list->items[i])) {
            uint64_t hash = flow_entry_hash(list->items[i].flow);
            inflight->n_clean = 0;
            if (id_map_find(&inflight->deletions, hash) == NULL) {
                id_map_put(&inflight->deletions, hash, list->items[i].flow);
            } else {
                inflight->n_like_another++;
            }
        }
    }
}

static void forget_deletions(struct inflight *inflight, const struct items *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_deletion(&list->items[i])) {
            uint64_t hash = flow_entry_hash(list->items[i].flow);
            if (id_map_find(&inflight->deletions, hash) == list->items[i].flow) {
                (void)id_map_remove(&inflight->deletions, hash);
            } else {
                inflight->n_like_another--;
            }
        }
    }
    if (inflight->deletions.used == 0 && inflight->deletions.mask >= DELETIONS_KEPT) {
        id_map_fini(&inflight->deletions);
    }
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct call *call = context;
    struct inflight *inflight = call->inflight;

    if (inflight == NULL) {
        free(call);
        return;
    }
    remove_call(inflight, call);
    forget_deletions(inflight, &call->items);
    if (result->error == 0) {
        committed(inflight, call, result);
    } else {
        if (inflight->error == 0) {
            inflight->error = result->error;
            (void)snprintf(inflight->text, sizeof inflight->text, "%s", result->text != NULL ? result->text : error_text(result->error));
        }
        release(inflight, &call->items, false);
        refuse_requests(inflight, call->refused);
    }
    free(call);
    if (inflight->error != 0 && inflight->n_calls == 0) {
        lost(inflight);
    }
}

/* Moves an item into the batch. A row that was made and removed while collecting is not written at all. Returns its size. */
static size_t write_item(struct inflight *inflight, struct cfg_txn *txn, struct items *under_way, const struct item *dirty)
{
    struct item *item = items_append(under_way);
    bool has_row;

    *item = *dirty;
    if (item->flow != NULL) {
        item->flow->is_dirty = false;
        item->flow->is_in_flight = true;
        item->was_removed = !item->flow->is_in_table;
        has_row = item->flow->rule.id != 0;
    } else if (item->group != NULL) {
        item->group->is_dirty = false;
        item->group->is_in_flight = true;
        item->was_removed = !item->group->is_in_table;
        has_row = item->group->group.id != 0;
    } else {
        item->meter->is_dirty = false;
        item->meter->is_in_flight = true;
        item->was_removed = !item->meter->is_in_table;
        has_row = item->meter->meter.id != 0;
    }
    item->was_inserted = !has_row && !item->was_removed;
    item->op = (uint32_t)cfg_txn_size(txn);
    if (!has_row && item->was_removed) {
        return 0;
    }
    enum row_change change = item->was_removed ? ROW_REMOVED : item->was_inserted ? ROW_INSERTED : ROW_CHANGED;
    return item->flow != NULL    ? row_write_rule(txn, item->flow, change, &inflight->row)
           : item->group != NULL ? row_write_group(txn, &item->group->group, change)
                                 : row_write_meter(txn, &item->meter->meter, change);
}

/* Those of a packed piece, all new rules, still as they were. */
static size_t write_packed(struct cfg_txn *txn, struct items *under_way, const struct item *dirty, const struct packed_ops *packed)
{
    uint32_t op = (uint32_t)cfg_txn_size(txn);

    for (size_t i = 0; i < packed->n; i++) {
        struct item *item = items_append(under_way);
        *item = dirty[i];
        item->flow->is_dirty = false;
        item->flow->is_in_flight = true;
        item->was_inserted = true;
        item->op = op++;
    }
    cfg_txn_insert_ops(txn, packed->ops.bytes, packed->ops.size, packed->n);
    return packed->ops.size;
}

static void require_owner(struct cfg_txn *txn, uint64_t bridge, const struct inflight_owner *owner)
{
    static const char *const columns[] = {"start", "epoch"};
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;

    row.start = owner->start;
    row.epoch = owner->epoch;
    cfg_txn_require(txn, CFG_OWNER, bridge, &row.base, columns, 2);
}

/* Groups and meters count on what is under way, as rules that name them are deleted before them; and what comes behind them, which may name them, on their
 * being done. */
static bool must_be_alone(const struct items *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].flow == NULL) {
            return true;
        }
    }
    return false;
}

/* A new rule that leaves beside the deletion of one like it could be done although that is refused: two rows of one match. */
static bool replaces_what_is_under_way(const struct inflight *inflight, const struct flow_entry *entry)
{
    bool has_deletions = inflight->deletions.used + inflight->n_like_another > 0;

    return has_deletions && entry->is_in_table && entry->rule.id == 0 &&
           (inflight->n_like_another > 0 || id_map_find(&inflight->deletions, flow_entry_hash(entry)) != NULL);
}

/* Where the transaction ends if its bytes allow. */
static size_t end_by_count(const struct inflight *inflight)
{
    const struct cuts *cuts = &inflight->cuts;
    size_t n = cuts->count, first = n > 0 ? cuts->items[0].at : inflight->dirty.count;

    if (inflight->is_cut && first > INFLIGHT_PART_MAX) {
        return INFLIGHT_PART_MAX;
    }
    if (inflight->dirty.count <= INFLIGHT_TXN_MAX) {
        return inflight->dirty.count;
    }
    while (n > 0 && cuts->items[n - 1].at > INFLIGHT_TXN_MAX) {
        n--;
    }
    return n > 0 ? cuts->items[n - 1].at : INFLIGHT_PART_MAX;
}

/* May what the next transaction takes? What was found clean once is not looked at again. */
static bool may_leave_beside_others(struct inflight *inflight)
{
    const struct items *dirty = &inflight->dirty;
    size_t end = end_by_count(inflight);

    while (inflight->n_clean < end && dirty->items[inflight->n_clean].flow != NULL &&
           !replaces_what_is_under_way(inflight, dirty->items[inflight->n_clean].flow)) {
        inflight->n_clean++;
    }
    return inflight->n_clean >= end;
}

static bool may_flush(struct inflight *inflight)
{
    for (size_t i = 0; i < inflight->n_calls; i++) {
        if (inflight->calls[i]->is_alone) {
            return false;
        }
    }
    bool has_some = inflight->dirty.count > 0 || inflight->requests.count > inflight->requests.begin;
    bool is_worth_it = inflight->dirty.count >= INFLIGHT_TXN_LEAST;
    bool has_time = inflight->n_under_way < (inflight->is_cut ? INFLIGHT_TXN_MAX : INFLIGHT_CHANGES_MAX); /* not to be unanswered for too long */
    bool has_place = inflight->n_calls == 0 || (inflight->n_calls < INFLIGHT_TXNS_MAX && is_worth_it && has_time);
    if (!has_some || !has_place || inflight->n_blocked > 0 || inflight->error != 0) {
        return false;
    }
    return inflight->n_calls == 0 || may_leave_beside_others(inflight); /* groups and meters may not */
}

/* Of a walk: *next is 0 at first. */
static bool is_cut(const struct cuts *cuts, size_t at, size_t *next)
{
    while (*next < cuts->count && cuts->items[*next].at < at) {
        (*next)++;
    }
    return *next < cuts->count && cuts->items[*next].at == at;
}

/* Would a transaction that ends there cut a request? */
static bool is_within_a_request(const struct inflight *inflight, size_t end)
{
    size_t next = 0;

    return end < inflight->dirty.count && !is_cut(&inflight->cuts, end, &next);
}

static size_t write_items(struct inflight *inflight, struct cfg_txn *txn, struct items *under_way)
{
    size_t end = end_by_count(inflight), n = 0, n_bytes = 0, next = 0, next_packed = 0;

    while (n < end && n_bytes < (size_t)INFLIGHT_TXN_BYTES * 2 && (n_bytes < INFLIGHT_TXN_BYTES || !is_cut(&inflight->cuts, n, &next))) {
        const struct packed_ops *packed = packed_ops_find(&inflight->packed, n, &next_packed);
        bool fits = packed != NULL && n + packed->n <= end && n_bytes + packed->ops.size <= (size_t)INFLIGHT_TXN_BYTES * 2;
        if (fits) {
            n_bytes += write_packed(txn, under_way, &inflight->dirty.items[n], packed);
            n += packed->n;
        } else if (packed != NULL && n > 0 && is_within_a_request(inflight, end)) {
            break; /* it is cut in any case: here rather than within what is packed */
        } else {
            n_bytes += write_item(inflight, txn, under_way, &inflight->dirty.items[n++]);
        }
    }
    return n;
}

/* The first n have left with this call. */
static void drop_written(struct inflight *inflight, struct call *call, size_t n)
{
    struct cuts *cuts = &inflight->cuts;
    size_t n_done = 0;
    bool is_all = n == inflight->dirty.count;

    while (n_done < cuts->count && cuts->items[n_done].at <= n) {
        n_done++;
    }
    bool is_at_cut = n_done > 0 && cuts->items[n_done - 1].at == n;
    inflight->is_cut = !is_all && !is_at_cut;
    call->done = is_all ? inflight->n_requests : n_done > 0 ? cuts->items[n_done - 1].request : 0;
    call->refused = is_all || is_at_cut ? call->done : n_done < cuts->count ? cuts->items[n_done].request : inflight->n_requests;
    cuts->count -= n_done;
    for (size_t i = 0; i < cuts->count; i++) {
        cuts->items[i] = (struct cut){.at = cuts->items[i + n_done].at - n, .request = cuts->items[i + n_done].request};
    }
    if (inflight->lowest != SIZE_MAX) {
        inflight->lowest = is_all ? SIZE_MAX : inflight->lowest > n ? inflight->lowest - n : 0;
    }
    packed_ops_leave(&inflight->packed, n);
    items_drop_first(&inflight->dirty, n);
    inflight->dirty_from += (uint32_t)n;
    inflight->n_clean = inflight->n_clean > n ? inflight->n_clean - n : 0;
}

static void send(struct inflight *inflight, const struct inflight_owner *owner, uint64_t now_ns)
{
    struct call *call = memory_zeroed(sizeof *call);
    struct cfg_txn *txn = cfg_txn_new("ofagent");
    call->inflight = inflight;
    require_owner(txn, inflight->bridge, owner);
    size_t n_without_changes = cfg_txn_size(txn);
    drop_written(inflight, call, write_items(inflight, txn, &call->items));
    call->batch = inflight->batch;
    call->is_last = inflight->dirty.count == 0; /* and nearly always only, transaction */
    inflight->batch += call->is_last ? 1 : 0;
    if (cfg_txn_size(txn) == n_without_changes && inflight->n_calls == 0) {
        cfg_txn_destroy(&txn);
        committed(inflight, call, &(struct cfg_result){.version = inflight->version});
        free(call);
        return;
    }
    call->is_alone = must_be_alone(&call->items);
    inflight->calls[inflight->n_calls++] = call;
    inflight->n_under_way += call->items.count;
    note_deletions(inflight, &call->items);
    cfg_transact(inflight->cfg, &txn, now_ns + INFLIGHT_TIMEOUT_NS, on_done, call);
}

void inflight_flush(struct inflight *inflight, const struct inflight_owner *owner, uint64_t now_ns)
{
    do {
        if (may_flush(inflight)) {
            send(inflight, owner, now_ns);
        }
    } while (inflight->is_cut && may_flush(inflight));
}

void inflight_give_up(struct inflight *inflight, int error, const char *text)
{
    assert(inflight->n_calls == 0);
    if (inflight->dirty.count > 0 || inflight->requests.count > inflight->requests.begin) {
        inflight->error = error;
        (void)snprintf(inflight->text, sizeof inflight->text, "%s", text);
        lost(inflight);
    }
}

bool inflight_is_under_way(const struct inflight *inflight)
{
    return inflight->n_calls > 0;
}

size_t inflight_calls(const struct inflight *inflight)
{
    return inflight->n_calls;
}

bool inflight_has_unsent(const struct inflight *inflight)
{
    return inflight->dirty.count > 0;
}

size_t inflight_size(const struct inflight *inflight)
{
    return inflight->dirty.count + inflight->n_under_way;
}

uint64_t inflight_total(const struct inflight *inflight)
{
    return inflight->total;
}

uint64_t inflight_batch(const struct inflight *inflight)
{
    return inflight->batch;
}

uint64_t inflight_committed(const struct inflight *inflight, struct version *out_version)
{
    *out_version = inflight->version;
    return inflight->committed;
}
