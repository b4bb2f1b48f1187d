/* configdb and its readers over a bus that loses connections, with configdb restarted now and then: laws on random runs.
 *
 *  - At one version every reader shows the same rows (I6), a version never goes back within an epoch, and is shown once. Several
 *    commits may be shown as one; the rows are then those of the last of them, as whoever saw them one by one has it.
 *  - A transaction said to be done is done once; one said not to have been sent is not done (I8). Done ones keep the order they were given in.
 *  - When the faults end, all readers show the same, newest version.
 * Three clients: an ofagent that writes meters, and two slowpaths that read them. Seeds are printed; time is simulated.
 */
#include "tests/unit/services/configdb/fixture.h"

#include <inttypes.h>

enum { CLIENTS = 3, METERS = 300, VERSIONS = 5000 };

struct law {
    struct fixture fixture;
    uint64_t bridge;
    uint64_t digests[VERSIONS]; /* of what was shown at version n, 0: not yet */
    struct reader {
        struct law *law;
        size_t slot;
        struct version last;
        uint64_t n_snapshots, n_versions;
    } readers[CLIENTS];
    struct outcome {
        int n_calls, error;
    } outcomes[METERS];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ b) * 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static uint64_t digest_of(const struct cfg *cfg)
{
    uint64_t digest = 1, cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(cfg, CFG_BRIDGE, &cursor, &id, &row)) {
        digest = mix(digest, id);
    }
    cursor = 0;
    while (cfg_next(cfg, CFG_METER, &cursor, &id, &row)) {
        const Busbar__MeterRow *meter = (const Busbar__MeterRow *)row;
        digest = mix(mix(digest, id), meter->meter_id);
        digest = mix(digest, meter->n_bands > 0 ? meter->bands[0]->rate : 0);
    }
    return digest;
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct reader *r = context;
    struct law *law = r->law;
    uint64_t digest = digest_of(law->fixture.client[r->slot]);
    assert_true(version.n < VERSIONS);
    if (law->digests[version.n] != 0 && law->digests[version.n] != digest) {
        fail_msg("reader %zu shows version %" PRIu64 " otherwise than another", r->slot, version.n);
    }
    law->digests[version.n] = digest;
    assert_true(version.epoch != r->last.epoch || version.n > r->last.n || is_snapshot);
    assert_true(version.n >= r->last.n);
    assert_true(is_snapshot || version.n > r->last.n);
    r->last = version;
    r->n_snapshots += is_snapshot ? 1 : 0;
    r->n_versions++;
    cfg_applied(law->fixture.client[r->slot], version, NULL, 0);
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct outcome *outcome = context;
    outcome->n_calls++;
    outcome->error = result->error;
}

static void put_meter(struct law *law, size_t i, uint64_t patience_ms)
{
    Busbar__MeterRow row = BUSBAR__METER_ROW__INIT;
    Busbar__BandMessage band = BUSBAR__BAND_MESSAGE__INIT, *bands = &band;
    struct cfg_txn *txn = cfg_txn_new("law");
    row.bridge = law->bridge;
    row.meter_id = (uint32_t)i + 1;
    row.bands = &bands;
    row.n_bands = 1;
    band.type = 1;
    band.rate = (uint32_t)i + 1000;
    cfg_txn_insert(txn, CFG_METER, &row.base);
    cfg_transact(law->fixture.client[0], &txn, law->fixture.now_ns + patience_ms * NS_PER_MS, on_done, &law->outcomes[i]);
}

static struct law *law_new(uint64_t seed)
{
    static const enum process_kind kinds[CLIENTS] = {PROCESS_OFAGENT, PROCESS_SLOWPATH, PROCESS_SLOWPATH};
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_METER};
    struct law *law = memory_zeroed(sizeof *law);
    struct fixture *f = &law->fixture;
    fixture_init(f);
    (void)fixture_client(f, 3, PROCESS_SWCTL, NULL, 0, NULL);
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    struct cfg_txn *txn = cfg_txn_new("law");
    cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
    struct fixture_result result = fixture_transact(f, 3, &txn);
    assert_int_equal(result.error, 0);
    law->bridge = result.ids[0];
    for (size_t i = 0; i < CLIENTS; i++) {
        struct reader *r = &law->readers[i];
        *r = (struct reader){.law = law, .slot = i};
        struct cfg_events events = {.on_version = on_version, .context = r};
        (void)fixture_client(f, i, kinds[i], tables, 2, &events);
    }
    return law;
}

/* Which meters there are, in the order of their rows: that of their numbers. */
static void check_meters(const struct law *law)
{
    bool is_there[METERS] = {false};
    uint64_t cursor = 0, id;
    uint32_t last = 0;
    const ProtobufCMessage *row;
    while (cfg_next(law->fixture.client[1], CFG_METER, &cursor, &id, &row)) {
        uint32_t number = ((const Busbar__MeterRow *)row)->meter_id;
        assert_true(number > last && number <= METERS);
        is_there[number - 1] = true;
        last = number;
    }
    size_t n_done = 0;
    for (size_t i = 0; i < METERS; i++) {
        const struct outcome *o = &law->outcomes[i];
        assert_int_equal(o->n_calls, 1);
        assert_true(o->error == 0 || o->error == -ERROR_TIMEOUT ||
                    o->error == -ERROR_NOT_CONNECTED); /* EXISTS: was done twice */
        assert_true(o->error != 0 || is_there[i]);
        assert_true(o->error != -ERROR_NOT_CONNECTED || !is_there[i]);
        n_done += o->error == 0 ? 1 : 0;
    }
    assert_true(n_done > METERS / 2);
}

static void run_under_faults(uint64_t seed)
{
    struct law *law = law_new(seed);
    struct fixture *f = &law->fixture;
    struct random r;
    size_t n_sent = 0;
    random_seed(&r, seed);
    for (int i = 0; i < 700 || n_sent < METERS; i++) {
        uint64_t skip = random_below(&r, 3); /* the hub's chance has a seed of its own: shift it */
        bus_hub_set_faults(f->hub, 3, skip * NS_PER_MS, 20 * NS_PER_MS);
        if (random_below(&r, 2) == 0 && n_sent < METERS) {
            put_meter(law, n_sent++, 300 + random_below(&r, 5000));
        }
        if (random_below(&r, 150) == 0) {
            fixture_close(f);
            fixture_run(f, random_below(&r, 300));
            fixture_open(f);
        }
        fixture_run(f, 1 + random_below(&r, 20));
    }
    bus_hub_set_faults(f->hub, 0, 0, 0);
    fixture_run(f, 8000);
    struct version newest = configdb_version(f->db);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(cfg_version(f->client[i]).n == newest.n && cfg_version(f->client[i]).epoch == newest.epoch);
        assert_true(digest_of(f->client[i]) == digest_of(f->client[0]));
        printf("seed %" PRIu64 " reader %zu versions %" PRIu64 " snapshots %" PRIu64 "\n", seed, i, law->readers[i].n_versions,
               law->readers[i].n_snapshots);
    }
    check_meters(law);
    fixture_fini(f);
    free(law);
}

static void laws_hold_under_faults(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_under_faults(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(laws_hold_under_faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
