/* The commands of the control wire.
 *
 *     status                 versions, sessions, counts
 *     fdb-show BRIDGE        learned addresses, the last used first
 *     fdb-stats BRIDGE       what each port has brought, and was refused
 *     trace, explain         trace.c
 *
 * Commands answer at once; a table of a million addresses goes in pieces. Thread: the one that translates. Cost: people and scripts.
 */
#include "services/slowpath/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "services/slowpath/session.h"
#include "services/slowpath/trace.h"

enum { PIECE = 1000 /* addresses in one message: some 100 KB */ };

const char *control_state(const struct core *core)
{
    bool has_shard = false;
    for (size_t i = 0; i < core->n_sessions; i++) {
        has_shard = has_shard || session_is_open(core->sessions[i]);
    }
    return !core->has_version ? "no configuration yet" : !core->has_configdb ? "configdb does not answer" : !has_shard ? "no fastpath" : "ok";
}

static json_t *status(void *context)
{
    const struct core *core = context;
    json_t *out = json_object(), *counts = json_object(), *sessions = json_array();
    json_object_set_new(out, "state", json_string(control_state(core)));
    json_object_set_new(out, "version", json_integer((json_int_t)core->version.n));
    json_object_set_new(out, "has_configuration", json_boolean(core->has_version));
    json_object_set_new(out, "bridges", json_integer(HASH_COUNT(core->world.bridges)));
    json_object_set_new(out, "ports", json_integer(HASH_COUNT(core->world.ports)));
    json_object_set_new(out, "rules", json_integer((json_int_t)core->world.rules.used));
    json_object_set_new(out, "groups", json_integer(HASH_COUNT(core->world.groups)));
    for (size_t i = 0; i < core->n_sessions; i++) {
        const struct session *session = core->sessions[i];
        char name[32];
        (void)snprintf(name, sizeof name, "fastpath.%u", session_shard(session)->instance);
        json_array_append_new(sessions, json_pack("{s:s, s:b, s:I, s:I}", "peer", name, "open", session_is_open(session),
                                                  "flows", (json_int_t)flow_index_count(session_flows(session)), "marked",
                                                  (json_int_t)flow_index_count_marked(session_flows(session))));
    }
    json_object_set_new(out, "sessions", sessions);
#define COUNT(name) json_object_set_new(counts, #name, json_integer((json_int_t)core->counts.name));
    SLOWPATH_COUNTS(COUNT)
#undef COUNT
    json_object_set_new(out, "counts", counts);
    return out;
}

static const struct world_bridge *bridge_of(struct core *core, struct control_call *call, const char *name)
{
    const struct world_bridge *bridge = world_bridge_by_name(&core->world, name);
    if (bridge == NULL || *name == '\0') {
        control_fail(call, -ERROR_NOT_FOUND, "bridge %s does not exist", name);
        return NULL;
    }
    return bridge;
}

static json_t *mac_entry_json(const struct core *core, const struct mac_entry *entry)
{
    const uint8_t *m = entry->name.mac;
    char mac[18];
    (void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    const struct world_port *port = world_port(&core->world, entry->port);
    uint64_t age_ns = core->now_ns > entry->used_ns ? core->now_ns - entry->used_ns : 0;
    json_t *number =
        port == NULL || port->ofport == PORT_LOCAL ? json_string(port == NULL ? "?" : "LOCAL") : json_integer(port->ofport);
    return json_pack("{s:o, s:s, s:i, s:s, s:I}", "port", number, "name", port != NULL ? port->name : "", "vlan",
                     (int)entry->name.vlan, "mac", mac, "age", (json_int_t)(age_ns / NS_PER_S));
}

static void fdb_show(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct core *core = context;
    if (n_arguments != 1) {
        control_fail(call, -EINVAL, "fdb-show BRIDGE");
        return;
    }
    const struct world_bridge *bridge = bridge_of(core, call, arguments[0]);
    if (bridge == NULL) {
        return;
    }
    json_t *list = json_array();
    for (const struct mac_entry *entry = mac_table_next(core->macs, bridge->id, NULL); entry != NULL;
         entry = mac_table_next(core->macs, bridge->id, entry)) {
        if (json_array_size(list) == PIECE) {
            control_piece(call, list);
            list = json_array();
        }
        json_array_append_new(list, mac_entry_json(core, entry));
    }
    control_reply(call, list);
}

static void fdb_flush(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct core *core = context;
    if (n_arguments != 1) {
        control_fail(call, -EINVAL, "fdb-flush BRIDGE");
        return;
    }
    const struct world_bridge *bridge = bridge_of(core, call, arguments[0]);
    if (bridge != NULL) {
        size_t n = mac_table_count(core->macs, bridge->id);
        mac_table_flush_everywhere(core->macs, bridge->id, core->now_ns);
        control_reply(call, json_pack("{s:I}", "flushed", (json_int_t)n));
    }
}

static json_t *port_counts_json(const struct core *core, const struct world_port *port)
{
    struct mac_port_counts counts = mac_table_port_counts(core->macs, port->id);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", port->name, "addresses",
                     (json_int_t)mac_table_port_count(core->macs, port->bridge, port->id), "learned", (json_int_t)counts.learned, "moved",
                     (json_int_t)counts.moved, "refused_moves", (json_int_t)counts.refused_moves, "refused_rate",
                     (json_int_t)counts.refused_rate, "crowded_out", (json_int_t)counts.crowded_out);
}

static void fdb_stats(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct core *core = context;
    if (n_arguments != 1) {
        control_fail(call, -EINVAL, "fdb-stats BRIDGE");
        return;
    }
    const struct world_bridge *bridge = bridge_of(core, call, arguments[0]);
    if (bridge == NULL) {
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < bridge->n_ports; i++) {
        json_array_append_new(list, port_counts_json(core, bridge->ports[i]));
    }
    control_reply(call, list);
}

static const struct control_command commands[] = {
    {.name = "fdb-show", .usage = "BRIDGE", .help = "lists the addresses a bridge has learned", .needs = ROLE_READ, .run = fdb_show},
    {.name = "fdb-stats",
     .usage = "BRIDGE",
     .help = "lists what each port has brought of addresses, and was refused",
     .needs = ROLE_READ,
     .run = fdb_stats},
    {.name = "fdb-flush", .usage = "BRIDGE", .help = "forgets the addresses a bridge has learned", .needs = ROLE_OPERATE, .run = fdb_flush},
    {.name = "trace",
     .usage = "BRIDGE FLOW [HEX]",
     .help = "explains what becomes of a packet, given as a match with in_port, or in_port and its bytes",
     .needs = ROLE_READ,
     .run = trace_packet},
    {.name = "explain",
     .usage = "FLOW-ID",
     .help = "goes back from a flow of a fastpath to the rules it was made from",
     .needs = ROLE_READ,
     .run = trace_explain},
};

int control_open(struct core *core, const char *endpoint, struct control_server **out_server)
{
    return control_server_new(core->bus, endpoint, commands, sizeof commands / sizeof commands[0], status, core, out_server);
}
