/* Commands about one process: what it logs, and whether it is well.
 *
 * They ask the process itself over its control wire and need no configdb, so they work while the rest of the switch is down. A health check in a
 * container knows no instance number: the process beside it has written its name in the file that BUSBAR_SELF names.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/render.h"
#include "lib/base/memory.h"

enum { NAME_MAX_BYTES = 32 };

static enum process_kind kind_by_name(const char *name, size_t length)
{
    for (enum process_kind kind = PROCESS_CONFIGDB; kind < PROCESS_SWCTL; kind++) {
        if (strlen(process_kind_name(kind)) == length && strncmp(process_kind_name(kind), name, length) == 0) {
            return kind;
        }
    }
    return PROCESS_ANY;
}

/* "slowpath.2", or "slowpath" for the first. */
static bool parse_process(const char *process, enum process_kind *out_kind, uint32_t *out_instance, struct error_detail *detail)
{
    const char *dot = strchr(process, '.');
    unsigned long instance = dot != NULL ? strtoul(dot + 1, NULL, 10) : 1;
    *out_kind = kind_by_name(process, dot != NULL ? (size_t)(dot - process) : strlen(process));
    *out_instance = (uint32_t)instance;
    if (*out_kind == PROCESS_ANY || instance == 0 || instance > UINT32_MAX) {
        error_set(detail, -ERROR_UNKNOWN_NAME, "%s is no process: give configdb.1, slowpath.1, fastpath.1 or ofagent.1", process);
        return false;
    }
    return true;
}

enum exit_status read_log_level(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    enum process_kind kind;
    uint32_t instance;
    if (!parse_process(segment->arguments[0], &kind, &instance, detail)) {
        return EXIT_USAGE;
    }
    int err = client_ask(client, kind, instance, "log-level", &segment->arguments[1], segment->n_arguments - 1, out_json, detail);
    return err == 0 ? EXIT_DONE : err == -ERROR_TIMEOUT ? EXIT_SILENT : EXIT_FAILED;
}

void read_log_level_print(const json_t *json, const struct segment *segment)
{
    render_tree(json, 0);
}

/* The process beside which this runs wrote its name there (lib/base/service.c). */
static bool read_own_name(char out_name[NAME_MAX_BYTES], struct error_detail *detail)
{
    const char *path = getenv("BUSBAR_SELF");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, out_name, NAME_MAX_BYTES - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        error_set(detail, -ERROR_NOT_FOUND, "health: which process? Name one (slowpath.1), or set BUSBAR_SELF to the file in which it wrote its name");
        return false;
    }
    out_name[n] = '\0';
    out_name[strcspn(out_name, "\n")] = '\0';
    return true;
}

enum exit_status read_health(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    char name[NAME_MAX_BYTES];
    enum process_kind kind;
    uint32_t instance;
    json_t *status = NULL;
    if (segment->n_arguments > 0) {
        snprintf(name, sizeof name, "%s", segment->arguments[0]);
    } else if (!read_own_name(name, detail)) {
        return EXIT_USAGE;
    }
    if (!parse_process(name, &kind, &instance, detail)) {
        return EXIT_USAGE;
    }
    int err = client_ask(client, kind, instance, "status", NULL, 0, &status, detail);
    if (err != 0) { /* what answers with an error, or could not be asked by us, is not silent: deploy/health kills who is */
        return err == -ERROR_TIMEOUT ? EXIT_SILENT : EXIT_FAILED;
    }
    const char *state = json_string_value(json_object_get(status, "state"));
    *out_json = json_pack("{s:s, s:s}", "process", name, "state", state != NULL ? state : "unknown");
    json_decref(status);
    return strcmp(json_string_value(json_object_get(*out_json, "state")), "ok") == 0 ? EXIT_DONE : EXIT_FAILED;
}

void read_health_print(const json_t *json, const struct segment *segment)
{
    printf("%s: %s\n", json_string_value(json_object_get(json, "process")), json_string_value(json_object_get(json, "state")));
}
