/* What swctl may ask the slowpath: status, fdb-show, trace. */
#ifndef BUSBAR_SLOWPATH_CONTROL_H
#define BUSBAR_SLOWPATH_CONTROL_H

#include "lib/msg/control.h"
#include "services/slowpath/core.h"

int control_open(struct core *core, const char *endpoint, struct control_server **out_server) MUST_CHECK;

/* "ok", or what it lacks. */
const char *control_state(const struct core *core);

#endif
