/* Looks for damage in an environment before it is opened for work.
 *
 * LMDB dies of damaged pages instead of reporting them, so everything is read once by a child process. Call before any thread is
 * started and before the environment is opened.
 */
#ifndef BUSBAR_CONFIGDB_CHECK_H
#define BUSBAR_CONFIGDB_CHECK_H

#include <stddef.h>

#include "lib/base/error.h"

/* 0 also when there is no database in `dir`. -ERROR_DAMAGED with what was found in detail; -ERROR_VERSION for another layout. */
int check_database(const char *dir, size_t map_bytes, struct error_detail *detail) MUST_CHECK;
/* The same in this process; for the child. */
int check_here(const char *dir, size_t map_bytes, struct error_detail *detail) MUST_CHECK;

#endif
