/* The feed at the reader: pieces in, whole commits out (I6).
 *
 *   SNAPSHOT* ──► loading (a second mirror) ── last ──► shown mirror, differences to on_row(), on_version(is_snapshot)
 *   DELTA*    ──► pieces (rows kept aside)  ── last ──► shown mirror, each row to on_row(), on_version()
 *   DELTA_MERGED ─► pieces, at once ──────────► the same, once for many commits
 *   SNAPSHOT* ──► gathered (gather.c) ─ last ─► shown mirror, each row to on_row(), on_version()          (partial)
 *   STATUS    ──► shown mirror at once, on_row() only
 *
 * When on_row() is called the mirror holds the whole commit already, so a callback that looks at other rows sees one version. Rows that
 * are replaced live until the callbacks of the commit are done. A version n must follow n - 1: the rest is FEED_LOST, and the
 * mirror stays what it was. A row that cannot be read is left out and logged: one bad row must not stop the switch.
 *
 * The owner may want rules of some bridges only. What is *wanted* changes at once, what was *asked* for with the next SUBSCRIBE, what is *held*
 * when that is answered: in between, rows of bridges that are not held are left out, whoever sent them (an older configdb sends all), and
 * rows of bridges that are not wanted any more go bit by bit, without on_row(): they are not gone, they are only no more of our business.
 *
 * While a partial snapshot comes in, commits are shown as before, of the bridges that are held; what they say about rows of the bridges that are coming,
 * or that a row is gone, is gathered with the rows of the pieces, and the last word counts. An older configdb sends no commits meanwhile, but their rows
 * in the pieces.
 *
 * One that knows no filter answers with pieces without a number. Then all rows are taken, and every bridge is held, until it is another configdb: else each
 * bridge that is added would cost a whole snapshot.
 * Cost: one unpack a row, of rules into memory that is used again; a snapshot holds old and new rows together for the time of the difference. One thread.
 */
#include "lib/cfg/feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/cfg/gather.h"
#include "lib/msg/authors.h"

struct feed {
    struct cfg_events events;
    bool tables[CFG_TABLE_MAX];
    struct mirror shown;
    uint64_t row_max[CFG_TABLE_MAX]; /* the greatest id that was ever shown */
    struct version version;
    uint64_t authors; /* of the versions shown since they were asked for */
    uint64_t changed_n[CFG_TABLE_MAX]; /* the newest commit that changed it, shown to us or not */
    bool has_snapshot;

    struct mirror loading;
    bool is_loading;
    bool is_partial; /* what is loading is laid over what is shown; its rows are gathered */
    struct gather gather;
    uint64_t n_gathered; /* pieces of it */

    struct bridge_set followed; /* as the owner said */
    struct bridge_set wanted;   /* the same, or all while `takes_all` */
    bool takes_all;             /* configdb knows no filter */
    bool is_asked;              /* this configdb, before; */
    bool was_all;               /* and the question before the last one was for all, so a snapshot without a number may be the answer to that */
    struct bridge_set asked;  /* as the last SUBSCRIBE said, */
    uint64_t serial;          /* and its number; 0: no filter was asked for */
    struct bridge_set coming; /* of these, what will be held when it is answered: without what was given up since, be it wanted again */
    struct bridge_set held;   /* whose rows are all here; within `wanted` */
    bool is_dropping;         /* rows of others may be left of before; the walk that drops them is at */
    uint64_t drop_cursor;     /* this id */

    struct mirror_change *pieces;
    size_t n_pieces, room;
    struct version pieces_version;
    struct version skipped; /* pieces of this commit were thrown away: the rest of it is no commit */

    uint64_t status_mark;
    struct msg_arena before, after, read; /* what packed rows are unpacked into */
};

/* Tables that may have millions of rows: mirrored as bytes, and unpacked when shown or asked for. */
static bool is_kept_packed(enum cfg_table table)
{
    return table == CFG_RULE;
}

static const ProtobufCMessage *read_into(struct msg_arena *arena, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    const ProtobufCMessage *message = mirror_row_read(row, cfg_table_info((uint32_t)table)->descriptor, arena);
    if (message == NULL && row != NULL) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "row_unreadable table=%s id=%" PRIu64, cfg_table_info((uint32_t)table)->name, id);
    }
    return message;
}

/* A row that cannot be read is shown as none. */
static void show_row(struct feed *feed, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                     const ProtobufCMessage *after)
{
    if (after != NULL && id > feed->row_max[table]) {
        feed->row_max[table] = id;
    }
    if (feed->events.on_row == NULL || (after != NULL && (feed->events.unshown >> table & 1) != 0)) {
        return;
    }
    if (feed->events.on_packed != NULL && is_kept_packed(table)) {
        const struct mirror_packed *packed = (const struct mirror_packed *)after;
        feed->events.on_packed(feed->events.context, table, id, packed != NULL ? packed->bytes : NULL, packed != NULL ? packed->size : 0);
        return;
    }
    before = read_into(&feed->before, table, id, before);
    after = read_into(&feed->after, table, id, after);
    if (before != NULL || after != NULL) {
        feed->events.on_row(feed->events.context, table, id, before, after);
    }
}

uint64_t feed_row_max(const struct feed *feed, enum cfg_table table)
{
    return feed->row_max[table];
}

static void show_version(struct feed *feed, bool is_snapshot)
{
    if (feed->events.on_version != NULL) {
        feed->events.on_version(feed->events.context, feed->version, is_snapshot);
    }
}

/* The row, or NULL when it cannot be read; false when it does not concern us. */
static bool unpack_row(const struct feed *feed, uint32_t table, uint64_t id, const ProtobufCBinaryData *value, bool deleted,
                       ProtobufCMessage **out_row)
{
    if (table >= CFG_TABLE_MAX || !feed->tables[table]) {
        return false;
    }
    const struct cfg_table_info *info = cfg_table_info(table);
    if (is_kept_packed((enum cfg_table)table)) {
        *out_row = deleted ? NULL : mirror_row_pack(value->data, value->len);
        return true;
    }
    *out_row = deleted ? NULL : protobuf_c_message_unpack(info->descriptor, NULL, value->len, value->data);
    if (*out_row == NULL && !deleted) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "row_unreadable table=%s id=%" PRIu64 " size=%zu", info->name, id, value->len);
    }
    return true;
}

static void clear_pieces(struct feed *feed)
{
    for (size_t i = 0; i < feed->n_pieces; i++) {
        mirror_row_free(feed->pieces[i].after);
    }
    feed->n_pieces = 0;
    feed->pieces_version = (struct version){0};
}

/* Is it a row of a table filtered by bridge, and of a bridge that is not in the set? */
static bool is_foreign(const struct bridge_set *set, const Busbar__Row *row)
{
    return !row->deleted && !bridge_set_takes(set, row->table, row->value.data, row->value.len);
}

static void add_piece(struct feed *feed, const struct mirror_change *piece)
{
    if (feed->n_pieces == feed->room) {
        feed->room = feed->room > 0 ? feed->room * 2 : 16;
        feed->pieces = memory_resize(feed->pieces, feed->room * sizeof *feed->pieces);
    }
    feed->pieces[feed->n_pieces++] = *piece;
}

static void on_difference(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                          const ProtobufCMessage *after)
{
    if (cfg_table_info((uint32_t)table)->storage != CFG_STORAGE_MEMORY) { /* those were carried over */
        show_row(context, table, id, before, after);
    }
}

/* Status rows are no part of a snapshot: they move over as they are. */
static void carry_status(struct mirror *from, struct mirror *to)
{
    for (unsigned t = 0; t < CFG_TABLE_MAX; t++) {
        const struct cfg_table_info *info = cfg_table_info(t);
        if (info != NULL && info->storage == CFG_STORAGE_MEMORY) {
            struct mirror_table old = to->tables[t];
            to->tables[t] = from->tables[t];
            from->tables[t] = old;
        }
    }
}

/* A snapshot older than what is shown: the answer to an earlier SUBSCRIBE, overtaken by deltas. */
static bool is_outdated(const struct feed *feed, struct version version)
{
    return feed->has_snapshot && version.epoch == feed->version.epoch && version.n < feed->version.n;
}

/* A row of a bridge that is not held any more, or was not yet. */
static bool is_left_over(const struct feed *feed, enum cfg_table table, const ProtobufCMessage *row)
{
    if (is_kept_packed(table)) {
        const struct mirror_packed *packed = (const struct mirror_packed *)row;
        return !bridge_set_takes(&feed->held, (uint32_t)table, packed->bytes, packed->size);
    }
    return false;
}

static void begin_drop(struct feed *feed)
{
    feed->is_dropping = true;
    feed->drop_cursor = 0;
}

void feed_drop(struct feed *feed, size_t n_rows)
{
    while (feed->is_dropping && n_rows-- > 0) {
        const struct mirror_slot *slot = mirror_at_or_after(&feed->shown, CFG_RULE, feed->drop_cursor);
        if (slot == NULL) {
            feed->is_dropping = false;
            break;
        }
        feed->drop_cursor = slot->id + 1;
        if (is_left_over(feed, CFG_RULE, slot->row)) {
            mirror_row_free(mirror_remove(&feed->shown, CFG_RULE, slot->id));
        }
    }
}

/* All that was asked for is here; what is not wanted any more, or was not for a while, goes bit by bit. */
static void take_asked(struct feed *feed)
{
    bridge_set_copy(&feed->held, &feed->coming);
    if (!bridge_set_equal(&feed->held, &feed->asked)) {
        begin_drop(feed);
    }
}

/* What a commit says of itself, or does not: 0. */
static void note_commit(struct feed *feed, uint64_t n, uint64_t authors, uint32_t tables)
{
    feed->authors = authors_join(feed->authors, authors);
    for (uint32_t left = tables != 0 ? tables : UINT32_MAX; left != 0; left &= left - 1) {
        feed->changed_n[__builtin_ctz(left)] = n;
    }
}

static void show_snapshot(struct feed *feed, struct version version)
{
    feed_drop(feed, SIZE_MAX); /* they are not to be told as gone */
    struct mirror old = feed->shown;
    feed->is_loading = false;
    feed->shown = feed->loading;
    feed->loading = (struct mirror){0};
    carry_status(&old, &feed->shown);
    feed->version = version;
    note_commit(feed, version.n, AUTHORS_ALL, 0);
    feed->has_snapshot = true;
    take_asked(feed);
    mirror_diff(&old, &feed->shown, on_difference, feed);
    show_version(feed, true);
    mirror_fini(&old);
}

/* Calls on_row() for what the changes changed, then on_version(), and ends them. */
static void show_changes(struct feed *feed, struct mirror_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct mirror_change *c = &changes[i];
        bool is_same = c->before == NULL ? c->after == NULL : c->after != NULL && mirror_row_equal(c->before, c->after);
        bool is_unknown = c->before == NULL && c->after == NULL && ((uint32_t)CFG_TABLES_BY_BRIDGE & 1u << c->table) != 0;
        if (!is_same) {
            show_row(feed, c->table, c->id, c->before, c->after);
        } else if (is_unknown && !feed->held.is_all && feed->events.on_unheld_gone != NULL) {
            feed->row_max[c->table] = c->id > feed->row_max[c->table] ? c->id : feed->row_max[c->table];
            feed->events.on_unheld_gone(feed->events.context, c->table, c->id);
        }
    }
    show_version(feed, false);
    for (size_t i = 0; i < n; i++) {
        mirror_row_free(changes[i].before);
    }
    free(changes);
}

static struct mirror_change *take_pieces(struct feed *feed, size_t *out_n)
{
    struct mirror_change *pieces = feed->pieces;
    *out_n = feed->n_pieces;
    feed->pieces = NULL;
    feed->n_pieces = 0;
    feed->room = 0;
    feed->pieces_version = (struct version){0};
    return pieces;
}

static void show_pieces(struct feed *feed)
{
    feed->version = feed->pieces_version;
    size_t n;
    struct mirror_change *pieces = take_pieces(feed, &n);
    for (size_t i = 0; i < n; i++) {
        struct mirror_change *p = &pieces[i];
        ProtobufCMessage *row = p->after;
        p->before =
            row != NULL ? mirror_put(&feed->shown, p->table, p->id, &row, 0) : mirror_remove(&feed->shown, p->table, p->id);
    }
    show_changes(feed, pieces, n);
}

static void show_partial(struct feed *feed, struct version version)
{
    size_t n;
    struct mirror_change *changes = gather_take(&feed->gather, &n);
    feed_drop(feed, SIZE_MAX); /* what is left of a bridge that comes anew may be gone by now */
    feed->is_loading = feed->is_partial = false;
    feed->version = version;
    note_commit(feed, version.n, AUTHORS_ALL, 0);
    mirror_merge(&feed->shown, changes, n);
    take_asked(feed);
    show_changes(feed, changes, n); /* rows that went before are among them again; to be told twice of one does no harm */
}

struct feed *feed_new(const enum cfg_table *tables, size_t n_tables, const struct cfg_events *events)
{
    struct feed *feed = memory_zeroed(sizeof *feed);
    feed->events = *events;
    msg_arena_init(&feed->before);
    msg_arena_init(&feed->after);
    msg_arena_init(&feed->read);
    for (size_t i = 0; i < n_tables; i++) {
        feed->tables[tables[i]] = true;
    }
    feed->followed.is_all = feed->wanted.is_all = feed->asked.is_all = feed->coming.is_all = feed->held.is_all = true;
    return feed;
}

void feed_destroy(struct feed **feed)
{
    struct feed *f = *feed;
    if (f == NULL) {
        return;
    }
    *feed = NULL;
    clear_pieces(f);
    free(f->pieces);
    mirror_fini(&f->loading);
    mirror_fini(&f->shown);
    gather_clear(&f->gather);
    bridge_set_fini(&f->followed);
    bridge_set_fini(&f->wanted);
    bridge_set_fini(&f->asked);
    bridge_set_fini(&f->coming);
    bridge_set_fini(&f->held);
    msg_arena_fini(&f->before);
    msg_arena_fini(&f->after);
    msg_arena_fini(&f->read);
    free(f);
}

const ProtobufCMessage *feed_read(struct feed *feed, enum cfg_table table, const ProtobufCMessage *row)
{
    return mirror_row_read(row, cfg_table_info((uint32_t)table)->descriptor, &feed->read);
}

const struct mirror *feed_mirror(const struct feed *feed)
{
    return &feed->shown;
}

struct version feed_version(const struct feed *feed)
{
    return feed->version;
}

uint64_t feed_take_authors(struct feed *feed)
{
    uint64_t authors = feed->authors;
    feed->authors = AUTHORS_NONE;
    return authors;
}

uint64_t feed_changed(const struct feed *feed, uint32_t tables)
{
    uint64_t n = 0;
    for (; tables != 0; tables &= tables - 1) {
        uint64_t one = feed->changed_n[__builtin_ctz(tables)];
        n = one > n ? one : n;
    }
    return n;
}

bool feed_has_snapshot(const struct feed *feed)
{
    return feed->has_snapshot;
}

uint64_t feed_gathered(const struct feed *feed, uint64_t *out_serial)
{
    *out_serial = feed->serial;
    return feed->is_partial ? feed->n_gathered : 0;
}

bool feed_is_loading(const struct feed *feed)
{
    return feed->is_loading;
}

static void want(struct feed *feed, const struct bridge_set *bridges)
{
    bridge_set_copy(&feed->wanted, bridges);
    bridge_set_keep(&feed->coming, &feed->wanted);
    if (!feed->has_snapshot) {
        bridge_set_assign(&feed->held, NULL, 0);
        feed->held.is_all = false;
    } else if (!bridge_set_is_within(&feed->held, &feed->wanted)) {
        bridge_set_keep(&feed->held, &feed->wanted);
        begin_drop(feed);
    }
}

void feed_follow(struct feed *feed, const uint64_t *bridges, size_t n)
{
    bridge_set_assign(&feed->followed, bridges, n);
    feed->followed.is_all = false;
    if (!feed->takes_all) {
        want(feed, &feed->followed);
    }
}

void feed_peer_is_new(struct feed *feed)
{
    feed->is_asked = false;
    if (feed->takes_all) {
        feed->takes_all = false;
        want(feed, &feed->followed);
    }
}

/* The snapshot that begins is of a configdb that knows no filter. */
static void take_all(struct feed *feed)
{
    const struct bridge_set all = {.is_all = true};
    log_info("feed_takes_all why=\"configdb knows no filter\"");
    feed->takes_all = true;
    bridge_set_copy(&feed->wanted, &all);
    bridge_set_copy(&feed->asked, &all);
    bridge_set_copy(&feed->coming, &all);
}

bool feed_is_asked(const struct feed *feed)
{
    return bridge_set_equal(&feed->asked, &feed->wanted) && bridge_set_equal(&feed->coming, &feed->wanted);
}

bool feed_holds(const struct feed *feed, uint64_t bridge)
{
    return feed->has_snapshot && bridge_set_has(&feed->held, bridge);
}

uint64_t feed_ask(struct feed *feed, const struct bridge_set **out_asked, struct bridge_set *out_added)
{
    uint64_t *added = memory_array(feed->wanted.n + 1, sizeof *added);
    size_t n = 0;
    for (size_t i = 0; i < feed->wanted.n; i++) {
        if (!bridge_set_has(&feed->held, feed->wanted.ids[i])) {
            added[n++] = feed->wanted.ids[i];
        }
    }
    bridge_set_assign(out_added, added, n);
    free(added);
    feed->was_all = feed->is_asked && feed->asked.is_all;
    feed->is_asked = true;
    bridge_set_copy(&feed->asked, &feed->wanted);
    bridge_set_copy(&feed->coming, &feed->wanted);
    feed->serial += feed->serial > 0 || !feed->asked.is_all;
    *out_asked = &feed->asked;
    return feed->serial;
}

bool feed_is_growing(const struct feed *feed)
{
    return !bridge_set_is_within(&feed->coming, &feed->held);
}

/* A delta is the answer to a SUBSCRIBE unless that asked for more bridges: then only a snapshot is. */
static enum feed_verdict by_delta(const struct feed *feed)
{
    return feed_is_growing(feed) ? FEED_FINE : FEED_ANSWERED;
}

/* False when nothing can be made of it. */
static bool begin_loading(struct feed *feed, const Busbar__Snapshot *snapshot)
{
    mirror_fini(&feed->loading);
    gather_clear(&feed->gather);
    feed->n_gathered = 0;
    feed->is_loading = !snapshot->partial || feed->has_snapshot;
    feed->is_partial = feed->is_loading && snapshot->partial;
    if (!feed->is_partial) {
        clear_pieces(feed);
    }
    if (feed->is_loading && !feed->is_partial && snapshot->serial == 0 && !feed->asked.is_all && !feed->was_all) {
        take_all(feed);
    }
    return feed->is_loading;
}

static void load_row(struct feed *feed, const Busbar__Row *row)
{
    struct mirror_change change = {.table = (enum cfg_table)row->table, .id = row->id};
    if (is_foreign(&feed->asked, row) || !unpack_row(feed, row->table, row->id, &row->value, row->deleted, &change.after)) {
        return;
    }
    if (feed->is_partial) {
        gather_row(&feed->gather, change.table, change.id, &change.after);
        return;
    }
    mirror_row_free(change.after != NULL ? mirror_put(&feed->loading, change.table, row->id, &change.after, 0)
                                         : mirror_remove(&feed->loading, change.table, row->id));
}

enum feed_verdict feed_on_snapshot(struct feed *feed, const Busbar__Snapshot *snapshot)
{
    bool is_of_other = snapshot->serial != feed->serial && (snapshot->serial != 0 || snapshot->partial);
    if (is_of_other) {
        return FEED_FINE; /* of an earlier SUBSCRIBE, with another filter; ours is still to come */
    }
    if (snapshot->first ? !begin_loading(feed, snapshot) : !feed->is_loading) {
        return FEED_LOST;
    }
    for (size_t i = 0; i < snapshot->n_rows; i++) {
        load_row(feed, snapshot->rows[i]);
    }
    feed->n_gathered++;
    struct version version = version_decode(snapshot->version);
    bool is_partial = feed->is_partial;
    bool is_amid = is_partial && feed->pieces_version.n != 0; /* what was gathered has half of a commit */
    if (snapshot->last && (is_outdated(feed, version) || is_amid)) {
        feed_forget_pieces(feed);
        return is_partial ? FEED_LOST : snapshot->first ? FEED_ANSWERED : FEED_FINE;
    }
    if (snapshot->last && is_partial) {
        show_partial(feed, version);
    } else if (snapshot->last) {
        show_snapshot(feed, version);
    }
    return snapshot->first ? FEED_ANSWERED : FEED_FINE;
}

/* Does it say something about rows that are coming? One that is gone may be any, and so may one of a bridge that it does not say. */
static bool is_of_coming(const struct feed *feed, const Busbar__Row *row)
{
    if (!feed->is_partial || row->table >= CFG_TABLE_MAX || ((uint32_t)CFG_TABLES_BY_BRIDGE & 1u << row->table) == 0) {
        return false;
    }
    uint64_t bridge = row->deleted ? 0 : bridge_set_row_bridge(row->value.data, row->value.len);
    return bridge == 0 || (bridge_set_has(&feed->asked, bridge) && !bridge_set_has(&feed->held, bridge));
}

static void add_changes(struct feed *feed, Busbar__Row *const *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const Busbar__Row *row = changes[i];
        struct mirror_change piece = {.table = (enum cfg_table)row->table, .id = row->id};
        if (is_of_coming(feed, row) && unpack_row(feed, row->table, row->id, &row->value, row->deleted, &piece.after)) {
            gather_word(&feed->gather, piece.table, piece.id, &piece.after);
        }
        if (!is_foreign(&feed->held, row) && unpack_row(feed, row->table, row->id, &row->value, row->deleted, &piece.after)) {
            add_piece(feed, &piece);
        }
    }
}

/* Many commits without a row for us. */
static enum feed_verdict skip_versions(struct feed *feed, struct version version, uint64_t since)
{
    if (since > feed->version.n + 1 || feed->pieces_version.n != 0) {
        return FEED_LOST;
    }
    feed->version = version;
    show_version(feed, false);
    return by_delta(feed);
}

enum feed_verdict feed_on_delta(struct feed *feed, const Busbar__Delta *delta)
{
    struct version version = version_decode(delta->version);
    if (!feed->has_snapshot || (feed->is_loading && !feed->is_partial)) {
        return feed->is_loading ? FEED_FINE : FEED_LOST; /* what comes before the last piece is in the snapshot */
    }
    if (version.n <= feed->version.n) {
        if (version.n == feed->version.n && delta->last) {
            feed->version.epoch = version.epoch; /* resumed, perhaps in a new epoch that begins right here */
            return by_delta(feed);
        }
        return FEED_FINE;
    }
    note_commit(feed, version.n, delta->authors, delta->tables);
    if (delta->since != 0) {
        return skip_versions(feed, version, delta->since);
    }
    if (version.n == feed->skipped.n && version.epoch == feed->skipped.epoch) {
        feed->skipped = delta->last ? (struct version){0} : feed->skipped;
        return FEED_FINE; /* on its way when the first pieces were thrown away; it comes again from its beginning */
    }
    bool continues = feed->pieces_version.n == version.n && feed->pieces_version.epoch == version.epoch;
    if (version.n != feed->version.n + 1 || (!continues && feed->pieces_version.n != 0)) {
        return FEED_LOST;
    }
    feed->pieces_version = version;
    add_changes(feed, delta->changes, delta->n_changes);
    if (delta->last) {
        show_pieces(feed);
    }
    return by_delta(feed);
}

enum feed_verdict feed_on_merged(struct feed *feed, const Busbar__DeltaMerged *merged)
{
    struct version version = version_decode(merged->version);
    if (!feed->has_snapshot || (feed->is_loading && !feed->is_partial)) {
        return feed->is_loading ? FEED_FINE : FEED_LOST;
    }
    if (version.n <= feed->version.n) {
        return FEED_FINE;
    }
    if (merged->since > feed->version.n + 1 || feed->pieces_version.n != 0) {
        return FEED_LOST;
    }
    note_commit(feed, version.n, merged->authors, merged->tables);
    feed->pieces_version = version;
    add_changes(feed, merged->changes, merged->n_changes);
    show_pieces(feed);
    return by_delta(feed);
}

void feed_on_status(struct feed *feed, const Busbar__Status *status)
{
    for (size_t i = 0; i < status->n_rows; i++) {
        const Busbar__StatusRow *row = status->rows[i];
        const struct cfg_table_info *info = cfg_table_info(row->table);
        ProtobufCMessage *after;
        if (info == NULL || info->storage != CFG_STORAGE_MEMORY ||
            !unpack_row(feed, row->table, row->id, &row->value, row->deleted, &after)) {
            continue;
        }
        ProtobufCMessage *lent = after;
        ProtobufCMessage *before = after != NULL ? mirror_put(&feed->shown, info->table, row->id, &after, feed->status_mark)
                                                 : mirror_remove(&feed->shown, info->table, row->id);
        bool is_same = before == NULL ? lent == NULL : lent != NULL && mirror_row_equal(before, lent);
        if (!is_same) {
            show_row(feed, info->table, row->id, before, lent);
        }
        mirror_row_free(before);
    }
}

bool feed_is_amid(const struct feed *feed)
{
    return feed->pieces_version.n != 0;
}

void feed_forget_pieces(struct feed *feed)
{
    feed->skipped = feed->pieces_version.n != 0 ? feed->pieces_version : feed->skipped;
    clear_pieces(feed);
    gather_clear(&feed->gather);
    mirror_fini(&feed->loading);
    feed->is_loading = feed->is_partial = false;
}

void feed_status_begin(struct feed *feed)
{
    feed->status_mark++;
}

void feed_status_end(struct feed *feed)
{
    for (unsigned t = 0; t < CFG_TABLE_MAX; t++) {
        const struct cfg_table_info *info = cfg_table_info(t);
        if (info == NULL || info->storage != CFG_STORAGE_MEMORY) {
            continue;
        }
        const struct mirror_slot *slot = mirror_at_or_after(&feed->shown, info->table, 0);
        while (slot != NULL) {
            uint64_t id = slot->id;
            if (slot->mark != feed->status_mark) {
                ProtobufCMessage *before = mirror_remove(&feed->shown, info->table, id);
                show_row(feed, info->table, id, before, NULL);
                mirror_row_free(before);
            }
            slot = mirror_at_or_after(&feed->shown, info->table, id + 1);
        }
    }
}
