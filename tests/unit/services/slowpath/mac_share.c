/* Two replicas on the memory bus come to know what the other learned; flushes and lost news included. */
#include "lib/bus/bus.h"
#include "services/slowpath/mac_share.h"
#include "tests/unit/services/slowpath/fixture.h"

struct replica {
    struct fixture fixture;
    struct core core;
    struct mac_share *share;
};

struct bench {
    struct bus_hub *hub;
    struct replica replicas[2];
    uint64_t now_ns;
};

static void bench_open(struct bench *b)
{
    memset(b, 0, sizeof *b);
    b->hub = bus_hub_new(1);
    b->now_ns = NS_PER_S;
    for (uint32_t i = 0; i < 2; i++) {
        struct replica *r = &b->replicas[i];
        struct bus_identity self = {.kind = PROCESS_SLOWPATH, .instance = i + 1, .start = 5 + i};
        fixture_open(&r->fixture);
        r->core = (struct core){.bus = bus_memory_new(b->hub, &self), .world = r->fixture.world, .macs = r->fixture.macs};
        assert_int_equal(mac_share_open(&r->core, i == 0 ? "mac.1" : "mac.2", &r->share), 0);
    }
    mac_share_add_peer(b->replicas[0].share, 2, "mac.2");
    mac_share_add_peer(b->replicas[1].share, 1, "mac.1");
}

static void bench_close(struct bench *b)
{
    for (size_t i = 0; i < 2; i++) {
        mac_share_close(&b->replicas[i].share);
        mac_share_close(&b->replicas[i].share);
        bus_destroy(&b->replicas[i].core.bus);
        fixture_close(&b->replicas[i].fixture);
    }
    bus_hub_destroy(&b->hub);
}

static void run(struct bench *b, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        b->now_ns += NS_PER_MS;
        bus_hub_step(b->hub, b->now_ns);
        for (size_t r = 0; r < 2; r++) {
            b->replicas[r].core.now_ns = b->now_ns;
            mac_share_step(b->replicas[r].share);
        }
    }
}

static struct mac_name name_of(uint8_t last)
{
    return (struct mac_name){.bridge = FIXTURE_BRIDGE, .vlan = 5, .mac = {2, 0, 0, 0, 0, last}};
}

static void what_one_learns_the_other_knows(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    struct mac_name before = name_of(1), after = name_of(2);
    (void)mac_table_learn(b.replicas[0].core.macs, &before, 11, 100, b.now_ns);
    run(&b, 200);
    assert_non_null(mac_table_find(b.replicas[1].core.macs, &before));
    (void)mac_table_learn(b.replicas[0].core.macs, &after, 12, 100, b.now_ns);
    run(&b, 15);
    const struct mac_entry *entry = mac_table_find(b.replicas[1].core.macs, &after);
    assert_non_null(entry);
    assert_int_equal(entry->port, 12);
    (void)mac_table_learn(b.replicas[1].core.macs, &after, 13, 100, b.now_ns);
    run(&b, 15);
    assert_int_equal(mac_table_find(b.replicas[0].core.macs, &after)->port, 13);
    mac_table_flush_everywhere(b.replicas[0].core.macs, FIXTURE_BRIDGE, b.now_ns);
    run(&b, 15);
    assert_int_equal(mac_table_count(b.replicas[1].core.macs, FIXTURE_BRIDGE), 0);
    assert_int_equal(b.replicas[1].core.counts.malformed, 0);
    bench_close(&b);
}

/* More than a batch of news holds; what a third replica tells late, and what was learned since. */
static void a_flush_reaches_every_address_of_the_others(void **state)
{
    (void)state;
    enum { N = MAC_NEWS_MAX + 5000 };
    struct bench b;
    bench_open(&b);
    struct mac_table *here = b.replicas[0].core.macs, *there = b.replicas[1].core.macs;
    struct mac_name name = name_of(1), late = name_of(2), since = name_of(3);
    run(&b, 200);
    for (uint32_t i = 0; i < N; i++) {
        memcpy(name.mac + 2, &i, sizeof i);
        mac_table_hear(here, &name, 11, b.now_ns, N);
        mac_table_hear(there, &name, 11, b.now_ns, N);
    }
    uint64_t before_ns = b.now_ns;
    run(&b, 15);
    (void)mac_table_learn(here, &late, 11, N, b.now_ns);
    mac_table_flush_everywhere(here, FIXTURE_BRIDGE, b.now_ns);
    (void)mac_table_learn(here, &since, 12, N, b.now_ns);
    assert_int_equal(mac_table_count(here, FIXTURE_BRIDGE), 1);
    assert_int_equal(mac_table_count(there, FIXTURE_BRIDGE), N);
    run(&b, 15);
    assert_int_equal(mac_table_count(there, FIXTURE_BRIDGE), 1);
    assert_non_null(mac_table_find(there, &since));
    mac_table_hear(there, &name, 11, before_ns, N);
    assert_null(mac_table_find(there, &name));
    bench_close(&b);
}

/* The word that was lost is a part of all that is told again. */
static void a_lost_flush_comes_with_all_the_rest(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    struct mac_name name = name_of(1);
    (void)mac_table_learn(b.replicas[0].core.macs, &name, 11, 100, b.now_ns);
    run(&b, 200);
    assert_int_equal(mac_table_count(b.replicas[1].core.macs, FIXTURE_BRIDGE), 1);
    bus_hub_set_faults(b.hub, 1000, 0, 0);
    mac_table_flush_everywhere(b.replicas[0].core.macs, FIXTURE_BRIDGE, b.now_ns);
    run(&b, 20);
    bus_hub_set_faults(b.hub, 0, 0, 0);
    assert_int_equal(mac_table_count(b.replicas[1].core.macs, FIXTURE_BRIDGE), 1);
    run(&b, MAC_SHARE_SILENCE_MS + 2000);
    assert_int_equal(mac_table_count(b.replicas[1].core.macs, FIXTURE_BRIDGE), 0);
    bench_close(&b);
}

static void lost_news_is_asked_for_again(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    run(&b, 200);
    bus_hub_set_faults(b.hub, 300, 0, 0);
    for (uint8_t i = 0; i < 100; i++) {
        struct mac_name name = name_of(i);
        (void)mac_table_learn(b.replicas[0].core.macs, &name, 11, 100, b.now_ns);
        run(&b, 11);
    }
    bus_hub_set_faults(b.hub, 0, 0, 0);
    run(&b, MAC_SHARE_SILENCE_MS + 2000);
    assert_int_equal(mac_table_count(b.replicas[1].core.macs, FIXTURE_BRIDGE), 100);
    bench_close(&b);
}

static void addresses_of_unknown_bridges_and_ports_are_not_taken(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    struct mac_name elsewhere = name_of(1), nowhere = name_of(2);
    elsewhere.bridge = 9;
    run(&b, 200);
    (void)mac_table_learn(b.replicas[0].core.macs, &elsewhere, 11, 100, b.now_ns);
    (void)mac_table_learn(b.replicas[0].core.macs, &nowhere, 99, 100, b.now_ns);
    run(&b, 50);
    assert_null(mac_table_find(b.replicas[1].core.macs, &elsewhere));
    assert_null(mac_table_find(b.replicas[1].core.macs, &nowhere));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_learns_the_other_knows),
        cmocka_unit_test(a_flush_reaches_every_address_of_the_others),
        cmocka_unit_test(a_lost_flush_comes_with_all_the_rest),
        cmocka_unit_test(lost_news_is_asked_for_again),
        cmocka_unit_test(addresses_of_unknown_bridges_and_ports_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
