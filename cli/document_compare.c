/* From a document to the transaction that brings the configuration there (declared in document.h).
 *
 *     wishes: each row of the document, found in the mirror by its key or not
 *     deletions (rows that nobody wishes, those that must be made anew; what belongs to others first)
 *     port numbers that change are moved out of each other's way
 *     insertions and updates, owners first: a row's reference is an id or the label of an insertion before it
 *
 * Only what differs becomes an operation, all in one transaction. Rows are found by key, so a row keeps its id, its number and what hangs on
 * it. A column that is given when the row is made (a port's bridge) differs: the row is made anew.
 * Cost: linear, but for the search of free numbers. One thread. Input is a file of anybody: every error names file, line, row and column.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/document_row.h"
#include "cli/json_line.h"
#include "lib/base/memory.h"
#include "lib/cfg/column.h"

enum { SETTINGS_MAX = 64 /* of one table */, NUMBER_MAX = 65279 /* the greatest OpenFlow number of a port */ };

struct wish {
    const json_t *json; /* NULL: a LOCAL port that the document does not name goes back to its defaults */
    size_t index;       /* in its table, SIZE_MAX: the table is one row */
    char *key;
    const struct document_row *present; /* NULL: to be made */
    uint32_t number;                    /* the port number wished, 0: none in particular */
};
struct table {
    struct document_row *rows;
    size_t n_rows;
    json_t *by_key; /* key -> place in rows */
    json_t *ids;    /* key -> id or label of what is there afterwards; labels are above the signed range, hence cast */
    bool *is_wished;
    struct wish *wishes;
    size_t n_wishes;
};
struct compare {
    struct client *client;
    const char *name, *text;
    const json_t *document;
    bool is_whole;
    struct cfg_txn *txn;
    json_t *changes;
    struct error_detail *detail;
    struct table tables[CFG_TABLE_MAX];
};
/* The row that a wish asks for. */
struct asked {
    ProtobufCMessage *row;
    const struct schema_setting *given[SETTINGS_MAX];
    size_t n_given;
};

/* Puts file, line and row before what is wrong. */
static int wrong(struct compare *c, enum cfg_table table, const struct wish *wish, const char *member, int err)
{
    const char *name = cfg_table_info(table)->name;
    unsigned line = json_line(c->text, name, wish->index, member);
    char *what = memory_string(c->detail->text);
    error_set(c->detail, err, "%s line %u, %s %s: %s", c->name, line, name, wish->key != NULL ? wish->key : "row", what);
    free(what);
    return err;
}

static const struct cfg_table_info *table_at(uint32_t number)
{
    const struct cfg_table_info *info = cfg_table_info(number);
    return info != NULL && schema_is_exported(info) ? info : NULL;
}

static int check_tables(struct compare *c)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)c->document, key, value)
    {
        enum cfg_table table;
        char *what;
        if (strcmp(key, "format") == 0) {
            continue;
        }
        int err = schema_table(key, &table, c->detail);
        if (err == 0 && (table_at(table) == NULL || strcmp(cfg_table_info(table)->name, key) != 0)) {
            err = error_set(c->detail, -ERROR_UNKNOWN_NAME, "%s is no table of a configuration file%s%s", key,
                            table_at(table) != NULL ? "; it is called " : "",
                            table_at(table) != NULL ? cfg_table_info(table)->name : "");
        }
        bool is_one = err == 0 && schema_key(table) == NULL;
        if (err == 0 && !(is_one ? json_is_object(value) : json_is_array(value))) {
            err = error_set(c->detail, -ERROR_SYNTAX, "%s must be %s", key, is_one ? "an object" : "an array of rows");
        }
        if (err != 0) {
            what = memory_string(c->detail->text);
            error_set(c->detail, err, "%s line %u: %s", c->name, json_line(c->text, key, SIZE_MAX, NULL), what);
            free(what);
            return err;
        }
    }
    return 0;
}

/* The key of a row of the document. New text, NULL with the detail set. */
static char *wish_key(struct compare *c, enum cfg_table table, const json_t *json)
{
    const struct schema_unique *unique = schema_key(table);
    char *key = memory_string("");
    for (size_t i = 0; unique != NULL && i < 2 && unique->columns[i] != NULL; i++) {
        const struct schema_setting *setting = schema_setting_of(table, unique->columns[i]);
        const json_t *part = json_object_get(json, setting->name);
        bool is_text = schema_field(setting)->type == PROTOBUF_C_TYPE_STRING || schema_reference(setting) != CFG_TABLE_MAX;
        char *longer = is_text && json_is_string(part) ? memory_format("%s%s%s", key, i > 0 ? " " : "", json_string_value(part))
                       : !is_text && json_is_integer(part)
                           ? memory_format("%s%s%" JSON_INTEGER_FORMAT, key, i > 0 ? " " : "", json_integer_value(part))
                           : NULL;
        free(key);
        key = longer;
        if (key == NULL) {
            error_set(c->detail, -ERROR_SYNTAX, "needs the column %s, a %s", setting->name, is_text ? "text" : "number");
            return NULL;
        }
    }
    return key;
}

/* Whether a column that is given when a row is made differs from the row that is there. */
static bool must_be_made_anew(struct compare *c, enum cfg_table table, const struct wish *wish)
{
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    bool differs = false;
    for (size_t i = 0; !differs && i < n; i++) {
        const json_t *wished = settings[i].table == table && settings[i].when == SCHEMA_MADE
                                   ? json_object_get(wish->json, settings[i].name)
                                   : NULL;
        if (wished != NULL) {
            json_t *present = document_value(c->client, &settings[i], wish->present->row);
            differs = json_equal(present, wished) == 0;
            json_decref(present);
        }
    }
    return differs;
}

static uint32_t wished_number(enum cfg_table table, const json_t *json)
{
    const json_t *request = json_object_get(json, "ofport_request"), *number = json_object_get(json, "ofport");
    json_int_t value = table != CFG_PORT          ? 0
                       : json_is_integer(request) ? json_integer_value(request)
                                                  : json_integer_value(number);
    return value > 0 && value <= NUMBER_MAX ? (uint32_t)value : 0;
}

static int read_wish(struct compare *c, enum cfg_table table, const json_t *json, size_t index)
{
    struct table *t = &c->tables[table];
    struct wish *wish = &t->wishes[t->n_wishes];
    *wish = (struct wish){.json = json, .index = index, .number = wished_number(table, json)};
    if (!json_is_object(json)) {
        error_set(c->detail, -ERROR_SYNTAX, "must be an object of columns");
        return wrong(c, table, wish, NULL, -ERROR_SYNTAX);
    }
    wish->key = wish_key(c, table, json);
    if (wish->key == NULL) {
        return wrong(c, table, wish, NULL, -ERROR_SYNTAX);
    }
    t->n_wishes++;
    if (json_object_get(t->ids, wish->key) != NULL) {
        error_set(c->detail, -ERROR_DUPLICATE, "is there twice");
        return wrong(c, table, wish, NULL, -ERROR_DUPLICATE);
    }
    json_object_set_new(t->ids, wish->key, json_integer(0));
    const json_t *place = json_object_get(t->by_key, wish->key);
    if (place != NULL) {
        size_t i = (size_t)json_integer_value(place);
        wish->present = &t->rows[i];
        t->is_wished[i] = !must_be_made_anew(c, table, wish);
        wish->present = t->is_wished[i] ? wish->present : NULL;
    }
    return 0;
}

/* Whether the port goes and comes with a bridge. */
static bool is_local(struct compare *c, enum cfg_table table, const struct document_row *row)
{
    return document_is_local(c->client, table, row->row);
}

static int read_table(struct compare *c, enum cfg_table table)
{
    struct table *t = &c->tables[table];
    const json_t *json = json_object_get(c->document, cfg_table_info(table)->name);
    size_t n_json = json_is_array(json) ? json_array_size(json) : json != NULL ? 1 : 0;
    t->rows = document_rows(c->client, table, &t->n_rows);
    t->by_key = json_object();
    t->ids = json_object();
    t->is_wished = memory_array(t->n_rows + 1, sizeof *t->is_wished);
    t->wishes = memory_array(n_json + t->n_rows + 1, sizeof *t->wishes);
    for (size_t i = 0; i < t->n_rows; i++) {
        json_object_set_new(t->by_key, t->rows[i].key, json_integer((json_int_t)i));
    }
    int err = 0;
    for (size_t i = 0; err == 0 && i < n_json; i++) {
        err = json_is_array(json) ? read_wish(c, table, json_array_get(json, i), i) : read_wish(c, table, json, SIZE_MAX);
    }
    for (size_t i = 0; err == 0 && i < t->n_rows; i++) {
        /* A LOCAL port is called as its bridge and stays with it. */
        bool is_with_bridge =
            is_local(c, table, &t->rows[i]) && json_object_get(c->tables[CFG_BRIDGE].ids, t->rows[i].key) != NULL;
        bool stays = !c->is_whole || is_with_bridge || schema_key(table) == NULL;
        if (t->is_wished[i] || !stays || json_object_get(t->ids, t->rows[i].key) != NULL) {
            continue; /* wished, deleted, or made anew */
        }
        if (c->is_whole) {
            t->wishes[t->n_wishes++] =
                (struct wish){.key = memory_string(t->rows[i].key), .present = &t->rows[i], .index = SIZE_MAX};
        }
        t->is_wished[i] = true;
        json_object_set_new(t->ids, t->rows[i].key, json_integer((json_int_t)t->rows[i].id));
    }
    return err;
}

static json_t *add_change(struct compare *c, enum cfg_table table, const char *key, const char *change)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s}", "table", cfg_table_info(table)->name, "row", key[0] != '\0' ? key : ".", "change", change);
    json_array_append_new(c->changes, json);
    return json;
}

static void delete_rows(struct compare *c, enum cfg_table table)
{
    struct table *t = &c->tables[table];
    for (size_t i = 0; i < t->n_rows; i++) {
        if (!t->is_wished[i] && !is_local(c, table, &t->rows[i])) {
            cfg_txn_delete(c->txn, table, t->rows[i].id);
            if (json_object_get(t->ids, t->rows[i].key) == NULL) {
                add_change(c, table, t->rows[i].key, "removed");
            }
        }
    }
}

/* ---- port numbers ---- */

static bool is_moved(const struct wish *wish)
{
    return wish->number != 0 && wish->present != NULL && ((const Busbar__PortRow *)wish->present->row)->ofport != wish->number;
}

static void request_number(struct compare *c, uint64_t id, uint32_t number)
{
    static const char *const columns[] = {"ofport_request"};
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    row.has_ofport_request = number != 0;
    row.ofport_request = number;
    cfg_txn_update(c->txn, CFG_PORT, id, &row.base, columns, 1);
}

static bool is_number_used(const struct table *t, uint32_t number)
{
    bool is_used = false;
    for (size_t i = 0; !is_used && i < t->n_rows; i++) {
        is_used = ((const Busbar__PortRow *)t->rows[i].row)->ofport == number;
    }
    for (size_t i = 0; !is_used && i < t->n_wishes; i++) {
        is_used = t->wishes[i].number == number;
    }
    return is_used;
}

/* Two ports may exchange their numbers: each first takes one that nobody has or wants. Nobody sees it: one transaction, one new state. */
static void move_numbers_away(struct compare *c)
{
    const struct table *t = &c->tables[CFG_PORT];
    uint32_t number = NUMBER_MAX;
    for (size_t i = 0; i < t->n_wishes; i++) {
        if (!is_moved(&t->wishes[i])) {
            continue;
        }
        while (number > 1 && is_number_used(t, number)) {
            number--;
        }
        request_number(c, t->wishes[i].present->id, number--);
    }
}

/* ---- rows ---- */

static const char *ids_name(void *context, enum cfg_table table, uint64_t id)
{
    return NULL; /* rows are only taken in */
}

static uint64_t ids_id(void *context, enum cfg_table table, const char *name)
{
    const struct compare *c = context;
    return (uint64_t)json_integer_value(json_object_get(c->tables[table].ids, name));
}

static int take_one(struct compare *c, enum cfg_table table, const struct wish *wish, const char *word, const json_t *value,
                    struct asked *asked)
{
    struct schema_place place;
    struct value_names names = {.name = ids_name, .id = ids_id, .context = c};
    char *group = memory_format("%.*s", (int)strcspn(word, ":"), word);
    int err = schema_find(table, word, &place, c->detail);
    if (err == 0 && (place.setting == NULL || (place.key != NULL && strchr(place.setting->name, ':') == NULL))) {
        err = error_set(c->detail, -ERROR_SYNTAX, "column %s must be an object", word);
    } else if (err == 0 && !document_names(place.setting)) {
        err = error_set(c->detail, -ERROR_REFUSED, "column %s is only read", place.setting->name);
    } else if (err == 0 && place.setting->when == SCHEMA_CONFIGDB && wish->number == 0) {
        err = error_set(c->detail, -ERROR_RANGE, "column %s: must be 1 to %d", place.setting->name, NUMBER_MAX);
    }
    if (err == 0) {
        err = value_take(place.setting, value, asked->row, &names, c->detail);
    }
    if (err != 0) {
        err = wrong(c, table, wish, group, err);
    } else if (asked->n_given < SETTINGS_MAX) {
        asked->given[asked->n_given++] = place.setting;
    }
    free(group);
    return err;
}

static bool is_group(enum cfg_table table, const char *word)
{
    struct schema_place place;
    struct error_detail ignored;
    return schema_find(table, word, &place, &ignored) == 0 && place.setting == NULL;
}

static int take_wish(struct compare *c, enum cfg_table table, const struct wish *wish, struct asked *out_asked)
{
    struct asked asked = {.row = column_row_new(cfg_table_info(table)->descriptor)};
    const char *word, *key;
    json_t *value, *member;
    int err = 0;
    json_object_foreach((json_t *)(uintptr_t)wish->json, word, value)
    {
        if (err == 0 && json_is_object(value) && is_group(table, word)) {
            json_object_foreach(value, key, member)
            {
                char *both = memory_format("%s:%s", word, key);
                err = err == 0 ? take_one(c, table, wish, both, member, &asked) : err;
                free(both);
            }
        } else if (err == 0) {
            err = take_one(c, table, wish, word, value, &asked);
        }
    }
    if (err != 0) {
        protobuf_c_message_free_unpacked(asked.row, NULL);
        return err;
    }
    *out_asked = asked;
    return 0;
}

static bool is_given(const struct asked *asked, const struct schema_setting *setting)
{
    for (size_t i = 0; i < asked->n_given; i++) {
        if (asked->given[i] == setting) {
            return true;
        }
    }
    return false;
}

/* What a column says, null when it has nothing to say. New reference. */
static json_t *said(struct compare *c, const struct schema_setting *setting, const ProtobufCMessage *row)
{
    return document_has(setting, row) ? document_value(c->client, setting, row) : json_null();
}

static void note_column(json_t *change, const char *name, json_t *from, json_t *to)
{
    json_t *columns = json_object_get(change, "columns");
    if (columns == NULL) {
        columns = json_object();
        json_object_set_new(change, "columns", columns);
    }
    json_object_set_new(columns, name, json_pack("{s:o, s:o}", "from", from, "to", to));
}

static void update_row(struct compare *c, enum cfg_table table, const struct wish *wish, const struct asked *asked)
{
    size_t n, n_columns = 0;
    const struct schema_setting *settings = schema_settings(&n);
    const char *columns[SETTINGS_MAX];
    json_t *change = json_object();
    bool is_number_asked = false;
    for (size_t i = 0; i < n && n_columns + 1 < SETTINGS_MAX; i++) {
        const struct schema_setting *setting = &settings[i];
        bool is_kept = !is_given(asked, setting) &&
                       (!c->is_whole || (is_local(c, table, wish->present) && strcmp(setting->name, "type") == 0));
        if (setting->table != table || !schema_is_written(setting) || is_kept) {
            continue;
        }
        json_t *from = said(c, setting, wish->present->row), *to = said(c, setting, asked->row);
        if (json_equal(from, to) != 0) {
            json_decref(from);
            json_decref(to);
            continue;
        }
        is_number_asked = is_number_asked || strcmp(setting->column, "ofport_request") == 0;
        columns[n_columns++] = setting->column;
        note_column(change, setting->name, from, to);
    }
    if (is_moved(wish)) {
        const Busbar__PortRow *present = (const Busbar__PortRow *)wish->present->row;
        request_number(c, wish->present->id, wish->number);
        note_column(change, "ofport", json_integer((json_int_t)present->ofport), json_integer((json_int_t)wish->number));
        if (!is_number_asked && present->has_ofport_request) {
            request_number(c, wish->present->id, wish->number); /* as asked before, with the number that is now */
        } else if (!is_number_asked) {
            request_number(c, wish->present->id, 0);
        }
    }
    if (n_columns > 0) {
        cfg_txn_update(c->txn, table, wish->present->id, asked->row, columns, n_columns);
    }
    if (json_object_size(change) > 0) {
        json_t *noted = add_change(c, table, wish->key, "changed");
        json_object_update(noted, change);
    }
    json_decref(change);
}

static void insert_row(struct compare *c, enum cfg_table table, const struct wish *wish, struct asked *asked)
{
    bool is_freed = table == CFG_PORT && wish->number != 0 && !((Busbar__PortRow *)asked->row)->has_ofport_request;
    if (is_freed) {
        ((Busbar__PortRow *)asked->row)->has_ofport_request = 1;
        ((Busbar__PortRow *)asked->row)->ofport_request = wish->number;
    }
    size_t op = cfg_txn_size(c->txn);
    uint64_t label = cfg_txn_insert(c->txn, table, asked->row);
    if (table == CFG_PORT) {
        client_remember(c->client, table, wish->key, label, op); /* whether it opens is looked at after the commit */
    }
    json_object_set_new(c->tables[table].ids, wish->key, json_integer((json_int_t)label));
    if (is_freed) {
        request_number(c, label, 0); /* the number stays: it is in use */
    }
    bool is_anew = json_object_get(c->tables[table].by_key, wish->key) != NULL;
    add_change(c, table, wish->key, is_anew ? "made anew" : "added");
}

static int change_rows(struct compare *c, enum cfg_table table)
{
    struct table *t = &c->tables[table];
    int err = 0;
    for (size_t i = 0; err == 0 && i < t->n_wishes; i++) {
        struct asked asked;
        const struct wish *wish = &t->wishes[i];
        err = take_wish(c, table, wish, &asked);
        if (err != 0) {
            return err;
        }
        if (wish->present != NULL) {
            json_object_set_new(t->ids, wish->key, json_integer((json_int_t)wish->present->id));
            update_row(c, table, wish, &asked);
        } else {
            insert_row(c, table, wish, &asked);
        }
        protobuf_c_message_free_unpacked(asked.row, NULL);
    }
    return err;
}

static void compare_fini(struct compare *c)
{
    for (size_t i = 0; i < CFG_TABLE_MAX; i++) {
        struct table *t = &c->tables[i];
        for (size_t k = 0; k < t->n_wishes; k++) {
            free(t->wishes[k].key);
        }
        free(t->wishes);
        free(t->is_wished);
        json_decref(t->by_key);
        json_decref(t->ids);
        document_rows_free(t->rows, t->n_rows);
    }
}

int document_compare(struct client *client, const char *name, const char *text, const json_t *document, bool is_whole,
                     struct cfg_txn *txn, json_t **out_changes, struct error_detail *detail)
{
    struct compare c = {.client = client,
                        .name = name,
                        .text = text,
                        .document = document,
                        .is_whole = is_whole,
                        .txn = txn,
                        .changes = json_array(),
                        .detail = detail};
    int err = check_tables(&c);
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        err = table_at(table) != NULL ? read_table(&c, (enum cfg_table)table) : 0;
    }
    for (uint32_t table = CFG_TABLE_MAX; err == 0 && table-- > 0;) {
        if (table_at(table) != NULL) {
            delete_rows(&c, (enum cfg_table)table);
        }
    }
    if (err == 0) {
        move_numbers_away(&c);
    }
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        err = table_at(table) != NULL ? change_rows(&c, (enum cfg_table)table) : 0;
    }
    compare_fini(&c);
    if (err != 0) {
        json_decref(c.changes);
        return err;
    }
    *out_changes = c.changes;
    return 0;
}
