/* The executor against its naive twin: a list of actions made of the first bytes, run over the frame that the rest is.
 *
 * Byte 0: how many actions, its upper bit: zeroes are put behind the frame up to the size that the frame's last two bytes say. Each action is a type
 * and what that type needs, brought into its range so that most lists pass dp_actions_check(). What is sent, to where, with which
 * bytes, is the twin's; key and offsets are those of a fresh parse; every frame is handed back once (I4). Each frame lies at the end of its memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dp/execute.h"
#include "services/fastpath/umem.h"
#include "tests/oracle/execute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTIONS_MAX = 31, PUSHED_BYTES = 4, FRAME_MAX = UMEM_LARGE_ROOM /* the longest frame that a shard receives */ };

struct input {
    const uint8_t *bytes;
    size_t left;
};

struct recorder {
    struct oracle_result result;
    size_t n_owned;
};

static void check(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

static uint8_t take8(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->bytes++;
}

static uint16_t take16(struct input *in)
{
    uint16_t high = take8(in);
    return (uint16_t)(high << 8 | take8(in));
}

static void take_set_field(struct input *in, struct dp_action *action)
{
    unsigned id = take8(in) % FIELD_COUNT;
    bool is_masked = (take8(in) & 1) != 0;
    struct field_value ones = field_all_ones((enum field_id)id);
    action->set_field.field = (uint16_t)id;
    for (size_t i = 0; i < sizeof ones.bytes; i++) {
        if (ones.bytes[i] != 0) {
            action->set_field.value.bytes[i] = ones.bytes[i] & take8(in);
            action->set_field.mask.bytes[i] = is_masked ? ones.bytes[i] & take8(in) : ones.bytes[i];
        }
    }
}

static void take_hash(struct input *in, struct dp_action *action)
{
    action->hash.algorithm = take8(in) % DP_HASH_ALGORITHM_COUNT;
    action->hash.basis = take16(in);
    for (unsigned n = action->hash.algorithm == DP_HASH_FIELDS ? take8(in) % 8 : 0; n > 0; n--) {
        dp_hash_add(&action->hash, take8(in) % FIELD_COUNT);
    }
}

static void take_action(struct input *in, struct dp_action *action, size_t n_behind)
{
    *action = (struct dp_action){.type = take8(in) % DP_ACTION_COUNT};
    switch ((enum dp_action_type)action->type) {
    case DP_ACTION_OUTPUT:
        action->port = 1 + take8(in) % 5;
        return;
    case DP_ACTION_SET_FIELD:
        take_set_field(in, action);
        return;
    case DP_ACTION_PUSH_VLAN:
        action->push_vlan.tpid = (take8(in) & 1) != 0 ? 0x88a8 : 0x8100;
        action->push_vlan.tci = take16(in);
        return;
    case DP_ACTION_CONTROLLER:
        action->controller.rule_table = take8(in);
        return;
    case DP_ACTION_CLONE:
        action->clone.n_actions = (uint16_t)(take8(in) % (n_behind + 1));
        return;
    case DP_ACTION_DROP:
        action->reason = take8(in) % DROP_REASON_COUNT;
        return;
    case DP_ACTION_PUSH_MPLS:
        action->ethertype = (take8(in) & 1) != 0 ? 0x8848 : 0x8847;
        return;
    case DP_ACTION_POP_MPLS:
        action->ethertype = take16(in);
        return;
    case DP_ACTION_TRUNCATE:
        action->max_len = DP_TRUNCATE_MIN + take16(in) % 2000;
        return;
    case DP_ACTION_HASH:
        take_hash(in, action);
        return;
    case DP_ACTION_RECIRC:
        action->recirc_id = 1 + take8(in) % 9;
        action->n_labels = (uint8_t)(action->recirc_id % 4); /* so that record() knows them */
        action->uncovers_type = 0x0800;
        return;
    case DP_ACTION_METER:
        action->meter = take8(in) % 9;
        return;
    case DP_ACTION_USERDATA:
    case DP_ACTION_POP_VLAN:
    case DP_ACTION_DEC_TTL:
    case DP_ACTION_DEC_MPLS_TTL:
    case DP_ACTION_COUNT:
        return;
    }
}

static void record(struct recorder *r, enum oracle_fate fate, uint32_t number, const struct dp_packet *packet)
{
    struct flow_key key;
    struct parse_result offsets;
    check(r->result.n < ORACLE_SENT_MAX);
    struct oracle_sent *sent = &r->result.sent[r->result.n++];
    sent->fate = fate;
    sent->number = number;
    sent->dp_hash = host32(packet->key.dp_hash);
    sent->size = packet->size;
    memcpy(sent->bytes, packet->data, packet->size);
    check(parse_frame(packet->data, packet->size, packet->in_port, &key, &offsets) == 0);
    key.recirc_id = packet->key.recirc_id;
    key.dp_hash = packet->key.dp_hash;
    if (fate == ORACLE_RECIRC && number % 4 != 0) {
        parse_uncover(packet->data, packet->size, &offsets, number % 4, 0x0800, &key);
    }
    check(key_equal(&key, &packet->key) && memcmp(&offsets, &packet->offsets, sizeof offsets) == 0);
}

static void release(struct recorder *r, struct dp_packet *packet)
{
    free((void *)(uintptr_t)packet->frame);
    r->n_owned--;
}

static void on_output(void *context, uint32_t port, struct dp_packet *packet)
{
    record(context, ORACLE_OUTPUT, port, packet);
    release(context, packet);
}

static bool on_copy(void *context, const struct dp_packet *packet, struct dp_packet *out_copy)
{
    struct recorder *r = context;
    uint8_t *frame = malloc(DP_HEADROOM_BYTES + packet->size);
    check(frame != NULL);
    memset(frame, 0xa5, DP_HEADROOM_BYTES);
    *out_copy = *packet;
    out_copy->frame = (uint64_t)(uintptr_t)frame;
    out_copy->data = frame + DP_HEADROOM_BYTES;
    out_copy->headroom = DP_HEADROOM_BYTES;
    memcpy(out_copy->data, packet->data, packet->size);
    r->n_owned++;
    return true;
}

static void on_controller(void *context, const struct dp_controller *to, const struct dp_packet *packet)
{
    record(context, ORACLE_CONTROLLER, to->rule_table, packet);
}

static void on_drop(void *context, enum drop_reason reason, struct dp_packet *packet)
{
    record(context, ORACLE_DROP, reason, packet);
    release(context, packet);
}

static void on_consumed(void *context, struct dp_packet *packet)
{
    release(context, packet);
}

static void on_recirculate(void *context, struct dp_packet *packet)
{
    record(context, ORACLE_RECIRC, host32(packet->key.recirc_id), packet);
    release(context, packet);
}

static int on_meter(void *context, uint64_t meter, const struct dp_packet *packet)
{
    record(context, ORACLE_METER, (uint32_t)meter, packet);
    return oracle_meter(meter, packet->size);
}

static const struct dp_sink sink = {.output = on_output,
                                    .copy = on_copy,
                                    .controller = on_controller,
                                    .drop = on_drop,
                                    .consumed = on_consumed,
                                    .recirculate = on_recirculate,
                                    .meter = on_meter};

static size_t first_difference(const struct oracle_result *want, const struct oracle_result *have)
{
    size_t i = 0;
    for (; i < want->n && i < have->n; i++) {
        const struct oracle_sent *a = &want->sent[i], *b = &have->sent[i];
        if (a->fate != b->fate || a->number != b->number || a->dp_hash != b->dp_hash || a->size != b->size || memcmp(a->bytes, b->bytes, a->size) != 0) {
            break;
        }
    }
    return i;
}

static void explain(const struct oracle_result *want, const struct oracle_result *have, size_t i, const struct dp_action *actions, size_t n_actions)
{
    const struct oracle_sent *a = &want->sent[i], *b = &have->sent[i];
    char *text = dp_actions_format(actions, n_actions, NULL);
    fprintf(stderr, "%s: %zu sent, should be %zu; differs at %zu\n", text, have->n, want->n, i);
    free(text);
    if (i < want->n && i < have->n) {
        fprintf(stderr, "fate %d number %u size %zu hash %x, should be %d %u %zu %x\n", (int)b->fate, b->number, b->size, b->dp_hash, (int)a->fate,
                a->number, a->size, a->dp_hash);
        for (size_t k = 0; k < a->size && k < b->size; k++) {
            if (a->bytes[k] != b->bytes[k]) {
                fprintf(stderr, "byte %zu: %02x, should be %02x\n", k, b->bytes[k], a->bytes[k]);
            }
        }
    }
    abort();
}

static void run_both(const struct dp_action *actions, size_t n_actions, const uint8_t *frame, size_t size)
{
    static struct recorder have;
    static struct oracle_result want;
    struct dp_packet original = {.data = (uint8_t *)frame, .size = (uint32_t)size, .in_port = 1}, packet;
    have.result.n = have.n_owned = 0;
    check(parse_frame(frame, size, 1, &original.key, &original.offsets) == 0 && on_copy(&have, &original, &packet));
    oracle_execute(actions, n_actions, frame, size, DP_HEADROOM_BYTES, &want);
    dp_execute(actions, n_actions, &packet, &sink, &have);
    check(have.n_owned == 0);
    size_t i = first_difference(&want, &have.result);
    if (i < want.n || i < have.result.n) {
        explain(&want, &have.result, i, actions, n_actions);
    }
}

/* A list that pushes more than the room before a frame holds is dropped there; whether a clone has that room anew is the executor's choice. */
static bool depends_on_copying(const struct dp_action *actions, size_t n_actions)
{
    size_t n_pushes = 0, n_clones = 0;
    for (size_t i = 0; i < n_actions; i++) {
        n_pushes += actions[i].type == DP_ACTION_PUSH_VLAN || actions[i].type == DP_ACTION_PUSH_MPLS;
        n_clones += actions[i].type == DP_ACTION_CLONE;
    }
    return n_clones > 0 && n_pushes > DP_HEADROOM_BYTES / PUSHED_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[FRAME_MAX];
    struct dp_action actions[ACTIONS_MAX];
    struct input in = {.bytes = data, .left = size};
    uint8_t first = take8(&in);
    size_t n_actions = first % (ACTIONS_MAX + 1);
    for (size_t i = 0; i < n_actions; i++) {
        take_action(&in, &actions[i], n_actions - 1 - i);
    }
    size_t n_frame = in.left < FRAME_MAX ? in.left : FRAME_MAX;
    if (n_frame < 14 || dp_actions_check(actions, n_actions, NULL) != 0 || depends_on_copying(actions, n_actions)) {
        return 0;
    }
    size_t wanted = ((size_t)in.bytes[n_frame - 2] << 8 | in.bytes[n_frame - 1]) % (FRAME_MAX + 1);
    memcpy(frame, in.bytes, n_frame);
    if ((first & 0x80) != 0 && wanted > n_frame) {
        memset(frame + n_frame, 0, wanted - n_frame);
        n_frame = wanted;
    }
    run_both(actions, n_actions, frame, n_frame);
    return 0;
}
