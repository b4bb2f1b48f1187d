/* A whole ofagent in one process: configdb, a shard, a slowpath and swctl are the test's own, controllers are sockets.
 *
 * Bridge br0 (row 1) has the ports p1 and p2 (rows 2, 3; OpenFlow numbers 1, 2) and LOCAL (row 1). Time is the bench's.
 */
#ifndef BUSBAR_TESTS_OFAGENT_BENCH_H
#define BUSBAR_TESTS_OFAGENT_BENCH_H

#include "tests/unit/services/ofagent/fake_cfg.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/msg/counter_id.h"
#include "lib/msg/msg.h"
#include "lib/openflow/of_multipart.h"
#include "lib/openflow/of_stream.h"
#include "proto/control.pb-c.h"
#include "proto/packet.pb-c.h"
#include "proto/usage.pb-c.h"
#include "services/ofagent/agent.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/controller.h"
#include "services/ofagent/owner.h"
#include "services/ofagent/session.h"
#include "tests/unit/services/ofagent/rules.h"

enum { BENCH_SHARD = 50, BENCH_SLOWPATH = 60 /* service rows */ };

struct bench {
    char dir[64];
    struct bus_hub *hub;
    struct bus *bus, *shard_bus, *slowpath_bus, *swctl_bus;
    struct bus_socket *usage, *packet, *control;
    struct bus_identity ofagent_on_usage, ofagent_on_packet;
    bool has_hello_on_usage, has_hello_on_packet;
    struct ofagent *agent;
    uint64_t now_ns;
    uint64_t sequence;
    size_t n_packet_outs;
    Busbar__PacketOut *packet_out; /* the last */
    uint64_t retired;              /* the last */
};

struct client {
    int fd;
    uint8_t version;
    struct of_stream stream;
    struct of_message message; /* the last received; its data point into the stream */
};

static inline void bench_drain(struct bench *b)
{
    struct bus_message message;

    while (b->usage != NULL && bus_recv(b->usage, &message) == 0) {
        b->ofagent_on_usage = message.from;
        b->has_hello_on_usage = b->has_hello_on_usage || message.type == MESSAGE_USAGE_HELLO;
        if (message.type == MESSAGE_USAGE_RETIRED) {
            Busbar__UsageRetired *r = (Busbar__UsageRetired *)msg_unpack(&message, &busbar__usage_retired__descriptor);
            b->retired = r->ids[r->n_ids - 1];
            protobuf_c_message_free_unpacked(&r->base, NULL);
        }
        bus_message_fini(&message);
    }
    while (b->packet != NULL && bus_recv(b->packet, &message) == 0) {
        b->ofagent_on_packet = message.from;
        b->has_hello_on_packet = b->has_hello_on_packet || message.type == MESSAGE_PACKET_HELLO;
        if (message.type == MESSAGE_PACKET_OUT) {
            if (b->packet_out != NULL) {
                protobuf_c_message_free_unpacked(&b->packet_out->base, NULL);
            }
            b->packet_out = (Busbar__PacketOut *)msg_unpack(&message, &busbar__packet_out__descriptor);
            b->n_packet_outs++;
        }
        bus_message_fini(&message);
    }
}

static inline void bench_step(struct bench *b, uint64_t step_ns)
{
    b->now_ns += step_ns;
    bus_hub_step(b->hub, b->now_ns);
    ofagent_step(b->agent, b->now_ns, 1000000 * NS_PER_S + b->now_ns);
    bus_hub_step(b->hub, b->now_ns);
    bench_drain(b);
}

static inline void bench_run(struct bench *b, uint64_t duration_ns)
{
    for (uint64_t end_ns = b->now_ns + duration_ns; b->now_ns < end_ns;) {
        bench_step(b, 10 * NS_PER_MS);
    }
}

static inline void bench_commit_row(struct bench *b, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    fake_cfg_set(b->agent->cfg, table, id, row);
    b->agent->cfg->version.n++;
    fake_cfg_show(b->agent->cfg, false);
}

static inline void bench_port(struct bench *b, uint64_t id, const char *name, uint32_t ofport)
{
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    Busbar__PortStatusRow status = BUSBAR__PORT_STATUS_ROW__INIT;
    uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)id};

    row.name = (char *)(uintptr_t)name;
    row.bridge = 1;
    row.ofport = ofport;
    fake_cfg_set(b->agent->cfg, CFG_PORT, id, &row.base);
    status.up = true;
    status.mac = (ProtobufCBinaryData){.data = mac, .len = sizeof mac};
    status.speed_mbps = 10000;
    status.error = status.mode = status.why = (char *)(uintptr_t) "";
    fake_cfg_set(b->agent->cfg, CFG_PORT_STATUS, id, &status.base);
}

static inline void bench_service(struct bench *b, uint64_t id, enum process_kind kind, uint64_t start)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.kind = kind;
    row.instance = 1;
    row.start = start;
    row.session = row.mac = row.control = (char *)(uintptr_t) "";
    row.usage = (char *)(uintptr_t)(kind == PROCESS_FASTPATH ? "usage" : "");
    row.packet = (char *)(uintptr_t)(kind == PROCESS_SLOWPATH ? "packet" : "");
    bench_commit_row(b, CFG_SERVICE, id, &row.base);
}

static inline void bench_start_agent(struct bench *b, uint64_t start)
{
    struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = 1, .start = start};
    struct error_detail detail = {{0}};
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;

    b->bus = bus_memory_new(b->hub, &self);
    struct ofagent_settings settings = {
        .bus = b->bus, .run_dir = b->dir, .config = "config", .control = "control", .instance = 1, .start = start, .pid = 1};
    assert_int_equal(ofagent_new(&settings, &b->agent, &detail), 0);
    b->agent->cfg->automatic = true;
    ofagent_step(b->agent, b->now_ns, 1000000 * NS_PER_S + b->now_ns);
    bridge.name = (char *)(uintptr_t) "br0";
    fake_cfg_set(b->agent->cfg, CFG_BRIDGE, 1, &bridge.base);
    bench_port(b, 1, "br0", PORT_LOCAL);
    bench_port(b, 2, "p1", 1);
    bench_port(b, 3, "p2", 2);
}

static inline int bench_set_up(void **state)
{
    struct bench *b = memory_zeroed(sizeof *b);
    struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 501};
    struct bus_identity slowpath = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 601};
    struct bus_identity swctl = {.kind = PROCESS_SWCTL, .instance = 1, .start = 701};

    (void)snprintf(b->dir, sizeof b->dir, "/tmp/ofagent-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->now_ns = 100 * NS_PER_S;
    b->hub = bus_hub_new(1);
    b->shard_bus = bus_memory_new(b->hub, &shard);
    b->slowpath_bus = bus_memory_new(b->hub, &slowpath);
    b->swctl_bus = bus_memory_new(b->hub, &swctl);
    assert_int_equal(bus_bind(b->shard_bus, WIRE_USAGE, "usage", &b->usage), 0);
    assert_int_equal(bus_bind(b->slowpath_bus, WIRE_PACKET, "packet", &b->packet), 0);
    bench_start_agent(b, 7);
    assert_int_equal(bus_connect(b->swctl_bus, WIRE_CONTROL, "control", &b->control), 0);
    b->agent->cfg->version.n++;
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    *state = b;
    return 0;
}

static inline int bench_tear_down(void **state)
{
    struct bench *b = *state;

    ofagent_destroy(&b->agent);
    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bus_destroy(&b->shard_bus);
    bus_destroy(&b->slowpath_bus);
    bus_destroy(&b->swctl_bus);
    bus_hub_destroy(&b->hub);
    if (b->packet_out != NULL) {
        protobuf_c_message_free_unpacked(&b->packet_out->base, NULL);
    }
    assert_int_equal(rmdir(b->dir), 0); /* nothing is left behind */
    free(b);
    return 0;
}

/* A shard and a slowpath register; the shard has reported and its floor is where configdb is. */
static inline void bench_floor(struct bench *b, uint64_t n)
{
    Busbar__UsageFloor floor = BUSBAR__USAGE_FLOOR__INIT;
    Busbar__Version version;

    version_encode((struct version){.epoch = 1, .n = n}, &version);
    floor.floor = &version;
    floor.registered = BENCH_SHARD;
    assert_int_equal(msg_send(b->usage, &b->ofagent_on_usage, MESSAGE_USAGE_FLOOR, &floor.base), 0);
    bench_step(b, NS_PER_MS);
}

/* A piece of the report that the one before began, or of the next one. */
static inline void bench_report_piece(struct bench *b, bool is_all, bool is_last, uint64_t id, uint64_t packets, uint64_t idle_ns)
{
    Busbar__UsageReport report = BUSBAR__USAGE_REPORT__INIT;
    Busbar__UsageValue value = BUSBAR__USAGE_VALUE__INIT;
    Busbar__UsageValue *values[] = {&value};

    report.sequence = b->sequence;
    report.all = is_all;
    report.last = is_last;
    value.id = id;
    value.packets = packets;
    value.bytes = packets * 100;
    value.idle_ns = idle_ns;
    report.values = values;
    report.n_values = id != 0;
    assert_int_equal(msg_send(b->usage, &b->ofagent_on_usage, MESSAGE_USAGE_REPORT, &report.base), 0);
    bench_step(b, NS_PER_MS);
}

static inline void bench_report(struct bench *b, bool is_all, uint64_t id, uint64_t packets, uint64_t idle_ns)
{
    b->sequence++;
    bench_report_piece(b, is_all, true, id, packets, idle_ns);
}

static inline void bench_join(struct bench *b)
{
    bench_service(b, BENCH_SHARD, PROCESS_FASTPATH, 501);
    bench_service(b, BENCH_SLOWPATH, PROCESS_SLOWPATH, 601);
    bench_run(b, 50 * NS_PER_MS);
    assert_true(b->has_hello_on_usage && b->has_hello_on_packet);
    bench_report(b, true, 0, 0, 0);
    bench_floor(b, b->agent->cfg->version.n);
}

/* ---- an OpenFlow peer ---- */

static inline void client_send(struct bench *b, struct client *c, struct of_message *message)
{
    struct writer w;
    writer_init(&w);
    message->version = c->version;
    assert_int_equal(of_encode(message, &w), 0);
    assert_int_equal(send(c->fd, w.bytes, w.size, MSG_NOSIGNAL), w.size);
    writer_fini(&w);
    bench_step(b, NS_PER_MS);
}

/* The next message, or false. It is in c->message then, to be finished by the next call. */
static inline bool client_next(struct bench *b, struct client *c)
{
    const uint8_t *bytes;
    size_t size;

    of_message_fini(&c->message);
    c->message = (struct of_message){.type = OF_BARRIER_REPLY};
    for (int n_empty = 0; n_empty < 3;) {
        int result = of_stream_next(&c->stream, &bytes, &size);
        assert_true(result >= 0);
        if (result > 0) {
            struct of_decode_context context = {.version = bytes[0], .has_table_id = true};
            struct of_error error;
            assert_int_equal(of_decode(bytes, size, &context, &c->message, &error), 0);
            return true;
        }
        bench_step(b, NS_PER_MS);
        uint8_t *room;
        size = of_stream_room(&c->stream, &room);
        ssize_t n = recv(c->fd, room, size, MSG_DONTWAIT);
        if (n > 0) {
            of_stream_received(&c->stream, (size_t)n);
        }
        n_empty = n > 0 ? 0 : n_empty + 1;
    }
    return false;
}

/* The next message of this type; others are passed over. */
static inline const struct of_message *client_expect(struct bench *b, struct client *c, enum of_type type)
{
    while (client_next(b, c)) {
        if (c->message.type == type) {
            return &c->message;
        }
    }
    fail_msg("no %s has come", of_type_name((uint8_t)type));
    return NULL;
}

static inline void client_expect_error(struct bench *b, struct client *c, enum of_error_number number)
{
    const struct of_message *error = client_expect(b, c, OF_ERROR);
    assert_string_equal(of_error_name(error->error.number), of_error_name(number));
}

static inline void client_attach(struct client *c, int fd)
{
    *c = (struct client){.fd = fd, .version = OF_VERSION_13, .message = {.type = OF_BARRIER_REPLY}};
    of_stream_init(&c->stream);
}

static inline void client_hello(struct bench *b, struct client *c)
{
    struct of_message hello = {.type = OF_HELLO, .hello = {.versions = UINT32_C(1) << c->version}};
    client_send(b, c, &hello);
    assert_true(client_next(b, c));
    assert_int_equal(c->message.type, OF_HELLO);
}

/* Connects to br0's local socket. */
static inline void client_connect(struct bench *b, struct client *c)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/br0.mgmt", b->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    client_attach(c, fd);
}

/* A peer of another version than 1.3. */
static inline void client_open_in(struct bench *b, struct client *c, uint8_t version)
{
    client_connect(b, c);
    c->version = version;
    bench_step(b, NS_PER_MS);
    client_hello(b, c);
}

static inline void client_open(struct bench *b, struct client *c)
{
    client_connect(b, c);
    bench_step(b, NS_PER_MS);
    client_hello(b, c);
}

static inline void client_close(struct client *c)
{
    of_message_fini(&c->message);
    of_stream_fini(&c->stream);
    close(c->fd);
}

static inline void client_flow_mod(struct bench *b, struct client *c, enum flow_mod_command command, const char *text)
{
    struct of_message message = {.type = OF_FLOW_MOD, .xid = 77, .flow_mod = mod_of(command, text)};
    client_send(b, c, &message);
    flow_mod_fini(&message.flow_mod);
}

static inline void client_barrier(struct bench *b, struct client *c)
{
    struct of_message barrier = {.type = OF_BARRIER_REQUEST, .xid = 99};
    client_send(b, c, &barrier);
}

/* Listens as a controller on a local socket and configures it for br0; returns the listener. */
static inline int bench_controller(struct bench *b)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/ctl", b->dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    char *target = memory_format("unix:%s/ctl", b->dir);
    row.bridge = 1;
    row.target = target;
    bench_commit_row(b, CFG_CONTROLLER, 5, &row.base);
    free(target);
    return fd;
}

static inline void bench_controller_stop(struct bench *b, int listener)
{
    char *path = memory_format("%s/ctl", b->dir);
    close(listener);
    (void)unlink(path);
    free(path);
}

static inline const Busbar__ControllerStatusRow *bench_status(const struct bench *b)
{
    return (const Busbar__ControllerStatusRow *)b->agent->cfg->published;
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

#endif
