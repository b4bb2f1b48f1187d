/* Snapshot pieces.
 *
 * A piece is packed by hand around rows that lie in LMDB's map: the message would otherwise be built from a struct a row. Only two fields
 * of Snapshot are repeated in it, so it is packed in parts: protobuf lets the parts of a message stand one behind the other, and repeated
 * fields add up.
 *
 * Rows of some bridges are found through the ranges of their ids (bridge_ids.c), always in the order of ids.
 *
 * One beside the deltas has rows as they are when they are read, of versions up to the newest of then; the deltas that follow say once more what they say
 * about them, and the last word counts. So when the deltas have come as far as the newest version at the last row, rows and deltas are one state.
 *
 * Cost: one copy of each row. Thread: configdb's main thread. Invariant: after the piece marked last, what was sent equals
 * the tables at its version (I6). Of a partial one: what the reader had, at any version from `have` on, with it laid over.
 */
#include "services/configdb/slice.h"

#include "lib/msg/version.h"

void slice_start(struct slice *slice, const struct view *view, uint64_t serial, uint64_t newest)
{
    *slice = (struct slice){.view = view, .bridges = &view->bridges, .serial = serial, .version = newest};
}

void slice_start_partial(struct slice *slice, const struct view *view, const struct bridge_set *added, uint64_t serial, uint64_t have)
{
    *slice = (struct slice){.view = view, .bridges = added, .serial = serial, .version = have, .is_partial = true};
}

void slice_start_beside(struct slice *slice, const struct view *view, const struct bridge_set *added, uint64_t serial)
{
    *slice = (struct slice){.view = view, .bridges = added, .serial = serial, .is_partial = true, .is_beside = true};
}

bool slice_is_waiting(const struct slice *slice)
{
    return slice->is_beside && slice->has_rows && slice->told < slice->version;
}

/* Appends a message to the piece: the parts of a protobuf message concatenate. */
static void slice_pack(struct writer *out, const Busbar__Snapshot *part)
{
    size_t size = busbar__snapshot__get_packed_size(part);
    busbar__snapshot__pack(part, writer_extend(out, size));
}

static void slice_pack_row(struct writer *out, Busbar__Row *row)
{
    Busbar__Snapshot part = BUSBAR__SNAPSHOT__INIT;
    part.rows = &row;
    part.n_rows = 1;
    slice_pack(out, &part);
}

/* Puts the walk to where the next rows may be. *last: up to there it goes on. False: there are none. */
static bool slice_seek(struct slice *slice, struct rows *rows, uint64_t *last, struct store_cursor **cursor)
{
    uint64_t first;
    if (*cursor != NULL && slice->id <= *last) {
        return true;
    }
    if (!rows_next_of(rows, slice->table, slice->bridges, slice->id, &first, last)) {
        return false;
    }
    if (*cursor == NULL || first != slice->id) {
        store_cursor_close(cursor);
        *cursor = rows_walk(rows, slice->table, first);
    }
    slice->id = first;
    return true;
}

/* Fills the piece with rows of the present table; 0 when the table is done, 1 when the piece is full. */
static int slice_table(struct slice *slice, struct rows *rows, struct writer *out)
{
    struct store_cursor *cursor = NULL;
    struct store_bytes value;
    uint64_t id, last = 0;
    size_t n_looks = 0;
    int err = 0;
    const size_t enough = slice->is_beside ? SLICE_BESIDE_BYTES : SLICE_BYTES;
    while (out->size < enough && n_looks++ < SLICE_LOOKS) {
        err = slice_seek(slice, rows, &last, &cursor) ? rows_walk_next(cursor, slice->table, &id, &value) : -ERROR_NOT_FOUND;
        if (err != 0) {
            break;
        }
        slice->id = id + 1;
        if (!bridge_set_takes(slice->bridges, slice->table, value.bytes, value.size)) {
            continue;
        }
        Busbar__Row row = BUSBAR__ROW__INIT;
        row.table = slice->table;
        row.id = id;
        row.value.data = (uint8_t *)(uintptr_t)value.bytes;
        row.value.len = value.size;
        slice_pack_row(out, &row);
    }
    store_cursor_close(&cursor);
    return err == 0 ? 1 : err == -ERROR_NOT_FOUND ? 0 : err;
}

struct slice_catch_up {
    struct writer *out;
    const struct view *view;
};

static void slice_changed_row(void *context, const Busbar__Row *row)
{
    const struct slice_catch_up *catch_up = context;
    Busbar__Row copy = *row;
    if (view_takes_row(catch_up->view, row)) {
        slice_pack_row(catch_up->out, &copy);
    }
}

static int slice_tables(struct slice *slice, struct rows *rows, const struct ring *ring, struct writer *out)
{
    uint32_t tables = slice->view->tables & (slice->is_partial ? (uint32_t)CFG_TABLES_BY_BRIDGE : UINT32_MAX);
    while (slice->table < CFG_TABLE_MAX) {
        enum rows_env env;
        if ((tables & 1u << slice->table) != 0 && rows_env_of(slice->table, &env)) {
            int rc = slice_table(slice, rows, out);
            if (rc != 0) {
                return rc < 0 ? rc : 0;
            }
        }
        slice->table++;
        slice->id = 0;
    }
    slice->has_rows = true;
    slice->version = slice->is_beside ? ring_newest(ring) : slice->version; /* no row that was read is of a later one */
    return 0;
}

/* Commits since the first slice (of a partial one: since `have`), as rows; a large commit over several pieces. */
static int slice_commits(struct slice *slice, const struct ring *ring, struct writer *out)
{
    struct slice_catch_up catch_up = {.out = out, .view = slice->view};
    while (slice->version < ring_newest(ring) && out->size < SLICE_BYTES) {
        const struct ring_entry *entry = ring_entry(ring, slice->version + 1);
        if (entry == NULL) {
            return -ERROR_CONFLICT;
        }
        if (view_share(slice->view, entry) != VIEW_NOTHING && slice->piece < entry->n_pieces) {
            ring_piece_rows(&entry->pieces[slice->piece++], slice_changed_row, &catch_up);
            continue;
        }
        slice->piece = 0;
        slice->version++;
    }
    return 0;
}

int slice_next(struct slice *slice, struct rows *rows, const struct ring *ring, struct writer *out, bool *out_is_last)
{
    Busbar__Snapshot frame = BUSBAR__SNAPSHOT__INIT;
    Busbar__Version version;
    frame.first = !slice->has_begun;
    frame.partial = slice->is_partial;
    frame.serial = slice->serial;
    slice->has_begun = true;
    if (!slice->is_beside && slice->version + 1 < ring_oldest(ring)) {
        return -ERROR_CONFLICT; /* at once: what it still needs does not come back */
    }
    int err = slice->has_rows ? 0 : slice_tables(slice, rows, ring, out);
    if (err == 0 && slice->has_rows && !slice->is_beside) {
        err = slice_commits(slice, ring, out);
    }
    if (err != 0) {
        return err;
    }
    frame.last = slice->has_rows && (slice->is_beside ? slice->told >= slice->version : slice->version == ring_newest(ring));
    version_encode((struct version){.epoch = ring_epoch(ring), .n = slice->is_beside ? slice->told : slice->version}, &version);
    frame.version = &version;
    slice_pack(out, &frame);
    *out_is_last = frame.last;
    return 0;
}
