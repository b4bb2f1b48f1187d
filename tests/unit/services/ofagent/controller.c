/* Tests of services/ofagent/controller.c: back-off, status, fail-open. */
#include "tests/unit/services/ofagent/bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct controller *only_controller(const struct bench *b)
{
    return bridge_find(b->agent, 1)->controllers;
}

static void a_controller_is_connected_to_and_its_status_says_so(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    assert_false(bench_status(b)->is_connected);
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    assert_true(bench_status(b)->is_connected);
    assert_string_equal(bench_status(b)->state, "active");
    assert_string_equal(bench_status(b)->role, "equal");
    client_close(&c);
    bench_run(b, 50 * NS_PER_MS);
    assert_false(bench_status(b)->is_connected);
    assert_string_equal(bench_status(b)->last_error, "closed by the peer");
    bench_controller_stop(b, listener);
}

static void attempts_back_off_to_the_limit(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    uint64_t attempts[6];
    size_t n = 0;

    bench_controller_stop(b, listener); /* nobody listens: refused at once */
    uint64_t last = 0;
    while (n < 6) {
        bench_step(b, 50 * NS_PER_MS);
        if (only_controller(b)->tried_ns != last) {
            attempts[n++] = last = only_controller(b)->tried_ns;
        }
    }
    assert_int_equal((attempts[1] - attempts[0]) / NS_PER_S, 1);
    assert_int_equal((attempts[2] - attempts[1]) / NS_PER_S, 2);
    assert_int_equal((attempts[3] - attempts[2]) / NS_PER_S, 4);
    assert_int_equal((attempts[4] - attempts[3]) / NS_PER_S, 8);
    assert_int_equal((attempts[5] - attempts[4]) / NS_PER_S, 8);
    assert_string_equal(bench_status(b)->state, "fail-open");
    assert_true(strlen(bench_status(b)->last_error) > 0);
}

static void all_controllers_silent_for_three_probes_is_fail_open(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    client_close(&c);
    bench_controller_stop(b, listener);
    bench_run(b, 14 * NS_PER_S);
    assert_string_not_equal(bench_status(b)->state, "fail-open");
    bench_run(b, 2 * NS_PER_S);
    assert_string_equal(bench_status(b)->state, "fail-open");
}

static void the_next_owner_begins_with_fail_open_until_a_controller_is_there(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 16 * NS_PER_S); /* it listens but never says HELLO */
    const ProtobufCMessage *theirs = cfg_row(b->agent->cfg, CFG_OWNER, 1);
    assert_true(((const Busbar__OwnerRow *)theirs)->fail_open);
    Busbar__OwnerRow *owner = (Busbar__OwnerRow *)fake_copy(theirs);
    ProtobufCMessage *row = fake_copy(cfg_row(b->agent->cfg, CFG_CONTROLLER, 5));
    ofagent_destroy(&b->agent);
    bus_destroy(&b->bus);
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) { /* of those that timed out */
        close(fd);
    }
    bench_start_agent(b, 9);
    fake_cfg_set(b->agent->cfg, CFG_OWNER, 1, &owner->base);
    fake_cfg_set(b->agent->cfg, CFG_CONTROLLER, 5, row);
    fake_cfg_show(b->agent->cfg, true);
    protobuf_c_message_free_unpacked(&owner->base, NULL);
    protobuf_c_message_free_unpacked(row, NULL);
    bench_run(b, 50 * NS_PER_MS);
    assert_true(bridge_find(b->agent, 1)->is_fail_open);
    assert_string_equal(bench_status(b)->state, "fail-open");
    owner = (Busbar__OwnerRow *)fake_copy(cfg_row(b->agent->cfg, CFG_OWNER, 1));
    assert_true(owner->start == 9 && owner->fail_open); /* his claim has kept it */
    protobuf_c_message_free_unpacked(&owner->base, NULL);
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_run(b, 50 * NS_PER_MS);
    assert_string_equal(bench_status(b)->state, "active");
    assert_false(((const Busbar__OwnerRow *)cfg_row(b->agent->cfg, CFG_OWNER, 1))->fail_open);
    client_close(&c);
    bench_controller_stop(b, listener);
}

static void fail_open_that_was_not_kept_is_noted_after_the_next_claim(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);

    bench_run(b, 10 * NS_PER_S);
    b->agent->cfg->automatic = false;
    bench_run(b, 6 * NS_PER_S);
    assert_true(bridge_find(b->agent, 1)->is_fail_open);
    assert_int_equal(b->agent->cfg->n_txns, 1); /* not one each step */
    fake_cfg_refuse(b->agent->cfg, -ERROR_OWNER, "no");
    b->agent->cfg->automatic = true;
    bench_run(b, 500 * NS_PER_MS);
    const Busbar__OwnerRow *row = (const Busbar__OwnerRow *)cfg_row(b->agent->cfg, CFG_OWNER, 1);
    assert_true(row->epoch == 2 && row->fail_open); /* claimed anew, then noted */
    bench_controller_stop(b, listener);
}

static void a_controller_that_comes_back_ends_fail_open_and_finds_its_rules(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c, tool;

    client_open(b, &tool);
    client_flow_mod(b, &tool, FLOW_MOD_ADD, "ip,actions=output:1");
    client_close(&tool);
    bench_run(b, 16 * NS_PER_S); /* it listens but never says HELLO */
    assert_string_equal(bench_status(b)->state, "fail-open");
    int fd = accept(listener, NULL, NULL);
    while (true) { /* the connections that timed out are in the queue too: the last one lives */
        int next = accept(listener, NULL, NULL);
        if (next < 0) {
            break;
        }
        close(fd);
        fd = next;
    }
    client_attach(&c, fd);
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    assert_string_equal(bench_status(b)->state, "active");
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    client_close(&c);
    bench_controller_stop(b, listener);
}

static void a_secure_bridge_never_fails_open(void **state)
{
    struct bench *b = *state;
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    int listener = bench_controller(b);

    bench_controller_stop(b, listener);
    row.name = (char *)(uintptr_t) "br0";
    row.fail_mode = (char *)(uintptr_t) "secure";
    bench_commit_row(b, CFG_BRIDGE, 1, &row.base);
    bench_run(b, 30 * NS_PER_S);
    assert_string_not_equal(bench_status(b)->state, "fail-open");
}

static void a_controller_taken_out_is_disconnected_and_its_status_withdrawn(void **state)
{
    struct bench *b = *state;
    int listener = bench_controller(b);
    struct client c;

    bench_run(b, 50 * NS_PER_MS);
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_commit_row(b, CFG_CONTROLLER, 5, NULL);
    bench_run(b, 50 * NS_PER_MS);
    assert_null(bench_status(b));
    assert_null(only_controller(b));
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    client_close(&c);
    bench_controller_stop(b, listener);
}

/* A passive controller at a port that was free a moment ago; returns the port. */
static uint16_t bench_listener(struct bench *b)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    char *target = memory_format("ptcp:%u:127.0.0.1", ntohs(address.sin_port));
    row.bridge = 1;
    row.target = target;
    bench_commit_row(b, CFG_CONTROLLER, 5, &row.base);
    free(target);
    bench_run(b, 50 * NS_PER_MS);
    return ntohs(address.sin_port);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void peers_come_to_a_passive_controller_and_go_with_it(void **state)
{
    struct bench *b = *state;
    uint16_t port = bench_listener(b);
    struct client c;

    assert_string_equal(bench_status(b)->state, "listening");
    assert_false(bench_status(b)->is_connected);
    client_attach(&c, connect_to(port));
    bench_step(b, NS_PER_MS);
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    assert_true(bench_status(b)->is_connected);
    bench_run(b, 20 * NS_PER_S);
    assert_false(bridge_find(b->agent, 1)->is_fail_open); /* who may come is nobody to wait for */
    bench_commit_row(b, CFG_CONTROLLER, 5, NULL);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    assert_int_equal(connect_to(port), -1);
    client_close(&c);
}

static void who_comes_to_a_full_listener_is_turned_away_and_that_is_told(void **state)
{
    struct bench *b = *state;
    uint16_t port = bench_listener(b);
    int fds[CONTROLLER_PEERS_MAX + 1];

    for (size_t i = 0; i <= CONTROLLER_PEERS_MAX; i++) {
        fds[i] = connect_to(port);
        assert_true(fds[i] >= 0);
        bench_run(b, 10 * NS_PER_MS);
        assert_string_equal(bench_status(b)->state, i < CONTROLLER_PEERS_MAX ? "listening" : "full");
    }
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, CONTROLLER_PEERS_MAX);
    assert_int_equal(recv(fds[CONTROLLER_PEERS_MAX], &(char){0}, 1, MSG_DONTWAIT), 0); /* he knows */
    assert_string_equal(bench_status(b)->last_error, "a peer was turned away: 208 are there already");
    bench_run(b, SESSION_HELLO_NS + NS_PER_S);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0); /* nobody has said HELLO */
    assert_string_equal(bench_status(b)->state, "listening");
    for (size_t i = 0; i <= CONTROLLER_PEERS_MAX; i++) {
        close(fds[i]);
    }
}

/* A socket that listens at a free port of the loopback; the caller closes it. */
static int listening(int backlog, uint16_t *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

/* The only controller, at this path of the file system. */
static void bench_target(struct bench *b, const char *target)
{
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;

    row.bridge = 1;
    row.target = (char *)(uintptr_t)target;
    bench_commit_row(b, CFG_CONTROLLER, 5, &row.base);
    bench_run(b, 50 * NS_PER_MS);
}

static struct sockaddr_un path_of(const struct bench *b, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", b->dir, name);
    return address;
}

static void a_controller_at_a_path_is_connected_to(void **state)
{
    struct bench *b = *state;
    struct sockaddr_un address = path_of(b, "controller");
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct client c;

    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    bench_target(b, "unix:controller"); /* of the run directory */
    client_attach(&c, accept(listener, NULL, NULL));
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    assert_string_equal(bench_status(b)->state, "active");
    client_close(&c);
    close(listener);
    assert_int_equal(unlink(address.sun_path), 0);
    bench_run(b, 2 * NS_PER_S);
    assert_string_equal(bench_status(b)->last_error, "No such file or directory");
}

static void peers_come_to_a_path_which_goes_with_its_controller(void **state)
{
    struct bench *b = *state;
    struct sockaddr_un address = path_of(b, "br0.controller");
    struct client c;

    char *target = memory_format("punix:%s", address.sun_path);
    bench_target(b, target);
    assert_string_equal(bench_status(b)->state, "listening");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    client_attach(&c, fd);
    bench_step(b, NS_PER_MS);
    client_hello(b, &c);
    bench_step(b, NS_PER_MS);
    assert_true(bench_status(b)->is_connected);
    bench_commit_row(b, CFG_CONTROLLER, 5, NULL);
    bench_run(b, 50 * NS_PER_MS);
    assert_int_equal(bridge_find(b->agent, 1)->n_sessions, 0);
    assert_int_not_equal(access(address.sun_path, F_OK), 0);
    client_close(&c);
    free(target);
}

static void a_port_that_is_taken_is_told(void **state)
{
    struct bench *b = *state;
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
    uint16_t port;
    int fd = listening(1, &port);

    char *target = memory_format("ptcp:%u:127.0.0.1", port);
    row.bridge = 1;
    row.target = target;
    bench_commit_row(b, CFG_CONTROLLER, 5, &row.base);
    bench_run(b, 50 * NS_PER_MS);
    assert_string_equal(bench_status(b)->state, "backoff");
    assert_string_equal(bench_status(b)->last_error, "Address already in use");
    free(target);
    close(fd);
}

static void a_tls_controller_without_a_key_is_told_what_is_missing(void **state)
{
    struct bench *b = *state;
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
    Busbar__SwitchRow settings = BUSBAR__SWITCH_ROW__INIT;
    uint16_t port;
    int fd = listening(8, &port);

    char *target = memory_format("ssl:127.0.0.1:%u", port);
    row.bridge = 1;
    row.target = target;
    bench_commit_row(b, CFG_CONTROLLER, 5, &row.base);
    bench_run(b, 50 * NS_PER_MS);
    assert_string_equal(bench_status(b)->last_error, "TLS: no private key is set (swctl set-ssl)");
    bench_run(b, 20 * NS_PER_S); /* far into the back-off */
    settings.ssl_private_key = (char *)(uintptr_t) "/nowhere/key";
    bench_commit_row(b, CFG_SWITCH, 1, &settings.base);
    bench_run(b, 50 * NS_PER_MS);
    assert_string_equal(bench_status(b)->last_error, "TLS: private key /nowhere/key: No such file or directory");
    free(target);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_controller_is_connected_to_and_its_status_says_so),
        CLAIM(attempts_back_off_to_the_limit),
        CLAIM(the_next_owner_begins_with_fail_open_until_a_controller_is_there),
        CLAIM(fail_open_that_was_not_kept_is_noted_after_the_next_claim),
        CLAIM(all_controllers_silent_for_three_probes_is_fail_open),
        CLAIM(a_controller_that_comes_back_ends_fail_open_and_finds_its_rules),
        CLAIM(a_secure_bridge_never_fails_open),
        CLAIM(a_controller_taken_out_is_disconnected_and_its_status_withdrawn),
        CLAIM(peers_come_to_a_passive_controller_and_go_with_it),
        CLAIM(who_comes_to_a_full_listener_is_turned_away_and_that_is_told),
        CLAIM(a_controller_at_a_path_is_connected_to),
        CLAIM(peers_come_to_a_path_which_goes_with_its_controller),
        CLAIM(a_port_that_is_taken_is_told),
        CLAIM(a_tls_controller_without_a_key_is_told_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
