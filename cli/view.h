/* Rows as people see them: by table and name, the columns of columns.def as one JSON object each.
 *
 * Everything comes from the mirror; derived columns (ports of a bridge) are worked out here. One thread.
 */
#ifndef BUSBAR_CLI_VIEW_H
#define BUSBAR_CLI_VIEW_H

#include "cli/client.h"
#include "lib/cfg/value.h"

/* Ids to names and back; a name also finds a row that this command line makes (its label). */
struct value_names view_names(struct client *client);
/* What a row is called: the name, the target of a controller, "." for the switch. New text. */
char *view_row_name(const struct cfg *cfg, enum cfg_table table, uint64_t id);
/* All columns in the order of the schema, not set ones as null; groups and maps as objects. */
json_t *view_row(struct client *client, enum cfg_table table, uint64_t id, const ProtobufCMessage *row);
/* The column of such a row, NULL: a key that is not there. Lent. */
const json_t *view_column(const json_t *row, const struct schema_place *place);
/* The row of this name or id; a controller also by its bridge when it has one. -ERROR_NOT_FOUND, -ERROR_DUPLICATE. */
int view_find(struct client *client, enum cfg_table table, const char *word, uint64_t *out_id,
              struct error_detail *detail) MUST_CHECK;
/* All rows of any table, in id order: of configuration as view_row(), of others as configdb lists them. New array. */
int view_table(struct client *client, enum cfg_table table, json_t **out_rows, struct error_detail *detail) MUST_CHECK;

#endif
