/* Lists of datapath actions: check, compare, print.
 *
 * Why check here: lists come from another process, and the executor that runs them a million times a second must not look again.
 * What dp_actions_check() has let through, dp_execute() can run over any packet without leaving an array.
 * Cost: linear in the list, nested clones counted once a level. Control thread and slowpath; no state.
 * Invariant: after a good check every CLONE lies inside its list, no deeper than DP_CLONE_DEPTH, a DROP ends its list, and a TRUNCATE
 * has its OUTPUT behind it.
 */
#include "lib/dp/action.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/memory.h"

struct check {
    const struct dp_action *first; /* of the whole list, to name positions */
    struct error_detail *detail;
};

static int check_set_field(const struct check *check, const struct dp_action *action)
{
    size_t i = (size_t)(action - check->first);
    if (action->set_field.field >= FIELD_COUNT) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: field %u does not exist", i, action->set_field.field);
    }
    enum field_id id = (enum field_id)action->set_field.field;
    const struct field *field = &field_table[id];
    if (field->set_rule != FIELD_SET_RW || field->offset + field->size > sizeof(struct flow_key)) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: %s cannot be set in a packet", i, field->name);
    }
    if (!field_value_fits(id, action->set_field.value) || !field_value_fits(id, action->set_field.mask)) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: the value is wider than %s", i, field->name);
    }
    return 0;
}

/* 802.3 lengths are below 0x0600 and no types. */
static int check_mpls(const struct check *check, const struct dp_action *action)
{
    size_t i = (size_t)(action - check->first);
    bool is_push = action->type == DP_ACTION_PUSH_MPLS;
    if (is_push ? action->ethertype != 0x8847 && action->ethertype != 0x8848 : action->ethertype < 0x0600) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: ethertype 0x%04x", i, action->ethertype);
    }
    return 0;
}

static int check_truncate(const struct check *check, const struct dp_action *action, size_t n_behind)
{
    size_t i = (size_t)(action - check->first);
    if (action->max_len < DP_TRUNCATE_MIN) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: truncate to %u bytes", i, action->max_len);
    }
    if (n_behind == 0 || action[1].type != DP_ACTION_OUTPUT) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: truncate without an output behind it", i);
    }
    return 0;
}

static int check_hash(const struct check *check, const struct dp_action *action)
{
    size_t i = (size_t)(action - check->first);
    if (action->hash.algorithm >= DP_HASH_ALGORITHM_COUNT) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: hash algorithm %u", i, action->hash.algorithm);
    }
    for (unsigned id = 0; id < 128; id++) {
        bool is_known = id < FIELD_COUNT && field_table[id].offset + field_table[id].size <= sizeof(struct flow_key);
        if (dp_hash_has(&action->hash, id) && (!is_known || action->hash.algorithm != DP_HASH_FIELDS)) {
            return error_set(check->detail, -ERROR_RANGE, "action %zu: a hash over field %u", i, id);
        }
    }
    return 0;
}

static int check_recirc(const struct check *check, const struct dp_action *action)
{
    size_t i = (size_t)(action - check->first);
    bool is_mpls = action->uncovers_type == 0x8847 || action->uncovers_type == 0x8848;
    if (action->recirc_id == 0) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: recirculation id 0", i);
    }
    if (action->n_labels > DP_UNCOVER_MAX || is_mpls) {
        return error_set(check->detail, -ERROR_RANGE, "action %zu: type 0x%04x behind %u labels", i, action->uncovers_type, action->n_labels);
    }
    return 0;
}

static int check_controller(const struct check *check, const struct dp_action *action)
{
    size_t i = (size_t)(action - check->first);
    size_t n = dp_userdata_items(action->controller.n_userdata) + dp_userdata_items(action->controller.n_pipeline);
    bool is_good = action->controller.n_userdata <= DP_USERDATA_MAX && action->controller.n_pipeline <= DP_PIPELINE_MAX && n <= i;
    for (size_t k = 1; is_good && k <= n; k++) {
        is_good = check->first[i - k].type == DP_ACTION_USERDATA;
    }
    return is_good ? 0 : error_set(check->detail, -ERROR_RANGE, "action %zu: %u bytes of user data and %u of fields are not before it", i,
                                         action->controller.n_userdata, action->controller.n_pipeline);
}

/* The bytes of the items that end before the last n_behind items in front of the action. */
static size_t copy_items(const struct dp_controller *controller, size_t n_bytes, size_t n_behind, uint8_t *out)
{
    const struct dp_action *action = (const struct dp_action *)(const void *)((const uint8_t *)controller - offsetof(struct dp_action, controller));
    size_t left = n_bytes;
    for (size_t k = dp_userdata_items(n_bytes); k > 0; k--) {
        size_t n = left < DP_USERDATA_SIZE ? left : DP_USERDATA_SIZE;
        memcpy(out, action[-(ptrdiff_t)(k + n_behind)].userdata.bytes, n);
        out += n;
        left -= n;
    }
    return n_bytes;
}

size_t dp_controller_userdata(const struct dp_controller *controller, uint8_t *out)
{
    return copy_items(controller, controller->n_userdata, 0, out);
}

size_t dp_controller_pipeline(const struct dp_controller *controller, uint8_t *out)
{
    return copy_items(controller, controller->n_pipeline, dp_userdata_items(controller->n_userdata), out);
}

static int check_list(const struct check *check, const struct dp_action *actions, size_t n_actions, unsigned depth);

static int check_one(const struct check *check, const struct dp_action *action, size_t n_behind, unsigned depth)
{
    size_t i = (size_t)(action - check->first);
    switch ((enum dp_action_type)action->type) {
    case DP_ACTION_OUTPUT:
        return action->port != 0 ? 0 : error_set(check->detail, -ERROR_RANGE, "action %zu: output to port 0", i);
    case DP_ACTION_SET_FIELD:
        return check_set_field(check, action);
    case DP_ACTION_PUSH_VLAN:
        if (action->push_vlan.tpid != 0x8100 && action->push_vlan.tpid != 0x88a8) {
            return error_set(check->detail, -ERROR_RANGE, "action %zu: TPID 0x%04x", i, action->push_vlan.tpid);
        }
        return 0;
    case DP_ACTION_POP_VLAN:
    case DP_ACTION_DEC_TTL:
    case DP_ACTION_DEC_MPLS_TTL:
    case DP_ACTION_METER:
    case DP_ACTION_USERDATA:
        return 0;
    case DP_ACTION_CONTROLLER:
        return check_controller(check, action);
    case DP_ACTION_PUSH_MPLS:
    case DP_ACTION_POP_MPLS:
        return check_mpls(check, action);
    case DP_ACTION_TRUNCATE:
        return check_truncate(check, action, n_behind);
    case DP_ACTION_HASH:
        return check_hash(check, action);
    case DP_ACTION_RECIRC:
        return check_recirc(check, action);
    case DP_ACTION_CLONE:
        if (action->clone.n_actions > n_behind || depth >= DP_CLONE_DEPTH) {
            return error_set(check->detail, -ERROR_RANGE, "action %zu: clone of %u actions, %zu behind it, depth %u", i,
                             action->clone.n_actions, n_behind, depth);
        }
        return check_list(check, action + 1, action->clone.n_actions, depth + 1);
    case DP_ACTION_DROP:
        if (action->reason >= DROP_REASON_COUNT || n_behind != 0) {
            return error_set(check->detail, -ERROR_RANGE, "action %zu: drop with reason %u, %zu actions behind it", i, action->reason,
                             n_behind);
        }
        return 0;
    case DP_ACTION_COUNT:
        break;
    }
    return error_set(check->detail, -ERROR_RANGE, "action %zu: type %u does not exist", i, action->type);
}

static int check_list(const struct check *check, const struct dp_action *actions, size_t n_actions, unsigned depth)
{
    for (size_t i = 0; i < n_actions; i++) {
        int err = check_one(check, &actions[i], n_actions - i - 1, depth);
        if (err != 0) {
            return err;
        }
        if (actions[i].type == DP_ACTION_CLONE) {
            i += actions[i].clone.n_actions;
        }
    }
    return 0;
}

int dp_actions_check(const struct dp_action *actions, size_t n_actions, struct error_detail *detail)
{
    struct check check = {.first = actions, .detail = detail};
    if (n_actions > DP_ACTIONS_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%zu actions, more than %d", n_actions, DP_ACTIONS_MAX);
    }
    return check_list(&check, actions, n_actions, 0);
}

static bool is_effective(const struct dp_action *action)
{
    switch ((enum dp_action_type)action->type) {
    case DP_ACTION_OUTPUT:
    case DP_ACTION_CONTROLLER:
    case DP_ACTION_DROP:
    case DP_ACTION_RECIRC:
    case DP_ACTION_METER: /* it counts */
        return true;
    case DP_ACTION_CLONE:
        return action->clone.n_actions > 0;
    case DP_ACTION_SET_FIELD:
    case DP_ACTION_PUSH_VLAN:
    case DP_ACTION_POP_VLAN:
    case DP_ACTION_DEC_TTL:
    case DP_ACTION_PUSH_MPLS:
    case DP_ACTION_POP_MPLS:
    case DP_ACTION_DEC_MPLS_TTL:
    case DP_ACTION_TRUNCATE:
    case DP_ACTION_HASH:
    case DP_ACTION_USERDATA:
    case DP_ACTION_COUNT:
        return false;
    }
    return false;
}

size_t dp_actions_effective(const struct dp_action *actions, size_t n_actions)
{
    size_t end = 0;
    for (size_t i = 0; i < n_actions; i++) {
        if (is_effective(&actions[i])) {
            end = i + 1;
        }
        if (actions[i].type == DP_ACTION_CLONE) {
            i += actions[i].clone.n_actions;
        }
    }
    return end;
}

static bool value_equal(const struct field_value *a, const struct field_value *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool action_equal(const struct dp_action *a, const struct dp_action *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch ((enum dp_action_type)a->type) {
    case DP_ACTION_OUTPUT:
        return a->port == b->port;
    case DP_ACTION_SET_FIELD:
        return a->set_field.field == b->set_field.field && value_equal(&a->set_field.value, &b->set_field.value) &&
               value_equal(&a->set_field.mask, &b->set_field.mask);
    case DP_ACTION_PUSH_VLAN:
        return a->push_vlan.tpid == b->push_vlan.tpid && a->push_vlan.tci == b->push_vlan.tci;
    case DP_ACTION_POP_VLAN:
    case DP_ACTION_DEC_TTL:
    case DP_ACTION_DEC_MPLS_TTL:
        return true;
    case DP_ACTION_PUSH_MPLS:
    case DP_ACTION_POP_MPLS:
        return a->ethertype == b->ethertype;
    case DP_ACTION_TRUNCATE:
        return a->max_len == b->max_len;
    case DP_ACTION_HASH:
        return a->hash.algorithm == b->hash.algorithm && a->hash.basis == b->hash.basis && a->hash.fields[0] == b->hash.fields[0] &&
               a->hash.fields[1] == b->hash.fields[1];
    case DP_ACTION_RECIRC:
        return a->recirc_id == b->recirc_id && a->n_labels == b->n_labels && a->uncovers_type == b->uncovers_type;
    case DP_ACTION_METER:
        return a->meter == b->meter;
    case DP_ACTION_CONTROLLER:
        return a->controller.bridge == b->controller.bridge && a->controller.cookie == b->controller.cookie &&
               a->controller.rule_table == b->controller.rule_table && a->controller.max_len == b->controller.max_len &&
               a->controller.reason == b->controller.reason && a->controller.in_port == b->controller.in_port &&
               a->controller.id == b->controller.id && a->controller.n_userdata == b->controller.n_userdata &&
               a->controller.n_pipeline == b->controller.n_pipeline;
    case DP_ACTION_USERDATA:
        return memcmp(a->userdata.bytes, b->userdata.bytes, sizeof a->userdata.bytes) == 0;
    case DP_ACTION_CLONE:
        return a->clone.n_actions == b->clone.n_actions;
    case DP_ACTION_DROP:
        return a->reason == b->reason;
    case DP_ACTION_COUNT:
        break;
    }
    return false;
}

bool dp_actions_equal(const struct dp_action *a, size_t n_a, const struct dp_action *b, size_t n_b)
{
    if (n_a != n_b) {
        return false;
    }
    for (size_t i = 0; i < n_a; i++) {
        if (!action_equal(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

static void print_set_field(FILE *out, const struct dp_action *action, const struct match_ports *ports)
{
    enum field_id id = (enum field_id)action->set_field.field;
    struct field_value ones = field_all_ones(id);
    bool is_whole = value_equal(&ones, &action->set_field.mask);
    char *value = match_format_value(id, action->set_field.value, is_whole ? NULL : &action->set_field.mask, ports);
    fprintf(out, "set_field:%s->%s", value, field_table[id].name);
    free(value);
}

static void print_output(FILE *out, uint32_t port, const struct match_ports *ports)
{
    const char *name = ports != NULL && ports->by_number != NULL ? ports->by_number(ports->context, port) : NULL;
    if (name != NULL) {
        fprintf(out, "output:%s", name);
    } else {
        fprintf(out, "output:%u", port);
    }
}

static void print_hash(FILE *out, const struct dp_hash *hash)
{
    fprintf(out, "hash(%s,basis=%u", hash->algorithm == DP_HASH_FIELDS ? "fields" : "symmetric_l4", hash->basis);
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        if (dp_hash_has(hash, id)) {
            fprintf(out, ",%s", field_table[id].name);
        }
    }
    fputc(')', out);
}

static void print_controller(FILE *out, const struct dp_action *action)
{
    fprintf(out, "controller(max_len=%u,reason=%u", action->controller.max_len, action->controller.reason);
    if (action->controller.id != 0) {
        fprintf(out, ",id=%u", action->controller.id);
    }
    if (action->controller.n_userdata != 0) {
        fprintf(out, ",userdata=%u bytes", action->controller.n_userdata);
    }
    if (action->controller.n_pipeline != 0) {
        fprintf(out, ",fields=%u bytes", action->controller.n_pipeline);
    }
    fputc(')', out);
}

static void print_userdata(FILE *out, const struct dp_action *action)
{
    fputs("userdata(", out);
    for (size_t i = 0; i < sizeof action->userdata.bytes; i++) {
        fprintf(out, "%02x", action->userdata.bytes[i]);
    }
    fputc(')', out);
}

static void print_list(FILE *out, const struct dp_action *actions, size_t n_actions, const struct match_ports *ports);

static void print_one(FILE *out, const struct dp_action *action, const struct match_ports *ports)
{
    switch ((enum dp_action_type)action->type) {
    case DP_ACTION_OUTPUT:
        print_output(out, action->port, ports);
        return;
    case DP_ACTION_SET_FIELD:
        print_set_field(out, action, ports);
        return;
    case DP_ACTION_PUSH_VLAN:
        fprintf(out, "push_vlan:0x%04x(vid=%u,pcp=%u)", action->push_vlan.tpid, action->push_vlan.tci & 0xfffu,
                action->push_vlan.tci >> 13);
        return;
    case DP_ACTION_POP_VLAN:
    case DP_ACTION_DEC_TTL:
        fputs(action->type == DP_ACTION_POP_VLAN ? "pop_vlan" : "dec_ttl", out);
        return;
    case DP_ACTION_CONTROLLER:
        print_controller(out, action);
        return;
    case DP_ACTION_USERDATA:
        print_userdata(out, action);
        return;
    case DP_ACTION_CLONE:
        fputs("clone(", out);
        print_list(out, action + 1, action->clone.n_actions, ports);
        fputc(')', out);
        return;
    case DP_ACTION_DROP:
        fprintf(out, "drop(%s)", drop_name((enum drop_reason)action->reason));
        return;
    case DP_ACTION_PUSH_MPLS:
        fprintf(out, "push_mpls:0x%04x", action->ethertype);
        return;
    case DP_ACTION_POP_MPLS:
        fprintf(out, "pop_mpls:0x%04x", action->ethertype);
        return;
    case DP_ACTION_DEC_MPLS_TTL:
        fputs("dec_mpls_ttl", out);
        return;
    case DP_ACTION_TRUNCATE:
        fprintf(out, "truncate(%u)", action->max_len);
        return;
    case DP_ACTION_HASH:
        print_hash(out, &action->hash);
        return;
    case DP_ACTION_RECIRC:
        fprintf(out, "recirc(%u", action->recirc_id);
        if (action->n_labels != 0) {
            fprintf(out, ",labels=%u,uncovers=0x%04x", action->n_labels, action->uncovers_type);
        }
        fputc(')', out);
        return;
    case DP_ACTION_METER:
        fprintf(out, "meter(%llu)", (unsigned long long)action->meter);
        return;
    case DP_ACTION_COUNT:
        return;
    }
}

static void print_list(FILE *out, const struct dp_action *actions, size_t n_actions, const struct match_ports *ports)
{
    for (size_t i = 0; i < n_actions; i++) {
        if (i > 0) {
            fputc(',', out);
        }
        print_one(out, &actions[i], ports);
        if (actions[i].type == DP_ACTION_CLONE) {
            i += actions[i].clone.n_actions;
        }
    }
}

char *dp_actions_format(const struct dp_action *actions, size_t n_actions, const struct match_ports *ports)
{
    char *text = NULL;
    size_t size = 0;
    if (n_actions == 0) {
        return memory_string("drop");
    }
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return memory_string("(no memory to print the actions)");
    }
    print_list(out, actions, n_actions, ports);
    fclose(out);
    return text;
}
