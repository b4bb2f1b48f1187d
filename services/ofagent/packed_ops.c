/* Operations packed ahead. See packed_ops.h.
 *
 *     changes  0   1   2   3   4   5   6   7         change 2 is made again: its piece goes, 1, 2 and 3 are
 *     pieces       └── 3 ──┘   └─ 2 ─┘               packed one by one, and the other piece stays
 *
 * Some sixty pieces at most, those of the largest bundle, so walks are short. The ofagent's one thread. Invariant: pieces do not overlap.
 */
#include "services/ofagent/packed_ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

void packed_ops_add(struct packed_ops_list *list, size_t at, size_t n, struct writer *ops)
{
    assert(n > 0 && (list->count == 0 || list->items[list->count - 1].at + list->items[list->count - 1].n <= at));
    if (list->count == list->room) {
        list->room = list->room == 0 ? 4 : list->room * 2;
        list->items = memory_resize(list->items, list->room * sizeof *list->items);
    }
    list->items[list->count++] = (struct packed_ops){.at = at, .n = n, .ops = *ops};
    writer_init(ops);
}

static void drop(struct packed_ops_list *list, size_t i)
{
    writer_fini(&list->items[i].ops);
    list->count--;
    memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof *list->items);
}

void packed_ops_forget(struct packed_ops_list *list, size_t place)
{
    for (size_t i = list->count; i-- > 0 && list->items[i].at + list->items[i].n > place;) {
        if (list->items[i].at <= place) {
            drop(list, i);
            return;
        }
    }
}

void packed_ops_leave(struct packed_ops_list *list, size_t n)
{
    size_t n_gone = 0;

    while (n_gone < list->count && list->items[n_gone].at < n) {
        writer_fini(&list->items[n_gone++].ops);
    }
    list->count -= n_gone;
    for (size_t i = 0; i < list->count; i++) {
        list->items[i] = list->items[i + n_gone];
        list->items[i].at -= n;
    }
}

const struct packed_ops *packed_ops_find(const struct packed_ops_list *list, size_t at, size_t *next)
{
    while (*next < list->count && list->items[*next].at < at) {
        (*next)++;
    }
    return *next < list->count && list->items[*next].at == at ? &list->items[*next] : NULL;
}

void packed_ops_fini(struct packed_ops_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        writer_fini(&list->items[i].ops);
    }
    free(list->items);
    *list = (struct packed_ops_list){0};
}
