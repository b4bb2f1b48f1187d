/* The control wire for every process: a table of commands on one side, one blocking-free client on the other.
 *
 * A process binds `control` and steps a control_server over its command table; "status", "help" and "log-level" are built in (status
 * adds what the process's own status function gives). A command answers at once or keeps the call and answers later (add-flow waits for
 * its barrier). Answers are JSON; long lists go in several pieces, each a JSON array. Requests beyond CONTROL_CALLS_MAX are refused.
 */
#ifndef BUSBAR_MSG_CONTROL_H
#define BUSBAR_MSG_CONTROL_H

#include <jansson.h>

#include "lib/bus/bus.h"

enum { CONTROL_CALLS_MAX = 64 /* at once: people and scripts, not traffic */ };

struct control_call; /* one request being answered */

struct control_command {
    const char *name;  /* "dump-flows" */
    const char *usage; /* "BRIDGE [MATCH]" */
    const char *help;  /* a sentence */
    enum bus_role needs; /* ROLE_READ: only looks; ROLE_OPERATE: changes rules and what passes; else: ROLE_ADMIN */
    /* Answers now or later with control_reply / control_fail, exactly once. */
    void (*run)(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
};

struct control_server;
int control_server_new(struct bus *bus, const char *endpoint, const struct control_command *commands, size_t n_commands,
                       json_t *(*status)(void *context), void *context, struct control_server **out_server) MUST_CHECK;
const char *control_server_endpoint(const struct control_server *server); /* as bus_socket_endpoint() */
void control_server_destroy(struct control_server **server); /* calls still open are answered with an error */
void control_server_step(struct control_server *server, uint64_t now_ns);
/* Are there calls that have not been answered to the end? */
bool control_server_is_busy(const struct control_server *server);
int control_server_fd(const struct control_server *server);

/* Takes the reference to `json`. A piece: more will come. */
void control_piece(struct control_call *call, json_t *json);
void control_reply(struct control_call *call, json_t *json); /* ends the call */
void control_fail(struct control_call *call, int error, const char *format, ...) PRINTF_LIKE(3, 4);

/* The client is gone or took nothing for too long: what else is said is lost, so the command may as well end the call. */
bool control_is_lost(const struct control_call *call);
/* All that was said is on its way. A long answer that goes on only then holds one piece in memory. */
bool control_has_room(const struct control_call *call);

/* Client: sends one request and collects the answer. Pieces that are arrays are joined. Waits up to timeout_ms for each piece (used by swctl and tests).
 * Returns 0 and the JSON (a reference of the caller's), or the process's error with its text in `detail`, -ERROR_TIMEOUT naming the endpoint. */
int control_request(struct bus *bus, const char *endpoint, const char *command, const char *const *arguments, size_t n_arguments,
                    uint32_t timeout_ms, json_t **out_json, struct error_detail *detail) MUST_CHECK;

#endif
