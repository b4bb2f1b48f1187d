/* ovsdb_load SOCKET COMMAND [KEY=VALUE...]: the same load as config_load.c, for ovsdb-server with the schema of bench.ovsschema.
 *
 *   prepare  rows=N ports=N
 *   write    class=rule|config op=insert|update clients=N window=N seconds=S warm=S durable=0|1 readers=N
 *   reach    readers=N
 *   read     by=uuid|name rows=N window=N seconds=S       select of one row of N
 *
 * As lean as can be, so that what is measured is the server: requests are strings made before the clock runs, what comes in is
 * looked at only for where a message ends, whether it says "error" and, for readers, how many updates it has. A request's id is its place in the window. All
 * sockets wait in one epoll; what is due on one is written at once. One thread. Prints one line of JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/tools/load.h"

enum { CLIENTS_MAX = 4096, WINDOW_MAX = 256, EVENTS_MAX = 256, READ_BYTES = 64 * 1024, HEAD_BYTES = 96 };

struct client {
    int fd;
    bool is_reader;
    int depth; /* of braces, in what came so far */
    bool in_string, is_escaped;
    char head[HEAD_BYTES]; /* how the message begins */
    char tail[HEAD_BYTES]; /* and how it goes on, the last of it, as a ring */
    size_t size;           /* of the message so far */
    bool has_error;
    uint64_t sent_ns[WINDOW_MAX];
    uint64_t n_sent, n_answered;
    uint64_t n_updates; /* a reader's */
};

struct request {
    char *text;
    size_t size;
};

struct generator {
    struct load load;
    int epoll_fd;
    struct client *clients;
    size_t n_clients;
    struct request *requests;
    size_t n_requests, next_request;
    size_t window;
    uint64_t reached, target;
    char **uuids;
    size_t n_uuids;
};

static void open_epoll(struct generator *g)
{
    g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

static void connect_client(struct generator *g, bool is_reader)
{
    struct client *client = &g->clients[g->n_clients];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", g->load.argv[1]);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client->is_reader = is_reader;
    for (int tries = 0; connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0; tries++) {
        if (tries > 1000) {
            load_fail("ovsdb-server cannot be connected to");
        }
        usleep(10000);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)g->n_clients};
    if (epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0) {
        load_fail("epoll");
    }
    g->n_clients++;
}

static void write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0) {
            load_fail("write");
        }
        bytes += n;
        size -= (size_t)n;
    }
}

static void send_next(struct generator *g, struct client *client)
{
    const struct request *request = &g->requests[g->next_request++ % g->n_requests];
    client->sent_ns[client->n_sent++ % WINDOW_MAX] = clock_now_ns();
    write_all(client->fd, request->text, request->size);
}

/* A whole message has come; a client's answers come in the order of its requests. */
static void on_message(struct generator *g, struct client *client)
{
    size_t kept = client->size < HEAD_BYTES ? client->size : HEAD_BYTES;
    bool is_update = memmem(client->head, kept, "\"method\":\"update", strlen("\"method\":\"update")) != NULL;
    if (client->is_reader) {
        client->n_updates += is_update ? 1 : 0;
        g->reached += is_update && client->n_updates == g->target ? 1 : 0;
        client->n_answered += is_update ? 0 : 1; /* of `monitor`: the rows there are */
        return;
    }
    if (client->has_error) {
        fprintf(stderr, "load: refused: %.*s\n", (int)kept, client->head);
    }
    load_answer(&g->load, client->sent_ns[client->n_answered++ % WINDOW_MAX], clock_now_ns(), client->has_error);
}

/* "error":" and "error":{ are refusals; "error":null is none. */
static void look_for_error(struct client *client)
{
    static const char word[] = "\"error\":";
    size_t n = sizeof word - 1;
    bool is_same = client->size > n;
    for (size_t i = 0; is_same && i < n; i++) {
        is_same = client->tail[(client->size - 1 - n + i) % HEAD_BYTES] == word[i];
    }
    client->has_error = client->has_error || (is_same && client->tail[(client->size - 1) % HEAD_BYTES] != 'n');
}

static void keep_uuid(struct generator *g, const char *at)
{
    g->uuids = memory_resize(g->uuids, (g->n_uuids + 1) * sizeof *g->uuids);
    g->uuids[g->n_uuids++] = memory_format("%.36s", at);
}

static void on_bytes(struct generator *g, struct client *client, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        client->head[client->size < HEAD_BYTES ? client->size : HEAD_BYTES - 1] = c;
        client->tail[client->size % HEAD_BYTES] = c;
        client->size++;
        if (client->in_string) {
            client->in_string = client->is_escaped || c != '"';
            client->is_escaped = !client->is_escaped && c == '\\';
            continue;
        }
        client->in_string = c == '"';
        if (!client->is_reader && client->size > 8 && (c == '"' || c == '{' || c == 'n') &&
            client->tail[(client->size - 2) % HEAD_BYTES] == ':') {
            look_for_error(client);
        }
        client->depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        if (c == '}' && client->depth == 0) {
            on_message(g, client);
            client->size = 0;
            client->has_error = false;
        }
    }
}

static void wait_and_read(struct generator *g, int timeout_ms)
{
    static char bytes[READ_BYTES];
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(g->epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct client *client = &g->clients[events[i].data.u32];
        ssize_t size = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN)) {
            load_fail("ovsdb-server has closed a connection");
        }
        if (size > 0) {
            on_bytes(g, client, bytes, (size_t)size);
        }
    }
}

/* ---- requests ---- */

static void add_request(struct generator *g, char *operations)
{
    g->requests = memory_resize(g->requests, (g->n_requests + 1) * sizeof *g->requests);
    char *text = memory_format("{\"method\":\"transact\",\"params\":[\"Bench\",%s],\"id\":%zu}", operations, g->n_requests);
    g->requests[g->n_requests++] = (struct request){.text = text, .size = strlen(text)};
    free(operations);
}

static char *rule_of(size_t n)
{
    return memory_format("\"match\":[\"map\",[[\"eth_type\",\"0x800\"],[\"ipv4_dst\",\"10.%zu.%zu.%zu\"]]],\"cookie\":%zu", n >> 16 & 255,
                         n >> 8 & 255, n & 255, n);
}

static char *insert_rule(size_t n, const char *commit)
{
    char *rule = rule_of(n);
    char *text = memory_format("{\"op\":\"insert\",\"table\":\"Rule\",\"row\":{\"name\":\"r%zu\",\"bridge\":1,\"priority\":100,"
                               "\"actions\":\"output:2\",%s}}%s",
                               n, rule, commit);
    free(rule);
    return text;
}

static char *insert_port(size_t n, const char *commit)
{
    return memory_format("{\"op\":\"insert\",\"table\":\"Port\",\"row\":{\"name\":\"p%zu\",\"bridge\":1,\"type\":\"null\",\"tag\":%zu}}%s", n,
                         n % 4094 + 1, commit);
}

static char *update_row(bool is_rule, const char *uuid, size_t n, const char *commit)
{
    char *row = is_rule ? rule_of(n) : memory_format("\"tag\":%zu", n % 4094 + 1);
    char *text = memory_format("{\"op\":\"update\",\"table\":\"%s\",\"where\":[[\"_uuid\",\"==\",[\"uuid\",\"%s\"]]],\"row\":{%s}}%s",
                               is_rule ? "Rule" : "Port", uuid, row, commit);
    free(row);
    return text;
}

/* The ids of the first n rows of a table, asked from the server. */
static void ask_uuids(struct generator *g, const char *table, size_t n)
{
    char *text = memory_format("{\"method\":\"transact\",\"params\":[\"Bench\",{\"op\":\"select\",\"table\":\"%s\",\"where\":[],\"columns\":"
                               "[\"_uuid\"]}],\"id\":0}",
                               table);
    struct client *client = &g->clients[0];
    static char bytes[READ_BYTES + 64];
    size_t kept = 0;
    write_all(client->fd, text, strlen(text));
    free(text);
    client->n_sent++;
    while (client->n_answered < client->n_sent) {
        ssize_t size = read(client->fd, bytes + kept, READ_BYTES);
        if (size <= 0) {
            load_fail("the ids of the rows cannot be read");
        }
        on_bytes(g, client, bytes + kept, (size_t)size);
        size_t all = kept + (size_t)size;
        const char *at = bytes;
        const char *next;
        while ((next = memmem(at, all - (size_t)(at - bytes), "\"uuid\",\"", 8)) != NULL && next + 44 <= bytes + all) {
            keep_uuid(g, next + 8);
            at = next + 44;
        }
        kept = all - (size_t)(at - bytes) < 60 ? all - (size_t)(at - bytes) : 60;
        memmove(bytes, bytes + all - kept, kept);
    }
    if (g->n_uuids < n) {
        load_fail("there are fewer rows than rows=");
    }
    g->load.n_answers = g->load.n_latencies = 0;
}

static void make_requests(struct generator *g, size_t n)
{
    bool is_rule = strcmp(load_text(&g->load, "class", "rule"), "rule") == 0;
    bool is_insert = strcmp(load_text(&g->load, "op", "update"), "insert") == 0;
    const char *commit = load_number(&g->load, "durable", 0) != 0 ? ",{\"op\":\"commit\",\"durable\":true}" : "";
    size_t salt = clock_now_ns() % 1000000 * 1000;
    size_t n_rows = load_number(&g->load, "rows", 1000);
    if (!is_insert) {
        ask_uuids(g, is_rule ? "Rule" : "Port", n_rows);
    }
    for (size_t i = 0; i < n; i++) {
        add_request(g, !is_insert ? update_row(is_rule, g->uuids[i % n_rows], salt + i, commit)
                       : is_rule ? insert_rule(salt + i, commit)
                                 : insert_port(salt + i, commit));
    }
}

/* ---- commands ---- */

static void run_requests(struct generator *g, size_t n_writers)
{
    load_begin(&g->load);
    while (clock_now_ns() < g->load.end_ns) {
        for (size_t i = 0; i < n_writers; i++) {
            while (g->clients[i].n_sent - g->clients[i].n_answered < g->window) {
                send_next(g, &g->clients[i]);
            }
        }
        wait_and_read(g, 100);
    }
}

static void prepare(struct generator *g)
{
    open_epoll(g);
    connect_client(g, false);
    for (size_t i = 0; i < load_number(&g->load, "rows", 1000); i++) {
        add_request(g, insert_rule(i, ""));
    }
    for (size_t i = 0; i < load_number(&g->load, "ports", 1000); i++) {
        add_request(g, insert_port(i, ""));
    }
    struct client *client = &g->clients[0];
    while (client->n_answered < g->n_requests) {
        while (client->n_sent < g->n_requests && client->n_sent - client->n_answered < 64) {
            send_next(g, client);
        }
        wait_and_read(g, 100);
    }
    printf("{");
}

static void monitor(struct generator *g, size_t n_readers)
{
    static const char text[] = "{\"method\":\"monitor\",\"params\":[\"Bench\",0,{\"Rule\":{}}],\"id\":0}";
    for (size_t i = 0; i < n_readers; i++) {
        connect_client(g, true);
        write_all(g->clients[g->n_clients - 1].fd, text, sizeof text - 1);
    }
    for (size_t i = 0; i < g->n_clients; i++) {
        while (g->clients[i].is_reader && g->clients[i].n_answered == 0) {
            wait_and_read(g, 100);
        }
    }
}

/* The readers' process: until all have had as many updates as the writer says it made. */
static void follow(struct generator *g, const struct load_pipes *pipes)
{
    struct pollfd asked = {.fd = pipes->from_parent, .events = POLLIN};
    uint64_t last = 0, behind = 0, n_messages = 0;
    monitor(g, load_number(&g->load, "readers", 0));
    load_say(pipes->to_parent, "r", 1);
    while (poll(&asked, 1, 0) == 0) {
        wait_and_read(g, 10);
    }
    if (read(pipes->from_parent, &last, sizeof last) != sizeof last) {
        load_fail("the writer is gone");
    }
    uint64_t begin_ns = clock_now_ns();
    for (size_t i = 0; i < g->n_clients; i++) {
        while (g->clients[i].n_updates < last && clock_now_ns() - begin_ns < 20 * NS_PER_S) {
            wait_and_read(g, 10);
        }
        behind += g->clients[i].n_updates < last ? 1 : 0;
        n_messages += g->clients[i].n_updates;
    }
    char *text = memory_format("\"readers_behind\": %zu, \"readers_caught_up_ms\": %.1f, \"feed_messages\": %zu, ", behind,
                               (double)(clock_now_ns() - begin_ns) / 1e6, n_messages);
    load_say(pipes->to_parent, text, strlen(text));
    exit(0);
}

static void write_rows(struct generator *g)
{
    size_t n_writers = load_number(&g->load, "clients", 1);
    bool has_readers = load_number(&g->load, "readers", 0) > 0;
    bool is_insert = strcmp(load_text(&g->load, "op", "update"), "insert") == 0;
    struct load_pipes pipes;
    if (has_readers && load_fork(&pipes) == 0) {
        open_epoll(g);
        follow(g, &pipes);
    }
    open_epoll(g);
    for (size_t i = 0; i < n_writers; i++) {
        connect_client(g, false);
    }
    make_requests(g, is_insert ? load_number(&g->load, "requests", 300000) : 10000);
    if (has_readers) {
        load_await_ready(&pipes);
    }
    run_requests(g, n_writers);
    uint64_t n_answered = 0;
    for (size_t i = 0; i < n_writers; i++) {
        n_answered += g->clients[i].n_answered;
    }
    printf("{");
    if (has_readers) {
        load_last(&pipes, n_answered - (is_insert ? 0 : 1)); /* less the question for ids */
    }
}

static void reach(struct generator *g)
{
    open_epoll(g);
    connect_client(g, false);
    make_requests(g, 10000);
    monitor(g, load_number(&g->load, "readers", 1000));
    struct load whole = {.argc = g->load.argc, .argv = g->load.argv};
    load_begin(&whole);
    while (clock_now_ns() < whole.end_ns) {
        uint64_t sent_ns = clock_now_ns();
        g->target++;
        g->reached = 0;
        send_next(g, &g->clients[0]);
        while (g->reached < g->n_clients - 1 || g->clients[0].n_answered < g->clients[0].n_sent) {
            wait_and_read(g, 100);
            if (clock_now_ns() - sent_ns > 10 * NS_PER_S) {
                load_fail("a reader did not get an update within 10 s");
            }
        }
        load_answer(&whole, sent_ns, clock_now_ns(), g->load.n_errors > 0);
    }
    free(g->load.latencies_ns);
    g->load = whole;
    printf("{");
}

static void read_rows(struct generator *g)
{
    size_t n_rows = load_number(&g->load, "rows", 100000);
    bool is_uuid = strcmp(load_text(&g->load, "by", "uuid"), "uuid") == 0;
    uint64_t k = 1;
    open_epoll(g);
    connect_client(g, false);
    if (is_uuid) {
        ask_uuids(g, "Rule", n_rows);
    }
    for (size_t i = 0; i < 10000; i++) {
        k = k * 2862933555777941757ull + 3037000493ull;
        size_t row = (k >> 20) % n_rows;
        char *where = is_uuid ? memory_format("[\"_uuid\",\"==\",[\"uuid\",\"%s\"]]", g->uuids[row]) : memory_format("[\"name\",\"==\",\"r%zu\"]", row);
        add_request(g, memory_format("{\"op\":\"select\",\"table\":\"Rule\",\"where\":[%s]}", where));
        free(where);
    }
    run_requests(g, 1);
    printf("{");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct generator *g);
    } commands[] = {{"prepare", prepare}, {"write", write_rows}, {"reach", reach}, {"read", read_rows}};
    struct generator g = {.load = {.argc = argc, .argv = argv}};
    struct rlimit limit = {.rlim_cur = 16384, .rlim_max = 16384};
    if (argc < 3) {
        load_fail("arguments: SOCKET COMMAND [KEY=VALUE...]");
    }
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    g.clients = memory_array(CLIENTS_MAX, sizeof *g.clients);
    g.window = load_number(&g.load, "window", 1);
    if (g.window > WINDOW_MAX) {
        load_fail("window is too large");
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[2], commands[i].name) == 0) {
            commands[i].run(&g);
            load_report(&g.load);
            return g.load.n_errors == 0 ? 0 : 1; /* the rest goes with the process */
        }
    }
    load_fail("there is no such command");
}
