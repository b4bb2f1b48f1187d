/* A tc egress program that tags every frame with VLAN 100, priority 3, the way a VLAN device with offload does: the tag goes into
 * the socket buffer's metadata and not into the frame. The receiving end of a veth sees an untagged frame unless it asks.
 *
 * Runs in the sender's kernel, once a frame. Built by the test with clang, loaded by tc.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>

enum { VLAN_TCI = 3 << 13 | 100, GO_ON = 0 /* TC_ACT_OK */ };

SEC("tc")
int push_vlan(struct __sk_buff *skb)
{
    bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VLAN_TCI);
    return GO_ON;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
