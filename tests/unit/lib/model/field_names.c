/* Tests of lib/model/field_names.c: every name leads back to its field, and subfields are the bits they say. */
#include "lib/model/field_names.h"

#include "tests/unit/lib/model/model_test.h"

static void every_name_of_a_field_finds_the_field(void **state)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        enum field_id id = (enum field_id)i;
        assert_int_equal(field_names_find(field_names_set(id), strlen(field_names_set(id))), id);
        assert_int_equal(field_names_find(field_names_tlv(id), strlen(field_names_tlv(id))), id);
        assert_int_equal(field_names_find(field_table[id].name, strlen(field_table[id].name)), id);
    }
    assert_int_equal(field_names_find("NXM_OF_IP_SR", 12), FIELD_COUNT);
    assert_int_equal(field_names_find("OXM_OF_IPV4_SRC", 15), FIELD_IPV4_SRC);
}

static struct subfield parsed(const char *text)
{
    struct subfield part = {.field = FIELD_COUNT};
    assert_int_equal(subfield_parse(text, strlen(text), &part, NULL), 0);
    return part;
}

static void subfields_are_read_as_open_vswitch_reads_them_and_written_back(void **state)
{
    const char *const texts[][2] = {{"reg0", "NXM_NX_REG0[]"},
                                    {"reg0[]", "NXM_NX_REG0[]"},
                                    {"NXM_NX_REG0[0..31]", "NXM_NX_REG0[]"},
                                    {"reg0[5]", "NXM_NX_REG0[5]"},
                                    {"eth_src[8..15]", "NXM_OF_ETH_SRC[8..15]"},
                                    {"OXM_OF_VLAN_VID[]", "OXM_OF_VLAN_VID[]"}};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *written = subfield_format(parsed(texts[i][0]));
        assert_string_equal(written, texts[i][1]);
        free(written);
    }
    assert_int_equal(parsed("NXM_OF_IN_PORT[]").n_bits, 16);
    assert_int_equal(parsed("OXM_OF_IN_PORT[]").n_bits, 32);
    assert_int_equal(parsed("vlan_vid").n_bits, 12);
}

static void wrong_subfields_are_refused(void **state)
{
    const struct {
        const char *text;
        int err;
    } wrong[] = {{"foo[]", -ERROR_UNKNOWN_NAME}, {"reg0[32]", -ERROR_RANGE}, {"reg0[3..2]", -ERROR_RANGE},
                 {"reg0[0..32]", -ERROR_RANGE},  {"reg0[a]", -ERROR_SYNTAX}, {"reg0[1..]", -ERROR_SYNTAX},
                 {"reg0[1.2]", -ERROR_SYNTAX},   {"reg0[1", -ERROR_SYNTAX},  {"reg0[1]x", -ERROR_SYNTAX},
                 {"reg0[99999]", -ERROR_SYNTAX}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct subfield part = {.n_bits = 77};
        assert_int_equal(subfield_parse(wrong[i].text, strlen(wrong[i].text), &part, NULL), wrong[i].err);
        assert_int_equal(part.n_bits, 77);
    }
}

static void bits_put_into_a_subfield_are_got_out_of_it(void **state)
{
    for (unsigned offset = 0; offset < 128; offset++) {
        for (unsigned n_bits = 1; n_bits <= 64 && offset + n_bits <= 128; n_bits += 7) {
            struct subfield part = {.field = FIELD_IPV6_SRC, .offset = (uint8_t)offset, .n_bits = (uint8_t)n_bits};
            uint64_t bits = UINT64_C(0xa5f00f5a12345678) & (n_bits == 64 ? UINT64_MAX : (UINT64_C(1) << n_bits) - 1);
            assert_true(subfield_get(part, subfield_value(part, bits)) == bits);
        }
    }
}

static void the_runs_of_a_mask_are_the_mask(void **state)
{
    struct field_value mask = {{0}}, sum = {{0}};
    struct subfield run;
    unsigned n_runs = 0;

    memset(mask.bytes, 0xff, sizeof mask.bytes);
    mask.bytes[7] = 0x3c;
    for (unsigned bit = 0; subfield_next_run(FIELD_IPV6_SRC, mask, bit, &run); bit = run.offset + run.n_bits) {
        struct field_value part = subfield_mask(run);
        assert_true(run.n_bits <= 64);
        for (size_t i = 0; i < sizeof sum.bytes; i++) {
            assert_int_equal(sum.bytes[i] & part.bytes[i], 0);
            sum.bytes[i] |= part.bytes[i];
        }
        n_runs++;
    }
    assert_memory_equal(&sum, &mask, sizeof sum);
    assert_int_equal(n_runs, 3); /* 64 bits, four bits of byte 7, the 56 above */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_of_a_field_finds_the_field),
        cmocka_unit_test(subfields_are_read_as_open_vswitch_reads_them_and_written_back),
        cmocka_unit_test(wrong_subfields_are_refused),
        cmocka_unit_test(bits_put_into_a_subfield_are_got_out_of_it),
        cmocka_unit_test(the_runs_of_a_mask_are_the_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
