/* take_over RUN_DIR [rules=N] [small=M]: how long a reader by bridge waits for bridges that it adds, and for commits meanwhile.
 *
 * Of a configdb that is empty: one bridge gets N rules and another M; a reader that follows none then adds the small one, and after that the large one,
 * while a writer commits one rule of the small one after another. Told as a line of JSON for each: how long the bridge took, how long commits took from
 * their TRANSACT until the reader showed them, and the longest step of the reader (joining a million rows is one). One thread does all of it, writer and
 * reader in turns, so what it says of commits has the reader's work in it, as an ofagent's barrier has.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/cfg/cfg.h"

enum { SMALL, LARGE, BRIDGES, TXN_RULES = 2000, UNDER_WAY = 16 };
static const uint64_t PATIENCE_NS = 100 * NS_PER_S;

struct bench {
    struct cfg *configurer, *writer, *reader;
    uint64_t bridges[BRIDGES];
    size_t n_bridges, n_under_way;
    uint64_t newest, n_rules;
    /* of the bridge that is added */
    uint64_t sent_ns, sum_ns, worst_ns, step_ns;
    size_t n_shown;
};

static void fail(const char *what)
{
    fprintf(stderr, "take_over: %s\n", what);
    exit(1);
}

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    struct bench *b = context;
    if (table == CFG_BRIDGE && before == NULL && after != NULL && b->n_bridges < BRIDGES) {
        b->bridges[((const Busbar__BridgeRow *)after)->name[2] == '0' ? SMALL : LARGE] = id;
        b->n_bridges++;
    }
}

static void on_reader_version(void *context, struct version version, bool is_snapshot)
{
    cfg_applied(((struct bench *)context)->reader, version, NULL, 0);
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct bench *b = context;
    if (result->error != 0) {
        fail(result->text != NULL ? result->text : "a transaction was refused");
    }
    b->newest = result->version.n;
    b->n_under_way--;
}

static struct cfg *connect_as(struct bench *b, const char *run, enum process_kind kind, uint32_t instance, size_t n_tables, bool is_reader)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_RULE};
    const struct bus_identity self = {.kind = kind, .instance = instance, .start = random_start_number()};
    const struct cfg_events reads = {.on_version = on_reader_version, .context = b}, writes = {.on_row = on_row, .unshown = 1u << CFG_RULE, .context = b};
    char endpoint[256];
    struct cfg *cfg;
    struct bus *bus = bus_zmq_new(&self);
    if (bus == NULL || bus_endpoint(run, WIRE_CONFIG, PROCESS_CONFIGDB, 1, endpoint, sizeof endpoint) != 0 ||
        cfg_new(bus, endpoint, tables, n_tables, is_reader ? &reads : &writes, &cfg) != 0) {
        fail("configdb cannot be reached");
    }
    return cfg;
}

static void turn(struct cfg *cfg)
{
    struct pollfd fd = {.fd = cfg_fd(cfg), .events = POLLIN};
    cfg_step(cfg, clock_now_ns());
    (void)poll(&fd, 1, 1);
}

static void make_bridges(struct bench *b)
{
    struct cfg_txn *txn = cfg_txn_new("take_over");
    for (int i = 0; i < BRIDGES; i++) {
        char name[] = {'b', 'r', (char)('0' + i), '\0'};
        Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
        row.name = name;
        (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    }
    b->n_under_way++;
    cfg_transact(b->configurer, &txn, clock_now_ns() + PATIENCE_NS, on_done, b);
    while (b->n_under_way > 0) {
        turn(b->configurer);
    }
    while (b->n_bridges < BRIDGES) {
        turn(b->writer);
    }
}

static void insert_rule(struct bench *b, struct cfg_txn *txn, size_t bridge)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT, *matches[1] = {&match};
    uint64_t value = b->n_rules++;
    match.field = 1;
    match.value.data = (uint8_t *)&value;
    match.value.len = sizeof value;
    row.bridge = b->bridges[bridge];
    row.priority = 1;
    row.cookie = value;
    row.match = matches;
    row.n_match = 1;
    (void)cfg_txn_insert(txn, CFG_RULE, &row.base);
}

static void write_rules(struct bench *b, size_t bridge, uint64_t n)
{
    for (uint64_t left = n; left > 0;) {
        uint64_t count = left < TXN_RULES ? left : TXN_RULES;
        struct cfg_txn *txn = cfg_txn_new("take_over");
        for (uint64_t i = 0; i < count; i++) {
            insert_rule(b, txn, bridge);
        }
        left -= count;
        b->n_under_way++;
        cfg_transact(b->writer, &txn, clock_now_ns() + PATIENCE_NS, on_done, b);
        do {
            turn(b->writer);
        } while (b->n_under_way >= UNDER_WAY);
    }
    while (b->n_under_way > 0) {
        turn(b->writer);
    }
}

/* One commit of the small bridge, until the reader shows it; then the next. */
static void commit_on(struct bench *b)
{
    uint64_t now_ns = clock_now_ns();
    if (b->sent_ns != 0 && b->n_under_way == 0 && cfg_version(b->reader).n >= b->newest) {
        uint64_t took_ns = now_ns - b->sent_ns;
        b->sum_ns += took_ns;
        b->worst_ns = took_ns > b->worst_ns ? took_ns : b->worst_ns;
        b->n_shown++;
        b->sent_ns = 0;
    }
    if (b->sent_ns == 0) {
        struct cfg_txn *txn = cfg_txn_new("take_over");
        insert_rule(b, txn, SMALL);
        b->n_under_way++;
        cfg_transact(b->writer, &txn, now_ns + PATIENCE_NS, on_done, b);
        b->sent_ns = now_ns;
    }
}

static void add_bridge(struct bench *b, const char *name, size_t n_followed, bool has_commits)
{
    uint64_t begin_ns = clock_now_ns(), wanted = b->bridges[n_followed - 1];
    b->sent_ns = b->sum_ns = b->worst_ns = b->step_ns = b->n_shown = 0;
    cfg_follow_bridges(b->reader, b->bridges, n_followed);
    while (!cfg_holds_bridge(b->reader, wanted)) {
        struct pollfd fds[] = {{.fd = cfg_fd(b->writer), .events = POLLIN}, {.fd = cfg_fd(b->reader), .events = POLLIN}};
        if (has_commits) {
            commit_on(b);
        }
        cfg_step(b->writer, clock_now_ns());
        uint64_t step_ns = clock_now_ns();
        cfg_step(b->reader, step_ns);
        step_ns = clock_now_ns() - step_ns;
        b->step_ns = step_ns > b->step_ns ? step_ns : b->step_ns;
        (void)poll(fds, 2, 1);
    }
    printf("{\"bridge\": \"%s\", \"took_ms\": %.1f, \"commits\": %zu, \"commit_mean_ms\": %.2f, \"commit_worst_ms\": %.2f, \"longest_step_ms\": %.1f}\n", name,
           (double)(clock_now_ns() - begin_ns) / 1e6, b->n_shown, b->n_shown > 0 ? (double)b->sum_ns / 1e6 / (double)b->n_shown : 0,
           (double)b->worst_ns / 1e6, (double)b->step_ns / 1e6);
    for (uint64_t end_ns = clock_now_ns() + NS_PER_S; clock_now_ns() < end_ns;) {
        turn(b->writer);
        turn(b->reader);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.n_bridges = 0};
    uint64_t n_rules = 1000000, n_small = 1000;
    if (argc < 2) {
        fail("RUN_DIR [rules=N] [small=M]");
    }
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "rules=", 6) == 0) {
            n_rules = strtoull(argv[i] + 6, NULL, 10);
        } else if (strncmp(argv[i], "small=", 6) == 0) {
            n_small = strtoull(argv[i] + 6, NULL, 10);
        } else {
            fail("RUN_DIR [rules=N] [small=M]");
        }
    }
    log_set_level(LOG_LEVEL_ERROR);
    b.configurer = connect_as(&b, argv[1], PROCESS_SWCTL, 1, 0, false);
    b.writer = connect_as(&b, argv[1], PROCESS_OFAGENT, 1, 1, false);
    make_bridges(&b);
    write_rules(&b, LARGE, n_rules);
    write_rules(&b, SMALL, n_small);
    b.reader = connect_as(&b, argv[1], PROCESS_OFAGENT, 2, 2, true);
    cfg_follow_bridges(b.reader, NULL, 0);
    while (!cfg_has_snapshot(b.reader)) {
        turn(b.reader);
    }
    add_bridge(&b, "small", 1, false);
    add_bridge(&b, "large", 2, true);
    return 0;
}
