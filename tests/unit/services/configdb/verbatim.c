/* What is taken as it is, protobuf-c would have stored just so; and what protobuf-c has packed is taken. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/cfg/column.h"
#include "services/configdb/verbatim.h"
#include "tests/unit/services/configdb/wire_rows.h"

enum { ROUNDS = 40000 };

static const ProtobufCMessageDescriptor *const rule = &busbar__rule_row__descriptor;

/* The twin. *out_row: NULL when it cannot be read. */
static bool twin(const struct writer *bytes, ProtobufCMessage **out_row, struct writer *out_packed)
{
    *out_row = protobuf_c_message_unpack(rule, NULL, bytes->size, bytes->bytes);
    if (*out_row == NULL) {
        return false;
    }
    writer_clear(out_packed);
    (void)protobuf_c_message_pack(*out_row, writer_extend(out_packed, protobuf_c_message_get_packed_size(*out_row)));
    return out_packed->size == bytes->size && (bytes->size == 0 || memcmp(out_packed->bytes, bytes->bytes, bytes->size) == 0);
}

static void check_numbers(const ProtobufCMessage *row, const struct verbatim *read)
{
    for (unsigned int i = 0; i < rule->n_fields; i++) {
        uint64_t number = 0;
        if (column_count(&rule->fields[i], row) == 1 && column_number(&rule->fields[i], row, 0, &number)) {
            assert_int_equal(read->numbers[i], number);
        }
    }
}

/* Unknown fields are packed again by protobuf-c, so equal bytes alone do not show that all is known. */
static void check(const struct writer *bytes, struct writer *packed, size_t n_taken[2])
{
    struct verbatim read;
    ProtobufCMessage *row = NULL;
    bool is_same = twin(bytes, &row, packed);
    bool is_taken = verbatim_read(rule, bytes->bytes, bytes->size, &read);
    n_taken[is_taken]++;
    if (is_taken) {
        assert_true(is_same);
        assert_int_equal(row->n_unknown_fields, 0);
        check_numbers(row, &read);
    }
    protobuf_c_message_free_unpacked(row, NULL);
}

static void what_is_taken_is_what_protobuf_would_store(void **state)
{
    const uint64_t seed = random_start_number();
    struct random random;
    struct writer bytes, packed;
    size_t n_taken[2] = {0, 0};
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    writer_init(&bytes);
    writer_init(&packed);
    for (int i = 0; i < ROUNDS; i++) {
        writer_clear(&bytes);
        wire_rows_message(&bytes, &random, rule, 1ull << (2 + random_below(&random, 10)), 0);
        if (bytes.size > 0 && random_below(&random, 4) == 0) {
            bytes.bytes[random_below(&random, bytes.size)] ^= (uint8_t)(1u << random_below(&random, 8));
        }
        if (random_below(&random, 8) == 0) {
            bytes.size -= bytes.size > 0 ? 1 : 0;
        }
        check(&bytes, &packed, n_taken);
    }
    writer_fini(&bytes);
    writer_fini(&packed);
    assert_true(n_taken[false] > ROUNDS / 10 && n_taken[true] > ROUNDS / 100);
}

static void what_protobuf_has_packed_is_taken(void **state)
{
    const uint64_t seed = random_start_number();
    struct random random;
    struct writer bytes, packed;
    struct verbatim read;
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    writer_init(&bytes);
    writer_init(&packed);
    for (int i = 0; i < ROUNDS / 4; i++) {
        ProtobufCMessage *row = NULL;
        writer_clear(&bytes);
        wire_rows_message(&bytes, &random, rule, 0, 0);
        (void)twin(&bytes, &row, &packed);
        assert_non_null(row);
        assert_true(verbatim_read(rule, packed.bytes, packed.size, &read));
        check_numbers(row, &read);
        protobuf_c_message_free_unpacked(row, NULL);
    }
    writer_fini(&bytes);
    writer_fini(&packed);
}

static bool reads(const char *bytes, size_t size)
{
    struct verbatim read;
    return verbatim_read(rule, (const uint8_t *)bytes, size, &read);
}

static void what_is_written_otherwise_is_left_alone(void **state)
{
    assert_true(reads("\x08\x05\x18\x01", 4));
    assert_true(reads("", 0));
    assert_false(reads("\x18\x01\x08\x05", 4));     /* the wrong order */
    assert_false(reads("\x08\x05\x08\x05", 4));     /* twice */
    assert_false(reads("\x08\x85\x00", 3));         /* longer than need be */
    assert_false(reads("\x08\x00", 2));             /* 0 is left out */
    assert_false(reads("\x2a", 1));                 /* ends in the middle */
    assert_false(reads("\x2a\x02\x08", 3));
    assert_false(reads("\x60\x01", 2));             /* no such column */
    assert_false(reads("\x0a\x01\x05", 3));         /* a number as bytes */
    assert_false(reads("\x10\xff\xff\xff\xff\x1f", 6)); /* more than 32 bits */
    assert_false(reads("\x2a\x02\x18\x02", 4));     /* true is 1 */
    assert_true(reads("\x2a\x02\x18\x01", 4));
    assert_false(reads("\x22\x02\x12\x00", 4));     /* empty bytes are left out */
    assert_false(reads("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11));
    assert_true(reads("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_what_protobuf_would_store),
        cmocka_unit_test(what_protobuf_has_packed_is_taken),
        cmocka_unit_test(what_is_written_otherwise_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
