/* The tokenizer of flow text: one pass, in place, no memory of its own.
 *
 * Words are cut by overwriting the delimiter behind them, so the caller works on a copy of its text. The cost is linear and every byte is
 * looked at once. Any thread, no state. Invariant: *pos never moves past the terminating zero.
 */
#include "lib/model/word.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of a value: a separator outside parentheses, or (closing = true) the parenthesis that closes it; NULL when there is none. */
static char *value_end(char *pos, bool closing)
{
    int depth = 0;

    for (;; pos++) {
        if (*pos == '(') {
            depth++;
        } else if (*pos == ')' && depth-- == 0) {
            return closing ? pos : NULL;
        } else if (depth == 0 && !closing && (*pos == '\0' || is_separator(*pos))) {
            return pos;
        } else if (*pos == '\0') {
            return NULL;
        }
    }
}

static int cut_value(char *open, struct word *word, char **pos, struct error_detail *detail)
{
    word->in_parentheses = *open == '(';
    *open = '\0';
    char *end = value_end(open + 1, word->in_parentheses);
    if (end == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s: parentheses do not match", word->name);
    }
    word->value = open + 1;
    *pos = *end != '\0' ? end + 1 : end;
    *end = '\0';
    if (word->in_parentheses && **pos != '\0' && !is_separator(**pos)) {
        return error_set(detail, -ERROR_SYNTAX, "%s: expected a comma behind the parenthesis", word->name);
    }
    return 1;
}

int word_next(char **pos, struct word *out, struct error_detail *detail)
{
    char *p = *pos;

    while (is_separator(*p)) {
        p++;
    }
    if (*p == '\0') {
        *pos = p;
        return 0;
    }
    struct word word = {.name = p, .value = NULL, .in_parentheses = false};
    p += strcspn(p, ":=(, \t\r\n");
    if (*p == ':' || *p == '=' || *p == '(') {
        int found = cut_value(p, &word, pos, detail);
        if (found > 0) {
            *out = word;
        }
        return found;
    }
    *pos = *p != '\0' ? p + 1 : p;
    *p = '\0';
    *out = word;
    return 1;
}

int word_number(const char *what, const char *text, uint64_t max, uint64_t *out, struct error_detail *detail)
{
    char *end = NULL;

    if (text != NULL && max == UINT64_MAX && strcmp(text, "-1") == 0) {
        *out = UINT64_MAX;
        return 0;
    }
    if (text == NULL || !isdigit((unsigned char)text[0])) {
        return error_set(detail, -ERROR_SYNTAX, "%s: expected a number, not \"%s\"", what, text != NULL ? text : "");
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (*end != '\0') {
        return error_set(detail, -ERROR_SYNTAX, "%s: \"%s\" is not a number", what, text);
    }
    if (errno != 0 || value > max) {
        return error_set(detail, -ERROR_RANGE, "%s: %s is above %llu", what, text, (unsigned long long)max);
    }
    *out = value;
    return 0;
}

void word_put_duration(FILE *stream, uint64_t duration_ns)
{
    unsigned millis = (unsigned)(duration_ns / 1000000 % 1000);

    fprintf(stream, "%" PRIu64, duration_ns / 1000000000);
    if (millis != 0) {
        fprintf(stream, ".%03u", millis);
    }
    fputc('s', stream);
}
