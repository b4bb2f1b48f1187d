/* Rows in words.
 *
 * By reflection over the schema, as everything that shows rows: a new column or table needs nothing here. The unique columns that come first
 * in columns.def name a row; a reference among them is the name of that row.
 *
 * Cost: one JSON object a row that differs, a comparison of columns for all others. Any thread; no state.
 */
#include "services/configdb/describe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"
#include "services/configdb/validate.h"

bool describe_is_referred_to(uint32_t table)
{
    for (uint32_t from = 0; from < CFG_TABLE_MAX; from++) {
        const struct cfg_table_info *info = cfg_table_info(from);
        for (unsigned int i = 0; info != NULL && i < info->descriptor->n_fields; i++) {
            if (validate_reference(from, info->descriptor->fields[i].name) == table) {
                return true;
            }
        }
    }
    return false;
}

/* The name of the row that a reference is to. */
static char *describe_reference(const struct picture *picture, const struct picture *names, uint32_t table, uint64_t id)
{
    const struct picture_row *row = picture_get(picture, table, id);
    if (row == NULL && names != NULL) {
        row = picture_get(names, table, id);
    }
    return row != NULL ? describe_name(picture, names, row) : memory_format("%s row %" PRIu64, cfg_table_info(table)->name, id);
}

char *describe_name(const struct picture *picture, const struct picture *names, const struct picture_row *row)
{
    if (validate_unique_count(row->table) == 0) {
        return row->table == CFG_SWITCH ? memory_string("") : memory_format("%" PRIu64, row->id);
    }
    const char *const *columns = validate_unique_columns(row->table, 0);
    char *name = memory_string("");
    for (size_t i = 0; i < 2 && columns[i] != NULL; i++) {
        const ProtobufCFieldDescriptor *column = column_find(row->row->descriptor, columns[i]);
        const char *text = column_text(column, row->row, 0);
        uint32_t table = validate_reference(row->table, columns[i]);
        uint64_t number = 0;
        (void)column_number(column, row->row, 0, &number);
        char *part = text != NULL ? memory_string(text)
                     : table != 0 ? describe_reference(picture, names, table, number)
                                  : memory_format("%" PRIu64, number);
        char *longer = memory_format("%s%s%s", name, i > 0 ? " " : "", part);
        free(part);
        free(name);
        name = longer;
    }
    return name;
}

/* Columns by name, references as names. */
static json_t *describe_row(const struct picture *picture, const struct picture *names, const struct picture_row *row)
{
    json_t *json = column_row_json(row->row);
    for (unsigned int i = 0; i < row->row->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *column = &row->row->descriptor->fields[i];
        uint32_t table = validate_reference(row->table, column->name);
        uint64_t id;
        if (table != 0 && column->label != PROTOBUF_C_LABEL_REPEATED && column_count(column, row->row) > 0 &&
            column_number(column, row->row, 0, &id)) {
            char *name = describe_reference(picture, names, table, id);
            json_object_set_new(json, column->name, json_string(name));
            free(name);
        } else if (column->label == PROTOBUF_C_LABEL_REPEATED && column_count(column, row->row) == 0) {
            json_object_del(json, column->name);
        }
    }
    return json;
}

static void describe_column(json_t *columns, const char *name, const json_t *before, const json_t *after)
{
    if (before == after || (before != NULL && after != NULL && json_equal(before, after))) {
        return;
    }
    json_t *column = json_pack("{s:s}", "column", name);
    if (before != NULL) {
        json_object_set(column, "before", (json_t *)(uintptr_t)before);
    }
    if (after != NULL) {
        json_object_set(column, "after", (json_t *)(uintptr_t)after);
    }
    json_array_append_new(columns, column);
}

struct describe {
    struct picture *before, *after;
    const struct picture *names;
    json_t *found;
    struct describe_named {
        char *name;
        const struct picture_row *row;
        bool is_met;
        UT_hash_handle hh;
    } *named; /* rows of one table of `after` whose id `before` lacks */
};

/* Either side may be NULL. */
static void describe_pair(struct describe *d, const struct picture_row *before, const struct picture_row *after)
{
    const struct picture_row *row = after != NULL ? after : before;
    json_t *a = before != NULL ? describe_row(d->before, d->names, before) : NULL;
    json_t *b = after != NULL ? describe_row(d->after, d->names, after) : NULL;
    json_t *columns = json_array();
    for (unsigned int i = 0; i < row->row->descriptor->n_fields; i++) {
        const char *column = row->row->descriptor->fields[i].name;
        describe_column(columns, column, json_object_get(a, column), json_object_get(b, column));
    }
    if (before == NULL || after == NULL || json_array_size(columns) > 0) {
        char *name = describe_name(after != NULL ? d->after : d->before, d->names, row);
        json_array_append_new(d->found, json_pack("{s:s, s:s, s:s, s:O}", "table", cfg_table_info(row->table)->name, "row", name, "change",
                                                  before == NULL  ? "+"
                                                  : after == NULL ? "-"
                                                                  : "~",
                                                  "columns", columns));
        free(name);
    }
    json_decref(columns);
    json_decref(a);
    json_decref(b);
}

static void describe_collect_named(struct describe *d, uint32_t table)
{
    const struct picture_row *row;
    for (size_t i = 0; (row = picture_at_index(d->after, i)) != NULL; i++) {
        if (row->table != table || picture_get(d->before, table, row->id) != NULL) {
            continue;
        }
        struct describe_named *named = memory_zeroed(sizeof *named);
        named->name = describe_name(d->after, d->names, row);
        named->row = row;
        HASH_ADD_KEYPTR(hh, d->named, named->name, strlen(named->name), named);
    }
}

static const struct picture_row *describe_meet(struct describe *d, const struct picture_row *before)
{
    struct describe_named *named = NULL;
    char *name = describe_name(d->before, d->names, before);
    HASH_FIND_STR(d->named, name, named);
    free(name);
    if (named == NULL || named->is_met) {
        return NULL;
    }
    named->is_met = true;
    return named->row;
}

static void describe_table(struct describe *d, uint32_t table)
{
    const struct picture_row *row;
    struct describe_named *named, *next;
    describe_collect_named(d, table);
    for (size_t i = 0; (row = picture_at_index(d->before, i)) != NULL; i++) {
        if (row->table == table) {
            const struct picture_row *after = picture_get(d->after, table, row->id);
            describe_pair(d, row, after != NULL ? after : describe_meet(d, row));
        }
    }
    HASH_ITER(hh, d->named, named, next)
    {
        if (!named->is_met) {
            describe_pair(d, NULL, named->row);
        }
        HASH_DEL(d->named, named);
        free(named->name);
        free(named);
    }
}

json_t *describe_diff(struct picture *before, struct picture *after, const struct picture *names)
{
    struct describe d = {.before = before, .after = after, .names = names, .found = json_array()};
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        if (cfg_table_info(table) != NULL) {
            describe_table(&d, table);
        }
    }
    return d.found;
}
