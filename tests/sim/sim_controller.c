/* The simulated controller: frames and codec are lib/openflow's own, so a mistake common to both sides is not seen here (tests/golden is for that).
 *
 * Errors of the switch fail the test, unless the scenario hears them itself. One thread; nothing blocks, or the switch would never get its
 * turn: what the kernel does not take waits in `out` for the next call.
 */
#include "tests/sim/sim_controller.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


static bool controller_connects(struct sim *sim, void *context)
{
    struct sim_controller *controller = context;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.80s/%.16s.mgmt", sim->run_dir, controller->bridge);
    controller->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(controller->fd >= 0);
    if (connect(controller->fd, (struct sockaddr *)&address, sizeof address) == 0) {
        return true;
    }
    close(controller->fd);
    controller->fd = -1;
    return false;
}

/* As much as the kernel takes now. */
static void flush(struct sim_controller *controller)
{
    struct writer *out = &controller->out;
    ssize_t n = out->size > 0 ? send(controller->fd, out->bytes, out->size, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n < 0) {
        assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
        return;
    }
    memmove(out->bytes, out->bytes + n, out->size - (size_t)n);
    out->size -= (size_t)n;
}

uint32_t sim_controller_say(struct sim_controller *controller, struct of_message *message)
{
    message->version = controller->version;
    message->xid = ++controller->xid;
    assert_int_equal(of_encode(message, &controller->out), 0);
    of_message_fini(message);
    flush(controller);
    return controller->xid;
}

static void answer_echo(struct sim_controller *controller, const struct of_message *request)
{
    struct of_message reply = {.version = controller->version, .type = OF_ECHO_REPLY, .xid = request->xid, .echo = request->echo};
    assert_int_equal(of_encode(&reply, &controller->out), 0);
    flush(controller);
}

static bool controller_next(struct sim_controller *controller)
{
    const struct of_decode_context context = {.version = controller->version};
    const uint8_t *bytes;
    uint8_t *room;
    size_t size;
    struct of_error error;
    int found = of_stream_next(&controller->stream, &bytes, &size);
    if (found == 0) {
        size_t free_bytes = of_stream_room(&controller->stream, &room);
        ssize_t n = recv(controller->fd, room, free_bytes, MSG_DONTWAIT);
        if (n <= 0) {
            assert_true(n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
            return false;
        }
        of_stream_received(&controller->stream, (size_t)n);
        found = of_stream_next(&controller->stream, &bytes, &size);
    }
    assert_true(found >= 0);
    if (found == 0) {
        return false;
    }
    of_message_fini(&controller->message);
    controller->message = (struct of_message){.type = OF_BARRIER_REQUEST};
    if (of_decode(bytes, size, &context, &controller->message, &error) != 0) {
        fail_msg("seed %" PRIu64 ": the switch said what cannot be read", controller->sim->seed);
    }
    return true;
}

const struct of_message *sim_controller_hear(struct sim_controller *controller)
{
    flush(controller);
    while (controller_next(controller)) {
        if (controller->message.type != OF_ECHO_REQUEST) {
            return &controller->message;
        }
        answer_echo(controller, &controller->message);
    }
    return NULL;
}

struct awaited_message {
    struct sim_controller *controller;
    enum of_type type;
};

static bool message_has_come(struct sim *sim, void *context)
{
    struct awaited_message *awaited = context;
    const struct of_message *message;
    while ((message = sim_controller_hear(awaited->controller)) != NULL) {
        if (message->type == awaited->type) {
            return true;
        }
        if (message->type == OF_ERROR) {
            fail_msg("seed %" PRIu64 ": the switch answered request %u with error %d", sim->seed, message->xid, (int)message->error.number);
        }
    }
    return false;
}

const struct of_message *sim_controller_await(struct sim_controller *controller, enum of_type type)
{
    struct awaited_message awaited = {.controller = controller, .type = type};
    (void)sim_until(controller->sim, message_has_come, &awaited, "an OpenFlow message");
    return &controller->message;
}

struct sim_controller *sim_controller_new_in(struct sim *sim, const char *bridge, uint8_t version)
{
    struct sim_controller *controller = memory_zeroed(sizeof *controller);
    struct of_message hello = {.type = OF_HELLO, .hello = {.versions = UINT32_C(1) << version}};
    struct of_message config = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 0xffff}};
    controller->sim = sim;
    controller->bridge = bridge;
    controller->version = version;
    controller->message.type = OF_BARRIER_REQUEST;
    of_stream_init(&controller->stream);
    writer_init(&controller->out);
    (void)sim_until(sim, controller_connects, controller, "ofagent's socket for controllers");
    (void)sim_controller_say(controller, &hello);
    (void)sim_controller_await(controller, OF_HELLO);
    (void)sim_controller_say(controller, &config); /* without it the local socket gives answers only, as Open vSwitch's does */
    return controller;
}

struct sim_controller *sim_controller_new(struct sim *sim, const char *bridge)
{
    return sim_controller_new_in(sim, bridge, OF_VERSION_13);
}

void sim_controller_destroy(struct sim_controller **controller)
{
    if (*controller != NULL) {
        of_message_fini(&(*controller)->message);
        of_stream_fini(&(*controller)->stream);
        writer_fini(&(*controller)->out);
        close((*controller)->fd);
        free(*controller);
        *controller = NULL;
    }
}

uint32_t sim_controller_flow_mod(struct sim_controller *controller, enum flow_mod_command command, const char *flow)
{
    struct of_message message = {.type = OF_FLOW_MOD};
    struct error_detail detail = {""};
    struct match_ports ports = {0};
    if (flow_mod_parse(flow, command, &ports, &message.flow_mod, &detail) != 0) {
        fail_msg("%s: %s", flow, detail.text);
    }
    return sim_controller_say(controller, &message);
}

uint32_t sim_controller_barrier(struct sim_controller *controller)
{
    struct of_message message = {.type = OF_BARRIER_REQUEST};
    return sim_controller_say(controller, &message);
}

uint32_t sim_controller_packet_out(struct sim_controller *controller, struct sim_packet packet, uint32_t port)
{
    struct writer w;
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = port}};
    struct of_message message = {.type = OF_PACKET_OUT, .packet_out = {.buffer_id = OF_NO_BUFFER, .in_port = packet.from}};
    writer_init(&w);
    sim_frame(&packet, &w);
    message.packet_out.data = w.bytes;
    message.packet_out.data_size = w.size;
    action_list_add(&message.packet_out.actions, &output);
    uint32_t xid = sim_controller_say(controller, &message);
    writer_fini(&w);
    return xid;
}
