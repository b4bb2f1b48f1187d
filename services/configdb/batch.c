/* Many commits in one message.
 *
 *   ring:   101  102  103  104  105 ...      a reader's place is 101
 *           └──── DELTA_BATCH ────┘          one message, the same bytes for every reader of these tables that stands there
 *
 * Why: a message to a reader costs some 10 us on both sides together, whatever is in it, and as much for its acknowledgement. With a thousand
 * readers a commit that goes out alone costs 20 ms of a core; fifty of them in one message cost the same. Commits stay what they
 * are: each has its version and is shown as a whole (I6).
 *
 * A Delta is in the ring packed already, so a batch is made by putting a tag and a length in front of each. Commits with rows that the reader
 * did not ask for are packed again without them; that is the configuration, which is small, or rules of several bridges in one
 * commit, piece by piece. Commits without rows for a reader by bridge that follow one another are one Delta, which says how many it stands for.
 * Cost: a copy of the commits, once for all readers that stand at the same place. Thread: configdb's main thread.
 */
#include "services/configdb/batch.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/msg/authors.h"
#include "lib/msg/version.h"

enum { BATCH_TAG = 1 << 3 | 2 /* DeltaBatch.deltas: field 1, bytes with a length in front */ };

struct batch_filter {
    Busbar__Row *rows;
    size_t n;
    const struct view *view;
};

void batch_init(struct batch *batch)
{
    *batch = (struct batch){.n = 0};
    writer_init(&batch->body);
}

void batch_fini(struct batch *batch)
{
    writer_fini(&batch->body);
    view_fini(&batch->view);
}

static void batch_filter_row(void *context, const Busbar__Row *row)
{
    struct batch_filter *filter = context;
    if (!view_takes_row(filter->view, row)) {
        return;
    }
    filter->rows = memory_resize(filter->rows, (filter->n + 1) * sizeof *filter->rows);
    Busbar__Row *kept = &filter->rows[filter->n++];
    *kept = *row;
    kept->value.data = row->value.len > 0 ? memory_copy(row->value.data, row->value.len) : NULL;
}

/* Packs a Delta; since: 0, or the first of the commits that it stands for. */
static uint8_t *batch_pack(const struct ring *ring, uint64_t n, uint64_t since, bool is_last, const struct batch_filter *filter,
                           size_t *out_size)
{
    const struct ring_entry *entry = since == 0 ? ring_entry(ring, n) : NULL;
    Busbar__Version version;
    version_encode((struct version){.epoch = ring_epoch(ring), .n = n}, &version);
    Busbar__Delta delta = BUSBAR__DELTA__INIT;
    delta.version = &version;
    delta.last = is_last;
    delta.since = since;
    delta.authors = entry != NULL ? entry->authors : AUTHORS_ALL;
    delta.tables = entry != NULL ? entry->tables : 0;
    delta.n_changes = filter->n;
    delta.changes = memory_array(filter->n + 1, sizeof *delta.changes);
    for (size_t i = 0; i < filter->n; i++) {
        delta.changes[i] = &filter->rows[i];
    }
    *out_size = busbar__delta__get_packed_size(&delta);
    uint8_t *bytes = memory_zeroed(*out_size + 1);
    busbar__delta__pack(&delta, bytes);
    free(delta.changes);
    return bytes;
}

uint8_t *batch_filtered(const struct ring *ring, const struct ring_entry *entry, size_t piece, uint64_t n, const struct view *view, size_t *out_size)
{
    struct batch_filter filter = {.view = view};
    bool is_last = entry == NULL || piece + 1 >= entry->n_pieces;
    if (entry != NULL && piece < entry->n_pieces) {
        ring_piece_rows(&entry->pieces[piece], batch_filter_row, &filter);
    }
    uint8_t *bytes = is_last || filter.n > 0 ? batch_pack(ring, n, 0, is_last, &filter, out_size) : NULL;
    for (size_t i = 0; i < filter.n; i++) {
        free(filter.rows[i].value.data);
    }
    free(filter.rows);
    return bytes;
}

static void batch_add(struct batch *batch, const uint8_t *delta, size_t size, size_t n_commits)
{
    size_t rest = size;
    writer_u8(&batch->body, BATCH_TAG);
    for (; rest >= 0x80; rest >>= 7) {
        writer_u8(&batch->body, (uint8_t)(rest | 0x80));
    }
    writer_u8(&batch->body, (uint8_t)rest);
    writer_bytes(&batch->body, delta, size);
    batch->n += n_commits;
}

bool batch_is_at(const struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from)
{
    return batch->n > 0 && batch->from == from && batch->epoch == ring_epoch(ring) && batch->newest == ring_newest(ring) &&
           view_equal(&batch->view, view);
}

bool batch_fits(const struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from, size_t max_versions, size_t max_bytes)
{
    return batch_is_at(batch, ring, view, from) && batch->n <= max_versions && batch->body.size <= max_bytes;
}

/* One Delta for all commits from here on that have nothing for readers by bridge; false when there are none. */
static bool batch_add_unseen(struct batch *batch, const struct ring *ring, size_t max_versions)
{
    const struct batch_filter nothing = {.n = 0};
    const struct ring_entry *entry;
    uint64_t since = batch->from + batch->n;
    size_t n = 0, size;
    while (!batch->view.bridges.is_all && batch->n + n < max_versions && (entry = ring_entry(ring, since + n)) != NULL &&
           view_share(&batch->view, entry) == VIEW_NOTHING) {
        n++;
    }
    if (n > 0) {
        uint8_t *bytes = batch_pack(ring, since + n - 1, n > 1 ? since : 0, true, &nothing, &size);
        batch_add(batch, bytes, size, n);
        free(bytes);
    }
    return n > 0;
}

static void batch_add_entry(struct batch *batch, const struct ring *ring, const struct ring_entry *entry)
{
    size_t size = entry->pieces[0].size;
    if (view_share(&batch->view, entry) == VIEW_WHOLE) {
        batch_add(batch, entry->pieces[0].bytes, size, 1);
        return;
    }
    uint8_t *bytes = batch_filtered(ring, entry, 0, entry->n, &batch->view, &size);
    batch_add(batch, bytes, size, 1);
    free(bytes);
}

void batch_begin(struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from)
{
    writer_clear(&batch->body);
    batch->n = 0;
    batch->serial++;
    if (!view_equal(&batch->view, view)) {
        view_copy(&batch->view, view);
    }
    batch->from = from;
    batch->epoch = ring_epoch(ring);
    batch->newest = ring_newest(ring);
}

void batch_make(struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from, size_t max_versions, size_t max_bytes)
{
    if (batch_fits(batch, ring, view, from, max_versions, max_bytes)) {
        return;
    }
    batch_begin(batch, ring, view, from);
    while (batch->n < max_versions) {
        if (batch_add_unseen(batch, ring, max_versions)) {
            continue;
        }
        const struct ring_entry *entry = ring_entry(ring, from + batch->n);
        if (entry == NULL || entry->n_pieces != 1 || batch->body.size + entry->size > max_bytes) {
            break;
        }
        batch_add_entry(batch, ring, entry);
    }
}
