/* Handler of packet-outs [OF1.3.5 §7.3.7].
 *
 * A packet-out must meet the tables as the changes before it on its session left them. While one of those is not committed its version is
 * not known, so the message is held, with the session's reading, until session.c hands it in again.
 * The ofagent's one thread. Nothing is buffered here, so a buffer id is always unknown.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/packet.h"

#include "lib/base/log.h"
#include "lib/base/memory.h"

/* What 1.5 says of the packet's way (metadata, tunnel, registers) is set before all that is to be done. */
static void add_known(struct of_packet_out *out)
{
    struct action_list list = {.items = NULL, .count = 0};

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        enum field_id field = (enum field_id)i;
        struct field_value mask = field_get(field, &out->match.mask);
        if (field_is_overlay(field) || field_table[i].set_rule != FIELD_SET_RW || field_table[i].offset < sizeof(struct flow_key) ||
            field_value_is_zero(mask)) {
            continue;
        }
        struct action set = {.type = ACTION_SET_FIELD,
                             .set_field = {.field = field, .value = field_get(field, &out->match.value), .mask = mask}};
        action_list_add(&list, &set);
    }
    for (size_t i = 0; i < out->actions.count; i++) {
        action_list_add(&list, &out->actions.items[i]);
    }
    action_list_fini(&out->actions);
    out->actions = list;
}

enum of_error_number on_packet_out_check(const struct of_packet_out *out, const struct flow_mod_context *context)
{
    return out->buffer_id != OF_NO_BUFFER ? OF_ERROR_BAD_REQUEST_BUFFER_UNKNOWN : flow_mod_check_actions(&out->actions, context);
}

enum of_error_number on_packet_out(struct session *session, struct of_message *message, const struct request *request)
{
    struct bridge *bridge = session->bridge;
    struct flow_mod_context context = bridge_flow_mod_context(bridge);
    struct version committed;

    enum of_error_number error = on_packet_out_check(&message->packet_out, &context);
    if (error != OF_ERROR_NONE) {
        return error;
    }
    if (inflight_committed(bridge->inflight, &committed) < session->last_batch) {
        session->held = memory_copy(request->bytes, request->size);
        session->held_size = request->size;
        return OF_ERROR_NONE;
    }
    add_known(&message->packet_out);
    struct version follow = session->last_batch != 0 ? committed : (struct version){0, 0};
    int err = packet_out(bridge->agent->packet, session, &message->packet_out, follow);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "packet-out-dropped bridge=%s error=\"%s\"", bridge->name, error_text(err));
    }
    return OF_ERROR_NONE;
}
