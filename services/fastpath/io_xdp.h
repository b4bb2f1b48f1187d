/* Linux devices by AF_XDP (system ports) and TAP (internal ports), captures and null ports: the real io_factory. */
#ifndef BUSBAR_FASTPATH_IO_XDP_H
#define BUSBAR_FASTPATH_IO_XDP_H

#include "services/fastpath/io.h"
#include "services/fastpath/shard_set.h"
#include "services/fastpath/tier.h"

/* What all devices of a shard share: the pins, the helper thread, who lives. */
struct io_linux;
/* `shards` is lent for life. */
int io_linux_new(const char *run_dir, const struct shard_set *shards, struct io_linux **out_linux, struct error_detail *detail) MUST_CHECK;
/* After its devices, and after we have left the set. The last shard takes the programs off the devices. */
void io_linux_destroy(struct io_linux **linux_io);
struct io_factory io_linux_factory(struct io_linux *linux_io);
/* The kernel's tier, while linux_io lives; false: there is none, for the reason in out_why. */
bool io_linux_tier(struct io_linux *linux_io, struct tier_table *out_table, const char **out_why);

int io_xdp_open(struct io_linux *linux_io, const struct io_request *request, struct umem *umem, struct io **out_io,
                struct error_detail *detail) MUST_CHECK;

#endif
