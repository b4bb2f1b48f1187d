/* The packet generator of the benchmarks: UDP frames of n flows in turn, into a veth, from one core.
 *
 * usage: blast DEVICE SRC_MAC DST_MAC SRC_IP DST_IP SIZE FLOWS RATE SECONDS      (RATE 0: as fast as it goes)
 * Prints {"sent": N, "seconds": S}. A packet socket past the queueing discipline, in bursts of 16 at absolute times; up to 0.7 Mpps, twice
 * what a switch on veth forwards. Frames made inside the kernel (BPF_PROG_RUN with live frames) would be faster still, but on kernel 6.18
 * the receiving device then flushes its AF_XDP ring only now and then, so that one would measure the size of the ring.
 * One thread; pin it with taskset.
 */
#include <arpa/inet.h>
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

enum { BURST = 16, FRAME_MAX = 1514, FIRST_PORT = 1024 };

struct blaster {
    int fd;
    uint32_t size, n_flows;
    uint64_t sent;
    uint8_t frames[BURST][FRAME_MAX];
    struct iovec vectors[BURST];
    struct mmsghdr messages[BURST];
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

/* The UDP checksum is 0 (none), so that the source port may change from frame to frame. */
static void make_frames(struct blaster *b, char **argv)
{
    struct ethhdr eth = {.h_proto = htons(ETH_P_IP)};
    struct ether_addr source, destination;
    if (ether_aton_r(argv[2], &source) == NULL || ether_aton_r(argv[3], &destination) == NULL) {
        errno = EINVAL;
        die("SRC_MAC or DST_MAC");
    }
    memcpy(eth.h_source, &source, ETH_ALEN);
    memcpy(eth.h_dest, &destination, ETH_ALEN);
    uint16_t ip_size = (uint16_t)(b->size - sizeof eth);
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = 17, .tot_len = htons(ip_size),
                       .saddr = inet_addr(argv[4]), .daddr = inet_addr(argv[5])};
    ip.check = ip_checksum(&ip);
    struct udphdr udp = {.dest = htons(7000), .len = htons((uint16_t)(ip_size - sizeof ip))};
    for (int i = 0; i < BURST; i++) {
        memcpy(b->frames[i], &eth, sizeof eth);
        memcpy(b->frames[i] + sizeof eth, &ip, sizeof ip);
        memcpy(b->frames[i] + sizeof eth + sizeof ip, &udp, sizeof udp);
        b->vectors[i] = (struct iovec){.iov_base = b->frames[i], .iov_len = b->size};
        b->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &b->vectors[i], .msg_iovlen = 1}};
    }
}

static int open_packet_socket(const char *device)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device)};
    int on = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0 || address.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
        die(device);
    }
    return fd;
}

static void send_burst(struct blaster *b)
{
    for (int i = 0; i < BURST; i++) {
        uint16_t source = htons((uint16_t)(FIRST_PORT + (b->sent + (uint64_t)i) % b->n_flows));
        memcpy(b->frames[i] + sizeof(struct ethhdr) + sizeof(struct iphdr), &source, sizeof source);
    }
    int n = sendmmsg(b->fd, b->messages, BURST, 0);
    if (n < 0 && errno != ENOBUFS && errno != EAGAIN) {
        die("sendmmsg");
    }
    b->sent += n > 0 ? (uint64_t)n : 0;
}

int main(int argc, char **argv)
{
    static struct blaster b;
    if (argc != 10) {
        fprintf(stderr, "usage: blast DEVICE SRC_MAC DST_MAC SRC_IP DST_IP SIZE FLOWS RATE SECONDS\n");
        return 2;
    }
    b.size = number(argv[6], 60, FRAME_MAX, "SIZE");
    b.n_flows = number(argv[7], 1, 60000, "FLOWS");
    double rate = strtod(argv[8], NULL), seconds = strtod(argv[9], NULL);
    make_frames(&b, argv);
    b.fd = open_packet_socket(argv[1]);

    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), now = begin;
    for (; now < end; now = now_ns()) {
        if (rate <= 0 || now >= begin + (uint64_t)((double)b.sent / rate * 1e9)) {
            send_burst(&b);
        }
    }
    printf("{\"sent\": %llu, \"seconds\": %.6f}\n", (unsigned long long)b.sent, (double)(now - begin) / 1e9);
    return 0;
}
