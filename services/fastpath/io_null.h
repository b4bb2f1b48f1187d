/* Null ports: they receive nothing and take every frame they are given. */
#ifndef BUSBAR_FASTPATH_IO_NULL_H
#define BUSBAR_FASTPATH_IO_NULL_H

#include "services/fastpath/io.h"

struct io *io_null_open(struct umem *umem);

#endif
