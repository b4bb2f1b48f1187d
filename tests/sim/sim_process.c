/* Lives and deaths of simulated processes, and the questions whether the switch has come to rest and is sound.
 *
 * A death by kill -9 has two parts that memory being freed would spoil: the process says nothing more (it is cut from the bus before
 * anything is freed), and its files are as the kernel has them at that moment (configdb's data files are read before and written back
 * after, because closing it folds and syncs). The start number of each life is new and, under one seed, the same.
 * One thread. Invariant: a process that does not run has start 0 and no bus.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "tests/sim/sim.h"

struct saved_file {
    char path[SIM_PATH_MAX];
    uint8_t *bytes;
    size_t size;
};

static void file_save(const char *dir, const char *name, struct saved_file *out_file)
{
    struct saved_file file = {.bytes = NULL};
    struct stat status;
    (void)snprintf(file.path, sizeof file.path, "%.200s/%s", dir, name);
    int fd = open(file.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        fail_msg("%s: %s", file.path, strerror(errno));
    }
    file.size = (size_t)status.st_size;
    file.bytes = memory_array(file.size + 1, 1);
    assert_int_equal(read(fd, file.bytes, file.size), file.size);
    close(fd);
    *out_file = file;
}

static void file_restore(struct saved_file *file)
{
    int fd = open(file->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) {
        fail_msg("%s: %s", file->path, strerror(errno));
    }
    assert_int_equal(write(fd, file->bytes, file->size), file->size);
    close(fd);
    free(file->bytes);
}

static const struct sim_service *sim_role(enum process_kind kind)
{
    switch (kind) {
    case PROCESS_CONFIGDB:
        return &sim_configdb;
    case PROCESS_OFAGENT:
        return &sim_ofagent;
    case PROCESS_SLOWPATH:
        return &sim_slowpath;
    case PROCESS_FASTPATH:
        return &sim_fastpath;
    case PROCESS_SWCTL:
    case PROCESS_ANY:
        break;
    }
    fail_msg("%s is not simulated", process_kind_name(kind));
    return NULL;
}

struct sim_process *sim_process(struct sim *sim, enum process_kind kind, uint32_t instance)
{
    for (size_t i = 0; i < sim->n_processes; i++) {
        if (sim->processes[i].kind == kind && sim->processes[i].instance == instance) {
            return &sim->processes[i];
        }
    }
    assert_true(sim->n_processes < SIM_PROCESSES_MAX);
    struct sim_process *process = &sim->processes[sim->n_processes++];
    *process = (struct sim_process){.kind = kind, .role = sim_role(kind), .instance = instance};
    return process;
}

void sim_start(struct sim *sim, enum process_kind kind, uint32_t instance)
{
    struct sim_process *process = sim_process(sim, kind, instance);
    struct error_detail detail = {""};
    char config[SIM_PATH_MAX], control[SIM_PATH_MAX];
    assert_int_equal(process->start, 0);
    assert_int_equal(bus_endpoint(sim->run_dir, WIRE_CONFIG, PROCESS_CONFIGDB, 1, config, sizeof config), 0);
    assert_int_equal(bus_endpoint(sim->run_dir, WIRE_CONTROL, kind, instance, control, sizeof control), 0);
    process->start = ++sim->births;
    process->is_stopped = false;
    struct bus_identity self = {.kind = kind, .instance = instance, .start = process->start};
    process->bus = bus_memory_new(sim->hub, &self);
    bus_set_protocol_ahead(process->bus, process->protocol_ahead);
    struct sim_birth birth = {.bus = process->bus,
                              .run_dir = sim->run_dir,
                              .db_dir = sim->db_dir,
                              .config_endpoint = config,
                              .control_endpoint = control,
                              .instance = instance,
                              .start = process->start,
                              .now_ns = sim->now_ns,
                              .wall_ns = sim->wall_ns,
                              .devices = sim->devices};
    log_info("sim_start process=%s.%u ms=%llu", process_kind_name(kind), instance, sim->now_ns / NS_PER_MS);
    process->service = process->role->birth(&birth, &detail);
    if (process->service == NULL) {
        fail_msg("%s.%u does not start: %s", process_kind_name(kind), instance, detail.text);
    }
}

void sim_kill(struct sim *sim, enum process_kind kind, uint32_t instance)
{
    struct sim_process *process = sim_process(sim, kind, instance);
    struct bus_identity self = {.kind = kind, .instance = instance, .start = process->start};
    struct saved_file files[2];
    char rundb[SIM_PATH_MAX];
    assert_int_not_equal(process->start, 0);
    log_info("sim_kill process=%s.%u ms=%llu", process_kind_name(kind), instance, sim->now_ns / NS_PER_MS);
    bus_hub_cut(sim->hub, &self, true);
    if (kind == PROCESS_CONFIGDB) {
        (void)snprintf(rundb, sizeof rundb, "%.200s/rundb", sim->run_dir);
        file_save(sim->db_dir, "data.mdb", &files[0]);
        file_save(rundb, "data.mdb", &files[1]);
    }
    process->role->death(process->service);
    bus_destroy(&process->bus);
    if (kind == PROCESS_CONFIGDB) {
        file_restore(&files[0]);
        file_restore(&files[1]);
    }
    process->service = NULL;
    process->start = 0;
}

void sim_stop(struct sim *sim, enum process_kind kind, uint32_t instance, bool is_stopped)
{
    sim_process(sim, kind, instance)->is_stopped = is_stopped;
}

void sim_step_process(struct sim *sim, struct sim_process *process)
{
    if (process->start != 0 && !process->is_stopped) {
        process->role->step(process->service, sim->now_ns, sim->wall_ns);
    }
}

/* ---- rest ---- */

static bool process_has_joined(struct sim *sim, const struct sim_process *process)
{
    const ProtobufCMessage *message;
    uint64_t cursor = 0, id;
    while (cfg_next(sim->cfg, CFG_SERVICE, &cursor, &id, &message)) {
        const Busbar__ServiceRow *row = (const Busbar__ServiceRow *)message;
        if (row->kind == (uint32_t)process->kind && row->instance == process->instance && row->start == process->start) {
            return true;
        }
    }
    return false;
}

static bool process_works(const struct sim_process *process, enum process_kind kind)
{
    return process->kind == kind && process->start != 0 && !process->is_stopped;
}

struct settling {
    bool was_asked, is_applied, is_answered;
};

static void settle_applied(void *context, const Busbar__AwaitAppliedReply *reply)
{
    struct settling *settling = context;
    settling->is_answered = true;
    settling->is_applied = reply != NULL && reply->reached;
    for (size_t i = 0; reply != NULL && i < reply->n_missing; i++) {
        print_message("not applied yet: %s\n", reply->missing[i]);
    }
}

static bool sim_has_joined(struct sim *sim, void *context)
{
    size_t n_slowpaths = 0;
    bool has_shard = false;
    if (!cfg_is_connected(sim->cfg) || !cfg_has_snapshot(sim->cfg)) {
        return false;
    }
    for (size_t i = 0; i < sim->n_processes; i++) {
        struct sim_process *process = &sim->processes[i];
        n_slowpaths += process_works(process, PROCESS_SLOWPATH);
        has_shard = has_shard || process_works(process, PROCESS_FASTPATH);
        if (process->start != 0 && !process->is_stopped && process->kind != PROCESS_CONFIGDB && !process_has_joined(sim, process)) {
            return false;
        }
    }
    return !has_shard || sim_shard(sim).n_sessions_open == n_slowpaths;
}

static bool settle_is_answered(struct sim *sim, void *context)
{
    return ((struct settling *)context)->is_answered;
}

void sim_settle(struct sim *sim)
{
    struct settling settling = {.is_applied = false};
    (void)sim_until(sim, sim_has_joined, NULL, "everybody has joined and every slowpath has a session");
    for (int tries = 0; tries < 20 && !settling.is_applied; tries++) {
        settling.is_answered = false;
        cfg_await_applied(sim->cfg, cfg_version(sim->cfg), 2000, settle_applied, &settling);
        (void)sim_until(sim, settle_is_answered, &settling, "configdb says who has applied");
    }
    assert_true(settling.is_applied);
    (void)sim_until(sim, sim_has_joined, NULL, "every slowpath still has a session");
}

struct sim_shard sim_shard(struct sim *sim)
{
    struct sim_shard shard;
    struct sim_process *process = sim_process(sim, PROCESS_FASTPATH, 1);
    assert_non_null(process->service);
    sim_fastpath_look(process->service, &shard);
    return shard;
}

static bool shard_is_quiet(struct sim *sim, void *context)
{
    return sim_shard(sim).pending == 0;
}

void sim_check(struct sim *sim)
{
    struct sim_process *process = sim_process(sim, PROCESS_FASTPATH, 1);
    if (process->start == 0 || process->is_stopped) {
        return;
    }
    (void)sim_until(sim, shard_is_quiet, NULL, "no packet waits for an answer");
    struct sim_shard shard = sim_shard(sim);
    if (!shard.frames_are_sound || !shard.is_balanced) {
        fail_msg("seed %" PRIu64 ": frames sound %d, packets balanced %d: received=%" PRIu64 " packets_out=%" PRIu64 " copies=%" PRIu64
                 " sent=%" PRIu64 " sent_up=%" PRIu64 " consumed=%" PRIu64 " dropped=%" PRIu64 " (%s)",
                 sim->seed, shard.frames_are_sound, shard.is_balanced, shard.received, shard.packets_out, shard.copies, shard.sent,
                 shard.sent_up, shard.consumed, shard.dropped, shard.drops);
    }
}
