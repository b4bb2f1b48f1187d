/* The whole slowpath on the memory bus: configuration in, sessions out, applied when told, commands answered. */
#include "services/slowpath/slowpath.h"

#include <errno.h>
#include <jansson.h>

#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/control.pb-c.h"
#include "proto/session.pb-c.h"
#include "tests/unit/services/slowpath/fake_cfg.h"
#include "tests/unit/services/slowpath/fixture.h"

struct bench {
    struct bus_hub *hub;
    struct bus *bus, *shard_bus, *tool_bus;
    struct bus_socket *shard, *tool;
    struct bus_identity replica;
    struct slowpath *slowpath;
    uint64_t now_ns, session;
    unsigned n_hellos, n_answers;
    uint64_t reached;
    json_t *reply;
    int reply_error;
};

static struct slowpath_settings settings_of(struct bench *b)
{
    return (struct slowpath_settings){.bus = b->bus,
                                      .instance = 1,
                                      .seed = 1000,
                                      .config_endpoint = "config",
                                      .packet_endpoint = "packet",
                                      .mac_endpoint = "mac",
                                      .control_endpoint = "control"};
}

static void bench_open(struct bench *b)
{
    memset(b, 0, sizeof *b);
    struct bus_identity self = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 5};
    struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 77};
    struct bus_identity tool = {.kind = PROCESS_SWCTL, .instance = 1, .start = 9};
    b->now_ns = NS_PER_S;
    b->hub = bus_hub_new(1);
    b->bus = bus_memory_new(b->hub, &self);
    b->shard_bus = bus_memory_new(b->hub, &shard);
    b->tool_bus = bus_memory_new(b->hub, &tool);
    assert_int_equal(bus_bind(b->shard_bus, WIRE_SESSION, "session", &b->shard), 0);
    assert_int_equal(bus_connect(b->tool_bus, WIRE_CONTROL, "control", &b->tool), 0);
    struct slowpath_settings settings = settings_of(b);
    assert_int_equal(slowpath_new(&settings, &b->slowpath), 0);
}

static void bench_close(struct bench *b)
{
    slowpath_destroy(&b->slowpath);
    slowpath_destroy(&b->slowpath);
    json_decref(b->reply);
    bus_destroy(&b->bus);
    bus_destroy(&b->shard_bus);
    bus_destroy(&b->tool_bus);
    bus_hub_destroy(&b->hub);
}

static void hear_shard(struct bench *b, const struct bus_message *message)
{
    b->replica = message->from;
    if (message->type == MESSAGE_SESSION_HELLO) {
        Busbar__SessionHello *hello = (Busbar__SessionHello *)msg_unpack(message, &busbar__session_hello__descriptor);
        b->n_hellos++;
        b->session = hello->session;
        protobuf_c_message_free_unpacked(&hello->base, NULL);
    } else if (message->type == MESSAGE_REACHED) {
        Busbar__Reached *reached = (Busbar__Reached *)msg_unpack(message, &busbar__reached__descriptor);
        b->reached = reached->version->n;
        protobuf_c_message_free_unpacked(&reached->base, NULL);
    } else if (message->type == MESSAGE_ANSWER_BATCH) {
        b->n_answers++;
    }
}

static void hear_tool(struct bench *b, const struct bus_message *message)
{
    Busbar__ControlReply *reply = (Busbar__ControlReply *)msg_unpack(message, &busbar__control_reply__descriptor);
    json_decref(b->reply);
    b->reply = json_loads(reply->json, JSON_DECODE_ANY, NULL);
    b->reply_error = reply->error;
    protobuf_c_message_free_unpacked(&reply->base, NULL);
}

static void run(struct bench *b, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        struct bus_message message;
        b->now_ns += NS_PER_MS;
        bus_hub_step(b->hub, b->now_ns);
        (void)slowpath_step(b->slowpath, b->now_ns);
        bus_hub_step(b->hub, b->now_ns);
        while (bus_recv(b->shard, &message) == 0) {
            hear_shard(b, &message);
            bus_message_fini(&message);
        }
        while (bus_recv(b->tool, &message) == 0) {
            hear_tool(b, &message);
            bus_message_fini(&message);
        }
    }
}

static Busbar__ServiceRow shard_row(void)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.kind = PROCESS_FASTPATH;
    row.instance = 1;
    row.start = 77;
    row.session = (char *)"session";
    row.usage = (char *)"usage";
    row.packet = row.mac = row.control = (char *)"";
    return row;
}

static void show_first(struct cfg *cfg)
{
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;
    Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
    Busbar__ServiceRow shard = shard_row();
    bridge.name = (char *)"br0";
    fake_row(cfg, CFG_BRIDGE, 1, NULL, &bridge.base);
    port.name = (char *)"p1";
    port.bridge = 1;
    port.ofport = 1;
    fake_row(cfg, CFG_PORT, 11, NULL, &port.base);
    port.name = (char *)"p2";
    port.ofport = 2;
    fake_row(cfg, CFG_PORT, 12, NULL, &port.base);
    fake_row(cfg, CFG_SERVICE, 30, NULL, &shard.base);
    fake_version(cfg, 5);
}

static void show_secure(struct cfg *cfg)
{
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;
    bridge.name = (char *)"br0";
    bridge.fail_mode = (char *)"secure";
    fake_row(cfg, CFG_BRIDGE, 1, NULL, &bridge.base);
    fake_version(cfg, 6);
}

static void show_shard_gone(struct cfg *cfg)
{
    Busbar__ServiceRow shard = shard_row();
    fake_row(cfg, CFG_SERVICE, 30, &shard.base, NULL);
    fake_version(cfg, 7);
}

static void welcome(struct bench *b)
{
    Busbar__SessionWelcome message = BUSBAR__SESSION_WELCOME__INIT;
    message.session = b->session;
    assert_int_equal(msg_send(b->shard, &b->replica, MESSAGE_SESSION_WELCOME, &message.base), 0);
}

static void miss(struct bench *b, uint64_t ask)
{
    struct flow_key key = {.in_port = be32(11), .eth_src = {2, 0, 0, 0, 0, 1}, .eth_dst = {2, 0, 0, 0, 0, 2}};
    Busbar__Miss one = BUSBAR__MISS__INIT, *pointer = &one;
    Busbar__MissBatch batch = BUSBAR__MISS_BATCH__INIT;
    one.ask = ask;
    one.key = key_encode(&key);
    batch.misses = &pointer;
    batch.n_misses = 1;
    assert_int_equal(msg_send(b->shard, &b->replica, MESSAGE_MISS_BATCH, &batch.base), 0);
}

static void ask(struct bench *b, const char *command, const char *first, const char *second)
{
    char *arguments[2] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second};
    Busbar__ControlRequest request = BUSBAR__CONTROL_REQUEST__INIT;
    request.command = (char *)(uintptr_t)command;
    request.arguments = arguments;
    request.n_arguments = (first != NULL) + (size_t)(second != NULL);
    b->reply_error = 1;
    assert_int_equal(msg_send(b->tool, NULL, MESSAGE_CONTROL_REQUEST, &request.base), 0);
    for (int i = 0; i < 100 && b->reply_error == 1; i++) {
        run(b, 1);
    }
}

static void sessions_follow_the_configuration_and_applied_follows_reached(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    run(&b, 300);
    assert_int_equal(b.n_hellos, 0);
    assert_false(slowpath_is_ready(b.slowpath));
    fake_cfg->show = show_first;
    run(&b, 300);
    assert_true(slowpath_is_ready(b.slowpath));
    assert_int_equal(b.n_hellos, 1);
    assert_int_equal(fake_cfg->applied.n, 5);
    welcome(&b);
    run(&b, 2);
    miss(&b, 1);
    run(&b, 2);
    assert_int_equal(b.n_answers, 1);
    fake_cfg->show = show_secure;
    run(&b, 2);
    assert_int_equal(b.reached, 6);
    assert_int_equal(fake_cfg->applied.n, 6);
    fake_cfg->show = show_shard_gone;
    run(&b, 2);
    assert_int_equal(fake_cfg->applied.n, 7);
    int fds[8];
    assert_int_equal(slowpath_fds(b.slowpath, fds, 8), 4);
    bench_close(&b);
}

static void endpoints_in_use_are_refused_and_nothing_stays_open(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    struct slowpath *second = NULL;
    struct slowpath_settings settings = settings_of(&b);
    assert_int_equal(slowpath_new(&settings, &second), -EADDRINUSE);
    assert_null(second);
    bench_close(&b);
}

static void commands_show_addresses_and_explain_packets(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    fake_cfg->show = show_first;
    run(&b, 300);
    welcome(&b);
    run(&b, 2);
    miss(&b, 1);
    run(&b, 2);
    ask(&b, "fdb-show", "br0", NULL);
    assert_int_equal(b.reply_error, 0);
    assert_int_equal(json_array_size(b.reply), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(b.reply, 0), "mac")), "02:00:00:00:00:01");
    ask(&b, "trace", "br0", "in_port=2,dl_dst=02:00:00:00:00:01");
    assert_int_equal(b.reply_error, 0);
    assert_string_equal(json_string_value(json_object_get(b.reply, "actions")), "output:p1");
    assert_true(json_array_size(json_object_get(b.reply, "steps")) > 1);
    ask(&b, "fdb-show", "br0", NULL);
    assert_int_equal(json_array_size(b.reply), 1);
    ask(&b, "trace", "br0", "in_port=9");
    assert_int_equal(b.reply_error, -ERROR_NOT_FOUND);
    ask(&b, "trace", "br0", "nonsense=9");
    assert_true(b.reply_error < 0);
    ask(&b, "trace", "br0", NULL);
    assert_true(b.reply_error < 0);
    ask(&b, "fdb-show", "br9", NULL);
    assert_int_equal(b.reply_error, -ERROR_NOT_FOUND);
    ask(&b, "fdb-flush", "br0", NULL);
    assert_int_equal(b.reply_error, 0);
    ask(&b, "status", NULL, NULL);
    assert_int_equal(b.reply_error, 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(b.reply, "counts"), "misses")), 1);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_follow_the_configuration_and_applied_follows_reached),
        cmocka_unit_test(endpoints_in_use_are_refused_and_nothing_stays_open),
        cmocka_unit_test(commands_show_addresses_and_explain_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
