/* Random messages for the laws of the codec: every member takes random values within what the standard allows.
 *
 * Actions are made one by one and kept when the model's check lets them stand, so lists are consistent without a second set of rules here.
 * Comparison is by the model's own equality and, for plain bodies, by memcmp of structs that were zeroed before they were filled.
 * Tests only, one thread. Invariant: what is made here is accepted by the decoder (asserted by the users).
 */
#include "tests/oracle/openflow.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/model/action_check.h"
#include "lib/model/field_names.h"
#include "tests/oracle/match.h"

static uint32_t any32(struct random *random)
{
    return (uint32_t)random_u64(random);
}

static uint16_t any16(struct random *random)
{
    return (uint16_t)random_u64(random);
}

static uint8_t any8(struct random *random)
{
    return (uint8_t)random_u64(random);
}

static uint32_t random_port(struct random *random)
{
    static const uint32_t reserved[] = {PORT_IN_PORT, PORT_TABLE,      PORT_NORMAL, PORT_FLOOD,
                                        PORT_ALL,     PORT_CONTROLLER, PORT_LOCAL};

    return random_below(random, 3) == 0 ? reserved[random_below(random, 7)] : (uint32_t)random_below(random, PORT_MAX + 1);
}

/* The generator of matches knows no limits of single fields. */
static struct match random_match(struct random *random)
{
    struct match match = match_random(random);

    if (match.mask.key.in_port.raw != 0 || match.mask.in_phy_port.raw != 0) { /* which that needs */
        match_set(&match, FIELD_IN_PORT, field_value_u64(random_port(random)));
    }
    if (match.mask.actset_output.raw != 0) {
        match_set(&match, FIELD_ACTSET_OUTPUT, field_value_u64(random_port(random)));
    }
    if (match.mask.key.arp_op.raw != 0) {
        match_set(&match, FIELD_ARP_OP, field_value_u64(any8(random)));
    }
    return match;
}

static enum field_id random_field(struct random *random)
{
    return (enum field_id)random_below(random, FIELD_COUNT);
}

static void random_set_field(struct random *random, struct action *action)
{
    enum field_id field = random_field(random);
    struct subfield part = {.field = field, .offset = 0, .n_bits = field_table[field].bits};
    struct field_value value;

    for (size_t i = 0; i < sizeof value.bytes; i++) {
        value.bytes[i] = any8(random);
    }
    if (random_below(random, 3) == 0) { /* one run of up to 64 bits, as one load can carry */
        part.offset = (uint8_t)random_below(random, field_table[field].bits);
        part.n_bits = (uint8_t)(1 + random_below(random, field_table[field].bits - part.offset));
        part.n_bits = part.n_bits > 64 ? 64 : part.n_bits;
    }
    if (field == FIELD_VLAN_VID && part.n_bits == subfield_width(field)) {
        part.n_bits--; /* 1.5 knows no other set_field of the whole number than that of the field */
    }
    action->set_field.field = field;
    action->set_field.mask = subfield_mask(part);
    for (size_t i = 0; i < sizeof value.bytes; i++) {
        value.bytes[i] &= action->set_field.mask.bytes[i];
    }
    if (field == FIELD_ARP_OP) {
        value.bytes[14] = 0;
    }
    action->set_field.value = value;
}

static void random_move(struct random *random, struct action *action)
{
    enum field_id source = random_field(random), target = random_field(random);
    unsigned source_bits = subfield_width(source), target_bits = subfield_width(target);
    unsigned most = source_bits < target_bits ? source_bits : target_bits;

    action->move.source = source;
    action->move.target = target;
    action->move.n_bits = (uint8_t)(1 + random_below(random, most));
    action->move.source_offset = (uint8_t)random_below(random, source_bits - action->move.n_bits + 1u);
    action->move.target_offset = (uint8_t)random_below(random, target_bits - action->move.n_bits + 1u);
}

static uint16_t random_ethertype(struct random *random)
{
    static const uint16_t types[] = {0x8100, 0x88a8, 0x8847, 0x8848, 0x0800, 0x86dd};

    return types[random_below(random, 6)];
}

static void random_part(struct random *random, struct subfield *part, unsigned most)
{
    unsigned width;
    part->field = random_field(random);
    width = subfield_width(part->field);
    part->n_bits = (uint8_t)(1 + random_below(random, width < most ? width : most));
    part->offset = (uint8_t)random_below(random, width - part->n_bits + 1u);
}

static struct action random_action(struct random *random)
{
    struct action action = {.type = (enum action_type)random_below(random, ACTION_TYPE_COUNT)};
    struct subfield part;

    switch (action.type) {
    case ACTION_COPY_TTL_IN:
    case ACTION_COPY_TTL_OUT:
    case ACTION_POP_VLAN:
    case ACTION_DEC_MPLS_TTL:
    case ACTION_TYPE_COUNT:
        break;
    case ACTION_DEC_NW_TTL:
        for (uint64_t n = random_below(random, 4); n > 0; n--) {
            action_add_ttl_id(&action, (uint16_t)(1 + random_below(random, 5)));
        }
        break;
    case ACTION_POP_MPLS:
    case ACTION_PUSH_MPLS:
    case ACTION_PUSH_VLAN:
        action.ethertype = random_ethertype(random);
        break;
    case ACTION_SET_MPLS_TTL:
    case ACTION_SET_NW_TTL:
        action.ttl = any8(random);
        break;
    case ACTION_SET_FIELD:
        random_set_field(random, &action);
        break;
    case ACTION_SET_QUEUE:
        action.queue_id = any32(random);
        break;
    case ACTION_GROUP:
        action.group_id = (uint32_t)random_below(random, GROUP_MAX);
        break;
    case ACTION_OUTPUT:
        action.output.port = random_port(random);
        action.output.max_len = action.output.port == PORT_CONTROLLER ? any16(random) : 0;
        break;
    case ACTION_CONTROLLER:
        action.controller.max_len = any16(random);
        action.controller.controller_id = any16(random);
        action.controller.reason = (enum packet_in_reason)random_below(random, 3);
        action.controller.pauses = random_below(random, 4) == 0;
        action.controller.meter_id = random_below(random, 4) == 0 ? 1 + any16(random) : 0;
        break;
    case ACTION_MOVE:
        random_move(random, &action);
        break;
    case ACTION_EXIT:
    case ACTION_POP_QUEUE:
    case ACTION_CLONE: /* random_extension() gives these three what belongs behind them */
    case ACTION_NOTE:
    case ACTION_DATA:
        break;
    case ACTION_OUTPUT_REG:
        random_part(random, &part, 32);
        action.output_reg.field = part.field;
        action.output_reg.offset = part.offset;
        action.output_reg.n_bits = part.n_bits;
        action.output_reg.max_len = UINT16_MAX;
        break;
    case ACTION_OUTPUT_TRUNC:
        action.output_trunc.port = 1 + (uint32_t)random_below(random, PORT_MAX);
        action.output_trunc.max_len = ACTION_TRUNCATE_MIN + any16(random);
        break;
    case ACTION_STACK_PUSH:
    case ACTION_STACK_POP:
        random_part(random, &part, 128);
        action.part.field = part.field;
        action.part.offset = part.offset;
        action.part.n_bits = part.n_bits;
        break;
    case ACTION_CONJUNCTION:
        action.conjunction.id = any32(random);
        action.conjunction.n_clauses = (uint8_t)(2 + random_below(random, CONJUNCTION_CLAUSES_MAX - 1));
        action.conjunction.clause = (uint8_t)random_below(random, action.conjunction.n_clauses);
        break;
    case ACTION_RESUBMIT:
        action.resubmit.in_port = random_below(random, 2) == 0 ? PORT_IN_PORT : (uint32_t)random_below(random, PORT_MAX + 1);
        action.resubmit.table = any8(random);
        break;
    }
    return action;
}

/* With what belongs behind it. */
static void add_random(struct random *random, struct action_list *list, struct action action)
{
    uint8_t bytes[70];
    size_t n = 6 + 8 * (size_t)random_below(random, 8);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = any8(random);
    }
    if (action.type == ACTION_CLONE) {
        struct action inner[2] = {random_action(random), random_action(random)};
        action.n_inner = 2;
        action_list_add(list, &action);
        action_list_add(list, &inner[0]);
        action_list_add(list, &inner[1]);
        return;
    }
    if (action.type == ACTION_NOTE) {
        action.n_data = (uint16_t)n;
    }
    bool has_data = action.type == ACTION_CONTROLLER && random_below(random, 2) == 0;
    if (has_data) {
        action.controller.n_data = (uint16_t)(n - random_below(random, 5));
        n = action.controller.n_data;
    }
    action_list_add(list, &action);
    if (has_data || action.type == ACTION_NOTE) {
        action_list_add_data(list, bytes, n);
    }
}

struct action_list openflow_random_actions(struct random *random, const struct match *match, bool is_set)
{
    struct action_list list = {.items = NULL, .count = 0};
    size_t tries = random_below(random, 12);

    for (size_t i = 0; i < tries; i++) {
        struct action action = random_action(random);
        size_t before = list.count;
        add_random(random, &list, action);
        if (action_list_check(&list, match, is_set, NULL) != ACTION_FAULT_NONE) {
            list.count = before;
        }
    }
    if (list.count == 0) {
        action_list_fini(&list);
    }
    return list;
}

struct instructions openflow_random_instructions(struct random *random, const struct match *match, uint8_t table)
{
    struct instructions in;

    instructions_init(&in);
    in.apply = openflow_random_actions(random, match, false);
    in.has_apply = in.apply.count > 0;
    for (size_t i = 0; i < in.apply.count; i++) {
        if (in.apply.items[i].type == ACTION_CONJUNCTION) {
            return in; /* a clause does nothing else */
        }
    }
    in.has_clear = random_below(random, 4) == 0;
    in.has_write = random_below(random, 3) == 0;
    if (in.has_write) {
        in.write = openflow_random_actions(random, match, true);
        if (instructions_check(&in, match, table, 0, NULL) != ACTION_FAULT_NONE) { /* on what the applied actions leave */
            action_list_fini(&in.write);
        }
    }
    in.has_write_metadata = random_below(random, 4) == 0;
    if (in.has_write_metadata) {
        in.metadata_mask = random_below(random, 2) == 0 ? UINT64_MAX : random_u64(random);
        in.metadata = random_u64(random) & in.metadata_mask;
    }
    in.has_goto = table < TABLE_MAX && random_below(random, 2) == 0;
    if (in.has_goto) {
        in.goto_table = (uint8_t)(table + 1 + random_below(random, TABLE_MAX - table));
    }
    in.meter_id = random_below(random, 4) == 0 ? 1 + (uint32_t)random_below(random, OF_METER_ID_MAX) : 0;
    return in;
}

void openflow_random_rule(struct random *random, struct rule *out)
{
    rule_init(out);
    out->match = random_match(random);
    out->table = (uint8_t)random_below(random, TABLE_COUNT);
    out->instructions = openflow_random_instructions(random, &out->match, out->table);
    out->cookie = random_u64(random);
    out->priority = any16(random);
    out->idle_timeout_s = any16(random);
    out->hard_timeout_s = any16(random);
    out->flags = any16(random) & 0x1f;
}

void openflow_random_group(struct random *random, struct group *out)
{
    *out =
        (struct group){.group_id = (uint32_t)random_below(random, GROUP_MAX), .type = (enum group_type)random_below(random, 4)};
    out->n_buckets = out->type == GROUP_TYPE_INDIRECT ? 1 : random_below(random, 6);
    out->buckets = out->n_buckets > 0 ? memory_array(out->n_buckets, sizeof *out->buckets) : NULL;
    for (size_t i = 0; i < out->n_buckets; i++) {
        out->buckets[i].weight = out->type == GROUP_TYPE_SELECT ? any16(random) : 0;
        out->buckets[i].watch_port = out->type == GROUP_TYPE_FF ? (uint32_t)random_below(random, PORT_MAX) : PORT_ANY;
        out->buckets[i].watch_group = out->type != GROUP_TYPE_FF || random_below(random, 2) == 0 ? GROUP_ANY : any32(random);
        out->buckets[i].actions = openflow_random_actions(random, NULL, false);
    }
}

void openflow_random_meter(struct random *random, struct meter *out)
{
    *out = (struct meter){.meter_id = 1 + (uint32_t)random_below(random, OF_METER_ID_MAX)};
    out->flags = (uint16_t)(random_below(random, 2) == 0 ? METER_KBPS : METER_PKTPS);
    out->flags |= (uint16_t)(random_below(random, 4) << 2);
    out->n_bands = 1 + random_below(random, 4);
    out->bands = memory_array(out->n_bands, sizeof *out->bands);
    for (size_t i = 0; i < out->n_bands; i++) {
        bool is_drop = random_below(random, 2) == 0;
        out->bands[i] = (struct meter_band){.type = is_drop ? METER_BAND_DROP : METER_BAND_DSCP_REMARK,
                                            .rate = any32(random),
                                            .burst_size = any32(random),
                                            .prec_level = is_drop ? 0 : any8(random)};
    }
}

static void random_data(struct random *random, uint8_t data[OPENFLOW_RANDOM_DATA], const uint8_t **out_data, size_t *out_size)
{
    for (size_t i = 0; i < OPENFLOW_RANDOM_DATA; i++) {
        data[i] = any8(random);
    }
    *out_size = random_below(random, OPENFLOW_RANDOM_DATA);
    *out_data = *out_size > 0 ? data : NULL;
}

static void random_text(struct random *random, char *text, size_t size)
{
    size_t length = random_below(random, size);

    for (size_t i = 0; i < length; i++) {
        text[i] = (char)('a' + random_below(random, 26));
    }
}

static void random_flow_mod(struct random *random, uint8_t version, struct flow_mod *mod)
{
    flow_mod_init(mod, (enum flow_mod_command)random_below(random, 5));
    bool deletes = mod->command == FLOW_MOD_DELETE || mod->command == FLOW_MOD_DELETE_STRICT;
    mod->match = random_match(random);
    mod->table = deletes && random_below(random, 2) == 0 ? TABLE_ALL : (uint8_t)random_below(random, TABLE_COUNT);
    mod->instructions = openflow_random_instructions(random, &mod->match, deletes ? TABLE_MAX : mod->table);
    mod->cookie = random_u64(random);
    mod->cookie_mask = random_u64(random);
    mod->buffer_id = any32(random);
    mod->out_port = deletes ? random_port(random) : PORT_ANY;
    mod->out_group = deletes ? any32(random) : GROUP_ANY;
    mod->priority = any16(random);
    mod->idle_timeout_s = any16(random);
    mod->hard_timeout_s = any16(random);
    mod->flags = any16(random) & 0x1f;
    mod->importance = version >= OF_VERSION_14 ? any16(random) : 0;
}

static void random_port_body(struct random *random, struct of_port *port)
{
    port->port_no = random_port(random);
    for (size_t i = 0; i < sizeof port->hw_addr; i++) {
        port->hw_addr[i] = any8(random);
    }
    random_text(random, port->name, sizeof port->name);
    port->config = any32(random) & ~(uint32_t)OF_PORT_NO_FLOOD; /* 1.0 alone has it */
    port->state = any32(random);
    port->current = any32(random);
    port->advertised = any32(random);
    port->supported = any32(random);
    port->peer = any32(random);
    port->current_kbps = any32(random);
    port->max_kbps = any32(random);
}

static void random_monitors(struct random *random, uint8_t version, struct of_multipart_request *request)
{
    request->form = version == OF_VERSION_10 ? OF_FORM_NICIRA : version == OF_VERSION_13 ? OF_FORM_ONF : OF_FORM_STANDARD;
    request->monitors.count = 1 + random_below(random, 3);
    request->monitors.items = memory_array(request->monitors.count, sizeof *request->monitors.items);
    for (size_t i = 0; i < request->monitors.count; i++) {
        struct of_monitor *monitor = &request->monitors.items[i];
        memset(monitor, 0, sizeof *monitor);
        rule_filter_init(&monitor->filter);
        monitor->id = any32(random);
        uint16_t in_all = OF_MONITOR_INITIAL | OF_MONITOR_REMOVED | OF_MONITOR_INSTRUCTIONS | OF_MONITOR_ONLY_OWN;
        monitor->flags = (uint16_t)(OF_MONITOR_ADDED | (any16(random) & in_all));
        monitor->filter.match = random_match(random);
        monitor->filter.out_port = random_port(random);
        monitor->filter.table = any8(random);
        if (version >= OF_VERSION_14) {
            monitor->command = (enum of_monitor_command)random_below(random, 2);
            monitor->filter.out_group = any32(random);
        }
    }
}

static void random_multipart_request(struct random *random, uint8_t version, uint8_t data[OPENFLOW_RANDOM_DATA],
                                     struct of_multipart_request *request)
{
    static const uint16_t types[] = {
#define OF_MULTIPART(name, number, first, size_10, size, size_15) (number),
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
    };

    do {
        request->type = types[random_below(random, sizeof types / sizeof types[0])];
    } while (!of_multipart_exists(version, request->type) && request->type != OF_MULTIPART_FLOW_MONITOR);
    if (request->type == OF_MULTIPART_FLOW || request->type == OF_MULTIPART_AGGREGATE) {
        rule_filter_init(&request->filter);
        request->filter.match = random_match(random);
        request->filter.table = any8(random);
        request->filter.out_port = random_port(random);
        request->filter.out_group = any32(random);
        request->filter.cookie = random_u64(random);
        request->filter.cookie_mask = random_u64(random);
    } else if (request->type == OF_MULTIPART_FLOW_MONITOR) {
        random_monitors(random, version, request);
    } else if (request->type == OF_MULTIPART_QUEUE || request->type == OF_MULTIPART_QUEUE_DESC) {
        request->queue.port_no = random_port(random);
        request->queue.queue_id = any32(random);
    } else if (request->type == OF_MULTIPART_TABLE_FEATURES || request->type == OF_MULTIPART_EXPERIMENTER) {
        request->flags = any16(random) & OF_MULTIPART_MORE;
        random_data(random, data, &request->raw.data, &request->raw.data_size);
        request->raw.data_size = request->raw.data_size < 8 ? 8 : request->raw.data_size;
        request->raw.data = data;
    } else if (request->type == OF_MULTIPART_PORT_STATS || request->type == OF_MULTIPART_PORT_DESC) {
        bool is_said = request->type == OF_MULTIPART_PORT_STATS || version >= OF_VERSION_15;
        request->port_no = is_said ? random_port(random) : PORT_ANY;
    } else if (request->type == OF_MULTIPART_GROUP_DESC) {
        request->group_id = version >= OF_VERSION_15 ? any32(random) : GROUP_ALL;
    } else if (request->type == OF_MULTIPART_GROUP || request->type == OF_MULTIPART_METER ||
               request->type == OF_MULTIPART_METER_CONFIG) {
        request->port_no = any32(random);
    }
}

static void random_packet_in(struct random *random, uint8_t data[OPENFLOW_RANDOM_DATA], struct of_packet_in *in)
{
    in->buffer_id = any32(random);
    in->total_size = any16(random);
    in->reason = any8(random);
    in->table = any8(random);
    in->cookie = random_u64(random);
    in->match = random_match(random);
    random_data(random, data, &in->data, &in->data_size);
}

static void random_resume(struct random *random, uint8_t data[OPENFLOW_RANDOM_DATA], struct of_packet_in *in)
{
    random_packet_in(random, data, in);
    match_init(&in->match);
    match_set(&in->match, FIELD_IN_PORT, field_value_u64(random_port(random)));
    match_set(&in->match, FIELD_REG3, field_value_u64(any32(random)));
    in->continuation_size = 1 + random_below(random, OPENFLOW_RANDOM_DATA - 1);
    in->continuation = data;
}

static void random_packet_out(struct random *random, uint8_t version, uint8_t data[OPENFLOW_RANDOM_DATA], struct of_packet_out *po)
{
    struct match untagged;

    match_init(&untagged);
    untagged.mask.key.eth_type = be16(0xffff);
    match_init(&po->match);
    if (version >= OF_VERSION_15) {
        match_set(&po->match, FIELD_METADATA, field_value_u64(random_u64(random)));
        match_set(&po->match, FIELD_REG3, field_value_u64(any32(random)));
    }
    po->buffer_id = any32(random);
    po->in_port = random_below(random, 2) == 0 ? PORT_CONTROLLER : (uint32_t)random_below(random, PORT_MAX);
    po->actions = openflow_random_actions(random, &untagged, false);
    random_data(random, data, &po->data, &po->data_size);
    data[12] = 0x12; /* an Ethernet type that is no protocol we know */
    data[13] = 0x34;
}

static void random_flow_removed(struct random *random, struct of_flow_removed *removed)
{
    removed->match = random_match(random);
    removed->cookie = random_u64(random);
    removed->duration_ns = random_below(random, UINT64_C(1000000000) * UINT32_MAX);
    removed->n_packets = random_u64(random);
    removed->n_bytes = random_u64(random);
    removed->priority = any16(random);
    removed->idle_timeout_s = any16(random);
    removed->hard_timeout_s = any16(random);
    removed->reason = any8(random);
    removed->table = any8(random);
}

static void random_queues(struct random *random, struct of_queue_config_reply *reply)
{
    reply->port_no = any32(random);
    reply->n_queues = random_below(random, 4);
    reply->queues = reply->n_queues > 0 ? memory_array(reply->n_queues, sizeof *reply->queues) : NULL;
    for (size_t i = 0; i < reply->n_queues; i++) {
        reply->queues[i] = (struct of_queue_config){.queue_id = any32(random),
                                                    .port_no = any32(random),
                                                    .min_rate = random_below(random, 2) == 0 ? 0xffff : any16(random),
                                                    .max_rate = any16(random)};
    }
}

static void random_error(struct random *random, uint8_t version, uint8_t data[OPENFLOW_RANDOM_DATA], struct of_error_body *error)
{
    do { /* those that the version can say */
        error->number = (enum of_error_number)(1 + random_below(random, OF_ERROR_COUNT - 1));
        error->wire = of_error_wire(error->number, version);
    } while (of_error_by_wire(error->wire, version) != error->number);
    random_data(random, data, &error->data, &error->data_size);
}

/* Bodies of a few numbers that 1.3 has not, or as an experimenter's. */
static void random_later(struct random *random, struct of_message *out)
{
    if (out->type == OF_ROLE_STATUS) {
        out->role_status.role = (enum of_role_kind)random_below(random, 4);
        out->role_status.reason = any8(random);
        out->role_status.generation_id = random_u64(random);
    } else if (out->type == OF_TABLE_STATUS) {
        out->table_status.reason = any8(random);
        out->table_status.table.table = any8(random);
        out->table_status.table.config = any32(random);
    } else if (out->type == OF_BUNDLE_CONTROL) {
        out->bundle_control.bundle_id = any32(random);
        out->bundle_control.type = (uint16_t)random_below(random, 8);
        out->bundle_control.flags = any16(random);
    } else if (out->type == OF_SET_FLOW_FORMAT || out->type == OF_SET_PACKET_IN_FORMAT || out->type == OF_FLOW_MONITOR_CANCEL) {
        out->number.number = any32(random);
    } else if (out->type == OF_FLOW_MOD_TABLE_ID) {
        out->flow_mod_table_id.is_set = random_below(random, 2) == 0;
    } else if (out->type == OF_SET_CONTROLLER_ID) {
        out->controller_id.id = any16(random);
    }
}

/* Bodies of a few numbers. */
static void random_small(struct random *random, struct of_message *out)
{
    if (out->type == OF_HELLO) {
        out->hello.versions = any32(random) | 1u << OF_VERSION_13;
    } else if (out->type == OF_FEATURES_REPLY) {
        out->features.datapath_id = random_u64(random);
        out->features.n_buffers = any32(random);
        out->features.capabilities = any32(random);
        out->features.n_tables = any8(random);
        if (out->version != OF_VERSION_10) {
            out->features.auxiliary_id = any8(random);
        } else {
            out->features.actions = any32(random);
            out->features.n_ports = 1;
            out->features.ports = memory_zeroed(sizeof *out->features.ports);
            random_port_body(random, out->features.ports);
        }
    } else if (out->type == OF_GET_CONFIG_REPLY || out->type == OF_SET_CONFIG) {
        out->config.flags = (uint16_t)random_below(random, 3);
        out->config.miss_send_len = any16(random);
    } else if (out->type == OF_TABLE_MOD) {
        out->table_mod.table = (uint8_t)random_below(random, TABLE_COUNT);
        out->table_mod.config = (uint32_t)random_below(random, 16);
        if (out->version >= OF_VERSION_14 && random_below(random, 2) == 0) {
            out->table_mod.has_vacancy = true;
            out->table_mod.vacancy_down = (uint8_t)random_below(random, 50);
            out->table_mod.vacancy_up = (uint8_t)(50 + random_below(random, 50));
        }
    } else if (out->type == OF_ROLE_REQUEST || out->type == OF_ROLE_REPLY) {
        bool is_old = out->form == OF_FORM_NICIRA;
        out->role.role = (enum of_role_kind)(is_old ? 1 + random_below(random, 3) : random_below(random, 4));
        out->role.generation_id = is_old ? 0 : random_u64(random);
    } else if (out->type == OF_GET_ASYNC_REPLY || out->type == OF_SET_ASYNC) {
        bool is_fixed = out->form == OF_FORM_NICIRA || out->version <= OF_VERSION_13;
        for (size_t i = 0; i < 2; i++) {
            out->async.packet_in[i] = any32(random) & (is_fixed ? UINT32_MAX : 0x3f);
            out->async.port_status[i] = any32(random) & (is_fixed ? UINT32_MAX : 7);
            out->async.flow_removed[i] = any32(random) & (is_fixed ? UINT32_MAX : 0x3f);
            out->async.role_status[i] = is_fixed ? 0 : any32(random) & 3;
            out->async.requestforward[i] = is_fixed ? 0 : any32(random) & 3;
        }
        out->async.given = is_fixed ? OF_ASYNC_GIVEN_13 : 0xcff;
    } else if (out->type == OF_QUEUE_GET_CONFIG_REQUEST) {
        out->queue_config_request.port_no = (uint32_t)random_below(random, PORT_MAX + 1);
    } else if (out->type == OF_PORT_MOD) {
        out->port_mod.port_no = random_port(random);
        out->port_mod.hw_addr[2] = any8(random);
        out->port_mod.config = any32(random);
        out->port_mod.mask = any32(random);
        out->port_mod.advertise = any32(random);
    } else {
        random_later(random, out);
    }
}

bool openflow_can_say(uint8_t version, enum of_type type)
{
    return of_type_number(version, type) != OF_NUMBER_NONE || of_experimenter_of(version, type, OF_FORM_STANDARD) != NULL;
}

void openflow_random_message(struct random *random, enum of_type type, uint8_t data[OPENFLOW_RANDOM_DATA],
                             struct of_message *out)
{
    openflow_random_message_in(random, OF_VERSION_13, type, data, out);
}

/* What 1.5 has more than before. */
static void random_group15(struct random *random, struct of_group_mod *mod)
{
    struct group *group = &mod->group;

    for (size_t i = 0; i < group->n_buckets; i++) {
        group->buckets[i].bucket_id = (uint32_t)(i * 100 + random_below(random, 100));
    }
    if (group->type == GROUP_TYPE_SELECT && random_below(random, 2) == 0) {
        group->selection = random_below(random, 2) == 0 ? GROUP_SELECTION_HASH : GROUP_SELECTION_DP_HASH;
        group->selection_param = random_u64(random);
        if (group->selection == GROUP_SELECTION_HASH) {
            group->n_fields = 2;
            group->fields[0] = (struct group_hash_field){.field = FIELD_IPV4_SRC, .mask = field_all_ones(FIELD_IPV4_SRC)};
            group->fields[1] = (struct group_hash_field){.field = FIELD_TCP_DST, .mask = field_value_u64(any8(random))};
        }
    }
    if (random_below(random, 4) == 0) {
        mod->command = random_below(random, 2) == 0 ? OF_GROUP_INSERT_BUCKET : OF_GROUP_REMOVE_BUCKET;
        mod->command_bucket_id = random_below(random, 2) == 0 ? BUCKET_LAST : (uint32_t)random_below(random, BUCKET_ID_MAX);
    }
}

/* Data that are a message by themselves. */
static size_t random_inner(struct random *random, const struct of_message *outer, uint8_t data[OPENFLOW_RANDOM_DATA])
{
    size_t size = OF_HEADER_SIZE + random_below(random, OPENFLOW_RANDOM_DATA - OF_HEADER_SIZE);

    for (size_t i = 0; i < OPENFLOW_RANDOM_DATA; i++) {
        data[i] = any8(random);
    }
    data[0] = outer->version;
    data[2] = (uint8_t)(size >> 8);
    data[3] = (uint8_t)size;
    for (size_t i = 0; i < 4; i++) {
        data[4 + i] = (uint8_t)(outer->xid >> (24 - 8 * i));
    }
    return size;
}

/* Bodies with lists of their own, or a message within. */
static void random_list_or_data(struct random *random, uint8_t data[OPENFLOW_RANDOM_DATA], struct of_message *out)
{
    enum of_type type = out->type;
    uint8_t version = out->version;

    if (type == OF_GROUP_MOD) {
        out->group_mod.command = (enum of_group_command)random_below(random, 3);
        out->group_mod.command_bucket_id = BUCKET_ALL;
        openflow_random_group(random, &out->group_mod.group);
        if (version >= OF_VERSION_15) {
            random_group15(random, &out->group_mod);
        }
        if (out->group_mod.command == OF_GROUP_DELETE) {
            group_fini(&out->group_mod.group);
        }
    } else if (type == OF_METER_MOD) {
        out->meter_mod.command = (enum of_meter_command)random_below(random, 3);
        openflow_random_meter(random, &out->meter_mod.meter);
        if (out->meter_mod.command == OF_METER_DELETE) {
            meter_fini(&out->meter_mod.meter);
        }
    } else if (type == OF_MULTIPART_REQUEST) {
        random_multipart_request(random, version, data, &out->multipart_request);
    } else if (type == OF_BUNDLE_ADD) {
        out->bundle_add.bundle_id = any32(random);
        out->bundle_add.flags = any16(random);
        out->bundle_add.message_size = random_inner(random, out, data);
        out->bundle_add.message = data;
    } else if (type == OF_REQUESTFORWARD) {
        out->requestforward.request_size = random_inner(random, out, data);
        out->requestforward.request = data;
    } else if (type == OF_MULTIPART_REPLY) {
        out->multipart_reply.type = (uint16_t)random_below(random, 12);
        while (!of_multipart_exists(version, out->multipart_reply.type)) {
            out->multipart_reply.type = (uint16_t)random_below(random, 12);
        }
        out->multipart_reply.flags = any16(random);
        random_data(random, data, &out->multipart_reply.data, &out->multipart_reply.data_size);
    } else if (type == OF_QUEUE_GET_CONFIG_REPLY) {
        random_queues(random, &out->queue_config_reply);
    } else {
        random_small(random, out);
    }
}

void openflow_random_message_in(struct random *random, uint8_t version, enum of_type type, uint8_t data[OPENFLOW_RANDOM_DATA],
                                struct of_message *out)
{
    memset(out, 0, sizeof *out);
    out->version = version;
    out->type = type;
    out->xid = any32(random);
    if (of_type_number(version, type) == OF_NUMBER_NONE) {
        out->form = of_experimenter_of(version, type, OF_FORM_STANDARD)->form;
    }
    if (type == OF_ERROR) {
        random_error(random, version, data, &out->error);
    } else if (type == OF_ECHO_REQUEST || type == OF_ECHO_REPLY) {
        random_data(random, data, &out->echo.data, &out->echo.data_size);
    } else if (type == OF_EXPERIMENTER) {
        out->experimenter.experimenter = any32(random);
        out->experimenter.exp_type = any32(random);
        random_data(random, data, &out->experimenter.data, &out->experimenter.data_size);
    } else if (type == OF_RESUME) {
        random_resume(random, data, &out->resume);
    } else if (type == OF_PACKET_IN) {
        random_packet_in(random, data, &out->packet_in);
    } else if (type == OF_PACKET_OUT) {
        random_packet_out(random, version, data, &out->packet_out);
    } else if (type == OF_FLOW_MOD) {
        random_flow_mod(random, version, &out->flow_mod);
    } else if (type == OF_FLOW_REMOVED) {
        random_flow_removed(random, &out->flow_removed);
    } else if (type == OF_PORT_STATUS) {
        out->port_status.reason = (uint8_t)random_below(random, 3);
        random_port_body(random, &out->port_status.port);
    } else {
        random_list_or_data(random, data, out);
    }
}
