/* A small seeded generator (xoshiro256**), passed as an argument wherever chance is needed, so that a run can be replayed.
 *
 * Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018. Not for secrets: keys and start numbers
 * come from random_start_number(), which asks the kernel.
 */
#ifndef BUSBAR_BASE_RANDOM_H
#define BUSBAR_BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
/* Uniform in 0 .. limit-1; limit 0 gives 0. */
uint64_t random_below(struct random *r, uint64_t limit);
/* A number that names one life of a process: from the kernel, never 0. */
uint64_t random_start_number(void);

#endif
