/* Asks.
 *
 * Misses of a burst are one message, because a message costs ten times what a miss in it does. While the replica has asks under way, those of several
 * bursts wait for each other, for 50 us: with packets that come one by one, 150,000 flows a second were as many messages, and their sending took a
 * third of a core. One that has two full batches to work on gets another when that is full too: until then it has no need of it, and a replica with a small
 * share of a core took twice the time for the same asks in batches of 28. With nothing under way they go at once, so the first packet
 * after a pause does not wait. Each replica for itself: a slow one delays only what it is asked.
 * A batch holds ask numbers, not pointers: a list that was dropped meanwhile is simply not found when the batch is sent.
 * An ask that is not answered within 500 ms goes once to another replica (or again to the only one); then its packet is dropped.
 * Cost: an array write a miss, a pack and a send a batch. Worker thread. Invariant: one open ask a flow hash (I7).
 */
#include "services/fastpath/miss.h"

#include "lib/base/clock.h"
#include "lib/msg/dp_action.h"
#include "proto/session.pb-c.h"
#include "services/fastpath/session.h"

static void queue_ask(struct shard *shard, uint8_t number, struct pending_list *list)
{
    struct session *session = &shard->sessions[number];
    list->session = number;
    list->n_asked++;
    session->asks[session->n_asks++] = list->ask;
    shard->counts.asks++;
    if (session->n_asks == MISS_BATCH) {
        miss_flush(shard, session);
    }
}

int miss_ask(void *context, struct pending_list *list, const struct dp_packet *head)
{
    struct shard *shard = context;
    uint8_t number = shard->buckets[list->flow_hash % SESSION_BUCKETS];
    if (number == OWNER_NONE) {
        return DROP_NO_SLOWPATH;
    }
    queue_ask(shard, number, list);
    return WORKER_ASKED;
}

void miss_flush(struct shard *shard, struct session *session)
{
    struct flow_key keys[MISS_BATCH];
    uint64_t asks[MISS_BATCH];
    Busbar__MissBatch batch = BUSBAR__MISS_BATCH__INIT;
    for (uint32_t i = 0; i < session->n_asks; i++) {
        struct pending_list *list = pending_by_ask(&shard->worker.pending, session->asks[i]);
        if (list == NULL) {
            continue;
        }
        asks[batch.n_asks] = list->ask;
        keys[batch.n_asks++] = pending_head(&shard->worker.pending, list)->key;
    }
    session->n_asks = 0;
    session->asked_ns = shard->worker.now_ns;
    batch.asks = asks;
    batch.keys = keys_encode(keys, batch.n_asks);
    int err = batch.n_asks > 0 ? session_send(shard, session, MESSAGE_MISS_BATCH, &batch.base) : 0;
    if (err == -ERROR_NOT_CONNECTED) {
        session->beat_ns = 0; /* so that the next step finds out too and closes it, which asks others */
    }
    if (err == 0) {
        session->n_under_way += batch.n_asks;
    }
    if (err == 0 || err == -ERROR_NOT_CONNECTED) {
        return;
    }
    for (size_t i = 0; i < batch.n_asks; i++) {
        struct pending_list *list = pending_by_ask(&shard->worker.pending, asks[i]);
        if (list != NULL) {
            worker_drop_list(&shard->worker, list, DROP_MISS_QUEUE_FULL);
        }
    }
}

/* How long the asks of this session may wait for others since the last batch. */
static uint64_t gather_ns(const struct session *session)
{
    if (session->n_under_way == 0) {
        return 0;
    }
    return (session->n_under_way < MISS_UNDER_WAY_ENOUGH ? MISS_GATHER_US : MISS_GATHER_MAX_US) * NS_PER_US;
}

void miss_flush_due(struct shard *shard, struct session *session)
{
    if (shard->worker.now_ns - session->asked_ns >= gather_ns(session)) {
        shard->asked_alone |= session->n_asks > 0 && session->n_asks == shard->worker.pending.n_lists;
        miss_flush(shard, session);
    }
}

bool miss_flush_alone(struct shard *shard)
{
    const struct pending_list *oldest = shard->worker.pending.oldest;
    struct session *session = oldest != NULL ? &shard->sessions[oldest->session] : NULL;
    if (session == NULL || session->n_asks != shard->worker.pending.n_lists) {
        return false;
    }
    miss_flush_due(shard, session);
    return true;
}

/* An open session that is not `except`: the one whose bucket it is, so that what a dead one was asked is spread as evenly as its buckets; else the
 * next one; else `except` itself while it is open; else OWNER_NONE. */
static uint8_t another(const struct shard *shard, uint8_t except, uint32_t flow_hash)
{
    uint8_t owner = shard->buckets[flow_hash % SESSION_BUCKETS];
    if (owner != except && owner != OWNER_NONE && shard->sessions[owner].state == SESSION_OPEN) {
        return owner;
    }
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        unsigned number = (flow_hash + i) % SESSIONS_MAX;
        if (number != except && shard->sessions[number].state == SESSION_OPEN) {
            return (uint8_t)number;
        }
    }
    return shard->sessions[except].state == SESSION_OPEN ? except : OWNER_NONE;
}

static void ask_another(struct shard *shard, struct pending_list *list, uint64_t now_ns)
{
    uint8_t number = another(shard, list->session, list->flow_hash);
    pending_ask_again(&shard->worker.pending, list, now_ns);
    if (number == OWNER_NONE) {
        worker_drop_list(&shard->worker, list, DROP_NO_SLOWPATH);
        return;
    }
    shard->counts.asks_repeated++;
    queue_ask(shard, number, list);
}

void miss_check_deadlines(struct shard *shard, uint64_t now_ns)
{
    struct pending_list *list;
    while ((list = shard->worker.pending.oldest) != NULL && now_ns - list->asked_ns > MISS_DEADLINE_MS * NS_PER_MS) {
        if (list->n_asked >= 2) {
            worker_refused(&shard->worker, list, DROP_MISS_TIMEOUT);
        } else {
            ask_another(shard, list, now_ns);
        }
    }
}

void miss_session_closed(struct shard *shard, struct session *session, uint64_t now_ns)
{
    uint8_t number = shard_session_number(shard, session);
    for (uint32_t i = 0; i < shard->worker.pending.max_packets; i++) {
        struct pending_list *list = pending_list_at(&shard->worker.pending, i);
        if (list != NULL && list->session == number) {
            ask_another(shard, list, now_ns);
        }
    }
}

void miss_drop_all(struct shard *shard, enum drop_reason reason)
{
    while (shard->worker.pending.oldest != NULL) {
        worker_drop_list(&shard->worker, shard->worker.pending.oldest, reason);
    }
}
