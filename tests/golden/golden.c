/* Reader of golden files. Tests only; a malformed file is a failure of the test, said on standard error.
 *
 * Columns are cut at " | "; the second is hex. One thread.
 * Invariant: a row given out has bytes.
 */
#include "tests/golden/golden.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *line)
{
    fprintf(stderr, "golden file: %s: %s\n", what, line);
    abort();
}

static unsigned digit(char c, const char *line)
{
    if (!isxdigit((unsigned char)c)) {
        die("not hex", line);
    }
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

static void cut_columns(struct golden *row)
{
    char *pos = row->line;

    for (size_t i = 0; i < GOLDEN_COLUMNS; i++) {
        row->columns[i] = pos;
        char *bar = strstr(pos, " | ");
        if (bar == NULL || i == GOLDEN_COLUMNS - 1) {
            pos += strlen(pos);
            continue;
        }
        *bar = '\0';
        pos = bar + 3;
    }
}

bool golden_next(FILE *file, struct golden *row)
{
    size_t room = 0;

    golden_fini(row);
    while (getline(&row->line, &room, file) > 0) {
        if (row->line[0] == '#' || row->line[0] == '\n') {
            continue;
        }
        row->line[strcspn(row->line, "\n")] = '\0';
        cut_columns(row);
        const char *hex = row->columns[1];
        row->size = strlen(hex) / 2;
        if (row->size == 0 || row->size > sizeof row->bytes) {
            die("no bytes, or too many", row->line);
        }
        for (size_t i = 0; i < row->size; i++) {
            row->bytes[i] = (uint8_t)(digit(hex[2 * i], row->line) << 4 | digit(hex[2 * i + 1], row->line));
        }
        return true;
    }
    return false;
}

void golden_fini(struct golden *row)
{
    free(row->line);
    row->line = NULL;
}
