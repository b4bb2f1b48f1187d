/* The feed at the reader: pieces in, whole commits out (I6).
 *
 *   SNAPSHOT* ──► loading (a second mirror) ── last ──► shown mirror, differences to on_row(), on_version(is_snapshot)
 *   DELTA*    ──► pieces (rows kept aside)  ── last ──► shown mirror, each row to on_row(), on_version()
 *   DELTA_MERGED ─► pieces, at once ──────────► the same, once for many commits
 *   STATUS    ──► shown mirror at once, on_row() only
 *
 * When on_row() is called the mirror holds the whole commit already, so a callback that looks at other rows sees one version. Rows that
 * are replaced live until the callbacks of the commit are done. A version n must follow n - 1: the rest is FEED_LOST, and the
 * mirror stays what it was. A row that cannot be read is left out and logged: one bad row must not stop the switch.
 * Cost: one unpack a row, of rules into memory that is used again; a snapshot holds old and new rows together for the time of the difference. One thread.
 */
#include "lib/cfg/feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"

struct piece {
    enum cfg_table table;
    uint64_t id;
    ProtobufCMessage *before, *after;
};

struct feed {
    struct cfg_events events;
    bool wanted[CFG_TABLE_MAX];
    struct mirror shown;
    uint64_t row_max[CFG_TABLE_MAX]; /* the greatest id that was ever shown */
    struct version version;
    bool has_snapshot;

    struct mirror loading;
    bool is_loading;

    struct piece *pieces;
    size_t n_pieces, room;
    struct version pieces_version;

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
    if (table >= CFG_TABLE_MAX || !feed->wanted[table]) {
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

static void add_piece(struct feed *feed, const struct piece *piece)
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

static void show_snapshot(struct feed *feed, struct version version)
{
    struct mirror old = feed->shown;
    feed->is_loading = false;
    feed->shown = feed->loading;
    feed->loading = (struct mirror){0};
    carry_status(&old, &feed->shown);
    feed->version = version;
    feed->has_snapshot = true;
    mirror_diff(&old, &feed->shown, on_difference, feed);
    show_version(feed, true);
    mirror_fini(&old);
}

static void show_pieces(struct feed *feed)
{
    struct piece *pieces = feed->pieces;
    size_t n = feed->n_pieces;
    feed->pieces = NULL;
    feed->n_pieces = 0;
    feed->room = 0;
    feed->version = feed->pieces_version;
    feed->pieces_version = (struct version){0};
    for (size_t i = 0; i < n; i++) {
        struct piece *p = &pieces[i];
        ProtobufCMessage *row = p->after;
        p->before =
            row != NULL ? mirror_put(&feed->shown, p->table, p->id, &row, 0) : mirror_remove(&feed->shown, p->table, p->id);
    }
    for (size_t i = 0; i < n; i++) {
        const struct piece *p = &pieces[i];
        bool is_same = p->before == NULL ? p->after == NULL : p->after != NULL && mirror_row_equal(p->before, p->after);
        if (!is_same) {
            show_row(feed, p->table, p->id, p->before, p->after);
        }
    }
    show_version(feed, false);
    for (size_t i = 0; i < n; i++) {
        mirror_row_free(pieces[i].before);
    }
    free(pieces);
}

struct feed *feed_new(const enum cfg_table *tables, size_t n_tables, const struct cfg_events *events)
{
    struct feed *feed = memory_zeroed(sizeof *feed);
    feed->events = *events;
    msg_arena_init(&feed->before);
    msg_arena_init(&feed->after);
    msg_arena_init(&feed->read);
    for (size_t i = 0; i < n_tables; i++) {
        feed->wanted[tables[i]] = true;
    }
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

bool feed_has_snapshot(const struct feed *feed)
{
    return feed->has_snapshot;
}

bool feed_is_loading(const struct feed *feed)
{
    return feed->is_loading;
}

enum feed_verdict feed_on_snapshot(struct feed *feed, const Busbar__Snapshot *snapshot)
{
    if (snapshot->first) {
        mirror_fini(&feed->loading);
        clear_pieces(feed);
        feed->is_loading = true;
    } else if (!feed->is_loading) {
        return FEED_LOST;
    }
    for (size_t i = 0; i < snapshot->n_rows; i++) {
        const Busbar__Row *row = snapshot->rows[i];
        ProtobufCMessage *message;
        if (!unpack_row(feed, row->table, row->id, &row->value, row->deleted, &message)) {
            continue;
        }
        ProtobufCMessage *before = message != NULL
                                       ? mirror_put(&feed->loading, (enum cfg_table)row->table, row->id, &message, 0)
                                       : mirror_remove(&feed->loading, (enum cfg_table)row->table, row->id);
        mirror_row_free(before);
    }
    if (snapshot->last) {
        struct version version = version_decode(snapshot->version);
        if (is_outdated(feed, version)) {
            feed_forget_pieces(feed);
        } else {
            show_snapshot(feed, version);
        }
    }
    return snapshot->first ? FEED_ANSWERED : FEED_FINE;
}

static void add_changes(struct feed *feed, Busbar__Row *const *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const Busbar__Row *row = changes[i];
        struct piece piece = {.table = (enum cfg_table)row->table, .id = row->id};
        if (unpack_row(feed, row->table, row->id, &row->value, row->deleted, &piece.after)) {
            add_piece(feed, &piece);
        }
    }
}

enum feed_verdict feed_on_delta(struct feed *feed, const Busbar__Delta *delta)
{
    struct version version = version_decode(delta->version);
    if (!feed->has_snapshot || feed->is_loading) {
        return feed->is_loading ? FEED_FINE : FEED_LOST; /* what comes before the last piece is in the snapshot */
    }
    if (version.n <= feed->version.n) {
        if (version.n == feed->version.n && delta->last) {
            feed->version.epoch = version.epoch; /* resumed, perhaps in a new epoch that begins right here */
            return FEED_ANSWERED;
        }
        return FEED_FINE;
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
    return FEED_ANSWERED;
}

enum feed_verdict feed_on_merged(struct feed *feed, const Busbar__DeltaMerged *merged)
{
    struct version version = version_decode(merged->version);
    if (!feed->has_snapshot || feed->is_loading) {
        return feed->is_loading ? FEED_FINE : FEED_LOST;
    }
    if (version.n <= feed->version.n) {
        return FEED_FINE;
    }
    if (merged->since > feed->version.n + 1 || feed->pieces_version.n != 0) {
        return FEED_LOST;
    }
    feed->pieces_version = version;
    add_changes(feed, merged->changes, merged->n_changes);
    show_pieces(feed);
    return FEED_ANSWERED;
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

void feed_forget_pieces(struct feed *feed)
{
    clear_pieces(feed);
    mirror_fini(&feed->loading);
    feed->is_loading = false;
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
