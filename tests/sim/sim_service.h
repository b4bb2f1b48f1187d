/* The role of a simulated process: how it is born, gets its turn and is freed. One implementation a service (sim_configdb.c ...).
 *
 * Each implementation is linked with its service into one object of which only the names beginning with sim_ (and io_mem_) stay
 * visible: services are processes of their own and use the same names for different things (session_new, command_table).
 * These files include nothing of other services and call nothing of the simulator.
 */
#ifndef BUSBAR_TESTS_SIM_SIM_SERVICE_H
#define BUSBAR_TESTS_SIM_SIM_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/bus/bus.h"

struct io_mem;

struct sim_birth {
    struct bus *bus;
    const char *run_dir, *db_dir, *config_endpoint, *control_endpoint;
    uint32_t instance;
    uint64_t start, now_ns, wall_ns;
    struct io_mem *devices;
};

struct sim_service {
    /* NULL with the reason in *detail. */
    void *(*birth)(const struct sim_birth *birth, struct error_detail *detail);
    void (*step)(void *service, uint64_t now_ns, uint64_t wall_ns);
    void (*death)(void *service);
};

extern const struct sim_service sim_configdb, sim_ofagent, sim_slowpath, sim_fastpath;

/* What the shard's own checks and counters say. */
struct sim_shard {
    bool frames_are_sound;  /* I4: umem_is_sound() */
    bool is_balanced;       /* I5: worker_is_balanced() */
    uint64_t received, sent, sent_up, consumed, packets_out, copies, pending, dropped;
    uint64_t misses, hits;
    size_t n_flows, n_ports, n_sessions_open;
    uint64_t n_counters; /* interned ids */
    uint64_t adopted, sessions_closed, stalls, changed, removed;
    uint64_t floor_n;
    char drops[256]; /* reason=count ... of those that are not 0 */
};
void sim_fastpath_look(void *service, struct sim_shard *out_shard);

#endif
