/* A table as JSON: stored rows and status rows alike.
 *
 * One thread; no transaction may be open on the rows.
 */
#ifndef BUSBAR_CONFIGDB_LIST_H
#define BUSBAR_CONFIGDB_LIST_H

#include <jansson.h>

#include "services/configdb/rows.h"
#include "services/configdb/status.h"

enum { LIST_PIECE_ROWS = 1000 };

/* Takes an array of at most LIST_PIECE_ROWS objects over. */
typedef void list_each(void *context, json_t *rows);

/* The rows in id order, each an object with "id" and the columns that are set. -ERROR_UNKNOWN_NAME, -ERROR_DAMAGED. */
int list_table(struct rows *rows, const struct status *status, const char *table, list_each *each, void *context,
               struct error_detail *detail) MUST_CHECK;

#endif
