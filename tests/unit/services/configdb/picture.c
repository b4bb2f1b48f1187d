/* Pictures of the configuration: as it is, as it was, and why one cannot be had. */
#include "tests/unit/services/configdb/past.h"

#include "services/configdb/picture.h"

static struct picture *then(struct fixture_base *base, struct version version, int expected, struct error_detail *detail)
{
    struct picture *picture = NULL;
    detail->text[0] = '\0';
    assert_int_equal(rows_begin_read(base->rows), 0);
    int err = picture_then(base->rows, version, &picture, detail);
    rows_end(base->rows);
    if (err != expected) {
        fail_msg("%s", detail->text);
    }
    return picture;
}

static size_t count(struct picture *picture)
{
    size_t n = 0;
    while (picture_at_index(picture, n) != NULL) {
        n++;
    }
    return n;
}

static void rows_are_in_order_and_the_later_one_counts(void **state)
{
    struct picture *picture = picture_new();
    picture_set(picture, CFG_PORT, 2, NULL);
    picture_set(picture, CFG_BRIDGE, 300, NULL);
    picture_set(picture, CFG_BRIDGE, 2, NULL);
    picture_set(picture, CFG_BRIDGE, 2, NULL);
    assert_int_equal(count(picture), 3);
    assert_true(picture_at_index(picture, 0)->id == 2 && picture_at_index(picture, 1)->id == 300);
    assert_int_equal(picture_at_index(picture, 2)->table, CFG_PORT);
    assert_null(picture_get(picture, CFG_PORT, 3));
    picture_destroy(&picture);
    picture_destroy(&picture);
}

static void each_version_is_as_it_was(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t first = past_add_bridge(&base, "br0");
    uint64_t second = past_set_limit(&base, 5);
    uint64_t third = past_set_limit(&base, 6);
    uint64_t fourth = past_one(&base, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, 1, NULL, NULL);
    struct picture *p = then(&base, (struct version){.n = 0}, 0, &detail);
    assert_int_equal(count(p), 1); /* the switch row */
    picture_destroy(&p);
    p = then(&base, (struct version){.n = first}, 0, &detail);
    assert_int_equal(count(p), 3);
    assert_false(((const Busbar__SwitchRow *)picture_get(p, CFG_SWITCH, 1)->row)->has_flow_limit);
    picture_destroy(&p);
    p = then(&base, (struct version){.epoch = base.epoch, .n = second}, 0, &detail);
    assert_int_equal(((const Busbar__SwitchRow *)picture_get(p, CFG_SWITCH, 1)->row)->flow_limit, 5);
    picture_destroy(&p);
    p = then(&base, (struct version){.n = third}, 0, &detail);
    assert_string_equal(((const Busbar__BridgeRow *)picture_get(p, CFG_BRIDGE, 1)->row)->name, "br0");
    picture_destroy(&p);
    p = then(&base, (struct version){.n = fourth}, 0, &detail);
    assert_int_equal(count(p), 1);
    picture_destroy(&p);
    fixture_base_fini(&base);
}

static void versions_that_never_were_are_refused_with_those_that_are_kept(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t first = past_add_bridge(&base, "br0");
    past_reopen(&base);
    uint64_t second = past_set_limit(&base, 5);
    (void)then(&base, (struct version){.n = second + 1}, -ERROR_NOT_FOUND, &detail);
    assert_non_null(strstr(detail.text, "from 0 to 2"));
    (void)then(&base, (struct version){.epoch = base.epoch + 1, .n = second}, -ERROR_NOT_FOUND, &detail);
    (void)then(&base, (struct version){.epoch = base.epoch, .n = first}, -ERROR_NOT_FOUND, &detail);
    (void)then(&base, (struct version){.epoch = base.epoch - 1, .n = second}, -ERROR_NOT_FOUND, &detail);
    (void)then(&base, (struct version){.epoch = 1, .n = 0}, -ERROR_NOT_FOUND, &detail);
    struct picture *p = then(&base, (struct version){.epoch = base.epoch - 1, .n = first}, 0, &detail);
    picture_destroy(&p);
    fixture_base_fini(&base);
}

static void damage_loses_what_was_before_it_and_nothing_behind(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t first = past_add_bridge(&base, "br0");
    uint64_t gone = past_add_and_remove_marked(&base, 1, "/marks/the-spot");
    (void)past_set_limit(&base, 5);
    assert_true(past_damage(&base, "/marks/the-spot") >= 2);
    past_reopen(&base);
    (void)then(&base, (struct version){.n = first}, -ERROR_DAMAGED, &detail);
    assert_non_null(strstr(detail.text, "version 2 cannot be read"));
    struct picture *p = then(&base, (struct version){.n = gone}, 0, &detail);
    assert_int_equal(count(p), 3);
    picture_destroy(&p);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_in_order_and_the_later_one_counts),
        cmocka_unit_test(each_version_is_as_it_was),
        cmocka_unit_test(versions_that_never_were_are_refused_with_those_that_are_kept),
        cmocka_unit_test(damage_loses_what_was_before_it_and_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
