/* What a shard reports as used does not age; a gap is asked about. */
#include "lib/bus/bus.h"
#include "lib/msg/counter_id.h"
#include "lib/msg/msg.h"
#include "proto/usage.pb-c.h"
#include "services/slowpath/usage.h"
#include "tests/unit/services/slowpath/fixture.h"

static uint32_t next_type(struct bus_socket *shard, struct bus_identity *out_from)
{
    struct bus_message message;
    if (bus_recv(shard, &message) != 0) {
        return 0;
    }
    uint32_t type = message.type;
    *out_from = message.from;
    bus_message_fini(&message);
    return type;
}

static void report(struct bus_socket *shard, const struct bus_identity *to, uint64_t sequence, uint64_t id, uint64_t idle_ns)
{
    Busbar__UsageValue value = BUSBAR__USAGE_VALUE__INIT, *pointer = &value;
    Busbar__UsageReport message = BUSBAR__USAGE_REPORT__INIT;
    value.id = id;
    value.packets = 1;
    value.idle_ns = idle_ns;
    message.sequence = sequence;
    message.last = true;
    message.values = &pointer;
    message.n_values = 1;
    assert_int_equal(msg_send(shard, to, MESSAGE_USAGE_REPORT, &message.base), 0);
}

static void reports_keep_addresses_and_gaps_are_asked_about(void **state)
{
    (void)state;
    struct bus_identity shard_id = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 7},
                        self = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 5};
    struct bus_identity from;
    struct bus_hub *hub = bus_hub_new(1);
    struct bus *bus = bus_memory_new(hub, &self), *shard_bus = bus_memory_new(hub, &shard_id);
    struct bus_socket *shard;
    assert_int_equal(bus_bind(shard_bus, WIRE_USAGE, "usage", &shard), 0);
    struct core core = {.bus = bus, .macs = mac_table_new(), .now_ns = NS_PER_S};
    struct mac_name name = {.bridge = 1, .vlan = 0, .mac = {2, 0, 0, 0, 0, 1}};
    (void)mac_table_learn(core.macs, &name, 11, 10, core.now_ns);
    struct usage *usage = usage_new(&core, "usage");
    uint32_t type = 0;
    for (int i = 0; i < 1000 && type == 0; i++) {
        core.now_ns += NS_PER_MS;
        bus_hub_step(hub, core.now_ns);
        usage_step(usage);
        bus_hub_step(hub, core.now_ns);
        type = next_type(shard, &from);
    }
    assert_int_equal(type, MESSAGE_USAGE_HELLO);
    core.now_ns = 100 * NS_PER_S;
    report(shard, &from, 1, counter_id(COUNTER_MAC, mac_number(&name)), 2 * NS_PER_S);
    bus_hub_step(hub, core.now_ns);
    usage_step(usage);
    assert_true(mac_table_find(core.macs, &name)->used_ns == 98 * NS_PER_S);
    report(shard, &from, 3, counter_id(COUNTER_RULE, mac_number(&name)), 0);
    bus_hub_step(hub, core.now_ns);
    usage_step(usage);
    assert_true(mac_table_find(core.macs, &name)->used_ns == 98 * NS_PER_S);
    bus_hub_step(hub, core.now_ns);
    assert_int_equal(next_type(shard, &from), MESSAGE_USAGE_ASK_ALL);
    usage_destroy(&usage);
    usage_destroy(&usage);
    mac_table_destroy(&core.macs);
    bus_destroy(&bus);
    bus_destroy(&shard_bus);
    bus_hub_destroy(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reports_keep_addresses_and_gaps_are_asked_about)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
