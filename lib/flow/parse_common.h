/* The parser's way for what packets usually are: TCP and UDP, with no VLAN tag or one, in IPv4 without options or fragments, in IPv6
 * without extension headers. Inline, for the loop over a burst; parse_frame() takes it first, too.
 *
 * The key is put together in registers and stored word by word, because whoever hashes it next reads words, and a word made of short
 * stores is not ready for a dozen cycles. What it does not know it leaves to parse_frame(), which gives the same for the rest.
 * Cost: about 3 ns. Packet path. Invariant: no read at or past frame + size.
 */
#ifndef BUSBAR_FLOW_PARSE_COMMON_H
#define BUSBAR_FLOW_PARSE_COMMON_H

#include "lib/flow/parse.h"

/* Bytes as they are, in the low end of a word. */
static inline uint64_t parse_raw16(const uint8_t *bytes)
{
    uint16_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t parse_raw32(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t parse_raw64(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define PARSE_INLINE static inline __attribute__((always_inline))

/* The words of a key in their order in memory, whose layout is asserted below. */
enum { PARSE_PORT, PARSE_ETHERNET, PARSE_TYPE, PARSE_FLAGS, PARSE_IP, PARSE_SRC, PARSE_DST = 7, PARSE_L4 = 9 };

/* What the IP header says of the rest. */
struct parse_upper {
    const uint8_t *l4;
    size_t size; /* of header and payload behind the IP header, no padding */
    uint8_t proto;
};

/* `type`: the Ethernet type, with `left` bytes behind it. Fills in the words of the IP header; false when it is not a usual one. */
PARSE_INLINE bool parse_common_ip(const uint8_t *type, size_t left, struct flow_key *key, struct parse_upper *out_upper)
{
    enum { IPV4 = 20, IPV6 = 40, UDP = 8 };
    const uint8_t *ip = type + 2;
    if (__builtin_expect((parse_raw32(type) & 0xffffff) == 0x450008, 1)) { /* IPv4, version 4, five words */
        size_t size = (size_t)__builtin_bswap16((uint16_t)parse_raw16(ip + 2)) - IPV4; /* wraps when it is less */
        if (__builtin_expect(size > left - IPV4 || (parse_raw16(ip + 6) & be16(0x3fff).raw) != 0, 0)) {
            return false;
        }
        *out_upper = (struct parse_upper){.l4 = ip + IPV4, .size = size, .proto = ip[9]};
        key_set_word(key, PARSE_IP, ip[9] | (uint64_t)ip[1] << 8 | (uint64_t)ip[8] << 16);
        key_set_word(key, PARSE_SRC, parse_raw32(ip + 12));
        key_set_word(key, PARSE_SRC + 1, 0);
        key_set_word(key, PARSE_DST, parse_raw32(ip + 16));
        key_set_word(key, PARSE_DST + 1, 0);
        return true;
    }
    if ((parse_raw32(type) & 0xf0ffff) == 0x60dd86 && left >= IPV6 + UDP) { /* IPv6, version 6 */
        uint64_t first = __builtin_bswap32((uint32_t)parse_raw32(ip)); /* version 4, traffic class 8, flow label 20 */
        size_t size = __builtin_bswap16((uint16_t)parse_raw16(ip + 4));
        if (__builtin_expect(size > left - IPV6, 0)) {
            return false;
        }
        *out_upper = (struct parse_upper){.l4 = ip + IPV6, .size = size, .proto = ip[6]};
        key_set_word(key, PARSE_IP,
                     ip[6] | (first >> 20 & 0xff) << 8 | (uint64_t)ip[7] << 16 | (uint64_t)be32((uint32_t)first & 0xfffff).raw << 32);
        key_set_word(key, PARSE_SRC, parse_raw64(ip + 8));
        key_set_word(key, PARSE_SRC + 1, parse_raw64(ip + 16));
        key_set_word(key, PARSE_DST, parse_raw64(ip + 24));
        key_set_word(key, PARSE_DST + 1, parse_raw64(ip + 32));
        return true;
    }
    return false;
}

/* The frame is what packets usually are: writes all of key and result. False: what is written there means nothing. */
PARSE_INLINE bool parse_common(const uint8_t *frame, size_t size, uint32_t in_port, struct flow_key *key, struct parse_result *result)
{
    enum { MACS = 12, TAG = 4, IPV4 = 20, TCP = 20, UDP = 8, IS_TCP = 6, IS_UDP = 17, LONGEST = 0xfffe };
    const uint8_t *type = frame + MACS;
    uint64_t tag = 0, tpid = 0;
    struct parse_upper upper;
    if (__builtin_expect(size < MACS + 2 + TAG + IPV4 + UDP || size > LONGEST, 0)) {
        return false;
    }
    if (__builtin_expect(parse_raw16(type) == be16(0x8100).raw, 0)) {
        tpid = parse_raw16(type);
        tag = parse_raw16(type + 2) | be16(KEY_VLAN_PRESENT).raw;
        type += TAG;
    }
    if (!parse_common_ip(type, size - (size_t)(type + 2 - frame), key, &upper)) {
        return false;
    }
    if (upper.proto == IS_UDP && upper.size >= UDP) {
        key_set_word(key, PARSE_FLAGS, tpid);
    } else if (upper.proto == IS_TCP && upper.size >= TCP) {
        key_set_word(key, PARSE_FLAGS, tpid | (parse_raw16(upper.l4 + 12) & be16(0x0fff).raw) << 48);
    } else {
        return false;
    }
    key_set_word(key, PARSE_PORT, be32(in_port).raw);
    key_set_word(key, PARSE_ETHERNET, parse_raw64(frame));
    key_set_word(key, PARSE_TYPE, parse_raw32(frame + 8) | parse_raw16(type) << 32 | tag << 48);
    key_set_word(key, PARSE_L4, parse_raw32(upper.l4));
    for (size_t i = PARSE_L4 + 1; i < KEY_WORDS; i++) {
        key_set_word(key, i, 0);
    }
    *result = (struct parse_result){.l2_5_offset = PARSE_NO_OFFSET,
                                    .l3_offset = (uint16_t)(type + 2 - frame),
                                    .l4_offset = (uint16_t)(upper.l4 - frame),
                                    .l3_end = (uint16_t)((size_t)(upper.l4 - frame) + upper.size)};
    return true;
}

/* Both frames, of the same size, have the same key and offsets: all that the parser reads of TCP or UDP in IPv4 without tags and options is the same.
 * False when it is not known. The way for trains of packets of one connection, of which only identification, checksums and payload differ. */
PARSE_INLINE bool parse_is_repeat(const uint8_t *before, const uint8_t *frame, size_t size)
{
    enum { LEAST = 54, PROTO = 23, IS_TCP = 6, IS_UDP = 17, TCP_FLAGS = 46 };
    if (size < LEAST || (parse_raw32(before + 12) & 0xffffff) != 0x450008) {
        return false;
    }
    uint64_t differ = (parse_raw64(before) ^ parse_raw64(frame)) | (parse_raw64(before + 8) ^ parse_raw64(frame + 8));
    differ |= parse_raw16(before + 16) ^ parse_raw16(frame + 16);               /* total length; the identification is not looked at, */
    differ |= parse_raw32(before + 20) ^ parse_raw32(frame + 20);               /* nor the checksum behind the protocol */
    differ |= (parse_raw64(before + 26) ^ parse_raw64(frame + 26)) | (parse_raw32(before + 34) ^ parse_raw32(frame + 34));
    if (before[PROTO] == IS_TCP) {
        differ |= parse_raw16(before + TCP_FLAGS) ^ parse_raw16(frame + TCP_FLAGS);
    } else if (before[PROTO] != IS_UDP) {
        return false;
    }
    return differ == 0;
}

_Static_assert(offsetof(struct flow_key, eth_dst) == 8 && offsetof(struct flow_key, eth_type) == 20 &&
                   offsetof(struct flow_key, vlan_tci) == 22 && offsetof(struct flow_key, vlan_tpid) == 24 &&
                   offsetof(struct flow_key, tcp_flags) == 30 && offsetof(struct flow_key, ip_proto) == 32 &&
                   offsetof(struct flow_key, ip_tos) == 33 && offsetof(struct flow_key, ip_ttl) == 34 &&
                   offsetof(struct flow_key, ip_frag) == 35 && offsetof(struct flow_key, ipv6_label) == 36 &&
                   offsetof(struct flow_key, ip_src) == 40 && offsetof(struct flow_key, ip_dst) == 56 &&
                   offsetof(struct flow_key, l4_src) == 72 && offsetof(struct flow_key, dp_hash) == 76,
               "parse_common() makes these words");

#else

static inline bool parse_common(const uint8_t *frame, size_t size, uint32_t in_port, struct flow_key *key, struct parse_result *result)
{
    return false;
}

static inline bool parse_is_repeat(const uint8_t *before, const uint8_t *frame, size_t size)
{
    return false;
}

#endif

#endif
