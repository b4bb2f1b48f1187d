/* Reads Open vSwitch's action syntax, ovs-actions(7): a table of words, each with the function that reads its value.
 *
 * The old words (mod_dl_src, mod_nw_dst, strip_vlan ...) become what ovs-ofctl makes of them for OpenFlow 1.3: set_field and
 * push_vlan. Instructions must come in the order in which they are executed, as there, so that text never means something else
 * than it says. Control code, any thread, no state; cost linear in the text.
 * Invariant: nothing is given out unless the whole text was understood.
 */
#include "lib/model/action_text.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/model/action_extension.h"
#include "lib/model/field_names.h"
#include "lib/model/word.h"

struct parse {
    const struct match_ports *ports;
    const struct match *match; /* what is known of the packets */
    struct action_list *list;
    struct instructions *in; /* NULL within write_actions and buckets */
    int stage;               /* of the last instruction, in the order of execution */
    bool has_vlan;           /* a tag is there for certain */
    bool has_drop;
    unsigned depth; /* of clones */
    struct error_detail *detail;
};

typedef int parse_function(struct parse *p, const struct word *word, int argument);

int action_text_parse_port(const char *text, const struct match_ports *ports, uint32_t *out_port, struct error_detail *detail)
{
    struct field_value value, mask;

    int err = match_parse_value(FIELD_IN_PORT, text, ports, &value, &mask, detail);
    if (err != 0) {
        return err;
    }
    uint32_t port = (uint32_t)field_value_to_u64(value);
    *out_port = port >= 0xfff8 && port <= 0xffff ? port | 0xffff0000u : port;
    return 0;
}

static int add(struct parse *p, struct action action)
{
    action_list_add(p->list, &action);
    return 0;
}

static int expect_value(struct parse *p, const struct word *word)
{
    if (word->value == NULL || word->value[0] == '\0') {
        return error_set(p->detail, -ERROR_SYNTAX, "%s: a value is missing", word->name);
    }
    return 0;
}

static int parse_plain(struct parse *p, const struct word *word, int type)
{
    if (word->value != NULL && word->value[0] != '\0') {
        return error_set(p->detail, -ERROR_SYNTAX, "%s: takes no value", word->name);
    }
    p->has_vlan = p->has_vlan && type != ACTION_POP_VLAN;
    return add(p, (struct action){.type = (enum action_type)type});
}

static int add_output(struct parse *p, const char *name, const char *port_text, const char *max_len_text)
{
    struct action action = {.type = ACTION_OUTPUT, .output = {.port = 0, .max_len = 0}};
    uint64_t max_len = UINT16_MAX;

    int err = action_text_parse_port(port_text, p->ports, &action.output.port, p->detail);
    if (err == 0 && max_len_text != NULL) {
        err = word_number(name, max_len_text, UINT16_MAX, &max_len, p->detail);
    }
    if (err != 0) {
        return err;
    }
    if (action.output.port == PORT_CONTROLLER) {
        action.output.max_len = (uint16_t)max_len;
    }
    return add(p, action);
}

static int parse_output(struct parse *p, const struct word *word, int unused)
{
    int err = expect_value(p, word);
    if (err != 0) {
        return err;
    }
    if (word->in_parentheses) {
        return action_extension_parse_trunc(word, p->ports, p->list, p->detail);
    }
    size_t name_size = strcspn(word->value, "[");
    bool is_field = word->value[name_size] == '[' || field_names_find(word->value, name_size) != FIELD_COUNT;
    if (is_field && strcmp(word->value, "in_port") != 0) {
        return action_extension_parse_output_reg(word, p->list, p->detail);
    }
    return add_output(p, "output", word->value, NULL);
}

/* What the standard's output says as well is said so. */
static void add_controller(struct parse *p, struct action action, const uint8_t *data)
{
    bool is_plain = action.controller.reason == PACKET_IN_ACTION && action.controller.controller_id == 0 && action.controller.n_data == 0 &&
                    !action.controller.pauses && action.controller.meter_id == 0;
    if (is_plain) {
        action =
            (struct action){.type = ACTION_OUTPUT, .output = {.port = PORT_CONTROLLER, .max_len = action.controller.max_len}};
    }
    action_list_add(p->list, &action);
    if (!is_plain) {
        action_list_add_data(p->list, data, action.controller.n_data);
    }
}

/* One "reason=action" of controller(...). */
static int parse_controller_part(struct parse *p, struct action *action, const struct word *part, uint8_t **data)
{
    static const char *const reasons[] = {
        [PACKET_IN_NO_MATCH] = "no_match", [PACKET_IN_ACTION] = "action", [PACKET_IN_INVALID_TTL] = "invalid_ttl"};
    uint64_t number = 0;
    int err = 0;

    if (strcmp(part->name, "reason") == 0 && part->value != NULL) {
        for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
            if (strcmp(part->value, reasons[i]) == 0) {
                action->controller.reason = (enum packet_in_reason)i;
                return 0;
            }
        }
        return error_set(p->detail, -ERROR_UNKNOWN_NAME, "controller: unknown reason \"%s\"", part->value);
    }
    if (strcmp(part->name, "max_len") == 0) {
        err = word_number("max_len", part->value, UINT16_MAX, &number, p->detail);
        action->controller.max_len = (uint16_t)number;
        return err;
    }
    if (strcmp(part->name, "id") == 0) {
        err = word_number("id", part->value, UINT16_MAX, &number, p->detail);
        action->controller.controller_id = (uint16_t)number;
        return err;
    }
    if (strcmp(part->name, "userdata") == 0 && part->value != NULL && *data == NULL) {
        size_t n = 0;
        err = action_extension_parse_bytes("userdata", part->value, data, &n, p->detail);
        action->controller.n_data = (uint16_t)n;
        return err;
    }
    if (strcmp(part->name, "meter_id") == 0) {
        err = word_number("meter_id", part->value, UINT32_MAX, &number, p->detail);
        action->controller.meter_id = (uint32_t)number;
        return err;
    }
    if (strcmp(part->name, "pause") == 0 && part->value == NULL) {
        action->controller.pauses = true;
        return 0;
    }
    return error_set(p->detail, -ERROR_UNSUPPORTED, "controller: \"%s\" is not supported", part->name);
}

static int parse_controller(struct parse *p, const struct word *word, int unused)
{
    struct action action = {.type = ACTION_CONTROLLER,
                            .controller = {.max_len = UINT16_MAX, .controller_id = 0, .reason = PACKET_IN_ACTION}};

    if (!word->in_parentheses) {
        return add_output(p, "controller", "CONTROLLER", word->value);
    }
    char *copy = memory_string(word->value);
    char *pos = copy;
    struct word part;
    uint8_t *data = NULL;
    int err;
    while ((err = word_next(&pos, &part, p->detail)) > 0) {
        err = parse_controller_part(p, &action, &part, &data);
        if (err != 0) {
            break;
        }
    }
    free(copy);
    if (err == 0) {
        add_controller(p, action, data);
    }
    free(data);
    return err;
}

static int parse_clone(struct parse *p, const struct word *word, int unused);

static int parse_note(struct parse *p, const struct word *word, int unused)
{
    return action_extension_parse_note(word, p->list, p->detail);
}

static int parse_part(struct parse *p, const struct word *word, int type)
{
    return action_extension_parse_part(word, (enum action_type)type, p->list, p->detail);
}

static int parse_conjunction(struct parse *p, const struct word *word, int unused)
{
    return action_extension_parse_conjunction(word, p->list, p->detail);
}

static int parse_reserved_port(struct parse *p, const struct word *word, int unused)
{
    if (word->value != NULL) {
        return error_set(p->detail, -ERROR_SYNTAX, "%s: takes no value", word->name);
    }
    return add_output(p, word->name, word->name, NULL);
}

static int parse_drop(struct parse *p, const struct word *word, int unused)
{
    p->has_drop = true;
    return 0;
}

static int parse_number_action(struct parse *p, const struct word *word, int type)
{
    struct action action = {.type = (enum action_type)type};
    uint64_t number = 0;
    uint64_t max = type == ACTION_PUSH_VLAN || type == ACTION_PUSH_MPLS || type == ACTION_POP_MPLS ? UINT16_MAX
                   : type == ACTION_SET_NW_TTL || type == ACTION_SET_MPLS_TTL                      ? UINT8_MAX
                                                                                                   : UINT32_MAX;

    int err = word_number(word->name, word->value, max, &number, p->detail);
    if (err != 0) {
        return err;
    }
    if (type == ACTION_GROUP) {
        action.group_id = (uint32_t)number;
    } else if (type == ACTION_SET_QUEUE) {
        action.queue_id = (uint32_t)number;
    } else if (max == UINT16_MAX) {
        action.ethertype = (uint16_t)number;
    } else {
        action.ttl = (uint8_t)number;
    }
    p->has_vlan = p->has_vlan || type == ACTION_PUSH_VLAN;
    return add(p, action);
}

/* dec_ttl tells the controllers of id 0, dec_ttl(1,2) those of these ids. */
static int parse_dec_ttl(struct parse *p, const struct word *word, int unused)
{
    struct action action = {.type = ACTION_DEC_NW_TTL};
    uint64_t id = 0;

    for (const char *at = word->value; at != NULL && *at != '\0'; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        char text[8] = "";
        size_t size = strcspn(at, ",");
        if (size >= sizeof text) {
            return error_set(p->detail, -ERROR_RANGE, "dec_ttl: %.*s is no number of a controller", (int)(size < 32 ? size : 32), at);
        }
        memcpy(text, at, size);
        int err = word_number("dec_ttl", text, UINT16_MAX, &id, p->detail);
        if (err != 0) {
            return err;
        }
        if (!action_add_ttl_id(&action, (uint16_t)id)) {
            return error_set(p->detail, -ERROR_TOO_LARGE, "dec_ttl: more than %u controllers", (unsigned)ACTION_TTL_IDS_MAX);
        }
    }
    return add(p, action.dec_ttl.n_ids == 1 && id == 0 ? (struct action){.type = ACTION_DEC_NW_TTL} : action);
}

/* A part of a VLAN id may say that there is a tag, as OpenFlow 1.5 has it: it needs one, so that says nothing. */
static void settle_vlan_id(struct action *action)
{
    uint64_t mask = field_value_to_u64(action->set_field.mask), value = field_value_to_u64(action->set_field.value);

    if (mask != (KEY_VLAN_PRESENT | 0xfff) && (mask & value & KEY_VLAN_PRESENT) != 0 && (mask & 0xfff) != 0) {
        action->set_field.mask = field_value_u64(mask & 0xfff);
        action->set_field.value = field_value_u64(value & 0xfff);
    }
}

static int add_set_field(struct parse *p, enum field_id id, const char *name, const char *text)
{
    struct action action = {.type = ACTION_SET_FIELD, .set_field = {.field = id}};

    if (field_table[id].set_rule == FIELD_SET_RO) {
        return error_set(p->detail, -ERROR_REFUSED, "%s: %s cannot be set", name, field_names_set(id));
    }
    if (text == NULL) {
        return error_set(p->detail, -ERROR_SYNTAX, "%s: a value is missing", name);
    }
    int err = match_parse_value(id, text, p->ports, &action.set_field.value, &action.set_field.mask, p->detail);
    if (err == 0 && field_value_is_zero(action.set_field.mask)) {
        err = error_set(p->detail, -ERROR_MASK, "%s: a mask of zero sets nothing", name);
    }
    if (err == 0 && id == FIELD_VLAN_VID) {
        settle_vlan_id(&action);
    }
    return err != 0 ? err : add(p, action);
}

static int parse_set_alias(struct parse *p, const struct word *word, int id)
{
    return add_set_field(p, (enum field_id)id, word->name, word->value);
}

static int add_set_number(struct parse *p, enum field_id id, uint64_t number)
{
    return add(p, (struct action){.type = ACTION_SET_FIELD,
                                  .set_field = {.field = id, .value = field_value_u64(number), .mask = field_all_ones(id)}});
}

/* The words of OpenFlow 1.0 for VLANs: they add a tag where there is none. */
static int parse_mod_vlan(struct parse *p, const struct word *word, int id)
{
    bool is_vid = id == FIELD_VLAN_VID;
    uint64_t number = 0;

    int err = word_number(word->name, word->value, is_vid ? 0xfff : 7, &number, p->detail);
    if (err != 0) {
        return err;
    }
    if (!p->has_vlan) {
        (void)add(p, (struct action){.type = ACTION_PUSH_VLAN, .ethertype = 0x8100});
        p->has_vlan = true;
    }
    return add_set_number(p, (enum field_id)id, is_vid ? number | KEY_VLAN_PRESENT : number);
}

static int parse_mod_nw_tos(struct parse *p, const struct word *word, int unused)
{
    uint64_t number = 0;

    int err = word_number(word->name, word->value, UINT8_MAX, &number, p->detail);
    if (err != 0) {
        return err;
    }
    if ((number & 3) != 0) {
        return error_set(p->detail, -ERROR_RANGE, "mod_nw_tos: %s is not a multiple of 4", word->value);
    }
    return add_set_number(p, FIELD_IP_DSCP, number >> 2);
}

static int parse_mod_tp(struct parse *p, const struct word *word, int is_destination)
{
    static const enum field_id ports[][2] = {
        {FIELD_TCP_SRC, FIELD_TCP_DST}, {FIELD_UDP_SRC, FIELD_UDP_DST}, {FIELD_SCTP_SRC, FIELD_SCTP_DST}};

    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        enum field_id id = ports[i][is_destination];
        if (field_prerequisite_met(id, &p->match->value, &p->match->mask)) {
            return add_set_field(p, id, word->name, word->value);
        }
    }
    return error_set(p->detail, -ERROR_PREREQUISITE, "%s: the match must say tcp, udp or sctp", word->name);
}

/* Splits "VALUE->FIELD" in place. */
static char *split_arrow(char *text)
{
    char *arrow = strstr(text, "->");
    if (arrow == NULL) {
        return NULL;
    }
    *arrow = '\0';
    return arrow + 2;
}

static int parse_arrow(struct parse *p, const struct word *word, int (*read)(struct parse *, const char *, const char *))
{
    int err = expect_value(p, word);
    if (err != 0) {
        return err;
    }
    char *left = memory_string(word->value);
    char *right = split_arrow(left);
    if (right == NULL) {
        err = error_set(p->detail, -ERROR_SYNTAX, "%s: expected \"->\" in \"%s\"", word->name, word->value);
    } else {
        err = read(p, left, right);
    }
    free(left);
    return err;
}

static int read_set_field(struct parse *p, const char *value, const char *name)
{
    enum field_id id = field_names_find(name, strlen(name));
    if (id == FIELD_COUNT) {
        return error_set(p->detail, -ERROR_UNKNOWN_NAME, "set_field: unknown field \"%s\"", name);
    }
    return add_set_field(p, id, "set_field", value);
}

static int read_load(struct parse *p, const char *value, const char *name)
{
    struct subfield part;
    uint64_t bits = 0;

    int err = subfield_parse(name, strlen(name), &part, p->detail);
    if (err != 0) {
        return err;
    }
    if (field_table[part.field].set_rule == FIELD_SET_RO) {
        return error_set(p->detail, -ERROR_REFUSED, "load: %s cannot be set", name);
    }
    if (part.n_bits > 64) {
        return error_set(p->detail, -ERROR_RANGE, "load: at most 64 bits at once");
    }
    err = word_number("load", value, part.n_bits == 64 ? UINT64_MAX : (UINT64_C(1) << part.n_bits) - 1, &bits, p->detail);
    if (err != 0) {
        return err;
    }
    return add(p, (struct action){
                      .type = ACTION_SET_FIELD,
                      .set_field = {.field = part.field, .value = subfield_value(part, bits), .mask = subfield_mask(part)}});
}

static int read_move(struct parse *p, const char *source_text, const char *target_text)
{
    struct subfield source, target;

    int err = subfield_parse(source_text, strlen(source_text), &source, p->detail);
    if (err == 0) {
        err = subfield_parse(target_text, strlen(target_text), &target, p->detail);
    }
    if (err != 0) {
        return err;
    }
    if (source.n_bits != target.n_bits) {
        return error_set(p->detail, -ERROR_RANGE, "move: %s has %u bits, %s %u", source_text, source.n_bits, target_text,
                         target.n_bits);
    }
    if (field_table[target.field].set_rule == FIELD_SET_RO) {
        return error_set(p->detail, -ERROR_REFUSED, "move: %s cannot be set", target_text);
    }
    return add(p, (struct action){.type = ACTION_MOVE,
                                  .move = {.source = source.field,
                                           .target = target.field,
                                           .source_offset = source.offset,
                                           .target_offset = target.offset,
                                           .n_bits = source.n_bits}});
}

static int parse_set_field(struct parse *p, const struct word *word, int unused)
{
    return parse_arrow(p, word, read_set_field);
}

static int parse_load(struct parse *p, const struct word *word, int unused)
{
    return parse_arrow(p, word, read_load);
}

static int parse_move(struct parse *p, const struct word *word, int unused)
{
    return parse_arrow(p, word, read_move);
}

static int parse_resubmit(struct parse *p, const struct word *word, int unused)
{
    struct action action = {.type = ACTION_RESUBMIT, .resubmit = {.in_port = PORT_IN_PORT, .table = 255}};
    uint64_t table = 255;
    int err = expect_value(p, word);
    if (err != 0) {
        return err;
    }
    char *port = memory_string(word->value);
    char *comma = strchr(port, ',');
    if (comma != NULL) {
        *comma = '\0';
        err = comma[1] != '\0' ? word_number("resubmit", comma + 1, UINT8_MAX, &table, p->detail) : 0;
    }
    if (err == 0 && port[0] != '\0') {
        err = action_text_parse_port(port, p->ports, &action.resubmit.in_port, p->detail);
    }
    free(port);
    action.resubmit.table = (uint8_t)table;
    return err != 0 ? err : add(p, action);
}

enum { STAGE_METER = 1, STAGE_APPLY, STAGE_CLEAR, STAGE_WRITE, STAGE_METADATA, STAGE_GOTO };

static const char *const stage_names[] = {"",          "meter", "actions", "clear_actions", "write_actions", "write_metadata",
                                          "goto_table"};

static int enter_stage(struct parse *p, int stage)
{
    if (p->in == NULL) {
        return stage == STAGE_APPLY
                   ? 0
                   : error_set(p->detail, -ERROR_SYNTAX, "%s: an instruction, not allowed here", stage_names[stage]);
    }
    if (stage == p->stage && stage != STAGE_APPLY) {
        return error_set(p->detail, -ERROR_DUPLICATE, "%s: given twice", stage_names[stage]);
    }
    if (stage < p->stage) {
        return error_set(p->detail, -ERROR_SYNTAX, "%s must come before %s", stage_names[stage], stage_names[p->stage]);
    }
    p->stage = stage;
    return 0;
}

static int parse_words(struct parse *p, const char *text);

static int parse_write_actions(struct parse *p, const struct word *word)
{
    struct parse inner = {.ports = p->ports, .match = p->match, .list = &p->in->write, .detail = p->detail};

    p->in->has_write = true;
    return parse_words(&inner, word->value != NULL ? word->value : "");
}

static int parse_metadata(struct parse *p, const struct word *word)
{
    struct field_value value, mask;

    int err = expect_value(p, word);
    if (err == 0) {
        err = match_parse_value(FIELD_METADATA, word->value, p->ports, &value, &mask, p->detail);
    }
    if (err == 0) {
        p->in->has_write_metadata = true;
        p->in->metadata = field_value_to_u64(value) & field_value_to_u64(mask);
        p->in->metadata_mask = field_value_to_u64(mask);
    }
    return err;
}

static int parse_instruction(struct parse *p, const struct word *word, int stage)
{
    uint64_t number = 0;
    int err = 0;

    switch (stage) {
    case STAGE_METER:
        err = word_number("meter", word->value, UINT32_MAX, &number, p->detail);
        if (err == 0 && number == 0) {
            err = error_set(p->detail, -ERROR_RANGE, "meter: ids begin at 1");
        }
        p->in->meter_id = (uint32_t)number;
        return err;
    case STAGE_CLEAR:
        p->in->has_clear = true;
        return 0;
    case STAGE_WRITE:
        return parse_write_actions(p, word);
    case STAGE_METADATA:
        return parse_metadata(p, word);
    case STAGE_GOTO:
        err = word_number("goto_table", word->value, UINT8_MAX, &number, p->detail);
        p->in->has_goto = err == 0;
        p->in->goto_table = (uint8_t)number;
        return err;
    default:
        return error_set(p->detail, -ERROR_SYNTAX, "%s: is what stands outside write_actions() anyway", word->name);
    }
}

static const struct action_word {
    const char *name;
    int stage;
    parse_function *parse;
    int argument;
} action_words[] = {
    {"output", STAGE_APPLY, parse_output, 0},
    {"controller", STAGE_APPLY, parse_controller, 0},
    {"CONTROLLER", STAGE_APPLY, parse_controller, 0},
    {"normal", STAGE_APPLY, parse_reserved_port, 0},
    {"flood", STAGE_APPLY, parse_reserved_port, 0},
    {"all", STAGE_APPLY, parse_reserved_port, 0},
    {"in_port", STAGE_APPLY, parse_reserved_port, 0},
    {"local", STAGE_APPLY, parse_reserved_port, 0},
    {"table", STAGE_APPLY, parse_reserved_port, 0},
    {"drop", STAGE_APPLY, parse_drop, 0},
    {"group", STAGE_APPLY, parse_number_action, ACTION_GROUP},
    {"set_queue", STAGE_APPLY, parse_number_action, ACTION_SET_QUEUE},
    {"push_vlan", STAGE_APPLY, parse_number_action, ACTION_PUSH_VLAN},
    {"pop_vlan", STAGE_APPLY, parse_plain, ACTION_POP_VLAN},
    {"strip_vlan", STAGE_APPLY, parse_plain, ACTION_POP_VLAN},
    {"mod_vlan_vid", STAGE_APPLY, parse_mod_vlan, FIELD_VLAN_VID},
    {"mod_vlan_pcp", STAGE_APPLY, parse_mod_vlan, FIELD_VLAN_PCP},
    {"mod_dl_src", STAGE_APPLY, parse_set_alias, FIELD_ETH_SRC},
    {"mod_dl_dst", STAGE_APPLY, parse_set_alias, FIELD_ETH_DST},
    {"mod_nw_src", STAGE_APPLY, parse_set_alias, FIELD_IPV4_SRC},
    {"mod_nw_dst", STAGE_APPLY, parse_set_alias, FIELD_IPV4_DST},
    {"mod_nw_ecn", STAGE_APPLY, parse_set_alias, FIELD_IP_ECN},
    {"mod_nw_tos", STAGE_APPLY, parse_mod_nw_tos, 0},
    {"mod_nw_ttl", STAGE_APPLY, parse_number_action, ACTION_SET_NW_TTL},
    {"mod_tp_src", STAGE_APPLY, parse_mod_tp, 0},
    {"mod_tp_dst", STAGE_APPLY, parse_mod_tp, 1},
    {"dec_ttl", STAGE_APPLY, parse_dec_ttl, 0},
    {"push_mpls", STAGE_APPLY, parse_number_action, ACTION_PUSH_MPLS},
    {"pop_mpls", STAGE_APPLY, parse_number_action, ACTION_POP_MPLS},
    {"set_mpls_label", STAGE_APPLY, parse_set_alias, FIELD_MPLS_LABEL},
    {"set_mpls_tc", STAGE_APPLY, parse_set_alias, FIELD_MPLS_TC},
    {"set_mpls_ttl", STAGE_APPLY, parse_number_action, ACTION_SET_MPLS_TTL},
    {"dec_mpls_ttl", STAGE_APPLY, parse_plain, ACTION_DEC_MPLS_TTL},
    {"copy_ttl_in", STAGE_APPLY, parse_plain, ACTION_COPY_TTL_IN},
    {"copy_ttl_out", STAGE_APPLY, parse_plain, ACTION_COPY_TTL_OUT},
    {"set_tunnel", STAGE_APPLY, parse_set_alias, FIELD_TUNNEL_ID},
    {"set_tunnel64", STAGE_APPLY, parse_set_alias, FIELD_TUNNEL_ID},
    {"set_field", STAGE_APPLY, parse_set_field, 0},
    {"load", STAGE_APPLY, parse_load, 0},
    {"move", STAGE_APPLY, parse_move, 0},
    {"resubmit", STAGE_APPLY, parse_resubmit, 0},
    {"exit", STAGE_APPLY, parse_plain, ACTION_EXIT},
    {"pop_queue", STAGE_APPLY, parse_plain, ACTION_POP_QUEUE},
    {"clone", STAGE_APPLY, parse_clone, 0},
    {"note", STAGE_APPLY, parse_note, 0},
    {"push", STAGE_APPLY, parse_part, ACTION_STACK_PUSH},
    {"pop", STAGE_APPLY, parse_part, ACTION_STACK_POP},
    {"conjunction", STAGE_APPLY, parse_conjunction, 0},
    {"meter", STAGE_METER, parse_instruction, STAGE_METER},
    {"apply_actions", STAGE_APPLY, parse_instruction, STAGE_APPLY},
    {"clear_actions", STAGE_CLEAR, parse_instruction, STAGE_CLEAR},
    {"write_actions", STAGE_WRITE, parse_instruction, STAGE_WRITE},
    {"write_metadata", STAGE_METADATA, parse_instruction, STAGE_METADATA},
    {"goto_table", STAGE_GOTO, parse_instruction, STAGE_GOTO},
};

/* A word that is no action may be a port: "2", "LOCAL", "eth1". */
static int parse_bare_port(struct parse *p, const struct word *word)
{
    uint32_t port = 0;

    if (word->value != NULL || action_text_parse_port(word->name, p->ports, &port, NULL) != 0) {
        return error_set(p->detail, -ERROR_UNKNOWN_NAME, "unknown action \"%s\"", word->name);
    }
    int err = enter_stage(p, STAGE_APPLY);
    return err != 0 ? err : add_output(p, "output", word->name, NULL);
}

static int parse_word(struct parse *p, const struct word *word)
{
    for (size_t i = 0; i < sizeof action_words / sizeof action_words[0]; i++) {
        if (strcmp(action_words[i].name, word->name) == 0) {
            int err = enter_stage(p, action_words[i].stage);
            return err != 0 ? err : action_words[i].parse(p, word, action_words[i].argument);
        }
    }
    return parse_bare_port(p, word);
}

static int parse_words(struct parse *p, const char *text)
{
    char *copy = memory_string(text);
    char *pos = copy;
    struct word word;
    size_t n_words = 0;
    int err;

    p->has_vlan = field_prerequisite_met(FIELD_VLAN_PCP, &p->match->value, &p->match->mask);
    while ((err = word_next(&pos, &word, p->detail)) > 0) {
        n_words++;
        err = parse_word(p, &word);
        if (err != 0) {
            break;
        }
    }
    free(copy);
    if (err == 0 && p->has_drop && n_words > 1) {
        err = error_set(p->detail, -ERROR_SYNTAX, "drop: cannot stand with other actions");
    }
    return err;
}

/* The items behind the CLONE are its own. */
static int parse_clone(struct parse *p, const struct word *word, int unused)
{
    struct parse inner = {.ports = p->ports, .match = p->match, .list = p->list, .detail = p->detail, .depth = p->depth + 1};
    size_t place = p->list->count;

    if (inner.depth > ACTION_CLONE_DEPTH_MAX) {
        return error_set(p->detail, -ERROR_RANGE, "clone: %d within each other at most", ACTION_CLONE_DEPTH_MAX);
    }
    (void)add(p, (struct action){.type = ACTION_CLONE});
    int err = parse_words(&inner, word->value != NULL ? word->value : "");
    size_t n_inner = p->list->count - place - 1;
    if (err == 0 && n_inner > UINT16_MAX) {
        err = error_set(p->detail, -ERROR_RANGE, "clone: of %zu actions", n_inner);
    }
    p->list->items[place].n_inner = (uint16_t)n_inner;
    return err;
}

int action_text_parse_instructions(const char *text, const struct match_ports *ports, const struct match *match,
                                   struct instructions *out_in, struct error_detail *detail)
{
    struct instructions in;
    struct parse parse = {.ports = ports, .match = match, .list = &in.apply, .in = &in, .detail = detail};

    instructions_init(&in);
    int err = parse_words(&parse, text);
    if (err != 0) {
        instructions_fini(&in);
        return err;
    }
    in.has_apply = in.apply.count > 0;
    *out_in = in;
    return 0;
}

int instructions_parse(const char *text, const struct match_ports *ports, struct instructions *out_in,
                       struct error_detail *detail)
{
    struct match any;

    match_init(&any);
    return action_text_parse_instructions(text, ports, &any, out_in, detail);
}

int action_list_parse(const char *text, const struct match_ports *ports, struct action_list *out_list,
                      struct error_detail *detail)
{
    struct action_list list = {.items = NULL, .count = 0};
    struct match any;
    struct parse parse = {.ports = ports, .match = &any, .list = &list, .detail = detail};

    match_init(&any);
    int err = parse_words(&parse, text);
    if (err != 0) {
        action_list_fini(&list);
        return err;
    }
    *out_list = list;
    return 0;
}
