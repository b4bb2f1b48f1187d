/* What a change is in a transaction: a row deleted, inserted, or written anew. One thread. */
#ifndef BUSBAR_OFAGENT_ROW_WRITE_H
#define BUSBAR_OFAGENT_ROW_WRITE_H

#include "lib/cfg/cfg.h"
#include "services/ofagent/flow_table.h"

enum row_change { ROW_REMOVED, ROW_INSERTED, ROW_CHANGED };

/* Each returns the bytes that it adds to the transaction, about. `memory`: what the row is packed in. */
size_t row_write_rule(struct cfg_txn *txn, const struct flow_entry *entry, enum row_change change, struct writer *memory);
size_t row_write_group(struct cfg_txn *txn, const struct group *group, enum row_change change);
size_t row_write_meter(struct cfg_txn *txn, const struct meter *meter, enum row_change change);

#endif
