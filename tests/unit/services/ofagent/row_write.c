/* Tests of services/ofagent/row_write.c: each change is one operation of its kind, and the size it says is at least that of its row. */
#include "tests/unit/services/ofagent/fake_cfg.h"

#include "services/ofagent/row_write.h"

#include "lib/msg/rule.h"
#include "tests/unit/services/ofagent/rules.h"

static void expect_kind(const struct cfg_txn *txn, size_t i, enum fake_op_kind kind, enum cfg_table table, uint64_t id)
{
    assert_int_equal(txn->ops[i].kind, kind);
    assert_int_equal(txn->ops[i].table, table);
    assert_true(kind == FAKE_INSERT || txn->ops[i].id == id);
}

static void a_rule_is_inserted_put_whole_or_deleted(void **state)
{
    struct flow_mod mod = mod_of(FLOW_MOD_ADD, "priority=7,udp,tp_dst=53,actions=output:2");
    struct rule rule = {.id = 9, .bridge = 1, .match = mod.match, .instructions = mod.instructions, .priority = 7};
    struct flow_entry *entry = flow_entry_new(&rule);
    struct cfg_txn *txn = cfg_txn_new("test");
    struct writer memory;

    writer_init(&memory);
    size_t inserted = row_write_rule(txn, entry, ROW_INSERTED, &memory);
    size_t row = memory.size;
    size_t changed = row_write_rule(txn, entry, ROW_CHANGED, &memory);
    size_t removed = row_write_rule(txn, entry, ROW_REMOVED, &memory);
    expect_kind(txn, 0, FAKE_INSERT, CFG_RULE, 9);
    expect_kind(txn, 1, FAKE_PUT, CFG_RULE, 9);
    expect_kind(txn, 2, FAKE_DELETE, CFG_RULE, 9);
    assert_int_equal(cfg_txn_size(txn), 3);
    assert_true(inserted > row && changed > row && removed > 0 && removed < row);
    assert_int_equal(((const Busbar__RuleRow *)txn->ops[1].row)->priority, 7);
    assert_int_equal(((const Busbar__RuleRow *)txn->ops[1].row)->n_match, 3);
    writer_fini(&memory);
    cfg_txn_destroy(&txn);
    flow_entry_destroy(&entry);
    flow_mod_fini(&mod);
}

static void groups_and_meters_name_the_columns_that_change(void **state)
{
    struct group group = {.id = 3, .bridge = 1, .group_id = 5, .type = GROUP_TYPE_ALL};
    struct meter meter = {.id = 4, .bridge = 1, .meter_id = 6};
    struct cfg_txn *txn = cfg_txn_new("test");

    assert_true(row_write_group(txn, &group, ROW_INSERTED) > 0);
    assert_true(row_write_group(txn, &group, ROW_CHANGED) > 0);
    assert_true(row_write_group(txn, &group, ROW_REMOVED) > 0);
    assert_true(row_write_meter(txn, &meter, ROW_INSERTED) > 0);
    assert_true(row_write_meter(txn, &meter, ROW_CHANGED) > 0);
    assert_true(row_write_meter(txn, &meter, ROW_REMOVED) > 0);
    expect_kind(txn, 0, FAKE_INSERT, CFG_GROUP, 3);
    expect_kind(txn, 1, FAKE_UPDATE, CFG_GROUP, 3);
    expect_kind(txn, 2, FAKE_DELETE, CFG_GROUP, 3);
    expect_kind(txn, 3, FAKE_INSERT, CFG_METER, 4);
    expect_kind(txn, 4, FAKE_UPDATE, CFG_METER, 4);
    expect_kind(txn, 5, FAKE_DELETE, CFG_METER, 4);
    assert_true(txn->ops[1].n_columns == 6 && txn->ops[4].n_columns == 2);
    cfg_txn_destroy(&txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_inserted_put_whole_or_deleted),
        cmocka_unit_test(groups_and_meters_name_the_columns_that_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
