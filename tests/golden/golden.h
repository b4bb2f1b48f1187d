/* Reads golden files: lines "name | bytes in hex | text | ...", '#' begins a comment. */
#ifndef BUSBAR_TESTS_GOLDEN_GOLDEN_H
#define BUSBAR_TESTS_GOLDEN_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { GOLDEN_BYTES_MAX = 4096, GOLDEN_COLUMNS = 4 };

struct golden {
    char *line;                          /* owned; the columns point into it */
    const char *columns[GOLDEN_COLUMNS]; /* name, hex, the rest; "" when there are fewer */
    uint8_t bytes[GOLDEN_BYTES_MAX];
    size_t size;
};

/* The next row; false at the end of the file. Dies on a row that cannot be read. golden_fini() after the last. */
bool golden_next(FILE *file, struct golden *row);
void golden_fini(struct golden *row);

#endif
