/* The controllers' packets.
 *
 * A packet up is copied, with the rule's user data and fields behind it, into a buffer of its session's and sent with the burst, so the frame is free at
 * once. The whole packet, whatever length the rule asks for: that is for switches that keep the rest in a buffer, and this one, as Open vSwitch, has
 * none [OF1.3.5 §7.4.1]. The session is that of the packet's flow hash, so that a controller sees one flow in order. With 64 KB in the buffer
 * it is sent; when the bus has no room the newest are dropped and counted (I9).
 * Cost: a copy of the packet; one message a burst, of jumbo frames one for eight. Worker thread. Invariant: each packet counted as sent up was given to the
 * bus (I5).
 */
#include "services/fastpath/up.h"

#include <assert.h>

#include "lib/base/log.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/fastpath/install.h"
#include "services/fastpath/session.h"

enum { UP_HEAD_BYTES = 80 /* of a packet's other fields, packed: at most */ };
_Static_assert((size_t)BUS_QUEUE_MESSAGES * (UP_BYTES + UP_BATCH * UP_HEAD_BYTES) < 100000000, "bus.h says what may queue at worst");

int up_packet(void *context, const struct dp_controller *to, const struct dp_packet *packet)
{
    struct shard *shard = context;
    uint32_t hash = packet->flow_hash != 0 ? packet->flow_hash : key_flow_hash(&packet->key);
    uint8_t number = shard->buckets[hash % SESSION_BUCKETS];
    uint32_t size = packet->size;
    if (number == OWNER_NONE) {
        return DROP_NO_SLOWPATH;
    }
    struct session *session = &shard->sessions[number];
    if (session->n_ups == UP_BATCH || session->up_size >= UP_BYTES_SENT) {
        up_flush(shard, session);
    }
    assert(session->up_size + size + to->n_userdata + to->n_pipeline <= UP_BYTES);
    memcpy(session->up_bytes + session->up_size, packet->data, size);
    session->ups[session->n_ups++] = (struct packet_up){
        .to = *to, .in_port = packet->in_port, .total_size = packet->size, .offset = session->up_size, .size = size,
        .n_userdata = to->n_userdata, .n_pipeline = to->n_pipeline};
    session->up_size += size;
    if (to->n_userdata > 0) {
        session->up_size += (uint32_t)dp_controller_userdata(to, session->up_bytes + session->up_size);
    }
    if (to->n_pipeline > 0) {
        session->up_size += (uint32_t)dp_controller_pipeline(to, session->up_bytes + session->up_size);
    }
    return WORKER_ASKED;
}

void up_give_up(struct shard *shard, struct session *session)
{
    for (uint32_t i = 0; i < session->n_ups; i++) {
        struct port *port = port_set_find(&shard->ports, session->ups[i].in_port);
        shard->worker.totals.sent_up--;
        shard->worker.totals.drops[DROP_CONTROLLER_QUEUE_FULL]++;
        if (port != NULL) {
            port->rx_drops[DROP_CONTROLLER_QUEUE_FULL]++;
        }
    }
    session->n_ups = session->up_size = 0;
}

void up_flush(struct shard *shard, struct session *session)
{
    Busbar__PacketUp packets[UP_BATCH], *pointers[UP_BATCH];
    Busbar__PacketUpBatch batch = BUSBAR__PACKET_UP_BATCH__INIT;
    for (uint32_t i = 0; i < session->n_ups; i++) {
        const struct packet_up *up = &session->ups[i];
        busbar__packet_up__init(&packets[i]);
        packets[i].bridge = up->to.bridge;
        packets[i].cookie = up->to.cookie;
        packets[i].table = up->to.rule_table;
        packets[i].reason = up->to.reason;
        packets[i].max_len = up->to.max_len;
        packets[i].in_port = up->to.in_port != 0 ? up->to.in_port : up->in_port;
        packets[i].total_size = up->total_size;
        packets[i].frame = (ProtobufCBinaryData){.len = up->size, .data = session->up_bytes + up->offset};
        packets[i].userdata = (ProtobufCBinaryData){.len = up->n_userdata, .data = session->up_bytes + up->offset + up->size};
        packets[i].pipeline_fields =
            (ProtobufCBinaryData){.len = up->n_pipeline, .data = session->up_bytes + up->offset + up->size + up->n_userdata};
        packets[i].controller_id = up->to.id;
        pointers[i] = &packets[i];
    }
    batch.n_packets = session->n_ups;
    batch.packets = pointers;
    if (session->n_ups > 0 && session_send(shard, session, MESSAGE_PACKET_UP_BATCH, &batch.base) != 0) {
        up_give_up(shard, session);
    }
    session->n_ups = session->up_size = 0;
}

bool up_frame_down(struct shard *shard, struct session *session, const struct bus_message *message)
{
    Busbar__FrameDown *down = (Busbar__FrameDown *)msg_unpack(message, &busbar__frame_down__descriptor);
    if (down == NULL) {
        return false;
    }
    struct program *program = install_program(shard, session, down->actions, down->n_actions, down->counters, down->n_counters);
    if (program == NULL) {
        shard->worker.totals.packets_out++;
        shard->worker.totals.drops[DROP_MISS_REFUSED]++;
    } else {
        int err = worker_inject(&shard->worker, down->frame.data, down->frame.len, down->in_port, program);
        if (err == 0) {
            counter_set_credit(&shard->counters, program, 1, down->frame.len, shard->worker.now_ns);
        } else {
            LOG_LIMITED(LOG_LEVEL_WARN, "frame_down_refused size=%zu error=\"%s\"", down->frame.len, error_text(err));
        }
    }
    install_program_destroy(shard, &program);
    protobuf_c_message_free_unpacked(&down->base, NULL);
    return true;
}
