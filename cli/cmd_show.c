/* The commands that read the configuration and the state of the processes: show, status, lists.
 *
 * Everything comes from one mirror of configdb, so a picture never mixes two versions; status also asks each process itself.
 * Each function makes JSON; its twin with _print shows that to people.
 */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

enum { INSTANCES_MAX = 64 };

static void set_vlans(json_t *json, const char *name, const uint32_t *vlans, size_t n)
{
    json_t *array = n > 0 ? json_array() : NULL;
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_integer(vlans[i]));
    }
    if (array != NULL) {
        json_object_set_new(json, name, array);
    }
}

static json_t *port_json(const struct client *client, uint64_t id, const Busbar__PortRow *port)
{
    json_t *json = json_pack("{s:s, s:I, s:I}", "name", port->name, "id", (json_int_t)id, "ofport", (json_int_t)port->ofport);
    const Busbar__PortStatusRow *status = (const Busbar__PortStatusRow *)cfg_row(client->cfg, CFG_PORT_STATUS, id);
    json_object_set_new(json, "type", json_string(port->type != NULL ? port->type : "system"));
    if (port->has_tag) {
        json_object_set_new(json, "tag", json_integer(port->tag));
    }
    set_vlans(json, "trunks", port->trunks, port->n_trunks);
    if (port->vlan_mode != NULL) {
        json_object_set_new(json, "vlan_mode", json_string(port->vlan_mode));
    }
    set_vlans(json, "cvlans", port->cvlans, port->n_cvlans);
    if (port->n_options > 0) {
        json_t *options = json_object();
        for (size_t i = 0; i < port->n_options; i++) {
            json_object_set_new(options, port->options[i]->key, json_string(port->options[i]->value));
        }
        json_object_set_new(json, "options", options);
    }
    if (status != NULL) {
        json_object_set_new(json, "link", json_string(status->up ? "up" : "down"));
        json_object_set_new(json, "mode", json_string(status->mode));
        json_object_set_new(json, "mtu", json_integer(status->mtu));
        if (status->error[0] != '\0') {
            json_object_set_new(json, "error", json_string(status->error));
        }
        if (status->why[0] != '\0') {
            json_object_set_new(json, "why", json_string(status->why));
        }
    }
    return json;
}

static json_t *bridge_ports(const struct client *client, uint64_t bridge)
{
    json_t *ports = json_array();
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_PORT, &cursor, &id, &row)) {
        if (((const Busbar__PortRow *)row)->bridge == bridge) {
            json_array_append_new(ports, port_json(client, id, (const Busbar__PortRow *)row));
        }
    }
    return ports;
}

/* As ovs-vsctl has it: how long it is what it is. The clock is the ofagent's, which may be another host's. */
static void set_since(json_t *json, const Busbar__ControllerStatusRow *status)
{
    uint64_t now_ns = clock_wall_ns();
    uint64_t age_ns = now_ns > status->since_wall_ns ? now_ns - status->since_wall_ns : 0;
    json_object_set_new(json, status->is_connected ? "sec_since_connect" : "sec_since_disconnect", json_integer((json_int_t)(age_ns / NS_PER_S)));
}

static json_t *bridge_controllers(const struct client *client, uint64_t bridge)
{
    json_t *controllers = json_array();
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_CONTROLLER, &cursor, &id, &row)) {
        const Busbar__ControllerRow *controller = (const Busbar__ControllerRow *)row;
        if (controller->bridge != bridge) {
            continue;
        }
        json_t *json = json_pack("{s:s}", "target", controller->target);
        const Busbar__ControllerStatusRow *status = (const Busbar__ControllerStatusRow *)cfg_row(client->cfg, CFG_CONTROLLER_STATUS, id);
        json_object_set_new(json, "is_connected", json_boolean(status != NULL && status->is_connected));
        if (status != NULL) {
            json_object_set_new(json, "state", json_string(status->state));
            json_object_set_new(json, "role", json_string(status->role));
            set_since(json, status);
            if (status->last_error[0] != '\0') {
                json_object_set_new(json, "last_error", json_string(status->last_error));
            }
        }
        json_array_append_new(controllers, json);
    }
    return controllers;
}

enum exit_status read_show(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    json_t *bridges = json_array();
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    client_await_status(client);
    while (cfg_next(client->cfg, CFG_BRIDGE, &cursor, &id, &row)) {
        const Busbar__BridgeRow *bridge = (const Busbar__BridgeRow *)row;
        json_t *json = json_pack("{s:s, s:I, s:s, s:o, s:o}", "name", bridge->name, "id", (json_int_t)id, "fail_mode",
                                 bridge->fail_mode != NULL ? bridge->fail_mode : "standalone", "controllers",
                                 bridge_controllers(client, id), "ports", bridge_ports(client, id));
        uint32_t owner = client_owner(client, id);
        json_object_set_new(json, "ofagent", owner != 0 ? json_integer(owner) : json_null());
        json_array_append_new(bridges, json);
    }
    struct version version = cfg_version(client->cfg);
    *out_json = json_pack("{s:o, s:{s:I, s:I}}", "bridges", bridges, "version", "epoch", (json_int_t)version.epoch, "n", (json_int_t)version.n);
    return EXIT_DONE;
}

static void show_vlans(const char *name, const json_t *vlans)
{
    if (vlans != NULL) {
        char *text = json_dumps(vlans, 0);
        printf("        %s: %s\n", name, text);
        free(text);
    }
}

static void show_port(const json_t *port)
{
    const json_t *tag = json_object_get(port, "tag");
    const char *link = json_string_value(json_object_get(port, "link")), *error = json_string_value(json_object_get(port, "error"));
    long long ofport = json_integer_value(json_object_get(port, "ofport"));
    printf("    Port %s\n", json_string_value(json_object_get(port, "name")));
    if (ofport == 0xfffffffell) {
        printf("        ofport: LOCAL\n");
    } else {
        printf("        ofport: %lld\n", ofport);
    }
    printf("        type: %s\n", json_string_value(json_object_get(port, "type")));
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(port, "options"), key, value) {
        printf("        options:%s=%s\n", key, json_string_value(value));
    }
    if (tag != NULL) {
        printf("        tag: %lld\n", (long long)json_integer_value(tag));
    }
    const char *vlan_mode = json_string_value(json_object_get(port, "vlan_mode"));
    if (vlan_mode != NULL) {
        printf("        vlan_mode: %s\n", vlan_mode);
    }
    show_vlans("trunks", json_object_get(port, "trunks"));
    show_vlans("cvlans", json_object_get(port, "cvlans"));
    if (error != NULL) {
        printf("        error: \"%s\"\n", error);
    } else if (link != NULL) {
        const char *why = json_string_value(json_object_get(port, "why"));
        printf("        link: %s, %s%s%s%s, mtu %lld\n", link, json_string_value(json_object_get(port, "mode")), why != NULL ? " (" : "",
               why != NULL ? why : "", why != NULL ? ")" : "", (long long)json_integer_value(json_object_get(port, "mtu")));
    } else {
        printf("        link: unknown (no fastpath reports on it)\n");
    }
}

static void show_controller(const json_t *controller)
{
    const char *state = json_string_value(json_object_get(controller, "state")), *role = json_string_value(json_object_get(controller, "role"));
    const char *error = json_string_value(json_object_get(controller, "last_error"));
    const char *ages[] = {"sec_since_connect", "sec_since_disconnect"};

    printf("    Controller \"%s\"\n        is_connected: %s\n", json_string_value(json_object_get(controller, "target")),
           json_is_true(json_object_get(controller, "is_connected")) ? "true" : "false");
    if (role != NULL && role[0] != '\0') {
        printf("        role: %s\n", role);
    }
    if (state != NULL) {
        printf("        state: %s%s%s\n", state, error != NULL ? ", last error: " : "", error != NULL ? error : "");
    }
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        const json_t *age = json_object_get(controller, ages[i]);
        if (age != NULL) {
            printf("        %s: %lld\n", ages[i], (long long)json_integer_value(age));
        }
    }
}

static void show_owner(const json_t *owner)
{
    if (json_is_integer(owner)) {
        printf("    ofagent: %lld\n", (long long)json_integer_value(owner));
    } else {
        printf("    ofagent: none at the moment\n");
    }
}

void read_show_print(const json_t *json, const struct segment *segment)
{
    size_t i, j;
    json_t *bridge, *item;
    json_array_foreach(json_object_get(json, "bridges"), i, bridge) {
        printf("Bridge %s\n    fail_mode: %s\n", json_string_value(json_object_get(bridge, "name")),
               json_string_value(json_object_get(bridge, "fail_mode")));
        show_owner(json_object_get(bridge, "ofagent"));
        json_array_foreach(json_object_get(bridge, "controllers"), j, item) {
            show_controller(item);
        }
        json_array_foreach(json_object_get(bridge, "ports"), j, item) {
            show_port(item);
        }
    }
    if (json_array_size(json_object_get(json, "bridges")) == 0) {
        puts("no bridges yet (swctl add-br br0 makes one)");
    }
}

/* What keeps a process from answering who watches (lib/metrics/metrics.h); NULL: nothing. To be freed. */
static char *metrics_problem(const char *run_dir, const char *process)
{
    char *path = memory_format("%s/%s.metrics.problem", run_dir, process);
    char text[512] = "";
    FILE *file = fopen(path, "re");
    bool has_text = file != NULL && fgets(text, sizeof text, file) != NULL;
    if (file != NULL) {
        (void)fclose(file);
    }
    free(path);
    text[strcspn(text, "\n")] = '\0';
    return has_text ? memory_string(text) : NULL;
}

static void add_status(struct client *client, enum process_kind kind, uint32_t instance, json_t *list)
{
    struct error_detail why;
    json_t *own = NULL, *json = json_object();
    char name[64];
    snprintf(name, sizeof name, "%s.%" PRIu32, process_kind_name(kind), instance);
    int err = client_ask(client, kind, instance, "status", NULL, 0, &own, &why);
    json_object_set_new(json, "process", json_string(name));
    json_object_set_new(json, "state", json_string(err == 0 ? "running" : "silent"));
    if (err == 0) {
        json_object_set_new(json, "detail", own);
        char *problem = metrics_problem(client->run_dir, name);
        if (problem != NULL) {
            json_object_set_new(json, "metrics", json_string(problem));
        }
        free(problem);
    } else {
        json_object_set_new(json, "error", json_string(why.text));
    }
    json_array_append_new(list, json);
}

enum exit_status read_status(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    static const enum process_kind kinds[] = {PROCESS_CONFIGDB, PROCESS_SLOWPATH, PROCESS_FASTPATH, PROCESS_OFAGENT};
    json_t *list = json_array();
    enum exit_status status = EXIT_DONE;
    uint32_t saved = client->timeout_ms;

    client->timeout_ms = saved < 2000 ? saved : 2000; /* one silent process must not hide the others for long */
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        uint32_t instances[INSTANCES_MAX];
        size_t n = client_instances(client, kinds[k], instances, INSTANCES_MAX);
        for (size_t i = 0; i < n; i++) {
            add_status(client, kinds[k], instances[i], list);
        }
    }
    client->timeout_ms = saved;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (json_object_get(item, "error") != NULL) {
            status = EXIT_SILENT;
        }
    }
    if (json_array_size(list) == 0) {
        error_set(detail, -ERROR_NOT_FOUND, "no process of a switch in %s (deploy/up --run %s starts one)", client->run_dir, client->run_dir);
        json_decref(list);
        return EXIT_SILENT;
    }
    *out_json = list;
    return status;
}

/* What keeps an ofagent from answering tools and controllers where they look for its bridges. */
static void show_listeners(const json_t *own)
{
    size_t i;
    json_t *bridge;
    json_array_foreach(json_object_get(own, "bridges"), i, bridge) {
        const char *trouble = json_string_value(json_object_get(bridge, "listener"));
        if (trouble != NULL) {
            printf("              %s: %s\n", json_string_value(json_object_get(bridge, "name")), trouble);
        }
    }
}

/* One line a process; --json has everything they say. */
void read_status_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *item;
    printf("%-12s  %-8s  %7s  %9s  %8s\n", "process", "state", "pid", "uptime", "version");
    json_array_foreach(json, i, item) {
        const char *error = json_string_value(json_object_get(item, "error"));
        const json_t *own = json_object_get(item, "detail");
        printf("%-12s  %-8s", json_string_value(json_object_get(item, "process")), json_string_value(json_object_get(item, "state")));
        if (error != NULL) {
            printf("  %s\n", error);
            continue;
        }
        const json_t *version = json_object_get(own, "version");
        version = json_is_object(version) ? json_object_get(version, "n") : version != NULL ? version : json_object_get(own, "floor");
        printf("  %7lld  %8llds  %8lld\n", (long long)json_integer_value(json_object_get(own, "pid")),
               (long long)json_integer_value(json_object_get(own, "uptime_s")), (long long)json_integer_value(version));
        show_listeners(own);
        const char *metrics = json_string_value(json_object_get(item, "metrics"));
        if (metrics != NULL) {
            printf("              metrics: %s\n", metrics);
        }
    }
}

enum exit_status read_list_br(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    *out_json = json_array();
    while (cfg_next(client->cfg, CFG_BRIDGE, &cursor, &id, &row)) {
        json_array_append_new(*out_json, json_string(((const Busbar__BridgeRow *)row)->name));
    }
    return EXIT_DONE;
}

void read_list_br_print(const json_t *json, const struct segment *segment)
{
    render_lines(json);
}

enum exit_status read_br_exists(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    uint64_t id;
    bool exists = client_bridge(client, segment->arguments[0], &id) != NULL;
    *out_json = json_boolean(exists);
    return exists ? EXIT_DONE : EXIT_USAGE;
}

void read_br_exists_print(const json_t *json, const struct segment *segment)
{
}

static const Busbar__BridgeRow *named_bridge(const struct client *client, const struct segment *segment, uint64_t *out_id, struct error_detail *detail)
{
    const Busbar__BridgeRow *bridge = client_bridge(client, segment->arguments[0], out_id);
    if (bridge == NULL) {
        error_set(detail, -ERROR_NOT_FOUND, "there is no bridge %s (swctl list-br shows them)", segment->arguments[0]);
    }
    return bridge;
}

enum exit_status read_list_ports(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    uint64_t bridge, cursor = 0, id;
    const ProtobufCMessage *row;
    if (named_bridge(client, segment, &bridge, detail) == NULL) {
        return EXIT_FAILED;
    }
    *out_json = json_array();
    while (cfg_next(client->cfg, CFG_PORT, &cursor, &id, &row)) {
        const Busbar__PortRow *port = (const Busbar__PortRow *)row;
        if (port->bridge == bridge && port->ofport != 0xfffffffeu) {
            json_array_append_new(*out_json, json_string(port->name));
        }
    }
    return EXIT_DONE;
}

void read_list_ports_print(const json_t *json, const struct segment *segment)
{
    render_lines(json);
}

enum exit_status read_get_controller(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    uint64_t bridge;
    if (named_bridge(client, segment, &bridge, detail) == NULL) {
        return EXIT_FAILED;
    }
    size_t i;
    json_t *controllers = bridge_controllers(client, bridge), *item;
    *out_json = json_array();
    json_array_foreach(controllers, i, item) {
        json_array_append(*out_json, json_object_get(item, "target"));
    }
    json_decref(controllers);
    return EXIT_DONE;
}

void read_get_controller_print(const json_t *json, const struct segment *segment)
{
    render_lines(json);
}

enum exit_status read_get_ssl(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    const Busbar__SwitchRow *row = (const Busbar__SwitchRow *)cfg_row(client->cfg, CFG_SWITCH, 1);
    if (row == NULL) {
        error_set(detail, -ERROR_NOT_FOUND, "configdb has no settings yet");
        return EXIT_FAILED;
    }
    *out_json = json_pack("{s:s?, s:s?, s:s?, s:b}", "private_key", row->ssl_private_key, "certificate", row->ssl_certificate, "ca_cert",
                          row->ssl_ca_cert, "bootstrap", row->ssl_bootstrap_ca_cert);
    return EXIT_DONE;
}

void read_get_ssl_print(const json_t *json, const struct segment *segment)
{
    const char *key = json_string_value(json_object_get(json, "private_key"));
    if (key != NULL) {
        printf("Private key: %s\nCertificate: %s\nCA Certificate: %s\nBootstrap: %s\n", key,
               json_string_value(json_object_get(json, "certificate")), json_string_value(json_object_get(json, "ca_cert")),
               json_is_true(json_object_get(json, "bootstrap")) ? "true" : "false");
    }
}

enum exit_status read_get_fail_mode(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    uint64_t id;
    const Busbar__BridgeRow *bridge = named_bridge(client, segment, &id, detail);
    if (bridge == NULL) {
        return EXIT_FAILED;
    }
    *out_json = json_string(bridge->fail_mode != NULL ? bridge->fail_mode : "standalone");
    return EXIT_DONE;
}

void read_get_fail_mode_print(const json_t *json, const struct segment *segment)
{
    puts(json_string_value(json));
}
