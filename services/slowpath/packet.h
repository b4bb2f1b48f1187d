/* The packet wire: packet-ins to the ofagents that take a bridge's, packet-outs from them. proto/README.md, "packet". */
#ifndef BUSBAR_SLOWPATH_PACKET_H
#define BUSBAR_SLOWPATH_PACKET_H

#include "proto/session.pb-c.h"
#include "services/slowpath/core.h"

enum {
    PACKET_LISTENERS_MAX = 32,
    PACKET_LISTENER_SILENCE_MS = 5000,
    PACKET_OUTS_MAX = 1024, /* waiting for their version, 2 s at most */
    PACKET_OUT_WAIT_MS = 2000,
    PACKET_MESSAGES_PER_STEP = 256,
};

int packet_open(struct core *core, const char *endpoint, struct packet_wire **out_wire) MUST_CHECK;
void packet_close(struct packet_wire **wire);
const char *packet_endpoint(const struct packet_wire *wire); /* as bus_socket_endpoint() */
int packet_fd(const struct packet_wire *wire);
/* Takes in HELLOs and packet-outs, carries out those whose version is reached, sends gathered packet-ins. */
void packet_step(struct packet_wire *wire);
/* What a shard sent up for controllers. */
void packet_up(struct packet_wire *wire, const Busbar__PacketUpBatch *batch);
/* Packet-outs whose version is not reached yet. */
size_t packet_count_waiting(const struct packet_wire *wire);

#endif
