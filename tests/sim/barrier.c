/* I3: a packet received after a barrier reply is forwarded as the tables before the barrier said.
 *
 * The way of host 1's packets alternates between hosts by changes of rules, while packets of several flows come in each millisecond. Each
 * change goes through the control wire, whose answer is a barrier's: committed, and every shard's floor is there. From the moment the
 * answer is in the operator's hands, no packet put on the wire may come out the old way; before the answer either way is right.
 *
 *     packets   1 1 1 1 1 1 1 1 1 2 1 2 2 2 2 2      (host that gets them)
 *     change            ask ........... answer
 *                                         ^ from here on: 2 only
 *
 * One thread.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/sim_host.h"

enum { FLOWS = 6, WAYS = 3 /* hosts 2, 3 and 4 */ };

struct way_test {
    struct sim *sim;
    uint32_t sequence;       /* of the next packet, over all flows */
    uint32_t first_checked;  /* packets from here on were sent after an answer */
    unsigned expected;       /* the host they must come out at; 0: none may come out */
    uint64_t n_right, n_changes;
};

static void check_arrivals(struct way_test *test)
{
    struct sim_packet packet;
    for (unsigned host = 2; host < 2 + WAYS; host++) {
        while (sim_receive(test->sim, host, &packet)) {
            if (packet.sequence >= test->first_checked && host != test->expected) {
                fail_msg("seed %" PRIu64 ", ms %llu: packet %u of flow %u came out at host %u; since packet %u only host %u is right",
                         test->sim->seed, test->sim->now_ns / NS_PER_MS, packet.sequence, packet.flow, host, test->first_checked, test->expected);
            }
            test->n_right += packet.sequence >= test->first_checked;
        }
    }
}

static void one_ms(struct way_test *test)
{
    for (uint16_t flow = 0; flow < FLOWS; flow++) {
        (void)sim_offer(test->sim, (struct sim_packet){.from = 1, .to = 2, .flow = flow, .sequence = test->sequence++});
    }
    sim_run_ms(test->sim, 1);
    check_arrivals(test);
}

/* Makes the change under traffic; a refusal (a lossy bus) is tried again. Then the packets must go to `host`. */
static void change(struct way_test *test, const char *how, const char *flow, unsigned host)
{
    int err = -ERROR_TIMEOUT;
    test->first_checked = UINT32_MAX;
    for (unsigned tries = 0; err != 0; tries++) {
        struct sim_call *call = sim_call_begin(test->sim, PROCESS_OFAGENT, 1, "flow-mod", "br0", how, flow, NULL);
        for (unsigned ms = 0; ms < SIM_PATIENCE_MS && !call->is_done; ms++) {
            one_ms(test);
        }
        assert_true(tries < 50);
        err = sim_call_end(test->sim, call, NULL);
        assert_int_not_equal(err, -ERROR_SYNTAX);
    }
    test->first_checked = test->sequence;
    test->expected = host;
    test->n_changes++;
}

static void some_time(struct way_test *test)
{
    for (uint64_t ms = random_below(&test->sim->random, 60); ms > 0; ms--) {
        one_ms(test);
    }
}

/* The next ones of a list that begins anew at its end. */
static void alternate(struct way_test *test, unsigned n_changes)
{
    static const struct {
        const char *how, *flow;
        unsigned host;
    } changes[] = {
        {"add", "in_port=1,actions=output:2", 2},
        {"modify", "in_port=1,actions=output:3", 3},
        {"add", "priority=40000,ip,in_port=1,actions=output:4", 4},
        {"delete", "ip,in_port=1", 3},
        {"add", "priority=50000,udp,in_port=1,nw_dst=10.0.0.0/8,actions=drop", 0},
        {"modify", "in_port=1,actions=output:2", 2}, /* that one too */
        {"delete", "udp,in_port=1", 2},
        {"add", "in_port=1,actions=goto_table:1", 0},
        {"add", "table=1,priority=7,dl_src=02:00:00:00:00:01,actions=output:4", 4},
        {"delete", "table=1", 0},
        {"delete", "table=0", 0},
    };
    for (unsigned i = 0; i < n_changes; i++) {
        size_t at = test->n_changes % (sizeof changes / sizeof changes[0]);
        change(test, changes[at].how, changes[at].flow, changes[at].host);
        some_time(test);
    }
}

static struct way_test begin(const char *scenario, unsigned n_slowpaths)
{
    struct way_test test = {.sim = sim_new(scenario, n_slowpaths), .first_checked = UINT32_MAX};
    (void)sim_network(test.sim, "br0", "secure", 1 + WAYS);
    return test;
}

static void end(struct way_test *test)
{
    assert_true(test->n_right > 100);
    bus_hub_set_faults(test->sim->hub, 0, 0, 0);
    sim_run_ms(test->sim, 1000);
    sim_settle(test->sim);
    sim_end(&test->sim);
}

static void a_barrier_means_no_packet_the_old_way(void **state)
{
    struct way_test test = begin(__func__, 1);
    alternate(&test, 40);
    end(&test);
}

static void a_barrier_waits_for_every_slowpath(void **state)
{
    struct way_test test = begin(__func__, 3);
    alternate(&test, 40);
    end(&test);
}

static void a_barrier_holds_on_a_slow_bus(void **state)
{
    struct way_test test = begin(__func__, 2);
    bus_hub_set_faults(test.sim->hub, 0, 1 * NS_PER_MS, 30 * NS_PER_MS);
    alternate(&test, 30);
    end(&test);
}

static void a_barrier_holds_on_a_lossy_bus(void **state)
{
    struct way_test test = begin(__func__, 2);
    bus_hub_set_faults(test.sim->hub, 2, 0, 5 * NS_PER_MS);
    alternate(&test, 30);
    end(&test);
}

static void a_barrier_holds_while_slowpaths_come_and_go(void **state)
{
    struct way_test test = begin(__func__, 2);
    bus_hub_set_faults(test.sim->hub, 0, 0, 5 * NS_PER_MS);
    for (uint32_t round = 0; round < 12; round++) {
        uint32_t instance = 1 + round % 2;
        sim_kill(test.sim, PROCESS_SLOWPATH, instance);
        alternate(&test, (unsigned)random_below(&test.sim->random, 3));
        sim_start(test.sim, PROCESS_SLOWPATH, instance);
        alternate(&test, (unsigned)random_below(&test.sim->random, 3));
    }
    for (unsigned ms = 0; ms < 200; ms++) {
        one_ms(&test);
    }
    end(&test);
}

enum { MANY_FLOWS = 8000 };

/* Backwards: not in the order in which flows were made and are corrected. */
static void send_all_flows(struct way_test *test, unsigned per_ms, bool is_backwards)
{
    for (unsigned i = 0; i < MANY_FLOWS; i++) {
        uint16_t flow = (uint16_t)(is_backwards ? MANY_FLOWS - 1 - i : i);
        sim_send(test->sim, (struct sim_packet){.from = 1, .to = 2, .flow = flow, .sequence = test->sequence++});
        if (i % per_ms == per_ms - 1) {
            sim_run_ms(test->sim, 1);
            check_arrivals(test);
        }
    }
    sim_run_ms(test->sim, 100);
    check_arrivals(test);
}

/* Looks at a whole port, so that each UDP port is a flow of its own. */
#define EACH_ITS_OWN "move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],"

/* More flows than a slowpath corrects in one step. */
static void a_barrier_waits_for_thousands_of_corrections(void **state)
{
    struct way_test test = begin(__func__, 1);
    change(&test, "add", "in_port=1,udp,actions=" EACH_ITS_OWN "output:2", 2);
    send_all_flows(&test, 50, false); /* waiting packets have a bound, and this is not about it */
    assert_true(sim_shard(test.sim).n_flows > MANY_FLOWS / 2);
    for (unsigned host = 3; host < 6; host++) {
        change(&test, "modify", host == 3   ? "in_port=1,udp,actions=" EACH_ITS_OWN "output:3"
               : host == 4 ? "in_port=1,udp,actions=" EACH_ITS_OWN "output:4"
                           : "in_port=1,udp,actions=drop",
               host < 5 ? host : 0);
        send_all_flows(&test, 200, true);
    }
    end(&test);
}

/* Half of the time a process is dead or stopped while changes are made; what cannot be changed then is changed when it is back. */
static void a_barrier_holds_whatever_dies(void **state)
{
    static const struct {
        enum process_kind kind;
        uint32_t instance;
    } who[] = {{PROCESS_CONFIGDB, 1}, {PROCESS_OFAGENT, 1}, {PROCESS_SLOWPATH, 1}, {PROCESS_SLOWPATH, 2}, {PROCESS_FASTPATH, 1}};
    struct way_test test = begin(__func__, 2);
    struct sim *sim = test.sim;
    bus_hub_set_faults(sim->hub, 0, 0, 3 * NS_PER_MS);
    for (unsigned round = 0; round < 15; round++) {
        unsigned victim = (unsigned)random_below(&sim->random, sizeof who / sizeof who[0]);
        bool is_stop = random_below(&sim->random, 3) == 0;
        if (is_stop) {
            sim_stop(sim, who[victim].kind, who[victim].instance, true);
        } else {
            sim_kill(sim, who[victim].kind, who[victim].instance);
        }
        if (who[victim].kind == PROCESS_SLOWPATH || who[victim].kind == PROCESS_FASTPATH) {
            alternate(&test, 1 + (unsigned)random_below(&sim->random, 3)); /* the others can */
        }
        for (uint64_t ms = random_below(&sim->random, 3000); ms > 0; ms--) {
            one_ms(&test);
        }
        if (is_stop) {
            sim_stop(sim, who[victim].kind, who[victim].instance, false);
        } else {
            sim_start(sim, who[victim].kind, who[victim].instance);
        }
        alternate(&test, 1 + (unsigned)random_below(&sim->random, 4));
    }
    end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_barrier_means_no_packet_the_old_way),
        cmocka_unit_test(a_barrier_waits_for_every_slowpath),
        cmocka_unit_test(a_barrier_holds_on_a_slow_bus),
        cmocka_unit_test(a_barrier_holds_on_a_lossy_bus),
        cmocka_unit_test(a_barrier_holds_while_slowpaths_come_and_go),
        cmocka_unit_test(a_barrier_waits_for_thousands_of_corrections),
        cmocka_unit_test(a_barrier_holds_whatever_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
