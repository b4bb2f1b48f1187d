/* The feed as a reader on the wire sees it: which message answers SUBSCRIBE, what comes in which order, what a window holds back. */
#include "tests/unit/services/configdb/raw.h"

#include "services/configdb/readers.h"

static void without_a_version_a_snapshot_comes_and_deltas_follow(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw_subscribe(&raw, CFG_BRIDGE, CFG_RULE, 0, 0);
    assert_int_equal(raw.n_snapshots, 1);
    assert_int_equal(raw.n_changes, 1);
    raw_add_rules(&raw, 5);
    assert_int_equal(raw.n_replies, 5);
    assert_int_equal(raw.n_deltas, 5);
    assert_int_equal(raw.last_n, configdb_version(raw.f.db).n);
    assert_false(raw.has_gap);
    raw_fini(&raw);
}

static void a_version_in_the_ring_is_continued_and_the_newest_is_confirmed(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw_add_rules(&raw, 10);
    struct version newest = configdb_version(raw.f.db);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, newest.epoch, newest.n - 4);
    assert_int_equal(raw.n_snapshots, 0);
    assert_int_equal(raw.n_deltas, 4);
    assert_int_equal(raw.last_n, newest.n);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, newest.epoch, newest.n);
    assert_int_equal(raw.n_snapshots, 0);
    assert_int_equal(raw.n_deltas, 5);
    assert_int_equal(raw.n_changes, 4);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, newest.epoch, newest.n + 1); /* from the future */
    assert_int_equal(raw.n_snapshots, 1);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, newest.epoch - 1, newest.n); /* of an epoch nobody knows */
    assert_int_equal(raw.n_snapshots, 2);
    raw_subscribe(&raw, CFG_RULE, CFG_BRIDGE, newest.epoch, newest.n); /* a new table: deltas would lack its rows */
    assert_int_equal(raw.n_snapshots, 3);
    raw_fini(&raw);
}

static void the_end_of_the_last_epoch_goes_on_without_a_snapshot(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw_add_rules(&raw, 3);
    struct version before = configdb_version(raw.f.db);
    fixture_close(&raw.f);
    fixture_open(&raw.f);
    raw_run(&raw, 300);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, before.epoch, before.n);
    assert_int_equal(raw.n_snapshots, 0);
    assert_int_equal(raw.n_deltas, 1);
    assert_int_equal(raw.epoch, before.epoch + 1);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, before.epoch, before.n - 1);
    assert_int_equal(raw.n_snapshots, 1);
    raw_fini(&raw);
}

static void commits_of_other_tables_come_empty_and_mixed_ones_filtered(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw_subscribe(&raw, CFG_PORT, CFG_GROUP, 0, 0);
    size_t shown = raw.n_changes;
    raw_add_rules(&raw, 3);
    assert_int_equal(raw.n_deltas, 3);
    assert_int_equal(raw.n_changes, shown);
    Busbar__BridgeRow row = fixture_bridge("br1");
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    assert_int_equal(fixture_transact(&raw.f, 0, &txn).error, 0);
    raw_run(&raw, 20);
    assert_int_equal(raw.n_deltas, 4);
    assert_int_equal(raw.n_changes, shown + 1); /* the LOCAL port of it, not the bridge */
    assert_false(raw.has_gap);
    raw_fini(&raw);
}

static void the_window_holds_deltas_back_until_they_are_applied(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, 0, 0);
    uint64_t begin = raw.last_n;
    raw_add_rules(&raw, READERS_WINDOW_VERSIONS + 20);
    assert_int_equal(raw.n_deltas, READERS_WINDOW_VERSIONS);
    raw_applied(&raw, begin + 5);
    assert_int_equal(raw.n_deltas, READERS_WINDOW_VERSIONS + 5);
    raw_applied(&raw, begin + 3);       /* goes not back */
    raw_applied(&raw, begin + 1000000); /* nor beyond what there is */
    assert_int_equal(raw.n_deltas, READERS_WINDOW_VERSIONS + 5);
    raw_applied(&raw, raw.last_n);
    assert_int_equal(raw.n_deltas, READERS_WINDOW_VERSIONS + 20);
    assert_false(raw.has_gap);
    raw_fini(&raw);
}

static void the_window_is_one_of_bytes_too(void **state)
{
    enum { BYTES = 400 * 1000, FIT = READERS_WINDOW_BYTES / BYTES, MORE = 5 };
    struct raw raw;
    raw_init(&raw);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, 0, 0);
    uint64_t begin = raw.last_n;
    for (int i = 0; i < FIT + MORE; i++) {
        raw_add_large_rule_now(&raw, BYTES);
        raw_run(&raw, 5);
    }
    assert_int_equal(raw.n_deltas, FIT);
    raw_applied(&raw, begin + 2);
    assert_int_equal(raw.n_deltas, FIT + 2);
    raw_applied(&raw, begin + FIT + 2);
    assert_int_equal(raw.n_deltas, FIT + MORE);
    assert_false(raw.has_gap);
    raw_fini(&raw);
}

static void who_falls_out_of_the_ring_gets_a_snapshot_unasked(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw_subscribe(&raw, CFG_RULE, CFG_GROUP, 0, 0);
    assert_int_equal(raw.n_snapshots, 1);
    raw_add_rules(&raw, READERS_WINDOW_VERSIONS + 1);
    /* Many small commits of another writer push the ring on; none is acknowledged here. */
    static const enum cfg_table none[] = {CFG_SWITCH};
    struct cfg *busy = fixture_client(&raw.f, 1, PROCESS_OFAGENT, none, 1, NULL);
    static char text[200 * 1024];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 400; i++) {
        Busbar__RuleRow rule = fixture_rule(raw.bridge, 1);
        Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
        Busbar__FieldMatch *matches[1] = {&match};
        match.value.data = (uint8_t *)text;
        match.value.len = sizeof text;
        rule.match = matches;
        rule.n_match = 1;
        struct cfg_txn *txn = cfg_txn_new("large");
        uint64_t label = cfg_txn_insert(txn, CFG_RULE, &rule.base);
        struct fixture_result result = fixture_transact(&raw.f, 1, &txn);
        assert_int_equal(result.error, 0);
        (void)label;
        txn = cfg_txn_new("away");
        cfg_txn_delete(txn, CFG_RULE, result.ids[0]);
        assert_int_equal(fixture_transact(&raw.f, 1, &txn).error, 0);
        cfg_applied(busy, cfg_version(busy), NULL, 0);
        raw_run(&raw, 1);
    }
    raw_run(&raw, 100);
    assert_true(raw.n_snapshots >= 2);
    for (int i = 0; i < 10; i++) {
        raw_applied(&raw, raw.last_n);
    }
    assert_int_equal(raw.last_n, configdb_version(raw.f.db).n);
    assert_true(raw.n_snapshots <= 3);
    raw_fini(&raw);
}

static void a_cut_connection_is_caught_up_when_the_reader_is_heard_again(void **state)
{
    struct raw raw;
    struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = 1, .start = 4711};
    raw_init(&raw);
    raw_subscribe(&raw, CFG_BRIDGE, CFG_PORT, 0, 0);
    raw_applied(&raw, raw.last_n);
    bus_hub_cut(raw.f.hub, &self, true);
    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "b%d", i);
        Busbar__BridgeRow row = fixture_bridge(name);
        struct cfg_txn *txn = cfg_txn_new("test");
        (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
        assert_int_equal(fixture_transact(&raw.f, 0, &txn).error, 0);
    }
    bus_hub_cut(raw.f.hub, &self, false);
    raw_run(&raw, 200);
    Busbar__Renew renew = BUSBAR__RENEW__INIT;
    raw_send(&raw, MESSAGE_RENEW, &renew.base);
    raw_run(&raw, 20);
    assert_int_equal(raw.last_n, configdb_version(raw.f.db).n);
    assert_false(raw.has_gap);
    raw_fini(&raw);
}

static void a_crowd_of_readers_is_bounded(void **state)
{
    enum { CROWD = READERS_MAX + 20 };
    static struct bus *buses[CROWD];
    static struct bus_socket *sockets[CROWD];
    struct raw raw;
    uint32_t table = CFG_BRIDGE;
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    message.tables = &table;
    message.n_tables = 1;
    raw_init(&raw);
    for (size_t i = 0; i < CROWD; i++) {
        struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = (uint32_t)i + 10, .start = i + 1};
        buses[i] = bus_memory_new(raw.f.hub, &self);
        assert_int_equal(bus_connect(buses[i], WIRE_CONFIG, FIXTURE_ENDPOINT, &sockets[i]), 0);
    }
    raw_run(&raw, 60);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(msg_send(sockets[i], NULL, MESSAGE_SUBSCRIBE, &message.base), 0);
        raw_run(&raw, 1);
    }
    json_t *status = configdb_status_json(raw.f.db);
    assert_int_equal(json_array_size(json_object_get(status, "readers")), READERS_MAX);
    json_decref(status);
    for (size_t i = 0; i < CROWD; i++) {
        bus_close(&sockets[i]);
        bus_destroy(&buses[i]);
    }
    raw_run(&raw, 10);
    raw_fini(&raw);
}

/* Ten commits behind: one message to who takes batches or them as one, ten to who does not; whole and without a gap either way. */
static void who_takes_batches_catches_up_in_one_message(void **state)
{
    for (int takes = 0; takes < 3; takes++) {
        struct raw raw;
        raw_init(&raw);
        uint64_t n = configdb_version(raw.f.db).n;
        raw_add_rules(&raw, 10);
        raw.takes_batches = takes >= 1;
        raw.takes_merged = takes == 2;
        raw.last_n = n;
        raw_subscribe(&raw, CFG_RULE, CFG_BRIDGE, configdb_version(raw.f.db).epoch, n);
        assert_int_equal(raw.n_batches, takes == 1);
        assert_int_equal(raw.n_merged, takes == 2);
        assert_int_equal(raw.n_deltas, 10);
        assert_int_equal(raw.n_changes, 10);
        assert_int_equal(raw.last_n, n + 10);
        assert_false(raw.has_gap);
        raw_applied(&raw, raw.last_n);
        raw_add_rules(&raw, 1);
        assert_int_equal(raw.n_deltas, 11);
        assert_false(raw.has_gap);
        raw_fini(&raw);
    }
}

/* Readers beside the raw one, who count messages with commits. */
enum { LISTENERS = READERS_UNPACED + 150 };
_Static_assert(LISTENERS * READERS_MESSAGE_NS > READERS_SETTLE_NS + 2 * NS_PER_MS, "a pause that silence can end");
struct listeners {
    struct bus *buses[LISTENERS];
    struct bus_socket *sockets[LISTENERS];
};

static size_t listeners_hear(struct listeners *listeners)
{
    struct bus_message message;
    size_t n = 0;
    for (size_t i = 0; i < LISTENERS; i++) {
        while (bus_recv(listeners->sockets[i], &message) == 0) {
            n += message.type == MESSAGE_DELTA || message.type == MESSAGE_DELTA_BATCH ? 1 : 0;
            bus_message_fini(&message);
        }
    }
    return n;
}

static void listeners_open(struct listeners *listeners, struct raw *raw)
{
    uint32_t table = CFG_RULE;
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    message.tables = &table;
    message.n_tables = 1;
    message.takes_batches = true;
    for (size_t i = 0; i < LISTENERS; i++) {
        struct bus_identity self = {.kind = PROCESS_SLOWPATH, .instance = (uint32_t)i + 10, .start = i + 1};
        listeners->buses[i] = bus_memory_new(raw->f.hub, &self);
        assert_int_equal(bus_connect(listeners->buses[i], WIRE_CONFIG, FIXTURE_ENDPOINT, &listeners->sockets[i]), 0);
    }
    raw_run(raw, 60);
    for (size_t i = 0; i < LISTENERS; i++) {
        assert_int_equal(msg_send(listeners->sockets[i], NULL, MESSAGE_SUBSCRIBE, &message.base), 0);
    }
    raw_run(raw, 20);
}

static void listeners_close(struct listeners *listeners, struct raw *raw)
{
    for (size_t i = 0; i < LISTENERS; i++) {
        bus_close(&listeners->sockets[i]);
        bus_destroy(&listeners->buses[i]);
    }
    raw_run(raw, 10);
}

static void a_crowd_is_told_less_often_but_at_once_when_nobody_writes(void **state)
{
    struct raw raw;
    struct listeners listeners;
    raw_init(&raw);
    listeners_open(&listeners, &raw);
    (void)listeners_hear(&listeners);
    raw_add_rules(&raw, 1); /* runs 5 ms */
    assert_int_equal(listeners_hear(&listeners), LISTENERS);
    /* During the pause after that round: it has to wait, but only until nobody has written for a moment. */
    uint64_t begin_ns = raw.f.now_ns;
    raw_add_rule_now(&raw);
    size_t heard = 0;
    while (heard == 0 && raw.f.now_ns - begin_ns < 100 * NS_PER_MS) {
        raw_run(&raw, 1);
        heard = listeners_hear(&listeners);
    }
    assert_int_equal(heard, LISTENERS);
    raw_run(&raw, 20);
    /* Many commits, one behind the other without a pause: fewer messages than commits, and all arrive. */
    for (size_t i = 0; i < 20; i++) {
        raw_add_rule_now(&raw);
        raw_run(&raw, 1);
    }
    raw_run(&raw, 20);
    size_t n = listeners_hear(&listeners);
    assert_true(n >= LISTENERS);
    assert_true(n < 20u * LISTENERS);
    json_t *status = configdb_status_json(raw.f.db);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "transactions"), "refused")), 0);
    json_decref(status);
    listeners_close(&listeners, &raw);
    raw_fini(&raw);
}

static void commits_of_other_bridges_wait_for_one_that_is_seen(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw.takes_batches = true;
    raw_add_rules(&raw, 3);
    uint64_t n = configdb_version(raw.f.db).n;
    raw.last_n = n;
    raw_follow(&raw, 4040, 0, n);
    size_t n_deltas = raw.n_deltas;
    assert_int_equal(raw.last_n, n);
    raw_other_adds_rule(&raw);
    raw_other_adds_rule(&raw);
    raw_run(&raw, READERS_UNSEEN_NS / NS_PER_MS - 10);
    assert_int_equal(raw.n_deltas, n_deltas); /* nobody is woken for that */
    raw_run(&raw, 15);
    assert_true(raw.n_deltas == n_deltas + 1 && raw.last_n == n + 2);
    raw_other_adds_rule(&raw);
    Busbar__BridgeRow row = fixture_bridge("br1");
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    assert_int_equal(fixture_transact(&raw.f, 0, &txn).error, 0);
    raw_run(&raw, 1);
    assert_int_equal(raw.last_n, n + 4); /* that one is seen, and takes the other along */
    assert_int_equal(raw.n_changes, 1);
    raw_fini(&raw);
}

/* A barrier may wait until its ofagent has seen the version that it was told of, also where this is of no row that it sees. */
static void who_is_told_of_a_version_is_sent_it_at_once(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw.takes_batches = true;
    raw_other_adds_rule(&raw);
    uint64_t n = configdb_version(raw.f.db).n;
    raw.last_n = n;
    raw_follow(&raw, 4040, 0, n);
    raw_other_adds_rule(&raw);
    raw_run(&raw, 2);
    assert_int_equal(raw.last_n, n);
    raw_change_nothing_now(&raw);
    raw_run(&raw, 2);
    assert_int_equal(raw.n_replies, 1);
    assert_int_equal(raw.last_n, n + 1);
    raw_add_rule_now(&raw); /* its own, of a bridge that it does not follow */
    raw_run(&raw, 2);
    assert_int_equal(raw.last_n, n + 2);
    raw_other_adds_rule(&raw); /* and no later one */
    raw_run(&raw, 2);
    assert_int_equal(raw.last_n, n + 2);
    raw_fini(&raw);
}

/* Megabytes of added rules: what comes at once is bounded, commits come in between, and all is joined where these have come as far as the rows. */
static void commits_go_on_beside_the_rows_of_added_bridges(void **state)
{
    enum { RULES = 20, BYTES = 400 * 1000 };
    struct raw raw;
    raw_init(&raw);
    raw.takes_batches = raw.takes_beside = true;
    for (int i = 0; i < RULES; i++) {
        raw_add_large_rule_now(&raw, BYTES);
        raw_run(&raw, 5);
    }
    uint64_t n = configdb_version(raw.f.db).n;
    raw.last_n = n;
    raw_follow(&raw, raw.bridge, raw.bridge, n);
    assert_int_equal(raw.n_pieces, READERS_PIECES);
    raw_run(&raw, 50);
    assert_int_equal(raw.n_pieces, READERS_PIECES);
    size_t n_deltas = raw.n_deltas;
    raw_other_adds_rule(&raw);
    raw_run(&raw, 2);
    assert_true(raw.n_deltas == n_deltas + 1 && raw.last_n == n + 1 && raw.is_partial && !raw.is_joined);
    raw_applied(&raw, n + 1);
    assert_int_equal(applied_of_raw(&raw), n + 1);
    raw_gathered(&raw, 1);
    assert_int_equal(raw.n_pieces, READERS_PIECES + 1);
    raw_gathered(&raw, 1);
    raw_gathered(&raw, 999); /* more than came */
    assert_int_equal(raw.n_pieces, 2 * READERS_PIECES + 1);
    for (int i = 0; i < RULES && !raw.is_joined; i++) {
        raw_gathered(&raw, raw.n_pieces);
    }
    assert_true(raw.is_joined && raw.n_snapshots == 1 && raw.last_n == n + 1);
    assert_int_equal(raw.n_changes, RULES + 2); /* the small one as a row, too */
    assert_int_equal(raw.serial, 5);
    raw_other_adds_rule(&raw);
    raw_run(&raw, 2);
    assert_true(raw.last_n == n + 2 && !raw.has_gap);
    raw_fini(&raw);
}

/* The window is full, so commits stay behind the rows that were read. */
static void nothing_is_joined_before_the_commits_have_come_as_far_as_the_rows(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw.takes_batches = raw.takes_beside = true;
    uint64_t n = configdb_version(raw.f.db).n;
    raw.last_n = n;
    raw_follow(&raw, raw.bridge, 0, n);
    for (int i = 0; i < 25; i++) { /* two fit into it */
        raw_add_large_rule_now(&raw, 450 * 1000);
        raw_run(&raw, 2);
    }
    uint64_t shown = raw.last_n;
    assert_true(shown < n + 25);
    raw_follow(&raw, raw.bridge, raw.bridge, n);
    for (int i = 0; i < 40; i++) {
        raw_gathered(&raw, raw.n_pieces);
    }
    assert_true(raw.n_pieces >= 13 && !raw.is_joined && raw.last_n < n + 25);
    for (int i = 0; i < 40 && raw.last_n < n + 25; i++) {
        assert_false(raw.is_joined);
        raw_applied(&raw, raw.last_n);
    }
    raw_gathered(&raw, raw.n_pieces);
    assert_true(raw.is_joined && raw.last_n == n + 25);
    raw_fini(&raw);
}

/* A crowd is in its pause when the twenty milliseconds of one that sees nothing of all this are over: configdb sleeps nevertheless. */
static void a_reader_that_waits_does_not_keep_configdb_awake_in_a_pause(void **state)
{
    struct raw raw;
    struct listeners listeners;
    raw_init(&raw);
    raw.takes_batches = true;
    raw.last_n = configdb_version(raw.f.db).n;
    raw_follow(&raw, 4040, 0, raw.last_n);
    listeners_open(&listeners, &raw);
    for (int i = 0; i < 100; i++) {
        raw_add_rule_now(&raw);
        raw_run(&raw, 1);
        assert_true(configdb_step(raw.f.db, raw.f.now_ns) > raw.f.now_ns);
    }
    listeners_close(&listeners, &raw);
    raw_fini(&raw);
}

/* Others have to wait for commits; who asks where it stands hears it at once. */
static void a_subscribe_in_a_pause_is_answered_at_once(void **state)
{
    struct raw raw;
    struct listeners listeners;
    raw_init(&raw);
    listeners_open(&listeners, &raw);
    raw_add_rule_now(&raw);
    raw_run(&raw, 2); /* a round for all, and a pause behind it */
    struct version newest = configdb_version(raw.f.db);
    assert_int_equal(listeners_hear(&listeners), LISTENERS);
    raw_follow_now(&raw, raw.bridge, 0, newest.n);
    raw_run(&raw, 2);
    assert_int_equal(raw.n_deltas, 1);
    listeners_close(&listeners, &raw);
    raw_fini(&raw);
}

static void more_bridges_come_partly_and_are_acknowledged_when_the_reader_says_so(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw.takes_batches = true;
    uint64_t n = configdb_version(raw.f.db).n;
    raw_add_rules(&raw, 3);
    raw_follow(&raw, raw.bridge, raw.bridge, n);
    assert_int_equal(raw.n_snapshots, 1);
    assert_true(raw.is_partial);
    assert_int_equal(raw.serial, 5);
    assert_int_equal(raw.n_changes, 6); /* each as a row and from its commit; the bridge, which it has, is not among them */
    assert_int_equal(raw.last_n, n + 3);
    assert_int_equal(applied_of_raw(&raw), n);
    raw_applied(&raw, n + 3);
    assert_int_equal(applied_of_raw(&raw), n + 3);
    raw_add_rules(&raw, 1);
    assert_int_equal(raw.n_changes, 7);
    raw_follow(&raw, raw.bridge, raw.bridge, n + 900); /* a version that is none: all of it */
    assert_int_equal(raw.n_snapshots, 2);
    assert_false(raw.is_partial);
    assert_int_equal(raw.n_changes, 7 + 4 + 1);
    raw_fini(&raw);
}

/* The reader showed what was under way to it when it asked for another bridge, and says so while the rows of that one come. */
static void what_was_under_way_is_acknowledged_during_a_partial_snapshot(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw.takes_batches = true;
    uint64_t n = configdb_version(raw.f.db).n;
    raw.last_n = n;
    raw_follow(&raw, raw.bridge, 0, n);
    raw_add_rules(&raw, 3);
    assert_int_equal(raw.last_n, n + 3);
    raw_follow_now(&raw, raw.bridge, raw.bridge, n + 1);
    raw_add_rule_now(&raw);
    raw_applied_now(&raw, n + 9);
    raw_applied_now(&raw, n + 3); /* all in one step, which begins the snapshot */
    raw_run(&raw, 5);
    assert_int_equal(raw.n_snapshots, 1);
    assert_int_equal(raw.last_n, n + 4);
    assert_int_equal(applied_of_raw(&raw), n + 3); /* not the fourth: that came behind */
    raw_fini(&raw);
}

/* Megabytes of rules in one commit: the share of a reader comes in messages no larger than those of the whole. */
static void a_large_commit_of_two_bridges_comes_in_pieces_to_a_reader_of_one(void **state)
{
    enum { RULES = 20, BYTES = ROWS_VALUE_MAX - 1000 };
    static uint8_t value[BYTES];
    struct raw raw;
    raw_init(&raw);
    (void)fixture_client(&raw.f, 1, PROCESS_OFAGENT, (const enum cfg_table[]){CFG_SWITCH}, 1, NULL); /* who may write rules */
    Busbar__BridgeRow row = fixture_bridge("br1");
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    struct fixture_result result = fixture_transact(&raw.f, 0, &txn);
    struct version version = configdb_version(raw.f.db);
    raw.last_n = version.n;
    raw_follow(&raw, raw.bridge, 0, version.n);
    size_t n_deltas = raw.n_deltas;
    Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
    Busbar__FieldMatch *matches[1] = {&match};
    match.value = (ProtobufCBinaryData){.data = value, .len = BYTES};
    txn = cfg_txn_new("large");
    for (uint64_t i = 0; i < RULES; i++) {
        Busbar__RuleRow rule = fixture_rule(i < RULES - 2 ? raw.bridge : result.ids[0], i);
        rule.match = matches;
        rule.n_match = 1;
        (void)cfg_txn_insert(txn, CFG_RULE, &rule.base);
    }
    assert_int_equal(fixture_transact(&raw.f, 1, &txn).error, 0);
    raw_run(&raw, 20);
    assert_int_equal(raw.n_changes, RULES - 2);
    assert_true(raw.n_deltas >= n_deltas + RULES - 2 && raw.last_n == version.n + 1);
    raw_fini(&raw);
}

/* What a reader says it has not got is bounded as its bridges are, and of others than its bridges it gets nothing. */
static void added_bridges_are_bounded_and_among_those_of_the_view(void **state)
{
    static uint64_t many[READERS_BRIDGES_MAX + 1];
    struct raw raw;
    raw_init(&raw);
    raw_add_rules(&raw, 3);
    uint64_t n = configdb_version(raw.f.db).n;
    raw_follow(&raw, 4040, raw.bridge, n);
    assert_int_equal(raw.n_snapshots, 1);
    assert_true(raw.is_partial);
    assert_int_equal(raw.n_changes, 0);
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    Busbar__Version version;
    uint32_t table = CFG_RULE;
    for (size_t i = 0; i <= READERS_BRIDGES_MAX; i++) {
        many[i] = raw.bridge;
    }
    version_encode((struct version){.epoch = configdb_version(raw.f.db).epoch, .n = n}, &version);
    message.tables = &table;
    message.n_tables = 1;
    message.have = &version;
    message.by_bridge = true;
    message.bridges = many;
    message.n_bridges = 1;
    message.added = many;
    message.n_added = READERS_BRIDGES_MAX + 1;
    raw_send(&raw, MESSAGE_SUBSCRIBE, &message.base);
    assert_int_equal(raw.n_snapshots, 2);
    assert_false(raw.is_partial);
    assert_int_equal(raw.n_changes, 3);
    raw_fini(&raw);
}

/* Its queue is full when its snapshot begins: that is tried now and then, not in every step, and comes when there is room. */
static void a_snapshot_that_finds_no_room_is_tried_again_now_and_then(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw_subscribe(&raw, CFG_RULE, CFG_BRIDGE, 0, 0);
    for (size_t i = 0; i < BUS_QUEUE_MESSAGES + 10; i++) {
        raw_add_rule_now(&raw);
        fixture_run(&raw.f, 1); /* the messages stay where they are */
    }
    uint32_t table = CFG_RULE;
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    message.tables = &table;
    message.n_tables = 1;
    assert_int_equal(msg_send(raw.socket, NULL, MESSAGE_SUBSCRIBE, &message.base), 0);
    fixture_run(&raw.f, 2);
    assert_int_equal(raw.n_snapshots, 1);
    uint64_t due_ns = configdb_step(raw.f.db, raw.f.now_ns);
    assert_true(due_ns > raw.f.now_ns && due_ns <= raw.f.now_ns + READERS_RETRY_NS);
    raw_run(&raw, READERS_RETRY_NS / NS_PER_MS + 3);
    assert_int_equal(raw.n_snapshots, 2);
    assert_int_equal(raw.last_n, configdb_version(raw.f.db).n);
    raw_fini(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_version_a_snapshot_comes_and_deltas_follow),
        cmocka_unit_test(a_version_in_the_ring_is_continued_and_the_newest_is_confirmed),
        cmocka_unit_test(the_end_of_the_last_epoch_goes_on_without_a_snapshot),
        cmocka_unit_test(commits_of_other_tables_come_empty_and_mixed_ones_filtered),
        cmocka_unit_test(the_window_holds_deltas_back_until_they_are_applied),
        cmocka_unit_test(the_window_is_one_of_bytes_too),
        cmocka_unit_test(who_falls_out_of_the_ring_gets_a_snapshot_unasked),
        cmocka_unit_test(a_cut_connection_is_caught_up_when_the_reader_is_heard_again),
        cmocka_unit_test(a_crowd_of_readers_is_bounded),
        cmocka_unit_test(who_takes_batches_catches_up_in_one_message),
        cmocka_unit_test(a_crowd_is_told_less_often_but_at_once_when_nobody_writes),
        cmocka_unit_test(commits_of_other_bridges_wait_for_one_that_is_seen),
        cmocka_unit_test(who_is_told_of_a_version_is_sent_it_at_once),
        cmocka_unit_test(commits_go_on_beside_the_rows_of_added_bridges),
        cmocka_unit_test(nothing_is_joined_before_the_commits_have_come_as_far_as_the_rows),
        cmocka_unit_test(a_reader_that_waits_does_not_keep_configdb_awake_in_a_pause),
        cmocka_unit_test(more_bridges_come_partly_and_are_acknowledged_when_the_reader_says_so),
        cmocka_unit_test(a_large_commit_of_two_bridges_comes_in_pieces_to_a_reader_of_one),
        cmocka_unit_test(added_bridges_are_bounded_and_among_those_of_the_view),
        cmocka_unit_test(a_subscribe_in_a_pause_is_answered_at_once),
        cmocka_unit_test(a_snapshot_that_finds_no_room_is_tried_again_now_and_then),
        cmocka_unit_test(what_was_under_way_is_acknowledged_during_a_partial_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
