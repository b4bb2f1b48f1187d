/* The commands that change the configuration: each adds operations to the transaction of the command line.
 *
 * Names are looked up in the mirror and among what the same command line makes, so that add-br and add-port can be chained with --.
 * configdb checks everything again; what is checked here is only what the words of the command line need.
 */
#include "cli/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

static int need_bridge(const struct client *client, const char *name, uint64_t *out_id, struct error_detail *detail)
{
    uint64_t id = client_find(client, CFG_BRIDGE, name);
    if (id == 0) {
        return error_set(detail, -ERROR_NOT_FOUND, "there is no bridge %s (swctl list-br shows them)", name);
    }
    *out_id = id;
    return 0;
}

int config_add_br(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    const char *name = segment->arguments[0];
    if (client_find(client, CFG_BRIDGE, name) != 0) {
        return segment->may_exist ? 0 : error_set(detail, -ERROR_EXISTS, "bridge %s exists already (--may-exist accepts that)", name);
    }
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    row.name = (char *)name;
    size_t op = cfg_txn_size(txn);
    client_remember(client, CFG_BRIDGE, name, cfg_txn_insert(txn, CFG_BRIDGE, &row.base), op);
    return 0;
}

int config_del_br(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    uint64_t id;
    if (segment->if_exists && client_find(client, CFG_BRIDGE, segment->arguments[0]) == 0) {
        return 0;
    }
    int err = need_bridge(client, segment->arguments[0], &id, detail);
    if (err == 0) {
        cfg_txn_delete(txn, CFG_BRIDGE, id);
    }
    return err;
}

static int parse_number(const char *column, const char *text, unsigned long max, uint32_t *out_number, struct error_detail *detail)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 0);
    if (text[0] == '\0' || text[0] == '-' || *end != '\0' || errno != 0 || number > max) {
        return error_set(detail, -ERROR_RANGE, "%s=%s: must be a number from 0 to %lu", column, text, max);
    }
    *out_number = (uint32_t)number;
    return 0;
}

static int parse_vlans(const char *column, const char *text, uint32_t **vlans, size_t *n_vlans, struct error_detail *detail)
{
    char *copy = memory_string(text), *rest = copy, *word;
    int err = 0;
    while (err == 0 && (word = strsep(&rest, ",")) != NULL) {
        *vlans = memory_resize(*vlans, (*n_vlans + 1) * sizeof **vlans);
        err = parse_number(column, word, 4095, &(*vlans)[*n_vlans], detail);
        *n_vlans += err == 0;
    }
    free(copy);
    return err;
}

/* What a type allows is checked by configdb. */
static void add_option(Busbar__PortRow *row, const char *key, const char *value)
{
    Busbar__PortOption *option = memory_zeroed(sizeof *option);
    busbar__port_option__init(option);
    option->key = memory_string(key);
    option->value = memory_string(value);
    row->options = memory_resize(row->options, (row->n_options + 1) * sizeof(Busbar__PortOption *));
    row->options[row->n_options++] = option;
}

static void free_options(Busbar__PortRow *row)
{
    for (size_t i = 0; i < row->n_options; i++) {
        free(row->options[i]->key);
        free(row->options[i]->value);
        free(row->options[i]);
    }
    free(row->options);
}

/* One "column=value" of add-port. */
static int parse_port_column(char *word, Busbar__PortRow *row, struct error_detail *detail)
{
    char *value = strchr(word, '=');
    if (value == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s: expected COLUMN=VALUE, as in tag=10", word);
    }
    *value++ = '\0';
    if (strcmp(word, "tag") == 0) {
        row->has_tag = 1;
        return parse_number(word, value, 4095, &row->tag, detail);
    }
    if (strcmp(word, "trunks") == 0) {
        return parse_vlans(word, value, &row->trunks, &row->n_trunks, detail);
    }
    if (strcmp(word, "cvlans") == 0) {
        return parse_vlans(word, value, &row->cvlans, &row->n_cvlans, detail);
    }
    if (strcmp(word, "vlan_mode") == 0) {
        free(row->vlan_mode);
        row->vlan_mode = memory_string(value);
        return 0;
    }
    if (strcmp(word, "ofport_request") == 0) {
        row->has_ofport_request = 1;
        return parse_number(word, value, 0xfeff, &row->ofport_request, detail);
    }
    if (strcmp(word, "type") == 0) {
        row->type = memory_string(value);
        return 0;
    }
    if (strncmp(word, "options:", strlen("options:")) == 0) {
        add_option(row, word + strlen("options:"), value);
        return 0;
    }
    return error_set(detail, -ERROR_UNKNOWN_NAME,
                     "column %s of a port is not supported yet (tag, trunks, vlan_mode, cvlans, type, ofport_request, options:KEY are)", word);
}

int config_add_port(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    const char *name = segment->arguments[1];
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    int err = need_bridge(client, segment->arguments[0], &row.bridge, detail);
    if (err != 0) {
        return err;
    }
    uint64_t existing_id;
    const Busbar__PortRow *existing = client_port(client, name, &existing_id);
    if (existing != NULL) {
        if (segment->may_exist && existing->bridge == row.bridge) {
            return 0;
        }
        return error_set(detail, -ERROR_EXISTS, "port %s is on %s bridge already", name, existing->bridge == row.bridge ? "this" : "another");
    }
    row.name = (char *)name;
    row.has_force = segment->force;
    row.force = segment->force;
    for (size_t i = 2; err == 0 && i < segment->n_arguments; i++) {
        char *word = memory_string(segment->arguments[i]);
        err = parse_port_column(word, &row, detail);
        free(word);
    }
    if (err == 0) {
        size_t op = cfg_txn_size(txn);
        client_remember(client, CFG_PORT, name, cfg_txn_insert(txn, CFG_PORT, &row.base), op);
    }
    free_options(&row);
    free(row.trunks);
    free(row.cvlans);
    free(row.vlan_mode);
    free(row.type);
    return err;
}

int config_del_port(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    const char *name = segment->arguments[segment->n_arguments - 1];
    uint64_t id, bridge = 0;
    int err = segment->n_arguments == 2 ? need_bridge(client, segment->arguments[0], &bridge, detail) : 0;
    if (err != 0) {
        return err;
    }
    const Busbar__PortRow *port = client_port(client, name, &id);
    if (port == NULL) {
        return segment->if_exists ? 0 : error_set(detail, -ERROR_NOT_FOUND, "there is no port %s", name);
    }
    if (bridge != 0 && port->bridge != bridge) {
        return error_set(detail, -ERROR_NOT_FOUND, "port %s is not on bridge %s", name, segment->arguments[0]);
    }
    if (port->ofport == 0xfffffffeu) {
        return error_set(detail, -ERROR_REFUSED, "%s is the LOCAL port of its bridge and goes with it (del-br)", name);
    }
    cfg_txn_delete(txn, CFG_PORT, id);
    return 0;
}

static bool wants_target(const struct segment *segment, const char *target)
{
    for (size_t i = 1; i < segment->n_arguments; i++) {
        if (strcmp(segment->arguments[i], target) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_target(const struct client *client, uint64_t bridge, const char *target)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_CONTROLLER, &cursor, &id, &row)) {
        const Busbar__ControllerRow *controller = (const Busbar__ControllerRow *)row;
        if (controller->bridge == bridge && strcmp(controller->target, target) == 0) {
            return true;
        }
    }
    return false;
}

/* Targets that stay keep their row, so a connection that is wanted is not cut. */
int config_set_controller(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    uint64_t bridge, cursor = 0, id;
    int err = need_bridge(client, segment->arguments[0], &bridge, detail);
    if (err != 0) {
        return err;
    }
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_CONTROLLER, &cursor, &id, &row)) {
        const Busbar__ControllerRow *controller = (const Busbar__ControllerRow *)row;
        if (controller->bridge == bridge && !wants_target(segment, controller->target)) {
            cfg_txn_delete(txn, CFG_CONTROLLER, id);
        }
    }
    for (size_t i = 1; i < segment->n_arguments; i++) {
        if (!has_target(client, bridge, segment->arguments[i])) {
            Busbar__ControllerRow controller = BUSBAR__CONTROLLER_ROW__INIT;
            controller.bridge = bridge;
            controller.target = (char *)segment->arguments[i];
            (void)cfg_txn_insert(txn, CFG_CONTROLLER, &controller.base);
        }
    }
    return 0;
}

int config_del_controller(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return config_set_controller(client, segment, txn, detail);
}

static int set_fail_mode(struct client *client, const char *name, const char *mode, struct cfg_txn *txn, struct error_detail *detail)
{
    static const char *const columns[] = {"fail_mode"};
    uint64_t bridge;
    int err = need_bridge(client, name, &bridge, detail);
    if (err == 0) {
        Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
        row.name = (char *)name;
        row.fail_mode = (char *)mode;
        cfg_txn_update(txn, CFG_BRIDGE, bridge, &row.base, columns, 1);
    }
    return err;
}

int config_set_fail_mode(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    const char *mode = segment->arguments[1];
    if (strcmp(mode, "standalone") != 0 && strcmp(mode, "secure") != 0) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "fail mode %s: must be standalone or secure", mode);
    }
    return set_fail_mode(client, segment->arguments[0], mode, txn, detail);
}

int config_del_fail_mode(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return set_fail_mode(client, segment->arguments[0], NULL, txn, detail);
}

/* The switch is one row, the first. */
static void set_switch(struct cfg_txn *txn, const char *column, const Busbar__SwitchRow *row)
{
    const char *columns[] = {column};
    cfg_txn_update(txn, CFG_SWITCH, 1, &row->base, columns, 1);
}

int config_set_flow_limit(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    int err = parse_number("flow_limit", segment->arguments[0], UINT32_MAX, &row.flow_limit, detail);
    if (err == 0) {
        row.has_flow_limit = 1;
        set_switch(txn, "flow_limit", &row);
    }
    return err;
}

int config_set_max_idle(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    int err = parse_number("max_idle_ms", segment->arguments[0], UINT32_MAX, &row.max_idle_ms, detail);
    if (err == 0) {
        row.has_max_idle_ms = 1;
        set_switch(txn, "max_idle_ms", &row);
    }
    return err;
}

int config_set_kernel_tier(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    bool is_on = strcmp(segment->arguments[0], "on") == 0;
    if (!is_on && strcmp(segment->arguments[0], "off") != 0) {
        return error_set(detail, -ERROR_SYNTAX, "%s: on or off is expected", segment->arguments[0]);
    }
    row.has_kernel_tier = 1;
    row.kernel_tier = is_on;
    set_switch(txn, "kernel_tier", &row);
    return 0;
}

int config_set_ssl(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    static const char *const columns[] = {"ssl_private_key", "ssl_certificate", "ssl_ca_cert", "ssl_bootstrap_ca_cert"};
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    if (segment->n_arguments == 3) {
        row.ssl_private_key = (char *)segment->arguments[0];
        row.ssl_certificate = (char *)segment->arguments[1];
        row.ssl_ca_cert = (char *)segment->arguments[2];
        row.has_ssl_bootstrap_ca_cert = row.ssl_bootstrap_ca_cert = segment->bootstrap;
    }
    cfg_txn_update(txn, CFG_SWITCH, 1, &row.base, columns, 4);
    return 0;
}

int config_del_ssl(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return config_set_ssl(client, segment, txn, detail);
}
