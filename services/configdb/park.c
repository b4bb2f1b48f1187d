/* The parked transactions: one list.
 *
 * With 256 entries at most a walk costs less than the transaction that causes it, so there is no index; while nothing is parked nothing here costs
 * more than a comparison. A commit marks those that wait for a row it touched; all that are marked are tried in the order in which they came. What a
 * transaction waits for is noted when it is parked: it may have a hundred thousand operations beside its waits.
 *
 * A writer who has died is told by nobody. One that lives repeats what is not answered every 500 ms (proto/README.md), so silence is the sign. When
 * configdb itself stood still nobody could be heard, and all get their time anew.
 *
 * Thread: configdb's main thread. Input: rows and operations that were checked. Invariant I9: the bounds in park.h, per writer too.
 */
#include "services/configdb/park.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"
#include "services/configdb/wait.h"

#define PARK_STANDSTILL_NS NS_PER_S

struct park {
    struct park_entry *entries;
    size_t n, bytes;
    uint64_t n_refused;
    uint64_t looked_ns;
};
/* A published commit beside the parked. */
struct park_look {
    struct park *park;
    const struct ring_entry *commit;
    size_t n_rows;
};

struct park *park_new(void)
{
    return memory_zeroed(sizeof(struct park));
}

void park_destroy(struct park **park)
{
    free(*park);
    *park = NULL;
}

static size_t park_of(const struct park *park, uint64_t start)
{
    size_t n = 0;
    const struct park_entry *entry;
    DL_FOREACH(park->entries, entry)
    {
        n += entry->from.start == start ? 1 : 0;
    }
    return n;
}

static void park_note_waits(struct park_entry *entry)
{
    const Busbar__Transact *message = entry->message;
    entry->waits = memory_array(WAIT_ROWS_MAX, sizeof *entry->waits);
    entry->n_waits = 0;
    entry->tables = 0;
    for (size_t i = 0; i < message->n_ops && entry->n_waits < WAIT_ROWS_MAX; i++) {
        const Busbar__Op *op = message->ops[i];
        if (op->kind == BUSBAR__OP_KIND__OP_WAIT && op->table < CFG_TABLE_MAX) {
            entry->waits[entry->n_waits++] = (struct park_wait){.table = op->table, .id = op->id};
            entry->tables |= 1u << op->table;
        }
    }
}

int park_add(struct park *park, struct park_entry *entry, struct error_detail *detail)
{
    int err = 0;
    if (park->n >= PARK_MAX) {
        err = error_set(detail, -ERROR_TOO_LARGE, "%d transactions wait already, which is the limit", PARK_MAX);
    } else if (park_of(park, entry->from.start) >= PARK_WRITER_MAX) {
        err = error_set(detail, -ERROR_TOO_LARGE, "%d transactions of this writer wait already, which is the limit", PARK_WRITER_MAX);
    } else if (park->bytes + entry->size > PARK_BYTES_MAX) {
        err = error_set(detail, -ERROR_TOO_LARGE, "transactions of %zu bytes of memory wait already; with this one it is more than the limit of %d",
                        park->bytes, PARK_BYTES_MAX);
    }
    if (err != 0) {
        park->n_refused++;
        return err;
    }
    entry->is_due = false;
    entry->why = NULL;
    park_note_waits(entry);
    DL_APPEND(park->entries, entry);
    park->n++;
    park->bytes += entry->size;
    return 0;
}

static bool park_waits_for(const struct park_entry *entry, const Busbar__Row *row)
{
    for (size_t i = 0; i < entry->n_waits; i++) {
        if (row->table == entry->waits[i].table && row->id == entry->waits[i].id) {
            return true;
        }
    }
    return false;
}

/* row NULL: any of the tables. */
static void park_mark(const struct park_look *look, const Busbar__Row *row)
{
    struct park_entry *entry;
    DL_FOREACH(look->park->entries, entry)
    {
        bool is_of = (entry->tables & look->commit->tables) != 0;
        entry->is_due = entry->is_due || (is_of && (row == NULL || park_waits_for(entry, row)));
    }
}

static void park_look_row(void *context, const Busbar__Row *row)
{
    struct park_look *look = context;
    if (look->n_rows++ < PARK_LOOK_ROWS) {
        park_mark(look, row);
    }
}

void park_changed(struct park *park, const struct ring_entry *commit)
{
    struct park_look look = {.park = park, .commit = commit};
    const struct park_entry *entry;
    bool is_waited_for = false;
    DL_FOREACH(park->entries, entry)
    {
        is_waited_for = is_waited_for || (entry->tables & commit->tables) != 0;
    }
    if (!is_waited_for) {
        return;
    }
    ring_entry_rows(commit, park_look_row, &look);
    if (look.n_rows > PARK_LOOK_ROWS) {
        park_mark(&look, NULL);
    }
}

void park_wake(struct park *park)
{
    struct park_entry *entry;
    DL_FOREACH(park->entries, entry)
    {
        entry->is_due = true;
    }
}

void park_heard(struct park *park, uint64_t start, uint64_t now_ns)
{
    struct park_entry *entry;
    DL_FOREACH(park->entries, entry)
    {
        entry->heard_ns = entry->from.start == start ? now_ns : entry->heard_ns;
    }
}

bool park_repeat(struct park *park, uint64_t start, uint64_t sequence, bool is_given_up)
{
    struct park_entry *entry;
    DL_FOREACH(park->entries, entry)
    {
        if (entry->from.start == start && entry->message->sequence == sequence) {
            entry->why = is_given_up ? "timed out: its writer has given it up" : entry->why;
            return true;
        }
    }
    return false;
}

/* After a gap in which nobody was heard. */
static void park_look_at_clock(struct park *park, uint64_t now_ns)
{
    bool stood_still = now_ns - park->looked_ns > PARK_STANDSTILL_NS;
    struct park_entry *entry;
    park->looked_ns = now_ns;
    if (!stood_still) {
        return;
    }
    DL_FOREACH(park->entries, entry)
    {
        entry->heard_ns = now_ns;
    }
}

struct park_entry *park_take(struct park *park, uint64_t now_ns)
{
    struct park_entry *entry;
    park_look_at_clock(park, now_ns);
    DL_FOREACH(park->entries, entry)
    {
        if (entry->why == NULL && now_ns >= entry->heard_ns + PARK_SILENCE_NS) {
            entry->why = "timed out: its writer is silent";
        }
        if (entry->is_due || entry->why != NULL || now_ns >= entry->over_ns) {
            DL_DELETE(park->entries, entry);
            park->n--;
            park->bytes -= entry->size;
            free(entry->waits);
            entry->waits = NULL;
            return entry;
        }
    }
    return NULL;
}

uint64_t park_due_ns(const struct park *park)
{
    uint64_t due_ns = UINT64_MAX;
    const struct park_entry *entry;
    DL_FOREACH(park->entries, entry)
    {
        uint64_t silent_ns = entry->heard_ns + PARK_SILENCE_NS;
        uint64_t mine_ns = entry->is_due || entry->why != NULL ? 0 : entry->over_ns < silent_ns ? entry->over_ns : silent_ns;
        due_ns = mine_ns < due_ns ? mine_ns : due_ns;
    }
    return due_ns;
}

size_t park_count(const struct park *park)
{
    return park->n;
}

uint64_t park_refused(const struct park *park)
{
    return park->n_refused;
}
