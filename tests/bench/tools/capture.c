/* Makes the captures that the in-memory benchmarks play: N flows, in a stated order, the same bytes for the same arguments.
 *
 * usage: capture PREFIX FLOWS SIZE ORDER KIND PARTS [FRAMES]
 *   ORDER  sequential: flow 0, 1, 2 ... and again; random: every flow equally often, shuffled; zipf: flow k with weight 1/(k+1)
 *   KIND   udp4, or mix: UDP and TCP over IPv4 and IPv6, untagged, with one tag and with two (the share of each is in shape_of())
 *   PARTS  files to deal the frames to in turn (PREFIX.0.pcap ...), because Open vSwitch's pool holds at most 262,144 frames a port
 * A shuffled capture holds each flow four times as long as it has at most 200,000 frames: shuffling is nothing else than a sequence when each flow
 * comes once, but every frame more also costs memory that a network card would not touch, which the drivers of the two switches lay out
 * differently.
 * A flow's addresses and ports are a hash of its number, so they are as scattered as in a trace. Destinations lie in 10.1.0.0/16 (IPv6:
 * fd00:1::/32), sources in 10.2.0.0/15, no port is below 1024. All checksums are right. Frames are SIZE bytes or as long as their headers
 * need. Prints {"frames": N, "flows": distinct flows}.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_MAX = 1600, PARTS_MAX = 64, FLOWS_MAX = 10000000, FEWEST_SEQUENTIAL = 1024, FEWEST_SHUFFLED = 4096, REPEATS = 4, MOST_REPEATED = 200000 };
enum { TPID_VLAN = 0x8100, TPID_QINQ = 0x88a8, TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd, PROTO_TCP = 6, PROTO_UDP = 17 };

struct frame {
    uint8_t bytes[FRAME_MAX];
    uint32_t size;
};

struct shape {
    uint32_t n_tags;
    bool ip6, tcp;
};

static void die(const char *what)
{
    fprintf(stderr, "capture: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static uint64_t mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static uint64_t next_random(uint64_t *state)
{
    return mix64((*state)++);
}

static void put8(struct frame *f, uint32_t value)
{
    f->bytes[f->size++] = (uint8_t)value;
}

static void put16(struct frame *f, uint32_t value)
{
    put8(f, value >> 8);
    put8(f, value & 0xff);
}

static void put32(struct frame *f, uint32_t value)
{
    put16(f, value >> 16);
    put16(f, value & 0xffff);
}

static uint32_t sum_of(const uint8_t *bytes, uint32_t size)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        sum += (i & 1) ? bytes[i] : (uint32_t)bytes[i] << 8;
    }
    return sum;
}

static void set_checksum(uint8_t *at, uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum = ~sum & 0xffff;
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

/* Of 20 flows of a mix: 6 UDP and 4 TCP over IPv4, 3 UDP and 2 TCP over IPv6, 3 UDP with one tag, 1 UDP over IPv6 with one, 1 UDP with two. */
static struct shape shape_of(uint32_t flow, bool is_mix)
{
    static const struct shape shapes[20] = {
        {0, false, false}, {0, false, true}, {0, true, false}, {1, false, false}, {0, false, false}, {0, true, true},  {0, false, true},
        {2, false, false}, {0, false, false}, {0, true, false}, {1, false, false}, {0, false, true}, {0, false, false}, {1, true, false},
        {0, true, true},   {0, false, false}, {1, false, false}, {0, true, false}, {0, false, true}, {0, false, false},
    };
    return is_mix ? shapes[flow % 20] : shapes[0];
}

static void put_ip(struct frame *f, struct shape shape, uint64_t a, uint32_t payload)
{
    uint32_t proto = shape.tcp ? PROTO_TCP : PROTO_UDP;
    uint32_t source = 0x0a020000u | (uint32_t)(a & 0x1ffff), destination = 0x0a010000u | (uint32_t)((a >> 20) & 0xffff);
    if (shape.ip6) {
        put32(f, 0x60000000u);
        put16(f, payload);
        put8(f, proto);
        put8(f, 64);
        for (int i = 0; i < 2; i++) {
            put32(f, i ? 0xfd000001u : 0xfd000002u);
            put32(f, 0);
            put32(f, 0);
            put32(f, i ? destination : source);
        }
        return;
    }
    uint8_t *at = f->bytes + f->size;
    put16(f, 0x4500);
    put16(f, payload + 20);
    put32(f, 0);
    put8(f, 64);
    put8(f, proto);
    put16(f, 0);
    put32(f, source);
    put32(f, destination);
    set_checksum(at + 10, sum_of(at, 20));
}

static void make_frame(struct frame *f, uint32_t flow, uint32_t size, bool is_mix)
{
    struct shape shape = shape_of(flow, is_mix);
    uint64_t a = mix64(flow), b = mix64(a);
    uint32_t l4_size = shape.tcp ? 20 : 8, headers = 14 + 4 * shape.n_tags + (shape.ip6 ? 40 : 20) + l4_size;
    uint32_t payload = (size > headers ? size - headers : 0) + l4_size;
    memset(f, 0, sizeof *f);
    put32(f, 0x02000000u);
    put32(f, 0x00020200u);
    put32(f, 0x00000001u);
    for (uint32_t i = 0; i < shape.n_tags; i++) {
        put16(f, shape.n_tags == 2 && i == 0 ? TPID_QINQ : TPID_VLAN);
        put16(f, 1 + (uint32_t)((b >> 40) & 0xff));
    }
    put16(f, shape.ip6 ? TYPE_IP6 : TYPE_IP4);
    put_ip(f, shape, a, payload);

    uint32_t addresses = shape.ip6 ? 32 : 8, l4 = f->size;
    put16(f, 1024 + (uint32_t)((b & 0xffff) % 64000));
    put16(f, 1024 + (uint32_t)(((b >> 16) & 0xffff) % 64000));
    if (shape.tcp) {
        put32(f, (uint32_t)b);
        put32(f, (uint32_t)a);
        put16(f, 0x5010);
        put32(f, 0xffff0000u);
        put16(f, 0);
    } else {
        put16(f, payload);
        put16(f, 0);
    }
    f->size = l4 + payload;
    uint32_t sum = sum_of(f->bytes + l4 - addresses, addresses + payload) + payload + (shape.tcp ? PROTO_TCP : PROTO_UDP);
    set_checksum(f->bytes + l4 + (shape.tcp ? 16 : 6), sum);
}

static void write_pcap_header(FILE *file)
{
    const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, precision, longest, link;
    } header = {.magic = 0xa1b2c3d4u, .major = 2, .minor = 4, .longest = 65535, .link = 1};
    if (fwrite(&header, sizeof header, 1, file) != 1) {
        die("writing");
    }
}

static void write_frame(FILE *file, const struct frame *f, uint32_t index)
{
    const uint32_t header[4] = {index / 1000000, index % 1000000, f->size, f->size};
    if (fwrite(header, sizeof header, 1, file) != 1 || fwrite(f->bytes, f->size, 1, file) != 1) {
        die("writing");
    }
}

static uint32_t number(const char *text, uint32_t min, uint32_t max, const char *name)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        errno = ERANGE;
        die(name);
    }
    return (uint32_t)value;
}

static uint32_t frames_for(uint32_t n_flows, bool is_sequential)
{
    uint32_t fewest = is_sequential ? FEWEST_SEQUENTIAL : FEWEST_SHUFFLED, repeats = (fewest + n_flows - 1) / n_flows;
    if (!is_sequential && repeats < REPEATS) {
        repeats = MOST_REPEATED / n_flows < REPEATS ? MOST_REPEATED / n_flows : REPEATS;
    }
    return n_flows * (repeats > 0 ? repeats : 1);
}

/* The flow of each frame. Weights of zipf are summed once and each draw is searched for in the sums. */
static uint32_t *choose_order(const char *order, uint32_t n_flows, uint32_t n_frames)
{
    uint32_t *flows = calloc(n_frames, sizeof *flows);
    double *sums = calloc(n_flows, sizeof *sums);
    if (flows == NULL || sums == NULL) {
        die("memory");
    }
    uint64_t random = 1;
    for (uint32_t i = 0; i < n_frames; i++) {
        flows[i] = i % n_flows;
    }
    if (strcmp(order, "random") == 0) {
        for (uint32_t i = n_frames; i > 1; i--) {
            uint32_t j = (uint32_t)(next_random(&random) % i), held = flows[i - 1];
            flows[i - 1] = flows[j];
            flows[j] = held;
        }
    } else if (strcmp(order, "zipf") == 0) {
        double sum = 0;
        for (uint32_t k = 0; k < n_flows; k++) {
            sums[k] = sum += 1.0 / (k + 1);
        }
        for (uint32_t i = 0; i < n_frames; i++) {
            double drawn = (double)(next_random(&random) >> 11) / 9007199254740992.0 * sum;
            uint32_t low = 0, high = n_flows - 1;
            while (low < high) {
                uint32_t middle = (low + high) / 2;
                if (sums[middle] > drawn) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            flows[i] = low;
        }
    } else if (strcmp(order, "sequential") != 0) {
        errno = EINVAL;
        die("ORDER");
    }
    free(sums);
    return flows;
}

int main(int argc, char **argv)
{
    static struct frame frame;
    FILE *files[PARTS_MAX];
    char path[4096];
    if (argc != 7 && argc != 8) {
        fprintf(stderr, "usage: capture PREFIX FLOWS SIZE ORDER KIND PARTS [FRAMES]\n");
        return 2;
    }
    uint32_t n_flows = number(argv[2], 1, FLOWS_MAX, "FLOWS"), size = number(argv[3], 60, 1514, "SIZE");
    bool is_mix = strcmp(argv[5], "mix") == 0;
    if (!is_mix && strcmp(argv[5], "udp4") != 0) {
        errno = EINVAL;
        die("KIND");
    }
    uint32_t n_parts = number(argv[6], 1, PARTS_MAX, "PARTS");
    uint32_t n_frames = argc == 8 ? number(argv[7], 1, FLOWS_MAX, "FRAMES") : frames_for(n_flows, strcmp(argv[4], "sequential") == 0);
    uint32_t *flows = choose_order(argv[4], n_flows, n_frames);
    uint8_t *is_seen = calloc(n_flows, 1);
    if (is_seen == NULL) {
        die("memory");
    }
    for (uint32_t i = 0; i < n_parts; i++) {
        snprintf(path, sizeof path, "%s.%u.pcap", argv[1], i);
        files[i] = fopen(path, "wb");
        if (files[i] == NULL) {
            die(path);
        }
        write_pcap_header(files[i]);
    }
    uint32_t n_distinct = 0;
    for (uint32_t i = 0; i < n_frames; i++) {
        make_frame(&frame, flows[i], size, is_mix);
        write_frame(files[i % n_parts], &frame, i);
        n_distinct += !is_seen[flows[i]];
        is_seen[flows[i]] = 1;
    }
    for (uint32_t i = 0; i < n_parts; i++) {
        if (fclose(files[i]) != 0) {
            die("closing");
        }
    }
    printf("{\"frames\": %u, \"flows\": %u}\n", n_frames, n_distinct);
    free(is_seen);
    free(flows);
    return 0;
}
