/* Sender and receiver of the veth benchmark, in the kernel: a frame costs some 100 ns there instead of a microsecond through a socket.
 *
 * `traffic_send` is run by BPF_PROG_TEST_RUN with live frames: each run makes one frame of the next flow and redirects it to the device. With an
 * interval it keeps the pace itself: a run before its time drops its frame, and the kernel goes on to the next, so pacing is as fine as a batch of
 * runs is short, but the core is always busy. What it is late by more than LATE_NS it does not catch up in a burst. Without an interval whoever runs
 * it keeps the pace (traffic.c).
 * `traffic_receive` is attached to the receiving device: counts, puts the latency of the samples into buckets, drops. Other frames pass.
 */
#include <linux/types.h>
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/tools/traffic.h"

enum { LATE_NS = 50000 };

struct traffic_config traffic_config;

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct traffic_counts);
    __uint(max_entries, 1);
} traffic_counts SEC(".maps");

SEC("xdp")
int traffic_send(struct xdp_md *ctx)
{
    struct traffic_config *c = &traffic_config;
    __u8 *data = (void *)(long)ctx->data;
    if (data + TRAFFIC_PAYLOAD_AT + sizeof(struct traffic_payload) > (__u8 *)(long)ctx->data_end) {
        return XDP_ABORTED;
    }
    __u64 now = 0;
    if (c->interval != 0 || c->sent % TRAFFIC_SAMPLED == 0) {
        now = bpf_ktime_get_ns();
    }
    if (c->interval != 0) {
        __u64 due = c->begin_ns + ((c->sent * c->interval) >> 10);
        if (now < due) {
            return XDP_DROP;
        }
        if (now > due + LATE_NS) {
            c->begin_ns += now - due;
            c->late++;
        }
    }
    __u64 number = c->sent++;
    __u32 flow = (__u32)(number % c->n_flows);
    __u16 *ports = (void *)(data + TRAFFIC_PORT_AT);
    ports[0] = bpf_htons((__u16)(TRAFFIC_FIRST_PORT + flow % TRAFFIC_PORTS));
    ports[1] = bpf_htons((__u16)(TRAFFIC_TO_PORT + flow / TRAFFIC_PORTS));
    __u64 stamp = number % TRAFFIC_SAMPLED == 0 ? now : 0;
    __u16 *words = (void *)(data + TRAFFIC_PAYLOAD_AT);
    struct traffic_payload payload = {
        .time_low = (__u32)stamp, .time_high = (__u32)(stamp >> 32), .number = (__u32)number, .mark = TRAFFIC_MARK};
    __builtin_memcpy(words, &payload, sizeof payload);
    return bpf_redirect(c->device, 0);
}

static __always_inline __u32 bucket_of(__u64 ns)
{
    __u32 bits = 0;
    __u64 rest = ns;
    for (int step = 32; step > 0; step /= 2) {
        if (rest >> step) {
            rest >>= step;
            bits += step;
        }
    }
    __u32 bucket = bits < 3 ? (__u32)ns : 8 * (bits - 2) + (__u32)((ns >> (bits - 3)) & 7);
    return bucket < TRAFFIC_BUCKETS ? bucket : TRAFFIC_BUCKETS - 1;
}

SEC("xdp")
int traffic_receive(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    struct traffic_payload payload;
    if (data + TRAFFIC_PAYLOAD_AT + sizeof payload > (__u8 *)(long)ctx->data_end) {
        return XDP_PASS;
    }
    __builtin_memcpy(&payload, data + TRAFFIC_PAYLOAD_AT, sizeof payload);
    if (payload.mark != TRAFFIC_MARK) {
        return XDP_PASS;
    }
    __u32 zero = 0;
    struct traffic_counts *counts = bpf_map_lookup_elem(&traffic_counts, &zero);
    if (counts == NULL) {
        return XDP_PASS;
    }
    counts->received++;
    __u64 stamp = (__u64)payload.time_high << 32 | payload.time_low;
    if (stamp != 0) {
        __u64 now = bpf_ktime_get_ns();
        __u32 bucket = bucket_of(now > stamp ? now - stamp : 0);
        if (bucket < TRAFFIC_BUCKETS) {
            counts->buckets[bucket]++;
        }
    }
    return XDP_DROP;
}

char traffic_license[] SEC("license") = "Dual BSD/GPL";
