/* Rollback, restore, confirm and cancel as operations of a transaction: what they do, and what stands beside them. */
#include "tests/unit/services/configdb/past.h"

#include "services/configdb/confirm.h"
#include "services/configdb/revert.h"

static int run(struct fixture_base *base, struct bench *bench, enum process_kind kind, struct error_detail *detail)
{
    return bench_run(base, bench, kind, detail, NULL);
}

static void add_rollback(struct bench *bench, uint64_t n)
{
    Busbar__Version target;
    version_encode((struct version){.n = n}, &target);
    (void)bench_op(bench, BUSBAR__OP_KIND__OP_ROLLBACK, CFG_SWITCH, 0, &target.base);
}

static int roll_back(struct fixture_base *base, uint64_t n, enum process_kind kind, struct error_detail *detail)
{
    struct bench bench;
    bench_begin(&bench);
    add_rollback(&bench, n);
    return run(base, &bench, kind, detail);
}

static void only_swctl_may(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t n = past_add_bridge(&base, "br0");
    assert_int_equal(roll_back(&base, n, PROCESS_OFAGENT, &detail), -ERROR_WRONG_SENDER);
    assert_int_equal(roll_back(&base, n, PROCESS_SWCTL, &detail), 0);
    assert_int_equal(roll_back(&base, n + 100, PROCESS_SWCTL, &detail), -ERROR_NOT_FOUND);
    fixture_base_fini(&base);
}

static void a_rollback_makes_it_as_it_was(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t first = past_set_limit(&base, 5);
    (void)past_set_limit(&base, 6);
    (void)past_add_bridge(&base, "br0");
    assert_int_equal(roll_back(&base, first, PROCESS_SWCTL, &detail), 0);
    assert_int_equal(rows_count(base.rows, CFG_BRIDGE), 0);
    Busbar__SwitchRow *row = (Busbar__SwitchRow *)bench_row(&base, CFG_SWITCH, 1);
    assert_int_equal(row->flow_limit, 5);
    busbar__switch_row__free_unpacked(row, NULL);
    fixture_base_fini(&base);
}

static void they_stand_alone(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    Busbar__BridgeRow bridge = fixture_bridge("br1");
    fixture_base_init(&base);
    uint64_t n = past_add_bridge(&base, "br0");
    bench_begin(&bench);
    add_rollback(&bench, n);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &bridge.base);
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), -ERROR_REFUSED);
    assert_non_null(strstr(detail.text, "alone"));
    bench_begin(&bench);
    add_rollback(&bench, n);
    add_rollback(&bench, n);
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), -ERROR_REFUSED);
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_CONFIRM, CFG_SWITCH, 0, NULL);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, CFG_SWITCH, 60, NULL);
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), -ERROR_REFUSED);
    bench_begin(&bench); /* rules are no configuration */
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_RESTORE, CFG_RULE, 1, NULL);
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), -ERROR_REFUSED);
    fixture_base_fini(&base);
}

static void a_rollback_may_await_its_confirmation(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    fixture_base_init(&base);
    (void)past_add_bridge(&base, "br0");
    bench_begin(&bench);
    add_rollback(&bench, 0);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, CFG_SWITCH, 60, NULL);
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), 0);
    static const uint64_t wrong[] = {0, CONFIRM_SECONDS_MAX + 1, UINT64_MAX >> 1};
    for (size_t i = 0; i < 3; i++) {
        bench_begin(&bench);
        add_rollback(&bench, 0);
        (void)bench_op(&bench, BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, CFG_SWITCH, wrong[i], NULL);
        assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), -ERROR_RANGE);
    }
    fixture_base_fini(&base);
}

static void a_restore_takes_its_rows_and_refuses_bad_ones(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    Busbar__BridgeRow bridge = fixture_bridge("from-file");
    fixture_base_init(&base);
    (void)past_add_bridge(&base, "br0");
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_RESTORE, CFG_BRIDGE, 40, &bridge.base);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_RESTORE, CFG_BRIDGE, 40, &bridge.base);
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), -ERROR_DUPLICATE);
    bench_begin(&bench);
    Busbar__Op *op = bench_op(&bench, BUSBAR__OP_KIND__OP_RESTORE, CFG_BRIDGE, 40, NULL);
    uint8_t rubbish[] = {0xff, 0xff, 1};
    op->value.data = rubbish;
    op->value.len = sizeof rubbish;
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), -ERROR_SYNTAX);
    assert_int_equal(rows_count(base.rows, CFG_BRIDGE), 1);
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_RESTORE, CFG_BRIDGE, 40, &bridge.base);
    assert_int_equal(run(&base, &bench, PROCESS_SWCTL, &detail), 0);
    assert_int_equal(rows_count(base.rows, CFG_BRIDGE), 1);
    assert_int_equal(rows_count(base.rows, CFG_PORT), 1);
    fixture_base_fini(&base);
}

static void confirm_and_cancel_need_something_that_waits(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct confirm_clocks clocks = {.boot_id = "b"};
    static const Busbar__OpKind kinds[] = {BUSBAR__OP_KIND__OP_CONFIRM, BUSBAR__OP_KIND__OP_CANCEL};
    fixture_base_init(&base);
    uint64_t n = past_add_bridge(&base, "br0");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(bench_one(&base, PROCESS_SWCTL, kinds[i], CFG_SWITCH, 0, NULL, NULL, &detail, NULL), -ERROR_NOT_FOUND);
        assert_string_equal(detail.text, "nothing awaits confirmation");
    }
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    assert_int_equal(confirm_begin(base.rows, base.epoch, n, "c", "u", 60, &clocks), 0);
    assert_int_equal(rows_commit(base.rows), 0);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, kinds[1], CFG_SWITCH, n + 1, NULL, NULL, &detail, NULL), -ERROR_CONFLICT);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, kinds[1], CFG_SWITCH, n, NULL, NULL, &detail, NULL), 0);
    assert_int_equal(rows_count(base.rows, CFG_BRIDGE), 0);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_swctl_may),
        cmocka_unit_test(a_rollback_makes_it_as_it_was),
        cmocka_unit_test(they_stand_alone),
        cmocka_unit_test(a_rollback_may_await_its_confirmation),
        cmocka_unit_test(a_restore_takes_its_rows_and_refuses_bad_ones),
        cmocka_unit_test(confirm_and_cancel_need_something_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
