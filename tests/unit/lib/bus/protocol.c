/* Tests of lib/bus/protocol.c on the memory transport: builds one version apart understand each other whichever is older, two apart say why not. */
#include "lib/bus/protocol.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 11};
static const struct bus_identity replica = {.kind = PROCESS_SLOWPATH, .instance = 4, .start = 22};
enum { NOW = 3 /* the version of the session wire by wires.def */ };

struct pair {
    struct bus_hub *hub;
    struct bus *a, *b;
    struct bus_socket *binder, *connector;
    uint64_t now_ns;
};

static void open_binder(struct pair *p, int ahead)
{
    p->a = bus_memory_new(p->hub, &shard);
    bus_set_protocol_ahead(p->a, ahead);
    assert_int_equal(bus_bind(p->a, WIRE_SESSION, "s", &p->binder), 0);
}

static struct pair pair_new(int binder_ahead, int connector_ahead)
{
    struct pair p = {.hub = bus_hub_new(1)};
    assert_int_equal(envelope_protocol(WIRE_SESSION), NOW);
    open_binder(&p, binder_ahead);
    p.b = bus_memory_new(p.hub, &replica);
    bus_set_protocol_ahead(p.b, connector_ahead);
    assert_int_equal(bus_connect(p.b, WIRE_SESSION, "s", &p.connector), 0);
    bus_hub_step(p.hub, ++p.now_ns);
    return p;
}

static void pair_destroy(struct pair *p)
{
    bus_destroy(&p->a);
    bus_destroy(&p->b);
    bus_hub_destroy(&p->hub);
}

/* Says one message; is it heard? */
static bool is_heard(struct pair *p, struct bus_socket *from, const struct bus_identity *to, struct bus_socket *at)
{
    struct bus_message message;
    assert_int_equal(bus_send(from, to, MESSAGE_SESSION_BEAT, NULL, 0), 0);
    bus_hub_step(p->hub, ++p->now_ns);
    int err = bus_recv(at, &message);
    if (err < 0) {
        assert_int_equal(err, -EAGAIN);
        return false;
    }
    bus_message_fini(&message);
    return true;
}

static bool is_heard_up(struct pair *p)
{
    bool is = is_heard(p, p->connector, NULL, p->binder);
    struct bus_message message;
    bus_hub_step(p->hub, ++p->now_ns);
    if (!is) {
        assert_int_equal(bus_recv(p->connector, &message), -EAGAIN); /* a refusal is for the bus alone */
    }
    return is;
}

static bool is_heard_down(struct pair *p)
{
    return is_heard(p, p->binder, &replica, p->connector);
}

static void builds_of_one_version_speak_it_from_the_first_word(void **state)
{
    struct pair p = pair_new(0, 0);
    assert_true(is_heard_up(&p));
    assert_true(is_heard_down(&p));
    assert_int_equal(bus_protocol(p.connector, NULL), NOW);
    assert_int_equal(bus_protocol(p.binder, &replica), NOW);
    assert_false(bus_take_version_change(p.connector));
    pair_destroy(&p);
}

static void a_newer_binder_answers_an_older_peer_in_its_version(void **state)
{
    struct pair p = pair_new(1, 0);
    assert_true(is_heard_up(&p));
    assert_int_equal(bus_protocol(p.binder, &replica), NOW);
    assert_true(is_heard_down(&p));
    assert_int_equal(bus_protocol(p.connector, NULL), NOW);
    assert_int_equal(bus_socket_counters(p.binder)->wrong_version, 0);
    pair_destroy(&p);
}

static void a_newer_peer_learns_from_an_older_binder_what_to_speak(void **state)
{
    struct pair p = pair_new(0, 1);
    assert_int_equal(bus_protocol(p.connector, NULL), NOW + 1);
    assert_false(is_heard_up(&p));
    assert_int_equal(bus_protocol(p.connector, NULL), NOW);
    assert_true(bus_take_version_change(p.connector));
    assert_false(bus_take_version_change(p.connector));
    assert_true(is_heard_up(&p));
    assert_true(is_heard_down(&p));
    char text[200];
    assert_false(bus_is_refused(p.connector, text, sizeof text));
    pair_destroy(&p);
}

/* Replaced on the fly: up, and back again. */
static void peers_follow_a_binder_that_is_replaced(void **state)
{
    struct pair p = pair_new(-1, 0);
    assert_false(is_heard_up(&p));
    assert_true(is_heard_up(&p));
    assert_int_equal(bus_protocol(p.connector, NULL), NOW - 1);
    const int ahead[] = {0, -1, 0, 1, 0};
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
        bus_destroy(&p.a);
        open_binder(&p, ahead[i]);
        bus_hub_step(p.hub, p.now_ns += 100000000);
        bool is = is_heard_up(&p);
        assert_true(is || is_heard_up(&p)); /* once lost at most */
        assert_true(is_heard_down(&p));
        assert_int_equal(bus_protocol(p.connector, NULL), ahead[i] < 0 ? NOW - 1 : NOW);
        assert_true(is_heard_up(&p));
    }
    pair_destroy(&p);
}

static void two_versions_apart_is_refused_naming_both_and_what_to_do(void **state)
{
    const struct {
        int binder, connector;
        const char *numbers, *what;
    } cases[] = {{1, -1, "versions 4 and 3 of the wire session, this program 2 and 1", "replace this program by"},
                 {-1, 1, "versions 2 and 1 of the wire session, this program 4 and 3", "replace fastpath.1 by"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p = pair_new(cases[i].binder, cases[i].connector);
        char text[256] = "";
        assert_false(bus_is_refused(p.connector, text, sizeof text));
        assert_false(is_heard_up(&p));
        assert_false(is_heard_up(&p));
        assert_int_equal(bus_socket_counters(p.binder)->wrong_version, 2);
        assert_false(bus_take_version_change(p.connector));
        assert_true(bus_is_refused(p.connector, text, sizeof text));
        assert_non_null(strstr(text, cases[i].numbers));
        assert_non_null(strstr(text, cases[i].what));
        bus_destroy(&p.a); /* replaced by one in between */
        open_binder(&p, 0);
        bus_hub_step(p.hub, p.now_ns += 100000000);
        assert_true(is_heard_up(&p) || is_heard_up(&p));
        assert_true(is_heard_down(&p));
        assert_false(bus_is_refused(p.connector, text, sizeof text));
        pair_destroy(&p);
    }
}

static void a_refusal_of_a_stranger_or_another_wire_changes_nothing(void **state)
{
    struct pair p = pair_new(0, 0);
    struct envelope refusal = {.wire = WIRE_SESSION, .protocol = NOW - 1, .newest = NOW - 1, .type = ENVELOPE_REFUSAL, .from = replica};
    assert_false(protocol_admit(p.binder, &refusal, 0)); /* nobody refuses a binder */
    assert_int_equal(bus_socket_counters(p.binder)->unknown_type, 1);
    refusal.wire = WIRE_CONFIG;
    assert_false(protocol_admit(p.connector, &refusal, 0));
    assert_int_equal(bus_socket_counters(p.connector)->wrong_wire, 1);
    assert_int_equal(bus_protocol(p.connector, NULL), NOW);
    assert_true(is_heard_up(&p));
    assert_true(is_heard_down(&p));
    pair_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_of_one_version_speak_it_from_the_first_word),
        cmocka_unit_test(a_newer_binder_answers_an_older_peer_in_its_version),
        cmocka_unit_test(a_newer_peer_learns_from_an_older_binder_what_to_speak),
        cmocka_unit_test(peers_follow_a_binder_that_is_replaced),
        cmocka_unit_test(two_versions_apart_is_refused_naming_both_and_what_to_do),
        cmocka_unit_test(a_refusal_of_a_stranger_or_another_wire_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
