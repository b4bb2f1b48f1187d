/* Handlers of roles and of the filter of asynchronous messages [OF1.3.5 §6.3.4, §7.3.9-10].
 *
 * The generation id belongs to the bridge: it says which election of masters is the latest, and an older one is refused as stale. One
 * session becoming master makes the master before it a slave.
 * The ofagent's one thread. Invariant: at most one session of a bridge is master.
 */
#include "services/ofagent/dispatch.h"

enum { MISS_SEND_LEN_AFTER_ASYNC = 128 };

static bool is_stale(const struct bridge *bridge, uint64_t generation_id)
{
    return bridge->has_generation && (int64_t)(generation_id - bridge->generation_id) < 0;
}

static uint64_t generation_of(const struct bridge *bridge)
{
    return bridge->has_generation ? bridge->generation_id : UINT64_MAX;
}

/* The one that was is told, as the filter it had as a master says. */
static void take_mastership(struct session *session)
{
    for (struct session *other = session->bridge->sessions; other != NULL; other = other->next) {
        if (other == session || other->role != OF_ROLE_MASTER) {
            continue;
        }
        bool is_told = session_wants(other, other->async.role_status, OF_ROLE_MASTER_REQUEST);
        other->role = OF_ROLE_SLAVE;
        if (is_told) {
            struct of_message status = {.type = OF_ROLE_STATUS,
                                        .role_status = {.role = OF_ROLE_SLAVE,
                                                        .reason = OF_ROLE_MASTER_REQUEST,
                                                        .generation_id = generation_of(session->bridge)}};
            session_send(other, &status);
        }
    }
}

enum of_error_number on_role_request(struct session *session, struct of_message *message, const struct request *request)
{
    struct bridge *bridge = session->bridge;
    enum of_role_kind role = message->role.role;

    bool is_election = (role == OF_ROLE_MASTER || role == OF_ROLE_SLAVE) && message->form == OF_FORM_STANDARD;

    if (is_election) { /* Nicira's request has none */
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
        .form = message->form,
        .xid = message->xid,
        .role = {.role = session->role, .generation_id = generation_of(bridge)}};
    session_send(session, &reply);
    return OF_ERROR_NONE;
}

enum of_error_number on_get_async_request(struct session *session, struct of_message *message, const struct request *request)
{
    struct of_message reply = {.type = OF_GET_ASYNC_REPLY, .xid = message->xid, .async = session->async};

    reply.async.given = (1u << 2 * OF_ASYNC_KINDS) - 1;
    session_send(session, &reply);
    return OF_ERROR_NONE;
}

/* What the message does not say stays. Even properties are for slaves. */
static void set_masks(uint32_t masks[2], const uint32_t wanted[2], uint32_t given, unsigned kind)
{
    if ((given >> (2 * kind + 1) & 1) != 0) {
        masks[0] = wanted[0];
    }
    if ((given >> 2 * kind & 1) != 0) {
        masks[1] = wanted[1];
    }
}

/* Nicira's form makes a tool that said nothing of miss_send_len one that hears packets, as in Open vSwitch. */
enum of_error_number on_set_async(struct session *session, struct of_message *message, const struct request *request)
{
    const struct of_async *wanted = &message->async;
    struct of_async *async = &session->async;

    set_masks(async->packet_in, wanted->packet_in, wanted->given, 0);
    set_masks(async->port_status, wanted->port_status, wanted->given, 1);
    set_masks(async->flow_removed, wanted->flow_removed, wanted->given, 2);
    set_masks(async->role_status, wanted->role_status, wanted->given, 3);
    set_masks(async->table_status, wanted->table_status, wanted->given, 4);
    set_masks(async->requestforward, wanted->requestforward, wanted->given, 5);
    if (message->form != OF_FORM_STANDARD && session->controller == 0 && session->config.miss_send_len == 0) {
        session->config.miss_send_len = MISS_SEND_LEN_AFTER_ASYNC;
    }
    return OF_ERROR_NONE;
}
