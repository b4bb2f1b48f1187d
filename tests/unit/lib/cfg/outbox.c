/* Tests of lib/cfg/outbox.c: order, window, repeats under the same sequence, deadlines, each answered exactly once. */
#include "lib/cfg/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "tests/unit/lib/cfg/peer.h"

struct test {
    struct peer peer;
    struct outbox *outbox;
};

struct outcome {
    int n_calls, error;
    uint64_t version, id;
};

static int setup(void **state)
{
    static struct test t;
    t = (struct test){0};
    peer_open(&t.peer, true);
    t.outbox = outbox_new();
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    outbox_destroy(&t->outbox);
    outbox_destroy(&t->outbox);
    peer_close(&t->peer);
    return 0;
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct outcome *o = context;
    o->n_calls++;
    o->error = result->error;
    o->version = result->version.n;
    o->id = result->n_ids > 0 ? result->ids[0] : 0;
}

static void add(struct test *t, uint64_t row, uint64_t patience_ms, struct outcome *outcome)
{
    struct cfg_txn *txn = cfg_txn_new("t");
    cfg_txn_delete(txn, CFG_PORT, row);
    outbox_add(t->outbox, &txn, t->peer.now_ns + patience_ms * NS_PER_MS, on_done, outcome);
    assert_null(txn);
}

static void step(struct test *t)
{
    outbox_step(t->outbox, t->peer.client, t->peer.now_ns);
    bus_hub_step(t->peer.hub, t->peer.now_ns);
}

/* The sequence of the next transaction at configdb, checked to be about `row`; 0 when there is none. */
static uint64_t arrived(struct test *t, uint64_t row, uint64_t *out_oldest)
{
    Busbar__Transact *m = (Busbar__Transact *)peer_next_of(&t->peer, MESSAGE_TRANSACT);
    if (m == NULL) {
        return 0;
    }
    assert_int_equal(m->n_ops, 1);
    assert_true(m->ops[0]->id == row);
    uint64_t sequence = m->sequence;
    if (out_oldest != NULL) {
        *out_oldest = m->oldest;
    }
    busbar__transact__free_unpacked(m, NULL);
    return sequence;
}

static void reply(struct test *t, uint64_t sequence, int error)
{
    Busbar__TransactReply m = BUSBAR__TRANSACT_REPLY__INIT;
    Busbar__Version version = BUSBAR__VERSION__INIT;
    uint64_t id = sequence + 1;
    version.n = 42;
    m.sequence = sequence;
    m.error = error;
    m.version = &version;
    m.ids = &id;
    m.n_ids = 1;
    outbox_on_reply(t->outbox, &m, t->peer.now_ns);
}

static void transactions_go_in_order_and_are_answered_once(void **state)
{
    struct test *t = *state;
    struct outcome a = {0}, b = {0};
    uint64_t oldest_a, oldest_b;
    add(t, 1, 1000, &a);
    add(t, 2, 1000, &b);
    step(t);
    uint64_t first = arrived(t, 1, &oldest_a), second = arrived(t, 2, &oldest_b);
    assert_true(first != 0 && second == first + 1 && oldest_a == first && oldest_b == first);
    reply(t, first, 0);
    assert_true(a.n_calls == 1 && a.error == 0 && a.version == 42 && a.id == first + 1);
    reply(t, first, 0); /* the answer to a repeat */
    reply(t, 12345, 0);
    assert_int_equal(a.n_calls, 1);
    reply(t, second, -ERROR_CONFLICT);
    assert_true(b.n_calls == 1 && b.error == -ERROR_CONFLICT);
    assert_int_equal(outbox_size(t->outbox), 0);
}

static void at_most_a_window_is_unanswered(void **state)
{
    struct test *t = *state;
    struct outcome o[OUTBOX_WINDOW + 5] = {{0}};
    uint64_t sequences[OUTBOX_WINDOW + 5];
    for (uint64_t i = 0; i < OUTBOX_WINDOW + 5; i++) {
        add(t, i, 1000, &o[i]);
    }
    step(t);
    for (uint64_t i = 0; i < OUTBOX_WINDOW; i++) {
        sequences[i] = arrived(t, i, NULL);
        assert_true(sequences[i] != 0);
    }
    assert_true(arrived(t, 0, NULL) == 0);
    reply(t, sequences[0], 0);
    step(t);
    uint64_t oldest;
    assert_true(arrived(t, OUTBOX_WINDOW, &oldest) == sequences[0] + OUTBOX_WINDOW);
    assert_true(oldest == sequences[1]);
    assert_true(arrived(t, 0, NULL) == 0);
}

/* configdb keeps so many replies: while the oldest waits there, no number is said that would need its place. */
static void numbers_stay_within_a_window_of_the_oldest(void **state)
{
    struct test *t = *state;
    struct outcome o[OUTBOX_WINDOW + 5] = {{0}};
    uint64_t sequences[OUTBOX_WINDOW + 5];
    for (uint64_t i = 0; i < OUTBOX_WINDOW + 5; i++) {
        add(t, i, 1000, &o[i]);
    }
    step(t);
    for (uint64_t i = 0; i < OUTBOX_WINDOW; i++) {
        sequences[i] = arrived(t, i, NULL);
    }
    for (uint64_t i = 1; i < OUTBOX_WINDOW; i++) {
        reply(t, sequences[i], 0);
    }
    step(t);
    assert_true(arrived(t, 0, NULL) == 0);
    reply(t, sequences[0], 0);
    step(t);
    assert_true(arrived(t, OUTBOX_WINDOW, NULL) == sequences[0] + OUTBOX_WINDOW);
}

static void unanswered_are_repeated_in_order_under_their_sequence(void **state)
{
    struct test *t = *state;
    struct outcome a = {0}, b = {0};
    add(t, 1, 10000, &a);
    add(t, 2, 10000, &b);
    step(t);
    uint64_t first = arrived(t, 1, NULL), second = arrived(t, 2, NULL);
    peer_pass(&t->peer, 499);
    step(t);
    assert_true(arrived(t, 0, NULL) == 0);
    peer_pass(&t->peer, 1);
    step(t);
    assert_true(arrived(t, 1, NULL) == first && arrived(t, 2, NULL) == second);
    outbox_rewind(t->outbox); /* a loss was seen */
    step(t);
    assert_true(arrived(t, 1, NULL) == first && arrived(t, 2, NULL) == second);
    assert_true(a.n_calls == 0 && b.n_calls == 0);
}

static void too_late_ends_with_what_is_known(void **state)
{
    struct test *t = *state;
    struct outcome sent = {0}, unsent = {0}, later = {0};
    uint64_t oldest;
    add(t, 1, 100, &sent);
    step(t);
    uint64_t first = arrived(t, 1, NULL);
    bus_hub_cut(t->peer.hub, &peer_client, true);
    add(t, 2, 50, &unsent);
    peer_pass(&t->peer, 50);
    step(t);
    assert_true(unsent.n_calls == 1 && unsent.error == -ERROR_NOT_CONNECTED);
    peer_pass(&t->peer, 50);
    step(t);
    assert_true(sent.n_calls == 1 && sent.error == -ERROR_TIMEOUT);
    assert_int_equal(outbox_size(t->outbox), 0);
    bus_hub_cut(t->peer.hub, &peer_client, false);
    peer_pass(&t->peer, 100);
    add(t, 3, 1000, &later);
    step(t);
    Busbar__Transact *blank = (Busbar__Transact *)peer_next_of(&t->peer, MESSAGE_TRANSACT);
    assert_true(blank->sequence == first && blank->n_ops == 0); /* the number is used, nothing is done so late */
    busbar__transact__free_unpacked(blank, NULL);
    assert_true(arrived(t, 3, &oldest) == first + 1 && oldest == first); /* the unsent one left no hole */
    reply(t, first, 0);
    assert_true(sent.n_calls == 1 && later.n_calls == 0);
    reply(t, first + 1, 0);
    assert_true(later.n_calls == 1 && later.error == 0);
}

static void too_large_a_transaction_is_refused_here(void **state)
{
    struct test *t = *state;
    struct outcome big = {0}, small = {0};
    struct cfg_txn *txn = cfg_txn_new("big");
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    char *text = memory_zeroed((size_t)BUS_MESSAGE_MAX_BYTES + 1);
    memset(text, 'x', BUS_MESSAGE_MAX_BYTES);
    row.session = text;
    row.usage = row.packet = row.mac = row.control = (char *)"";
    cfg_txn_insert(txn, CFG_SERVICE, &row.base);
    outbox_add(t->outbox, &txn, t->peer.now_ns + NS_PER_S, on_done, &big);
    add(t, 2, 1000, &small);
    step(t);
    assert_true(big.n_calls == 1 && big.error == -ERROR_TOO_LARGE);
    step(t);
    assert_true(arrived(t, 2, NULL) != 0);
    free(text);
}

static void on_done_add_another(void *context, const struct cfg_result *result)
{
    struct test *t = context;
    static struct outcome ignored;
    add(t, 99, 1000, &ignored);
}

static void callback_may_add_transactions(void **state)
{
    struct test *t = *state;
    struct cfg_txn *txn = cfg_txn_new("t");
    cfg_txn_delete(txn, CFG_PORT, 1);
    outbox_add(t->outbox, &txn, t->peer.now_ns + NS_PER_S, on_done_add_another, t);
    step(t);
    reply(t, arrived(t, 1, NULL), 0);
    assert_int_equal(outbox_size(t->outbox), 1);
    step(t);
    assert_true(arrived(t, 99, NULL) != 0);
}

#define OUTBOX_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(transactions_go_in_order_and_are_answered_once),
        OUTBOX_TEST(at_most_a_window_is_unanswered),
        OUTBOX_TEST(numbers_stay_within_a_window_of_the_oldest),
        OUTBOX_TEST(unanswered_are_repeated_in_order_under_their_sequence),
        OUTBOX_TEST(too_late_ends_with_what_is_known),
        OUTBOX_TEST(too_large_a_transaction_is_refused_here),
        OUTBOX_TEST(callback_may_add_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
