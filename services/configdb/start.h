/* What happens before configdb serves: check both environments, open them, rebuild the run environment if need be, and begin an epoch.
 *
 * Call before any thread is started (a child process is forked).
 */
#ifndef BUSBAR_CONFIGDB_START_H
#define BUSBAR_CONFIGDB_START_H

#include "lib/msg/version.h"
#include "services/configdb/rows.h"

struct start_settings {
    const char *run_dir; /* the run environment is RUN_DIR/rundb */
    const char *db_dir;
    const char *boot_id; /* of this boot of the machine */
    uint64_t wall_s;     /* epochs are not below it */
    size_t map_bytes;    /* of each environment; 0: START_MAP_BYTES */
};
#define START_MAP_BYTES (64ull << 30)

struct start_result {
    struct rows *rows;
    uint64_t epoch;
    struct version last_epoch_end; /* where the last epoch ended, when nothing was lost since; else (0, 0) */
};

/* detail says what is wrong and what to do about it. */
int start_database(const struct start_settings *settings, struct start_result *out_result,
                   struct error_detail *detail) MUST_CHECK;

#endif
