/* A match as the words of it that look at something, for what there is a million of: a rule on an address is 32 bytes and not 448. */
#ifndef BUSBAR_SLOWPATH_PACKED_MATCH_H
#define BUSBAR_SLOWPATH_PACKED_MATCH_H

#include "lib/flow/match.h"

struct packed_word {
    uint64_t value, mask;
};

/* How many words a match has whose mask is not zero in the words of `used` (field_words_used()). */
static inline size_t packed_match_count(uint32_t used)
{
    return (size_t)__builtin_popcount(used);
}

/* `used`: words of the mask, perhaps not all of them. out_words has room for packed_match_count(used). */
void packed_match_pack(const struct match *match, uint32_t used, struct packed_word *out_words);
void packed_match_unpack(const struct packed_word *words, uint32_t used, struct match *out_match);

#endif
