/* Learned addresses: learning, moving, ageing, crowding out, and the list of what changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "services/slowpath/mac_table.h"

static struct mac_name name_of(uint64_t bridge, uint16_t vlan, uint8_t last)
{
    return (struct mac_name){.bridge = bridge, .vlan = vlan, .mac = {0, 0, 0, 0, 0, last}};
}

static size_t n_changes(struct mac_table *table)
{
    size_t n;
    (void)mac_table_changes(table, &n);
    mac_table_clear_changes(table);
    return n;
}

static void an_address_is_learned_once_and_moves(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    struct mac_name a = name_of(1, 0, 1), other_vlan = name_of(1, 5, 1);
    assert_int_equal(mac_table_learn(table, &a, 7, 10, 100), MAC_LEARNED);
    assert_int_equal(n_changes(table), 1);
    assert_int_equal(mac_table_learn(table, &a, 7, 10, 200), MAC_LEARNED_NOTHING);
    assert_int_equal(n_changes(table), 0);
    assert_null(mac_table_find(table, &other_vlan));
    assert_int_equal(mac_table_learn(table, &a, 8, 10, 300), MAC_LEARNED);
    assert_int_equal(n_changes(table), 1);
    assert_int_equal(mac_table_find(table, &a)->port, 8);
    mac_table_destroy(&table);
    mac_table_destroy(&table);
}

static void the_longest_unused_makes_room(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    for (uint8_t i = 1; i <= 3; i++) {
        struct mac_name name = name_of(1, 0, i);
        (void)mac_table_learn(table, &name, 7, 3, i);
    }
    struct mac_name first = name_of(1, 0, 1), second = name_of(1, 0, 2), fourth = name_of(1, 0, 4),
                    elsewhere = name_of(2, 0, 9);
    mac_table_used(table, mac_number(&first), 50);
    (void)mac_table_learn(table, &elsewhere, 7, 3, 60);
    (void)mac_table_learn(table, &fourth, 7, 3, 70);
    assert_non_null(mac_table_find(table, &first));
    assert_null(mac_table_find(table, &second));
    assert_int_equal(mac_table_count(table, 1), 3);
    assert_int_equal(mac_table_learn(table, &second, 7, 0, 80), MAC_LEARNED_REFUSED);
    mac_table_destroy(&table);
}

static void a_port_that_invents_addresses_crowds_out_its_own(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    struct mac_name quiet = name_of(1, 0, 1), other = name_of(1, 0, 2);
    (void)mac_table_learn(table, &quiet, 7, 50, 1);
    (void)mac_table_learn(table, &other, 8, 50, 1);
    for (uint16_t i = 0; i < 1000; i++) {
        struct mac_name name = {.bridge = 1, .vlan = 1, .mac = {0, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        (void)mac_table_learn(table, &name, 9, 50, 100 + i);
    }
    assert_int_equal(mac_table_count(table, 1), 50);
    assert_non_null(mac_table_find(table, &quiet));
    assert_non_null(mac_table_find(table, &other));
    mac_table_destroy(&table);
}

/* A use counts as one with the newest, unless it is hardly later than the known one. */
static uint64_t used_by(const uint64_t *used, const uint32_t *ports, size_t n, uint64_t known_ns, uint64_t used_ns)
{
    uint64_t newest_ns = used_ns;
    for (size_t k = 0; k < n; k++) {
        newest_ns = ports[k] != 0 && used[k] > newest_ns ? used[k] : newest_ns;
    }
    bool is_hardly_later = used_ns < newest_ns && used_ns < known_ns + MAC_USE_STEP_MS * NS_PER_MS;
    return used_ns <= known_ns || is_hardly_later ? known_ns : newest_ns;
}

/* Random learning, moving, use, ageing and flushing against an array. */
static void the_table_agrees_with_an_array(void **state)
{
    (void)state;
    enum { N = 40, ROUNDS = 20000 };
    struct random r;
    random_seed(&r, 1);
    struct mac_table *table = mac_table_new();
    uint32_t ports[N] = {0};
    uint64_t used[N] = {0};
    for (uint64_t round = 10; round < ROUNDS; round++) {
        const uint64_t unit = 200 * NS_PER_MS, now = round * unit; /* slow enough for every move */
        uint8_t i = (uint8_t)random_below(&r, N);
        uint32_t port = 1 + (uint32_t)random_below(&r, 5);
        struct mac_name name = name_of(1, 0, i);
        switch (random_below(&r, 8)) {
        case 0:
            mac_table_flush_port(table, port);
            for (size_t k = 0; k < N; k++) {
                ports[k] = ports[k] == port ? 0 : ports[k];
            }
            break;
        case 1:
            (void)mac_table_age(table, 1, 100 * unit, now, SIZE_MAX);
            for (size_t k = 0; k < N; k++) {
                ports[k] = used[k] + 100 * unit <= now ? 0 : ports[k];
            }
            break;
        case 2:
            mac_table_used(table, mac_number(&name), now - 5 * unit);
            used[i] = ports[i] != 0 ? used_by(used, ports, N, used[i], now - 5 * unit) : used[i];
            break;
        default:
            assert_int_not_equal(mac_table_learn(table, &name, port, N, now), MAC_LEARNED_REFUSED);
            ports[i] = port;
            used[i] = now;
            break;
        }
        const struct mac_entry *entry = mac_table_find(table, &name);
        assert_int_equal(entry != NULL ? entry->port : 0, ports[i]);
        mac_table_clear_changes(table);
        mac_table_clear_news(table);
        mac_table_clear_ended(table);
    }
    mac_table_destroy(&table);
}

static void unused_addresses_age_and_used_ones_stay(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    struct mac_name a = name_of(1, 0, 1), b = name_of(1, 0, 2);
    (void)mac_table_learn(table, &a, 7, 10, 0);
    (void)mac_table_learn(table, &b, 7, 10, 0);
    mac_table_used(table, mac_number(&b), 60);
    (void)n_changes(table);
    assert_true(mac_table_age(table, 1, 100, 100, 0));
    assert_false(mac_table_age(table, 1, 100, 100, 10));
    assert_null(mac_table_find(table, &a));
    assert_non_null(mac_table_find(table, &b));
    assert_int_equal(n_changes(table), 1);
    size_t n;
    const uint64_t *ended = mac_table_ended(table, &n);
    assert_true(n == 1 && ended[0] == mac_number(&a));
    (void)mac_table_learn(table, &a, 7, 10, 200);
    (void)mac_table_ended(table, &n);
    assert_int_equal(n, 0);
    mac_table_destroy(&table);
}

/* A report names addresses in any order. Placing each by its exact time walks over all that were used later. */
static void a_report_out_of_order_costs_a_constant_an_address(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct mac_table *table = mac_table_new();
    for (uint32_t i = 0; i < N; i++) {
        struct mac_name name = {.bridge = 1, .mac = {0, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        (void)mac_table_learn(table, &name, 7, N, 1);
    }
    uint64_t begun_ns = clock_now_ns();
    for (uint32_t i = 0; i < N; i++) {
        struct mac_name name = {.bridge = 1, .mac = {0, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        mac_table_used(table, mac_number(&name), 10 * NS_PER_S - i);
    }
    assert_true(clock_now_ns() - begun_ns < 3 * NS_PER_S);
    (void)mac_table_age(table, 1, NS_PER_S, 11 * NS_PER_S - N, SIZE_MAX);
    assert_int_equal(mac_table_count(table, 1), N);
    (void)mac_table_age(table, 1, NS_PER_S, 11 * NS_PER_S, SIZE_MAX);
    assert_int_equal(mac_table_count(table, 1), 0);
    mac_table_destroy(&table);
}

static void the_same_use_heard_again_later_is_no_new_use(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    struct mac_name idle = name_of(1, 0, 1), busy = name_of(1, 0, 2);
    (void)mac_table_learn(table, &idle, 7, 10, NS_PER_S);
    (void)mac_table_learn(table, &busy, 7, 10, 60 * NS_PER_S);
    mac_table_used(table, mac_number(&idle), NS_PER_S + NS_PER_MS);
    assert_false(mac_table_age(table, 1, 30 * NS_PER_S, 61 * NS_PER_S, 10));
    assert_null(mac_table_find(table, &idle));
    assert_non_null(mac_table_find(table, &busy));
    mac_table_destroy(&table);
}

static void what_another_replica_says_counts_by_time(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    struct mac_name a = name_of(1, 0, 1);
    mac_table_hear(table, &a, 7, 100, 10);
    mac_table_hear(table, &a, 8, 99, 10);
    assert_int_equal(mac_table_find(table, &a)->port, 7);
    mac_table_hear(table, &a, 8, 100, 10);
    assert_int_equal(mac_table_find(table, &a)->port, 8);
    mac_table_hear(table, &a, 0, 101, 10);
    assert_null(mac_table_find(table, &a));
    mac_table_destroy(&table);
}

static void a_port_is_flushed_alone(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    for (uint8_t i = 0; i < 200; i++) {
        struct mac_name name = name_of(1 + i % 2, 0, i);
        (void)mac_table_learn(table, &name, 1 + i % 3, 1000, i);
    }
    mac_table_flush_port(table, 1);
    size_t n = 0;
    for (const struct mac_entry *entry = mac_table_next(table, 1, NULL); entry != NULL;
         entry = mac_table_next(table, 1, entry)) {
        assert_int_not_equal(entry->port, 1);
        n++;
    }
    assert_int_equal(n, mac_table_count(table, 1));
    mac_table_flush_bridge(table, 1);
    assert_int_equal(mac_table_count(table, 1), 0);
    assert_int_not_equal(mac_table_count(table, 2), 0);
    mac_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_learned_once_and_moves),
        cmocka_unit_test(the_longest_unused_makes_room),
        cmocka_unit_test(a_port_that_invents_addresses_crowds_out_its_own),
        cmocka_unit_test(the_table_agrees_with_an_array),
        cmocka_unit_test(unused_addresses_age_and_used_ones_stay),
        cmocka_unit_test(a_report_out_of_order_costs_a_constant_an_address),
        cmocka_unit_test(the_same_use_heard_again_later_is_no_new_use),
        cmocka_unit_test(what_another_replica_says_counts_by_time),
        cmocka_unit_test(a_port_is_flushed_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
