/* Scenarios of several ofagents that share the bridges: killed, stopped and resumed, come and gone, under traffic and changes.
 *
 * Traffic never goes through an ofagent, so no packet may be missing; what one of them has acknowledged must be there whoever has the bridge
 * afterwards, what was refused as another's must not, and counts never go back. sim_end() checks I4 and I5. One thread.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/sim_host.h"

enum {
    AGENTS = 3,
    ROUNDS = 30,
    COUNTING = 7, /* cookie of the rule that the traffic counts for */
    KEYS = 6,     /* matches that the random changes of a bridge are about */
    CHANGES = 8,  /* at most, in one round */
    COOKIE = 100  /* of the first random change, which is number 1 */
};

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

static unsigned n_working(struct sim *sim)
{
    unsigned n = 0;
    for (uint32_t i = 1; i <= AGENTS; i++) {
        n += sim_process(sim, PROCESS_OFAGENT, i)->start != 0 && !sim_process(sim, PROCESS_OFAGENT, i)->is_stopped;
    }
    return n;
}

static void disturb(struct story *story)
{
    struct sim *sim = story->sim;
    uint32_t agent = 1 + (uint32_t)random_below(&sim->random, AGENTS);
    struct sim_process *process = sim_process(sim, PROCESS_OFAGENT, agent);
    bool is_last = n_working(sim) < 2;
    if (process->start == 0) {
        sim_start(sim, PROCESS_OFAGENT, agent);
    } else if (process->is_stopped) {
        sim_stop(sim, PROCESS_OFAGENT, agent, false);
    } else if (!is_last && random_below(&sim->random, 2) == 0) {
        sim_kill(sim, PROCESS_OFAGENT, agent);
    } else if (!is_last) {
        sim_stop(sim, PROCESS_OFAGENT, agent, true);
    }
}

/* What may be there: [bridge][match][number of the change that added it; 0: nothing]. One place is true unless an answer was missing. */
struct model {
    bool may[BRIDGES][KEYS][ROUNDS * CHANGES + 1];
    unsigned n_changes;
};

enum change_kind { CHANGE_ADD, CHANGE_DELETE_STRICT, CHANGE_DELETE_ALL };
struct change {
    enum change_kind kind;
    unsigned bridge, key, number;
    struct sim_call *call;
};

static void describe_key(unsigned key, char out_text[80])
{
    (void)snprintf(out_text, 80, "table=%u,priority=%u,udp,in_port=2,udp_dst=%u", key % 2, 100 + key / 2 % 2, 1 + key / 2);
}

static void model_forget(bool *may)
{
    memset(may, 0, (ROUNDS * CHANGES + 1) * sizeof *may);
}

/* The change was made; or, unless it `is_certain`, perhaps. */
static void model_change(struct model *model, const struct change *change, bool is_certain)
{
    for (unsigned key = 0; key < KEYS; key++) {
        bool *may = model->may[change->bridge][key];
        if (change->kind != CHANGE_DELETE_ALL && key != change->key) {
            continue;
        }
        if (is_certain) {
            model_forget(may);
        }
        may[change->kind == CHANGE_ADD ? change->number : 0] = true;
    }
}

/* The ofagent that has the bridge and says so; 0: nobody. */
static uint32_t owner_of(struct sim *sim, const char *bridge)
{
    for (uint32_t agent = 1; agent <= AGENTS; agent++) {
        const struct sim_process *process = sim_process(sim, PROCESS_OFAGENT, agent);
        if (process->start != 0 && !process->is_stopped &&
            sim_call_end(sim, sim_call_begin(sim, PROCESS_OFAGENT, agent, "dump-flows", bridge, NULL), NULL) == 0) {
            return agent;
        }
    }
    return 0;
}

static void begin_change(struct sim *sim, struct model *model, uint32_t owner, unsigned bridge, struct change *out_change)
{
    static const char *const commands[] = {[CHANGE_ADD] = "add", [CHANGE_DELETE_STRICT] = "delete-strict", [CHANGE_DELETE_ALL] = "delete"};
    static const enum change_kind kinds[] = {CHANGE_ADD, CHANGE_ADD, CHANGE_ADD, CHANGE_ADD, CHANGE_DELETE_STRICT, CHANGE_DELETE_STRICT, CHANGE_DELETE_ALL};
    char key[80], flow[160];

    *out_change = (struct change){.kind = kinds[random_below(&sim->random, sizeof kinds / sizeof kinds[0])],
                                  .bridge = bridge,
                                  .key = (unsigned)random_below(&sim->random, KEYS),
                                  .number = ++model->n_changes};
    describe_key(out_change->key, key);
    if (out_change->kind == CHANGE_ADD) {
        (void)snprintf(flow, sizeof flow, "cookie=%u,%s,actions=drop", COOKIE + out_change->number, key);
    } else {
        (void)snprintf(flow, sizeof flow, "%s", out_change->kind == CHANGE_DELETE_ALL ? "udp,in_port=2" : key);
    }
    out_change->call = sim_call_begin(sim, PROCESS_OFAGENT, owner, "flow-mod", bridges[bridge], commands[out_change->kind], flow, NULL);
}

/* Several changes at once to who has the bridge, who may be killed meanwhile. True: every one was acknowledged. */
static bool change_bridge(struct story *story, struct model *model, unsigned bridge)
{
    struct sim *sim = story->sim;
    struct change changes[CHANGES];
    size_t n = 1 + random_below(&sim->random, CHANGES);
    uint32_t owner = owner_of(sim, bridges[bridge]);
    uint64_t begun_ns = sim->now_ns;
    bool is_all = true, is_killed = false;

    if (owner == 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        begin_change(sim, model, owner, bridge, &changes[i]);
        run_ms(story, random_below(&sim->random, 4) == 0);
    }
    if (n_working(sim) > 1 && random_below(&sim->random, 3) == 0) {
        run_ms(story, (unsigned)random_below(&sim->random, 4));
        sim_kill(sim, PROCESS_OFAGENT, owner);
        is_killed = true;
    }
    for (size_t i = 0; i < n; i++) {
        bool is_answered = changes[i].call->is_done || !is_killed;
        int err = is_answered ? sim_call_end(sim, changes[i].call, NULL) : 0;
        if (!is_answered) {
            sim_call_give_up(changes[i].call);
        }
        is_all = is_all && is_answered && err == 0;
        if (err != -ERROR_OWNER) {
            model_change(model, &changes[i], is_answered && err == 0);
        }
    }
    assert_true(sim->now_ns - begun_ns < 3 * NS_PER_S); /* none was sent twice */
    return is_all;
}

static unsigned key_of(const json_t *rule)
{
    for (unsigned key = 0; key < KEYS; key++) {
        char udp_dst[32];
        const char *match = json_string_value(json_object_get(rule, "match"));
        (void)snprintf(udp_dst, sizeof udp_dst, "tp_dst=%u", 1 + key / 2);
        if (json_integer_value(json_object_get(rule, "table")) == key % 2 &&
            json_integer_value(json_object_get(rule, "priority")) == 100 + key / 2 % 2 && strstr(match, udp_dst) != NULL) {
            return key;
        }
    }
    fail_msg("a rule that nobody made: table=%d %s", (int)json_integer_value(json_object_get(rule, "table")),
             json_string_value(json_object_get(rule, "match")));
    return 0;
}

/* Each match once, and by a change that was acknowledged, or of which nobody knows. */
static void check_rules(struct sim *sim, const struct model *model, unsigned bridge)
{
    json_t *rules = rules_of(sim, bridges[bridge]), *rule;
    unsigned found[KEYS] = {0};
    int64_t packets;
    size_t i;

    json_array_foreach(rules, i, rule)
    {
        uint64_t cookie = (uint64_t)json_integer_value(json_object_get(rule, "cookie"));
        if (cookie == COUNTING) {
            continue;
        }
        unsigned key = key_of(rule);
        if (found[key] != 0) {
            fail_msg("seed %" PRIu64 ": %s has match %u twice", sim->seed, bridges[bridge], key);
        }
        assert_in_range(cookie, COOKIE + 1, COOKIE + model->n_changes);
        found[key] = (unsigned)cookie - COOKIE;
    }
    assert_int_equal(n_with_cookie(rules, COUNTING, &packets), 1);
    for (unsigned key = 0; key < KEYS; key++) {
        if (!model->may[bridge][key][found[key]]) {
            fail_msg("seed %" PRIu64 ": %s has of match %u what change %u made", sim->seed, bridges[bridge], key, found[key]);
        }
    }
    json_decref(rules);
}

static void whatever_becomes_of_them_what_was_acknowledged_is_there_and_counts_never_go_back(void **state)
{
    struct story story = begin(__func__);
    struct sim *sim = story.sim;
    struct model *model = memory_zeroed(sizeof *model);
    unsigned n_acknowledged = 0;
    for (unsigned i = 0; i < BRIDGES; i++) {
        for (unsigned key = 0; key < KEYS; key++) {
            model->may[i][key][0] = true;
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        disturb(&story);
        run_ms(&story, (unsigned)random_below(&sim->random, 3000));
        n_acknowledged += change_bridge(&story, model, round % BRIDGES);
        check_count(&story);
    }
    print_message("%u of %d rounds were acknowledged\n", n_acknowledged, ROUNDS);
    assert_true(n_acknowledged >= ROUNDS / 3);
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
    for (unsigned i = 0; i < BRIDGES; i++) {
        check_rules(sim, model, i);
    }
    free(model);
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
