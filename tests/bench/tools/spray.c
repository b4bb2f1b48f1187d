/* spray TO_IP TO_PORT SOCKETS RATE SECONDS: UDP datagrams of 18 bytes from that many sockets in turn, so of as many flows; RATE a second in
 * all, 0: as many as go.
 *
 * Each goes through the kernel's own choice of a send queue, which is by the hash of its socket: so a device with several queues sees all of them,
 * which frames made in the kernel (traffic.c) do not. Sends in batches of 32 of one socket; at a rate it sleeps between rounds.
 * Prints {"sent": N, "seconds": S}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, SOCKETS_MAX = 1024, BYTES = 18 };

static void die(const char *what)
{
    fprintf(stderr, "spray: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_to(const char *ip, unsigned long port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, ip, &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        die(ip);
    }
    return fd;
}

/* What the kernel took. */
static uint64_t send_batch(int fd)
{
    static char bytes[BYTES];
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct mmsghdr messages[BATCH];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        messages[i].msg_hdr.msg_iov = &part;
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int n = sendmmsg(fd, messages, BATCH, 0);
    if (n < 0 && errno != ENOBUFS && errno != ECONNREFUSED) {
        die("sendmmsg");
    }
    return n > 0 ? (uint64_t)n : 0;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: spray TO_IP TO_PORT SOCKETS RATE SECONDS\n");
        return 2;
    }
    unsigned long n_sockets = strtoul(argv[3], NULL, 10);
    double rate = strtod(argv[4], NULL), seconds = strtod(argv[5], NULL);
    int fds[SOCKETS_MAX];
    if (n_sockets == 0 || n_sockets > SOCKETS_MAX) {
        fprintf(stderr, "spray: 1 to %d sockets\n", SOCKETS_MAX);
        return 2;
    }
    for (unsigned long i = 0; i < n_sockets; i++) {
        fds[i] = open_to(argv[1], strtoul(argv[2], NULL, 10));
    }
    double begin = now();
    uint64_t sent = 0;
    for (uint64_t round = 0; now() - begin < seconds; round++) {
        while (rate > 0 && (double)(round * BATCH) > (now() - begin) * rate) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        }
        sent += send_batch(fds[round % n_sockets]);
    }
    printf("{\"sent\": %llu, \"seconds\": %.3f}\n", (unsigned long long)sent, now() - begin);
    return 0;
}
