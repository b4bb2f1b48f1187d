/* How swctl shows things: JSON for programs, aligned tables for people. */
#ifndef BUSBAR_CLI_RENDER_H
#define BUSBAR_CLI_RENDER_H

#include <jansson.h>
#include <stddef.h>

struct render_column {
    const char *key;     /* of the JSON object */
    const char *heading;
};

/* Prints an array of objects as a table; missing values are "-". Numbers are right-aligned. */
void render_table(const json_t *rows, const struct render_column *columns, size_t n_columns);
/* Prints an array of strings, one a line. */
void render_lines(const json_t *lines);
/* Any value as "key: value" lines, nested objects indented. */
void render_tree(const json_t *value, int indent);
void render_json(const json_t *value);
/* The text of a scalar into `out`; "-" for NULL. */
void render_scalar(const json_t *value, char *out, size_t room);

#endif
