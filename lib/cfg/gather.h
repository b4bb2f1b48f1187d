/* Rows that are kept aside until they are shown together: those of a partial snapshot, and what commits say about them meanwhile. For files of lib/cfg only.
 *
 * A value: {0} is empty; gather_clear() gives its memory back. One thread.
 */
#ifndef BUSBAR_CFG_GATHER_H
#define BUSBAR_CFG_GATHER_H

#include "lib/cfg/mirror.h"

struct gather_list {
    struct mirror_change *changes;
    size_t n, room;
    bool is_sorted;
};
struct gather {
    struct gather_list rows;  /* of pieces: nearly always in the order of table and id */
    struct gather_list words; /* of commits: in any order, and far fewer */
    size_t n_said;
};

void gather_clear(struct gather *gather);
/* Takes *row; NULL: it is gone. Of a piece of a snapshot / of a commit. */
void gather_row(struct gather *gather, enum cfg_table table, uint64_t id, ProtobufCMessage **row);
void gather_word(struct gather *gather, enum cfg_table table, uint64_t id, ProtobufCMessage **row);
/* The last word about each row, sorted by table and id, the caller's to free with its rows; the gathering is empty then. */
struct mirror_change *gather_take(struct gather *gather, size_t *out_n);

#endif
