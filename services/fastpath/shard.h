/* One shard: the packet path and everything its control side keeps about it. Which file changes what is said beside each member.
 *
 * The control side (session, miss, up, install, adopt, expire, usage) runs in the same thread between bursts, so nothing here is locked.
 */
#ifndef BUSBAR_FASTPATH_SHARD_H
#define BUSBAR_FASTPATH_SHARD_H

#include "lib/bus/bus.h"
#include "lib/metrics/histogram.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "services/fastpath/counter_set.h"
#include "services/fastpath/worker.h"

enum {
    SESSIONS_MAX = 32,        /* open ones and those whose flows are not adopted yet */
    SESSION_BUCKETS = 256,
    SESSION_BEAT_MS = 100,
    SESSION_SILENCE_MS = 500,
    SESSION_NAMES_MAX = 1 << 20, /* counter numbers of one session: a rule table of a million */
    MISS_GATHER_US = 50,         /* asks wait so long for others while their replica has some under way, */
    MISS_GATHER_MAX_US = 5000,   /* and so long while it has enough to work on */
    MISS_BATCH = 128,            /* where batching misses stops to pay (measured) */
    MISS_UNDER_WAY_ENOUGH = 2 * MISS_BATCH,
    MISS_DEADLINE_MS = 500,      /* then another replica is asked, then the packet dropped */
    UP_BATCH = 64,
    UP_BYTES_SENT = 64 * 1024,   /* with so many the packets that wait are a message: what may queue for a replica is bounded by messages */
    UP_BYTES = UP_BYTES_SENT + UMEM_LARGE_ROOM + DP_USERDATA_MAX + DP_PIPELINE_MAX, /* one more packet with what goes behind it */
    OFFERS_MAX = 1024,        /* unanswered offers a session: about 10 ms of a slowpath's time */
    OFFERS_MAX_BUSY = 128,    /* while asks of OFFERS_BUSY_LISTS flow hashes are under way; half of it with twice as many, and so on */
    OFFERS_BUSY_LISTS = 256,
    FLOW_LIMIT_DEFAULT = 200000,
    MAX_IDLE_DEFAULT_MS = 10000,
};

enum session_state { SESSION_FREE, SESSION_OPEN, SESSION_CLOSED /* its flows wait for adoption */ };

struct gone_flow {
    struct flow_id id;
    uint64_t answers;
};

struct packet_up {
    struct dp_controller to;
    uint32_t in_port;
    uint32_t total_size;
    uint32_t offset; /* of its bytes in up_bytes */
    uint32_t size;
    uint32_t n_userdata; /* bytes of user data behind them */
    uint32_t n_pipeline; /* bytes of pipeline fields behind those */
};

struct session {
    enum session_state state; /* session.c */
    struct bus_identity who;
    struct version reached;
    uint64_t settings_n; /* the newest commit up to there that this shard must know itself */
    uint64_t sequence;   /* of the last message */
    uint64_t heard_ns, beat_ns;
    uint64_t opened_ns;
    uint64_t answers; /* install.c: handled in this session */
    bool links_late;  /* session.c: link states could not be sent */
    uint64_t *names;  /* install.c: counter ids by number, 0 = none */
    uint32_t n_names;
    struct flow *owned_first, *owned_last; /* install.c, adopt.c: of a closed session first those not offered yet */
    struct flow *offer_cursor; /* adopt.c: of a closed session, where to look for flows to offer; NULL: at owned_first */
    size_t n_owned;
    size_t n_offered; /* adopt.c: flows of closed sessions that this open one was offered */
    struct gone_flow *gone; /* install.c: not told yet */
    size_t n_gone, gone_room;
    uint64_t asks[MISS_BATCH]; /* miss.c: not sent yet */
    uint32_t n_asks;
    uint64_t asked_ns; /* when the last batch of asks went */
    uint32_t n_under_way; /* asks sent to it that it has not answered; each is answered once */
    struct packet_up ups[UP_BATCH]; /* up.c: not sent yet */
    uint32_t n_ups, up_size;
    uint8_t *up_bytes;
};

/* What went wrong or was refused, by name: SHARD_COUNT(name). */
#define SHARD_COUNTS                                                                                                            \
    SHARD_COUNT(sessions_opened)                                                                                                \
    SHARD_COUNT(sessions_closed)                                                                                                \
    SHARD_COUNT(hellos_refused)                                                                                                 \
    SHARD_COUNT(strangers)          /* messages of no open session */                                                           \
    SHARD_COUNT(sequence_jumps)                                                                                                 \
    SHARD_COUNT(malformed)                                                                                                      \
    SHARD_COUNT(stale_answers)      /* answers to an ask that is not theirs or no longer open */                                \
    SHARD_COUNT(unknown_flows)      /* changes of flows the sender does not hold */                                             \
    SHARD_COUNT(unknown_counters)                                                                                               \
    SHARD_COUNT(old_versions)       /* installs and changes older than what is there */                                         \
    SHARD_COUNT(bad_masks)          /* answers whose mask leaves out the ingress port */                                        \
    SHARD_COUNT(bad_programs)       /* answers, changes and packets out whose actions nobody understands */                     \
    SHARD_COUNT(installed)                                                                                                      \
    SHARD_COUNT(replaced)                                                                                                       \
    SHARD_COUNT(changed)                                                                                                        \
    SHARD_COUNT(removed)                                                                                                        \
    SHARD_COUNT(expired)                                                                                                        \
    SHARD_COUNT(evicted)                                                                                                        \
    SHARD_COUNT(adopted)                                                                                                        \
    SHARD_COUNT(asks)                                                                                                           \
    SHARD_COUNT(asks_repeated)                                                                                                  \
    SHARD_COUNT(stalls)

struct shard_counts {
#define SHARD_COUNT(name) uint64_t name;
    SHARD_COUNTS
#undef SHARD_COUNT
};

/* Flows of ports that have gone (port_flows.c). */
struct port_flows {
    uint32_t *ports; /* whose flows may still be there, in the order they went */
    size_t n, room;
    size_t n_in_round; /* of them, those that went before the round over all flows began */
    size_t cursor;     /* of the round */
};

struct tier;

struct shard {
    struct umem *umem;
    struct port_set ports;
    struct worker worker;
    struct flow_table *flows;   /* install.c, expire.c */
    struct program_table *programs; /* install.c */
    struct counter_set counters; /* install.c, usage.c */
    struct session sessions[SESSIONS_MAX];
    uint8_t buckets[SESSION_BUCKETS]; /* session.c: number of the session that answers, or OWNER_NONE */
    struct bus_socket *socket;        /* of the session wire */
    bool is_registered;               /* fastpath.c */
    struct version registered;        /* r of the design */
    struct version known;             /* fastpath.c: up to where it knows the configuration itself, meters above all; 0: it follows none */
    struct version floor;             /* session.c */
    uint64_t floor_for;               /* whose commits it has not passed, or has since it was told last: lib/msg/authors.h */
    uint32_t flow_limit, max_idle_ms; /* fastpath.c, from the configuration */
    uint64_t tuned_ns; /* expire.c: when the caches were last looked after */
    size_t expire_cursor, settle_cursor, evict_cursor;
    struct port_flows port_flows;
    struct tier *tier; /* NULL: the kernel forwards nothing by itself */
    bool asked_alone; /* miss.c: a batch went while nothing else was under way; whoever looks takes it back */
    struct shard_counts counts;
    struct histogram flow_setup; /* install.c: ask to flow */
    struct dp_action scratch[DP_ACTIONS_MAX];
    uint32_t scratch_slots[MSG_COUNTERS_MAX]; /* counters of one program; more are refused */
    struct msg_arena arena;      /* of the answers or changes being read */
};

void shard_init(struct shard *shard, struct umem *umem, struct bus_socket *socket);
void shard_fini(struct shard *shard);
uint8_t shard_session_number(const struct shard *shard, const struct session *session);

#endif
