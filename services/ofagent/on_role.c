/* Handlers of roles and of the filter of asynchronous messages [OF1.3.5 §6.3.4, §7.3.9-10].
 *
 * The generation id belongs to the bridge: it says which election of masters is the latest, and an older one is refused as stale. One
 * session becoming master makes the master before it a slave.
 * The ofagent's one thread. Invariant: at most one session of a bridge is master.
 */
#include "services/ofagent/dispatch.h"

static bool is_stale(const struct bridge *bridge, uint64_t generation_id)
{
    return bridge->has_generation && (int64_t)(generation_id - bridge->generation_id) < 0;
}

static void take_mastership(struct session *session)
{
    for (struct session *other = session->bridge->sessions; other != NULL; other = other->next) {
        if (other != session && other->role == OF_ROLE_MASTER) {
            other->role = OF_ROLE_SLAVE;
        }
    }
}

enum of_error_number on_role_request(struct session *session, struct of_message *message, const struct request *request)
{
    struct bridge *bridge = session->bridge;
    enum of_role_kind role = message->role.role;

    if (role == OF_ROLE_MASTER || role == OF_ROLE_SLAVE) {
        if (is_stale(bridge, message->role.generation_id)) {
            return OF_ERROR_ROLE_REQUEST_FAILED_STALE;
        }
        bridge->has_generation = true;
        bridge->generation_id = message->role.generation_id;
    }
    if (role == OF_ROLE_MASTER) {
        take_mastership(session);
    }
    if (role != OF_ROLE_NOCHANGE) {
        session->role = role;
    }
    struct of_message reply = {
        .type = OF_ROLE_REPLY,
        .xid = message->xid,
        .role = {.role = session->role, .generation_id = bridge->has_generation ? bridge->generation_id : UINT64_MAX}};
    session_send(session, &reply);
    return OF_ERROR_NONE;
}

enum of_error_number on_get_async_request(struct session *session, struct of_message *message, const struct request *request)
{
    struct of_message reply = {.type = OF_GET_ASYNC_REPLY, .xid = message->xid, .async = session->async};

    session_send(session, &reply);
    return OF_ERROR_NONE;
}

enum of_error_number on_set_async(struct session *session, struct of_message *message, const struct request *request)
{
    session->async = message->async;
    return OF_ERROR_NONE;
}
