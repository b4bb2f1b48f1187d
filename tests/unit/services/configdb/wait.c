/* Waits: what holds, what does not and how that is told. */
#include "tests/unit/services/configdb/txn_bench.h"

#include "services/configdb/wait.h"

struct said {
    int error;
    uint32_t wait_ms, failed_op;
    size_t n_changes;
    struct error_detail detail;
};

static Busbar__Op *wait_op(struct bench *bench, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, char **column, bool is_other,
                           uint32_t timeout_ms)
{
    Busbar__Op *op = bench_op(bench, BUSBAR__OP_KIND__OP_WAIT, table, id, row);
    op->columns = column;
    op->n_columns = column != NULL ? 1 : 0;
    op->other = is_other;
    op->timeout_ms = timeout_ms;
    return op;
}

static struct said evaluate(struct fixture_base *base, struct bench *bench)
{
    struct bus_identity from = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 55}; /* who may write next to nothing */
    struct txn txn;
    const struct overlay_change *cursor = NULL;
    assert_int_equal(rows_begin(base->rows, ROWS_DISK), 0);
    txn_evaluate(base->rows, &from, &bench->message, NULL, &txn);
    struct said said = {.error = txn.error, .wait_ms = txn.wait_ms, .failed_op = txn.failed_op, .detail = txn.detail};
    while (overlay_next(txn.overlay, &cursor) != NULL) {
        said.n_changes++;
    }
    txn_fini(&txn);
    rows_end(base->rows);
    return said;
}

static struct said one(struct fixture_base *base, enum cfg_table table, uint64_t id, const ProtobufCMessage *row, char *column, bool is_other,
                       uint32_t timeout_ms)
{
    struct bench bench;
    bench_begin(&bench);
    wait_op(&bench, table, id, row, column != NULL ? &column : NULL, is_other, timeout_ms);
    return evaluate(base, &bench);
}

static void expect(const struct said *said, int error, uint32_t wait_ms, const char *text)
{
    if (said->error != error || said->wait_ms != wait_ms || (error != 0 && strstr(said->detail.text, text) == NULL)) {
        fail_msg("%d, %u ms: %s", said->error, said->wait_ms, error != 0 ? said->detail.text : "");
    }
}

static void equal_and_other_are_of_columns_and_of_the_row_itself(void **state)
{
    struct fixture_base base;
    char fail_mode[] = "fail_mode", secure[] = "secure";
    fixture_base_init(&base);
    uint64_t id = bench_bridge(&base, "br0");
    Busbar__BridgeRow wanted = BUSBAR__BRIDGE_ROW__INIT;
    wanted.fail_mode = secure;
    struct {
        uint64_t id;
        bool has_column, is_other;
        const char *text; /* NULL: it holds */
    } cases[] = {
        {id, true, false, "column fail_mode: timed out after 50 ms: it is not set, wanted was \"secure\""},
        {id, true, true, NULL},
        {id, false, false, NULL},
        {id, false, true, "timed out after 50 ms: it exists"},
        {id + 9, true, false, "timed out after 50 ms: it does not exist"},
        {id + 9, true, true, NULL},
        {id + 9, false, false, "timed out after 50 ms: it does not exist"},
        {id + 9, false, true, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct said said = one(&base, CFG_BRIDGE, cases[i].id, cases[i].has_column ? &wanted.base : NULL, cases[i].has_column ? fail_mode : NULL,
                               cases[i].is_other, 50);
        expect(&said, cases[i].text != NULL ? -ERROR_NOT_TRUE : 0, cases[i].text != NULL ? 50 : 0, cases[i].text);
    }
    struct error_detail detail;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_UPDATE, CFG_BRIDGE, id, &wanted.base, fail_mode, &detail, NULL), 0);
    struct said said = one(&base, CFG_BRIDGE, id, &wanted.base, fail_mode, false, 50);
    expect(&said, 0, 0, NULL);
    said = one(&base, CFG_BRIDGE, id, &wanted.base, fail_mode, true, 0);
    expect(&said, -ERROR_NOT_TRUE, 0, "it is \"secure\", wanted was anything but \"secure\"");
    fixture_base_fini(&base);
}

static void of_several_the_shortest_is_told_and_nothing_else_is_looked_at(void **state)
{
    struct fixture_base base;
    struct bench bench;
    fixture_base_init(&base);
    uint64_t id = bench_bridge(&base, "br0");
    Busbar__BridgeRow row = fixture_bridge("br1");
    bench_begin(&bench);
    bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base);
    wait_op(&bench, CFG_BRIDGE, id + 1, NULL, NULL, false, 300);
    wait_op(&bench, CFG_BRIDGE, id, NULL, NULL, false, 1);
    wait_op(&bench, CFG_BRIDGE, id + 2, NULL, NULL, false, 200);
    wait_op(&bench, CFG_BRIDGE, id + 3, NULL, NULL, false, 4000000000u);
    struct said said = evaluate(&base, &bench);
    expect(&said, -ERROR_NOT_TRUE, 200, "timed out after 200 ms");
    assert_int_equal(said.failed_op, 3);
    assert_int_equal(said.n_changes, 0);
    said = one(&base, CFG_BRIDGE, id + 3, NULL, NULL, false, 4000000000u);
    expect(&said, -ERROR_NOT_TRUE, WAIT_TIMEOUT_MAX_MS, "does not exist");
    assert_int_equal(bench_bridge(&base, "br2"), id + 1); /* no id was used up */
    fixture_base_fini(&base);
}

static void what_nobody_can_wait_for_is_refused_at_once(void **state)
{
    struct fixture_base base;
    struct bench bench;
    char wrong[] = "colour";
    fixture_base_init(&base);
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    struct said said = one(&base, CFG_COUNTER, 1, NULL, NULL, false, 50);
    expect(&said, -ERROR_REFUSED, 0, "makes no version");
    said = one(&base, CFG_BRIDGE, 1ull << 63, NULL, NULL, false, 50);
    expect(&said, -ERROR_REFERENCE, 0, "label");
    said = one(&base, CFG_BRIDGE, 77, &row.base, wrong, false, 50);
    expect(&said, -ERROR_UNKNOWN_NAME, 0, "colour");
    char fail_mode[] = "fail_mode", *many[100];
    for (size_t i = 0; i < 100; i++) {
        many[i] = fail_mode;
    }
    bench_begin(&bench);
    Busbar__Op *op = wait_op(&bench, CFG_BRIDGE, 77, &row.base, many, false, 50);
    op->n_columns = 100;
    said = evaluate(&base, &bench);
    expect(&said, -ERROR_TOO_LARGE, 0, "more columns");
    bench_begin(&bench);
    op = wait_op(&bench, CFG_BRIDGE, 77, NULL, NULL, false, 50);
    bench.message.ops = memory_array(WAIT_ROWS_MAX + 1, sizeof(Busbar__Op *));
    for (bench.message.n_ops = 0; bench.message.n_ops <= WAIT_ROWS_MAX; bench.message.n_ops++) {
        bench.message.ops[bench.message.n_ops] = op;
    }
    said = evaluate(&base, &bench);
    expect(&said, -ERROR_TOO_LARGE, 0, "64");
    free(bench.message.ops);
    fixture_base_fini(&base);
}

/* ---- through the bus ---- */

static struct cfg_txn *when(uint64_t bridge, char *mode, uint32_t timeout_ms, const char *name)
{
    static const char *const fail_mode[] = {"fail_mode"};
    Busbar__BridgeRow wanted = BUSBAR__BRIDGE_ROW__INIT, row = fixture_bridge(name);
    struct cfg_txn *txn = cfg_txn_new("test");
    wanted.fail_mode = mode;
    cfg_txn_wait(txn, CFG_BRIDGE, bridge, &wanted.base, fail_mode, 1, false, timeout_ms);
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    return txn;
}

static struct fixture_result set_mode(struct fixture *f, uint64_t bridge, char *mode)
{
    static const char *const fail_mode[] = {"fail_mode"};
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    struct cfg_txn *txn = cfg_txn_new("test");
    row.fail_mode = mode;
    cfg_txn_update(txn, CFG_BRIDGE, bridge, &row.base, fail_mode, 1);
    return fixture_transact(f, 1, &txn);
}

/* Two processes, and a configdb that dies between the question and what makes it true. */
static void a_client_waits_over_repeats_and_a_restart_and_is_answered_once(void **state)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE};
    struct fixture f;
    char secure[] = "secure", standalone[] = "standalone";
    fixture_init(&f);
    (void)fixture_client(&f, 0, PROCESS_SWCTL, tables, 1, NULL);
    (void)fixture_client(&f, 1, PROCESS_SWCTL, tables, 1, NULL);
    fixture_run(&f, 200);
    Busbar__BridgeRow row = fixture_bridge("br0");
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    uint64_t bridge = fixture_transact(&f, 0, &txn).ids[0];
    struct fixture_result waited = {.is_done = false};
    txn = when(bridge, secure, 30000, "br1");
    cfg_transact(f.client[0], &txn, f.now_ns + 60 * NS_PER_S, fixture_done, &waited);
    fixture_run(&f, 5000);
    assert_false(waited.is_done);
    row = fixture_bridge("br2");
    txn = cfg_txn_new("later");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    assert_int_equal(fixture_transact(&f, 0, &txn).error, 0); /* behind it, and done before */
    fixture_close(&f);
    fixture_open(&f);
    fixture_run(&f, 4000);
    assert_int_equal(set_mode(&f, bridge, standalone).error, 0);
    fixture_run(&f, 200);
    assert_false(waited.is_done);
    struct version made = set_mode(&f, bridge, secure).version;
    fixture_run(&f, 5);
    assert_true(waited.is_done);
    assert_int_equal(waited.error, 0);
    assert_int_equal(waited.version.n, made.n + 1);
    fixture_run(&f, 2000);
    waited.is_done = false;
    txn = when(bridge, standalone, 300, "br3");
    cfg_transact(f.client[0], &txn, f.now_ns + 60 * NS_PER_S, fixture_done, &waited);
    fixture_run(&f, 250);
    assert_false(waited.is_done);
    fixture_run(&f, 250);
    assert_true(waited.is_done);
    assert_int_equal(waited.error, -ERROR_NOT_TRUE);
    assert_string_equal(waited.text, "bridge row 1, column fail_mode: timed out after 300 ms: it is \"secure\", wanted was \"standalone\"");
    fixture_fini(&f);
}

/* It gives up before configdb does: what it asked for is then never done. */
static void after_its_own_deadline_a_client_is_not_surprised(void **state)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE};
    struct fixture f;
    char secure[] = "secure";
    fixture_init(&f);
    (void)fixture_client(&f, 0, PROCESS_SWCTL, tables, 1, NULL);
    (void)fixture_client(&f, 1, PROCESS_SWCTL, tables, 1, NULL);
    fixture_run(&f, 200);
    Busbar__BridgeRow row = fixture_bridge("br0");
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    uint64_t bridge = fixture_transact(&f, 0, &txn).ids[0];
    struct fixture_result waited = {.is_done = false};
    txn = when(bridge, secure, 30000, "br1");
    cfg_transact(f.client[0], &txn, f.now_ns + NS_PER_S, fixture_done, &waited);
    fixture_run(&f, 1100);
    assert_true(waited.is_done);
    assert_int_equal(waited.error, -ERROR_TIMEOUT);
    uint64_t n = set_mode(&f, bridge, secure).version.n;
    fixture_run(&f, 1000);
    assert_int_equal(configdb_version(f.db).n, n);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_and_other_are_of_columns_and_of_the_row_itself),
        cmocka_unit_test(of_several_the_shortest_is_told_and_nothing_else_is_looked_at),
        cmocka_unit_test(what_nobody_can_wait_for_is_refused_at_once),
        cmocka_unit_test(a_client_waits_over_repeats_and_a_restart_and_is_answered_once),
        cmocka_unit_test(after_its_own_deadline_a_client_is_not_surprised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
