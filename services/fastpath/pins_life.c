/* Who ends the pins.
 *
 * Both are asked under the lock under which programs are attached: so of two shards that end together the second finds itself the last, and
 * nobody takes away what another is just putting there. Control code; some 15 ms for each program that comes off a device.
 */
#include "services/fastpath/pins_life.h"

#include "lib/base/log.h"
#include "services/fastpath/rx_program.h"
#include "services/fastpath/shard_set.h"

static bool lives_anybody(const struct rx_pins *pins)
{
    struct shard_set set;
    shard_set_init(&set, pins->run_dir, UINT32_MAX);
    (void)shard_set_look_now(&set);
    return set.n_live > 0;
}

void pins_remove_other_versions(const struct rx_pins *pins)
{
    int lock_fd;
    if (pins->dir[0] == '\0' || !rx_program_is_there_another_version(pins) || rx_pins_lock(pins, &lock_fd) != 0) {
        return;
    }
    if (!lives_anybody(pins)) {
        log_info("xdp_programs_removed reason=\"of another version\"");
        rx_pins_remove_programs(pins);
    }
    rx_pins_unlock(lock_fd);
}

void pins_remove_if_last(const struct rx_pins *pins)
{
    int lock_fd;
    if (pins->dir[0] == '\0' || rx_pins_lock(pins, &lock_fd) != 0) {
        return; /* somebody attaches: he is not alone */
    }
    if (!lives_anybody(pins)) {
        rx_pins_remove_all(pins);
    }
    rx_pins_unlock(lock_fd);
}
