/* Null ports: they receive nothing and take every frame they are given. Patch ports too, which are given none. */
#ifndef BUSBAR_FASTPATH_IO_NULL_H
#define BUSBAR_FASTPATH_IO_NULL_H

#include "services/fastpath/io.h"

/* `mode`: what status shows, "null" or "patch"; lives for ever. */
struct io *io_null_open(struct umem *umem, const char *mode);

#endif
