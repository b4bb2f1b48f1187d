/* The feed: a snapshot, then every commit, to each reader at its own pace.
 *
 *             SUBSCRIBE
 *                 │  `have` is in the ring, or where this epoch began
 *      ┌──────────┴──────────┐
 *      ▼ no                  ▼ yes
 *   SNAPSHOT  ─── last ───► FOLLOW ──┐ next commit, while less than a window is unacknowledged
 *      ▲                     │  ▲    │
 *      └──── fell out ───────┘  └────┘
 *
 * Why one message a reader and no PUB/SUB: a publisher drops for exactly the reader that lags. Here a reader has a place in the ring of
 * encoded commits (its next n) and a bounded amount under way; who is too slow for the ring starts again with a snapshot and corrects.
 *
 * A snapshot is read in slices over many steps, each under a read transaction of its own, so no reader holds LMDB's pages. A commit
 * in between may change a row before or behind the place reached. So behind the last slice come the rows of every commit since the first
 * slice, taken from the ring, and only when those reach the newest commit the piece marked `last`, with that version: what the
 * reader then shows is one state (I6). Rows may so be sent twice; the later one counts.
 *
 * A reader may want rules of some bridges only (view.c). When it asks for more of them, what it has stays: a *partial* snapshot brings the rows of
 * the added bridges, and behind them those of every commit after its `have`, under the new filter, up to the newest. It lays all of that over
 * what it shows, in one step; what it had been sent of these commits before comes again, in their order, and does no harm. Should its
 * `have` leave the ring meanwhile, a whole snapshot takes the place of the partial one.
 *
 * That holds up the commits of bridges that it has for as long as it takes. So to a reader that takes it, a partial snapshot comes *beside* the commits:
 *
 *     100  101  [rows of 7]  102  [rows of 7]  103  104  [rows of 7: the last, read at 106]  105  106  [last: joined at 106]
 *
 * It goes on showing commits as they come, keeps rows of the added bridges aside, those in commits too, and joins them at the version of the last piece.
 * That goes out when the commits have reached what was the newest one when the last row was read. At most READERS_PIECES are under way, so that no
 * commit waits behind many.
 *
 * Commits that have nothing for such a reader wait for READERS_UNSEEN_NS, or for one that has, unless it was just told of a version in a reply.
 *
 * A reader that takes batches gets all commits it has room for in one message (batch.c; most take them as one commit, merge.c).
 * A crowd of readers is told less often: after a
 * round in which more than READERS_UNPACED messages went out, the next one waits READERS_MESSAGE_NS for each of them, or until nobody has written
 * for READERS_SETTLE_NS, so that the feed takes at most half of a core from the transactions, however many listen.
 *
 * A reader is known by identity and is kept for a minute of silence: its connection may be broken and made again without its
 * notice. A send that finds nobody puts its place back to behind what it acknowledged; what it gets twice it ignores.
 *
 * Cost: a copy of each commit for each reader; commits that concern none of its tables and bridges go as 20 bytes,
 * or many of them as 30.
 * Thread: configdb's main thread. Invariants: I6; never more than the window under way; one snapshot slice at a time in memory.
 */
#include "services/configdb/readers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/msg.h"
#include "services/configdb/merge.h"
#include "services/configdb/readers_one.h"

_Static_assert(sizeof(struct bus_identity) == 16, "no padding: it is hashed as bytes");

struct readers *readers_new(struct bus_socket *socket, struct rows *rows, struct ring *ring, struct status *status,
                            struct version last_epoch_end)
{
    struct readers *readers = memory_zeroed(sizeof *readers);
    readers->socket = socket;
    readers->rows = rows;
    readers->ring = ring;
    readers->status = status;
    readers->last_epoch_end = last_epoch_end;
    readers->unseen_due_ns = readers->retry_ns = UINT64_MAX;
    for (size_t i = 0; i < READERS_BATCHES; i++) {
        batch_init(&readers->batches[i].batch);
    }
    return readers;
}

static void readers_remove(struct readers *readers, struct readers_one *reader)
{
    HASH_DEL(readers->by_identity, reader);
    readers->n_readers--;
    row_errors_fini(&reader->errors);
    view_fini(&reader->view);
    bridge_set_fini(&reader->added);
    free(reader);
}

void readers_destroy(struct readers **readers)
{
    if (*readers == NULL) {
        return;
    }
    while ((*readers)->by_identity != NULL) {
        readers_remove(*readers, (*readers)->by_identity);
    }
    for (size_t i = 0; i < READERS_BATCHES; i++) {
        bus_shared_free(&(*readers)->batches[i].shared);
        batch_fini(&(*readers)->batches[i].batch);
    }
    free(*readers);
    *readers = NULL;
}

static struct readers_one *readers_find(const struct readers *readers, const struct bus_identity *who)
{
    struct readers_one *reader = NULL;
    HASH_FIND(hh, readers->by_identity, who, sizeof *who, reader);
    return reader;
}

static void reader_begin_snapshot(struct readers_one *reader)
{
    reader->state = READER_SNAPSHOT;
    reader->is_growing = false;
    reader->sent_upto = reader->acked_upto = 0;
    reader->next_piece = 0;
    reader->owes_resume = false;
    reader->retry_ns = 0;
    reader->n_snapshots++;
}

static void reader_start_snapshot(const struct readers *readers, struct readers_one *reader)
{
    reader_begin_snapshot(reader);
    bridge_set_fini(&reader->added);
    slice_start(&reader->slice, &reader->view, reader->serial, ring_newest(readers->ring));
}

/* What it has stays acknowledged, and nothing more, until it says so: up to what had been sent before. */
static void reader_start_partial(const struct readers *readers, struct readers_one *reader)
{
    reader_begin_snapshot(reader);
    reader->sent_upto = reader->acked_upto = ring_upto(readers->ring, reader->acked);
    slice_start_partial(&reader->slice, &reader->view, &reader->added, reader->serial, reader->added_after);
}

/* Once more, of whichever kind it was. */
static void reader_restart_snapshot(const struct readers *readers, struct readers_one *reader)
{
    if (reader->slice.is_partial && reader->added_after + 1 >= ring_oldest(readers->ring)) {
        reader_start_partial(readers, reader);
    } else {
        reader_start_snapshot(readers, reader);
    }
}

static void reader_follow(const struct readers *readers, struct readers_one *reader, uint64_t have)
{
    reader->state = READER_FOLLOW;
    reader->is_growing = false;
    reader->next = have + 1;
    reader->next_piece = 0;
    reader->looked = 0;
    reader->acked = have;
    reader->sent_upto = reader->acked_upto = ring_upto(readers->ring, have);
}

/* The commits after `have` under the new view, and beside them the rows of the bridges that are added. */
static void reader_grow(const struct readers *readers, struct readers_one *reader, uint64_t have)
{
    reader_follow(readers, reader, have);
    reader->is_growing = true;
    reader->retry_ns = 0;
    reader->pieces_sent = reader->pieces_had = 0;
    reader->n_snapshots++;
    slice_start_beside(&reader->slice, &reader->view, &reader->added, reader->serial);
}

/* Makes room for one more: the one not heard for the longest time goes. */
static void readers_make_room(struct readers *readers)
{
    struct readers_one *oldest = readers->by_identity;
    for (struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        oldest = reader->heard_ns < oldest->heard_ns ? reader : oldest;
    }
    LOG_LIMITED(LOG_LEVEL_WARN, "reader_evicted reader=%s.%u limit=%d", process_kind_name(oldest->who.kind),
                oldest->who.instance, READERS_MAX);
    readers_remove(readers, oldest);
}

/* True when it did not have all of these tables before. */
static bool reader_take_view(struct readers_one *reader, const Busbar__Subscribe *message)
{
    uint32_t tables = 0, before = reader->view.tables;
    for (size_t i = 0; i < message->n_tables; i++) {
        tables |=
            message->tables[i] < CFG_TABLE_MAX && cfg_table_info(message->tables[i]) != NULL ? 1u << message->tables[i] : 0;
    }
    bool is_by_bridge = message->by_bridge && message->n_bridges <= READERS_BRIDGES_MAX;
    bridge_set_assign(&reader->view.bridges, message->bridges, is_by_bridge ? message->n_bridges : 0);
    bridge_set_assign(&reader->added, message->added, is_by_bridge && message->n_added <= READERS_BRIDGES_MAX ? message->n_added : 0);
    reader->view.bridges.is_all = !is_by_bridge;
    bridge_set_keep(&reader->added, &reader->view.bridges);
    reader->view.tables = tables;
    reader->serial = message->serial;
    return (tables & ~before) != 0 && before != 0;
}

/* Up to which commit it can have applied all. */
static uint64_t reader_sent_n(const struct readers_one *reader)
{
    return reader->state == READER_FOLLOW ? reader->next - 1 : reader->slice.is_partial ? reader->sent_before : reader->acked;
}

void readers_subscribe(struct readers *readers, const struct bus_identity *from, const Busbar__Subscribe *message,
                       uint64_t now_ns)
{
    struct readers_one *reader = readers_find(readers, from);
    if (reader == NULL) {
        if (readers->n_readers >= READERS_MAX) {
            readers_make_room(readers);
        }
        reader = memory_zeroed(sizeof *reader);
        reader->who = *from;
        row_errors_init(&reader->errors);
        HASH_ADD(hh, readers->by_identity, who, sizeof reader->who, reader);
        readers->n_readers++;
        log_debug("reader_new reader=%s.%u", process_kind_name(from->kind), from->instance);
    }
    uint64_t sent_n = reader_sent_n(reader);
    bool has_new_tables = reader_take_view(reader, message);
    /* What is merged is made for readers of all bridges; the others get their few rows in batches. */
    reader->takes_merged = message->takes_merged && reader->view.bridges.is_all;
    reader->takes_batches = message->takes_batches || reader->takes_merged;
    reader->takes_beside = message->takes_beside;
    reader->told_soon = 0;
    readers->wants_walk = true;
    reader->is_lost = false;
    reader->owes_resume = false;
    reader->status_serial = 0;
    reader->heard_ns = now_ns;
    struct version have = version_decode(message->have);
    uint64_t newest = ring_newest(readers->ring);
    bool is_this_epoch =
        have.epoch == ring_epoch(readers->ring) && have.n <= newest && have.n + 1 >= ring_oldest(readers->ring);
    bool is_seam = have.epoch == readers->last_epoch_end.epoch && have.n == readers->last_epoch_end.n &&
                   have.n + 1 >= ring_oldest(readers->ring);
    bool is_unfilterable = message->n_added > READERS_BRIDGES_MAX || (message->n_added > 0 && reader->view.bridges.is_all);
    if (have.n == 0 || has_new_tables || is_unfilterable || !(is_this_epoch || is_seam)) {
        reader_start_snapshot(readers, reader);
        return;
    }
    if (message->n_added > 0 && reader->takes_beside) {
        reader_grow(readers, reader, have.n);
        return;
    }
    if (message->n_added > 0) { /* also when it has none of them among its bridges: it is answered as it asked */
        reader->added_after = reader->acked = have.n;
        reader->sent_before = sent_n > have.n ? sent_n : have.n;
        reader_start_partial(readers, reader);
        return;
    }
    reader_follow(readers, reader, have.n);
    reader->owes_resume = have.n == newest;
}

void readers_applied(struct readers *readers, const struct bus_identity *from, const Busbar__Applied *message)
{
    struct readers_one *reader = readers_find(readers, from);
    struct version version = version_decode(message->version);
    if (reader != NULL && reader->is_growing && message->serial == reader->serial && message->pieces > reader->pieces_had) {
        reader->pieces_had = message->pieces < reader->pieces_sent ? message->pieces : reader->pieces_sent;
        readers->wants_walk = true;
    }
    /* The seam: what was applied of the last epoch is what this one begins with. Later ones of the last epoch say nothing here. */
    bool is_mine = version.epoch == ring_epoch(readers->ring);
    if (reader == NULL || !is_mine || version.n > ring_newest(readers->ring)) {
        return;
    }
    uint64_t sent = reader_sent_n(reader);
    uint64_t upto = version.n < sent ? version.n : sent;
    if (reader->acked < upto) {
        reader->acked = upto;
        reader->acked_upto = ring_upto(readers->ring, upto);
    }
    for (size_t i = 0; i < message->n_errors; i++) {
        row_errors_note(&reader->errors, from, message->errors[i]);
        readers->has_errors = true;
    }
}

void readers_heard(struct readers *readers, const struct bus_identity *from, uint64_t now_ns)
{
    struct readers_one *reader = readers_find(readers, from);
    if (reader == NULL) {
        return;
    }
    reader->heard_ns = now_ns;
    if (reader->is_lost) {
        readers->wants_walk = true;
        reader->is_lost = false;
        if (reader->state == READER_SNAPSHOT) {
            reader_restart_snapshot(readers, reader);
        } else if (reader->is_growing) {
            reader_grow(readers, reader, reader->acked);
        } else {
            reader_follow(readers, reader, reader->acked);
        }
    }
}

void readers_replied(struct readers *readers, const struct bus_identity *to)
{
    struct readers_one *reader = readers_find(readers, to);
    if (reader != NULL && !reader->view.bridges.is_all) {
        reader->told_soon = ring_newest(readers->ring);
    }
}

void readers_left(struct readers *readers, const struct bus_identity *who, uint64_t now_ns)
{
    struct readers_one *reader = readers_find(readers, who);
    uint64_t silent_ns = READERS_SILENCE_NS + 1;
    if (reader != NULL && now_ns - reader->heard_ns < silent_ns) {
        reader->heard_ns = now_ns > silent_ns ? now_ns - silent_ns : 0;
    }
}

void readers_pushed(struct readers *readers, const struct ring_entry *entry)
{
    if (!readers->has_errors) {
        return;
    }
    readers->has_errors = false;
    for (struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        row_errors_forget(&reader->errors, entry);
        readers->has_errors = readers->has_errors || reader->errors.n > 0;
    }
}

/* What a send to the reader came to; true when it went out. */
static bool reader_sent(struct readers_one *reader, int err)
{
    if (err == -ERROR_NOT_CONNECTED) {
        reader->is_lost = true;
    } else if (err != 0 && err != -EAGAIN) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "reader_send_failed reader=%s.%u error=\"%s\"", process_kind_name(reader->who.kind),
                    reader->who.instance, error_text(err));
    }
    return err == 0;
}

static bool reader_send(struct readers *readers, struct readers_one *reader, enum message_type type, const void *bytes,
                        size_t size)
{
    return reader_sent(reader, bus_send(readers->socket, &reader->who, type, bytes, size));
}

static bool reader_send_bytes(struct readers *readers, struct readers_one *reader, enum message_type type,
                              const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = memory_zeroed(size + 1);
    protobuf_c_message_pack(message, bytes);
    bool is_sent = reader_send(readers, reader, type, bytes, size);
    free(bytes);
    return is_sent;
}

/* True when there is more and the last piece went out. */
static bool readers_send_snapshot(struct readers *readers, struct readers_one *reader)
{
    for (int i = 0; i < READERS_SLICES_PER_STEP; i++) {
        struct slice ahead = reader->slice;
        struct writer body;
        writer_init(&body);
        bool is_last = false;
        int err = slice_next(&ahead, readers->rows, readers->ring, &body, &is_last);
        bool is_sent = err == 0 && reader_send(readers, reader, MESSAGE_SNAPSHOT, body.bytes, body.size);
        writer_fini(&body);
        if (err == -ERROR_CONFLICT) {
            log_info("reader_snapshot_again reader=%s.%u why=\"commits outran the ring\"", process_kind_name(reader->who.kind),
                     reader->who.instance);
            reader_start_snapshot(readers, reader);
            return true;
        }
        if (err != 0) {
            LOG_LIMITED(LOG_LEVEL_ERROR, "reader_snapshot_failed error=\"%s\"", error_text(err));
        }
        if (!is_sent) {
            return false;
        }
        reader->slice = ahead;
        if (is_last) {
            uint64_t acked = ahead.is_partial ? reader->acked : ahead.version;
            reader_follow(readers, reader, ahead.version);
            reader->acked = acked;
            reader->acked_upto = ring_upto(readers->ring, acked);
            return true;
        }
    }
    return true;
}

/* Up to which commit all has gone out; 0 amid the pieces of one, at which nothing may be joined (I6). */
static uint64_t reader_told(const struct readers_one *reader)
{
    return reader->next_piece == 0 ? reader->next - 1 : 0;
}

/* Pieces beside the commits, while not too many are under way. True when there is more that only a further step holds back. */
static bool readers_send_beside(struct readers *readers, struct readers_one *reader)
{
    bool is_last = false;
    for (int i = 0; i < READERS_SLICES_PER_STEP && reader->pieces_sent - reader->pieces_had < READERS_PIECES; i++) {
        struct slice ahead = reader->slice;
        struct writer body;
        ahead.told = reader_told(reader);
        if (slice_is_waiting(&ahead)) {
            return i > 0; /* the rows have just ended: the commits up to there need wait for nothing now */
        }
        writer_init(&body);
        int err = slice_next(&ahead, readers->rows, readers->ring, &body, &is_last);
        bool is_sent = err == 0 && reader_send(readers, reader, MESSAGE_SNAPSHOT, body.bytes, body.size);
        writer_fini(&body);
        if (err != 0) {
            LOG_LIMITED(LOG_LEVEL_ERROR, "reader_snapshot_failed error=\"%s\"", error_text(err));
        }
        if (!is_sent) {
            reader->retry_ns = readers->step_ns + READERS_RETRY_NS;
            return false;
        }
        reader->slice = ahead;
        reader->pieces_sent++;
        reader->told_soon = ahead.has_rows ? ahead.version : reader->told_soon;
        reader->is_growing = !is_last;
        if (is_last) {
            return false;
        }
    }
    return reader->pieces_sent - reader->pieces_had < READERS_PIECES;
}

/* The rows of one piece of a commit that are the reader's; entry NULL: version n without rows. */
static bool reader_send_filtered(struct readers *readers, struct readers_one *reader, const struct ring_entry *entry,
                                 uint64_t n)
{
    size_t size;
    uint8_t *bytes = batch_filtered(readers->ring, entry, reader->next_piece, n, &reader->view, &size);
    bool is_sent = bytes == NULL || reader_send(readers, reader, MESSAGE_DELTA, bytes, size);
    free(bytes);
    return is_sent;
}

static bool reader_send_entry(struct readers *readers, struct readers_one *reader, const struct ring_entry *entry)
{
    enum view_share share = view_share(&reader->view, entry);
    if (share == VIEW_NOTHING) {
        return reader_send_filtered(readers, reader, NULL, entry->n);
    }
    while (reader->next_piece < entry->n_pieces) {
        const struct ring_piece *piece = &entry->pieces[reader->next_piece];
        if (share == VIEW_WHOLE ? !reader_send(readers, reader, MESSAGE_DELTA, piece->bytes, piece->size)
                                : !reader_send_filtered(readers, reader, entry, entry->n)) {
            return false;
        }
        reader->next_piece++;
    }
    return true;
}

static bool reader_has_room(const struct readers_one *reader, size_t size)
{
    uint64_t versions = reader->next - 1 - reader->acked;
    return versions < READERS_WINDOW_VERSIONS && (versions == 0 || reader_under_way(reader) + size <= READERS_WINDOW_BYTES);
}

/* All up to `last` did. */
static void reader_went_out(const struct readers *readers, struct readers_one *reader, uint64_t last)
{
    reader->sent_upto = ring_upto(readers->ring, last);
    reader->next = last + 1;
    reader->next_piece = 0;
    reader->unseen_ns = 0;
    reader->owes_resume = false;
}

/* The largest batch of that place that there is room for, if one was made before, or the one that is to be made anew. One that is too large for this
 * reader stays: others share it. */
static struct readers_batch *readers_batch_at(struct readers *readers, const struct readers_one *reader, size_t max_versions, size_t max_bytes)
{
    struct readers_batch *best = NULL;
    for (size_t i = 0; i < READERS_BATCHES; i++) {
        struct readers_batch *made = &readers->batches[i];
        bool fits = made->is_merged == reader->takes_merged &&
                    batch_fits(&made->batch, readers->ring, &reader->view, reader->next, max_versions, max_bytes);
        best = fits && (best == NULL || made->batch.n > best->batch.n) ? made : best;
    }
    if (best == NULL) {
        readers->next_batch = (readers->next_batch + 1) % READERS_BATCHES;
        best = &readers->batches[readers->next_batch];
        best->batch.n = 0;
        best->is_merged = reader->takes_merged;
    }
    return best;
}

/* Has nothing that is new any row for this reader? Then it is told a little later, with much else: a wake-up costs it more than the rules it is spared. */
static bool reader_may_wait(struct readers *readers, struct readers_one *reader, uint64_t now_ns)
{
    uint64_t newest = ring_newest(readers->ring);
    uint64_t n = reader->looked > reader->next ? reader->looked : reader->next;
    const struct ring_entry *entry;
    if (reader->view.bridges.is_all || reader->owes_resume || reader->next_piece > 0 || reader->next > newest ||
        reader->next <= reader->told_soon || newest - reader->next >= BATCH_VERSIONS_MAX) {
        return false;
    }
    while (n <= newest && (entry = ring_entry(readers->ring, n)) != NULL && view_share(&reader->view, entry) == VIEW_NOTHING) {
        n++;
    }
    reader->looked = n;
    reader->unseen_ns = reader->unseen_ns == 0 ? now_ns : reader->unseen_ns;
    uint64_t due_ns = reader->unseen_ns + READERS_UNSEEN_NS;
    if (n <= newest || now_ns >= due_ns) {
        return false;
    }
    readers->unseen_due_ns = due_ns < readers->unseen_due_ns ? due_ns : readers->unseen_due_ns;
    return true;
}

/* Many commits in one message. False when the next one has to go alone. */
static bool reader_send_batch(struct readers *readers, struct readers_one *reader, bool *out_is_sent)
{
    size_t room = READERS_WINDOW_VERSIONS - (size_t)(reader->next - 1 - reader->acked);
    size_t bytes = reader_under_way(reader);
    size_t room_bytes = READERS_WINDOW_BYTES - (bytes < READERS_WINDOW_BYTES ? bytes : READERS_WINDOW_BYTES);
    if (!reader->takes_batches || reader->next_piece > 0 || reader->next == ring_newest(readers->ring)) {
        return false;
    }
    room = room < BATCH_VERSIONS_MAX ? room : BATCH_VERSIONS_MAX;
    room_bytes = room_bytes < BATCH_BYTES_MAX ? room_bytes : BATCH_BYTES_MAX;
    struct readers_batch *made = readers_batch_at(readers, reader, room, room_bytes);
    struct batch *batch = &made->batch;
    (reader->takes_merged ? merge_make : batch_make)(batch, readers->ring, &reader->view, reader->next, room, room_bytes);
    if (batch->n < 2) {
        return false;
    }
    if (made->shared_serial != batch->serial) {
        bus_shared_free(&made->shared);
        made->shared = bus_share(readers->socket, batch->body.bytes, batch->body.size);
        made->shared_serial = batch->serial;
    }
    enum message_type type = made->is_merged ? MESSAGE_DELTA_MERGED : MESSAGE_DELTA_BATCH;
    *out_is_sent = reader_sent(reader, bus_send_shared(readers->socket, &reader->who, type, made->shared));
    if (*out_is_sent) {
        reader_went_out(readers, reader, reader->next + batch->n - 1);
    }
    return true;
}

/* The answer to its SUBSCRIBE, where no commit is one: false when it has to be tried again. */
static bool readers_send_resume(struct readers *readers, struct readers_one *reader)
{
    reader->owes_resume = reader->owes_resume && !reader_send_filtered(readers, reader, NULL, reader->next - 1);
    return !reader->owes_resume;
}

static void readers_send_deltas(struct readers *readers, struct readers_one *reader)
{
    if (reader->next == ring_newest(readers->ring) + 1 && !readers_send_resume(readers, reader)) {
        return;
    }
    while (reader->next <= ring_newest(readers->ring) && reader->next >= ring_oldest(readers->ring)) {
        const struct ring_entry *entry = ring_entry(readers->ring, reader->next);
        bool is_sent = false;
        if (!reader_has_room(reader, entry->size)) {
            return;
        }
        if (!reader_send_batch(readers, reader, &is_sent)) {
            is_sent = reader_send_entry(readers, reader, entry);
            if (is_sent) {
                reader_went_out(readers, reader, entry->n);
            }
        }
        if (!is_sent) {
            return;
        }
        readers->n_sent++;
    }
}

enum { READERS_STATUS_ROWS = 256 /* in one message */ };

/* Sends what changed since the reader's place. */
static void readers_send_status(struct readers *readers, struct readers_one *reader)
{
    const struct status_row *row = NULL;
    Busbar__StatusRow rows[READERS_STATUS_ROWS];
    Busbar__StatusRow *pointers[READERS_STATUS_ROWS];
    Busbar__Status message = BUSBAR__STATUS__INIT;
    bool is_sent = true;
    message.rows = pointers;
    while (is_sent && reader->status_serial < status_serial(readers->status)) {
        uint64_t upto = reader->status_serial;
        message.n_rows = 0;
        while (message.n_rows < READERS_STATUS_ROWS && status_next(readers->status, reader->status_serial, &row) != NULL) {
            upto = row->serial;
            if ((reader->view.tables & 1u << row->table) == 0) {
                continue;
            }
            Busbar__StatusRow *out = &rows[message.n_rows];
            pointers[message.n_rows++] = out;
            busbar__status_row__init(out);
            out->table = row->table;
            out->id = row->id;
            out->value.data = row->value;
            out->value.len = row->size;
            out->ttl_ms = row->ttl_ms;
            out->deleted = row->is_deleted;
        }
        is_sent = message.n_rows == 0 || reader_send_bytes(readers, reader, MESSAGE_STATUS, &message.base);
        if (is_sent) {
            reader->status_serial = row == NULL ? status_serial(readers->status) : upto;
        }
    }
}

static bool readers_step_snapshot(struct readers *readers, struct readers_one *reader, uint64_t now_ns)
{
    bool has_more = false;
    int err = rows_begin_read(readers->rows);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "reader_read_failed error=\"%s\"", error_text(err));
    } else {
        has_more = readers_send_snapshot(readers, reader);
        rows_end(readers->rows);
    }
    reader->retry_ns = has_more ? 0 : now_ns + READERS_RETRY_NS;
    return has_more;
}

/* Beside the commits. */
static bool readers_step_growth(struct readers *readers, struct readers_one *reader, uint64_t now_ns)
{
    struct slice now = reader->slice;
    now.told = reader_told(reader);
    if (now_ns < reader->retry_ns || slice_is_waiting(&now)) {
        return false;
    }
    int err = rows_begin_read(readers->rows);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "reader_read_failed error=\"%s\"", error_text(err));
        reader->retry_ns = now_ns + READERS_RETRY_NS;
        return false;
    }
    bool has_more = readers_send_beside(readers, reader);
    rows_end(readers->rows);
    return has_more;
}

/* The rest after a large round, unless nobody has written for a moment: then there is nobody to leave the time to. */
static bool readers_is_pause(const struct readers *readers, uint64_t now_ns)
{
    return now_ns < readers->quiet_until_ns && now_ns - readers->seen_ns < READERS_SETTLE_NS;
}

static bool readers_step_reader(struct readers *readers, struct readers_one *reader, uint64_t now_ns)
{
    bool has_more = false;
    if (reader->is_lost) {
        return false;
    }
    if (reader->state == READER_FOLLOW && reader->next < ring_oldest(readers->ring)) {
        log_info("reader_fell_out reader=%s.%u next=%" PRIu64 " oldest=%" PRIu64, process_kind_name(reader->who.kind),
                 reader->who.instance, reader->next, ring_oldest(readers->ring));
        reader_start_snapshot(readers, reader);
    }
    if (reader->state == READER_SNAPSHOT && now_ns >= reader->retry_ns) {
        has_more = readers_step_snapshot(readers, reader, now_ns);
    }
    if (reader->state == READER_FOLLOW) {
        if (!readers_is_pause(readers, now_ns)) {
            if (!reader_may_wait(readers, reader, now_ns)) {
                readers_send_deltas(readers, reader);
            }
        } else {
            bool is_held = !readers_send_resume(readers, reader) || reader->next <= ring_newest(readers->ring);
            readers->is_held = readers->is_held || is_held;
        }
        has_more = (reader->is_growing && !reader->is_lost && readers_step_growth(readers, reader, now_ns)) || has_more;
        readers_send_status(readers, reader);
    }
    bool is_retry = reader->state == READER_SNAPSHOT || (reader->is_growing && reader->retry_ns > now_ns);
    if (is_retry && !has_more && !reader->is_lost) {
        readers->retry_ns = reader->retry_ns < readers->retry_ns ? reader->retry_ns : readers->retry_ns;
    }
    readers->wants_walk = readers->wants_walk || has_more;
    return has_more && !reader->is_lost;
}

/* A swctl that is gone does not come back under its identity; others may have lost their connection only. */
static bool reader_is_over(const struct readers_one *reader, uint64_t silent_ns)
{
    bool is_swctl = reader->who.kind == PROCESS_SWCTL;
    return (is_swctl && reader->is_lost) || silent_ns > (is_swctl ? READERS_SILENCE_NS : READERS_FORGET_NS);
}

bool readers_step(struct readers *readers, uint64_t now_ns)
{
    bool has_more = false;
    struct readers_one *reader, *next;
    if (readers->seen_n != ring_newest(readers->ring)) {
        readers->seen_n = ring_newest(readers->ring);
        readers->seen_ns = now_ns;
    }
    if (readers_is_pause(readers, now_ns) && !readers->wants_walk && now_ns < readers->retry_ns && readers->walked_serial == status_serial(readers->status) &&
        now_ns - readers->walked_ns < READERS_WALK_NS) {
        readers->is_held = true;
        readers->unseen_due_ns = UINT64_MAX; /* what waits for less than the pause goes out behind it */
        return false; /* a walk over a thousand readers costs as much as a transaction */
    }
    readers->n_sent = 0;
    readers->step_ns = now_ns;
    readers->is_held = false;
    readers->unseen_due_ns = readers->retry_ns = UINT64_MAX;
    readers->wants_walk = false;
    readers->walked_serial = status_serial(readers->status);
    readers->walked_ns = now_ns;
    HASH_ITER(hh, readers->by_identity, reader, next)
    {
        if (reader_is_over(reader, now_ns - reader->heard_ns)) {
            readers_remove(readers, reader);
            continue;
        }
        has_more = readers_step_reader(readers, reader, now_ns) || has_more;
    }
    if (readers->n_sent > READERS_UNPACED) {
        readers->quiet_until_ns = now_ns + readers->n_sent * READERS_MESSAGE_NS;
    }
    return has_more;
}

uint64_t readers_due_ns(const struct readers *readers)
{
    uint64_t settled_ns = readers->seen_ns + READERS_SETTLE_NS;
    uint64_t due_ns = readers->quiet_until_ns < settled_ns ? readers->quiet_until_ns : settled_ns;
    due_ns = readers->is_held ? due_ns : UINT64_MAX;
    due_ns = due_ns < readers->retry_ns ? due_ns : readers->retry_ns;
    return due_ns < readers->unseen_due_ns ? due_ns : readers->unseen_due_ns;
}
