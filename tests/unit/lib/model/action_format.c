/* Tests of lib/model/action_format.c: the text of a list, read again, is the list. */
#include "lib/model/action_check.h"

#include "lib/base/random.h"
#include "tests/unit/lib/model/model_test.h"

static void every_type_of_action_has_its_words(void **state)
{
    struct action_list list = model_actions("push_vlan:0x8100,set_field:1->reg0,dec_ttl,mod_nw_ttl:1,output:1");
    char *text = action_list_format(&list, NULL);

    assert_string_equal(text, "push_vlan:0x8100,set_field:0x1->reg0,dec_ttl,mod_nw_ttl:1,output:1");
    free(text);
    action_list_fini(&list);
    for (int type = 0; type < ACTION_DATA; type++) { /* which belongs to others */
        struct action action = {.type = (enum action_type)type};
        if (action.type == ACTION_STACK_PUSH || action.type == ACTION_STACK_POP) {
            action.part.n_bits = 1;
        }
        if (action.type == ACTION_SET_FIELD) {
            action.set_field.mask = field_all_ones(action.set_field.field);
        }
        action_list_add(&list, &action);
        text = action_list_format(&list, NULL);
        assert_string_not_equal(text, "");
        assert_string_not_equal(text, "drop");
        free(text);
        action_list_fini(&list);
    }
}

static void nothing_is_called_drop(void **state)
{
    struct instructions in;
    struct action_list list = {.items = NULL, .count = 0};

    instructions_init(&in);
    char *text = instructions_format(&in, NULL);
    assert_string_equal(text, "drop");
    free(text);
    in.has_write = true;
    text = instructions_format(&in, NULL);
    assert_string_equal(text, "write_actions(drop)");
    free(text);
    text = action_list_format(&list, NULL);
    assert_string_equal(text, "drop");
    free(text);
}

static const char *name_of_port(const void *context, uint32_t ofport)
{
    return ofport == 7 ? "eth7" : NULL;
}

static void ports_are_called_by_name_where_the_resolver_has_one(void **state)
{
    const struct match_ports ports = {.by_number = name_of_port};
    struct action_list list = model_actions("output:7,output:8,LOCAL");
    char *text = action_list_format(&list, &ports);

    assert_non_null(strstr(text, "eth7"));
    assert_non_null(strstr(text, "output:8,LOCAL"));
    free(text);
    action_list_fini(&list);
}

static void random_set_fields_and_moves_are_read_as_they_were_written(void **state)
{
    struct random random;
    random_seed(&random, 11);
    for (int i = 0; i < 3000; i++) {
        struct action action = {.type = ACTION_SET_FIELD,
                                .set_field = {.field = (enum field_id)random_below(&random, FIELD_COUNT)}};
        struct action_list list = {.items = NULL, .count = 0}, again;
        enum field_id id = action.set_field.field;
        if (field_table[id].set_rule == FIELD_SET_RO) {
            continue;
        }
        for (size_t b = 0; b < sizeof action.set_field.value.bytes; b++) {
            action.set_field.mask.bytes[b] = field_all_ones(id).bytes[b];
            action.set_field.value.bytes[b] = (uint8_t)(random_u64(&random) & action.set_field.mask.bytes[b]);
        }
        action_list_add(&list, &action);
        char *text = action_list_format(&list, NULL);
        struct error_detail detail = {""};
        if (action_list_parse(text, NULL, &again, &detail) != 0 || !action_list_equal(&list, &again)) {
            print_error("%s: %s\n", text, detail.text);
            fail();
        }
        free(text);
        action_list_fini(&list);
        action_list_fini(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_action_has_its_words),
        cmocka_unit_test(nothing_is_called_drop),
        cmocka_unit_test(ports_are_called_by_name_where_the_resolver_has_one),
        cmocka_unit_test(random_set_fields_and_moves_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
