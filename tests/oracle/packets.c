/* Random packets and programs: see packets.h.
 *
 * Packets are built header by header with right lengths and checksums, because random bytes never reach the interesting code; then one
 * in eight is cut or gets a random byte. Programs prefer fields the packet kinds have. Tests only; deterministic in the seed.
 */
#include "tests/oracle/packets.h"

#include <string.h>

#include "lib/dp/checksum.h"

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void noise(struct random *random, uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)random_u64(random);
    }
}

static void put_sum(uint8_t *field, const uint8_t *bytes, size_t size, uint16_t start, bool is_udp)
{
    memset(field, 0, 2);
    uint16_t checksum = (uint16_t)~checksum_sum(bytes, size, start);
    if (checksum == 0 && is_udp) {
        checksum = 0xffff;
    }
    memcpy(field, &checksum, 2);
}

static size_t build_nd(struct random *random, uint8_t *l4)
{
    size_t size = 24;
    l4[0] = (uint8_t)(135 + random_below(random, 2));
    l4[1] = 0;
    for (size_t n = random_below(random, 4); n > 0; n--) {
        l4[size] = (uint8_t)(1 + random_below(random, 3));
        l4[size + 1] = (uint8_t)(1 + random_below(random, 2));
        size += (size_t)l4[size + 1] * 8;
    }
    return size;
}

/* Fills an L4 header and payload; returns its size. */
static size_t build_l4(struct random *random, uint8_t *l4, uint8_t proto)
{
    size_t size = 8 + random_below(random, 200);
    noise(random, l4, 300);
    if (proto == 6) {
        size += 20;
    } else if (proto == 17) {
        put16(l4 + 4, (unsigned)size);
    } else if (proto == 132) {
        size += 12;
    } else if (proto == 58 && random_below(random, 2) == 0) {
        size = build_nd(random, l4);
    }
    return size;
}

static void finish_l4(struct random *random, uint8_t *l4, size_t size, uint8_t proto, uint16_t pseudo, bool is_ipv6)
{
    if (proto == 6) {
        put_sum(l4 + 16, l4, size, pseudo, false);
    } else if (proto == 17) {
        put_sum(l4 + 6, l4, size, pseudo, true);
        if (!is_ipv6 && random_below(random, 4) == 0) {
            memset(l4 + 6, 0, 2);
        }
    } else if (proto == 132) {
        uint32_t crc = checksum_sctp(l4, size);
        memcpy(l4 + 8, &crc, 4);
    } else if (proto == 1 || proto == 58) {
        put_sum(l4 + 2, l4, size, proto == 58 ? pseudo : 0, false);
    }
}

static uint16_t pseudo_of(const uint8_t *addresses, size_t size, size_t l4_size, uint8_t proto)
{
    uint8_t tail[4];
    put16(tail, (unsigned)l4_size);
    put16(tail + 2, proto);
    return checksum_sum(addresses, size, checksum_sum(tail, 4, 0));
}

static size_t build_ipv4(struct random *random, uint8_t *ip)
{
    static const uint8_t protos[] = {6, 17, 1, 132, 6, 17, 47};
    size_t header = 20 + (random_below(random, 4) == 0 ? 4 * random_below(random, 11) : 0);
    uint8_t proto = protos[random_below(random, sizeof protos)];
    noise(random, ip, header);
    ip[0] = (uint8_t)(0x40 | header / 4);
    ip[8] = (uint8_t)random_below(random, 5);
    ip[9] = proto;
    put16(ip + 6, random_below(random, 8) == 0 ? 0x2000 + (unsigned)random_below(random, 2) * 17 : 0);
    size_t size = build_l4(random, ip + header, proto);
    put16(ip + 2, (unsigned)(header + size));
    finish_l4(random, ip + header, size, proto, pseudo_of(ip + 12, 8, size, proto), false);
    put_sum(ip + 10, ip, header, 0, false);
    return header + size;
}

static size_t build_ipv6(struct random *random, uint8_t *ip)
{
    static const uint8_t protos[] = {6, 17, 58, 132, 58, 17, 59};
    uint8_t proto = protos[random_below(random, sizeof protos)];
    size_t header = 40;
    noise(random, ip, 40);
    ip[0] = (uint8_t)(0x60 | (ip[0] & 15));
    ip[7] = (uint8_t)random_below(random, 5);
    ip[6] = proto;
    if (random_below(random, 4) == 0) {
        ip[6] = random_below(random, 2) == 0 ? 0 : 60;
        memset(ip + 40, 0, 16);
        ip[40] = proto;
        ip[41] = (uint8_t)random_below(random, 2);
        header += 8 + 8u * ip[41];
    }
    size_t size = build_l4(random, ip + header, proto);
    put16(ip + 4, (unsigned)(header - 40 + size));
    finish_l4(random, ip + header, size, proto, pseudo_of(ip + 8, 32, size, proto), true);
    return header + size;
}

/* One to five labels, the last of them the bottom, and mostly IP behind them. */
static size_t build_mpls(struct random *random, uint8_t *mpls)
{
    size_t size = 4 + 4 * random_below(random, 5);
    noise(random, mpls, size);
    for (size_t at = 0; at < size; at += 4) {
        mpls[at + 2] = (uint8_t)((mpls[at + 2] & 0xfe) | (at + 4 == size));
        mpls[at + 3] = (uint8_t)random_below(random, 5);
    }
    switch (random_below(random, 5)) {
    case 0:
        noise(random, mpls + size, 56);
        return size + 56;
    case 1:
    case 2:
        return size + build_ipv4(random, mpls + size);
    default:
        return size + build_ipv6(random, mpls + size);
    }
}

static size_t build_arp(struct random *random, uint8_t *arp)
{
    static const uint8_t start[6] = {0, 1, 8, 0, 6, 4};
    noise(random, arp, 46);
    memcpy(arp, start, 6);
    put16(arp + 6, 1 + (unsigned)random_below(random, 2));
    return 28 + random_below(random, 18);
}

size_t packets_random(struct random *random, uint8_t *frame)
{
    size_t at = 12;
    noise(random, frame, 12);
    for (uint64_t n = random_below(random, 8) < 4 ? 0 : random_below(random, 4); n > 0; n--) {
        put16(frame + at, random_below(random, 2) == 0 ? 0x8100 : 0x88a8);
        noise(random, frame + at + 2, 2);
        at += 4;
    }
    uint64_t kind = random_below(random, 10);
    if (kind < 4) {
        put16(frame + at, 0x0800);
        at += 2 + build_ipv4(random, frame + at + 2);
    } else if (kind < 7) {
        put16(frame + at, 0x86dd);
        at += 2 + build_ipv6(random, frame + at + 2);
    } else if (kind == 7) {
        put16(frame + at, 0x0806);
        at += 2 + build_arp(random, frame + at + 2);
    } else if (kind == 8) {
        put16(frame + at, random_below(random, 4) == 0 ? 0x8848 : 0x8847);
        at += 2 + build_mpls(random, frame + at + 2);
    } else {
        put16(frame + at, 0x88cc);
        noise(random, frame + at + 2, 60);
        at += 62;
    }
    at += random_below(random, 3) == 0 ? random_below(random, 20) : 0;
    if (random_below(random, 8) == 0) {
        at = 14 + random_below(random, at - 13);
    }
    return at;
}

static void random_set_field(struct random *random, struct dp_action *action)
{
    const struct field *field;
    uint64_t id;
    do {
        id = random_below(random, FIELD_COUNT);
        field = &field_table[id];
    } while (field->set_rule != FIELD_SET_RW || field->offset + field->size > sizeof(struct flow_key));
    struct field_value ones = field_all_ones((enum field_id)id);
    bool is_masked = random_below(random, 2) == 0;
    action->type = DP_ACTION_SET_FIELD;
    action->set_field.field = (uint16_t)id;
    for (size_t i = 0; i < sizeof ones.bytes; i++) {
        action->set_field.mask.bytes[i] = is_masked ? ones.bytes[i] & (uint8_t)random_u64(random) : ones.bytes[i];
        action->set_field.value.bytes[i] = ones.bytes[i] & (uint8_t)random_u64(random);
    }
}

static void random_hash(struct random *random, struct dp_action *action)
{
    action->type = DP_ACTION_HASH;
    action->hash.algorithm = (uint8_t)random_below(random, DP_HASH_ALGORITHM_COUNT);
    action->hash.basis = (uint32_t)random_u64(random);
    for (unsigned id = 0; action->hash.algorithm == DP_HASH_FIELDS && id < FIELD_COUNT; id++) {
        if (field_table[id].offset + field_table[id].size <= sizeof(struct flow_key) && random_below(random, 4) == 0) {
            dp_hash_add(&action->hash, id);
        }
    }
}

static void random_mpls(struct random *random, struct dp_action *action)
{
    static const uint16_t types[] = {0x0800, 0x86dd, 0x8847, 0x8848, 0x8100, 0x0806, 0x88cc, 0xffff};
    action->type = random_below(random, 2) == 0 ? DP_ACTION_PUSH_MPLS : DP_ACTION_POP_MPLS;
    if (action->type == DP_ACTION_PUSH_MPLS) {
        action->ethertype = random_below(random, 4) == 0 ? 0x8848 : 0x8847;
    } else {
        action->ethertype = types[random_below(random, sizeof types / sizeof types[0])];
    }
}

struct dp_action packets_recirculation(uint32_t id)
{
    static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x1234};
    return (struct dp_action){.type = DP_ACTION_RECIRC, .recirc_id = id, .n_labels = (uint8_t)(id % 4), .uncovers_type = types[id % 3 + (id == 7)]};
}

/* An action that is complete in itself. */
static void random_simple(struct random *random, struct dp_action *action, uint64_t kind)
{
    if (kind < 5) {
        action->type = DP_ACTION_OUTPUT;
        action->port = 1 + (uint32_t)random_below(random, 5);
    } else if (kind < 12) {
        random_set_field(random, action);
    } else if (kind == 12) {
        action->type = DP_ACTION_PUSH_VLAN;
        action->push_vlan.tpid = random_below(random, 2) == 0 ? 0x8100 : 0x88a8;
        action->push_vlan.tci = (uint16_t)random_u64(random);
    } else if (kind == 13) {
        action->type = DP_ACTION_POP_VLAN;
    } else if (kind == 14) {
        action->type = DP_ACTION_DEC_TTL;
    } else if (kind == 15) {
        action->type = DP_ACTION_CONTROLLER;
        action->controller.rule_table = (uint32_t)random_below(random, 9);
    } else if (kind < 19) {
        random_mpls(random, action);
    } else if (kind == 19) {
        action->type = DP_ACTION_DEC_MPLS_TTL;
    } else if (kind == 20) {
        random_hash(random, action);
    } else if (kind == 21) {
        action->type = DP_ACTION_RECIRC;
        *action = packets_recirculation(1 + (uint32_t)random_below(random, 9));
    } else {
        action->type = DP_ACTION_METER;
        action->meter = random_below(random, 9);
    }
}

enum { KINDS_SIMPLE = 24, KIND_CLONE = KINDS_SIMPLE, KIND_TRUNCATE = KIND_CLONE + 2, KIND_USERDATA, KIND_DROP, KINDS };

static size_t random_list(struct random *random, struct dp_action *actions, size_t room, unsigned depth)
{
    size_t n = 0, wanted = random_below(random, room < 8 ? room + 1 : 9);
    while (n < wanted) {
        struct dp_action *action = &actions[n++];
        memset(action, 0, sizeof *action);
        uint64_t kind = random_below(random, KINDS);
        if (kind < KINDS_SIMPLE) {
            random_simple(random, action, kind);
        } else if (kind < KIND_TRUNCATE && depth < 3) {
            action->type = DP_ACTION_CLONE;
            size_t inside = random_list(random, actions + n, wanted - n, depth + 1);
            action->clone.n_actions = (uint16_t)inside;
            n += inside;
        } else if (kind == KIND_TRUNCATE && n < wanted) {
            action->type = DP_ACTION_TRUNCATE;
            action->max_len = DP_TRUNCATE_MIN + (uint32_t)random_below(random, 200);
            memset(&actions[n], 0, sizeof *action);
            random_simple(random, &actions[n++], 0);
        } else if (kind == KIND_USERDATA && n < wanted) {
            action->type = DP_ACTION_USERDATA;
            memset(&actions[n], 0, sizeof *action);
            actions[n].type = DP_ACTION_CONTROLLER;
            actions[n].controller.rule_table = (uint32_t)random_below(random, 9);
            actions[n++].controller.n_userdata = (uint16_t)(1 + random_below(random, DP_USERDATA_SIZE));
        } else {
            action->type = DP_ACTION_DROP;
            action->reason = (uint16_t)random_below(random, DROP_REASON_COUNT);
            return n;
        }
    }
    return n;
}

size_t packets_random_actions(struct random *random, struct dp_action *actions, size_t room)
{
    return random_list(random, actions, room, 0);
}
