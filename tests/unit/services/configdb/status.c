/* Status rows: changes are told once, time and rebirth take rows away, sizes are bounded. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/status.h"

static const struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 10};

static int publish(struct status *status, const struct bus_identity *from, uint64_t id, uint32_t mtu, uint64_t now_ns)
{
    char none[] = "";
    uint8_t packed[128];
    struct error_detail detail;
    Busbar__PortStatusRow row = BUSBAR__PORT_STATUS_ROW__INIT;
    Busbar__StatusRow message = BUSBAR__STATUS_ROW__INIT;
    row.error = row.mode = row.why = none;
    row.mtu = mtu;
    message.table = CFG_PORT_STATUS;
    message.id = id;
    message.ttl_ms = 3000;
    message.deleted = mtu == 0;
    if (mtu != 0) {
        message.value.len = busbar__port_status_row__pack(&row, packed);
        message.value.data = packed;
    }
    return status_publish(status, from, &message, now_ns, &detail);
}

static void a_repetition_is_no_change_but_keeps_the_row(void **state)
{
    struct status *status = status_new();
    const struct status_row *row = NULL;
    assert_int_equal(publish(status, &shard, 7, 1500, 0), 0);
    uint64_t serial = status_serial(status);
    assert_int_equal(publish(status, &shard, 7, 1500, 2 * NS_PER_S), 0);
    assert_int_equal(status_serial(status), serial);
    status_expire(status, NULL, 4 * NS_PER_S);
    assert_null(status_next(status, serial, &row));
    status_expire(status, NULL, 6 * NS_PER_S);
    assert_non_null(status_next(status, serial, &row));
    assert_true(row->is_deleted);
    assert_int_equal(row->id, 7);
    status_expire(status, NULL, 30 * NS_PER_S);
    assert_int_equal(status_count(status), 0);
    status_destroy(&status);
    status_destroy(&status);
}

static void a_reader_gets_what_changed_behind_its_place(void **state)
{
    struct status *status = status_new();
    const struct status_row *row = NULL;
    for (uint64_t id = 1; id <= 5; id++) {
        assert_int_equal(publish(status, &shard, id, 1500, 0), 0);
    }
    uint64_t place = status_serial(status);
    assert_int_equal(publish(status, &shard, 2, 9000, 0), 0);
    assert_int_equal(publish(status, &shard, 4, 0, 0), 0);
    assert_int_equal(status_next(status, place, &row)->id, 2);
    assert_int_equal(status_next(status, place, &row)->id, 4);
    assert_true(row->is_deleted);
    assert_null(status_next(status, place, &row));
    status_destroy(&status);
}

static void a_later_life_ends_the_rows_of_the_earlier(void **state)
{
    struct status *status = status_new();
    const struct status_row *row = NULL;
    struct bus_identity reborn = shard, other = shard;
    reborn.start = 11;
    other.instance = 2;
    assert_int_equal(publish(status, &shard, 1, 1500, 0), 0);
    assert_int_equal(publish(status, &other, 2, 1500, 0), 0);
    uint64_t place = status_serial(status);
    assert_int_equal(publish(status, &other, 1, 0, 0), 0); /* not its row to withdraw */
    assert_int_equal(status_serial(status), place);
    status_expire(status, &reborn, 1);
    assert_int_equal(status_next(status, place, &row)->id, 1);
    assert_null(status_next(status, place, &row));
    status_destroy(&status);
}

static void what_cannot_be_a_status_row_is_refused(void **state)
{
    static uint8_t huge[STATUS_VALUE_MAX + 1];
    uint8_t rubbish[] = {0xff, 0xff};
    struct status *status = status_new();
    struct error_detail detail;
    Busbar__StatusRow message = BUSBAR__STATUS_ROW__INIT;
    message.value.data = rubbish;
    message.value.len = sizeof rubbish;
    message.table = CFG_PORT;
    assert_int_equal(status_publish(status, &shard, &message, 0, &detail), -ERROR_UNKNOWN_NAME);
    message.table = CFG_PORT_STATUS;
    assert_int_equal(status_publish(status, &shard, &message, 0, &detail), -ERROR_SYNTAX);
    message.value.data = huge;
    message.value.len = sizeof huge;
    assert_int_equal(status_publish(status, &shard, &message, 0, &detail), -ERROR_TOO_LARGE);
    assert_int_equal(status_count(status), 0);
    for (uint64_t id = 1; id <= STATUS_ROWS_MAX; id++) {
        assert_int_equal(publish(status, &shard, id, 1500, 0), 0);
    }
    assert_int_equal(publish(status, &shard, STATUS_ROWS_MAX + 1, 1500, 0), -ERROR_TOO_LARGE);
    status_destroy(&status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repetition_is_no_change_but_keeps_the_row),
        cmocka_unit_test(a_reader_gets_what_changed_behind_its_place),
        cmocka_unit_test(a_later_life_ends_the_rows_of_the_earlier),
        cmocka_unit_test(what_cannot_be_a_status_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
