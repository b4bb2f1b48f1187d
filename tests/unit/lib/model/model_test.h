/* What the tests of lib/model share: cmocka's includes, and text in, text out with assertions. */
#ifndef BUSBAR_TESTS_MODEL_TEST_H
#define BUSBAR_TESTS_MODEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/model/rule.h"

static inline struct match model_match(const char *text)
{
    struct match match;
    struct error_detail detail = {""};
    if (match_parse(text, NULL, &match, &detail) != 0) {
        print_error("%s: %s\n", text, detail.text);
        fail();
    }
    return match;
}

static inline struct instructions model_instructions(const char *text)
{
    struct instructions in;
    struct error_detail detail = {""};
    if (instructions_parse(text, NULL, &in, &detail) != 0) {
        print_error("%s: %s\n", text, detail.text);
        fail();
    }
    return in;
}

static inline struct action_list model_actions(const char *text)
{
    struct action_list list;
    struct error_detail detail = {""};
    if (action_list_parse(text, NULL, &list, &detail) != 0) {
        print_error("%s: %s\n", text, detail.text);
        fail();
    }
    return list;
}

#endif
