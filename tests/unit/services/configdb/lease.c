/* Leases: renewed by the life that joined, lapsed by silence. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/lease.h"

static const struct bus_identity slowpath = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 10};

static void join(struct leases *leases, uint64_t id, uint64_t start, uint64_t deadline_ns)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.kind = PROCESS_SLOWPATH;
    row.instance = 1;
    row.start = start;
    leases_add(leases, id, &row, deadline_ns);
}

static void silence_lapses_and_renewal_keeps(void **state)
{
    struct leases *leases = leases_new();
    join(leases, 5, 10, LEASE_NS);
    assert_int_equal(leases_lapsed(leases, LEASE_NS - 1), 0);
    assert_true(leases_renew(leases, 5, &slowpath, NS_PER_S));
    assert_int_equal(leases_lapsed(leases, LEASE_NS), 0);
    assert_int_equal(leases_lapsed(leases, NS_PER_S + LEASE_NS), 5);
    leases_remove(leases, 5);
    assert_int_equal(leases_lapsed(leases, 100 * NS_PER_S), 0);
    assert_int_equal(leases_count(leases), 0);
    leases_destroy(&leases);
    leases_destroy(&leases);
}

static void only_the_life_that_joined_renews(void **state)
{
    struct leases *leases = leases_new();
    struct bus_identity reborn = slowpath;
    reborn.start = 11;
    join(leases, 5, 10, LEASE_NS);
    assert_false(leases_renew(leases, 5, &reborn, 0));
    assert_false(leases_renew(leases, 6, &slowpath, 0));
    assert_false(leases_renew(leases, 0, &slowpath, 0));
    leases_destroy(&leases);
}

static void a_renewal_never_shortens_the_grace_after_a_start(void **state)
{
    struct leases *leases = leases_new();
    join(leases, 5, 10, LEASE_GRACE_NS);
    assert_true(leases_renew(leases, 5, &slowpath, 0));
    assert_int_equal(leases_lapsed(leases, LEASE_GRACE_NS - 1), 0);
    json_t *json = leases_json(leases, 0);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 0), "service")), "slowpath.1");
    json_decref(json);
    leases_destroy(&leases);
}

static void send_bridge(struct fixture *f, const char *name, struct fixture_result *out_result)
{
    Busbar__BridgeRow row = fixture_bridge(name);
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    cfg_transact(f->client[0], &txn, f->now_ns + 100 * NS_PER_S, fixture_done, out_result);
}

/* Six of 14 MB: more than the queue takes. */
static void send_big(struct fixture *f, struct bus_socket *socket)
{
    enum { BIG = 14 << 20 };
    Busbar__Op op = BUSBAR__OP__INIT, *ops[1] = {&op};
    Busbar__Transact transact = BUSBAR__TRANSACT__INIT;
    op.kind = BUSBAR__OP_KIND__OP_INSERT;
    op.table = CFG_BRIDGE;
    op.value.data = memory_zeroed(BIG);
    op.value.len = BIG;
    transact.ops = ops;
    transact.n_ops = 1;
    uint8_t *packed = memory_zeroed(BIG + 100);
    for (transact.sequence = 1; transact.sequence <= 6; transact.sequence++) {
        transact.oldest = transact.sequence;
        assert_int_equal(bus_send(socket, NULL, MESSAGE_TRANSACT, packed, busbar__transact__pack(&transact, packed)), 0);
        fixture_run(f, 5);
    }
    free(packed);
    free(op.value.data);
}

/* A sync that lasts, and behind it more transactions than the queue has room for. */
static void renewals_are_heard_while_the_queue_is_full(void **state)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_SERVICE};
    struct fixture f;
    struct bus_socket *socket = NULL;
    struct version version;
    Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;
    char none[] = "";
    service.session = service.usage = service.packet = service.mac = service.control = none;
    fixture_init(&f);
    (void)fixture_client(&f, 0, PROCESS_SWCTL, tables, 2, NULL);
    (void)fixture_client(&f, 1, PROCESS_SLOWPATH, tables, 2, NULL);
    cfg_register(f.client[1], &service);
    fixture_run(&f, 200);
    fixture_close(&f);
    f.disk = DISK_HELD;
    fixture_open(&f);
    fixture_run(&f, 3000);
    uint64_t id = cfg_registered(f.client[1], &version);
    assert_int_not_equal(id, 0);
    struct bus_identity self = {.kind = PROCESS_SWCTL, .instance = 9, .start = 99};
    f.client_bus[3] = bus_memory_new(f.hub, &self);
    assert_int_equal(bus_connect(f.client_bus[3], WIRE_CONFIG, FIXTURE_ENDPOINT, &socket), 0);
    struct fixture_result bridges[2] = {{.is_done = false}};
    send_bridge(&f, "br0", &bridges[0]); /* its sync holds the others up */
    fixture_run(&f, 100);
    send_big(&f, socket);
    send_bridge(&f, "br1", &bridges[1]);
    fixture_run(&f, 6000);
    json_t *status = configdb_status_json(f.db);
    assert_true(json_integer_value(json_object_get(json_object_get(status, "transactions"), "put_off")) > 2);
    json_decref(status);
    assert_true(configdb_step(f.db, f.now_ns) > f.now_ns); /* it does not spin */
    assert_int_equal(cfg_registered(f.client[1], &version), id);
    assert_non_null(cfg_row(f.client[0], CFG_SERVICE, id));
    assert_false(bridges[0].is_done || bridges[1].is_done);
    for (int i = 0; i < 200 && !bridges[1].is_done; i++) {
        (void)disk_go(configdb_disk(f.db));
        fixture_run(&f, 10);
    }
    assert_true(bridges[0].is_done && bridges[1].is_done);
    assert_true(bridges[0].error == 0 && bridges[1].error == 0);
    bus_close(&socket);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_lapses_and_renewal_keeps),
        cmocka_unit_test(only_the_life_that_joined_renews),
        cmocka_unit_test(a_renewal_never_shortens_the_grace_after_a_start),
        cmocka_unit_test(renewals_are_heard_while_the_queue_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
