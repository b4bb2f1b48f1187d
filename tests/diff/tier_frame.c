/* What the program on a device reads of frames (services/fastpath/bpf/tier_frame.h, compiled for here) against the parser, on random frames.
 *
 * A frame that it takes for plain has the key that the parser gives; and whatever the parser gives the flow hash of a plain connection, the
 * program either sees as that connection's or says that it may be (I7). Each frame lies at the end of an allocation of its size. BUSBAR_SEED replays.
 */
#include "lib/flow/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "services/fastpath/bpf/tier_frame.h"
#include "tests/oracle/frame.h"

enum { ROUNDS = 400000 };

struct seen {
    unsigned plain4, plain6, odd, hides, other;
};

static void dump(const uint8_t *frame, size_t size)
{
    fprintf(stderr, "%zu bytes:", size);
    for (size_t i = 0; i < size; i++) {
        fprintf(stderr, " %02x", frame[i]);
    }
    fputc('\n', stderr);
}

/* Flows of this flow hash may be in the kernel: see is_plain() of tier.c. */
static bool has_plain_hash(const struct flow_key *key)
{
    uint16_t type = host16(key->eth_type);
    return (type == 0x0800 || type == 0x86dd) && (key->ip_proto == PROTOCOL_TCP || key->ip_proto == PROTOCOL_UDP) &&
           (key->l4_src.raw | key->l4_dst.raw) != 0 && (host16(key->vlan_tci) & 0x0fff) == 0;
}

static bool is_connection(const struct tier_key *entry, const struct flow_key *key)
{
    size_t size = entry->version == 4 ? 4 : 16;
    return memcmp(entry->source, key->ip_src, size) == 0 && memcmp(entry->target, key->ip_dst, size) == 0 && entry->source_port == key->l4_src.raw &&
           entry->target_port == key->l4_dst.raw && entry->protocol == key->ip_proto && host16(key->eth_type) == (entry->version == 4 ? 0x0800 : 0x86dd);
}

static bool agrees(const uint8_t *frame, size_t size, struct seen *seen)
{
    struct flow_key key = {0};
    struct parse_result result;
    struct plain plain = {0};
    if (parse_frame(frame, size, 1, &key, &result) != 0) {
        return true; /* shorter than an Ethernet header: no device gives it to the program */
    }
    bool is_read = read_frame(frame, frame + size, &plain) != 0;
    bool hides = !is_read && hides_hash(frame, frame + size) != 0;
    seen->plain4 += is_read && !plain.is_odd && plain.key.version == 4;
    seen->plain6 += is_read && !plain.is_odd && plain.key.version == 6;
    seen->odd += is_read && plain.is_odd;
    seen->hides += hides;
    seen->other += !is_read && !hides;
    if (is_read && !plain.is_odd) {
        bool is_same = is_connection(&plain.key, &key) && key.ip_frag == 0 && key.vlan_tci.raw == 0 && key.mpls[0].raw == 0;
        return is_same && plain.ip_bytes + ETH_BYTES <= size;
    }
    return !has_plain_hash(&key) || hides || (is_read && is_connection(&plain.key, &key));
}

static void the_program_and_the_parser_agree(void **state)
{
    const char *text = getenv("BUSBAR_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    struct random random;
    struct seen seen = {0};
    uint8_t frame[FRAME_ROOM];
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&random, seed);
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = frame_random(&random, frame);
        if (i % 2 != 0) {
            size = frame_break(&random, frame, size);
        }
        uint8_t *exact = malloc(size != 0 ? size : 1);
        assert_non_null(exact);
        memcpy(exact, frame, size);
        if (!agrees(exact, size, &seen)) {
            dump(frame, size);
            fail();
        }
        free(exact);
    }
    print_message("plain IPv4 %u, IPv6 %u, odd %u, hidden %u, others %u\n", seen.plain4, seen.plain6, seen.odd, seen.hides, seen.other);
    assert_true(seen.plain4 > ROUNDS / 100 && seen.plain6 > ROUNDS / 100 && seen.odd > ROUNDS / 1000 && seen.hides > ROUNDS / 100);
}

/* Lengths that wrap, and fields of the flow label under a mask. */
static void lengths_beyond_the_frame_are_odd(void **state)
{
    uint8_t frame[80] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0};
    frame[20] = PROTOCOL_UDP;
    frame[55] = 7;
    frame[57] = 9;
    for (unsigned payload = 0; payload < 0x10000; payload++) {
        struct plain plain = {0};
        frame[18] = (uint8_t)(payload >> 8);
        frame[19] = (uint8_t)payload;
        frame[60] = 1; /* no open checksum */
        assert_true(read_frame(frame, frame + sizeof frame, &plain));
        bool fits_in = payload >= 8 && payload + 54 <= sizeof frame;
        assert_int_equal(plain.is_odd == 0, fits_in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_and_the_parser_agree),
        cmocka_unit_test(lengths_beyond_the_frame_are_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
