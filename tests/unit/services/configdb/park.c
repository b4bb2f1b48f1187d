/* Parked transactions: tried when a row they wait for has changed, at their time, and never for a writer who has gone; bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"
#include "services/configdb/park.h"

/* A transaction that waits for two rows. */
struct waiter {
    struct park_entry entry;
    Busbar__Transact message;
    Busbar__Op ops[2];
    Busbar__Op *pointers[2];
};

static struct park_entry *waiter(struct waiter *w, uint64_t start, uint64_t sequence, enum cfg_table table, uint64_t id)
{
    memset(w, 0, sizeof *w);
    busbar__transact__init(&w->message);
    for (size_t i = 0; i < 2; i++) {
        busbar__op__init(&w->ops[i]);
        w->ops[i].kind = i == 0 ? BUSBAR__OP_KIND__OP_WAIT : BUSBAR__OP_KIND__OP_UPDATE;
        w->ops[i].table = (uint32_t)(i == 0 ? table : CFG_SWITCH);
        w->ops[i].id = i == 0 ? id : 1;
        w->pointers[i] = &w->ops[i];
    }
    w->message.ops = w->pointers;
    w->message.n_ops = 2;
    w->message.sequence = sequence;
    w->entry = (struct park_entry){
        .from = {.kind = PROCESS_SWCTL, .instance = 1, .start = start}, .message = &w->message, .size = 100, .over_ns = NS_PER_S, .heard_ns = 0};
    return &w->entry;
}

static void add(struct park *park, struct park_entry *entry)
{
    struct error_detail detail;
    assert_int_equal(park_add(park, entry, &detail), 0);
}

/* A commit of `n` rows of a table, ids from `first`. */
static void changed(struct park *park, enum cfg_table table, uint64_t first, size_t n)
{
    Busbar__Delta delta = BUSBAR__DELTA__INIT;
    Busbar__Row *rows = memory_array(n, sizeof *rows);
    Busbar__Row **pointers = memory_array(n, sizeof(Busbar__Row *));
    for (size_t i = 0; i < n; i++) {
        busbar__row__init(&rows[i]);
        rows[i].table = (uint32_t)table;
        rows[i].id = first + i;
        pointers[i] = &rows[i];
    }
    delta.changes = pointers;
    delta.n_changes = n;
    uint8_t *bytes = memory_zeroed(busbar__delta__get_packed_size(&delta) + 1);
    struct ring_piece piece = {.bytes = bytes, .size = busbar__delta__pack(&delta, bytes)};
    struct ring_entry commit = {.n = 1, .tables = 1u << table, .pieces = &piece, .n_pieces = 1};
    park_changed(park, &commit);
    free(bytes);
    free(pointers);
    free(rows);
}

static void only_the_rows_waited_for_wake_it(void **state)
{
    struct waiter port, bridge;
    struct park *park = park_new();
    add(park, waiter(&port, 1, 1, CFG_PORT, 7));
    add(park, waiter(&bridge, 2, 1, CFG_BRIDGE, 7));
    assert_null(park_take(park, 1));
    changed(park, CFG_PORT, 8, 3);
    changed(park, CFG_SWITCH, 1, 1); /* written by it, not waited for */
    changed(park, CFG_RULE, 7, 1);
    assert_null(park_take(park, 1));
    changed(park, CFG_PORT, 5, 3);
    assert_int_equal(park_due_ns(park), 0);
    assert_ptr_equal(park_take(park, 1), &port.entry);
    assert_null(port.entry.why);
    assert_null(park_take(park, 1));
    assert_int_equal(park_count(park), 1);
    add(park, &port.entry); /* in vain: it waits again */
    assert_null(park_take(park, 1));
    changed(park, CFG_PORT, 1000, PARK_LOOK_ROWS + 1); /* too many to compare: all of the table */
    assert_ptr_equal(park_take(park, 1), &port.entry);
    assert_null(park_take(park, 1));
    park_wake(park);
    assert_ptr_equal(park_take(park, 1), &bridge.entry);
    assert_int_equal(park_due_ns(park), UINT64_MAX);
    park_destroy(&park);
}

/* What is published again and again is not compared with all that they would do. */
static void only_waits_are_looked_at_however_much_else_there_is(void **state)
{
    struct waiter w;
    struct park *park = park_new();
    struct park_entry *entry = waiter(&w, 1, 1, CFG_PORT, 7);
    add(park, entry);
    w.message.ops = NULL; /* nothing is read of its operations any more */
    changed(park, CFG_PORT, 8, 3);
    changed(park, CFG_BRIDGE, 7, 1);
    assert_null(park_take(park, 1));
    changed(park, CFG_PORT, 7, 1);
    assert_ptr_equal(park_take(park, 1), entry);
    park_destroy(&park);
}

static void at_its_time_it_is_tried_for_the_last_time(void **state)
{
    struct waiter w;
    struct park *park = park_new();
    add(park, waiter(&w, 1, 1, CFG_PORT, 7));
    assert_int_equal(park_due_ns(park), NS_PER_S);
    assert_null(park_take(park, NS_PER_S - 1));
    assert_ptr_equal(park_take(park, NS_PER_S), &w.entry);
    assert_null(w.entry.why);
    park_destroy(&park);
}

/* Steps of 100 ms, as configdb makes them, up to `to_ns`. */
static struct park_entry *idle(struct park *park, uint64_t from_ns, uint64_t to_ns)
{
    struct park_entry *entry = NULL;
    for (uint64_t now_ns = from_ns; entry == NULL && now_ns <= to_ns; now_ns += 100 * NS_PER_MS) {
        entry = park_take(park, now_ns);
    }
    return entry;
}

static void of_a_silent_writer_nothing_is_kept(void **state)
{
    struct waiter silent, heard;
    struct park *park = park_new();
    add(park, waiter(&silent, 1, 1, CFG_PORT, 7));
    add(park, waiter(&heard, 2, 1, CFG_PORT, 7));
    silent.entry.over_ns = heard.entry.over_ns = 100 * NS_PER_S;
    assert_null(idle(park, 0, 2 * NS_PER_S));
    park_heard(park, 2, 2 * NS_PER_S);
    assert_int_equal(park_due_ns(park), PARK_SILENCE_NS);
    assert_ptr_equal(idle(park, 2 * NS_PER_S, PARK_SILENCE_NS), &silent.entry);
    assert_non_null(strstr(silent.entry.why, "silent"));
    assert_null(idle(park, PARK_SILENCE_NS, 4 * NS_PER_S));
    assert_null(park_take(park, 50 * NS_PER_S)); /* nobody could be heard */
    assert_null(idle(park, 50 * NS_PER_S, 50 * NS_PER_S + PARK_SILENCE_NS - 1));
    assert_ptr_equal(park_take(park, 50 * NS_PER_S + PARK_SILENCE_NS), &heard.entry);
    park_destroy(&park);
}

static void a_repeat_is_known_and_may_end_it(void **state)
{
    struct waiter w;
    struct park *park = park_new();
    add(park, waiter(&w, 1, 5, CFG_PORT, 7));
    assert_false(park_repeat(park, 1, 6, true));
    assert_false(park_repeat(park, 2, 5, true));
    assert_true(park_repeat(park, 1, 5, false));
    assert_null(park_take(park, 1));
    assert_true(park_repeat(park, 1, 5, true));
    assert_ptr_equal(park_take(park, 1), &w.entry);
    assert_non_null(strstr(w.entry.why, "given it up"));
    assert_false(park_repeat(park, 1, 5, true));
    park_destroy(&park);
}

static void too_many_are_refused_by_name(void **state)
{
    static struct waiter many[PARK_MAX + 1];
    struct error_detail detail;
    struct park *park = park_new();
    size_t n = 0;
    for (; n < PARK_WRITER_MAX; n++) {
        add(park, waiter(&many[n], 1, n, CFG_PORT, 7));
    }
    assert_int_equal(park_add(park, waiter(&many[n], 1, n, CFG_PORT, 7), &detail), -ERROR_TOO_LARGE);
    assert_non_null(strstr(detail.text, "of this writer"));
    many[n].entry.from.start = 2;
    many[n].entry.size = PARK_BYTES_MAX;
    assert_int_equal(park_add(park, &many[n].entry, &detail), -ERROR_TOO_LARGE);
    assert_non_null(strstr(detail.text, "bytes"));
    for (; n < PARK_MAX; n++) {
        add(park, waiter(&many[n], 2 + n, n, CFG_PORT, 7));
    }
    assert_int_equal(park_add(park, waiter(&many[n], 2 + n, n, CFG_PORT, 7), &detail), -ERROR_TOO_LARGE);
    assert_non_null(strstr(detail.text, "256"));
    assert_int_equal(park_refused(park), 3);
    assert_int_equal(park_count(park), PARK_MAX);
    changed(park, CFG_PORT, 7, 1);
    for (size_t i = 0; i < PARK_MAX; i++) {
        assert_ptr_equal(park_take(park, 1), &many[i].entry); /* in the order in which they came */
    }
    add(park, &many[n].entry);
    park_destroy(&park);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_rows_waited_for_wake_it),     cmocka_unit_test(at_its_time_it_is_tried_for_the_last_time),
        cmocka_unit_test(of_a_silent_writer_nothing_is_kept),   cmocka_unit_test(a_repeat_is_known_and_may_end_it),
        cmocka_unit_test(too_many_are_refused_by_name),         cmocka_unit_test(only_waits_are_looked_at_however_much_else_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
