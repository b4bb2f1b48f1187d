/* The line of a value in a JSON text.
 *
 * jansson tells lines of syntax errors only; what is wrong with a value is known later, when its place is not. So the text, known to be
 * good by then, is walked once more, for the error alone. Keys are compared as they are written. Costs a walk over the text; no state.
 */
#include "cli/json_line.h"

#include <stdint.h>
#include <string.h>

static const char *skip_space(const char *c)
{
    return c + strspn(c, " \t\r\n");
}

/* Behind the text that begins at the quote. */
static const char *skip_text(const char *c)
{
    for (c++; *c != '"' && *c != '\0'; c++) {
        c += *c == '\\' && c[1] != '\0' ? 1 : 0;
    }
    return *c == '"' ? c + 1 : c;
}

/* Behind the value. */
static const char *skip_value(const char *c)
{
    size_t depth = 0;
    do {
        if (*c == '\0') {
            break; /* not JSON after all */
        }
        if (*c == '"') {
            c = skip_text(c);
            continue;
        }
        depth += *c == '{' || *c == '[' ? 1 : 0;
        depth -= (*c == '}' || *c == ']') && depth > 0 ? 1 : 0;
        c++;
    } while (*c != '\0' && (depth > 0 || strchr(",}] \t\r\n", *c) == NULL));
    return c;
}

/* The value of a member of the object at c, NULL when it has none such. */
static const char *enter_member(const char *c, const char *key)
{
    size_t n = strlen(key);
    for (c = skip_space(c + 1); *c == '"'; c = skip_space(c)) {
        const char *end = skip_text(c);
        const char *value = skip_space(end);
        value = skip_space(*value == ':' ? value + 1 : value);
        if ((size_t)(end - c) == n + 2 && memcmp(c + 1, key, n) == 0) {
            return value;
        }
        c = skip_space(skip_value(value));
        c = *c == ',' ? skip_space(c + 1) : c;
    }
    return NULL;
}

static const char *enter_element(const char *c, size_t index)
{
    for (c = skip_space(c + 1); *c != ']' && *c != '\0' && index > 0; index--) {
        c = skip_space(skip_value(c));
        c = *c == ',' ? skip_space(c + 1) : c;
    }
    return *c != ']' && *c != '\0' ? c : NULL;
}

unsigned json_line(const char *text, const char *key, size_t index, const char *member)
{
    const char *at = skip_space(text);
    const char *next = key != NULL && *at == '{' ? enter_member(at, key) : NULL;
    if (next != NULL) {
        at = next;
        next = index != SIZE_MAX && *at == '[' ? enter_element(at, index) : index == SIZE_MAX ? at : NULL;
    }
    if (next != NULL) {
        at = next;
        next = member != NULL && *at == '{' ? enter_member(at, member) : NULL;
        at = next != NULL ? next : at;
    }
    unsigned line = 1;
    for (const char *c = text; c < at; c++) {
        line += *c == '\n' ? 1 : 0;
    }
    return line;
}
