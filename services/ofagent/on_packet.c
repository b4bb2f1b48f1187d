/* Handlers of packet-outs [OF1.3.5 §7.3.7] and of packets that waited for a controller: NXT_RESUME.
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
#include "lib/model/action_check.h"
#include "lib/msg/continuation.h"

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

/* Or holds it until what the session asked before it is committed. */
static void send(struct session *session, struct of_packet_out *out, const struct of_packet_in *resumed, const struct request *request)
{
    struct bridge *bridge = session->bridge;
    struct version committed;

    if (inflight_committed(bridge->inflight, &committed) < session->last_batch) {
        session->held = memory_copy(request->bytes, request->size);
        session->held_size = request->size;
        return;
    }
    add_known(out);
    struct version follow = session->last_batch != 0 ? committed : (struct version){0, 0};
    int err = packet_out(bridge->agent->packet, session, out, resumed, follow);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "packet-out-dropped bridge=%s error=\"%s\"", bridge->name, error_text(err));
    }
}

enum of_error_number on_packet_out_check(const struct of_packet_out *out, const struct flow_mod_context *context)
{
    return out->buffer_id != OF_NO_BUFFER ? OF_ERROR_BAD_REQUEST_BUFFER_UNKNOWN : flow_mod_check_actions(&out->actions, context);
}

enum of_error_number on_packet_out(struct session *session, struct of_message *message, const struct request *request)
{
    struct flow_mod_context context = bridge_flow_mod_context(session->bridge);

    enum of_error_number error = on_packet_out_check(&message->packet_out, &context);
    if (error == OF_ERROR_NONE) {
        send(session, &message->packet_out, NULL, request);
    }
    return error;
}

static enum of_error_number check_list(const struct action_list *list, bool is_set, const struct flow_mod_context *context)
{
    if (action_list_check(list, NULL, is_set, NULL) != ACTION_FAULT_NONE) {
        return OF_ERROR_BAD_PROPERTY_BAD_VALUE; /* no rule had these */
    }
    return flow_mod_check_actions(list, context);
}

/* Would what is left be carried out? */
static enum of_error_number check_left(const struct continuation *left, const struct flow_mod_context *context)
{
    enum of_error_number error = check_list(&left->set, true, context);

    for (size_t i = 0; i < left->n_steps && error == OF_ERROR_NONE; i++) {
        error = check_list(&left->steps[i].instructions.apply, false, context);
        error = error != OF_ERROR_NONE ? error : check_list(&left->steps[i].instructions.write, true, context);
    }
    return error;
}

enum of_error_number on_resume(struct session *session, struct of_message *message, const struct request *request)
{
    const struct of_packet_in *in = &message->resume;
    struct flow_mod_context context = bridge_flow_mod_context(session->bridge);
    struct of_packet_out out = {.in_port = (uint32_t)field_value_to_u64(field_get(FIELD_IN_PORT, &in->match.value)), .match = in->match,
                                .data = in->data, .data_size = in->data_size};
    struct continuation left;
    struct error_detail detail = {""};

    if (continuation_read(in->continuation, in->continuation_size, &left, &detail) != 0 || in->continuation_size == 0) {
        LOG_LIMITED(LOG_LEVEL_INFO, "resume-refused bridge=%s what=\"%s\"", session->bridge->name, detail.text);
        return OF_ERROR_BAD_PROPERTY_BAD_VALUE;
    }
    enum of_error_number error = left.bridge == session->bridge->id ? check_left(&left, &context) : OF_ERROR_BAD_PROPERTY_BAD_VALUE;
    continuation_fini(&left);
    if (error == OF_ERROR_NONE) {
        send(session, &out, in, request);
        action_list_fini(&out.actions);
    }
    return error;
}
