/* Frames and their owners (I4). Unit test, one thread; prints its seed.
 * What may never happen: a frame in two places, or in none.
 * A random walk over all moves is checked at every hundredth step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "services/fastpath/umem.h"

static void every_frame_has_one_state_through_any_walk(void **state)
{
    struct umem *umem;
    struct random random;
    uint64_t held[40];
    enum frame_state states[40];
    size_t n = 0;
    random_seed(&random, 11);
    print_message("seed 11\n");
    assert_int_equal(umem_new(32, 8, &umem), 0);
    for (int i = 0; i < 20000; i++) {
        if (random_below(&random, 2) == 0) {
            size_t size = random_below(&random, 4) == 0 ? 9000 : 1500;
            uint64_t frame = umem_take(umem, size, FRAME_WORKER);
            if (frame != UMEM_NONE) {
                for (size_t k = 0; k < n; k++) {
                    assert_true(held[k] != frame);
                }
                memset(umem->base + frame + UMEM_HEADROOM, 1, size);
                held[n] = frame;
                states[n++] = FRAME_WORKER;
            }
        } else if (n > 0) {
            size_t k = random_below(&random, n);
            enum frame_state to = (enum frame_state)(1 + random_below(&random, FRAME_STATE_COUNT - 1));
            if (random_below(&random, 2) == 0) {
                umem_lend(umem, held[k], states[k], to, 3);
                states[k] = to;
            } else {
                umem_give(umem, held[k], states[k]);
                held[k] = held[--n];
                states[k] = states[n];
            }
        }
        if (i % 100 == 0) {
            assert_true(umem_is_sound(umem));
            assert_int_equal(umem_count(umem, FRAME_FREE), umem_total(umem) - n);
        }
    }
    umem_destroy(&umem);
    assert_null(umem);
}

static void closed_device_gives_back_all_it_was_lent(void **state)
{
    struct umem *umem;
    assert_int_equal(umem_new(16, 4, &umem), 0);
    for (int i = 0; i < 12; i++) {
        uint64_t frame = umem_take(umem, 100, FRAME_WORKER);
        umem_lend(umem, frame, FRAME_WORKER, i % 2 == 0 ? FRAME_FILL : FRAME_TX, i < 8 ? 7 : 9);
    }
    umem_take_back(umem, 7);
    assert_int_equal(umem_count(umem, FRAME_FREE), 20 - 4);
    assert_true(umem_is_sound(umem));
    umem_destroy(&umem);
}

static void frame_is_found_from_any_byte_of_it(void **state)
{
    struct umem *umem;
    assert_int_equal(umem_new(4, 2, &umem), 0);
    uint64_t small = umem_take(umem, 60, FRAME_WORKER), large = umem_take(umem, 9000, FRAME_WORKER);
    assert_int_equal(umem_frame_of(umem, small + 4095), small);
    assert_int_equal(umem_frame_of(umem, large + 16383), large);
    assert_int_equal(umem_frame_bytes(umem, large), 16384);
    assert_int_equal(umem_take(umem, UMEM_LARGE_ROOM + 1, FRAME_WORKER), UMEM_NONE);
    umem_destroy(&umem);
}

static void soundness_sees_a_frame_with_two_owners(void **state)
{
    struct umem *umem;
    assert_int_equal(umem_new(4, 0, &umem), 0);
    uint64_t frame = umem_take(umem, 60, FRAME_WORKER);
    umem->free_small[umem->n_free_small++] = (uint32_t)(frame / UMEM_CHUNK_BYTES);
    assert_false(umem_is_sound(umem));
    umem->n_free_small--;
    assert_true(umem_is_sound(umem));
    umem_destroy(&umem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_has_one_state_through_any_walk),
        cmocka_unit_test(closed_device_gives_back_all_it_was_lent),
        cmocka_unit_test(frame_is_found_from_any_byte_of_it),
        cmocka_unit_test(soundness_sees_a_frame_with_two_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
