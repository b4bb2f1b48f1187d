/* The packet path: receive, look up, act, send, count. DESIGN: "A packet's road".
 *
 * worker_poll() takes one burst from every port; worker_answered() and its like let waiting packets go on; worker_flush() sends what all
 * of them produced. No allocation, lock, log line or per-packet system call. One thread; all time by argument.
 */
#ifndef BUSBAR_FASTPATH_WORKER_H
#define BUSBAR_FASTPATH_WORKER_H

#include "services/fastpath/exact.h"
#include "services/fastpath/meter_set.h"
#include "services/fastpath/pending.h"
#include "services/fastpath/port.h"

/* What the packet path asks of the control side. Both are called in the middle of a burst and only queue. */
struct worker_events {
    /* Asks the slowpath about the head of the list. WORKER_ASKED, or the reason why nobody can be asked. */
    int (*ask)(void *context, struct pending_list *list, const struct dp_packet *head);
    /* A packet for a controller. WORKER_ASKED when it is queued, or the reason why not. */
    int (*up)(void *context, const struct dp_controller *to, const struct dp_packet *packet);
    /* Samples of the traffic, with the flows that were found; NULL: nobody wants them. */
    void (*sample)(void *context, const struct port *port, const struct dp_packet *packets, struct flow *const *flows, unsigned n);
    unsigned sample_every; /* one burst of so many, a power of two */
    void *context;
};
enum { WORKER_ASKED = -1 };

/* The steps of a burst, for `dp stats`: WORKER_STAGE(NAME, name in metrics, text). */
#define WORKER_STAGES                                                                                                           \
    WORKER_STAGE(RECEIVE, "receive", "taking frames from devices")                                                              \
    WORKER_STAGE(PARSE, "parse", "frame to key")                                                                                \
    WORKER_STAGE(EXACT, "exact", "exact cache")                                                                                 \
    WORKER_STAGE(MEGAFLOW, "megaflow", "megaflow tables, for what the exact cache does not know")                               \
    WORKER_STAGE(ACT, "act", "actions, and asking about what no flow covers")                                                   \
    WORKER_STAGE(SEND, "send", "giving frames to devices")

enum worker_stage {
#define WORKER_STAGE(name, text, help) STAGE_##name,
    WORKER_STAGES
#undef WORKER_STAGE
    STAGE_COUNT
};

/* Cycles are those of the time stamp counter, of one burst in WORKER_SAMPLE: reading it at every burst would cost as much as a packet. */
struct stage_counts {
    uint64_t packets, batches;
    uint64_t sampled_packets, sampled_cycles;
};
enum { WORKER_SAMPLE = 64 };

/* Every packet and copy that began, and how it ended (I5). */
struct worker_totals {
    uint64_t received, packets_out, copies;
    uint64_t sent, sent_up, consumed;
    uint64_t drops[DROP_REASON_COUNT];
    uint64_t exact_hits, megaflow_hits, misses, bursts;
    uint64_t kernel_hits; /* received and sent by the kernel's tier (tier.h) */
    uint64_t recirculated, unmetered; /* lookups beyond the first; packets whose meter nobody knows */
};
enum {
    /* Lookups that one received packet may cause with its copies: eight deep, and thirty-two ways wide, which is more than a group has
     * buckets that are meant. A list of a thousand recirculations whose packets do the same again ends here (I9). */
    WORKER_RECIRCULATIONS_MAX = 256
};

/* The port sent to last, so that not each packet looks for it. Forgotten with every flush. */
struct worker_out {
    struct port *port;
    uint32_t id;       /* 0: none */
    uint32_t max_size; /* of a frame; 0 while it cannot send */
};

struct worker {
    struct umem *umem;
    struct port_set *ports;
    struct exact_cache exact;
    struct pending pending;
    struct worker_events events;
    struct worker_totals totals;
    struct stage_counts stages[STAGE_COUNT];
    uint64_t now_ns;
    uint64_t stage_began; /* cycles, while the burst is sampled; else 0 */
    struct worker_out out;
    struct port *sending[PORTS_MAX];
    size_t n_sending;
    struct dp_packet burst[IO_BURST];
    uint32_t hashes[IO_BURST]; /* in the exact cache */
    struct flow *found[IO_BURST];
    struct meter_set *meters; /* NULL: none is known; lent by the owner */
    /* Of the packet under way, when it is looked up again: */
    unsigned depth;                /* lists of actions begun and not ended */
    unsigned n_recirculations;     /* so far, copies included */
    struct pending_list *draining; /* whose head it was */
    uint32_t place;                /* pending_put_back() */
    uint32_t n_portless;           /* waiting packets of no port: a controller's that are looked up again */
};

void worker_init(struct worker *worker, struct umem *umem, struct port_set *ports, struct flow *flows, const struct worker_events *events);
/* Drops what still waits (reason `stopped`) and frees; ports are closed by their owner. */
void worker_fini(struct worker *worker);

/* A burst from each port, sent on. Returns the number of packets received. */
unsigned worker_poll(struct worker *worker, uint64_t now_ns);
/* The head of the list goes through `program`; `flow` (may be NULL) counts it. Then the ones behind it go on as far as flows cover them, and the
 * first that none covers becomes the next ask. */
void worker_answered(struct worker *worker, struct pending_list *list, const struct program *program, struct flow *flow);
/* The head is dropped for this reason; the rest as above. */
void worker_refused(struct worker *worker, struct pending_list *list, enum drop_reason reason);
/* All packets of the list are dropped for this reason. */
void worker_drop_list(struct worker *worker, struct pending_list *list, enum drop_reason reason);
/* A controller's frame through a program. 0, -ERROR_TRUNCATED, -ERROR_TOO_LARGE (no frame is as large or none is free). */
int worker_inject(struct worker *worker, const uint8_t *bytes, size_t size, uint32_t in_port, const struct program *program) MUST_CHECK;
/* Drops what the device has received until now, without looking at it. */
void worker_drain(struct worker *worker, struct port *port, enum drop_reason reason);
/* Sends everything queued. */
void worker_flush(struct worker *worker);
/* Gives up frames queued for a port that is about to close. */
void worker_forget_port(struct worker *worker, struct port *port);
/* received + packets out + copies = sent + sent up + consumed + dropped + pending (I5). */
bool worker_is_balanced(const struct worker *worker);

#endif
