/* One meter at work: token buckets that all fastpaths of the switch share, and what a packet does to them.
 *
 * A slot lies in memory that other processes have mapped, too (meter_set.h); a policer is what one process knows of the meter: its rates,
 * and where its slot is. Each band has a bucket; of the bands whose bucket is empty the one with the highest rate acts [OF1.3.5 §5.7].
 * Packet path: no lock, no system call.
 */
#ifndef BUSBAR_FASTPATH_POLICER_H
#define BUSBAR_FASTPATH_POLICER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

enum {
    POLICER_BANDS_MAX = 8, /* as many as Open vSwitch's; with the head they fill four cache lines */
    POLICER_UNKNOWN = -2   /* beside DP_METER_DROP and DP_METER_PASS: nobody measured the packet */
};

/* Shared. Written by every process, with atomic operations. */
struct policer_bucket {
    _Atomic uint64_t empty; /* the moment, in ticks, at which the bucket was empty, going on from there */
    _Atomic uint64_t packets, bytes;
};

/* Shared. The head and the first band, often the only one, are one cache line. */
struct policer_slot {
    _Alignas(64) _Atomic uint64_t owner; /* row of the meter, 0 = none; rows are never used twice, so it tells lives apart */
    _Atomic uint64_t seen_ns;            /* when some process said last that it uses the slot; 0 = never */
    _Atomic uint64_t packets, bytes;
    struct policer_bucket bands[POLICER_BANDS_MAX];
    uint64_t reserved[4];
};

struct policer_band {
    uint64_t cost;  /* of a byte or packet, in ticks, with 16 bits of fraction; UINT64_MAX: the rate is 0 */
    uint64_t full;  /* ticks in which an empty bucket fills */
    uint32_t rate;
    int verdict;    /* of a packet that the band acts on */
};

struct policer {
    uint64_t id;
    struct policer_slot *slot; /* NULL: there is none at present */
    bool counts_packets;       /* rates are packets a second, not kilobits */
    uint32_t n_bands;
    struct policer_band bands[POLICER_BANDS_MAX];
    /* usage.c's: what the meter had counted when it was looked at last, and the tick behind the one when that was more than before. */
    uint64_t seen_packets, changed;
};

/* One packet of `size` bytes at `now_ns`. DP_METER_DROP, DP_METER_PASS, levels, or POLICER_UNKNOWN when the slot has become another's. */
int policer_run(const struct policer *policer, uint32_t size, uint64_t now_ns);
/* rate: kilobits or packets a second; burst: kilobits or packets, 0 = what comes in a second, as in Open vSwitch. */
struct policer_band policer_band(bool counts_packets, uint32_t rate, uint32_t burst, int verdict);

#endif
