/* Changes laid over the tables: seen by those who ask the overlay, by nobody else, until written. */
#include "tests/unit/services/configdb/past.h"

#include "services/configdb/overlay.h"
#include "services/configdb/validate.h"

static struct db_key name_key(const char *name)
{
    Busbar__PortRow row = fixture_port(name, 1);
    return validate_unique_key(CFG_PORT, 0, &row.base);
}

static int set_port(struct overlay *overlay, uint64_t id, const char *name, uint32_t ofport, struct error_detail *detail)
{
    Busbar__PortRow row = fixture_port(name, 1);
    row.ofport = ofport;
    ProtobufCMessage *before = NULL;
    (void)!overlay_get(overlay, CFG_PORT, id, &before);
    int err = overlay_set(overlay, CFG_PORT, id, before, &row.base, detail);
    protobuf_c_message_free_unpacked(before, NULL);
    return err;
}

static void delete_port(struct overlay *overlay, uint64_t id)
{
    ProtobufCMessage *before = NULL;
    assert_int_equal(overlay_get(overlay, CFG_PORT, id, &before), 0);
    assert_int_equal(overlay_delete(overlay, CFG_PORT, id, before), 0);
    protobuf_c_message_free_unpacked(before, NULL);
}

static void changes_are_seen_through_the_overlay_only(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct store_bytes value;
    fixture_base_init(&base);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base.rows);
    assert_false(overlay_has(overlay, CFG_PORT, 7));
    assert_int_equal(set_port(overlay, 7, "p1", 1, &detail), 0);
    assert_true(overlay_has(overlay, CFG_PORT, 7));
    assert_int_equal(rows_get(base.rows, CFG_PORT, 7, &value), -ERROR_NOT_FOUND);
    overlay_destroy(&overlay);
    overlay_destroy(&overlay);
    assert_int_equal(rows_get(base.rows, CFG_PORT, 7, &value), -ERROR_NOT_FOUND);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void unique_columns_hold_over_both_layers(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    uint64_t id;
    fixture_base_init(&base);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base.rows);
    assert_int_equal(set_port(overlay, 7, "p1", 1, &detail), 0);
    assert_int_equal(overlay_write(overlay), 0);
    overlay_destroy(&overlay);
    overlay = overlay_new(base.rows);
    assert_int_equal(set_port(overlay, 8, "p1", 2, &detail), -ERROR_EXISTS);
    assert_non_null(strstr(detail.text, "p1"));
    assert_int_equal(set_port(overlay, 8, "p2", 1, &detail), -ERROR_EXISTS);
    assert_non_null(strstr(detail.text, "ofport"));
    /* The name is free again once its row lets go of it. */
    assert_int_equal(set_port(overlay, 7, "p9", 1, &detail), 0);
    assert_int_equal(set_port(overlay, 8, "p1", 2, &detail), 0);
    struct db_key key = name_key("p1");
    assert_int_equal(overlay_index(overlay, CFG_PORT, &key, &id), 0);
    assert_int_equal(id, 8);
    assert_int_equal(rows_index_get(base.rows, CFG_PORT, &key, &id), 0);
    assert_int_equal(id, 7);
    assert_int_equal(overlay_write(overlay), 0);
    assert_int_equal(rows_index_get(base.rows, CFG_PORT, &key, &id), 0);
    assert_int_equal(id, 8);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void a_row_that_came_and_went_is_no_change(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    const struct overlay_change *cursor = NULL;
    fixture_base_init(&base);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base.rows);
    assert_int_equal(set_port(overlay, 7, "p1", 1, &detail), 0);
    delete_port(overlay, 7);
    assert_int_equal(set_port(overlay, 8, "p1", 1, &detail), 0);
    assert_non_null(overlay_next(overlay, &cursor));
    assert_int_equal(cursor->id, 8);
    assert_null(overlay_next(overlay, &cursor));
    assert_int_equal(overlay_write(overlay), 0);
    assert_int_equal(rows_count(base.rows, CFG_PORT), 1);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void a_prefix_gives_rows_of_both_layers_once(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    size_t n;
    fixture_base_init(&base);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base.rows);
    assert_int_equal(set_port(overlay, 1, "p1", 1, &detail), 0);
    assert_int_equal(set_port(overlay, 2, "p2", 2, &detail), 0);
    assert_int_equal(overlay_write(overlay), 0);
    overlay_destroy(&overlay);
    overlay = overlay_new(base.rows);
    assert_int_equal(set_port(overlay, 3, "p3", 3, &detail), 0);
    delete_port(overlay, 1);
    assert_int_equal(set_port(overlay, 2, "p2", 9, &detail), 0);
    struct db_key prefix = db_key_index(CFG_PORT, 2);
    db_key_add_u64(&prefix, 1);
    uint64_t *ids = overlay_prefix(overlay, CFG_PORT, &prefix, &n);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0] + ids[1], 5);
    free(ids);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void what_is_cut_off_is_forgotten(void **state)
{
    struct fixture_base base;
    const struct overlay_change *cursor = NULL;
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    for (uint64_t id = 1; id <= 3; id++) {
        fixture_put(&base, CFG_RULE, id, &rule.base);
    }
    assert_int_equal(rows_begin_read(base.rows), 0);
    struct overlay *overlay = overlay_new(base.rows);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(overlay_delete(overlay, CFG_RULE, id, &rule.base), 0);
    }
    const struct overlay_change *first = overlay_next(overlay, &cursor);
    overlay_cut(overlay, first);
    assert_int_equal(first->id, 1);
    assert_null(overlay_next(overlay, &cursor));
    assert_true(overlay_has(overlay, CFG_RULE, 2));
    overlay_cut(overlay, NULL);
    cursor = NULL;
    assert_null(overlay_next(overlay, &cursor));
    overlay_destroy(&overlay);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static size_t changes_of(struct overlay *overlay)
{
    const struct overlay_change *cursor = NULL;
    size_t n = 0;
    while (overlay_next(overlay, &cursor) != NULL) {
        n++;
    }
    return n;
}

/* More rows than one allocation holds; before anybody asks they are in the list alone, and afterwards they are found. */
static void lent_rows_are_found_when_somebody_asks(void **state)
{
    struct fixture_base base;
    const struct overlay_change *cursor = NULL;
    struct store_bytes value;
    uint8_t bytes[64];
    Busbar__RuleRow rule = fixture_rule(1, 2);
    size_t size = busbar__rule_row__pack(&rule, bytes);
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base.rows);
    for (uint64_t id = 10; id < 3000; id++) {
        overlay_lend_new(overlay, CFG_RULE, id, bytes, size);
    }
    assert_ptr_equal(overlay_next(overlay, &cursor)->value, bytes);
    assert_true(overlay_has(overlay, CFG_RULE, 5));
    overlay_lend(overlay, CFG_RULE, 5, NULL, 0);
    assert_int_equal(overlay_value(overlay, CFG_RULE, 2999, &value), 0);
    assert_ptr_equal(value.bytes, bytes);
    overlay_lend(overlay, CFG_RULE, 2999, NULL, 0);
    overlay_lend_new(overlay, CFG_RULE, 3000, bytes, size);
    assert_int_equal(overlay_delete(overlay, CFG_RULE, 3000, &rule.base), 0);
    assert_int_equal(overlay_value(overlay, CFG_RULE, 3000, &value), -ERROR_NOT_FOUND);
    assert_int_equal(overlay_set(overlay, CFG_RULE, 10, &rule.base, &rule.base, NULL), 0);
    assert_false(overlay_has(overlay, CFG_RULE, 5));
    assert_int_equal(changes_of(overlay), 2989 + 1); /* 10 to 2998 are new, 5 goes */
    assert_int_equal(overlay_write(overlay), 0);
    assert_int_equal(rows_count(base.rows, CFG_RULE), 2989);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

/* Each put asks for the row that was inserted just before it: only what is new since the last question is walked. */
static void rows_that_come_one_by_one_are_looked_at_once(void **state)
{
    enum { PAIRS = 50000 };
    struct fixture_base base;
    uint8_t bytes[64];
    Busbar__RuleRow rule = fixture_rule(1, 2);
    size_t size = busbar__rule_row__pack(&rule, bytes);
    fixture_base_init(&base);
    assert_int_equal(rows_begin_read(base.rows), 0);
    struct overlay *overlay = overlay_new(base.rows);
    for (uint64_t id = 1; id <= PAIRS; id++) {
        overlay_lend_new(overlay, CFG_RULE, id, bytes, size);
        assert_true(overlay_has(overlay, CFG_RULE, id));
        overlay_lend(overlay, CFG_RULE, id, bytes, size);
    }
    assert_int_equal(changes_of(overlay), PAIRS);
    assert_in_range(overlay_looks(overlay), PAIRS, 2 * PAIRS);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

/* A row that cannot be read is not one that is not there: put as if it were new it would be counted twice. */
static void a_damaged_row_is_noticed_by_a_change(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct store_bytes value;
    fixture_base_init(&base);
    Busbar__PortRow port = fixture_port("the-spot-in-the-file", 1);
    fixture_put(&base, CFG_PORT, 7, &port.base);
    assert_true(past_damage(&base, port.name) >= 1);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    assert_int_equal(rows_get(base.rows, CFG_PORT, 7, &value), -ERROR_DAMAGED);
    struct overlay *overlay = overlay_new(base.rows);
    assert_int_equal(overlay_set(overlay, CFG_PORT, 7, NULL, &port.base, &detail), -ERROR_DAMAGED);
    assert_non_null(strstr(detail.text, "row 7"));
    assert_int_equal(overlay_delete(overlay, CFG_PORT, 7, &port.base), -ERROR_DAMAGED);
    assert_int_equal(changes_of(overlay), 0);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_seen_through_the_overlay_only),
        cmocka_unit_test(unique_columns_hold_over_both_layers),
        cmocka_unit_test(a_row_that_came_and_went_is_no_change),
        cmocka_unit_test(a_prefix_gives_rows_of_both_layers_once),
        cmocka_unit_test(what_is_cut_off_is_forgotten),
        cmocka_unit_test(lent_rows_are_found_when_somebody_asks),
        cmocka_unit_test(rows_that_come_one_by_one_are_looked_at_once),
        cmocka_unit_test(a_damaged_row_is_noticed_by_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
