/* Memory of a classifier, in pages of 2 MB: what lookups go through at random lies close together, and few translations of addresses cover it.
 *
 * Pieces are given back with the size they were taken with, and serve the next of about that size. What is taken is zeroed, and on a
 * boundary of 64 bytes when it has as many. The pool keeps what it has until it ends; pieces of more than 256 KB come and go one by one.
 */
#ifndef BUSBAR_SLOWPATH_POOL_H
#define BUSBAR_SLOWPATH_POOL_H

#include <stddef.h>

struct pool;

struct pool *pool_new(void);
/* What was taken goes with it, but for pieces of more than 256 KB, which are given back before; NULL is fine. */
void pool_destroy(struct pool **pool);
void *pool_take(struct pool *pool, size_t size) __attribute__((returns_nonnull));
void pool_give(struct pool *pool, void *piece, size_t size);

#endif
