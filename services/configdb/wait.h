/* Waits: conditions of a transaction that others have to make true first. One thread. */
#ifndef BUSBAR_CONFIGDB_WAIT_H
#define BUSBAR_CONFIGDB_WAIT_H

#include "services/configdb/txn.h"

enum {
    WAIT_TIMEOUT_MAX_MS = 600000, /* longer ones are cut to this: who waits longer asks again */
    WAIT_ROWS_MAX = 64,           /* waits of one transaction: they are looked at again and again */
};

/* Looks at all waits of a transaction on its overlay, which is still empty. 0: all hold, or it has none. -ERROR_NOT_TRUE: txn->wait_ms is how long after
 * its coming it may be tried again, the shortest of the waits that do not hold, and detail and failed_op tell of that one. Else why it is no wait at all. */
int wait_check(struct txn *txn, const Busbar__Transact *message) MUST_CHECK;

#endif
