/* The thread that writes the disk environment: commits of configuration, and the fold's copies of rules.
 *
 * Why one for both: LMDB lets one writer in at a time anyway, and so a commit waits for at most one fold. Of each kind at most one is under way; commits go
 * first. disk_ask(), disk_take() and the others belong to the main thread; what is asked runs in the thread, with what it needs left alone until
 * disk_take() has said that it is done.
 */
#ifndef BUSBAR_CONFIGDB_DISK_H
#define BUSBAR_CONFIGDB_DISK_H

#include <stdbool.h>

#include "lib/base/error.h"

enum disk_mode {
    DISK_THREAD,
    DISK_INLINE, /* at once, within disk_ask(): the simulator, and tests of other things */
    DISK_HELD,   /* when disk_go() says so: tests that hold a sync */
};
enum disk_kind { DISK_COMMIT, DISK_FOLD };
enum { DISK_KINDS = 2 };
typedef int disk_work(void *context);

struct disk;
/* Without a thread to be had: as DISK_INLINE, with a warning. */
struct disk *disk_new(enum disk_mode mode);
/* What has been asked for is done first, except with DISK_HELD: then it is forgotten. */
void disk_destroy(struct disk **disk);

/* None of this kind may be under way. */
void disk_ask(struct disk *disk, enum disk_kind kind, disk_work *work, void *context);
bool disk_is_busy(struct disk *disk, enum disk_kind kind); /* asked for and not taken yet */
/* True once when the work is done, with what it returned. */
bool disk_take(struct disk *disk, enum disk_kind kind, int *out_err) MUST_CHECK;
/* Waits until it is done, and takes it; none under way: 0. */
int disk_wait(struct disk *disk, enum disk_kind kind) MUST_CHECK;
/* Readable while something done has not been taken; -1 without a thread. */
int disk_fd(const struct disk *disk);
/* DISK_HELD: does the next; false when there is none. */
bool disk_go(struct disk *disk);

#endif
