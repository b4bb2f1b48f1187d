/* The tables: rows of both environments, their counts, ids and indexes, and the one transaction that is open on them.
 *
 * A table lives in the environment that lib/cfg/tables.def says. Between rows_begin() and rows_commit() one environment is written
 * and the other read; counts, ids and n are kept in memory and written with the commit. After rows_end() of a write nothing of it
 * remains. One thread, but for rows_apply(). Errors as store.h.
 *
 * A write of the disk environment is staged: in memory, until another thread has written and synced it.
 *
 *     rows_begin(ROWS_DISK) ... rows_stage() ──► rows_apply(), any thread ──► rows_publish()
 *                                             └─ meanwhile: reads, writes of the run environment; the disk's tables stay as they were
 *
 * rows_commit() does these three at once. What is written meanwhile gets the next n; the staged versions, counted from the n at rows_begin(), follow
 * when they are published (settle.h).
 */
#ifndef BUSBAR_CONFIGDB_ROWS_H
#define BUSBAR_CONFIGDB_ROWS_H

#include "lib/cfg/bridge_set.h"
#include "lib/cfg/cfg.h"
#include "services/configdb/settle.h"

enum rows_env { ROWS_DISK, ROWS_RUN };
enum { ROWS_ENV_COUNT = 2 };
enum {
    ROWS_VALUE_MAX =
        512 * 1024, /* bytes of one row: a group of 10,000 buckets fits, and a piece of the feed stays below 1 MiB */
    ROWS_BRIDGES_MAX = 64 /* looked up one by one; the rows of more are found by a walk over all */
};

struct rows;
/* Takes both stores over. Reads counts, ids and n. */
int rows_new(struct store **disk, struct store **run, struct rows **out_rows, struct error_detail *detail) MUST_CHECK;
void rows_destroy(struct rows **rows);

/* False for a number that is no table, or one that is not stored. */
bool rows_env_of(uint32_t table, enum rows_env *out_env);

int rows_begin_read(struct rows *rows) MUST_CHECK;
int rows_begin(struct rows *rows, enum rows_env written) MUST_CHECK;
int rows_commit(struct rows *rows) MUST_CHECK; /* ends in any case */
void rows_end(struct rows *rows);              /* gives a write up; no transaction: nothing */
bool rows_is_open(const struct rows *rows);

/* Ends the open write of the disk environment; what it wrote waits. undone: as in struct settle_group. One at a time. */
void rows_stage(struct rows *rows, uint64_t undone);
bool rows_is_staged(const struct rows *rows);
/* Writes what is staged, synced. From any thread, once, between rows_stage() and rows_publish(). */
int rows_apply(struct rows *rows) MUST_CHECK;
/* err: what rows_apply() said. 0: the tables are as staged, n has grown by its versions. Else it is forgotten. Returns by how much its versions are
 * greater than they were thought. No transaction may be open. */
uint64_t rows_publish(struct rows *rows, int err);
/* While the fold puts versions right on the disk, nothing may be staged: it would be laid over what is being moved. */
void rows_set_settling(struct rows *rows, bool is_settling);
bool rows_is_settling(const struct rows *rows);
/* A reply in STORE_RECENT is written with the open write of the disk environment: its version is that of the group. */
void rows_note_reply(struct rows *rows, const struct db_key *key);
/* What is known of the group that was published last. */
const struct settle_published *rows_published(const struct rows *rows);

int rows_get(struct rows *rows, uint32_t table, uint64_t id, struct store_bytes *out_value) MUST_CHECK;
int rows_index_get(struct rows *rows, uint32_t table, const struct db_key *key, uint64_t *out_id) MUST_CHECK;
uint64_t rows_count(const struct rows *rows, uint32_t table);
/* Rows in id order from from_id; rows_walk_next() says -ERROR_NOT_FOUND behind the last. Close with store_cursor_close(). */
struct store_cursor *rows_walk(struct rows *rows, uint32_t table, uint64_t from_id);
int rows_walk_next(struct store_cursor *cursor, uint32_t table, uint64_t *out_id, struct store_bytes *out_value) MUST_CHECK;

/* The first id at or after from_id under which there may be a row of these bridges, and up to which id it goes on so; false: no such id. Rows of others may
 * lie in between. */
bool rows_next_of(const struct rows *rows, uint32_t table, const struct bridge_set *bridges, uint64_t from_id, uint64_t *out_first, uint64_t *out_last);
/* The bridge and all its rows are gone. */
void rows_forget_bridge(struct rows *rows, uint64_t bridge);
/* Is there a row of BRIDGE for all rows of this table, which is filtered by bridge? False, too, where that cannot be told without looking at them. */
bool rows_has_all_bridges(struct rows *rows, uint32_t table);

/* Writes; only tables of the written environment. */
int rows_put(struct rows *rows, uint32_t table, uint64_t id, const void *value, size_t size) MUST_CHECK;
int rows_replace(struct rows *rows, uint32_t table, uint64_t id, const void *value, size_t size) MUST_CHECK; /* one that is there */
int rows_delete(struct rows *rows, uint32_t table, uint64_t id) MUST_CHECK; /* -ERROR_NOT_FOUND */
int rows_index_put(struct rows *rows, uint32_t table, const struct db_key *key, uint64_t id) MUST_CHECK;
int rows_index_delete(struct rows *rows, uint32_t table, const struct db_key *key) MUST_CHECK;

/* An id that no row of this table has ever had; 0 when they are used up. Not given back when the transaction is. */
uint64_t rows_new_id(struct rows *rows, uint32_t table);
/* The newest n, and the next one for the transaction that is open (given back by rows_end()). */
uint64_t rows_n(const struct rows *rows);
uint64_t rows_next_n(struct rows *rows);
/* The newest n without those of the open transaction. */
uint64_t rows_shown_n(const struct rows *rows);

struct store_txn *rows_txn(struct rows *rows, enum rows_env env);
struct store *rows_store(struct rows *rows, enum rows_env env);

#endif
