/* What others are told about readers: who has not applied a version, row errors, metrics, status.
 *
 * Apart from readers.c, which it only looks at: how far a reader is, is asked by AWAIT_APPLIED, by metrics and by people. One that takes a whole
 * snapshot counts as one that has applied nothing, since what it shows is about to be replaced by something else. Cost: a walk over the readers. Thread:
 * configdb's main thread. Never changes a reader.
 */
#include "services/configdb/readers_one.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/memory.h"

/* One that takes a whole snapshot has applied nothing; one that takes a partial one, what it had. */
static uint64_t readers_applied_n(const struct readers_one *reader)
{
    return reader->state == READER_FOLLOW || reader->slice.is_partial ? reader->acked : 0;
}

void readers_missing(const struct readers *readers, uint64_t n, uint32_t tables, uint64_t now_ns,
                     void (*missing)(void *context, const char *text), void *context)
{
    for (const struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        uint64_t silent_ns = now_ns - reader->heard_ns;
        bool counts = reader->who.kind != PROCESS_SWCTL && (reader->view.tables & tables) != 0 && silent_ns <= READERS_SILENCE_NS;
        bool has = readers_applied_n(reader) >= n && (n > 0 || reader->state == READER_FOLLOW);
        if (!counts || has) {
            continue;
        }
        char *text =
            memory_format("%s.%u applied %" PRIu64 ", last heard %" PRIu64 " ms ago%s", process_kind_name(reader->who.kind),
                          reader->who.instance, reader->acked, (uint64_t)(silent_ns / NS_PER_MS),
                          reader->state == READER_SNAPSHOT ? ", takes a snapshot" : "");
        missing(context, text);
        free(text);
    }
}

void readers_errors(const struct readers *readers, void (*each)(void *context, const Busbar__RowError *error), void *context)
{
    for (const struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        row_errors_each(&reader->errors, each, context);
    }
}

/* A service that is there. */
static bool readers_is_live(const struct readers_one *reader)
{
    return reader->who.kind != PROCESS_SWCTL && !reader->is_lost;
}

size_t readers_count(const struct readers *readers)
{
    size_t n = 0;
    for (const struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        n += readers_is_live(reader);
    }
    return n;
}

size_t readers_behind(const struct readers *readers)
{
    size_t n = 0;
    for (const struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        n += readers_is_live(reader) && readers_applied_n(reader) < ring_newest(readers->ring);
    }
    return n;
}

uint64_t readers_least_applied(const struct readers *readers)
{
    uint64_t least = ring_newest(readers->ring);
    for (const struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        uint64_t n = readers_is_live(reader) ? readers_applied_n(reader) : least;
        least = n < least ? n : least;
    }
    return least;
}

json_t *readers_json(const struct readers *readers, uint64_t now_ns)
{
    json_t *array = json_array();
    for (const struct readers_one *reader = readers->by_identity; reader != NULL; reader = reader->hh.next) {
        char *name = memory_format("%s.%u", process_kind_name(reader->who.kind), reader->who.instance);
        json_t *tables = json_array();
        for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
            if ((reader->view.tables & 1u << table) != 0) {
                json_array_append_new(tables, json_string(cfg_table_info(table)->name));
            }
        }
        json_array_append_new(
            array, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:o, s:i}", "reader", name, "applied",
                             (json_int_t)reader->acked, "lag", (json_int_t)(ring_newest(readers->ring) - reader->acked),
                             "under_way_bytes", (json_int_t)reader_under_way(reader), "snapshots", (json_int_t)reader->n_snapshots,
                             "silent_ms", (json_int_t)((now_ns - reader->heard_ns) / NS_PER_MS), "lost", (int)reader->is_lost,
                             "state", reader->state == READER_SNAPSHOT ? "snapshot" : reader->is_growing ? "grow" : "follow", "tables", tables, "row_errors",
                             (int)reader->errors.n));
        free(name);
    }
    return array;
}
