/* The past of the configuration: every commit of the disk environment, with who, when, and each changed row before and after.
 *
 * Written inside the commit it tells of, so exactly what was acknowledged is there, and nothing else (I8). Bounded by number and age
 * (columns history_max and history_max_age_s of the switch row). All functions need a transaction open on the rows; one thread.
 */
#ifndef BUSBAR_CONFIGDB_HISTORY_H
#define BUSBAR_CONFIGDB_HISTORY_H

#include "proto/history.pb-c.h"
#include "services/configdb/overlay.h"

enum {
    HISTORY_COMMITS = 1000,            /* kept when the switch row does not say: months of a switch's life */
    HISTORY_AGE_S = 90 * 86400,        /* likewise */
    HISTORY_TRIM_COMMITS = 8,          /* at most so many go with one commit: a clock that is wrong for a moment costs little */
    HISTORY_TRIM_ENTRIES = 1000,       /* and so many values beyond what the commit itself wrote: about 2 ms */
    HISTORY_TEXT_MAX = 1024,           /* bytes of a client's name that are kept */
};

/* Keeps the commit n with the changes of `overlay`, which is not written yet; rows that it leaves as they were are left out, and a
 * commit that changes none is not kept. n_changes of `commit` is filled. Then lets the oldest go. */
int history_record(struct rows *rows, uint64_t n, Busbar__HistoryCommit *commit, struct overlay *overlay) MUST_CHECK;
/* Replaces the note of a commit; one that is not kept any longer: nothing. */
int history_note(struct rows *rows, uint64_t n, const char *note) MUST_CHECK;

/* The commit itself; free with busbar__history_commit__free_unpacked(). -ERROR_NOT_FOUND, -ERROR_DAMAGED. */
int history_commit(struct rows *rows, uint64_t n, Busbar__HistoryCommit **out_commit) MUST_CHECK;
/* The first commit kept whose n is at least `from`. -ERROR_NOT_FOUND. */
int history_first(struct rows *rows, uint64_t from, uint64_t *out_n) MUST_CHECK;
uint64_t history_count(struct rows *rows);
/* The oldest version that what is kept goes back to. */
int history_oldest(struct rows *rows, uint64_t *out_n) MUST_CHECK;

/* Each change of the commits from `from` to `to`, oldest first. -ERROR_DAMAGED with the commit's n in *out_bad; what `each` returns
 * other than 0 ends the walk. */
typedef int history_each(void *context, uint64_t n, const Busbar__HistoryChange *change);
int history_changes(struct rows *rows, uint64_t from, uint64_t to, history_each *each, void *context, uint64_t *out_bad) MUST_CHECK;

#endif
