/* Sessions: opening, silence, order, buckets, the floor. Unit test on the memory bus with a scripted replica and a fake clock.
 * What may never happen: a message acts outside its session, or the floor sinks.
 * One thread. */
#include "tests/unit/services/fastpath/rig.h"

#include "lib/msg/authors.h"

static void replica_that_has_reached_the_floor_is_let_in(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    Busbar__SessionWelcome *welcome = rig_take(rig, 0, MESSAGE_SESSION_WELCOME);
    Busbar__LinkStates *links = rig_take(rig, 0, MESSAGE_LINK_STATES);
    assert_non_null(welcome);
    assert_int_equal(welcome->session, 1);
    assert_int_equal(welcome->floor->n, 10);
    assert_non_null(links);
    assert_int_equal(links->n_links, RIG_PORTS);
    assert_true(links->links[0]->up);
    protobuf_c_message_free_unpacked(&welcome->base, NULL);
    protobuf_c_message_free_unpacked(&links->base, NULL);
    rig_end(rig);
}

static void others_are_refused_with_the_reason(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 9, MSG_KEY_LAYOUT);
    Busbar__SessionRefuse *refuse = rig_take(rig, 0, MESSAGE_SESSION_REFUSE);
    assert_non_null(refuse);
    assert_non_null(strstr(refuse->reason, "below the floor"));
    assert_int_equal(refuse->floor->n, 10);
    protobuf_c_message_free_unpacked(&refuse->base, NULL);
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT + 1);
    assert_true(rig_heard(rig, 1, MESSAGE_SESSION_REFUSE));
    rig->shard->is_registered = false;
    rig_hello(rig, 2, 10, MSG_KEY_LAYOUT);
    assert_true(rig_heard(rig, 2, MESSAGE_SESSION_REFUSE));
    assert_int_equal(session_count_open(rig->shard), 0);
    rig_end(rig);
}

static void silence_of_500_ms_closes_and_beats_keep_open(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (int i = 0; i < 10; i++) {
        rig_beat(rig, 0);
        rig_run(rig, 400);
        assert_int_equal(session_count_open(rig->shard), 1);
        assert_true(rig_heard(rig, 0, MESSAGE_SESSION_BEAT));
    }
    rig_run(rig, 200);
    assert_int_equal(session_count_open(rig->shard), 0);
    rig_forget_heard(&rig->replicas[0]);
    rig_beat(rig, 0);
    rig_run(rig, 0);
    Busbar__SessionRefuse *refuse = rig_take(rig, 0, MESSAGE_SESSION_REFUSE);
    assert_non_null(refuse);
    assert_int_equal(refuse->session, 0);
    protobuf_c_message_free_unpacked(&refuse->base, NULL);
    rig_end(rig);
}

static void hello_again_begins_anew(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    rig_hello(rig, 0, 12, MSG_KEY_LAYOUT);
    assert_int_equal(session_count_open(rig->shard), 1);
    const struct flow *flow = flow_table_find(rig->shard->flows, id);
    assert_non_null(flow);
    assert_int_equal(rig->shard->sessions[flow->owner].state, SESSION_CLOSED);
    rig_end(rig);
}

static void malformed_message_closes_the_session(void **state)
{
    static const enum message_type types[] = {MESSAGE_ANSWER_BATCH, MESSAGE_FLOW_CHANGE_BATCH, MESSAGE_COUNTER_NAMES, MESSAGE_REACHED,
                                              MESSAGE_FRAME_DOWN};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct rig *rig = rig_new(256);
        rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
        assert_int_equal(bus_send(rig->replicas[0].socket, NULL, types[i], "\xff\xff\xff", 3), 0);
        rig_run(rig, 0);
        assert_int_equal(session_count_open(rig->shard), 0);
        assert_int_equal(rig->shard->counts.malformed, 1);
        rig_end(rig);
    }
}

static void every_bucket_has_an_open_session_and_few_move(void **state)
{
    struct rig *rig = rig_new(256);
    uint8_t before[SESSION_BUCKETS];
    unsigned n_moved = 0, n_of_new = 0;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT);
    memcpy(before, rig->shard->buckets, sizeof before);
    rig_hello(rig, 2, 10, MSG_KEY_LAYOUT);
    for (unsigned i = 0; i < SESSION_BUCKETS; i++) {
        assert_true(rig->shard->buckets[i] < SESSIONS_MAX && rig->shard->sessions[rig->shard->buckets[i]].state == SESSION_OPEN);
        bool is_new = rig->shard->sessions[rig->shard->buckets[i]].who.instance == 3;
        n_of_new += is_new;
        n_moved += before[i] != rig->shard->buckets[i];
        assert_true(before[i] == rig->shard->buckets[i] || is_new);
    }
    assert_int_equal(n_moved, n_of_new);
    assert_in_range(n_of_new, SESSION_BUCKETS / 3 - 1, SESSION_BUCKETS / 3 + 1);
    memcpy(before, rig->shard->buckets, sizeof before);
    session_close(rig->shard, &rig->shard->sessions[before[0]], "the test says so", rig->now_ns);
    n_moved = n_of_new = 0;
    for (unsigned i = 0; i < SESSION_BUCKETS; i++) {
        assert_true(rig->shard->sessions[rig->shard->buckets[i]].state == SESSION_OPEN);
        assert_true(before[i] == rig->shard->buckets[i] || before[i] == before[0]);
        n_moved += before[i] != rig->shard->buckets[i];
        n_of_new += rig->shard->buckets[i] == rig->shard->buckets[0];
    }
    assert_in_range(n_moved, SESSION_BUCKETS / 3 - 1, SESSION_BUCKETS / 3 + 1);
    assert_int_equal(n_of_new, SESSION_BUCKETS / 2);
    rig_end(rig);
}

static void floor_is_the_least_of_sessions_and_orphans_and_never_sinks(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    rig_beat(rig, 0);
    rig_hello(rig, 1, 15, MSG_KEY_LAYOUT);
    assert_int_equal(rig->shard->floor.n, 10);
    rig_reached(rig, 0, 12);
    assert_int_equal(rig->shard->floor.n, 12);
    rig_reached(rig, 0, 11);
    assert_int_equal(rig->shard->floor.n, 12);
    for (int i = 0; i < 6; i++) { /* the first falls silent with a flow: its 12 stays until the flow is adopted */
        rig_beat(rig, 1);
        rig_run(rig, 100);
    }
    assert_int_equal(session_count_open(rig->shard), 1);
    assert_int_equal(rig->shard->floor.n, 12);
    rig_change(rig, 1, id, 2, 15);
    assert_int_equal(rig->shard->floor.n, 15);
    session_close_all(rig->shard, "test", rig->now_ns);
    assert_false(session_update_floor(rig->shard));
    assert_int_equal(rig->shard->floor.n, 15);
    rig_end(rig);
}

/* A barrier behind a change of a meter must not be answered while the shard measures by the old rate. */
static void floor_does_not_pass_what_the_shard_knows_itself(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig->shard->known = (struct version){.epoch = 1, .n = 12};
    rig_reached(rig, 0, 15);
    assert_int_equal(rig->shard->floor.n, 12);
    rig->shard->known.n = 14;
    assert_true(session_update_floor(rig->shard));
    assert_int_equal(rig->shard->floor.n, 14);
    rig->shard->known.n = 20;
    assert_true(session_update_floor(rig->shard));
    assert_int_equal(rig->shard->floor.n, 15);
    rig_end(rig);
}

static void reached_for(struct rig *rig, size_t r, uint64_t n, uint64_t authors, uint64_t settings)
{
    Busbar__Reached reached = BUSBAR__REACHED__INIT;
    Busbar__Version version;
    version_encode((struct version){.epoch = 1, .n = n}, &version);
    reached.version = &version;
    reached.authors = authors;
    reached.settings = settings;
    rig_say(rig, r, MESSAGE_REACHED, &reached.base);
    rig_run(rig, 0);
}

/* Commits of rules alone the shard need not have heard of itself. */
static void floor_passes_what_the_shard_need_not_know(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig->shard->known = (struct version){.epoch = 1, .n = 12};
    reached_for(rig, 0, 15, AUTHORS_NONE, 12);
    assert_int_equal(rig->shard->floor.n, 15);
    reached_for(rig, 0, 18, AUTHORS_NONE, 17); /* a meter, say */
    assert_int_equal(rig->shard->floor.n, 15);
    rig->shard->known.n = 16;
    assert_true(session_update_floor(rig->shard));
    assert_int_equal(rig->shard->floor.n, 16);
    rig->shard->known.n = 17;
    assert_true(session_update_floor(rig->shard));
    assert_int_equal(rig->shard->floor.n, 18);
    rig_end(rig);
}

/* An ofagent that is not among them may be told late, so none may be missing: neither of a commit that a session has passed and the floor has not. */
static void those_whose_commits_the_floor_passes_are_remembered_until_it_has(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    assert_int_equal(session_take_floor_for(rig->shard), AUTHORS_ALL); /* who waits for what it had reached is not known */
    rig_hello(rig, 1, 10, MSG_KEY_LAYOUT);
    assert_int_equal(session_take_floor_for(rig->shard), AUTHORS_ALL);
    assert_int_equal(session_take_floor_for(rig->shard), AUTHORS_NONE);
    reached_for(rig, 0, 12, authors_one(1), 10);
    assert_int_equal(rig->shard->floor.n, 10);
    reached_for(rig, 1, 11, authors_one(2), 10);
    assert_int_equal(rig->shard->floor.n, 11);
    assert_true(authors_has(session_take_floor_for(rig->shard), 2));
    reached_for(rig, 1, 12, authors_one(3), 10);
    assert_int_equal(rig->shard->floor.n, 12);
    uint64_t authors = session_take_floor_for(rig->shard);
    assert_true(authors_has(authors, 1) && authors_has(authors, 3) && !authors_has(authors, 4));
    assert_int_equal(session_take_floor_for(rig->shard), AUTHORS_NONE);
    reached_for(rig, 0, 13, 0, 0); /* of a replica that does not say */
    assert_int_equal(session_take_floor_for(rig->shard), AUTHORS_ALL);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floor_does_not_pass_what_the_shard_knows_itself),
        cmocka_unit_test(floor_passes_what_the_shard_need_not_know),
        cmocka_unit_test(those_whose_commits_the_floor_passes_are_remembered_until_it_has),
        cmocka_unit_test(replica_that_has_reached_the_floor_is_let_in),
        cmocka_unit_test(others_are_refused_with_the_reason),
        cmocka_unit_test(silence_of_500_ms_closes_and_beats_keep_open),
        cmocka_unit_test(hello_again_begins_anew),
        cmocka_unit_test(malformed_message_closes_the_session),
        cmocka_unit_test(every_bucket_has_an_open_session_and_few_move),
        cmocka_unit_test(floor_is_the_least_of_sessions_and_orphans_and_never_sinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
