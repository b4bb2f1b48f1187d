/* The pair of struct version and its message.
 *
 * A version is a value everywhere in the switch; the message form exists only inside other messages. An absent message
 * means "nothing yet", which is (0, 0), below every version configdb makes. Costs nothing, allocates nothing; any thread.
 */
#include "lib/msg/version.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* A number without sign or blanks; *text moves behind it. */
static bool parse_number(const char **text, uint64_t *out_number)
{
    char *end;
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    errno = 0;
    *out_number = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0;
}

int version_parse(const char *text, struct version *out_version)
{
    struct version version = {.epoch = 0};
    if (!parse_number(&text, &version.n)) {
        return -ERROR_SYNTAX;
    }
    if (*text == '.') {
        version.epoch = version.n;
        text++;
        if (version.epoch == 0 || !parse_number(&text, &version.n)) {
            return -ERROR_SYNTAX;
        }
    }
    if (*text != '\0') {
        return -ERROR_SYNTAX;
    }
    *out_version = version;
    return 0;
}

struct version version_decode(const Busbar__Version *message)
{
    return message != NULL ? (struct version){.epoch = message->epoch, .n = message->n} : (struct version){0};
}

void version_encode(struct version version, Busbar__Version *out_message)
{
    busbar__version__init(out_message);
    out_message->epoch = version.epoch;
    out_message->n = version.n;
}
