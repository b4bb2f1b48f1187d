/* Frames and their owners (I4). Unit test, one thread; prints its seed.
 * What may never happen: a frame in two places, or in none.
 * A random walk over all moves is checked at every hundredth step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void burst_moves_as_its_frames_would_one_by_one(void **state)
{
    struct umem *umem;
    uint64_t frames[12];
    assert_int_equal(umem_new(8, 4, &umem), 0);
    assert_int_equal(umem_take_small(umem, 5, FRAME_WORKER, frames), 5);
    assert_int_equal(umem_count(umem, FRAME_WORKER), 5);
    frames[5] = umem_take(umem, 9000, FRAME_WORKER);
    umem_lend_n(umem, frames, 6, FRAME_WORKER, FRAME_TX, 3);
    assert_int_equal(umem_count(umem, FRAME_TX), 6);
    assert_true(umem_is_sound(umem));
    umem_give_n(umem, frames, 4, FRAME_TX);
    assert_int_equal(umem_count(umem, FRAME_FREE), 10);
    assert_true(umem_is_sound(umem));
    umem_take_back(umem, 3);
    assert_int_equal(umem_count(umem, FRAME_FREE), 12);
    assert_int_equal(umem_take_small(umem, 12, FRAME_PENDING, frames), 8);
    assert_int_equal(umem_take_small(umem, 12, FRAME_PENDING, frames), 0);
    assert_true(umem_is_sound(umem));
    umem_destroy(&umem);
}

/* What a child does with frames it has not: 0 small and 1 large are the worker's, 2 is on loan for sending. */
static void lend_free_frame(struct umem *umem, uint64_t *frames)
{
    umem_give(umem, frames[0], FRAME_WORKER);
    umem_lend_n(umem, frames, 2, FRAME_WORKER, FRAME_TX, 3);
}

static void give_twice_in_a_burst(struct umem *umem, uint64_t *frames)
{
    uint64_t twice[] = {frames[0], frames[0]};
    umem_give_n(umem, twice, 2, FRAME_WORKER);
}

static void give_large_twice_in_a_burst(struct umem *umem, uint64_t *frames)
{
    uint64_t twice[] = {frames[1], frames[1]};
    umem_give_n(umem, twice, 2, FRAME_WORKER);
}

static void give_what_is_lent(struct umem *umem, uint64_t *frames)
{
    umem_give_n(umem, frames, 3, FRAME_WORKER);
}

static void give_what_is_no_frame(struct umem *umem, uint64_t *frames)
{
    frames[0] = UMEM_NONE;
    umem_give_n(umem, frames, 1, FRAME_WORKER);
}

static void move_what_is_lent(struct umem *umem, uint64_t *frames)
{
    umem_move(umem, frames[2], FRAME_WORKER, FRAME_PENDING);
}

static void wrong_state_ends_the_process(void **state)
{
    static void (*const wrongs[])(struct umem *umem, uint64_t *frames) = {
        lend_free_frame, give_twice_in_a_burst, give_large_twice_in_a_burst, give_what_is_lent, give_what_is_no_frame, move_what_is_lent};
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            struct umem *umem;
            struct rlimit no_core = {0};
            (void)setrlimit(RLIMIT_CORE, &no_core);
            (void)signal(SIGABRT, SIG_DFL);
            (void)close(STDERR_FILENO);
            if (umem_new(8, 4, &umem) != 0) {
                _exit(1);
            }
            uint64_t frames[3] = {umem_take(umem, 60, FRAME_WORKER), umem_take(umem, 9000, FRAME_WORKER), umem_take(umem, 60, FRAME_TX)};
            wrongs[i](umem, frames);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
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
        cmocka_unit_test(burst_moves_as_its_frames_would_one_by_one),
        cmocka_unit_test(wrong_state_ends_the_process),
        cmocka_unit_test(soundness_sees_a_frame_with_two_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
