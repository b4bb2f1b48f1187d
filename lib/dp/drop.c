/* Words and sentences of the drop reasons, made from drops.def.
 *
 * Why tables: the worker counts by number, and only what people and metrics read needs words.
 * Cost: an array access. Any thread; constant tables only.
 * Invariant: every reason has a word and a text; a number out of range is "unknown", so a count from elsewhere can be printed.
 */
#include "lib/dp/drop.h"

static const char *const name_table[DROP_REASON_COUNT] = {
#define DROP(name, word, text) [DROP_##name] = (word),
#include "lib/dp/drops.def"
#undef DROP
};

static const char *const text_table[DROP_REASON_COUNT] = {
#define DROP(name, word, text) [DROP_##name] = (text),
#include "lib/dp/drops.def"
#undef DROP
};

const char *drop_name(enum drop_reason reason)
{
    return (unsigned)reason < DROP_REASON_COUNT ? name_table[reason] : "unknown";
}

const char *drop_text(enum drop_reason reason)
{
    return (unsigned)reason < DROP_REASON_COUNT ? text_table[reason] : "unknown";
}
