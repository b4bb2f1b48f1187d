/* Words of Open vSwitch's flow syntax: "name", "name:value", "name=value", "name(value)", separated by commas or blanks.
 *
 * Parentheses nest, so a value may hold commas between them. The text is cut up in place.
 */
#ifndef BUSBAR_MODEL_WORD_H
#define BUSBAR_MODEL_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/error.h"

struct word {
    const char *name;
    const char *value; /* NULL when there is none; without the parentheses */
    bool in_parentheses;
};

/* Cuts the next word off *pos. 1: there is one; 0: the text is at its end; -ERROR_SYNTAX: parentheses do not match. */
int word_next(char **pos, struct word *out, struct error_detail *detail) MUST_CHECK;
/* "80", "0x50" or "-1" for all ones when max is UINT64_MAX. `what` names it in the message. -ERROR_SYNTAX, -ERROR_RANGE. */
int word_number(const char *what, const char *text, uint64_t max, uint64_t *out, struct error_detail *detail) MUST_CHECK;
/* Seconds, with milliseconds unless they are none at all: "5s", "0.029s", "2.500s". */
void word_put_duration(FILE *stream, uint64_t duration_ns);

#endif
