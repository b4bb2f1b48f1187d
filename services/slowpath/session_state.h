/* A session from inside: shared by session.c (life and messages), answer.c (misses) and amend.c (corrections). */
#ifndef BUSBAR_SLOWPATH_SESSION_STATE_H
#define BUSBAR_SLOWPATH_SESSION_STATE_H

#include "lib/msg/msg.h"
#include "services/slowpath/names.h"
#include "services/slowpath/session.h"

enum session_state {
    SESSION_CLOSED, /* HELLO is due at hello_ns */
    SESSION_ASKED,  /* HELLO sent, no reply yet */
    SESSION_OPEN
};

struct session_miss {
    uint64_t ask;
    struct flow_key key;
};

struct session_offer {
    struct flow_id id;
    struct flow_key key;
    struct flow_key mask;
};

struct session {
    struct core *core;
    struct bus_identity shard;
    struct bus_socket *socket;
    enum session_state state;
    uint64_t number;   /* of the last HELLO */
    uint64_t sequence; /* of the last message in this session */
    uint64_t hello_ns; /* when the next HELLO is due */
    uint64_t heard_ns;
    uint64_t beat_ns;
    uint64_t refusals;      /* in a row, for the log */
    struct version reached; /* told to the shard */
    uint64_t authors;       /* whose commits came since: lib/msg/authors.h */
    uint64_t answers;       /* sent in this session */
    struct flow_index *flows;
    struct names *names;
    struct session_miss *misses; /* ring of SESSION_MISSES_MAX */
    size_t miss_first, n_misses;
    struct session_offer *offers; /* ring of SESSION_OFFERS_MAX */
    size_t offer_first, n_offers;
    struct msg_arena arena;    /* of the message being read */
    struct answer_batch *batch; /* owned by answer.c: memory of the batch being answered */
};

/* Answers up to a batch of misses. 0 when it sent, 1 when there was none, -EAGAIN. */
int answer_misses(struct session *session);
void answer_batch_destroy(struct answer_batch **batch);
/* Sends up to a batch of corrections, or of replies to offers. As answer_misses(). */
int amend_batch(struct session *session);
int amend_offers_batch(struct session *session);
/* Names the counter ids not named yet. */
int session_tell_names(struct session *session) MUST_CHECK;
/* May another answer or change be translated for the batch under way? It has n of them, with so many actions and counters in all. */
bool session_batch_goes_on(const struct session *session, size_t n, size_t n_items);
/* Counter numbers of a batch, in one piece of memory. */
struct number_list {
    uint32_t *numbers; /* owned, room for those of the largest batch once there are some */
    size_t n;
};
/* Numbers of the ids, behind those that are there: valid as long as the list. */
uint32_t *session_number_counters(struct session *session, const uint64_t *ids, size_t n, struct number_list *list);

#endif
