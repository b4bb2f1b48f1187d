/* Durations counted in exponential buckets: 10 us, 20 us, 40 us, ... 5.24 s, and all beyond.
 *
 * The bounds are the same everywhere, so that histograms of several processes can be added up; a duration of exactly a bound is in its
 * bucket. One thread writes and reads.
 */
#ifndef BUSBAR_METRICS_HISTOGRAM_H
#define BUSBAR_METRICS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_BOUNDS = 20,         /* from less than a hand-over between threads takes to longer than a barrier may */
    HISTOGRAM_FIRST_NS = 10 * 1000 /* the first bound */
};

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last: beyond all bounds; not cumulative */
    uint64_t sum_ns;
};

void histogram_add(struct histogram *histogram, uint64_t duration_ns);
uint64_t histogram_count(const struct histogram *histogram);
/* The upper bound of bucket i < HISTOGRAM_BOUNDS. */
uint64_t histogram_bound_ns(size_t i);

#endif
