/* Rows and columns of a document. See document_row.h.
 *
 * Left out are what is not set, status, what is derived, and of a LOCAL port what every LOCAL port has (its number and type), so that a
 * document names nothing that could not be given. Costs what is shown; one thread.
 */
#include "cli/document_row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"

enum { LOCAL_PORT = 0xfffffffe /* OFPP_LOCAL */ };

char *document_key(struct client *client, enum cfg_table table, const ProtobufCMessage *row)
{
    const struct schema_unique *key = schema_key(table);
    char *text = memory_string("");
    for (size_t i = 0; key != NULL && i < 2 && key->columns[i] != NULL; i++) {
        const ProtobufCFieldDescriptor *field = column_find(row->descriptor, key->columns[i]);
        const char *part = column_text(field, row, 0);
        char *name = NULL;
        uint64_t id = 0;
        if (part == NULL && column_number(field, row, 0, &id)) {
            const struct schema_setting *setting = schema_setting_of(table, key->columns[i]);
            enum cfg_table owner = schema_reference(setting);
            name = owner != CFG_TABLE_MAX ? view_row_name(client->cfg, owner, id) : memory_format("%" PRIu64, id);
        }
        char *longer = memory_format("%s%s%s", text, i > 0 ? " " : "", part != NULL ? part : name != NULL ? name : "");
        free(text);
        free(name);
        text = longer;
    }
    return text;
}

struct document_row *document_rows(struct client *client, enum cfg_table table, size_t *out_n)
{
    struct document_row *rows = NULL;
    size_t n = 0, room = 0;
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, table, &cursor, &id, &row)) {
        if (n == room) {
            room = room > 0 ? 2 * room : 16;
            rows = memory_resize(rows, room * sizeof *rows);
        }
        rows[n++] = (struct document_row){.key = document_key(client, table, row), .id = id, .row = row};
    }
    *out_n = n;
    return rows != NULL ? rows : memory_array(1, sizeof *rows);
}

void document_rows_free(struct document_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(rows[i].key);
    }
    free(rows);
}

static bool is_local(const ProtobufCMessage *row)
{
    return ((const Busbar__PortRow *)row)->ofport == LOCAL_PORT;
}

bool document_is_local(struct client *client, enum cfg_table table, const ProtobufCMessage *row)
{
    return table == CFG_PORT && is_local(row);
}

bool document_names(const struct schema_setting *setting)
{
    return setting->when == SCHEMA_LIVE || setting->when == SCHEMA_RESTART || setting->when == SCHEMA_MADE ||
           setting->when == SCHEMA_CONFIGDB;
}

bool document_has(const struct schema_setting *setting, const ProtobufCMessage *row)
{
    if (!document_names(setting)) {
        return false;
    }
    const ProtobufCFieldDescriptor *field = schema_field(setting);
    uint64_t number = 1;
    bool is_for_all = setting->table == CFG_PORT && is_local(row) &&
                      (strcmp(setting->column, "ofport") == 0 || strcmp(setting->column, "type") == 0);
    bool is_zero = field->label == PROTOBUF_C_LABEL_REQUIRED && setting->when != SCHEMA_MADE &&
                   column_number(field, row, 0, &number) && number == 0;
    return column_count(field, row) > 0 && !is_zero && !is_for_all;
}

json_t *document_value(struct client *client, const struct schema_setting *setting, const ProtobufCMessage *row)
{
    struct value_names names = view_names(client);
    return value_json(setting, row, &names);
}

void document_set(json_t *object, const struct schema_setting *setting, json_t *value)
{
    struct schema_place place;
    struct error_detail ignored;
    bool is_grouped = strchr(setting->name, ':') != NULL && schema_find(setting->table, setting->name, &place, &ignored) == 0;
    if (!is_grouped) {
        json_object_set_new(object, setting->name, value);
        return;
    }
    json_t *group = json_object_get(object, place.group);
    if (group == NULL) {
        group = json_object();
        json_object_set_new(object, place.group, group);
    }
    json_object_set_new(group, place.key, value);
}
