/* Words in the order of a state; `used` has a bit for each of its words that is there.
 *
 *     state     | in_port .. | eth_type .. | ip_dst | ...           used    0110...
 *     packed          value mask (eth_type) | value mask (ip_dst)
 *
 * Half of the memory of a rule was words of its match in which it looks at nothing, and clearing it cost as much as the rest of taking the rule in.
 * Cost: a few ns a word. Thread: any; no state. Invariant: what unpacks is equal to what was packed, bit by bit, when `used` had all words of its mask.
 */
#include "services/slowpath/packed_match.h"

void packed_match_pack(const struct match *match, uint32_t used, struct packed_word *out_words)
{
    for (; used != 0; used &= used - 1) {
        size_t i = (size_t)__builtin_ctz(used);
        *out_words++ = (struct packed_word){.value = state_word(&match->value, i), .mask = state_word(&match->mask, i)};
    }
}

void packed_match_unpack(const struct packed_word *words, uint32_t used, struct match *out_match)
{
    match_init(out_match);
    for (; used != 0; used &= used - 1, words++) {
        size_t i = (size_t)__builtin_ctz(used);
        state_set_word(&out_match->value, i, words->value);
        state_set_word(&out_match->mask, i, words->mask);
    }
}
