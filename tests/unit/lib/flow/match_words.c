/* Tests of lib/flow/match_words.c: words and numbers find each other, and nothing finds what is not there. */
#include "lib/flow/match_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void every_protocol_word_and_its_numbers_find_each_other(void **state)
{
    for (size_t i = 0; i < MATCH_PROTOCOL_WORDS; i++) {
        const struct match_protocol_word *word = &match_protocol_table[i];
        assert_ptr_equal(match_protocol_by_name(word->name), word);
        assert_ptr_equal(match_protocol_by_number(word->eth_type, word->ip_proto), word);
    }
    assert_null(match_protocol_by_name("tcp5"));
    assert_null(match_protocol_by_name(""));
    assert_null(match_protocol_by_number(0x0800, 58));
    assert_null(match_protocol_by_number(0x88cc, -1));
}

static void reserved_ports_are_known_in_any_case(void **state)
{
    uint32_t ofport = 1;
    assert_true(match_reserved_port("LOCAL", &ofport));
    assert_int_equal(ofport, 0xfffffffe);
    assert_true(match_reserved_port("controller", &ofport));
    assert_int_equal(ofport, 0xfffffffd);
    assert_false(match_reserved_port("eth0", &ofport));
    assert_int_equal(ofport, 0xfffffffd);
    assert_string_equal(match_reserved_port_name(0xfffffff8), "IN_PORT");
    assert_string_equal(match_reserved_port_name(0xffffffff), "ANY");
    assert_null(match_reserved_port_name(1));
}

static void no_two_fragment_words_mean_the_same(void **state)
{
    for (size_t i = 0; i < MATCH_FRAGMENT_WORDS; i++) {
        assert_int_equal(match_fragment_table[i].value & ~match_fragment_table[i].mask, 0);
        for (size_t k = 0; k < i; k++) {
            assert_false(match_fragment_table[i].value == match_fragment_table[k].value &&
                         match_fragment_table[i].mask == match_fragment_table[k].mask);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_protocol_word_and_its_numbers_find_each_other),
        cmocka_unit_test(reserved_ports_are_known_in_any_case),
        cmocka_unit_test(no_two_fragment_words_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
