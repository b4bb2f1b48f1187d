/* Which ofagents have written something: a set of instance numbers in 64 bits, so that who waits for none of it is not woken.
 *
 *     bit 0: it is known; else it may be anybody          bit 1 + instance % 63: an ofagent with such a number
 *
 * Two instances that share a bit are told of each other's, which costs them a waking and nothing else. On the wire it is a number; 0, which an older
 * process sends, is everybody. Values; no thread.
 */
#ifndef BUSBAR_MSG_AUTHORS_H
#define BUSBAR_MSG_AUTHORS_H

#include <stdbool.h>
#include <stdint.h>

#define AUTHORS_ALL UINT64_C(0)
#define AUTHORS_NONE UINT64_C(1)

static inline uint64_t authors_one(uint32_t instance)
{
    return AUTHORS_NONE | UINT64_C(2) << instance % 63;
}

static inline bool authors_has(uint64_t authors, uint32_t instance)
{
    return (authors & AUTHORS_NONE) == 0 || (authors & UINT64_C(2) << instance % 63) != 0;
}

static inline uint64_t authors_join(uint64_t a, uint64_t b)
{
    return (a & b & AUTHORS_NONE) == 0 ? AUTHORS_ALL : a | b;
}

#endif
