/* The program on every device: gives each received frame to the AF_XDP socket of its queue.
 *
 * One program and one set of maps a device, shared by all shards and pinned (rx_pins.h), so both outlive any of them. A frame whose
 * queue has no socket, because no shard lives that owns it, is dropped and counted by queue and CPU (`no_shard`). With BUSBAR_VLAN_HINT
 * the program is bound to its device and asks the driver for a VLAN tag that receive offload has taken out of the frame; the tag travels
 * in the eight bytes before the frame (rx_meta.h), where the fastpath puts it back. Built twice, because a driver or kernel without the
 * hint refuses the bound program. Frames in pieces are allowed (section xdp.frags), so a device may have an MTU of 9,000.
 * Before that it asks the kernel's tier (tier.h), which forwards what it knows by itself; where the fastpath has no entries it is not asked.
 * Cost: some ten nanoseconds a frame, in the kernel, on the receiving queue; some fifty where the tier is asked.
 */
#include <linux/types.h>
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "services/fastpath/bpf/rx_meta.h"
#include "services/fastpath/bpf/tier.h"

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, RX_QUEUES_MAX);
} sockets SEC(".maps");

/* Frames of queues without a socket, since the program was attached. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, RX_QUEUES_MAX);
} no_shard SEC(".maps");

/* Written by the fastpath alone: how many of them have gone into somebody's counters. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, RX_QUEUES_MAX);
} counted SEC(".maps");

/* Written by whoever attached the program, for those who find it attached. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct rx_about);
    __uint(max_entries, 1);
} about SEC(".maps");

/* Mapped by the fastpath: not 0 once a frame with a hidden tag has come. Until then nothing is written before frames and nothing read
 * there: that line of memory would travel from core to core for every frame. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 1);
} tags SEC(".maps");

/* Mapped by the fastpath, by receive queue. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct tier_queue);
    __uint(max_entries, RX_QUEUES_MAX);
} tier_queues SEC(".maps");

/* These two are one for all devices of a run directory. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct tier_key);
    __type(value, struct tier_entry);
    __uint(max_entries, TIER_SHARDS * TIER_SLOTS);
} tier_flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct tier_slot);
    __uint(max_entries, TIER_SHARDS * TIER_SLOTS);
} tier_slots SEC(".maps");

enum {
    ETH_BYTES = 14,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    TCP_BYTES = 20,
    UDP_BYTES = 8,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    TIER_UP = -1, /* to the socket */
};

/* A frame that may have an entry. */
struct plain {
    struct tier_key key;
    __u32 ip_bytes;    /* of the whole packet, as its header says */
    __u32 header_bytes; /* of IP */
    __u32 sum;         /* of the addresses, and below of the whole pseudo-header */
    int is_odd;        /* its entry must not be taken */
};

static __always_inline __u16 word(const __u8 *at)
{
    return *(const __u16 *)(const void *)at;
}

static __always_inline __u32 long_word(const __u8 *at)
{
    return *(const __u32 *)(const void *)at;
}

static __always_inline __u32 half_sum(__u32 value)
{
    return (value & 0xffff) + (value >> 16);
}

/* False: it is none whose flow hash has ports, so no entry has its. Bytes up to `ip` + 20 are there. */
static __always_inline int read_ipv4(const __u8 *ip, struct plain *out)
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

static __always_inline int read_ipv6(const __u8 *ip, const __u8 *end, struct plain *out)
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
static __always_inline int is_open_checksum(const struct plain *plain, __u16 checksum)
{
    __u32 sum = plain->sum + bpf_htons((__u16)(plain->ip_bytes - plain->header_bytes)) + bpf_htons(plain->key.protocol);
    sum = half_sum(sum);
    sum = half_sum(sum);
    return (__u16)sum == checksum;
}

static __always_inline int read_frame(const __u8 *frame, const __u8 *end, struct plain *out)
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
    out->is_odd |= out->ip_bytes < out->header_bytes + l4_bytes || ip + (out->ip_bytes & 0xffff) > end || is_open_checksum(out, checksum);
    return 1;
}

static __always_inline int fits(const struct tier_entry *entry, const __u8 *frame)
{
    return ((*(const __u64 *)(const void *)frame ^ entry->macs_0) & entry->mask_0) == 0 &&
           ((long_word(frame + 8) ^ entry->macs_8) & entry->mask_8) == 0 &&
           ((long_word(frame + ETH_BYTES) ^ entry->ip_0) & entry->ip_mask) == 0;
}

/* Forwards the frame, or says TIER_UP. */
static __always_inline int ask_tier(struct xdp_md *ctx, struct tier_queue *queue)
{
    const __u8 *frame = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
    struct plain plain = {0};
    if (!read_frame(frame, end, &plain)) {
        return TIER_UP;
    }
    plain.key.ifindex = ctx->ingress_ifindex;
    const struct tier_entry *entry = bpf_map_lookup_elem(&tier_flows, &plain.key);
    if (entry == 0) {
        return TIER_UP;
    }
    __u32 number = entry->slot;
    struct tier_slot *slot = bpf_map_lookup_elem(&tier_slots, &number);
    if (slot == 0 || slot->generation != entry->generation || entry->owner != queue->owner || entry->queue != ctx->rx_queue_index) {
        return TIER_UP;
    }
    __u64 now_ns = bpf_ktime_get_boot_ns(), bytes = bpf_xdp_get_buff_len(ctx);
    if (plain.is_odd || frame + ETH_BYTES + 4 > end || !fits(entry, frame) || bytes > entry->max_bytes || now_ns >= queue->lease_ns) {
        slot->is_live = 0;
        return TIER_UP;
    }
    if (slot->is_live == 0) {
        if (queue->redirected != queue->processed) {
            queue->held += queue->hold;
            return queue->hold != 0 ? XDP_DROP : TIER_UP;
        }
        slot->is_live = 1;
    }
    slot->packets++;
    slot->bytes += bytes;
    slot->used_ns = now_ns;
    return (int)bpf_redirect(entry->target_ifindex, 0);
}

#ifdef BUSBAR_VLAN_HINT
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *vlan_proto, __u16 *vlan_tci) __ksym;
#endif

SEC("xdp.frags")
int busbar_rx(struct xdp_md *ctx)
{
    __u32 queue = ctx->rx_queue_index;
#ifdef BUSBAR_VLAN_HINT
    __u32 zero = 0;
    __u64 *seen = bpf_map_lookup_elem(&tags, &zero);
    __be16 tpid = 0;
    __u16 tci = 0;
    int has_tag = bpf_xdp_metadata_rx_vlan_tag(ctx, &tpid, &tci) == 0;
    if (seen != 0 && has_tag && *seen == 0) {
        *seen = 1; /* before the frame can be in a ring */
    }
#else
    int has_tag = 0;
#endif
    struct tier_queue *tier = bpf_map_lookup_elem(&tier_queues, &queue);
    if (tier != 0 && tier->owner != 0 && !has_tag) {
        int verdict = ask_tier(ctx, tier);
        if (verdict != TIER_UP) {
            return verdict;
        }
    }
#ifdef BUSBAR_VLAN_HINT
    if (has_tag || (seen != 0 && *seen != 0)) {
        if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(struct rx_meta)) != 0) {
            return XDP_DROP;
        }
        struct rx_meta *meta = (void *)(long)ctx->data_meta;
        if ((void *)(meta + 1) > (void *)(long)ctx->data) {
            return XDP_DROP;
        }
        meta->mark = has_tag ? RX_META_TAG : RX_META_NO_TAG;
        meta->tpid = tpid;
        meta->tci = tci;
    }
#endif
    int action = (int)bpf_redirect_map(&sockets, queue, XDP_DROP);
    if (action != XDP_REDIRECT) {
        __u64 *n = bpf_map_lookup_elem(&no_shard, &queue);
        if (n != 0) {
            ++*n;
        }
    } else if (tier != 0) {
        tier->redirected++; /* before the frame is in the ring */
    }
    return action;
}

char busbar_license[] SEC("license") = "Dual BSD/GPL";
