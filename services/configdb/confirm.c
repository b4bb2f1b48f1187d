/* Awaiting confirmation.
 *
 * The deadline is a moment of CLOCK_BOOTTIME and carries the id of the boot: it goes on while configdb is dead, no setting of the wall clock
 * touches it, and after a kill -9 the rest of the time runs. After a reboot that clock has begun anew; then the wall clock says how
 * much of the time has gone, and a wall clock that was set back meanwhile gives at most the whole time again: never for ever.
 *
 * Cost: one small value in the commit it belongs to. Thread: configdb's main thread. Invariant I8: written in the commit that awaits,
 * removed in the commit that confirms or undoes it.
 */
#include "services/configdb/confirm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

int confirm_get(struct rows *rows, Busbar__Pending **out_pending)
{
    struct db_key key = db_key_meta(DB_META_PENDING, 0);
    struct store_bytes value;
    int err = store_get(rows_txn(rows, ROWS_DISK), STORE_META, &key, &value);
    if (err != 0) {
        return err;
    }
    Busbar__Pending *pending = busbar__pending__unpack(NULL, value.size, value.bytes);
    if (pending == NULL) {
        return -ERROR_DAMAGED;
    }
    pending->n = settle_version(rows_txn(rows, ROWS_DISK), rows_published(rows), pending->n);
    *out_pending = pending;
    return 0;
}

int confirm_begin(struct rows *rows, uint64_t epoch, uint64_t n, const char *client, const char *user, uint32_t seconds,
                  const struct confirm_clocks *clocks)
{
    Busbar__Pending pending = BUSBAR__PENDING__INIT;
    struct db_key key = db_key_meta(DB_META_PENDING, 0);
    pending.epoch = epoch;
    pending.n = n;
    pending.client = (char *)(uintptr_t)client;
    pending.user = (char *)(uintptr_t)user;
    pending.wall_ns = clocks->wall_ns;
    pending.seconds = seconds;
    pending.boot = (char *)(uintptr_t)clocks->boot_id;
    pending.deadline_ns = clocks->now_ns + seconds * NS_PER_S;
    pending.deadline_wall_ns = clocks->wall_ns + seconds * NS_PER_S;
    size_t size = busbar__pending__get_packed_size(&pending);
    uint8_t *packed = memory_zeroed(size);
    busbar__pending__pack(&pending, packed);
    int err = store_put(rows_txn(rows, ROWS_DISK), STORE_META, &key, packed, size);
    free(packed);
    return err;
}

int confirm_end(struct rows *rows)
{
    struct db_key key = db_key_meta(DB_META_PENDING, 0);
    return store_delete(rows_txn(rows, ROWS_DISK), STORE_META, &key);
}

uint64_t confirm_left_ns(const Busbar__Pending *pending, const struct confirm_clocks *clocks)
{
    bool is_this_boot = strcmp(pending->boot, clocks->boot_id) == 0;
    uint64_t deadline = is_this_boot ? pending->deadline_ns : pending->deadline_wall_ns;
    uint64_t now = is_this_boot ? clocks->now_ns : clocks->wall_ns;
    uint64_t whole = pending->seconds * NS_PER_S;
    uint64_t left = deadline > now ? deadline - now : 0;
    return left < whole ? left : whole;
}

int confirm_refuse(const Busbar__Pending *pending, const struct confirm_clocks *clocks, struct error_detail *detail)
{
    uint64_t left_s = (confirm_left_ns(pending, clocks) + NS_PER_S - 1) / NS_PER_S;
    uint64_t age_s = clocks->wall_ns > pending->wall_ns ? (clocks->wall_ns - pending->wall_ns) / NS_PER_S : 0;
    return error_set(detail, -ERROR_REFUSED,
                     "version %" PRIu64 " awaits confirmation, and until then nothing else changes the configuration: %.80s%s%.24s, %" PRIu64
                     " s ago. Undone in %" PRIu64 " s; swctl confirm keeps it, swctl cancel undoes it now",
                     pending->n, pending->client, pending->user[0] != '\0' ? " by " : "", pending->user, age_s, left_s);
}
