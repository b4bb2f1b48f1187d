/* Between the model's match and that of OpenFlow 1.0.
 *
 * The fields of a transport protocol, of ICMP and of ARP share places; which they are says dl_type and nw_proto. dl_vlan 0xffff means a
 * packet without a tag. dl_type 0x05ff means a packet without an Ethernet type, which is what its key has here too.
 * Any thread, no state, constant cost. Invariant: what is decoded has its prerequisites, so that it can be written as OXM.
 */
#include "lib/openflow/of_match10.h"

#include <string.h>

#include "lib/openflow/of_codec.h"

enum {
    WILD_IN_PORT = 1 << 0,
    WILD_DL_VLAN = 1 << 1,
    WILD_DL_SRC = 1 << 2,
    WILD_DL_DST = 1 << 3,
    WILD_DL_TYPE = 1 << 4,
    WILD_NW_PROTO = 1 << 5,
    WILD_TP_SRC = 1 << 6,
    WILD_TP_DST = 1 << 7,
    WILD_NW_SRC_SHIFT = 8, /* six bits: how many low bits of the address do not count, 32 or more: none does */
    WILD_NW_DST_SHIFT = 14,
    WILD_NW_BITS = 0x3f,
    WILD_NW_ALL = 32,
    WILD_DL_VLAN_PCP = 1 << 20,
    WILD_NW_TOS = 1 << 21,
    VLAN_NONE = 0xffff
};

struct fields {
    uint32_t wildcards;
    uint16_t in_port, dl_vlan, dl_type, tp_src, tp_dst;
    uint8_t dl_src[6], dl_dst[6];
    uint8_t dl_vlan_pcp, nw_tos, nw_proto;
    uint32_t nw_src, nw_dst;
};

static void get_fields(struct reader *r, struct fields *f)
{
    f->wildcards = reader_u32(r);
    f->in_port = reader_u16(r);
    reader_copy(r, f->dl_src, sizeof f->dl_src);
    reader_copy(r, f->dl_dst, sizeof f->dl_dst);
    f->dl_vlan = reader_u16(r);
    f->dl_vlan_pcp = reader_u8(r);
    reader_skip(r, 1);
    f->dl_type = reader_u16(r);
    f->nw_tos = reader_u8(r);
    f->nw_proto = reader_u8(r);
    reader_skip(r, 2);
    f->nw_src = reader_u32(r);
    f->nw_dst = reader_u32(r);
    f->tp_src = reader_u16(r);
    f->tp_dst = reader_u16(r);
}

static void put_fields(struct writer *w, const struct fields *f)
{
    writer_u32(w, f->wildcards);
    writer_u16(w, f->in_port);
    writer_bytes(w, f->dl_src, sizeof f->dl_src);
    writer_bytes(w, f->dl_dst, sizeof f->dl_dst);
    writer_u16(w, f->dl_vlan);
    writer_u8(w, f->dl_vlan_pcp);
    writer_pad(w, 1);
    writer_u16(w, f->dl_type);
    writer_u8(w, f->nw_tos);
    writer_u8(w, f->nw_proto);
    writer_pad(w, 2);
    writer_u32(w, f->nw_src);
    writer_u32(w, f->nw_dst);
    writer_u16(w, f->tp_src);
    writer_u16(w, f->tp_dst);
}

static void set_mac(struct match *match, enum field_id field, const uint8_t mac[6])
{
    struct field_value value = {{0}};

    memcpy(value.bytes + sizeof value.bytes - 6, mac, 6);
    match_set(match, field, value);
}

/* Only where the packet is certain to have the field. */
static void set_if_there(struct match *match, enum field_id field, uint64_t number)
{
    if (field_prerequisite_met(field, &match->value, &match->mask)) {
        match_set(match, field, field_value_u64(number));
    }
}

static void set_vlan(struct match *match, const struct fields *f)
{
    bool has_vid = (f->wildcards & WILD_DL_VLAN) == 0;
    bool has_pcp = (f->wildcards & WILD_DL_VLAN_PCP) == 0;
    uint64_t tci = KEY_VLAN_PRESENT;
    uint64_t mask = KEY_VLAN_PRESENT;

    if (has_vid && f->dl_vlan == VLAN_NONE) {
        match_set(match, FIELD_VLAN_TCI, field_value_u64(0));
        return;
    }
    if (has_vid) {
        tci |= f->dl_vlan & 0xfffu;
        mask |= 0xfff;
    }
    if (has_pcp) {
        tci |= (uint64_t)(f->dl_vlan_pcp & 7u) << 13;
        mask |= 0xe000;
    }
    if (has_vid || has_pcp) {
        match_set_masked(match, FIELD_VLAN_TCI, field_value_u64(tci), field_value_u64(mask));
    }
}

static void set_address(struct match *match, enum field_id ip, enum field_id arp, uint32_t address, unsigned n_wild)
{
    uint32_t mask = n_wild >= WILD_NW_ALL ? 0 : UINT32_MAX << n_wild;
    enum field_id field = field_prerequisite_met(ip, &match->value, &match->mask) ? ip : arp;

    if (mask != 0 && field_prerequisite_met(field, &match->value, &match->mask)) {
        match_set_masked(match, field, field_value_u64(address & mask), field_value_u64(mask));
    }
}

/* The places that protocols share: at most one of the fields of each has its protocol. */
static void set_transport(struct match *match, const struct fields *f)
{
    static const enum field_id sources[] = {FIELD_TCP_SRC, FIELD_UDP_SRC, FIELD_SCTP_SRC};
    static const enum field_id targets[] = {FIELD_TCP_DST, FIELD_UDP_DST, FIELD_SCTP_DST};

    for (size_t i = 0; i < 3; i++) {
        if ((f->wildcards & WILD_TP_SRC) == 0) {
            set_if_there(match, sources[i], f->tp_src);
        }
        if ((f->wildcards & WILD_TP_DST) == 0) {
            set_if_there(match, targets[i], f->tp_dst);
        }
    }
    if (match->value.key.eth_type.raw == be16(0x86dd).raw) {
        return;
    }
    if ((f->wildcards & WILD_TP_SRC) == 0) {
        set_if_there(match, FIELD_ICMPV4_TYPE, f->tp_src & 0xffu);
    }
    if ((f->wildcards & WILD_TP_DST) == 0) {
        set_if_there(match, FIELD_ICMPV4_CODE, f->tp_dst & 0xffu);
    }
}

void of_match10_decode(struct reader *r, struct match *out)
{
    struct fields f;

    get_fields(r, &f);
    match_init(out);
    if ((f.wildcards & WILD_IN_PORT) == 0) {
        match_set(out, FIELD_IN_PORT, field_value_u64(of_port_of_10(f.in_port)));
    }
    if ((f.wildcards & WILD_DL_SRC) == 0) {
        set_mac(out, FIELD_ETH_SRC, f.dl_src);
    }
    if ((f.wildcards & WILD_DL_DST) == 0) {
        set_mac(out, FIELD_ETH_DST, f.dl_dst);
    }
    set_vlan(out, &f);
    if ((f.wildcards & WILD_DL_TYPE) == 0) {
        match_set(out, FIELD_ETH_TYPE, field_value_u64(f.dl_type));
    }
    if ((f.wildcards & WILD_NW_PROTO) == 0) {
        set_if_there(out, FIELD_IP_PROTO, f.nw_proto);
        set_if_there(out, FIELD_ARP_OP, f.nw_proto);
    }
    if ((f.wildcards & WILD_NW_TOS) == 0) {
        set_if_there(out, FIELD_IP_DSCP, f.nw_tos >> 2);
    }
    set_address(out, FIELD_IPV4_SRC, FIELD_ARP_SPA, f.nw_src, f.wildcards >> WILD_NW_SRC_SHIFT & WILD_NW_BITS);
    set_address(out, FIELD_IPV4_DST, FIELD_ARP_TPA, f.nw_dst, f.wildcards >> WILD_NW_DST_SHIFT & WILD_NW_BITS);
    set_transport(out, &f);
}

/* True, and its value, when the match has the whole field. */
static bool get_whole(const struct match *match, enum field_id field, uint64_t *out_number)
{
    struct field_value mask = field_get(field, &match->mask);
    struct field_value ones = field_all_ones(field);

    if (memcmp(&mask, &ones, sizeof ones) != 0 || !field_prerequisite_met(field, &match->value, &match->mask)) {
        return false;
    }
    *out_number = field_value_to_u64(field_get(field, &match->value));
    return true;
}

static void get_vlan(const struct match *match, struct fields *f)
{
    uint16_t mask = host16(match->mask.key.vlan_tci);
    uint16_t tci = host16(match->value.key.vlan_tci);

    if ((mask & KEY_VLAN_PRESENT) == 0) {
        return;
    }
    if ((tci & KEY_VLAN_PRESENT) == 0) {
        f->wildcards &= ~(uint32_t)(WILD_DL_VLAN | WILD_DL_VLAN_PCP);
        f->dl_vlan = VLAN_NONE;
        return;
    }
    if ((mask & 0xfff) == 0xfff) {
        f->wildcards &= ~(uint32_t)WILD_DL_VLAN;
        f->dl_vlan = tci & 0xfff;
    }
    if ((mask & 0xe000) == 0xe000) {
        f->wildcards &= ~(uint32_t)WILD_DL_VLAN_PCP;
        f->dl_vlan_pcp = (uint8_t)(tci >> 13);
    }
}

/* Low bits that do not count; WILD_NW_ALL when the mask is no prefix. */
static unsigned wild_bits(uint32_t mask)
{
    unsigned n = mask == 0 ? WILD_NW_ALL : (unsigned)__builtin_ctz(mask);

    return n < WILD_NW_ALL && mask == UINT32_MAX << n ? n : WILD_NW_ALL;
}

static unsigned get_address(const struct match *match, enum field_id ip, enum field_id arp, uint32_t *out_address)
{
    enum field_id field = field_prerequisite_met(ip, &match->value, &match->mask) ? ip : arp;

    if (!field_prerequisite_met(field, &match->value, &match->mask)) {
        return WILD_NW_ALL;
    }
    unsigned n = wild_bits((uint32_t)field_value_to_u64(field_get(field, &match->mask)));
    *out_address = n < WILD_NW_ALL ? (uint32_t)field_value_to_u64(field_get(field, &match->value)) : 0;
    return n;
}

static void get_mac(const struct match *match, enum field_id field, uint32_t bit, struct fields *f, uint8_t out[6])
{
    uint64_t unused;

    if (get_whole(match, field, &unused)) {
        struct field_value value = field_get(field, &match->value);
        memcpy(out, value.bytes + sizeof value.bytes - 6, 6);
        f->wildcards &= ~bit;
    }
}

static void get_number(const struct match *match, enum field_id field, uint32_t bit, struct fields *f, uint16_t *out)
{
    uint64_t number;

    if (get_whole(match, field, &number)) {
        *out = (uint16_t)number;
        f->wildcards &= ~bit;
    }
}

static struct fields fields_of(const struct match *match)
{
    static const enum field_id sources[] = {FIELD_TCP_SRC, FIELD_UDP_SRC, FIELD_SCTP_SRC, FIELD_ICMPV4_TYPE};
    static const enum field_id targets[] = {FIELD_TCP_DST, FIELD_UDP_DST, FIELD_SCTP_DST, FIELD_ICMPV4_CODE};
    struct fields f = {.wildcards = (1u << 22) - 1};
    uint16_t proto = 0, tos = 0;

    f.wildcards &= ~(uint32_t)(WILD_NW_BITS << WILD_NW_SRC_SHIFT | WILD_NW_BITS << WILD_NW_DST_SHIFT);
    get_number(match, FIELD_IN_PORT, WILD_IN_PORT, &f, &f.in_port);
    get_mac(match, FIELD_ETH_SRC, WILD_DL_SRC, &f, f.dl_src);
    get_mac(match, FIELD_ETH_DST, WILD_DL_DST, &f, f.dl_dst);
    get_vlan(match, &f);
    get_number(match, FIELD_ETH_TYPE, WILD_DL_TYPE, &f, &f.dl_type);
    get_number(match, FIELD_IP_PROTO, WILD_NW_PROTO, &f, &proto);
    get_number(match, FIELD_ARP_OP, WILD_NW_PROTO, &f, &proto);
    get_number(match, FIELD_IP_DSCP, WILD_NW_TOS, &f, &tos);
    f.nw_proto = (uint8_t)proto;
    f.nw_tos = (uint8_t)(tos << 2);
    f.wildcards |= get_address(match, FIELD_IPV4_SRC, FIELD_ARP_SPA, &f.nw_src) << WILD_NW_SRC_SHIFT;
    f.wildcards |= get_address(match, FIELD_IPV4_DST, FIELD_ARP_TPA, &f.nw_dst) << WILD_NW_DST_SHIFT;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        get_number(match, sources[i], WILD_TP_SRC, &f, &f.tp_src);
        get_number(match, targets[i], WILD_TP_DST, &f, &f.tp_dst);
    }
    return f;
}

void of_match10_encode(struct writer *w, const struct match *match)
{
    struct fields f = fields_of(match);

    put_fields(w, &f);
}

bool of_match10_can_say(const struct match *match)
{
    struct writer w;
    struct match again;

    writer_init(&w);
    of_match10_encode(&w, match);
    struct reader r = reader_of(w.bytes, w.size);
    of_match10_decode(&r, &again);
    writer_fini(&w);
    return match_equal(match, &again);
}
