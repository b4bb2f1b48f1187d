/* The second half of deleting bridges.
 *
 * A commit of LMDB holds no more than so many pages, and needs the room of what it deletes once more until it is done. So the rows go in slices, each a
 * commit, and slices become smaller when they do not fit. Nobody can tell them apart from one commit: all are of the version of the bridge, which is published
 * when the last is done. kill -9 between two leaves rows without a bridge; the next start drops them.
 *
 * Cost: a walk through the rows of the bridge and all groups and meters, 1 s a million rules. Thread: configdb's main thread. Invariant I8: what is told
 * to be gone is.
 */
#include "services/configdb/gone.h"

#include "services/configdb/derive.h"

/* Deletes `max` of the rows behind *cursor, in a commit; *cursor is the last of them then. */
static int gone_slice(struct rows *rows, struct overlay *gone, size_t max, const struct overlay_change **cursor, bool *out_is_end)
{
    const struct overlay_change *change = *cursor, *last = *cursor;
    int err = rows_begin(rows, ROWS_RUN);
    if (err != 0) {
        return err;
    }
    struct overlay *slice = overlay_new(rows);
    for (size_t n = 0; err == 0 && n < max && overlay_next(gone, &change) != NULL; n++) {
        ProtobufCMessage *row = NULL;
        last = change;
        err = overlay_get(slice, change->table, change->id, &row);
        if (err == 0) {
            err = overlay_delete(slice, change->table, change->id, row);
        }
        protobuf_c_message_free_unpacked(row, NULL);
    }
    err = err == 0 ? overlay_write(slice) : err;
    overlay_destroy(&slice);
    if (err != 0) {
        rows_end(rows);
        return err;
    }
    err = rows_commit(rows);
    if (err == 0) {
        *cursor = last;
        *out_is_end = change == NULL;
    }
    return err;
}

int gone_delete(struct rows *rows, const uint64_t *bridges, size_t n_bridges, struct overlay **out_gone)
{
    const struct overlay_change *last = NULL;
    size_t max = GONE_ROWS;
    bool is_end = false;
    int err = rows_begin_read(rows);
    if (err != 0) {
        return err;
    }
    struct overlay *gone = *out_gone = overlay_new(rows);
    for (size_t i = 0; err == 0 && i < n_bridges; i++) {
        err = derive_bridge_gone(rows, gone, bridges[i]);
    }
    rows_end(rows);
    while (err == 0 && !is_end) {
        err = gone_slice(rows, gone, max, &last, &is_end);
        if (store_error_passes(err) && max > GONE_ROWS_MIN) {
            max /= 2;
            err = 0;
        }
    }
    for (size_t i = 0; err == 0 && i < n_bridges; i++) {
        rows_forget_bridge(rows, bridges[i]);
    }
    if (err != 0) {
        overlay_cut(gone, last);
    }
    return err;
}
