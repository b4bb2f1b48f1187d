/* Tests of lib/msg/field_wire.c: every field has a number of its own and survives the wire; what is not its size or width is refused. */
#include "lib/msg/field_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/random.h"

static void every_field_has_a_number_that_leads_back(void **state)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        assert_int_equal(field_wire_id(field_wire_number((enum field_id)i)), i);
    }
    assert_int_equal(field_wire_id(0xffffffff), FIELD_COUNT);
    assert_int_equal(field_wire_id(0x80000100), FIELD_COUNT); /* number 256 is not number 0 */
}

static void values_and_masks_survive_the_wire(void **state)
{
    struct random r;
    uint64_t seed = 6;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int round = 0; round < 50; round++) {
        for (unsigned i = 0; i < FIELD_COUNT; i++) {
            enum field_id id = (enum field_id)i, out_id;
            struct field_value value, mask = field_all_ones(id), out_value, out_mask;
            for (size_t k = 0; k < sizeof mask.bytes; k++) {
                mask.bytes[k] &= (uint8_t)random_u64(&r);
                value.bytes[k] = (uint8_t)random_u64(&r) & mask.bytes[k];
            }
            ProtobufCBinaryData v = field_wire_copy(id, &value), m = field_wire_bytes(id, &mask);
            assert_int_equal(v.len, field_table[id].oxm_size);
            assert_int_equal(field_wire_decode(field_wire_number(id), &v, &m, &out_id, &out_value, &out_mask, NULL), 0);
            assert_int_equal(out_id, id);
            assert_memory_equal(&out_value, &value, sizeof value);
            assert_memory_equal(&out_mask, &mask, sizeof mask);
            free(v.data);
        }
    }
}

static int decode(enum field_id id, const void *value, size_t value_size, const void *mask, size_t mask_size,
                  struct error_detail *detail)
{
    ProtobufCBinaryData v = {.len = value_size, .data = (uint8_t *)value}, m = {.len = mask_size, .data = (uint8_t *)mask};
    enum field_id out_id = FIELD_COUNT;
    struct field_value a = {{0xaa}}, b = {{0xbb}};
    int err = field_wire_decode(field_wire_number(id), &v, &m, &out_id, &a, &b, detail);
    assert_true(err == 0 || (out_id == FIELD_COUNT && a.bytes[0] == 0xaa && b.bytes[0] == 0xbb)); /* written on success only */
    return err;
}

static void wrong_sizes_widths_and_masks_are_refused_by_name(void **state)
{
    struct error_detail detail;
    static const uint8_t zero[32], ones[32] = {0xff, 0xff, 0xff, 0xff};
    assert_int_equal(decode(FIELD_IN_PORT, zero, 4, NULL, 0, NULL), 0);
    for (size_t size = 0; size <= 32; size++) {
        assert_int_equal(decode(FIELD_IN_PORT, zero, size, NULL, 0, &detail), size == 4 ? 0 : -ERROR_RANGE);
        assert_int_equal(decode(FIELD_IN_PORT, zero, 4, ones, size, &detail), size == 0 || size == 4 ? 0 : -ERROR_RANGE);
    }
    assert_non_null(strstr(detail.text, "in_port"));
    assert_int_equal(decode(FIELD_VLAN_VID, ones, 2, NULL, 0, &detail), -ERROR_RANGE); /* 13 bits */
    assert_int_equal(decode(FIELD_IN_PORT, ones, 4, zero, 4, &detail), -ERROR_RANGE);  /* a value outside its mask */
    assert_non_null(strstr(detail.text, "outside"));
    ProtobufCBinaryData none = {0};
    enum field_id id;
    struct field_value a, b;
    assert_int_equal(field_wire_decode(0x12345678, &none, &none, &id, &a, &b, &detail), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "12345678"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_number_that_leads_back),
        cmocka_unit_test(values_and_masks_survive_the_wire),
        cmocka_unit_test(wrong_sizes_widths_and_masks_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
