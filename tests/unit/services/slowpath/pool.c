/* Pieces of all sizes come and go at random, each filled with its own pattern: none is another's, and each comes zeroed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/slowpath/pool.h"

enum { N_PIECES = 200, N_ROUNDS = 20000 };

struct piece {
    uint8_t *memory;
    size_t size;
    uint8_t pattern;
};

static uint64_t seed_of_run(void)
{
    const char *text = getenv("BUSBAR_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    printf("BUSBAR_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static size_t random_size(struct random *r)
{
    static const size_t limits[] = {8, 64, 65, 4096, 8193, 40000, 300000};
    return 1 + random_below(r, random_below(r, 50) == 0 ? 3u << 20 : limits[random_below(r, sizeof limits / sizeof limits[0])]);
}

static void check_all(const uint8_t *bytes, size_t size, uint8_t byte)
{
    for (size_t i = 0; i < size; i += i < 256 || i + 256 >= size ? 1 : 97) {
        assert_int_equal(bytes[i], byte);
    }
}

static void no_piece_is_anothers_and_each_comes_zeroed(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, seed_of_run());
    struct pool *pool = pool_new();
    struct piece pieces[N_PIECES] = {{NULL, 0, 0}};
    for (unsigned round = 0; round < N_ROUNDS; round++) {
        struct piece *piece = &pieces[random_below(&r, N_PIECES)];
        if (piece->memory != NULL) {
            check_all(piece->memory, piece->size, piece->pattern);
            pool_give(pool, piece->memory, piece->size);
            piece->memory = NULL;
            continue;
        }
        piece->size = random_size(&r);
        piece->pattern = (uint8_t)(1 + random_below(&r, 255));
        piece->memory = pool_take(pool, piece->size);
        assert_int_equal((uintptr_t)piece->memory % (piece->size >= 64 ? 64 : 8), 0);
        check_all(piece->memory, piece->size, 0);
        memset(piece->memory, piece->pattern, piece->size);
    }
    for (size_t i = 0; i < N_PIECES; i++) {
        pool_give(pool, pieces[i].memory, pieces[i].size);
    }
    pool_destroy(&pool);
    assert_null(pool);
    pool_destroy(&pool);
}

static void what_was_given_back_serves_the_next(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 24, 64, 100, 5000, 8192, 8193, 262144};
    struct pool *pool = pool_new();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *piece = pool_take(pool, sizes[i]);
        pool_give(pool, piece, sizes[i]);
        assert_ptr_equal(pool_take(pool, sizes[i]), piece);
    }
    pool_give(pool, NULL, 24);
    pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_piece_is_anothers_and_each_comes_zeroed),
        cmocka_unit_test(what_was_given_back_serves_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
