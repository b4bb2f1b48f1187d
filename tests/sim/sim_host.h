/* Hosts of the simulated network: one behind each port, named by number; they send and receive small UDP packets that can be told apart.
 *
 * Host n has MAC 02:00:00:00:00:n and IPv4 10.0.0.n, and sits at port "p<n>". The flow number becomes the UDP source port, so that it
 * changes the flow hash; the sequence number is in the payload, so that it does not.
 */
#ifndef BUSBAR_TESTS_SIM_SIM_HOST_H
#define BUSBAR_TESTS_SIM_SIM_HOST_H

#include "lib/base/bytes.h"
#include "tests/sim/sim.h"

enum { SIM_EVERYBODY = 255, SIM_FRAME_BYTES = 64 };

struct sim_packet {
    uint8_t from, to; /* hosts; `to` SIM_EVERYBODY: broadcast */
    uint16_t flow;
    uint32_t sequence;
};

/* "p1" of host 1; lent until the next call. */
const char *sim_port_name(unsigned host, char out_name[16]);
/* A bridge with ports p1 ... p<n_hosts>; returns its id. fail_mode as in the bridge row. */
uint64_t sim_network(struct sim *sim, const char *bridge, const char *fail_mode, unsigned n_hosts);
/* Writes the packet into an empty writer; and reads one, failing when the frame is none of ours. */
void sim_frame(const struct sim_packet *packet, struct writer *out);
void sim_frame_read(const uint8_t *bytes, size_t size, struct sim_packet *out_packet);
/* False when nobody has the port open, or its queue is full. */
bool sim_offer(struct sim *sim, struct sim_packet packet);
/* The frame is at the port in the next step; fails when nobody takes it. */
void sim_send(struct sim *sim, struct sim_packet packet);
/* The next packet that came out at the host's port; false when there is none. Frames that are none of ours fail. */
bool sim_receive(struct sim *sim, unsigned host, struct sim_packet *out_packet);
/* Receives what came out at the host's port and fails unless it is packets of (from, flow) with the sequence numbers from *sequence on, in
 * order and without a gap up to `end`; *sequence becomes the next one awaited. */
void sim_receive_in_order(struct sim *sim, unsigned host, uint8_t from, uint16_t flow, uint32_t *sequence, uint32_t end);
/* Receives and forgets; returns how many. */
unsigned sim_receive_all(struct sim *sim, unsigned host);
/* Sends one packet and runs until it has come out at host `to` (and was received). Returns the milliseconds. */
unsigned sim_ping(struct sim *sim, uint8_t from, uint8_t to, uint16_t flow);

#endif
