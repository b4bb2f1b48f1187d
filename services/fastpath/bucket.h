/* A token bucket: `rate` tokens a second, at most `burst` at once. Inline, because the packet path asks it. */
#ifndef BUSBAR_FASTPATH_BUCKET_H
#define BUSBAR_FASTPATH_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint64_t token_ns; /* time in which one token comes */
    uint64_t full_ns;  /* time in which an empty bucket fills */
    uint64_t empty_ns; /* the moment at which the bucket was empty, going on from there */
};

static inline struct bucket bucket_of_rate(uint64_t rate_per_s, uint64_t burst)
{
    return (struct bucket){.token_ns = 1000000000u / rate_per_s, .full_ns = burst * (1000000000u / rate_per_s)};
}

static inline bool bucket_take(struct bucket *bucket, uint64_t now_ns)
{
    if (now_ns > bucket->full_ns && bucket->empty_ns < now_ns - bucket->full_ns) {
        bucket->empty_ns = now_ns - bucket->full_ns;
    }
    if (bucket->empty_ns + bucket->token_ns > now_ns) {
        return false;
    }
    bucket->empty_ns += bucket->token_ns;
    return true;
}

#endif
