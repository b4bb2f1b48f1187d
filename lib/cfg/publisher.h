/* The status rows this process publishes, repeated while it lives. For files of lib/cfg only. */
#ifndef BUSBAR_CFG_PUBLISHER_H
#define BUSBAR_CFG_PUBLISHER_H

#include "lib/cfg/cfg.h"

enum { PUBLISHER_TTL_MS = 3000, PUBLISHER_BATCH = 256 /* rows a message: some 50 KiB */ };

struct publisher;
struct publisher *publisher_new(void);
void publisher_destroy(struct publisher **publisher);
/* NULL row: withdraw. */
void publisher_put(struct publisher *publisher, enum cfg_table table, uint64_t id, const ProtobufCMessage *row);
/* Sends what is new or due. */
void publisher_step(struct publisher *publisher, struct bus_socket *socket, uint64_t now_ns);
/* All rows are due again. */
void publisher_repeat_all(struct publisher *publisher);
size_t publisher_size(const struct publisher *publisher);

#endif
