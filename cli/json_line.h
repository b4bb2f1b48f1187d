/* Where in a JSON text a value stands. */
#ifndef BUSBAR_CLI_JSON_LINE_H
#define BUSBAR_CLI_JSON_LINE_H

#include <stddef.h>

/* The line (from 1) of text.key, of text.key[index], or of text.key[index].member: as much of that path as there is. key and member may be NULL;
 * index SIZE_MAX: the value of `key` is no array. The text must be valid JSON. */
unsigned json_line(const char *text, const char *key, size_t index, const char *member);

#endif
