/* Readers that follow the rules of some bridges, beside one that follows all, over a bus that loses connections, with configdb restarted now and then.
 *
 *  - What a filtered reader shows of a bridge that it holds is, at every version, what the whole reader shows of it at that version (I6), while it
 *    follows more bridges and fewer, takes partial snapshots during commits, and commits are of one bridge, of several, or deletions.
 *  - It never says that a rule of a bridge which it holds has gone unheld, and versions never go back.
 *  - When the faults end it holds all it follows, and of the others nothing is left.
 * Rules have a kilobyte, and some of each bridge 300, so that a partial snapshot has several pieces, more than are under way at a time, and some
 * commits, too. What is shown is compared at every other version, and where a bridge has just come. Seeds are printed; time is simulated.
 */
#include "tests/unit/services/configdb/fixture.h"

#include <inttypes.h>

enum { CLIENTS = 3, BRIDGES = 4, VERSIONS = 9000, RULE_BYTES = 1000, FIRST_RULES = 250, ROUNDS = 350, LARGE_BYTES = 300 * 1000, LARGE_RULES = 8, COMPARED = 2 };

struct law {
    struct fixture fixture;
    struct random random;
    uint64_t bridges[BRIDGES];
    uint64_t digests[VERSIONS][BRIDGES]; /* of the rules of a bridge at version n, 0: nobody has shown it */
    uint8_t value[LARGE_BYTES];
    struct reader {
        struct law *law;
        size_t slot;
        struct version last;
        size_t n_compared, n_partial, n_snapshots, n_unheld;
        size_t n_beside; /* versions shown while it waited for a bridge */
        bool held[BRIDGES], followed[BRIDGES];
    } readers[CLIENTS];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ b) * 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static void digest_rules(const struct law *law, const struct cfg *cfg, uint64_t out_digests[BRIDGES])
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    for (size_t b = 0; b < BRIDGES; b++) {
        out_digests[b] = 1;
    }
    while (cfg_next(cfg, CFG_RULE, &cursor, &id, &row)) {
        const Busbar__RuleRow *rule = (const Busbar__RuleRow *)row;
        for (size_t b = 0; b < BRIDGES; b++) {
            if (rule->bridge == law->bridges[b]) {
                out_digests[b] = mix(mix(out_digests[b], id), rule->cookie);
            }
        }
    }
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct reader *r = context;
    struct law *law = r->law;
    struct cfg *cfg = law->fixture.client[r->slot];
    uint64_t digests[BRIDGES];
    bool is_new = false, is_waiting = false;
    for (size_t b = 0; b < BRIDGES; b++) {
        bool is_held = cfg_holds_bridge(cfg, law->bridges[b]);
        is_new = is_new || (is_held && !r->held[b]);
        is_waiting = is_waiting || (r->followed[b] && !is_held);
    }
    r->n_beside += is_waiting && version.n > r->last.n;
    if (!is_new && version.n % COMPARED != 0) {
        r->last = version;
        cfg_applied(cfg, version, NULL, 0);
        return;
    }
    digest_rules(law, cfg, digests);
    assert_true(version.n < VERSIONS && version.n >= r->last.n);
    for (size_t b = 0; b < BRIDGES; b++) {
        bool is_held = cfg_holds_bridge(cfg, law->bridges[b]);
        r->n_partial += is_held && !r->held[b] && !is_snapshot;
        r->held[b] = is_held;
        if (!is_held) {
            continue;
        }
        uint64_t *known = &law->digests[version.n][b];
        if (*known != 0 && *known != digests[b]) {
            fail_msg("reader %zu shows bridge %zu at version %" PRIu64 " otherwise than another", r->slot, b, version.n);
        }
        r->n_compared += *known != 0;
        *known = digests[b];
    }
    r->last = version;
    r->n_snapshots += is_snapshot;
    cfg_applied(cfg, version, NULL, 0);
}

static void on_unheld_gone(void *context, enum cfg_table table, uint64_t id)
{
    struct reader *r = context;
    assert_int_equal(table, CFG_RULE);
    assert_true(r->slot != 0 && id != 0);
    r->n_unheld++;
}

static void on_done(void *context, const struct cfg_result *result)
{
    (void)context; /* whether a change was done is seen in the rows */
    (void)result;
}

static void insert_rule(struct law *law, struct cfg_txn *txn, size_t bridge, size_t bytes)
{
    Busbar__RuleRow rule = fixture_rule(law->bridges[bridge], random_u64(&law->random) >> 1);
    Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT, *matches[1] = {&match};
    uint64_t unique = random_u64(&law->random);
    memcpy(law->value, &unique, sizeof unique);
    match.field = 1;
    match.value.data = law->value;
    match.value.len = bytes;
    rule.match = matches;
    rule.n_match = 1;
    cfg_txn_insert(txn, CFG_RULE, &rule.base);
}

/* Some rule that the whole reader shows, from a random place on. */
static uint64_t some_rule(struct law *law, Busbar__RuleRow *out_rule)
{
    uint64_t cursor = random_below(&law->random, cfg_row_max(law->fixture.client[0], CFG_RULE) + 1), id;
    const ProtobufCMessage *row;
    if (!cfg_next(law->fixture.client[0], CFG_RULE, &cursor, &id, &row)) {
        return 0;
    }
    busbar__rule_row__init(out_rule);
    out_rule->cookie = random_u64(&law->random) >> 1;
    return id;
}

/* One transaction: of one bridge or of several, with changes and deletions among them. */
static void commit_some(struct law *law)
{
    static const char *const columns[] = {"cookie"};
    struct cfg_txn *txn = cfg_txn_new("law");
    size_t n = 1 + random_below(&law->random, 4), bridge = random_below(&law->random, BRIDGES);
    bool is_mixed = random_below(&law->random, 4) == 0, is_large = random_below(&law->random, 100) == 0;
    uint64_t used[4] = {0};
    for (size_t i = 0; i < n; i++) {
        Busbar__RuleRow rule;
        uint64_t kind = random_below(&law->random, 3), id = kind == 0 ? 0 : some_rule(law, &rule);
        bool is_again = id != 0 && (id == used[0] || id == used[1] || id == used[2]);
        used[i] = id;
        if (id == 0 || is_again) {
            insert_rule(law, txn, is_mixed ? random_below(&law->random, BRIDGES) : bridge, is_large && i < 3 ? LARGE_BYTES : RULE_BYTES);
        } else if (kind == 1) {
            cfg_txn_update(txn, CFG_RULE, id, &rule.base, columns, 1);
        } else {
            cfg_txn_delete(txn, CFG_RULE, id);
        }
    }
    cfg_transact(law->fixture.client[0], &txn, law->fixture.now_ns + 3 * NS_PER_S, on_done, NULL);
}

static void follow_some(struct law *law, size_t slot)
{
    uint64_t ids[BRIDGES];
    size_t n = 0;
    for (size_t b = 0; b < BRIDGES; b++) {
        law->readers[slot].followed[b] = random_below(&law->random, 2) == 0;
        if (law->readers[slot].followed[b]) {
            ids[n++] = law->bridges[b];
        }
    }
    cfg_follow_bridges(law->fixture.client[slot], ids, n);
    for (size_t b = 0; b < BRIDGES; b++) {
        law->readers[slot].held[b] = cfg_holds_bridge(law->fixture.client[slot], law->bridges[b]);
    }
}

static struct law *law_new(uint64_t seed)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_RULE};
    struct law *law = memory_zeroed(sizeof *law);
    struct fixture *f = &law->fixture;
    random_seed(&law->random, seed);
    fixture_init(f);
    (void)fixture_client(f, 3, PROCESS_SWCTL, NULL, 0, NULL);
    for (size_t b = 0; b < BRIDGES; b++) {
        char name[] = {'b', 'r', (char)('0' + b), '\0'};
        Busbar__BridgeRow bridge = fixture_bridge(name);
        struct cfg_txn *txn = cfg_txn_new("law");
        cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
        struct fixture_result result = fixture_transact(f, 3, &txn);
        assert_int_equal(result.error, 0);
        law->bridges[b] = result.ids[0];
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct reader *r = &law->readers[i];
        *r = (struct reader){.law = law, .slot = i};
        struct cfg_events events = {.on_version = on_version, .on_unheld_gone = on_unheld_gone, .context = r};
        struct cfg *cfg = fixture_client(f, i, PROCESS_OFAGENT, tables, 2, &events);
        if (i > 0) {
            cfg_follow_bridges(cfg, NULL, 0);
        }
    }
    for (size_t i = 0; i < FIRST_RULES; i += 10) {
        struct cfg_txn *txn = cfg_txn_new("law");
        for (size_t k = 0; k < 10; k++) {
            insert_rule(law, txn, (i + k) % BRIDGES, RULE_BYTES);
        }
        assert_int_equal(fixture_transact(f, 0, &txn).error, 0);
    }
    for (size_t i = 0; i < LARGE_RULES * BRIDGES; i++) {
        struct cfg_txn *txn = cfg_txn_new("law");
        insert_rule(law, txn, i % BRIDGES, LARGE_BYTES);
        assert_int_equal(fixture_transact(f, 0, &txn).error, 0);
    }
    return law;
}

static void check_end(struct law *law)
{
    struct fixture *f = &law->fixture;
    struct version newest = configdb_version(f->db);
    uint64_t all[BRIDGES];
    digest_rules(law, f->client[0], all);
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct reader *r = &law->readers[i];
        uint64_t digests[BRIDGES];
        assert_true(cfg_version(f->client[i]).n == newest.n && cfg_version(f->client[i]).epoch == newest.epoch);
        digest_rules(law, f->client[i], digests);
        for (size_t b = 0; b < BRIDGES; b++) {
            bool is_held = cfg_holds_bridge(f->client[i], law->bridges[b]);
            assert_true(digests[b] == (is_held ? all[b] : 1));
        }
        printf("reader %zu compared %zu partial %zu snapshots %zu unheld %zu beside %zu\n", i, r->n_compared, r->n_partial, r->n_snapshots, r->n_unheld,
               r->n_beside);
        assert_true(i == 0 || (r->n_compared > 25 && r->n_partial > 5 && r->n_unheld > 10 && r->n_beside > 10));
    }
}

static void run(uint64_t seed, bool has_faults)
{
    struct law *law = law_new(seed);
    struct fixture *f = &law->fixture;
    printf("seed %" PRIu64 " faults %d\n", seed, has_faults);
    for (int i = 0; i < ROUNDS; i++) {
        if (has_faults) {
            bus_hub_set_faults(f->hub, 3, random_below(&law->random, 3) * NS_PER_MS, 20 * NS_PER_MS);
        }
        for (uint64_t n = random_below(&law->random, 6); n > 0; n--) {
            commit_some(law);
        }
        if (random_below(&law->random, 6) == 0) {
            follow_some(law, 1 + random_below(&law->random, CLIENTS - 1));
        }
        if (has_faults && random_below(&law->random, 100) == 0) {
            fixture_close(f);
            fixture_run(f, random_below(&law->random, 300));
            fixture_open(f);
        }
        fixture_run(f, 1 + random_below(&law->random, 25));
    }
    bus_hub_set_faults(f->hub, 0, 0, 0);
    uint64_t last[] = {law->bridges[0], law->bridges[2]};
    cfg_follow_bridges(f->client[2], last, 2);
    fixture_run(f, 8000);
    assert_true(cfg_holds_bridge(f->client[2], last[0]) && cfg_holds_bridge(f->client[2], last[1]));
    assert_false(cfg_holds_bridge(f->client[2], law->bridges[1]));
    check_end(law);
    fixture_fini(f);
    free(law);
}

static void a_filtered_mirror_is_the_filtered_whole_mirror(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(seed, false);
    }
}

static void and_so_it_is_under_faults(void **state)
{
    for (uint64_t seed = 11; seed <= 13; seed++) {
        run(seed, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filtered_mirror_is_the_filtered_whole_mirror),
        cmocka_unit_test(and_so_it_is_under_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
