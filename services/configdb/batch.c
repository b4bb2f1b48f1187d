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
 * did not ask for are packed again without them; that is the configuration, which is small.
 * Cost: a copy of the commits, once for all readers that stand at the same place. Thread: configdb's main thread.
 */
#include "services/configdb/batch.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/msg/version.h"

enum { BATCH_TAG = 1 << 3 | 2 /* DeltaBatch.deltas: field 1, bytes with a length in front */ };

struct batch_filter {
    Busbar__Row *rows;
    size_t n;
    uint32_t tables;
};

void batch_init(struct batch *batch)
{
    *batch = (struct batch){.n = 0};
    writer_init(&batch->body);
}

void batch_fini(struct batch *batch)
{
    writer_fini(&batch->body);
}

static void batch_filter_row(void *context, const Busbar__Row *row)
{
    struct batch_filter *filter = context;
    if ((filter->tables & 1u << row->table) == 0) {
        return;
    }
    filter->rows = memory_resize(filter->rows, (filter->n + 1) * sizeof *filter->rows);
    Busbar__Row *kept = &filter->rows[filter->n++];
    *kept = *row;
    kept->value.data = row->value.len > 0 ? memory_copy(row->value.data, row->value.len) : NULL;
}

uint8_t *batch_filtered(const struct ring *ring, const struct ring_entry *entry, uint64_t n, uint32_t tables, size_t *out_size)
{
    struct batch_filter filter = {.tables = tables};
    if (entry != NULL && (entry->tables & tables) != 0) {
        ring_entry_rows(entry, batch_filter_row, &filter);
    }
    Busbar__Version version;
    version_encode((struct version){.epoch = ring_epoch(ring), .n = n}, &version);
    Busbar__Delta delta = BUSBAR__DELTA__INIT;
    delta.version = &version;
    delta.last = true;
    delta.n_changes = filter.n;
    delta.changes = memory_array(filter.n + 1, sizeof *delta.changes);
    for (size_t i = 0; i < filter.n; i++) {
        delta.changes[i] = &filter.rows[i];
    }
    *out_size = busbar__delta__get_packed_size(&delta);
    uint8_t *bytes = memory_zeroed(*out_size + 1);
    busbar__delta__pack(&delta, bytes);
    for (size_t i = 0; i < filter.n; i++) {
        free(filter.rows[i].value.data);
    }
    free(filter.rows);
    free(delta.changes);
    return bytes;
}

static void batch_add(struct batch *batch, const uint8_t *delta, size_t size)
{
    size_t rest = size;
    writer_u8(&batch->body, BATCH_TAG);
    for (; rest >= 0x80; rest >>= 7) {
        writer_u8(&batch->body, (uint8_t)(rest | 0x80));
    }
    writer_u8(&batch->body, (uint8_t)rest);
    writer_bytes(&batch->body, delta, size);
    batch->n++;
}

bool batch_is_at(const struct batch *batch, const struct ring *ring, uint32_t tables, uint64_t from)
{
    return batch->n > 0 && batch->tables == tables && batch->from == from && batch->epoch == ring_epoch(ring) &&
           batch->newest == ring_newest(ring);
}

void batch_begin(struct batch *batch, const struct ring *ring, uint32_t tables, uint64_t from)
{
    writer_clear(&batch->body);
    batch->n = 0;
    batch->serial++;
    batch->tables = tables;
    batch->from = from;
    batch->epoch = ring_epoch(ring);
    batch->newest = ring_newest(ring);
}

void batch_make(struct batch *batch, const struct ring *ring, uint32_t tables, uint64_t from, size_t max_versions, size_t max_bytes)
{
    if (batch_is_at(batch, ring, tables, from) && batch->n <= max_versions && batch->body.size <= max_bytes) {
        return;
    }
    batch_begin(batch, ring, tables, from);
    const struct ring_entry *entry;
    while (batch->n < max_versions && (entry = ring_entry(ring, from + batch->n)) != NULL && entry->n_pieces == 1 &&
           batch->body.size + entry->size <= max_bytes) {
        size_t size = entry->pieces[0].size;
        if ((entry->tables & ~tables) == 0) {
            batch_add(batch, entry->pieces[0].bytes, size);
            continue;
        }
        uint8_t *bytes = batch_filtered(ring, entry, entry->n, tables, &size);
        batch_add(batch, bytes, size);
        free(bytes);
    }
}
