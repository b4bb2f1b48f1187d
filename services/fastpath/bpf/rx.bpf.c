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
#include "services/fastpath/bpf/tier_frame.h"

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

/* Whose entry the processor redirected by last, for tier_watch.bpf.c, which sees the frames of a batch leave, or not, on the same processor. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 1);
} tier_cpu SEC(".maps");

enum { TIER_UP = -1 /* to the socket */ };

/* Forwards the frame, or says TIER_UP. */
static __always_inline int ask_tier(struct xdp_md *ctx, struct tier_queue *queue)
{
    const __u8 *frame = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
    struct plain plain = {0};
    if (!read_frame(frame, end, &plain)) {
        queue->epoch += (__u32)hides_hash(frame, end);
        return TIER_UP;
    }
    plain.key.ifindex = ctx->ingress_ifindex;
    const struct tier_entry *entry = bpf_map_lookup_elem(&tier_flows, &plain.key);
    if (entry == 0) {
        return TIER_UP;
    }
    __u32 number = entry->slot;
    struct tier_slot *slot = bpf_map_lookup_elem(&tier_slots, &number);
    if (slot == 0 || slot->generation != entry->generation || entry->owner != queue->owner || entry->queue != ctx->rx_queue_index ||
        entry->check != tier_check(&plain.key)) {
        return TIER_UP;
    }
    __u64 now_ns = bpf_ktime_get_boot_ns(), bytes = bpf_xdp_get_buff_len(ctx);
    if (plain.is_odd || frame + ETH_BYTES + 4 > end || !fits(entry, frame) || bytes > entry->max_bytes || now_ns >= queue->lease_ns) {
        slot->live = 0;
        return TIER_UP;
    }
    if (slot->live != queue->epoch + 1) {
        if (queue->redirected != queue->processed) {
            queue->held += queue->hold;
            return queue->hold != 0 ? XDP_DROP : TIER_UP;
        }
        slot->live = queue->epoch + 1;
    }
    slot->packets++;
    slot->bytes += bytes;
    slot->used_ns = now_ns;
    __u32 zero = 0, *shard = bpf_map_lookup_elem(&tier_cpu, &zero);
    if (shard != 0) {
        *shard = number / TIER_SLOTS + 1;
    }
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
    if (has_tag && tier != 0 && (tci & 0x0fff) == 0) {
        tier->epoch++; /* a tag that names no VLAN: see hides_hash() */
    }
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
