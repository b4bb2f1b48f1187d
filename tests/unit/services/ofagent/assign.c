/* Tests of services/ofagent/assign.c. */
#include "services/ofagent/assign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/random.h"

enum { BRIDGES = 40, AGENTS = 16, ROUNDS = 2000 };

static void a_bridge_without_owner_falls_to_the_least_loaded_and_the_first_among_equals(void **state)
{
    struct assign_agent agents[] = {{.instance = 3, .start = 30}, {.instance = 1, .start = 10}, {.instance = 2, .start = 20}};
    struct assign_bridge bridges[] = {{.id = 1, .owner = 10}, {.id = 2, .owner = 99}, {.id = 3, .owner = 0}, {.id = 4, .owner = 0}, {.id = 5, .owner = 20}};

    assign_bridges(agents, 3, bridges, 5);
    assert_int_equal(bridges[0].claimant, 0);
    assert_int_equal(bridges[1].claimant, 30); /* 1, 1 and 0 bridges */
    assert_int_equal(bridges[2].claimant, 10);
    assert_int_equal(bridges[3].claimant, 20);
    assert_int_equal(bridges[4].claimant, 0);
}

static void without_anybody_alive_a_bridge_falls_to_nobody(void **state)
{
    struct assign_bridge bridge = {.id = 1, .owner = 10, .claimant = 5};

    assign_bridges(NULL, 0, &bridge, 1);
    assert_int_equal(bridge.claimant, 0);
}

static size_t load_of(const struct assign_agent *agents, size_t n_agents, uint64_t start)
{
    for (size_t i = 0; i < n_agents; i++) {
        if (agents[i].start == start) {
            return agents[i].load;
        }
    }
    return SIZE_MAX;
}

static void nothing_moves_while_loads_differ_by_one(void **state)
{
    struct assign_agent agents[] = {{.instance = 1, .start = 10, .load = 2}, {.instance = 2, .start = 20, .load = 1}, {.instance = 3, .start = 30, .load = 2}};
    uint64_t from = 1, to = 2;

    assert_false(assign_surplus(agents, 3, &from, &to));
    assert_true(from == 1 && to == 2);
    agents[2].load = 3;
    assert_true(assign_surplus(agents, 3, &from, &to));
    assert_true(from == 30 && to == 20);
    assert_false(assign_surplus(agents, 1, &from, &to));
}

/* The same with the agents in another order. */
static void shuffle(struct random *random, struct assign_agent *agents, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)random_below(random, i);
        struct assign_agent other = agents[i - 1];
        agents[i - 1] = agents[k];
        agents[k] = other;
    }
}

static void check_falls(const struct assign_bridge *bridges, size_t n_bridges, const struct assign_agent *agents, size_t n_agents)
{
    size_t least = SIZE_MAX, received[AGENTS] = {0};

    for (size_t i = 0; i < n_bridges; i++) {
        bool has_owner = load_of(agents, n_agents, bridges[i].owner) != SIZE_MAX;
        assert_int_equal(has_owner, bridges[i].claimant == 0); /* exactly one claimant, who lives */
        for (size_t k = 0; k < n_agents; k++) {
            received[k] += !has_owner && agents[k].start == bridges[i].claimant;
        }
    }
    for (size_t k = 0; k < n_agents; k++) {
        least = agents[k].load < least ? agents[k].load : least;
    }
    for (size_t k = 0; k < n_agents; k++) {
        assert_true(received[k] == 0 || agents[k].load <= least + 1); /* nobody gets one while another has less */
    }
}

/* Moves until nothing moves; returns how many moves that took. */
static size_t settle(struct assign_agent *agents, size_t n_agents)
{
    size_t n = 0;
    uint64_t from, to;

    while (assign_surplus(agents, n_agents, &from, &to)) {
        for (size_t k = 0; k < n_agents; k++) {
            agents[k].load += (agents[k].start == to) - (size_t)(agents[k].start == from);
        }
        assert_true(++n <= BRIDGES);
    }
    return n;
}

static void everybody_comes_to_the_same_answer_and_it_is_balanced_within_one(void **state)
{
    const char *given = getenv("BUSBAR_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : random_start_number() % 1000000;
    struct random random;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&random, seed);
    for (int round = 0; round < ROUNDS; round++) {
        struct assign_agent agents[AGENTS] = {{0}}, others[AGENTS];
        struct assign_bridge bridges[BRIDGES] = {{0}}, same[BRIDGES];
        size_t n_agents = 1 + (size_t)random_below(&random, AGENTS), n_bridges = (size_t)random_below(&random, BRIDGES + 1);
        for (size_t i = 0; i < n_agents; i++) {
            agents[i] = (struct assign_agent){.instance = (uint32_t)random_below(&random, 5), .start = 1000 + i, .load = 77};
        }
        for (size_t i = 0; i < n_bridges; i++) {
            bridges[i] = same[i] = (struct assign_bridge){.id = i + 1, .owner = random_below(&random, 3) == 0 ? 0 : 1000 + random_below(&random, AGENTS)};
        }
        for (size_t i = 0; i < n_agents; i++) {
            others[i] = agents[i];
        }
        shuffle(&random, others, n_agents);
        assign_bridges(agents, n_agents, bridges, n_bridges);
        assign_bridges(others, n_agents, same, n_bridges);
        for (size_t i = 0; i < n_bridges; i++) {
            assert_int_equal(bridges[i].claimant, same[i].claimant);
        }
        check_falls(bridges, n_bridges, agents, n_agents);
        (void)settle(agents, n_agents);
        size_t least = SIZE_MAX, most = 0;
        for (size_t k = 0; k < n_agents; k++) {
            least = agents[k].load < least ? agents[k].load : least;
            most = agents[k].load > most ? agents[k].load : most;
        }
        assert_true(most <= least + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bridge_without_owner_falls_to_the_least_loaded_and_the_first_among_equals),
        cmocka_unit_test(without_anybody_alive_a_bridge_falls_to_nobody),
        cmocka_unit_test(nothing_moves_while_loads_differ_by_one),
        cmocka_unit_test(everybody_comes_to_the_same_answer_and_it_is_balanced_within_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
