/* config_load RUN_DIR COMMAND [KEY=VALUE...]: transactions for configdb as fast as it answers, and readers of its feed.
 *
 *   prepare  rows=N                 a bridge, its owner, N ports of type null and N rules: what the others change
 *   write    class=rule|config op=insert|update clients=N window=N seconds=S warm=S readers=N
 *            merged=0|1 (1: the readers take many commits as one)
 *            each client keeps `window` transactions of one row unanswered; `readers` follow the feed of the written table and acknowledge
 *   reach    readers=N              one transaction at a time, the next when all readers have its version: the time until the last has it
 *   read     seconds=S              rows by key as a client reads them: from the mirror of lib/cfg
 *
 * Writers and readers speak the wire themselves (proto/README.md, "config"), each over a socket of lib/bus under an identity of its own, because a
 * process has one identity and here are a thousand; `read` is lib/cfg. All sockets wait in one epoll. Ids of the prepared rows count from 1, as in
 * an empty database they do. Prints one line of JSON. One thread.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/bus/bus.h"
#include "lib/cfg/cfg.h"
#include "tests/bench/tools/load.h"

enum { WINDOW_MAX = 64 /* what the wire allows a writer */, CLIENTS_MAX = 4096, EVENTS_MAX = 256, BODY_MAX = 4096 };

struct client {
    struct bus *bus;
    struct bus_socket *socket;
    uint64_t next, oldest;    /* transactions: the next number, the lowest unanswered */
    uint64_t sent_ns[WINDOW_MAX];
    bool is_answered[WINDOW_MAX];
    bool is_reader;
    uint64_t version;         /* a reader's */
    bool has_snapshot;
};

struct generator {
    struct load load;
    char endpoint[256];
    int epoll_fd;
    struct client *clients;
    size_t n_clients, n_writers;
    enum cfg_table table;
    bool is_insert;
    size_t window, n_rows, row;
    uint64_t salt;       /* makes each change one */
    uint64_t reached;    /* how many readers have version `target` */
    uint64_t target;
    uint64_t lost;       /* versions a reader did not see in order */
    uint64_t n_deltas;   /* messages of the feed */
    bool is_merged;      /* readers take many commits as one */
    uint64_t newest;     /* version of the last reply */
    size_t n_replies;
};

static bool drain(struct generator *g, struct client *client);

static void say(struct generator *g, struct client *client, enum message_type type, const ProtobufCMessage *message)
{
    uint8_t body[BODY_MAX];
    size_t size = protobuf_c_message_get_packed_size(message);
    uint64_t deadline_ns = clock_now_ns() + 10 * NS_PER_S;
    int err;
    if (size > sizeof body) {
        load_fail("a message is too large");
    }
    protobuf_c_message_pack(message, body);
    while ((err = bus_send(client->socket, NULL, type, body, size)) == -EAGAIN && clock_now_ns() < deadline_ns) {
        struct pollfd ready = {.fd = bus_fd(client->socket), .events = POLLIN};
        (void)poll(&ready, 1, 1);
        (void)drain(g, client); /* it may have to connect first */
    }
    if (err != 0) {
        load_fail(error_text(err));
    }
}

/* Not before a fork. */
static void open_epoll(struct generator *g)
{
    g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

static void open_client(struct generator *g, enum process_kind kind, bool is_reader)
{
    struct client *client = &g->clients[g->n_clients];
    if (g->n_clients == CLIENTS_MAX) {
        load_fail("too many clients");
    }
    const struct bus_identity self = {.kind = kind, .instance = (uint32_t)g->n_clients + 1, .start = clock_now_ns()};
    client->is_reader = is_reader;
    client->next = client->oldest = 1;
    client->bus = bus_zmq_new(&self);
    int err = bus_connect(client->bus, WIRE_CONFIG, g->endpoint, &client->socket);
    if (err != 0) {
        load_fail(error_text(err));
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)g->n_clients};
    if (epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, bus_fd(client->socket), &event) < 0) {
        load_fail("epoll");
    }
    g->n_clients++;
}

/* ---- writing ---- */

static void say_transaction(struct generator *g, struct client *client, Busbar__Op *const *ops, size_t n_ops)
{
    Busbar__Transact message = BUSBAR__TRANSACT__INIT;
    message.sequence = client->next;
    message.oldest = client->oldest;
    message.client = (char *)(uintptr_t) "load";
    message.ops = (Busbar__Op **)(uintptr_t)ops;
    message.n_ops = n_ops;
    client->is_answered[client->next % WINDOW_MAX] = false;
    client->sent_ns[client->next % WINDOW_MAX] = clock_now_ns();
    client->next++;
    say(g, client, MESSAGE_TRANSACT, &message.base);
}

static size_t pack_rule(struct generator *g, uint8_t *out_bytes)
{
    uint8_t address[4] = {10, (uint8_t)(g->salt >> 16), (uint8_t)(g->salt >> 8), (uint8_t)g->salt};
    uint8_t ethertype[2] = {8, 0};
    Busbar__FieldMatch matches[2] = {BUSBAR__FIELD_MATCH__INIT, BUSBAR__FIELD_MATCH__INIT};
    Busbar__FieldMatch *match[2] = {&matches[0], &matches[1]};
    matches[0].field = 0x80000005;
    matches[0].value = (ProtobufCBinaryData){.data = ethertype, .len = sizeof ethertype};
    matches[1].field = 0x8000000c;
    matches[1].value = (ProtobufCBinaryData){.data = address, .len = sizeof address};
    Busbar__ActionMessage action = BUSBAR__ACTION_MESSAGE__INIT;
    Busbar__ActionMessage *apply = &action;
    action.type = 1;
    action.number = 2;
    Busbar__InstructionsMessage instructions = BUSBAR__INSTRUCTIONS_MESSAGE__INIT;
    instructions.has_apply = true;
    instructions.apply = &apply;
    instructions.n_apply = 1;
    Busbar__RuleRow rule = BUSBAR__RULE_ROW__INIT;
    rule.bridge = 1;
    rule.priority = 100;
    rule.match = match;
    rule.n_match = 2;
    rule.instructions = &instructions;
    rule.cookie = g->salt;
    return busbar__rule_row__pack(&rule, out_bytes);
}

static size_t pack_port(struct generator *g, uint8_t *out_bytes)
{
    char name[16];
    (void)snprintf(name, sizeof name, "p%zu", g->salt);
    Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
    port.name = name;
    port.bridge = 1;
    port.type = (char *)(uintptr_t) "null";
    port.has_tag = true;
    port.tag = (uint32_t)(g->salt % 4094) + 1;
    return busbar__port_row__pack(&port, out_bytes);
}

/* One row changed, or a new one: a rule with its match and its cookie, or a port with its tag. */
static void transact(struct generator *g, struct client *client)
{
    static const char *const rule_columns[] = {"cookie", "match"};
    static const char *const port_columns[] = {"tag"};
    uint8_t value[512];
    bool is_rule = g->table == CFG_RULE;
    g->salt++;
    Busbar__Op op = BUSBAR__OP__INIT;
    Busbar__Op *ops = &op;
    op.kind = g->is_insert ? BUSBAR__OP_KIND__OP_INSERT : BUSBAR__OP_KIND__OP_UPDATE;
    op.table = (uint32_t)g->table;
    op.value.data = value;
    op.value.len = is_rule ? pack_rule(g, value) : pack_port(g, value);
    if (!g->is_insert) {
        op.id = (is_rule ? 1 : 2) + g->row++ % g->n_rows; /* port 1 is the bridge's own */
        op.columns = (char **)(uintptr_t)(is_rule ? rule_columns : port_columns);
        op.n_columns = is_rule ? 2 : 1;
    }
    say_transaction(g, client, &ops, 1);
}

static void on_reply(struct generator *g, struct client *client, const void *body, size_t size, uint64_t now_ns)
{
    Busbar__TransactReply *reply = busbar__transact_reply__unpack(NULL, size, body);
    if (reply == NULL || reply->sequence < client->oldest || reply->sequence >= client->next) {
        load_fail("a reply that was not asked for");
    }
    if (reply->error != 0 && g->load.n_errors == 0) {
        fprintf(stderr, "load: refused: %s\n", reply->text);
    }
    size_t slot = reply->sequence % WINDOW_MAX;
    client->is_answered[slot] = true;
    load_answer(&g->load, client->sent_ns[slot], now_ns, reply->error != 0);
    while (client->oldest < client->next && client->is_answered[client->oldest % WINDOW_MAX]) {
        client->oldest++;
    }
    g->newest = reply->version != NULL ? reply->version->n : g->newest;
    g->n_replies++;
    busbar__transact_reply__free_unpacked(reply, NULL);
}

/* ---- the feed ---- */

static void say_applied(struct generator *g, struct client *client, uint64_t epoch)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    Busbar__Applied message = BUSBAR__APPLIED__INIT;
    version.epoch = epoch;
    version.n = client->version;
    message.version = &version;
    say(g, client, MESSAGE_APPLIED, &message.base);
}

/* `first` to `last` have come, each whole. */
static void on_versions(struct generator *g, struct client *client, uint64_t first, uint64_t last)
{
    if (!client->has_snapshot || last <= client->version) {
        return;
    }
    g->lost += first > client->version + 1 ? 1 : 0;
    g->reached += g->target != 0 && client->version < g->target && last >= g->target ? 1 : 0;
    client->version = last;
}

static uint64_t varint(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    return value;
}

/* The version of a packed Delta, which begins with it. */
static uint64_t version_of(const uint8_t *delta, const uint8_t *end, uint64_t *out_epoch)
{
    delta += 3; /* tag and length of the version, tag of the epoch */
    *out_epoch = varint(&delta, end);
    delta++;
    return varint(&delta, end);
}

/* A thousand readers in one thread cannot afford to unpack each row: the first and last version and the number of Deltas are enough to
 * see that none is missing. */
static uint64_t on_batch(struct generator *g, struct client *client, const uint8_t *body, size_t size)
{
    const uint8_t *at = body, *end = body + size;
    uint64_t first = 0, last = 0, n = 0, epoch = 0;
    while (at < end) {
        at++; /* the tag */
        uint64_t length = varint(&at, end);
        if (length < 4 || length > (uint64_t)(end - at)) {
            load_fail("a batch that cannot be read");
        }
        first = n++ == 0 ? version_of(at, end, &epoch) : first;
        last = at + length == end ? version_of(at, end, &epoch) : last;
        at += length;
    }
    g->lost += last != first + n - 1 ? 1 : 0;
    on_versions(g, client, first, last);
    return epoch;
}

/* Version and `since` stand first. */
static uint64_t on_merged(struct generator *g, struct client *client, const uint8_t *body, size_t size)
{
    const uint8_t *end = body + size, *at = body + 2 + body[1];
    uint64_t epoch, last = version_of(body, end, &epoch);
    at++; /* the tag */
    on_versions(g, client, varint(&at, end), last);
    return epoch;
}

static void on_snapshot(struct generator *g, struct client *client, const Busbar__Snapshot *snapshot)
{
    if (snapshot->last) {
        g->lost += client->has_snapshot ? 1 : 0;
        client->has_snapshot = true;
        client->version = snapshot->version->n;
    }
}

static uint64_t on_feed(struct generator *g, struct client *client, uint32_t type, const void *body, size_t size)
{
    uint64_t epoch = 0;
    if (type == MESSAGE_DELTA) {
        uint64_t n = version_of(body, (const uint8_t *)body + size, &epoch); /* of one row, so of one piece */
        on_versions(g, client, n, n);
    } else if (type == MESSAGE_DELTA_BATCH) {
        epoch = on_batch(g, client, body, size);
    } else if (type == MESSAGE_DELTA_MERGED) {
        epoch = on_merged(g, client, body, size);
    } else if (type == MESSAGE_SNAPSHOT) {
        Busbar__Snapshot *snapshot = busbar__snapshot__unpack(NULL, size, body);
        on_snapshot(g, client, snapshot);
        epoch = snapshot->version->epoch;
        busbar__snapshot__free_unpacked(snapshot, NULL);
    }
    g->n_deltas++;
    return epoch;
}

/* Everything that came for one client; whether something did. */
static bool drain(struct generator *g, struct client *client)
{
    uint64_t epoch = 0;
    bool is_any = false;
    struct bus_message message;
    for (; bus_recv(client->socket, &message) == 0; is_any = true) {
        if (message.type == MESSAGE_TRANSACT_REPLY) {
            on_reply(g, client, message.body, message.size, clock_now_ns());
        } else {
            uint64_t of = on_feed(g, client, message.type, message.body, message.size);
            epoch = of != 0 ? of : epoch;
        }
        bus_message_fini(&message);
    }
    if (client->is_reader && epoch != 0 && client->has_snapshot) {
        say_applied(g, client, epoch);
    }
    return is_any;
}

static void wait_and_drain(struct generator *g, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(g->epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < n; i++) {
        (void)drain(g, &g->clients[events[i].data.u32]);
    }
}

static void subscribe(struct generator *g, size_t n_readers)
{
    uint32_t table = (uint32_t)g->table;
    uint64_t deadline_ns = clock_now_ns() + 60 * NS_PER_S;
    for (size_t i = 0; i < n_readers; i++) {
        open_client(g, PROCESS_SLOWPATH, true);
        Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
        message.tables = &table;
        message.n_tables = 1;
        message.takes_merged = g->is_merged;
        message.takes_batches = true;
        say(g, &g->clients[g->n_clients - 1], MESSAGE_SUBSCRIBE, &message.base);
        wait_and_drain(g, 0);
    }
    for (size_t i = 0; i < g->n_clients; i++) {
        while (g->clients[i].is_reader && !g->clients[i].has_snapshot) {
            wait_and_drain(g, 100);
            if (clock_now_ns() > deadline_ns) {
                load_fail("a reader got no snapshot");
            }
        }
    }
}

/* ---- commands ---- */

static void open_writers(struct generator *g, enum process_kind kind)
{
    g->n_writers = load_number(&g->load, "clients", 1);
    for (size_t i = 0; i < g->n_writers; i++) {
        open_client(g, kind, false);
    }
}

static void wait_replies(struct generator *g, size_t n)
{
    uint64_t deadline_ns = clock_now_ns() + 60 * NS_PER_S;
    while (g->n_replies < n) {
        wait_and_drain(g, 100);
        if (clock_now_ns() > deadline_ns) {
            load_fail("no answer");
        }
    }
}

static void prepare(struct generator *g)
{
    uint8_t bytes[512];
    Busbar__Op op = BUSBAR__OP__INIT;
    Busbar__Op *ops = &op;
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;
    open_epoll(g);
    open_client(g, PROCESS_SWCTL, false);
    open_client(g, PROCESS_OFAGENT, false);
    bridge.name = (char *)(uintptr_t) "br0";
    op.kind = BUSBAR__OP_KIND__OP_INSERT;
    op.table = CFG_BRIDGE;
    op.value = (ProtobufCBinaryData){.data = bytes, .len = busbar__bridge_row__pack(&bridge, bytes)};
    say_transaction(g, &g->clients[0], &ops, 1);
    wait_replies(g, 1);
    g->is_insert = true;
    for (int kind = 0; kind < 2; kind++) {
        size_t n = load_number(&g->load, kind == 0 ? "ports" : "rows", 1000);
        g->table = kind == 0 ? CFG_PORT : CFG_RULE;
        for (size_t i = 0; i < n; i++) {
            struct client *client = &g->clients[kind];
            while (client->next - client->oldest >= WINDOW_MAX) {
                wait_and_drain(g, 100);
            }
            transact(g, client);
        }
        while (g->clients[kind].oldest < g->clients[kind].next) {
            wait_and_drain(g, 100);
        }
    }
    printf("{");
}

/* The readers' process: until all have the version that the writer names at its end. */
static void follow(struct generator *g, const struct load_pipes *pipes)
{
    struct pollfd asked = {.fd = pipes->from_parent, .events = POLLIN};
    uint64_t last = 0, behind = 0;
    subscribe(g, load_number(&g->load, "readers", 0));
    load_say(pipes->to_parent, "r", 1);
    while (poll(&asked, 1, 0) == 0) {
        wait_and_drain(g, 10);
    }
    if (read(pipes->from_parent, &last, sizeof last) != sizeof last) {
        load_fail("the writer is gone");
    }
    uint64_t begin_ns = clock_now_ns();
    for (size_t i = 0; i < g->n_clients; i++) {
        while (g->clients[i].version < last && clock_now_ns() - begin_ns < 10 * NS_PER_S) {
            wait_and_drain(g, 10);
        }
        behind += g->clients[i].version < last ? 1 : 0;
    }
    char *text = memory_format("\"readers_lost\": %zu, \"readers_behind\": %zu, \"readers_caught_up_ms\": %.1f, \"feed_messages\": %zu, ", g->lost,
                               behind, (double)(clock_now_ns() - begin_ns) / 1e6, g->n_deltas);
    load_say(pipes->to_parent, text, strlen(text));
    exit(0);
}

static void write_rows(struct generator *g)
{
    bool is_rule = strcmp(load_text(&g->load, "class", "rule"), "rule") == 0;
    bool has_readers = load_number(&g->load, "readers", 0) > 0;
    struct load_pipes pipes;
    g->table = is_rule ? CFG_RULE : CFG_PORT;
    g->is_insert = strcmp(load_text(&g->load, "op", "update"), "insert") == 0;
    if (has_readers && load_fork(&pipes) == 0) {
        open_epoll(g);
        follow(g, &pipes);
    }
    open_epoll(g);
    open_writers(g, is_rule ? PROCESS_OFAGENT : PROCESS_SWCTL);
    if (has_readers) {
        load_await_ready(&pipes);
    }
    load_begin(&g->load);
    while (clock_now_ns() < g->load.end_ns) {
        for (size_t i = 0; i < g->n_writers; i++) {
            bus_hold(g->clients[i].socket); /* as lib/cfg does */
            while (g->clients[i].next - g->clients[i].oldest < g->window) {
                transact(g, &g->clients[i]);
            }
            bus_flush(g->clients[i].socket);
        }
        wait_and_drain(g, 100);
    }
    printf("{");
    if (has_readers) {
        load_last(&pipes, g->newest);
    }
}

static void reach(struct generator *g)
{
    struct load whole = g->load;
    g->table = CFG_RULE;
    open_epoll(g);
    open_client(g, PROCESS_OFAGENT, false);
    subscribe(g, load_number(&g->load, "readers", 1000));
    load_begin(&whole);
    while (clock_now_ns() < whole.end_ns) {
        uint64_t sent_ns = clock_now_ns();
        g->target = g->clients[1].version + 1;
        g->reached = 0;
        transact(g, &g->clients[0]);
        while (g->reached < g->n_clients - 1 || g->clients[0].oldest < g->clients[0].next) {
            wait_and_drain(g, 100);
            if (clock_now_ns() - sent_ns > 10 * NS_PER_S) {
                load_fail("a reader did not get a version within 10 s");
            }
        }
        load_answer(&whole, sent_ns, clock_now_ns(), g->load.n_errors > 0);
    }
    printf("{\"readers_lost\": %zu, ", g->lost);
    g->load = whole;
}

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    (void)context, (void)table, (void)id, (void)before, (void)after;
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    (void)context, (void)version, (void)is_snapshot;
}

static void read_rows(struct generator *g)
{
    struct bus_identity self = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = clock_now_ns()};
    struct bus *bus = bus_zmq_new(&self);
    struct cfg_events events = {.on_row = on_row, .on_version = on_version};
    const enum cfg_table tables[] = {CFG_RULE};
    struct cfg *cfg;
    uint64_t n = 0, sum = 0, cursor = 0, id;
    const ProtobufCMessage *row;
    uint64_t asked_ns = clock_now_ns();
    if (cfg_new(bus, g->endpoint, tables, 1, &events, &cfg) != 0) {
        load_fail("cfg_new");
    }
    while (!cfg_has_snapshot(cfg)) {
        cfg_step(cfg, clock_now_ns());
        if (clock_now_ns() - asked_ns > 60 * NS_PER_S) {
            load_fail("no snapshot");
        }
    }
    double loaded_ms = (double)(clock_now_ns() - asked_ns) / 1e6;
    while (cfg_next(cfg, CFG_RULE, &cursor, &id, &row)) {
        n++;
    }
    load_begin(&g->load);
    g->load.begin_ns = clock_now_ns();
    for (uint64_t k = 1, now_ns = 0; now_ns < g->load.end_ns; k = (k * 2862933555777941757ull + 3037000493ull)) {
        const Busbar__RuleRow *rule = (const Busbar__RuleRow *)cfg_row(cfg, CFG_RULE, 1 + (k >> 20) % n);
        sum += rule != NULL ? rule->priority : 0;
        g->load.n_errors += rule == NULL ? 1 : 0;
        g->load.n_answers++;
        now_ns = g->load.n_answers % 1024 == 0 ? clock_now_ns() : now_ns;
        g->load.last_ns = now_ns != 0 ? now_ns : g->load.last_ns;
    }
    g->load.last_ns = clock_now_ns();
    cfg_destroy(&cfg);
    bus_destroy(&bus);
    printf("{\"rows\": %zu, \"loaded_ms\": %.1f, \"sum\": %zu, ", n, loaded_ms, sum);
}

static void raise_limits(void)
{
    struct rlimit limit = {.rlim_cur = 16384, .rlim_max = 16384};
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct generator *g);
    } commands[] = {{"prepare", prepare}, {"write", write_rows}, {"reach", reach}, {"read", read_rows}};
    struct generator g = {.load = {.argc = argc, .argv = argv}};
    if (argc < 3 || bus_endpoint(argv[1], WIRE_CONFIG, PROCESS_CONFIGDB, 1, g.endpoint, sizeof g.endpoint) != 0) {
        load_fail("arguments: RUN_DIR COMMAND [KEY=VALUE...]");
    }
    raise_limits();
    g.clients = memory_array(CLIENTS_MAX, sizeof *g.clients);
    g.window = load_number(&g.load, "window", 1);
    g.is_merged = load_number(&g.load, "merged", 1) == 1;
    g.n_rows = load_number(&g.load, "rows", 1000);
    g.salt = clock_now_ns() % 1000000 * 10;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[2], commands[i].name) == 0) {
            commands[i].run(&g);
            load_report(&g.load);
            for (size_t k = 0; k < g.n_clients; k++) {
                bus_destroy(&g.clients[k].bus);
            }
            if (g.epoll_fd > 0) {
                close(g.epoll_fd);
            }
            free(g.clients);
            return g.load.n_errors == 0 ? 0 : 1;
        }
    }
    load_fail("there is no such command");
}
