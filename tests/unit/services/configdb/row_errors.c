/* Row errors: named for their reader, replaced, bounded, forgotten when the row changes. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/msg/authors.h"
#include "services/configdb/row_errors.h"

static const struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 2, .start = 9};

struct seen {
    size_t n;
    uint64_t id;
    char text[300];
};

static void see(void *context, const Busbar__RowError *error)
{
    struct seen *seen = context;
    seen->n++;
    seen->id = error->id;
    (void)snprintf(seen->text, sizeof seen->text, "%s", error->text);
}

static void note(struct row_errors *errors, uint64_t id, const char *text)
{
    Busbar__RowError error = BUSBAR__ROW_ERROR__INIT;
    error.table = CFG_PORT;
    error.id = id;
    error.text = (char *)(uintptr_t)text;
    row_errors_note(errors, &shard, &error);
}

static struct seen look(const struct row_errors *errors)
{
    struct seen seen = {.n = 0};
    row_errors_each(errors, see, &seen);
    assert_int_equal(seen.n, errors->n);
    return seen;
}

static void a_later_report_of_a_row_replaces_the_earlier(void **state)
{
    struct row_errors errors;
    row_errors_init(&errors);
    note(&errors, 7, "no such device");
    note(&errors, 7, "in use");
    struct seen seen = look(&errors);
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.text, "fastpath.2: in use");
    row_errors_fini(&errors);
    row_errors_fini(&errors);
    assert_int_equal(look(&errors).n, 0);
}

static void a_changed_row_is_forgotten_and_others_stay(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct row_errors errors;
    fixture_base_init(&base);
    row_errors_init(&errors);
    note(&errors, 7, "no such device");
    note(&errors, 8, "no such device");
    struct ring *ring = ring_new(base.epoch, 0);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    struct overlay *overlay = overlay_new(base.rows);
    Busbar__PortRow port = fixture_port("p1", 1);
    assert_int_equal(overlay_set(overlay, CFG_PORT, 7, NULL, &port.base, &detail), 0);
    ring_push(ring, &overlay, 1, AUTHORS_NONE);
    overlay_destroy(&overlay);
    rows_end(base.rows);
    row_errors_forget(&errors, ring_entry(ring, 1));
    struct seen seen = look(&errors);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.id, 8);
    row_errors_fini(&errors);
    ring_destroy(&ring);
    fixture_base_fini(&base);
}

static void reports_are_bounded(void **state)
{
    struct row_errors errors;
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    row_errors_init(&errors);
    for (uint64_t id = 1; id <= ROW_ERRORS_MAX + 50; id++) {
        note(&errors, id, text);
    }
    struct seen seen = look(&errors);
    assert_int_equal(seen.n, ROW_ERRORS_MAX);
    assert_true(strlen(seen.text) < 250);
    row_errors_fini(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_report_of_a_row_replaces_the_earlier),
        cmocka_unit_test(a_changed_row_is_forgotten_and_others_stay),
        cmocka_unit_test(reports_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
