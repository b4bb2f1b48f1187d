/* Tests of lib/cfg/cfg.c against a small configdb, over a bus that breaks: what is shown was always true, and whole (I6); nothing is done
 * twice or lost in silence (I8); and everything catches up when the faults end.
 *
 * Random tests print their seed. Time is the hub's.
 */
#include "lib/cfg/cfg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/random.h"
#include "tests/unit/lib/cfg/mini_configdb.h"

struct test {
    struct peer peer;
    struct mini mini;
    struct cfg *cfg;
    uint64_t shown[MINI_ROWS]; /* what on_row() told */
    uint32_t status_mtu;
    int n_versions, n_snapshots, n_connections, n_disconnections;
    bool acknowledges;
};

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                   const ProtobufCMessage *after)
{
    struct test *t = context;
    if (table == CFG_PORT_STATUS) {
        t->status_mtu = after != NULL ? ((const Busbar__PortStatusRow *)after)->mtu : 0;
        return;
    }
    assert_int_equal(table, CFG_OWNER);
    assert_true(t->shown[id] == row_value(before));
    assert_true(cfg_row(t->cfg, table, id) == after || t->n_versions > 0);
    t->shown[id] = row_value(after);
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct test *t = context;
    t->n_versions++;
    t->n_snapshots += is_snapshot ? 1 : 0;
    assert_true(cfg_version(t->cfg).n == version.n);
    assert_memory_equal(t->shown, t->mini.history[version.n], sizeof t->shown);
    if (t->acknowledges) {
        cfg_applied(t->cfg, version, NULL, 0);
    }
}

static void on_connection(void *context, bool is_connected)
{
    struct test *t = context;
    t->n_connections += is_connected ? 1 : 0;
    t->n_disconnections += is_connected ? 0 : 1;
}

static void open_cfg(struct test *t, size_t n_tables)
{
    const enum cfg_table tables[] = {CFG_OWNER, CFG_PORT_STATUS};
    const struct cfg_events events = {.on_row = on_row, .on_version = on_version, .on_connection = on_connection, .context = t};
    assert_int_equal(cfg_new(t->peer.client_bus, "config", tables, n_tables, &events, &t->cfg), 0);
}

static int setup(void **state)
{
    struct test *t = memory_zeroed(sizeof *t);
    peer_open(&t->peer, false);
    t->mini.peer = &t->peer;
    t->mini.epoch = 1;
    t->acknowledges = true;
    mini_commit(&t->mini, 1, 100);
    mini_commit(&t->mini, 2, 200);
    open_cfg(t, 2);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    cfg_destroy(&t->cfg);
    assert_null(t->cfg);
    cfg_destroy(&t->cfg);
    peer_close(&t->peer);
    free(t);
    return 0;
}

static void run(struct test *t, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i += 10) {
        peer_pass(&t->peer, 10);
        mini_step(&t->mini);
        cfg_step(t->cfg, t->peer.now_ns);
    }
}

static void expect_caught_up(struct test *t)
{
    assert_true(cfg_version(t->cfg).n == t->mini.n && cfg_version(t->cfg).epoch == t->mini.epoch);
    assert_memory_equal(t->shown, t->mini.history[t->mini.n], sizeof t->shown);
    uint64_t cursor = 0, id, last = 0;
    const ProtobufCMessage *row;
    size_t n = 0;
    while (cfg_next(t->cfg, CFG_OWNER, &cursor, &id, &row)) {
        assert_true(row_value(row) == t->mini.history[t->mini.n][id] && (n == 0 || id > last));
        last = id;
        n++;
    }
    for (id = 0; id < MINI_ROWS; id++) {
        n -= t->mini.history[t->mini.n][id] != 0 ? 1 : 0;
    }
    assert_int_equal(n, 0);
}

static void mirror_takes_a_snapshot_and_follows(void **state)
{
    struct test *t = *state;
    assert_false(cfg_has_snapshot(t->cfg));
    assert_false(cfg_is_connected(t->cfg));
    run(t, 100);
    assert_true(cfg_has_snapshot(t->cfg) && cfg_is_connected(t->cfg));
    assert_true(t->n_snapshots == 1 && t->n_versions == 1 && t->n_connections == 1);
    mini_commit(&t->mini, 1, 101);
    mini_commit(&t->mini, 2, 0);
    run(t, 100);
    assert_int_equal(t->n_versions, 3);
    expect_caught_up(t);
    assert_true(t->mini.acked == t->mini.n);
    assert_int_equal(cfg_fd(t->cfg), -1);
}

static void quiet_connection_is_not_subscribed_again(void **state)
{
    struct test *t = *state;
    run(t, 10000);
    assert_int_equal(t->mini.n_subscribes, 1);
    assert_int_equal(t->n_disconnections, 0);
}

/* Nothing tells a reader that its APPLIED was lost: a window of configdb would stay full, an await_applied unanswered. */
static void lost_acknowledgement_is_said_again(void **state)
{
    struct test *t = *state;
    run(t, 100);
    t->mini.acked = 0; /* as if it had never come */
    run(t, 1500);
    assert_true(t->mini.acked == t->mini.n && t->mini.n != 0);
    assert_int_equal(t->mini.n_subscribes, 1);
}

static void run_finely(struct test *t, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        peer_pass(&t->peer, 1);
        mini_step(&t->mini);
        cfg_step(t->cfg, t->peer.now_ns);
    }
}

/* Versions without a row but of rules: the acknowledgement of each would wake configdb for nothing. */
static void what_nobody_waits_for_is_acknowledged_later_and_the_rest_at_once(void **state)
{
    struct test *t = *state;
    run(t, 100);
    uint64_t before = t->mini.n_applied;
    for (int i = 0; i < 40; i++) {
        mini_commit(&t->mini, 1, 100);
        run_finely(t, 1);
    }
    assert_in_range(t->mini.n_applied - before, 2, 5);
    run_finely(t, 20);
    assert_true(t->mini.acked == t->mini.n);
    run_finely(t, 20); /* and then not again */
    before = t->mini.n_applied;
    mini_commit(&t->mini, 1, 100);
    run_finely(t, 4);
    mini_commit(&t->mini, 1, 100);
    run_finely(t, 4);
    assert_true(t->mini.acked < t->mini.n);
    mini_commit(&t->mini, 1, 101); /* a row that is no rule */
    run_finely(t, 4);
    assert_true(t->mini.acked == t->mini.n);
    assert_in_range(t->mini.n_applied - before, 1, 2);
}

static void restarted_configdb_is_resumed_without_a_snapshot(void **state)
{
    struct test *t = *state;
    run(t, 100);
    mini_restart(&t->mini);
    run(t, 3000);
    expect_caught_up(t);
    assert_int_equal(t->n_snapshots, 1);
    mini_commit(&t->mini, 5, 500);
    run(t, 100);
    expect_caught_up(t);
    assert_int_equal(t->n_snapshots, 1);
}

/* As a counter's row: no delta tells of it. */
static void what_changes_without_a_version_is_seen_after_a_refresh(void **state)
{
    struct test *t = *state;
    run(t, 100);
    t->mini.history[t->mini.n][4] = 400;
    run(t, 3000);
    assert_null(cfg_row(t->cfg, CFG_OWNER, 4));
    cfg_refresh(t->cfg);
    run(t, 100);
    assert_int_equal(t->n_snapshots, 2);
    expect_caught_up(t);
    mini_commit(&t->mini, 5, 500);
    run(t, 3000);
    expect_caught_up(t);
    assert_int_equal(t->n_snapshots, 2);
}

static void silence_is_reported_and_the_mirror_stays(void **state)
{
    struct test *t = *state;
    run(t, 100);
    struct bus_identity server = {.kind = PROCESS_CONFIGDB, .instance = 1, .start = t->peer.server_start};
    bus_hub_cut(t->peer.hub, &server, true);
    run(t, 1900);
    assert_int_equal(t->n_disconnections, 0);
    run(t, 200);
    assert_int_equal(t->n_disconnections, 1);
    assert_false(cfg_is_connected(t->cfg));
    assert_true(row_value(cfg_row(t->cfg, CFG_OWNER, 1)) == 100);
    for (int i = 0; i < 2 * MINI_RING; i++) { /* more than the ring holds */
        mini_commit(&t->mini, 3, 300 + (uint64_t)i);
    }
    run(t, 100);
    bus_hub_cut(t->peer.hub, &server, false);
    run(t, 2000);
    assert_true(cfg_is_connected(t->cfg));
    assert_int_equal(t->n_connections, 2);
    expect_caught_up(t);
    assert_int_equal(t->n_snapshots, 2);
}

static void status_outlives_a_restart_only_when_said_again(void **state)
{
    struct test *t = *state;
    t->mini.status_mtu = 1500;
    run(t, 100);
    assert_int_equal(t->status_mtu, 1500);
    mini_restart(&t->mini);
    run(t, 2500);
    assert_int_equal(t->status_mtu, 1500); /* its publisher has the time to say it again */
    t->mini.status_mtu = 0;
    mini_restart(&t->mini);
    run(t, 2500);
    assert_int_equal(t->status_mtu, 1500);
    run(t, 2500);
    assert_int_equal(t->status_mtu, 0);
}

struct outcome {
    int n_calls, error;
    uint64_t version;
};

static void on_done(void *context, const struct cfg_result *result)
{
    struct outcome *o = context;
    o->n_calls++;
    o->error = result->error;
    o->version = result->version.n;
}

static void put(struct test *t, uint64_t id, uint64_t value, uint64_t patience_ms, struct outcome *outcome)
{
    struct cfg_txn *txn = cfg_txn_new("test");
    ProtobufCMessage *row = row_new(value);
    cfg_txn_put(txn, CFG_OWNER, id, row);
    protobuf_c_message_free_unpacked(row, NULL);
    cfg_transact(t->cfg, &txn, t->peer.now_ns + patience_ms * NS_PER_MS, on_done, outcome);
}

static void transaction_comes_back_as_a_row(void **state)
{
    struct test *t = *state;
    struct outcome o = {0};
    put(t, 7, 700, 1000, &o);
    assert_int_equal(cfg_transactions_in_flight(t->cfg), 1);
    run(t, 200);
    assert_true(o.n_calls == 1 && o.error == 0 && o.version == 3);
    assert_true(row_value(cfg_row(t->cfg, CFG_OWNER, 7)) == 700);
    assert_int_equal(cfg_transactions_in_flight(t->cfg), 0);
}

static void without_configdb_a_transaction_ends_at_its_deadline(void **state)
{
    struct test *t = *state;
    struct outcome o = {0};
    peer_stop_server(&t->peer);
    put(t, 7, 700, 1000, &o);
    run(t, 900);
    assert_int_equal(o.n_calls, 0);
    run(t, 200);
    assert_true(o.n_calls == 1 && o.error == -ERROR_NOT_CONNECTED);
    peer_start_server(&t->peer, 5000);
}

static void registration_follows_configdb_around(void **state)
{
    struct test *t = *state;
    struct version version = {0};
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.session = row.usage = row.packet = row.mac = row.control = (char *)"";
    cfg_register(t->cfg, &row);
    run(t, 200);
    uint64_t first = cfg_registered(t->cfg, &version);
    assert_true(first != 0 && version.n == first);
    mini_restart(&t->mini);
    run(t, 2000);
    assert_true(cfg_registered(t->cfg, NULL) == first);
    t->mini.service_id = 0; /* the lease has lapsed */
    run(t, 1500);
    assert_true(cfg_registered(t->cfg, NULL) > first);
    cfg_unregister(t->cfg);
    run(t, 200);
    assert_true(cfg_registered(t->cfg, NULL) == 0 && t->mini.service_id == 0);
}

static void on_await(void *context, const Busbar__AwaitAppliedReply *reply)
{
    int *answer = context;
    *answer = reply == NULL ? -1 : reply->reached ? 1 : 0;
}

static void await_applied_is_answered(void **state)
{
    struct test *t = *state;
    int answer = 7;
    run(t, 100);
    cfg_await_applied(t->cfg, cfg_version(t->cfg), 1000, on_await, &answer);
    run(t, 100);
    assert_int_equal(answer, 1);
    peer_stop_server(&t->peer);
    cfg_await_applied(t->cfg, cfg_version(t->cfg), 1000, on_await, &answer);
    run(t, 2100);
    assert_int_equal(answer, -1);
    peer_start_server(&t->peer, 5000);
}

static void reader_without_tables_does_not_subscribe(void **state)
{
    struct test *t = *state;
    struct outcome o = {0};
    cfg_destroy(&t->cfg);
    open_cfg(t, 0);
    run(t, 3000);
    assert_int_equal(t->mini.n_subscribes, 0);
    assert_true(cfg_is_connected(t->cfg) && !cfg_has_snapshot(t->cfg));
    put(t, 7, 700, 1000, &o);
    run(t, 200);
    assert_true(o.n_calls == 1 && o.error == 0);
}

static void unknown_table_is_refused(void **state)
{
    struct test *t = *state;
    const enum cfg_table tables[] = {(enum cfg_table)9};
    const struct cfg_events events = {.context = t};
    struct cfg *cfg = NULL;
    assert_int_equal(cfg_new(t->peer.client_bus, "config", tables, 1, &events, &cfg), -ERROR_UNKNOWN_NAME);
    assert_null(cfg);
}

static void unreadable_messages_are_survived(void **state)
{
    struct test *t = *state;
    struct random r;
    uint64_t seed = 12;
    printf("seed %" PRIu64 "\n", seed);
    random_seed(&r, seed);
    run(t, 100);
    const enum message_type types[] = {MESSAGE_TRANSACT_REPLY, MESSAGE_SNAPSHOT, MESSAGE_DELTA,
                                       MESSAGE_STATUS,         MESSAGE_RENEWED,  MESSAGE_AWAIT_APPLIED_REPLY};
    for (int i = 0; i < 3000; i++) {
        uint8_t bytes[40];
        size_t size = (size_t)random_below(&r, sizeof bytes);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = 0xff; /* an endless varint: certainly no message */
        }
        assert_int_equal(bus_send(t->peer.server, &peer_client, types[random_below(&r, 6)], bytes, size > 0 ? size : 1), 0);
        if (i % 50 == 0) {
            run(t, 10);
        }
    }
    mini_commit(&t->mini, 4, 400);
    run(t, 3000);
    expect_caught_up(t);
}

enum { TRANSACTIONS = 400 };

/* Ten seconds of commits, transactions, broken connections and restarts; then quiet. */
static void random_faults(struct test *t, uint64_t seed)
{
    struct random r;
    struct outcome outcomes[TRANSACTIONS] = {{0}};
    size_t n_sent = 0;
    random_seed(&r, seed);
    bus_hub_set_faults(t->peer.hub, 4, 0, 30 * NS_PER_MS);
    for (int i = 0; i < 2000; i++) {
        peer_pass(&t->peer, 5);
        if (random_below(&r, 10) == 0) {
            mini_commit(&t->mini, random_below(&r, MINI_ROWS / 2), random_below(&r, 4));
        }
        if (random_below(&r, 5) == 0 && n_sent < TRANSACTIONS) {
            uint64_t patience_ms = 200 + random_below(&r, 4000);
            put(t, MINI_ROWS / 2 + n_sent % (MINI_ROWS / 2), 1000 + n_sent, patience_ms, &outcomes[n_sent]);
            n_sent++;
        }
        if (random_below(&r, 400) == 0) {
            mini_restart(&t->mini);
        }
        if (random_below(&r, 3) != 0) {
            mini_step(&t->mini);
        }
        cfg_step(t->cfg, t->peer.now_ns);
    }
    bus_hub_set_faults(t->peer.hub, 0, 0, 0);
    run(t, 8000);
    expect_caught_up(t);
    assert_int_equal(cfg_transactions_in_flight(t->cfg), 0);
    size_t n_done[TRANSACTIONS] = {0};
    for (uint64_t n = 1; n <= t->mini.n; n++) {
        for (uint64_t id = MINI_ROWS / 2; id < MINI_ROWS; id++) {
            if (t->mini.history[n][id] != t->mini.history[n - 1][id]) {
                n_done[t->mini.history[n][id] - 1000]++;
            }
        }
    }
    size_t n_good = 0;
    for (size_t i = 0; i < n_sent; i++) {
        const struct outcome *o = &outcomes[i];
        assert_int_equal(o->n_calls, 1);
        assert_true(n_done[i] <= 1);
        if (o->error == 0) {
            assert_int_equal(n_done[i], 1);
            assert_true(t->mini.history[o->version][MINI_ROWS / 2 + i % (MINI_ROWS / 2)] == 1000 + i);
            n_good++;
        } else if (o->error == -ERROR_NOT_CONNECTED) {
            assert_int_equal(n_done[i], 0);
        } else {
            assert_int_equal(o->error, -ERROR_TIMEOUT);
        }
    }
    assert_true(n_good > n_sent / 2);
}

static void faults_never_show_what_was_not_nor_do_things_twice(void **state)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        void *fresh = NULL;
        printf("seed %" PRIu64 "\n", seed);
        setup(&fresh);
        random_faults(fresh, seed);
        teardown(&fresh);
    }
}

/* The small configdb knows no filter: it takes a SUBSCRIBE for more bridges for one to go on. */
static void a_configdb_that_knows_no_filter_is_asked_for_all_again(void **state)
{
    struct test *t = *state;
    run(t, 100);
    assert_int_equal(t->n_snapshots, 1);
    assert_true(cfg_holds_bridge(t->cfg, 7)); /* all are followed */
    cfg_follow_bridges(t->cfg, NULL, 0);
    run(t, 100);
    assert_false(cfg_holds_bridge(t->cfg, 7));
    assert_int_equal(t->n_snapshots, 1); /* for less nothing is read again */
    cfg_follow_bridges(t->cfg, (const uint64_t[]){7}, 1);
    run(t, 1500);
    assert_false(cfg_holds_bridge(t->cfg, 7));
    mini_commit(&t->mini, 1, 101);
    run(t, 200);
    assert_int_equal(t->shown[1], 101); /* the rest goes on */
    run(t, 3000);
    assert_true(cfg_holds_bridge(t->cfg, 7));
    assert_int_equal(t->n_snapshots, 2);
    uint64_t n_subscribes = t->mini.n_subscribes;
    cfg_follow_bridges(t->cfg, (const uint64_t[]){7}, 1);
    run(t, 3000);
    assert_int_equal(t->mini.n_subscribes, n_subscribes);
    cfg_follow_bridges(t->cfg, (const uint64_t[]){7, 9}, 2); /* it is known by now that all come */
    assert_true(cfg_holds_bridge(t->cfg, 9));
    run(t, 3000);
    assert_true(t->mini.n_subscribes == n_subscribes && t->n_snapshots == 2);
}

#define CFG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        CFG_TEST(mirror_takes_a_snapshot_and_follows),
        CFG_TEST(quiet_connection_is_not_subscribed_again),
        CFG_TEST(lost_acknowledgement_is_said_again),
        CFG_TEST(what_nobody_waits_for_is_acknowledged_later_and_the_rest_at_once),
        CFG_TEST(restarted_configdb_is_resumed_without_a_snapshot),
        CFG_TEST(what_changes_without_a_version_is_seen_after_a_refresh),
        CFG_TEST(silence_is_reported_and_the_mirror_stays),
        CFG_TEST(status_outlives_a_restart_only_when_said_again),
        CFG_TEST(transaction_comes_back_as_a_row),
        CFG_TEST(without_configdb_a_transaction_ends_at_its_deadline),
        CFG_TEST(registration_follows_configdb_around),
        CFG_TEST(await_applied_is_answered),
        CFG_TEST(reader_without_tables_does_not_subscribe),
        CFG_TEST(unknown_table_is_refused),
        CFG_TEST(unreadable_messages_are_survived),
        cmocka_unit_test(faults_never_show_what_was_not_nor_do_things_twice),
        CFG_TEST(a_configdb_that_knows_no_filter_is_asked_for_all_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
