/* What a reader could not do: its errors by row, kept until the row changes.
 *
 * Embedded in the reader. Bounded: a reader that reports more has its newest left out. One thread.
 */
#ifndef BUSBAR_CONFIGDB_ROW_ERRORS_H
#define BUSBAR_CONFIGDB_ROW_ERRORS_H

#include "services/configdb/ring.h"

enum { ROW_ERRORS_MAX = 256 /* of one reader: more devices than can be missing by accident */ };

struct row_error;
struct row_errors {
    struct row_error *list; /* private */
    size_t n;
};

void row_errors_init(struct row_errors *errors);
void row_errors_fini(struct row_errors *errors);
/* Takes a report over; one of the same row replaces what was known. The text then begins with the reader's name. */
void row_errors_note(struct row_errors *errors, const struct bus_identity *reader, const Busbar__RowError *error);
/* The rows that this commit changed are looked at anew by the reader. */
void row_errors_forget(struct row_errors *errors, const struct ring_entry *entry);
void row_errors_each(const struct row_errors *errors, void (*each)(void *context, const Busbar__RowError *error),
                     void *context);

#endif
