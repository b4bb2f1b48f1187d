/* Internal ports: a persistent TAP, by which the host itself is on the bridge (LOCAL). Each shard has a queue of it. */
#ifndef BUSBAR_FASTPATH_IO_TAP_H
#define BUSBAR_FASTPATH_IO_TAP_H

#include "services/fastpath/io.h"

int io_tap_open(const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail) MUST_CHECK;
/* Deletes the interface. */
void io_tap_forget(const char *name);

#endif
