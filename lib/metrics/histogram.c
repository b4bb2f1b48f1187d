/* Durations in exponential buckets. See histogram.h.
 *
 * A bucket is found by the length of the number, without a loop over bounds: it is done for each flow that is installed.
 * Cost: some ten instructions a duration, one cache line. The caller's thread. Never allocates.
 */
#include "lib/metrics/histogram.h"

void histogram_add(struct histogram *histogram, uint64_t duration_ns)
{
    uint64_t firsts = duration_ns == 0 ? 0 : (duration_ns - 1) / HISTOGRAM_FIRST_NS; /* 0: within the first bound, 1: the second, 2..3: the third */
    size_t bucket = firsts == 0 ? 0 : 64 - (size_t)__builtin_clzll(firsts);
    histogram->counts[bucket < HISTOGRAM_BOUNDS ? bucket : HISTOGRAM_BOUNDS]++;
    histogram->sum_ns += duration_ns;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        n += histogram->counts[i];
    }
    return n;
}

uint64_t histogram_bound_ns(size_t i)
{
    return (uint64_t)HISTOGRAM_FIRST_NS << i;
}
