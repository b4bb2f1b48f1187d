/* The row commands that change: set, add, remove, clear, create, destroy, with ovs-vsctl's words and habits; and when, which is ours.
 *
 * Sets, maps and += are changed by configdb (mutations), so two operators who change one set at once lose nothing; everything else of a
 * `set` is one update. What a command decides by the present value (add to a column that holds one) it requires to be still so. configdb
 * checks ranges and what may stand together; here only what the words need: tables, columns, the form of values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/view.h"
#include "lib/base/memory.h"
#include "lib/cfg/column.h"

/* A row being changed by one command. */
struct change {
    struct client *client;
    enum cfg_table table;
    uint64_t id;
    struct cfg_txn *txn;
    struct error_detail *detail;
    ProtobufCMessage *row; /* new values of the columns below */
    const char *columns[64];
    size_t n_columns;
    const ProtobufCMessage *present; /* NULL: made on this command line */
};

static int need_table(const char *word, enum cfg_table *out_table, struct error_detail *detail)
{
    int err = schema_table(word, out_table, detail);
    if (err == 0 && !schema_has(*out_table)) {
        err = error_set(detail, -ERROR_REFUSED, "table %s is only read: it is written by the processes of the switch",
                        cfg_table_info(*out_table)->name);
    }
    return err;
}

/* 0 and change->row NULL: there is no such row, and --if-exists was given. */
static int change_begin(struct change *change, struct client *client, const struct segment *segment, struct cfg_txn *txn,
                        struct error_detail *detail)
{
    *change = (struct change){.client = client, .txn = txn, .detail = detail};
    int err = need_table(segment->arguments[0], &change->table, detail);
    if (err == 0) {
        err = view_find(client, change->table, segment->arguments[1], &change->id, detail);
    }
    if (err == 0) {
        change->row = column_row_new(cfg_table_info(change->table)->descriptor);
        change->present = cfg_row(client->cfg, change->table, change->id);
    }
    return err == -ERROR_NOT_FOUND && segment->if_exists ? 0 : err;
}

static void change_end(struct change *change, int err)
{
    if (err == 0 && change->n_columns > 0) {
        cfg_txn_update(change->txn, change->table, change->id, change->row, change->columns, change->n_columns);
    }
    protobuf_c_message_free_unpacked(change->row, NULL);
}

static int refuse_written(const struct schema_setting *setting, struct error_detail *detail)
{
    const char *table = cfg_table_info(setting->table)->name;
    const struct schema_setting *other = schema_setting_of(setting->table, setting->name);
    if (setting->when == SCHEMA_MADE) {
        return error_set(detail, -ERROR_REFUSED, "table %s, column %s: is given when the row is made and never changes", table,
                         setting->name);
    }
    return error_set(detail, -ERROR_REFUSED, "table %s, column %s: is only read%s%s", table, setting->name,
                     other != NULL && other != setting ? "; what is set is " : "",
                     other != NULL && other != setting ? other->name : "");
}

/* The column goes into the update at the end of the command. */
static int change_column(struct change *change, const struct schema_setting *setting)
{
    for (size_t i = 0; i < change->n_columns; i++) {
        if (strcmp(change->columns[i], setting->column) == 0) {
            return 0;
        }
    }
    if (change->n_columns == sizeof change->columns / sizeof change->columns[0]) {
        return error_set(change->detail, -ERROR_TOO_LARGE, "more columns than a row has");
    }
    change->columns[change->n_columns++] = setting->column;
    return 0;
}

static int put_value(struct change *change, const struct schema_setting *setting, const json_t *value)
{
    struct value_names names = view_names(change->client);
    int err = value_take(setting, value, change->row, &names, change->detail);
    return err == 0 ? change_column(change, setting) : err;
}

static int put_text(struct change *change, const struct schema_setting *setting, const char *text)
{
    json_t *value = NULL;
    int err = value_parse(setting, text, &value, change->detail);
    err = err == 0 ? put_value(change, setting, value) : err;
    json_decref(value);
    return err;
}

/* A mutation of its own, of the one column: the row holds what is added or taken. */
static void mutate(struct change *change, const struct schema_setting *setting, Busbar__OpKind kind,
                   const ProtobufCMessage *row)
{
    cfg_txn_mutate(change->txn, kind, change->table, change->id, row, setting->column);
}

static void mutate_pair(struct change *change, const struct schema_setting *setting, Busbar__OpKind kind, const char *key,
                        const char *value)
{
    ProtobufCMessage *row = column_row_new(cfg_table_info(change->table)->descriptor);
    column_put_pair(schema_field(setting), row, key, value);
    mutate(change, setting, kind, row);
    protobuf_c_message_free_unpacked(row, NULL);
}

static int mutate_value(struct change *change, const struct schema_setting *setting, Busbar__OpKind kind, const char *text)
{
    struct value_names names = view_names(change->client);
    ProtobufCMessage *row = column_row_new(cfg_table_info(change->table)->descriptor);
    json_t *value = NULL;
    int err = value_parse(setting, text, &value, change->detail);
    err = err == 0 ? value_take(setting, value, row, &names, change->detail) : err;
    if (err == 0) {
        mutate(change, setting, kind, row);
    }
    json_decref(value);
    protobuf_c_message_free_unpacked(row, NULL);
    return err;
}

/* other_config={a=1,b=2}: these, and no others of the group; NULL: none. */
static int put_group(struct change *change, const char *group, const char *text)
{
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    const char *key;
    json_t *map = NULL, *value, *none = json_null();
    int err = text != NULL ? value_parse_map(group, text, &map, change->detail) : 0;
    for (size_t i = 0; err == 0 && i < n; i++) {
        if (settings[i].table == change->table && schema_is_written(&settings[i]) && schema_in_group(&settings[i], group)) {
            err = put_value(change, &settings[i], none);
        }
    }
    json_object_foreach(map, key, value)
    {
        struct schema_place place;
        char *word = memory_format("%s:%s", group, key);
        err = err == 0 ? schema_find(change->table, word, &place, change->detail) : err;
        err = err == 0 ? put_text(change, place.setting, json_string_value(value)) : err;
        free(word);
    }
    json_decref(map);
    return err;
}

static bool is_map_key(const struct schema_place *place)
{
    return place->key != NULL && strchr(place->setting->name, ':') == NULL;
}

/* COLUMN[:KEY]=VALUE, COLUMN+=N, COLUMN-=N. */
static int set_word(struct change *change, const char *word)
{
    struct schema_place place;
    size_t n = strcspn(word, "=");
    if (n == 0 || word[n] != '=') {
        return error_set(change->detail, -ERROR_SYNTAX, "%.64s: expected COLUMN=VALUE, as in tag=10", word);
    }
    bool is_counted = n > 1 && (word[n - 1] == '+' || word[n - 1] == '-');
    char *column = memory_string(word);
    column[n - (is_counted ? 1 : 0)] = '\0';
    const char *value = word + n + 1;
    int err = schema_find(change->table, column, &place, change->detail);
    if (err == 0 && place.setting != NULL && !schema_is_written(place.setting)) {
        err = refuse_written(place.setting, change->detail);
    } else if (err == 0 && place.setting == NULL) {
        err = put_group(change, place.group, value);
    } else if (err == 0 && is_counted && place.setting->form == SCHEMA_PLAIN &&
               schema_field(place.setting)->label == PROTOBUF_C_LABEL_OPTIONAL) {
        bool is_added = word[n - 1] == '+';
        err = mutate_value(change, place.setting,
                           is_added ? BUSBAR__OP_KIND__OP_MUTATE_ADD : BUSBAR__OP_KIND__OP_MUTATE_SUBTRACT, value);
    } else if (err == 0 && is_counted) {
        err = error_set(change->detail, -ERROR_REFUSED, "table %s, column %s: is not one number",
                        cfg_table_info(change->table)->name, column);
    } else if (err == 0 && is_map_key(&place)) {
        json_t *map = NULL;
        char *pair = memory_format("%s=%s", place.key, value[0] != '\0' ? value : "\"\"");
        err = value_parse_map(column, pair, &map, change->detail);
        if (err == 0) {
            mutate_pair(change, place.setting, BUSBAR__OP_KIND__OP_MUTATE_DELETE, place.key, "");
            mutate_pair(change, place.setting, BUSBAR__OP_KIND__OP_MUTATE_INSERT, place.key,
                        json_string_value(json_object_get(map, place.key)));
        }
        json_decref(map);
        free(pair);
    } else if (err == 0) {
        err = put_text(change, place.setting, value);
    }
    free(column);
    return err;
}

int config_set(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    struct change change;
    int err = change_begin(&change, client, segment, txn, detail);
    for (size_t i = 2; err == 0 && change.row != NULL && i < segment->n_arguments; i++) {
        err = set_word(&change, segment->arguments[i]);
    }
    change_end(&change, err);
    return err;
}

int config_clear(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    struct change change;
    struct schema_place place;
    json_t *none = json_null();
    int err = change_begin(&change, client, segment, txn, detail);
    for (size_t i = 2; err == 0 && change.row != NULL && i < segment->n_arguments; i++) {
        err = schema_find(change.table, segment->arguments[i], &place, detail);
        if (err == 0 && place.setting == NULL) {
            err = put_group(&change, place.group, NULL);
        } else if (err == 0 && !schema_is_written(place.setting)) {
            err = refuse_written(place.setting, detail);
        } else if (err == 0 && is_map_key(&place)) {
            mutate_pair(&change, place.setting, BUSBAR__OP_KIND__OP_MUTATE_DELETE, place.key, "");
        } else if (err == 0) {
            err = put_value(&change, place.setting, none);
        }
    }
    change_end(&change, err);
    return err;
}

/* A column that holds one value: the decision rests on what it holds now. */
static int add_or_remove_one(struct change *change, const struct schema_setting *setting, const char *text, bool is_added)
{
    struct value_names names = view_names(change->client);
    json_t *value = NULL, *present = change->present != NULL ? value_json(setting, change->present, &names) : json_null();
    int err = value_parse(setting, text, &value, change->detail);
    if (err == 0 && change->present != NULL) {
        cfg_txn_require(change->txn, change->table, change->id, change->present, &setting->column, 1);
    }
    if (err == 0 && is_added && !json_is_null(present) && !json_equal(present, value)) {
        char *shown = value_text(present);
        err = error_set(change->detail, -ERROR_EXISTS, "table %s, column %s: holds one value and has %.64s (set replaces it)",
                        cfg_table_info(change->table)->name, setting->name, shown);
        free(shown);
    } else if (err == 0 && is_added && json_is_null(present)) {
        err = put_value(change, setting, value);
    } else if (err == 0 && !is_added && json_equal(present, value)) {
        err = put_value(change, setting, json_null());
    }
    json_decref(value);
    json_decref(present);
    return err;
}

/* KEY=VALUE or KEY of a group. Adding leaves a key that is set as it is. */
static int add_or_remove_key(struct change *change, const char *group, const char *word, bool is_added)
{
    struct schema_place place;
    size_t n = strcspn(word, "=");
    char *column = memory_format("%s:%.*s", group, (int)n, word);
    int err = schema_find(change->table, column, &place, change->detail);
    if (err == 0 && !schema_is_written(place.setting)) {
        err = refuse_written(place.setting, change->detail);
    } else if (err == 0 && word[n] == '=') {
        err = add_or_remove_one(change, place.setting, word + n + 1, is_added);
        err = err == -ERROR_EXISTS ? 0 : err;
    } else if (err == 0 && is_added) {
        err = error_set(change->detail, -ERROR_SYNTAX, "%.64s: expected KEY=VALUE", word);
    } else if (err == 0) {
        err = put_value(change, place.setting, json_null());
    }
    free(column);
    return err;
}

static int add_or_remove_pair(struct change *change, const struct schema_setting *setting, const char *word, bool is_added)
{
    json_t *map = NULL, *value;
    const char *key;
    if (!is_added && strchr(word, '=') == NULL) {
        mutate_pair(change, setting, BUSBAR__OP_KIND__OP_MUTATE_DELETE, word, "");
        return 0;
    }
    int err = value_parse_map(setting->name, word, &map, change->detail);
    json_object_foreach(map, key, value)
    {
        mutate_pair(change, setting, is_added ? BUSBAR__OP_KIND__OP_MUTATE_INSERT : BUSBAR__OP_KIND__OP_MUTATE_DELETE, key,
                    json_string_value(value));
    }
    json_decref(map);
    return err;
}

static int add_or_remove(struct client *client, const struct segment *segment, struct cfg_txn *txn, bool is_added,
                         struct error_detail *detail)
{
    struct change change;
    struct schema_place place;
    int err = change_begin(&change, client, segment, txn, detail);
    if (err == 0 && change.row != NULL) {
        err = schema_find(change.table, segment->arguments[2], &place, detail);
    }
    if (err == 0 && change.row != NULL && place.setting != NULL && !schema_is_written(place.setting)) {
        err = refuse_written(place.setting, detail);
    }
    for (size_t i = 3; err == 0 && change.row != NULL && i < segment->n_arguments; i++) {
        const char *word = segment->arguments[i];
        const ProtobufCFieldDescriptor *field = place.setting != NULL ? schema_field(place.setting) : NULL;
        if (field == NULL) {
            err = add_or_remove_key(&change, place.group, word, is_added);
        } else if (column_is_map(field)) {
            err = add_or_remove_pair(&change, place.setting, word, is_added);
        } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            err = mutate_value(&change, place.setting,
                               is_added ? BUSBAR__OP_KIND__OP_MUTATE_INSERT : BUSBAR__OP_KIND__OP_MUTATE_DELETE, word);
        } else {
            err = add_or_remove_one(&change, place.setting, word, is_added);
        }
    }
    change_end(&change, err);
    return err;
}

int config_add(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return add_or_remove(client, segment, txn, true, detail);
}

int config_remove(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return add_or_remove(client, segment, txn, false, detail);
}

/* ---- rows as a whole ---- */

static int create_word(struct change *change, const char *word)
{
    struct schema_place place;
    size_t n = strcspn(word, "=");
    char *column = memory_format("%.*s", (int)n, word);
    int err = word[n] == '=' ? schema_find(change->table, column, &place, change->detail)
                             : error_set(change->detail, -ERROR_SYNTAX, "%.64s: expected COLUMN=VALUE, as in name=br0", word);
    if (err == 0 && place.setting == NULL) {
        err = put_group(change, place.group, word + n + 1);
    } else if (err == 0 && !schema_is_written(place.setting) && place.setting->when != SCHEMA_MADE) {
        err = refuse_written(place.setting, change->detail);
    } else if (err == 0 && is_map_key(&place)) {
        column_put_pair(schema_field(place.setting), change->row, place.key, word + n + 1);
    } else if (err == 0) {
        err = put_text(change, place.setting, word + n + 1);
    }
    free(column);
    return err;
}

static bool is_in_key(const struct schema_setting *setting)
{
    const struct schema_unique *key = schema_key(setting->table);
    bool is_named = setting->column != NULL && key != NULL;
    return is_named && (strcmp(key->columns[0], setting->column) == 0 ||
                        (key->columns[1] != NULL && strcmp(key->columns[1], setting->column) == 0));
}

/* Is it among the words "COLUMN=VALUE"? A number may be given as 0, which the row alone does not tell from nothing. */
static bool is_given(const struct segment *segment, const char *column)
{
    size_t n = strlen(column);
    bool is_there = false;
    for (size_t i = 1; i < segment->n_arguments; i++) {
        is_there = is_there || (strncmp(segment->arguments[i], column, n) == 0 && segment->arguments[i][n] == '=');
    }
    return is_there;
}

/* Columns that a row cannot be without: what it is named by, and what never changes. */
static int need_columns(const struct change *change, const struct segment *segment)
{
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    for (size_t i = 0; i < n; i++) {
        if (settings[i].table != change->table || (settings[i].when != SCHEMA_MADE && !is_in_key(&settings[i]))) {
            continue;
        }
        const ProtobufCFieldDescriptor *field = schema_field(&settings[i]);
        uint64_t number = 1;
        const char *text = column_text(field, change->row, 0);
        bool is_missing = field->type == PROTOBUF_C_TYPE_STRING ? text == NULL || text[0] == '\0'
                                                                : column_number(field, change->row, 0, &number) && number == 0 &&
                                                                      !is_given(segment, settings[i].name);
        if (is_missing) {
            return error_set(change->detail, -ERROR_SYNTAX, "a row of table %s needs %s=VALUE",
                             cfg_table_info(change->table)->name, settings[i].name);
        }
    }
    return 0;
}

int config_create(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    struct change change = {.client = client, .txn = txn, .detail = detail};
    int err = need_table(segment->arguments[0], &change.table, detail);
    if (err != 0) {
        return err;
    }
    change.row = column_row_new(cfg_table_info(change.table)->descriptor);
    for (size_t i = 1; err == 0 && i < segment->n_arguments; i++) {
        err = create_word(&change, segment->arguments[i]);
    }
    err = err == 0 ? need_columns(&change, segment) : err;
    if (err == 0) {
        const struct schema_unique *key = schema_key(change.table);
        size_t op = cfg_txn_size(txn);
        uint64_t label = cfg_txn_insert(txn, change.table, change.row);
        if (key != NULL && key->columns[1] == NULL) {
            client_remember(client, change.table,
                            column_text(column_find(change.row->descriptor, key->columns[0]), change.row, 0), label, op);
        }
    }
    protobuf_c_message_free_unpacked(change.row, NULL);
    return err;
}

int config_destroy(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    enum cfg_table table;
    int err = need_table(segment->arguments[0], &table, detail);
    for (size_t i = 1; err == 0 && i < segment->n_arguments; i++) {
        uint64_t id;
        err = view_find(client, table, segment->arguments[i], &id, detail);
        if (err == 0) {
            cfg_txn_delete(txn, table, id);
        } else if (err == -ERROR_NOT_FOUND && segment->if_exists) {
            err = 0;
        }
    }
    return err;
}

/* ---- when ---- */

/* COLUMN=VALUE or COLUMN!=VALUE of a column that is in the row itself: configdb looks at rows, not at what processes say of them. */
static int when_word(struct change *change, const char *word)
{
    struct schema_place place;
    size_t n = strcspn(word, "=");
    bool is_other = n > 0 && word[n - 1] == '!';
    char *column = memory_format("%.*s", (int)(n - (is_other ? 1 : 0)), word);
    int err = n > 0 && word[n] == '=' ? schema_find(change->table, column, &place, change->detail)
                                      : error_set(change->detail, -ERROR_SYNTAX, "%.64s: expected COLUMN=VALUE or COLUMN!=VALUE", word);
    if (err == 0 && (place.setting == NULL || is_map_key(&place))) {
        err = error_set(change->detail, -ERROR_UNSUPPORTED, "table %s, column %s: is looked at as a whole or not at all; name the column without a key",
                        cfg_table_info(change->table)->name, column);
    } else if (err == 0 && !schema_is_written(place.setting) && place.setting->when != SCHEMA_MADE) {
        err = error_set(change->detail, -ERROR_REFUSED, "table %s, column %s: is not stored by those who write rows; wait-until waits for it",
                        cfg_table_info(change->table)->name, place.setting->name);
    }
    err = err == 0 ? put_text(change, place.setting, word + n + 1) : err;
    if (err == 0) {
        cfg_txn_wait(change->txn, change->table, change->id, change->row, &place.setting->column, 1, is_other, change->client->timeout_ms);
    }
    free(column);
    return err;
}

int config_when(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    struct change change;
    int err = change_begin(&change, client, segment, txn, detail);
    client->is_waiting = true;
    for (size_t i = 2; err == 0 && i < segment->n_arguments; i++) {
        err = when_word(&change, segment->arguments[i]);
    }
    change.n_columns = 0; /* nothing is changed */
    change_end(&change, err);
    return err;
}
