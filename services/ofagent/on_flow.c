/* Handlers of rules: flow_mod and barrier [OF1.3.5 §7.3.4.1, §7.3.8].
 *
 * A flow_mod is checked and done in memory at once; the answer to a good one is silence, so what is left to do is to remember the request
 * until its transaction is committed. A barrier makes the session stop reading until session.c can answer it.
 * The ofagent's one thread.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"

#include <string.h>

enum of_error_number on_flow_mod(struct session *session, struct of_message *message, const struct request *request)
{
    struct bridge *bridge = session->bridge;
    struct flow_mod_context context = bridge_flow_mod_context(bridge);
    struct inflight_request pending = {.session = session->number};
    struct flow_changes changes;

    if (!bridge_is_writable(bridge)) {
        return session->version == OF_VERSION_10 ? OF_ERROR_FLOW_MOD_FAILED_EPERM : OF_ERROR_FLOW_MOD_FAILED_UNKNOWN;
    }
    bridge->agent->counts.flow_mods++;
    flow_changes_init(&changes);
    enum of_error_number error = flow_mod_apply(bridge->flows, &message->flow_mod, &context, &changes);
    if (error != OF_ERROR_NONE || changes.count == 0) {
        flow_changes_fini(&changes);
        return error;
    }
    pending.size = request->size < sizeof pending.head ? (uint16_t)request->size : (uint16_t)sizeof pending.head;
    memcpy(pending.head, request->bytes, pending.size);
    session->last_batch = bridge_note(bridge, &changes, &pending);
    return OF_ERROR_NONE;
}

enum of_error_number on_barrier_request(struct session *session, struct of_message *message, const struct request *request)
{
    session->waits_for_barrier = true;
    session->barrier_ns = session->bridge->agent->now_ns;
    session->bridge->agent->counts.barriers++;
    session->is_committed = false;
    session->barrier_xid = message->xid;
    return OF_ERROR_NONE;
}
