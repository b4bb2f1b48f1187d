/* Counts the frames that the kernel's tier (tier.h) sent to a device and that never left: redirection has no other way of saying so.
 *
 * A frame is refused at once (xdp_redirect_err: the device is down or gone, the frame too large) or when its batch is handed over
 * (xdp_devmap_xmit: the ring is full, or the host behind a veth takes no redirected frames any more). Only frames that came in through
 * our devices in this network namespace count, and each shard counts its own: by whose entry a batch was redirected, the processor remembers,
 * for the batch leaves before it does anything else. Cost: a look-up a batch of 16 frames. Needs the kernel's type information (BTF).
 */
#include <linux/types.h>
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "services/fastpath/bpf/tier.h"

/* What is read of the kernel's own. */
struct ns_common {
    unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
    struct ns_common ns;
} __attribute__((preserve_access_index));

struct net_device {
    int ifindex;
    struct {
        struct net *net;
    } nd_net;
} __attribute__((preserve_access_index));

struct xdp_buff;
struct bpf_prog;
struct bpf_map;

/* The devices with our program, by number; the value says nothing. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 2048);
} tier_sources SEC(".maps");

/* Frames that did not leave, by the device they should have left through. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
    __type(key, __u32);
    __type(value, struct tier_failed);
    __uint(max_entries, 4096);
} tier_failed SEC(".maps");

/* As bpf/rx.bpf.c says it, shared with all programs. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 1);
} tier_cpu SEC(".maps");

/* Written before the programs are loaded. */
const volatile struct tier_watched {
    __u32 network_namespace; /* inode number */
    __u32 shard;             /* whose redirections count: its place among the slots, from 1 on */
} watched = {0};

static __always_inline int is_ours(const struct net_device *source)
{
    __u32 ifindex = (__u32)source->ifindex, zero = 0;
    const __u32 *shard = bpf_map_lookup_elem(&tier_cpu, &zero);
    return shard != 0 && *shard == watched.shard && source->nd_net.net->ns.inum == watched.network_namespace &&
           bpf_map_lookup_elem(&tier_sources, &ifindex) != 0;
}

static __always_inline void count(__u32 target, __u64 n, int err)
{
    struct tier_failed first = {.frames = n, .refused = err != 0 ? n : 0};
    struct tier_failed *failed = bpf_map_lookup_elem(&tier_failed, &target);
    if (failed != 0) {
        failed->frames += first.frames;
        failed->refused += first.refused;
    } else {
        (void)bpf_map_update_elem(&tier_failed, &target, &first, BPF_ANY);
    }
}

SEC("tp_btf/xdp_devmap_xmit")
int BPF_PROG(busbar_sent, const struct net_device *source, const struct net_device *target, int sent, int drops, int err)
{
    if (drops > 0 && is_ours(source)) {
        count((__u32)target->ifindex, (__u64)drops, err);
    }
    return 0;
}

SEC("tp_btf/xdp_redirect_err")
int BPF_PROG(busbar_refused, const struct net_device *source, const struct bpf_prog *program, const void *target, int err, int type,
             __u32 map_id, __u32 index)
{
    if (type == 0 && is_ours(source)) { /* by number and not by a map: the tier's, not the sockets' */
        count(index, 1, err);
    }
    return 0;
}

char busbar_license[] SEC("license") = "Dual BSD/GPL";
