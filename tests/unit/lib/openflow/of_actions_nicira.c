/* Tests of lib/openflow/of_actions_nicira.c. */
#include "lib/openflow/of_actions_nicira.h"

#include <errno.h>

#include "tests/unit/lib/openflow/openflow_test.h"

/* The list as it comes back; its text. */
static char *there_and_back(const char *text, size_t *out_size)
{
    struct action_list list = model_actions(text), out;
    struct writer w;
    writer_init(&w);
    of_actions_encode(&w, OF_VERSION_13, &list);
    *out_size = w.size;
    struct reader r = reader_of(w.bytes, w.size);
    assert_int_equal(of_actions_decode(&r, OF_VERSION_13, &out, NULL), 0);
    char *again = action_list_format(&out, NULL);
    action_list_fini(&list);
    action_list_fini(&out);
    writer_fini(&w);
    return again;
}

static void extensions_arrive_as_they_were_sent(void **state)
{
    const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"load:0x5->NXM_NX_REG0[4..7]", 24},
        {"load:0x5->NXM_NX_REG0[0..3],load:0->NXM_NX_REG0[8..11]", 48},
        {"move:NXM_NX_REG0[0..15]->NXM_NX_REG1[16..31]", 24},
        {"resubmit:3,resubmit(,1),resubmit(3,1)", 48},
        {"controller(reason=no_match,max_len=7,id=9)", 16},
        {"controller(reason=no_match,max_len=7,id=9,userdata=01.02.03.04.05)", 16 + 8 + 8 + 8 + 16},
        {"exit", 16},
        {"clone(output:1,clone(exit),push:NXM_NX_REG0[3..9]),output:2", 16 + 16 + 32 + 24 + 16},
        {"clone(drop)", 16},
        {"output:NXM_NX_REG0[0..15]", 24},
        {"output(port=IN_PORT,max_len=64)", 16},
        {"note:01.02.03.04.05.06", 16},
        {"note:01.02.03.04.05.06.07.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.00.09", 48},
        {"push:NXM_NX_REG0[],pop:NXM_OF_ETH_DST[0..31]", 48},
        {"conjunction(7,1/2),conjunction(4294967295,64/64)", 32},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = 0;
        char *again = there_and_back(cases[i].text, &size);
        assert_string_equal(again, cases[i].text);
        assert_int_equal(size, cases[i].size);
        free(again);
    }
}

static void a_masked_set_field_becomes_a_load_for_each_run_of_bits(void **state)
{
    size_t size = 0;
    char *again = there_and_back("set_field:0x55/0xf0f->reg0", &size);

    assert_string_equal(again, "load:0x5->NXM_NX_REG0[0..3],load:0->NXM_NX_REG0[8..11]");
    assert_int_equal(size, 48);
    free(again);
    again = there_and_back("set_field:ff00::/ff00:0:0:0:ffff:ffff:ffff:ffff->ipv6_src", &size);
    assert_string_equal(again, "load:0->NXM_NX_IPV6_SRC[0..63],load:0xff->NXM_NX_IPV6_SRC[120..127]");
    free(again);
}

static void the_old_in_port_is_the_low_half_of_ours(void **state)
{
    /* move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15] */
    const uint8_t move[] = {0, 0, 0x23, 0x20, 0, 6, 0, 16, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 4};
    struct reader r = reader_of(move, sizeof move);
    struct action_list list = {0};

    assert_int_equal(of_actions_nicira_decode(&r, (struct of_actions_at){.version = OF_VERSION_13}, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].type, ACTION_MOVE);
    assert_int_equal(list.items[0].move.source, FIELD_IN_PORT);
    assert_int_equal(list.items[0].move.n_bits, 16);
    action_list_fini(&list);
}

static enum of_error_number refusal(const uint8_t *bytes, size_t size)
{
    struct reader r = reader_of(bytes, size);
    struct action_list list = {0};
    struct of_error error = {.number = OF_ERROR_NONE};
    int err = of_actions_nicira_decode(&r, (struct of_actions_at){.version = OF_VERSION_13}, &list, &error);
    assert_true((err == 0) == (list.count > 0) || bytes[5] == 42); /* a refused clone leaves what was read to the caller */
    action_list_fini(&list);
    return error.number;
}

static void extensions_of_varied_length_are_checked(void **state)
{
    const uint8_t exit_padded[] = {0, 0, 0x23, 0x20, 0, 17, 0, 0, 0, 0, 0, 1};
    const uint8_t note[] = {0, 0, 0x23, 0x20, 0, 8, 1, 2};
    const uint8_t no_clause[] = {0, 0, 0x23, 0x20, 0, 34, 2, 2, 0, 0, 0, 9};
    const uint8_t short_output[] = {0, 0, 0x23, 0x20, 0, 39, 0, 1, 0, 0, 0, 13};
    const uint8_t pause[] = {0, 0, 0x23, 0x20, 0, 37, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 0};
    const uint8_t unknown[] = {0, 0, 0x23, 0x20, 0, 37, 0, 0, 0, 0, 0, 0, 0, 6, 0, 4, 0, 0, 0, 0};
    const uint8_t long_property[] = {0, 0, 0x23, 0x20, 0, 37, 0, 0, 0, 0, 0, 0, 0, 3, 0, 9, 0, 0, 0, 0};
    const uint8_t bad_inner[] = {0, 0, 0x23, 0x20, 0, 42, 0, 0, 0, 0, 0, 0, 0, 99, 0, 8, 0, 0, 0, 0};

    assert_int_equal(refusal(exit_padded, sizeof exit_padded), OF_ERROR_BAD_ACTION_BAD_ARGUMENT);
    assert_int_equal(refusal(note, sizeof note), OF_ERROR_BAD_ACTION_BAD_LEN);
    assert_int_equal(refusal(no_clause, sizeof no_clause), OF_ERROR_BAD_ACTION_BAD_ARGUMENT);
    assert_int_equal(refusal(short_output, sizeof short_output), OF_ERROR_BAD_ACTION_BAD_ARGUMENT);
    assert_int_equal(refusal(pause, sizeof pause), OF_ERROR_NONE);
    assert_int_equal(refusal(unknown, sizeof unknown), OF_ERROR_BAD_ACTION_BAD_ARGUMENT);
    assert_int_equal(refusal(long_property, sizeof long_property), OF_ERROR_BAD_ACTION_BAD_LEN);
    assert_int_equal(refusal(bad_inner, sizeof bad_inner), OF_ERROR_BAD_ACTION_BAD_TYPE);
}

static void clones_nest_up_to_a_limit(void **state)
{
    uint8_t bytes[16 * (ACTION_CLONE_DEPTH_MAX + 1)] = {0};
    for (size_t i = 0; i <= ACTION_CLONE_DEPTH_MAX; i++) {
        const uint8_t head[10] = {0xff, 0xff, 0, (uint8_t)(sizeof bytes - 16 * i), 0, 0, 0x23, 0x20, 0, 42};
        memcpy(bytes + 16 * i, head, sizeof head);
    }
    struct action_list list = {0};
    struct of_error error = {.number = OF_ERROR_NONE};
    struct reader r = reader_of(bytes, sizeof bytes);
    assert_int_not_equal(of_actions_decode(&r, OF_VERSION_13, &list, &error), 0);
    assert_int_equal(error.number, OF_ERROR_BAD_ACTION_TOO_MANY);
    action_list_fini(&list);
    bytes[16 * ACTION_CLONE_DEPTH_MAX - 16 + 3] = 16; /* the last one stands behind its neighbour */
    for (size_t i = 0; i + 1 < ACTION_CLONE_DEPTH_MAX; i++) {
        bytes[16 * i + 3] = (uint8_t)(sizeof bytes - 16 * i);
    }
    r = reader_of(bytes, sizeof bytes);
    assert_int_equal(of_actions_decode(&r, OF_VERSION_13, &list, &error), 0);
    assert_true(action_list_is_whole(&list));
    assert_int_equal(list.count, ACTION_CLONE_DEPTH_MAX + 1);
    action_list_fini(&list);
}

static void what_is_not_known_or_does_not_fit_is_refused(void **state)
{
    uint8_t load[] = {0, 0, 0x23, 0x20, 0, 7, 0, 31, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5};
    const uint8_t controller[] = {0, 0, 0x23, 0x20, 0, 20, 0, 1, 0, 0, 9, 0};

    assert_int_equal(refusal(load, sizeof load), OF_ERROR_NONE);
    assert_int_equal(refusal(load, 3), OF_ERROR_BAD_ACTION_BAD_LEN);
    assert_int_equal(refusal(load, sizeof load - 8), OF_ERROR_BAD_ACTION_BAD_LEN);
    load[3] = 0x21;
    assert_int_equal(refusal(load, sizeof load), OF_ERROR_BAD_ACTION_BAD_EXPERIMENTER);
    load[3] = 0x20;
    load[5] = 99;
    assert_int_equal(refusal(load, sizeof load), OF_ERROR_BAD_ACTION_BAD_EXP_TYPE);
    load[5] = 7;
    load[7] = 63;
    assert_int_equal(refusal(load, sizeof load), OF_ERROR_BAD_ACTION_BAD_SET_LEN);
    load[7] = 1;
    assert_int_equal(refusal(load, sizeof load), OF_ERROR_BAD_ACTION_BAD_ARGUMENT); /* 5 in two bits */
    load[11] = 8;
    assert_int_equal(refusal(load, sizeof load), OF_ERROR_BAD_ACTION_BAD_SET_TYPE); /* reg0 has four bytes */
    assert_int_equal(refusal(controller, sizeof controller), OF_ERROR_BAD_ACTION_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extensions_arrive_as_they_were_sent),
        cmocka_unit_test(a_masked_set_field_becomes_a_load_for_each_run_of_bits),
        cmocka_unit_test(the_old_in_port_is_the_low_half_of_ours),
        cmocka_unit_test(what_is_not_known_or_does_not_fit_is_refused),
        cmocka_unit_test(extensions_of_varied_length_are_checked),
        cmocka_unit_test(clones_nest_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
