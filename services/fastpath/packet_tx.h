/* Sending through a packet socket: for a shard that owns no receive queue of a device, and so has no AF_XDP socket there. */
#ifndef BUSBAR_FASTPATH_PACKET_TX_H
#define BUSBAR_FASTPATH_PACKET_TX_H

#include "services/fastpath/io.h"

/* A packet socket that receives nothing, sends past the queueing discipline, and keeps the device receiving frames for every address as long
 * as it is open. */
int packet_tx_open(uint32_t ifindex, int *out_fd) MUST_CHECK;
/* As io_ops.tx: the first k of n frames are done with, of which those the kernel refused are counted in io. The rest found no room. */
unsigned packet_tx_send(int fd, struct umem *umem, struct io *io, const struct io_frame *frames, unsigned n);

#endif
