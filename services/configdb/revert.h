/* Operations on the configuration as a whole: rollback, restore, confirm, cancel. Called by txn.c; everything else is theirs to refuse. */
#ifndef BUSBAR_CONFIGDB_REVERT_H
#define BUSBAR_CONFIGDB_REVERT_H

#include "services/configdb/txn.h"

/* Whether the transaction consists of such operations. */
bool revert_is_asked(const Busbar__Transact *message);
/* Works it out on the overlay of `txn`. Refuses mixtures. */
int revert_run(struct txn *txn, struct rows *rows, const Busbar__Transact *message) MUST_CHECK;
/* OP_CONFIRM_WITHIN beside other operations. */
int revert_confirm_within(struct txn *txn, const Busbar__Op *op) MUST_CHECK;

#endif
