/* The meters of the switch, as one fastpath sees them: rates from configdb's rows, buckets in a file that all fastpaths have mapped.
 *
 * A set without a file has buckets of its own (tests, the simulator). Rows of configdb name meters; the set finds or claims a slot for
 * each, keeps it claimed once a second, and lets it go by no longer doing so. One thread a process; meter_set_find() is on the packet path.
 */
#ifndef BUSBAR_FASTPATH_METER_SET_H
#define BUSBAR_FASTPATH_METER_SET_H

#include <stddef.h>

#include "proto/rules.pb-c.h"
#include "services/fastpath/policer.h"

enum {
    METER_SLOTS = 65536,   /* as many meters as Open vSwitch's userspace datapath has; untouched ones take no memory */
    METER_PROBES = 64,     /* slots a meter may have; a meter that finds all of them taken lets packets pass, and they are counted */
    METER_LEASE_S = 10,    /* a slot that nobody claimed for so long is free: far longer than a process stands still */
};

struct meter_set {
    struct policer **table; /* open addressing by id */
    uint32_t mask;          /* a power of two, less one */
    size_t n_meters;
    /* private */
    size_t n_unbound; /* meters without a slot */
    struct policer_slot *slots;
    uint8_t *is_backed; /* by chunk of METER_PROBES slots: the file has room for it */
    int fd;             /* -1: no file */
    uint64_t bound_ns;  /* when all slots were claimed last */
    uint64_t tried_ns;  /* when the missing ones were */
};

struct meter_counts {
    uint64_t packets, bytes;
    size_t n_bands;
    struct {
        uint64_t packets, bytes; /* that the band acted on */
    } bands[POLICER_BANDS_MAX];
};

/* file: of all fastpaths of a switch, made when it is not there; NULL: a set of its own. Errors: -errno. */
int meter_set_open(const char *file, struct meter_set **out_set, struct error_detail *detail) MUST_CHECK;
void meter_set_close(struct meter_set **set);
/* The row is this now; NULL: it is gone. Buckets and counters stay what they are. */
void meter_set_apply(struct meter_set *set, uint64_t id, const Busbar__MeterRow *row, uint64_t now_ns);
/* Keeps slots claimed. Call it often; it does something once a second, or when a meter has no slot. */
void meter_set_step(struct meter_set *set, uint64_t now_ns);
/* What all fastpaths counted, cumulative over the meter's life. False when it is not known or has no slot. */
bool meter_set_read(const struct meter_set *set, uint64_t id, struct meter_counts *out_counts) MUST_CHECK;
/* The next id at or behind *cursor, which moves behind it; 0 at the end. */
uint64_t meter_set_next(const struct meter_set *set, size_t *cursor);

static inline uint32_t meter_set_place(const struct meter_set *set, uint64_t id)
{
    return (uint32_t)(id * 0x9e3779b97f4a7c15ULL >> 32) & set->mask;
}

/* NULL when there is no such meter. */
static inline struct policer *meter_set_find(const struct meter_set *set, uint64_t id)
{
    uint32_t at = meter_set_place(set, id);
    while (set->table[at] != NULL && set->table[at]->id != id) {
        at = (at + 1) & set->mask;
    }
    return set->table[at];
}

#endif
