/* The inside of struct cfg_txn, for files of lib/cfg only. */
#ifndef BUSBAR_CFG_TXN_H
#define BUSBAR_CFG_TXN_H

#include "lib/cfg/cfg.h"

/* The message that was put together, the caller's; consumes *txn. */
Busbar__Transact *txn_take(struct cfg_txn **txn);

#endif
