/* A mask, and the hashes that rules have under it after each stage, each with its tuples.
 *
 * Most tables have few of these masks (nothing; the Ethernet type; that and the protocol) and few values under them, and the hash of a packet
 * is then computed once for hundreds of tuples. A hash goes into an axis as a prefix of 64 bits: two values with one hash
 * make a tuple a candidate that is none, which costs a look and some bits (I2 allows a superfluous one).
 * Thread: the one that translates. No allocation in a lookup.
 */
#include "services/slowpath/head.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

enum { HASH_BITS = 64 };

struct head *head_new(const struct classifier_tuple *tuple, size_t words)
{
    struct head *head = memory_zeroed(sizeof *head);
    head->words = words;
    head->members = memory_array(words, sizeof *head->members);
    head->passed = memory_array(words * TUPLE_HEAD_STAGES, sizeof *head->passed);
    head->n_stages = tuple->n_head_stages;
    for (size_t s = 0; s < head->n_stages; s++) {
        head->ends[s] = head->n_words = tuple->stages[s].end;
        axis_init(&head->stages[s], words);
    }
    memcpy(head->word_places, tuple->words, head->n_words);
    memcpy(head->masks, tuple->masks, head->n_words * sizeof head->masks[0]);
    return head;
}

void head_destroy(struct head **head)
{
    for (size_t s = 0; s < (*head)->n_stages; s++) {
        axis_fini(&(*head)->stages[s]);
    }
    free((*head)->members);
    free((*head)->passed);
    free(*head);
    *head = NULL;
}

void head_widen(struct head *head, size_t words)
{
    head->members = memory_resize(head->members, words * sizeof *head->members);
    memset(head->members + head->words, 0, (words - head->words) * sizeof *head->members);
    head->passed = memory_resize(head->passed, words * TUPLE_HEAD_STAGES * sizeof *head->passed);
    for (size_t s = 0; s < head->n_stages; s++) {
        axis_widen(&head->stages[s], words);
    }
    head->words = words;
}

bool head_fits(const struct head *head, const struct classifier_tuple *tuple)
{
    if (head->n_stages != tuple->n_head_stages || head->n_words != tuple->stages[tuple->n_head_stages - 1].end) {
        return false;
    }
    for (size_t s = 0; s < head->n_stages; s++) {
        if (head->ends[s] != tuple->stages[s].end) {
            return false;
        }
    }
    return memcmp(head->word_places, tuple->words, head->n_words) == 0 &&
           memcmp(head->masks, tuple->masks, head->n_words * sizeof head->masks[0]) == 0;
}

void head_add_tuple(struct head *head, const struct classifier_tuple *tuple)
{
    head->members[tuple->slot / 64] |= 1ull << tuple->slot % 64;
    head->n_tuples++;
}

bool head_remove_tuple(struct head *head, const struct classifier_tuple *tuple)
{
    head->members[tuple->slot / 64] &= ~(1ull << tuple->slot % 64);
    return --head->n_tuples == 0;
}

/* The hash after stage s, from that after the stage before. */
static inline uint64_t hash_stage(const struct head *head, size_t s, const struct flow_state *state, uint64_t hash)
{
    for (size_t i = s == 0 ? 0 : head->ends[s - 1]; i < head->ends[s]; i++) {
        hash = tuple_mix(hash, state_word(state, head->word_places[i]) & head->masks[i]);
    }
    return hash;
}

void head_insert(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule)
{
    uint64_t hash = 0;
    for (size_t s = 0; s < head->n_stages; s++) {
        hash = hash_stage(head, s, &rule->match->value, hash);
        axis_insert(&head->stages[s], (struct trie_value){hash, 0}, HASH_BITS, tuple->slot);
    }
}

void head_remove(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule)
{
    uint64_t hash = 0;
    for (size_t s = 0; s < head->n_stages; s++) {
        hash = hash_stage(head, s, &rule->match->value, hash);
        axis_remove(&head->stages[s], (struct trie_value){hash, 0}, HASH_BITS, tuple->slot);
    }
}

size_t head_begin(struct head *head, const struct flow_state *packet, struct axis_look *out)
{
    uint64_t hash = 0;
    memset(head->passed, 0, head->words * head->n_stages * sizeof *head->passed);
    for (size_t s = 0; s < head->n_stages; s++) {
        hash = hash_stage(head, s, packet, hash);
        out[s] = (struct axis_look){.axis = &head->stages[s], .value = {hash, 0}, .out = head->passed + s * head->words};
    }
    return head->n_stages;
}

void head_filter(const struct head *head, uint64_t *candidates)
{
    const uint64_t *last = head->passed + (head->n_stages - 1u) * head->words;
    for (size_t w = 0; w < head->words; w++) {
        candidates[w] &= ~head->members[w] | last[w];
    }
}

void head_look(const struct head *head, uint64_t *open, struct flow_state *looked)
{
    for (size_t s = 0; s < head->n_stages; s++) {
        uint64_t any = 0;
        for (size_t w = 0; w < head->words; w++) {
            uint64_t failed = open[w] & head->members[w] & ~head->passed[s * head->words + w];
            any |= failed;
            open[w] &= ~failed;
        }
        for (size_t i = 0; any != 0 && i < head->ends[s]; i++) {
            uint8_t word = head->word_places[i];
            state_set_word(looked, word, state_word(looked, word) | head->masks[i]);
        }
    }
}
