/* The table of commands: complete, unambiguous, explained. */
#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_command_can_be_run_and_is_explained(void **state)
{
    size_t n;
    const struct command *commands = command_table(&n);
    for (size_t i = 0; i < n; i++) {
        bool is_config = commands[i].kind == COMMAND_KIND_CONFIG;
        assert_true(is_config ? commands[i].config != NULL : commands[i].read != NULL && commands[i].print != NULL);
        assert_true(commands[i].min_arguments <= commands[i].max_arguments);
        assert_non_null(strstr(commands[i].usage, commands[i].words));
        assert_true(strlen(commands[i].help) > 10);
    }
}

static void no_two_commands_have_the_same_words(void **state)
{
    size_t n;
    const struct command *commands = command_table(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(commands[i].words, commands[j].words);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_can_be_run_and_is_explained),
        cmocka_unit_test(no_two_commands_have_the_same_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
