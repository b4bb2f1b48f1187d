/* Packets between shards and controllers' ofagents.
 *
 * Up: a packet goes to every ofagent that named its bridge, with the bridge's own number of the port it came in. Batches are passed on as
 * they came; what finds no room is dropped and counted: a controller that does not read must not hold up others (I9).
 * Down: a packet-out waits in order until the version it must follow is applied, is translated like any packet but without a flow, and goes to
 * the first open session: one shard, so one controller's packets stay in order.
 * Cost: a copy each way. Thread: the one that translates. Invariants: bounded listeners and packet-outs; order kept.
 */
#include "services/slowpath/packet.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/flow/parse.h"
#include "lib/msg/continuation.h"
#include "lib/msg/msg.h"
#include "lib/msg/rule.h"
#include "proto/packet.pb-c.h"
#include "services/slowpath/correct.h"
#include "services/slowpath/session.h"

struct listener {
    struct bus_identity who;
    uint64_t heard_ns;
    uint64_t *bridges; /* owned */
    size_t n_bridges;
};

struct waiting_out {
    Busbar__PacketOut *message; /* owned */
    uint64_t until_ns;
};

struct packet_wire {
    struct core *core;
    struct bus_socket *socket;
    struct listener listeners[PACKET_LISTENERS_MAX];
    size_t n_listeners;
    struct waiting_out outs[PACKET_OUTS_MAX]; /* a ring */
    size_t out_first, n_outs;
    struct translation translation;
};

int packet_open(struct core *core, const char *endpoint, struct packet_wire **out_wire)
{
    struct packet_wire *wire = memory_zeroed(sizeof *wire);
    wire->core = core;
    int err = bus_bind(core->bus, WIRE_PACKET, endpoint, &wire->socket);
    if (err != 0) {
        packet_close(&wire);
        return err;
    }
    *out_wire = wire;
    return 0;
}

const char *packet_endpoint(const struct packet_wire *wire)
{
    return bus_socket_endpoint(wire->socket);
}

static void out_drop_first(struct packet_wire *wire)
{
    protobuf_c_message_free_unpacked(&wire->outs[wire->out_first].message->base, NULL);
    wire->out_first = (wire->out_first + 1) % PACKET_OUTS_MAX;
    wire->n_outs--;
}

static void listener_remove(struct packet_wire *wire, size_t i)
{
    free(wire->listeners[i].bridges);
    wire->listeners[i] = wire->listeners[--wire->n_listeners];
}

void packet_close(struct packet_wire **wire)
{
    if (*wire == NULL) {
        return;
    }
    while ((*wire)->n_outs > 0) {
        out_drop_first(*wire);
    }
    while ((*wire)->n_listeners > 0) {
        listener_remove(*wire, 0);
    }
    bus_close(&(*wire)->socket);
    translation_fini(&(*wire)->translation);
    free(*wire);
    *wire = NULL;
}

int packet_fd(const struct packet_wire *wire)
{
    return bus_fd(wire->socket);
}

/* ---- up ---- */

static bool listener_takes(const struct listener *listener, uint64_t bridge)
{
    for (size_t i = 0; i < listener->n_bridges; i++) {
        if (listener->bridges[i] == bridge) {
            return true;
        }
    }
    return false;
}

static bool packet_in_fill(const struct packet_wire *wire, const Busbar__PacketUp *up, Busbar__PacketIn *in)
{
    const struct world_port *port = world_port(&wire->core->world, up->in_port);
    busbar__packet_in__init(in);
    in->bridge = up->bridge;
    in->cookie = up->cookie;
    in->table = up->table;
    bool is_newer = up->reason >= PACKET_IN_ACTION_SET && up->reason <= PACKET_IN_PACKET_OUT;
    in->reason = is_newer ? PACKET_IN_ACTION : up->reason; /* what an ofagent of before takes */
    in->told = is_newer ? up->reason : 0;
    in->in_port = port != NULL ? port->ofport : PORT_CONTROLLER;
    in->total_size = up->total_size;
    in->frame = up->frame;
    in->max_len = up->max_len;
    in->userdata = up->userdata;
    in->controller_id = up->controller_id;
    in->pipeline_fields = up->pipeline_fields;
    return port != NULL || up->in_port == 0;
}

/* Sends those of the batch that the listener takes; marks them in `is_taken`. */
static void send_to(struct packet_wire *wire, const struct listener *listener, Busbar__PacketIn *packets, size_t n,
                    bool *is_taken)
{
    Busbar__PacketIn **pointers = memory_array(n, sizeof(Busbar__PacketIn *));
    size_t *places = memory_array(n, sizeof *places);
    Busbar__PacketInBatch message = BUSBAR__PACKET_IN_BATCH__INIT;
    for (size_t i = 0; i < n; i++) {
        if (listener_takes(listener, packets[i].bridge)) {
            places[message.n_packets] = i;
            pointers[message.n_packets++] = &packets[i];
        }
    }
    message.packets = pointers;
    int err = message.n_packets > 0 ? msg_send(wire->socket, &listener->who, MESSAGE_PACKET_IN_BATCH, &message.base) : -EAGAIN;
    for (size_t i = 0; i < message.n_packets && err == 0; i++) {
        is_taken[places[i]] = true;
    }
    free(places);
    free(pointers);
}

void packet_up(struct packet_wire *wire, const Busbar__PacketUpBatch *batch)
{
    if (batch->n_packets == 0) {
        return;
    }
    struct slowpath_counts *counts = &wire->core->counts;
    Busbar__PacketIn *packets = memory_array(batch->n_packets, sizeof *packets);
    bool *is_taken = memory_array(batch->n_packets, sizeof *is_taken);
    size_t n = 0;
    for (size_t i = 0; i < batch->n_packets; i++) {
        if (packet_in_fill(wire, batch->packets[i], &packets[n])) {
            n++;
        } else {
            counts->packet_ins_dropped++; /* its port has gone meanwhile */
        }
    }
    for (size_t i = 0; i < wire->n_listeners && n > 0; i++) {
        send_to(wire, &wire->listeners[i], packets, n, is_taken);
    }
    for (size_t i = 0; i < n; i++) {
        counts->packet_ins += is_taken[i];
        counts->packet_ins_dropped += !is_taken[i];
    }
    free(is_taken);
    free(packets);
}

/* ---- what ofagents say ---- */

static struct listener *listener_of(struct packet_wire *wire, const struct bus_identity *who)
{
    for (size_t i = 0; i < wire->n_listeners; i++) {
        if (bus_identity_equal(&wire->listeners[i].who, who)) {
            return &wire->listeners[i];
        }
    }
    if (wire->n_listeners == PACKET_LISTENERS_MAX) {
        LOG_LIMITED(LOG_LEVEL_WARN, "packet_listener_refused peer=%s.%u", process_kind_name(who->kind), who->instance);
        return NULL;
    }
    struct listener *listener = &wire->listeners[wire->n_listeners++];
    *listener = (struct listener){.who = *who};
    return listener;
}

static void on_hello(struct packet_wire *wire, const struct bus_message *message)
{
    Busbar__PacketHello *hello = (Busbar__PacketHello *)msg_unpack(message, &busbar__packet_hello__descriptor);
    struct listener *listener = hello != NULL ? listener_of(wire, &message->from) : NULL;
    if (listener != NULL) {
        free(listener->bridges);
        listener->n_bridges = hello->n_bridges;
        listener->bridges =
            hello->n_bridges > 0 ? memory_copy(hello->bridges, hello->n_bridges * sizeof *hello->bridges) : NULL;
        listener->heard_ns = wire->core->now_ns;
    }
    if (hello == NULL) {
        wire->core->counts.malformed++;
        return;
    }
    protobuf_c_message_free_unpacked(&hello->base, NULL);
}

static void on_packet_out(struct packet_wire *wire, const struct bus_message *message)
{
    Busbar__PacketOut *out = (Busbar__PacketOut *)msg_unpack(message, &busbar__packet_out__descriptor);
    if (out == NULL) {
        wire->core->counts.malformed++;
        return;
    }
    if (wire->n_outs == PACKET_OUTS_MAX) {
        wire->core->counts.packet_outs_dropped++;
        protobuf_c_message_free_unpacked(&out->base, NULL);
        return;
    }
    wire->outs[(wire->out_first + wire->n_outs++) % PACKET_OUTS_MAX] =
        (struct waiting_out){.message = out, .until_ns = wire->core->now_ns + PACKET_OUT_WAIT_MS * NS_PER_MS};
}

/* ---- down ---- */

static int send_down(struct packet_wire *wire, uint32_t in_port, const Busbar__PacketOut *out)
{
    for (size_t i = 0; i < wire->core->n_sessions; i++) {
        if (session_is_open(wire->core->sessions[i])) {
            return session_send_frame(wire->core->sessions[i], in_port, &wire->translation, out->frame.data, out->frame.len);
        }
    }
    return -ERROR_NOT_CONNECTED;
}

static int carry_out(struct packet_wire *wire, const Busbar__PacketOut *out)
{
    struct core *core = wire->core;
    struct action_list actions = {0};
    struct continuation left = {.n_steps = 0};
    struct error_detail detail = {""};
    struct flow_key key;
    struct parse_result offsets;
    const struct world_bridge *bridge = world_bridge(&core->world, out->bridge);
    const struct world_port *port = bridge != NULL ? world_port_by_ofport(bridge, out->in_port) : NULL;
    uint32_t in_port = port != NULL ? port->id : 0;
    int err = parse_frame(out->frame.data, out->frame.len, in_port, &key, &offsets);
    if (err == 0) {
        err = msg_actions_decode(out->actions, out->n_actions, &actions, &detail);
    }
    if (err == 0 && out->continuation.len > 0) {
        err = continuation_read(out->continuation.data, out->continuation.len, &left, &detail);
    }
    if (err == 0) {
        const struct continuation *left_or_none = out->continuation.len > 0 ? &left : NULL;
        struct translate_input input = {
            .world = &core->world, .macs = core->macs, .now_ns = core->now_ns, .learning = TRANSLATE_LEARN};
        translate_packet_out(&input, out->bridge, out->in_port, &actions, left_or_none, &key, &wire->translation);
        if (wire->translation.needs_more) { /* of what labels cover; the hash it has */
            core_worked(core, &wire->translation);
            key = translate_again(&wire->translation, &key, out->frame.data, out->frame.len);
            translate_packet_out(&input, out->bridge, out->in_port, &actions, left_or_none, &key, &wire->translation);
        }
        core_worked(core, &wire->translation);
        correct_mark_macs(core);
        err = wire->translation.is_refused ? -ERROR_REFUSED : send_down(wire, in_port, out);
    }
    action_list_fini(&actions);
    continuation_fini(&left);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "packet_out_dropped bridge=%llu error=\"%s\" what=\"%s\"", (unsigned long long)out->bridge,
                    error_text(err), detail.text);
    }
    return err;
}

static void carry_out_all(struct packet_wire *wire)
{
    struct core *core = wire->core;
    while (wire->n_outs > 0 && core->work_left > 0) {
        const struct waiting_out *first = &wire->outs[wire->out_first];
        bool may_go = core->has_version && version_reached(core->version, version_decode(first->message->follow));
        if (!may_go && core->now_ns < first->until_ns) {
            return;
        }
        bool is_done = may_go && carry_out(wire, first->message) == 0;
        core->counts.packet_outs += is_done;
        core->counts.packet_outs_dropped += !is_done;
        out_drop_first(wire);
    }
}

void packet_step(struct packet_wire *wire)
{
    struct bus_message message;
    for (int i = 0; i < PACKET_MESSAGES_PER_STEP && bus_recv(wire->socket, &message) == 0; i++) {
        if (message.type == MESSAGE_PACKET_HELLO) {
            on_hello(wire, &message);
        } else {
            on_packet_out(wire, &message);
        }
        bus_message_fini(&message);
    }
    for (size_t i = wire->n_listeners; i > 0; i--) {
        if (wire->core->now_ns - wire->listeners[i - 1].heard_ns > PACKET_LISTENER_SILENCE_MS * NS_PER_MS) {
            listener_remove(wire, i - 1);
        }
    }
    carry_out_all(wire);
}

size_t packet_count_waiting(const struct packet_wire *wire)
{
    return wire->n_outs;
}
