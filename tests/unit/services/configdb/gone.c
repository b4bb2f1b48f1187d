/* What goes with a bridge: all of it however much, or what can. */
#include "tests/unit/services/configdb/group.h"

#include <errno.h>

#include "services/configdb/fold.h"

static void group_init_small(struct group *group, size_t map_bytes)
{
    struct start_result result;
    struct error_detail detail = {.text = ""};
    memset(group, 0, sizeof *group);
    log_set_level(LOG_LEVEL_ERROR);
    fixture_dir_make(&group->base.dir);
    struct start_settings settings = fixture_settings(&group->base.dir);
    settings.map_bytes = map_bytes;
    assert_int_equal(start_database(&settings, &result, &detail), 0);
    group->base.rows = result.rows;
    group->base.epoch = result.epoch;
    group->disk = disk_new(DISK_INLINE);
    group_open(group);
}

/* Puts rules until not one more fits. */
static uint64_t fill(struct group *group, const void *packed, size_t size)
{
    uint64_t id = 1;
    for (uint64_t at_once = 500; at_once > 0; at_once /= 4) {
        int err = 0;
        while (err == 0) {
            assert_int_equal(rows_begin(group->base.rows, ROWS_RUN), 0);
            for (uint64_t i = 0; err == 0 && i < at_once; i++) {
                err = rows_put(group->base.rows, CFG_RULE, id + i, packed, size);
            }
            if (err != 0) {
                rows_end(group->base.rows);
            } else {
                err = rows_commit(group->base.rows);
            }
            id += err == 0 ? at_once : 0;
        }
        assert_int_equal(err, -ENOSPC);
    }
    return id - 1;
}

/* The bridge is gone all the same. Of its rules those are shown as gone that are. */
static void rules_that_cannot_go_are_shown_to_nobody_and_asked_for(void **state)
{
    struct group group;
    uint8_t packed[512];
    group_init_small(&group, 1200 * 1024);
    insert_bridge(&group, 1, 1, "br0");
    commit_step(group.commit);
    Busbar__RuleRow rule = fixture_rule(group.replies[0]->ids[0], 1);
    uint64_t n_rules = fill(&group, packed, busbar__rule_row__pack(&rule, packed));
    queue(&group, PROCESS_SWCTL, 1, 2, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, rule.bridge, NULL);
    commit_step(group.commit);
    assert_int_equal(group.replies[1]->error, 0);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 0);
    assert_true(rows_count(group.base.rows, CFG_RULE) > 0);
    assert_int_equal((ring_entry(group.ring, 2)->tables & 1u << CFG_RULE) != 0, rows_count(group.base.rows, CFG_RULE) < n_rules);
    assert_true(commit_has_orphans(group.commit));
    assert_false(commit_has_orphans(group.commit));
    group_fini(&group);
}

/* A run environment that has no room for all of a bridge's rules once more, which is what one commit would need. They go, and the fold hears of each. */
static void a_bridge_takes_along_more_rules_than_fit_in_one_commit(void **state)
{
    enum { RULES = 40000 };
    struct group group;
    uint8_t packed[512];
    group_init_small(&group, 2500 * 1024);
    struct fold *fold = fold_new(group.base.rows, group.disk);
    insert_bridge(&group, 1, 1, "br0");
    commit_step(group.commit);
    Busbar__RuleRow rule = fixture_rule(group.replies[0]->ids[0], 1);
    size_t size = busbar__rule_row__pack(&rule, packed);
    for (uint64_t id = 1; id <= RULES;) {
        assert_int_equal(rows_begin(group.base.rows, ROWS_RUN), 0);
        for (int i = 0; i < 1000; i++, id++) {
            assert_int_equal(rows_put(group.base.rows, CFG_RULE, id, packed, size), 0);
        }
        assert_int_equal(rows_commit(group.base.rows), 0);
        assert_int_equal(fold_flush(fold), 0);
    }
    queue(&group, PROCESS_SWCTL, 1, 2, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, rule.bridge, NULL);
    commit_step(group.commit);
    assert_int_equal(group.replies[1]->error, 0);
    assert_int_equal(group.n_versions, 2);
    assert_int_equal(rows_count(group.base.rows, CFG_RULE), 0);
    assert_false(commit_has_orphans(group.commit));
    assert_int_equal(fold_flush(fold), 0);
    struct db_key key = db_key_meta(DB_META_COUNT, CFG_RULE);
    uint64_t n_folded = 1;
    assert_int_equal(rows_begin_read(group.base.rows), 0);
    assert_int_equal(store_get_u64(rows_txn(group.base.rows, ROWS_DISK), STORE_META, &key, &n_folded), 0);
    assert_int_equal(n_folded, 0);
    rows_end(group.base.rows);
    fold_destroy(&fold);
    group_fini(&group);
}

/* What a crash has left, and more than one transaction may hold. */
static void as_many_are_dropped_as_there_are(void **state)
{
    struct fixture f;
    struct fixture_base base;
    Busbar__RuleRow rule = fixture_rule(77, 2);
    uint8_t packed[512];
    size_t size = busbar__rule_row__pack(&rule, packed);
    fixture_init(&f);
    fixture_close(&f);
    base.dir = f.dir;
    fixture_base_open(&base);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    (void)rows_next_n(base.rows);
    for (uint64_t id = 1; id <= TXN_OPS_MAX + 1; id++) {
        assert_int_equal(rows_put(base.rows, CFG_RULE, id, packed, size), 0);
    }
    assert_int_equal(rows_commit(base.rows), 0);
    rows_destroy(&base.rows);
    fixture_open(&f);
    fixture_close(&f);
    fixture_base_open(&base);
    assert_int_equal(rows_count(base.rows, CFG_RULE), 0);
    rows_destroy(&base.rows);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_that_cannot_go_are_shown_to_nobody_and_asked_for),
        cmocka_unit_test(a_bridge_takes_along_more_rules_than_fit_in_one_commit),
        cmocka_unit_test(as_many_are_dropped_as_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
