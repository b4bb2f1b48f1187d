/* Somebody else's XDP program: it lets every frame pass to the host's stack.
 *
 * Attached by a test before or beside the switch, which must name it, leave it alone, and take the device when it has gone.
 * Built by the test with clang, loaded by bpftool or ip.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int stranger(struct xdp_md *ctx)
{
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
