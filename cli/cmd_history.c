/* Commands about the past of the configuration, about changes that wait for their confirmation, and about backups.
 *
 * What differs comes from configdb as JSON (services/configdb/describe.h) and is shown here in lines. rollback, restore, confirm and cancel are
 * transactions like all others, so they return when every process has applied them.
 */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/backup.h"
#include "cli/output_file.h"
#include "cli/render.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

static enum exit_status ask(struct client *client, const char *command, const char *const *arguments, size_t n, json_t **out_json,
                            struct error_detail *detail)
{
    int err = client_ask(client, PROCESS_CONFIGDB, 1, command, arguments, n, out_json, detail);
    return err == 0 ? EXIT_DONE : err == -ERROR_TIMEOUT || err == -ERROR_NOT_CONNECTED ? EXIT_SILENT : EXIT_FAILED;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void print_time(uint64_t wall_ns, FILE *out)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(out, "%s", text);
}

/* A value of a column: text as it is, lists and objects as JSON. */
static void print_value(const json_t *value, FILE *out)
{
    if (json_is_string(value)) {
        fprintf(out, "%s", json_string_value(value));
        return;
    }
    char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    fprintf(out, "%s", text != NULL ? text : "-");
    free(text);
}

/* "+port eth1, port eth0 tag=20, -bridge br1" */
static void print_changes_short(const json_t *changes, size_t n_changes, FILE *out)
{
    size_t i, k;
    json_t *change, *column;
    json_array_foreach(changes, i, change)
    {
        const char *sign = text_of(change, "change");
        const char *row = text_of(change, "row");
        fprintf(out, "%s%s%s%s%s", i > 0 ? ", " : "", sign[0] == '~' ? "" : sign, text_of(change, "table"), row[0] != '\0' ? " " : "", row);
        json_array_foreach(json_object_get(change, "columns"), k, column)
        {
            if (sign[0] == '~') {
                fprintf(out, " %s=", text_of(column, "column"));
                print_value(json_object_get(column, "after"), out);
            }
        }
    }
    if (json_array_size(changes) < n_changes) {
        fprintf(out, " and %zu more", n_changes - json_array_size(changes));
    }
}

static void print_changes(const json_t *changes)
{
    size_t i, k;
    json_t *change, *column;
    json_array_foreach(changes, i, change)
    {
        printf("%s %s %s\n", text_of(change, "change"), text_of(change, "table"), text_of(change, "row"));
        json_array_foreach(json_object_get(change, "columns"), k, column)
        {
            static const char *const sides[] = {"before", "after"};
            for (int side = 0; side < 2; side++) {
                const json_t *value = json_object_get(column, sides[side]);
                if (value != NULL) {
                    printf("    %s %s: ", side == 0 ? "-" : "+", text_of(column, "column"));
                    print_value(value, stdout);
                    puts("");
                }
            }
        }
    }
}

enum exit_status read_history(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    if (segment->n_arguments == 1) {
        return ask(client, "commit", segment->arguments, 1, out_json, detail);
    }
    return ask(client, "history", &segment->limit, segment->limit != NULL ? 1 : 0, out_json, detail);
}

static void print_who(const json_t *commit, FILE *out)
{
    const char *user = text_of(commit, "user");
    fprintf(out, "%s", user[0] != '\0' ? user : text_of(commit, "process"));
}

/* One row for the table: when, who and what as people read them. */
static json_t *line_of(const json_t *commit)
{
    char *when = NULL, *who = NULL, *what = NULL;
    size_t size;
    if (json_object_get(commit, "damaged") != NULL) {
        return json_pack("{s:s, s:s, s:s, s:s}", "version", text_of(commit, "version"), "when", "-", "who", "-", "what",
                         "this commit cannot be read: its place on the disk is damaged");
    }
    FILE *out = memory_stream(&when, &size);
    print_time((uint64_t)json_integer_value(json_object_get(commit, "wall_ns")), out);
    fclose(out);
    out = memory_stream(&who, &size);
    print_who(commit, out);
    fclose(out);
    out = memory_stream(&what, &size);
    print_changes_short(json_object_get(commit, "changes"), (size_t)json_integer_value(json_object_get(commit, "n_changes")), out);
    if (json_object_get(commit, "left_s") != NULL) {
        fprintf(out, " (awaits confirmation, undone in %lld s)", (long long)json_integer_value(json_object_get(commit, "left_s")));
    } else if (text_of(commit, "note")[0] != '\0') {
        fprintf(out, " (%s)", text_of(commit, "note"));
    }
    fclose(out);
    json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "version", text_of(commit, "version"), "when", when, "who", who, "what", what);
    free(when);
    free(who);
    free(what);
    return line;
}

void read_history_print(const json_t *json, const struct segment *segment)
{
    static const struct render_column columns[] = {{"version", "VERSION"}, {"when", "WHEN"}, {"who", "WHO"}, {"what", "WHAT"}};
    size_t i;
    json_t *commit;
    if (segment->n_arguments == 1) {
        printf("version %s\nwhen    ", text_of(json, "version"));
        print_time((uint64_t)json_integer_value(json_object_get(json, "wall_ns")), stdout);
        printf("\nwho     ");
        print_who(json, stdout);
        printf("\nby      %s\n", text_of(json, "client"));
        if (text_of(json, "note")[0] != '\0') {
            printf("note    %s\n", text_of(json, "note"));
        }
        print_changes(json_object_get(json, "changes"));
        return;
    }
    json_t *lines = json_array();
    json_array_foreach(json, i, commit)
    {
        json_array_append_new(lines, line_of(commit));
    }
    render_table(lines, columns, sizeof columns / sizeof columns[0]);
    json_decref(lines);
}

enum exit_status read_diff(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, "diff", segment->arguments, segment->n_arguments, out_json, detail);
}

void read_diff_print(const json_t *json, const struct segment *segment)
{
    print_changes(json_object_get(json, "changes"));
}

int config_rollback(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    struct version version;
    if (version_parse(segment->arguments[0], &version) != 0) {
        return error_set(detail, -ERROR_SYNTAX, "%.60s is no version: as swctl history shows it, EPOCH.N, or N alone", segment->arguments[0]);
    }
    cfg_txn_rollback(txn, version);
    return 0;
}

int config_confirm(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    cfg_txn_settle(txn, true);
    return 0;
}

int config_cancel(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    cfg_txn_settle(txn, false);
    return 0;
}

/* Says nothing by itself: a place for --confirm before the commands it is about. */
int config_commit(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return client->confirm_s > 0 ? 0 : error_set(detail, -ERROR_SYNTAX, "commit takes --confirm SECONDS, and the commands after --");
}

static bool is_kept(const struct cfg_table_info *info)
{
    return info != NULL && info->storage == CFG_STORAGE_DISK;
}

int config_restore(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    struct backup backup = {.rows = NULL};
    int err = backup_read(segment->arguments[0], &backup, detail);
    for (size_t i = 0; err == 0 && i < backup.n_rows; i++) {
        const struct backup_row *row = &backup.rows[i];
        if (!is_kept(cfg_table_info(row->table))) {
            err = error_set(detail, -ERROR_VERSION, "%.150s: has rows of table number %u, which is none of this Busbar's configuration",
                            segment->arguments[0], row->table);
        } else {
            cfg_txn_restore(txn, cfg_table_info(row->table)->table, row->id, row->bytes, row->size);
        }
    }
    if (err == 0 && backup.n_rows == 0) {
        err = error_set(detail, -ERROR_REFUSED, "%.150s: is empty", segment->arguments[0]);
    }
    backup_fini(&backup);
    return err;
}

/* The mirror is of one version, whatever is written meanwhile. */
static void collect(struct client *client, struct backup *backup, uint8_t ***packed)
{
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        const struct cfg_table_info *info = cfg_table_info(table);
        uint64_t cursor = 0, id;
        const ProtobufCMessage *row;
        while (is_kept(info) && cfg_next(client->cfg, info->table, &cursor, &id, &row)) {
            size_t size = protobuf_c_message_get_packed_size(row), n = backup->n_rows++;
            backup->rows = memory_resize(backup->rows, backup->n_rows * sizeof *backup->rows);
            *packed = memory_resize(*packed, backup->n_rows * sizeof **packed);
            (*packed)[n] = memory_zeroed(size + 1);
            protobuf_c_message_pack(row, (*packed)[n]);
            backup->rows[n] = (struct backup_row){.table = (uint8_t)table, .id = id, .bytes = (*packed)[n], .size = (uint32_t)size};
        }
    }
}

enum exit_status read_backup(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    struct backup backup = {.version = cfg_version(client->cfg), .wall_ns = clock_wall_ns()};
    uint8_t **packed = NULL;
    char version[48];
    collect(client, &backup, &packed);
    int err = backup_write(segment->arguments[0], &backup, detail);
    for (size_t i = 0; i < backup.n_rows; i++) {
        free(packed[i]);
    }
    free(packed);
    free(backup.rows);
    if (err != 0) {
        return EXIT_FAILED;
    }
    (void)snprintf(version, sizeof version, "%" PRIu64 ".%" PRIu64, backup.version.epoch, backup.version.n);
    if (file_is_standard(segment->arguments[0])) {
        *out_json = NULL; /* a word more would be part of the backup */
        return EXIT_DONE;
    }
    *out_json = json_pack("{s:s, s:s, s:I}", "file", segment->arguments[0], "version", version, "rows", (json_int_t)backup.n_rows);
    return EXIT_DONE;
}

void read_backup_print(const json_t *json, const struct segment *segment)
{
    printf("%s: version %s, %lld rows\n", text_of(json, "file"), text_of(json, "version"),
           (long long)json_integer_value(json_object_get(json, "rows")));
}
