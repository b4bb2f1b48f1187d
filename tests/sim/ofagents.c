/* Scenarios of several ofagents that share the bridges: killed, stopped and resumed, come and gone, under traffic and changes.
 *
 * Traffic never goes through an ofagent, so no packet may be missing; what one of them has acknowledged must be there whoever has the bridge
 * afterwards, what was refused as another's must not, and counts never go back. sim_end() checks I4 and I5. One thread.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/sim_host.h"

enum { AGENTS = 3, ROUNDS = 30, COUNTING = 7 /* cookie of the rule that the traffic counts for */ };

static const char *const bridges[] = {"br0", "br1", "br2", "br3"};
enum { BRIDGES = sizeof bridges / sizeof bridges[0] };

/* Asks one ofagent after the other until one does not say that the bridge is another's. */
static int ask(struct sim *sim, const char *command, const char *bridge, const char *change, const char *flow, json_t **out_json)
{
    int err = -ERROR_OWNER;
    for (uint32_t agent = 1; agent <= AGENTS && err == -ERROR_OWNER; agent++) {
        const struct sim_process *process = sim_process(sim, PROCESS_OFAGENT, agent);
        if (process->start != 0 && !process->is_stopped) {
            err = sim_call_end(sim, sim_call_begin(sim, PROCESS_OFAGENT, agent, command, bridge, change, flow, NULL), out_json);
        }
    }
    return err;
}

static void add_rule(struct sim *sim, const char *bridge, const char *flow)
{
    int err = -ERROR_OWNER;
    for (unsigned tries = 0; tries < SIM_FLOW_MOD_TRIES && err != 0; tries++) {
        err = ask(sim, "flow-mod", bridge, "add", flow, NULL);
        sim_run_ms(sim, err != 0 ? 100 : 0);
    }
    assert_int_equal(err, 0);
}

static json_t *rules_of(struct sim *sim, const char *bridge)
{
    json_t *rules = NULL;
    int err = -ERROR_OWNER;
    for (unsigned tries = 0; tries < SIM_FLOW_MOD_TRIES && err != 0; tries++) {
        json_decref(rules);
        rules = NULL;
        err = ask(sim, "dump-flows", bridge, NULL, NULL, &rules);
        sim_run_ms(sim, err != 0 ? 100 : 0);
    }
    assert_int_equal(err, 0);
    return rules;
}

static unsigned n_with_cookie(const json_t *rules, uint64_t cookie, int64_t *out_packets)
{
    unsigned n = 0;
    size_t i;
    json_t *rule;
    json_array_foreach(rules, i, rule)
    {
        if ((uint64_t)json_integer_value(json_object_get(rule, "cookie")) == cookie) {
            *out_packets = json_integer_value(json_object_get(rule, "n_packets"));
            n++;
        }
    }
    return n;
}

static int64_t counted(struct sim *sim)
{
    int64_t packets = -1;
    json_t *rules = rules_of(sim, bridges[0]);
    assert_int_equal(n_with_cookie(rules, COUNTING, &packets), 1);
    json_decref(rules);
    return packets;
}

static size_t n_ready(struct sim *sim, uint32_t agent)
{
    json_t *status = sim_status(sim, PROCESS_OFAGENT, agent), *bridge;
    size_t i, n = 0;
    json_array_foreach(json_object_get(status, "bridges"), i, bridge)
    {
        n += strcmp(json_string_value(json_object_get(bridge, "state")), "ready") == 0;
    }
    json_decref(status);
    return n;
}

struct story {
    struct sim *sim;
    uint32_t sent, received;
    int64_t counted;
};

/* A packet a millisecond, none of which may be lost. */
static void run_ms(struct story *story, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        struct sim_packet packet;
        sim_send(story->sim, (struct sim_packet){1, 2, 5, story->sent++});
        sim_run_ms(story->sim, 1);
        while (sim_receive(story->sim, 2, &packet)) {
            assert_int_equal(packet.sequence, story->received);
            story->received++;
        }
    }
}

static void check_count(struct story *story)
{
    int64_t now = counted(story->sim);
    if (now < story->counted) {
        fail_msg("seed %" PRIu64 ": %lld packets were counted, and now it is %lld", story->sim->seed, (long long)story->counted, (long long)now);
    }
    story->counted = now;
}

/* br0 with two hosts and traffic, the others empty; all of them ofagent 1's. */
static struct story begin(const char *scenario)
{
    struct story story = {.sim = sim_new(scenario, 1)};
    (void)sim_network(story.sim, bridges[0], "secure", 2);
    for (unsigned i = 1; i < BRIDGES; i++) {
        (void)sim_add_bridge(story.sim, bridges[i], "secure");
    }
    for (unsigned i = 0; i < BRIDGES; i++) {
        char flow[64];
        (void)snprintf(flow, sizeof flow, "cookie=%d,in_port=1,actions=output:2", COUNTING);
        add_rule(story.sim, bridges[i], flow);
    }
    (void)sim_ping(story.sim, 1, 2, 5);
    return story;
}

static void bridges_move_to_who_joins_and_back_when_he_is_killed(void **state)
{
    struct story story = begin(__func__);
    sim_start(story.sim, PROCESS_OFAGENT, 2);
    run_ms(&story, 1500);
    assert_int_equal(n_ready(story.sim, 1), BRIDGES);
    run_ms(&story, 2500);
    assert_int_equal(n_ready(story.sim, 1), BRIDGES / 2);
    assert_int_equal(n_ready(story.sim, 2), BRIDGES / 2);
    for (unsigned i = 0; i < BRIDGES; i++) {
        json_t *rules = rules_of(story.sim, bridges[i]);
        assert_int_equal(json_array_size(rules), 1);
        json_decref(rules);
    }
    check_count(&story);
    run_ms(&story, 3000); /* two each: nothing moves */
    assert_int_equal(n_ready(story.sim, 1), BRIDGES / 2);
    sim_kill(story.sim, PROCESS_OFAGENT, 1);
    run_ms(&story, 2600);
    assert_int_equal(n_ready(story.sim, 2), BRIDGES);
    check_count(&story);
    run_ms(&story, 1000);
    sim_run_ms(story.sim, 2000);
    assert_int_equal(counted(story.sim), (int64_t)story.sent + 1);
    sim_end(&story.sim);
}

static void a_stopped_one_is_refused_and_lets_go(void **state)
{
    struct story story = begin(__func__);
    sim_start(story.sim, PROCESS_OFAGENT, 2);
    run_ms(&story, 4000);
    sim_stop(story.sim, PROCESS_OFAGENT, 1, true);
    /* What it is told now it will read when it goes on. */
    struct sim_call *late = sim_call_begin(story.sim, PROCESS_OFAGENT, 1, "flow-mod", bridges[0], "add", "cookie=66,udp,actions=drop", NULL);
    run_ms(&story, 2600);
    assert_int_equal(n_ready(story.sim, 2), BRIDGES);
    add_rule(story.sim, bridges[0], "cookie=8,arp,actions=drop");
    sim_stop(story.sim, PROCESS_OFAGENT, 1, false);
    int err = sim_call_end(story.sim, late, NULL);
    int64_t packets;
    json_t *rules = rules_of(story.sim, bridges[0]);
    assert_int_equal(n_with_cookie(rules, 66, &packets), err == 0 ? 1 : 0);
    assert_int_equal(n_with_cookie(rules, 8, &packets), 1);
    json_decref(rules);
    run_ms(&story, 4000); /* and gets its share again */
    assert_int_equal(n_ready(story.sim, 1), BRIDGES / 2);
    check_count(&story);
    sim_end(&story.sim);
}

/* A shard's last counts may have reached one ofagent only: whoever takes over shows as much. */
static void counts_of_a_dead_shard_are_those_that_the_last_owner_had(void **state)
{
    struct story story = begin(__func__);
    sim_start(story.sim, PROCESS_OFAGENT, 2);
    run_ms(&story, 4000);
    check_count(&story);
    uint32_t owner = n_ready(story.sim, 1) > 0 ? 1 : 2;
    for (uint32_t agent = 1; agent <= 2; agent++) { /* the one that has br0 */
        json_t *rules = NULL;
        int err = sim_call_end(story.sim, sim_call_begin(story.sim, PROCESS_OFAGENT, agent, "dump-flows", bridges[0], NULL), &rules);
        json_decref(rules);
        owner = err == 0 ? agent : owner;
    }
    sim_stop(story.sim, PROCESS_OFAGENT, 3 - owner, true); /* it hears nothing any more */
    run_ms(&story, 3000);
    sim_run_ms(story.sim, 2000);
    check_count(&story);
    assert_int_equal(story.counted, (int64_t)story.sent + 1);
    sim_kill(story.sim, PROCESS_FASTPATH, 1);
    sim_run_ms(story.sim, 500);
    sim_start(story.sim, PROCESS_FASTPATH, 1);
    sim_run_ms(story.sim, 3000);
    check_count(&story);
    sim_stop(story.sim, PROCESS_OFAGENT, 3 - owner, false);
    sim_run_ms(story.sim, 200);
    sim_kill(story.sim, PROCESS_OFAGENT, owner);
    sim_run_ms(story.sim, 2600);
    check_count(&story);
    assert_int_equal(story.counted, (int64_t)story.sent + 1);
    sim_end(&story.sim);
}

static void disturb(struct story *story)
{
    struct sim *sim = story->sim;
    uint32_t agent = 1 + (uint32_t)random_below(&sim->random, AGENTS);
    struct sim_process *process = sim_process(sim, PROCESS_OFAGENT, agent);
    unsigned n_working = 0;
    for (uint32_t i = 1; i <= AGENTS; i++) {
        n_working += sim_process(sim, PROCESS_OFAGENT, i)->start != 0 && !sim_process(sim, PROCESS_OFAGENT, i)->is_stopped;
    }
    if (process->start == 0) {
        sim_start(sim, PROCESS_OFAGENT, agent);
    } else if (process->is_stopped) {
        sim_stop(sim, PROCESS_OFAGENT, agent, false);
    } else if (n_working > 1 && random_below(&sim->random, 2) == 0) {
        sim_kill(sim, PROCESS_OFAGENT, agent);
    } else if (n_working > 1) {
        sim_stop(sim, PROCESS_OFAGENT, agent, true);
    }
}

static void whatever_becomes_of_them_what_was_acknowledged_is_there_and_counts_never_go_back(void **state)
{
    struct story story = begin(__func__);
    struct sim *sim = story.sim;
    int results[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        char flow[80];
        disturb(&story);
        run_ms(&story, (unsigned)random_below(&sim->random, 3000));
        (void)snprintf(flow, sizeof flow, "cookie=%u,priority=%u,udp,udp_dst=%u,in_port=2,actions=drop", 100 + round, 100 + round, round + 1);
        results[round] = ask(sim, "flow-mod", bridges[round % BRIDGES], "add", flow, NULL);
        check_count(&story);
    }
    for (uint32_t agent = 1; agent <= AGENTS; agent++) {
        if (sim_process(sim, PROCESS_OFAGENT, agent)->start == 0) {
            sim_start(sim, PROCESS_OFAGENT, agent);
        }
        sim_stop(sim, PROCESS_OFAGENT, agent, false);
    }
    sim_run_ms(sim, 40000); /* a bridge that came back untouched stops its owner from giving for 30 s */
    size_t least = BRIDGES, most = 0, n = 0;
    for (uint32_t agent = 1; agent <= AGENTS; agent++) {
        size_t load = n_ready(sim, agent);
        least = load < least ? load : least;
        most = load > most ? load : most;
        n += load;
    }
    assert_true(n == BRIDGES && most - least <= 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int64_t packets;
        json_t *rules = rules_of(sim, bridges[round % BRIDGES]);
        unsigned n_found = n_with_cookie(rules, 100 + round, &packets);
        json_decref(rules);
        if (results[round] == 0) {
            assert_int_equal(n_found, 1);
        } else if (results[round] == -ERROR_OWNER) {
            assert_int_equal(n_found, 0);
        }
    }
    assert_int_equal(counted(sim), (int64_t)story.sent + 1);
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bridges_move_to_who_joins_and_back_when_he_is_killed),
        cmocka_unit_test(a_stopped_one_is_refused_and_lets_go),
        cmocka_unit_test(counts_of_a_dead_shard_are_those_that_the_last_owner_had),
        cmocka_unit_test(whatever_becomes_of_them_what_was_acknowledged_is_there_and_counts_never_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
