/* The trie against trying every number of leading bits on a plain list, while values come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/slowpath/pool.h"
#include "services/slowpath/trie.h"

enum { N_VALUES_MAX = 60, N_ROUNDS = 400 };

static uint64_t seed_of_run(void)
{
    const char *text = getenv("BUSBAR_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    printf("BUSBAR_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* Bit by bit. */
static struct trie_value leading(struct trie_value value, unsigned n_bits)
{
    struct trie_value out = {0, 0};
    for (unsigned bit = 0; bit < n_bits; bit++) {
        out.high |= bit < 64 ? value.high & 1ull << (63 - bit) : 0;
        out.low |= bit >= 64 ? value.low & 1ull << (127 - bit) : 0;
    }
    return out;
}

static unsigned bits_by_trying(const struct trie_value *values, size_t n, struct trie_value value)
{
    unsigned most = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned bit = 0;
        while (bit < TRIE_BITS && (bit < 64 ? (values[i].high ^ value.high) >> (63 - bit) & 1
                                            : (values[i].low ^ value.low) >> (127 - bit) & 1) == 0) {
            bit++;
        }
        most = bit + 1 > most ? bit + 1 : most;
    }
    return most;
}

/* Values that share long beginnings: a few patterns with a bit or two flipped, under the mask. */
static struct trie_value random_value(struct random *r, struct trie_value mask)
{
    struct trie_value value = {random_below(r, 2) * 0x0a01000000000000ull, random_below(r, 2) * 0x0123456789abcdefull};
    for (uint64_t flips = random_below(r, 4); flips > 0; flips--) {
        uint64_t bit = random_below(r, TRIE_BITS);
        value.high ^= bit < 64 ? 1ull << bit : 0;
        value.low ^= bit >= 64 ? 1ull << (bit - 64) : 0;
    }
    return (struct trie_value){value.high & mask.high, value.low & mask.low};
}

static struct trie_value random_mask(struct random *r)
{
    struct trie_value all = {UINT64_MAX, UINT64_MAX};
    switch (random_below(r, 3)) {
    case 0:
        return leading(all, (unsigned)random_below(r, TRIE_BITS + 1));
    case 1:
        return leading(all, (unsigned)random_below(r, 17));
    default:
        return (struct trie_value){random_u64(r), random_u64(r)};
    }
}

static void as_many_bits_tell_as_trying_shows(void **state)
{
    struct pool *pool = pool_new();
    (void)state;
    struct random r;
    random_seed(&r, seed_of_run());
    for (int round = 0; round < N_ROUNDS; round++) {
        struct trie_node *root = NULL;
        struct trie_value values[N_VALUES_MAX];
        struct trie_value mask = random_mask(&r);
        size_t n = 0;
        for (int step = 0; step < 100; step++) {
            if (n < N_VALUES_MAX && (n == 0 || random_below(&r, 5) < 3)) {
                values[n] = random_value(&r, mask);
                trie_insert(pool, &root, values[n++]);
            } else {
                size_t victim = random_below(&r, n);
                trie_remove(pool, &root, values[victim]);
                values[victim] = values[--n];
            }
            struct trie_value value = n > 0 && random_below(&r, 4) == 0 ? values[random_below(&r, n)] : random_value(&r, mask);
            assert_int_equal(trie_bits_to_tell(root, value), bits_by_trying(values, n, value));
        }
        if (round % 2 == 0) {
            trie_clear(pool, &root);
        }
        while (root != NULL) {
            trie_remove(pool, &root, values[--n]);
        }
        assert_true(round % 2 == 0 || n == 0);
    }
    pool_destroy(&pool);
}

static void leading_bits_are_cut_and_counted_as_bit_by_bit(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, seed_of_run());
    for (unsigned n_bits = 0; n_bits <= TRIE_BITS; n_bits++) {
        struct trie_value value = {random_u64(&r), random_u64(&r)};
        struct trie_value cut = trie_leading_bits(value, n_bits), expected = leading(value, n_bits);
        assert_true(cut.high == expected.high && cut.low == expected.low);
        unsigned end = trie_bits_end(cut);
        assert_true(end <= n_bits);
        struct trie_value same = leading(cut, end), less = leading(cut, end > 0 ? end - 1 : 0);
        assert_true(same.high == cut.high && same.low == cut.low);
        assert_true(end == 0 || less.high != cut.high || less.low != cut.low);
    }
}

static void empty_trie_needs_no_bit(void **state)
{
    struct pool *pool = pool_new();
    (void)state;
    struct trie_node *root = NULL;
    assert_int_equal(trie_bits_to_tell(root, (struct trie_value){1, 2}), 0);
    trie_clear(pool, &root);
    assert_null(root);
    pool_destroy(&pool);
}

static void one_port_is_told_by_the_first_bit_that_differs(void **state)
{
    struct pool *pool = pool_new();
    (void)state;
    struct trie_node *root = NULL;
    trie_insert(pool, &root, (struct trie_value){53ull << 48, 0});
    assert_int_equal(trie_bits_to_tell(root, (struct trie_value){0x8000ull << 48, 0}), 1);
    assert_int_equal(trie_bits_to_tell(root, (struct trie_value){52ull << 48, 0}), 16);
    assert_int_equal(trie_bits_to_tell(root, (struct trie_value){53ull << 48, 0}), TRIE_PRESENT);
    trie_clear(pool, &root);
    pool_destroy(&pool);
}

static void a_value_that_came_twice_stays_until_it_went_twice(void **state)
{
    struct pool *pool = pool_new();
    (void)state;
    struct trie_node *root = NULL;
    struct trie_value value = {7, 7};
    trie_insert(pool, &root, value);
    trie_insert(pool, &root, (struct trie_value){7, 6});
    trie_insert(pool, &root, value);
    trie_remove(pool, &root, value);
    assert_int_equal(trie_bits_to_tell(root, value), TRIE_PRESENT);
    trie_remove(pool, &root, value);
    assert_int_equal(trie_bits_to_tell(root, value), TRIE_BITS);
    trie_remove(pool, &root, (struct trie_value){7, 6});
    assert_null(root);
    pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_bits_tell_as_trying_shows),
        cmocka_unit_test(leading_bits_are_cut_and_counted_as_bit_by_bit),
        cmocka_unit_test(empty_trie_needs_no_bit),
        cmocka_unit_test(one_port_is_told_by_the_first_bit_that_differs),
        cmocka_unit_test(a_value_that_came_twice_stays_until_it_went_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
