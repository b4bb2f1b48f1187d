/* Prefixes of one field and their tuples, by hand and at random against a list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/slowpath/axis.h"
#include "services/slowpath/pool.h"

enum { WORDS = 4, TUPLES = WORDS * 64, ENTRIES = 400, ROUNDS = 400, LOOKS = 40 };

struct entry {
    struct trie_value value;
    unsigned length;
    uint32_t tuple;
};

static struct trie_value v4(uint32_t address)
{
    return (struct trie_value){(uint64_t)address << 32, 0};
}

static unsigned find(const struct axis *axis, struct trie_value value, uint64_t *out)
{
    struct axis_look look = {.axis = axis, .value = value, .out = out};
    axis_find(&look, 1);
    return look.n_bits;
}

static void covering_prefixes_are_found_and_the_bits_that_tell(void **state)
{
    (void)state;
    struct axis axis;
    struct pool *pool = pool_new();
    axis_init(&axis, 1, pool);
    uint64_t found = 0;
    assert_int_equal(find(&axis, v4(0x0a010203), &found), 0);
    axis_insert(&axis, v4(0x0a000000), 8, 3);
    assert_int_equal(find(&axis, v4(0x0a010203), &found), 8);
    assert_int_equal(found, 1 << 3);
    axis_insert(&axis, v4(0x0a010000), 16, 0);
    axis_insert(&axis, v4(0x0a0180c8), 32, 1);
    found = 0;
    assert_int_equal(find(&axis, v4(0x0a010203), &found), 17);
    assert_int_equal(found, 1 << 3 | 1 << 0);
    found = 0;
    assert_int_equal(find(&axis, v4(0x0b010203), &found), 8);
    assert_int_equal(found, 0);
    axis_remove(&axis, v4(0x0a010000), 16, 0);
    found = 0;
    assert_int_equal(find(&axis, v4(0x0a010203), &found), 17);
    assert_int_equal(found, 1 << 3);
    axis_fini(&axis);
    pool_destroy(&pool);
}

static bool covers(const struct entry *entry, struct trie_value value)
{
    struct trie_value leading = trie_leading_bits(value, entry->length);
    return leading.high == entry->value.high && leading.low == entry->value.low;
}

static void find_by_list(const struct entry *entries, size_t n, struct trie_value value, uint64_t *out)
{
    for (size_t i = 0; i < n; i++) {
        if (covers(&entries[i], value)) {
            out[entries[i].tuple / 64] |= 1ull << entries[i].tuple % 64;
        }
    }
}

/* Few different bits, so that prefixes nest and meet. */
static struct trie_value random_value(struct random *r)
{
    struct trie_value value = {0x0a01020300000000ull, 0};
    for (uint64_t flips = random_below(r, 4); flips > 0; flips--) {
        uint64_t bit = random_below(r, 80);
        if (bit < 64) {
            value.high ^= 1ull << bit;
        } else {
            value.low ^= 1ull << (bit - 16);
        }
    }
    return value;
}

static void check(struct random *r, const struct axis *axis, const struct entry *entries, size_t n)
{
    struct trie_value value = random_value(r);
    uint64_t found[WORDS] = {0}, expected[WORDS] = {0};
    unsigned n_bits = find(axis, value, found);
    find_by_list(entries, n, value, expected);
    assert_memory_equal(found, expected, sizeof found);
    assert_true(n_bits <= TRIE_BITS);
    struct trie_value same = trie_leading_bits(value, n_bits), other = random_value(r), behind = trie_leading_bits(other, n_bits);
    same.high |= other.high & ~behind.high & ~trie_leading_bits((struct trie_value){UINT64_MAX, 0}, n_bits).high;
    same.low |= other.low & ~behind.low & ~trie_leading_bits((struct trie_value){0, UINT64_MAX}, n_bits).low;
    memset(expected, 0, sizeof expected);
    find_by_list(entries, n, same, expected);
    assert_memory_equal(found, expected, sizeof found);
}

static void random_prefixes_are_found_as_in_a_list(void **state)
{
    (void)state;
    const char *text = getenv("BUSBAR_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    printf("BUSBAR_TEST_SEED=%llu\n", (unsigned long long)seed);
    struct random r;
    random_seed(&r, seed);
    struct axis axis;
    struct pool *pool = pool_new();
    axis_init(&axis, 1, pool);
    static struct entry entries[ENTRIES];
    size_t n = 0, words = 1;
    for (int round = 0; round < ROUNDS; round++) {
        if (words < WORDS && random_below(&r, 50) == 0) {
            words *= 2;
            axis_widen(&axis, words);
        }
        size_t wanted = random_below(&r, ENTRIES);
        while (n < wanted) {
            unsigned length = 1 + (unsigned)random_below(&r, random_below(&r, 2) ? 32 : TRIE_BITS);
            entries[n] = (struct entry){trie_leading_bits(random_value(&r), length), length, (uint32_t)random_below(&r, words * 64)};
            axis_insert(&axis, entries[n].value, length, entries[n].tuple);
            n++;
        }
        while (n > wanted) {
            size_t victim = random_below(&r, n);
            axis_remove(&axis, entries[victim].value, entries[victim].length, entries[victim].tuple);
            entries[victim] = entries[--n];
        }
        if (words == WORDS || round > ROUNDS / 2) {
            if (words < WORDS) {
                words = WORDS;
                axis_widen(&axis, words);
            }
            for (int i = 0; i < LOOKS; i++) {
                check(&r, &axis, entries, n);
            }
        }
    }
    axis_fini(&axis);
    pool_destroy(&pool);
}

static void lengths_are_listed_longest_first(void **state)
{
    (void)state;
    struct axis axis;
    struct pool *pool = pool_new();
    axis_init(&axis, 1, pool);
    axis_add_tuple(&axis, 1, 16);
    axis_add_tuple(&axis, 2, 32);
    axis_add_tuple(&axis, 3, 0);
    assert_int_equal(axis.n_lengths, 2);
    assert_int_equal(axis.lengths[0], 32);
    assert_int_equal(axis.lengths[1], 16);
    assert_int_equal(axis_tuples(&axis, 0)[0], 1 << 3);
    axis_remove_tuple(&axis, 2, 32);
    assert_int_equal(axis.n_lengths, 1);
    assert_int_equal(axis.lengths[0], 16);
    axis_fini(&axis);
    pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covering_prefixes_are_found_and_the_bits_that_tell),
        cmocka_unit_test(random_prefixes_are_found_as_in_a_list),
        cmocka_unit_test(lengths_are_listed_longest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
