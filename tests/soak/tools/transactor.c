/* transactor RUN_DIR BOARD SEED write CLIENT | watch | check LEAST...: the clients of tests/soak/crash.
 *
 * write: does the transactions of transactions.h, up to eight under way, until the board says stop. watch: only reads. Both look at what
 * they are shown: whenever a snapshot has come, and every 16th version, the rows of every client must be those of one transaction (I6).
 * They end when they have seen the final version, and print a digest of all rows. check: takes a fresh snapshot; what was answered (LEAST, a
 * number for each client) is there, nothing is there in part (I8); prints its version and digest. Exit status 0 when all was right.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "tests/soak/tools/transactions.h"

enum { UNDER_WAY = 8, MADE_MAX = 8, LOOK_EVERY = 16, STEP_MS = 5 };
static const uint64_t forever_ns = 3600 * NS_PER_S;

struct made {
    uint64_t *id;
    size_t op;
};
struct sent {
    struct transactor *of;
    uint64_t n;
    struct made made[MADE_MAX];
    size_t n_made;
};

struct transactor {
    struct cfg *cfg;
    struct board *board;
    uint64_t seed, n_versions;
    struct expected expected[CLIENTS];
    /* of a writer */
    unsigned client;
    struct meaning meaning, next;
    bool has_next;
    uint64_t home; /* the bridge of its rules */
    uint64_t marker, bridges[BRIDGES], ports[BRIDGES][PORTS], rules[RULES]; /* ids; 0: none, or not known yet */
    struct sent sent[UNDER_WAY];
};

static void fail(const char *what)
{
    fprintf(stderr, "transactor: %s\n", what);
    exit(1);
}

static const enum cfg_table tables[] = {CFG_SWITCH, CFG_BRIDGE, CFG_PORT, CFG_CONTROLLER, CFG_RULE, CFG_GROUP, CFG_METER, CFG_OWNER};

/* ---- what is seen ---- */

static void look(struct transactor *t, const uint64_t *least)
{
    static const uint64_t nothing[CLIENTS];
    struct view view = {.n_strangers = 0};
    uint64_t most[CLIENTS];
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        uint64_t cursor = 0, id;
        const ProtobufCMessage *row;
        while (cfg_next(t->cfg, tables[i], &cursor, &id, &row)) {
            view_add(&view, tables[i], id, row);
        }
    }
    for (unsigned c = 0; c < CLIENTS; c++) {
        most[c] = t->board->asked[c];
    }
    if (!view_check(&view, t->seed, t->expected, least != NULL ? least : nothing, most)) {
        fail("what was shown is not what was written");
    }
}

static uint64_t digest(const struct transactor *t)
{
    XXH64_state_t *state = XXH64_createState();
    XXH64_reset(state, 0);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        uint64_t cursor = 0, id;
        const ProtobufCMessage *row;
        while (cfg_next(t->cfg, tables[i], &cursor, &id, &row)) {
            size_t size = protobuf_c_message_get_packed_size(row);
            uint8_t *bytes = memory_array(size + 1, 1);
            protobuf_c_message_pack(row, bytes);
            XXH64_update(state, &tables[i], sizeof tables[i]);
            XXH64_update(state, &id, sizeof id);
            XXH64_update(state, bytes, size);
            free(bytes);
        }
    }
    uint64_t value = XXH64_digest(state);
    XXH64_freeState(state);
    return value;
}

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    struct transactor *t = context;
    char home[NAME_SIZE];
    name_marker(t->client, home);
    if (table == CFG_BRIDGE && after != NULL && strcmp(((const Busbar__BridgeRow *)after)->name, home) == 0) {
        t->home = id;
    }
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct transactor *t = context;
    if (is_snapshot || ++t->n_versions % LOOK_EVERY == 0) {
        look(t, NULL);
    }
}

/* ---- transactions ---- */

static void on_done(void *context, const struct cfg_result *result)
{
    struct sent *sent = context;
    struct transactor *t = sent->of;
    if (result->error != 0) {
        fprintf(stderr, "client %u, transaction %" PRIu64 " refused: %s\n", t->client, sent->n, result->text != NULL ? result->text : "");
        fail("a transaction was refused that is right");
    }
    for (size_t i = 0; i < sent->n_made; i++) {
        *sent->made[i].id = result->ids[sent->made[i].op];
    }
    t->board->answered_ns[t->client][sent->n] = clock_now_ns();
    t->board->answered[t->client] = sent->n;
    sent->n = 0;
}

static void made(struct cfg_txn *txn, struct sent *sent, uint64_t *id)
{
    sent->made[sent->n_made++] = (struct made){.id = id, .op = cfg_txn_size(txn) - 1};
}

/* A row that is there, goes or comes; `row` as it will be. True when the row comes: `*out_label` is what to call it. */
static bool put(struct cfg_txn *txn, struct sent *sent, enum cfg_table table, uint64_t *id, uint32_t before, uint32_t after,
                const ProtobufCMessage *row, const char *column, uint64_t *out_label)
{
    if (before == 0 && after != 0) {
        *out_label = cfg_txn_insert(txn, table, row);
        made(txn, sent, id);
        return true;
    }
    if (before != 0 && after == 0) {
        cfg_txn_delete(txn, table, *id);
        *id = 0;
    } else if (before != after) {
        cfg_txn_update(txn, table, *id, row, &column, 1);
    }
    return false;
}

static void write_marker_bridge(struct cfg_txn *txn, struct sent *sent, const char *name, uint64_t n, uint64_t *id)
{
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    const char *column = "mac_table_size";
    row.name = (char *)name;
    row.has_mac_table_size = true;
    row.mac_table_size = (uint32_t)n;
    if (n > 1) {
        cfg_txn_update(txn, CFG_BRIDGE, *id, &row.base, &column, 1);
    } else {
        (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
        made(txn, sent, id);
    }
}

static void write_bridge(struct transactor *t, struct cfg_txn *txn, struct sent *sent, unsigned b)
{
    uint32_t before = t->meaning.bridges[b], after = t->next.bridges[b];
    uint64_t bridge = t->bridges[b], label;
    char name[NAME_SIZE];
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    name_bridge(t->client, b, name);
    row.name = name;
    row.has_mac_aging_s = true;
    row.mac_aging_s = after;
    if (put(txn, sent, CFG_BRIDGE, &t->bridges[b], before, after, &row.base, "mac_aging_s", &label)) {
        bridge = label;
    }
    for (unsigned p = 0; p < PORTS; p++) {
        Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
        if (after == 0) { /* its ports go with it */
            t->ports[b][p] = 0;
            continue;
        }
        name_port(t->client, b, p, name);
        port.name = name;
        port.type = (char *)"null";
        port.bridge = bridge;
        port.has_tag = true;
        port.tag = t->next.ports[b][p];
        (void)put(txn, sent, CFG_PORT, &t->ports[b][p], t->meaning.ports[b][p], port.tag, &port.base, "tag", &label);
    }
}

static void write_rule(struct transactor *t, struct cfg_txn *txn, struct sent *sent, unsigned slot)
{
    uint64_t label;
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    row.bridge = t->home;
    row.table = t->client;
    row.priority = 1 + slot;
    row.hard_timeout_s = t->next.rules[slot];
    (void)put(txn, sent, CFG_RULE, &t->rules[slot], t->meaning.rules[slot], t->next.rules[slot], &row.base, "hard_timeout_s", &label);
}

static void write_marker_rule(struct transactor *t, struct cfg_txn *txn, struct sent *sent)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    const char *column = "cookie";
    row.bridge = t->home;
    row.table = t->client;
    row.priority = MARKER_PRIORITY;
    row.cookie = sent->n;
    if (sent->n > 1) {
        cfg_txn_update(txn, CFG_RULE, t->marker, &row.base, &column, 1);
    } else {
        (void)cfg_txn_insert(txn, CFG_RULE, &row.base);
        made(txn, sent, &t->marker);
    }
}

/* Every row that the next transaction changes or takes away is known by its id. */
static bool knows_rows(const struct transactor *t, uint64_t n)
{
    bool knows = n == 1 || t->marker != 0;
    for (unsigned b = 0; b < BRIDGES; b++) {
        knows = knows && (t->meaning.bridges[b] == 0 || t->bridges[b] != 0);
        for (unsigned p = 0; p < PORTS; p++) {
            knows = knows && (t->meaning.ports[b][p] == 0 || t->ports[b][p] != 0);
        }
    }
    for (unsigned r = 0; r < RULES; r++) {
        knows = knows && (t->meaning.rules[r] == t->next.rules[r] || t->meaning.rules[r] == 0 || t->rules[r] != 0);
    }
    return knows && (!client_writes_rules(t->client) || t->home != 0);
}

static void send_next(struct transactor *t, struct sent *sent, uint64_t n)
{
    struct cfg_txn *txn = cfg_txn_new("crash");
    *sent = (struct sent){.of = t, .n = n};
    if (client_writes_rules(t->client)) {
        for (unsigned r = 0; r < RULES; r++) {
            write_rule(t, txn, sent, r);
        }
        write_marker_rule(t, txn, sent);
    } else {
        char name[NAME_SIZE];
        for (unsigned b = 0; b < BRIDGES; b++) {
            write_bridge(t, txn, sent, b);
        }
        name_marker(t->client, name);
        write_marker_bridge(txn, sent, name, n, &t->marker);
        for (unsigned c = CLIENTS_OF_CONFIGURATION; n == 1 && t->client == 0 && c < CLIENTS; c++) {
            static uint64_t unused;
            name_marker(c, name);
            write_marker_bridge(txn, sent, name, 1, &unused); /* a home for its rules */
        }
    }
    t->meaning = t->next;
    t->has_next = false;
    t->board->asked[t->client] = n;
    cfg_transact(t->cfg, &txn, clock_now_ns() + forever_ns, on_done, sent);
}

static void write_on(struct transactor *t)
{
    for (size_t i = 0; i < UNDER_WAY; i++) {
        uint64_t n = t->board->asked[t->client] + 1;
        if (t->sent[i].n != 0 || t->board->stop != 0 || n == TRANSACTIONS_MAX) {
            continue;
        }
        if (!t->has_next) {
            t->next = t->meaning;
            meaning_step(&t->next, t->seed, t->client, n);
            t->has_next = true;
        }
        if (!knows_rows(t, n)) {
            return;
        }
        send_next(t, &t->sent[i], n);
    }
}

/* ---- the process ---- */

static void turn(struct transactor *t)
{
    struct pollfd fd = {.fd = cfg_fd(t->cfg), .events = POLLIN};
    cfg_step(t->cfg, clock_now_ns());
    (void)poll(&fd, 1, STEP_MS);
    cfg_step(t->cfg, clock_now_ns());
}

static bool has_seen_final(const struct transactor *t)
{
    struct version now = cfg_version(t->cfg);
    return t->board->final_epoch != 0 && cfg_has_snapshot(t->cfg) && now.epoch == t->board->final_epoch && now.n >= t->board->final_n;
}

static void print_end(const struct transactor *t)
{
    struct version version = cfg_version(t->cfg);
    printf("{\"epoch\": %" PRIu64 ", \"n\": %" PRIu64 ", \"digest\": \"%016" PRIx64 "\", \"versions\": %" PRIu64 "}\n", version.epoch, version.n, digest(t),
           t->n_versions);
}

int main(int argc, char **argv)
{
    static struct transactor t;
    const struct cfg_events events = {.on_row = on_row, .on_version = on_version, .context = &t};
    uint64_t least[CLIENTS] = {0};
    char endpoint[256];
    if (argc < 5) {
        fail("RUN_DIR BOARD SEED write CLIENT | watch | check LEAST...");
    }
    bool writes = strcmp(argv[4], "write") == 0, checks = strcmp(argv[4], "check") == 0;
    log_set_level(LOG_LEVEL_ERROR);
    t.board = board_open(argv[2]);
    t.seed = strtoull(argv[3], NULL, 0);
    t.client = writes && argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : CLIENTS;
    for (int i = 0; checks && i < CLIENTS && 5 + i < argc; i++) {
        least[i] = strtoull(argv[5 + i], NULL, 10);
    }
    struct bus_identity self = {.kind = writes && client_writes_rules(t.client) ? PROCESS_OFAGENT : PROCESS_SWCTL,
                                .instance = 1 + t.client,
                                .start = random_start_number()};
    struct bus *bus = bus_zmq_new(&self);
    if (bus == NULL || bus_endpoint(argv[1], WIRE_CONFIG, PROCESS_CONFIGDB, 1, endpoint, sizeof endpoint) != 0 ||
        cfg_new(bus, endpoint, tables, sizeof tables / sizeof tables[0], &events, &t.cfg) != 0) {
        fail("configdb cannot be reached");
    }
    uint64_t deadline_ns = clock_now_ns() + 30 * NS_PER_S;
    while (checks ? !cfg_has_snapshot(t.cfg) : !has_seen_final(&t)) {
        turn(&t);
        if (writes) {
            write_on(&t);
        }
        if (checks && clock_now_ns() > deadline_ns) {
            fail("configdb gives no snapshot within 30 s");
        }
        if (cfg_has_snapshot(t.cfg)) {
            cfg_applied(t.cfg, cfg_version(t.cfg), NULL, 0);
        }
    }
    look(&t, least);
    print_end(&t);
    cfg_destroy(&t.cfg);
    bus_destroy(&bus);
    return 0;
}
