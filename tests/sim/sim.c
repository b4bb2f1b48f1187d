/* The simulated machine: clock, files, bus, and the order in which processes get their turn.
 *
 * A step is a millisecond: every process once, in a random order, with the bus carried on between any two, so that an answer may come
 * within the step or in the next one, as the order falls; that is where races between processes come from, and the seed brings each
 * back. Deaths of the test (an assertion) leave the temporary directory behind on purpose: it is the evidence.
 * Cost: about 20 us a step with four idle processes and sanitizers. One thread.
 */
#include "tests/sim/sim.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "services/fastpath/io_mem.h"

static uint64_t sim_choose_seed(void)
{
    const char *given = getenv("BUSBAR_SEED");
    return given != NULL ? strtoull(given, NULL, 0) : clock_now_ns();
}

static void sim_choose_log_level(void)
{
    enum log_level level = LOG_LEVEL_ERROR;
    const char *given = getenv("SIM_LOG");
    if (given != NULL && log_level_parse(given, &level) != 0) {
        fail_msg("SIM_LOG=%s is not a level", given);
    }
    log_set_level(level);
}

static void sim_make_dirs(struct sim *sim)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(sim->dir, sizeof sim->dir, "%.100s/busbar-sim-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(sim->dir) == NULL) {
        fail_msg("%s: %s", sim->dir, strerror(errno));
    }
    (void)snprintf(sim->run_dir, sizeof sim->run_dir, "%.120s/run", sim->dir);
    (void)snprintf(sim->db_dir, sizeof sim->db_dir, "%.120s/db", sim->dir);
    if (mkdir(sim->run_dir, 0750) != 0 || mkdir(sim->db_dir, 0750) != 0) {
        fail_msg("%s: %s", sim->dir, strerror(errno));
    }
}

static int sim_remove_file(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    return remove(path);
}

static void sim_step(struct sim *sim)
{
    struct sim_process *order[SIM_PROCESSES_MAX];
    size_t n = 0;
    for (; n < sim->n_processes; n++) {
        size_t at = random_below(&sim->random, n + 1);
        order[n] = &sim->processes[n];
        struct sim_process *moved = order[at];
        order[at] = order[n];
        order[n] = moved;
    }
    sim->now_ns += NS_PER_MS;
    sim->wall_ns += NS_PER_MS;
    for (size_t i = 0; i < n; i++) {
        bus_hub_step(sim->hub, sim->now_ns);
        sim_step_process(sim, order[i]);
    }
    bus_hub_step(sim->hub, sim->now_ns);
    sim_operator_step(sim);
}

struct sim *sim_new(const char *scenario, unsigned n_slowpaths)
{
    struct sim *sim = memory_zeroed(sizeof *sim);
    sim->seed = sim_choose_seed();
    print_message("%s: BUSBAR_SEED=%" PRIu64 "\n", scenario, sim->seed);
    sim_choose_log_level();
    random_seed(&sim->random, sim->seed);
    sim->now_ns = 1000 * NS_PER_S;
    sim->wall_ns = 1790000000 * NS_PER_S;
    sim_make_dirs(sim);
    sim->hub = bus_hub_new(random_u64(&sim->random));
    sim->devices = io_mem_new();
    sim_operator_open(sim);
    sim_start(sim, PROCESS_CONFIGDB, 1);
    sim_start(sim, PROCESS_OFAGENT, 1);
    for (unsigned i = 1; i <= n_slowpaths; i++) {
        sim_start(sim, PROCESS_SLOWPATH, i);
    }
    sim_start(sim, PROCESS_FASTPATH, 1);
    sim_settle(sim);
    return sim;
}

void sim_end(struct sim **out_sim)
{
    struct sim *sim = *out_sim;
    sim_check(sim);
    sim_operator_close(sim);
    for (size_t i = sim->n_processes; i-- > 0;) {
        if (sim->processes[i].start != 0) {
            sim_kill(sim, sim->processes[i].kind, sim->processes[i].instance);
        }
    }
    io_mem_destroy(&sim->devices);
    bus_hub_destroy(&sim->hub);
    if (nftw(sim->dir, sim_remove_file, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        fail_msg("%s: %s", sim->dir, strerror(errno));
    }
    free(sim);
    *out_sim = NULL;
}

void sim_run_ms(struct sim *sim, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        sim_step(sim);
    }
}

unsigned sim_until(struct sim *sim, sim_question *is_so, void *context, const char *what)
{
    for (unsigned ms = 0; ms < SIM_PATIENCE_MS; ms++) {
        if (is_so(sim, context)) {
            return ms;
        }
        sim_step(sim);
    }
    fail_msg("seed %" PRIu64 ": not within %d ms: %s", sim->seed, SIM_PATIENCE_MS, what);
    return 0;
}
