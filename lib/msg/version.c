/* The pair of struct version and its message.
 *
 * A version is a value everywhere in the switch; the message form exists only inside other messages. An absent message
 * means "nothing yet", which is (0, 0), below every version configdb makes. Costs nothing, allocates nothing; any thread.
 */
#include "lib/msg/version.h"

#include <stddef.h>

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
