/* What swctl may ask configdb: the rows of its command table. */
#ifndef BUSBAR_CONFIGDB_COMMAND_H
#define BUSBAR_CONFIGDB_COMMAND_H

#include "lib/msg/control.h"
#include "services/configdb/configdb.h"

extern const struct control_command command_table[];
extern const size_t command_count;
/* context: the struct configdb. */
json_t *command_status(void *context);

#endif
