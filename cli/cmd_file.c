/* export, import and apply: the whole configuration as a file.
 *
 * import brings in what a file says and leaves the rest; apply makes the configuration what the file says, so rows and settings that it does
 * not name go. Both change only what differs, in one transaction, and say what; with --dry-run they only say it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/document.h"
#include "cli/output_file.h"
#include "cli/render.h"
#include "lib/base/memory.h"
#include "lib/cfg/value.h"

/* ---- export ---- */

enum exit_status read_export(struct client *client, const struct segment *segment, json_t **out_json,
                             struct error_detail *detail)
{
    json_t *document = document_make(client);
    if (segment->n_arguments == 0) {
        *out_json = document;
        return EXIT_DONE;
    }
    char *text = document_text(document);
    int err = output_file_write(segment->arguments[0], text, strlen(text), 0640, detail);
    free(text);
    json_decref(document);
    *out_json = err == 0 ? json_object() : NULL;
    return err == 0 ? EXIT_DONE : EXIT_FAILED;
}

void read_export_print(const json_t *json, const struct segment *segment)
{
    if (segment->n_arguments == 0) {
        char *text = document_text(json);
        fputs(text, stdout);
        free(text);
    }
}

/* ---- import and apply ---- */

/* The whole file, ended by a 0 that is not counted; NULL with the detail set. */
static char *read_file(const char *name, size_t *out_size, struct error_detail *detail)
{
    bool is_input = file_is_standard(name);
    FILE *in = is_input ? stdin : fopen(name, "re");
    if (in == NULL) {
        error_set(detail, -errno, "%s: %s", name, strerror(errno));
        return NULL;
    }
    char *text = memory_zeroed(1);
    size_t size = 0, room = 0, n = 1;
    while (n > 0 && size <= DOCUMENT_BYTES_MAX) {
        if (size == room) {
            room = room > 0 ? 2 * room : 65536;
            text = memory_resize(text, room + 1);
        }
        n = fread(text + size, 1, room - size, in);
        size += n;
    }
    bool is_bad = ferror(in) != 0;
    if (!is_input) {
        fclose(in);
    }
    if (is_bad) {
        error_set(detail, -EIO, "%s: cannot be read", name);
        free(text);
        return NULL;
    }
    text[size] = '\0';
    *out_size = size;
    return text;
}

static int take_file(struct client *client, const struct segment *segment, bool is_whole, struct cfg_txn *txn,
                     struct error_detail *detail)
{
    const char *name = segment->arguments[0];
    size_t size = 0;
    json_t *document = NULL, *changes = NULL;
    char *text = read_file(name, &size, detail);
    int err = text != NULL ? document_parse(name, text, size, &document, detail) : -EIO;
    if (err == 0) {
        err = document_compare(client, name, text, document, is_whole, txn, &changes, detail);
    }
    if (err == 0) {
        json_decref(client->report);
        client->report = changes;
        client->is_dry_run = segment->dry_run;
        client->keeps_ports = true; /* a file is taken whole */
    }
    json_decref(document);
    free(text);
    return err;
}

int config_import(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return take_file(client, segment, false, txn, detail);
}

int config_apply(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    return take_file(client, segment, true, txn, detail);
}

void file_print_changes(const json_t *changes)
{
    size_t i;
    json_t *change, *column;
    const char *name;
    if (json_array_size(changes) == 0) {
        puts("nothing to change");
    }
    json_array_foreach(changes, i, change)
    {
        printf("%s %s %s\n", json_string_value(json_object_get(change, "table")),
               json_string_value(json_object_get(change, "row")), json_string_value(json_object_get(change, "change")));
        json_object_foreach(json_object_get(change, "columns"), name, column)
        {
            char *from = value_text(json_object_get(column, "from")), *to = value_text(json_object_get(column, "to"));
            printf("    %s: %s -> %s\n", name, from, to);
            free(from);
            free(to);
        }
    }
}
