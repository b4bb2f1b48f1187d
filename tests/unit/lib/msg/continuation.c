/* What is left to do goes through bytes and comes back; bytes that are none are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/msg/continuation.h"

static struct continuation sample(size_t n_steps)
{
    struct continuation left = {.bridge = 7, .n_stack = 2};
    for (size_t i = 0; i < n_steps; i++) {
        struct continuation_step *step = continuation_add(&left);
        assert_non_null(step);
        assert_int_equal(instructions_parse("output:1,clone(exit),controller(pause,userdata=01.02),clear_actions,write_actions(output:3),"
                                            "write_metadata:5/7,goto_table:9", NULL, &step->instructions, NULL), 0);
        step->cookie = UINT64_MAX - i;
        step->table = (uint8_t)i;
        step->performs_set = i == 1;
    }
    left.stack[1].bytes[3] = 9;
    assert_int_equal(action_list_parse("set_field:3->reg1,group:5", NULL, &left.set, NULL), 0);
    return left;
}

static void what_is_left_comes_back_as_it_was(void **state)
{
    (void)state;
    struct continuation left = sample(3), again;
    uint8_t bytes[1024];
    size_t size = continuation_write(&left, bytes, sizeof bytes);
    assert_true(size > 0);
    assert_int_equal(continuation_write(&left, bytes, size - 1), 0);
    assert_int_equal(continuation_read(bytes, size, &again, NULL), 0);
    assert_true(again.bridge == 7 && again.n_steps == 3 && again.n_stack == 2);
    for (size_t i = 0; i < 3; i++) {
        assert_true(instructions_equal(&again.steps[i].instructions, &left.steps[i].instructions));
        assert_true(again.steps[i].cookie == left.steps[i].cookie && again.steps[i].table == i && again.steps[i].performs_set == (i == 1));
    }
    assert_memory_equal(again.stack, left.stack, 2 * sizeof left.stack[0]);
    assert_true(action_list_equal(&again.set, &left.set));
    continuation_fini(&again);
    continuation_fini(&left);
}

static void there_are_so_many_steps_and_no_more(void **state)
{
    (void)state;
    struct continuation left = {.n_steps = 0};
    for (size_t i = 0; i < CONTINUATION_STEPS_MAX; i++) {
        assert_non_null(continuation_add(&left));
    }
    assert_null(continuation_add(&left));
    continuation_fini(&left);
}

/* Cut or bent at random: read in full, or refused; the sanitizer sees the rest. */
static void foreign_bytes_do_no_harm(void **state)
{
    (void)state;
    struct continuation left = sample(3), again;
    struct random random;
    uint8_t bytes[1024], bent[1024];
    size_t size = continuation_write(&left, bytes, sizeof bytes), n_refused = 0;
    random_seed(&random, 1);
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = i < size ? i : size;
        memcpy(bent, bytes, size);
        for (unsigned k = i < size ? 0 : 1 + i % 3; k > 0; k--) {
            bent[random_below(&random, size)] = (uint8_t)random_u64(&random);
        }
        if (continuation_read(bent, n, &again, NULL) == 0) {
            continuation_fini(&again);
        } else {
            n_refused++;
        }
    }
    assert_true(n_refused > size / 2);
    left.stack[0].bytes[0] = 1;
    left.n_stack = CONTINUATION_STACK_MAX;
    size = continuation_write(&left, bytes, 64);
    assert_int_equal(size, 0);
    continuation_fini(&left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_comes_back_as_it_was),
        cmocka_unit_test(there_are_so_many_steps_and_no_more),
        cmocka_unit_test(foreign_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
