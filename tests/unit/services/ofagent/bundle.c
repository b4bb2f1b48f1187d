/* Tests of services/ofagent/bundle.c. */
#include "tests/unit/services/ofagent/bench.h"

#include "services/ofagent/bundle.h"

static uint16_t flags = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED; /* of all bundles */
static uint32_t control_xid = 5;

static void control(struct bench *b, struct client *c, enum of_bundle_control_type type)
{
    struct of_message message = {.type = OF_BUNDLE_CONTROL, .xid = control_xid, .bundle_control = {.bundle_id = 3, .type = (uint16_t)type, .flags = flags}};
    client_send(b, c, &message);
}

/* The message as bytes within a bundle_add. */
static void add(struct bench *b, struct client *c, struct of_message *inner)
{
    struct writer w;
    writer_init(&w);
    inner->version = c->version;
    inner->xid = 6;
    assert_int_equal(of_encode(inner, &w), 0);
    struct of_message message = {
        .type = OF_BUNDLE_ADD, .xid = 6, .bundle_add = {.bundle_id = 3, .flags = flags, .message = w.bytes, .message_size = w.size}};
    client_send(b, c, &message);
    writer_fini(&w);
}

static void add_flow(struct bench *b, struct client *c, const char *text)
{
    struct of_message message = {.type = OF_FLOW_MOD, .flow_mod = mod_of(FLOW_MOD_ADD, text)};
    add(b, c, &message);
    flow_mod_fini(&message.flow_mod);
}

static void add_group(struct bench *b, struct client *c, enum of_group_command command, uint32_t id)
{
    struct of_message message = {
        .type = OF_GROUP_MOD,
        .group_mod = {.command = command, .command_bucket_id = BUCKET_ALL, .group = {.group_id = id, .type = GROUP_TYPE_ALL}}};
    add(b, c, &message);
}

static void expect_control(struct bench *b, struct client *c, enum of_bundle_control_type type)
{
    client_expect(b, c, OF_BUNDLE_CONTROL);
    assert_int_equal(c->message.bundle_control.type, type);
    assert_int_equal(c->message.bundle_control.bundle_id, 3);
}

static size_t n_rules(const struct bench *b)
{
    return flow_table_size(bridge_find(b->agent, 1)->flows);
}

static void what_is_in_a_bundle_happens_at_its_commit_and_not_before(void **state)
{
    static const uint8_t versions[] = {OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof versions; i++) {
        struct client c;
        client_open_in(b, &c, versions[i]);
        control(b, &c, OF_BUNDLE_OPEN_REQUEST);
        expect_control(b, &c, OF_BUNDLE_OPEN_REPLY);
        add_group(b, &c, OF_GROUP_ADD, 5);
        add_flow(b, &c, "ip,actions=group:5");
        add_flow(b, &c, "arp,actions=output:2");
        assert_int_equal(n_rules(b), 0);
        assert_true(b->agent->bundle_bytes > 0);
        control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
        expect_control(b, &c, OF_BUNDLE_COMMIT_REPLY);
        assert_int_equal(n_rules(b), 2);
        assert_int_equal(b->agent->bundle_bytes, 0);
        client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
        struct of_message clear = {.type = OF_GROUP_MOD,
                                   .group_mod = {.command = OF_GROUP_DELETE, .command_bucket_id = BUCKET_ALL, .group = {.group_id = GROUP_ALL}}};
        client_send(b, &c, &clear);
        client_barrier(b, &c);
        client_expect(b, &c, OF_BARRIER_REPLY);
        client_close(&c);
        bench_step(b, NS_PER_MS);
    }
}

static void a_bundle_that_fails_changes_nothing_and_names_the_message(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct client c;

    client_open(b, &c);
    struct of_message group = {.type = OF_GROUP_MOD, .group_mod = {.group = {.group_id = 7, .type = GROUP_TYPE_ALL}}};
    client_send(b, &c, &group);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "udp,actions=group:7");
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    add_flow(b, &c, "ip,actions=output:1"); /* without an open: the first message opens it */
    add_group(b, &c, OF_GROUP_DELETE, 7);
    add_group(b, &c, OF_GROUP_ADD, 8);
    add_flow(b, &c, "tcp,actions=group:77");
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    assert_int_equal(c.message.xid, 6);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(c.message.xid, 5);
    assert_int_equal(n_rules(b), 1);
    assert_non_null(group_table_find(bridge->groups, 7));
    assert_null(group_table_find(bridge->groups, 8));
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(n_rules(b), 1);
    client_close(&c);
}

static void misuse_gets_the_standards_codes(void **state)
{
    struct bench *b = *state;
    struct of_message echo = {.type = OF_ECHO_REQUEST};
    struct client c;

    client_open(b, &c);
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_BAD_ID);
    control(b, &c, OF_BUNDLE_OPEN_REPLY);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_BAD_TYPE);
    control(b, &c, OF_BUNDLE_OPEN_REQUEST);
    expect_control(b, &c, OF_BUNDLE_OPEN_REPLY);
    add(b, &c, &echo);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_UNSUP);
    control(b, &c, OF_BUNDLE_CLOSE_REQUEST);
    expect_control(b, &c, OF_BUNDLE_CLOSE_REPLY);
    add_flow(b, &c, "actions=drop");
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_BUNDLE_CLOSED);
    control(b, &c, OF_BUNDLE_DISCARD_REQUEST); /* that mistake has dropped it */
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_BAD_ID);
    client_close(&c);
}

static void add_packet_out(struct bench *b, struct client *c, uint32_t group_id)
{
    uint8_t frame[60] = {2, 0, 0, 0, 0, 9};
    struct of_message out = {.type = OF_PACKET_OUT,
                             .packet_out = {.buffer_id = OF_NO_BUFFER, .in_port = PORT_CONTROLLER, .data = frame, .data_size = sizeof frame}};
    struct action action = {.type = ACTION_GROUP, .group_id = group_id};
    action_list_add(&out.packet_out.actions, &action);
    add(b, c, &out);
    action_list_fini(&out.packet_out.actions);
}

static void packet_outs_of_a_bundle_leave_when_it_is_committed(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    client_open(b, &c);
    add_group(b, &c, OF_GROUP_ADD, 5);
    add_packet_out(b, &c, 5); /* the group is of the bundle, too */
    add_flow(b, &c, "ip,actions=group:5");
    add_packet_out(b, &c, 5);
    b->agent->cfg->automatic = false;
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(b->n_packet_outs, 0);
    b->agent->cfg->automatic = true;
    expect_control(b, &c, OF_BUNDLE_COMMIT_REPLY);
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->n_packet_outs, 2);
    assert_true(b->packet_out->follow->n >= b->agent->cfg->version.n); /* meets what the bundle has made */
    add_packet_out(b, &c, 5);
    add_packet_out(b, &c, 99);
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(b->n_packet_outs, 2);
    client_close(&c);
}

static void a_bundle_that_nobody_touches_is_dropped_and_bundles_are_bounded(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    for (uint32_t id = 0; id <= BUNDLES_MAX; id++) {
        struct of_message open = {.type = OF_BUNDLE_CONTROL, .bundle_control = {.bundle_id = id}};
        client_send(b, &c, &open);
    }
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_OUT_OF_BUNDLES);
    bench_step(b, BUNDLE_IDLE_NS + NS_PER_S);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_TIMEOUT);
    assert_null(bridge_find(b->agent, 1)->sessions->bundles);
    client_close(&c);
}

static void add_port_mod(struct bench *b, struct client *c, uint32_t port, uint8_t last_byte, uint32_t config)
{
    struct of_message mod = {
        .type = OF_PORT_MOD, .port_mod = {.port_no = port, .hw_addr = {2, 0, 0, 0, 0, last_byte}, .config = config, .mask = config}};
    add(b, c, &mod);
}

static uint32_t config_of(const struct bench *b, uint64_t id)
{
    return ((const Busbar__PortRow *)cfg_row(b->agent->cfg, CFG_PORT, id))->config;
}

static void port_mods_of_a_bundle_are_done_together_at_its_commit(void **state)
{
    static const uint8_t versions[] = {OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};
    struct bench *b = *state;

    flags = OF_BUNDLE_ORDERED;
    for (size_t i = 0; i < sizeof versions; i++) {
        struct client c;
        client_open_in(b, &c, versions[i]);
        add_port_mod(b, &c, 1, 2, OF_PORT_NO_FWD);
        add_flow(b, &c, "ip,actions=output:1");
        add_port_mod(b, &c, 1, 2, OF_PORT_NO_RECV);
        add_port_mod(b, &c, 2, 3, OF_PORT_DOWN);
        assert_int_equal(config_of(b, 2), 0);
        size_t n = b->agent->cfg->n_committed;
        control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
        expect_control(b, &c, OF_BUNDLE_COMMIT_REPLY);
        assert_int_equal(b->agent->cfg->n_committed, n + 2); /* of rules, and of ports */
        assert_int_equal(config_of(b, 2), OF_PORT_NO_FWD | OF_PORT_NO_RECV);
        assert_int_equal(config_of(b, 3), OF_PORT_DOWN);
        assert_int_equal(n_rules(b), 1);
        struct of_message clear = {.type = OF_PORT_MOD, .port_mod = {.port_no = 1, .hw_addr = {2, 0, 0, 0, 0, 2}, .mask = OF_PORT_NO_FWD | OF_PORT_NO_RECV}};
        client_send(b, &c, &clear);
        clear.port_mod = (struct of_port_mod){.port_no = 2, .hw_addr = {2, 0, 0, 0, 0, 3}, .mask = OF_PORT_DOWN};
        client_send(b, &c, &clear);
        client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
        client_barrier(b, &c);
        client_expect(b, &c, OF_BARRIER_REPLY);
        assert_int_equal(config_of(b, 2), 0);
        client_close(&c);
        bench_step(b, NS_PER_MS);
    }
    flags = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED;
}

static void a_wrong_port_mod_undoes_the_bundle_and_an_atomic_one_cannot_have_any(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    add_flow(b, &c, "ip,actions=output:1");
    add_port_mod(b, &c, 1, 2, OF_PORT_DOWN);
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(c.message.xid, 6); /* the port_mod */
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(c.message.xid, 5);
    flags = OF_BUNDLE_ORDERED;
    add_flow(b, &c, "ip,actions=output:1");
    add_port_mod(b, &c, 1, 2, OF_PORT_DOWN);
    add_port_mod(b, &c, 9, 2, OF_PORT_DOWN);
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    client_expect_error(b, &c, OF_ERROR_PORT_MOD_FAILED_BAD_PORT);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(n_rules(b), 0);
    assert_int_equal(config_of(b, 2), 0);
    flags = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED;
    client_close(&c);
}

static void a_commit_whose_ports_configdb_refuses_is_answered_once_with_its_xid(void **state)
{
    struct bench *b = *state;
    struct client c;

    flags = OF_BUNDLE_ORDERED;
    client_open(b, &c);
    add_port_mod(b, &c, 1, 2, OF_PORT_DOWN);
    b->agent->cfg->automatic = false;
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    bench_run(b, 20 * NS_PER_MS);
    assert_false(client_next(b, &c));
    fake_cfg_refuse(b->agent->cfg, -ERROR_REFUSED, "awaits confirmation");
    b->agent->cfg->automatic = true;
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(c.message.xid, 5);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY); /* no reply to the commit before it */
    assert_int_equal(config_of(b, 2), 0);
    flags = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED;
    client_close(&c);
}

/* A bundle of one rule, opened and committed; its commit has this xid. */
static void commit_one(struct bench *b, struct client *c, uint32_t xid, uint32_t port)
{
    char text[64];
    (void)snprintf(text, sizeof text, "ip,nw_dst=10.0.0.%u,actions=output:%u", xid, port);
    add_flow(b, c, text);
    control_xid = xid;
    control(b, c, OF_BUNDLE_COMMIT_REQUEST);
    control_xid = 5;
}

static void expect_commit(struct bench *b, struct client *c, uint32_t xid)
{
    assert_true(client_next(b, c));
    assert_int_equal(c->message.type, OF_BUNDLE_CONTROL);
    assert_int_equal(c->message.bundle_control.type, OF_BUNDLE_COMMIT_REPLY);
    assert_int_equal(c->message.xid, xid);
}

static void the_next_bundle_is_done_before_configdb_has_answered_and_replies_keep_their_order(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    for (uint32_t xid = 11; xid <= 14; xid++) {
        commit_one(b, &c, xid, 1);
    }
    add_flow(b, &c, "arp,actions=group:77"); /* a wrong one between them is answered at once, and nobody else's matter */
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(n_rules(b), 4);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "udp,actions=output:2");
    client_barrier(b, &c);
    assert_int_equal(n_rules(b), 5);
    assert_false(client_next(b, &c));
    fake_cfg_commit(b->agent->cfg);
    expect_commit(b, &c, 11); /* the others were done while its transaction was under way, and wait for the second */
    assert_false(client_next(b, &c));
    b->agent->cfg->automatic = true;
    for (uint32_t xid = 12; xid <= 14; xid++) {
        expect_commit(b, &c, xid);
    }
    assert_true(client_next(b, &c));
    assert_int_equal(c.message.type, OF_BARRIER_REPLY);
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

static void each_bundle_that_configdb_refuses_is_answered_with_its_own_xid(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    commit_one(b, &c, 21, 1);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "udp,actions=output:2");
    commit_one(b, &c, 22, 1);
    commit_one(b, &c, 22, 2); /* the same number twice, as careless controllers have it */
    fake_cfg_refuse(b->agent->cfg, -ERROR_OWNER, "another");
    b->agent->cfg->automatic = true;
    for (int i = 0; i < 4; i++) {
        client_expect(b, &c, OF_ERROR);
        bool is_bundle = strcmp(of_error_name(c.message.error.number), of_error_name(OF_ERROR_BUNDLE_FAILED_MSG_FAILED)) == 0;
        assert_int_equal(is_bundle, i != 1);
        assert_true(!is_bundle || c.message.xid == (i == 0 ? 21 : 22));
    }
    bench_run(b, 100 * NS_PER_MS);
    client_barrier(b, &c);
    assert_true(client_next(b, &c));
    assert_int_equal(c.message.type, OF_BARRIER_REPLY); /* and no reply to any commit */
    assert_int_equal(n_rules(b), 0);
    client_close(&c);
}

static void a_refused_bundle_with_ports_takes_no_later_one_along(void **state)
{
    struct bench *b = *state;
    struct client c;

    flags = OF_BUNDLE_ORDERED;
    client_open(b, &c);
    b->agent->cfg->automatic = false;
    b->agent->cfg->delay_feed = false;
    commit_one(b, &c, 40, 1); /* a transaction of rules is under way: the next one's ports are asked for before its rules */
    add_port_mod(b, &c, 1, 2, OF_PORT_DOWN);
    commit_one(b, &c, 41, 1);
    fake_cfg_refuse(b->agent->cfg, -ERROR_REFUSED, "no");
    fake_cfg_refuse(b->agent->cfg, -ERROR_REFUSED, "no");
    b->agent->cfg->automatic = true;
    for (uint32_t xid = 40; xid <= 41; xid++) {
        client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
        assert_int_equal(c.message.xid, xid);
    }
    client_barrier(b, &c);
    assert_true(client_next(b, &c));
    assert_int_equal(c.message.type, OF_BARRIER_REPLY); /* each was answered once */
    flags = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED;
    client_close(&c);
}

/* A bundle of one rule and, of another that is not there, a group: refused by itself. */
static void commit_wrong(struct bench *b, struct client *c, uint32_t xid)
{
    add_flow(b, c, "arp,actions=group:77");
    control_xid = xid;
    control(b, c, OF_BUNDLE_COMMIT_REQUEST);
    control_xid = 5;
}

/* Those of bundles that are wrong by themselves come at once, those of configdb's refusal in the order of the commits, behind all that came before. */
static void errors_of_overlapping_bundles_come_in_the_order_of_their_commits(void **state)
{
    static const uint32_t order[] = {51, 52, 54, 55};
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    commit_one(b, &c, 50, 1);
    bench_step(b, NS_PER_MS); /* under way; the next two collect */
    commit_one(b, &c, 51, 1);
    commit_one(b, &c, 52, 1);
    commit_wrong(b, &c, 53);
    commit_one(b, &c, 54, 1);
    commit_one(b, &c, 55, 1);
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    assert_int_equal(c.message.xid, 6);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(c.message.xid, 53);
    assert_int_equal(c.message.error.data_size, 24); /* the whole commit, an experimenter of 1.3 */
    assert_false(client_next(b, &c));
    fake_cfg_commit(b->agent->cfg);
    expect_commit(b, &c, 50);
    bench_step(b, NS_PER_MS);
    assert_int_equal(b->agent->cfg->n_txns, 1);
    fake_cfg_refuse(b->agent->cfg, -ERROR_OWNER, "another");
    b->agent->cfg->automatic = true;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_true(client_next(b, &c));
        assert_int_equal(c.message.type, OF_ERROR);
        assert_string_equal(of_error_name(c.message.error.number), of_error_name(OF_ERROR_BUNDLE_FAILED_MSG_FAILED));
        assert_int_equal(c.message.xid, order[i]);
        assert_int_equal(c.message.error.data_size, 24);
    }
    bench_run(b, 100 * NS_PER_MS);
    assert_false(client_next(b, &c));
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

static const Busbar__RuleRow *only_row(const struct bench *b)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row, *found = NULL;
    while (cfg_next(b->agent->cfg, CFG_RULE, &cursor, &id, &row)) {
        assert_null(found);
        found = row;
    }
    assert_non_null(found);
    return (const Busbar__RuleRow *)found;
}

static void clear(struct bench *b, struct client *c)
{
    client_flow_mod(b, c, FLOW_MOD_DELETE, "");
    client_barrier(b, c);
    client_expect(b, c, OF_BARRIER_REPLY);
}

/* What a rule becomes does not depend on whether it was made ready ahead: alone, over another of its bundle, over one that is there, after another kind of
 * message. */
static void a_rule_of_a_bundle_is_the_row_it_is_by_itself(void **state)
{
    static const char *const text = "priority=7,udp,nw_dst=10.1.0.0/16,tp_dst=53,idle_timeout=300,cookie=0x99,actions=mod_nw_tos:4,output:2";
    struct bench *b = *state;
    struct client c;
    struct writer alone, row;

    client_open(b, &c);
    writer_init(&alone);
    writer_init(&row);
    for (unsigned i = 0; i < 5; i++) {
        if (i == 0) {
            client_flow_mod(b, &c, FLOW_MOD_ADD, text);
        } else {
            if (i == 2) {
                add_flow(b, &c, "priority=7,udp,nw_dst=10.1.0.0/16,tp_dst=53,actions=drop");
            } else if (i == 3) {
                client_flow_mod(b, &c, FLOW_MOD_ADD, "priority=7,udp,nw_dst=10.1.0.0/16,tp_dst=53,actions=output:1");
            } else if (i == 4) {
                struct of_message nothing = {.type = OF_FLOW_MOD, .flow_mod = mod_of(FLOW_MOD_DELETE, "arp")};
                add(b, &c, &nothing);
                flow_mod_fini(&nothing.flow_mod);
            }
            add_flow(b, &c, text);
            assert_true(b->agent->bundle_ready_bytes > 0);
            control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
            expect_control(b, &c, OF_BUNDLE_COMMIT_REPLY);
            assert_int_equal(b->agent->bundle_ready_bytes, 0);
        }
        client_barrier(b, &c);
        client_expect(b, &c, OF_BARRIER_REPLY);
        Busbar__RuleRow lent = *only_row(b);
        lent.created_wall_ns = 0;
        writer_clear(&row);
        busbar__rule_row__pack(&lent, writer_extend(&row, busbar__rule_row__get_packed_size(&lent)));
        if (i == 0) {
            writer_bytes(&alone, row.bytes, row.size);
        }
        assert_int_equal(row.size, alone.size);
        assert_memory_equal(row.bytes, alone.bytes, row.size);
        assert_int_equal(only_row(b)->created_wall_ns != 0, 1);
        clear(b, &c);
    }
    writer_fini(&alone);
    writer_fini(&row);
    client_close(&c);
}

static void a_rule_that_waited_in_its_bundle_is_as_old_as_the_commit(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    add_flow(b, &c, "ip,actions=output:1");
    bench_step(b, 3 * NS_PER_S);
    uint64_t wall_ns = b->agent->wall_ns;
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    expect_control(b, &c, OF_BUNDLE_COMMIT_REPLY);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_true(only_row(b)->created_wall_ns >= wall_ns);
    clear(b, &c);
    client_close(&c);
}

/* An overlap is looked for at the commit, a group that the bundle itself makes is there, and what is dropped frees what was made of it. */
static void what_depends_on_the_tables_is_decided_at_the_commit(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    add_flow(b, &c, "ip,nw_dst=10.0.0.0/8,actions=output:1");
    struct of_message overlapping = {.type = OF_FLOW_MOD, .flow_mod = mod_of(FLOW_MOD_ADD, "ip,nw_src=10.0.0.0/8,actions=output:1")};
    overlapping.flow_mod.flags = RULE_CHECK_OVERLAP;
    add(b, &c, &overlapping);
    flow_mod_fini(&overlapping.flow_mod);
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    client_expect_error(b, &c, OF_ERROR_FLOW_MOD_FAILED_OVERLAP);
    client_expect_error(b, &c, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
    assert_int_equal(n_rules(b), 0);
    add_flow(b, &c, "ip,actions=output:1");
    assert_true(b->agent->bundle_ready_bytes > 0);
    control(b, &c, OF_BUNDLE_DISCARD_REQUEST);
    expect_control(b, &c, OF_BUNDLE_DISCARD_REPLY);
    assert_int_equal(b->agent->bundle_ready_bytes, 0);
    b->agent->bundle_ready_bytes = BUNDLE_READY_MAX; /* as if others had so many: it is done without */
    add_flow(b, &c, "ip,actions=output:1");
    assert_int_equal(b->agent->bundle_ready_bytes, BUNDLE_READY_MAX);
    control(b, &c, OF_BUNDLE_COMMIT_REQUEST);
    expect_control(b, &c, OF_BUNDLE_COMMIT_REPLY);
    b->agent->bundle_ready_bytes = 0;
    assert_int_equal(n_rules(b), 1);
    clear(b, &c);
    client_close(&c);
}

/* Replies to opens are passed over. */
static void expect_control_of_commit(struct bench *b, struct client *c)
{
    do {
        client_expect(b, c, OF_BUNDLE_CONTROL);
    } while (c->message.bundle_control.type == OF_BUNDLE_OPEN_REPLY);
    assert_int_equal(c->message.bundle_control.type, OF_BUNDLE_COMMIT_REPLY);
}

static void commits_that_wait_are_bounded(void **state)
{
    struct bench *b = *state;
    struct bridge *bridge = bridge_find(b->agent, 1);
    struct client c;

    client_open(b, &c);
    b->agent->cfg->automatic = false;
    for (uint32_t i = 0; i < BUNDLE_COMMITS_MAX + 10; i++) {
        control(b, &c, OF_BUNDLE_OPEN_REQUEST);
        control(b, &c, OF_BUNDLE_COMMIT_REQUEST); /* of nothing: no change in flight holds it */
        if (i == 0) {
            commit_one(b, &c, 31, 1); /* what configdb does not answer */
        }
    }
    assert_int_equal(bridge->sessions->n_commits, BUNDLE_COMMITS_MAX);
    b->agent->cfg->automatic = true;
    for (uint32_t i = 0; i < BUNDLE_COMMITS_MAX + 11; i++) {
        expect_control_of_commit(b, &c);
    }
    client_flow_mod(b, &c, FLOW_MOD_DELETE, "");
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_in_a_bundle_happens_at_its_commit_and_not_before),
        CLAIM(a_bundle_that_fails_changes_nothing_and_names_the_message),
        CLAIM(misuse_gets_the_standards_codes),
        CLAIM(packet_outs_of_a_bundle_leave_when_it_is_committed),
        CLAIM(port_mods_of_a_bundle_are_done_together_at_its_commit),
        CLAIM(a_wrong_port_mod_undoes_the_bundle_and_an_atomic_one_cannot_have_any),
        CLAIM(a_commit_whose_ports_configdb_refuses_is_answered_once_with_its_xid),
        CLAIM(the_next_bundle_is_done_before_configdb_has_answered_and_replies_keep_their_order),
        CLAIM(each_bundle_that_configdb_refuses_is_answered_with_its_own_xid),
        CLAIM(a_refused_bundle_with_ports_takes_no_later_one_along),
        CLAIM(errors_of_overlapping_bundles_come_in_the_order_of_their_commits),
        CLAIM(a_rule_of_a_bundle_is_the_row_it_is_by_itself),
        CLAIM(a_rule_that_waited_in_its_bundle_is_as_old_as_the_commit),
        CLAIM(what_depends_on_the_tables_is_decided_at_the_commit),
        CLAIM(commits_that_wait_are_bounded),
        CLAIM(a_bundle_that_nobody_touches_is_dropped_and_bundles_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
