/* From a decoded message to its handler: one table. See dispatch.h.
 *
 * What a slave may not do [OF1.3.5 §6.3.4] is a column of the table, so no handler has to remember it. A message that only a switch
 * may send, or that we do not know, has no handler and is answered with BAD_TYPE.
 * The ofagent's one thread. Invariant: every request without effect is answered by exactly one error.
 */
#include "services/ofagent/dispatch.h"

#include "lib/base/log.h"

struct row {
    handler *run;
    bool is_change; /* refused from a slave */
};

static const struct row rows[] = {
    [OF_ERROR] = {on_error, false},
    [OF_ECHO_REQUEST] = {on_echo_request, false},
    [OF_ECHO_REPLY] = {on_echo_reply, false},
    [OF_EXPERIMENTER] = {on_experimenter, false},
    [OF_FEATURES_REQUEST] = {on_features_request, false},
    [OF_GET_CONFIG_REQUEST] = {on_get_config_request, false},
    [OF_SET_CONFIG] = {on_set_config, false},
    [OF_PACKET_OUT] = {on_packet_out, true},
    [OF_FLOW_MOD] = {on_flow_mod, true},
    [OF_GROUP_MOD] = {on_group_mod, true},
    [OF_PORT_MOD] = {on_port_mod, true},
    [OF_TABLE_MOD] = {on_table_mod, true},
    [OF_MULTIPART_REQUEST] = {on_multipart_request, false},
    [OF_BARRIER_REQUEST] = {on_barrier_request, false},
    [OF_QUEUE_GET_CONFIG_REQUEST] = {on_queue_get_config_request, false},
    [OF_ROLE_REQUEST] = {on_role_request, false},
    [OF_GET_ASYNC_REQUEST] = {on_get_async_request, false},
    [OF_SET_ASYNC] = {on_set_async, false},
    [OF_METER_MOD] = {on_meter_mod, true},
    [OF_BUNDLE_CONTROL] = {on_bundle_control, true},
    [OF_BUNDLE_ADD] = {on_bundle_add, true},
    [OF_SET_FLOW_FORMAT] = {on_set_flow_format, false},
    [OF_FLOW_MOD_TABLE_ID] = {on_flow_mod_table_id, false},
    [OF_SET_PACKET_IN_FORMAT] = {on_set_packet_in_format, false},
    [OF_FLOW_AGE] = {on_flow_age, false},
    [OF_SET_CONTROLLER_ID] = {on_set_controller_id, false},
    [OF_RESUME] = {on_resume, true},
    [OF_FLOW_MONITOR_CANCEL] = {on_flow_monitor_cancel, false},
};

static enum of_error_number run(struct session *session, struct of_message *message, const struct request *request)
{
    size_t type = (size_t)message->type;

    if (type >= sizeof rows / sizeof rows[0] || rows[type].run == NULL) {
        return OF_ERROR_BAD_REQUEST_BAD_TYPE;
    }
    if (rows[type].is_change && session->role == OF_ROLE_SLAVE) {
        return OF_ERROR_BAD_REQUEST_IS_SLAVE;
    }
    return rows[type].run(session, message, request);
}

void dispatch(struct session *session, struct of_message *message, const uint8_t *bytes, size_t size)
{
    struct request request = {.bytes = bytes, .size = size};
    enum of_error_number error = run(session, message, &request);

    if (error != OF_ERROR_NONE) {
        LOG_LIMITED(LOG_LEVEL_INFO, "openflow-refused bridge=%s type=%s error=%s", session->bridge->name,
                    of_type_name((uint8_t)message->type), of_error_name(error));
        session_send_error(session, error, bytes, size);
    }
}
