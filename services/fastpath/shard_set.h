/* Who lives: the shards (fastpath processes) of one run directory, and which of them owns a receive queue.
 *
 * Each shard that is ready to take packets holds an exclusive lock on RUN/fastpath.N.live. Death frees the lock at once, whatever the
 * process did before. One thread; all time by argument.
 */
#ifndef BUSBAR_FASTPATH_SHARD_SET_H
#define BUSBAR_FASTPATH_SHARD_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum {
    SHARDS_MAX = 16,        /* as many as receive queues are usual; the instances beyond the 16 lowest own nothing */
    SHARD_SET_LOOK_MS = 50, /* a dead shard is seen within this; some 50 system calls a second for each that lives */
};

struct shard_set {
    uint32_t self;             /* our instance */
    uint32_t live[SHARDS_MAX]; /* instances, ascending */
    size_t n_live;
    uint64_t changes; /* grows whenever `live` changes */
    /* private */
    char run_dir[96]; /* "": we are alone, without files */
    int fd;           /* our lock, -1 until we have joined */
    uint64_t looked_ns;
};

/* run_dir NULL: a set of just us, joined (tests, the simulator). Else empty until the first look. */
void shard_set_init(struct shard_set *set, const char *run_dir, uint32_t self);
void shard_set_fini(struct shard_set *set);
/* From the next look on we are one of them. 0 too when we are already; -EAGAIN when somebody looks at our lock at this moment. */
int shard_set_join(struct shard_set *set) MUST_CHECK;
bool shard_set_has_joined(const struct shard_set *set);
/* The others see it at their next look. */
void shard_set_leave(struct shard_set *set);
/* Looks when it is time to. True when `live` has changed. */
bool shard_set_look(struct shard_set *set, uint64_t now_ns);
/* At once. */
bool shard_set_look_now(struct shard_set *set);

/* We are one of those that live. */
bool shard_set_has_us(const struct shard_set *set);
/* The lowest instance alive: it has what only one shard can have, and speaks for all. 0 when none lives. */
uint32_t shard_set_lowest(const struct shard_set *set);
bool shard_set_is_lowest(const struct shard_set *set);
/* The instance that owns this receive queue of the device; 0 when none lives. */
uint32_t shard_set_owner(const struct shard_set *set, const char *device, uint32_t queue);
bool shard_set_owns(const struct shard_set *set, const char *device, uint32_t queue);

#endif
