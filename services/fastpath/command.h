/* What swctl may ask a fastpath: dp-dump-flows, dp-meters, dp-show, dp-stats, and its part of status. */
#ifndef BUSBAR_FASTPATH_COMMAND_H
#define BUSBAR_FASTPATH_COMMAND_H

#include "lib/msg/control.h"

extern const struct control_command command_table[];
extern const size_t command_count;
json_t *command_status(void *fastpath);

struct fastpath;
/* "ok", or what is wrong. */
const char *command_state(const struct fastpath *fastpath);
/* A tick's worth of the answers that take many. */
void command_step(struct fastpath *fastpath);
/* One of them could go on at once. */
bool command_is_busy(const struct fastpath *fastpath);
/* The process ends: forgets them; the control server answers the calls. */
void command_forget(struct fastpath *fastpath);

#endif
