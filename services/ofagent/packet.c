/* The packet wire: packet-ins and packet-outs. See packet.h.
 *
 * A session keeps to one replica while the set of replicas stays the same, so its packet-outs keep their order. What finds no
 * room is dropped and counted, both ways: a controller that floods must not take memory, and one that does not read loses packet-ins
 * before anything else.
 * The ofagent's one thread. Invariant: a packet-in goes only to sessions of the bridge it names.
 */
#include "services/ofagent/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/msg.h"
#include "lib/msg/pipeline_fields.h"
#include "lib/msg/rule.h"
#include "proto/packet.pb-c.h"
#include "services/ofagent/bridge.h"

struct replica {
    uint64_t service;
    uint64_t start;
    struct bus_socket *socket;
    uint64_t hello_ns; /* when the last one was sent */
    bool is_told;
};

struct packet {
    struct ofagent *agent;
    struct replica replicas[PACKET_REPLICAS_MAX];
    size_t n_replicas;
    struct packet_counts counts;
};

struct packet *packet_new(struct ofagent *agent)
{
    struct packet *packet = memory_zeroed(sizeof *packet);
    packet->agent = agent;
    return packet;
}

void packet_destroy(struct packet **packet)
{
    if (*packet == NULL) {
        return;
    }
    for (size_t i = 0; i < (*packet)->n_replicas; i++) {
        bus_close(&(*packet)->replicas[i].socket);
    }
    free(*packet);
    *packet = NULL;
}

void packet_leave(struct packet *packet, uint64_t service)
{
    for (size_t i = 0; i < packet->n_replicas; i++) {
        if (packet->replicas[i].service == service) {
            bus_close(&packet->replicas[i].socket);
            packet->replicas[i] = packet->replicas[--packet->n_replicas];
            return;
        }
    }
}

void packet_join(struct packet *packet, uint64_t service, const Busbar__ServiceRow *row)
{
    struct replica replica = {.service = service, .start = row->start};

    packet_leave(packet, service);
    if (row->packet[0] == '\0') {
        return;
    }
    int err = packet->n_replicas < PACKET_REPLICAS_MAX
                  ? bus_connect(packet->agent->settings.bus, WIRE_PACKET, row->packet, &replica.socket)
                  : -ERROR_TOO_LARGE;
    if (err != 0) {
        log_error("slowpath-unreachable endpoint=%s error=\"%s\"", row->packet, error_text(err));
        return;
    }
    packet->replicas[packet->n_replicas++] = replica;
}

void packet_bridges_changed(struct packet *packet)
{
    for (size_t i = 0; i < packet->n_replicas; i++) {
        packet->replicas[i].is_told = false;
    }
}

static void say_hello(struct packet *packet, struct replica *replica)
{
    Busbar__PacketHello hello = BUSBAR__PACKET_HELLO__INIT;
    uint64_t now_ns = packet->agent->now_ns;
    size_t n = 0;

    if (replica->is_told && now_ns - replica->hello_ns < PACKET_HELLO_NS) {
        return;
    }
    for (const struct bridge *b = packet->agent->bridges; b != NULL; b = b->next) {
        n += b->state == BRIDGE_READY;
    }
    uint64_t *ids = memory_array(n + 1, sizeof *ids);
    for (const struct bridge *b = packet->agent->bridges; b != NULL; b = b->next) {
        if (b->state == BRIDGE_READY) {
            ids[hello.n_bridges++] = b->id;
        }
    }
    hello.bridges = ids;
    if (msg_send(replica->socket, NULL, MESSAGE_PACKET_HELLO, &hello.base) == 0) {
        replica->is_told = true;
        replica->hello_ns = now_ns;
    }
    free(ids);
}

static uint32_t reason_of(const Busbar__PacketIn *in)
{
    return in->told != 0 ? in->told : in->reason;
}

static void give(struct session *session, const Busbar__PacketIn *in, struct of_message *message)
{
    if (session->controller_id != in->controller_id || !session_wants_packet_in(session, reason_of(in), &message->packet_in.reason)) {
        return;
    }
    session_send_packet_in(session, message, in->in_port, in->reason == PACKET_IN_NO_MATCH || in->reason == PACKET_IN_NO_RULE);
}

static void on_packet_in(struct packet *packet, const Busbar__PacketIn *in)
{
    struct bridge *bridge = bridge_find(packet->agent, in->bridge);
    struct of_message message = {
        .type = OF_PACKET_IN,
        .packet_in = {.buffer_id = OF_NO_BUFFER,
                      .total_size = (uint16_t)(in->total_size < UINT16_MAX ? in->total_size : UINT16_MAX),
                      .reason = (uint8_t)reason_of(in),
                      .table = (uint8_t)in->table,
                      .cookie = in->cookie,
                      .data = in->frame.data,
                      .data_size = in->frame.len,
                      .userdata = in->userdata.len > 0 ? in->userdata.data : NULL,
                      .userdata_size = in->userdata.len}};

    packet->counts.ins++;
    if (bridge == NULL) {
        packet->counts.ins_unwanted++;
        return;
    }
    if (reason_of(in) > PACKET_IN_NO_RULE || in->table > TABLE_MAX) {
        packet->counts.ins_malformed++;
        return;
    }
    match_init(&message.packet_in.match);
    match_set(&message.packet_in.match, FIELD_IN_PORT, field_value_u64(in->in_port));
    size_t n = pipeline_fields_split(in->pipeline_fields.data, in->pipeline_fields.len, &message.packet_in.continuation,
                                     &message.packet_in.continuation_size);
    if (pipeline_fields_read(in->pipeline_fields.data, n, &message.packet_in.match) != 0) {
        packet->counts.ins_malformed++;
        return;
    }
    for (struct session *session = bridge->sessions; session != NULL; session = session->next) {
        give(session, in, &message);
    }
}

static void receive(struct packet *packet, struct replica *replica)
{
    struct bus_message message;
    bool may_have = agent_may_have(packet->agent, bus_fd(replica->socket), POLLIN);

    for (int n = 0; may_have && n < PACKET_RECEIVE_PER_STEP && bus_recv(replica->socket, &message) == 0; n++) {
        Busbar__PacketInBatch *batch = (Busbar__PacketInBatch *)msg_unpack(&message, &busbar__packet_in_batch__descriptor);
        if (message.type != MESSAGE_PACKET_IN_BATCH || batch == NULL) {
            packet->counts.ins_malformed++;
        }
        for (size_t i = 0; batch != NULL && i < batch->n_packets; i++) {
            on_packet_in(packet, batch->packets[i]);
        }
        if (batch != NULL) {
            protobuf_c_message_free_unpacked(&batch->base, NULL);
        }
        bus_message_fini(&message);
    }
}

/* A controller of OpenFlow 1.0 that connects anew shall not cost the bridge's flows twice: for a moment its misses are sent to nobody. */
void packet_watch_misses(struct bridge *bridge)
{
    uint64_t now_ns = bridge->agent->now_ns;
    bool is_wanted = false;

    for (const struct session *session = bridge->sessions; session != NULL && !is_wanted; session = session->next) {
        uint8_t reason;
        is_wanted = session->controller_id == 0 && session_wants_packet_in(session, PACKET_IN_NO_RULE, &reason);
    }
    if (is_wanted) {
        bridge->misses_until_ns = now_ns + BRIDGE_MISSES_KEPT_NS;
    }
    if (bridge->tells_misses != (now_ns < bridge->misses_until_ns)) {
        bridge->tells_misses = !bridge->tells_misses;
        log_info("misses-to-controllers bridge=%s state=%s", bridge->name, bridge->tells_misses ? "on" : "off");
    }
}

void packet_step(struct packet *packet)
{
    for (size_t i = 0; i < packet->n_replicas; i++) {
        say_hello(packet, &packet->replicas[i]);
        receive(packet, &packet->replicas[i]);
    }
}

/* The replica that serves this session: the one whose start number and the session's number give the greatest product, so that one replica
 * more or less moves only the sessions that must move. */
static struct replica *replica_of(struct packet *packet, const struct session *session)
{
    struct replica *best = NULL;
    uint64_t best_weight = 0;

    for (size_t i = 0; i < packet->n_replicas; i++) {
        uint64_t weight = (packet->replicas[i].start ^ session->number * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
        if (best == NULL || weight > best_weight) {
            best = &packet->replicas[i];
            best_weight = weight;
        }
    }
    return best;
}

int packet_out(struct packet *packet, const struct session *session, const struct of_packet_out *out, const struct of_packet_in *resumed,
               struct version follow)
{
    struct replica *replica = replica_of(packet, session);
    Busbar__PacketOut message = BUSBAR__PACKET_OUT__INIT;
    Busbar__Version version;
    int err = -ERROR_NOT_CONNECTED;

    version_encode(follow, &version);
    message.bridge = session->bridge->id;
    message.in_port = out->in_port;
    message.actions = msg_actions_encode(&out->actions);
    message.n_actions = out->actions.count;
    message.frame = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)out->data, .len = out->data_size};
    message.follow = &version;
    if (resumed != NULL) {
        message.continuation = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)resumed->continuation, .len = resumed->continuation_size};
    }
    if (replica != NULL) {
        err = msg_send(replica->socket, NULL, MESSAGE_PACKET_OUT, &message.base);
    }
    msg_actions_free(message.actions, message.n_actions);
    packet->counts.outs++;
    packet->counts.outs_dropped += err != 0;
    return err;
}

size_t packet_fds(const struct packet *packet, int *out_fds, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < packet->n_replicas && n < room; i++) {
        int fd = bus_fd(packet->replicas[i].socket);
        if (fd >= 0) {
            out_fds[n++] = fd;
        }
    }
    return n;
}

json_t *packet_status(const struct packet *packet)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "replicas", (json_int_t)packet->n_replicas, "packet_ins",
                     (json_int_t)packet->counts.ins, "packet_ins_unwanted", (json_int_t)packet->counts.ins_unwanted,
                     "packet_ins_malformed", (json_int_t)packet->counts.ins_malformed, "packet_outs", (json_int_t)packet->counts.outs,
                     "packet_outs_dropped", (json_int_t)packet->counts.outs_dropped);
}

const struct packet_counts *packet_counts(const struct packet *packet, size_t *out_n_replicas)
{
    *out_n_replicas = packet->n_replicas;
    return &packet->counts;
}
