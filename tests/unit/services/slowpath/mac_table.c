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
    assert_int_equal(mac_table_port_counts(table, 9).crowded_out, 1000 - 48);
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
        mac_table_hear(table, &name, 7, 1, N); /* so many at once come from a replica only */
    }
    for (uint32_t i = 0; i < N; i++) {
        struct mac_name name = {.bridge = 1, .mac = {0, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        mac_table_used(table, mac_number(&name), 10 * NS_PER_S - i);
    }
    /* Walking the list for each would be 5e9 steps here, and end as a time-out of the program. */
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

/* Ten moves at most in whichever second one looks; other addresses move meanwhile. */
static void an_address_moves_ten_times_a_second_at_most(void **state)
{
    (void)state;
    enum { STEPS = 4000, STEP_MS = 3, MOVES_MAX = 10 };
    struct mac_table *table = mac_table_new();
    struct mac_name loops = name_of(1, 0, 1), roams = name_of(1, 0, 2);
    uint64_t moves[STEPS];
    size_t n = 0, n_other = 0;
    (void)mac_table_learn(table, &loops, 7, 50, NS_PER_S);
    (void)mac_table_learn(table, &roams, 7, 50, NS_PER_S);
    for (uint64_t i = 0; i < STEPS; i++) {
        uint64_t now = NS_PER_S + i * STEP_MS * NS_PER_MS;
        uint32_t elsewhere = mac_table_find(table, &loops)->port == 7 ? 8 : 7;
        if (mac_table_learn(table, &loops, elsewhere, 50, now) == MAC_LEARNED) {
            moves[n++] = now;
        }
        if (i % 500 == 0) {
            assert_int_equal(mac_table_learn(table, &roams, 8 + (uint32_t)n_other++ % 2, 50, now), MAC_LEARNED);
        }
    }
    for (size_t i = MOVES_MAX; i < n; i++) {
        assert_true(moves[i] - moves[i - MOVES_MAX] >= NS_PER_S);
    }
    assert_in_range(n, STEPS * STEP_MS / 1000 * MAC_MOVES_PER_S, STEPS * STEP_MS / 1000 * MAC_MOVES_PER_S + MAC_MOVES_BURST + 1);
    assert_int_equal(mac_table_port_counts(table, 7).refused_moves + mac_table_port_counts(table, 8).refused_moves, STEPS - n);
    mac_table_destroy(&table);
}

static void moves_that_others_tell_count_but_are_not_refused(void **state)
{
    (void)state;
    struct mac_table *table = mac_table_new();
    struct mac_name name = name_of(1, 0, 1);
    (void)mac_table_learn(table, &name, 7, 50, NS_PER_S);
    for (uint32_t i = 0; i < 2 * MAC_MOVES_BURST; i++) {
        mac_table_hear(table, &name, 8 + i % 2, NS_PER_S + 1 + i, 50);
        assert_int_equal(mac_table_find(table, &name)->port, 8 + i % 2);
    }
    assert_int_equal(mac_table_learn(table, &name, 7, 50, NS_PER_S + 100), MAC_LEARNED_REFUSED);
    assert_int_equal(mac_table_learn(table, &name, 7, 50, 3 * NS_PER_S), MAC_LEARNED);
    mac_table_destroy(&table);
}

/* Random source addresses: others keep theirs, the wires to other replicas get what the bucket gives, and each refusal is counted. */
static void a_port_brings_no_more_addresses_than_its_bucket_gives(void **state)
{
    (void)state;
    enum { LIMIT = 20000, TRIED = 100000 };
    struct mac_table *table = mac_table_new();
    uint64_t start = 100 * NS_PER_S, n_learned = 0;
    size_t n_news;
    for (uint32_t i = 0; i < TRIED; i++) { /* within a second */
        struct mac_name name = {.bridge = 1, .vlan = 1, .mac = {2, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        n_learned += mac_table_learn(table, &name, 9, LIMIT, start + i * 10000ull) == MAC_LEARNED;
    }
    assert_in_range(n_learned, MAC_INTAKE_BURST + MAC_INTAKE_PER_S - 2, MAC_INTAKE_BURST + MAC_INTAKE_PER_S + 2);
    assert_int_equal(mac_table_count(table, 1), n_learned);
    (void)mac_table_news(table, &n_news);
    assert_int_equal(n_news, n_learned);
    assert_int_equal(n_changes(table), n_learned);
    struct mac_port_counts counts = mac_table_port_counts(table, 9);
    assert_int_equal(counts.learned, n_learned);
    assert_int_equal(counts.refused_rate, TRIED - n_learned);
    struct mac_name known = {.bridge = 1, .vlan = 1, .mac = {2}}, other = name_of(1, 0, 7);
    assert_int_equal(mac_table_learn(table, &known, 9, LIMIT, start + NS_PER_S), MAC_LEARNED_NOTHING); /* who is known needs no token */
    assert_int_equal(mac_table_learn(table, &other, 8, LIMIT, start + NS_PER_S), MAC_LEARNED); /* nor do other ports pay */
    assert_int_equal(mac_table_port_count(table, 1, 8), 1);
    mac_table_forget_port(table, 9);
    assert_int_equal(mac_table_count(table, 1), 1);
    assert_int_equal(mac_table_port_counts(table, 9).refused_rate, 0);
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
        cmocka_unit_test(an_address_moves_ten_times_a_second_at_most),
        cmocka_unit_test(moves_that_others_tell_count_but_are_not_refused),
        cmocka_unit_test(a_port_brings_no_more_addresses_than_its_bucket_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
