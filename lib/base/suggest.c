/* Nearness is the number of letters to insert, drop, replace or exchange with their neighbour, upper and lower case alike
 * (optimal string alignment). A third of the word may be wrong, at least one letter: more, and the proposal would puzzle more than help.
 *
 * Cost: the product of both lengths, of words up to SUGGEST_MAX letters; longer ones are near to nothing. For people's mistakes; any
 * thread, no state.
 */
#include "lib/base/suggest.h"

#include <ctype.h>
#include <string.h>

enum { SUGGEST_MAX = 64 };

void suggest_init(struct suggest *suggest, const char *word)
{
    size_t allowed = strlen(word) / 3;
    *suggest = (struct suggest){.word = word, .distance = (allowed > 1 ? allowed : 1) + 1};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int letter(const char *text, size_t i)
{
    return tolower((unsigned char)text[i]);
}

/* Three rows of the table of distances between beginnings: this one and the two before. */
static size_t distance_of(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][SUGGEST_MAX + 1];
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t is_other = letter(a, i - 1) != letter(b, j - 1);
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + is_other);
            if (i > 1 && j > 1 && letter(a, i - 1) == letter(b, j - 2) && letter(a, i - 2) == letter(b, j - 1)) {
                row[j] = least(row[j], second[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

void suggest_offer(struct suggest *suggest, const char *candidate)
{
    size_t n = strlen(suggest->word), m = strlen(candidate);
    if (n > SUGGEST_MAX || m > SUGGEST_MAX) {
        return;
    }
    size_t distance = distance_of(suggest->word, n, candidate, m);
    if (distance < suggest->distance) {
        suggest->distance = distance;
        suggest->best = candidate;
    }
}
