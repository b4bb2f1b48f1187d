/* fastpath as a simulated process with ports in memory, and a look inside by its own checks (I4, I5).
 *
 * The umem is small, so that running out of frames is in reach of a scenario. A turn is steps until there is nothing left to do, at most
 * TURNS: a real shard polls much more often than once a millisecond. One thread.
 */
#include "tests/sim/sim_service.h"

#include <stdio.h>
#include <string.h>

#include "services/fastpath/fastpath.h"
#include "services/fastpath/fastpath_private.h"
#include "services/fastpath/io_mem.h"
#include "services/fastpath/session.h"

enum { FRAMES = 2048, LARGE_FRAMES = 16, TURNS = 8 };

static void fastpath_death(void *service)
{
    struct fastpath *fastpath = service;
    fastpath_destroy(&fastpath);
}

static void *fastpath_birth(const struct sim_birth *birth, struct error_detail *detail)
{
    struct fastpath *fastpath = NULL;
    struct fastpath_settings settings = {.bus = birth->bus,
                                         .run_dir = birth->run_dir,
                                         .instance = birth->instance,
                                         .config_endpoint = birth->config_endpoint,
                                         .factory = io_mem_factory(birth->devices),
                                         .n_frames = FRAMES,
                                         .n_large_frames = LARGE_FRAMES,
                                         .pid = birth->instance,
                                         .now_ns = birth->now_ns};
    return fastpath_new(&settings, &fastpath, detail) == 0 ? fastpath : NULL;
}

static void fastpath_turn(void *service, uint64_t now_ns, uint64_t wall_ns)
{
    for (int i = 0; i < TURNS && fastpath_step(service, now_ns); i++) {
    }
}

void sim_fastpath_look(void *service, struct sim_shard *out_shard)
{
    const struct shard *shard = &((struct fastpath *)service)->shard;
    const struct worker_totals *totals = &shard->worker.totals;
    *out_shard = (struct sim_shard){
        .frames_are_sound = umem_is_sound(shard->umem),
        .is_balanced = worker_is_balanced(&shard->worker),
        .received = totals->received,
        .sent = totals->sent,
        .sent_up = totals->sent_up,
        .consumed = totals->consumed,
        .packets_out = totals->packets_out,
        .copies = totals->copies,
        .pending = umem_count(shard->umem, FRAME_PENDING),
        .misses = totals->misses,
        .hits = totals->exact_hits + totals->megaflow_hits,
        .n_counters = shard->counters.n_ids,
        .n_flows = flow_table_count(shard->flows),
        .n_ports = shard->ports.n_ports,
        .n_sessions_open = session_count_open(shard),
        .adopted = shard->counts.adopted,
        .sessions_closed = shard->counts.sessions_closed,
        .stalls = shard->counts.stalls,
        .changed = shard->counts.changed,
        .removed = shard->counts.removed,
        .floor_n = shard->floor.n,
    };
    size_t used = 0;
    for (int i = 0; i < DROP_REASON_COUNT; i++) {
        out_shard->dropped += totals->drops[i];
        if (totals->drops[i] != 0 && used < sizeof out_shard->drops) {
            used += (size_t)snprintf(out_shard->drops + used, sizeof out_shard->drops - used, "%s=%llu ", drop_name((enum drop_reason)i),
                                     (unsigned long long)totals->drops[i]);
        }
    }
}

const struct sim_service sim_fastpath = {.birth = fastpath_birth, .step = fastpath_turn, .death = fastpath_death};
