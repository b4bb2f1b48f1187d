/* The table of commands, made from commands.def.
 *
 * Kept apart from main so that tests can walk it. Costs nothing; no state.
 * Every READ row names a function f and a printer f_print, every CONFIG row a function.
 */
#include "cli/command.h"

#define ROW_CONFIG(function) .kind = COMMAND_KIND_CONFIG, .config = function
#define ROW_READ(function) .kind = COMMAND_KIND_READ, .read = function, .print = function##_print

static const struct command commands[] = {
#define COMMAND(words_, function, kind_, min, max, usage_, help_)                                                              \
    {.words = words_, .min_arguments = min, .max_arguments = max, .usage = usage_, .help = help_, ROW_##kind_(function)},
#include "cli/commands.def"
#undef COMMAND
};

const struct command *command_table(size_t *out_count)
{
    *out_count = sizeof commands / sizeof commands[0];
    return commands;
}
