/* Proposals for mistyped words. */
#include "lib/base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest(const char *word, const char *const *candidates)
{
    struct suggest suggest;
    suggest_init(&suggest, word);
    for (size_t i = 0; candidates[i] != NULL; i++) {
        suggest_offer(&suggest, candidates[i]);
    }
    return suggest.best;
}

static void the_nearest_is_proposed(void **state)
{
    static const char *const names[] = {"add-br", "del-br", "add-port", "list-ports", NULL};
    assert_string_equal(nearest("add-rb", names), "add-br");    /* exchanged */
    assert_string_equal(nearest("add-brr", names), "add-br");   /* one too many */
    assert_string_equal(nearest("ad-port", names), "add-port"); /* one too few */
    assert_string_equal(nearest("LIST-PRTS", names), "list-ports");
    assert_string_equal(nearest("dek-br", names), "del-br");
}

static void what_is_far_is_not_proposed(void **state)
{
    static const char *const names[] = {"add-br", "tag", NULL};
    char longest[100];
    memset(longest, 'a', sizeof longest);
    longest[99] = '\0';
    assert_null(nearest("wait-until", names));
    assert_null(nearest("xyz", names));
    assert_null(nearest("", names));
    assert_null(nearest(longest, names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_is_proposed),
        cmocka_unit_test(what_is_far_is_not_proposed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
