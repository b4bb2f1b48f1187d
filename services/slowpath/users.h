/* Which tuples of a classifier have rules at one place (a prefix, a hash), and how many of theirs are there.
 *
 * A tuple is a bit in a set; a set is an array of words that all parts of the classifier lay out alike.
 */
#ifndef BUSBAR_SLOWPATH_USERS_H
#define BUSBAR_SLOWPATH_USERS_H

#include <stddef.h>
#include <stdint.h>

enum { USERS_INSIDE = 2 };

struct user {
    uint32_t tuple, count;
};

struct users_more {
    uint32_t room;
    uint32_t n_words;
    uint64_t *set; /* owned; NULL while the list is short; then the list is by tuple */
    struct user list[];
};

/* Zeroed: none. */
struct users {
    struct user inside[USERS_INSIDE]; /* while there are no more */
    struct users_more *more;          /* owned; else all of them, with room to spare */
    uint32_t n;
};

/* One more, or one less, rule of the tuple. Sets have so many words. */
void users_add(struct users *users, uint32_t tuple, size_t words);
void users_remove(struct users *users, uint32_t tuple);
void users_fini(struct users *users);

/* Adds the tuples to a set. */
static inline void users_mark(const struct users *users, uint64_t *out)
{
    if (users->more == NULL) {
        for (uint32_t i = 0; i < users->n; i++) {
            out[users->inside[i].tuple / 64] |= 1ull << users->inside[i].tuple % 64;
        }
    } else if (users->more->set != NULL) {
        for (uint32_t w = 0; w < users->more->n_words; w++) {
            out[w] |= users->more->set[w];
        }
    } else {
        for (uint32_t i = 0; i < users->n; i++) {
            out[users->more->list[i].tuple / 64] |= 1ull << users->more->list[i].tuple % 64;
        }
    }
}

#endif
