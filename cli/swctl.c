/* swctl: the one command line of the switch.
 *
 * swctl [OPTIONS] COMMAND [ARGUMENTS] [-- COMMAND ...]: configuration commands separated by -- make one transaction, as scripts for
 * ovs-vsctl expect. Options may stand anywhere. Everything waits a bounded time and says for whom. Exit status: cli/client.h.
 */
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/line.h"
#include "cli/render.h"
#include "lib/base/log.h"

enum { WATCH_MS = 1000 };

static void print_help(void)
{
    size_t n;
    const struct command *commands = command_table(&n);
    puts("usage: swctl [OPTIONS] COMMAND [ARGUMENTS] [-- COMMAND ...]\n\nCommands:");
    for (size_t i = 0; i < n; i++) {
        printf("  %s\n      %s\n", commands[i].usage, commands[i].help);
    }
    puts("\nOptions, anywhere on the line:\n"
         "  --run DIR        run directory of the switch (or BUSBAR_RUN; /run/busbar)\n"
         "  --config ADDR    configdb on another host, tcp://HOST:PORT (or BUSBAR_CONFIG)\n"
         "  --config-key KEY its public key, or a file with it (or BUSBAR_CONFIG_KEY)\n"
         "  --key FILE       our own key (or BUSBAR_KEY); its role says what we may\n"
         "  --json           print JSON\n"
         "  --timeout SECS   how long to wait for an answer (10)\n"
         "  --confirm SECS   the change is undone unless `swctl confirm` follows in time\n"
         "  --wait           return when every process has applied the change, or say who has not and why; the default\n"
         "  --no-wait        return when the change is committed, before it is applied\n"
         "  --help, --version\n\n"
         "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 a process does not answer,\n"
         "4 committed but not applied in time (wait-until, when: not true in time)");
}

/* Reads that ask a process directly need no configdb. */
static bool needs_mirror(const struct command *command)
{
    return command->kind == COMMAND_KIND_CONFIG || command->read == read_show || command->read == read_list_br ||
           command->read == read_br_exists || command->read == read_list_ports || command->read == read_get_controller ||
           command->read == read_get_fail_mode || command->read == read_get_ssl ||
           command->read == read_list || command->read == read_find || command->read == read_get ||
           command->read == read_wait_until || command->read == read_export ||
           command->read == read_backup;
}

/* What one should know of a change besides that it was made. */
static void print_committed(const struct client *client)
{
    if (client->wants_json) {
        json_t *json = json_object();
        if (client->note[0] != '\0') {
            json_object_set_new(json, "note", json_string(client->note));
        }
        if (client->confirm_s > 0) {
            json_object_set_new(json, "confirm_within_s", json_integer(client->confirm_s));
        }
        render_json(json);
        json_decref(json);
        return;
    }
    if (client->note[0] != '\0') {
        printf("note: %s\n", client->note);
    }
    if (client->confirm_s > 0) {
        printf("undone in %u s unless confirmed: swctl confirm keeps it, swctl cancel undoes it now\n", client->confirm_s);
    }
}

/* The changes of the line, which come first, as one transaction. Returns how many commands those were in out_n. */
static enum exit_status run_config(struct client *client, const struct line *line, size_t *out_n, struct error_detail *detail)
{
    struct cfg_txn *txn = cfg_txn_new(client->command_line);
    enum exit_status status = EXIT_DONE;
    cfg_txn_set_user(txn, client->user);
    size_t i = 0;
    for (; status == EXIT_DONE && i < line->n && line->segments[i].command->kind == COMMAND_KIND_CONFIG; i++) {
        if (line->segments[i].command->config(client, &line->segments[i], txn, detail) != 0) {
            status = EXIT_FAILED;
        }
    }
    if (status == EXIT_DONE && cfg_txn_size(txn) > 0 && !client->is_dry_run) {
        if (client->confirm_s > 0) {
            cfg_txn_confirm_within(txn, client->confirm_s);
        }
        status = client_commit(client, &txn, detail);
    }
    cfg_txn_destroy(&txn);
    bool is_committed = status == EXIT_DONE || status == EXIT_NOT_APPLIED;
    if (is_committed && client->report != NULL && !client->wants_json) {
        file_print_changes(client->report);
    } else if (is_committed && client->report != NULL) {
        render_json(client->report);
    } else if (is_committed && (!client->wants_json || i == line->n)) {
        print_committed(client);
    }
    *out_n = i;
    return status;
}

/* Once, or with --watch again each second until a process is silent or the reader has had enough. */
static enum exit_status run_read(struct client *client, const struct segment *segment, struct error_detail *detail)
{
    enum exit_status status;
    do {
        json_t *json = NULL;
        status = segment->command->read(client, segment, &json, detail);
        if (json != NULL && client->wants_json) {
            render_json(json);
        } else if (json != NULL) {
            segment->command->print(json, segment);
        }
        json_decref(json);
    } while (segment->watch && status == EXIT_DONE && fflush(stdout) == 0 && poll(NULL, 0, WATCH_MS) == 0);
    return status;
}

static enum exit_status run(struct client *client, const struct line *line, struct error_detail *detail)
{
    enum exit_status status = EXIT_DONE;
    size_t n = 0;
    bool is_mirrored = false;
    for (size_t i = 0; i < line->n; i++) {
        is_mirrored = is_mirrored || needs_mirror(line->segments[i].command);
    }
    if (is_mirrored && client_open(client, detail) != 0) {
        return EXIT_SILENT;
    }
    if (line->segments[0].command->kind == COMMAND_KIND_CONFIG) {
        status = run_config(client, line, &n, detail);
    }
    for (; status == EXIT_DONE && n < line->n; n++) {
        status = run_read(client, &line->segments[n], detail);
    }
    return status;
}

static void remember_command_line(struct client *client, int argc, char **argv)
{
    size_t used = (size_t)snprintf(client->command_line, sizeof client->command_line, "swctl");
    for (int i = 1; i < argc && used < sizeof client->command_line; i++) {
        used += (size_t)snprintf(client->command_line + used, sizeof client->command_line - used, " %s", argv[i]);
    }
}

/* Who runs us; through sudo, who that is. */
static void remember_user(struct client *client)
{
    const struct passwd *entry = getpwuid(getuid());
    const char *sudo = getenv("SUDO_USER");
    char number[16];
    (void)snprintf(number, sizeof number, "%u", (unsigned)getuid());
    (void)snprintf(client->user, sizeof client->user, "%.30s%s%.30s%s", entry != NULL ? entry->pw_name : number,
                   sudo != NULL ? " (sudo: " : "", sudo != NULL ? sudo : "", sudo != NULL ? ")" : "");
}

int main(int argc, char **argv)
{
    struct client client;
    struct error_detail detail = {""};
    struct line line;
    enum exit_status status = EXIT_USAGE;

    log_open("swctl");
    log_set_level(LOG_LEVEL_ERROR);
    client_init(&client);
    line_init(&line);
    remember_command_line(&client, argc, argv);
    remember_user(&client);
    if (line_parse(&client, argc, argv, &line, &detail) == 0) {
        client.no_wait = client.no_wait && !line.is_wait;
        if (line.is_help) {
            print_help();
            status = EXIT_DONE;
        } else if (line.is_version) {
            puts("swctl (Busbar) " BUSBAR_VERSION);
            status = EXIT_DONE;
        } else {
            status = run(&client, &line, &detail);
        }
    }
    if (detail.text[0] != '\0' && status != EXIT_DONE) {
        fflush(stdout);
        fprintf(stderr, "swctl: %s\n", detail.text);
    }
    client_fini(&client);
    line_fini(&line);
    return (int)status;
}
