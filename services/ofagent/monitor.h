/* Flow monitors: controllers and tools that watch rules come and go [OF1.5.1 7.3.5.17]. One thread. */
#ifndef BUSBAR_OFAGENT_MONITOR_H
#define BUSBAR_OFAGENT_MONITOR_H

#include "lib/openflow/of_multipart.h"
#include "services/ofagent/flow_mod.h"
#include "services/ofagent/session.h"

enum { MONITORS_MAX = 1024 /* of a session: each costs a compare for each change */ };

/* Adds, changes or takes out what the request says: all of it or nothing. */
enum of_error_number monitors_request(struct session *session, const struct of_multipart_request *request);
/* What is there could not be shown: the monitors that the request has added are taken out. */
void monitors_undo(struct session *session, const struct of_multipart_request *request);
/* Whether the rule is one of those that the session is to be shown at first, by the monitors of this request. */
bool monitors_show(const struct of_multipart_request *request, const struct rule *rule, bool *out_with_instructions);
/* These changes are made: everybody who watches is told. `session` and `xid`: whose request they are; 0: nobody's. */
void monitors_tell(struct bridge *bridge, const struct flow_changes *changes, uint64_t session, uint32_t xid);
void monitors_drop(struct session *session);
bool monitors_watch(const struct bridge *bridge); /* does anybody? */

#endif
