/* Commands on the control wire: "list TABLE" and "get TABLE ID"; status is built in and gets configdb's part from here.
 *
 * Rows are shown by reflection over the schema, so a new table or column needs nothing here. Long tables go in pieces of a thousand rows.
 * Cost: reading rows holds transactions up for about a millisecond per thousand: for people and scripts. Thread: the main thread.
 * Input: words from swctl; refused by name.
 */
#include "services/configdb/query.h"

#include <errno.h>
#include <stdlib.h>

#include "services/configdb/query_history.h"

static void query_piece(void *context, json_t *rows)
{
    control_piece(context, rows);
}

static void query_list(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct error_detail detail;
    if (n_arguments != 1) {
        control_fail(call, -EINVAL, "list takes one argument, the name of a table");
        return;
    }
    int err = configdb_list(context, arguments[0], query_piece, call, &detail);
    if (err != 0) {
        control_fail(call, err, "%s", detail.text);
        return;
    }
    control_reply(call, json_array());
}

struct query_search {
    json_int_t id;
    json_t *found;
};

static void query_search_rows(void *context, json_t *rows)
{
    struct query_search *search = context;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        if (json_integer_value(json_object_get(row, "id")) == search->id) {
            search->found = json_incref(row);
        }
    }
    json_decref(rows);
}

static void query_get(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct error_detail detail;
    char *end = NULL;
    errno = 0;
    struct query_search search = {.id = n_arguments == 2 ? strtoll(arguments[1], &end, 10) : 0};
    if (n_arguments != 2 || errno != 0 || end == arguments[1] || *end != '\0' || search.id <= 0) {
        control_fail(call, -EINVAL, "get takes two arguments, the name of a table and the id of a row");
        return;
    }
    int err = configdb_list(context, arguments[0], query_search_rows, &search, &detail);
    if (err != 0) {
        json_decref(search.found);
        control_fail(call, err, "%s", detail.text);
    } else if (search.found == NULL) {
        control_fail(call, -ERROR_NOT_FOUND, "table %s has no row %s", arguments[0], arguments[1]);
    } else {
        control_reply(call, search.found);
    }
}

const struct control_command query_commands[] = {
    {.name = "list", .usage = "TABLE", .help = "The rows of a table.", .needs = ROLE_READ, .run = query_list},
    {.name = "history", .usage = "[LIMIT]", .help = "The newest commits of configuration; 0: all that are kept.", .needs = ROLE_READ, .run = query_history},
    {.name = "commit", .usage = "VERSION", .help = "One of them with all that it changed.", .needs = ROLE_READ, .run = query_commit},
    {.name = "diff", .usage = "VERSION [VERSION]", .help = "What differs between two versions, or one and now.", .needs = ROLE_READ, .run = query_diff},
    {.name = "get", .usage = "TABLE ID", .help = "One row of a table.", .needs = ROLE_READ, .run = query_get},
};
const size_t query_count = sizeof query_commands / sizeof query_commands[0];

json_t *query_status(void *context)
{
    return configdb_status_json(context);
}
