/* The traffic of the veth benchmark, made and counted in the kernel (traffic.bpf.c, whose object file stands beside this program).
 *
 * usage: traffic send DEVICE SRC_MAC DST_MAC SRC_IP DST_IP SIZE FLOWS RATE SECONDS [spin]    (RATE 0: as fast as it goes)
 *            prints {"sent": N, "seconds": S, "late": times it fell behind and did not catch up}
 *        traffic receive DEVICE [generic]
 *            prints a line {"received": N, "samples": N, "p50": us, "p99": us} for each line it reads, counted since the line before
 *
 * Both run in the network namespace of their host; one thread, pin it with taskset. Frames go into the veth by ndo_xdp_xmit, so the device at
 * its other end must have an XDP program (or GRO on). The end of sending is a timer's signal, which interrupts the run in the kernel.
 *
 * At a rate it sends chunks of frames and sleeps until the next is due, so that its core is free for the switch's interrupts
 * and idle when there are none: what processor time is measured by. With `spin` the program in the kernel waits for the time of each frame, which
 * keeps the core busy and the frames apart: what latency is measured by.
 */
#include "tests/bench/tools/traffic.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A run costs some 60 us besides its frames, so it has as many as come due in CHUNK_NS, within bounds: a burst of more than CHUNK_MAX could overflow a ring of
 * 2,048 frames and would say nothing of the switch, and neither would catching up more than LATE_NS. The number depends on the rate only, never on
 * how late it is: what the generator costs must be the same beside a switch and alone. */
enum { CHUNK_MIN = 256, CHUNK_MAX = 1024, CHUNK_NS = 320000, LATE_NS = 500000 };

enum { FRAME_MAX = 1514, FRAME_MIN = 60, BATCH = 64, CPUS_MAX = 256, PATH_ROOM = 4096 };

static void die(const char *what)
{
    fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint32_t number(const char *text, uint32_t min, uint32_t max, const char *name)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < min || value > max) {
        errno = ERANGE;
        die(name);
    }
    return (uint32_t)value;
}

static struct bpf_object *load(const char *program)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s.bpf.o", program);
    struct bpf_object *object = bpf_object__open_file(path, NULL);
    if (object == NULL || bpf_object__load(object) != 0) {
        die(path);
    }
    return object;
}

static int program_fd(const struct bpf_object *object, const char *name)
{
    const struct bpf_program *program = bpf_object__find_program_by_name(object, name);
    if (program == NULL) {
        die(name);
    }
    return bpf_program__fd(program);
}

static uint16_t ip_checksum(const struct iphdr *ip)
{
    uint32_t sum = 0;
    uint16_t word;
    for (size_t i = 0; i < sizeof *ip; i += 2) {
        memcpy(&word, (const uint8_t *)ip + i, 2);
        sum += word;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* The UDP checksum is 0 (none), so that ports and payload may change from frame to frame. */
static void make_frame(uint8_t *frame, uint32_t size, char **argv)
{
    struct ethhdr eth = {.h_proto = htons(ETH_P_IP)};
    struct ether_addr source, destination;
    if (ether_aton_r(argv[3], &source) == NULL || ether_aton_r(argv[4], &destination) == NULL) {
        errno = EINVAL;
        die("SRC_MAC or DST_MAC");
    }
    memcpy(eth.h_source, &source, ETH_ALEN);
    memcpy(eth.h_dest, &destination, ETH_ALEN);
    uint16_t ip_size = (uint16_t)(size - sizeof eth);
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .tot_len = htons(ip_size),
                       .saddr = inet_addr(argv[5]), .daddr = inet_addr(argv[6])};
    ip.check = ip_checksum(&ip);
    struct udphdr udp = {.dest = htons(TRAFFIC_TO_PORT), .len = htons((uint16_t)(ip_size - sizeof ip))};
    memcpy(frame, &eth, sizeof eth);
    memcpy(frame + sizeof eth, &ip, sizeof ip);
    memcpy(frame + sizeof eth + sizeof ip, &udp, sizeof udp);
}

static struct traffic_config *config_of(const struct bpf_object *object)
{
    int map = bpf_object__find_map_fd_by_name(object, ".bss");
    void *mapped = mmap(NULL, sizeof(struct traffic_config), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (mapped == MAP_FAILED) {
        die("the program's .bss");
    }
    return mapped;
}

static void on_alarm(int number_of_signal)
{
    (void)number_of_signal;
}

/* A run of more than one frame puts the program into the kernel's XDP dispatcher and takes it out again, which waits for RCU, some 28 ms, unless it
 * is in there anyway: it is attached to lo, where nothing comes meanwhile, as long as the result lives. */
static struct bpf_link *keep_in_dispatcher(const struct bpf_object *object)
{
    struct bpf_link *link =
        bpf_program__attach_xdp(bpf_object__find_program_by_name(object, "traffic_send"), (int)if_nametoindex("lo"));
    if (link == NULL) {
        die("attaching to lo");
    }
    return link;
}

/* Runs the program for as many frames as `options` says; false when the time is over. */
static bool run_frames(int fd, struct bpf_test_run_opts *options, uint64_t end)
{
    int err = bpf_prog_test_run_opts(fd, options);
    if (err != 0 && err != -EINTR) {
        errno = -err;
        die("running the program");
    }
    return err == 0 && now_ns() < end;
}

/* Chunks at their times, asleep between them. Returns how often it was too late to catch up. */
static uint64_t run_chunks(int fd, struct bpf_test_run_opts *options, double rate, uint64_t begin, uint64_t end)
{
    uint64_t late = 0;
    double due = (double)begin, now = due, chunk = rate * CHUNK_NS / 1e9;
    options->repeat = chunk < CHUNK_MIN ? CHUNK_MIN : chunk > CHUNK_MAX ? CHUNK_MAX : (int)chunk;
    if (prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0) {
        die("timer slack");
    }
    while (true) {
        if (now > due + LATE_NS) {
            due = now - LATE_NS;
            late++;
        }
        struct timespec wake = {.tv_sec = (time_t)(due / 1e9), .tv_nsec = (long)((uint64_t)due % 1000000000)};
        if (now < due && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) != 0) {
            break;
        }
        due += options->repeat * 1e9 / rate;
        if (!run_frames(fd, options, end)) {
            break;
        }
        now = (double)now_ns();
    }
    return late;
}

static int run_send(char **argv, bool is_spinning)
{
    uint8_t frame[FRAME_MAX] = {0};
    uint32_t size = number(argv[7], FRAME_MIN, FRAME_MAX, "SIZE");
    double rate = strtod(argv[9], NULL), seconds = strtod(argv[10], NULL);
    struct bpf_object *object = load(argv[0]);
    struct traffic_config *config = config_of(object);
    make_frame(frame, size, argv);
    config->device = if_nametoindex(argv[2]);
    config->n_flows = number(argv[8], 1, 1000000, "FLOWS");
    config->interval = rate > 0 && is_spinning ? (uint64_t)(1024e9 / rate) : 0;
    if (config->device == 0 || seconds <= 0) {
        die(argv[2]);
    }
    struct sigaction action = {.sa_handler = on_alarm};
    uint64_t us = (uint64_t)(seconds * 1e6);
    struct itimerval timer = {.it_value = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)}};
    struct xdp_md context = {.data_end = size};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = size, .ctx_in = &context,
                .ctx_size_in = sizeof context, .repeat = INT32_MAX, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
    int fd = program_fd(object, "traffic_send");
    struct bpf_link *link = keep_in_dispatcher(object);
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &timer, NULL) != 0) {
        die("timer");
    }
    uint64_t begin = now_ns(), end = begin + us * 1000;
    config->begin_ns = begin;
    if (rate > 0 && !is_spinning) {
        config->late = run_chunks(fd, &options, rate, begin, end);
    } else {
        while (run_frames(fd, &options, end)) {
        }
    }
    uint64_t elapsed = now_ns() - begin;
    printf("{\"sent\": %llu, \"seconds\": %.6f, \"late\": %llu}\n", (unsigned long long)config->sent, (double)elapsed / 1e9,
           (unsigned long long)config->late);
    bpf_link__destroy(link);
    bpf_object__close(object);
    return 0;
}

static struct traffic_counts read_counts(int map)
{
    static struct traffic_counts of_cpus[CPUS_MAX];
    struct traffic_counts sum = {0};
    uint32_t zero = 0;
    int n_cpus = libbpf_num_possible_cpus();
    if (n_cpus < 1 || n_cpus > CPUS_MAX || bpf_map_lookup_elem(map, &zero, of_cpus) != 0) {
        die("reading the counts");
    }
    for (int cpu = 0; cpu < n_cpus; cpu++) {
        sum.received += of_cpus[cpu].received;
        for (int i = 0; i < TRAFFIC_BUCKETS; i++) {
            sum.buckets[i] += of_cpus[cpu].buckets[i];
        }
    }
    return sum;
}

/* The middle of a bucket; see traffic.h. */
static double bucket_ns(int bucket)
{
    if (bucket < 8) {
        return bucket;
    }
    return (double)(8 + bucket % 8) * (double)(1ull << (bucket / 8 - 1)) + (double)(1ull << (bucket / 8 - 1)) / 2;
}

static double percentile_us(const struct traffic_counts *now, const struct traffic_counts *before, uint64_t samples,
                            double share)
{
    uint64_t seen = 0;
    for (int i = 0; i < TRAFFIC_BUCKETS; i++) {
        seen += now->buckets[i] - before->buckets[i];
        if (seen > 0 && (double)seen >= share * (double)samples) {
            return bucket_ns(i) / 1e3;
        }
    }
    return 0;
}

static int run_receive(char **argv, uint32_t flags)
{
    struct bpf_object *object = load(argv[0]);
    int device = (int)if_nametoindex(argv[2]), fd = program_fd(object, "traffic_receive");
    int map = bpf_object__find_map_fd_by_name(object, "traffic_counts"), err = bpf_xdp_attach(device, fd, flags, NULL);
    if (device == 0 || map < 0 || err != 0) {
        errno = err != 0 ? -err : errno;
        die(argv[2]);
    }
    char line[64];
    struct traffic_counts before = read_counts(map);
    printf("attached\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct traffic_counts now = read_counts(map);
        uint64_t samples = 0;
        for (int i = 0; i < TRAFFIC_BUCKETS; i++) {
            samples += now.buckets[i] - before.buckets[i];
        }
        printf("{\"received\": %llu, \"samples\": %llu, \"p50\": %.3f, \"p99\": %.3f}\n",
               (unsigned long long)(now.received - before.received), (unsigned long long)samples,
               percentile_us(&now, &before, samples, 0.5), percentile_us(&now, &before, samples, 0.99));
        fflush(stdout);
        before = now;
    }
    bpf_xdp_detach(device, flags, NULL);
    bpf_object__close(object);
    return 0;
}

int main(int argc, char **argv)
{
    if ((argc == 11 || argc == 12) && strcmp(argv[1], "send") == 0) {
        bool is_spinning = argc == 12 && strcmp(argv[11], "spin") == 0;
        if (argc == 11 || is_spinning) {
            return run_send(argv, is_spinning);
        }
    }
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "receive") == 0) {
        return run_receive(argv, argc == 4 ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    }
    fprintf(stderr, "usage: traffic send DEVICE SRC_MAC DST_MAC SRC_IP DST_IP SIZE FLOWS RATE SECONDS [spin]\n"
                    "       traffic receive DEVICE [generic]\n");
    return 2;
}
