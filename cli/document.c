/* The configuration as a document: made and written. See document.h; comparing is in document_compare.c.
 *
 * Everything follows from columns.def: a new table of configuration with settings is exported without a line here. Cost: linear in the
 * rows, and a sort. One thread, no state; the text may come from anywhere: jansson reads it, with a limit of size.
 */
#include "cli/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/document_row.h"
#include "lib/base/memory.h"

static json_t *row_json(struct client *client, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        const struct schema_setting *setting = &settings[i];
        if (setting->table == table && document_has(setting, row)) {
            document_set(object, setting, document_value(client, setting, row));
        }
    }
    return object;
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct document_row *)a)->key, ((const struct document_row *)b)->key);
}

static json_t *table_json(struct client *client, enum cfg_table table)
{
    size_t n;
    struct document_row *rows = document_rows(client, table, &n);
    json_t *array = json_array();
    qsort(rows, n, sizeof *rows, compare_rows);
    for (size_t i = 0; i < n; i++) {
        json_t *object = row_json(client, table, rows[i].id, rows[i].row);
        /* A LOCAL port with nothing to say comes with its bridge. */
        bool is_bare = document_is_local(client, table, rows[i].row) && json_object_size(object) == 2;
        if (!is_bare) {
            json_array_append(array, object);
        }
        json_decref(object);
    }
    document_rows_free(rows, n);
    return array;
}

json_t *document_make(struct client *client)
{
    json_t *document = json_pack("{s:i}", "format", DOCUMENT_FORMAT);
    for (uint32_t number = 0; number < CFG_TABLE_MAX; number++) {
        const struct cfg_table_info *info = cfg_table_info(number);
        if (info == NULL || !schema_is_exported(info)) {
            continue;
        }
        const ProtobufCMessage *one = schema_key(info->table) == NULL ? cfg_row(client->cfg, info->table, 1) : NULL;
        json_object_set_new(document, info->name,
                            one != NULL ? row_json(client, info->table, 1, one) : table_json(client, info->table));
    }
    return document;
}

static void print_table(FILE *out, const json_t *rows)
{
    size_t i;
    json_t *row;
    fputs("[", out);
    json_array_foreach(rows, i, row)
    {
        fputs(i > 0 ? ",\n    " : "\n    ", out);
        json_dumpf(row, out, 0);
    }
    fputs(json_array_size(rows) > 0 ? "\n  ]" : "]", out);
}

char *document_text(const json_t *document)
{
    char *text;
    size_t size;
    FILE *out = memory_stream(&text, &size);
    const char *key;
    json_t *value;
    bool is_first = true;
    fputs("{\n", out);
    json_object_foreach((json_t *)(uintptr_t)document, key, value)
    {
        fprintf(out, "%s  \"%s\": ", is_first ? "" : ",\n", key);
        is_first = false;
        if (json_is_array(value)) {
            print_table(out, value);
        } else {
            json_dumpf(value, out, JSON_ENCODE_ANY);
        }
    }
    fputs("\n}\n", out);
    fclose(out);
    return text;
}

int document_parse(const char *name, const char *text, size_t size, json_t **out_document, struct error_detail *detail)
{
    json_error_t error;
    if (size > DOCUMENT_BYTES_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s: %zu bytes are more than the limit of %d", name, size,
                         DOCUMENT_BYTES_MAX);
    }
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s line %d, column %d: %s", name, error.line, error.column, error.text);
    }
    json_t *format = json_object_get(document, "format");
    int err = 0;
    if (!json_is_object(document)) {
        err = error_set(detail, -ERROR_SYNTAX, "%s: must be an object of tables, as swctl export writes it", name);
    } else if (!json_is_integer(format) || json_integer_value(format) != DOCUMENT_FORMAT) {
        err = error_set(detail, -ERROR_VERSION, "%s: \"format\" must be %d", name, DOCUMENT_FORMAT);
    }
    if (err != 0) {
        json_decref(document);
        return err;
    }
    *out_document = document;
    return 0;
}
