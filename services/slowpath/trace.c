/* The commands trace and explain.
 *
 * The text is laid out as Open vSwitch's ofproto/trace, because people know how to read that:
 *
 *     Flow: tcp,in_port=p1,...                         the packet
 *     bridge("br0")
 *      0. ip,nw_dst=10.0.0.0/24, priority 100, cookie 0x1      table, the rule that matched
 *         dec_ttl                                      its actions, one by one
 *         output:2
 *          >> output to p2                             what came of one
 *     Final flow: ...
 *     Megaflow: ...                                    bits looked at
 *     Datapath actions: dec_ttl,output:p2
 *
 * The same steps are in the JSON, an object each. A packet for which a group wants the datapath's hash goes twice through the tables, as in
 * the shard. Learning is off (TRANSLATE_LEARN_NOTHING), counter ids are listed and credited by nobody.
 * Cost: some 10 us a step. Thread: the one that translates.
 */
#include "services/slowpath/trace.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/dp/hash.h"
#include "lib/flow/parse.h"
#include "lib/msg/counter_id.h"
#include "services/slowpath/session.h"

/* ---- names ---- */

static bool ofport_by_name(const void *context, const char *name, uint32_t *out_ofport)
{
    const struct world_bridge *bridge = context;
    for (size_t i = 0; i < bridge->n_ports; i++) {
        if (strcmp(bridge->ports[i]->name, name) == 0) {
            *out_ofport = bridge->ports[i]->ofport;
            return true;
        }
    }
    return false;
}

static const char *name_by_ofport(const void *context, uint32_t ofport)
{
    const struct world_port *port = world_port_by_ofport(context, ofport);
    return port != NULL ? port->name : NULL;
}

static const char *name_by_port(const void *context, uint32_t id)
{
    const struct world_port *port = world_port(context, id);
    return port != NULL ? port->name : NULL;
}

static struct match_ports names_of_bridge(const struct world_bridge *bridge)
{
    return (struct match_ports){.by_name = ofport_by_name, .by_number = name_by_ofport, .context = bridge};
}

static struct match_ports names_of_ports(const struct world *world)
{
    return (struct match_ports){.by_number = name_by_port, .context = world};
}

/* A header field that the packet has, or a register or its like that is set; long registers are others by a second name. */
static bool is_told(enum field_id id, const struct flow_state *state)
{
    if (field_table[id].offset < sizeof(struct flow_key)) {
        return field_present(id, state);
    }
    bool is_register = id == FIELD_METADATA || id == FIELD_TUNNEL_ID || (id >= FIELD_REG0 && id <= FIELD_REG15);
    return is_register && !field_value_is_zero(field_get(id, state));
}

static char *packet_text(const struct world_bridge *bridge, const struct flow_state *state)
{
    struct match_ports names = names_of_bridge(bridge);
    struct match match = {0};
    for (enum field_id id = 0; id < FIELD_COUNT; id++) {
        if (is_told(id, state)) {
            field_set(id, &match.mask, field_all_ones(id));
        }
    }
    for (size_t i = 0; i < STATE_WORDS; i++) {
        state_set_word(&match.value, i, state_word(state, i) & state_word(&match.mask, i));
    }
    return match_format(&match, &names);
}

/* ---- the steps ---- */

struct trace {
    const struct world *world;
    const struct world_bridge *bridge; /* whose heading was written last */
    json_t *steps;
    FILE *text;
};

static void write_table(struct trace *trace, const struct translate_step *step, int indent, json_t *json)
{
    json_object_set_new(json, "bridge", json_string(step->bridge->name));
    json_object_set_new(json, "table", json_integer(step->table));
    if (trace->bridge != step->bridge) {
        trace->bridge = step->bridge;
        fprintf(trace->text, "\nbridge(\"%s\")\n----------%.*s\n", step->bridge->name, (int)strlen(step->bridge->name),
                "--------------------------------");
    }
    fprintf(trace->text, "%*s%2u. ", indent, "", step->table);
    if (step->rule == NULL) {
        fprintf(trace->text, "No match.\n");
        json_object_set_new(json, "matched", json_false());
        return;
    }
    struct match_ports names = names_of_bridge(step->bridge);
    struct rule model = world_rule_model(step->rule);
    const struct rule *rule = &model;
    char *match = match_format(&rule->match, &names);
    fprintf(trace->text, "%s%spriority %u", match, *match != '\0' ? ", " : "", rule->priority);
    fprintf(trace->text, rule->cookie != 0 ? ", cookie 0x%" PRIx64 "\n" : "\n", rule->cookie);
    json_object_set_new(json, "matched", json_true());
    json_object_set_new(json, "match", json_string(match));
    json_object_set_new(json, "priority", json_integer(rule->priority));
    json_object_set_new(json, "cookie", json_sprintf("0x%" PRIx64, rule->cookie));
    json_object_set_new(json, "rule", json_integer((json_int_t)rule->id));
    free(match);
}

static void take_step(void *context, const struct translate_step *step)
{
    static const char *const kinds[] = {
        [STEP_TABLE] = "table", [STEP_ACTION] = "action", [STEP_NOTE] = "note", [STEP_END] = "end"};
    struct trace *trace = context;
    int indent = (int)step->depth * 4;
    json_t *json = json_pack("{s:s, s:i}", "kind", kinds[step->kind], "depth", (int)step->depth);
    switch (step->kind) {
    case STEP_TABLE:
        write_table(trace, step, indent, json);
        break;
    case STEP_ACTION:
        fprintf(trace->text, "%*s    %s\n", indent, "", step->text);
        break;
    case STEP_NOTE:
        fprintf(trace->text, "%*s     >> %s\n", indent, "", step->text);
        break;
    case STEP_END: {
        char *packet = packet_text(step->bridge, step->state);
        fprintf(trace->text, "\nFinal flow: %s\n", packet);
        json_object_set_new(json, "flow", json_string(packet));
        free(packet);
        break;
    }
    }
    if (step->text != NULL) {
        json_object_set_new(json, "text", json_string(step->text));
    }
    json_array_append_new(trace->steps, json);
}

/* ---- the result ---- */

static char *megaflow_text(const struct world *world, const struct flow_key *key, const struct flow_key *mask)
{
    struct match_ports names = names_of_ports(world);
    struct match megaflow = {.mask.key = *mask};
    key_mask(key, mask, &megaflow.value.key);
    return match_format(&megaflow, &names);
}

static char *actions_text(const struct world *world, const struct dp_action *actions, size_t n_actions)
{
    struct match_ports names = names_of_ports(world);
    return dp_actions_format(actions, n_actions, &names);
}

static void end_pass(struct trace *trace, const struct flow_key *key, const struct translation *translation, json_t *out)
{
    char *megaflow = megaflow_text(trace->world, key, &translation->mask);
    char *actions = actions_text(trace->world, translation->actions, translation->n_actions);
    bool is_drop = translation->n_actions == 0 || translation->actions[0].type == DP_ACTION_DROP;
    fprintf(trace->text, "Megaflow: %s%s\nDatapath actions: %s\n", megaflow,
            translation->is_single ? " (not kept: this packet only)" : "", actions);
    json_object_set_new(out, "megaflow", json_string(megaflow));
    json_object_set_new(out, "actions", json_string(actions));
    json_object_set_new(out, "cacheable", json_boolean(!translation->is_single));
    if (is_drop) {
        fprintf(trace->text, "Dropped: %s\n", drop_text(translation->reason));
        json_object_set_new(out, "drop", json_string(drop_name(translation->reason)));
    }
    free(actions);
    free(megaflow);
}

/* The bytes of the packet, if they were given. */
struct trace_frame {
    uint8_t *bytes; /* owned; NULL: there are none */
    size_t size;
};

/* One way of the packet or, where a group wants the datapath's hash or a rule what labels cover, up to three; the result is the last one's. The key
 * has the port's id. */
static void translate_all(struct core *core, struct trace *trace, struct flow_key *key, const struct trace_frame *frame,
                          struct translation *translation, json_t *out)
{
    struct translate_trace sink = {.step = take_step, .context = trace};
    struct translate_input input = {
        .world = &core->world, .macs = core->macs, .now_ns = core->now_ns, .learning = TRANSLATE_LEARN_NOTHING, .trace = &sink};
    translate_key(&input, key, translation);
    end_pass(trace, key, translation, out);
    while (translation->needs_more) {
        *key = translate_again(translation, key, frame->bytes, frame->size);
        trace->bridge = NULL;
        fprintf(trace->text, "\nBack from the datapath with dp_hash 0x%08x%s:\n", host32(key->dp_hash),
                translation->again.n_labels == 0 ? ""
                : frame->bytes != NULL           ? " and what its labels cover"
                                                 : "; what its labels cover is in the packet's bytes, which were not given");
        translate_key(&input, key, translation);
        end_pass(trace, key, translation, out);
    }
}

/* The whole trace of a key into `out`, its text appended to `text`. */
static void trace_key(struct core *core, struct flow_key key, const struct trace_frame *frame, FILE *text, struct translation *translation,
                      json_t *out)
{
    const struct world_port *port = world_port(&core->world, host32(key.in_port));
    struct trace trace = {.world = &core->world, .steps = json_array(), .text = text};
    const struct world_bridge *bridge = port != NULL ? world_bridge(&core->world, port->bridge) : NULL;
    if (bridge != NULL) {
        struct flow_state packet = {.key = key};
        packet.key.in_port = be32(port->ofport);
        char *flow = packet_text(bridge, &packet);
        fprintf(text, "Flow: %s\n", flow);
        json_object_set_new(out, "flow", json_string(flow));
        free(flow);
    }
    translate_all(core, &trace, &key, frame, translation, out);
    json_object_set_new(out, "steps", trace.steps);
}

static void set_text(json_t *out, char **text, FILE *file)
{
    fclose(file);
    json_object_set_new(out, "text", json_string(*text));
    free(*text);
}

/* ---- trace ---- */

static int read_hex(const char *text, uint8_t *frame, size_t *out_size, struct error_detail *detail)
{
    size_t n = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (isspace((unsigned char)*c) || *c == ':') {
            continue;
        }
        if (!isxdigit((unsigned char)*c) || n / 2 == TRACE_FRAME_MAX) {
            return error_set(detail, -ERROR_SYNTAX, "the packet must be hexadecimal digits, of %d bytes at most",
                             TRACE_FRAME_MAX);
        }
        int digit = isdigit((unsigned char)*c) ? *c - '0' : tolower((unsigned char)*c) - 'a' + 10;
        frame[n / 2] = (uint8_t)(n % 2 == 0 ? digit << 4 : frame[n / 2] | digit);
        n++;
    }
    *out_size = n / 2;
    return n % 2 == 0 ? 0 : error_set(detail, -ERROR_SYNTAX, "the packet has an odd number of hexadecimal digits");
}

static int key_of_frame(const struct match *match, const struct world_port *port, const char *hex, struct flow_key *out_key,
                        struct trace_frame *out_frame, struct error_detail *detail)
{
    struct match only_port = {0};
    struct parse_result result;
    uint8_t *frame = memory_zeroed(TRACE_FRAME_MAX);
    size_t size = 0;
    match_set(&only_port, FIELD_IN_PORT, field_value_u64(port->ofport));
    int err = match_equal(match, &only_port)
                  ? 0
                  : error_set(detail, -ERROR_SYNTAX, "with the bytes of a packet give in_port and nothing else");
    err = err != 0 ? err : read_hex(hex, frame, &size, detail);
    if (err == 0) {
        err = parse_frame(frame, size, port->id, out_key, &result);
        err = err == 0 ? 0 : error_set(detail, err, "the packet is shorter than an Ethernet header");
    }
    if (err == 0) {
        *out_frame = (struct trace_frame){.bytes = frame, .size = size};
    } else {
        free(frame);
    }
    return err;
}

/* The key that the words describe, with the port's id. */
static int key_of_words(const struct world_bridge *bridge, const char *flow, const char *hex, struct flow_key *out_key,
                        struct trace_frame *out_frame, struct error_detail *detail)
{
    struct match_ports names = names_of_bridge(bridge);
    struct match match;
    int err = match_parse(flow, &names, &match, detail);
    if (err != 0) {
        return err;
    }
    const struct world_port *port = world_port_by_ofport(bridge, host32(match.value.key.in_port));
    if (port == NULL) {
        return error_set(detail, -ERROR_NOT_FOUND, "in_port: the bridge has no port %u", host32(match.value.key.in_port));
    }
    if (hex != NULL) {
        return key_of_frame(&match, port, hex, out_key, out_frame, detail);
    }
    *out_key = match.value.key;
    out_key->in_port = be32(port->id);
    if ((host16(out_key->vlan_tci) & KEY_VLAN_PRESENT) != 0) {
        out_key->vlan_tpid = be16(0x8100); /* the text has no word for it */
    }
    return 0;
}

void trace_packet(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct core *core = context;
    struct error_detail detail = {""};
    struct trace_frame frame = {.bytes = NULL};
    struct flow_key key;
    if (n_arguments != 2 && n_arguments != 3) {
        control_fail(call, -EINVAL, "trace BRIDGE FLOW [HEX]");
        return;
    }
    const struct world_bridge *bridge = *arguments[0] != '\0' ? world_bridge_by_name(&core->world, arguments[0]) : NULL;
    if (bridge == NULL) {
        control_fail(call, -ERROR_NOT_FOUND, "bridge %s does not exist", arguments[0]);
        return;
    }
    int err = key_of_words(bridge, arguments[1], n_arguments == 3 ? arguments[2] : NULL, &key, &frame, &detail);
    if (err != 0) {
        control_fail(call, err, "%s", detail.text);
        return;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        free(frame.bytes);
        control_fail(call, -ENOMEM, "no memory for the trace");
        return;
    }
    struct translation translation = {0};
    json_t *out = json_object();
    trace_key(core, key, &frame, file, &translation, out);
    set_text(out, &text, file);
    control_reply(call, out);
    translation_fini(&translation);
    free(frame.bytes);
}

/* ---- explain ---- */

static json_t *rule_json(const struct world *world, const struct world_rule *rule, FILE *text)
{
    const struct world_bridge *bridge = world_bridge(world, rule->bridge);
    struct match_ports names = names_of_bridge(bridge);
    struct rule model = world_rule_model(rule);
    char *line = rule_format(&model, NULL, &names);
    const char *rest = line + strspn(line, " ");
    fprintf(text, "  rule of %s: table=%u, cookie=0x%" PRIx64 ", %s\n", bridge->name, rule->table, rule->cookie,
            rest);
    json_t *json = json_pack("{s:s, s:i, s:i, s:o, s:I, s:s}", "bridge", bridge->name, "table", (int)rule->table,
                             "priority", (int)rule->node.priority, "cookie", json_sprintf("0x%" PRIx64, rule->cookie),
                             "rule", (json_int_t)rule->node.id, "text", rest);
    free(line);
    return json;
}

static json_t *group_json(const struct world *world, const struct world_group *group, FILE *text)
{
    const struct world_bridge *bridge = world_bridge(world, group->group.bridge);
    struct match_ports names = names_of_bridge(bridge);
    char *line = group_format(&group->group, &names);
    const char *rest = line + strspn(line, " ");
    fprintf(text, "  group of %s: %s\n", bridge->name, rest);
    json_t *json = json_pack("{s:s, s:I, s:s, s:[]}", "bridge", bridge->name, "group_id", (json_int_t)group->group.group_id,
                             "text", rest, "buckets");
    free(line);
    return json;
}

/* Into the entry of its group, which came before it; groups nest, so that need not be the last. */
static void explain_bucket(const struct world_group *group, uint16_t counter, FILE *text, json_t *groups)
{
    json_t *entry;
    size_t i, at = 0;
    while (at < group->group.n_buckets && group->group.buckets[at].counter != counter) {
        at++;
    }
    if (at == group->group.n_buckets) {
        return;
    }
    fprintf(text, "  bucket %zu of group %u\n", at, group->group.group_id);
    json_array_foreach(groups, i, entry)
    {
        if (json_integer_value(json_object_get(entry, "group_id")) == group->group.group_id) {
            json_array_append_new(json_object_get(entry, "buckets"), json_integer((json_int_t)at));
            return;
        }
    }
}

/* By the counter ids of a flow: what its packets are credited to, which is what it was made from. */
static void explain_counters(const struct core *core, const struct flow *flow, FILE *text, json_t *out)
{
    json_t *rules = json_array(), *groups = json_array();
    for (size_t i = 0; i < flow->n_counters; i++) {
        uint64_t number = counter_id_number(flow->counters[i]);
        const struct world_rule *rule;
        const struct world_group *group;
        switch (counter_id_kind(flow->counters[i])) {
        case COUNTER_RULE:
            rule = world_rule(&core->world, number);
            if (rule != NULL) {
                json_array_append_new(rules, rule_json(&core->world, rule, text));
            }
            break;
        case COUNTER_GROUP:
            group = world_group_by_row(&core->world, number);
            if (group != NULL) {
                json_array_append_new(groups, group_json(&core->world, group, text));
            }
            break;
        case COUNTER_BUCKET:
            group = world_group_by_row(&core->world, number >> 16);
            if (group != NULL) {
                explain_bucket(group, (uint16_t)number, text, groups);
            }
            break;
        case COUNTER_TABLE:
        case COUNTER_METER:
        case COUNTER_MAC:
        case COUNTER_PATCH_IN:
        case COUNTER_PATCH_OUT:
            break;
        }
    }
    json_object_set_new(out, "rules", rules);
    json_object_set_new(out, "groups", groups);
}

static void explain_meters(const struct core *core, const struct flow *flow, FILE *text, json_t *out)
{
    json_t *meters = json_array();
    for (size_t i = 0; i < flow->n_actions; i++) {
        const struct world_meter *meter =
            flow->actions[i].type == DP_ACTION_METER ? world_meter_by_row(&core->world, flow->actions[i].meter) : NULL;
        if (meter != NULL) {
            fprintf(text, "  meter %llu\n", (unsigned long long)meter->name.number);
            json_array_append_new(meters, json_integer((json_int_t)meter->name.number));
        }
    }
    json_object_set_new(out, "meters", meters);
}

static bool is_same_decision(const struct flow *flow, const struct translation *now)
{
    return dp_actions_equal(flow->actions, flow->n_actions, now->actions, now->n_actions) &&
           key_mask_covers(&flow->mask, &now->mask);
}

/* What is installed, what from, and what a packet of it would meet now. */
static void explain_flow(struct core *core, const struct session *session, const struct flow *flow, FILE *text, json_t *out)
{
    char *match = megaflow_text(&core->world, &flow->key, &flow->mask),
         *actions = actions_text(&core->world, flow->actions, flow->n_actions);
    fprintf(text, "Flow in fastpath.%u: %s\nActions: %s\nMade from:\n", session_shard(session)->instance, match, actions);
    json_object_set_new(out, "id", json_sprintf("%016" PRIx64 "%016" PRIx64, flow->id.high, flow->id.low));
    json_object_set_new(out, "shard", json_integer(session_shard(session)->instance));
    json_object_set_new(out, "match", json_string(match));
    json_object_set_new(out, "actions", json_string(actions));
    json_object_set_new(out, "is_to_be_corrected", json_boolean(flow->is_marked));
    explain_counters(core, flow, text, out);
    explain_meters(core, flow, text, out);
    free(match);
    free(actions);

    struct translation translation = {0};
    struct translate_input input = {
        .world = &core->world, .macs = core->macs, .now_ns = core->now_ns, .learning = TRANSLATE_LEARN_NOTHING};
    const struct trace_frame no_frame = {.bytes = NULL};
    json_t *now = json_object();
    translate_key(&input, &flow->key, &translation);
    bool is_current = is_same_decision(flow, &translation);
    json_object_set_new(out, "is_current", json_boolean(is_current));
    fprintf(text, "%s\n\nOne of its packets now:\n",
            flow->is_marked ? "A correction is on its way."
            : is_current    ? "The tables still say so."
                            : "The tables say otherwise now.");
    trace_key(core, flow->key, &no_frame, text, &translation, now);
    json_object_set_new(out, "now", now);
    translation_fini(&translation);
}

static int read_id(const char *text, struct flow_id *out_id)
{
    char high[17] = "", *end_high, *end_low;
    if (strlen(text) != 32 || text[strspn(text, "0123456789abcdefABCDEF")] != '\0') {
        return -ERROR_SYNTAX;
    }
    memcpy(high, text, 16);
    *out_id = (struct flow_id){.high = strtoull(high, &end_high, 16), .low = strtoull(text + 16, &end_low, 16)};
    return *end_high == '\0' && *end_low == '\0' ? 0 : -ERROR_SYNTAX;
}

void trace_explain(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct core *core = context;
    struct flow_id id;
    if (n_arguments != 1 || read_id(arguments[0], &id) != 0) {
        control_fail(call, -ERROR_SYNTAX, "explain FLOW-ID: the 32 hexadecimal digits that dp dump-flows gives a flow");
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < core->n_sessions; i++) {
        const struct flow *flow = flow_index_find(session_flows(core->sessions[i]), id);
        char *text = NULL;
        size_t size = 0;
        FILE *file = flow != NULL ? open_memstream(&text, &size) : NULL;
        if (file != NULL) {
            json_t *out = json_object();
            explain_flow(core, core->sessions[i], flow, file, out);
            set_text(out, &text, file);
            json_array_append_new(list, out);
        }
    }
    control_reply(call, list);
}
