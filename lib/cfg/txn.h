/* The inside of struct cfg_txn, for files of lib/cfg only. */
#ifndef BUSBAR_CFG_TXN_H
#define BUSBAR_CFG_TXN_H

#include "lib/base/bytes.h"
#include "lib/cfg/cfg.h"

struct cfg_txn {
    char *client;      /* owned */
    char *user;        /* owned; NULL: not given */
    struct writer ops; /* of the message Transact, packed */
    size_t n_ops;
    uint64_t n_labels;
};

/* Appends the message Transact. */
void txn_pack(const struct cfg_txn *txn, uint64_t sequence, uint64_t oldest, struct writer *out);
/* Takes the operations out: what is left asks for nothing. */
void txn_empty(struct cfg_txn *txn);

#endif
