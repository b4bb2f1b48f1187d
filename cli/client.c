/* swctl's side of the bus. See client.h.
 *
 * swctl is a short-lived process: it steps the mirror in a loop with poll() until what it waits for has come or time is up, so no
 * callback outlives its function. A port that cannot be opened is taken back, because a command that failed should leave nothing.
 */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/msg/control.h"

enum { STEP_MS = 20, PORT_OPEN_MS = 3000, STATUS_MS = 500, ANSWER_MS = 2000 /* until configdb says that it has waited in vain */ };

/* NULL when unset or empty. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* What swctl mirrors: all configuration and status, who has joined and which bridges he has; not the rules, of which there may be a million. A backup must not
 * leave a table of the configuration out. */
static size_t mirrored_tables(enum cfg_table *out_tables)
{
    size_t n = 0;
    for (uint32_t number = 0; number < CFG_TABLE_MAX; number++) {
        const struct cfg_table_info *info = cfg_table_info(number);
        if (info != NULL && (info->storage != CFG_STORAGE_RUN || info->table == CFG_SERVICE || info->table == CFG_OWNER)) {
            out_tables[n++] = info->table;
        }
    }
    return n;
}

void client_init(struct client *client)
{
    const char *run = environment("BUSBAR_RUN");

    *client = (struct client){.timeout_ms = 10000};
    client->options = (struct bus_options){
        .config = environment("BUSBAR_CONFIG"), .config_key = environment("BUSBAR_CONFIG_KEY"), .key = environment("BUSBAR_KEY")};
    snprintf(client->run_dir, sizeof client->run_dir, "%s", run != NULL ? run : "/run/busbar");
}

void client_fini(struct client *client)
{
    json_decref(client->report);
    json_decref(client->before);
    client->before = NULL;
    cfg_destroy(&client->cfg);
    bus_destroy(&client->bus);
}

/* configdb and the others are elsewhere: control sockets are found in the registry. */
static bool is_remote(const struct client *client)
{
    return client->options.config != NULL && endpoint_is_tcp(client->options.config);
}

static int open_bus(struct client *client, struct error_detail *detail)
{
    struct bus_identity self = {.kind = PROCESS_SWCTL, .instance = 1, .start = random_start_number()};
    struct bus_options options = client->options;
    if (client->bus != NULL) {
        return 0;
    }
    if (!is_remote(client)) {
        options.key = NULL; /* an environment for tcp does no harm to a command on the host itself */
    }
    return bus_options_open(&options, client->run_dir, &self, &client->bus, client->config, detail);
}

void client_turn(struct client *client)
{
    struct pollfd fd = {.fd = cfg_fd(client->cfg), .events = POLLIN};
    cfg_step(client->cfg, clock_now_ns());
    (void)poll(&fd, 1, STEP_MS);
    cfg_step(client->cfg, clock_now_ns());
}

static void ignore_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
}

static void ignore_version(void *context, struct version version, bool is_snapshot)
{
}

int client_open(struct client *client, struct error_detail *detail)
{
    static const struct cfg_events events = {.on_row = ignore_row, .on_version = ignore_version};
    enum cfg_table tables[CFG_TABLE_MAX];
    size_t n_tables = mirrored_tables(tables);
    int err = open_bus(client, detail);
    if (err != 0) {
        return err;
    }
    err = cfg_new(client->bus, client->config, tables, n_tables, &events, &client->cfg);
    if (err != 0) {
        return error_set(detail, err, "cannot reach configdb at %s: %s", client->config, error_text(err));
    }
    uint64_t deadline = clock_now_ns() + client->timeout_ms * NS_PER_MS;
    while (!cfg_has_snapshot(client->cfg)) {
        client_turn(client);
        char refusal[sizeof detail->text];
        if (cfg_is_refused(client->cfg, refusal, sizeof refusal)) {
            return error_set(detail, -ERROR_VERSION, "%s", refusal);
        }
        if (clock_now_ns() > deadline && is_remote(client)) {
            return error_set(detail, -ERROR_TIMEOUT,
                             "configdb does not answer at %s within %u ms; is it running there, is --config-key its key, and is our key known to it "
                             "(swctl key list, on its host)?", client->options.config, client->timeout_ms);
        }
        if (clock_now_ns() > deadline) {
            return error_set(detail, -ERROR_TIMEOUT,
                             "configdb does not answer at %s within %u ms; is the switch running? (deploy/up --run %s, or give --run DIR)",
                             client->config, client->timeout_ms, client->run_dir);
        }
    }
    return 0;
}

struct commit {
    bool is_done;
    int error;
    char text[256];
    struct version version;
};

struct commit_context {
    struct client *client;
    struct commit result;
};

static void on_committed(void *context, const struct cfg_result *result)
{
    struct commit_context *c = context;
    c->result.is_done = true;
    c->result.error = result->error;
    c->result.version = result->version;
    snprintf(c->result.text, sizeof c->result.text, "%s", result->text != NULL ? result->text : "");
    for (size_t i = 0; result->error == 0 && i < c->client->n_made; i++) {
        struct client_new *made = &c->client->made[i];
        made->id = made->op < result->n_ids ? result->ids[made->op] : 0;
    }
}

static struct commit commit_txn(struct client *client, struct cfg_txn **txn)
{
    struct commit_context context = {.client = client};
    uint64_t wait_ms = (uint64_t)client->timeout_ms + (client->is_waiting ? ANSWER_MS : 0);
    cfg_transact(client->cfg, txn, clock_now_ns() + wait_ms * NS_PER_MS, on_committed, &context);
    while (!context.result.is_done) {
        client_turn(client);
    }
    return context.result;
}

struct applied {
    bool is_done, reached;
    char missing[200];
    char errors[200]; /* what processes could not do with rows of the commit */
};

static void note_errors(struct applied *applied, const Busbar__AwaitAppliedReply *reply)
{
    size_t used = 0;
    for (size_t i = 0; i < reply->n_errors && used < sizeof applied->errors; i++) {
        const Busbar__RowError *error = reply->errors[i];
        const struct cfg_table_info *info = cfg_table_info(error->table);
        used += (size_t)snprintf(applied->errors + used, sizeof applied->errors - used, "%s%s row %llu: %s", i > 0 ? "; " : "",
                                 info != NULL ? info->name : "unknown", (unsigned long long)error->id, error->text);
    }
}

static void on_applied(void *context, const Busbar__AwaitAppliedReply *reply)
{
    struct applied *applied = context;
    applied->is_done = true;
    if (reply == NULL) {
        snprintf(applied->missing, sizeof applied->missing, "configdb fell silent");
        return;
    }
    applied->reached = reply->reached;
    note_errors(applied, reply);
    size_t used = 0;
    for (size_t i = 0; i < reply->n_missing && used < sizeof applied->missing; i++) {
        used += (size_t)snprintf(applied->missing + used, sizeof applied->missing - used, "%s%s", i > 0 ? ", " : "", reply->missing[i]);
    }
}

static bool has_fastpath(const struct client *client)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        if (((const Busbar__ServiceRow *)row)->kind == PROCESS_FASTPATH) {
            return true;
        }
    }
    return false;
}

static bool lacks_status(const struct client *client)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_PORT, &cursor, &id, &row)) {
        if (cfg_row(client->cfg, CFG_PORT_STATUS, id) == NULL) {
            return true;
        }
    }
    cursor = 0;
    while (cfg_next(client->cfg, CFG_CONTROLLER, &cursor, &id, &row)) {
        if (cfg_row(client->cfg, CFG_CONTROLLER_STATUS, id) == NULL) {
            return true;
        }
    }
    return false;
}

void client_await_status(struct client *client)
{
    uint64_t deadline = clock_now_ns() + STATUS_MS * NS_PER_MS;
    while (has_fastpath(client) && lacks_status(client) && clock_now_ns() < deadline) {
        client_turn(client);
    }
}

/* Waits for the state of a new port. 0 open, -ERROR_REFUSED with the fastpath's reason, -ERROR_TIMEOUT. */
static int await_port(struct client *client, const struct client_new *made, struct error_detail *detail)
{
    uint64_t deadline = clock_now_ns() + PORT_OPEN_MS * NS_PER_MS;
    do {
        const Busbar__PortStatusRow *status = (const Busbar__PortStatusRow *)cfg_row(client->cfg, CFG_PORT_STATUS, made->id);
        if (status != NULL) {
            return status->error[0] == '\0' ? 0 : error_set(detail, -ERROR_REFUSED, "port %s: %s", made->name, status->error);
        }
        client_turn(client);
    } while (clock_now_ns() < deadline);
    return error_set(detail, -ERROR_TIMEOUT, "port %s is in the configuration, but no fastpath has said yet whether it could open it", made->name);
}

static void take_back(struct client *client, const struct client_new *made)
{
    struct cfg_txn *txn = cfg_txn_new(client->command_line);
    cfg_txn_set_user(txn, client->user);
    if (client->confirm_s > 0) {
        cfg_txn_settle(txn, false); /* nothing else may change while that awaits confirmation */
    } else {
        cfg_txn_delete(txn, made->table, made->id);
    }
    (void)commit_txn(client, &txn);
}

/* After the commit: new ports must open. */
static enum exit_status check_ports(struct client *client, struct error_detail *detail)
{
    enum exit_status status = EXIT_DONE;
    if (!has_fastpath(client)) {
        return status; /* nobody could say; show will tell when one has started */
    }
    for (size_t i = 0; i < client->n_made; i++) {
        if (client->made[i].table != CFG_PORT) {
            continue;
        }
        struct error_detail why;
        int err = await_port(client, &client->made[i], &why);
        if (err == -ERROR_REFUSED && client->keeps_ports && status == EXIT_DONE) {
            error_set(detail, err, "committed, but could not be done: %s", why.text);
            status = EXIT_NOT_APPLIED;
        } else if (err == -ERROR_REFUSED && !client->keeps_ports) {
            take_back(client, &client->made[i]);
            error_set(detail, err, client->confirm_s > 0 ? "%s (the whole change was undone)" : "%s (the port was not added)", why.text);
            status = EXIT_FAILED;
            if (client->confirm_s > 0) {
                break; /* all of it is gone */
            }
        } else if (err != 0 && status == EXIT_DONE) {
            *detail = why;
            status = EXIT_NOT_APPLIED;
        }
    }
    return status;
}

/* What is read behind the change on the same line must see it; a commit that changed nothing has an old version. */
static void await_mirror(struct client *client, struct version version)
{
    uint64_t deadline = clock_now_ns() + STATUS_MS * NS_PER_MS;
    while (cfg_version(client->cfg).n < version.n && clock_now_ns() < deadline) {
        client_turn(client);
    }
}

/* configdb numbers rows; people name them. A row that this line makes has no name for us yet. */
static void tell_refusal(const struct client *client, const struct commit *commit, struct error_detail *detail)
{
    char table[32];
    unsigned long long id;
    int used = 0;
    const struct cfg_table_info *info = NULL;
    if (sscanf(commit->text, "%31s row %llu%n", table, &id, &used) == 2) {
        info = cfg_table_by_name(table);
    }
    const ProtobufCMessage *row = info != NULL && (info->table == CFG_BRIDGE || info->table == CFG_PORT) ? cfg_row(client->cfg, info->table, id) : NULL;
    if (row != NULL) {
        const char *name = info->table == CFG_BRIDGE ? ((const Busbar__BridgeRow *)row)->name : ((const Busbar__PortRow *)row)->name;
        error_set(detail, commit->error, "%s %s%s", table, name, commit->text + used);
        return;
    }
    error_set(detail, commit->error, "%s", commit->text[0] != '\0' ? commit->text : error_text(commit->error));
}

enum exit_status client_commit(struct client *client, struct cfg_txn **txn, struct error_detail *detail)
{
    struct commit commit = commit_txn(client, txn);
    if (commit.error != 0) {
        tell_refusal(client, &commit, detail);
        bool is_silent = commit.error == -ERROR_TIMEOUT || commit.error == -ERROR_NOT_CONNECTED;
        return is_silent ? EXIT_SILENT : commit.error == -ERROR_NOT_TRUE ? EXIT_NOT_APPLIED : EXIT_FAILED;
    }
    client->version = commit.version;
    snprintf(client->note, sizeof client->note, "%s", commit.text);
    await_mirror(client, commit.version);
    if (client->no_wait) {
        return EXIT_DONE;
    }
    struct applied applied = {0};
    cfg_await_applied(client->cfg, commit.version, client->timeout_ms, on_applied, &applied);
    uint64_t deadline = clock_now_ns() + (client->timeout_ms + 1000) * NS_PER_MS;
    while (!applied.is_done && clock_now_ns() < deadline) {
        client_turn(client);
    }
    enum exit_status status = check_ports(client, detail);
    if (status == EXIT_DONE && !applied.reached) {
        error_set(detail, -ERROR_TIMEOUT, "committed, but not applied everywhere within %u ms: %s", client->timeout_ms,
                  applied.missing[0] != '\0' ? applied.missing : "configdb fell silent");
        status = EXIT_NOT_APPLIED;
    } else if (status == EXIT_DONE && applied.errors[0] != '\0') {
        error_set(detail, -ERROR_REFUSED, "committed, but could not be done: %s", applied.errors);
        status = EXIT_NOT_APPLIED;
    }
    return status;
}

static const Busbar__ServiceRow *registered(const struct client *client, enum process_kind kind, uint32_t instance)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        const Busbar__ServiceRow *service = (const Busbar__ServiceRow *)row;
        if (service->kind == (uint32_t)kind && service->instance == instance) {
            return service;
        }
    }
    return NULL;
}

/* Where the process listens for us: in the run directory; over tcp configdb on the port after its config wire, the others as registered. */
static int find_control(struct client *client, enum process_kind kind, uint32_t instance, char out_endpoint[ENDPOINT_TEXT_MAX + 1],
                        struct error_detail *detail)
{
    int err = 0;
    if (!is_remote(client)) {
        err = bus_endpoint(client->run_dir, WIRE_CONTROL, kind, instance, out_endpoint, ENDPOINT_TEXT_MAX + 1);
        return err == 0 ? 0 : error_set(detail, err, "%s.%u: %s", process_kind_name(kind), instance, error_text(err));
    }
    if (kind == PROCESS_CONFIGDB) {
        err = endpoint_next(client->config, 1, out_endpoint);
        return err == 0 ? 0 : error_set(detail, err, "configdb, at the port after %s: %s", client->options.config, error_text(err));
    }
    if (client->cfg == NULL && (err = client_open(client, detail)) != 0) {
        return err;
    }
    const Busbar__ServiceRow *row = registered(client, kind, instance);
    if (row == NULL) {
        return error_set(detail, -ERROR_TIMEOUT, "%s.%u is not registered: is the process running?", process_kind_name(kind), instance);
    }
    if (!endpoint_is_tcp(row->control) || strlen(row->control) > ENDPOINT_TEXT_MAX) {
        return error_set(detail, -ERROR_NOT_CONNECTED, "%s.%u can be asked on its own host only: it was started without --listen",
                         process_kind_name(kind), instance);
    }
    snprintf(out_endpoint, ENDPOINT_TEXT_MAX + 1, "%s", row->control);
    return 0;
}

int client_ask(struct client *client, enum process_kind kind, uint32_t instance, const char *command, const char *const *arguments,
               size_t n_arguments, json_t **out_json, struct error_detail *detail)
{
    char endpoint[ENDPOINT_TEXT_MAX + 1];
    int err = open_bus(client, detail);
    if (err == 0) {
        err = find_control(client, kind, instance, endpoint, detail);
    }
    if (err != 0) {
        return err;
    }
    return control_request(client->bus, endpoint, command, arguments, n_arguments, client->timeout_ms, out_json, detail);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static size_t instances_registered(struct client *client, enum process_kind kind, uint32_t *out_instances, size_t room)
{
    struct error_detail ignored;
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    size_t n = 0;
    if (kind == PROCESS_CONFIGDB && room > 0) {
        out_instances[0] = 1;
        return 1;
    }
    if (client->cfg == NULL && client_open(client, &ignored) != 0) {
        return 0;
    }
    while (n < room && cfg_next(client->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        if (((const Busbar__ServiceRow *)row)->kind == (uint32_t)kind) {
            out_instances[n++] = ((const Busbar__ServiceRow *)row)->instance;
        }
    }
    qsort(out_instances, n, sizeof *out_instances, compare_u32);
    return n;
}

size_t client_instances(struct client *client, enum process_kind kind, uint32_t *out_instances, size_t room)
{
    if (is_remote(client)) {
        return instances_registered(client, kind, out_instances, room);
    }
    char *pattern = memory_format("%s/control.%s.*", client->run_dir, process_kind_name(kind));
    glob_t found;
    size_t n = 0;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && n < room; i++) {
            const char *dot = strrchr(found.gl_pathv[i], '.');
            unsigned long number = strtoul(dot + 1, NULL, 10);
            if (number > 0 && number < UINT32_MAX) {
                out_instances[n++] = (uint32_t)number;
            }
        }
        globfree(&found);
    }
    free(pattern);
    qsort(out_instances, n, sizeof *out_instances, compare_u32);
    return n;
}

size_t client_living(struct client *client, enum process_kind kind, uint32_t *out_instances, size_t room)
{
    size_t n = client_instances(client, kind, out_instances, room), n_living = 0;
    for (size_t i = 0; i < n; i++) {
        if (client_is_alive(client, kind, out_instances[i])) {
            out_instances[n_living++] = out_instances[i];
        }
    }
    return n_living;
}

bool client_is_alive(struct client *client, enum process_kind kind, uint32_t instance)
{
    if (is_remote(client)) {
        return kind == PROCESS_CONFIGDB || client->cfg == NULL || registered(client, kind, instance) != NULL;
    }
    char *path = memory_format("%s/%s.%u.pid", client->run_dir, process_kind_name(kind), instance);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_dead = fd < 0 ? errno == ENOENT : flock(fd, LOCK_SH | LOCK_NB) == 0;
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return !is_dead;
}

const Busbar__BridgeRow *client_bridge(const struct client *client, const char *name, uint64_t *out_id)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_BRIDGE, &cursor, &id, &row)) {
        const Busbar__BridgeRow *bridge = (const Busbar__BridgeRow *)row;
        if (strcmp(bridge->name, name) == 0) {
            *out_id = id;
            return bridge;
        }
    }
    return NULL;
}

const Busbar__PortRow *client_port(const struct client *client, const char *name, uint64_t *out_id)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_PORT, &cursor, &id, &row)) {
        const Busbar__PortRow *port = (const Busbar__PortRow *)row;
        if (strcmp(port->name, name) == 0) {
            *out_id = id;
            return port;
        }
    }
    return NULL;
}

uint64_t client_find(const struct client *client, enum cfg_table table, const char *name)
{
    uint64_t id = 0;
    for (size_t i = 0; i < client->n_made; i++) {
        if (client->made[i].table == table && strcmp(client->made[i].name, name) == 0) {
            return client->made[i].id != 0 ? client->made[i].id : client->made[i].label;
        }
    }
    if (table == CFG_BRIDGE) {
        return client_bridge(client, name, &id) != NULL ? id : 0;
    }
    return client_port(client, name, &id) != NULL ? id : 0;
}

void client_remember(struct client *client, enum cfg_table table, const char *name, uint64_t label, size_t op)
{
    if (client->n_made == CLIENT_NEW_ROWS_MAX) {
        return; /* still committed; only the check that the port opens is left out */
    }
    struct client_new *made = &client->made[client->n_made++];
    *made = (struct client_new){.table = table, .label = label, .op = op};
    snprintf(made->name, sizeof made->name, "%s", name);
}
