/* help, schema and completion: what can be typed, from the same tables that carry it out, so none of them can be out of date.
 *
 * They ask no process, so they work without a switch; only the completion script asks swctl for the names of bridges, when they are wanted.
 * Cost: that of printing. One thread, no state.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "lib/base/memory.h"
#include "lib/base/suggest.h"
#include "lib/cfg/schema.h"

static json_t *command_json(const struct command *command)
{
    return json_pack("{s:s, s:s, s:s}", "command", command->words, "usage", command->usage, "help", command->help);
}

/* "dp" lists all that begin with it. */
static bool is_asked(const struct command *command, const char *words)
{
    size_t n = strlen(words);
    return n == 0 || (strncmp(command->words, words, n) == 0 && (command->words[n] == '\0' || command->words[n] == ' '));
}

enum exit_status read_help(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    size_t n;
    const struct command *commands = command_table(&n);
    const char *first = segment->n_arguments > 0 ? segment->arguments[0] : "";
    char *words = segment->n_arguments > 1 ? memory_format("%s %s", first, segment->arguments[1]) : memory_string(first);
    struct suggest suggest;
    json_t *found = json_array();
    suggest_init(&suggest, words);
    for (size_t i = 0; i < n; i++) {
        if (is_asked(&commands[i], words)) {
            json_array_append_new(found, command_json(&commands[i]));
        }
        suggest_offer(&suggest, commands[i].words);
    }
    if (json_array_size(found) > 0) {
        *out_json = found;
    } else {
        bool is_near = suggest.best != NULL;
        error_set(detail, -ERROR_UNKNOWN_NAME, "there is no command %.64s%s%s%s", words, is_near ? "; did you mean " : "",
                  is_near ? suggest.best : "", is_near ? "?" : "");
        json_decref(found);
    }
    free(words);
    return *out_json != NULL ? EXIT_DONE : EXIT_FAILED;
}

void read_help_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *command;
    json_array_foreach(json, i, command)
    {
        printf("swctl %s\n    %s\n", json_string_value(json_object_get(command, "usage")),
               json_string_value(json_object_get(command, "help")));
    }
    if (segment->n_arguments == 0) {
        puts("\nOptions for all of them: swctl --help. Columns: swctl schema.");
    }
}

enum exit_status read_schema(struct client *client, const struct segment *segment, json_t **out_json,
                             struct error_detail *detail)
{
    enum cfg_table table = 0;
    if (segment->n_arguments > 0 && schema_table(segment->arguments[0], &table, detail) != 0) {
        return EXIT_FAILED;
    }
    if (segment->n_arguments > 0 && !schema_has(table)) {
        error_set(detail, -ERROR_NOT_FOUND, "table %s has no columns to set; swctl list %s shows its rows",
                  cfg_table_info(table)->name, cfg_table_info(table)->name);
        return EXIT_FAILED;
    }
    char *text = schema_markdown(segment->n_arguments > 0 ? (uint32_t)table : 0);
    *out_json = json_string(text);
    free(text);
    return EXIT_DONE;
}

void read_schema_print(const json_t *json, const struct segment *segment)
{
    fputs(json_string_value(json), stdout);
}

static void print_words(FILE *out, bool (*is_wanted)(const struct command *command))
{
    size_t n;
    const struct command *commands = command_table(&n);
    for (size_t i = 0; i < n; i++) {
        if (is_wanted(&commands[i])) {
            fprintf(out, " %s", commands[i].words);
        }
    }
}

static bool is_any(const struct command *command)
{
    return true;
}

static bool takes_table(const struct command *command)
{
    return strstr(command->usage, " TABLE") != NULL || strstr(command->usage, "[TABLE]") != NULL;
}

static bool takes_bridge(const struct command *command)
{
    return strchr(command->words, ' ') == NULL && strstr(command->usage, " BRIDGE") != NULL;
}

static void print_pattern(FILE *out, bool (*is_wanted)(const struct command *command))
{
    size_t n, n_printed = 0;
    const struct command *commands = command_table(&n);
    for (size_t i = 0; i < n; i++) {
        if (is_wanted(&commands[i])) {
            fprintf(out, "%s%s", n_printed++ > 0 ? "|" : "", commands[i].words);
        }
    }
}

enum exit_status read_completion(struct client *client, const struct segment *segment, json_t **out_json,
                                 struct error_detail *detail)
{
    char *text;
    size_t size;
    if (segment->n_arguments > 0 && strcmp(segment->arguments[0], "bash") != 0) {
        error_set(detail, -ERROR_UNSUPPORTED, "completion for %.64s: not supported yet, only for bash", segment->arguments[0]);
        return EXIT_FAILED;
    }
    FILE *out = memory_stream(&text, &size);
    fputs("_swctl()\n{\n    local words before=${COMP_WORDS[COMP_CWORD-1]}\n    case $before in\n    ", out);
    print_pattern(out, takes_table);
    fputs(")\n        words=\"", out);
    for (uint32_t number = 0; number < CFG_TABLE_MAX; number++) {
        const struct cfg_table_info *info = cfg_table_info(number);
        fprintf(out, "%s%s", info != NULL ? " " : "", info != NULL ? info->name : "");
    }
    fputs("\" ;;\n    ", out);
    print_pattern(out, takes_bridge);
    fputs(")\n        words=$(swctl --timeout 1 list-br 2>/dev/null) ;;\n    *)\n        words=\"", out);
    print_words(out, is_any);
    fputs(" --run --json --timeout --wait --no-wait --may-exist --if-exists --dry-run\" ;;\n    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _swctl swctl\n",
          out);
    fclose(out);
    *out_json = json_string(text);
    free(text);
    return EXIT_DONE;
}

void read_completion_print(const json_t *json, const struct segment *segment)
{
    fputs(json_string_value(json), stdout);
}
