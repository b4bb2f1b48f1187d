/* The naive executor: see execute.h.
 *
 * Every action parses the frame from its first byte, changes bytes, and repairs checksums by summing everything, so there is no
 * state that could get out of step. It may use the field table and the parser (which have a twin of their own).
 * Tests only; one thread; allocates nothing, copies a lot. A packet is sent at each output as it is then; nothing is optimised away
 * but what nobody can see: changes after the last effect.
 */
#include "tests/oracle/execute.h"

#include <string.h>

#include "lib/dp/execute.h"
#include "lib/flow/parse.h"

struct naive {
    uint8_t bytes[ORACLE_FRAME_MAX];
    size_t size;
    size_t headroom;
    uint32_t recirc_id, dp_hash; /* what the key has beside the frame */
};

static uint32_t sum_bytes(const uint8_t *bytes, size_t size, uint32_t sum)
{
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum %= 65535;
    }
    return sum;
}

static uint32_t crc32c(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        }
    }
    return ~crc;
}

/* The sum of the L4 data and pseudo-header with the checksum field as it is, modulo 65535. */
static uint32_t l4_sum(const struct naive *p, const struct flow_key *key, const struct parse_result *at)
{
    size_t size = (size_t)(at->l3_end - at->l4_offset);
    uint32_t sum = sum_bytes(p->bytes + at->l4_offset, size, 0);
    if (host16(key->eth_type) == 0x0800 && key->ip_proto != 1) {
        sum = sum_bytes(p->bytes + at->l3_offset + 12, 8, sum);
    } else if (host16(key->eth_type) == 0x86dd) {
        sum = sum_bytes(p->bytes + at->l3_offset + 8, 32, sum);
    }
    return sum;
}

static void repair16(uint8_t *field, uint32_t sum_before, uint32_t sum_after, bool never_zero)
{
    uint32_t value = ((uint32_t)field[0] << 8 | field[1]) + 65535 * 2 + sum_before - sum_after;
    value %= 65535;
    if (value == 0 && never_zero) {
        value = 65535;
    }
    field[0] = (uint8_t)(value >> 8);
    field[1] = (uint8_t)value;
}

static size_t l4_field(const struct flow_key *key)
{
    return key->ip_proto == 6 ? 16 : key->ip_proto == 17 ? 6 : 2;
}

static uint8_t *header_at(struct naive *p, uint16_t offset)
{
    return offset != PARSE_NO_OFFSET ? p->bytes + offset : NULL;
}

/* Writes the frame's field bytes straight from the key after the change. */
static void write_headers(struct naive *p, const struct flow_key *key, const struct parse_result *at, enum field_id id)
{
    uint8_t *l3 = header_at(p, at->l3_offset), *l4 = header_at(p, at->l4_offset);
    bool v4 = host16(key->eth_type) == 0x0800, v6 = host16(key->eth_type) == 0x86dd;
    memcpy(p->bytes, key->eth_dst, 6);
    memcpy(p->bytes + 6, key->eth_src, 6);
    bool has_tag = (p->bytes[12] == 0x81 && p->bytes[13] == 0) || (p->bytes[12] == 0x88 && p->bytes[13] == 0xa8);
    if (has_tag && p->size >= 18) { /* whatever is written to it: a tag that says 0 is one */
        uint16_t tci = host16(key->vlan_tci);
        p->bytes[14] = (uint8_t)((p->bytes[14] & 0x10) | ((tci >> 8) & 0xef));
        p->bytes[15] = (uint8_t)tci;
    }
    if (at->l3_offset != PARSE_NO_OFFSET && v4) {
        l3[1] = key->ip_tos;
        l3[8] = key->ip_ttl;
        memcpy(l3 + 12, key->ip_src, 4);
        memcpy(l3 + 16, key->ip_dst, 4);
    } else if (at->l3_offset != PARSE_NO_OFFSET && v6) {
        uint32_t first = 0x60000000u | (uint32_t)key->ip_tos << 20 | host32(key->ipv6_label);
        struct be32 word = be32(first);
        memcpy(l3, &word, 4);
        l3[7] = key->ip_ttl;
        memcpy(l3 + 8, key->ip_src, 16);
        memcpy(l3 + 24, key->ip_dst, 16);
    } else if (at->l3_offset != PARSE_NO_OFFSET) {
        memcpy(l3 + 6, &key->arp_op, 2);
        memcpy(l3 + 8, key->nd_or_arp_sha, 6);
        memcpy(l3 + 14, key->ip_src, 4);
        memcpy(l3 + 18, key->nd_or_arp_tha, 6);
        memcpy(l3 + 24, key->ip_dst, 4);
    }
    if (at->l2_5_offset != PARSE_NO_OFFSET) {
        memcpy(p->bytes + at->l2_5_offset, &key->mpls[0], 4);
    }
    if (at->l4_offset == PARSE_NO_OFFSET) {
        return;
    }
    if (key->ip_proto == 6 || key->ip_proto == 17 || key->ip_proto == 132) {
        memcpy(l4, &key->l4_src, 2);
        memcpy(l4 + 2, &key->l4_dst, 2);
    } else if (id == FIELD_ICMPV4_TYPE || id == FIELD_ICMPV4_CODE || id == FIELD_ICMPV6_TYPE || id == FIELD_ICMPV6_CODE) {
        l4[0] = (uint8_t)host16(key->l4_src);
        l4[1] = (uint8_t)host16(key->l4_dst);
    } else if (id == FIELD_ND_TARGET) {
        memcpy(l4 + 8, key->nd_target, 16);
    }
    for (size_t at_option = 24; (id == FIELD_ND_SLL || id == FIELD_ND_TLL) && at->l4_offset + at_option + 8 <= at->l3_end;) {
        size_t size = (size_t)l4[at_option + 1] * 8;
        if (size == 0 || at->l4_offset + at_option + size > at->l3_end) {
            return;
        }
        if (l4[at_option] == (id == FIELD_ND_SLL ? 1 : 2) && size == 8) {
            memcpy(l4 + at_option + 2, id == FIELD_ND_SLL ? key->nd_or_arp_sha : key->nd_or_arp_tha, 6);
            return;
        }
        at_option += size;
    }
}

static bool can_set(enum field_id id, const struct flow_state *state, const struct parse_result *at)
{
    enum field_needs needs = field_table[id].needs;
    if (id == FIELD_VLAN_VID || id == FIELD_VLAN_TCI) {
        return state->key.vlan_tci.raw != 0;
    }
    if (needs == FIELD_NEEDS_MPLS && at->l2_5_offset == PARSE_NO_OFFSET) {
        return false;
    }
    if (needs >= FIELD_NEEDS_IP && needs <= FIELD_NEEDS_ARP && at->l3_offset == PARSE_NO_OFFSET) {
        return false;
    }
    if (needs >= FIELD_NEEDS_TCP && at->l4_offset == PARSE_NO_OFFSET) {
        return false;
    }
    if (needs >= FIELD_NEEDS_ND && at->l3_end - at->l4_offset < 24) {
        return false;
    }
    return field_present(id, state);
}

/* A routing header between IPv6 and L4 says that the destination is not the last one, which the checksum covers [RFC 8200 §8.1]. */
static bool has_hops(const struct naive *p, const struct parse_result *at)
{
    uint8_t kind = p->bytes[at->l3_offset + 6];
    for (size_t place = at->l3_offset + 40u; place < at->l4_offset;) {
        const uint8_t *header = p->bytes + place;
        if (kind == 43 && header[3] > 0) {
            return true;
        }
        place += kind == 44 ? 8 : kind == 51 ? (header[1] + 2u) * 4 : (header[1] + 1u) * 8;
        kind = header[0];
    }
    return false;
}

/* A checksum of 0xffff, which is 0 too, keeps saying so unless something it covers is written. */
static bool covers_field(bool is_of_l4, enum field_id id, bool is_on_its_way)
{
    size_t offset = field_table[id].offset;
    bool is_destination = offset == offsetof(struct flow_key, ip_dst) && !(is_of_l4 && is_on_its_way);
    bool is_address = offset == offsetof(struct flow_key, ip_src) || is_destination;
    bool is_in_ip = offset == offsetof(struct flow_key, ip_tos) || offset == offsetof(struct flow_key, ip_ttl);
    bool is_in_l4 = offset == offsetof(struct flow_key, l4_src) || offset == offsetof(struct flow_key, l4_dst) ||
                    offset == offsetof(struct flow_key, nd_target) || offset == offsetof(struct flow_key, nd_or_arp_sha) ||
                    offset == offsetof(struct flow_key, nd_or_arp_tha);
    return is_address || (is_of_l4 ? is_in_l4 : is_in_ip);
}

static int set_key(struct naive *p, enum field_id id, const struct flow_state *state, const struct parse_result *at)
{
    const struct flow_key *key = &state->key;
    bool has_ipv4 = at->l3_offset != PARSE_NO_OFFSET && host16(key->eth_type) == 0x0800;
    bool has_l4 = at->l4_offset != PARSE_NO_OFFSET;
    bool is_on_its_way = has_l4 && host16(key->eth_type) == 0x86dd && has_hops(p, at);
    size_t header = has_ipv4 ? (size_t)(p->bytes[at->l3_offset] & 15) * 4 : 0;
    uint32_t ip_before = has_ipv4 ? sum_bytes(p->bytes + at->l3_offset, header, 0) : 0;
    uint32_t l4_before = has_l4 ? l4_sum(p, key, at) : 0;
    uint8_t *l4 = header_at(p, at->l4_offset);
    size_t l4_size = has_l4 ? (size_t)(at->l3_end - at->l4_offset) : 0;
    uint8_t crc[4] = {0};
    if (has_l4 && key->ip_proto == 132) {
        memcpy(crc, l4 + 8, 4);
        memset(l4 + 8, 0, 4);
        uint32_t whole = crc32c(l4, l4_size);
        for (int i = 0; i < 4; i++) {
            crc[i] ^= (uint8_t)(whole >> 8 * i);
        }
    }
    write_headers(p, key, at, id);
    if (has_ipv4 && covers_field(false, id, false)) {
        repair16(p->bytes + at->l3_offset + 10, ip_before, sum_bytes(p->bytes + at->l3_offset, header, 0), false);
    }
    if (has_l4 && key->ip_proto == 132) {
        uint32_t whole = crc32c(l4, l4_size);
        for (int i = 0; i < 4; i++) {
            l4[8 + i] = crc[i] ^ (uint8_t)(whole >> 8 * i);
        }
    } else if (has_l4 && covers_field(true, id, is_on_its_way) && (key->ip_proto != 17 || (l4[6] | l4[7]) != 0)) {
        repair16(l4 + l4_field(key), l4_before, l4_sum(p, key, at), key->ip_proto == 17);
    }
    return -1;
}

static int set_field(struct naive *p, const struct dp_action *action)
{
    struct flow_state state = {0};
    struct parse_result at;
    enum field_id id = (enum field_id)action->set_field.field;
    if (parse_frame(p->bytes, p->size, 1, &state.key, &at) != 0 || !can_set(id, &state, &at)) {
        return DROP_HEADER_MISSING;
    }
    field_set_masked(id, &state, action->set_field.value, action->set_field.mask);
    return set_key(p, id, &state, &at);
}

static int dec_ttl(struct naive *p)
{
    struct flow_state state = {0};
    struct parse_result at;
    if (parse_frame(p->bytes, p->size, 1, &state.key, &at) != 0 || !can_set(FIELD_IP_TTL, &state, &at)) {
        return DROP_HEADER_MISSING;
    }
    if (state.key.ip_ttl <= 1) {
        return DROP_TTL_EXPIRED;
    }
    state.key.ip_ttl--;
    return set_key(p, FIELD_IP_TTL, &state, &at);
}

static int push_vlan(struct naive *p, const struct dp_action *action)
{
    if (p->headroom < 4) {
        return DROP_FRAME_TOO_LONG;
    }
    memmove(p->bytes + 16, p->bytes + 12, p->size - 12);
    p->bytes[12] = (uint8_t)(action->push_vlan.tpid >> 8);
    p->bytes[13] = (uint8_t)action->push_vlan.tpid;
    p->bytes[14] = (uint8_t)(action->push_vlan.tci >> 8) & 0xef;
    p->bytes[15] = (uint8_t)action->push_vlan.tci;
    p->size += 4;
    p->headroom -= 4;
    return -1;
}

static int pop_vlan(struct naive *p)
{
    bool is_tag = (p->bytes[12] == 0x81 && p->bytes[13] == 0x00) || (p->bytes[12] == 0x88 && p->bytes[13] == 0xa8);
    if (!is_tag || p->size < 18) {
        return DROP_HEADER_MISSING;
    }
    memmove(p->bytes + 12, p->bytes + 16, p->size - 16);
    p->size -= 4;
    p->headroom += 4;
    return -1;
}

/* Behind at most two tags, or 0 for a length. */
static size_t type_place(const struct naive *p)
{
    size_t at = 12;
    for (int i = 0; i < 2 && p->size >= at + 6; i++) {
        unsigned type = (unsigned)p->bytes[at] << 8 | p->bytes[at + 1];
        at += type == 0x8100 || type == 0x88a8 ? 4 : 0;
    }
    return p->bytes[at] >= 6 ? at : 0;
}

static int push_mpls(struct naive *p, const struct dp_action *action)
{
    struct flow_state state = {0};
    struct parse_result at;
    uint8_t label[4] = {0, 0, 1, 0};
    size_t place = type_place(p);
    if (place == 0 || parse_frame(p->bytes, p->size, 1, &state.key, &at) != 0) {
        return DROP_HEADER_MISSING;
    }
    if (p->headroom < 4) {
        return DROP_FRAME_TOO_LONG;
    }
    if (at.l2_5_offset != PARSE_NO_OFFSET) {
        memcpy(label, p->bytes + at.l2_5_offset, 4);
        label[2] &= 0xfe;
    } else if (can_set(FIELD_IP_TTL, &state, &at)) {
        bool is_ipv4 = host16(state.key.eth_type) == 0x0800;
        label[3] = p->bytes[at.l3_offset + (is_ipv4 ? 8 : 7)];
    }
    memmove(p->bytes + place + 6, p->bytes + place + 2, p->size - place - 2);
    p->bytes[place] = (uint8_t)(action->ethertype >> 8);
    p->bytes[place + 1] = (uint8_t)action->ethertype;
    memcpy(p->bytes + place + 2, label, 4);
    p->size += 4;
    p->headroom -= 4;
    return -1;
}

static bool has_label(const struct naive *p, size_t place)
{
    return place != 0 && p->bytes[place] == 0x88 && (p->bytes[place + 1] == 0x47 || p->bytes[place + 1] == 0x48) && p->size >= place + 6;
}

static int pop_mpls(struct naive *p, const struct dp_action *action)
{
    size_t place = type_place(p);
    if (!has_label(p, place)) {
        return DROP_HEADER_MISSING;
    }
    memmove(p->bytes + place + 2, p->bytes + place + 6, p->size - place - 6);
    p->bytes[place] = (uint8_t)(action->ethertype >> 8);
    p->bytes[place + 1] = (uint8_t)action->ethertype;
    p->size -= 4;
    p->headroom += 4;
    return -1;
}

/* A label behind a SNAP header has no place of its own: the parser says where it is. */
static int dec_mpls_ttl(struct naive *p)
{
    struct flow_key key;
    struct parse_result at;
    if (parse_frame(p->bytes, p->size, 1, &key, &at) != 0 || at.l2_5_offset == PARSE_NO_OFFSET) {
        return DROP_HEADER_MISSING;
    }
    if (p->bytes[at.l2_5_offset + 3] <= 1) {
        return DROP_TTL_EXPIRED;
    }
    p->bytes[at.l2_5_offset + 3]--;
    return -1;
}

/* The twelve assured-forwarding code points [RFC 2597 §6], three of a class. */
static void remark(struct naive *p, int levels)
{
    static const uint8_t points[12] = {10, 12, 14, 18, 20, 22, 26, 28, 30, 34, 36, 38};
    struct flow_state state = {0};
    struct parse_result at;
    if (parse_frame(p->bytes, p->size, 1, &state.key, &at) != 0 || !can_set(FIELD_IP_DSCP, &state, &at)) {
        return;
    }
    for (int i = 0; i < 12; i++) {
        if (state.key.ip_tos >> 2 == points[i]) {
            int at_most = i / 3 * 3 + 2, wanted = i + levels;
            state.key.ip_tos = (uint8_t)(points[wanted < at_most ? wanted : at_most] << 2 | (state.key.ip_tos & 3));
            (void)set_key(p, FIELD_IP_DSCP, &state, &at);
            return;
        }
    }
}

/* 64 by 64 bits as one learns it at school; both halves of the product, exclusive or. */
static uint64_t multiply_fold(uint64_t a, uint64_t b)
{
    uint64_t low = (uint32_t)a * (b & 0xffffffff), high = (a >> 32) * (b >> 32);
    uint64_t cross[2] = {(a >> 32) * (b & 0xffffffff), (uint32_t)a * (b >> 32)};
    for (int i = 0; i < 2; i++) {
        uint64_t sum = low + (cross[i] << 32);
        high += (cross[i] >> 32) + (sum < low);
        low = sum;
    }
    return low ^ high;
}

static uint64_t stir(uint64_t hash, uint64_t word)
{
    const uint64_t prime = 0x9e3779b97f4a7c15ULL;
    return multiply_fold(hash ^ word ^ prime, word + prime);
}

static uint64_t number_of(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* An IP address of 4 or 16 bytes at the high end of 16, or a MAC, and a port. */
static uint64_t stir_end(uint64_t hash, const uint8_t *address, size_t size, const uint8_t *port)
{
    uint8_t bytes[16] = {0};
    memcpy(bytes, address, size);
    return stir(stir(stir(hash, number_of(bytes, 8)), number_of(bytes + 8, 8)), number_of(port, 2));
}

static uint64_t symmetric(const struct naive *p, const struct flow_key *key, const struct parse_result *at, uint64_t hash)
{
    static const uint8_t zeros[16];
    uint16_t type = host16(key->eth_type);
    hash = stir(hash, type);
    if (type != 0x0800 && type != 0x86dd) {
        hash = stir(hash, at->l2_5_offset != PARSE_NO_OFFSET ? number_of(p->bytes + at->l2_5_offset, 4) >> 12 : 0);
        return stir(hash, number_of(p->bytes, 6)) + stir(hash, number_of(p->bytes + 6, 6));
    }
    hash = stir(hash, key->ip_frag == 0 ? key->ip_proto : 0);
    bool has_ports = key->ip_frag == 0 && (key->ip_proto == 6 || key->ip_proto == 17 || key->ip_proto == 132);
    const uint8_t *ports = has_ports && at->l4_offset != PARSE_NO_OFFSET ? p->bytes + at->l4_offset : zeros;
    size_t size = type == 0x0800 ? 4 : 16;
    if (at->l3_offset == PARSE_NO_OFFSET) {
        return 2 * stir_end(hash, zeros, size, zeros);
    }
    const uint8_t *addresses = p->bytes + at->l3_offset + (type == 0x0800 ? 12 : 8);
    return stir_end(hash, addresses, size, ports) + stir_end(hash, addresses + size, size, ports + 2);
}

static void set_hash(struct naive *p, const struct dp_hash *what)
{
    struct flow_state state = {0};
    struct parse_result at;
    uint64_t hash = what->basis;
    if (parse_frame(p->bytes, p->size, 1, &state.key, &at) != 0) {
        return;
    }
    state.key.recirc_id = be32(p->recirc_id);
    state.key.dp_hash = be32(p->dp_hash);
    if (what->algorithm == DP_HASH_SYMMETRIC_L4) {
        hash = symmetric(p, &state.key, &at, hash);
    }
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        if (dp_hash_has(what, id) && field_present((enum field_id)id, &state)) {
            struct field_value value = field_get((enum field_id)id, &state);
            hash = stir(stir(stir(hash, id), number_of(value.bytes, 8)), number_of(value.bytes + 8, 8));
        }
    }
    hash = stir(hash, 0);
    p->dp_hash = (uint32_t)hash ^ (uint32_t)(hash >> 32);
    p->dp_hash += p->dp_hash == 0;
}

int oracle_meter(uint64_t meter, size_t size)
{
    return (int)((meter + size) % 5) - 1;
}

static void send(struct oracle_result *result, enum oracle_fate fate, uint32_t number, const struct naive *p)
{
    struct oracle_sent *sent = &result->sent[result->n++];
    sent->fate = fate;
    sent->number = number;
    sent->dp_hash = p->dp_hash;
    sent->size = p->size;
    memcpy(sent->bytes, p->bytes, p->size);
}

static void send_cut(struct oracle_result *result, uint32_t port, const struct naive *p, size_t max_len)
{
    struct naive part = *p;
    part.size = p->size < max_len ? p->size : max_len;
    send(result, ORACLE_OUTPUT, port, &part);
}

static int run_meter(struct oracle_result *result, uint64_t meter, struct naive *p)
{
    int verdict = oracle_meter(meter, p->size);
    send(result, ORACLE_METER, (uint32_t)meter, p);
    if (verdict > 0) {
        remark(p, verdict);
    }
    return verdict < 0 ? DROP_METER : -1;
}

static bool has_effect(const struct dp_action *actions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum dp_action_type type = (enum dp_action_type)actions[i].type;
        if (type == DP_ACTION_OUTPUT || type == DP_ACTION_CONTROLLER || type == DP_ACTION_DROP || type == DP_ACTION_RECIRC ||
            type == DP_ACTION_METER || (type == DP_ACTION_CLONE && actions[i].clone.n_actions > 0)) {
            return true;
        }
        i += type == DP_ACTION_CLONE ? actions[i].clone.n_actions : 0;
    }
    return false;
}

static void run(const struct dp_action *actions, size_t n, struct naive *p, struct oracle_result *result);

/* Actions that only change the packet. Returns -1 or the reason to drop it. */
static int change(struct naive *p, const struct dp_action *action, struct oracle_result *result)
{
    switch ((unsigned)action->type) {
    case DP_ACTION_SET_FIELD:
        return set_field(p, action);
    case DP_ACTION_PUSH_VLAN:
        return push_vlan(p, action);
    case DP_ACTION_POP_VLAN:
        return pop_vlan(p);
    case DP_ACTION_DEC_TTL:
        return dec_ttl(p);
    case DP_ACTION_PUSH_MPLS:
        return push_mpls(p, action);
    case DP_ACTION_POP_MPLS:
        return pop_mpls(p, action);
    case DP_ACTION_DEC_MPLS_TTL:
        return dec_mpls_ttl(p);
    case DP_ACTION_METER:
        return run_meter(result, action->meter, p);
    case DP_ACTION_HASH:
        set_hash(p, &action->hash);
        return -1;
    case DP_ACTION_DROP:
        return action->reason;
    default:
        return -1;
    }
}

static void run(const struct dp_action *actions, size_t n, struct naive *p, struct oracle_result *result)
{
    bool was_seen = false;
    size_t max_len = SIZE_MAX;
    for (size_t i = 0; i < n && has_effect(actions + i, n - i); i++) {
        const struct dp_action *action = &actions[i];
        int reason = change(p, action, result);
        if (reason >= 0) {
            send(result, ORACLE_DROP, (uint32_t)reason, p);
            return;
        }
        was_seen |= action->type != DP_ACTION_METER && has_effect(action, 1);
        if (action->type == DP_ACTION_OUTPUT) {
            send_cut(result, action->port, p, max_len);
        } else if (action->type == DP_ACTION_CONTROLLER) {
            send(result, ORACLE_CONTROLLER, action->controller.rule_table, p);
        } else if (action->type == DP_ACTION_RECIRC) {
            send(result, ORACLE_RECIRC, action->recirc_id, p);
        } else if (action->type == DP_ACTION_CLONE && action->clone.n_actions > 0) {
            struct naive copy = *p;
            copy.headroom = 64;
            run(action + 1, action->clone.n_actions, &copy, result);
        }
        max_len = action->type == DP_ACTION_TRUNCATE ? action->max_len : SIZE_MAX;
        i += action->type == DP_ACTION_CLONE ? action->clone.n_actions : 0;
    }
    if (!was_seen) {
        send(result, ORACLE_DROP, DROP_RULE, p);
    }
}

void oracle_execute(const struct dp_action *actions, size_t n_actions, const uint8_t *frame, size_t size, size_t headroom,
                    struct oracle_result *out_result)
{
    struct naive p = {.size = size, .headroom = headroom};
    memcpy(p.bytes, frame, size);
    out_result->n = 0;
    run(actions, n_actions, &p, out_result);
}
