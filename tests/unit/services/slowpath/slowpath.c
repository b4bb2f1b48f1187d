/* The whole slowpath on the memory bus: configuration in, sessions out, applied when told, commands answered. */
#include "services/slowpath/slowpath.h"

#include <errno.h>
#include <jansson.h>

#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "lib/msg/rule.h"
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
    Busbar__MissBatch batch = BUSBAR__MISS_BATCH__INIT;
    batch.asks = &ask;
    batch.n_asks = 1;
    batch.keys = keys_encode(&key, 1);
    assert_int_equal(msg_send(b->shard, &b->replica, MESSAGE_MISS_BATCH, &batch.base), 0);
}

static void ask_three(struct bench *b, const char *command, const char *first, const char *second, const char *third)
{
    char *arguments[3] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second, (char *)(uintptr_t)third};
    Busbar__ControlRequest request = BUSBAR__CONTROL_REQUEST__INIT;
    request.command = (char *)(uintptr_t)command;
    request.arguments = arguments;
    request.n_arguments = (first != NULL) + (size_t)(second != NULL) + (size_t)(third != NULL);
    b->reply_error = 1;
    assert_int_equal(msg_send(b->tool, NULL, MESSAGE_CONTROL_REQUEST, &request.base), 0);
    for (int i = 0; i < 100 && b->reply_error == 1; i++) {
        run(b, 1);
    }
}

static void ask(struct bench *b, const char *command, const char *first, const char *second)
{
    ask_three(b, command, first, second, NULL);
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

static void put_rule(struct cfg *cfg, uint64_t id, const char *text)
{
    struct flow_mod mod;
    struct rule rule;
    assert_int_equal(flow_mod_parse(text, FLOW_MOD_ADD, NULL, &mod, NULL), 0);
    rule_init(&rule);
    rule.bridge = 1;
    rule.match = mod.match;
    rule.instructions = mod.instructions;
    rule.priority = mod.priority;
    rule.cookie = mod.cookie;
    rule.table = mod.table == TABLE_ALL ? 0 : mod.table;
    struct msg_rule_room room;
    fake_row(cfg, CFG_RULE, id, NULL, &msg_rule_encode(&rule, &room)->base);
    msg_rule_room_fini(&room);
    rule_fini(&rule);
}

static void show_with_rules(struct cfg *cfg)
{
    show_first(cfg);
    put_rule(cfg, 50, "cookie=0x7,priority=5,dl_type=0x88b5,actions=load:1->NXM_NX_REG0[],goto_table:2");
    put_rule(cfg, 51, "cookie=0x8,table=2,priority=6,reg0=1,actions=push_vlan:0x8100,output:2");
    put_rule(cfg, 52, "priority=1,actions=normal");
    fake_version(cfg, 6);
}

static void bench_open_with_rules(struct bench *b)
{
    bench_open(b);
    fake_cfg->show = show_with_rules;
    run(b, 300);
    welcome(b);
    run(b, 2);
    miss(b, 1);
    run(b, 2);
    assert_int_equal(b->n_answers, 1);
}

static const char *said(const struct bench *b, const char *name)
{
    return json_string_value(json_object_get(b->reply, name));
}

/* What the commands say of the process; moves with whatever it does for a packet. */
static json_t *state_of(struct bench *b)
{
    json_t *state = json_object();
    ask(b, "status", NULL, NULL);
    json_object_set(state, "counts", json_object_get(b->reply, "counts"));
    json_object_set(state, "sessions", json_object_get(b->reply, "sessions"));
    ask(b, "fdb-show", "br0", NULL);
    json_object_set(state, "addresses", b->reply);
    return state;
}

static void a_trace_learns_counts_and_installs_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_open_with_rules(&b);
    json_t *before = state_of(&b);
    assert_int_equal(json_array_size(json_object_get(before, "addresses")), 1);
    ask(&b, "trace", "br0", "in_port=2,dl_src=02:00:00:00:00:07,dl_dst=02:00:00:00:00:01");
    assert_string_equal(said(&b, "actions"), "output:p1");
    assert_true(json_is_false(json_object_get(b.reply, "cacheable"))); /* its source would have to be learned first */
    ask(&b, "trace", "br0", "in_port=2,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02"); /* an address that would move */
    ask(&b, "trace", "br0", "in_port=1,dl_type=0x88b5");
    json_t *after = state_of(&b);
    assert_true(json_equal(before, after));
    assert_int_equal(b.n_answers, 1);
    json_decref(before);
    json_decref(after);
    bench_close(&b);
}

static void a_trace_tells_tables_rules_actions_and_what_came_of_them(void **state)
{
    (void)state;
    struct bench b;
    bench_open_with_rules(&b);
    ask(&b, "trace", "br0", "in_port=p1,dl_type=0x88b5,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02");
    assert_string_equal(said(&b, "text"), "Flow: in_port=p1,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,"
                                          "dl_type=0x88b5\n"
                                          "\nbridge(\"br0\")\n-------------\n"
                                          " 0. dl_type=0x88b5, priority 5, cookie 0x7\n"
                                          "    set_field:0x1->reg0\n"
                                          "    goto_table:2\n"
                                          " 2. reg0=0x1, priority 6, cookie 0x8\n"
                                          "    push_vlan:0x8100\n"
                                          "    output:2\n"
                                          "     >> output to p2\n"
                                          "\nFinal flow: reg0=0x1,in_port=p1,dl_vlan=0,dl_vlan_pcp=0,dl_src=02:00:00:00:00:01,"
                                          "dl_dst=02:00:00:00:00:02,dl_type=0x88b5\n"
                                          "Megaflow: in_port=p1,vlan_tci=0x0000/0x1000,dl_type=0x88b5\n"
                                          "Datapath actions: push_vlan:0x8100(vid=0,pcp=0),output:p2\n");
    json_t *step = json_array_get(json_object_get(b.reply, "steps"), 0);
    assert_string_equal(json_string_value(json_object_get(step, "kind")), "table");
    assert_string_equal(json_string_value(json_object_get(step, "cookie")), "0x7");
    assert_int_equal(json_integer_value(json_object_get(step, "rule")), 50);
    ask(&b, "trace", "br0", "in_port=2,dl_dst=01:80:c2:00:00:00");
    assert_non_null(strstr(said(&b, "text"), "     >> NORMAL: reserved address\n"));
    assert_non_null(strstr(said(&b, "text"), "\nDropped: "));
    assert_string_equal(said(&b, "drop"), drop_name(DROP_RESERVED_ADDRESS));
    bench_close(&b);
}

static void a_trace_takes_the_bytes_of_a_packet(void **state)
{
    (void)state;
    struct bench b;
    bench_open_with_rules(&b);
    ask_three(&b, "trace", "br0", "in_port=1", "0200000000020200000000018100000588b50000");
    assert_int_equal(b.reply_error, 0);
    assert_non_null(strstr(said(&b, "flow"), "dl_vlan=5"));
    assert_non_null(strstr(said(&b, "flow"), "dl_type=0x88b5"));
    static const char *const wrong[][2] = {{"in_port=1", "0200"}, {"in_port=1", "020"}, {"in_port=1", "zz"}, {"in_port=1,tcp", "00"}, {"tcp", "00"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ask_three(&b, "trace", "br0", wrong[i][0], wrong[i][1]);
        assert_true(b.reply_error < 0);
    }
    bench_close(&b);
}

static void a_flow_is_explained_by_its_rules(void **state)
{
    (void)state;
    struct bench b;
    bench_open_with_rules(&b);
    struct flow_key key = {.in_port = be32(11), .eth_src = {2, 0, 0, 0, 0, 1}, .eth_dst = {2, 0, 0, 0, 0, 2}};
    struct flow_key mask = {.in_port = be32(UINT32_MAX), .recirc_id = be32(UINT32_MAX), .eth_type = be16(0xffff)};
    mask.vlan_tci = be16(KEY_VLAN_PRESENT | 0x0fff);
    memset(mask.eth_src, 0xff, sizeof mask.eth_src);
    memset(mask.eth_dst, 0xff, sizeof mask.eth_dst);
    struct flow_id id = key_flow_id(&key, &mask);
    char text[33];
    (void)snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)id.high, (unsigned long long)id.low);
    ask(&b, "explain", text, NULL);
    assert_int_equal(b.reply_error, 0);
    assert_int_equal(json_array_size(b.reply), 1);
    json_t *flow = json_array_get(b.reply, 0), *rules = json_object_get(flow, "rules");
    assert_int_equal(json_array_size(rules), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rules, 0), "rule")), 52);
    assert_true(json_is_true(json_object_get(flow, "is_current")));
    assert_string_equal(json_string_value(json_object_get(flow, "actions")), "output:p2");
    assert_non_null(strstr(json_string_value(json_object_get(flow, "text")), "rule of br0: table=0, cookie=0x0"));
    text[0] = text[0] == '0' ? '1' : '0';
    ask(&b, "explain", text, NULL);
    assert_int_equal(json_array_size(b.reply), 0);
    ask(&b, "explain", "12", NULL);
    assert_true(b.reply_error < 0);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_follow_the_configuration_and_applied_follows_reached),
        cmocka_unit_test(endpoints_in_use_are_refused_and_nothing_stays_open),
        cmocka_unit_test(commands_show_addresses_and_explain_packets),
        cmocka_unit_test(a_trace_learns_counts_and_installs_nothing),
        cmocka_unit_test(a_trace_tells_tables_rules_actions_and_what_came_of_them),
        cmocka_unit_test(a_trace_takes_the_bytes_of_a_packet),
        cmocka_unit_test(a_flow_is_explained_by_its_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
