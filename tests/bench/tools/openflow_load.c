/* openflow_load ADDRESS COMMAND KEY=VALUE...: a controller that is faster than any switch, for tests/bench/openflow and tests/soak/million.
 *
 * ADDRESS is tcp:IP:PORT or unix:PATH, where the switch listens. All requests are bytes in memory before the clock runs; then there is
 * nothing but poll(), send() and recv(), and of what comes only headers are looked at. Time runs from the first byte to the last answer.
 *
 *   mods      op=add|modify|delete rules=N first=N masks=M connections=C bundle=B version=4: flow_mods pipelined, a barrier at the end of
 *             each connection. connections: each has its share of the rules, in a table of its own. bundle: so many in each bundle
 *             (atomic, ordered), whose commits are awaited.
 *   barriers  count=N first=N: a flow_mod and a barrier, one by one.
 *   packets   seconds=S: packet-ins that come.
 *   turns     count=N window=W: a packet-out to the table whose rule sends it to the controller, until it is back; W at a time.
 *   ready     seconds=S: tries until the switch has answered, and until it has committed a rule; milliseconds of both from the start.
 *
 * Rule number i of 1 mask is eth_type and a whole ip_dst; of M masks (at most 100) its lengths of prefix are the (i mod M)th combination.
 * It dies on whatever is not as expected: a benchmark has nothing to recover.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "lib/openflow/of_message.h"
#include "tests/bench/tools/load.h"
#include "tests/bench/tools/rule_match.h"

enum { CONNECTIONS_MAX = 64, INPUT_ROOM = 1 << 20, PRIORITY = 1000, PACKET_SIZE = 64, MASKS_MAX = 100, ERRORS_SHOWN = 3 };
enum { PROBE_RULE = 0xffff0000 }; /* the number of ready's rule: nobody else's */

struct peer {
    int fd;
    uint8_t version;
    struct writer output;
    size_t sent;
    uint8_t *input;
    size_t size;
    size_t n_awaited; /* answers that end it: barrier replies, bundle commits */
    size_t n_errors, n_packets, n_others;
};

static uint64_t deadline_ns;

/* ---- messages ---- */

static void put(struct writer *w, uint8_t version, struct of_message *message)
{
    message->version = version;
    if (of_encode(message, w) != 0) {
        load_fail("a message cannot be encoded");
    }
}

struct shape {
    enum flow_mod_command command;
    uint32_t n_masks;
    uint8_t table;
    uint32_t port;
};

static void put_flow_mod(struct writer *w, uint8_t version, uint32_t number, const struct shape *shape)
{
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = shape->port}};
    struct of_message message = {.type = OF_FLOW_MOD, .xid = number, .flow_mod = {.command = shape->command, .cookie = number,
        .buffer_id = OF_NO_BUFFER, .out_port = PORT_ANY, .out_group = GROUP_ANY, .priority = PRIORITY, .table = shape->table}};

    rule_match(&message.flow_mod.match, number, shape->n_masks);
    if (shape->command == FLOW_MOD_ADD || shape->command == FLOW_MOD_MODIFY_STRICT) {
        message.flow_mod.instructions.has_apply = true;
        message.flow_mod.instructions.apply = (struct action_list){.items = &output, .count = 1};
    }
    put(w, version, &message); /* everything is lent: no fini */
}

static void put_control(struct writer *w, uint8_t version, uint32_t id, uint16_t type)
{
    struct of_message message = {.type = OF_BUNDLE_CONTROL, .xid = id,
        .bundle_control = {.bundle_id = id, .type = type, .flags = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED}};
    put(w, version, &message);
}

static void put_simple(struct writer *w, uint8_t version, enum of_type type, uint32_t xid)
{
    struct of_message message = {.type = type, .xid = xid};
    put(w, version, &message);
}

static void put_bundle(struct writer *w, uint8_t version, uint32_t id, uint32_t first, uint32_t n, const struct shape *shape)
{
    struct writer inner;

    writer_init(&inner);
    put_control(w, version, id, OF_BUNDLE_OPEN_REQUEST);
    for (uint32_t i = 0; i < n; i++) {
        writer_clear(&inner);
        put_flow_mod(&inner, version, first + i, shape);
        struct of_message add = {.type = OF_BUNDLE_ADD, .xid = first + i, .bundle_add = {.bundle_id = id,
            .flags = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED, .message = inner.bytes, .message_size = inner.size}};
        put(w, version, &add);
    }
    put_control(w, version, id, OF_BUNDLE_COMMIT_REQUEST);
    writer_fini(&inner);
}

/* ---- the wire ---- */

static int dial_tcp(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    struct sockaddr_in to = {.sin_family = AF_INET};

    if (colon == NULL || (size_t)(colon - address) >= sizeof host) {
        load_fail("ADDRESS: tcp:IP:PORT or unix:PATH");
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) {
        load_fail("ADDRESS: no such IP");
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* A connected socket, or -1. */
static int dial(const char *address)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (strncmp(address, "tcp:", 4) == 0) {
        return dial_tcp(address + 4);
    }
    if (strncmp(address, "unix:", 5) != 0 || strlen(address + 5) >= sizeof to.sun_path) {
        load_fail("ADDRESS: tcp:IP:PORT or unix:PATH");
    }
    memcpy(to.sun_path, address + 5, strlen(address + 5));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_some(struct peer *peer)
{
    while (peer->sent < peer->output.size) {
        ssize_t n = send(peer->fd, peer->output.bytes + peer->sent, peer->output.size - peer->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        peer->sent += (size_t)n;
    }
    return true;
}

static void tell_error(struct peer *peer, const uint8_t *bytes)
{
    if (peer->n_errors++ < ERRORS_SHOWN) {
        fprintf(stderr, "openflow_load: error type %u code %u for xid %u\n", bytes[8] << 8 | bytes[9], bytes[10] << 8 | bytes[11],
                (unsigned)bytes[4] << 24 | bytes[5] << 16 | bytes[6] << 8 | bytes[7]);
    }
}

/* Numbers of messages as 1.3 and 1.4 have them. */
enum { WIRE_ERROR = 1, WIRE_ECHO_REQUEST = 2, WIRE_FEATURES_REPLY = 6, WIRE_PACKET_IN = 10, WIRE_BARRIER_REPLY = 21, WIRE_BUNDLE_CONTROL = 33 };

static void take_message(struct peer *peer, uint8_t *bytes, size_t size)
{
    switch (bytes[1]) {
    case WIRE_ERROR:
        tell_error(peer, bytes);
        break;
    case WIRE_ECHO_REQUEST:
        bytes[1] = 3;
        writer_bytes(&peer->output, bytes, size);
        break;
    case WIRE_PACKET_IN:
        peer->n_packets++;
        break;
    case WIRE_BARRIER_REPLY:
    case WIRE_FEATURES_REPLY:
        peer->n_awaited--;
        break;
    case WIRE_BUNDLE_CONTROL:
        peer->n_awaited -= bytes[13] == OF_BUNDLE_COMMIT_REPLY ? 1 : 0;
        break;
    default:
        peer->n_others++;
    }
}

static bool receive_some(struct peer *peer)
{
    for (;;) {
        ssize_t n = recv(peer->fd, peer->input + peer->size, INPUT_ROOM - peer->size, MSG_DONTWAIT);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (n == 0) {
            return false;
        }
        peer->size += (size_t)n;
        size_t begin = 0;
        while (peer->size - begin >= 8) {
            size_t size = (size_t)(peer->input[begin + 2] << 8 | peer->input[begin + 3]);
            if (size > peer->size - begin) {
                break;
            }
            take_message(peer, peer->input + begin, size);
            begin += size;
        }
        peer->size -= begin;
        memmove(peer->input, peer->input + begin, peer->size);
    }
}

/* Sends and receives once something can be. False: the switch has closed. */
static bool turn(struct peer *peers, size_t n, int timeout_ms)
{
    struct pollfd fds[CONNECTIONS_MAX];

    for (size_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){.fd = peers[i].fd, .events = (short)(POLLIN | (peers[i].sent < peers[i].output.size ? POLLOUT : 0))};
    }
    (void)poll(fds, n, timeout_ms);
    for (size_t i = 0; i < n; i++) {
        if (!send_some(&peers[i]) || !receive_some(&peers[i])) {
            return false;
        }
    }
    return true;
}

/* Until each has its answers. */
static bool finish(struct peer *peers, size_t n)
{
    for (size_t i = 0; i < n;) {
        if (peers[i].n_awaited == 0) {
            i++;
            continue;
        }
        if (clock_now_ns() > deadline_ns) {
            load_fail("no answer in time");
        }
        if (!turn(peers, n, 100)) {
            return false;
        }
    }
    return true;
}

static void peer_close(struct peer *peer)
{
    close(peer->fd);
    free(peer->input);
    writer_fini(&peer->output);
}

/* Connected, HELLO said, features answered. */
static bool peer_open(struct peer *peer, const char *address, uint8_t version)
{
    *peer = (struct peer){.fd = dial(address), .version = version};
    if (peer->fd < 0) {
        return false;
    }
    peer->input = memory_zeroed(INPUT_ROOM);
    writer_init(&peer->output);
    struct of_message hello = {.type = OF_HELLO, .hello = {.versions = 1u << version}};
    put(&peer->output, version, &hello);
    put_simple(&peer->output, version, OF_FEATURES_REQUEST, 1);
    peer->n_awaited = 1;
    if (!finish(peer, 1)) {
        peer_close(peer);
        return false;
    }
    return true;
}

static void open_peers(struct peer *peers, size_t n, const char *address, uint8_t version)
{
    for (size_t i = 0; i < n; i++) {
        if (!peer_open(&peers[i], address, version)) {
            load_fail("the switch does not answer");
        }
    }
}

static void must_finish(struct peer *peers, size_t n)
{
    if (!finish(peers, n)) {
        load_fail("the switch has closed the connection");
    }
}

/* ---- commands ---- */

static enum flow_mod_command command_of(const char *op)
{
    return strcmp(op, "modify") == 0 ? FLOW_MOD_MODIFY_STRICT : strcmp(op, "delete") == 0 ? FLOW_MOD_DELETE_STRICT : FLOW_MOD_ADD;
}

static struct shape shape_of(const struct load *load)
{
    struct shape shape = {.command = command_of(load_text(load, "op", "add")), .n_masks = (uint32_t)load_number(load, "masks", 1),
                          .table = (uint8_t)load_number(load, "table", 0), .port = (uint32_t)load_number(load, "port", 2)};
    if (shape.n_masks > MASKS_MAX) {
        load_fail("masks: at most 100");
    }
    return shape;
}

static int mods(struct load *load, const char *address)
{
    uint8_t version = (uint8_t)load_number(load, "version", OF_VERSION_14);
    uint32_t n = (uint32_t)load_number(load, "rules", 100000), first = (uint32_t)load_number(load, "first", 0);
    uint32_t n_peers = (uint32_t)load_number(load, "connections", 1), bundle = (uint32_t)load_number(load, "bundle", 0);
    struct shape shape = shape_of(load);
    static struct peer peers[CONNECTIONS_MAX];

    if (n_peers == 0 || n_peers > CONNECTIONS_MAX) {
        load_fail("connections: 1 to 64");
    }
    open_peers(peers, n_peers, address, version);
    for (uint32_t i = 0; i < n_peers; i++) {
        uint32_t from = (uint32_t)((uint64_t)n * i / n_peers), to = (uint32_t)((uint64_t)n * (i + 1) / n_peers);
        for (uint32_t at = from; at < to; at += bundle == 0 ? 1 : bundle) {
            if (bundle == 0) {
                put_flow_mod(&peers[i].output, version, first + at, &shape);
            } else {
                put_bundle(&peers[i].output, version, at + 1, first + at, to - at < bundle ? to - at : bundle, &shape);
                peers[i].n_awaited++;
            }
        }
        put_simple(&peers[i].output, version, OF_BARRIER_REQUEST, UINT32_MAX);
        peers[i].n_awaited++;
        shape.table += n_peers > 1 ? 1 : 0;
    }
    uint64_t begin_ns = clock_now_ns();
    must_finish(peers, n_peers);
    double seconds = (double)(clock_now_ns() - begin_ns) / (double)NS_PER_S;
    size_t n_errors = 0;
    for (uint32_t i = 0; i < n_peers; i++) {
        n_errors += peers[i].n_errors;
        peer_close(&peers[i]);
    }
    printf("{\"rules\": %u, \"seconds\": %.6f, \"per_second\": %.1f, \"errors\": %zu}\n", n, seconds, n / seconds, n_errors);
    return 0;
}

static int barriers(struct load *load, const char *address)
{
    uint32_t n = (uint32_t)load_number(load, "count", 2000), first = (uint32_t)load_number(load, "first", 0);
    struct shape shape = shape_of(load);
    struct peer peer;

    open_peers(&peer, 1, address, OF_VERSION_14);
    load->begin_ns = clock_now_ns();
    for (uint32_t i = 0; i < n; i++) {
        writer_clear(&peer.output);
        peer.sent = 0;
        put_flow_mod(&peer.output, peer.version, first + i, &shape);
        put_simple(&peer.output, peer.version, OF_BARRIER_REQUEST, i);
        peer.n_awaited = 1;
        uint64_t sent_ns = clock_now_ns();
        must_finish(&peer, 1);
        load_answer(load, sent_ns, clock_now_ns(), false);
    }
    load->n_errors = peer.n_errors;
    printf("{");
    load_report(load);
    peer_close(&peer);
    return 0;
}

/* Asynchronous messages, whole packets. */
static void want_packets(struct peer *peer)
{
    struct of_message config = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 0xffff}};

    put(&peer->output, peer->version, &config);
    put_simple(&peer->output, peer->version, OF_BARRIER_REQUEST, 1);
    peer->n_awaited = 1;
    must_finish(peer, 1);
}

static int packets(struct load *load, const char *address)
{
    struct peer peer;

    open_peers(&peer, 1, address, OF_VERSION_14);
    want_packets(&peer);
    printf("listening\n"); /* so that traffic begins now */
    (void)fflush(stdout);
    load_begin(load);
    size_t before = 0;
    bool is_begun = false;
    while (clock_now_ns() < load->end_ns) {
        if (!turn(&peer, 1, 10)) {
            load_fail("the switch has closed the connection");
        }
        if (!is_begun && clock_now_ns() >= load->begin_ns) {
            is_begun = true;
            before = peer.n_packets;
            load->begin_ns = clock_now_ns();
        }
    }
    double seconds = (double)(clock_now_ns() - load->begin_ns) / (double)NS_PER_S;
    printf("{\"per_second\": %.1f, \"packets\": %zu, \"errors\": %zu}\n", (double)(peer.n_packets - before) / seconds, peer.n_packets,
           peer.n_errors);
    peer_close(&peer);
    return 0;
}

static void put_packet_out(struct peer *peer, uint32_t number)
{
    uint8_t frame[PACKET_SIZE] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    struct action to_table = {.type = ACTION_OUTPUT, .output = {.port = PORT_TABLE}};
    struct of_message message = {.type = OF_PACKET_OUT, .xid = number, .packet_out = {.buffer_id = OF_NO_BUFFER, .in_port = 1,
        .actions = {.items = &to_table, .count = 1}, .data = frame, .data_size = sizeof frame}};

    put_number(frame + 14, number);
    put(&peer->output, peer->version, &message);
}

static int turns(struct load *load, const char *address)
{
    uint32_t n = (uint32_t)load_number(load, "count", 2000), window = (uint32_t)load_number(load, "window", 1);
    struct peer peer;

    open_peers(&peer, 1, address, OF_VERSION_14);
    want_packets(&peer);
    load->begin_ns = clock_now_ns();
    for (uint32_t done = 0; done < n; done += window) {
        writer_clear(&peer.output);
        peer.sent = 0;
        size_t until = peer.n_packets + window;
        for (uint32_t i = 0; i < window; i++) {
            put_packet_out(&peer, done + i);
        }
        uint64_t sent_ns = clock_now_ns();
        while (peer.n_packets < until) {
            if (!turn(&peer, 1, 100)) {
                load_fail("the switch has closed the connection");
            }
            if (clock_now_ns() > sent_ns + 5 * NS_PER_S) {
                load_fail("a packet did not come back");
            }
        }
        load_answer(load, sent_ns, clock_now_ns(), false);
    }
    load->n_errors = peer.n_errors;
    printf("{\"window\": %u, ", window);
    load_report(load);
    peer_close(&peer);
    return 0;
}

/* One try; what has been reached is noted. */
static bool try_ready(const char *address, struct shape *shape, uint64_t *answered_ns)
{
    struct peer peer;

    if (!peer_open(&peer, address, OF_VERSION_14)) {
        return false;
    }
    if (*answered_ns == 0) {
        *answered_ns = clock_now_ns();
    }
    shape->command = FLOW_MOD_ADD;
    put_flow_mod(&peer.output, peer.version, PROBE_RULE, shape);
    shape->command = FLOW_MOD_DELETE_STRICT;
    put_flow_mod(&peer.output, peer.version, PROBE_RULE, shape);
    put_simple(&peer.output, peer.version, OF_BARRIER_REQUEST, 2);
    peer.n_awaited = 1;
    bool is_done = finish(&peer, 1) && peer.n_errors == 0;
    peer_close(&peer);
    return is_done;
}

static int ready(struct load *load, const char *address)
{
    struct shape shape = shape_of(load);
    uint64_t begin_ns = clock_now_ns(), answered_ns = 0;

    while (!try_ready(address, &shape, &answered_ns)) {
        if (clock_now_ns() > deadline_ns) {
            load_fail("the switch is not ready in time");
        }
        struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    printf("{\"answered_ms\": %.1f, \"changed_ms\": %.1f}\n", (double)(answered_ns - begin_ns) / 1e6, (double)(clock_now_ns() - begin_ns) / 1e6);
    (void)load;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct load *load, const char *address);
    } commands[] = {{"mods", mods}, {"barriers", barriers}, {"packets", packets}, {"turns", turns}, {"ready", ready}};
    struct load load = {.argc = argc, .argv = argv};

    if (argc < 3) {
        load_fail("openflow_load ADDRESS COMMAND KEY=VALUE...");
    }
    deadline_ns = clock_now_ns() + (uint64_t)(load_seconds(&load, "patience", 240) * (double)NS_PER_S);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[2], commands[i].name) == 0) {
            return commands[i].run(&load, argv[1]);
        }
    }
    load_fail("mods, barriers, packets, turns or ready");
    return 2;
}
