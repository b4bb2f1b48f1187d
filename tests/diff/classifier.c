/* The classifier against its naive twin: random rules come and go, random packets meet the same rule in both, and no bit outside the
 * mask of bits looked at changes the decision (I2). First with any bits anywhere, then with rules as people write them: prefixes, ports, ICMP, ARP
 * and IPv6, dense enough that packets miss them by a bit. */
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
enum { N_PREFIX_RULES_MAX = 60, N_PREFIX_ROUNDS = 120, N_PREFIX_PACKETS = 60 };

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

/* ---- prefixes and ports ---- */

#define PICK(r, list) (list)[random_below((r), sizeof(list) / sizeof(list)[0])]

/* Packets and rules draw from the same few values; a flipped bit makes neighbours. */
static void random_address(struct random *r, uint8_t *out, size_t size)
{
    static const uint8_t base[2][16] = {{10, 1, 2, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {10, 1, 130, 3, 0, 0, 0, 1}};
    memcpy(out, base[random_below(r, 2)], size);
    for (uint64_t flips = random_below(r, 3); flips > 0; flips--) {
        uint64_t bit = random_below(r, size * 8);
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static struct be16 random_port(struct random *r, uint16_t eth_type, uint8_t proto)
{
    static const uint16_t ports[] = {53, 80, 81, 443, 8080, 0x8035};
    static const uint8_t types[] = {0, 3, 8, 11, 128, 135, 136};
    if (eth_type == 0x0806) {
        return be16(0);
    }
    return be16(proto == 1 || proto == 58 ? PICK(r, types)
                                          : (uint16_t)(PICK(r, ports) ^ (random_below(r, 3) ? 0 : 1u << random_below(r, 16))));
}

static void random_packet(struct random *r, struct flow_state *out)
{
    static const uint16_t types[] = {0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806};
    static const uint8_t protos[] = {1, 6, 17, 17, 58};
    memset(out, 0, sizeof *out);
    uint16_t type = PICK(r, types);
    size_t size = type == 0x86dd ? 16 : 4;
    out->key.in_port = be32((uint32_t)random_below(r, 2));
    out->key.eth_type = be16(type);
    out->key.ip_proto = PICK(r, protos);
    random_address(r, out->key.ip_src, size);
    random_address(r, out->key.ip_dst, size);
    out->key.l4_src = random_port(r, type, out->key.ip_proto);
    out->key.l4_dst = random_port(r, type, out->key.ip_proto);
}

/* Mostly a prefix of `size` bytes, sometimes whole, sometimes any bits. */
static void random_mask(struct random *r, size_t size, uint8_t *out)
{
    uint64_t kind = random_below(r, 8), length = kind < 2 ? size * 8 : 1 + random_below(r, size * 8);
    for (size_t i = 0; i < size; i++) {
        size_t left = length > i * 8 ? length - i * 8 : 0;
        out[i] = kind == 7 ? (uint8_t)random_u64(r) : left >= 8 ? 0xff : (uint8_t) ~(0xff >> left);
    }
}

static void random_port_mask(struct random *r, bool is_icmp, struct be16 *out)
{
    uint8_t bytes[2] = {0, 0xff}; /* as match_set() has it for an ICMP type or code */
    if (!is_icmp) {
        random_mask(r, 2, bytes);
    }
    memcpy(out, bytes, 2);
}

/* What a packet looks like, under a mask as people write them; a few without the protocol, which a classifier must stand too. */
static struct test_rule *prefix_rule(struct random *r, struct classifier_rule *const *rules, size_t n, uint64_t id)
{
    struct test_rule *rule = memory_zeroed(sizeof *rule);
    struct flow_state packet, *mask = &rule->match.mask;
    random_packet(r, &packet);
    if (n > 0 && random_below(r, 2) == 0) {
        *mask = rules[random_below(r, n)]->match->mask;
    } else {
        uint16_t type = host16(packet.key.eth_type);
        uint64_t fields = random_u64(r);
        mask->key.in_port = be32(fields & 7 ? 0 : UINT32_MAX);
        mask->key.eth_type = be16(fields >> 3 & 7 ? 0xffff : 0);
        mask->key.ip_proto = fields >> 6 & 3 ? 0xff : 0;
        if (fields >> 8 & 1) {
            random_mask(r, type == 0x86dd ? 16 : 4, mask->key.ip_src);
        }
        if (fields >> 9 & 1) {
            random_mask(r, type == 0x86dd ? 16 : 4, mask->key.ip_dst);
        }
        if (fields >> 10 & 1 && type != 0x0806) {
            random_port_mask(r, packet.key.ip_proto == 1 || packet.key.ip_proto == 58, &mask->key.l4_src);
        }
        if (fields >> 11 & 1 && type != 0x0806) {
            random_port_mask(r, packet.key.ip_proto == 1 || packet.key.ip_proto == 58, &mask->key.l4_dst);
        }
    }
    for (size_t i = 0; i < STATE_WORDS; i++) {
        state_set_word(&rule->match.value, i, state_word(&packet, i) & state_word(mask, i));
    }
    rule->node = (struct classifier_rule){.match = &rule->match, .id = id, .priority = (int32_t)random_below(r, 8)};
    return rule;
}

/* Another packet with the same bits where they were looked at: the rest all at random, or one flipped, or some other packet's. */
static void same_under(struct random *r, const struct flow_state *packet, const struct flow_state *looked,
                       struct flow_state *out)
{
    struct flow_state other;
    random_packet(r, &other);
    uint64_t kind = random_below(r, 3), flipped = 4 * 64 + random_below(r, 6 * 64); /* protocol, addresses, ports */
    for (size_t w = 0; w < STATE_WORDS; w++) {
        uint64_t bits = kind == 0           ? random_u64(r)
                        : kind == 1         ? state_word(packet, w) ^ state_word(&other, w)
                        : flipped / 64 == w ? 1ull << flipped % 64
                                            : 0;
        state_set_word(out, w, state_word(packet, w) ^ (bits & ~state_word(looked, w)));
    }
}

static void prefixes_and_ports_decide_by_the_bits_looked_at(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, seed_of_run());
    struct classifier *classifier = classifier_new();
    struct classifier_rule *rules[N_PREFIX_RULES_MAX];
    size_t n = 0, n_found = 0, n_cases = 0;
    uint64_t id = 1;
    for (int round = 0; round < N_PREFIX_ROUNDS; round++) {
        size_t n_wanted = random_below(&r, round % 3 == 0 ? 8 : N_PREFIX_RULES_MAX);
        while (n < n_wanted) {
            rules[n] = &prefix_rule(&r, rules, n, id++)->node;
            classifier_insert(classifier, rules[n++]);
        }
        while (n > n_wanted) {
            size_t victim = random_below(&r, n);
            classifier_remove(classifier, rules[victim]);
            free(rules[victim]);
            rules[victim] = rules[--n];
        }
        for (int p = 0; p < N_PREFIX_PACKETS; p++) {
            struct flow_state packet, looked = {0};
            random_packet(&r, &packet);
            const struct classifier_rule *found = classifier_lookup(classifier, &packet, &looked);
            assert_ptr_equal(found, oracle_classify(rules, n, &packet));
            n_found += found != NULL;
            for (int i = 0; i < 30; i++, n_cases++) {
                struct flow_state other;
                same_under(&r, &packet, &looked, &other);
                assert_ptr_equal(oracle_classify(rules, n, &other), found);
            }
        }
    }
    printf("%zu cases, %zu of %d packets met a rule\n", n_cases, n_found, N_PREFIX_ROUNDS * N_PREFIX_PACKETS);
    assert_in_range(n_found, N_PREFIX_ROUNDS * N_PREFIX_PACKETS / 10, N_PREFIX_ROUNDS * N_PREFIX_PACKETS * 9 / 10);
    while (n > 0) {
        classifier_remove(classifier, rules[--n]);
        free(rules[n]);
    }
    assert_int_equal(classifier_count_tuples(classifier), 0);
    classifier_destroy(&classifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_rule_and_masked_out_bits_do_not_matter),
        cmocka_unit_test(prefixes_and_ports_decide_by_the_bits_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
