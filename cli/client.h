/* swctl's side of the bus: one connection to configdb with a mirror, and requests to the other processes. Everything waits at most
 * timeout_ms and says whom it waited for.
 */
#ifndef BUSBAR_CLI_CLIENT_H
#define BUSBAR_CLI_CLIENT_H

#include <jansson.h>

#include "lib/bus/bus_options.h"
#include "lib/cfg/cfg.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,      /* refused, or it did not work */
    EXIT_USAGE = 2,       /* the command line is wrong; br-exists: there is none */
    EXIT_SILENT = 3,      /* a process that is needed does not answer */
    EXIT_NOT_APPLIED = 4, /* committed, but not every process has applied it in time; wait-until and when: not true in time, nothing was changed */
};

enum { CLIENT_NEW_ROWS_MAX = 64 /* bridges or ports made by one command line */ };

struct client {
    char run_dir[96];
    char command_line[160]; /* who, for the history */
    struct bus_options options; /* configdb elsewhere: --config, --config-key, --key, or BUSBAR_CONFIG, BUSBAR_CONFIG_KEY, BUSBAR_KEY */
    char config[ENDPOINT_TEXT_MAX + 1]; /* configdb's endpoint, once the bus is open */
    uint32_t timeout_ms;
    bool wants_json, no_wait;
    uint32_t confirm_s; /* of --confirm; 0: the change stays */
    char user[80];      /* who runs us, for the history */
    struct version version; /* of the last commit, and what configdb had to say of it */
    char note[256];
    struct bus *bus;
    struct cfg *cfg;
    json_t *report;  /* what a change consists of, printed when it is committed; NULL: nothing to say */
    bool keeps_ports; /* a new port that cannot be opened stays, and is told; else it is taken back */
    bool is_waiting; /* the transaction waits at configdb: for timeout_ms, and we for its answer */
    bool is_dry_run; /* show the report and commit nothing */
    json_t *before; /* with --watch: what the command was told the last time */
    /* Bridges and ports this command line makes: later commands of the same transaction refer to them by label. */
    struct client_new {
        enum cfg_table table;
        char name[32];
        uint64_t label;
        size_t op;
        uint64_t id; /* after the commit */
    } made[CLIENT_NEW_ROWS_MAX];
    size_t n_made;
};

void client_init(struct client *client);
void client_fini(struct client *client);
/* Connects and waits for the mirror. -ERROR_TIMEOUT with a detail that names configdb and how to start it. */
int client_open(struct client *client, struct error_detail *detail) MUST_CHECK;
/* One turn of the mirror: its work, then a wait of some milliseconds until something comes. */
void client_turn(struct client *client);
/* Status rows come behind the snapshot of the mirror: waits until every port and controller has one, at most half a second. */
void client_await_status(struct client *client);
/* Commits *txn (consumed), waits until every process has applied it and new ports are open; takes new ports back that cannot be opened. */
enum exit_status client_commit(struct client *client, struct cfg_txn **txn, struct error_detail *detail);
/* Asks process KIND.instance; its own error comes back with its text. */
int client_ask(struct client *client, enum process_kind kind, uint32_t instance, const char *command, const char *const *arguments,
               size_t n_arguments, json_t **out_json, struct error_detail *detail) MUST_CHECK;
/* Asks the ofagent that has the bridge arguments[0]; waits a little while it has none, then -ERROR_OWNER (client_owner.c). */
int client_ask_owner(struct client *client, const char *command, const char *const *arguments, size_t n_arguments, json_t **out_json,
                     struct error_detail *detail) MUST_CHECK;
/* The instance number of the ofagent that has the bridge of that row, by the mirror; 0: none has. */
uint32_t client_owner(const struct client *client, uint64_t bridge);
/* Instances of a kind, ascending; returns their number: those that have a control socket in the run directory or, over tcp, are registered. */
size_t client_instances(struct client *client, enum process_kind kind, uint32_t *out_instances, size_t room);

/* False when the process is known to be dead: nobody holds its pid file or, over tcp, it is not registered. */
bool client_is_alive(struct client *client, enum process_kind kind, uint32_t instance);
/* Those of client_instances() that are not known to be dead. */
size_t client_living(struct client *client, enum process_kind kind, uint32_t *out_instances, size_t room);

/* Row id of a bridge or port by name, also those made earlier on this command line (their label); 0 when there is none. */
uint64_t client_find(const struct client *client, enum cfg_table table, const char *name);
const Busbar__BridgeRow *client_bridge(const struct client *client, const char *name, uint64_t *out_id);
const Busbar__PortRow *client_port(const struct client *client, const char *name, uint64_t *out_id);
void client_remember(struct client *client, enum cfg_table table, const char *name, uint64_t label, size_t op);

#endif
