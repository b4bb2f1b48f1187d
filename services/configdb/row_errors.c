/* Row errors of a reader.
 *
 * Why kept: "applied" means that a process has done what it could with a version, and a device that does not exist is for people to see
 * then and later, until somebody changes the row. Nearly always empty, so a list is enough; a commit is only looked through when
 * there is something to forget.
 * Thread: configdb's main thread. Input: reports of any reader, bounded by ROW_ERRORS_MAX, texts cut at 200 bytes (I9).
 */
#include "services/configdb/row_errors.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/base/memory.h"

struct row_error {
    Busbar__RowError error; /* text owned */
    struct row_error *next;
};

void row_errors_init(struct row_errors *errors)
{
    *errors = (struct row_errors){.list = NULL};
}

static void row_errors_remove(struct row_errors *errors, struct row_error *error)
{
    LL_DELETE(errors->list, error);
    errors->n--;
    free(error->error.text);
    free(error);
}

void row_errors_fini(struct row_errors *errors)
{
    while (errors->list != NULL) {
        row_errors_remove(errors, errors->list);
    }
}

static void row_errors_remove_row(struct row_errors *errors, uint32_t table, uint64_t id)
{
    struct row_error *error, *next;
    LL_FOREACH_SAFE(errors->list, error, next)
    {
        if (error->error.table == table && error->error.id == id) {
            row_errors_remove(errors, error);
        }
    }
}

void row_errors_note(struct row_errors *errors, const struct bus_identity *reader, const Busbar__RowError *error)
{
    row_errors_remove_row(errors, error->table, error->id);
    if (errors->n >= ROW_ERRORS_MAX) {
        return;
    }
    struct row_error *note = memory_zeroed(sizeof *note);
    busbar__row_error__init(&note->error);
    note->error.table = error->table;
    note->error.id = error->id;
    note->error.text = memory_format("%s.%u: %.200s", process_kind_name(reader->kind), reader->instance, error->text);
    LL_PREPEND(errors->list, note);
    errors->n++;
}

static void row_errors_forget_row(void *context, const Busbar__Row *row)
{
    row_errors_remove_row(context, row->table, row->id);
}

void row_errors_forget(struct row_errors *errors, const struct ring_entry *entry)
{
    if (errors->list != NULL) {
        ring_entry_rows(entry, row_errors_forget_row, errors);
    }
}

void row_errors_each(const struct row_errors *errors, void (*each)(void *context, const Busbar__RowError *error), void *context)
{
    const struct row_error *error;
    LL_FOREACH(errors->list, error)
    {
        each(context, &error->error);
    }
}
