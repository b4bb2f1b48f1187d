/* The usage wire: counter values and the floor, to whoever said hello. proto/README.md, "usage". */
#ifndef BUSBAR_FASTPATH_USAGE_H
#define BUSBAR_FASTPATH_USAGE_H

#include "services/fastpath/shard.h"

enum {
    USAGE_RECEIVERS_MAX = 32,
    USAGE_REPORT_MS = 500,
    USAGE_FLOOR_LATER_MS = 10, /* whoever waits for no commit that the floor has passed is told so late, with all that follow */
    USAGE_SLOTS_PER_STEP = 8192,  /* looked at a step, all receivers together: 0.1 ms when they are not in the CPU's cache */
    USAGE_VALUES_PER_PIECE = 1024, /* 0.15 ms to make, pack and send */
    USAGE_PIECES_PER_STEP = 4,
    USAGE_PORTS_PER_PIECE = 128,  /* a system call each */
    USAGE_METERS_PER_PIECE = 128, /* three cache lines each that all shards write */
};

struct usage_receiver {
    bool is_used;
    struct bus_identity who;
    uint64_t kinds;    /* bit (1 << kind) */
    uint64_t sequence; /* of its last report */
    uint64_t told;     /* the tick up to which it knows */
    bool wants_all;
    /* The report under way: */
    bool is_reporting, is_all;
    bool has_begun;     /* its first piece has been sent */
    uint64_t tick;      /* up to which it will know when this report has ended */
    uint32_t slot, port; /* the next ones to look at */
    size_t meter;
    uint64_t moved_ns;  /* when a piece was sent last */
    uint64_t floor_n;   /* it was told */
};

struct usage_report; /* usage.c: a piece being made */

struct usage {
    struct bus_socket *socket;
    struct usage_receiver receivers[USAGE_RECEIVERS_MAX];
    uint64_t reported_ns;
    bool is_settling;        /* flows are being credited for the next report, a slice a step */
    size_t next;             /* receiver whose turn it is */
    uint32_t idle_slot;      /* where to look next for ids to drop */
    uint32_t n_idle_left;    /* slots to look at for them before the next reports */
    uint64_t registered_row; /* of the shard's service row */
    uint64_t floor_owed_ns;  /* since when some ofagent has not been told of the floor; 0: all have */
    uint64_t n_late;         /* reports put off because the bus had no room */
    struct usage_report *piece; /* made when it is needed first */
};

/* Gives its memory back; the socket stays. */
void usage_fini(struct usage *usage);
/* Takes in what receivers said and reports when it is time. Returns the number of messages handled. */
unsigned usage_step(struct usage *usage, struct shard *shard, uint64_t now_ns);
/* The floor has moved: tells those ofagents at once whose commits it has passed (lib/msg/authors.h), the others USAGE_FLOOR_LATER_MS later. */
void usage_tell_floor(struct usage *usage, const struct shard *shard, uint64_t authors, uint64_t now_ns);
/* Is some ofagent still to be told of the floor? */
bool usage_owes_floor(const struct usage *usage);

#endif
