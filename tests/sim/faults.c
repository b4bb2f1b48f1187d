/* Scenarios of chance: a bus that loses connections and delays, and processes that die at any moment, in any order.
 *
 * While things go wrong the switch may lose packets and refuse changes, but it may not lie: what a change's answer promised holds, frames and
 * packets are accounted for (I4, I5), no acknowledged rule is missing and no refused one is there once it has come to rest (I8).
 * One thread. The seed gives the whole story.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/sim_host.h"

enum { HOSTS = 4, RULES = 24 };

/* Rule n matches UDP source port n from host 1 and sends to a host, or is not there. */
struct story {
    struct sim *sim;
    unsigned target[RULES];  /* host, 0: no such rule; as last acknowledged */
    bool is_unknown[RULES];  /* the last change was not acknowledged: either is right */
    unsigned n_acknowledged, n_refused;
    uint32_t sequence;
};

static void send_some(struct story *story)
{
    for (unsigned i = 0; i < 3; i++) {
        struct sim_packet packet = {.from = 1, .to = 2, .flow = (uint16_t)random_below(&story->sim->random, RULES), .sequence = story->sequence++};
        (void)sim_offer(story->sim, packet);
    }
    for (unsigned host = 1; host <= HOSTS; host++) {
        (void)sim_receive_all(story->sim, host);
    }
}

static void run_ms(struct story *story, uint64_t ms)
{
    while (ms-- > 0) {
        send_some(story);
        sim_run_ms(story->sim, 1);
    }
}

static void change_a_rule(struct story *story)
{
    struct sim *sim = story->sim;
    unsigned rule = (unsigned)random_below(&sim->random, RULES);
    unsigned host = random_below(&sim->random, 4) == 0 ? 0 : 2 + (unsigned)random_below(&sim->random, HOSTS - 1);
    char flow[128];
    (void)snprintf(flow, sizeof flow, host == 0 ? "udp,in_port=1,udp_src=%u" : "cookie=%u,udp,in_port=1,udp_src=%u,actions=output:%u",
                   host == 0 ? rule : rule + 1, rule, host);
    struct sim_call *call = sim_call_begin(sim, PROCESS_OFAGENT, 1, "flow-mod", "br0", host == 0 ? "delete" : "add", flow, NULL);
    for (unsigned ms = 0; ms < 5000 && !call->is_done; ms++) {
        run_ms(story, 1);
    }
    story->is_unknown[rule] = !call->is_done || call->error != 0;
    if (story->is_unknown[rule]) {
        story->n_refused++;
    } else {
        story->target[rule] = host;
        story->n_acknowledged++;
    }
    sim_call_give_up(call);
}

/* Peace has come: every rule is as acknowledged, in ofagent's eyes and in the packets'. */
static void check_rules(struct story *story)
{
    struct sim *sim = story->sim;
    bus_hub_set_faults(sim->hub, 0, 0, 0);
    sim_settle(sim);
    sim_run_ms(sim, 3000);
    sim_settle(sim);
    for (unsigned host = 1; host <= HOSTS; host++) {
        (void)sim_receive_all(sim, host);
    }
    for (unsigned rule = 0; rule < RULES; rule++) {
        struct sim_packet packet, sent = {.from = 1, .to = 2, .flow = (uint16_t)rule, .sequence = story->sequence++};
        bool is_there = sim_rule_packets(sim, "br0", rule + 1) >= 0;
        if (!story->is_unknown[rule] && is_there != (story->target[rule] != 0)) {
            fail_msg("seed %" PRIu64 ": rule %u is %s and its last acknowledged change made it %s", sim->seed, rule, is_there ? "there" : "gone",
                     story->target[rule] != 0 ? "be there" : "go");
        }
        sim_send(sim, sent);
        sim_run_ms(sim, 50);
        for (unsigned host = 2; host <= HOSTS; host++) {
            unsigned n = 0;
            while (sim_receive(sim, host, &packet)) {
                assert_int_equal(packet.sequence, sent.sequence);
                n++;
            }
            if (!story->is_unknown[rule] && n != (story->target[rule] == host)) {
                fail_msg("seed %" PRIu64 ": host %u got %u packets of rule %u, which sends to host %u", sim->seed, host, n, rule,
                         story->target[rule]);
            }
        }
    }
}

static struct story begin(const char *scenario, unsigned n_slowpaths)
{
    struct story story = {.sim = sim_new(scenario, n_slowpaths)};
    (void)sim_network(story.sim, "br0", "secure", HOSTS);
    return story;
}

static void lossy_bus_everything_recovers(void **state)
{
    struct story story = begin(__func__, 2);
    for (unsigned round = 0; round < 4; round++) {
        bus_hub_set_faults(story.sim->hub, 5, 0, 10 * NS_PER_MS);
        for (unsigned i = 0; i < 12; i++) {
            change_a_rule(&story);
            run_ms(&story, random_below(&story.sim->random, 100));
        }
        check_rules(&story);
    }
    assert_true(story.n_acknowledged > 0);
    sim_end(&story.sim);
}

static void any_order_of_deaths_ends_in_a_working_switch(void **state)
{
    static const struct {
        enum process_kind kind;
        uint32_t instance;
    } who[] = {{PROCESS_CONFIGDB, 1}, {PROCESS_OFAGENT, 1}, {PROCESS_SLOWPATH, 1}, {PROCESS_SLOWPATH, 2}, {PROCESS_FASTPATH, 1}};
    enum { N = sizeof who / sizeof who[0] };
    struct story story = begin(__func__, 2);
    struct sim *sim = story.sim;
    for (unsigned round = 0; round < 3; round++) {
        bus_hub_set_faults(sim->hub, round == 2 ? 2 : 0, 0, round * 5 * NS_PER_MS);
        for (unsigned i = 0; i < 15; i++) {
            unsigned victim = (unsigned)random_below(&sim->random, N);
            if (sim_process(sim, who[victim].kind, who[victim].instance)->start != 0) {
                sim_kill(sim, who[victim].kind, who[victim].instance);
            } else {
                sim_start(sim, who[victim].kind, who[victim].instance);
            }
            if (random_below(&sim->random, 2) == 0) {
                change_a_rule(&story);
            }
            run_ms(&story, random_below(&sim->random, 1500));
        }
        for (unsigned i = 0; i < N; i++) {
            if (sim_process(sim, who[i].kind, who[i].instance)->start == 0) {
                sim_start(sim, who[i].kind, who[i].instance);
            }
        }
        check_rules(&story);
    }
    sim_end(&story.sim);
}

static void stopped_processes_go_on_where_they_were(void **state)
{
    static const enum process_kind kinds[] = {PROCESS_CONFIGDB, PROCESS_OFAGENT, PROCESS_SLOWPATH, PROCESS_FASTPATH};
    struct story story = begin(__func__, 2);
    struct sim *sim = story.sim;
    for (unsigned i = 0; i < 16; i++) {
        enum process_kind kind = kinds[random_below(&sim->random, 4)];
        sim_stop(sim, kind, 1, true);
        run_ms(&story, random_below(&sim->random, 3000));
        if (random_below(&sim->random, 2) == 0) {
            change_a_rule(&story);
        }
        sim_stop(sim, kind, 1, false);
        run_ms(&story, random_below(&sim->random, 500));
        change_a_rule(&story);
    }
    check_rules(&story);
    sim_end(&story.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossy_bus_everything_recovers),
        cmocka_unit_test(any_order_of_deaths_ends_in_a_working_switch),
        cmocka_unit_test(stopped_processes_go_on_where_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
