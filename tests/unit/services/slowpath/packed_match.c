/* A match is the same after packing, and only its used words are kept. */
#include "services/slowpath/packed_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/random.h"

static void any_words_come_back(void **state)
{
    (void)state;
    struct random r;
    uint64_t seed = 3;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int round = 0; round < 1000; round++) {
        struct match match, again;
        match_init(&match);
        for (uint64_t n = random_below(&r, STATE_WORDS + 1); n > 0; n--) {
            size_t i = (size_t)random_below(&r, STATE_WORDS);
            uint64_t mask = random_u64(&r) | 1;
            state_set_word(&match.mask, i, mask);
            state_set_word(&match.value, i, random_u64(&r) & mask);
        }
        uint32_t used = field_words_used(&match.mask);
        struct packed_word *words = calloc(packed_match_count(used) + 1, sizeof *words); /* no room for more */
        assert_non_null(words);
        packed_match_pack(&match, used, words);
        memset(&again, 0x5a, sizeof again);
        packed_match_unpack(words, used, &again);
        assert_true(match_equal(&match, &again));
        assert_int_equal(words[packed_match_count(used)].mask, 0);
        free(words);
    }
}

static void a_match_on_everything_takes_no_words(void **state)
{
    (void)state;
    struct match match, again;
    match_init(&match);
    assert_int_equal(packed_match_count(field_words_used(&match.mask)), 0);
    memset(&again, 0x5a, sizeof again);
    packed_match_unpack(NULL, 0, &again);
    assert_true(match_equal(&match, &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_words_come_back),
        cmocka_unit_test(a_match_on_everything_takes_no_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
