/* Adoption.
 *
 *     closed session: owned_first -> not offered -> not offered -> offered -> offered -> owned_last
 *                     offers are taken here ^                        and moved here ^
 *
 * The flows go on forwarding all the while; only who corrects them changes. They are spread over the open sessions by the hash that is
 * their id, so several replicas share the work. At most OFFERS_MAX are unanswered a session, so that a slowpath which has just
 * lost its sibling is not buried under 200,000 flows while it must answer misses; and fewer, the more packets wait for answers: these
 * come first, since a flow that is not adopted yet forwards, and a packet that waits does not.
 * Flows whose session has no room in its window are passed over: a cursor remembers how far, so that a step costs the same however many
 * there are, and comes to every flow in turn.
 * Cost: a step looks at 256 flows for each session with room and sends it up to 64 offers. Worker thread.
 * Invariant: an offered flow is owned by a closed session and offered to an open one.
 */
#include "services/fastpath/adopt.h"

#include "lib/msg/dp_action.h"
#include "proto/session.pb-c.h"
#include "services/fastpath/install.h"
#include "services/fastpath/session.h"

enum { OFFER_BATCH = 64, LOOK_AT = 256 };

/* How many more offers this session may have unanswered. */
static size_t room_of(const struct shard *shard, const struct session *session)
{
    size_t n_waiting = shard->worker.pending.n_lists;
    size_t window = n_waiting < OFFERS_BUSY_LISTS ? OFFERS_MAX : OFFERS_MAX_BUSY * OFFERS_BUSY_LISTS / n_waiting + 1;
    return session->n_offered < window ? window - session->n_offered : 0;
}

static uint8_t pick(const struct shard *shard, const struct flow *flow)
{
    return shard->buckets[flow->id.high % SESSION_BUCKETS];
}

/* To the other end of the owner's list, where the offered ones are. */
static void move_to_end(struct shard *shard, struct flow *flow, uint8_t to)
{
    uint8_t owner = flow->owner;
    struct session *session = &shard->sessions[owner];
    session->n_owned++; /* so that the session does not end between the two */
    install_disown(shard, flow);
    install_own(shard, flow, owner);
    session->n_owned--;
    flow->offered = to;
    shard->sessions[to].n_offered++;
}

static struct flow *first_to_look_at(const struct session *closed)
{
    return closed->offer_cursor != NULL ? closed->offer_cursor : closed->owned_first;
}

/* None of the flows that adopt_step() looked at can be offered now: next time those behind them, at the end from the front again. */
static void look_further(struct session *closed)
{
    struct flow *flow = first_to_look_at(closed);
    for (size_t i = 0; i < LOOK_AT && flow != NULL && flow->offered == OWNER_NONE; i++) {
        flow = flow->next_owned;
    }
    closed->offer_cursor = flow != NULL && flow->offered == OWNER_NONE ? flow : NULL;
}

/* Up to a batch of flows of `closed` for the session `to`; returns how many were sent. */
static size_t offer_some(struct shard *shard, struct session *closed, uint8_t to)
{
    Busbar__FlowOffer offers[OFFER_BATCH], *pointers[OFFER_BATCH];
    Busbar__FlowId ids[OFFER_BATCH];
    struct flow *flows[OFFER_BATCH];
    Busbar__FlowOfferBatch batch = BUSBAR__FLOW_OFFER_BATCH__INIT;
    size_t n = 0, n_looked_at = 0;
    struct session *session = &shard->sessions[to];
    size_t room = room_of(shard, session);
    room = room < OFFER_BATCH ? room : OFFER_BATCH;
    for (struct flow *flow = first_to_look_at(closed); flow != NULL && flow->offered == OWNER_NONE && n < room && n_looked_at < LOOK_AT;
         flow = flow->next_owned, n_looked_at++) {
        if (pick(shard, flow) != to) {
            continue;
        }
        busbar__flow_id__init(&ids[n]);
        ids[n].high = flow->id.high;
        ids[n].low = flow->id.low;
        busbar__flow_offer__init(&offers[n]);
        offers[n].id = &ids[n];
        offers[n].key = key_encode(&flow->key);
        offers[n].mask = key_encode(&flow->mask->bits);
        flows[n] = flow;
        pointers[n] = &offers[n];
        n++;
    }
    batch.n_offers = n;
    batch.offers = pointers;
    if (n == 0 || session_send(shard, session, MESSAGE_FLOW_OFFER_BATCH, &batch.base) != 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        move_to_end(shard, flows[i], to);
    }
    return n;
}

void adopt_step(struct shard *shard)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *closed = &shard->sessions[i];
        if (closed->state != SESSION_CLOSED || closed->owned_first == NULL || closed->owned_first->offered != OWNER_NONE) {
            continue;
        }
        size_t n_offered = 0;
        bool has_room = false;
        for (uint8_t to = 0; to < SESSIONS_MAX; to++) {
            if (shard->sessions[to].state == SESSION_OPEN && room_of(shard, &shard->sessions[to]) > 0) {
                has_room = true;
                n_offered += offer_some(shard, closed, to);
            }
        }
        if (has_room && n_offered == 0) {
            look_further(closed);
        }
    }
}

static void move_to_front(struct session *session, struct flow *flow)
{
    if (flow->prev_owned == NULL) {
        return;
    }
    if (session->offer_cursor == flow) {
        session->offer_cursor = flow->next_owned;
    }
    flow->prev_owned->next_owned = flow->next_owned;
    if (flow->next_owned != NULL) {
        flow->next_owned->prev_owned = flow->prev_owned;
    } else {
        session->owned_last = flow->prev_owned;
    }
    flow->prev_owned = NULL;
    flow->next_owned = session->owned_first;
    session->owned_first->prev_owned = flow;
    session->owned_first = flow;
}

void adopt_take_back(struct shard *shard, struct session *session)
{
    uint8_t number = shard_session_number(shard, session);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *closed = &shard->sessions[i];
        struct flow *flow = closed->state == SESSION_CLOSED ? closed->owned_last : NULL;
        while (flow != NULL && flow->offered != OWNER_NONE) {
            struct flow *previous = flow->prev_owned;
            if (flow->offered == number) {
                flow->offered = OWNER_NONE;
                move_to_front(closed, flow);
            }
            flow = previous;
        }
    }
    session->n_offered = 0;
}

void adopt_offer_again(struct shard *shard, struct flow *flow)
{
    shard->sessions[flow->offered].n_offered--;
    flow->offered = OWNER_NONE;
    move_to_front(&shard->sessions[flow->owner], flow);
}

void adopt_merge_closed(struct shard *shard)
{
    struct session *into = NULL, *from = NULL;
    for (size_t i = 0; i < SESSIONS_MAX && from == NULL; i++) {
        if (shard->sessions[i].state == SESSION_CLOSED) {
            from = into != NULL ? &shard->sessions[i] : NULL;
            into = into != NULL ? into : &shard->sessions[i];
        }
    }
    if (from == NULL) {
        return;
    }
    if (from->reached.n < into->reached.n) {
        into->reached = from->reached;
        into->settings_n = from->settings_n;
    }
    while (from->owned_first != NULL) {
        struct flow *flow = from->owned_first;
        install_disown(shard, flow); /* an offer under way is void: its answer finds a flow that was not offered */
        install_own(shard, flow, shard_session_number(shard, into));
        move_to_front(into, flow);
    }
}
