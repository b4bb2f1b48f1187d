/* Tests of lib/cfg/membership.c: joining, renewing, joining again when the lease has lapsed, leaving. */
#include "lib/cfg/membership.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "tests/unit/lib/cfg/peer.h"

struct test {
    struct peer peer;
    struct outbox *outbox;
    struct membership *membership;
};

static int setup(void **state)
{
    static struct test t;
    t = (struct test){0};
    peer_open(&t.peer, true);
    t.outbox = outbox_new();
    t.membership = membership_new(&peer_client);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    outbox_destroy(&t->outbox);
    membership_destroy(&t->membership);
    membership_destroy(&t->membership);
    peer_close(&t->peer);
    return 0;
}

static void step(struct test *t, uint64_t ms)
{
    peer_pass(&t->peer, ms);
    membership_step(t->membership, t->outbox, t->peer.client, t->peer.now_ns);
    outbox_step(t->outbox, t->peer.client, t->peer.now_ns);
    bus_hub_step(t->peer.hub, t->peer.now_ns);
}

static void want(struct test *t)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.session = row.usage = row.packet = row.control = (char *)"";
    row.mac = (char *)"ipc://mac";
    membership_join(t->membership, &row);
}

/* The next transaction at configdb is an insert (or, of `deleted_id`, a delete) of a service row: returns its sequence, 0 when none came. */
static uint64_t transaction(struct test *t, uint64_t deleted_id)
{
    Busbar__Transact *m = (Busbar__Transact *)peer_next_of(&t->peer, MESSAGE_TRANSACT);
    if (m == NULL) {
        return 0;
    }
    assert_int_equal(m->n_ops, 1);
    assert_int_equal(m->ops[0]->table, CFG_SERVICE);
    if (deleted_id != 0) {
        assert_int_equal(m->ops[0]->kind, BUSBAR__OP_KIND__OP_DELETE);
        assert_true(m->ops[0]->id == deleted_id);
    } else {
        Busbar__ServiceRow *row = busbar__service_row__unpack(NULL, m->ops[0]->value.len, m->ops[0]->value.data);
        assert_non_null(row);
        assert_true(row->kind == PROCESS_SLOWPATH && row->instance == 1 && row->start == 77);
        assert_string_equal(row->mac, "ipc://mac");
        busbar__service_row__free_unpacked(row, NULL);
    }
    uint64_t sequence = m->sequence;
    busbar__transact__free_unpacked(m, NULL);
    return sequence;
}

static void reply(struct test *t, uint64_t sequence, int error, uint64_t id)
{
    Busbar__TransactReply m = BUSBAR__TRANSACT_REPLY__INIT;
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.n = 100 + id;
    m.sequence = sequence;
    m.error = error;
    m.version = &version;
    m.ids = &id;
    m.n_ids = 1;
    outbox_on_reply(t->outbox, &m, t->peer.now_ns);
}

/* The id of the next RENEW at configdb, -1 when none came. */
static int64_t renewal(struct test *t)
{
    Busbar__Renew *m = (Busbar__Renew *)peer_next_of(&t->peer, MESSAGE_RENEW);
    int64_t id = m != NULL ? (int64_t)m->id : -1;
    busbar__renew__free_unpacked(m, NULL);
    return id;
}

static void renewed(struct test *t, uint64_t id)
{
    Busbar__Renewed m = BUSBAR__RENEWED__INIT;
    m.id = id;
    membership_on_renewed(t->membership, &m);
}

static void join(struct test *t, uint64_t id)
{
    want(t);
    step(t, 0);
    uint64_t sequence = transaction(t, 0);
    assert_true(sequence != 0);
    reply(t, sequence, 0, id);
    assert_true(membership_id(t->membership, NULL) == id);
}

static void process_without_a_row_asks_for_life_only(void **state)
{
    struct test *t = *state;
    step(t, 0);
    assert_int_equal(renewal(t), 0);
    step(t, 499);
    assert_int_equal(renewal(t), -1);
    step(t, 1);
    assert_int_equal(renewal(t), 0);
    renewed(t, 0);
    assert_true(membership_id(t->membership, NULL) == 0);
}

static void joined_process_renews_its_row(void **state)
{
    struct test *t = *state;
    struct version version = {0};
    join(t, 9);
    assert_true(membership_id(t->membership, &version) == 9 && version.n == 109);
    step(t, 0);
    assert_int_equal(renewal(t), 9);
    renewed(t, 9);
    for (int i = 0; i < 10; i++) {
        step(t, 500);
        assert_int_equal(renewal(t), 9);
    }
}

static void while_joining_nothing_is_renewed(void **state)
{
    struct test *t = *state;
    want(t);
    step(t, 0);
    step(t, 100);
    step(t, 100);
    assert_int_equal(renewal(t), -1);
}

static void lapsed_lease_is_joined_again(void **state)
{
    struct test *t = *state;
    join(t, 9);
    renewed(t, 0);
    assert_true(membership_id(t->membership, NULL) == 0);
    step(t, 0);
    reply(t, transaction(t, 0), 0, 12);
    assert_true(membership_id(t->membership, NULL) == 12);
}

static void refused_join_is_tried_again_half_a_second_later(void **state)
{
    struct test *t = *state;
    want(t);
    step(t, 0);
    reply(t, transaction(t, 0), -ERROR_REFUSED, 0);
    step(t, 499);
    assert_true(transaction(t, 0) == 0);
    step(t, 1);
    assert_true(transaction(t, 0) != 0);
}

static void joining_anew_gets_a_new_row(void **state)
{
    struct test *t = *state;
    join(t, 9);
    want(t); /* a shard that stood still registers again */
    assert_true(membership_id(t->membership, NULL) == 0);
    step(t, 0);
    uint64_t first = transaction(t, 0);
    want(t); /* and once more before the answer */
    reply(t, first, 0, 10);
    assert_true(membership_id(t->membership, NULL) == 0); /* that row is older than the last wish */
    step(t, 0);
    reply(t, transaction(t, 0), 0, 11);
    assert_true(membership_id(t->membership, NULL) == 11);
}

static void leaving_deletes_the_row_even_one_that_comes_late(void **state)
{
    struct test *t = *state;
    join(t, 9);
    membership_leave(t->membership, t->outbox, t->peer.now_ns);
    step(t, 0);
    uint64_t left = transaction(t, 9);
    assert_true(left != 0);
    reply(t, left, 0, 9);
    want(t);
    step(t, 0);
    uint64_t late = transaction(t, 0);
    membership_leave(t->membership, t->outbox, t->peer.now_ns);
    reply(t, late, 0, 10);
    assert_true(membership_id(t->membership, NULL) == 0);
    step(t, 0);
    assert_true(transaction(t, 10) != 0);
}

#define MEMBERSHIP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        MEMBERSHIP_TEST(process_without_a_row_asks_for_life_only),
        MEMBERSHIP_TEST(joined_process_renews_its_row),
        MEMBERSHIP_TEST(while_joining_nothing_is_renewed),
        MEMBERSHIP_TEST(lapsed_lease_is_joined_again),
        MEMBERSHIP_TEST(refused_join_is_tried_again_half_a_second_later),
        MEMBERSHIP_TEST(joining_anew_gets_a_new_row),
        MEMBERSHIP_TEST(leaving_deletes_the_row_even_one_that_comes_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
