/* What swctl may ask configdb: the rows of its command table. */
#ifndef BUSBAR_CONFIGDB_QUERY_H
#define BUSBAR_CONFIGDB_QUERY_H

#include "lib/msg/control.h"
#include "services/configdb/configdb.h"

extern const struct control_command query_commands[];
extern const size_t query_count;
/* context: the struct configdb. */
json_t *query_status(void *context);

#endif
