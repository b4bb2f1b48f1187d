/* The time stamp counter: what a piece of work costs, read in a few nanoseconds. It runs at one rate whatever the core's clock does. */
#ifndef BUSBAR_FASTPATH_CYCLES_H
#define BUSBAR_FASTPATH_CYCLES_H

#include <stdint.h>

/* 0 on a machine without one. */
static inline uint64_t cycles(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

#endif
