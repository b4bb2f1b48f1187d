/* A port as the packet path sees it, and the shard's ports by number. Opening and watching devices is port_control.h. */
#ifndef BUSBAR_FASTPATH_PORT_H
#define BUSBAR_FASTPATH_PORT_H

#include "lib/msg/version.h"
#include "services/fastpath/bucket.h"
#include "services/fastpath/io.h"
#include "services/fastpath/megaflow.h"

enum {
    PORTS_MAX = 2048,           /* twice the thousand a bridge is measured with */
    PORT_TAGS_BYTES = 14 + 8,   /* what a frame may have beside the MTU: Ethernet header and two tags */
    PORT_NAME_BYTES = 16,       /* IFNAMSIZ */
    PORT_MISS_RATE = 100000,    /* misses a second, so that one port leaves the slowpath room for others (I9) */
    PORT_MISS_BURST = 4096,
    PORT_UP_RATE = 20000,       /* packets to the controller a second, unless the port's row says otherwise */
    PORT_UP_BURSTS_PER_S = 20,  /* a burst is a twentieth of that */
};

struct port {
    uint32_t id;   /* switch-wide port id */
    struct io *io; /* NULL while the device is not open */
    bool can_send; /* open, and the link is up */
    uint32_t mtu;
    struct megaflow_table megaflows;
    struct bucket miss_bucket;
    struct bucket up_buckets[2]; /* of packets by rules to controllers, and of misses: a flood of these does not starve those */
    uint32_t up_rate;
    uint32_t n_pending;
    uint32_t n_tx;
    struct io_frame tx[IO_BURST];
    bool is_listed; /* among the ports with frames to send */
    bool is_unwatched;      /* fastpath.c: too busy to be waited for; looked at by each step anyway */
    uint64_t seen_packets;  /* fastpath.c: received and sent, a tick ago */
    bool is_ready;  /* io->rx_is_call: its descriptor said that there is something to receive */
    uint64_t rx_packets, rx_bytes, rx_errors;
    uint64_t tx_packets, tx_bytes;
    uint64_t rx_drops[DROP_REASON_COUNT]; /* of packets that came in here */
    uint64_t tx_drops[DROP_REASON_COUNT]; /* of packets that should have gone out here */

    /* Control side, port_control.c. */
    char name[PORT_NAME_BYTES];
    enum io_kind kind;
    bool force;
    struct io_option *options; /* owned, texts too */
    size_t n_options;
    bool is_held;              /* no slowpath is known to know it yet */
    struct version known_from; /* of the configuration; n 0: the version it came with is not complete yet */
    bool is_internal_kept; /* a TAP that outlives us exists */
    uint32_t ifindex;
    bool is_up;
    uint8_t mac[6];
    uint32_t speed_mbps;
    char error[256];
    uint64_t retry_ns; /* open again at this time; 0: when the device changes */
    uint64_t tried_ns; /* since when -EAGAIN is the answer; 0: it is not */
    bool is_known;      /* it has been opened, or could not be: its link and state may be told */
    uint32_t elsewhere; /* the shard that alone has it open; 0: we have it, or are to have it */
    uint64_t row_id;
};

struct port_set {
    struct port *ports[PORTS_MAX];
    size_t n_ports;
    struct port *by_id[2 * PORTS_MAX]; /* open addressing */
};

struct port *port_set_find(const struct port_set *set, uint32_t id);
/* A new port without a device; NULL when there are too many. */
struct port *port_set_add(struct port_set *set, uint32_t id);
/* Packets to the controller a second, not 0; with another rate than before the bucket is full again. */
void port_set_up_rate(struct port *port, uint32_t rate_per_s);
/* Frees the port; its device must be closed and its flows out. */
void port_set_remove(struct port_set *set, struct port *port);

#endif
