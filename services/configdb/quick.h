/* Operations on rules, done on the bytes of the message where nothing speaks against it.
 *
 * One thread. Only of transactions that write the run environment: bridges do not change in them.
 */
#ifndef BUSBAR_CONFIGDB_QUICK_H
#define BUSBAR_CONFIGDB_QUICK_H

#include "services/configdb/txn.h"

/* True: it was done, just as txn.c would have. False: nothing was done, and txn.c says whether it is refused and why. The sender may write the table. */
bool quick_op(struct txn *txn, const Busbar__Op *op, uint64_t id);

#endif
