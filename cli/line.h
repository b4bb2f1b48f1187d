/* swctl's command line: options anywhere, one or several commands separated by --. */
#ifndef BUSBAR_CLI_LINE_H
#define BUSBAR_CLI_LINE_H

#include "cli/command.h"

enum { LINE_SEGMENTS_MAX = 64 /* commands of one line: one transaction */ };

struct line {
    struct segment *segments; /* LINE_SEGMENTS_MAX, owned */
    size_t n;
    bool is_help, is_version, is_wait; /* is_wait: what holds anyway, unless --no-wait */
};

void line_init(struct line *line);
void line_fini(struct line *line);
/* Reads argv into `line`, and the options that are about the connection into `client`. Words are lent from argv. With --help or --version
 * nothing else is checked. Errors: -ERROR_SYNTAX, -ERROR_UNKNOWN_NAME, -ERROR_RANGE, -ERROR_TOO_LARGE; the detail names the word. */
int line_parse(struct client *client, int argc, char **argv, struct line *line, struct error_detail *detail) MUST_CHECK;

#endif
