/* Handlers of Nicira's messages that shape a connection: flow format, tables in flow_mods, packet-in format, controller id.
 *
 * They change nothing but the session, so they are done at once and answered by silence. The ages of rules (FLOW_AGE) are always in the
 * statistics that have a place for them. The ofagent's one thread.
 */
#include "services/ofagent/dispatch.h"

enum of_error_number on_set_flow_format(struct session *session, struct of_message *message, const struct request *request)
{
    uint32_t format = message->number.number;

    if (format != OF_FLOW_FORMAT_10 && format != OF_FLOW_FORMAT_NXM) {
        return OF_ERROR_BAD_REQUEST_EPERM;
    }
    session->flow_format = format;
    return OF_ERROR_NONE;
}

enum of_error_number on_flow_mod_table_id(struct session *session, struct of_message *message, const struct request *request)
{
    session->has_table_id = message->flow_mod_table_id.is_set != 0;
    return OF_ERROR_NONE;
}

enum of_error_number on_set_packet_in_format(struct session *session, struct of_message *message, const struct request *request)
{
    if (message->number.number > OF_PACKET_IN_NXM2) {
        return OF_ERROR_BAD_REQUEST_EPERM;
    }
    session->packet_in_format = message->number.number;
    return OF_ERROR_NONE;
}

enum of_error_number on_flow_age(struct session *session, struct of_message *message, const struct request *request)
{
    return OF_ERROR_NONE;
}

enum of_error_number on_set_controller_id(struct session *session, struct of_message *message, const struct request *request)
{
    session->controller_id = message->controller_id.id;
    return OF_ERROR_NONE;
}
