/* A command of swctl as the command line gave it, and the functions that carry commands out (rows of commands.def). */
#ifndef BUSBAR_CLI_COMMAND_H
#define BUSBAR_CLI_COMMAND_H

#include "cli/client.h"

enum { COMMAND_ARGUMENTS_MAX = 1000 };

enum command_kind { COMMAND_KIND_CONFIG, COMMAND_KIND_READ };

struct segment; /* one command with its words; several are separated by -- */

struct command {
    const char *words; /* "add-br", "dp dump-flows" */
    enum command_kind kind;
    size_t min_arguments, max_arguments;
    const char *usage;
    const char *help;
    /* CONFIG: adds operations to txn. Errors: -ERROR_X with the detail set. */
    int (*config)(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail);
    /* READ: makes the result as JSON, and `print` shows it to people. */
    enum exit_status (*read)(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail);
    void (*print)(const json_t *json, const struct segment *segment);
};

struct segment {
    const struct command *command;
    const char *arguments[COMMAND_ARGUMENTS_MAX];
    size_t n_arguments;
    bool may_exist, if_exists, force, bootstrap, strict, no_stats, watch;
    bool dry_run;
    const char *sort, *top, *from_capture, *packet, *limit, *columns; /* NULL: not given */
};

/* All commands, in the order of commands.def. */
const struct command *command_table(size_t *out_count);

/* What an import or apply changes, in words (cmd_file.c). */
void file_print_changes(const json_t *changes);

#define COMMAND_CONFIG(function) \
    int function(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail);
#define COMMAND_READ(function)                                                                                                 \
    enum exit_status function(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail); \
    void function##_print(const json_t *json, const struct segment *segment);
#define COMMAND(words, function, kind, min, max, usage, help) COMMAND_##kind(function)
#include "cli/commands.def"
#undef COMMAND

#endif
