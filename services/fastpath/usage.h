/* The usage wire: counter values and the floor, to whoever said hello. proto/README.md, "usage". */
#ifndef BUSBAR_FASTPATH_USAGE_H
#define BUSBAR_FASTPATH_USAGE_H

#include "services/fastpath/shard.h"

enum { USAGE_RECEIVERS_MAX = 32, USAGE_REPORT_MS = 500 };

struct usage_receiver {
    bool is_used;
    struct bus_identity who;
    uint64_t kinds;    /* bit (1 << kind) */
    uint64_t sequence; /* of its last report */
    uint64_t told;     /* the tick up to which it knows */
    bool wants_all;
};

struct usage {
    struct bus_socket *socket;
    struct usage_receiver receivers[USAGE_RECEIVERS_MAX];
    uint64_t reported_ns;
    bool is_settling;        /* flows are being credited for the next report, a slice a step */
    uint64_t registered_row; /* of the shard's service row */
    uint64_t n_late;         /* reports put off because the bus had no room */
};

/* Takes in what receivers said and reports when it is time. Returns the number of messages handled. */
unsigned usage_step(struct usage *usage, struct shard *shard, uint64_t now_ns);
/* The floor has moved: tells the ofagents at once. */
void usage_tell_floor(struct usage *usage, const struct shard *shard);

#endif
