/* OpenFlow 1.0's actions: twelve types, ports of 16 bits.
 *
 * set_vlan_vid and set_vlan_pcp add a tag where there is none: the first is the model's set_field of a whole vlan_vid, the second one of the
 * priority and the present bit of vlan_tci. set_tp_src and set_tp_dst say no protocol: they are read as one set_field for TCP and one
 * for UDP, of which a packet has one at most. enqueue is set_queue, output and pop_queue. Any thread, no state, constant cost.
 * Invariant: what is read and written again is the same action.
 */
#include "lib/openflow/of_actions10.h"

#include <string.h>

#include "lib/openflow/of_codec.h"

enum {
    ACTION10_OUTPUT = 0,
    ACTION10_SET_VLAN_VID = 1,
    ACTION10_SET_VLAN_PCP = 2,
    ACTION10_STRIP_VLAN = 3,
    ACTION10_SET_DL_SRC = 4,
    ACTION10_SET_DL_DST = 5,
    ACTION10_SET_NW_SRC = 6,
    ACTION10_SET_NW_DST = 7,
    ACTION10_SET_NW_TOS = 8,
    ACTION10_SET_TP_SRC = 9,
    ACTION10_SET_TP_DST = 10,
    ACTION10_ENQUEUE = 11,
    TCI_PCP_AND_PRESENT = 0xf000
};

static void add_set(struct action_list *list, enum field_id field, struct field_value value, struct field_value mask)
{
    action_list_add(list, &(struct action){.type = ACTION_SET_FIELD, .set_field = {.field = field, .value = value, .mask = mask}});
}

static void add_set_number(struct action_list *list, enum field_id field, uint64_t number)
{
    add_set(list, field, field_value_u64(number), field_all_ones(field));
}

static void add_output(struct action_list *list, uint32_t port, uint16_t max_len)
{
    action_list_add(list, &(struct action){.type = ACTION_OUTPUT,
                                           .output = {.port = port, .max_len = port == PORT_CONTROLLER ? max_len : 0}});
}

static int decode_enqueue(struct reader *r, struct action_list *list, struct of_error *error)
{
    uint32_t port = of_port_of_10(reader_u16(r));
    reader_skip(r, 6);
    uint32_t queue_id = reader_u32(r);

    if (port > PORT_MAX && port != PORT_IN_PORT && port != PORT_LOCAL) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_OUT_PORT, "enqueue: port %u has no queues", port);
    }
    action_list_add(list, &(struct action){.type = ACTION_SET_QUEUE, .queue_id = queue_id});
    add_output(list, port, 0);
    action_list_add(list, &(struct action){.type = ACTION_POP_QUEUE});
    return 0;
}

static int decode_vlan(struct reader *r, bool is_vid, struct action_list *list, struct of_error *error)
{
    unsigned number = is_vid ? reader_u16(r) : reader_u8(r);

    reader_skip(r, is_vid ? 2 : 3);
    if (number > (is_vid ? 0xfffu : 7u)) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "VLAN id or priority %u", number);
    }
    if (is_vid) {
        add_set_number(list, FIELD_VLAN_VID, number | KEY_VLAN_PRESENT);
    } else {
        add_set(list, FIELD_VLAN_TCI, field_value_u64(number << 13 | KEY_VLAN_PRESENT), field_value_u64(TCI_PCP_AND_PRESENT));
    }
    return 0;
}

static void decode_mac(struct reader *r, enum field_id field, struct action_list *list)
{
    struct field_value value = {{0}};

    reader_copy(r, value.bytes + sizeof value.bytes - 6, 6);
    reader_skip(r, 6);
    add_set(list, field, value, field_all_ones(field));
}

static int decode_tos(struct reader *r, struct action_list *list, struct of_error *error)
{
    uint8_t tos = reader_u8(r);

    reader_skip(r, 3);
    if ((tos & 3) != 0) {
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_ARGUMENT, "set_nw_tos: %u has ECN bits", tos);
    }
    add_set_number(list, FIELD_IP_DSCP, tos >> 2);
    return 0;
}

static void decode_port(struct reader *r, enum field_id tcp, enum field_id udp, struct action_list *list)
{
    uint16_t port = reader_u16(r);

    reader_skip(r, 2);
    add_set_number(list, tcp, port);
    add_set_number(list, udp, port);
}

static int decode_body(struct reader *r, uint16_t number, struct action_list *list, struct of_error *error)
{
    uint32_t port;

    switch (number) {
    case ACTION10_OUTPUT:
        port = of_port_of_10(reader_u16(r));
        add_output(list, port, reader_u16(r));
        return 0;
    case ACTION10_SET_VLAN_VID:
    case ACTION10_SET_VLAN_PCP:
        return decode_vlan(r, number == ACTION10_SET_VLAN_VID, list, error);
    case ACTION10_STRIP_VLAN:
        reader_skip(r, 4);
        action_list_add(list, &(struct action){.type = ACTION_POP_VLAN});
        return 0;
    case ACTION10_SET_DL_SRC:
    case ACTION10_SET_DL_DST:
        decode_mac(r, number == ACTION10_SET_DL_SRC ? FIELD_ETH_SRC : FIELD_ETH_DST, list);
        return 0;
    case ACTION10_SET_NW_SRC:
    case ACTION10_SET_NW_DST:
        add_set_number(list, number == ACTION10_SET_NW_SRC ? FIELD_IPV4_SRC : FIELD_IPV4_DST, reader_u32(r));
        return 0;
    case ACTION10_SET_NW_TOS:
        return decode_tos(r, list, error);
    case ACTION10_SET_TP_SRC:
        decode_port(r, FIELD_TCP_SRC, FIELD_UDP_SRC, list);
        return 0;
    case ACTION10_SET_TP_DST:
        decode_port(r, FIELD_TCP_DST, FIELD_UDP_DST, list);
        return 0;
    case ACTION10_ENQUEUE:
        return decode_enqueue(r, list, error);
    default:
        return of_refuse(error, OF_ERROR_BAD_ACTION_BAD_TYPE, "unknown action %u", number);
    }
}

int of_actions10_decode(struct reader *body, uint16_t number, struct action_list *list, struct of_error *error)
{
    int err = decode_body(body, number, list, error);

    if (err == 0 && reader_finish(body) != 0) {
        err = of_refuse(error, OF_ERROR_BAD_ACTION_BAD_LEN, "action %u: wrong length", number);
    }
    return err;
}

/* ---- writing ---- */

static void put_head(struct writer *w, uint16_t type, uint16_t size)
{
    writer_u16(w, type);
    writer_u16(w, size);
}

static size_t encode_output(struct writer *w, uint32_t port, uint16_t max_len)
{
    put_head(w, ACTION10_OUTPUT, 8);
    writer_u16(w, of_port_in_10(port));
    writer_u16(w, max_len);
    return 1;
}

static size_t encode_queue(struct writer *w, const struct action *items, size_t n)
{
    bool is_enqueue = n >= 3 && items[1].type == ACTION_OUTPUT && items[2].type == ACTION_POP_QUEUE;
    uint32_t port = is_enqueue ? items[1].output.port : PORT_ANY;

    if (port > PORT_MAX && port != PORT_IN_PORT && port != PORT_LOCAL) {
        return 0;
    }
    put_head(w, ACTION10_ENQUEUE, 16);
    writer_u16(w, of_port_in_10(port));
    writer_pad(w, 6);
    writer_u32(w, items[0].queue_id);
    return 3;
}

static size_t encode_mac(struct writer *w, uint16_t type, struct field_value value)
{
    put_head(w, type, 16);
    writer_bytes(w, value.bytes + sizeof value.bytes - 6, 6);
    writer_pad(w, 6);
    return 1;
}

static size_t encode_u16(struct writer *w, uint16_t type, uint64_t number)
{
    put_head(w, type, 8);
    writer_u16(w, (uint16_t)number);
    writer_pad(w, 2);
    return 1;
}

static size_t encode_u8(struct writer *w, uint16_t type, uint64_t number)
{
    put_head(w, type, 8);
    writer_u8(w, (uint8_t)number);
    writer_pad(w, 3);
    return 1;
}

static size_t encode_u32(struct writer *w, uint16_t type, uint64_t number)
{
    put_head(w, type, 8);
    writer_u32(w, (uint32_t)number);
    return 1;
}

static bool is_whole_set(const struct action *action, enum field_id field)
{
    struct field_value ones = field_all_ones(field);

    return action->type == ACTION_SET_FIELD && action->set_field.field == field &&
           memcmp(&action->set_field.mask, &ones, sizeof ones) == 0;
}

static bool is_set_pcp(const struct action *action)
{
    uint64_t value = field_value_to_u64(action->set_field.value);

    return action->set_field.field == FIELD_VLAN_TCI && (value & KEY_VLAN_PRESENT) != 0 &&
           field_value_to_u64(action->set_field.mask) == TCI_PCP_AND_PRESENT;
}

/* A port that is said for TCP and then for UDP is one action. */
static size_t encode_port(struct writer *w, uint16_t type, const struct action *items, size_t n, enum field_id udp)
{
    bool is_pair = n >= 2 && items[0].set_field.field != udp && is_whole_set(&items[1], udp) &&
                   memcmp(&items[0].set_field.value, &items[1].set_field.value, sizeof items[0].set_field.value) == 0;

    (void)encode_u16(w, type, field_value_to_u64(items[0].set_field.value));
    return is_pair ? 2 : 1;
}

static size_t encode_set(struct writer *w, const struct action *items, size_t n)
{
    enum field_id field = items[0].set_field.field;
    struct field_value value = items[0].set_field.value;
    uint64_t number = field_value_to_u64(value);

    if (is_set_pcp(&items[0])) {
        return encode_u8(w, ACTION10_SET_VLAN_PCP, number >> 13);
    }
    if (!is_whole_set(&items[0], field)) {
        return 0;
    }
    switch ((unsigned)field) {
    case FIELD_VLAN_VID:
        return (number & KEY_VLAN_PRESENT) != 0 ? encode_u16(w, ACTION10_SET_VLAN_VID, number & 0xfff) : 0;
    case FIELD_VLAN_PCP:
        return encode_u8(w, ACTION10_SET_VLAN_PCP, number);
    case FIELD_ETH_SRC:
        return encode_mac(w, ACTION10_SET_DL_SRC, value);
    case FIELD_ETH_DST:
        return encode_mac(w, ACTION10_SET_DL_DST, value);
    case FIELD_IPV4_SRC:
        return encode_u32(w, ACTION10_SET_NW_SRC, number);
    case FIELD_IPV4_DST:
        return encode_u32(w, ACTION10_SET_NW_DST, number);
    case FIELD_IP_DSCP:
        return encode_u8(w, ACTION10_SET_NW_TOS, number << 2);
    case FIELD_TCP_SRC:
    case FIELD_UDP_SRC:
    case FIELD_SCTP_SRC:
        return encode_port(w, ACTION10_SET_TP_SRC, items, n, FIELD_UDP_SRC);
    case FIELD_TCP_DST:
    case FIELD_UDP_DST:
    case FIELD_SCTP_DST:
        return encode_port(w, ACTION10_SET_TP_DST, items, n, FIELD_UDP_DST);
    default:
        return 0;
    }
}

size_t of_actions10_encode(struct writer *w, const struct action_list *list, size_t i)
{
    const struct action *items = &list->items[i];
    size_t n = list->count - i;

    switch ((unsigned)items[0].type) {
    case ACTION_OUTPUT:
        return encode_output(w, items[0].output.port, items[0].output.max_len);
    case ACTION_POP_VLAN:
        put_head(w, ACTION10_STRIP_VLAN, 8);
        writer_pad(w, 4);
        return 1;
    case ACTION_SET_QUEUE:
        return encode_queue(w, items, n);
    case ACTION_SET_FIELD:
        return encode_set(w, items, n);
    case ACTION_PUSH_VLAN:    /* comes about by what sets the new tag */
    case ACTION_COPY_TTL_IN:  /* not in 1.0, nor in Nicira's extensions */
    case ACTION_COPY_TTL_OUT:
        return 1;
    default:
        return 0;
    }
}

static bool is_pair(const struct action *first, const struct action *second)
{
    bool is_source = is_whole_set(first, FIELD_TCP_SRC) && is_whole_set(second, FIELD_UDP_SRC);
    bool is_target = is_whole_set(first, FIELD_TCP_DST) && is_whole_set(second, FIELD_UDP_DST);

    return (is_source || is_target) && memcmp(&first->set_field.value, &second->set_field.value, sizeof first->set_field.value) == 0;
}

void of_actions10_narrow(struct action_list *list, const struct match *match)
{
    uint8_t protocol = match->mask.key.ip_proto == 0xff ? match->value.key.ip_proto : 0;
    bool is_known = protocol == 6 || protocol == 17 || protocol == 132;
    size_t n = 0;

    if (!is_known || action_list_has(list, ACTION_CLONE)) { /* a clone counts the items within it */
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        bool begins = i + 1 < list->count && is_pair(&list->items[i], &list->items[i + 1]);
        struct action action = list->items[i];
        if (begins) {
            bool is_source = action.set_field.field == FIELD_TCP_SRC;
            action = list->items[protocol == 17 ? i + 1 : i];
            if (protocol == 132) {
                action.set_field.field = is_source ? FIELD_SCTP_SRC : FIELD_SCTP_DST;
            }
            i++;
        }
        list->items[n++] = action;
    }
    list->count = n;
}

uint32_t of_actions10_supported(void)
{
    return (UINT32_C(1) << (ACTION10_ENQUEUE + 1)) - 1;
}
