/* docs/schema.md is what columns.def says. */
#include "lib/cfg/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"

static char *file_text(const char *name)
{
    enum { ROOM = 1 << 20 };
    char *text = memory_zeroed(ROOM);
    FILE *in = fopen(name, "re");
    if (in == NULL) {
        fail_msg("%s is missing: swctl schema >%s", name, name);
    }
    size_t size = fread(text, 1, ROOM - 1, in);
    assert_true(size < ROOM - 1);
    fclose(in);
    return text;
}

static void the_page_is_made_of_the_table(void **state)
{
    char *made = schema_markdown(0), *page = file_text("docs/schema.md");
    if (strcmp(made, page) != 0) {
        fail_msg("docs/schema.md is out of date: swctl schema >docs/schema.md");
    }
    free(made);
    free(page);
}

static void one_table_comes_alone(void **state)
{
    char *text = schema_markdown(CFG_CONTROLLER);
    assert_null(strstr(text, "# Schema"));
    assert_null(strstr(text, "fail_mode"));
    assert_non_null(strstr(text, "| `inactivity_probe` | number | 0 to 3600000 | ms | 5000 | live |"));
    assert_non_null(strstr(text, "No two rows agree in bridge and target."));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_made_of_the_table),
        cmocka_unit_test(one_table_comes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
