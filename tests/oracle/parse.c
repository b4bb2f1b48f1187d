/* The parser again, as one would write it down from the standards: a bounded reader, one header after the other.
 *
 * Every byte comes through lib/base/bytes.h, which cannot read past an end; each layer is a reader of its own that ends where the
 * layer says. Nothing is shared with lib/flow/parse.c but the two structs it fills. A header is read in full into locals,
 * and only a reader that did not fail may write into the key.
 */
#include "tests/oracle/parse.h"

#include <stdlib.h>

#include "lib/base/bytes.h"

struct oracle {
    const uint8_t *frame;
    struct flow_key *key;
    struct parse_result *result;
};

static uint16_t offset_of(const struct oracle *o, const struct reader *r)
{
    return (uint16_t)(r->pos - o->frame);
}

static void read_neighbour(struct oracle *o, struct reader r)
{
    uint8_t target[16];
    uint8_t found[3][6] = {{0}};
    int count[3] = {0, 0, 0};
    int options = 0;

    reader_copy(&r, target, sizeof target);
    if (r.failed) {
        return;
    }
    while (reader_left(&r) >= 8) {
        struct reader option = r;
        uint8_t kind = reader_u8(&option);
        uint8_t units = reader_u8(&option);
        if (units == 0 || units * 8u > reader_left(&r)) {
            break;
        }
        options++;
        if ((kind == 1 || kind == 2) && units == 1) {
            reader_copy(&option, found[kind], 6);
            count[kind]++;
        }
        reader_skip(&r, units * 8u);
    }
    if (count[1] > 1 || count[2] > 1 || options > 32) {
        return;
    }
    memcpy(o->key->nd_target, target, sizeof target);
    memcpy(o->key->nd_or_arp_sha, found[1], 6);
    memcpy(o->key->nd_or_arp_tha, found[2], 6);
}

static void read_icmp(struct oracle *o, struct reader r, bool six)
{
    uint8_t type = reader_u8(&r);
    uint8_t code = reader_u8(&r);
    reader_skip(&r, 6);
    if (r.failed) {
        return;
    }
    o->result->l4_offset = (uint16_t)(offset_of(o, &r) - 8);
    o->key->l4_src = be16(type);
    o->key->l4_dst = be16(code);
    if (six && code == 0 && (type == 135 || type == 136)) {
        read_neighbour(o, r);
    }
}

static void read_l4(struct oracle *o, struct reader r, uint16_t eth_type)
{
    uint16_t start = offset_of(o, &r);
    uint8_t proto = o->key->ip_proto;
    if ((proto == 1 && eth_type == 0x0800) || (proto == 58 && eth_type == 0x86dd)) {
        read_icmp(o, r, proto == 58);
        return;
    }
    if (proto != 6 && proto != 17 && proto != 132) {
        return;
    }
    uint16_t src = reader_u16(&r);
    uint16_t dst = reader_u16(&r);
    uint16_t flags = 0;
    if (proto == 6) {
        reader_skip(&r, 8);
        flags = reader_u16(&r) & 0xfff;
        reader_skip(&r, 6);
    } else {
        reader_skip(&r, proto == 17 ? 4 : 8);
    }
    if (r.failed) {
        return;
    }
    o->result->l4_offset = start;
    o->key->l4_src = be16(src);
    o->key->l4_dst = be16(dst);
    o->key->tcp_flags = be16(flags);
}

static void read_ipv4(struct oracle *o, struct reader r)
{
    uint16_t start = offset_of(o, &r);
    struct reader header = r;
    uint8_t version_ihl = reader_u8(&header);
    uint8_t tos = reader_u8(&header);
    uint16_t total = reader_u16(&header);
    reader_skip(&header, 2);
    uint16_t fragment = reader_u16(&header);
    uint8_t ttl = reader_u8(&header);
    uint8_t proto = reader_u8(&header);
    reader_skip(&header, 2);
    uint8_t addresses[8];
    reader_copy(&header, addresses, sizeof addresses);
    unsigned ihl = version_ihl & 15u;
    if (header.failed || version_ihl / 16 != 4 || ihl < 5 || ihl * 4 > total) {
        return;
    }
    struct reader packet = reader_sub(&r, total);
    reader_skip(&packet, (size_t)ihl * 4);
    if (packet.failed) {
        return;
    }
    o->result->l3_offset = start;
    o->result->l3_end = (uint16_t)(start + total);
    memcpy(o->key->ip_src, addresses, 4);
    memcpy(o->key->ip_dst, addresses + 4, 4);
    o->key->ip_tos = tos;
    o->key->ip_ttl = ttl;
    o->key->ip_proto = proto;
    bool more = (fragment & 0x2000) != 0;
    bool later = (fragment & 0x1fff) != 0;
    o->key->ip_frag = later ? 3 : more ? 1 : 0;
    if (!later) {
        read_l4(o, packet, 0x0800);
    }
}

/* Returns whether an L4 header may follow at `r`. */
static bool read_extensions(struct oracle *o, struct reader *r)
{
    for (int read = 0;; read++) {
        uint8_t proto = o->key->ip_proto;
        if (proto != 0 && proto != 43 && proto != 44 && proto != 51 && proto != 60) {
            return true;
        }
        struct reader header = *r;
        uint8_t next = reader_u8(&header);
        uint8_t units = reader_u8(&header);
        uint16_t third = reader_u16(&header);
        reader_skip(&header, 4);
        if (header.failed || read == 8) {
            return false;
        }
        if (proto == 44) {
            bool later = third >> 3 != 0;
            bool more = (third & 1) != 0;
            o->key->ip_frag = later ? 3 : more ? 1 : o->key->ip_frag;
            if (later) {
                return false;
            }
            reader_skip(r, 8);
        } else {
            reader_skip(r, proto == 51 ? units * 4u + 8 : units * 8u + 8);
        }
        if (r->failed) {
            return false;
        }
        o->key->ip_proto = next;
    }
}

static void read_ipv6(struct oracle *o, struct reader r)
{
    uint16_t start = offset_of(o, &r);
    uint32_t first = reader_u32(&r);
    uint16_t payload = reader_u16(&r);
    uint8_t next = reader_u8(&r);
    uint8_t hops = reader_u8(&r);
    uint8_t addresses[32];
    reader_copy(&r, addresses, sizeof addresses);
    struct reader body = reader_sub(&r, payload);
    if (r.failed || first >> 28 != 6) {
        return;
    }
    o->result->l3_offset = start;
    o->result->l3_end = (uint16_t)(start + 40 + payload);
    memcpy(o->key->ip_src, addresses, 16);
    memcpy(o->key->ip_dst, addresses + 16, 16);
    o->key->ip_tos = (uint8_t)(first >> 20 & 0xff);
    o->key->ipv6_label = be32(first & 0xfffff);
    o->key->ip_ttl = hops;
    o->key->ip_proto = next;
    if (read_extensions(o, &body)) {
        read_l4(o, body, 0x86dd);
    }
}

static void read_arp(struct oracle *o, struct reader r)
{
    uint16_t start = offset_of(o, &r);
    bool usual = reader_u16(&r) == 1;
    usual = reader_u16(&r) == 0x0800 && usual;
    usual = reader_u8(&r) == 6 && usual;
    usual = reader_u8(&r) == 4 && usual;
    uint16_t operation = reader_u16(&r);
    uint8_t body[20];
    reader_copy(&r, body, sizeof body);
    if (r.failed || !usual) {
        return;
    }
    o->result->l3_offset = start;
    o->result->l3_end = (uint16_t)(start + 28);
    o->key->arp_op = be16(operation);
    memcpy(o->key->nd_or_arp_sha, body, 6);
    memcpy(o->key->ip_src, body + 6, 4);
    memcpy(o->key->nd_or_arp_tha, body + 10, 6);
    memcpy(o->key->ip_dst, body + 16, 4);
}

static void read_mpls(struct oracle *o, struct reader r)
{
    for (int i = 0; i < 3 && reader_left(&r) >= 4; i++) {
        if (i == 0) {
            o->result->l2_5_offset = offset_of(o, &r);
        }
        uint32_t label = reader_u32(&r);
        o->key->mpls[i] = be32(label);
        if ((label >> 8 & 1) != 0) {
            break;
        }
    }
}

static bool is_vlan(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8;
}

/* `type` is in front of `r`; returns the one that says what follows it. */
static uint16_t read_tags(struct oracle *o, struct reader *r, uint16_t type)
{
    struct be16 *tci[2] = {&o->key->vlan_tci, &o->key->vlan2_tci};
    struct be16 *tpid[2] = {&o->key->vlan_tpid, &o->key->vlan2_tpid};
    for (int i = 0; i < 2 && is_vlan(type) && reader_left(r) >= 4; i++) {
        *tpid[i] = be16(type);
        *tci[i] = be16(reader_u16(r) | 0x1000);
        type = reader_u16(r);
    }
    return type;
}

static uint16_t read_length(struct reader *r)
{
    struct reader snap = *r;
    uint32_t first = reader_u32(&snap);
    uint16_t second = reader_u16(&snap);
    uint16_t type = reader_u16(&snap);
    if (snap.failed || first != 0xaaaa0300 || second != 0 || type < 0x600) {
        return 0x05ff;
    }
    *r = snap;
    return type;
}

int oracle_parse(const uint8_t *frame, size_t size, uint32_t in_port, struct flow_key *out_key, struct parse_result *out_result)
{
    struct oracle o = {.frame = frame, .key = out_key, .result = out_result};
    if (size < 14) {
        return -ERROR_TRUNCATED;
    }
    size = size > 65534 ? 65534 : size;
    struct reader r = reader_of(frame, size);
    memset(out_key, 0, sizeof *out_key);
    *out_result = (struct parse_result){0xffff, 0xffff, 0xffff, (uint16_t)size};
    out_key->in_port = be32(in_port);
    reader_copy(&r, out_key->eth_dst, 6);
    reader_copy(&r, out_key->eth_src, 6);
    uint16_t type = read_tags(&o, &r, reader_u16(&r));
    if (type < 0x600) {
        type = read_length(&r);
    }
    out_key->eth_type = be16(type);
    switch (type) {
    case 0x0800:
        read_ipv4(&o, r);
        break;
    case 0x86dd:
        read_ipv6(&o, r);
        break;
    case 0x0806:
    case 0x8035:
        read_arp(&o, r);
        break;
    case 0x8847:
    case 0x8848:
        read_mpls(&o, r);
        break;
    default:
        break;
    }
    return 0;
}

void oracle_uncover(const uint8_t *frame, size_t size, const struct parse_result *result, unsigned n_labels, uint16_t type, struct flow_key *key)
{
    struct flow_key inner = {0};
    struct parse_result ignored;
    size = size > 65534 ? 65534 : size;
    size_t labels_end = result->l2_5_offset + (size_t)n_labels * 4;
    uint8_t *bare = malloc(size + 14);
    if (result->l2_5_offset == 0xffff) {
        free(bare);
        return;
    }
    bool is_known = type == 0x0800 || type == 0x86dd || type == 0x0806 || type == 0x8035;
    if (labels_end <= size && is_known) {
        memcpy(bare, frame, 12);
        bare[12] = (uint8_t)(type >> 8);
        bare[13] = (uint8_t)type;
        memcpy(bare + 14, frame + labels_end, size - labels_end);
        if (oracle_parse(bare, 14 + size - labels_end, 1, &inner, &ignored) != 0) {
            abort();
        }
    }
    free(bare);
    key->tcp_flags = inner.tcp_flags;
    key->ip_proto = inner.ip_proto;
    key->ip_tos = inner.ip_tos;
    key->ip_ttl = inner.ip_ttl;
    key->ip_frag = inner.ip_frag;
    key->ipv6_label = inner.ipv6_label;
    memcpy(key->ip_src, inner.ip_src, sizeof key->ip_src);
    memcpy(key->ip_dst, inner.ip_dst, sizeof key->ip_dst);
    key->l4_src = inner.l4_src;
    key->l4_dst = inner.l4_dst;
    key->arp_op = inner.arp_op;
    memcpy(key->nd_or_arp_sha, inner.nd_or_arp_sha, sizeof key->nd_or_arp_sha);
    memcpy(key->nd_or_arp_tha, inner.nd_or_arp_tha, sizeof key->nd_or_arp_tha);
    memcpy(key->nd_target, inner.nd_target, sizeof key->nd_target);
}
