/* Rows of the configuration in words: what a row is called, what it holds, and what differs between two pictures.
 *
 * Names instead of ids: ids mean nothing to people, and a row that came back has another one. JSON is the caller's.
 */
#ifndef BUSBAR_CONFIGDB_DESCRIBE_H
#define BUSBAR_CONFIGDB_DESCRIBE_H

#include <jansson.h>

#include "services/configdb/picture.h"

/* "eth0", "br0 tcp:10.0.0.1"; of a row without unique columns its id; "" of the switch. The caller frees. Rows that it refers to are looked for
 * in `picture`, then in `names`, which may be NULL. */
char *describe_name(const struct picture *picture, const struct picture *names, const struct picture_row *row);

/* What differs, by table and row: [{"table": "port", "row": "eth0", "change": "+" | "-" | "~", "columns": [{"column": "tag", "before": 1, "after":
 * 2}, ...]}, ...]; before or after is left out when the column is not set there. A row is the same one on both sides when its id
 * is, or, where that is not there, its name. */
json_t *describe_diff(struct picture *before, struct picture *after, const struct picture *names);

/* Whether some column refers to rows of this table. */
bool describe_is_referred_to(uint32_t table);

#endif
