/* The answering side of the control wire (control.h): every process steps one of these beside its work.
 *
 * A request becomes a control_call, which the command keeps for as long as it needs. Replies that find no room on the bus wait in the
 * call, in order, and are sent by later steps; a client that takes nothing for STUCK_NS, or whose answer outgrows PENDING_MAX_BYTES, loses the
 * rest of it. So a client can hold at most CONTROL_CALLS_MAX calls and that much memory of a process, and never its time.
 * Long arrays are cut into pieces of PIECE_ELEMENTS here, so commands need not think about message sizes.
 * One thread, the owner of the socket. Nothing waits.
 */
#include "lib/msg/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/bus/role.h"
#include "lib/msg/msg.h"
#include "proto/control.pb-c.h"

enum {
    PIECE_ELEMENTS = 500,                  /* of a list of rules: some 100 KiB */
    PENDING_MAX_BYTES = 256 * 1024 * 1024, /* of one server: a dump of a million rules and some */
};
static const uint64_t STUCK_NS = 5 * NS_PER_S;

struct pending {
    struct pending *prev, *next;
    size_t size;
    uint8_t bytes[];
};

struct control_call {
    struct control_call *prev, *next;
    struct control_server *server;
    struct bus_identity from;
    uint64_t number;
    struct pending *pending;
    uint64_t stuck_since_ns; /* 0: nothing waits */
    bool is_lost;            /* the client is gone or took too long: say nothing more */
    bool is_finished;        /* the command is done with it; goes when nothing is pending */
};

struct control_server {
    struct bus *bus;
    struct bus_socket *socket;
    const struct control_command *commands;
    size_t n_commands;
    json_t *(*status)(void *context);
    void *context;
    struct control_call *calls;
    size_t n_calls;
    size_t pending_bytes;
    uint64_t n_refused, n_forbidden;
    uint64_t first_step_ns, now_ns;
};

static void drop_pending(struct control_call *call)
{
    struct pending *piece, *next;
    DL_FOREACH_SAFE(call->pending, piece, next)
    {
        DL_DELETE(call->pending, piece);
        call->server->pending_bytes -= piece->size;
        free(piece);
    }
    call->stuck_since_ns = 0;
}

static void lose(struct control_call *call, const char *why)
{
    LOG_LIMITED(LOG_LEVEL_INFO, "control_call_lost client=%s.%u why=%s", process_kind_name(call->from.kind),
                call->from.instance, why);
    drop_pending(call);
    call->is_lost = true;
}

static void call_free(struct control_call *call)
{
    drop_pending(call);
    DL_DELETE(call->server->calls, call);
    call->server->n_calls--;
    free(call);
}

/* Sends what waits, in order; frees the call when it is finished and empty. */
static void flush(struct control_call *call)
{
    struct control_server *server = call->server;
    while (call->pending != NULL) {
        struct pending *piece = call->pending;
        int err = bus_send(server->socket, &call->from, MESSAGE_CONTROL_REPLY, piece->bytes, piece->size);
        if (err == -EAGAIN && call->stuck_since_ns == 0) {
            call->stuck_since_ns = server->now_ns;
        }
        if (err == -EAGAIN && server->now_ns - call->stuck_since_ns < STUCK_NS) {
            return;
        }
        if (err < 0) {
            lose(call, error_text(err));
            break;
        }
        call->stuck_since_ns = 0;
        DL_DELETE(call->pending, piece);
        server->pending_bytes -= piece->size;
        free(piece);
    }
    if (call->is_finished) {
        call_free(call);
    }
}

static void append(struct control_call *call, const Busbar__ControlReply *reply, size_t size)
{
    struct pending *piece = memory_zeroed(sizeof *piece + size);
    piece->size = busbar__control_reply__pack(reply, piece->bytes);
    DL_APPEND(call->pending, piece);
    call->server->pending_bytes += piece->size;
}

/* Puts one reply behind those that wait; one that is too large becomes an error that ends the answer. */
static void put(struct control_call *call, const Busbar__ControlReply *reply)
{
    size_t size = busbar__control_reply__get_packed_size(reply);
    if (call->is_lost) {
        return;
    }
    if (size <= BUS_MESSAGE_MAX_BYTES && call->server->pending_bytes + size <= PENDING_MAX_BYTES) {
        append(call, reply, size);
        return;
    }
    lose(call, "answer_too_large");
    Busbar__ControlReply error = BUSBAR__CONTROL_REPLY__INIT;
    error.error = -ERROR_TOO_LARGE;
    error.text = (char *)"the answer is too large";
    error.last = true;
    error.call = call->number;
    append(call, &error, busbar__control_reply__get_packed_size(&error));
}

static void put_json(struct control_call *call, const json_t *json, bool is_last)
{
    Busbar__ControlReply reply = BUSBAR__CONTROL_REPLY__INIT;
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text != NULL) {
        reply.json = text;
    }
    reply.call = call->number;
    reply.last = is_last;
    put(call, &reply);
    free(text);
}

static void put_split(struct control_call *call, json_t *json, bool is_last)
{
    size_t n = json_is_array(json) ? json_array_size(json) : 0;
    size_t done = 0;
    for (; n - done > PIECE_ELEMENTS; done += PIECE_ELEMENTS) {
        json_t *part = json_array();
        for (size_t i = 0; i < PIECE_ELEMENTS; i++) {
            json_array_append(part, json_array_get(json, done + i));
        }
        put_json(call, part, false);
        json_decref(part);
    }
    if (done == 0) {
        put_json(call, json, is_last);
    } else {
        json_t *rest = json_array();
        for (; done < n; done++) {
            json_array_append(rest, json_array_get(json, done));
        }
        put_json(call, rest, is_last);
        json_decref(rest);
    }
    json_decref(json);
}

void control_piece(struct control_call *call, json_t *json)
{
    put_split(call, json, false);
    flush(call);
}

void control_reply(struct control_call *call, json_t *json)
{
    put_split(call, json, true);
    call->is_finished = true;
    flush(call);
}

void control_fail(struct control_call *call, int error, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    Busbar__ControlReply reply = BUSBAR__CONTROL_REPLY__INIT;
    reply.error = error < 0 ? error : -error;
    reply.text = text;
    reply.last = true;
    reply.call = call->number;
    put(call, &reply);
    call->is_finished = true;
    flush(call);
}

bool control_is_lost(const struct control_call *call)
{
    return call->is_lost;
}

bool control_has_room(const struct control_call *call)
{
    return call->pending == NULL;
}

static json_t *counters_json(const struct bus_counters *c)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "received", (json_int_t)c->received, "sent", (json_int_t)c->sent,
                     "malformed", (json_int_t)c->malformed, "wrong_wire", (json_int_t)c->wrong_wire, "wrong_version",
                     (json_int_t)c->wrong_version, "wrong_sender", (json_int_t)c->wrong_sender, "wrong_key",
                     (json_int_t)c->wrong_key, "unknown_type", (json_int_t)c->unknown_type, "too_large", (json_int_t)c->too_large);
}

static void run_status(struct control_server *server, struct control_call *call)
{
    const struct bus_identity *self = bus_self(server->bus);
    char start[20];
    snprintf(start, sizeof start, "%016" PRIx64, self->start);
    json_t *json = json_pack("{s:s,s:I,s:s,s:I,s:s,s:I,s:s,s:o,s:I,s:I}", "process", process_kind_name(self->kind), "instance",
                             (json_int_t)self->instance, "start", start, "pid", (json_int_t)getpid(), "build", BUSBAR_VERSION,
                             "uptime_s", (json_int_t)((server->now_ns - server->first_step_ns) / NS_PER_S), "log_level",
                             log_level_name(log_get_level()), "control", counters_json(bus_socket_counters(server->socket)),
                             "calls_refused", (json_int_t)server->n_refused, "calls_forbidden", (json_int_t)server->n_forbidden);
    json_t *own = server->status != NULL ? server->status(server->context) : NULL;
    if (json_is_object(own)) {
        json_object_update(json, own);
    }
    json_decref(own);
    control_reply(call, json);
}

static void run_log_level(struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    enum log_level level = log_get_level();
    if (n_arguments > 1 || (n_arguments == 1 && log_level_parse(arguments[0], &level) < 0)) {
        control_fail(call, -ERROR_SYNTAX, "log-level: give one of error, warn, info, debug, or nothing");
        return;
    }
    log_set_level(level);
    control_reply(call, json_string(log_level_name(level)));
}

static enum bus_role needs_of(const struct control_command *command)
{
    return command->needs != ROLE_NONE ? command->needs : ROLE_ADMIN;
}

/* False, and the call has failed, when the sender's role does not include what the command asks for. */
static bool may(struct control_call *call, enum bus_role role, enum bus_role needs, const char *command)
{
    if (role_includes(role, needs)) {
        return true;
    }
    call->server->n_forbidden++;
    control_fail(call, -ERROR_WRONG_SENDER, "%.100s needs a key of the role %s; this one has %s", command, role_name(needs), role_name(role));
    return false;
}

static void run_help(struct control_server *server, struct control_call *call)
{
    static const struct control_command built_in[] = {
        {.name = "help", .usage = "", .help = "Lists the commands.", .needs = ROLE_READ},
        {.name = "log-level", .usage = "[LEVEL]", .help = "Shows or sets the level of the log (sets: operate).", .needs = ROLE_READ},
        {.name = "status", .usage = "", .help = "Shows what the process is and does.", .needs = ROLE_READ}};
    const size_t n_built_in = sizeof built_in / sizeof built_in[0];
    json_t *list = json_array();
    for (size_t i = 0; i < n_built_in + server->n_commands; i++) {
        const struct control_command *c = i < n_built_in ? &built_in[i] : &server->commands[i - n_built_in];
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "name", c->name, "usage", c->usage, "help", c->help, "needs",
                                              role_name(needs_of(c))));
    }
    control_reply(call, list);
}

static void run(struct control_server *server, struct control_call *call, enum bus_role role, const Busbar__ControlRequest *request)
{
    const char *const *arguments = (const char *const *)request->arguments;
    for (size_t i = 0; i < server->n_commands; i++) {
        if (strcmp(server->commands[i].name, request->command) == 0) {
            if (may(call, role, needs_of(&server->commands[i]), request->command)) {
                server->commands[i].run(server->context, call, arguments, request->n_arguments);
            }
            return;
        }
    }
    bool sets_level = strcmp(request->command, "log-level") == 0 && request->n_arguments > 0;
    if (!may(call, role, sets_level ? ROLE_OPERATE : ROLE_READ, request->command)) {
        return;
    }
    if (strcmp(request->command, "status") == 0) {
        run_status(server, call);
    } else if (strcmp(request->command, "help") == 0) {
        run_help(server, call);
    } else if (strcmp(request->command, "log-level") == 0) {
        run_log_level(call, arguments, request->n_arguments);
    } else {
        control_fail(call, -ERROR_UNKNOWN_NAME, "%s has no command \"%.100s\"", process_kind_name(bus_self(server->bus)->kind),
                     request->command);
    }
}

static void on_request(struct control_server *server, const struct bus_message *message)
{
    Busbar__ControlRequest *request = (Busbar__ControlRequest *)msg_unpack(message, &busbar__control_request__descriptor);
    if (request == NULL) {
        LOG_LIMITED(LOG_LEVEL_WARN, "control_malformed client=%s.%u", process_kind_name(message->from.kind),
                    message->from.instance);
        return;
    }
    struct control_call *call = memory_zeroed(sizeof *call);
    call->server = server;
    call->from = message->from;
    call->number = request->call;
    DL_APPEND(server->calls, call);
    if (server->n_calls++ >= CONTROL_CALLS_MAX) {
        server->n_refused++;
        control_fail(call, -ERROR_REFUSED, "%d requests are open already", CONTROL_CALLS_MAX);
    } else {
        run(server, call, message->role, request);
    }
    busbar__control_request__free_unpacked(request, NULL);
}

int control_server_new(struct bus *bus, const char *endpoint, const struct control_command *commands, size_t n_commands,
                       json_t *(*status)(void *context), void *context, struct control_server **out_server)
{
    struct control_server *server = memory_zeroed(sizeof *server);
    *server = (struct control_server){
        .bus = bus, .commands = commands, .n_commands = n_commands, .status = status, .context = context};
    int err = bus_bind(bus, WIRE_CONTROL, endpoint, &server->socket);
    if (err < 0) {
        free(server);
        return err;
    }
    *out_server = server;
    return 0;
}

const char *control_server_endpoint(const struct control_server *server)
{
    return bus_socket_endpoint(server->socket);
}

void control_server_destroy(struct control_server **server)
{
    struct control_server *s = *server;
    if (s == NULL) {
        return;
    }
    *server = NULL;
    struct control_call *call, *next;
    DL_FOREACH_SAFE(s->calls, call, next)
    {
        if (!call->is_finished) {
            control_fail(call, -ERROR_NOT_CONNECTED, "the process ends");
        }
    }
    DL_FOREACH_SAFE(s->calls, call, next)
    {
        call_free(call);
    }
    bus_close(&s->socket);
    free(s);
}

void control_server_step(struct control_server *server, uint64_t now_ns)
{
    server->now_ns = now_ns;
    server->first_step_ns = server->first_step_ns != 0 ? server->first_step_ns : now_ns;
    struct bus_message message;
    for (int i = 0; i < CONTROL_CALLS_MAX && bus_recv(server->socket, &message) == 0; i++) {
        if (message.type == MESSAGE_CONTROL_REQUEST) {
            on_request(server, &message);
        }
        bus_message_fini(&message);
    }
    struct control_call *call, *next;
    DL_FOREACH_SAFE(server->calls, call, next)
    {
        flush(call);
    }
}

bool control_server_is_busy(const struct control_server *server)
{
    return server->calls != NULL;
}

int control_server_fd(const struct control_server *server)
{
    return bus_fd(server->socket);
}
