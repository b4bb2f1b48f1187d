/* The commit that undoes itself unless it is confirmed in time: at most one, kept on disk.
 *
 * While there is one, no other client changes the configuration: what is undone would be something else than what was tried. Functions
 * that take rows need a transaction open on them. One thread.
 */
#ifndef BUSBAR_CONFIGDB_CONFIRM_H
#define BUSBAR_CONFIGDB_CONFIRM_H

#include "proto/history.pb-c.h"
#include "services/configdb/rows.h"

enum { CONFIRM_SECONDS_MAX = 86400 /* nobody may lock the configuration for longer than a day */ };

/* What time it is. */
struct confirm_clocks {
    uint64_t now_ns, wall_ns; /* CLOCK_BOOTTIME, CLOCK_REALTIME */
    const char *boot_id;      /* the boot now_ns belongs to */
};

/* Free with busbar__pending__free_unpacked(). -ERROR_NOT_FOUND, -ERROR_DAMAGED. */
int confirm_get(struct rows *rows, Busbar__Pending **out_pending) MUST_CHECK;
/* The commit being written, n of `epoch`, awaits confirmation for so many seconds from now. */
int confirm_begin(struct rows *rows, uint64_t epoch, uint64_t n, const char *client, const char *user, uint32_t seconds,
                  const struct confirm_clocks *clocks) MUST_CHECK;
int confirm_end(struct rows *rows) MUST_CHECK;

/* 0: it is to be undone. */
uint64_t confirm_left_ns(const Busbar__Pending *pending, const struct confirm_clocks *clocks);
/* Says who awaits, how long yet, and what to do; returns -ERROR_REFUSED. */
int confirm_refuse(const Busbar__Pending *pending, const struct confirm_clocks *clocks, struct error_detail *detail);

#endif
