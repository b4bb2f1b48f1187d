/* Packets for controllers go to those who asked, packet-outs wait for their version and are bounded in time. */
#include "lib/bus/bus.h"
#include "lib/msg/msg.h"
#include "lib/msg/rule.h"
#include "proto/packet.pb-c.h"
#include "services/slowpath/packet.h"
#include "services/slowpath/session.h"
#include "tests/unit/services/slowpath/fixture.h"

struct bench {
    struct fixture fixture;
    struct core core;
    struct bus_hub *hub;
    struct bus *bus, *agent_bus;
    struct bus_socket *agent;
};

static void bench_open(struct bench *b)
{
    memset(b, 0, sizeof *b);
    fixture_open(&b->fixture);
    struct bus_identity agent = {.kind = PROCESS_OFAGENT, .instance = 1, .start = 7},
                        self = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 5};
    b->hub = bus_hub_new(1);
    b->bus = bus_memory_new(b->hub, &self);
    b->agent_bus = bus_memory_new(b->hub, &agent);
    b->core.bus = b->bus;
    b->core.world = b->fixture.world;
    b->core.macs = b->fixture.macs;
    b->core.now_ns = NS_PER_S;
    b->core.has_version = true;
    b->core.version = (struct version){.epoch = 1, .n = 10};
    assert_int_equal(packet_open(&b->core, "packet", &b->core.packets), 0);
    assert_int_equal(bus_connect(b->agent_bus, WIRE_PACKET, "packet", &b->agent), 0);
}

static void bench_close(struct bench *b)
{
    packet_close(&b->core.packets);
    bus_destroy(&b->bus);
    bus_destroy(&b->agent_bus);
    bus_hub_destroy(&b->hub);
    fixture_close(&b->fixture);
}

static void run(struct bench *b, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        b->core.now_ns += NS_PER_MS;
        b->core.work_left = CORE_WORK_PER_STEP;
        bus_hub_step(b->hub, b->core.now_ns);
        packet_step(b->core.packets);
    }
    bus_hub_step(b->hub, b->core.now_ns);
}

static void say_hello(struct bench *b, uint64_t bridge)
{
    Busbar__PacketHello hello = BUSBAR__PACKET_HELLO__INIT;
    hello.bridges = &bridge;
    hello.n_bridges = 1;
    assert_int_equal(msg_send(b->agent, NULL, MESSAGE_PACKET_HELLO, &hello.base), 0);
    run(b, 2);
}

static void send_up(struct bench *b)
{
    uint8_t frame[20] = {1};
    Busbar__PacketUp up = BUSBAR__PACKET_UP__INIT, *pointer = &up;
    Busbar__PacketUpBatch batch = BUSBAR__PACKET_UP_BATCH__INIT;
    up.bridge = FIXTURE_BRIDGE;
    up.cookie = 9;
    up.reason = PACKET_IN_GROUP;
    up.in_port = 12;
    up.total_size = 100;
    up.frame = (ProtobufCBinaryData){.len = sizeof frame, .data = frame};
    batch.packets = &pointer;
    batch.n_packets = 1;
    packet_up(b->core.packets, &batch);
    run(b, 1);
}

static void packets_go_to_those_who_named_the_bridge(void **state)
{
    (void)state;
    struct bench b;
    struct bus_message message;
    bench_open(&b);
    run(&b, 100);
    send_up(&b);
    assert_int_equal(b.core.counts.packet_ins_dropped, 1);
    say_hello(&b, FIXTURE_BRIDGE + 1);
    send_up(&b);
    assert_int_equal(b.core.counts.packet_ins_dropped, 2);
    say_hello(&b, FIXTURE_BRIDGE);
    send_up(&b);
    assert_int_equal(b.core.counts.packet_ins, 1);
    assert_int_equal(bus_recv(b.agent, &message), 0);
    Busbar__PacketInBatch *batch = (Busbar__PacketInBatch *)msg_unpack(&message, &busbar__packet_in_batch__descriptor);
    assert_int_equal(batch->n_packets, 1);
    assert_int_equal(batch->packets[0]->in_port, 2);
    assert_int_equal(batch->packets[0]->reason, PACKET_IN_ACTION); /* for an ofagent of before, which knows no other */
    assert_int_equal(batch->packets[0]->told, PACKET_IN_GROUP);
    assert_true(batch->packets[0]->cookie == 9 && batch->packets[0]->total_size == 100 && batch->packets[0]->frame.len == 20);
    protobuf_c_message_free_unpacked(&batch->base, NULL);
    bus_message_fini(&message);
    run(&b, PACKET_LISTENER_SILENCE_MS + 1);
    send_up(&b);
    assert_int_equal(b.core.counts.packet_ins_dropped, 3);
    bench_close(&b);
}

static void packet_outs_wait_for_their_version_and_not_for_ever(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    run(&b, 100);
    uint8_t frame[60] = {0};
    struct action_list list = {0};
    assert_int_equal(action_list_parse("output:2", NULL, &list, NULL), 0);
    Busbar__PacketOut out = BUSBAR__PACKET_OUT__INIT;
    Busbar__Version follow = BUSBAR__VERSION__INIT;
    follow.n = 11;
    out.bridge = FIXTURE_BRIDGE;
    out.in_port = PORT_CONTROLLER;
    out.follow = &follow;
    out.frame = (ProtobufCBinaryData){.len = sizeof frame, .data = frame};
    out.actions = msg_actions_encode(&list);
    out.n_actions = list.count;
    assert_int_equal(msg_send(b.agent, NULL, MESSAGE_PACKET_OUT, &out.base), 0);
    run(&b, 100);
    assert_int_equal(b.core.counts.packet_outs_dropped, 0);
    b.core.version.n = 11;
    run(&b, 2);
    assert_int_equal(b.core.counts.packet_outs_dropped, 1); /* no shard is there */
    follow.n = 12;
    assert_int_equal(msg_send(b.agent, NULL, MESSAGE_PACKET_OUT, &out.base), 0);
    run(&b, 100);
    assert_int_equal(b.core.counts.packet_outs_dropped, 1);
    run(&b, PACKET_OUT_WAIT_MS);
    assert_int_equal(b.core.counts.packet_outs_dropped, 2);
    out.frame.len = 5;
    follow.n = 1;
    assert_int_equal(msg_send(b.agent, NULL, MESSAGE_PACKET_OUT, &out.base), 0);
    run(&b, 5);
    assert_int_equal(b.core.counts.packet_outs_dropped, 3);
    msg_actions_free(out.actions, out.n_actions);
    action_list_fini(&list);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_go_to_those_who_named_the_bridge),
        cmocka_unit_test(packet_outs_wait_for_their_version_and_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
