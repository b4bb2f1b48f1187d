/* Replies kept: a repeat is answered and never done twice, over restarts too. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/base/bytes.h"
#include "services/configdb/recent.h"

static struct recent *open_recent(struct fixture_base *base)
{
    struct recent *recent = NULL;
    assert_int_equal(rows_begin_read(base->rows), 0);
    assert_int_equal(recent_new(base->rows, &recent), 0);
    rows_end(base->rows);
    return recent;
}

static void store_reply(struct fixture_base *base, struct recent *recent, uint64_t start, uint64_t sequence, const char *reply)
{
    assert_int_equal(rows_begin(base->rows, ROWS_RUN), 0);
    (void)rows_next_n(base->rows);
    assert_int_equal(recent_store(recent, base->rows, ROWS_RUN, start, sequence, reply, strlen(reply)), 0);
    assert_int_equal(rows_commit(base->rows), 0);
    recent_note(recent, start, sequence, reply, strlen(reply));
}

static void a_repeat_gets_the_same_reply(void **state)
{
    struct fixture_base base;
    struct store_bytes reply;
    fixture_base_init(&base);
    struct recent *recent = open_recent(&base);
    assert_int_equal(recent_ask(recent, 7, 1, 1, &reply), RECENT_DO);
    assert_int_equal(recent_ask(recent, 7, 1, 1, &reply), RECENT_GAP); /* under way */
    store_reply(&base, recent, 7, 1, "one");
    assert_int_equal(recent_ask(recent, 7, 1, 1, &reply), RECENT_REPEAT);
    assert_memory_equal(reply.bytes, "one", 3);
    recent_destroy(&recent);
    rows_destroy(&base.rows);
    fixture_base_open(&base);
    recent = open_recent(&base);
    assert_int_equal(recent_ask(recent, 7, 1, 1, &reply), RECENT_REPEAT);
    assert_memory_equal(reply.bytes, "one", 3);
    assert_int_equal(recent_ask(recent, 7, 2, 2, &reply), RECENT_DO);
    recent_destroy(&recent);
    fixture_base_fini(&base);
}

static void a_writers_order_is_kept(void **state)
{
    struct fixture_base base;
    struct store_bytes reply;
    fixture_base_init(&base);
    struct recent *recent = open_recent(&base);
    assert_int_equal(recent_ask(recent, 7, 101, 100, &reply), RECENT_GAP); /* 100 is still to come */
    assert_int_equal(recent_ask(recent, 7, 100, 100, &reply), RECENT_DO);
    assert_int_equal(recent_ask(recent, 7, 102, 100, &reply), RECENT_GAP);
    assert_int_equal(recent_ask(recent, 7, 101, 100, &reply), RECENT_DO);
    assert_int_equal(recent_ask(recent, 7, 110, 110, &reply), RECENT_DO); /* it gave up on those between */
    assert_int_equal(recent_ask(recent, 7, 0, 0, &reply), RECENT_LATE);
    recent_destroy(&recent);
    fixture_base_fini(&base);
}

static void old_replies_make_room(void **state)
{
    struct fixture_base base;
    struct store_bytes reply;
    fixture_base_init(&base);
    struct recent *recent = open_recent(&base);
    for (uint64_t sequence = 1; sequence <= DB_RECENT_SLOTS + 4; sequence++) {
        assert_int_equal(recent_ask(recent, 7, sequence, sequence, &reply), RECENT_DO);
        store_reply(&base, recent, 7, sequence, "done");
    }
    assert_int_equal(recent_ask(recent, 7, 4, 4, &reply), RECENT_LATE);
    assert_int_equal(recent_ask(recent, 7, 5, 5, &reply), RECENT_REPEAT);
    assert_int_equal(recent_ask(recent, 7, DB_RECENT_SLOTS + 4, 5, &reply), RECENT_REPEAT);
    recent_destroy(&recent);
    fixture_base_fini(&base);
}

/* It waits for something else, and those behind it do not wait for it. */
static void one_under_way_keeps_the_place_of_its_reply(void **state)
{
    struct fixture_base base;
    struct store_bytes reply;
    fixture_base_init(&base);
    struct recent *recent = open_recent(&base);
    assert_int_equal(recent_ask(recent, 7, 1, 1, &reply), RECENT_DO);
    for (uint64_t sequence = 2; sequence <= DB_RECENT_SLOTS; sequence++) {
        assert_int_equal(recent_ask(recent, 7, sequence, 1, &reply), RECENT_DO);
        store_reply(&base, recent, 7, sequence, "done");
    }
    assert_int_equal(recent_ask(recent, 7, DB_RECENT_SLOTS + 1, 1, &reply), RECENT_GAP);
    assert_int_equal(recent_ask(recent, 7, DB_RECENT_SLOTS + 2, 1, &reply), RECENT_GAP);
    store_reply(&base, recent, 7, 1, "late");
    assert_int_equal(recent_ask(recent, 7, 1, 1, &reply), RECENT_REPEAT);
    assert_memory_equal(reply.bytes, "late", 4);
    assert_int_equal(recent_ask(recent, 7, DB_RECENT_SLOTS + 1, 2, &reply), RECENT_DO);
    recent_destroy(&recent);
    fixture_base_fini(&base);
}

/* Until there were 64 slots there were 16: an entry of then may come behind a newer one whose place it would have now. */
static void an_older_reply_does_not_take_a_newer_ones_place(void **state)
{
    struct fixture_base base;
    struct store_bytes reply;
    struct db_key key = db_key_recent(7, 10);
    struct writer value;
    fixture_base_init(&base);
    struct recent *recent = open_recent(&base);
    assert_int_equal(recent_ask(recent, 7, DB_RECENT_SLOTS + 3, DB_RECENT_SLOTS + 3, &reply), RECENT_DO);
    store_reply(&base, recent, 7, DB_RECENT_SLOTS + 3, "new");
    writer_init(&value);
    writer_u64(&value, 1);
    writer_u64(&value, 3);
    writer_bytes(&value, "old", 3);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    assert_int_equal(store_put(rows_txn(base.rows, ROWS_RUN), STORE_RECENT, &key, value.bytes, value.size), 0);
    assert_int_equal(rows_commit(base.rows), 0);
    writer_fini(&value);
    recent_destroy(&recent);
    recent = open_recent(&base);
    assert_int_equal(recent_ask(recent, 7, DB_RECENT_SLOTS + 3, DB_RECENT_SLOTS + 3, &reply), RECENT_REPEAT);
    assert_memory_equal(reply.bytes, "new", 3);
    recent_destroy(&recent);
    fixture_base_fini(&base);
}

static size_t stored_slots(struct fixture_base *base)
{
    struct db_key from = {.size = 0};
    struct store_bytes key, value;
    size_t n = 0;
    assert_int_equal(rows_begin_read(base->rows), 0);
    struct store_cursor *cursor = store_cursor_open(rows_txn(base->rows, ROWS_RUN), STORE_RECENT, &from);
    while (store_next(cursor, &key, &value) == 0) {
        n++;
    }
    store_cursor_close(&cursor);
    rows_end(base->rows);
    return n;
}

static void writers_idle_longest_are_forgotten_on_disk_too(void **state)
{
    struct fixture_base base;
    struct store_bytes reply;
    fixture_base_init(&base);
    struct recent *recent = open_recent(&base);
    for (uint64_t writer = 1; writer <= 400; writer++) {
        assert_int_equal(recent_ask(recent, writer, 1, 1, &reply), RECENT_DO);
        store_reply(&base, recent, writer, 1, "done");
        assert_int_equal(recent_ask(recent, 1, 1, 1, &reply), RECENT_REPEAT); /* the first one stays in use */
    }
    assert_int_equal(recent_count(recent), RECENT_WRITERS_MAX);
    assert_in_range(stored_slots(&base), RECENT_WRITERS_MAX - 1, RECENT_WRITERS_MAX + 1);
    assert_int_equal(recent_ask(recent, 399, 1, 1, &reply), RECENT_REPEAT);
    recent_destroy(&recent);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeat_gets_the_same_reply),
        cmocka_unit_test(a_writers_order_is_kept),
        cmocka_unit_test(old_replies_make_room),
        cmocka_unit_test(one_under_way_keeps_the_place_of_its_reply),
        cmocka_unit_test(an_older_reply_does_not_take_a_newer_ones_place),
        cmocka_unit_test(writers_idle_longest_are_forgotten_on_disk_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
