/* The writers under way.
 *
 * Filled anew with every group: who is in it and who is held beside it. What is once held stays so until the group is published, since all that
 * comes later of that writer is behind it.
 * Cost: one look-up a transaction, one allocation a writer and group. Thread: configdb's main thread. Bound: there are no more writers than
 * transactions in the queue (commit.h).
 */
#include "services/configdb/writers.h"

#include <stdlib.h>
#include <uthash.h>

#include "lib/base/memory.h"

struct writer {
    uint64_t start;
    bool is_held;
    UT_hash_handle hh;
};
struct writers {
    struct writer *by_start;
};

struct writers *writers_new(void)
{
    return memory_zeroed(sizeof(struct writers));
}

void writers_destroy(struct writers **writers)
{
    if (*writers != NULL) {
        writers_clear(*writers);
        free(*writers);
        *writers = NULL;
    }
}

static struct writer *writers_find(const struct writers *writers, uint64_t start)
{
    struct writer *writer = NULL;
    HASH_FIND(hh, writers->by_start, &start, sizeof start, writer);
    return writer;
}

enum writers_place writers_place(const struct writers *writers, uint64_t start)
{
    const struct writer *writer = writers_find(writers, start);
    return writer == NULL ? WRITERS_FREE : writer->is_held ? WRITERS_HELD : WRITERS_GROUP;
}

void writers_note(struct writers *writers, uint64_t start, bool is_held)
{
    struct writer *writer = writers_find(writers, start);
    if (writer == NULL) {
        writer = memory_zeroed(sizeof *writer);
        writer->start = start;
        HASH_ADD(hh, writers->by_start, start, sizeof writer->start, writer);
    }
    writer->is_held = writer->is_held || is_held;
}

void writers_clear(struct writers *writers)
{
    struct writer *writer, *next;
    HASH_ITER(hh, writers->by_start, writer, next)
    {
        HASH_DEL(writers->by_start, writer);
        free(writer);
    }
}
