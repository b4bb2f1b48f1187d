/* Handlers of what concerns the switch as a whole: echo, errors of the peer, features, configuration [OF1.3.5 §7.3.1-2].
 *
 * The answers are made from the bridge and the session. How fragments are treated is the bridge's, as in Open vSwitch, and kept in the owner row,
 * where the slowpath reads it. "normal" lets the ports of first fragments be matched, as the standard says and as Open vSwitch's nx-match does, so
 * those two are one here. Nobody reassembles: who asks for that finds by GET_CONFIG that nothing has changed, as with Open vSwitch.
 * The ofagent's one thread.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/owner.h"
#include "services/ofagent/ports.h"

#include "lib/base/log.h"
#include "lib/base/memory.h"

enum { ACTIONS_10 = 0xfff /* all twelve of OpenFlow 1.0 */ };

enum of_error_number on_echo_request(struct session *session, struct of_message *message, const struct request *request)
{
    struct of_message reply = {.type = OF_ECHO_REPLY, .xid = message->xid, .echo = message->echo};

    session_send(session, &reply);
    return OF_ERROR_NONE;
}

enum of_error_number on_echo_reply(struct session *session, struct of_message *message, const struct request *request)
{
    return OF_ERROR_NONE; /* that it came is what counts: session.c has noted when */
}

enum of_error_number on_error(struct session *session, struct of_message *message, const struct request *request)
{
    LOG_LIMITED(LOG_LEVEL_INFO, "openflow-error-received bridge=%s type=%u code=%u", session->bridge->name,
                message->error.wire.type, message->error.wire.code);
    return OF_ERROR_NONE;
}

enum of_error_number on_experimenter(struct session *session, struct of_message *message, const struct request *request)
{
    uint32_t experimenter = message->experimenter.experimenter;
    bool is_known = experimenter == OF_EXPERIMENTER_NICIRA || experimenter == OF_EXPERIMENTER_ONF;

    return is_known ? OF_ERROR_BAD_REQUEST_BAD_EXP_TYPE : OF_ERROR_BAD_REQUEST_BAD_EXPERIMENTER;
}

/* 1.0 tells the ports with the features. */
static void add_ports(const struct bridge *bridge, struct of_features *features)
{
    const Busbar__PortRow *row;
    uint64_t cursor = 0, id;

    while (ports_next(bridge, &cursor, &id, &row)) {
        features->ports = memory_resize(features->ports, (features->n_ports + 1) * sizeof *features->ports);
        features->ports[features->n_ports++] = ports_describe(bridge->agent, id, row);
    }
}

enum of_error_number on_features_request(struct session *session, struct of_message *message, const struct request *request)
{
    struct of_message reply = {.type = OF_FEATURES_REPLY,
                               .xid = message->xid,
                               .features = {.datapath_id = bridge_datapath_id(session->bridge),
                                            .n_buffers = 0,
                                            .n_tables = TABLE_COUNT,
                                            .capabilities = OF_CAPABILITY_FLOW_STATS | OF_CAPABILITY_TABLE_STATS |
                                                            OF_CAPABILITY_PORT_STATS | OF_CAPABILITY_GROUP_STATS}};

    if (session->version == OF_VERSION_10) {
        reply.features.capabilities = OF_CAPABILITY_FLOW_STATS | OF_CAPABILITY_TABLE_STATS | OF_CAPABILITY_PORT_STATS |
                                      OF_CAPABILITY_ARP_MATCH_IP;
        reply.features.actions = ACTIONS_10;
        add_ports(session->bridge, &reply.features);
    }
    session_send(session, &reply);
    of_message_fini(&reply);
    return OF_ERROR_NONE;
}

enum of_error_number on_get_config_request(struct session *session, struct of_message *message, const struct request *request)
{
    struct of_message reply = {.type = OF_GET_CONFIG_REPLY, .xid = message->xid, .config = session->config};

    reply.config.flags = session->bridge->fragments;
    session_send(session, &reply);
    return OF_ERROR_NONE;
}

enum of_error_number on_set_config(struct session *session, struct of_message *message, const struct request *request)
{
    struct bridge *bridge = session->bridge;

    if (message->config.flags != bridge->fragments && message->config.flags != OF_FRAG_REASM) {
        if (!bridge_is_writable(bridge)) {
            return OF_ERROR_SWITCH_CONFIG_FAILED_EPERM;
        }
        bridge->fragments = message->config.flags;
        owner_write(session, request->bytes, request->size, OF_ERROR_SWITCH_CONFIG_FAILED_EPERM);
    }
    session->config = message->config;
    return OF_ERROR_NONE;
}
