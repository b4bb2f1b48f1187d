/* Metering a packet.
 *
 * A bucket is one number, the moment at which it was empty, going on from there: what lies between that moment and now is what has
 * come in since, at most a full bucket. So taking tokens is moving the moment on by what the packet costs at the band's rate, which a
 * compare-and-swap does for all processes without a lock, and a bucket nobody looks at needs no filling.
 *
 *         now - full        empty                 now
 *     ────────┼───────────────┼────────────────────┼──►   tokens: now - empty
 *                             └─ cost ─►                  a packet that costs more than that finds the band exceeded
 *
 * Time is in ticks of 1/16 ns, from an origin so far back that no bucket reaches it: a byte at 100 Gbit/s costs 1.28 ticks (and the
 * cost of a packet is rounded once, so the rate is right to a tick a packet). Every band is charged, whether or not another one acts,
 * and packets that are dropped are charged to the bands that had tokens, as in Open vSwitch.
 * Slots are given to other meters only after no process has claimed to use them for ten seconds. A process that slept as long may
 * still come here: it reads the bucket first and the owner then, and a bucket that was cleared in between does not swap.
 * Cost: two reads and a swap a band, 10 to 30 ns, a cache line that moves between the cores. Packet path: no allocation, no lock.
 * Invariant: over any time t, all processes together take at most full + t of a band, but for the ticks their clocks differ by.
 */
#include "services/fastpath/policer.h"

#include "lib/dp/execute.h"

enum take { TAKE_DONE, TAKE_EXCEEDED, TAKE_GONE };

#define TICKS_OF_NS(ns) ((uint64_t)(ns) << 4)
#define ORIGIN (UINT64_C(1) << 61) /* longer than any full bucket */
#define FULL_MAX (UINT64_C(1) << 60)
#define SKEW TICKS_OF_NS(1000000000u) /* a moment this far in the future is of another life of the machine */

static enum take take(struct policer_slot *slot, uint64_t owner, struct policer_bucket *bucket, const struct policer_band *band,
                      uint64_t now, uint64_t cost)
{
    uint64_t found = atomic_load_explicit(&bucket->empty, memory_order_acquire);
    do {
        uint64_t empty = found;
        if (empty < now - band->full || empty > now + SKEW) {
            empty = now - band->full;
        }
        if (atomic_load_explicit(&slot->owner, memory_order_acquire) != owner) {
            return TAKE_GONE;
        }
        if (empty > now || cost > now - empty) {
            return TAKE_EXCEEDED;
        }
        if (atomic_compare_exchange_weak_explicit(&bucket->empty, &found, empty + cost, memory_order_acq_rel, memory_order_acquire)) {
            return TAKE_DONE;
        }
    } while (true);
}

static void count(_Atomic uint64_t *packets, _Atomic uint64_t *bytes, uint32_t size)
{
    atomic_fetch_add_explicit(packets, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(bytes, size, memory_order_relaxed);
}

int policer_run(const struct policer *policer, uint32_t size, uint64_t now_ns)
{
    struct policer_slot *slot = policer->slot;
    uint64_t now = ORIGIN + TICKS_OF_NS(now_ns);
    const struct policer_band *acting = NULL;
    if (slot == NULL || atomic_load_explicit(&slot->owner, memory_order_acquire) != policer->id) {
        return POLICER_UNKNOWN;
    }
    for (uint32_t i = 0; i < policer->n_bands; i++) {
        const struct policer_band *band = &policer->bands[i];
        uint64_t cost = band->cost == UINT64_MAX ? FULL_MAX + 1 : (band->cost * (policer->counts_packets ? 1 : size)) >> 16;
        enum take result = take(slot, policer->id, &slot->bands[i], band, now, cost);
        if (result == TAKE_GONE) {
            return POLICER_UNKNOWN;
        }
        if (result == TAKE_EXCEEDED && (acting == NULL || band->rate > acting->rate)) {
            acting = band;
        }
    }
    count(&slot->packets, &slot->bytes, size);
    if (acting == NULL) {
        return DP_METER_PASS;
    }
    struct policer_bucket *bucket = &slot->bands[acting - policer->bands];
    count(&bucket->packets, &bucket->bytes, size);
    return acting->verdict;
}

struct policer_band policer_band(bool counts_packets, uint32_t rate, uint32_t burst, int verdict)
{
    struct policer_band band = {.rate = rate, .verdict = verdict, .cost = UINT64_MAX};
    if (rate == 0) {
        return band;
    }
    /* A kilobit is 125 bytes. 10^9 ns of 16 ticks a second, and 16 bits of fraction: the largest, a packet a second, has 50 bits. */
    band.cost = (TICKS_OF_NS(1000000000u) << 16) / (counts_packets ? rate : (uint64_t)rate * 125);
    unsigned __int128 full = (unsigned __int128)(burst != 0 ? burst : rate) * TICKS_OF_NS(1000000000u) / rate;
    band.full = full < FULL_MAX ? (uint64_t)full : FULL_MAX;
    return band;
}

_Static_assert(sizeof(struct policer_slot) == 256 && sizeof(struct policer_bucket) == 24, "four cache lines in every process");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomic operations on shared memory must not lock");
