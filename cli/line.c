/* swctl's command line. See line.h.
 *
 * By hand and not with argp, because commands of one line are separated by -- and each has flags of its own, as ovs-vsctl has it; argp would
 * end at the first --. Words of two ("dp show") are looked for before words of one. One thread; no state.
 */
#include "cli/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/base/suggest.h"

void line_init(struct line *line)
{
    *line = (struct line){.segments = memory_array(LINE_SEGMENTS_MAX, sizeof(struct segment))};
}

void line_fini(struct line *line)
{
    free(line->segments);
    *line = (struct line){0};
}

/* Two words first, so that "dp dump-flows" is found before anything called "dp". */
static const struct command *find_command(const char *first, const char *second, size_t *out_words)
{
    size_t n;
    const struct command *commands = command_table(&n);
    char *both = memory_format("%s %s", first, second != NULL ? second : "");
    const struct command *found = NULL;
    for (size_t i = 0; i < n && found == NULL; i++) {
        if (strcmp(commands[i].words, both) == 0) {
            found = &commands[i];
            *out_words = 2;
        }
    }
    for (size_t i = 0; i < n && found == NULL; i++) {
        if (strcmp(commands[i].words, first) == 0) {
            found = &commands[i];
            *out_words = 1;
        }
    }
    free(both);
    return found;
}

static int set_timeout(struct client *client, const char *text, struct error_detail *detail)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds > 0) || seconds > 3600) {
        return error_set(detail, -ERROR_RANGE, "--timeout %s: must be seconds, above 0 and at most 3600", text);
    }
    client->timeout_ms = (uint32_t)(seconds * 1000);
    return 0;
}

static int set_confirm(struct client *client, const char *text, struct error_detail *detail)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-' || seconds < 1 || seconds > 86400) {
        return error_set(detail, -ERROR_RANGE, "--confirm %s: must be whole seconds, from 1 to 86400", text);
    }
    client->confirm_s = (uint32_t)seconds;
    return 0;
}

static int set_run_dir(struct client *client, const char *text, struct error_detail *detail)
{
    if (strlen(text) >= sizeof client->run_dir) {
        return error_set(detail, -ERROR_TOO_LARGE, "--run %s: longer than a socket's path may be", text);
    }
    snprintf(client->run_dir, sizeof client->run_dir, "%s", text);
    return 0;
}

/* The value of option `name` at words[0], joined by = or the next word. Returns how many words it takes, 0 when it is another option, or an error. */
static int value_of(const char *name, char **words, size_t n, const char **out_value, struct error_detail *detail)
{
    size_t length = strlen(name);
    if (strncmp(words[0], name, length) != 0 || (words[0][length] != '=' && words[0][length] != '\0')) {
        return 0;
    }
    if (words[0][length] == '=') {
        *out_value = words[0] + length + 1;
        return 1;
    }
    if (n < 2) {
        return error_set(detail, -ERROR_SYNTAX, "%s needs a value", name);
    }
    *out_value = words[1];
    return 2;
}

/* Options that take a value. Returns how many words were used, 0 when this is none of them, negative on error. */
static int take_valued_option(struct client *client, struct segment *segment, char **words, size_t n, struct error_detail *detail)
{
    static const char *const names[] = {"--run",    "--timeout", "-t",           "--sort", "--top",   "--from-capture", "--packet",
                                        "--config", "--config-key", "--key",     "--limit", "--columns", "--confirm"};
    const char **const places[] = {NULL,
                                   NULL,
                                   NULL,
                                   &segment->sort,
                                   &segment->top,
                                   &segment->from_capture,
                                   &segment->packet,
                                   &client->options.config,
                                   &client->options.config_key,
                                   &client->options.key,
                                   &segment->limit,
                                   &segment->columns};
    const char *value = NULL;
    int used = 0, err = 0;
    size_t i = 0;
    while (i < sizeof names / sizeof names[0] && (used = value_of(names[i], words, n, &value, detail)) == 0) {
        i++;
    }
    if (used <= 0) {
        return used;
    }
    if (i == 0) {
        err = set_run_dir(client, value, detail);
    } else if (i <= 2) {
        err = set_timeout(client, value, detail);
    } else if (i == sizeof names / sizeof names[0] - 1) {
        err = set_confirm(client, value, detail);
    } else {
        *places[i] = value;
    }
    return err != 0 ? err : used;
}

static bool take_flag(struct client *client, struct line *line, struct segment *segment, const char *word)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--json", &client->wants_json},      {"--no-wait", &client->no_wait},     {"--help", &line->is_help},
        {"--wait", &line->is_wait},           {"--dry-run", &segment->dry_run},
        {"-h", &line->is_help},               {"--version", &line->is_version},    {"-V", &line->is_version},
        {"--may-exist", &segment->may_exist}, {"--if-exists", &segment->if_exists}, {"--force", &segment->force},
        {"--bootstrap", &segment->bootstrap},
        {"--strict", &segment->strict},       {"--no-stats", &segment->no_stats},
        {"--watch", &segment->watch},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(word, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

/* These would be passed over without a word by a command that does not have them. */
static int check_options(const struct segment *segment, struct error_detail *detail)
{
    const struct {
        const char *name;
        bool is_given;
    } options[] = {{"--watch", segment->watch}, {"--sort", segment->sort != NULL}, {"--top", segment->top != NULL},
                 {"--columns", segment->columns != NULL}, {"--dry-run", segment->dry_run}, {"--limit", segment->limit != NULL},
                 {"--from-capture", segment->from_capture != NULL}, {"--packet", segment->packet != NULL}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].is_given && strstr(segment->command->usage, options[i].name) == NULL) {
            return error_set(detail, -ERROR_SYNTAX, "%s has no option %s; usage: swctl %s", segment->command->words, options[i].name,
                             segment->command->usage);
        }
    }
    return 0;
}

/* Words of two are compared as they were typed, words of one with the first. */
static int unknown_command(const char *first, const char *second, struct error_detail *detail)
{
    size_t n;
    const struct command *commands = command_table(&n);
    struct suggest one, two;
    char *both = memory_format("%s %s", first, second != NULL ? second : "");
    suggest_init(&one, first);
    suggest_init(&two, both);
    for (size_t i = 0; i < n; i++) {
        suggest_offer(strchr(commands[i].words, ' ') == NULL ? &one : &two, commands[i].words);
    }
    const char *best = one.best != NULL ? one.best : two.best;
    free(both);
    return error_set(detail, -ERROR_UNKNOWN_NAME, "there is no command %.64s%s%s%s", first, best != NULL ? "; did you mean " : "",
                     best != NULL ? best : " (swctl help lists them)", best != NULL ? "?" : "");
}

static int close_segment(struct segment *segment, struct error_detail *detail)
{
    size_t n_words = 0;
    if (segment->n_arguments == 0) {
        return error_set(detail, -ERROR_SYNTAX, "a command is missing (swctl --help lists them)");
    }
    const char *first = segment->arguments[0];
    const struct command *command = find_command(first, segment->n_arguments > 1 ? segment->arguments[1] : NULL, &n_words);
    if (command == NULL) {
        return unknown_command(first, segment->n_arguments > 1 ? segment->arguments[1] : NULL, detail);
    }
    segment->command = command;
    segment->n_arguments -= n_words;
    memmove(segment->arguments, segment->arguments + n_words, segment->n_arguments * sizeof segment->arguments[0]);
    if (segment->n_arguments < command->min_arguments || segment->n_arguments > command->max_arguments) {
        return error_set(detail, -ERROR_SYNTAX, "%s: too %s arguments; usage: swctl %s", command->words,
                         segment->n_arguments < command->min_arguments ? "few" : "many", command->usage);
    }
    return check_options(segment, detail);
}

/* Changes are one transaction, and what is asked on the same line is answered when it is done: so questions come last. */
static int check_chain(const struct line *line, struct error_detail *detail)
{
    for (size_t i = 0; i + 1 < line->n; i++) {
        const struct command *command = line->segments[i].command;
        if (command->kind != COMMAND_KIND_CONFIG && line->segments[i + 1].command->kind == COMMAND_KIND_CONFIG) {
            return error_set(detail, -ERROR_SYNTAX, "%s changes no configuration and cannot be chained before %s, only behind it", command->words,
                             line->segments[i + 1].command->words);
        }
    }
    return 0;
}

int line_parse(struct client *client, int argc, char **argv, struct line *line, struct error_detail *detail)
{
    struct segment *segment = &line->segments[line->n];
    for (int i = 1; i < argc; i++) {
        int used = take_valued_option(client, segment, &argv[i], (size_t)(argc - i), detail);
        if (used != 0) {
            if (used < 0) {
                return used;
            }
            i += used - 1;
        } else if (strcmp(argv[i], "--") == 0 && line->n == 0 && segment->n_arguments == 0) {
            continue; /* scripts for ovs-vsctl begin with -- */
        } else if (strcmp(argv[i], "--") == 0) {
            int err = close_segment(segment, detail);
            if (err != 0) {
                return err;
            }
            if (++line->n == LINE_SEGMENTS_MAX) {
                return error_set(detail, -ERROR_TOO_LARGE, "more than %d commands on one line", LINE_SEGMENTS_MAX);
            }
            segment = &line->segments[line->n];
        } else if (strncmp(argv[i], "-", 1) == 0 && argv[i][1] != '\0' && !take_flag(client, line, segment, argv[i])) {
            return error_set(detail, -ERROR_UNKNOWN_NAME, "there is no option %s (swctl --help lists them)", argv[i]);
        } else if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (segment->n_arguments == COMMAND_ARGUMENTS_MAX) {
                return error_set(detail, -ERROR_TOO_LARGE, "more than %d arguments", COMMAND_ARGUMENTS_MAX);
            }
            segment->arguments[segment->n_arguments++] = argv[i];
        }
    }
    if (line->is_help || line->is_version) {
        return 0;
    }
    int err = close_segment(segment, detail);
    line->n++;
    err = err != 0 ? err : check_chain(line, detail);
    if (err == 0 && client->confirm_s > 0 && line->segments[0].command->kind != COMMAND_KIND_CONFIG) {
        err = error_set(detail, -ERROR_SYNTAX, "--confirm: %s changes no configuration", line->segments[0].command->words);
    }
    return err;
}
