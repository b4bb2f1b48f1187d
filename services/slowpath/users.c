/* Most places are of one or two tuples, which are inside. One of more has a list, one of many a set, of which a lookup adds a few words, and
 * counts by tuple. Adding and removing looks through a list of USERS_LISTED at most.
 * Thread: the one that translates. Only users_add() allocates.
 */
#include "services/slowpath/users.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

enum { USERS_LISTED = 8 /* more than these are in a set too */ };

static struct user *users_list(struct users *users)
{
    return users->more != NULL ? users->more->list : users->inside;
}

static bool is_indexed(const struct users *users)
{
    return users->more != NULL && users->more->set != NULL;
}

/* Gives them a list, or a longer one. */
static void users_grow(struct users *users)
{
    uint32_t room = users->n * 2;
    struct users_more *more = users->more;
    if (more == NULL) {
        more = memory_zeroed(sizeof *more + room * sizeof more->list[0]);
        memcpy(more->list, users->inside, sizeof users->inside);
    } else {
        more = memory_resize(more, sizeof *more + room * sizeof more->list[0]);
    }
    more->room = room;
    users->more = more;
}

void users_fini(struct users *users)
{
    if (users->more != NULL) {
        free(users->more->set);
        free(users->more);
        users->more = NULL;
    }
}

/* Makes of a list, or of a set that is too small, a set with counts by tuple. */
static void users_index(struct users *users, size_t words)
{
    struct users_more *old = users->more;
    uint32_t room = (uint32_t)words * 64;
    struct users_more *more = memory_zeroed(sizeof *more + room * sizeof more->list[0]);
    more->room = room;
    more->n_words = (uint32_t)words;
    more->set = memory_array(words, sizeof *more->set);
    for (uint32_t i = 0; i < (old->set != NULL ? old->room : users->n); i++) {
        if (old->list[i].count > 0) {
            more->list[old->list[i].tuple] = old->list[i];
            more->set[old->list[i].tuple / 64] |= 1ull << old->list[i].tuple % 64;
        }
    }
    users_fini(users);
    users->more = more;
}

void users_add(struct users *users, uint32_t tuple, size_t words)
{
    if (is_indexed(users)) {
        if (tuple >= users->more->room) {
            users_index(users, words);
        }
        struct user *user = &users->more->list[tuple];
        users->n += user->count == 0;
        user->tuple = tuple;
        user->count++;
        users->more->set[tuple / 64] |= 1ull << tuple % 64;
        return;
    }
    struct user *list = users_list(users);
    for (uint32_t i = 0; i < users->n; i++) {
        if (list[i].tuple == tuple) {
            list[i].count++;
            return;
        }
    }
    if (users->n == (users->more != NULL ? users->more->room : USERS_INSIDE)) {
        users_grow(users);
        list = users_list(users);
    }
    list[users->n++] = (struct user){.tuple = tuple, .count = 1};
    if (users->n > USERS_LISTED) {
        users_index(users, words);
    }
}

void users_remove(struct users *users, uint32_t tuple)
{
    struct user *list = users_list(users);
    uint32_t i = is_indexed(users) ? tuple : 0;
    while (list[i].tuple != tuple) {
        i++;
    }
    if (--list[i].count > 0) {
        return;
    }
    users->n--;
    if (is_indexed(users)) {
        users->more->set[tuple / 64] &= ~(1ull << tuple % 64);
    } else {
        list[i] = list[users->n];
    }
    if (users->n == 0) {
        users_fini(users);
    }
}
