/* The classifier against its naive twin: random rules come and go, random packets meet the same rule in both, and no bit outside the
 * mask of bits looked at changes the decision (I2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "tests/oracle/classifier.h"

enum { N_RULES_MAX = 200, N_ROUNDS = 25, N_PACKETS = 60 };

struct test_rule {
    struct classifier_rule node;
    struct match match;
};

static uint64_t seed_of_run(void)
{
    const char *text = getenv("BUSBAR_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    printf("BUSBAR_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* Few values and few masks a word, so that rules share tuples, overlap and are met. */
static void random_state(struct random *r, struct flow_state *out)
{
    for (size_t i = 0; i < STATE_WORDS; i++) {
        state_set_word(out, i, random_below(r, 3) * 0x0101010101010101ull);
    }
}

static void random_match(struct random *r, struct match *out)
{
    static const uint64_t masks[] = {0, 0, 0, 0, UINT64_MAX, 0xffffffff, 0xff, 0xff00000000000000ull, 0x0100010001000100ull};
    random_state(r, &out->value);
    for (size_t i = 0; i < STATE_WORDS; i++) {
        uint64_t mask = random_below(r, 4) == 0 ? masks[random_below(r, sizeof masks / sizeof masks[0])] : 0;
        state_set_word(&out->mask, i, mask);
        state_set_word(&out->value, i, state_word(&out->value, i) & mask);
    }
}

static struct test_rule *random_rule(struct random *r, struct classifier_rule *const *rules, size_t n, uint64_t id)
{
    struct test_rule *rule = memory_zeroed(sizeof *rule);
    random_match(r, &rule->match);
    if (n > 0 && random_below(r, 2) == 0) {
        rule->match.mask = rules[random_below(r, n)]->match->mask;
        for (size_t i = 0; i < STATE_WORDS; i++) {
            uint64_t value = random_below(r, 3) * 0x0101010101010101ull;
            state_set_word(&rule->match.value, i, value & state_word(&rule->match.mask, i));
        }
    }
    rule->node = (struct classifier_rule){.match = &rule->match, .id = id, .priority = (int32_t)random_below(r, 8)};
    return rule;
}

/* Every bit the mask leaves out, flipped alone and all together at random. */
static void check_mask(struct random *r, const struct classifier *classifier, struct classifier_rule *const *rules, size_t n,
                       const struct flow_state *packet, const struct flow_state *looked, const struct classifier_rule *decided)
{
    for (size_t bit = 0; bit < STATE_WORDS * 64; bit++) {
        if (state_word(looked, bit / 64) >> (bit % 64) & 1) {
            continue;
        }
        struct flow_state flipped = *packet;
        state_set_word(&flipped, bit / 64, state_word(packet, bit / 64) ^ (1ull << (bit % 64)));
        assert_ptr_equal(oracle_classify(rules, n, &flipped), decided);
    }
    for (int i = 0; i < 10; i++) {
        struct flow_state flipped = *packet;
        for (size_t w = 0; w < STATE_WORDS; w++) {
            state_set_word(&flipped, w, state_word(packet, w) ^ (random_u64(r) & ~state_word(looked, w)));
        }
        assert_ptr_equal(oracle_classify(rules, n, &flipped), decided);
        struct flow_state again = {0};
        assert_ptr_equal(classifier_lookup(classifier, &flipped, &again), decided);
    }
}

static void same_rule_and_masked_out_bits_do_not_matter(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, seed_of_run());
    struct classifier *classifier = classifier_new();
    struct classifier_rule *rules[N_RULES_MAX];
    size_t n = 0;
    uint64_t id = 1;
    for (int round = 0; round < N_ROUNDS; round++) {
        size_t n_wanted = random_below(&r, N_RULES_MAX);
        while (n < n_wanted) {
            rules[n] = &random_rule(&r, rules, n, id++)->node;
            classifier_insert(classifier, rules[n++]);
        }
        while (n > n_wanted) {
            size_t victim = random_below(&r, n);
            classifier_remove(classifier, rules[victim]);
            free(rules[victim]);
            rules[victim] = rules[--n];
        }
        assert_int_equal(classifier_count(classifier), n);
        for (int p = 0; p < N_PACKETS; p++) {
            struct flow_state packet, looked = {0};
            random_state(&r, &packet);
            const struct classifier_rule *found = classifier_lookup(classifier, &packet, &looked);
            assert_ptr_equal(found, oracle_classify(rules, n, &packet));
            if (p % 10 == 0) {
                check_mask(&r, classifier, rules, n, &packet, &looked, found);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        classifier_remove(classifier, rules[i]);
        free(rules[i]);
    }
    assert_int_equal(classifier_count(classifier), 0);
    classifier_destroy(&classifier);
    classifier_destroy(&classifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_rule_and_masked_out_bits_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
