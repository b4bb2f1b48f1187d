/* What is gathered beside the commits.
 *
 *   pieces:   7 9 12      14 15 ...          sorted as they come
 *   commits:        14 9                     sorted at the end
 *   said      1 2 3 4 5   6  7               the later one counts: 14 of the piece, 9 of the commit
 *
 * Why two lists: there may be a million rows, which come sorted, and some thousand words of commits between them. To sort all of it would cost the one
 * who shows it a tenth of a second in which no commit is shown; so the words are sorted alone and laid over the rows where they are. An older configdb
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
    }
}

/* Of what is sorted, the last word about each row. */
static void list_keep_last(struct gather_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (kept > 0 && compare_places(&list->changes[kept - 1], &list->changes[i]) == 0) {
            mirror_row_free(list->changes[--kept].after);
        }
        list->changes[kept++] = list->changes[i];
    }
    list->n = kept;
}

/* The place of the row among those that are sorted, or where it would be. */
static size_t list_place(const struct gather_list *list, const struct mirror_change *change)
{
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_places(&list->changes[middle], change) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Words about rows that are there are said in their place; what is left over is about others. Of these, who is gone was told to be when that commit was
 * shown, and is not told again: somebody may still wait for the last counts of a rule that he has just deleted. */
static void say_in_place(struct gather_list *rows, struct gather_list *words)
{
    size_t kept = 0;
    for (size_t i = 0; i < words->n; i++) {
        size_t at = list_place(rows, &words->changes[i]);
        if (at == rows->n || compare_places(&rows->changes[at], &words->changes[i]) != 0) {
            words->changes[kept] = words->changes[i];
            kept += words->changes[i].after != NULL;
            continue;
        }
        struct mirror_change *row = &rows->changes[at], *word = &words->changes[i];
        bool is_later = word->order > row->order;
        mirror_row_free(is_later ? row->after : word->after);
        *row = is_later ? *word : *row;
    }
    words->n = kept;
}

/* Puts the words between the rows, from the end on: most are of new rows, which have the greatest ids. */
static void put_between(struct gather_list *rows, const struct gather_list *words)
{
    size_t i = rows->n, k = words->n, at = rows->n + words->n;
    rows->changes = memory_resize(rows->changes, (at + 1) * sizeof *rows->changes);
    rows->n = at;
    while (k > 0) {
        bool is_row = i > 0 && compare_places(&rows->changes[i - 1], &words->changes[k - 1]) > 0;
        rows->changes[--at] = is_row ? rows->changes[--i] : words->changes[--k];
    }
}

struct mirror_change *gather_take(struct gather *gather, size_t *out_n)
{
    struct gather_list *rows = &gather->rows, *words = &gather->words;
    list_sort(rows);
    list_sort(words);
    list_keep_last(rows);
    list_keep_last(words);
    say_in_place(rows, words);
    put_between(rows, words);
    struct mirror_change *out = rows->changes;
    *out_n = rows->n;
    rows->changes = NULL;
    rows->n = words->n = 0; /* their rows are in `out` */
    gather_clear(gather);
    return out;
}
