/* The program on every device: gives each received frame to the AF_XDP socket of its queue.
 *
 * One program and one set of maps a device, shared by all shards and pinned (rx_pins.h), so both outlive any of them. A frame whose
 * queue has no socket, because no shard lives that owns it, is dropped and counted by queue and CPU (`no_shard`). With BUSBAR_VLAN_HINT
 * the program is bound to its device and asks the driver for a VLAN tag that receive offload has taken out of the frame; the tag travels
 * in the eight bytes before the frame (rx_meta.h), where the fastpath puts it back. Built twice, because a driver or kernel without the
 * hint refuses the bound program. Frames in pieces are allowed (section xdp.frags), so a device may have an MTU of 9,000.
 * Cost: some ten nanoseconds a frame, in the kernel, on the receiving queue.
 */
#include <linux/types.h>
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "services/fastpath/bpf/rx_meta.h"

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
    }
    return action;
}

char busbar_license[] SEC("license") = "Dual BSD/GPL";
