/* Matches without the words they do not look at. See packed_match.h.
 *
 * Word n of the state is at the place that counts the used words before it, so walks go over bits of `used` and words side by side. The questions are
 * those of match.c over the words that count: what is not used has a mask of zero.
 * Control code; any thread; no state. Invariant: no word in it has a mask of zero, so equal matches are equal bytes.
 */
#include "lib/flow/packed_match.h"

#include <xxhash.h>

#include "lib/flow/field.h"

_Static_assert(offsetof(struct packed_match, words) == offsetof(struct packed_match_room, words), "one layout");

size_t packed_match_count(const struct packed_match *packed)
{
    return (size_t)__builtin_popcount(packed->used);
}

size_t packed_match_words(const struct match *match)
{
    return (size_t)__builtin_popcount(field_words_used(&match->mask));
}

void packed_match_of(const struct match *match, struct packed_match *out)
{
    size_t n = 0;

    out->used = field_words_used(&match->mask);
    for (uint32_t left = out->used; left != 0; left &= left - 1) {
        size_t i = (size_t)__builtin_ctz(left);
        out->words[n++] = (struct packed_word){.value = state_word(&match->value, i), .mask = state_word(&match->mask, i)};
    }
}

void packed_match_read(const struct packed_match *packed, struct match *out_match)
{
    const struct packed_word *word = packed->words;

    match_init(out_match);
    for (uint32_t left = packed->used; left != 0; left &= left - 1, word++) {
        size_t i = (size_t)__builtin_ctz(left);
        state_set_word(&out_match->value, i, word->value);
        state_set_word(&out_match->mask, i, word->mask);
    }
}

bool packed_match_equal(const struct packed_match *a, const struct packed_match *b)
{
    return a->used == b->used && memcmp(a->words, b->words, packed_match_count(a) * sizeof *a->words) == 0;
}

bool packed_match_is_covered(const struct packed_match *packed, const struct match *outer)
{
    const struct packed_word *word = packed->words;
    uint64_t difference = 0;

    if ((field_words_used(&outer->mask) & ~packed->used) != 0) {
        return false;
    }
    for (uint32_t left = packed->used; left != 0; left &= left - 1, word++) {
        size_t i = (size_t)__builtin_ctz(left);
        uint64_t looked_at = state_word(&outer->mask, i);
        difference |= looked_at & (~word->mask | (state_word(&outer->value, i) ^ word->value));
    }
    return difference == 0;
}

bool packed_match_overlaps(const struct packed_match *packed, const struct match *match)
{
    const struct packed_word *word = packed->words;
    uint64_t difference = 0;

    for (uint32_t left = packed->used; left != 0; left &= left - 1, word++) {
        size_t i = (size_t)__builtin_ctz(left);
        difference |= state_word(&match->mask, i) & word->mask & (state_word(&match->value, i) ^ word->value);
    }
    return difference == 0;
}

uint64_t packed_match_hash(const struct packed_match *packed, uint64_t seed)
{
    return XXH3_64bits_withSeed(packed->words, packed_match_count(packed) * sizeof *packed->words, seed ^ (uint64_t)packed->used << 32);
}
