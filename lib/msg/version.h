/* A version of configdb as a value: (epoch, n), ordered by n within an epoch. Pair with the protobuf message Version. */
#ifndef BUSBAR_MSG_VERSION_H
#define BUSBAR_MSG_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "proto/common.pb-c.h"

struct version {
    uint64_t epoch;
    uint64_t n;
};

/* n goes on over epochs (configdb continues above the greatest n it ever showed), so comparing n alone is enough and safe. */
static inline bool version_reached(struct version have, struct version wanted)
{
    return have.n >= wanted.n;
}

/* "1700000000.12", or "12" (epoch 0). -ERROR_SYNTAX. */
int version_parse(const char *text, struct version *out_version) MUST_CHECK;

struct version version_decode(const Busbar__Version *message); /* NULL: (0, 0) */
void version_encode(struct version version, Busbar__Version *out_message); /* initialises the message */

#endif
