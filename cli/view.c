/* Rows for people. See view.h.
 *
 * The columns follow from columns.def; only what is derived is known here. Cost: a walk over the mirror for each row's derived columns,
 * which is a thousand ports at most for each of some bridges. One thread; rows are lent from the mirror until its next step.
 */
#include "cli/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"

enum { LOCAL_PORT = 0xfffffffe /* OFPP_LOCAL */ };

/* The text column that a row is named by: the last one of its key. */
static const char *name_of(enum cfg_table table, const ProtobufCMessage *row)
{
    const struct schema_unique *key = schema_key(table);
    if (key == NULL || row == NULL) {
        return NULL;
    }
    return column_text(column_find(row->descriptor, key->columns[key->columns[1] != NULL ? 1 : 0]), row, 0);
}

static const char *names_name(void *context, enum cfg_table table, uint64_t id)
{
    const struct client *client = context;
    return name_of(table, cfg_row(client->cfg, table, id));
}

static uint64_t names_id(void *context, enum cfg_table table, const char *name)
{
    uint64_t id;
    struct error_detail ignored;
    return view_find(context, table, name, &id, &ignored) == 0 ? id : 0;
}

struct value_names view_names(struct client *client)
{
    return (struct value_names){.name = names_name, .id = names_id, .context = client};
}

char *view_row_name(const struct cfg *cfg, enum cfg_table table, uint64_t id)
{
    if (table == CFG_SWITCH) {
        return memory_string(".");
    }
    const char *name = name_of(table, cfg_row(cfg, table, id));
    return name != NULL ? memory_string(name) : memory_format("%" PRIu64, id);
}

static json_t *bridge_names(const struct client *client)
{
    json_t *names = json_array();
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_BRIDGE, &cursor, &id, &row)) {
        json_array_append_new(names, json_string(((const Busbar__BridgeRow *)row)->name));
    }
    return names;
}

static json_t *port_names(const struct client *client, uint64_t bridge)
{
    json_t *names = json_array();
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_PORT, &cursor, &id, &row)) {
        const Busbar__PortRow *port = (const Busbar__PortRow *)row;
        if (port->bridge == bridge && port->ofport != LOCAL_PORT) {
            json_array_append_new(names, json_string(port->name));
        }
    }
    return names;
}

static json_t *controller_targets(const struct client *client, uint64_t bridge)
{
    json_t *targets = json_array();
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_CONTROLLER, &cursor, &id, &row)) {
        const Busbar__ControllerRow *controller = (const Busbar__ControllerRow *)row;
        if (controller->bridge == bridge) {
            json_array_append_new(targets, json_string(controller->target));
        }
    }
    return targets;
}

static json_t *derived(const struct client *client, const struct schema_setting *setting, uint64_t id,
                       const ProtobufCMessage *row)
{
    if (strcmp(setting->name, "bridges") == 0) {
        return bridge_names(client);
    }
    if (strcmp(setting->name, "ports") == 0) {
        return port_names(client, id);
    }
    if (strcmp(setting->name, "controller") == 0) {
        return controller_targets(client, id);
    }
    const Busbar__BridgeRow *bridge = (const Busbar__BridgeRow *)row; /* datapath_id; the row's id while none is set */
    return json_sprintf("%016" PRIx64, bridge->has_datapath_id ? bridge->datapath_id : id);
}

static json_t *setting_json(struct client *client, const struct schema_setting *setting, uint64_t id,
                            const ProtobufCMessage *row)
{
    struct value_names names = view_names(client);
    if (setting->when == SCHEMA_DERIVED) {
        return derived(client, setting, id, row);
    }
    const ProtobufCMessage *source = setting->source == setting->table ? row : cfg_row(client->cfg, setting->source, id);
    return source != NULL ? value_json(setting, source, &names) : json_null();
}

json_t *view_row(struct client *client, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    json_t *object = json_pack("{s:I}", "id", (json_int_t)id);
    for (size_t i = 0; i < n; i++) {
        if (settings[i].table != table) {
            continue;
        }
        struct schema_place place;
        struct error_detail ignored;
        json_t *value = setting_json(client, &settings[i], id, row);
        if (schema_find(table, settings[i].name, &place, &ignored) != 0 || place.key == NULL) {
            json_object_set_new(object, settings[i].name, value);
            continue;
        }
        json_t *group = json_object_get(object, place.group);
        if (group == NULL) {
            group = json_object();
            json_object_set_new(object, place.group, group);
        }
        if (!json_is_null(value)) {
            json_object_set(group, place.key, value);
        }
        json_decref(value);
    }
    return object;
}

const json_t *view_column(const json_t *row, const struct schema_place *place)
{
    const json_t *column = json_object_get(row, place->group);
    return place->key != NULL ? json_object_get(column, place->key) : column;
}

static bool is_number(const char *word, uint64_t *out_number)
{
    char *end;
    errno = 0;
    *out_number = strtoull(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0;
}

/* A controller by the name of the bridge it controls, when it is the only one there. Returns how many there are. */
static size_t find_by_bridge(const struct client *client, const char *name, uint64_t *out_id)
{
    uint64_t bridge, cursor = 0, id;
    const ProtobufCMessage *row;
    size_t n = 0;
    while (client_bridge(client, name, &bridge) != NULL && cfg_next(client->cfg, CFG_CONTROLLER, &cursor, &id, &row)) {
        if (((const Busbar__ControllerRow *)row)->bridge == bridge) {
            *out_id = id;
            n++;
        }
    }
    return n;
}

static size_t find_by_name(const struct client *client, enum cfg_table table, const char *word, uint64_t *out_id)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    size_t n = 0;
    while (cfg_next(client->cfg, table, &cursor, &id, &row)) {
        const char *name = name_of(table, row);
        if (name != NULL && strcmp(name, word) == 0) {
            *out_id = id;
            n++;
        }
    }
    return n;
}

int view_find(struct client *client, enum cfg_table table, const char *word, uint64_t *out_id, struct error_detail *detail)
{
    uint64_t id = 0, number;
    const char *name = cfg_table_info(table)->name;
    if (table == CFG_SWITCH && (strcmp(word, ".") == 0 || strcmp(word, "1") == 0)) {
        *out_id = 1;
        return 0;
    }
    if ((table == CFG_BRIDGE || table == CFG_PORT) && (id = client_find(client, table, word)) != 0) {
        *out_id = id;
        return 0;
    }
    size_t n = find_by_name(client, table, word, &id);
    n = n == 0 && table == CFG_CONTROLLER ? find_by_bridge(client, word, &id) : n;
    if (n == 0 && is_number(word, &number) && cfg_row(client->cfg, table, number) != NULL) {
        id = number;
        n = 1;
    }
    if (n != 1) {
        return n == 0
                   ? error_set(detail, -ERROR_NOT_FOUND, "there is no %s %.64s (swctl list %s shows them)", name, word, name)
                   : error_set(detail, -ERROR_DUPLICATE, "%zu rows of table %s are called %.64s: give the id", n, name, word);
    }
    *out_id = id;
    return 0;
}

int view_table(struct client *client, enum cfg_table table, json_t **out_rows, struct error_detail *detail)
{
    const char *argument = cfg_table_info(table)->name;
    if (!schema_has(table)) {
        return client_ask(client, PROCESS_CONFIGDB, 1, "list", &argument, 1, out_rows, detail);
    }
    json_t *rows = json_array();
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, table, &cursor, &id, &row)) {
        json_array_append_new(rows, view_row(client, table, id, row));
    }
    *out_rows = rows;
    return 0;
}
