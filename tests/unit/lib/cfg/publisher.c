/* Tests of lib/cfg/publisher.c: rows are said at once, repeated at half their life, and withdrawn. */
#include "lib/cfg/publisher.h"

#include <stdlib.h>

#include "tests/unit/lib/cfg/peer.h"

struct test {
    struct peer peer;
    struct publisher *publisher;
};

static int setup(void **state)
{
    static struct test t;
    t = (struct test){0};
    peer_open(&t.peer, true);
    t.publisher = publisher_new();
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    publisher_destroy(&t->publisher);
    publisher_destroy(&t->publisher);
    peer_close(&t->peer);
    return 0;
}

static void put(struct test *t, uint64_t id, uint32_t mtu)
{
    Busbar__PortStatusRow row = BUSBAR__PORT_STATUS_ROW__INIT;
    row.error = row.mode = row.why = (char *)"";
    row.mtu = mtu;
    publisher_put(t->publisher, CFG_PORT_STATUS, id, mtu != 0 ? &row.base : NULL);
}

/* Rows said in the messages since the last call; the first one's fields when wanted. */
static size_t said(struct test *t, uint64_t *out_id, bool *out_deleted)
{
    size_t n = 0;
    publisher_step(t->publisher, t->peer.client, t->peer.now_ns);
    bus_hub_step(t->peer.hub, t->peer.now_ns);
    Busbar__Publish *m;
    while ((m = (Busbar__Publish *)peer_next_of(&t->peer, MESSAGE_PUBLISH)) != NULL) {
        for (size_t i = 0; i < m->n_rows; i++) {
            assert_int_equal(m->rows[i]->ttl_ms, PUBLISHER_TTL_MS);
            assert_int_equal(m->rows[i]->table, CFG_PORT_STATUS);
        }
        assert_in_range(m->n_rows, 1, PUBLISHER_BATCH);
        if (out_id != NULL) {
            *out_id = m->rows[0]->id;
            *out_deleted = m->rows[0]->deleted;
        }
        n += m->n_rows;
        busbar__publish__free_unpacked(m, NULL);
    }
    return n;
}

static void row_is_said_at_once_and_then_at_half_its_life(void **state)
{
    struct test *t = *state;
    put(t, 1, 1500);
    assert_int_equal(said(t, NULL, NULL), 1);
    put(t, 1, 1500); /* the same again is no news */
    assert_int_equal(said(t, NULL, NULL), 0);
    peer_pass(&t->peer, PUBLISHER_TTL_MS / 2 - 1);
    assert_int_equal(said(t, NULL, NULL), 0);
    peer_pass(&t->peer, 1);
    assert_int_equal(said(t, NULL, NULL), 1);
    put(t, 1, 9000);
    assert_int_equal(said(t, NULL, NULL), 1);
}

static void withdrawn_row_is_said_once_and_forgotten(void **state)
{
    struct test *t = *state;
    uint64_t id = 0;
    bool deleted = false;
    put(t, 1, 1500);
    put(t, 2, 1500);
    assert_int_equal(said(t, NULL, NULL), 2);
    put(t, 2, 0);
    assert_int_equal(said(t, &id, &deleted), 1);
    assert_true(id == 2 && deleted);
    assert_int_equal(publisher_size(t->publisher), 1);
    peer_pass(&t->peer, 10000);
    assert_int_equal(said(t, &id, &deleted), 1);
    assert_true(id == 1 && !deleted);
}

static void without_a_connection_all_waits(void **state)
{
    struct test *t = *state;
    bus_hub_cut(t->peer.hub, &peer_client, true);
    put(t, 1, 1500);
    put(t, 1, 2000);
    put(t, 2, 1500);
    put(t, 2, 0);
    assert_int_equal(said(t, NULL, NULL), 0);
    bus_hub_cut(t->peer.hub, &peer_client, false);
    peer_pass(&t->peer, 100);
    assert_int_equal(said(t, NULL, NULL), 2);
    assert_int_equal(publisher_size(t->publisher), 1);
}

static void many_rows_go_in_batches_and_all_again_after_a_loss(void **state)
{
    struct test *t = *state;
    for (uint64_t id = 1; id <= 1000; id++) {
        put(t, id, 1500);
    }
    assert_int_equal(said(t, NULL, NULL), 1000);
    publisher_repeat_all(t->publisher);
    assert_int_equal(said(t, NULL, NULL), 1000);
}

#define PUBLISHER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISHER_TEST(row_is_said_at_once_and_then_at_half_its_life),
        PUBLISHER_TEST(withdrawn_row_is_said_once_and_forgotten),
        PUBLISHER_TEST(without_a_connection_all_waits),
        PUBLISHER_TEST(many_rows_go_in_batches_and_all_again_after_a_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
