/* The packet generator of the benchmarks: UDP frames of n flows in turn, into a veth, from one core.
 *
 * usage: blast OBJECT DEVICE SRC_MAC DST_MAC SRC_IP DST_IP SIZE FLOWS RATE SECONDS
 * RATE 0, as fast as it goes: BPF_PROG_RUN makes live frames in the kernel, which blast.bpf.c redirects into the device; up to 2 Mpps,
 * more than any switch on veth takes. Otherwise RATE frames a second: a packet socket, in bursts of 16 at absolute times (each
 * BPF_PROG_RUN call costs some 20 ms before its first frame, too coarse for a rate). Prints {"sent": N, "seconds": S}.
 * One thread; pin it with taskset.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BURST = 16, BATCH = 256, FULL_SPEED_REPEAT = 16384, FRAME_MAX = 1514, FIRST_PORT = 1024 };

struct blaster {
    int program_fd;
    uint8_t frame[FRAME_MAX];
    uint32_t size;
    uint32_t n_flows;
    uint64_t sent;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
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

static void make_frame(struct blaster *b, char **argv)
{
    struct ethhdr eth = {.h_proto = htons(ETH_P_IP)};
    memcpy(eth.h_source, ether_aton(argv[3]), ETH_ALEN);
    memcpy(eth.h_dest, ether_aton(argv[4]), ETH_ALEN);
    b->size = (uint32_t)strtoul(argv[7], NULL, 10);
    if (b->size < 60 || b->size > FRAME_MAX) {
        errno = ERANGE;
        die("SIZE, 60 to 1514");
    }
    uint16_t ip_size = (uint16_t)(b->size - sizeof eth);
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = 17, .tot_len = htons(ip_size),
                       .saddr = inet_addr(argv[5]), .daddr = inet_addr(argv[6])};
    ip.check = ip_checksum(&ip);
    struct udphdr udp = {.source = htons(FIRST_PORT), .dest = htons(7000), .len = htons((uint16_t)(ip_size - sizeof ip))};
    memcpy(b->frame, &eth, sizeof eth);
    memcpy(b->frame + sizeof eth, &ip, sizeof ip);
    memcpy(b->frame + sizeof eth + sizeof ip, &udp, sizeof udp);
}

static void load(struct blaster *b, char **argv)
{
    struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
    if (object == NULL || bpf_object__load(object) != 0) {
        die(argv[1]);
    }
    struct bpf_program *program = bpf_object__find_program_by_name(object, "blast");
    struct bpf_map *settings = bpf_object__find_map_by_name(object, ".bss");
    uint32_t key = 0, out_ifindex = if_nametoindex(argv[2]);
    if (program == NULL || settings == NULL || out_ifindex == 0) {
        die("program, settings or DEVICE");
    }
    uint32_t values[4] = {out_ifindex, b->n_flows, FIRST_PORT, 0}; /* `settings` of blast.bpf.c */
    if (bpf_map__value_size(settings) != sizeof values || bpf_map_update_elem(bpf_map__fd(settings), &key, values, 0) != 0) {
        die("settings");
    }
    b->program_fd = bpf_program__fd(program);
}

static void at_full_speed(struct blaster *b, uint64_t end)
{
    while (now_ns() < end) {
        struct xdp_md context = {.data_end = b->size};
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = b->frame, .data_size_in = b->size, .ctx_in = &context,
                    .ctx_size_in = sizeof context, .repeat = FULL_SPEED_REPEAT, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
        if (bpf_prog_test_run_opts(b->program_fd, &options) != 0 && errno != EINTR) {
            die("BPF_PROG_RUN with live frames");
        }
        b->sent += FULL_SPEED_REPEAT;
    }
}

static int open_packet_socket(const char *device)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device)};
    int on = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0 || address.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
        die("packet socket");
    }
    return fd;
}

static void at_rate(struct blaster *b, const char *device, double rate, uint64_t begin, uint64_t end)
{
    static uint8_t frames[BURST][FRAME_MAX];
    struct mmsghdr messages[BURST];
    struct iovec vectors[BURST];
    int fd = open_packet_socket(device);
    for (int i = 0; i < BURST; i++) {
        memcpy(frames[i], b->frame, b->size);
        vectors[i] = (struct iovec){.iov_base = frames[i], .iov_len = b->size};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
    }
    while (now_ns() < end) {
        uint64_t due = begin + (uint64_t)((double)b->sent / rate * 1e9);
        while (now_ns() < due) {
        }
        for (int i = 0; i < BURST; i++) {
            uint16_t source = htons((uint16_t)(FIRST_PORT + (b->sent + (uint64_t)i) % b->n_flows));
            memcpy(frames[i] + sizeof(struct ethhdr) + sizeof(struct iphdr), &source, sizeof source);
        }
        int n = sendmmsg(fd, messages, BURST, 0);
        if (n < 0 && errno != ENOBUFS && errno != EAGAIN) {
            die("sendmmsg");
        }
        b->sent += n > 0 ? (uint64_t)n : 0;
    }
}

int main(int argc, char **argv)
{
    struct blaster b = {0};
    if (argc != 11) {
        fprintf(stderr, "usage: blast OBJECT DEVICE SRC_MAC DST_MAC SRC_IP DST_IP SIZE FLOWS RATE SECONDS\n");
        return 2;
    }
    double rate = strtod(argv[9], NULL), seconds = strtod(argv[10], NULL);
    make_frame(&b, argv);
    b.n_flows = (uint32_t)strtoul(argv[8], NULL, 10);
    if (b.n_flows == 0) {
        errno = ERANGE;
        die("FLOWS");
    }
    if (rate <= 0) {
        load(&b, argv);
    }
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9);
    if (rate <= 0) {
        at_full_speed(&b, end);
    } else {
        at_rate(&b, argv[2], rate, begin, end);
    }
    printf("{\"sent\": %llu, \"seconds\": %.6f}\n", (unsigned long long)b.sent, (double)(now_ns() - begin) / 1e9);
    return 0;
}
