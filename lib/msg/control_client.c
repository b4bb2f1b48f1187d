/* The asking side of the control wire (control.h), for swctl and tests: the one place in the libraries that waits.
 *
 * One socket a request, closed behind it. Replies are told from late ones of an earlier request by their call number. What comes back is
 * another process's word: JSON that cannot be read is an error with the endpoint's name, never a crash.
 * Costs a connection (about 1 ms) and one round trip. Any thread that may wait.
 */
#include "lib/msg/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/msg/msg.h"
#include "proto/control.pb-c.h"

enum { POLL_MS = 20 /* the fd is edge-triggered: look at least that often */ };

struct request {
    struct bus_socket *socket;
    const char *endpoint;
    uint64_t call;
    uint32_t timeout_ms;
    uint64_t deadline_ns; /* for the next piece */
    json_t *list; /* pieces, joined; NULL while there was none */
    struct error_detail *detail;
};

static void wait_for_more(const struct request *r)
{
    uint64_t now = clock_now_ns();
    uint64_t left_ms = r->deadline_ns > now ? (r->deadline_ns - now) / NS_PER_MS + 1 : 0;
    struct pollfd pfd = {.fd = bus_fd(r->socket), .events = POLLIN};
    poll(&pfd, 1, left_ms < POLL_MS ? (int)left_ms : POLL_MS);
}

static int send_request(struct request *r, const char *command, const char *const *arguments, size_t n_arguments)
{
    Busbar__ControlRequest message = BUSBAR__CONTROL_REQUEST__INIT;
    message.command = (char *)command;
    message.arguments = (char **)arguments;
    message.n_arguments = n_arguments;
    message.call = r->call;
    int err;
    while ((err = msg_send(r->socket, NULL, MESSAGE_CONTROL_REQUEST, &message.base)) == -EAGAIN) {
        if (clock_now_ns() >= r->deadline_ns) {
            return error_set(r->detail, -ERROR_TIMEOUT, "nobody answers at %s: is the process running?", r->endpoint);
        }
        wait_for_more(r);
    }
    return err < 0 ? error_set(r->detail, err, "%s: %s", r->endpoint, error_text(err)) : 0;
}

/* The process understands older versions than ours, and has said so: once more in one of those; or none that we do. */
static int look_at_version(struct request *r, const char *command, const char *const *arguments, size_t n_arguments)
{
    char text[256];
    if (bus_is_refused(r->socket, text, sizeof text)) {
        return error_set(r->detail, -ERROR_VERSION, "%s", text);
    }
    return bus_take_version_change(r->socket) ? send_request(r, command, arguments, n_arguments) : 0;
}

/* Adds what one reply carries. */
static int take_json(struct request *r, const char *text)
{
    if (text[0] == '\0') {
        return 0;
    }
    json_error_t where;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &where);
    if (json == NULL) {
        return error_set(r->detail, -ERROR_SYNTAX, "%s answers what is no JSON: %s", r->endpoint, where.text);
    }
    if (r->list == NULL) {
        r->list = json;
    } else if (json_is_array(r->list) && json_is_array(json)) {
        json_array_extend(r->list, json);
        json_decref(json);
    } else if (json_is_array(r->list)) {
        json_array_append_new(r->list, json);
    } else {
        json_decref(json);
        return error_set(r->detail, -ERROR_SYNTAX, "%s answers pieces that are no list", r->endpoint);
    }
    return 0;
}

/* 1: complete, 0: more will come. */
static int take_reply(struct request *r, const struct bus_message *message)
{
    Busbar__ControlReply *reply = (Busbar__ControlReply *)msg_unpack(message, &busbar__control_reply__descriptor);
    if (reply == NULL) {
        return error_set(r->detail, -ERROR_SYNTAX, "%s answers what cannot be read", r->endpoint);
    }
    int result = 0;
    if (reply->call == r->call && reply->error != 0) {
        int err = reply->error < 0 ? reply->error : -ERROR_REFUSED;
        result = error_set(r->detail, err, "%s", reply->text[0] != '\0' ? reply->text : error_text(err));
    } else if (reply->call == r->call) {
        int err = take_json(r, reply->json);
        result = err < 0 ? err : reply->last ? 1 : 0;
        r->deadline_ns = clock_now_ns() + r->timeout_ms * NS_PER_MS;
    }
    busbar__control_reply__free_unpacked(reply, NULL);
    return result;
}

static int collect(struct request *r, const char *command, const char *const *arguments, size_t n_arguments)
{
    int result = 0;
    while (result == 0) {
        struct bus_message message;
        if (bus_recv(r->socket, &message) == 0) {
            result = message.type == MESSAGE_CONTROL_REPLY ? take_reply(r, &message) : 0;
            bus_message_fini(&message);
        } else if (clock_now_ns() >= r->deadline_ns) {
            result = error_set(r->detail, -ERROR_TIMEOUT, "no answer in time from %s", r->endpoint);
        } else if ((result = look_at_version(r, command, arguments, n_arguments)) == 0) {
            wait_for_more(r);
        }
    }
    return result < 0 ? result : 0;
}

int control_request(struct bus *bus, const char *endpoint, const char *command, const char *const *arguments,
                    size_t n_arguments, uint32_t timeout_ms, json_t **out_json, struct error_detail *detail)
{
    struct request r = {.endpoint = endpoint,
                        .call = random_start_number(),
                        .timeout_ms = timeout_ms,
                        .deadline_ns = clock_now_ns() + timeout_ms * NS_PER_MS,
                        .detail = detail};
    int err = bus_connect(bus, WIRE_CONTROL, endpoint, &r.socket);
    if (err < 0) {
        return error_set(detail, err, "%s: %s", endpoint, error_text(err));
    }
    if (bus_fd(r.socket) < 0) {
        bus_close(&r.socket);
        return error_set(detail, -ERROR_UNSUPPORTED, "%s: a bus in memory cannot be waited for", endpoint);
    }
    err = send_request(&r, command, arguments, n_arguments);
    if (err == 0) {
        err = collect(&r, command, arguments, n_arguments);
    }
    bus_close(&r.socket);
    if (err < 0) {
        json_decref(r.list);
        return err;
    }
    *out_json = r.list != NULL ? r.list : json_null();
    return 0;
}
