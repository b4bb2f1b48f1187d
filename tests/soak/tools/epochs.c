/* epochs: who sends packets that say which change they come after, and who looks where they arrive (I3).
 *
 *     epochs BOARD send DEVICE SRC_MAC DST_MAC FLOWS CLASSES RATE SECONDS
 *     epochs BOARD receive DEVICE OWNER SECONDS
 *
 * The board is a file mapped by all: how many changes have been asked for and how many have been answered, and of each change which class of
 * packets (UDP port BASE_PORT + class) it sends to which owner, a receiver's number. A packet carries the number of changes that had been answered when
 * it was sent. It may be treated as any state from there up to what has been asked for when it arrives says; else it is late, and that may never
 * happen. FLOWS are connections: their source address and port. Every connection numbers its packets, so order is looked at too.
 * The last line of each is JSON. Single thread, blocking; both ends use packet sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHANGES_MAX = 65536, CLASSES_MAX = 64, BASE_PORT = 7000, FRAME = 72, MAGIC = 0x65706f63, BATCH = 32, FLOWS_MAX = 1 << 20 };

struct board {
    volatile uint32_t asked, answered; /* changes; state 0 is before the first */
    volatile uint8_t class_of[CHANGES_MAX], owner_of[CHANGES_MAX]; /* of change n, from 1 on */
    volatile uint8_t first_owner[CLASSES_MAX];
};

struct payload {
    uint32_t magic, epoch, flow, number;
} __attribute__((packed));

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "epochs: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct board *open_board(const char *path)
{
    int fd = open(path, O_RDWR);
    void *at = fd >= 0 ? mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at == MAP_FAILED) {
        die(path);
    }
    return at;
}

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || end == text || value < 0) {
        errno = EINVAL;
        die(text);
    }
    return value;
}

static int open_socket(const char *device, int type)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(type), .sll_ifindex = (int)if_nametoindex(device)};
    int fd = socket(AF_PACKET, SOCK_RAW, htons(type)), size = 64 << 20;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die(device);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return fd;
}

static void parse_mac(const char *text, uint8_t *mac)
{
    unsigned b[6];
    if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6) {
        errno = EINVAL;
        die(text);
    }
    for (int i = 0; i < 6; i++) {
        mac[i] = (uint8_t)b[i];
    }
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* UDP from 10.(flow / 2^16).x.1 port 1024 + flow % 32768, without a checksum. */
static void make_frame(uint8_t *f, const uint8_t *macs, uint32_t flow, unsigned class)
{
    memset(f, 0, FRAME);
    memcpy(f, macs, 12);
    put16(f + 12, 0x0800);
    f[14] = 0x45;
    put16(f + 16, FRAME - 14);
    f[22] = 64;
    f[23] = 17;
    f[26] = 10;
    f[27] = (uint8_t)(flow >> 15);
    f[28] = (uint8_t)(flow >> 7);
    f[29] = 1;
    f[30] = 10;
    f[31] = 200;
    f[33] = 1;
    uint32_t sum = 0;
    for (int i = 14; i < 34; i += 2) {
        sum += (uint32_t)f[i] << 8 | f[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    put16(f + 24, (uint16_t)~(sum + (sum >> 16)));
    put16(f + 34, 1024 + flow % 32768);
    put16(f + 36, BASE_PORT + class);
    put16(f + 38, FRAME - 34);
}

static int do_send(struct board *board, char **arguments)
{
    int fd = open_socket(arguments[0], 0);
    uint8_t macs[12];
    parse_mac(arguments[2], macs);
    parse_mac(arguments[1], macs + 6);
    uint32_t n_flows = (uint32_t)number(arguments[3]), n_classes = (uint32_t)number(arguments[4]);
    double rate = number(arguments[5]), seconds = number(arguments[6]);
    uint32_t *numbers = calloc(n_flows, sizeof *numbers);
    static uint8_t frames[BATCH][FRAME];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH] = {0};
    uint64_t begin = now_ns(), sent = 0, failed = 0;
    uint32_t flow = 0;
    if (numbers == NULL || n_flows == 0 || n_flows > FLOWS_MAX || n_classes == 0 || n_classes > CLASSES_MAX) {
        errno = EINVAL;
        die("FLOWS or CLASSES");
    }
    while (now_ns() - begin < (uint64_t)(seconds * 1e9)) {
        uint64_t due = (uint64_t)((double)(now_ns() - begin) / 1e9 * rate);
        if (due < sent + BATCH) {
            usleep(200);
            continue;
        }
        for (int i = 0; i < BATCH; i++) {
            struct payload payload = {.magic = MAGIC, .epoch = board->answered, .flow = flow, .number = ++numbers[flow]};
            make_frame(frames[i], macs, flow, flow % n_classes);
            memcpy(frames[i] + 42, &payload, sizeof payload);
            parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = FRAME};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
            flow = (flow + 1) % n_flows;
        }
        for (int done = 0; done < BATCH;) {
            int n = sendmmsg(fd, messages + done, (unsigned)(BATCH - done), 0);
            if (n <= 0) {
                failed += 1;
                done += 1; /* the device has no room: this packet was never sent */
                continue;
            }
            done += n;
        }
        sent += BATCH;
    }
    printf("{\"sent\": %" PRIu64 ", \"failed\": %" PRIu64 "}\n", sent - failed, failed);
    free(numbers);
    return 0;
}

/* Some state from `epoch` to what has been asked for by now gives the class to this owner. */
static bool may_be_ours(const struct board *board, unsigned class, uint32_t epoch, unsigned owner)
{
    uint32_t asked = board->asked;
    unsigned holder = board->first_owner[class];
    for (uint32_t n = 1; n <= asked && n < CHANGES_MAX; n++) {
        if (n > epoch && holder == owner) {
            return true;
        }
        holder = board->class_of[n] == class ? board->owner_of[n] : holder;
    }
    return holder == owner;
}

static int do_receive(struct board *board, char **arguments)
{
    int fd = open_socket(arguments[0], ETH_P_ALL);
    unsigned owner = (unsigned)number(arguments[1]);
    double seconds = number(arguments[2]);
    uint32_t *last = calloc(FLOWS_MAX, sizeof *last);
    uint64_t begin = now_ns(), received = 0, late = 0, back = 0, twice = 0;
    static uint8_t frames[BATCH][2048];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH] = {0};
    if (last == NULL) {
        die("memory");
    }
    printf("listening\n");
    fflush(stdout);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = sizeof frames[i]};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    while (now_ns() - begin < (uint64_t)(seconds * 1e9)) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (poll(&waiting, 1, 100) <= 0) {
            continue;
        }
        int n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            const uint8_t *f = frames[i];
            struct payload payload;
            memcpy(&payload, f + 42, sizeof payload);
            if (messages[i].msg_len < FRAME || f[12] != 8 || f[13] != 0 || f[23] != 17 || payload.magic != MAGIC || payload.flow >= FLOWS_MAX) {
                continue;
            }
            unsigned class = ((unsigned)f[36] << 8 | f[37]) - BASE_PORT;
            received++;
            if (class >= CLASSES_MAX || !may_be_ours(board, class, payload.epoch, owner)) {
                if (late++ < 5) {
                    fprintf(stderr, "late: class %u flow %u number %u sent after change %u, answered %u, asked %u\n", class, payload.flow,
                            payload.number, payload.epoch, board->answered, board->asked);
                }
            }
            twice += payload.number == last[payload.flow];
            back += payload.number < last[payload.flow];
            last[payload.flow] = payload.number > last[payload.flow] ? payload.number : last[payload.flow];
        }
    }
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    (void)getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
    printf("{\"received\": %" PRIu64 ", \"late\": %" PRIu64 ", \"reordered\": %" PRIu64 ", \"duplicates\": %" PRIu64 ", \"overrun\": %u}\n", received,
           late, back, twice, stats.tp_drops);
    free(last);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(argv[2], "send") == 0) {
        return do_send(open_board(argv[1]), argv + 3);
    }
    if (argc == 6 && strcmp(argv[2], "receive") == 0) {
        return do_receive(open_board(argv[1]), argv + 3);
    }
    fprintf(stderr, "epochs BOARD send DEVICE SRC_MAC DST_MAC FLOWS CLASSES RATE SECONDS | epochs BOARD receive DEVICE OWNER SECONDS\n");
    return 2;
}
