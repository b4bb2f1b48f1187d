/* Linux devices by AF_XDP (system ports) and TAP (internal ports), captures and null ports: the real io_factory. */
#ifndef BUSBAR_FASTPATH_IO_XDP_H
#define BUSBAR_FASTPATH_IO_XDP_H

#include "services/fastpath/io.h"

/* Sockets over one umem, of all devices of a shard. */
struct io_linux;
struct io_linux *io_linux_new(void);
void io_linux_destroy(struct io_linux **linux_io); /* after its devices */
struct io_factory io_linux_factory(struct io_linux *linux_io);

int io_xdp_open(struct io_linux *linux_io, const struct io_request *request, struct umem *umem, struct io **out_io,
                struct error_detail *detail) MUST_CHECK;

#endif
