/* Tables and trees as people see them, compared with what is written here. */
#include "cli/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char printed[4096];

/* Runs `show` with standard output going to a file and keeps what it printed. */
static void capture(void (*show)(const json_t *), const char *json)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    FILE *file = tmpfile();
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    show(value);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = '\0';
    fclose(file);
    json_decref(value);
}

static void show_table(const json_t *json)
{
    static const struct render_column columns[] = {{"name", "name"}, {"n", "packets"}, {"link", "link"}};
    render_table(json, columns, 3);
}

static void show_tree(const json_t *json)
{
    render_tree(json, 0);
}

static void tables_are_aligned_and_show_what_is_missing(void **state)
{
    capture(show_table, "[{\"name\":\"v0\",\"n\":7,\"link\":true},{\"name\":\"longer\",\"n\":123}]");
    assert_string_equal(printed, "name    packets  link\n"
                                 "v0            7  yes\n"
                                 "longer      123  -\n");
}

static void an_empty_table_shows_its_heading(void **state)
{
    capture(show_table, "[]");
    assert_string_equal(printed, "name  packets  link\n");
}

static void trees_are_indented(void **state)
{
    capture(show_tree, "{\"a\":1,\"b\":{\"c\":\"x\"},\"empty\":[],\"d\":[2,3]}");
    assert_string_equal(printed, "a: 1\nb:\n    c: x\nd:\n    2\n    3\n");
}

static void long_text_is_cut_not_overrun(void **state)
{
    char *json = malloc(3000);
    memset(json, 'x', 2999);
    json[0] = '"';
    json[2998] = '"';
    json[2999] = '\0';
    capture(show_tree, json);
    free(json);
    assert_int_equal(strlen(printed), 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_aligned_and_show_what_is_missing),
        cmocka_unit_test(an_empty_table_shows_its_heading),
        cmocka_unit_test(trees_are_indented),
        cmocka_unit_test(long_text_is_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
