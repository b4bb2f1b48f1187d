/* Random matches that a controller could send: every field with its protocol, exact or masked. */
#ifndef BUSBAR_ORACLE_MATCH_H
#define BUSBAR_ORACLE_MATCH_H

#include "lib/base/random.h"
#include "lib/flow/match.h"

/* A match that match_check() accepts. */
struct match match_random(struct random *random);

#endif
