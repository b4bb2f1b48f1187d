/* Tests of lib/model/action.c. */
#include "tests/unit/lib/model/model_test.h"

static const char *const texts[] = {
    "drop",
    "output:1",
    "output:2",
    "CONTROLLER:5",
    "controller(reason=no_match,max_len=7)",
    "controller(reason=no_match,max_len=7,id=2)",
    "set_field:1->reg0",
    "set_field:2->reg0",
    "set_field:1->reg1",
    "load:1->NXM_NX_REG0[0..3]",
    "move:NXM_NX_REG0[]->NXM_NX_REG1[]",
    "move:NXM_NX_REG0[]->NXM_NX_REG2[]",
    "resubmit(,1)",
    "resubmit(3,1)",
    "exit",
    "clone(output:1)",
    "clone(output:2)",
    "clone(clone(output:2))",
    "clone(output:2),exit",
    "clone(output:2,exit)",
    "output:NXM_NX_REG0[]",
    "output:NXM_NX_REG0[0..3]",
    "output(port=1,max_len=14)",
    "output(port=1,max_len=15)",
    "note:01",
    "note:02",
    "controller(userdata=01)",
    "controller(userdata=02)",
    "controller(userdata=02.00)",
    "controller(userdata=02.00,pause)",
    "controller(pause)",
    "controller(pause,meter_id=3)",
    "controller(meter_id=3)",
    "push:NXM_NX_REG0[]",
    "pop:NXM_NX_REG0[]",
    "conjunction(1,1/2)",
    "conjunction(1,2/2)",
    "conjunction(2,1/2)",
    "group:1",
    "set_queue:1",
    "push_vlan:0x8100",
    "push_vlan:0x88a8",
    "mod_nw_ttl:1",
    "mod_nw_ttl:2",
    "dec_ttl",
    "dec_ttl(1)",
    "dec_ttl(1,2)",
    "meter:1",
    "clear_actions",
    "write_actions(output:1)",
    "write_metadata:0x1",
    "write_metadata:0x1/0x1",
    "goto_table:1",
    "goto_table:2",
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static void instructions_equal_themselves_and_their_copies_and_nothing_else(void **state)
{
    for (size_t i = 0; i < TEXTS; i++) {
        struct instructions a = model_instructions(texts[i]);
        struct instructions copy = instructions_copy(&a);
        for (size_t j = 0; j < TEXTS; j++) {
            struct instructions b = model_instructions(texts[j]);
            if (instructions_equal(&copy, &b) != (i == j)) {
                print_error("%s and %s\n", texts[i], texts[j]);
                fail();
            }
            instructions_fini(&b);
        }
        instructions_fini(&a);
        instructions_fini(&copy);
    }
}

static void a_list_is_whole_when_everything_has_what_belongs_behind_it(void **state)
{
    struct action_list list = model_actions("clone(output:1,note:01),output:2");
    assert_true(action_list_is_whole(&list));
    assert_int_equal(list.count, 5);
    uint8_t bytes[40];
    assert_int_equal(action_list_data(&list, 2, bytes, sizeof bytes), 6);
    assert_int_equal(bytes[0], 1);
    list.items[0].n_inner = 2; /* cuts the note in two */
    assert_false(action_list_is_whole(&list));
    list.items[0].n_inner = 5;
    assert_false(action_list_is_whole(&list));
    list.items[0].n_inner = 3;
    list.items[2].n_data = 7;
    assert_false(action_list_is_whole(&list));
    list.items[2] = list.items[1];
    assert_false(action_list_is_whole(&list)); /* bytes of nobody */
    action_list_fini(&list);
}

static void a_copy_outlives_the_original(void **state)
{
    struct action_list list = model_actions("output:1,output:2");
    struct action_list copy = action_list_copy(&list);
    struct action third = {.type = ACTION_OUTPUT, .output = {.port = 3}};

    action_list_fini(&list);
    assert_int_equal(list.count, 0);
    action_list_add(&copy, &third);
    assert_int_equal(copy.count, 3);
    assert_int_equal(copy.items[0].output.port, 1);
    assert_int_equal(copy.items[2].output.port, 3);
    action_list_fini(&copy);
    action_list_fini(&copy); /* twice is harmless */
}

static void filters_look_into_applied_and_written_actions(void **state)
{
    struct instructions in = model_instructions("output:1,CONTROLLER:9,write_actions(output:2,group:7)");

    assert_true(instructions_output_to(&in, 1));
    assert_true(instructions_output_to(&in, 2));
    assert_true(instructions_output_to(&in, PORT_CONTROLLER));
    assert_true(instructions_output_to(&in, PORT_ANY));
    assert_false(instructions_output_to(&in, 3));
    assert_true(instructions_use_group(&in, 7));
    assert_true(instructions_use_group(&in, GROUP_ANY));
    assert_false(instructions_use_group(&in, 2));
    instructions_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_equal_themselves_and_their_copies_and_nothing_else),
        cmocka_unit_test(a_copy_outlives_the_original),
        cmocka_unit_test(a_list_is_whole_when_everything_has_what_belongs_behind_it),
        cmocka_unit_test(filters_look_into_applied_and_written_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
