/* One error space for the whole switch: negative errno values and the rows of errors.def.
 *
 * A function three levels down can say what is wrong, everybody above passes the number on, and whoever stops it prints
 * error_text() once. Where the number is not enough, the caller lends an error_detail that the callee fills with the name of
 * the field and the value that was wrong: people need that, programs need the number.
 */
#ifndef BUSBAR_BASE_ERROR_H
#define BUSBAR_BASE_ERROR_H

#include <stddef.h>

enum error_code {
#define ERROR(name, number, text) ERROR_##name = (number),
#include "lib/base/errors.def"
#undef ERROR
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))

/* What exactly was wrong, for people. */
struct error_detail {
    char text[256];
};

/* The text of an error; `err` may be given as -ERROR_X or -errno. Never NULL, lives for ever. */
const char *error_text(int err);

/* Fills `detail` (which may be NULL) and returns `err`, so that a function can write `return error_set(d, -EINVAL, ...)`. */
int error_set(struct error_detail *detail, int err, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
