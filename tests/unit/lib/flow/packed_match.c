/* Tests of lib/flow/packed_match.c: each question has the answer that lib/flow/match.c gives about the whole match. */
#include "lib/flow/packed_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"

enum { ROUNDS = 20000 };

/* In a block of exactly its size, so that the sanitizer sees a word too many; the caller's. */
static struct packed_match *packed(const struct match *match)
{
    struct packed_match *out = memory_zeroed(sizeof *out + packed_match_words(match) * sizeof *out->words);
    packed_match_of(match, out);
    return out;
}

/* Few bits of few words, so that covering and overlapping happen; and now and then all words. */
static struct match random_match(struct random *r)
{
    struct match match;
    match_init(&match);
    match_set_masked(&match, FIELD_REG0, field_value_u64(random_below(r, 8)), field_value_u64(random_below(r, 8)));
    match_set_masked(&match, FIELD_METADATA, field_value_u64(random_below(r, 4)), field_value_u64(random_below(r, 4)));
    match_set_masked(&match, FIELD_ETH_TYPE, field_value_u64(0x800), field_value_u64(random_below(r, 2) * 0xffff));
    for (size_t i = 0; i < STATE_WORDS && random_below(r, 20) == 0; i++) {
        uint64_t mask = random_u64(r);
        state_set_word(&match.mask, i, mask);
        state_set_word(&match.value, i, random_u64(r) & mask);
    }
    return match;
}

static void the_words_of_a_match_are_the_match(void **state)
{
    struct random r;
    random_seed(&r, 1);
    for (int i = 0; i < ROUNDS; i++) {
        struct match match = random_match(&r), read;
        struct packed_match *p = packed(&match);
        memset(&read, 0x5a, sizeof read); /* what was there does not matter */
        packed_match_read(p, &read);
        assert_true(match_equal(&read, &match));
        free(p);
    }
}

static void the_match_of_everything_has_no_words(void **state)
{
    struct match all, tcp;
    match_init(&all);
    match_init(&tcp);
    match_set(&tcp, FIELD_IP_PROTO, field_value_u64(6));
    struct packed_match *p = packed(&all), *q = packed(&tcp);
    assert_int_equal(packed_match_words(&all), 0);
    assert_int_equal(packed_match_words(&tcp), 1);
    assert_true(packed_match_is_covered(p, &all) && packed_match_is_covered(q, &all) && !packed_match_is_covered(p, &tcp));
    assert_true(packed_match_overlaps(p, &tcp) && packed_match_overlaps(q, &all));
    free(p);
    free(q);
}

static void questions_about_packed_matches_are_answered_as_about_whole_ones(void **state)
{
    struct random r;
    size_t n_equal = 0, n_covered = 0, n_apart = 0;
    random_seed(&r, 2);
    for (int i = 0; i < ROUNDS; i++) {
        struct match a = random_match(&r), b = random_below(&r, 8) == 0 ? a : random_match(&r);
        struct packed_match *p = packed(&a), *q = packed(&b);
        bool is_equal = match_equal(&a, &b);
        assert_int_equal(packed_match_equal(p, q), is_equal);
        assert_int_equal(packed_match_is_covered(p, &b), match_covers(&b, &a));
        assert_int_equal(packed_match_overlaps(p, &b), match_overlaps(&a, &b));
        assert_int_equal(packed_match_hash(p, 7) == packed_match_hash(q, 7), is_equal);
        assert_true(packed_match_hash(p, 7) != packed_match_hash(p, 8));
        n_equal += is_equal;
        n_covered += packed_match_is_covered(p, &b);
        n_apart += !packed_match_overlaps(p, &b);
        free(p);
        free(q);
    }
    assert_true(n_equal > ROUNDS / 20 && n_covered > n_equal && n_apart > ROUNDS / 20); /* all of it happened */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_a_match_are_the_match),
        cmocka_unit_test(the_match_of_everything_has_no_words),
        cmocka_unit_test(questions_about_packed_matches_are_answered_as_about_whole_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
