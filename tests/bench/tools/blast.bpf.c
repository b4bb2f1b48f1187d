/* The frames of tools/blast.c: run on each frame it makes, gives it the source port of one of n_flows flows in turn, sends it off.
 *
 * Runs in the kernel under BPF_PROG_RUN with live frames; redirects to the device out_ifindex, as if an application had sent it
 * there. The UDP checksum of the template is 0 (none), so a changed port needs no repair.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

/* Set by blast.c before the first frame. */
volatile struct {
    __u32 out_ifindex, n_flows, first_port, sequence;
} settings;

SEC("xdp")
int blast(struct xdp_md *frame)
{
    void *data = (void *)(long)frame->data, *end = (void *)(long)frame->data_end;
    struct udphdr *udp = data + sizeof(struct ethhdr) + sizeof(struct iphdr);
    if ((void *)(udp + 1) > end) {
        return XDP_ABORTED;
    }
    if (settings.n_flows == 0) {
        return XDP_ABORTED;
    }
    __u32 number = settings.sequence++;
    udp->source = bpf_htons((__u16)(settings.first_port + number % settings.n_flows));
    return bpf_redirect(settings.out_ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
