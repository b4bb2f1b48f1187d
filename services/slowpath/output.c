/* Ports as rules name them: a number, or one of the reserved ones [OF1.3.5 §4.5].
 *
 * A packet never leaves by the port it came in unless IN_PORT is named. Port configuration is obeyed here: NO_FWD and DOWN for every
 * output, NO_FLOOD for floods, NO_PACKET_IN for packet-ins of table-miss rules. The link's state is not: the datapath counts what it cannot
 * send, and a link that comes back needs no correction.
 * Cost: a search by halves an output; floods walk the bridge's ports. Thread: the one that translates.
 */
#include "services/slowpath/walk.h"

#include <string.h>

#include "lib/msg/pipeline_fields.h"

void output_to(struct walk *walk, const struct world_port *port)
{
    if ((port->config & (PORT_CONFIG_NO_FWD | PORT_CONFIG_DOWN)) != 0) {
        walk->reason = DROP_PORT_CONFIG;
        return;
    }
    if (port->peer != NULL) {
        patch_output(walk, port);
        return;
    }
    if (walk->truncate_to != 0) {
        struct dp_action truncate = {.type = DP_ACTION_TRUNCATE, .max_len = walk->truncate_to};
        walk_trace(walk, "truncated to %u bytes", walk->truncate_to);
        walk_emit(walk, &truncate);
    }
    walk_trace(walk, "output to %s", port->name);
    struct dp_action action = {.type = DP_ACTION_OUTPUT, .port = port->id};
    walk_emit(walk, &action);
}

/* What the rules have written beside the packet is the same for all packets of the flow: it follows from constants and from what was looked at. */
static void emit_pipeline_fields(struct walk *walk, struct dp_action *action)
{
    uint8_t bytes[DP_PIPELINE_MAX];
    struct flow_state mask = {.metadata = be64(UINT64_MAX), .tunnel_id = be64(UINT64_MAX)};
    memset(mask.reg, 0xff, sizeof mask.reg);
    size_t size = pipeline_fields_write(&walk->state, bytes);
    if (walk->pause.left != NULL) {
        uint8_t *rest = pipeline_fields_begin_rest(bytes, size);
        size_t n = continuation_write(walk->pause.left, rest, (size_t)(bytes + sizeof bytes - rest));
        if (n == 0) {
            walk_refuse(walk, DROP_PIPELINE_LIMIT);
            return;
        }
        size = (size_t)(rest - bytes) + n;
    }
    action->controller.n_pipeline = (uint16_t)size;
    walk_look(walk, &mask);
    for (size_t at = 0; at < size; at += DP_USERDATA_SIZE) {
        struct dp_action item = {.type = DP_ACTION_USERDATA};
        memcpy(item.userdata.bytes, bytes + at, size - at < DP_USERDATA_SIZE ? size - at : DP_USERDATA_SIZE);
        walk_emit(walk, &item);
    }
}

/* The items of user data stand before the action, so that what has an effect stays last. */
static void emit_controller(struct walk *walk, struct dp_action *action, const struct action *of)
{
    emit_pipeline_fields(walk, action);
    size_t left = of != NULL ? of->controller.n_data : 0;
    action->controller.n_userdata = (uint16_t)left;
    for (size_t i = 1; left > 0; i++) {
        const struct action *data = &of[i];
        struct dp_action item = {.type = DP_ACTION_USERDATA};
        size_t n = data->data.n_bytes < left ? data->data.n_bytes : left;
        memcpy(item.userdata.bytes, data->data.bytes, n);
        walk_emit(walk, &item);
        left -= n;
    }
    walk_emit(walk, action);
}

static void to_controller(struct walk *walk, uint16_t max_len, enum packet_in_reason reason, const struct action *of)
{
    bool is_rules_miss = walk->rule != NULL && walk->rule->is_table_miss && reason == PACKET_IN_ACTION;
    bool is_miss = is_rules_miss || reason == PACKET_IN_NO_RULE;
    if (is_miss && walk->in_port != NULL && (walk->in_port->config & PORT_CONFIG_NO_PACKET_IN) != 0) {
        walk->reason = DROP_PORT_CONFIG;
        return;
    }
    struct dp_action action = {.type = DP_ACTION_CONTROLLER};
    action.controller.bridge = walk->bridge->id;
    action.controller.cookie = walk->rule != NULL ? walk->rule->cookie : is_miss ? 0 : walk->cookie;
    action.controller.rule_table = walk->table;
    action.controller.max_len = max_len;
    action.controller.in_port = walk->has_crossed ? walk->in_port->id : 0;
    action.controller.reason = (uint8_t)(is_rules_miss ? PACKET_IN_NO_MATCH : reason);
    action.controller.id = of != NULL ? of->controller.controller_id : 0;
    walk_trace(walk, "output to the controller%s", reason == PACKET_IN_NO_RULE ? "s of OpenFlow 1.0" : "");
    walk->out->uses_meters = true;
    uint32_t meter_id = of != NULL && of->controller.meter_id != 0 ? of->controller.meter_id : METER_CONTROLLER;
    if (world_meter(walk->input->world, walk->bridge->id, meter_id) == 0) {
        emit_controller(walk, &action, of);
        return;
    }
    struct walk_copy copy; /* what the meter drops goes on here */
    walk_begin_copy(walk, &copy);
    perform_meter(walk, meter_id);
    emit_controller(walk, &action, of);
    walk_end_copy(walk, &copy);
}

void output_to_controller(struct walk *walk, uint16_t max_len, enum packet_in_reason reason)
{
    to_controller(walk, max_len, reason, NULL);
}

void output_controller_perform(struct walk *walk, const struct action *action)
{
    if (action->controller.n_data > DP_USERDATA_MAX || walk->copied_in.is_due) {
        walk_refuse(walk, walk->copied_in.is_due ? DROP_HEADER_UNSEEN : DROP_PIPELINE_LIMIT);
        return;
    }
    if (action->controller.pauses) {
        pause_begin(walk, action);
        return;
    }
    to_controller(walk, action->controller.max_len, action->controller.reason, action);
}

/* Whole, since it is to come back. */
void output_controller_paused(struct walk *walk, const struct action *action)
{
    to_controller(walk, UINT16_MAX, action->controller.reason, action);
}

static void output_to_all(struct walk *walk, bool is_flood)
{
    walk->out->work += 2 * (unsigned)walk->bridge->n_ports;
    for (size_t i = 0; i < walk->bridge->n_ports; i++) {
        const struct world_port *port = walk->bridge->ports[i];
        bool is_wanted =
            port->ofport != host32(walk->state.key.in_port) && (!is_flood || (port->config & PORT_CONFIG_NO_FLOOD) == 0);
        if (is_wanted) {
            output_to(walk, port);
        }
    }
}

static void output_to_number(struct walk *walk, uint32_t ofport)
{
    const struct world_port *port = world_port_by_ofport(walk->bridge, ofport);
    if (port == NULL) {
        walk->reason = DROP_OUTPUT_NO_PORT;
        walk_trace(walk, "output to port %u: there is none", ofport);
    } else if (ofport == host32(walk->state.key.in_port)) {
        walk_trace(walk, "output to port %u: the packet came from there", ofport);
    } else {
        output_to(walk, port);
    }
}

/* A controller's packet into the tables; their action set is its own. */
static void output_to_tables(struct walk *walk)
{
    if (!walk->is_packet_out || walk->depth >= TRANSLATE_DEPTH_MAX) {
        walk_refuse(walk, DROP_MISS_REFUSED);
        return;
    }
    walk->depth++;
    (void)pipeline_run(walk, 0, PORT_IN_PORT, true);
    if (pause_is_on(walk)) {
        pause_keep_set(walk);
    } else if (!walk->is_over) {
        struct action_set set;
        action_set_copy(&set, &walk->set);
        action_set_clear(&walk->set);
        action_set_perform(walk, &set, PACKET_IN_ACTION_SET);
    }
    walk->depth--;
}

void output_truncated(struct walk *walk, uint32_t ofport, uint32_t max_len)
{
    walk->truncate_to = max_len;
    output_perform(walk, ofport, 0);
    walk->truncate_to = 0;
}

void output_perform(struct walk *walk, uint32_t ofport, uint16_t max_len)
{
    if (walk->copied_in.is_due) {
        walk_refuse(walk, DROP_HEADER_UNSEEN);
        return;
    }
    switch (ofport) {
    case PORT_IN_PORT:
        if (walk->in_port != NULL) {
            output_to(walk, walk->in_port);
        }
        break;
    case PORT_TABLE:
        output_to_tables(walk);
        break;
    case PORT_NORMAL:
        normal_perform(walk);
        break;
    case PORT_FLOOD:
        output_to_all(walk, true);
        break;
    case PORT_ALL:
        output_to_all(walk, false);
        break;
    case PORT_CONTROLLER:
        output_to_controller(walk, max_len, walk->is_packet_out && !walk->is_resumed ? PACKET_IN_PACKET_OUT : walk->told);
        break;
    default:
        output_to_number(walk, ofport);
        break;
    }
}
