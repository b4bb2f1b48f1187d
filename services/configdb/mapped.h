/* What makes it safe to write an environment through its map (STORE_MAPPED): room in the file before a page is touched, and no commit by halves.
 *
 *     mapped_recover(dir);                       before LMDB opens it
 *     mapped_open(dir, &mapped);
 *     need = (struct mapped_need){...}; mapped_count(&need, db, ...) at each change; mapped_room(mapped, fd, pages, &need) before it is made
 *     ticket = mapped_begin(mapped, txnid); mdb_txn_commit(); mapped_end(mapped, ticket);
 *
 * mapped_begin() while the write transaction is open; mapped_end() may come late, and from any thread.
 */
#ifndef BUSBAR_CONFIGDB_MAPPED_H
#define BUSBAR_CONFIGDB_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum { MAPPED_DBS = 6 };

/* How many pages a transaction may take from the end of the file, at most. */
struct mapped_need {
    struct {
        uint64_t pages; /* that the database has when the transaction begins */
        uint64_t n, n_puts, bytes;
    } dbs[MAPPED_DBS];
    uint64_t large; /* pages of values that have pages of their own */
};

struct mapped;
/* -errno: no room for a page, or no directory to make a file in. */
int mapped_open(const char *dir, struct mapped **out_mapped) MUST_CHECK;
void mapped_close(struct mapped **mapped);
/* Takes back the commit in which the last process died, if it died in one: nobody was told of it. -ERROR_DAMAGED: these are not LMDB's pages. */
int mapped_recover(const char *dir) MUST_CHECK;

/* One put of a key and value of `size` bytes together, or one removal (size 0). */
void mapped_count(struct mapped_need *need, uint32_t db, size_t size);
uint64_t mapped_pages(const struct mapped_need *need);
bool mapped_has_room(const struct mapped *mapped, uint64_t used, const struct mapped_need *need);
/* The file `fd`, which has `used` pages, gets what is needed behind them, up to the map's end. -ENOSPC, or another -errno. */
int mapped_room(struct mapped *mapped, int fd, uint64_t used, uint64_t map_bytes, const struct mapped_need *need) MUST_CHECK;

uint64_t mapped_begin(struct mapped *mapped, uint64_t txnid);
void mapped_end(struct mapped *mapped, uint64_t ticket);
uint64_t mapped_newest(const struct mapped *mapped); /* ticket of the last begun */
bool mapped_is_done(const struct mapped *mapped, uint64_t ticket);

#endif
