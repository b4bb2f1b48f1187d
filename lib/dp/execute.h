/* The executor: runs a list of datapath actions over one packet.
 *
 * It rewrites the packet in its frame (checksums incrementally, RFC 1624), keeps the key in step, and gives copies and the packet
 * itself to the sink. The sink owns the frame it is handed. Packet path: no allocation, no lock, no system call.
 * The naive twin is tests/oracle/execute.c.
 */
#ifndef BUSBAR_DP_EXECUTE_H
#define BUSBAR_DP_EXECUTE_H

#include "lib/dp/action.h"
#include "lib/flow/parse.h"

enum { DP_HEADROOM_BYTES = 64 /* before the frame, for pushed headers: two VLAN tags and three MPLS labels, with room */ };

enum { DP_RECIRCULATIONS_MAX = 8 /* of one packet: twice what groups behind groups and a learned flow need */ };
/* What a meter says to a packet; above DP_METER_PASS: by so many levels its drop precedence is to be raised. */
enum { DP_METER_DROP = -1, DP_METER_PASS = 0 };

struct dp_packet {
    struct flow_key key __attribute__((aligned(64))); /* of the packet as it is now; two cache lines for the vector compares */
    uint8_t *data;      /* destination MAC; DP_HEADROOM_BYTES are writable before it when it was received */
    uint32_t size;      /* bytes from data on */
    uint32_t headroom;  /* writable bytes before data */
    uint32_t in_port;   /* switch-wide port id */
    uint32_t flow_hash;
    uint32_t n_recirculations; /* counts while the key's recirc_id is not 0; otherwise whatever it likes */
    uint64_t frame;     /* the sink's name of the frame (umem address); opaque here */
    struct parse_result offsets;
};

/* Two implementations: the worker's (frames of the umem) and the tests' (heap). */
struct dp_sink {
    /* Sends the packet and takes its frame. */
    void (*output)(void *context, uint32_t port, struct dp_packet *packet);
    /* Copies the packet into a fresh frame; false when there is none (the sink counts DROP_NO_FRAME). */
    bool (*copy)(void *context, const struct dp_packet *packet, struct dp_packet *out_copy);
    /* Queues the packet for the slowpath (bytes are copied; the frame stays the caller's). */
    void (*controller)(void *context, const struct dp_controller *to, const struct dp_packet *packet);
    /* Ends the packet: takes its frame and counts the reason. */
    void (*drop)(void *context, enum drop_reason reason, struct dp_packet *packet);
    /* Ends a packet that was consumed (sent to the controller and nowhere else, or metered behind the last output); takes its frame. */
    void (*consumed)(void *context, struct dp_packet *packet);
    /* Looks the packet up again: its key has another recirc_id now. Takes its frame. */
    void (*recirculate)(void *context, struct dp_packet *packet);
    /* Puts the packet through a meter. DP_METER_DROP, DP_METER_PASS, or levels; a meter that nobody knows lets everything pass. */
    int (*meter)(void *context, uint64_t meter, const struct dp_packet *packet);
};

/* Runs the list. Afterwards the packet's frame belongs to the sink: exactly one of output, drop, consumed or recirculate got it.
 * Re-entrant: a sink may run another list from within recirculate. */
void dp_execute(const struct dp_action *actions, size_t n_actions, struct dp_packet *packet, const struct dp_sink *sink, void *context);
/* The same for a list whose dp_actions_effective() is known, so that it need not be found out for every packet. */
void dp_execute_effective(const struct dp_action *actions, size_t n_effective, struct dp_packet *packet, const struct dp_sink *sink,
                          void *context);

#endif
