/* configdb as a simulated process, with its control wire.
 *
 * Runs on real LMDB files below the simulated machine's directory; the map is small, because address space under sanitizers is not
 * free, and the fold runs within the step, so that the run is the same under one seed. It forks once at its start, to check the files.
 * One thread.
 */
#include "tests/sim/sim_service.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "services/configdb/query.h"
#include "services/configdb/configdb.h"

enum { MAP_BYTES = 64 * 1024 * 1024 /* thousands of rules */ };

struct sim_db {
    struct configdb *db;
    struct control_server *control;
};

static void configdb_death(void *service)
{
    struct sim_db *me = service;
    control_server_destroy(&me->control);
    configdb_destroy(&me->db);
    free(me);
}

static void *configdb_birth(const struct sim_birth *birth, struct error_detail *detail)
{
    struct sim_db *me = memory_zeroed(sizeof *me);
    struct configdb_settings settings = {
        .bus = birth->bus,
        .endpoint = birth->config_endpoint,
        .start = {.run_dir = birth->run_dir,
                  .db_dir = birth->db_dir,
                  .boot_id = "7f3c0e52-0000-4000-8000-000000000001",
                  .wall_s = birth->wall_ns / NS_PER_S,
                  .map_bytes = MAP_BYTES},
        .disk = DISK_INLINE,
    };
    int err = configdb_new(&settings, birth->now_ns, &me->db, detail);
    if (err == 0) {
        err = control_server_new(birth->bus, birth->control_endpoint, query_commands, query_count, query_status, me->db, &me->control);
    }
    if (err != 0) {
        configdb_death(me);
        return NULL;
    }
    return me;
}

static void configdb_turn(void *service, uint64_t now_ns, uint64_t wall_ns)
{
    struct sim_db *me = service;
    (void)configdb_step(me->db, now_ns);
    control_server_step(me->control, now_ns);
}

const struct sim_service sim_configdb = {.birth = configdb_birth, .step = configdb_turn, .death = configdb_death};
