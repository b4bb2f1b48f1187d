/* The commands about rules, flows and addresses: each is one request to the process that knows.
 *
 * Rules belong to ofagent, which parses the text itself, so that swctl and controllers meet the same checks; the flow text is passed
 * on as it was typed. The ofagent that has the bridge is asked; of slowpaths the first.
 */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render.h"
#include "lib/base/memory.h"

enum { REPLICAS_MAX = 64 };
enum { FILE_FLOWS_MAX = 200000 /* lines of one add-flows call: about the 16 MiB that a message may have */ };

static enum exit_status ask(struct client *client, enum process_kind kind, const char *command, const char *const *arguments, size_t n,
                            json_t **out_json, struct error_detail *detail)
{
    int err = kind == PROCESS_OFAGENT ? client_ask_owner(client, command, arguments, n, out_json, detail)
                                      : client_ask(client, kind, 1, command, arguments, n, out_json, detail);
    return err == 0 ? EXIT_DONE : err == -ERROR_TIMEOUT || err == -ERROR_NOT_CONNECTED ? EXIT_SILENT : EXIT_FAILED;
}

static enum exit_status flow_mod(struct client *client, const char *bridge, const char *verb, const char *const *texts, size_t n,
                                 json_t **out_json, struct error_detail *detail)
{
    const char **arguments = memory_array(n + 2, sizeof *arguments);
    arguments[0] = bridge;
    arguments[1] = verb;
    for (size_t i = 0; i < n; i++) {
        arguments[i + 2] = texts[i];
    }
    enum exit_status status = ask(client, PROCESS_OFAGENT, "flow-mod", arguments, n + 2, out_json, detail);
    free(arguments);
    return status;
}

enum exit_status read_flow_add(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return flow_mod(client, segment->arguments[0], "add", &segment->arguments[1], segment->n_arguments - 1, out_json, detail);
}

void read_flow_add_print(const json_t *json, const struct segment *segment)
{
}

static bool is_flow_line(char *line)
{
    line[strcspn(line, "\r\n#")] = '\0';
    return line[strspn(line, " \t")] != '\0';
}

enum exit_status read_flow_add_file(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    const char *path = segment->arguments[1];
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    if (file == NULL) {
        error_set(detail, -errno, "cannot read %s: %s", path, error_text(errno));
        return EXIT_FAILED;
    }
    char **lines = NULL, *line = NULL;
    size_t n = 0, room = 0;
    while (getline(&line, &room, file) >= 0 && n < FILE_FLOWS_MAX) {
        if (is_flow_line(line)) {
            lines = memory_resize(lines, (n + 1) * sizeof *lines);
            lines[n++] = memory_string(line);
        }
    }
    enum exit_status status = EXIT_FAILED;
    if (!feof(file)) {
        error_set(detail, -ERROR_TOO_LARGE, "%s has more than %d rules; give them in several files", path, FILE_FLOWS_MAX);
    } else {
        status = flow_mod(client, segment->arguments[0], "add", (const char *const *)lines, n, out_json, detail);
    }
    for (size_t i = 0; i < n; i++) {
        free(lines[i]);
    }
    free(lines);
    free(line);
    if (!is_stdin) {
        fclose(file);
    }
    return status;
}

void read_flow_add_file_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_flow_mod(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return flow_mod(client, segment->arguments[0], segment->strict ? "modify-strict" : "modify", &segment->arguments[1],
                    segment->n_arguments - 1, out_json, detail);
}

void read_flow_mod_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_flow_del(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    static const char *const everything[] = {""};
    bool has_match = segment->n_arguments > 1;
    return flow_mod(client, segment->arguments[0], segment->strict ? "delete-strict" : "delete",
                    has_match ? &segment->arguments[1] : everything, has_match ? segment->n_arguments - 1 : 1, out_json, detail);
}

void read_flow_del_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_flow_dump(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, PROCESS_OFAGENT, "dump-flows", segment->arguments, segment->n_arguments, out_json, detail);
}

static void print_without_stats(const json_t *rule)
{
    const char *match = json_string_value(json_object_get(rule, "match")), *actions = json_string_value(json_object_get(rule, "actions"));
    long long table = json_integer_value(json_object_get(rule, "table"));
    printf(" ");
    if (table != 0) {
        printf("table=%lld, ", table);
    }
    printf("priority=%lld%s%s actions=%s\n", (long long)json_integer_value(json_object_get(rule, "priority")),
           match != NULL && match[0] != '\0' ? "," : "", match != NULL ? match : "", actions != NULL ? actions : "");
}

void read_flow_dump_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *rule;
    json_array_foreach(json, i, rule) {
        const char *text = json_string_value(json_object_get(rule, "text"));
        if (segment->no_stats || text == NULL) {
            print_without_stats(rule);
        } else {
            puts(text);
        }
    }
}

enum exit_status read_dump_ports(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, PROCESS_OFAGENT, "dump-ports", segment->arguments, segment->n_arguments, out_json, detail);
}

void read_dump_ports_print(const json_t *json, const struct segment *segment)
{
    static const struct render_column columns[] = {
        {"port", "port"},           {"name", "name"},           {"rx_packets", "rx packets"}, {"rx_bytes", "rx bytes"},
        {"rx_dropped", "rx drop"},  {"rx_errors", "rx errors"}, {"tx_packets", "tx packets"}, {"tx_bytes", "tx bytes"},
        {"tx_dropped", "tx drop"},  {"tx_errors", "tx errors"},
    };
    render_table(json, columns, sizeof columns / sizeof columns[0]);
}

enum exit_status read_fdb_show(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, PROCESS_SLOWPATH, "fdb-show", segment->arguments, segment->n_arguments, out_json, detail);
}

void read_fdb_show_print(const json_t *json, const struct segment *segment)
{
    static const struct render_column columns[] = {{"name", "port"}, {"vlan", "VLAN"}, {"mac", "MAC"}, {"age", "Age"}};
    render_table(json, columns, sizeof columns / sizeof columns[0]);
}

/* Each replica counts what it has learned itself. */
enum exit_status read_fdb_stats(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    uint32_t instances[REPLICAS_MAX];
    size_t n = client_instances(client, PROCESS_SLOWPATH, instances, REPLICAS_MAX);
    json_t *all = json_array();
    enum exit_status status = n > 0 ? EXIT_DONE : EXIT_SILENT;
    if (n == 0) {
        error_set(detail, -ERROR_NOT_CONNECTED, "no slowpath is running in %s", client->run_dir);
    }
    for (size_t i = 0; i < n && status == EXIT_DONE; i++) {
        json_t *part = NULL, *entry;
        size_t at;
        if (!client_is_alive(client, PROCESS_SLOWPATH, instances[i])) {
            continue;
        }
        int err = client_ask(client, PROCESS_SLOWPATH, instances[i], "fdb-stats", segment->arguments, segment->n_arguments, &part, detail);
        status = err == 0 ? EXIT_DONE : err == -ERROR_TIMEOUT || err == -ERROR_NOT_CONNECTED ? EXIT_SILENT : EXIT_FAILED;
        json_array_foreach(part, at, entry) {
            json_object_set_new(entry, "replica", json_integer(instances[i]));
        }
        json_array_extend(all, part);
        json_decref(part);
    }
    *out_json = all;
    return status;
}

void read_fdb_stats_print(const json_t *json, const struct segment *segment)
{
    static const struct render_column columns[] = {
        {"replica", "replica"}, {"name", "port"},           {"addresses", "addresses"},   {"learned", "learned"},
        {"moved", "moved"},     {"refused_moves", "refused: moves"}, {"refused_rate", "refused: rate"}, {"crowded_out", "crowded out"},
    };
    render_table(json, columns, sizeof columns / sizeof columns[0]);
}
