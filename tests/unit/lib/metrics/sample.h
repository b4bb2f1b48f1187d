/* What a page says: for the tests of who fills pages. */
#ifndef BUSBAR_TESTS_METRICS_SAMPLE_H
#define BUSBAR_TESTS_METRICS_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/metrics/page.h"

/* The value of the sample that is called so, labels included; fails when there is none, or more than one. */
static inline double sample_of(const struct page *page, const char *name)
{
    size_t size = strlen(name), n_found = 0;
    double value = 0;
    for (size_t at = 0; at < page->size;) {
        const char *line = page->text + at, *end = memchr(line, '\n', page->size - at);
        assert_non_null(end);
        if ((size_t)(end - line) > size && memcmp(line, name, size) == 0 && line[size] == ' ') {
            value = strtod(line + size, NULL);
            n_found++;
        }
        at += (size_t)(end - line) + 1;
    }
    if (n_found != 1) {
        fail_msg("%s is there %zu times", name, n_found);
    }
    return value;
}

#define assert_sample(page, name, expected) assert_true(sample_of(page, name) == (double)(expected))

#endif
