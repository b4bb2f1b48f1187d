/* The operator of the simulated switch: what swctl does, without waiting: a cfg client for rows, and calls on the control wire.
 *
 * A call is asked again under the same number when no answer came for 3 s, since a lossy bus may have eaten question or answer; the
 * commands the scenarios use may be repeated. Pieces that are arrays are joined, and a repeated call begins its list anew.
 * The operator is stepped behind all processes of a millisecond. One thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/msg/msg.h"
#include "proto/control.pb-c.h"
#include "services/fastpath/io_mem.h"
#include "tests/sim/sim.h"

static const uint64_t SIM_REPEAT_NS = 3 * NS_PER_S;

static void sim_endpoint(const struct sim *sim, enum wire wire, enum process_kind kind, uint32_t instance, char *out_endpoint)
{
    assert_int_equal(bus_endpoint(sim->run_dir, wire, kind, instance, out_endpoint, SIM_PATH_MAX), 0);
}

static void operator_on_version(void *context, struct version version, bool is_snapshot)
{
    struct sim *sim = context;
    cfg_applied(sim->cfg, version, NULL, 0);
}

void sim_operator_open(struct sim *sim)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_PORT, CFG_CONTROLLER, CFG_OWNER, CFG_SERVICE, CFG_PORT_STATUS};
    struct bus_identity self = {.kind = PROCESS_SWCTL, .instance = 1, .start = ++sim->births};
    struct cfg_events events = {.on_version = operator_on_version, .context = sim};
    char endpoint[SIM_PATH_MAX];
    sim->bus = bus_memory_new(sim->hub, &self);
    sim_endpoint(sim, WIRE_CONFIG, PROCESS_CONFIGDB, 1, endpoint);
    assert_int_equal(cfg_new(sim->bus, endpoint, tables, sizeof tables / sizeof tables[0], &events, &sim->cfg), 0);
}

static void call_fini(struct sim_call *call)
{
    for (size_t i = 0; i < call->n_arguments; i++) {
        free(call->arguments[i]);
    }
    free(call->arguments);
    free(call->command);
    json_decref(call->json);
    *call = (struct sim_call){0};
}

void sim_operator_close(struct sim *sim)
{
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        call_fini(&sim->calls[i]);
    }
    for (size_t i = 0; i < sim->n_doors; i++) {
        bus_close(&sim->doors[i].socket);
    }
    cfg_destroy(&sim->cfg);
    bus_destroy(&sim->bus);
}

/* ---- control ---- */

static struct bus_socket *operator_door(struct sim *sim, enum process_kind kind, uint32_t instance)
{
    char endpoint[SIM_PATH_MAX];
    for (size_t i = 0; i < sim->n_doors; i++) {
        if (sim->doors[i].kind == kind && sim->doors[i].instance == instance) {
            return sim->doors[i].socket;
        }
    }
    assert_true(sim->n_doors < SIM_PROCESSES_MAX);
    struct sim_door *door = &sim->doors[sim->n_doors++];
    door->kind = kind;
    door->instance = instance;
    sim_endpoint(sim, WIRE_CONTROL, kind, instance, endpoint);
    assert_int_equal(bus_connect(sim->bus, WIRE_CONTROL, endpoint, &door->socket), 0);
    return door->socket;
}

static void call_send(struct sim *sim, struct sim_call *call)
{
    Busbar__ControlRequest request = BUSBAR__CONTROL_REQUEST__INIT;
    request.command = call->command;
    request.arguments = call->arguments;
    request.n_arguments = call->n_arguments;
    request.call = call->number;
    int err = msg_send(operator_door(sim, call->kind, call->instance), NULL, MESSAGE_CONTROL_REQUEST, &request.base);
    if (err == 0) {
        json_decref(call->json);
        call->json = NULL;
        call->is_sent = true;
        call->sent_ns = sim->now_ns;
    } else {
        assert_int_equal(err, -EAGAIN);
    }
}

static struct sim_call *call_find(struct sim *sim, uint64_t number)
{
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        if (number != 0 && sim->calls[i].number == number) {
            return &sim->calls[i];
        }
    }
    return NULL;
}

static void call_answered(struct sim_call *call, const Busbar__ControlReply *reply)
{
    json_error_t where;
    json_t *json = reply->json[0] != '\0' ? json_loads(reply->json, JSON_DECODE_ANY, &where) : NULL;
    if (reply->json[0] != '\0' && json == NULL) {
        fail_msg("%s: not JSON: %s", call->command, where.text);
    }
    if (call->json == NULL) {
        call->json = json;
    } else if (json != NULL) {
        assert_int_equal(json_array_extend(call->json, json), 0);
        json_decref(json);
    }
    if (reply->last) {
        call->is_done = true;
        call->error = reply->error;
        (void)snprintf(call->text, sizeof call->text, "%s", reply->text);
    }
}

static void operator_receive(struct sim *sim, struct bus_socket *socket)
{
    struct bus_message message;
    while (bus_recv(socket, &message) == 0) {
        Busbar__ControlReply *reply = (Busbar__ControlReply *)msg_unpack(&message, &busbar__control_reply__descriptor);
        bus_message_fini(&message);
        assert_non_null(reply);
        struct sim_call *call = call_find(sim, reply->call);
        if (call != NULL && !call->is_done) {
            call_answered(call, reply);
        }
        busbar__control_reply__free_unpacked(reply, NULL);
    }
}

void sim_operator_step(struct sim *sim)
{
    cfg_step(sim->cfg, sim->now_ns);
    for (size_t i = 0; i < sim->n_doors; i++) {
        operator_receive(sim, sim->doors[i].socket);
    }
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        struct sim_call *call = &sim->calls[i];
        if (call->number != 0 && !call->is_done && (!call->is_sent || sim->now_ns - call->sent_ns > SIM_REPEAT_NS)) {
            call_send(sim, call);
        }
    }
    cfg_step(sim->cfg, sim->now_ns);
}

struct sim_call *sim_call_begin(struct sim *sim, enum process_kind kind, uint32_t instance, const char *command, ...)
{
    struct sim_call *call = NULL;
    for (size_t i = 0; i < SIM_CALLS_MAX && call == NULL; i++) {
        call = sim->calls[i].number == 0 ? &sim->calls[i] : NULL;
    }
    if (call == NULL) {
        fail_msg("more than %d calls", SIM_CALLS_MAX);
        return NULL;
    }
    *call = (struct sim_call){.number = ++sim->n_calls, .kind = kind, .instance = instance, .begun_ns = sim->now_ns};
    call->command = memory_string(command);
    va_list list;
    va_start(list, command);
    for (const char *word = va_arg(list, const char *); word != NULL; word = va_arg(list, const char *)) {
        call->arguments = memory_resize(call->arguments, (call->n_arguments + 1) * sizeof *call->arguments);
        call->arguments[call->n_arguments++] = memory_string(word);
    }
    va_end(list);
    call_send(sim, call);
    return call;
}

static bool call_is_done(struct sim *sim, void *context)
{
    return ((struct sim_call *)context)->is_done;
}

int sim_call_end(struct sim *sim, struct sim_call *call, json_t **out_json)
{
    char what[64];
    (void)snprintf(what, sizeof what, "an answer to %s", call->command);
    (void)sim_until(sim, call_is_done, call, what);
    int err = call->error;
    if (err != 0) {
        print_message("%s: %s (%s)\n", call->command, error_text(err), call->text);
    }
    if (out_json != NULL) {
        *out_json = json_incref(call->json);
    }
    call_fini(call);
    return err;
}

void sim_call_give_up(struct sim_call *call)
{
    call_fini(call);
}

void sim_flow_mod(struct sim *sim, const char *bridge, const char *change, const char *flow)
{
    for (unsigned tries = 0; tries < SIM_FLOW_MOD_TRIES; tries++) {
        struct sim_call *call = sim_call_begin(sim, PROCESS_OFAGENT, 1, "flow-mod", bridge, change, flow, NULL);
        int err = sim_call_end(sim, call, NULL);
        if (err == 0) {
            return;
        }
        assert_int_not_equal(err, -ERROR_SYNTAX);
        sim_run_ms(sim, 100);
    }
    fail_msg("seed %" PRIu64 ": flow-mod %s %s \"%s\" was refused %d times", sim->seed, bridge, change, flow, SIM_FLOW_MOD_TRIES);
}

json_t *sim_dump_flows(struct sim *sim, const char *bridge)
{
    json_t *flows = NULL;
    for (unsigned tries = 0; tries < SIM_FLOW_MOD_TRIES; tries++) {
        struct sim_call *call = sim_call_begin(sim, PROCESS_OFAGENT, 1, "dump-flows", bridge, NULL);
        if (sim_call_end(sim, call, &flows) == 0) {
            assert_true(json_is_array(flows));
            return flows;
        }
        json_decref(flows);
        sim_run_ms(sim, 100); /* the tables of a new ofagent are loaded first */
    }
    fail_msg("seed %" PRIu64 ": dump-flows %s was refused %d times", sim->seed, bridge, SIM_FLOW_MOD_TRIES);
    return NULL;
}

json_t *sim_status(struct sim *sim, enum process_kind kind, uint32_t instance)
{
    json_t *status = NULL;
    struct sim_call *call = sim_call_begin(sim, kind, instance, "status", NULL);
    assert_int_equal(sim_call_end(sim, call, &status), 0);
    return status;
}

int64_t sim_rule_packets(struct sim *sim, const char *bridge, uint64_t cookie)
{
    json_t *flows = sim_dump_flows(sim, bridge), *flow;
    int64_t packets = -1;
    size_t i;
    json_array_foreach(flows, i, flow)
    {
        if ((uint64_t)json_integer_value(json_object_get(flow, "cookie")) == cookie) {
            packets = json_integer_value(json_object_get(flow, "n_packets"));
        }
    }
    json_decref(flows);
    return packets;
}

/* ---- configuration ---- */

struct operator_txn {
    bool is_done;
    int error;
    char text[256];
    uint64_t first_id;
};

static void operator_done(void *context, const struct cfg_result *result)
{
    struct operator_txn *txn = context;
    txn->is_done = true;
    txn->error = result->error;
    (void)snprintf(txn->text, sizeof txn->text, "%s", result->text != NULL ? result->text : "");
    txn->first_id = result->error == 0 && result->n_ids > 0 ? result->ids[0] : 0;
}

static bool operator_txn_is_done(struct sim *sim, void *context)
{
    return ((struct operator_txn *)context)->is_done;
}

int sim_transact(struct sim *sim, struct cfg_txn **txn, uint64_t *out_id)
{
    struct operator_txn result = {0};
    cfg_transact(sim->cfg, txn, sim->now_ns + 10 * NS_PER_S, operator_done, &result);
    (void)sim_until(sim, operator_txn_is_done, &result, "an answer to a transaction");
    if (result.error != 0) {
        print_message("transaction: %s (%s)\n", error_text(result.error), result.text);
    } else if (out_id != NULL) {
        *out_id = result.first_id;
    }
    return result.error;
}

static uint64_t operator_insert(struct sim *sim, enum cfg_table table, const ProtobufCMessage *row)
{
    uint64_t id = 0;
    struct cfg_txn *txn = cfg_txn_new("sim");
    (void)cfg_txn_insert(txn, table, row);
    assert_int_equal(sim_transact(sim, &txn, &id), 0);
    sim_settle(sim);
    return id;
}

uint64_t sim_add_bridge(struct sim *sim, const char *name, const char *fail_mode)
{
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    row.name = (char *)(uintptr_t)name;
    row.fail_mode = (char *)(uintptr_t)fail_mode;
    return operator_insert(sim, CFG_BRIDGE, &row.base);
}

uint64_t sim_add_port(struct sim *sim, uint64_t bridge, const char *name)
{
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    io_mem_add(sim->devices, name);
    row.name = (char *)(uintptr_t)name;
    row.bridge = bridge;
    return operator_insert(sim, CFG_PORT, &row.base);
}

void sim_delete(struct sim *sim, enum cfg_table table, uint64_t id)
{
    struct cfg_txn *txn = cfg_txn_new("sim");
    cfg_txn_delete(txn, table, id);
    assert_int_equal(sim_transact(sim, &txn, NULL), 0);
    sim_settle(sim);
}
