/* The kernel's tier, the fastpath's half: which connections the kernel forwards by itself, and what it has forwarded.
 *
 * A flow whose packets go out of one port as they came is handed to the program on its devices (bpf/tier.h), one connection direction
 * after the other, as samples of the traffic show them. The flow stays where it is and keeps its counters; whoever installs, corrects or
 * removes it does not know where its packets are forwarded. One thread; all time by argument.
 */
#ifndef BUSBAR_FASTPATH_TIER_H
#define BUSBAR_FASTPATH_TIER_H

#include <assert.h>

#include "lib/dp/execute.h"
#include "services/fastpath/bpf/tier.h"
#include "services/fastpath/flow.h"
#include "services/fastpath/io.h"

struct shard;
struct port;

enum {
    TIER_LEASE_MS = 500,   /* how long the kernel goes on without us; well below a shard's lease of 2 s and the second of a stall */
    TIER_RENEW_MS = 100,
    TIER_FAILED_MS = 10,   /* between looks at what could not be sent */
    TIER_ROUND_MS = 100,   /* every entry is looked at so often */
    TIER_IDLE_MS = 5000,   /* an entry unused that long ends */
    TIER_REST_MS = 1000,   /* an ended slot, and its connection, is not used again before */
    TIER_REFUSED_MS = 5000, /* a device that took no redirected frame is not believed for so long when it says that it takes them */
    TIER_SHARE = TIER_SLOTS / 8, /* entries of one ingress port when there are few left (I9) */
    TIER_CANDIDATES = 128, /* of a step */
    TIER_SAMPLE = 4,       /* one burst of so many is looked at */
    TIER_SAMPLE_PACKETS = 32,
};

/* A receive queue of ours and the program's account of it: in the device's code, which counts what it takes. */
struct tier_rx {
    volatile struct tier_queue *shared; /* NULL: its frames ask no tier */
    uint32_t number;                    /* the device's */
    uint16_t holder;                    /* of its frames (umem.h) */
    uint64_t owner;                     /* of our entries */
    uint64_t base;                      /* frames redirected before us */
    uint64_t n_received, n_lost;        /* since; lost: the kernel had no frame or no place in the ring */
    const uint32_t *n_outstanding;      /* frames given for sending and not come back */
    uint64_t (*count_lost)(const struct tier_rx *rx); /* a system call */
    /* tier.c's */
    uint64_t seen_held, seen_lost;
    uint64_t stuck, stuck_ns; /* redirected when the ring was seen empty and the account did not come out, and when */
    uint64_t hold_until_ns, hold_after_ns;
    unsigned n_losing, n_vain;
};

/* The queue is ours from now on; the program gives it no frames yet. */
void tier_rx_begin(struct tier_rx *rx, uint64_t owner);
/* From now on no entry forwards its frames. */
void tier_rx_end(struct tier_rx *rx);

/* What the tier needs of a device; in io.tier. */
struct tier_device {
    uint32_t ifindex;
    bool takes; /* redirected frames, as it says: its driver does, and for a veth the host behind it */
    uint64_t refused_ns; /* when it took none all the same; 0: never */
    uint64_t led_to_ns;   /* when an entry led to it last */
    uint32_t n_in, n_out; /* entries that count, of frames received from it and sent to it */
    struct tier_failed failed; /* counted so far */
    uint32_t n_rx;
    struct tier_rx *rx[64];
};

/* The kernel's maps: real ones by tier_maps.h, the tests' in memory. */
struct tier_table {
    volatile struct tier_slot *slots; /* ours, TIER_SLOTS of them */
    uint32_t first;                   /* number of our first one */
    int (*put)(void *context, const struct tier_key *key, const struct tier_entry *entry);
    /* If it is that slot's. */
    void (*remove)(void *context, const struct tier_key *key, uint32_t slot);
    /* Frames that were to leave through the device and did not, since it is ours. */
    struct tier_failed (*count_failed)(void *context, uint32_t ifindex);
    void *context;
};

struct tier;
/* `table` is copied; what its context points to is lent for life. */
struct tier *tier_new(const struct tier_table *table);
/* Ends all entries. Counters that were not collected are lost: tier_end_all() and a last tier_step() before. */
void tier_destroy(struct tier **tier);

/* A burst of packets and their flows, for the sample. */
void tier_sample(struct tier *tier, const struct umem *umem, const struct port *port, const struct dp_packet *packets, struct flow *const *flows, unsigned n);
/* Between bursts, every packet received so far sent or waiting: hands over, and unless there is more to receive (is_busy) tells the kernel
 * what is worked off. Cheap when there is nothing to do. */
void tier_settle(struct shard *shard, bool is_busy, uint64_t now_ns);
/* Once a millisecond or when the loop wakes up: counters, leases, ends. */
void tier_step(struct shard *shard, uint64_t now_ns);
/* What of the flow's packets the kernel has forwarded until now is in its counters. */
void tier_collect(struct shard *shard, const struct flow *flow);
/* Before the flow gets another program, ends, or is settled for the last time. */
void tier_flow_ends(struct shard *shard, const struct flow *flow);
/* Ends every entry of packets that come in or go out through the port. */
void tier_port_ends(struct shard *shard, uint32_t port);
/* Before its device closes: the same, and the last counts. */
void tier_port_closes(struct shard *shard, struct port *port);
void tier_end_all(struct shard *shard);
/* Off: nothing is handed over any more, and what was comes back. */
void tier_switch(struct shard *shard, bool is_on);
bool tier_is_on(const struct tier *tier);
/* Entries that count. */
uint32_t tier_count(const struct tier *tier);
/* Connections that found no room since the start. */
uint64_t tier_count_full(const struct tier *tier);

static_assert(sizeof(struct tier_key) == 44 && sizeof(struct tier_entry) == 64 && sizeof(struct tier_slot) == 64 && sizeof(struct tier_queue) == 128,
              "known to the programs on devices, also those of another fastpath");

#endif
