/* What is gathered, beside a naive twin that keeps the last word about each row in an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "lib/cfg/gather.h"

enum { IDS = 500 };

static ProtobufCMessage *row_of(uint32_t number)
{
    return number == 0 ? NULL : mirror_row_pack(&number, sizeof number);
}

static uint32_t number_of(const ProtobufCMessage *row)
{
    const struct mirror_packed *packed = (const struct mirror_packed *)row;
    uint32_t number = 0;
    if (packed != NULL) {
        memcpy(&number, packed->bytes, sizeof number);
    }
    return number;
}

static void free_changes(struct mirror_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mirror_row_free(changes[i].after);
    }
    free(changes);
}

static void the_last_word_about_each_row_counts(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct gather gather = {.n_said = 0};
        struct random random;
        uint32_t last[2][IDS] = {{0}};
        bool is_said[2][IDS] = {{false}}, is_row_there[2][IDS] = {{false}};
        bool is_in_order = seed % 2 == 0;
        size_t n, n_expected = 0;
        uint64_t id = 0;
        random_seed(&random, seed);
        printf("seed %llu\n", (unsigned long long)seed);
        for (uint32_t i = 1; i < 400; i++) {
            uint32_t number = random_below(&random, 4) == 0 ? 0 : i;
            bool is_row = random_below(&random, 2) == 0;
            size_t t = is_row && is_in_order ? 0 : random_below(&random, 2);
            id = is_row && is_in_order ? (id + 2) % IDS : random_below(&random, IDS);
            ProtobufCMessage *row = row_of(number);
            (is_row ? gather_row : gather_word)(&gather, t == 0 ? CFG_RULE : CFG_GROUP, id, &row);
            assert_null(row);
            last[t][id] = number;
            is_said[t][id] = true;
            is_row_there[t][id] = is_row_there[t][id] || is_row;
        }
        for (size_t i = 0; i < 2 * IDS; i++) { /* that something else is gone has been told */
            n_expected += is_row_there[i / IDS][i % IDS] || (is_said[i / IDS][i % IDS] && last[i / IDS][i % IDS] != 0);
        }
        struct mirror_change *changes = gather_take(&gather, &n);
        assert_int_equal(n, n_expected);
        for (size_t i = 0; i < n; i++) {
            size_t t = changes[i].table == CFG_RULE ? 0 : 1;
            assert_true(is_said[t][changes[i].id]);
            assert_int_equal(number_of(changes[i].after), last[t][changes[i].id]);
            assert_true(i == 0 || changes[i].table > changes[i - 1].table ||
                        (changes[i].table == changes[i - 1].table && changes[i].id > changes[i - 1].id));
        }
        free_changes(changes, n);
        free(gather_take(&gather, &n));
        assert_int_equal(n, 0);
        ProtobufCMessage *again = row_of(7);
        gather_row(&gather, CFG_RULE, 1, &again);
        changes = gather_take(&gather, &n);
        assert_int_equal(n, 1);
        free_changes(changes, n);
    }
}

static void what_is_cleared_is_gone(void **state)
{
    struct gather gather = {.n_said = 0};
    ProtobufCMessage *row = row_of(1), *word = row_of(2);
    size_t n;
    gather_row(&gather, CFG_RULE, 1, &row);
    gather_word(&gather, CFG_RULE, 1, &word);
    gather_clear(&gather);
    free(gather_take(&gather, &n));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_word_about_each_row_counts),
        cmocka_unit_test(what_is_cleared_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
