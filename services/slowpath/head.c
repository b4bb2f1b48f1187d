/* A mask, and the hashes that rules have under it after each stage, each with its tuples.
 *
 * Most tables have few of these masks (nothing; the Ethernet type; that and the protocol) and few values under them, and the hash of a packet
 * is then computed once for hundreds of tuples. Two values with one hash make a tuple a candidate that is none,
 * which costs a look and some bits (I2 allows a superfluous one). A lookup asks the last stage alone, and the others when a tuple failed there.
 * A table of thousands of such masks has heads of a tuple each: a lookup of it costs a hash and a probe a head.
 * Thread: the one that translates. No allocation in a lookup.
 */
#include "services/slowpath/head.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

enum { ROOM_FIRST = 8 };

/* ---- the hashes after a stage ---- */

/* The entry of the hash, or the free one where it belongs. */
static struct head_entry *stage_find(const struct head_stage *stage, uint64_t hash)
{
    size_t i = hash & (stage->room - 1);
    while (stage->entries[i].hash != hash && stage->entries[i].hash != 0) {
        i = (i + 1) & (stage->room - 1);
    }
    return &stage->entries[i];
}

static void stage_make_room(struct head_stage *stage)
{
    if (stage->used * 2 < stage->room) {
        return;
    }
    struct head_stage old = *stage;
    size_t n_live = 0;
    for (size_t i = 0; i < old.room; i++) {
        n_live += old.entries[i].users.n > 0;
    }
    stage->room = old.room == 0 ? ROOM_FIRST : n_live * 4 >= old.room ? old.room * 2 : old.room;
    stage->entries = memory_array(stage->room, sizeof *stage->entries);
    stage->used = n_live;
    for (size_t i = 0; i < old.room; i++) {
        if (old.entries[i].users.n > 0) {
            *stage_find(stage, old.entries[i].hash) = old.entries[i];
        }
    }
    free(old.entries);
}

static void stage_add(struct head_stage *stage, uint64_t hash, uint32_t tuple, size_t words)
{
    stage_make_room(stage);
    struct head_entry *entry = stage_find(stage, hash);
    stage->used += entry->hash == 0;
    entry->hash = hash;
    users_add(&entry->users, tuple, words);
}

static void stage_fini(struct head_stage *stage)
{
    for (size_t i = 0; i < stage->room; i++) {
        users_fini(&stage->entries[i].users);
    }
    free(stage->entries);
}

static void stage_mark(const struct head_stage *stage, uint64_t hash, uint64_t *out)
{
    if (stage->room > 0) {
        users_mark(&stage_find(stage, hash)->users, out);
    }
}

/* ---- the mask ---- */

struct head *head_new(const struct classifier_tuple *tuple)
{
    struct head *head = memory_zeroed(sizeof *head);
    head->n_stages = tuple->n_head_stages;
    for (size_t s = 0; s < head->n_stages; s++) {
        head->ends[s] = head->n_words = tuple->stages[s].end;
    }
    memcpy(head->word_places, tuple->words, head->n_words);
    memcpy(head->masks, tuple->masks, head->n_words * sizeof head->masks[0]);
    return head;
}

void head_destroy(struct head **head)
{
    for (size_t s = 0; s < (*head)->n_stages; s++) {
        stage_fini(&(*head)->stages[s]);
    }
    free((*head)->places);
    free(*head);
    *head = NULL;
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

/* Where the word is; n_places: nowhere. */
static size_t place_of(const struct head *head, uint32_t word)
{
    size_t i = 0;
    while (i < head->n_places && head->places[i].word != word) {
        i++;
    }
    return i;
}

void head_add_tuple(struct head *head, const struct classifier_tuple *tuple)
{
    size_t i = place_of(head, tuple->slot / 64);
    if (i == head->n_places) {
        if (head->n_places == head->places_room) {
            head->places_room = head->places_room == 0 ? 1 : head->places_room * 2;
            head->places = memory_resize(head->places, head->places_room * sizeof *head->places);
        }
        head->places[head->n_places++] = (struct head_word){.word = tuple->slot / 64};
    }
    head->places[i].members |= 1ull << tuple->slot % 64;
    head->n_tuples++;
}

bool head_remove_tuple(struct head *head, const struct classifier_tuple *tuple)
{
    size_t i = place_of(head, tuple->slot / 64);
    head->places[i].members &= ~(1ull << tuple->slot % 64);
    if (head->places[i].members == 0) {
        head->places[i] = head->places[--head->n_places];
    }
    return --head->n_tuples == 0;
}

/* The hash after stage s, from that after the stage before; never 0. */
static inline uint64_t hash_stage(const struct head *head, size_t s, const struct flow_state *state, uint64_t hash)
{
    for (size_t i = s == 0 ? 0 : head->ends[s - 1]; i < head->ends[s]; i++) {
        hash = tuple_mix(hash, state_word(state, head->word_places[i]) & head->masks[i]);
    }
    return hash + (hash == 0);
}

void head_insert(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule, size_t words)
{
    uint64_t hash = 0;
    for (size_t s = 0; s < head->n_stages; s++) {
        hash = hash_stage(head, s, &rule->match->value, hash);
        stage_add(&head->stages[s], hash, tuple->slot, words);
    }
}

void head_remove(struct head *head, const struct classifier_tuple *tuple, const struct classifier_rule *rule)
{
    uint64_t hash = 0;
    for (size_t s = 0; s < head->n_stages; s++) {
        hash = hash_stage(head, s, &rule->match->value, hash);
        users_remove(&stage_find(&head->stages[s], hash)->users, tuple->slot);
    }
}

/* Into the words of `scratch` where the head has tuples: those with a rule of this hash after stage s. */
static void find_passed(const struct head *head, size_t s, uint64_t hash, uint64_t *scratch)
{
    for (size_t i = 0; i < head->n_places; i++) {
        scratch[head->places[i].word] = 0;
    }
    stage_mark(&head->stages[s], hash, scratch);
}

void head_filter(const struct head *head, const struct flow_state *packet, uint64_t *scratch, uint64_t *candidates)
{
    uint64_t hash = 0;
    for (size_t s = 0; s < head->n_stages; s++) {
        hash = hash_stage(head, s, packet, hash);
    }
    find_passed(head, head->n_stages - 1u, hash, scratch);
    for (size_t i = 0; i < head->n_places; i++) {
        struct head_word *place = &head->places[i];
        place->passed = scratch[place->word];
        candidates[place->word] &= ~place->members | place->passed;
    }
}

/* Takes the members that are not in `passed` out of `open`. True: there were some. */
static bool take_failed(const struct head *head, const uint64_t *passed, uint64_t *open)
{
    uint64_t any = 0;
    for (size_t i = 0; i < head->n_places; i++) {
        const struct head_word *place = &head->places[i];
        uint64_t failed = open[place->word] & place->members & ~passed[place->word];
        any |= failed;
        open[place->word] &= ~failed;
    }
    return any != 0;
}

void head_look(const struct head *head, const struct flow_state *packet, uint64_t *scratch, uint64_t *open, struct flow_state *looked)
{
    uint64_t hash = 0, any = 0;
    for (size_t i = 0; i < head->n_places; i++) {
        any |= open[head->places[i].word] & head->places[i].members & ~head->places[i].passed;
    }
    for (size_t s = 0; any != 0 && s < head->n_stages; s++) {
        hash = hash_stage(head, s, packet, hash);
        find_passed(head, s, hash, scratch);
        size_t end = take_failed(head, scratch, open) ? head->ends[s] : 0;
        for (size_t i = 0; i < end; i++) {
            uint8_t word = head->word_places[i];
            state_set_word(looked, word, state_word(looked, word) | head->masks[i]);
        }
    }
}
