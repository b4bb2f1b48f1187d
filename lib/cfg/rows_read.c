/* Deltas from bytes.
 *
 *   0a 04 .. │ 12 4c │ 08 04 │ 10 99 │ 1a 46 ...      a delta: its version, then its rows: table, id, value
 *            │       └ a row                └ 70 bytes of it, not copied: whoever keeps a row copies it anyhow
 *            └ field 2
 *
 * Why: rules come by the hundred thousand, to every process that mirrors them, and protobuf-c takes an allocation, a copy and a walk over descriptors for
 * each row. Whatever has other fields than these, or a field twice, is left to it.
 *
 * Cost: 25 ns a row. One thread. Input: what configdb sent. Twin: protobuf-c, in the test.
 */
#include "lib/cfg/rows_read.h"

#include "lib/bus/bus.h"
#include "lib/msg/wire.h"

enum { ROW_TABLE = 1, ROW_ID = 2, ROW_VALUE = 3, ROW_DELETED = 4 };
enum { VERSION = 1, BATCH_DELTAS = 1 };
enum { DELTA_CHANGES = 2, DELTA_LAST = 3, DELTA_SINCE = 4, DELTA_AUTHORS = 5, DELTA_TABLES = 6 };
enum { MERGED_SINCE = 2, MERGED_CHANGES = 3, MERGED_AUTHORS = 4, MERGED_TABLES = 5 };
enum { NUMBERS = 7 };

/* What deltas and merged ones have in common. */
struct delta_fields {
    Busbar__Version *version;
    Busbar__Row **rows;
    size_t n_rows;
    uint64_t numbers[NUMBERS]; /* by field */
};

static bool read_row(struct reader r, Busbar__Row *row)
{
    busbar__row__init(row);
    while (r.pos < r.end && !r.failed) {
        uint64_t tag = wire_number(&r), number = 0;
        if (tag == wire_tag(ROW_VALUE, WIRE_BYTES)) {
            struct reader value = wire_bytes(&r);
            row->value = (ProtobufCBinaryData){.len = reader_left(&value), .data = (uint8_t *)(uintptr_t)value.pos}; /* nobody writes there */
        } else if (tag == wire_tag(ROW_TABLE, WIRE_NUMBER) && (number = wire_number(&r)) <= UINT32_MAX) {
            row->table = (uint32_t)number;
        } else if (tag == wire_tag(ROW_ID, WIRE_NUMBER)) {
            row->id = wire_number(&r);
        } else if (tag == wire_tag(ROW_DELETED, WIRE_NUMBER)) {
            row->deleted = wire_number(&r) != 0;
        } else {
            return false;
        }
    }
    return !r.failed;
}

/* How many fields of this number there are; false: there is something that cannot be read. */
static bool count_fields(struct reader r, uint32_t field, size_t *out_n)
{
    *out_n = 0;
    while (r.pos < r.end) {
        uint64_t tag = wire_number(&r);
        if ((tag & 7) == WIRE_BYTES) {
            (void)wire_bytes(&r);
        } else if ((tag & 7) == WIRE_NUMBER) {
            (void)wire_number(&r);
        } else {
            return false;
        }
        *out_n += tag == wire_tag(field, WIRE_BYTES);
        if (r.failed) {
            return false;
        }
    }
    return true;
}

static bool read_version(struct msg_arena *arena, struct reader bytes, struct delta_fields *out)
{
    bool is_first = out->version == NULL && !bytes.failed;

    if (is_first) {
        out->version = busbar__version__unpack(&arena->allocator, reader_left(&bytes), bytes.pos);
    }
    return is_first && out->version != NULL;
}

/* numbers: a bit for each field that is one. */
static bool read_number(struct reader *r, uint64_t tag, unsigned numbers, struct delta_fields *out)
{
    bool is_number = (tag & 7) == WIRE_NUMBER && tag >> 3 < NUMBERS && (numbers >> (tag >> 3) & 1) != 0;

    if (is_number) {
        out->numbers[tag >> 3] = wire_number(r);
    }
    return is_number;
}

static bool read_fields(struct msg_arena *arena, struct reader r, uint32_t rows_field, unsigned numbers, struct delta_fields *out)
{
    size_t n;

    *out = (struct delta_fields){0};
    if (!count_fields(r, rows_field, &n)) {
        return false;
    }
    Busbar__Row *rows = n > 0 ? arena->allocator.alloc(arena, n * sizeof *rows) : NULL;
    out->rows = n > 0 ? arena->allocator.alloc(arena, n * sizeof(Busbar__Row *)) : NULL;
    while (r.pos < r.end) {
        uint64_t tag = wire_number(&r);
        if (tag == wire_tag(rows_field, WIRE_BYTES)) {
            out->rows[out->n_rows] = &rows[out->n_rows];
            if (!read_row(wire_bytes(&r), &rows[out->n_rows++])) {
                return false;
            }
        } else if (tag == wire_tag(VERSION, WIRE_BYTES) ? !read_version(arena, wire_bytes(&r), out) : !read_number(&r, tag, numbers, out)) {
            return false;
        }
    }
    return !r.failed;
}

static Busbar__Delta *read_delta(struct msg_arena *arena, struct reader r)
{
    struct delta_fields fields;

    if (r.failed || !read_fields(arena, r, DELTA_CHANGES, 1u << DELTA_LAST | 1u << DELTA_SINCE | 1u << DELTA_AUTHORS | 1u << DELTA_TABLES, &fields)) {
        return NULL;
    }
    Busbar__Delta *delta = arena->allocator.alloc(arena, sizeof *delta);
    busbar__delta__init(delta);
    delta->version = fields.version;
    delta->changes = fields.rows;
    delta->n_changes = fields.n_rows;
    delta->last = fields.numbers[DELTA_LAST] != 0;
    delta->since = fields.numbers[DELTA_SINCE];
    delta->authors = fields.numbers[DELTA_AUTHORS];
    delta->tables = (uint32_t)fields.numbers[DELTA_TABLES];
    return delta;
}

static Busbar__DeltaMerged *read_merged(struct msg_arena *arena, struct reader r)
{
    struct delta_fields fields;

    if (!read_fields(arena, r, MERGED_CHANGES, 1u << MERGED_SINCE | 1u << MERGED_AUTHORS | 1u << MERGED_TABLES, &fields)) {
        return NULL;
    }
    Busbar__DeltaMerged *merged = arena->allocator.alloc(arena, sizeof *merged);
    busbar__delta_merged__init(merged);
    merged->version = fields.version;
    merged->since = fields.numbers[MERGED_SINCE];
    merged->authors = fields.numbers[MERGED_AUTHORS];
    merged->tables = (uint32_t)fields.numbers[MERGED_TABLES];
    merged->changes = fields.rows;
    merged->n_changes = fields.n_rows;
    return merged;
}

static Busbar__DeltaBatch *read_batch(struct msg_arena *arena, struct reader r)
{
    size_t n;

    if (!count_fields(r, BATCH_DELTAS, &n) || n == 0) {
        return NULL;
    }
    Busbar__DeltaBatch *batch = arena->allocator.alloc(arena, sizeof *batch);
    busbar__delta_batch__init(batch);
    batch->deltas = arena->allocator.alloc(arena, n * sizeof(Busbar__Delta *));
    while (r.pos < r.end) {
        if (wire_number(&r) != wire_tag(BATCH_DELTAS, WIRE_BYTES) || (batch->deltas[batch->n_deltas++] = read_delta(arena, wire_bytes(&r))) == NULL) {
            return NULL;
        }
    }
    return batch;
}

ProtobufCMessage *rows_read(struct msg_arena *arena, uint32_t type, const uint8_t *bytes, size_t size)
{
    struct reader r = reader_of(bytes, size);

    msg_arena_clear(arena);
    if (type == MESSAGE_DELTA) {
        Busbar__Delta *delta = read_delta(arena, r);
        return delta != NULL ? &delta->base : NULL;
    }
    if (type == MESSAGE_DELTA_MERGED) {
        Busbar__DeltaMerged *merged = read_merged(arena, r);
        return merged != NULL ? &merged->base : NULL;
    }
    if (type == MESSAGE_DELTA_BATCH) {
        Busbar__DeltaBatch *batch = read_batch(arena, r);
        return batch != NULL ? &batch->base : NULL;
    }
    return NULL;
}
