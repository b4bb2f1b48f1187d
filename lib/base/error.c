/* Texts of errors: errno's from the C library, ours from errors.def.
 *
 * Called from every thread; keeps no state. strerrordesc_np() is used because strerror() may write into a shared buffer.
 * Costs nothing until an error is printed.
 */
#include "lib/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *error_text(int err)
{
    int code = err < 0 ? -err : err;

    switch (code) {
    case 0:
        return "no error";
#define ERROR(name, number, text)                                                                                              \
    case ERROR_##name:                                                                                                         \
        return text;
#include "lib/base/errors.def"
#undef ERROR
    default:
        break;
    }
    const char *text = strerrordesc_np(code);
    return text != NULL ? text : "unknown error";
}

int error_set(struct error_detail *detail, int err, const char *format, ...)
{
    if (detail != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(detail->text, sizeof detail->text, format, args);
        va_end(args);
    }
    return err;
}
