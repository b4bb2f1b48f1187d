/* Tests of lib/bus/envelope.c: what goes in comes out, and everything that wires.def does not allow is refused and counted once.
 *
 * The random bytes come from a printed seed.
 */
#include "lib/bus/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/random.h"

static struct envelope good(void)
{
    return (struct envelope){.wire = WIRE_SESSION,
                             .protocol = envelope_protocol(WIRE_SESSION),
                             .type = MESSAGE_MISS_BATCH,
                             .sequence = 7,
                             .from = {.kind = PROCESS_FASTPATH, .instance = 3, .start = 0xfedcba9876543210ull}};
}

static void envelope_survives_packing(void **state)
{
    uint8_t bytes[ENVELOPE_MAX_BYTES];
    struct envelope in = good(), out;
    in.sequence = UINT64_MAX;
    in.from.instance = UINT32_MAX;
    size_t size = envelope_pack(&in, bytes);
    assert_in_range(size, 1, ENVELOPE_MAX_BYTES);
    assert_int_equal(envelope_unpack(bytes, size, &out), 0);
    assert_int_equal(out.wire, in.wire);
    assert_int_equal(out.protocol, in.protocol);
    assert_int_equal(out.newest, in.protocol); /* not said: what is spoken */
    assert_int_equal(out.type, in.type);
    assert_true(out.sequence == in.sequence);
    assert_true(bus_identity_equal(&out.from, &in.from));
}

static void truncated_envelope_never_passes_as_the_whole(void **state)
{
    uint8_t bytes[ENVELOPE_MAX_BYTES];
    struct envelope in = good(), out;
    size_t size = envelope_pack(&in, bytes);
    for (size_t n = 0; n < size; n++) {
        if (envelope_unpack(bytes, n, &out) == 0) {
            assert_false(bus_identity_equal(&out.from, &in.from)); /* the start number is the last field */
        }
    }
}

static void oversized_and_unknown_senders_are_refused(void **state)
{
    uint8_t bytes[ENVELOPE_MAX_BYTES + 1] = {0};
    struct envelope in = good(), out;
    assert_int_equal(envelope_unpack(bytes, sizeof bytes, &out), -ERROR_SYNTAX);
    const uint32_t kinds[] = {0, PROCESS_ANY, 7, 31, 32, 255, UINT32_MAX};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        in.from.kind = (enum process_kind)kinds[i];
        assert_int_equal(envelope_unpack(bytes, envelope_pack(&in, bytes), &out), -ERROR_SYNTAX);
    }
}

static void random_bytes_are_read_safely(void **state)
{
    struct random r;
    uint64_t seed = 20;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[ENVELOPE_MAX_BYTES];
        struct envelope in = good(), out;
        size_t size = envelope_pack(&in, bytes);
        for (uint64_t n = random_below(&r, 6); n > 0; n--) {
            bytes[random_below(&r, size)] = (uint8_t)random_u64(&r);
        }
        size = i % 2 == 0 ? size : (size_t)random_below(&r, size + 1);
        struct bus_counters counters = {0};
        if (envelope_unpack(bytes, size, &out) == 0 && envelope_check(&out, 0, WIRE_SESSION, envelope_protocol(WIRE_SESSION), &counters)) {
            assert_int_equal(out.wire, WIRE_SESSION);
        }
    }
}

static void each_fault_bumps_its_own_counter(void **state)
{
    struct bus_counters c = {0};
    struct envelope e = good();
    assert_true(envelope_check(&e, 10, WIRE_SESSION, envelope_protocol(WIRE_SESSION), &c));
    assert_memory_equal(&c, &(struct bus_counters){0}, sizeof c);
    assert_false(envelope_check(&e, 10, WIRE_USAGE, envelope_protocol(WIRE_SESSION), &c));
    assert_int_equal(c.wrong_wire, 1);
    e.protocol++;
    assert_false(envelope_check(&e, 10, WIRE_SESSION, envelope_protocol(WIRE_SESSION), &c));
    e.protocol = 0;
    assert_false(envelope_check(&e, 10, WIRE_SESSION, envelope_protocol(WIRE_SESSION), &c));
    assert_int_equal(c.wrong_version, 2);
    e = good();
    e.type = 999;
    assert_false(envelope_check(&e, 10, WIRE_SESSION, envelope_protocol(WIRE_SESSION), &c));
    assert_int_equal(c.unknown_type, 1);
    e = good();
    e.from.kind = PROCESS_SLOWPATH; /* a slowpath has no misses to send */
    assert_false(envelope_check(&e, 10, WIRE_SESSION, envelope_protocol(WIRE_SESSION), &c));
    assert_int_equal(c.wrong_sender, 1);
    e = good();
    assert_false(envelope_check(&e, (size_t)BUS_MESSAGE_MAX_BYTES + 1, WIRE_SESSION, envelope_protocol(WIRE_SESSION), &c));
    assert_int_equal(c.too_large, 1);
    assert_int_equal(c.malformed + c.received + c.sent, 0);
}

static void own_protocol_and_the_one_before_are_understood(void **state)
{
    assert_true(envelope_protocol_understood(1, 1));
    assert_true(envelope_protocol_understood(3, 2));
    assert_false(envelope_protocol_understood(3, 1));
    assert_false(envelope_protocol_understood(3, 4));
    assert_false(envelope_protocol_understood(1, 0));
    assert_false(envelope_protocol_understood(2, UINT32_MAX));
}

static void routing_id_names_one_life(void **state)
{
    uint8_t a[ROUTING_ID_BYTES], b[ROUTING_ID_BYTES];
    struct bus_identity in = good().from, out;
    routing_id_encode(&in, a);
    assert_int_not_equal(a[0], 0); /* ZeroMQ keeps ids that begin with 0 for itself */
    assert_int_equal(routing_id_decode(a, sizeof a, &out), 0);
    assert_true(bus_identity_equal(&in, &out));
    in.start++;
    routing_id_encode(&in, b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(routing_id_decode(a, sizeof a - 1, &out), -ERROR_TRUNCATED);
    uint8_t longer[ROUTING_ID_BYTES + 1] = {PROCESS_SWCTL};
    assert_int_equal(routing_id_decode(longer, sizeof longer, &out), -ERROR_TRAILING);
    a[0] = 200;
    assert_int_equal(routing_id_decode(a, sizeof a, &out), -ERROR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelope_survives_packing),
        cmocka_unit_test(truncated_envelope_never_passes_as_the_whole),
        cmocka_unit_test(oversized_and_unknown_senders_are_refused),
        cmocka_unit_test(random_bytes_are_read_safely),
        cmocka_unit_test(each_fault_bumps_its_own_counter),
        cmocka_unit_test(own_protocol_and_the_one_before_are_understood),
        cmocka_unit_test(routing_id_names_one_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
