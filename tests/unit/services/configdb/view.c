/* A reader's share of a commit: told without a look at its rows where that can be, and never too little. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/msg/authors.h"
#include "services/configdb/view.h"

enum { TABLES = 1u << CFG_RULE | 1u << CFG_GROUP };

/* One commit of rules of these bridges; 0: a rule that goes; `group`: and of a group. */
static const struct ring_entry *push(struct fixture_base *base, struct ring *ring, const uint64_t *bridges, size_t n, bool has_group)
{
    struct error_detail detail;
    assert_int_equal(rows_begin(base->rows, ROWS_RUN), 0);
    Busbar__RuleRow gone = fixture_rule(1, 999);
    struct overlay *before = overlay_new(base->rows);
    assert_int_equal(overlay_set(before, CFG_RULE, 999, NULL, &gone.base, &detail), 0);
    assert_int_equal(overlay_write(before), 0);
    overlay_destroy(&before);
    struct overlay *overlay = overlay_new(base->rows);
    for (uint64_t i = 0; i < n; i++) {
        Busbar__RuleRow rule = fixture_rule(bridges[i], i + 1);
        if (bridges[i] == 0) {
            assert_int_equal(overlay_delete(overlay, CFG_RULE, 999, &gone.base), 0);
        } else {
            assert_int_equal(overlay_set(overlay, CFG_RULE, i + 1, NULL, &rule.base, &detail), 0);
        }
    }
    if (has_group) {
        Busbar__GroupRow group = BUSBAR__GROUP_ROW__INIT;
        group.bridge = 9;
        assert_int_equal(overlay_set(overlay, CFG_GROUP, 70, NULL, &group.base, &detail), 0);
    }
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    rows_end(base->rows);
    return ring_entry(ring, ring_newest(ring));
}

static void a_commit_is_seen_whole_not_at_all_or_by_row(void **state)
{
    static const struct {
        uint64_t bridges[3];
        size_t n;
        bool has_group;
        enum view_share of_7, of_all, of_7_rules, of_groups;
    } cases[] = {
        {{7, 7}, 2, false, VIEW_WHOLE, VIEW_WHOLE, VIEW_WHOLE, VIEW_NOTHING},
        {{9, 9}, 2, false, VIEW_NOTHING, VIEW_WHOLE, VIEW_NOTHING, VIEW_NOTHING},
        {{7, 9}, 2, false, VIEW_BY_ROW, VIEW_WHOLE, VIEW_BY_ROW, VIEW_NOTHING},
        {{0}, 1, false, VIEW_WHOLE, VIEW_WHOLE, VIEW_WHOLE, VIEW_NOTHING},
        {{9, 0}, 2, false, VIEW_BY_ROW, VIEW_WHOLE, VIEW_BY_ROW, VIEW_NOTHING},
        {{9, 9, 0}, 3, false, VIEW_BY_ROW, VIEW_WHOLE, VIEW_BY_ROW, VIEW_NOTHING},
        {{7}, 1, true, VIEW_WHOLE, VIEW_WHOLE, VIEW_BY_ROW, VIEW_BY_ROW},
        {{9}, 1, true, VIEW_BY_ROW, VIEW_WHOLE, VIEW_NOTHING, VIEW_BY_ROW},
        {{0}, 0, true, VIEW_WHOLE, VIEW_WHOLE, VIEW_NOTHING, VIEW_WHOLE},
        {{0}, 0, false, VIEW_NOTHING, VIEW_NOTHING, VIEW_NOTHING, VIEW_NOTHING},
    };
    struct fixture_base base;
    fixture_base_init(&base);
    struct ring *ring = ring_new(5, 100);
    struct view of_7 = {.tables = TABLES}, of_all = {.tables = TABLES, .bridges.is_all = true}, of_7_rules = {.tables = 1u << CFG_RULE};
    struct view of_groups = {.tables = 1u << CFG_GROUP};
    bridge_set_assign(&of_7.bridges, (const uint64_t[]){7}, 1);
    view_copy(&of_7_rules, &of_7);
    of_7_rules.tables = 1u << CFG_RULE;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ring_entry *entry = push(&base, ring, cases[i].bridges, cases[i].n, cases[i].has_group);
        assert_int_equal(view_share(&of_7, entry), cases[i].of_7);
        assert_int_equal(view_share(&of_all, entry), cases[i].of_all);
        assert_int_equal(view_share(&of_7_rules, entry), cases[i].of_7_rules);
        assert_int_equal(view_share(&of_groups, entry), cases[i].of_groups);
    }
    view_fini(&of_7);
    view_fini(&of_7_rules);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void a_row_is_seen_when_its_bridge_is_or_when_it_is_gone(void **state)
{
    static uint8_t of_7[] = {0x08, 7}, of_9[] = {0x08, 9};
    struct view view = {.tables = TABLES}, other = {0};
    bridge_set_assign(&view.bridges, (const uint64_t[]){7}, 1);
    Busbar__Row row = BUSBAR__ROW__INIT;
    row.table = CFG_RULE;
    row.value = (ProtobufCBinaryData){.data = of_7, .len = 2};
    assert_true(view_takes_row(&view, &row));
    row.value.data = of_9;
    assert_false(view_takes_row(&view, &row));
    row.deleted = true;
    assert_true(view_takes_row(&view, &row));
    row.deleted = false;
    row.table = CFG_GROUP;
    assert_true(view_takes_row(&view, &row));
    row.table = CFG_PORT;
    assert_false(view_takes_row(&view, &row));
    row.table = 77;
    assert_false(view_takes_row(&view, &row));
    assert_false(view_equal(&view, &other));
    view_copy(&other, &view);
    assert_true(view_equal(&view, &other));
    other.tables = 1;
    assert_false(view_equal(&view, &other));
    view_fini(&view);
    view_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_seen_whole_not_at_all_or_by_row),
        cmocka_unit_test(a_row_is_seen_when_its_bridge_is_or_when_it_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
