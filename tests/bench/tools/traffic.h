/* What the two programs in the kernel (traffic.bpf.c) and the program that runs them (traffic.c) share.
 *
 * Frames are Ethernet, IPv4, UDP with at least 16 bytes of payload: a time, a number and a mark. Latencies are counted in buckets that
 * grow by an eighth, so a percentile is exact to 12 %: bucket = 8 * (place of the leading bit - 2) + the three bits below the leading one.
 */
#ifndef BUSBAR_BENCH_TRAFFIC_H
#define BUSBAR_BENCH_TRAFFIC_H

#include <linux/types.h>

enum { TRAFFIC_PORT_AT = 34, TRAFFIC_PAYLOAD_AT = 42, TRAFFIC_BUCKETS = 256, TRAFFIC_SAMPLED = 16, TRAFFIC_FIRST_PORT = 1024,
       TRAFFIC_PORTS = 60000, TRAFFIC_TO_PORT = 7000 };

#define TRAFFIC_MARK 0x62757362u

struct traffic_payload {
    __u32 time_low, time_high; /* CLOCK_MONOTONIC; 0 when this frame is not a sample */
    __u32 number;
    __u32 mark;
};

struct traffic_config {
    __u32 device, n_flows;
    __u64 interval; /* between two frames in 1/1024 ns; 0: as fast as it is run */
    __u64 begin_ns, sent, late; /* written by the program: late are the times it fell behind and did not catch up */
};

struct traffic_counts {
    __u64 received, buckets[TRAFFIC_BUCKETS];
};

#endif
