/* configdb as a whole: a configdb and clients with mirrors on the memory bus, under a clock of the test. */
#include "lib/msg/counter_id.h"
#include "tests/unit/services/configdb/fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "services/configdb/readers.h"
#include "services/configdb/txn.h"

static const enum cfg_table all_tables[] = {
    CFG_SWITCH, CFG_BRIDGE,  CFG_PORT,        CFG_CONTROLLER,       CFG_RULE, CFG_GROUP, CFG_METER,
    CFG_OWNER,  CFG_SERVICE, CFG_PORT_STATUS, CFG_CONTROLLER_STATUS};
enum { N_ALL = sizeof all_tables / sizeof all_tables[0] };
enum { SWCTL, OFAGENT, SLOWPATH, LATE };

static void set_up(struct fixture *f)
{
    fixture_init(f);
    (void)fixture_client(f, SWCTL, PROCESS_SWCTL, all_tables, N_ALL, NULL);
    (void)fixture_client(f, OFAGENT, PROCESS_OFAGENT, all_tables, N_ALL, NULL);
    fixture_run(f, 200);
}

static uint64_t add_bridge(struct fixture *f, const char *name)
{
    Busbar__BridgeRow bridge = fixture_bridge(name);
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
    struct fixture_result result = fixture_transact(f, SWCTL, &txn);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.n_ids, 1);
    return result.ids[0];
}

static struct fixture_result add_port(struct fixture *f, const char *name, uint64_t bridge, uint32_t request)
{
    Busbar__PortRow port = fixture_port(name, bridge);
    port.has_ofport_request = request != 0;
    port.ofport_request = request;
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_PORT, &port.base);
    return fixture_transact(f, SWCTL, &txn);
}

static struct fixture_result add_rule(struct fixture *f, uint64_t bridge, uint64_t cookie)
{
    Busbar__RuleRow rule = fixture_rule(bridge, cookie);
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_RULE, &rule.base);
    return fixture_transact(f, OFAGENT, &txn);
}

static struct fixture_result delete_row(struct fixture *f, size_t slot, enum cfg_table table, uint64_t id)
{
    struct cfg_txn *txn = cfg_txn_new("test");
    cfg_txn_delete(txn, table, id);
    return fixture_transact(f, slot, &txn);
}

static size_t count_rows(const struct cfg *cfg, enum cfg_table table)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    size_t n = 0;
    while (cfg_next(cfg, table, &cursor, &id, &row)) {
        n++;
    }
    return n;
}

static const Busbar__PortRow *find_port(const struct cfg *cfg, const char *name)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(cfg, CFG_PORT, &cursor, &id, &row)) {
        if (strcmp(((const Busbar__PortRow *)row)->name, name) == 0) {
            return (const Busbar__PortRow *)row;
        }
    }
    return NULL;
}

static void a_bridge_comes_with_its_local_port_in_one_version(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    fixture_run(&f, 50);
    const Busbar__PortRow *local = find_port(f.client[OFAGENT], "br0");
    assert_non_null(local);
    assert_int_equal(local->ofport, 0xfffffffe);
    assert_int_equal(local->bridge, bridge);
    assert_string_equal(local->type, "internal");
    assert_int_equal(cfg_version(f.client[OFAGENT]).n, configdb_version(f.db).n);
    fixture_fini(&f);
}

static void port_numbers_are_the_lowest_free_or_the_requested(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    assert_int_equal(add_port(&f, "p1", bridge, 0).error, 0);
    assert_int_equal(add_port(&f, "p3", bridge, 3).error, 0);
    struct fixture_result p2 = add_port(&f, "p2", bridge, 0);
    assert_int_equal(p2.error, 0);
    assert_int_equal(add_port(&f, "p4", bridge, 0).error, 0);
    struct fixture_result taken = add_port(&f, "px", bridge, 3);
    assert_int_equal(taken.error, -ERROR_EXISTS);
    assert_non_null(strstr(taken.text, "ofport_request"));
    fixture_run(&f, 50);
    assert_int_equal(find_port(f.client[OFAGENT], "p1")->ofport, 1);
    assert_int_equal(find_port(f.client[OFAGENT], "p2")->ofport, 2);
    assert_int_equal(find_port(f.client[OFAGENT], "p3")->ofport, 3);
    assert_int_equal(find_port(f.client[OFAGENT], "p4")->ofport, 4);
    assert_null(find_port(f.client[OFAGENT], "px"));
    assert_int_equal(delete_row(&f, SWCTL, CFG_PORT, p2.ids[0]).error, 0);
    struct fixture_result again = add_port(&f, "p5", bridge, 0);
    fixture_run(&f, 50);
    assert_int_equal(find_port(f.client[OFAGENT], "p5")->ofport, 2);
    assert_true(again.ids[0] > p2.ids[0]);
    fixture_fini(&f);
}

static void refusals_name_table_column_and_value(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    Busbar__PortRow port = fixture_port("a/b", bridge);
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_PORT, &port.base);
    struct fixture_result result = fixture_transact(&f, SWCTL, &txn);
    assert_int_equal(result.error, -ERROR_RANGE);
    assert_non_null(strstr(result.text, "port"));
    assert_non_null(strstr(result.text, "name"));
    assert_non_null(strstr(result.text, "a/b"));
    result = add_port(&f, "p1", bridge + 17, 0);
    assert_int_equal(result.error, -ERROR_REFERENCE);
    assert_non_null(strstr(result.text, "bridge"));
    assert_int_equal(add_port(&f, "br0", bridge, 0).error, -ERROR_EXISTS);
    Busbar__BridgeRow twice = fixture_bridge("br0");
    txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &twice.base);
    result = fixture_transact(&f, SWCTL, &txn);
    assert_int_equal(result.error, -ERROR_EXISTS);
    assert_non_null(strstr(result.text, "br0"));
    fixture_fini(&f);
}

static void a_refused_transaction_leaves_no_trace(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t n = configdb_version(f.db).n;
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    struct cfg_txn *txn = cfg_txn_new("test");
    uint64_t label = cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
    Busbar__PortRow port = fixture_port("p1", label);
    Busbar__PortRow bad = fixture_port("a name that is too long", label);
    (void)cfg_txn_insert(txn, CFG_PORT, &port.base);
    (void)cfg_txn_insert(txn, CFG_PORT, &bad.base);
    struct fixture_result result = fixture_transact(&f, SWCTL, &txn);
    assert_int_equal(result.error, -ERROR_RANGE);
    assert_int_equal(result.failed_op, 2);
    fixture_run(&f, 50);
    assert_int_equal(configdb_version(f.db).n, n);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_PORT), 0);
    add_bridge(&f, "br0");
    fixture_fini(&f);
}

static void labels_join_rows_of_one_transaction(void **state)
{
    struct fixture f;
    set_up(&f);
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    struct cfg_txn *txn = cfg_txn_new("test");
    uint64_t label = cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
    Busbar__PortRow port = fixture_port("p1", label);
    (void)cfg_txn_insert(txn, CFG_PORT, &port.base);
    struct fixture_result result = fixture_transact(&f, SWCTL, &txn);
    assert_int_equal(result.error, 0);
    fixture_run(&f, 50);
    assert_int_equal(find_port(f.client[OFAGENT], "p1")->bridge, result.ids[0]);
    assert_int_equal(find_port(f.client[OFAGENT], "p1")->ofport, 1);
    fixture_fini(&f);
}

static void deleting_a_bridge_takes_its_ports_and_rules_along_in_one_version(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    uint64_t other = add_bridge(&f, "br1");
    assert_int_equal(add_port(&f, "p1", bridge, 0).error, 0);
    assert_int_equal(add_rule(&f, bridge, 1).error, 0);
    assert_int_equal(add_rule(&f, other, 2).error, 0);
    uint64_t n = configdb_version(f.db).n;
    assert_int_equal(delete_row(&f, SWCTL, CFG_BRIDGE, bridge).error, 0);
    fixture_run(&f, 50);
    assert_int_equal(configdb_version(f.db).n, n + 1);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_PORT), 1);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_RULE), 1);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_BRIDGE), 1);
    assert_int_equal(add_rule(&f, bridge, 3).error, -ERROR_REFERENCE);
    fixture_fini(&f);
}

static void rows_survive_a_restart_and_mirrors_go_on(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(add_rule(&f, bridge, i).error, 0);
    }
    struct version before = configdb_version(f.db);
    fixture_close(&f);
    fixture_run(&f, 100);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_RULE), 20);
    fixture_open(&f);
    struct version after = configdb_version(f.db);
    assert_int_equal(after.n, before.n);
    assert_true(after.epoch > before.epoch);
    fixture_run(&f, 3000);
    assert_int_equal(add_rule(&f, bridge, 99).error, 0);
    fixture_run(&f, 100);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_RULE), 21);
    assert_int_equal(count_rows(f.client[SWCTL], CFG_RULE), 21);
    assert_int_equal(cfg_version(f.client[SWCTL]).epoch, after.epoch);
    (void)fixture_client(&f, LATE, PROCESS_SLOWPATH, all_tables, N_ALL, NULL);
    fixture_run(&f, 300);
    assert_int_equal(count_rows(f.client[LATE], CFG_RULE), 21);
    assert_int_equal(count_rows(f.client[LATE], CFG_PORT), 1);
    fixture_fini(&f);
}

static void another_boot_rebuilds_the_rules_from_disk(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    uint64_t last_id = 0;
    for (uint64_t i = 0; i < 20; i++) {
        last_id = add_rule(&f, bridge, i).ids[0];
    }
    fixture_run(&f, 2500);
    uint64_t n = configdb_version(f.db).n;
    fixture_close(&f);
    f.boot_id = "boot-2";
    fixture_open(&f);
    assert_true(configdb_version(f.db).n > n);
    fixture_run(&f, 3000);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_RULE), 20);
    struct fixture_result result = add_rule(&f, bridge, 99);
    assert_int_equal(result.error, 0);
    assert_true(result.ids[0] > last_id);
    fixture_fini(&f);
}

static void only_the_owner_of_a_table_may_write_it(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    Busbar__RuleRow rule = fixture_rule(bridge, 1);
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_RULE, &rule.base);
    struct fixture_result result = fixture_transact(&f, SWCTL, &txn);
    assert_int_equal(result.error, -ERROR_WRONG_SENDER);
    assert_int_equal(delete_row(&f, OFAGENT, CFG_BRIDGE, bridge).error, -ERROR_WRONG_SENDER);
    fixture_fini(&f);
}

static void a_rule_needs_the_owners_epoch(void **state)
{
    static const char *const epoch_column[] = {"epoch"};
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    owner.start = 5;
    owner.epoch = 1;
    struct cfg_txn *txn = cfg_txn_new("own");
    cfg_txn_require_absent(txn, CFG_OWNER, bridge);
    cfg_txn_put(txn, CFG_OWNER, bridge, &owner.base);
    assert_int_equal(fixture_transact(&f, OFAGENT, &txn).error, 0);
    Busbar__RuleRow rule = fixture_rule(bridge, 1);
    txn = cfg_txn_new("rule");
    cfg_txn_require(txn, CFG_OWNER, bridge, &owner.base, epoch_column, 1);
    (void)cfg_txn_insert(txn, CFG_RULE, &rule.base);
    assert_int_equal(fixture_transact(&f, OFAGENT, &txn).error, 0);
    owner.epoch = 2;
    txn = cfg_txn_new("rule");
    cfg_txn_require(txn, CFG_OWNER, bridge, &owner.base, epoch_column, 1);
    (void)cfg_txn_insert(txn, CFG_RULE, &rule.base);
    struct fixture_result result = fixture_transact(&f, OFAGENT, &txn);
    assert_int_equal(result.error, -ERROR_OWNER);
    assert_int_equal(result.failed_op, 0);
    fixture_fini(&f);
}

static void join_slowpath(struct fixture *f)
{
    Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;
    char none[] = "";
    service.session = service.usage = service.packet = service.mac = service.control = none;
    service.pid = 42;
    (void)fixture_client(f, SLOWPATH, PROCESS_SLOWPATH, all_tables, N_ALL, NULL);
    cfg_register(f->client[SLOWPATH], &service);
}

static void a_service_joins_and_leaves_by_silence(void **state)
{
    struct fixture f;
    set_up(&f);
    join_slowpath(&f);
    fixture_run(&f, 1000);
    struct version version;
    assert_int_not_equal(cfg_registered(f.client[SLOWPATH], &version), 0);
    assert_int_equal(count_rows(f.client[SWCTL], CFG_SERVICE), 1);
    fixture_run(&f, 10000);
    assert_int_equal(count_rows(f.client[SWCTL], CFG_SERVICE), 1);
    cfg_destroy(&f.client[SLOWPATH]);
    fixture_run(&f, 1500);
    assert_int_equal(count_rows(f.client[SWCTL], CFG_SERVICE), 1);
    fixture_run(&f, 1500);
    assert_int_equal(count_rows(f.client[SWCTL], CFG_SERVICE), 0);
    fixture_fini(&f);
}

static void no_lease_lapses_because_configdb_stood_still(void **state)
{
    struct fixture f;
    set_up(&f);
    join_slowpath(&f);
    fixture_run(&f, 1000);
    struct version version;
    uint64_t id = cfg_registered(f.client[SLOWPATH], &version);
    assert_int_not_equal(id, 0);
    f.now_ns += 20 * NS_PER_S; /* the whole host was suspended; configdb is the first to run again */
    (void)configdb_step(f.db, f.now_ns);
    fixture_run(&f, 3000);
    assert_int_equal(cfg_registered(f.client[SLOWPATH], &version), id);
    assert_int_equal(count_rows(f.client[SWCTL], CFG_SERVICE), 1);
    fixture_fini(&f);
}

static void status_rows_reach_mirrors_and_fade(void **state)
{
    struct fixture f;
    set_up(&f);
    (void)fixture_client(&f, SLOWPATH, PROCESS_FASTPATH, all_tables, N_ALL, NULL);
    Busbar__PortStatusRow status = BUSBAR__PORT_STATUS_ROW__INIT;
    char text[] = "";
    status.error = status.mode = status.why = text;
    status.up = 1;
    cfg_publish(f.client[SLOWPATH], CFG_PORT_STATUS, 7, &status.base);
    fixture_run(&f, 500);
    assert_non_null(cfg_row(f.client[SWCTL], CFG_PORT_STATUS, 7));
    fixture_run(&f, 8000);
    assert_non_null(cfg_row(f.client[SWCTL], CFG_PORT_STATUS, 7));
    cfg_destroy(&f.client[SLOWPATH]);
    fixture_run(&f, 5000);
    assert_null(cfg_row(f.client[SWCTL], CFG_PORT_STATUS, 7));
    fixture_fini(&f);
}

struct awaited {
    bool is_done, is_reached;
    size_t n_missing, n_errors;
    char missing[200];
    char error[200];
};
static void on_awaited(void *context, const Busbar__AwaitAppliedReply *reply)
{
    struct awaited *out = context;
    assert_non_null(reply);
    out->is_done = true;
    out->is_reached = reply->reached;
    out->n_missing = reply->n_missing;
    out->n_errors = reply->n_errors;
    (void)snprintf(out->missing, sizeof out->missing, "%s", reply->n_missing > 0 ? reply->missing[0] : "");
    (void)snprintf(out->error, sizeof out->error, "%s", reply->n_errors > 0 ? reply->errors[0]->text : "");
}

static void await_names_who_has_not_applied_and_row_errors(void **state)
{
    struct fixture f;
    set_up(&f);
    (void)fixture_client(&f, SLOWPATH, PROCESS_SLOWPATH, all_tables, N_ALL, NULL);
    fixture_run(&f, 300);
    uint64_t bridge = add_bridge(&f, "br0");
    struct fixture_result port = add_port(&f, "p1", bridge, 0);
    struct awaited answer = {.is_done = false};
    cfg_await_applied(f.client[SWCTL], port.version, 300, on_awaited, &answer);
    fixture_run(&f, 600);
    assert_true(answer.is_done);
    assert_false(answer.is_reached);
    assert_true(answer.n_missing >= 1);
    assert_non_null(strstr(answer.missing, "applied"));

    char text[] = "no such device";
    Busbar__RowError error = BUSBAR__ROW_ERROR__INIT;
    error.table = CFG_PORT;
    error.id = port.ids[0];
    error.text = text;
    cfg_applied(f.client[SLOWPATH], port.version, &error, 1);
    cfg_applied(f.client[OFAGENT], port.version, NULL, 0);
    fixture_run(&f, 100);
    answer.is_done = false;
    cfg_await_applied(f.client[SWCTL], port.version, 300, on_awaited, &answer);
    fixture_run(&f, 50);
    assert_true(answer.is_done);
    assert_true(answer.is_reached);
    assert_int_equal(answer.n_errors, 1);
    assert_non_null(strstr(answer.error, "no such device"));
    fixture_fini(&f);
}

static void counters_are_stored_without_a_version(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    uint64_t rule = add_rule(&f, bridge, 1).ids[0];
    uint64_t n = configdb_version(f.db).n;
    Busbar__CounterRow counter = BUSBAR__COUNTER_ROW__INIT;
    counter.packets = 5;
    struct cfg_txn *txn = cfg_txn_new("counters");
    cfg_txn_put(txn, CFG_COUNTER, rule, &counter.base);
    cfg_txn_put(txn, CFG_COUNTER, rule + 1000, &counter.base);
    assert_int_equal(fixture_transact(&f, OFAGENT, &txn).error, 0);
    assert_int_equal(configdb_version(f.db).n, n);
    static const enum cfg_table counters[] = {CFG_COUNTER};
    (void)fixture_client(&f, LATE, PROCESS_OFAGENT, counters, 1, NULL);
    fixture_run(&f, 300);
    assert_int_equal(count_rows(f.client[LATE], CFG_COUNTER), 1);
    assert_int_equal(delete_row(&f, OFAGENT, CFG_RULE, rule).error, 0);
    json_t *status = configdb_status_json(f.db);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "rows"), "counter")), 0);
    json_decref(status);
    fixture_fini(&f);
}

static json_int_t count_counters(const struct fixture *f)
{
    json_t *status = configdb_status_json(f->db);
    json_int_t n = json_integer_value(json_object_get(json_object_get(status, "rows"), "counter"));
    json_decref(status);
    return n;
}

/* A group's counters go with it, a bucket's with the bucket, and what nobody has is not counted. */
static void counters_of_groups_and_buckets_go_with_them(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    Busbar__BucketMessage buckets[] = {BUSBAR__BUCKET_MESSAGE__INIT, BUSBAR__BUCKET_MESSAGE__INIT};
    Busbar__BucketMessage *list[] = {&buckets[0], &buckets[1]};
    Busbar__GroupRow group = BUSBAR__GROUP_ROW__INIT;
    group.bridge = bridge;
    group.group_id = 9;
    group.buckets = list;
    group.n_buckets = 2;
    buckets[1].counter = 1;
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_GROUP, &group.base);
    uint64_t id = fixture_transact(&f, OFAGENT, &txn).ids[0];
    Busbar__CounterRow counter = BUSBAR__COUNTER_ROW__INIT;
    txn = cfg_txn_new("counters");
    cfg_txn_put(txn, CFG_COUNTER, counter_id(COUNTER_GROUP, id), &counter.base);
    cfg_txn_put(txn, CFG_COUNTER, counter_id(COUNTER_GROUP, id + 1), &counter.base);
    for (uint64_t i = 0; i < 3; i++) {
        cfg_txn_put(txn, CFG_COUNTER, counter_id(COUNTER_BUCKET, id << 16 | i), &counter.base);
    }
    cfg_txn_put(txn, CFG_COUNTER, counter_id(COUNTER_METER, id), &counter.base);
    assert_int_equal(fixture_transact(&f, OFAGENT, &txn).error, 0);
    assert_int_equal(count_counters(&f), 3);
    group.n_buckets = 1;
    txn = cfg_txn_new("test");
    cfg_txn_put(txn, CFG_GROUP, id, &group.base);
    assert_int_equal(fixture_transact(&f, OFAGENT, &txn).error, 0);
    assert_int_equal(count_counters(&f), 2);
    assert_int_equal(delete_row(&f, OFAGENT, CFG_GROUP, id).error, 0);
    assert_int_equal(count_counters(&f), 0);
    fixture_fini(&f);
}

static void a_large_snapshot_is_complete_although_rules_change_meanwhile(void **state)
{
    enum { RULES = 3000 };
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    uint64_t first_id = 0;
    for (int i = 0; i < RULES / 50; i++) {
        struct cfg_txn *txn = cfg_txn_new("rules");
        for (int k = 0; k < 50; k++) {
            Busbar__RuleRow rule = fixture_rule(bridge, 7);
            uint8_t bytes[1000];
            Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
            Busbar__FieldMatch *matches[1] = {&match};
            memset(bytes, i, sizeof bytes);
            match.value.data = bytes;
            match.value.len = sizeof bytes;
            rule.match = matches;
            rule.n_match = 1;
            (void)cfg_txn_insert(txn, CFG_RULE, &rule.base);
        }
        struct fixture_result result = fixture_transact(&f, OFAGENT, &txn);
        assert_int_equal(result.error, 0);
        first_id = first_id == 0 ? result.ids[0] : first_id;
        cfg_applied(f.client[OFAGENT], cfg_version(f.client[OFAGENT]), NULL, 0);
        cfg_applied(f.client[SWCTL], cfg_version(f.client[SWCTL]), NULL, 0);
    }
    (void)fixture_client(&f, LATE, PROCESS_SLOWPATH, all_tables, N_ALL, NULL);
    /* The first and the last rule change while the snapshot is under way. */
    for (int i = 0; i < 20; i++) {
        assert_int_equal(delete_row(&f, OFAGENT, CFG_RULE, first_id + (uint64_t)i).error, 0);
        assert_int_equal(add_rule(&f, bridge, 8).error, 0);
        assert_int_equal(count_rows(f.client[LATE], CFG_RULE), cfg_has_snapshot(f.client[LATE]) ? RULES : 0);
    }
    fixture_run(&f, 500);
    assert_int_equal(count_rows(f.client[LATE], CFG_RULE), RULES);
    assert_null(cfg_row(f.client[LATE], CFG_RULE, first_id));
    fixture_fini(&f);
}

static void a_reader_that_never_acknowledges_is_held_at_its_window(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    for (uint64_t i = 0; i < READERS_WINDOW_VERSIONS + 100; i++) {
        assert_int_equal(add_rule(&f, bridge, i).error, 0);
    }
    fixture_run(&f, 100);
    size_t held = count_rows(f.client[SWCTL], CFG_RULE);
    assert_true(held <= READERS_WINDOW_VERSIONS);
    cfg_applied(f.client[SWCTL], cfg_version(f.client[SWCTL]), NULL, 0);
    fixture_run(&f, 100);
    cfg_applied(f.client[SWCTL], cfg_version(f.client[SWCTL]), NULL, 0);
    fixture_run(&f, 100);
    assert_int_equal(count_rows(f.client[SWCTL], CFG_RULE), READERS_WINDOW_VERSIONS + 100);
    fixture_fini(&f);
}

static void keep_rows(void *context, json_t *rows)
{
    json_array_extend(context, rows);
    json_decref(rows);
}

static void lists_show_rows_as_json(void **state)
{
    struct fixture f;
    struct error_detail detail;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    assert_int_equal(add_port(&f, "p1", bridge, 9).error, 0);
    json_t *rows = json_array();
    assert_int_equal(configdb_list(f.db, "port", keep_rows, rows, &detail), 0);
    assert_int_equal(json_array_size(rows), 2);
    json_t *port = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(port, "name")), "p1");
    assert_int_equal(json_integer_value(json_object_get(port, "ofport")), 9);
    json_decref(rows);
    assert_int_equal(configdb_list(f.db, "potr", keep_rows, NULL, &detail), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "potr"));
    json_t *status = configdb_status_json(f.db);
    assert_non_null(status);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "rows"), "port")), 2);
    json_decref(status);
    fixture_fini(&f);
}

/* Sends bytes as they are. */
static void say(struct fixture *f, struct bus_socket *socket, enum message_type type, const void *bytes, size_t size)
{
    assert_int_equal(bus_send(socket, NULL, type, bytes, size), 0);
    fixture_run(f, 5);
}

static void garbage_is_refused_and_nothing_dies(void **state)
{
    static const enum message_type types[] = {MESSAGE_TRANSACT, MESSAGE_SUBSCRIBE, MESSAGE_APPLIED,
                                              MESSAGE_PUBLISH,  MESSAGE_RENEW,     MESSAGE_AWAIT_APPLIED};
    const uint64_t seed = 20260521;
    struct fixture f;
    struct random r;
    struct bus_socket *socket = NULL;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    uint64_t n = configdb_version(f.db).n;
    struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = 9, .start = 99};
    f.client_bus[LATE] = bus_memory_new(f.hub, &self);
    assert_int_equal(bus_connect(f.client_bus[LATE], WIRE_CONFIG, FIXTURE_ENDPOINT, &socket), 0);
    fixture_run(&f, 100);
    random_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    Busbar__Op op = BUSBAR__OP__INIT;
    Busbar__Op *ops[1] = {&op};
    Busbar__Transact transact = BUSBAR__TRANSACT__INIT;
    uint8_t value[64], packed[512];
    for (uint64_t i = 1; i <= 3000; i++) {
        for (size_t k = 0; k < sizeof value; k++) {
            value[k] = (uint8_t)random_u64(&r);
        }
        if (i % 3 == 0) { /* bytes of no shape */
            say(&f, socket, types[random_below(&r, 6)], value, random_below(&r, sizeof value));
            continue;
        }
        op.kind = (Busbar__OpKind)random_below(&r, 12);
        op.table = (uint32_t)random_below(&r, 40);
        op.id = random_below(&r, 3) == 0 ? random_u64(&r) : random_below(&r, 4);
        op.value.data = value;
        op.value.len = random_below(&r, sizeof value);
        transact.ops = ops;
        transact.n_ops = 1;
        transact.sequence = transact.oldest = i;
        size_t size = busbar__transact__pack(&transact, packed);
        say(&f, socket, MESSAGE_TRANSACT, packed, i % 5 == 0 ? random_below(&r, size + 1) : size); /* half messages too */
    }
    bus_close(&socket);
    assert_true(configdb_version(f.db).n - n < 100); /* chance may hit a delete of something, never a crash */
    (void)bridge;
    add_bridge(&f, "br9");
    fixture_fini(&f);
}

/* Small on the wire, large in memory: it is refused where it comes in. */
static void too_many_operations_never_reach_the_queue(void **state)
{
    enum { OPS = TXN_OPS_MAX + 1 };
    struct fixture f;
    struct bus_socket *socket = NULL;
    struct bus_message reply;
    Busbar__Op op = BUSBAR__OP__INIT;
    Busbar__Transact transact = BUSBAR__TRANSACT__INIT;
    set_up(&f);
    struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = 9, .start = 99};
    f.client_bus[LATE] = bus_memory_new(f.hub, &self);
    assert_int_equal(bus_connect(f.client_bus[LATE], WIRE_CONFIG, FIXTURE_ENDPOINT, &socket), 0);
    fixture_run(&f, 100);
    transact.ops = memory_array(OPS, sizeof(Busbar__Op *));
    for (transact.n_ops = 0; transact.n_ops < OPS; transact.n_ops++) {
        transact.ops[transact.n_ops] = &op;
    }
    transact.sequence = transact.oldest = 1;
    uint8_t *packed = memory_zeroed(busbar__transact__get_packed_size(&transact));
    say(&f, socket, MESSAGE_TRANSACT, packed, busbar__transact__pack(&transact, packed));
    Busbar__TransactReply *told = NULL;
    while (told == NULL) {
        assert_int_equal(bus_recv(socket, &reply), 0);
        told = reply.type == MESSAGE_TRANSACT_REPLY ? busbar__transact_reply__unpack(NULL, reply.size, reply.body) : NULL;
        bus_message_fini(&reply);
    }
    assert_int_equal(told->error, -ERROR_TOO_LARGE);
    assert_int_equal(told->sequence, 1);
    json_t *status = configdb_status_json(f.db);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "transactions"), "refused")), 0);
    json_decref(status);
    busbar__transact_reply__free_unpacked(told, NULL);
    free(packed);
    free(transact.ops);
    bus_close(&socket);
    fixture_fini(&f);
}

static void rules_whose_bridge_is_gone_are_dropped_at_the_start(void **state)
{
    struct fixture f;
    struct fixture_base base;
    set_up(&f);
    uint64_t bridge = add_bridge(&f, "br0");
    assert_int_equal(add_rule(&f, bridge, 1).error, 0);
    fixture_run(&f, 100);
    fixture_close(&f);
    /* What a crash between the two commits of a deletion leaves. */
    base.dir = f.dir;
    fixture_base_open(&base);
    Busbar__RuleRow rule = fixture_rule(bridge + 1, 2);
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    fixture_put(&base, CFG_RULE, 1000, &rule.base);
    fixture_put(&base, CFG_OWNER, bridge + 1, &owner.base);
    rows_destroy(&base.rows);
    fixture_open(&f);
    fixture_run(&f, 3000);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_RULE), 1);
    assert_int_equal(count_rows(f.client[OFAGENT], CFG_OWNER), 0);
    fixture_fini(&f);
}

/* ---- kill -9 ---- */

/* Writes rules one by one and tells the pipe each id that was acknowledged. */
static void killed_child(struct fixture *f, int pipe_fd)
{
    (void)fixture_client(f, OFAGENT, PROCESS_OFAGENT, all_tables, N_ALL, NULL);
    (void)fixture_client(f, SWCTL, PROCESS_SWCTL, all_tables, N_ALL, NULL);
    fixture_open(f);
    fixture_run(f, 100);
    uint64_t bridge = add_bridge(f, "br0");
    for (uint64_t i = 0;; i++) {
        struct fixture_result result =
            i % 50 == 49 ? add_port(f, memory_format("p%u", (unsigned)i), bridge, 0) : add_rule(f, bridge, i);
        uint64_t told[2] = {i % 50 == 49 ? CFG_PORT : CFG_RULE, result.ids[0]};
        if (result.error != 0 || write(pipe_fd, told, sizeof told) != sizeof told) {
            _exit(1);
        }
        cfg_applied(f->client[OFAGENT], cfg_version(f->client[OFAGENT]), NULL, 0);
        cfg_applied(f->client[SWCTL], cfg_version(f->client[SWCTL]), NULL, 0);
    }
}

static void every_acknowledged_row_survives_kill_9(void **state)
{
    for (unsigned round = 0; round < 5; round++) {
        struct fixture f;
        int ends[2];
        fixture_init(&f);
        fixture_close(&f);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            killed_child(&f, ends[1]);
        }
        close(ends[1]);
        uint64_t told[4096][2];
        size_t n = 0;
        while (n < 100 + 97 * round && read(ends[0], told[n], sizeof told[n]) == sizeof told[n]) {
            n++;
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (n < 4096 && read(ends[0], told[n], sizeof told[n]) == sizeof told[n]) {
            n++;
        }
        close(ends[0]);
        assert_true(n >= 100 + 97 * round);
        fixture_open(&f);
        (void)fixture_client(&f, LATE, PROCESS_SLOWPATH, all_tables, N_ALL, NULL);
        fixture_run(&f, 300);
        for (size_t i = 0; i < n; i++) {
            assert_non_null(cfg_row(f.client[LATE], (enum cfg_table)told[i][0], told[i][1]));
        }
        fixture_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bridge_comes_with_its_local_port_in_one_version),
        cmocka_unit_test(port_numbers_are_the_lowest_free_or_the_requested),
        cmocka_unit_test(refusals_name_table_column_and_value),
        cmocka_unit_test(a_refused_transaction_leaves_no_trace),
        cmocka_unit_test(labels_join_rows_of_one_transaction),
        cmocka_unit_test(deleting_a_bridge_takes_its_ports_and_rules_along_in_one_version),
        cmocka_unit_test(rows_survive_a_restart_and_mirrors_go_on),
        cmocka_unit_test(another_boot_rebuilds_the_rules_from_disk),
        cmocka_unit_test(only_the_owner_of_a_table_may_write_it),
        cmocka_unit_test(a_rule_needs_the_owners_epoch),
        cmocka_unit_test(a_service_joins_and_leaves_by_silence),
        cmocka_unit_test(no_lease_lapses_because_configdb_stood_still),
        cmocka_unit_test(status_rows_reach_mirrors_and_fade),
        cmocka_unit_test(await_names_who_has_not_applied_and_row_errors),
        cmocka_unit_test(counters_are_stored_without_a_version),
        cmocka_unit_test(counters_of_groups_and_buckets_go_with_them),
        cmocka_unit_test(a_large_snapshot_is_complete_although_rules_change_meanwhile),
        cmocka_unit_test(a_reader_that_never_acknowledges_is_held_at_its_window),
        cmocka_unit_test(lists_show_rows_as_json),
        cmocka_unit_test(garbage_is_refused_and_nothing_dies),
        cmocka_unit_test(too_many_operations_never_reach_the_queue),
        cmocka_unit_test(rules_whose_bridge_is_gone_are_dropped_at_the_start),
        cmocka_unit_test(every_acknowledged_row_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
