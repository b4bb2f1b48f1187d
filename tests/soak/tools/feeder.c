/* feeder RUN_DIR BOARD SEED setup | write | read [whole] | end: the processes of tests/soak/feed.
 *
 * setup: makes the bridges. write: commits of rules, small ones of one bridge or of several, deletions among them, and now and then thousands at once,
 * until the board says stop. read: follows some bridges, others after a while, fewer, none; sometimes it does nothing for up to three seconds; `whole`:
 * all of them, always. At every 256th version it makes a digest of the rules of each bridge that it holds; the first one to show a bridge at a version
 * writes its digest on the board, the others compare (I6). A version goes on over the deaths of configdb, so what was shown of it must be the same, too.
 * end: a fresh reader of all; its version and digests are what every reader has to come to. Exit status 0 when all was right.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/cfg/cfg.h"

enum { BRIDGES = 6, EVERY = 256, SLOTS = 1 << 18, UNDER_WAY = 8, KNOWN_MAX = 60000, LARGE = 4000, STEP_MS = 5 };
enum { TARGET = 40000 /* rules that there are about */ };

/* A file mapped by all processes of a run. */
struct board {
    _Atomic uint64_t stop;
    _Atomic uint64_t final_n;
    _Atomic uint64_t final[BRIDGES];
    _Atomic uint64_t digests[SLOTS][BRIDGES]; /* of version n at n / EVERY; 0: nobody has shown it */
};

struct feeder {
    struct cfg *cfg;
    struct board *board;
    struct random random;
    uint64_t now_ns;
    uint64_t bridges[BRIDGES];
    size_t n_bridges;
    bool is_whole, looks;
    /* of a reader */
    struct version last;
    bool followed[BRIDGES], held[BRIDGES];
    uint64_t change_ns, stall_ns, shown_ns, beside_ns; /* beside_ns: the longest time without a version while it waited for a bridge */
    uint64_t n_versions, n_compared, n_first, n_joined, n_snapshots, n_stalls;
    /* of a writer */
    uint64_t known[KNOWN_MAX], back[LARGE];
    size_t n_known, n_under_way, n_done;
    struct sent {
        struct feeder *of;
        bool is_used;
        size_t n_inserts; /* they come first */
    } sent[UNDER_WAY];
};

static void fail(const char *what)
{
    fprintf(stderr, "feeder: %s\n", what);
    exit(1);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ b) * 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static struct board *board_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at = fd >= 0 ? mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at == MAP_FAILED) {
        fail(strerror(errno));
    }
    return at;
}

/* ---- a reader ---- */

static void digest_rules(const struct feeder *f, uint64_t out_digests[BRIDGES])
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    for (size_t b = 0; b < BRIDGES; b++) {
        out_digests[b] = 1;
    }
    while (cfg_next(f->cfg, CFG_RULE, &cursor, &id, &row)) {
        const Busbar__RuleRow *rule = (const Busbar__RuleRow *)row;
        for (size_t b = 0; b < f->n_bridges; b++) {
            if (rule->bridge == f->bridges[b]) {
                out_digests[b] = mix(mix(out_digests[b], id), rule->cookie);
            }
        }
    }
}

static void compare(struct feeder *f, uint64_t n)
{
    uint64_t digests[BRIDGES];
    digest_rules(f, digests);
    for (size_t b = 0; b < f->n_bridges; b++) {
        uint64_t none = 0;
        if (!f->held[b]) {
            continue;
        }
        if (atomic_compare_exchange_strong(&f->board->digests[n / EVERY % SLOTS][b], &none, digests[b])) {
            f->n_first++;
        } else if (none != digests[b]) {
            fprintf(stderr, "bridge %zu at version %" PRIu64 " is not what another showed\n", b, n);
            exit(1);
        } else {
            f->n_compared++;
        }
    }
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct feeder *f = context;
    bool is_waiting = false;
    if (version.n < f->last.n) {
        fail("a version went back");
    }
    for (size_t b = 0; b < f->n_bridges; b++) {
        bool is_held = cfg_holds_bridge(f->cfg, f->bridges[b]);
        f->n_joined += is_held && !f->held[b];
        f->held[b] = is_held;
        is_waiting = is_waiting || (f->followed[b] && !is_held);
    }
    if (is_waiting && !is_snapshot && f->shown_ns != 0) {
        uint64_t gap_ns = f->now_ns - f->shown_ns;
        f->beside_ns = gap_ns > f->beside_ns ? gap_ns : f->beside_ns;
    }
    f->shown_ns = f->now_ns;
    f->n_versions++;
    f->n_snapshots += is_snapshot;
    f->last = version;
    if (f->looks && version.n % EVERY == 0) {
        compare(f, version.n);
    }
    cfg_applied(f->cfg, version, NULL, 0);
}

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    struct feeder *f = context;
    if (table == CFG_BRIDGE && before == NULL && after != NULL) {
        size_t b = (size_t)(((const Busbar__BridgeRow *)after)->name[2] - '0');
        if (b >= BRIDGES) {
            fail("a bridge that nobody made");
        }
        f->bridges[b] = id;
        f->n_bridges++;
    }
}

static void follow_some(struct feeder *f)
{
    uint64_t ids[BRIDGES];
    size_t n = 0;
    uint64_t chance = random_below(&f->random, 4); /* 0: none */
    for (size_t b = 0; b < BRIDGES; b++) {
        f->followed[b] = f->is_whole || random_below(&f->random, 4) < chance;
        if (f->followed[b]) {
            ids[n++] = f->bridges[b];
        }
    }
    if (!f->is_whole) {
        cfg_follow_bridges(f->cfg, ids, n);
    }
    for (size_t b = 0; b < BRIDGES; b++) {
        f->held[b] = cfg_holds_bridge(f->cfg, f->bridges[b]);
    }
    f->change_ns = f->now_ns + random_below(&f->random, 3000) * NS_PER_MS;
    f->shown_ns = 0;
}

static void turn(struct feeder *f)
{
    struct pollfd fd = {.fd = cfg_fd(f->cfg), .events = POLLIN};
    f->now_ns = clock_now_ns();
    cfg_step(f->cfg, f->now_ns);
    (void)poll(&fd, 1, STEP_MS);
}

static void read_on(struct feeder *f)
{
    turn(f);
    if (f->n_bridges < BRIDGES || f->board->stop != 0) {
        return;
    }
    if (f->now_ns >= f->change_ns) {
        follow_some(f);
    }
    if (f->now_ns >= f->stall_ns) {
        f->stall_ns = f->now_ns + random_below(&f->random, 20000) * NS_PER_MS;
        (void)poll(NULL, 0, (int)random_below(&f->random, 3000));
        f->shown_ns = 0;
        f->n_stalls++;
    }
}

static void read_to_the_end(struct feeder *f)
{
    uint64_t digests[BRIDGES], deadline_ns;
    while (f->board->final_n == 0) {
        read_on(f);
    }
    deadline_ns = clock_now_ns() + 60 * NS_PER_S;
    follow_some(f);
    for (bool is_there = false; !is_there;) {
        turn(f);
        is_there = cfg_version(f->cfg).n >= f->board->final_n;
        for (size_t b = 0; b < BRIDGES; b++) {
            is_there = is_there && (!f->followed[b] || cfg_holds_bridge(f->cfg, f->bridges[b]));
        }
        if (f->now_ns > deadline_ns) {
            fail("the final version, with the bridges that are followed, does not come");
        }
    }
    digest_rules(f, digests);
    for (size_t b = 0; b < BRIDGES; b++) {
        if (f->followed[b] && digests[b] != f->board->final[b]) {
            fprintf(stderr, "bridge %zu is not in the end what it should be\n", b);
            exit(1);
        }
    }
    printf("{\"versions\": %" PRIu64 ", \"compared\": %" PRIu64 ", \"first\": %" PRIu64 ", \"joined\": %" PRIu64 ", \"snapshots\": %" PRIu64
           ", \"stalls\": %" PRIu64 ", \"longest_ms\": %" PRIu64 "}\n",
           f->n_versions, f->n_compared, f->n_first, f->n_joined, f->n_snapshots, f->n_stalls, (uint64_t)(f->beside_ns / NS_PER_MS));
}

static void end(struct feeder *f)
{
    uint64_t digests[BRIDGES];
    while (!cfg_has_snapshot(f->cfg) || f->n_bridges < BRIDGES) {
        turn(f);
    }
    digest_rules(f, digests);
    for (size_t b = 0; b < BRIDGES; b++) {
        f->board->final[b] = digests[b];
    }
    f->board->final_n = cfg_version(f->cfg).n;
    printf("{\"n\": %" PRIu64 "}\n", cfg_version(f->cfg).n);
}

/* ---- a writer ---- */

static void on_done(void *context, const struct cfg_result *result)
{
    struct sent *sent = context;
    struct feeder *f = sent->of;
    if (result->error != 0) {
        fprintf(stderr, "feeder: refused: %s\n", result->text != NULL ? result->text : "");
        exit(1);
    }
    for (size_t i = 0; i < sent->n_inserts && f->n_known < KNOWN_MAX; i++) {
        f->known[f->n_known++] = result->ids[i];
    }
    sent->is_used = false;
    f->n_under_way--;
    f->n_done++;
}

static void insert_rule(struct feeder *f, struct cfg_txn *txn, size_t bridge)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT, *matches[1] = {&match};
    uint8_t value[300] = {0};
    uint64_t unique = random_u64(&f->random);
    memcpy(value, &unique, sizeof unique);
    match.field = 1;
    match.value.data = value;
    match.value.len = 16 + random_below(&f->random, sizeof value - 16);
    row.bridge = f->bridges[bridge];
    row.priority = 1;
    row.cookie = random_u64(&f->random) >> 1;
    row.match = matches;
    row.n_match = 1;
    cfg_txn_insert(txn, CFG_RULE, &row.base);
}

/* Takes a rule that is not under way out of those that are known. */
static uint64_t take_known(struct feeder *f)
{
    size_t at = (size_t)random_below(&f->random, f->n_known);
    uint64_t id = f->known[at];
    f->known[at] = f->known[--f->n_known];
    return id;
}

static void send_one(struct feeder *f, struct sent *sent)
{
    struct cfg_txn *txn = cfg_txn_new("feed");
    bool is_large = random_below(&f->random, 300) == 0, is_mixed = random_below(&f->random, 4) == 0, is_full = f->n_known > TARGET;
    size_t n = is_large ? 1 + random_below(&f->random, LARGE) : random_below(&f->random, 6);
    size_t bridge = random_below(&f->random, 3) == 0 ? 0 : random_below(&f->random, BRIDGES);
    size_t n_inserts = is_full && is_large ? 0 : random_below(&f->random, n + 1);
    size_t n_back = 0;
    *sent = (struct sent){.of = f, .is_used = true, .n_inserts = n_inserts};
    for (size_t i = 0; i < n_inserts; i++) {
        insert_rule(f, txn, is_mixed ? random_below(&f->random, BRIDGES) : bridge);
    }
    for (size_t i = n_inserts; i < n && f->n_known > 0; i++) {
        if (is_full || random_below(&f->random, 4) == 0) {
            cfg_txn_delete(txn, CFG_RULE, take_known(f));
        } else {
            static const char *const columns[] = {"cookie"};
            Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
            uint64_t id = f->back[n_back++] = take_known(f); /* once in a transaction; then it is known again, since transactions keep their order */
            row.cookie = random_u64(&f->random) >> 1;
            cfg_txn_update(txn, CFG_RULE, id, &row.base, columns, 1);
        }
    }
    while (n_back > 0 && f->n_known < KNOWN_MAX) {
        f->known[f->n_known++] = f->back[--n_back];
    }
    f->n_under_way++;
    cfg_transact(f->cfg, &txn, f->now_ns + 3600 * NS_PER_S, on_done, sent);
}

static void write_on(struct feeder *f)
{
    while (f->board->stop == 0 || f->n_under_way > 0) {
        turn(f);
        for (size_t i = 0; f->n_bridges == BRIDGES && f->board->stop == 0 && i < UNDER_WAY; i++) {
            if (!f->sent[i].is_used) {
                send_one(f, &f->sent[i]);
            }
        }
    }
    printf("{\"transactions\": %zu}\n", f->n_done);
}

static void on_made(void *context, const struct cfg_result *result)
{
    *(int *)context = result->error == 0 ? 1 : -1;
}

static void setup(struct feeder *f)
{
    int is_made = 0;
    struct cfg_txn *txn = cfg_txn_new("feed");
    for (size_t b = 0; b < BRIDGES; b++) {
        char name[] = {'b', 'r', (char)('0' + b), '\0'};
        Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
        row.name = name;
        (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    }
    cfg_transact(f->cfg, &txn, clock_now_ns() + 30 * NS_PER_S, on_made, &is_made);
    while (is_made == 0) {
        turn(f);
    }
    if (is_made < 0) {
        fail("the bridges could not be made");
    }
}

int main(int argc, char **argv)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_RULE};
    static struct feeder f;
    const struct cfg_events events = {.on_row = on_row, .on_version = on_version, .unshown = 1u << CFG_RULE, .context = &f};
    char endpoint[256];
    if (argc < 5) {
        fail("RUN_DIR BOARD SEED setup | write | read [whole] | end");
    }
    bool reads = strcmp(argv[4], "read") == 0, writes = strcmp(argv[4], "write") == 0, ends = strcmp(argv[4], "end") == 0;
    log_set_level(LOG_LEVEL_ERROR);
    f.board = board_open(argv[2]);
    f.is_whole = argc > 5 || ends;
    f.looks = reads || ends;
    f.now_ns = clock_now_ns();
    f.stall_ns = f.is_whole ? UINT64_MAX : f.now_ns + 5 * NS_PER_S;
    random_seed(&f.random, strtoull(argv[3], NULL, 0));
    struct bus_identity self = {.kind = writes || reads ? PROCESS_OFAGENT : PROCESS_SWCTL, .instance = 1, .start = random_start_number()};
    struct bus *bus = bus_zmq_new(&self);
    if (bus == NULL || bus_endpoint(argv[1], WIRE_CONFIG, PROCESS_CONFIGDB, 1, endpoint, sizeof endpoint) != 0 ||
        cfg_new(bus, endpoint, tables, reads || ends ? 2 : 1, &events, &f.cfg) != 0) {
        fail("configdb cannot be reached");
    }
    if (reads && !f.is_whole) {
        cfg_follow_bridges(f.cfg, NULL, 0);
    }
    if (reads) {
        read_to_the_end(&f);
    } else {
        (writes ? write_on : ends ? end : setup)(&f);
    }
    cfg_destroy(&f.cfg);
    bus_destroy(&bus);
    return 0;
}
