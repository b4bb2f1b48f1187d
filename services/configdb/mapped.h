/* What makes it safe to write an environment through its map (STORE_MAPPED): room in the file before a page is touched, and no commit by halves.
 *
 *     mapped_recover(dir, &detail);              before LMDB opens it
 *     mapped_open(dir, &mapped);
 *     wanted = mapped_wanted(mapped_taken(txn), free_pages, size); mapped_has_room() or mapped_room(), before each change
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

struct mapped;
/* -errno: no room for a page, or no directory to make a file in. */
int mapped_open(const char *dir, struct mapped **out_mapped) MUST_CHECK;
void mapped_close(struct mapped **mapped);
/* Takes back the commit in which the last process died, if it died in one: nobody was told of it. -ERROR_DAMAGED: these are not LMDB's pages.
 * Not 0: the file is named. */
int mapped_recover(const char *dir, struct error_detail *detail) MUST_CHECK;
/* There is no mark any more: the last that wrote here knew of none, so what it says may be of another commit. */
int mapped_forget(const char *dir, struct error_detail *detail) MUST_CHECK;

/* Pages of the file that are used so far, those of a write transaction of LMDB that is open among them. */
uint64_t mapped_taken(const void *lmdb_txn);
/* As many pages the file must have before one change, so that it and the commit find room: a key and value of `size` bytes together, 0 for a
 * removal. free_pages: the pages of LMDB's tree of free pages. */
uint64_t mapped_wanted(uint64_t taken, uint64_t free_pages, size_t size);
bool mapped_has_room(const struct mapped *mapped, uint64_t wanted);
/* The file gets that many, up to the map's end. -ENOSPC, or another -errno. */
int mapped_room(struct mapped *mapped, int fd, uint64_t wanted, uint64_t map_bytes) MUST_CHECK;
/* What is behind the pages that are used, up to a byte of the file, is no memory any more. No transaction may be open that has taken some of it, but
 * one that ends without a commit. */
void mapped_give_back(struct mapped *mapped, int fd, uint64_t used, uint64_t end);
/* The same before a transaction is aborted, if it is much. */
void mapped_aborted(struct mapped *mapped, int fd, uint64_t used);
uint64_t mapped_allocated(const struct mapped *mapped); /* bytes that are known to have room */

uint64_t mapped_begin(struct mapped *mapped, uint64_t txnid);
void mapped_end(struct mapped *mapped, uint64_t ticket);
uint64_t mapped_newest(const struct mapped *mapped); /* ticket of the last begun */
bool mapped_is_done(const struct mapped *mapped, uint64_t ticket);

#endif
