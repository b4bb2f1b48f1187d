/* Frame to key, in one pass over the headers.
 *
 *     | dst 6 | src 6 | tag 4 | tag 4 | type 2 | MPLS labels 4 each         or
 *                                              | IPv4 20..60 / IPv6 40 + extension headers | TCP / UDP / SCTP / ICMP
 *     0                               l2_5 or l3 ^                                       l4 ^            l3_end ^   padding
 *
 * Why like this: the key is zeroed once and each layer fills in what it finds, so a header that is cut off needs no undoing.
 * A layer is checked as a whole before its first byte is used, and `end` shrinks to what the IP header says, so padding is
 * never taken for a header. What a packet usually is (no tag, IPv4 without options, TCP or UDP) is asked first; the rest
 * is in functions of its own that the compiler keeps out of the way.
 * TCP and UDP in IPv4 and IPv6 as they usually are have a way of their own, parse_common.h.
 * Cost: about 8 ns for TCP in IPv4. Packet path: the worker thread; no allocation, no call out of this file but memory moves.
 * Invariants: no read at or past frame + size; every loop over foreign headers has a limit; offsets are set only for headers
 * that are there completely.
 */
#include "lib/flow/parse.h"

#include "lib/flow/parse_common.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define RARE __attribute__((noinline, cold))

enum {
    ETHERNET_SIZE = 14,
    TAG_SIZE = 4,
    SNAP_SIZE = 8,
    LABEL_SIZE = 4,
    ARP_SIZE = 28,
    IPV4_SIZE = 20,
    IPV6_SIZE = 40,
    TCP_SIZE = 20,
    UDP_SIZE = 8,
    SCTP_SIZE = 12,
    ICMP_SIZE = 8,
    ND_SIZE = 24, /* ICMPv6 header and target */

    TYPE_MIN = 0x0600, /* below it is a length [IEEE 802.3 3.2.6] */
    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
    TYPE_RARP = 0x8035,
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_MULTICAST = 0x8848,
    TYPE_SERVICE_VLAN = 0x88a8,

    PROTO_HOP_BY_HOP = 0,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AUTHENTICATION = 51,
    PROTO_ICMPV6 = 58,
    PROTO_DESTINATION = 60,
    PROTO_SCTP = 132,

    ND_SOLICIT = 135,
    ND_ADVERT = 136,

    /* RFC 8200 lists seven in its order of extension headers; a longer chain is somebody hiding the end of it. */
    EXTENSION_LIMIT = 8,
    /* Senders put in one to five options. A message with more is treated as broken, so that padding hides no address. */
    ND_OPTION_LIMIT = 32,
    /* Offsets are 16 bits and the last value means none. No frame is as long. */
    SIZE_LIMIT = PARSE_NO_OFFSET - 1,
};

/* What is left to parse: frame[pos] up to frame[end - 1]. */
struct cursor {
    const uint8_t *frame;
    size_t pos;
    size_t end;
};

static inline uint16_t load16(const uint8_t *bytes)
{
    uint16_t word;
    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap16(word);
}

static inline uint32_t load32(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap32(word);
}

static inline size_t left(const struct cursor *c)
{
    return c->end - c->pos;
}

static inline bool is_tag(uint16_t type)
{
    return type == TYPE_VLAN || type == TYPE_SERVICE_VLAN;
}

static inline struct be16 tag_control(const uint8_t *tag)
{
    return be16(load16(tag) | KEY_VLAN_PRESENT);
}

/* `type` is a TPID and the cursor is behind it. Returns the type behind the tags: a tag that is cut off, or a third one, is the
 * type itself. A tag is taken only together with the two bytes of type behind it. */
static inline uint16_t parse_tags(struct cursor *c, uint16_t type, struct flow_key *key)
{
    if (left(c) < TAG_SIZE) {
        return type;
    }
    key->vlan_tpid = be16(type);
    key->vlan_tci = tag_control(c->frame + c->pos);
    type = load16(c->frame + c->pos + 2);
    c->pos += TAG_SIZE;
    if (!is_tag(type) || left(c) < TAG_SIZE) {
        return type;
    }
    key->vlan2_tpid = be16(type);
    key->vlan2_tci = tag_control(c->frame + c->pos);
    type = load16(c->frame + c->pos + 2);
    c->pos += TAG_SIZE;
    return type;
}

/* The type field holds a length: SNAP with an Ethernet type behind it, or something without a type. */
static RARE uint16_t parse_length(struct cursor *c)
{
    static const uint8_t snap[6] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00};
    if (left(c) < SNAP_SIZE || memcmp(c->frame + c->pos, snap, sizeof snap) != 0) {
        return KEY_ETH_TYPE_NONE;
    }
    uint16_t type = load16(c->frame + c->pos + sizeof snap);
    if (type < TYPE_MIN) {
        return KEY_ETH_TYPE_NONE;
    }
    c->pos += SNAP_SIZE;
    return type;
}

/* Up to three labels, to the bottom of the stack. What is inside stays closed: the label says nothing of its protocol. */
static RARE void parse_mpls(struct cursor *c, struct flow_key *key, struct parse_result *result)
{
    for (size_t i = 0; i < sizeof key->mpls / sizeof key->mpls[0] && left(c) >= LABEL_SIZE; i++) {
        uint32_t label = load32(c->frame + c->pos);
        if (i == 0) {
            result->l2_5_offset = (uint16_t)c->pos;
        }
        key->mpls[i] = be32(label);
        c->pos += LABEL_SIZE;
        if ((label & 0x100) != 0) {
            return;
        }
    }
}

/* Only Ethernet and IPv4 addresses [RFC 826]; others have no fields. */
static RARE void parse_arp(struct cursor *c, struct flow_key *key, struct parse_result *result)
{
    static const uint8_t ethernet_ipv4[6] = {0, 1, 0x08, 0x00, 6, 4};
    const uint8_t *arp = c->frame + c->pos;
    if (left(c) < ARP_SIZE || memcmp(arp, ethernet_ipv4, sizeof ethernet_ipv4) != 0) {
        return;
    }
    result->l3_offset = (uint16_t)c->pos;
    result->l3_end = (uint16_t)(c->pos + ARP_SIZE);
    key->arp_op = be16(load16(arp + 6));
    memcpy(key->nd_or_arp_sha, arp + 8, 6);
    memcpy(key->ip_src, arp + 14, 4);
    memcpy(key->nd_or_arp_tha, arp + 18, 6);
    memcpy(key->ip_dst, arp + 24, 4);
}

/* One source and one target link-layer address [RFC 4861 4.6.1]. A length of zero or past the end stops the walk [RFC 4861 4.6
 * tells hosts to discard the message]. Returns whether the message may be believed: no address given twice, not too many. */
static RARE bool parse_nd_options(const struct cursor *c, size_t pos, struct flow_key *key)
{
    bool seen[2] = {false, false};
    for (int i = 0; c->end - pos >= 8; i++) {
        const uint8_t *option = c->frame + pos;
        size_t size = (size_t)option[1] * 8;
        if (size == 0 || size > c->end - pos) {
            return true;
        }
        if ((option[0] == 1 || option[0] == 2) && size == 8) {
            if (seen[option[0] - 1]) {
                return false;
            }
            seen[option[0] - 1] = true;
            memcpy(option[0] == 1 ? key->nd_or_arp_sha : key->nd_or_arp_tha, option + 2, 6);
        }
        if (i == ND_OPTION_LIMIT) {
            return false;
        }
        pos += size;
    }
    return true;
}

static RARE void parse_nd(const struct cursor *c, struct flow_key *key)
{
    memcpy(key->nd_target, c->frame + c->pos + ICMP_SIZE, sizeof key->nd_target);
    if (!parse_nd_options(c, c->pos + ND_SIZE, key)) {
        memset(key->nd_target, 0, sizeof key->nd_target);
        memset(key->nd_or_arp_sha, 0, sizeof key->nd_or_arp_sha);
        memset(key->nd_or_arp_tha, 0, sizeof key->nd_or_arp_tha);
    }
}

/* Type and code are stored as the 16-bit members that ports use. */
static void parse_icmp(const struct cursor *c, struct flow_key *key, struct parse_result *result)
{
    const uint8_t *icmp = c->frame + c->pos;
    if (left(c) < ICMP_SIZE) {
        return;
    }
    result->l4_offset = (uint16_t)c->pos;
    key->l4_src = be16(icmp[0]);
    key->l4_dst = be16(icmp[1]);
    bool nd = key->ip_proto == PROTO_ICMPV6 && (icmp[0] == ND_SOLICIT || icmp[0] == ND_ADVERT) && icmp[1] == 0;
    if (nd && left(c) >= ND_SIZE) {
        parse_nd(c, key);
    }
}

static inline void parse_ports(const struct cursor *c, size_t header_size, struct flow_key *key, struct parse_result *result)
{
    if (LIKELY(left(c) >= header_size)) {
        result->l4_offset = (uint16_t)c->pos;
        memcpy(&key->l4_src, c->frame + c->pos, 4);
    }
}

static inline void parse_l4(const struct cursor *c, bool ipv6, struct flow_key *key, struct parse_result *result)
{
    if (LIKELY(key->ip_proto == PROTO_TCP)) {
        if (LIKELY(left(c) >= TCP_SIZE)) {
            parse_ports(c, TCP_SIZE, key, result);
            key->tcp_flags = be16(load16(c->frame + c->pos + 12) & 0x0fff);
        }
    } else if (LIKELY(key->ip_proto == PROTO_UDP)) {
        parse_ports(c, UDP_SIZE, key, result);
    } else if (key->ip_proto == PROTO_SCTP) {
        parse_ports(c, SCTP_SIZE, key, result);
    } else if (key->ip_proto == (ipv6 ? PROTO_ICMPV6 : PROTO_ICMP)) {
        parse_icmp(c, key, result);
    }
}

static inline void parse_ipv4(struct cursor *c, struct flow_key *key, struct parse_result *result)
{
    const uint8_t *ip = c->frame + c->pos;
    if (UNLIKELY(left(c) < IPV4_SIZE)) {
        return;
    }
    size_t header_size = (size_t)(ip[0] & 0x0f) * 4;
    size_t total = load16(ip + 2);
    if (UNLIKELY(ip[0] >> 4 != 4 || header_size < IPV4_SIZE || total < header_size || total > left(c))) {
        return;
    }
    result->l3_offset = (uint16_t)c->pos;
    c->end = c->pos + total;
    result->l3_end = (uint16_t)c->end;
    c->pos += header_size;

    memcpy(key->ip_src, ip + 12, 4);
    memcpy(key->ip_dst, ip + 16, 4);
    key->ip_proto = ip[9];
    key->ip_tos = ip[1];
    key->ip_ttl = ip[8];
    uint16_t fragment = load16(ip + 6) & 0x3fff; /* more fragments, offset */
    if (UNLIKELY(fragment != 0)) {
        key->ip_frag = (fragment & 0x1fff) != 0 ? KEY_FRAG_ANY | KEY_FRAG_LATER : KEY_FRAG_ANY;
    }
    if (LIKELY((key->ip_frag & KEY_FRAG_LATER) == 0)) {
        parse_l4(c, false, key, result);
    }
}

static inline bool is_extension(uint8_t proto)
{
    return proto == PROTO_HOP_BY_HOP || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT || proto == PROTO_AUTHENTICATION ||
           proto == PROTO_DESTINATION;
}

/* Steps over extension headers; ip_proto becomes the number behind them. Returns false when there is no L4 header to look at: the
 * chain is cut off or too long (ip_proto is then the number of the header that could not be read), or a later fragment, whose
 * ip_proto is 44 as in Open vSwitch, because what follows is not a header. */
static RARE bool parse_extensions(struct cursor *c, struct flow_key *key)
{
    for (int i = 0; i < EXTENSION_LIMIT; i++) {
        const uint8_t *header = c->frame + c->pos;
        if (!is_extension(key->ip_proto)) {
            return true;
        }
        if (left(c) < 8) {
            return false;
        }
        size_t size = ((size_t)header[1] + 1) * 8;
        if (key->ip_proto == PROTO_AUTHENTICATION) {
            size = ((size_t)header[1] + 2) * 4;
        } else if (key->ip_proto == PROTO_FRAGMENT) {
            size = 8;
            uint16_t fragment = load16(header + 2);
            if ((fragment & 0xfff9) != 0) { /* offset or more fragments: else an atomic fragment [RFC 6946] is a whole packet */
                key->ip_frag = KEY_FRAG_ANY;
            }
            if ((fragment & 0xfff8) != 0) {
                key->ip_frag = KEY_FRAG_ANY | KEY_FRAG_LATER;
                return false;
            }
        }
        if (size > left(c)) {
            return false;
        }
        key->ip_proto = header[0];
        c->pos += size;
    }
    return !is_extension(key->ip_proto);
}

static inline void parse_ipv6(struct cursor *c, struct flow_key *key, struct parse_result *result)
{
    const uint8_t *ip = c->frame + c->pos;
    if (UNLIKELY(left(c) < IPV6_SIZE)) {
        return;
    }
    size_t total = IPV6_SIZE + (size_t)load16(ip + 4);
    if (UNLIKELY(ip[0] >> 4 != 6 || total > left(c))) {
        return;
    }
    result->l3_offset = (uint16_t)c->pos;
    c->end = c->pos + total;
    result->l3_end = (uint16_t)c->end;
    c->pos += IPV6_SIZE;

    uint32_t first = load32(ip); /* version 4, traffic class 8, flow label 20 */
    key->ip_tos = (uint8_t)(first >> 20);
    key->ipv6_label = be32(first & 0xfffff);
    key->ip_proto = ip[6];
    key->ip_ttl = ip[7];
    memcpy(key->ip_src, ip + 8, 16);
    memcpy(key->ip_dst, ip + 24, 16);
    if (LIKELY(!is_extension(key->ip_proto)) || parse_extensions(c, key)) {
        parse_l4(c, true, key, result);
    }
}

static inline void parse_l3(struct cursor *c, uint16_t type, struct flow_key *key, struct parse_result *result)
{
    if (LIKELY(type == TYPE_IPV4)) {
        parse_ipv4(c, key, result);
    } else if (LIKELY(type == TYPE_IPV6)) {
        parse_ipv6(c, key, result);
    } else if (type == TYPE_ARP || type == TYPE_RARP) {
        parse_arp(c, key, result);
    } else if (type == TYPE_MPLS || type == TYPE_MPLS_MULTICAST) {
        parse_mpls(c, key, result);
    }
}

static __attribute__((noinline)) void parse_any(const uint8_t *frame, size_t size, uint32_t in_port, struct flow_key *out_key,
                                                struct parse_result *out_result)
{
    struct cursor c = {.frame = frame, .pos = ETHERNET_SIZE, .end = size < SIZE_LIMIT ? size : SIZE_LIMIT};
    uint16_t type = load16(frame + 12);

    for (size_t i = 0; i < KEY_WORDS; i++) {
        key_set_word(out_key, i, 0); /* a memset() may become a string instruction, which takes thirty cycles to begin */
    }
    out_key->in_port = be32(in_port);
    memcpy(out_key->eth_dst, frame, 12);
    *out_result = (struct parse_result){.l2_5_offset = PARSE_NO_OFFSET,
                                        .l3_offset = PARSE_NO_OFFSET,
                                        .l4_offset = PARSE_NO_OFFSET,
                                        .l3_end = (uint16_t)c.end};
    if (UNLIKELY(is_tag(type))) {
        type = parse_tags(&c, type, out_key);
    }
    if (UNLIKELY(type < TYPE_MIN)) {
        type = parse_length(&c);
    }
    out_key->eth_type = be16(type);
    parse_l3(&c, type, out_key, out_result);
}

void parse_uncover(const uint8_t *frame, size_t size, const struct parse_result *result, unsigned n_labels, uint16_t type, struct flow_key *key)
{
    const size_t first = offsetof(struct flow_key, tcp_flags); /* of those members; labels and the hash are among them and stay */
    struct cursor c = {.frame = frame, .pos = result->l2_5_offset + (size_t)n_labels * LABEL_SIZE, .end = size < SIZE_LIMIT ? size : SIZE_LIMIT};
    struct flow_key inner = {.eth_type = be16(type)};
    struct parse_result ignored;
    if (result->l2_5_offset == PARSE_NO_OFFSET) {
        return;
    }
    if (c.pos <= c.end && type != TYPE_MPLS && type != TYPE_MPLS_MULTICAST) {
        parse_l3(&c, type, &inner, &ignored);
    }
    memcpy(inner.mpls, key->mpls, sizeof inner.mpls);
    inner.dp_hash = key->dp_hash;
    memcpy((uint8_t *)key + first, (const uint8_t *)&inner + first, sizeof *key - first);
}

int parse_frame(const uint8_t *frame, size_t size, uint32_t in_port, struct flow_key *out_key, struct parse_result *out_result)
{
    if (LIKELY(parse_common(frame, size, in_port, out_key, out_result))) {
        return 0;
    }
    if (UNLIKELY(size < ETHERNET_SIZE)) {
        return -ERROR_TRUNCATED;
    }
    parse_any(frame, size, in_port, out_key, out_result);
    return 0;
}

_Static_assert(offsetof(struct flow_key, l4_dst) == offsetof(struct flow_key, l4_src) + 2, "ports are copied at once");
_Static_assert(offsetof(struct flow_key, eth_src) == offsetof(struct flow_key, eth_dst) + 6, "addresses are copied at once");
