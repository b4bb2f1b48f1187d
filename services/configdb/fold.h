/* The fold: copies changed rules, groups, meters and owners from the run environment into the one on disk, once a second, synced.
 *
 * The copying is the disk's thread's (disk.h); fold_step() and the others belong to the main thread; no transaction may be open on the rows.
 */
#ifndef BUSBAR_CONFIGDB_FOLD_H
#define BUSBAR_CONFIGDB_FOLD_H

#include "services/configdb/disk.h"
#include "services/configdb/rows.h"

#define FOLD_EVERY_NS (1000ull * 1000000ull) /* a power loss costs at most this much and one fold */
/* In one synced commit; the next follows at once, unless configuration waits. A configuration change that meets a fold waits for it: 100 ms. */
enum { FOLD_ROWS_MAX = 20000, FOLD_BYTES_MAX = 32 * 1024 * 1024 };
enum { FOLD_ROWS_MIN = 16 /* after passes that were too large, each half of the one before */ };
#define FOLD_PAUSE_MAX_NS (60 * FOLD_EVERY_NS) /* between two attempts of which one after the other fails */

struct fold;
/* Both lent. */
struct fold *fold_new(struct rows *rows, struct disk *disk);
void fold_destroy(struct fold **fold); /* waits for what is under way */

/* Starts a fold when one is due, and takes in the result of one that is done. */
void fold_step(struct fold *fold, uint64_t now_ns);
/* Folds everything now and waits for it. 0 or the error. */
int fold_flush(struct fold *fold) MUST_CHECK;
/* 0, or the error of the last fold; after one that does not pass (store.h) nothing more is folded. */
int fold_error(const struct fold *fold);
uint64_t fold_failures(const struct fold *fold);
uint64_t fold_pause_ns(const struct fold *fold); /* until the next attempt after the one that failed */
uint64_t fold_rows(const struct fold *fold); /* copied since the start */

/* The opposite: fills an empty run environment from the disk, in one commit that ends by marking it complete. n: where
 * versions go on; id_jump: how far ids jump over those that may be lost. */
int fold_rebuild(struct store *disk, struct store *run, uint64_t n, uint64_t id_jump) MUST_CHECK;

#endif
