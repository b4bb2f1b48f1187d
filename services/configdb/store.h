/* The store: one LMDB environment with the six databases of db_layout.h. The only code that knows LMDB.
 *
 * A write transaction belongs to the thread that began it and blocks other writers of the same environment; read transactions
 * block nobody but hold back the reuse of pages: keep them short. Lent values are valid until the transaction's next write or end.
 * Errors: -ERROR_NOT_FOUND, -ERROR_DAMAGED (checksum, or LMDB says so), -ENOSPC (map or disk full; the transaction is lost, the
 * environment is not), -ERROR_TOO_LARGE (more in one commit than LMDB can hold), -EIO and other -errno (a sync failed: whoever
 * sees this from store_commit() must not commit to this environment again until it is opened anew).
 */
#ifndef BUSBAR_CONFIGDB_STORE_H
#define BUSBAR_CONFIGDB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "services/configdb/stage.h"

enum store_mode {
    STORE_SYNC,    /* commit returns when the data are on disk */
    STORE_NO_SYNC, /* commit returns when the kernel has the data: safe from kill -9, not from power loss */
    STORE_MAPPED,  /* as STORE_NO_SYNC, and faster; of an environment that is there */
    STORE_READ,    /* no writes, no lock file: for the check of a child process */
};
enum store_db { STORE_META, STORE_ROWS, STORE_INDEX, STORE_RECENT, STORE_DIRTY, STORE_HISTORY };
enum { STORE_DB_COUNT = 6 };

/* A full disk or map, no memory, too much at once: nothing is lost but the transaction, and the next may succeed. Of any other failed write it is not known
 * what the environment has. */
bool store_error_passes(int err);

struct store_bytes {
    const uint8_t *bytes;
    size_t size;
};

struct store;
struct store_txn;
struct store_cursor;

/* Opens (and makes, mode 0750) `dir`. map_bytes: the most the environment can ever hold; address space, not memory. -ERROR_IN_USE
 * when another process has it open for writing. */
int store_open(const char *dir, enum store_mode mode, size_t map_bytes, struct store **out_store,
               struct error_detail *detail) MUST_CHECK;
/* Before anything looks into what was STORE_MAPPED: takes back the commit in which its last user was killed, if he was. -ERROR_IN_USE, -ERROR_DAMAGED. */
int store_recover(const char *dir, struct error_detail *detail) MUST_CHECK;
/* Instead, where the last user has never STORE_MAPPED anything, but others may have before. */
int store_forget_mark(const char *dir, struct error_detail *detail) MUST_CHECK;
void store_close(struct store **store); /* no transaction may be open */

int store_read(struct store *store, struct store_txn **out_txn) MUST_CHECK;
/* The same for another thread than the one that commits: nothing it sees will be taken back by store_recover(). */
int store_read_done(struct store *store, struct store_txn **out_txn) MUST_CHECK;
int store_write(struct store *store, struct store_txn **out_txn) MUST_CHECK;
int store_commit(struct store_txn **txn) MUST_CHECK; /* ends the transaction in any case */
void store_abort(struct store_txn **txn);            /* accepts NULL */

/* A write that is only kept in memory, over a read: it waits for no other writer and ends with store_take() (or store_abort()), not with
 * store_commit(). */
int store_stage(struct store *store, struct store_txn **out_txn) MUST_CHECK;
/* What was written so far. The transaction goes on as a read of what was there before. */
struct stage *store_take(struct store_txn *txn);
/* Writes and commits it, from any thread: what was staged over must not have been changed by others since. `finish` (or NULL) may add to the same
 * commit. Errors as store_commit(). */
int store_apply(struct store *store, const struct stage *stage, int (*finish)(void *context, struct store_txn *txn), void *context) MUST_CHECK;

int store_get(struct store_txn *txn, enum store_db db, const struct db_key *key, struct store_bytes *out_value) MUST_CHECK;
int store_put(struct store_txn *txn, enum store_db db, const struct db_key *key, const void *value, size_t size) MUST_CHECK;
/* The same, and whether there was nothing under that key before. */
int store_put_counted(struct store_txn *txn, enum store_db db, const struct db_key *key, const void *value, size_t size, bool *out_is_new) MUST_CHECK;
int store_delete(struct store_txn *txn, enum store_db db, const struct db_key *key) MUST_CHECK;
/* A value of 8 bytes, big-endian. */
int store_get_u64(struct store_txn *txn, enum store_db db, const struct db_key *key, uint64_t *out_value) MUST_CHECK;
int store_put_u64(struct store_txn *txn, enum store_db db, const struct db_key *key, uint64_t value) MUST_CHECK;

/* Walks keys in order. Close before the transaction ends. The first store_next() gives the first key that is not before `from`. */
struct store_cursor *store_cursor_open(struct store_txn *txn, enum store_db db, const struct db_key *from);
/* 0, -ERROR_NOT_FOUND at the end, -ERROR_DAMAGED. Both lent. A value with a wrong checksum is -ERROR_DAMAGED with its key in
 * *out_key, and the walk may go on behind it; *out_key is without bytes when the walk cannot. */
int store_next(struct store_cursor *cursor, struct store_bytes *out_key, struct store_bytes *out_value) MUST_CHECK;
/* Deletes what store_next() gave last; the walk goes on behind it. */
int store_cursor_delete(struct store_cursor *cursor) MUST_CHECK;
void store_cursor_close(struct store_cursor **cursor);

/* Bytes of the file in use, for status. */
uint64_t store_used_bytes(struct store *store);
/* Of a mapped one, what is known to have room: never less than what is used once something was written. Else UINT64_MAX. */
uint64_t store_room_bytes(const struct store *store);

#endif
