/* help, schema and completion ask nobody. */
#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct client client;
static struct error_detail detail;
static struct segment segment;

static json_t *help(const char *first, const char *second)
{
    json_t *json = NULL;
    segment = (struct segment){.arguments = {first, second}, .n_arguments = first == NULL ? 0 : second == NULL ? 1 : 2};
    detail.text[0] = '\0';
    (void)read_help(&client, &segment, &json, &detail);
    return json;
}

static void commands_are_explained_alone_or_all(void **state)
{
    size_t n;
    (void)command_table(&n);
    json_t *json = help(NULL, NULL);
    assert_int_equal(json_array_size(json), n);
    json_decref(json);
    json = help("add-br", NULL);
    assert_int_equal(json_array_size(json), 1);
    json_decref(json);
    json = help("dp", NULL);
    assert_true(json_array_size(json) >= 3);
    json_decref(json);
    json = help("dp", "show");
    assert_int_equal(json_array_size(json), 1);
    json_decref(json);
    assert_null(help("ad-br", NULL));
    assert_string_equal(detail.text, "there is no command ad-br; did you mean add-br?");
}

static void the_schema_of_a_table_is_shown(void **state)
{
    json_t *json = NULL;
    segment = (struct segment){.arguments = {"Interface"}, .n_arguments = 1};
    assert_int_equal(read_schema(&client, &segment, &json, &detail), EXIT_DONE);
    assert_non_null(strstr(json_string_value(json), "ofport_request"));
    json_decref(json);
    json = NULL;
    segment.arguments[0] = "rule";
    assert_int_equal(read_schema(&client, &segment, &json, &detail), EXIT_FAILED);
    assert_null(json);
}

/* bash itself reads the script and completes with it. */
static void the_completion_script_completes(void **state)
{
    json_t *json = NULL;
    char said[256] = "";
    segment = (struct segment){.n_arguments = 0};
    assert_int_equal(read_completion(&client, &segment, &json, &detail), EXIT_DONE);
    FILE *out = fopen("/tmp/busbar-completion-test", "we");
    assert_non_null(out);
    fputs(json_string_value(json), out);
    fputs("COMP_WORDS=(swctl add-b); COMP_CWORD=1; _swctl; echo ${COMPREPLY[*]}\n"
          "COMP_WORDS=(swctl list contr); COMP_CWORD=2; _swctl; echo ${COMPREPLY[*]}\n",
          out);
    fclose(out);
    json_decref(json);
    FILE *in = popen("bash /tmp/busbar-completion-test 2>&1", "r"); /* the path is our own */
    assert_non_null(in);
    size_t size = fread(said, 1, sizeof said - 1, in);
    said[size] = '\0';
    assert_int_equal(pclose(in), 0);
    (void)remove("/tmp/busbar-completion-test");
    assert_string_equal(said, "add-br\ncontroller controller_status\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_explained_alone_or_all),
        cmocka_unit_test(the_schema_of_a_table_is_shown),
        cmocka_unit_test(the_completion_script_completes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
