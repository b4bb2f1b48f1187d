/* The tables: rows of both environments, their counts, ids and indexes, and the one transaction that is open on them.
 *
 * A table lives in the environment that lib/cfg/tables.def says. Between rows_begin() and rows_commit() one environment is written
 * and the other read; counts, ids and n are kept in memory and written with the commit. After rows_end() of a write nothing of it
 * remains. One thread. Errors as store.h.
 */
#ifndef BUSBAR_CONFIGDB_ROWS_H
#define BUSBAR_CONFIGDB_ROWS_H

#include "lib/cfg/cfg.h"
#include "services/configdb/store.h"

enum rows_env { ROWS_DISK, ROWS_RUN };
enum { ROWS_ENV_COUNT = 2 };
enum {
    ROWS_VALUE_MAX =
        512 * 1024 /* bytes of one row: a group of 10,000 buckets fits, and a piece of the feed stays below 1 MiB */
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

int rows_get(struct rows *rows, uint32_t table, uint64_t id, struct store_bytes *out_value) MUST_CHECK;
int rows_index_get(struct rows *rows, uint32_t table, const struct db_key *key, uint64_t *out_id) MUST_CHECK;
uint64_t rows_count(const struct rows *rows, uint32_t table);
/* Rows in id order from from_id; rows_walk_next() says -ERROR_NOT_FOUND behind the last. Close with store_cursor_close(). */
struct store_cursor *rows_walk(struct rows *rows, uint32_t table, uint64_t from_id);
int rows_walk_next(struct store_cursor *cursor, uint32_t table, uint64_t *out_id, struct store_bytes *out_value) MUST_CHECK;

/* Writes; only tables of the written environment. */
int rows_put(struct rows *rows, uint32_t table, uint64_t id, const void *value, size_t size) MUST_CHECK;
int rows_delete(struct rows *rows, uint32_t table, uint64_t id) MUST_CHECK; /* -ERROR_NOT_FOUND */
int rows_index_put(struct rows *rows, uint32_t table, const struct db_key *key, uint64_t id) MUST_CHECK;
int rows_index_delete(struct rows *rows, uint32_t table, const struct db_key *key) MUST_CHECK;

/* An id that no row of this table has ever had; 0 when they are used up. Not given back when the transaction is. */
uint64_t rows_new_id(struct rows *rows, uint32_t table);
/* The newest n, and the next one for the transaction that is open (given back by rows_end()). */
uint64_t rows_n(const struct rows *rows);
uint64_t rows_next_n(struct rows *rows);

struct store_txn *rows_txn(struct rows *rows, enum rows_env env);
struct store *rows_store(struct rows *rows, enum rows_env env);

#endif
