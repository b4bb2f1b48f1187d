/* What the program on a device reads of a frame for the kernel's tier: pure functions, compiled for the kernel and for the tests.
 *
 * They must say the same as lib/flow/parse.c of what they take (tests/diff/tier_frame.c), and need not say anything of the rest.
 */
#ifndef BUSBAR_FASTPATH_BPF_TIER_FRAME_H
#define BUSBAR_FASTPATH_BPF_TIER_FRAME_H

#include <bpf/bpf_endian.h>

#include "services/fastpath/bpf/tier.h"

enum {
    ETH_BYTES = 14,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    TCP_BYTES = 20,
    UDP_BYTES = 8,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_ICMPV6 = 58,
};

/* A frame that may have an entry. */
struct plain {
    struct tier_key key;
    __u32 ip_bytes;    /* of the whole packet, as its header says */
    __u32 header_bytes; /* of IP */
    __u32 sum;         /* of the addresses, and below of the whole pseudo-header */
    int is_odd;        /* its entry must not be taken */
};

/* The kernel's compiler makes a load of each byte when it is told that an address may be odd; its machine does not mind. */
#ifdef __bpf__
#define TIER_LOAD(type, at) (*(const type *)(const void *)(at))
#else
#define TIER_LOAD(type, at)                         \
    ({                                              \
        type loaded;                                \
        __builtin_memcpy(&loaded, at, sizeof loaded); \
        loaded;                                     \
    })
#endif

static inline __attribute__((always_inline)) __u16 word(const __u8 *at)
{
    return TIER_LOAD(__u16, at);
}

static inline __attribute__((always_inline)) __u32 long_word(const __u8 *at)
{
    return TIER_LOAD(__u32, at);
}

static inline __attribute__((always_inline)) __u32 half_sum(__u32 value)
{
    return (value & 0xffff) + (value >> 16);
}

/* False: it is none whose flow hash has ports, so no entry has its. Bytes up to `ip` + 20 are there. */
static inline __attribute__((always_inline)) int read_ipv4(const __u8 *ip, struct plain *out)
{
    __u16 fragment = bpf_ntohs(word(ip + 6));
    out->header_bytes = (ip[0] & 0x0f) * 4u;
    if (ip[0] >> 4 != 4 || out->header_bytes < IPV4_BYTES || (fragment & 0x1fff) != 0) {
        return 0;
    }
    out->is_odd = out->header_bytes != IPV4_BYTES || (fragment & 0x2000) != 0;
    out->ip_bytes = bpf_ntohs(word(ip + 2));
    out->key.version = 4;
    out->key.protocol = ip[9];
    out->key.source[0] = long_word(ip + 12);
    out->key.target[0] = long_word(ip + 16);
    out->sum = half_sum(out->key.source[0]) + half_sum(out->key.target[0]);
    return 1;
}

static inline __attribute__((always_inline)) int read_ipv6(const __u8 *ip, const __u8 *end, struct plain *out)
{
    if (ip + IPV6_BYTES > end || ip[0] >> 4 != 6) {
        return 0;
    }
    out->header_bytes = IPV6_BYTES;
    out->ip_bytes = bpf_ntohs(word(ip + 4)) + (__u32)IPV6_BYTES;
    out->key.version = 6;
    out->key.protocol = ip[6];
    for (int i = 0; i < 4; i++) {
        out->key.source[i] = long_word(ip + 8 + 4 * i);
        out->key.target[i] = long_word(ip + 24 + 4 * i);
        out->sum += half_sum(out->key.source[i]) + half_sum(out->key.target[i]);
    }
    return 1;
}

/* The sender has left the checksum to its device: it is that of the pseudo-header only (lib/dp/checksum.c completes it). */
static inline __attribute__((always_inline)) int is_open_checksum(const struct plain *plain, __u16 checksum)
{
    __u32 sum = plain->sum + bpf_htons((__u16)(plain->ip_bytes - plain->header_bytes)) + bpf_htons(plain->key.protocol);
    sum = half_sum(sum);
    sum = half_sum(sum);
    return (__u16)sum == checksum;
}

static inline __attribute__((always_inline)) int read_frame(const __u8 *frame, const __u8 *end, struct plain *out)
{
    const __u8 *ip = frame + ETH_BYTES;
    if (ip + IPV4_BYTES > end) {
        return 0;
    }
    __u16 type = word(frame + 12);
    if (!(type == bpf_htons(0x0800) && read_ipv4(ip, out)) && !(type == bpf_htons(0x86dd) && read_ipv6(ip, end, out))) {
        return 0;
    }
    const __u8 *l4 = ip + (out->header_bytes & 0x3f);
    if (l4 + UDP_BYTES > end) {
        return 0;
    }
    out->key.source_port = word(l4);
    out->key.target_port = word(l4 + 2);
    __u32 l4_bytes = UDP_BYTES;
    __u16 checksum = 0;
    if (out->key.protocol == PROTOCOL_TCP) {
        l4_bytes = TCP_BYTES;
        if (l4 + TCP_BYTES > end) {
            out->is_odd = 1;
            return 1;
        }
        checksum = word(l4 + 16);
    } else if (out->key.protocol == PROTOCOL_UDP) {
        checksum = word(l4 + 6);
    } else {
        return 0;
    }
    out->is_odd |= out->ip_bytes < out->header_bytes + l4_bytes || out->ip_bytes > 0xffff || ip + (out->ip_bytes & 0xffff) > end ||
                   is_open_checksum(out, checksum);
    return 1;
}

/* The frame, for which read_frame() says 0, may all the same have the flow hash of a plain one: a tag that names no VLAN, IPv6 with extension
 * headers, an IP packet behind LLC. */
static inline __attribute__((always_inline)) int hides_hash(const __u8 *frame, const __u8 *end)
{
    enum { LEAST_TYPE = 0x600, VLAN = 0x0fff };
    if (frame + ETH_BYTES + 7 > end) {
        return 0;
    }
    __u16 type = bpf_ntohs(word(frame + 12));
    __u8 next = frame[ETH_BYTES + 6];
    return type < LEAST_TYPE || ((type == 0x8100 || type == 0x88a8) && (bpf_ntohs(word(frame + ETH_BYTES)) & VLAN) == 0) ||
           (type == 0x86dd && next != PROTOCOL_TCP && next != PROTOCOL_UDP && next != PROTOCOL_ICMPV6);
}

static inline __attribute__((always_inline)) int fits(const struct tier_entry *entry, const __u8 *frame)
{
    return ((TIER_LOAD(__u64, frame) ^ entry->macs_0) & entry->mask_0) == 0 &&
           ((long_word(frame + 8) ^ entry->macs_8) & entry->mask_8) == 0 &&
           ((long_word(frame + ETH_BYTES) ^ entry->ip_0) & entry->ip_mask) == 0;
}

#endif
