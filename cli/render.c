/* How swctl shows things. See render.h.
 *
 * Tables are laid out in two passes, widths first. The JSON is printed with sorted keys, so that two outputs can be compared.
 * One thread, no state; the cost is that of printing.
 */
#include "cli/render.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CELL_BYTES = 512, COLUMNS_MAX = 16 };

void render_scalar(const json_t *value, char *out, size_t room)
{
    if (value == NULL || json_is_null(value)) {
        snprintf(out, room, "-");
    } else if (json_is_string(value)) {
        snprintf(out, room, "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(out, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(out, room, "%.3f", json_real_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(out, room, "%s", json_is_true(value) ? "yes" : "no");
    } else {
        snprintf(out, room, "...");
    }
}

void render_table(const json_t *rows, const struct render_column *columns, size_t n_columns)
{
    size_t width[COLUMNS_MAX] = {0}, i;
    json_t *row;
    char cell[CELL_BYTES];

    n_columns = n_columns < COLUMNS_MAX ? n_columns : COLUMNS_MAX;
    for (size_t c = 0; c < n_columns; c++) {
        width[c] = strlen(columns[c].heading);
        json_array_foreach(rows, i, row) {
            render_scalar(json_object_get(row, columns[c].key), cell, sizeof cell);
            width[c] = strlen(cell) > width[c] ? strlen(cell) : width[c];
        }
    }
    for (size_t c = 0; c < n_columns; c++) {
        printf("%-*s%s", c + 1 < n_columns ? (int)width[c] : 0, columns[c].heading, c + 1 < n_columns ? "  " : "\n");
    }
    json_array_foreach(rows, i, row) {
        for (size_t c = 0; c < n_columns; c++) {
            const json_t *value = json_object_get(row, columns[c].key);
            bool is_last = c + 1 == n_columns;
            render_scalar(value, cell, sizeof cell);
            if (json_is_number(value)) {
                printf("%*s%s", (int)width[c], cell, is_last ? "\n" : "  ");
            } else {
                printf("%-*s%s", is_last ? 0 : (int)width[c], cell, is_last ? "\n" : "  ");
            }
        }
    }
}

void render_lines(const json_t *lines)
{
    size_t i;
    json_t *line;
    char text[CELL_BYTES];
    json_array_foreach(lines, i, line) {
        render_scalar(line, text, sizeof text);
        puts(text);
    }
}

static bool is_scalar(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value);
}

/* An array of scalars goes on one line, other arrays as one block an element. */
static void render_array(const json_t *value, int indent)
{
    size_t i;
    json_t *element;
    json_array_foreach(value, i, element) {
        if (i > 0 && !is_scalar(element)) {
            putchar('\n');
        }
        render_tree(element, indent);
    }
}

void render_tree(const json_t *value, int indent)
{
    char text[CELL_BYTES];
    const char *key;
    json_t *member;

    if (json_is_array(value)) {
        render_array(value, indent);
        return;
    }
    if (is_scalar(value)) {
        render_scalar(value, text, sizeof text);
        printf("%*s%s\n", indent, "", text);
        return;
    }
    json_object_foreach((json_t *)value, key, member) {
        if (is_scalar(member)) {
            render_scalar(member, text, sizeof text);
            printf("%*s%s: %s\n", indent, "", key, text);
        } else if (json_array_size(member) + json_object_size(member) > 0) {
            printf("%*s%s:\n", indent, "", key);
            render_tree(member, indent + 4);
        }
    }
}

void render_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    putchar('\n');
}
