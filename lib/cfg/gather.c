/* What is gathered beside the commits.
 *
 *   pieces:   7 9 12      14 15 ...          sorted as they come
 *   commits:        14 9                     sorted at the end
 *   said      1 2 3 4 5   6  7               the later one counts: 14 of the piece, 9 of the commit
 *
 * Why two lists: there may be a million rows, which come sorted, and some thousand words of commits between them. To sort all of it would cost the one
 * who shows it a tenth of a second in which no commit is shown; so the words are sorted alone and laid over the rows in one pass. An older configdb
 * sends commits as rows of pieces: then the rows are sorted, too.
 *
 * Cost: 40 bytes a row and the row; 20 ms a million rows to join. One thread.
 */
#include "lib/cfg/gather.h"

#include <stdlib.h>

#include "lib/base/memory.h"

static void list_clear(struct gather_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        mirror_row_free(list->changes[i].after);
    }
    free(list->changes);
    *list = (struct gather_list){0};
}

void gather_clear(struct gather *gather)
{
    list_clear(&gather->rows);
    list_clear(&gather->words);
    gather->n_said = 0;
}

static int compare_places(const struct mirror_change *a, const struct mirror_change *b)
{
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static int compare_changes(const void *left, const void *right)
{
    const struct mirror_change *a = left, *b = right;
    int order = compare_places(a, b);
    return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

static void list_add(struct gather_list *list, enum cfg_table table, uint64_t id, ProtobufCMessage **row, size_t order)
{
    struct mirror_change change = {.table = table, .id = id, .after = *row, .order = order};
    *row = NULL;
    if (list->n == list->room) {
        list->room = list->room > 0 ? list->room * 2 : 64;
        list->changes = memory_resize(list->changes, list->room * sizeof *list->changes);
    }
    list->is_sorted = list->n == 0 || (list->is_sorted && compare_changes(&list->changes[list->n - 1], &change) < 0);
    list->changes[list->n++] = change;
}

void gather_row(struct gather *gather, enum cfg_table table, uint64_t id, ProtobufCMessage **row)
{
    list_add(&gather->rows, table, id, row, gather->n_said++);
}

void gather_word(struct gather *gather, enum cfg_table table, uint64_t id, ProtobufCMessage **row)
{
    list_add(&gather->words, table, id, row, gather->n_said++);
}

static void list_sort(struct gather_list *list)
{
    if (!list->is_sorted && list->n > 0) {
        qsort(list->changes, list->n, sizeof *list->changes, compare_changes);
        list->is_sorted = true;
    }
}

/* Appends the earlier of the two, or replaces by it what was said before about the same row; `n` of out are there. */
static size_t keep_last(struct mirror_change *out, size_t n, const struct mirror_change *change)
{
    if (n > 0 && compare_places(&out[n - 1], change) == 0) {
        mirror_row_free(out[--n].after);
    }
    out[n] = *change;
    return n + 1;
}

struct mirror_change *gather_take(struct gather *gather, size_t *out_n)
{
    struct gather_list *rows = &gather->rows, *words = &gather->words;
    size_t i = 0, k = 0, n = 0;
    list_sort(rows);
    list_sort(words);
    struct mirror_change *out = memory_resize(NULL, (rows->n + words->n + 1) * sizeof *out);
    while (i < rows->n || k < words->n) {
        bool is_row = k == words->n || (i < rows->n && compare_changes(&rows->changes[i], &words->changes[k]) < 0);
        n = keep_last(out, n, is_row ? &rows->changes[i++] : &words->changes[k++]);
    }
    rows->n = words->n = 0; /* their rows are in `out` */
    gather_clear(gather);
    *out_n = n;
    return out;
}
