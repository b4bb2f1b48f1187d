/* Rows of configdb into the world: what translation needs of bridges, ports, controllers, rules and groups. */
#ifndef BUSBAR_SLOWPATH_FEED_H
#define BUSBAR_SLOWPATH_FEED_H

#include "lib/cfg/cfg.h"
#include "services/slowpath/core.h"

/* after: NULL when the row is gone. Rows that make no sense are counted and count as gone. */
void feed_row(struct core *core, enum cfg_table table, uint64_t id, const ProtobufCMessage *after);
/* The same of a rule, by the bytes of its row; NULL: it is gone. */
void feed_rule_bytes(struct core *core, uint64_t id, const uint8_t *bytes, size_t size);

#endif
