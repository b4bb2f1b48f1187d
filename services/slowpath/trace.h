/* What becomes of a packet, and where a flow comes from, for people and scripts: the commands `trace` and `explain` of the control wire.
 *
 * Both run the code that real packets meet, with learning off and nothing installed or counted.
 */
#ifndef BUSBAR_SLOWPATH_TRACE_H
#define BUSBAR_SLOWPATH_TRACE_H

#include "lib/msg/control.h"
#include "services/slowpath/core.h"

enum { TRACE_FRAME_MAX = 9216 /* bytes of a packet given in hex: a jumbo frame */ };

/* BRIDGE FLOW [HEX]: a packet as the text of a match with in_port, or in_port=N and the bytes of a frame. */
void trace_packet(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
/* FLOW-ID, as dp-dump-flows gives it: rules, groups, meters and addresses the flow was made from, and its translation now. */
void trace_explain(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);

#endif
