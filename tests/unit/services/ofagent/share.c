/* Tests of services/ofagent/share.c, with what owner.c and bridge.c do when a bridge comes and goes. We are ofagent 1 (start 7). */
#include "services/ofagent/share.h"

#include "services/ofagent/conn_tcp.h"
#include "services/ofagent/on_multipart.h"
#include "tests/unit/services/ofagent/bench.h"

enum { PEER = 70 /* service row of ofagent 2 */ };

static const Busbar__OwnerRow *owner_of(const struct bench *b, uint64_t bridge)
{
    return (const Busbar__OwnerRow *)cfg_row(b->agent->cfg, CFG_OWNER, bridge);
}

static void peer(struct bench *b, uint64_t row, uint32_t instance, uint64_t start)
{
    Busbar__ServiceRow service = BUSBAR__SERVICE_ROW__INIT;

    service.kind = PROCESS_OFAGENT;
    service.instance = instance;
    service.start = start;
    service.session = service.usage = service.packet = service.mac = service.control = (char *)(uintptr_t) "";
    bench_commit_row(b, CFG_SERVICE, row, &service.base);
}

static void add_bridge(struct bench *b, uint64_t id, const char *name)
{
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;

    row.name = (char *)(uintptr_t)name;
    bench_commit_row(b, CFG_BRIDGE, id, &row.base);
    bench_run(b, 20 * NS_PER_MS);
}

static void own(struct bench *b, uint64_t bridge, uint64_t start, uint64_t epoch)
{
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;

    row.start = start;
    row.epoch = epoch;
    bench_commit_row(b, CFG_OWNER, bridge, &row.base);
}

static void what_falls_to_another_is_left_to_him_for_half_a_second(void **state)
{
    struct bench *b = *state;

    peer(b, PEER, 2, 8);
    add_bridge(b, 10, "br1"); /* we have br0 */
    bench_run(b, 300 * NS_PER_MS);
    assert_null(owner_of(b, 10));
    assert_int_equal(bridge_find(b->agent, 10)->claimant, 8);
    bench_run(b, 400 * NS_PER_MS); /* he does not come */
    assert_int_equal(owner_of(b, 10)->start, 7);
    assert_int_equal(bridge_find(b->agent, 10)->state, BRIDGE_READY);
}

static void a_surplus_is_given_away_two_seconds_after_somebody_has_joined(void **state)
{
    struct bench *b = *state;
    struct client c;

    add_bridge(b, 10, "br1");
    add_bridge(b, 11, "br2");
    client_open(b, &c);
    peer(b, PEER, 2, 8);
    bench_run(b, 1900 * NS_PER_MS);
    assert_int_equal(owner_of(b, 11)->start, 7);
    bench_run(b, 300 * NS_PER_MS);
    assert_int_equal(owner_of(b, 11)->start, 8);
    assert_int_equal(owner_of(b, 11)->epoch, 2);
    assert_int_equal(bridge_find(b->agent, 11)->state, BRIDGE_UNOWNED);
    assert_int_equal(bridge_find(b->agent, 11)->listener, -1);
    bench_run(b, 5 * NS_PER_S); /* 2 and 1: that is good enough */
    assert_true(owner_of(b, 1)->start == 7 && owner_of(b, 10)->start == 7);
    assert_int_equal(recv(c.fd, &(uint8_t){0}, 1, MSG_DONTWAIT), -1); /* who is connected to another bridge has noticed nothing */
    client_close(&c);
}

static void a_bridge_in_use_is_drained_and_what_it_was_told_is_committed(void **state)
{
    struct bench *b = *state;
    struct client c;

    peer(b, PEER, 2, 8);
    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    b->agent->cfg->automatic = false;
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1");
    bridge_find(b->agent, 1)->successor = 8;
    bridge_find(b->agent, 1)->give_until_ns = b->now_ns + SHARE_DRAIN_NS;
    bench_run(b, 100 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 1)->state, BRIDGE_READY); /* one change is under way */
    client_flow_mod(b, &c, FLOW_MOD_ADD, "udp,actions=output:1");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 2); /* it is not read any more */
    b->agent->cfg->automatic = true;
    bench_run(b, 100 * NS_PER_MS);
    assert_int_equal(owner_of(b, 1)->start, 8);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 0);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    client_close(&c);
}

static void a_bridge_named_for_us_is_claimed_at_once_with_the_next_epoch(void **state)
{
    struct bench *b = *state;

    peer(b, PEER, 2, 8);
    own(b, 10, 8, 4);
    add_bridge(b, 10, "br1");
    bench_run(b, NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 10)->state, BRIDGE_UNOWNED);
    own(b, 10, 7, 5);
    bench_run(b, 30 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 10)->state, BRIDGE_READY);
    assert_int_equal(owner_of(b, 10)->epoch, 6);
    assert_int_equal(bridge_find(b->agent, 10)->former_instance, 2);
}

/* Otherwise nobody would serve it while he lives. */
static void a_bridge_given_to_one_who_does_not_take_it_is_claimed_after_half_a_second(void **state)
{
    struct bench *b = *state;
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;

    peer(b, PEER, 2, 8);
    peer(b, PEER + 1, 3, 9);
    own(b, 10, 8, 4);
    add_bridge(b, 10, "br1");
    bench_run(b, NS_PER_S);
    row.start = 9; /* the one gives it to the other */
    row.epoch = 5;
    row.has_given = row.given = true;
    bench_commit_row(b, CFG_OWNER, 10, &row.base);
    bench_run(b, 400 * NS_PER_MS);
    assert_int_equal(owner_of(b, 10)->start, 9);
    bench_run(b, 300 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 10)->state, BRIDGE_READY);
    assert_int_equal(owner_of(b, 10)->start, 7);
    assert_int_equal(owner_of(b, 10)->epoch, 6);
    assert_false(owner_of(b, 10)->given);
}

static void a_bridge_that_he_has_taken_is_his(void **state)
{
    struct bench *b = *state;

    add_bridge(b, 10, "br1");
    peer(b, PEER, 2, 8);
    bench_run(b, 2200 * NS_PER_MS);
    assert_true(owner_of(b, 10)->start == 8 && owner_of(b, 10)->given);
    own(b, 10, 8, 3);
    bench_run(b, 5 * NS_PER_S);
    assert_int_equal(owner_of(b, 10)->start, 8);
}

static void a_bridge_whose_controllers_are_away_is_not_given_away(void **state)
{
    struct bench *b = *state;
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;

    add_bridge(b, 10, "br1");
    add_bridge(b, 11, "br2");
    row.bridge = 11;
    row.target = (char *)(uintptr_t) "unix:/nonexistent/controller";
    bench_commit_row(b, CFG_CONTROLLER, 5, &row.base);
    bench_run(b, 16 * NS_PER_S);
    assert_true(bridge_find(b->agent, 11)->is_fail_open);
    peer(b, PEER, 2, 8);
    bench_run(b, 2200 * NS_PER_MS);
    assert_int_equal(owner_of(b, 11)->start, 7);
    assert_int_equal(owner_of(b, 10)->start, 8); /* the next goes */
}

/* Rules enough that the list of them waits for its peer. */
static void fill(struct bridge *bridge)
{
    struct flow_mod_context context = bridge_flow_mod_context(bridge);
    struct flow_changes changes;
    struct flow_mod mod;

    flow_changes_init(&changes);
    flow_mod_init(&mod, FLOW_MOD_ADD);
    for (unsigned i = 0; i < 4 * ON_MULTIPART_RULES; i++) {
        match_set(&mod.match, FIELD_METADATA, field_value_u64(i));
        assert_int_equal(flow_mod_apply(bridge->flows, &mod, &context, &changes), OF_ERROR_NONE);
    }
    flow_changes_fini(&changes);
}

static void open_at(struct bench *b, struct client *c, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.mgmt", b->dir, name);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    client_attach(c, fd);
    bench_step(b, NS_PER_MS);
    client_hello(b, c);
}

static void a_bridge_whose_list_nobody_reads_is_passed_over(void **state)
{
    struct bench *b = *state;
    struct of_message list = {.type = OF_MULTIPART_REQUEST, .multipart_request = {.type = OF_MULTIPART_FLOW}};
    struct client c;

    add_bridge(b, 10, "br1");
    add_bridge(b, 11, "br2");
    assert_int_equal(rule_filter_parse("", NULL, &list.multipart_request.filter, &(struct error_detail){{0}}), 0);
    fill(bridge_find(b->agent, 11));
    open_at(b, &c, "br2");
    client_send(b, &c, &list);
    bench_run(b, NS_PER_S);
    assert_non_null(bridge_find(b->agent, 11)->sessions->walk);
    peer(b, PEER, 2, 8);
    bench_run(b, 2200 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 11)->successor, 0);
    assert_true(owner_of(b, 10)->start == 8 && owner_of(b, 11)->start == 7);
    client_close(&c);
}

static void a_bridge_that_does_not_come_to_rest_is_left_alone_and_the_next_goes(void **state)
{
    struct bench *b = *state;

    add_bridge(b, 10, "br1");
    add_bridge(b, 11, "br2");
    struct bridge *bridge = bridge_find(b->agent, 11);
    bridge->is_noting = true; /* something under way that has no end */
    peer(b, PEER, 2, 8);
    bench_run(b, 2200 * NS_PER_MS);
    assert_int_equal(bridge->successor, 8);
    bench_run(b, 4200 * NS_PER_MS);
    assert_int_equal(bridge->successor, 0);
    assert_int_equal(owner_of(b, 10)->start, 8);
    own(b, 10, 8, 3);
    peer(b, PEER, 2, 9); /* another life: br1 comes back, and is given again */
    bench_run(b, 2500 * NS_PER_MS);
    assert_int_equal(owner_of(b, 10)->start, 9);
    own(b, 10, 9, owner_of(b, 10)->epoch + 1);
    bench_run(b, 20 * NS_PER_S);
    assert_int_equal(bridge->successor, 0);
    assert_int_equal(owner_of(b, 11)->start, 7);
}

static void nobody_knows_us_before_we_have_the_whole_mirror(void **state)
{
    struct bench *b = *state;

    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    bench_start_agent(b, 9);
    bench_run(b, NS_PER_S);
    assert_int_equal(cfg_registered(b->agent->cfg, NULL), 0);
    fake_cfg_show(b->agent->cfg, true);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_not_equal(cfg_registered(b->agent->cfg, NULL), 0);
    assert_int_equal(owner_of(b, 1)->start, 9);
}

static void whoever_stood_still_claims_anew_before_he_accepts_anything(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    bench_step(b, 3 * NS_PER_S);
    assert_false(bridge_is_writable(bridge_find(b->agent, 1)));
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_UNKNOWN);
    b->agent->cfg->automatic = true;
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(owner_of(b, 1)->epoch, 2);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    client_close(&c);
}

static void who_has_lost_a_bridge_answers_what_was_not_committed_and_lets_go(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "udp,hard_timeout=3,send_flow_rem,actions=drop");
    b->agent->cfg->automatic = false;
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1");
    peer(b, PEER, 2, 8);
    own(b, 1, 8, 2);
    bench_run(b, 20 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 1); /* the transaction may have been committed before that */
    b->agent->cfg->automatic = true;
    bench_run(b, 20 * NS_PER_MS);
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_UNKNOWN);
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_UNKNOWN);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    assert_int_equal(bridge_find(b->agent, 1)->listener, -1);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 0);
    uint64_t n = b->agent->cfg->n_committed;
    bench_run(b, 5 * NS_PER_S); /* nothing expires here any more */
    assert_int_equal(b->agent->cfg->n_committed, n);
    client_close(&c);
}

static void the_status_names_the_ofagent_whose_listener_is_waited_for(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    char text[80], path[128];
    int fd, again;

    peer(b, PEER, 2, 8);
    own(b, 1, 8, 2);
    bench_run(b, 50 * NS_PER_MS);
    (void)snprintf(path, sizeof path, "%s/br0.mgmt", b->dir);
    assert_int_equal(conn_tcp_listen(path, &fd), 0); /* as he does */
    bench_commit_row(b, CFG_SERVICE, PEER, NULL);     /* stopped: his lease has lapsed, his socket is there */
    bench_run(b, 100 * NS_PER_MS);
    assert_int_equal(bridge->state, BRIDGE_READY);
    assert_string_equal(bridge_listener_trouble(bridge, text, sizeof text), "waiting for the listener of ofagent 2");
    assert_int_equal(unlink(path), 0);
    (void)close(fd);
    bench_run(b, 500 * NS_PER_MS);
    assert_null(bridge_listener_trouble(bridge, text, sizeof text));
    assert_true(bridge->listener >= 0);
    assert_int_not_equal(conn_tcp_listen(path, &again), 0);
}

static void a_bridge_that_comes_back_stops_us_from_giving(void **state)
{
    struct bench *b = *state;

    add_bridge(b, 10, "br1");
    peer(b, PEER, 2, 8);
    bench_run(b, 2200 * NS_PER_MS);
    assert_int_equal(owner_of(b, 10)->start, 8);
    bench_commit_row(b, CFG_SERVICE, PEER, NULL); /* he never took it */
    bench_run(b, 100 * NS_PER_MS);
    assert_int_equal(owner_of(b, 10)->start, 7);
    peer(b, PEER, 2, 9);
    uint64_t epoch = owner_of(b, 10)->epoch;
    bench_run(b, 20 * NS_PER_S);
    assert_int_equal(owner_of(b, 10)->epoch, epoch);
    bench_run(b, 15 * NS_PER_S); /* to him, and back again, as he does not take it either */
    assert_true(owner_of(b, 10)->epoch == epoch + 2 && owner_of(b, 10)->start == 7);
}

static void a_bridge_whose_new_owner_died_later_may_be_given_again(void **state)
{
    struct bench *b = *state;

    add_bridge(b, 10, "br1");
    peer(b, PEER, 2, 8);
    bench_run(b, 2200 * NS_PER_MS);
    own(b, 10, 8, 3); /* he takes it */
    bench_commit_row(b, CFG_SERVICE, PEER, NULL);
    bench_run(b, 100 * NS_PER_MS);
    assert_int_equal(owner_of(b, 10)->start, 7);
    peer(b, PEER, 2, 9);
    bench_run(b, 2200 * NS_PER_MS);
    assert_int_equal(owner_of(b, 10)->start, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_falls_to_another_is_left_to_him_for_half_a_second),
        CLAIM(a_surplus_is_given_away_two_seconds_after_somebody_has_joined),
        CLAIM(a_bridge_in_use_is_drained_and_what_it_was_told_is_committed),
        CLAIM(a_bridge_named_for_us_is_claimed_at_once_with_the_next_epoch),
        CLAIM(a_bridge_given_to_one_who_does_not_take_it_is_claimed_after_half_a_second),
        CLAIM(a_bridge_that_he_has_taken_is_his),
        CLAIM(a_bridge_whose_controllers_are_away_is_not_given_away),
        CLAIM(a_bridge_whose_list_nobody_reads_is_passed_over),
        CLAIM(a_bridge_that_does_not_come_to_rest_is_left_alone_and_the_next_goes),
        CLAIM(nobody_knows_us_before_we_have_the_whole_mirror),
        CLAIM(whoever_stood_still_claims_anew_before_he_accepts_anything),
        CLAIM(who_has_lost_a_bridge_answers_what_was_not_committed_and_lets_go),
        CLAIM(the_status_names_the_ofagent_whose_listener_is_waited_for),
        CLAIM(a_bridge_whose_new_owner_died_later_may_be_given_again),
        CLAIM(a_bridge_that_comes_back_stops_us_from_giving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
