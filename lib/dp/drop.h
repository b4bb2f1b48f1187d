/* Drop reasons by number and name, from drops.def. */
#ifndef BUSBAR_DP_DROP_H
#define BUSBAR_DP_DROP_H

enum drop_reason {
#define DROP(name, word, text) DROP_##name,
#include "lib/dp/drops.def"
#undef DROP
    DROP_REASON_COUNT
};

/* "no_rule", the name in metrics and on the command line. */
const char *drop_name(enum drop_reason reason);
/* A sentence for people. */
const char *drop_text(enum drop_reason reason);

#endif
