/* Tests of services/ofagent/packed_ops.c. */
#include "services/ofagent/packed_ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

/* Three pieces: changes 1 to 3, 5 and 6, 7. */
static void fill(struct packed_ops_list *list)
{
    static const size_t at[] = {1, 5, 7}, n[] = {3, 2, 1};
    struct writer ops;

    for (size_t i = 0; i < 3; i++) {
        writer_init(&ops);
        writer_u8(&ops, (uint8_t)(10 + i));
        packed_ops_add(list, at[i], n[i], &ops);
        assert_null(ops.bytes); /* taken */
    }
}

/* The first byte of the piece that begins there; 0: none does. */
static unsigned piece_at(const struct packed_ops_list *list, size_t at)
{
    size_t next = 0;
    const struct packed_ops *found = packed_ops_find(list, at, &next);
    return found != NULL ? found->ops.bytes[0] : 0;
}

static void pieces_are_found_where_they_begin(void **state)
{
    static const unsigned expected[] = {0, 10, 0, 0, 0, 11, 0, 12, 0};
    struct packed_ops_list list = {0};
    size_t next = 0;

    fill(&list);
    for (size_t at = 0; at < sizeof expected / sizeof expected[0]; at++) {
        const struct packed_ops *found = packed_ops_find(&list, at, &next); /* in one walk */
        assert_int_equal(found != NULL ? found->ops.bytes[0] : 0, expected[at]);
        assert_int_equal(piece_at(&list, at), expected[at]);
    }
    packed_ops_fini(&list);
    assert_null(list.items);
}

static void a_change_takes_its_own_piece_out_and_no_other(void **state)
{
    for (size_t place = 0; place < 10; place++) {
        struct packed_ops_list list = {0};
        fill(&list);
        packed_ops_forget(&list, place);
        assert_int_equal(piece_at(&list, 1), place >= 1 && place < 4 ? 0 : 10);
        assert_int_equal(piece_at(&list, 5), place >= 5 && place < 7 ? 0 : 11);
        assert_int_equal(piece_at(&list, 7), place == 7 ? 0 : 12);
        packed_ops_fini(&list);
    }
}

static void what_has_begun_leaves_and_the_rest_moves_up(void **state)
{
    struct packed_ops_list list = {0};

    fill(&list);
    packed_ops_leave(&list, 1);
    assert_true(list.count == 3 && piece_at(&list, 0) == 10 && piece_at(&list, 4) == 11);
    packed_ops_leave(&list, 2); /* within the first */
    assert_true(list.count == 2 && piece_at(&list, 2) == 11 && piece_at(&list, 4) == 12);
    struct writer ops;
    writer_init(&ops);
    writer_u8(&ops, 13);
    packed_ops_add(&list, 5, 1, &ops);
    assert_int_equal(piece_at(&list, 5), 13);
    packed_ops_leave(&list, 6);
    assert_int_equal(list.count, 0);
    packed_ops_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_found_where_they_begin),
        cmocka_unit_test(a_change_takes_its_own_piece_out_and_no_other),
        cmocka_unit_test(what_has_begun_leaves_and_the_rest_moves_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
