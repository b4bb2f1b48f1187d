/* The row commands that read: list, find, get, wait-until; with ovs-vsctl's words and habits.
 *
 * They see rows as view.h shows them, and tables without settings (rule, service, ...) as configdb lists them. Chained behind changes they
 * run after the commit, so that `add-port ... -- get interface P ofport` answers with the number that was given.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/condition.h"
#include "cli/view.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

enum { COLUMNS_SHOWN_MAX = 64, NAME_WIDTH = 20 };

static enum exit_status status_of(int err)
{
    return err == 0 ? EXIT_DONE : err == -ERROR_TIMEOUT || err == -ERROR_NOT_CONNECTED ? EXIT_SILENT : EXIT_FAILED;
}

/* Status rows come behind the mirror: waited for when they are asked for. */
static void await_status(struct client *client, enum cfg_table table)
{
    if (table == CFG_PORT || table == CFG_CONTROLLER) {
        client_await_status(client);
    }
}

/* ---- list and find ---- */

/* The columns of --columns, in that order, of each row. */
static int select_columns(enum cfg_table table, const char *columns, json_t **rows, struct error_detail *detail)
{
    struct schema_place places[COLUMNS_SHOWN_MAX];
    char *copy = memory_string(columns), *rest = copy, *word;
    json_t *result = json_array(), *row;
    size_t n = 0, i;
    int err = 0;
    while (err == 0 && (word = strsep(&rest, ",")) != NULL) {
        bool is_id = strcmp(word, "id") == 0 || strcmp(word, "_uuid") == 0;
        if (n == COLUMNS_SHOWN_MAX) {
            err = error_set(detail, -ERROR_TOO_LARGE, "--columns: more than %d", COLUMNS_SHOWN_MAX);
        } else if (is_id || !schema_has(table)) {
            places[n] = (struct schema_place){.setting = NULL};
            snprintf(places[n].group, sizeof places[n].group, "%s", is_id ? "id" : word);
            n++;
        } else {
            err = schema_find(table, word, &places[n++], detail);
        }
    }
    json_array_foreach(*rows, i, row)
    {
        json_t *shown = json_object();
        for (size_t k = 0; err == 0 && k < n; k++) {
            const json_t *value = view_column(row, &places[k]);
            char *name =
                places[k].key != NULL ? memory_format("%s:%s", places[k].group, places[k].key) : memory_string(places[k].group);
            json_object_set_new(shown, name, value != NULL ? json_incref((json_t *)(uintptr_t)value) : json_null());
            free(name);
        }
        json_array_append_new(result, shown);
    }
    free(copy);
    if (err != 0) {
        json_decref(result);
        return err;
    }
    json_decref(*rows);
    *rows = result;
    return 0;
}

/* Only the rows that are named, in that order. */
static int select_rows(struct client *client, enum cfg_table table, const struct segment *segment, json_t **rows,
                       struct error_detail *detail)
{
    json_t *result = json_array(), *row;
    int err = 0;
    for (size_t k = 1; err == 0 && k < segment->n_arguments; k++) {
        uint64_t id = strtoull(segment->arguments[k], NULL, 10);
        size_t i, n_before = json_array_size(result);
        if (schema_has(table)) {
            err = view_find(client, table, segment->arguments[k], &id, detail);
        }
        json_array_foreach(*rows, i, row)
        {
            if (err == 0 && (uint64_t)json_integer_value(json_object_get(row, "id")) == id) {
                json_array_append(result, row);
            }
        }
        if (err == 0 && json_array_size(result) == n_before) {
            err = error_set(detail, -ERROR_NOT_FOUND, "table %s has no row %.64s", cfg_table_info(table)->name,
                            segment->arguments[k]);
        }
        err = err == -ERROR_NOT_FOUND && segment->if_exists ? 0 : err;
    }
    json_decref(*rows);
    *rows = result;
    return err;
}

static int parse_conditions(enum cfg_table table, const struct segment *segment, size_t first,
                            struct condition **out_conditions, size_t *out_n, struct error_detail *detail)
{
    struct condition *conditions = memory_array(segment->n_arguments + 1, sizeof *conditions);
    size_t n = 0;
    int err = 0;
    for (size_t i = first; err == 0 && i < segment->n_arguments; i++) {
        err = condition_parse(table, segment->arguments[i], &conditions[n], detail);
        n += err == 0 ? 1 : 0;
    }
    *out_conditions = conditions;
    *out_n = n;
    return err;
}

static void free_conditions(struct condition *conditions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        condition_fini(&conditions[i]);
    }
    free(conditions);
}

static bool all_hold(const struct condition *conditions, size_t n, const json_t *row)
{
    bool holds = true;
    for (size_t i = 0; holds && i < n; i++) {
        holds = condition_holds(&conditions[i], row);
    }
    return holds;
}

static int select_by_conditions(enum cfg_table table, const struct segment *segment, json_t **rows, struct error_detail *detail)
{
    struct condition *conditions;
    size_t n, i;
    json_t *result = json_array(), *row;
    int err = parse_conditions(table, segment, 1, &conditions, &n, detail);
    json_array_foreach(*rows, i, row)
    {
        if (err == 0 && all_hold(conditions, n, row)) {
            json_array_append(result, row);
        }
    }
    free_conditions(conditions, n);
    json_decref(*rows);
    *rows = result;
    return err;
}

static enum exit_status list_or_find(struct client *client, const struct segment *segment, bool is_find, json_t **out_json,
                                     struct error_detail *detail)
{
    enum cfg_table table;
    json_t *rows = NULL;
    int err = schema_table(segment->arguments[0], &table, detail);
    if (err == 0) {
        await_status(client, table);
        err = view_table(client, table, &rows, detail);
    }
    if (err == 0 && is_find) {
        err = select_by_conditions(table, segment, &rows, detail);
    } else if (err == 0 && segment->n_arguments > 1) {
        err = select_rows(client, table, segment, &rows, detail);
    }
    if (err == 0 && segment->columns != NULL) {
        err = select_columns(table, segment->columns, &rows, detail);
    }
    if (err != 0) {
        json_decref(rows);
        return status_of(err);
    }
    *out_json = rows;
    return EXIT_DONE;
}

enum exit_status read_list(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return list_or_find(client, segment, false, out_json, detail);
}

enum exit_status read_find(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return list_or_find(client, segment, true, out_json, detail);
}

void read_list_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *row, *value;
    const char *key;
    json_array_foreach(json, i, row)
    {
        fputs(i > 0 ? "\n" : "", stdout);
        json_object_foreach(row, key, value)
        {
            char *text = value_text(value);
            printf("%-*s: %s\n", NAME_WIDTH, key, text);
            free(text);
        }
    }
}

void read_find_print(const json_t *json, const struct segment *segment)
{
    read_list_print(json, segment);
}

/* ---- get ---- */

/* The row as JSON; *out_row NULL: there is none and --if-exists was given. */
static int row_of(struct client *client, const struct segment *segment, enum cfg_table *out_table, json_t **out_row,
                  struct error_detail *detail)
{
    uint64_t id;
    json_t *rows = NULL;
    *out_row = NULL;
    int err = schema_table(segment->arguments[0], out_table, detail);
    if (err != 0) {
        return err;
    }
    if (!schema_has(*out_table)) {
        struct segment one = {
            .arguments = {segment->arguments[0], segment->arguments[1]}, .n_arguments = 2, .if_exists = segment->if_exists};
        err = view_table(client, *out_table, &rows, detail);
        err = err == 0 ? select_rows(client, *out_table, &one, &rows, detail) : err;
        *out_row = json_incref(json_array_get(rows, 0));
        json_decref(rows);
        return err;
    }
    err = view_find(client, *out_table, segment->arguments[1], &id, detail);
    if (err == 0) {
        *out_row = view_row(client, *out_table, id, cfg_row(client->cfg, *out_table, id));
    }
    return err == -ERROR_NOT_FOUND && segment->if_exists ? 0 : err;
}

static int get_column(enum cfg_table table, const char *word, const json_t *row, bool if_exists, json_t *values,
                      struct error_detail *detail)
{
    struct schema_place place = {.setting = NULL};
    bool is_id = strcmp(word, "id") == 0 || strcmp(word, "_uuid") == 0;
    int err = 0;
    if (is_id || !schema_has(table)) {
        snprintf(place.group, sizeof place.group, "%s", is_id ? "id" : word);
    } else {
        err = schema_find(table, word, &place, detail);
    }
    const json_t *value = err == 0 ? view_column(row, &place) : NULL;
    if (err == 0 && value == NULL && !if_exists) {
        const char *what = place.key != NULL ? "is not set" : "is no column of it";
        return error_set(detail, -ERROR_NOT_FOUND, "table %s: %.64s %s", cfg_table_info(table)->name, word, what);
    }
    if (err == 0) {
        json_array_append_new(values, value != NULL ? json_incref((json_t *)(uintptr_t)value) : json_null());
    }
    return err;
}

enum exit_status read_get(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    enum cfg_table table;
    json_t *row, *values = json_array();
    int err = schema_table(segment->arguments[0], &table, detail);
    if (err == 0) {
        await_status(client, table);
        err = row_of(client, segment, &table, &row, detail);
    }
    for (size_t i = 2; err == 0 && row != NULL && i < segment->n_arguments; i++) {
        err = get_column(table, segment->arguments[i], row, segment->if_exists, values, detail);
    }
    if (err != 0) {
        json_decref(values);
        return status_of(err);
    }
    json_decref(row);
    *out_json = values;
    return EXIT_DONE;
}

void read_get_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *value;
    json_array_foreach(json, i, value)
    {
        char *text = value_text(value);
        puts(json_is_null(value) && segment->if_exists ? "" : text);
        free(text);
    }
}

/* ---- wait-until ---- */

enum exit_status read_wait_until(struct client *client, const struct segment *segment, json_t **out_json,
                                 struct error_detail *detail)
{
    struct condition *conditions;
    size_t n;
    enum cfg_table table;
    bool is_true = false;
    int err = schema_table(segment->arguments[0], &table, detail);
    if (err != 0) {
        return EXIT_FAILED;
    }
    if (!schema_has(table)) {
        error_set(detail, -ERROR_UNSUPPORTED, "table %s: wait-until is not supported yet for what is not configuration",
                  cfg_table_info(table)->name);
        return EXIT_FAILED;
    }
    err = parse_conditions(table, segment, 2, &conditions, &n, detail);
    uint64_t deadline = clock_now_ns() + client->timeout_ms * NS_PER_MS;
    while (err == 0 && !is_true && clock_now_ns() < deadline) {
        struct error_detail why;
        uint64_t id;
        if (view_find(client, table, segment->arguments[1], &id, &why) == 0) {
            json_t *row = view_row(client, table, id, cfg_row(client->cfg, table, id));
            is_true = all_hold(conditions, n, row);
            json_decref(row);
        }
        if (!is_true) {
            client_turn(client);
        }
    }
    free_conditions(conditions, n);
    if (err != 0) {
        return EXIT_FAILED;
    }
    if (!is_true) {
        error_set(detail, -ERROR_TIMEOUT, "%s %s: not true within %u ms", segment->arguments[0], segment->arguments[1],
                  client->timeout_ms);
        return EXIT_NOT_APPLIED;
    }
    *out_json = json_object();
    return EXIT_DONE;
}

void read_wait_until_print(const json_t *json, const struct segment *segment)
{
}
