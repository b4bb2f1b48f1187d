/* The parser against its naive twin: same key, same offsets, same refusal, on random frames whole, changed and cut.
 *
 * Each frame lies at the end of an allocation of exactly its size, so that the address sanitizer sees a read past the end.
 * The test also counts what it has seen, and fails when a kind of packet never came up: a generator that has gone blind
 * would pass otherwise. BUSBAR_SEED replays a run.
 */
#include "lib/flow/parse.h"
#include "lib/flow/parse_common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "tests/oracle/frame.h"
#include "tests/oracle/parse.h"

enum { ROUNDS = 300000 };

struct seen {
    unsigned tcp, udp, sctp, icmp, nd_link, arp, later_v4, later_v6, two_tags, labels, no_type, no_l4, refused, uncovered;
};

static bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static void count(struct seen *seen, const struct flow_key *key, const struct parse_result *result)
{
    uint16_t type = host16(key->eth_type);
    bool l4 = result->l4_offset != PARSE_NO_OFFSET;
    seen->tcp += l4 && key->ip_proto == 6 && key->tcp_flags.raw != 0;
    seen->udp += l4 && key->ip_proto == 17;
    seen->sctp += l4 && key->ip_proto == 132;
    seen->icmp += l4 && key->ip_proto == 1;
    seen->nd_link += l4 && key->ip_proto == 58 && !is_zero(key->nd_or_arp_sha, 6);
    seen->arp += key->arp_op.raw != 0;
    seen->later_v4 += key->ip_frag == 3 && type == 0x0800;
    seen->later_v6 += key->ip_frag == 3 && type == 0x86dd;
    seen->two_tags += key->vlan2_tci.raw != 0;
    seen->labels += key->mpls[2].raw != 0;
    seen->no_type += type == KEY_ETH_TYPE_NONE;
    seen->no_l4 += !l4 && result->l3_offset != PARSE_NO_OFFSET;
}

static void dump(const uint8_t *frame, size_t size, const char *what)
{
    fprintf(stderr, "%s: %zu bytes:", what, size);
    for (size_t i = 0; i < size; i++) {
        fprintf(stderr, " %02x", frame[i]);
    }
    fputc('\n', stderr);
}

static void compare(const uint8_t *frame, size_t size, struct seen *seen)
{
    struct flow_key key, twin_key;
    struct parse_result result = {0}, twin_result = {0};
    uint8_t *exact = malloc(size != 0 ? size : 1); /* not memory_copy(): the end must be the end */
    assert_non_null(exact);
    memcpy(exact, frame, size);
    memset(&key, 0x55, sizeof key);
    memset(&twin_key, 0xaa, sizeof twin_key);

    int err = parse_frame(exact, size, 0x01020304, &key, &result);
    int twin_err = oracle_parse(exact, size, 0x01020304, &twin_key, &twin_result);
    bool same = err == twin_err;
    if (same && err == 0) {
        same = memcmp(&key, &twin_key, sizeof key) == 0 && memcmp(&result, &twin_result, sizeof result) == 0;
        count(seen, &key, &result);
    }
    for (unsigned n_labels = 1; same && err == 0 && result.l2_5_offset != PARSE_NO_OFFSET && n_labels < 4; n_labels++) {
        static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8847, 0x8100, 0x05ff};
        for (size_t i = 0; i < sizeof types / sizeof types[0] && same; i++) {
            parse_uncover(exact, size, &result, n_labels, types[i], &key);
            oracle_uncover(exact, size, &twin_result, n_labels, types[i], &twin_key);
            same = memcmp(&key, &twin_key, sizeof key) == 0;
            seen->uncovered += key.ip_proto != 0;
        }
    }
    seen->refused += err != 0;
    if (!same) {
        dump(frame, size, "parser and twin differ");
        dump((const uint8_t *)&key, sizeof key, "key");
        dump((const uint8_t *)&twin_key, sizeof twin_key, "twin's key");
        dump((const uint8_t *)&result, sizeof result, "offsets");
        dump((const uint8_t *)&twin_result, sizeof twin_result, "twin's offsets");
    }
    assert_true(same);
    free(exact);
}

static uint64_t seed(void)
{
    const char *text = getenv("BUSBAR_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    print_message("seed %llu\n", (unsigned long long)value);
    return value;
}

static void parser_and_twin_agree_on_random_frames(void **state)
{
    struct random random;
    struct seen seen = {0};
    uint8_t frame[FRAME_ROOM];
    random_seed(&random, seed());
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = frame_random(&random, frame);
        compare(frame, size, &seen);
        size = frame_break(&random, frame, size);
        compare(frame, size, &seen);
    }
    const unsigned *counters = (const unsigned *)&seen;
    for (size_t i = 0; i < sizeof seen / sizeof *counters; i++) {
        if (counters[i] < ROUNDS / 3000) {
            print_error("kind %zu of packet was seen only %u times\n", i, counters[i]);
        }
        assert_true(counters[i] >= ROUNDS / 3000);
    }
}

static void parser_and_twin_agree_on_every_truncation(void **state)
{
    struct random random;
    struct seen seen = {0};
    uint8_t frame[FRAME_ROOM];
    random_seed(&random, seed());
    for (int i = 0; i < ROUNDS / 300; i++) {
        size_t size = frame_random(&random, frame);
        for (size_t cut = 0; cut <= size; cut++) {
            compare(frame, cut, &seen);
        }
    }
}

static void parser_and_twin_agree_on_frames_longer_than_offsets_reach(void **state)
{
    struct seen seen = {0};
    struct random random;
    size_t room = 70000;
    uint8_t *frame = memory_zeroed(room);
    random_seed(&random, seed());
    for (int i = 0; i < 200; i++) {
        (void)frame_random(&random, frame);
        /* The longest packet there is, and some around what 16 bits hold. */
        frame[16] = 0xff;
        frame[17] = (uint8_t)random_u64(&random);
        compare(frame, 65520 + random_below(&random, 40), &seen);
        compare(frame, room, &seen);
    }
    free(frame);
}

/* Frames called repeats have one key, whatever differs; and those that differ in identification, checksums and payload only are called so. */
static void repeats_have_the_key_of_the_frame_before(void **state)
{
    struct random random;
    uint8_t frame[FRAME_ROOM], next[FRAME_ROOM];
    unsigned n_repeats = 0, n_changed = 0;
    random_seed(&random, seed());
    for (int i = 0; i < ROUNDS; i++) {
        struct flow_key key, next_key;
        struct parse_result result, next_result;
        size_t size = frame_random(&random, frame);
        memcpy(next, frame, size);
        for (uint64_t n = random_below(&random, 4); n > 0; n--) {
            next[random_below(&random, size)] ^= (uint8_t)(1u << random_below(&random, 8));
        }
        int err = parse_frame(frame, size, 1, &key, &result);
        if (err != 0 || !parse_is_repeat(frame, next, size)) {
            continue;
        }
        n_repeats++;
        n_changed += memcmp(frame, next, size) != 0;
        assert_int_equal(parse_frame(next, size, 1, &next_key, &next_result), 0);
        if (memcmp(&key, &next_key, sizeof key) != 0 || memcmp(&result, &next_result, sizeof result) != 0) {
            dump(frame, size, "a frame");
            dump(next, size, "is no repeat");
            fail();
        }
    }
    assert_true(n_repeats > ROUNDS / 100 && n_changed > ROUNDS / 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parser_and_twin_agree_on_random_frames),
        cmocka_unit_test(parser_and_twin_agree_on_every_truncation),
        cmocka_unit_test(parser_and_twin_agree_on_frames_longer_than_offsets_reach),
        cmocka_unit_test(repeats_have_the_key_of_the_frame_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
