/* The simulator: the whole switch in one process, under a fake clock, over a bus in memory that can be slow and lose connections.
 *
 *   operator (configuration, control wire)        hosts: one behind each port
 *        │                                            │ frames in and out
 *   configdb.1   ofagent.1   slowpath.1..N        fastpath.1 (ports in memory)
 *        └───────────┴────────────┴──── bus_hub ──────┘
 *
 * Nothing runs by itself. sim_run_ms() steps every process once a millisecond of the fake clock, in an order drawn anew each time, and
 * carries the bus's messages in between; so one seed and one scenario give one run. BUSBAR_SEED in the environment repeats a run; every
 * scenario prints its seed. A process is killed as kill -9 does it: cut from the bus first, so that nothing it says when its memory is
 * freed arrives, and configdb's files put back to what they were at that moment. A stopped process is like one after SIGSTOP.
 *
 * What fails, fails the cmocka test at once. One thread.
 */
#ifndef BUSBAR_TESTS_SIM_SIM_H
#define BUSBAR_TESTS_SIM_SIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/bus/bus.h"
#include "lib/cfg/cfg.h"
#include "tests/sim/sim_service.h"

enum {
    SIM_PROCESSES_MAX = 16,
    SIM_CALLS_MAX = 64,
    SIM_PATH_MAX = 256,
    SIM_FLOW_MOD_TRIES = 50, /* 5 s and more: claiming a bridge after a death takes less */
    SIM_PATIENCE_MS = 20000, /* of the fake clock: what has not happened by then never will */
};

struct sim;

struct sim_process {
    enum process_kind kind;
    const struct sim_service *role;
    uint32_t instance;
    uint64_t start;  /* of this life; 0: not running */
    bool is_stopped; /* exists and is not stepped */
    int protocol_ahead; /* of its build, from its next start on (lib/bus/protocol.h) */
    struct bus *bus;
    void *service;
};

/* A request on the control wire; sim_operator.c. */
struct sim_call {
    uint64_t number; /* 0: free */
    enum process_kind kind;
    uint32_t instance;
    char *command;
    char **arguments;
    size_t n_arguments;
    bool is_sent, is_done;
    int error;
    char text[256];
    json_t *json;
    uint64_t begun_ns, sent_ns;
};

struct sim_door {
    enum process_kind kind;
    uint32_t instance;
    struct bus_socket *socket;
};

struct sim {
    uint64_t seed;
    struct random random;
    uint64_t now_ns, wall_ns;
    uint64_t births; /* start numbers given */
    char dir[SIM_PATH_MAX], run_dir[SIM_PATH_MAX], db_dir[SIM_PATH_MAX];
    struct bus_hub *hub;
    struct io_mem *devices;
    struct sim_process processes[SIM_PROCESSES_MAX];
    size_t n_processes;
    /* The operator: configuration and control. */
    struct bus *bus;
    struct cfg *cfg;
    struct sim_door doors[SIM_PROCESSES_MAX];
    size_t n_doors;
    struct sim_call calls[SIM_CALLS_MAX];
    uint64_t n_calls;
};

/* A switch with configdb.1, ofagent.1, `n_slowpaths` slowpaths and fastpath.1, started and joined. */
struct sim *sim_new(const char *scenario, unsigned n_slowpaths);
/* Checks that nothing was lost on the way (sim_check), stops everything and removes the files. */
void sim_end(struct sim **sim);

/* The clock goes on by that much, millisecond by millisecond. */
void sim_run_ms(struct sim *sim, unsigned ms);
/* Runs until `is_so` or fails, naming `what`, after SIM_PATIENCE_MS. Returns how long it took. */
typedef bool sim_question(struct sim *sim, void *context);
unsigned sim_until(struct sim *sim, sim_question *is_so, void *context, const char *what);

/* ---- processes (sim_process.c) ---- */
struct sim_process *sim_process(struct sim *sim, enum process_kind kind, uint32_t instance);
void sim_start(struct sim *sim, enum process_kind kind, uint32_t instance);
void sim_kill(struct sim *sim, enum process_kind kind, uint32_t instance);
void sim_stop(struct sim *sim, enum process_kind kind, uint32_t instance, bool is_stopped);
void sim_step_process(struct sim *sim, struct sim_process *process);
/* Every running service has joined, every slowpath has an open session with the shard, and all have applied what was committed. */
void sim_settle(struct sim *sim);
/* What the running shard counts. */
struct sim_shard sim_shard(struct sim *sim);
/* I4 and I5 of the shard: every frame has one owner, every packet ended by name. Lets the switch come to rest first. */
void sim_check(struct sim *sim);

/* ---- the operator (sim_operator.c) ---- */
/* One row each; they return its id. The switch has settled with it when they return. */
uint64_t sim_add_bridge(struct sim *sim, const char *name, const char *fail_mode);
uint64_t sim_add_port(struct sim *sim, uint64_t bridge, const char *name);
void sim_delete(struct sim *sim, enum cfg_table table, uint64_t id);
/* The transaction's error, after it was answered or given up. Takes *txn. out_id may be NULL: the id of its first operation. */
int sim_transact(struct sim *sim, struct cfg_txn **txn, uint64_t *out_id) MUST_CHECK;
/* Asks a process on the control wire; arguments end with NULL. An unanswered request (a lossy bus) is asked once more each 3 s. */
struct sim_call *sim_call_begin(struct sim *sim, enum process_kind kind, uint32_t instance, const char *command, ...)
    __attribute__((sentinel));
/* Waits for the answer; the caller gets the reference to *out_json (may be NULL). Returns the process's error. */
int sim_call_end(struct sim *sim, struct sim_call *call, json_t **out_json);
/* Forgets the call; an answer that comes later is not looked at. */
void sim_call_give_up(struct sim_call *call);
/* swctl add-flow and the like: `change` is add, modify, delete...; returns when every shard forwards that way. Tries again when refused. */
void sim_flow_mod(struct sim *sim, const char *bridge, const char *change, const char *flow);
/* The rules of a bridge as ofagent shows them. */
json_t *sim_dump_flows(struct sim *sim, const char *bridge);
/* Packets counted by the rule of this cookie; -1 when there is no such rule. */
int64_t sim_rule_packets(struct sim *sim, const char *bridge, uint64_t cookie);
json_t *sim_status(struct sim *sim, enum process_kind kind, uint32_t instance);
/* For sim.c. */
void sim_operator_open(struct sim *sim);
void sim_operator_close(struct sim *sim);
void sim_operator_step(struct sim *sim);

#endif
