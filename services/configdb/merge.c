/* Many commits as one.
 *
 *   ring:   101 {a, b}   102 {a}   103 {c}   104 {b gone}          a reader's place is 101
 *           └────────────── DELTA_MERGED ──────────────┘           since 101, version 104: {a of 102, c, b gone}
 *
 * Why: what a reader shows behind a commit is a state, and each state that it skips costs it nothing. With a thousand readers the bytes are what
 * costs (each is copied once for each of them): one row of a rule's commit is 70 bytes, its commit 90, and a row that changes again and again goes
 * once. The reader shows the whole of it in one step, so it sees 104 as it was and nothing in between (I6).
 *
 * The rows keep the order in which they were last changed. They are taken out of the packed Deltas as bytes; only table and id are read.
 * Cost: 0.1 us a row, once for all readers that stand at the same place. Thread: configdb's main thread.
 */
#include "services/configdb/merge.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/msg/authors.h"
#include "lib/msg/version.h"
#include "lib/msg/wire.h"

enum {
    MERGE_CHANGES_OF_DELTA = 2 << 3 | 2,  /* Delta.changes: field 2, bytes with a length in front */
    MERGE_CHANGES = 3 << 3 | 2,           /* DeltaMerged.changes */
    MERGE_ROW_TABLE = 1 << 3,             /* Row.table: field 1, a number */
    MERGE_ROW_ID = 2 << 3,
};

struct merge_row {
    uint64_t table, id;
    const uint8_t *bytes;
    size_t size;
    bool is_last; /* no later commit has it */
};
struct merge {
    struct merge_row *rows;
    size_t n, room;
    uint64_t authors;
    uint32_t tables;
    bool has_all_tables; /* each commit says which */
};

/* A field that is no number has its bytes in out_bytes. */
static uint64_t merge_field(struct reader *r, uint64_t *out_value, struct reader *out_bytes)
{
    uint64_t tag = wire_number(r);
    if ((tag & 7) == WIRE_BYTES) {
        *out_bytes = wire_bytes(r);
    } else {
        *out_value = wire_number(r);
    }
    return tag;
}

static void merge_add_row(struct merge *merge, struct reader bytes, uint32_t tables)
{
    struct merge_row row = {.bytes = bytes.pos, .size = reader_left(&bytes)};
    struct reader value;
    for (uint64_t tag = 0, number = 0; reader_left(&bytes) > 0 && !bytes.failed && tag != MERGE_ROW_ID;) { /* they are packed in the order of their numbers */
        tag = merge_field(&bytes, &number, &value);
        row.table = tag == MERGE_ROW_TABLE ? number : row.table;
        row.id = tag == MERGE_ROW_ID ? number : row.id;
    }
    if (row.table >= CFG_TABLE_MAX || (tables & 1u << row.table) == 0) {
        return;
    }
    if (merge->n == merge->room) {
        merge->room = merge->room * 2 + 256;
        merge->rows = memory_resize(merge->rows, merge->room * sizeof *merge->rows);
    }
    merge->rows[merge->n++] = row;
}

static void merge_add_commit(struct merge *merge, const struct ring_entry *entry, uint32_t tables)
{
    struct reader delta = reader_of(entry->pieces[0].bytes, entry->pieces[0].size);
    struct reader bytes;
    while ((entry->tables & tables) != 0 && reader_left(&delta) > 0 && !delta.failed) {
        uint64_t size = 0;
        if (merge_field(&delta, &size, &bytes) == MERGE_CHANGES_OF_DELTA) {
            merge_add_row(merge, bytes, tables);
        }
    }
}

/* Marks the newest of each row, beginning at the end. */
static void merge_mark(struct merge *merge)
{
    size_t n_places = 16;
    while (n_places < merge->n * 2) {
        n_places *= 2;
    }
    uint32_t *places = memory_array(n_places, sizeof *places); /* 0: free, else a row's index and 1 */
    for (size_t i = merge->n; i > 0; i--) {
        struct merge_row *row = &merge->rows[i - 1];
        size_t at = (row->id * 0x9e3779b97f4a7c15u + row->table * 0xc2b2ae3d27d4eb4fu) >> 20 & (n_places - 1);
        while (places[at] != 0 && (merge->rows[places[at] - 1].id != row->id || merge->rows[places[at] - 1].table != row->table)) {
            at = (at + 1) & (n_places - 1);
        }
        row->is_last = places[at] == 0;
        places[at] = row->is_last ? (uint32_t)i : places[at];
    }
    free(places);
}

static void merge_pack(const struct merge *merge, struct batch *batch)
{
    Busbar__Version version;
    Busbar__DeltaMerged head = BUSBAR__DELTA_MERGED__INIT;
    version_encode((struct version){.epoch = batch->epoch, .n = batch->from + batch->n - 1}, &version);
    head.version = &version;
    head.since = batch->from;
    head.authors = merge->authors;
    head.tables = merge->has_all_tables ? merge->tables : 0;
    busbar__delta_merged__pack(&head, writer_extend(&batch->body, busbar__delta_merged__get_packed_size(&head)));
    for (size_t i = 0; i < merge->n; i++) {
        const struct merge_row *row = &merge->rows[i];
        if (row->is_last) {
            writer_u8(&batch->body, MERGE_CHANGES);
            (void)wire_put(writer_extend(&batch->body, wire_size(row->size)), row->size);
            writer_bytes(&batch->body, row->bytes, row->size);
        }
    }
}

void merge_make(struct batch *batch, const struct ring *ring, const struct view *view, uint64_t from, size_t max_versions, size_t max_bytes)
{
    struct merge merge = {.authors = AUTHORS_NONE, .has_all_tables = true};
    const struct ring_entry *entry;
    size_t bytes = 0;
    if (batch_fits(batch, ring, view, from, max_versions, max_bytes)) {
        return;
    }
    batch_begin(batch, ring, view, from);
    while (batch->n < max_versions && (entry = ring_entry(ring, from + batch->n)) != NULL && entry->n_pieces == 1 && bytes + entry->size <= max_bytes) {
        merge_add_commit(&merge, entry, view->tables);
        merge.authors = authors_join(merge.authors, entry->authors);
        merge.tables |= entry->tables;
        merge.has_all_tables = merge.has_all_tables && entry->tables != 0;
        bytes += entry->size;
        batch->n++;
    }
    if (batch->n > 0) {
        merge_mark(&merge);
        merge_pack(&merge, batch);
    }
    free(merge.rows);
}
