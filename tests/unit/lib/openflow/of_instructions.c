/* Tests of lib/openflow/of_instructions.c. */
#include "lib/openflow/of_actions.h"

#include <errno.h>

#include "tests/unit/lib/openflow/openflow_test.h"

static void instructions_arrive_as_they_were_sent(void **state)
{
    const char *const texts[] = {"drop",
                                 "output:1",
                                 "goto_table:7",
                                 "clear_actions",
                                 "write_actions(drop)",
                                 "meter:3,output:1,clear_actions,write_actions(output:2),write_metadata:0x5/0xff,goto_table:7"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct instructions in = model_instructions(texts[i]), out;
        struct writer w;
        writer_init(&w);
        of_instructions_encode(&w, OF_VERSION_13, &in);
        struct reader r = reader_of(w.bytes, w.size);
        assert_int_equal(of_instructions_decode(&r, OF_VERSION_13, &out, NULL), 0);
        assert_true(instructions_equal(&in, &out));
        instructions_fini(&in);
        instructions_fini(&out);
        writer_fini(&w);
    }
}

static void they_are_read_in_any_order_and_written_in_that_of_execution(void **state)
{
    const uint8_t reversed[] = {0, 1, 0, 8, 7, 0, 0, 0, 0, 5, 0, 8, 0, 0, 0, 0, 0, 6, 0, 8, 0, 0, 0, 3};
    struct reader r = reader_of(reversed, sizeof reversed);
    struct instructions out;
    struct writer w;

    writer_init(&w);
    assert_int_equal(of_instructions_decode(&r, OF_VERSION_13, &out, NULL), 0);
    of_instructions_encode(&w, OF_VERSION_13, &out);
    assert_int_equal(w.size, sizeof reversed);
    assert_memory_equal(w.bytes, reversed + 16, 8);
    assert_memory_equal(w.bytes + 8, reversed + 8, 8);
    assert_memory_equal(w.bytes + 16, reversed, 8);
    instructions_fini(&out);
    writer_fini(&w);
}

static void an_apply_without_actions_is_nothing(void **state)
{
    const uint8_t empty[] = {0, 4, 0, 8, 0, 0, 0, 0};
    struct reader r = reader_of(empty, sizeof empty);
    struct instructions out, nothing;

    instructions_init(&nothing);
    assert_int_equal(of_instructions_decode(&r, OF_VERSION_13, &out, NULL), 0);
    assert_true(instructions_equal(&out, &nothing));
    instructions_fini(&out);
}

static void metadata_outside_its_mask_is_forgotten(void **state)
{
    const uint8_t bytes[] = {0, 2, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x0f};
    struct reader r = reader_of(bytes, sizeof bytes);
    struct instructions out;

    assert_int_equal(of_instructions_decode(&r, OF_VERSION_13, &out, NULL), 0);
    assert_true(out.metadata == 0x0f && out.metadata_mask == 0x0f);
}

static enum of_error_number refusal(const uint8_t *bytes, size_t size)
{
    struct reader r = reader_of(bytes, size);
    struct instructions out = {.meter_id = 77};
    struct of_error error = {.number = OF_ERROR_NONE};
    assert_int_equal(of_instructions_decode(&r, OF_VERSION_13, &out, &error), -EPROTO);
    assert_int_equal(out.meter_id, 77);
    return error.number;
}

static void a_refused_instruction_leaves_nothing_behind(void **state)
{
    /* an apply with one output, then something wrong: the output is freed (the sanitizer looks) */
    uint8_t bytes[40] = {0, 4, 0, 24, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1};

    bytes[24 + 1] = 99;
    bytes[24 + 3] = 8;
    assert_int_equal(refusal(bytes, 32), OF_ERROR_BAD_INSTRUCTION_UNKNOWN_INST);
    bytes[24] = bytes[24 + 1] = 0xff;
    assert_int_equal(refusal(bytes, 32), OF_ERROR_BAD_INSTRUCTION_BAD_EXPERIMENTER);
    bytes[24] = 0;
    bytes[24 + 1] = 4;
    assert_int_equal(refusal(bytes, 32), OF_ERROR_BAD_INSTRUCTION_DUP_INST);
    bytes[24 + 1] = 6;
    assert_int_equal(refusal(bytes, 32), OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    bytes[24 + 3] = 16;
    assert_int_equal(refusal(bytes, 32), OF_ERROR_BAD_INSTRUCTION_BAD_LEN);
    assert_int_equal(refusal(bytes, 27), OF_ERROR_BAD_INSTRUCTION_BAD_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_arrive_as_they_were_sent),
        cmocka_unit_test(they_are_read_in_any_order_and_written_in_that_of_execution),
        cmocka_unit_test(an_apply_without_actions_is_nothing),
        cmocka_unit_test(metadata_outside_its_mask_is_forgotten),
        cmocka_unit_test(a_refused_instruction_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
