/* A match as who keeps a million of them has it: only the words of the state in which it looks at something.
 *
 * Most matches look at two to five of 28 words, so one takes 40 to 90 bytes instead of 448, and comparing two touches as much less. Equal matches are equal
 * bytes. Whoever keeps one puts it at the end of his own struct, with room for packed_match_words().
 */
#ifndef BUSBAR_FLOW_PACKED_MATCH_H
#define BUSBAR_FLOW_PACKED_MATCH_H

#include "lib/flow/match.h"

struct packed_word {
    uint64_t value, mask;
};

struct packed_match {
    uint32_t used;              /* bit n: word n of the state is one of: */
    struct packed_word words[]; /* in their order */
};

/* Room for any. */
struct packed_match_room {
    uint32_t used;
    struct packed_word words[STATE_WORDS];
};

/* How many words a match has. */
size_t packed_match_words(const struct match *match);
size_t packed_match_count(const struct packed_match *packed);
/* `out` has room for them. */
void packed_match_of(const struct match *match, struct packed_match *out);
void packed_match_read(const struct packed_match *packed, struct match *out_match);
bool packed_match_equal(const struct packed_match *a, const struct packed_match *b);
/* match_covers(outer, what was packed) */
bool packed_match_is_covered(const struct packed_match *packed, const struct match *outer);
/* match_overlaps() of the two */
bool packed_match_overlaps(const struct packed_match *packed, const struct match *match);
/* Of equal ones equal. */
uint64_t packed_match_hash(const struct packed_match *packed, uint64_t seed);

#endif
