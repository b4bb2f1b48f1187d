/* "Did you mean ...": of the names offered, the one that a mistyped word is nearest to. */
#ifndef BUSBAR_BASE_SUGGEST_H
#define BUSBAR_BASE_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *word, *best; /* lent; best: NULL while nothing near was offered */
    size_t distance;
};

void suggest_init(struct suggest *suggest, const char *word);
void suggest_offer(struct suggest *suggest, const char *candidate);

#endif
