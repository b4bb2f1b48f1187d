/* A transaction on its way through commit.c, and the places such transactions stand in, which are used again with their memory.
 *
 * One thread. Lent memory is valid until the item has ended.
 */
#ifndef BUSBAR_CONFIGDB_ITEM_H
#define BUSBAR_CONFIGDB_ITEM_H

#include "services/configdb/park.h"
#include "services/configdb/txn.h"

enum { ITEM_SPARE_MAX = 256, ITEM_SPARE_BYTES = 16 * 1024 /* places kept, and the largest message they keep memory for: 8 MB at most */ };

struct commit_item {
    struct msg_arena memory; /* of the message, if it is in there */
    bool is_in_memory;
    struct bus_identity from;
    Busbar__Transact *message;
    size_t size; /* bytes of memory that it takes, with its message */
    struct txn txn;
    uint64_t queued_ns;
    enum rows_env env;    /* set by commit_early() */
    bool is_asked;        /* it is this one's turn among those of its writer */
    bool requires_run;    /* configuration that requires a row of the run environment */
    uint64_t n;           /* of its version; the newest when it made none */
    bool is_parked;       /* the park has it */
    struct park_entry parked;
    uint8_t *reply;       /* packed, as it was stored; NULL: not worked out, or not what is to be answered */
    size_t reply_size;
    struct overlay *gone; /* what its bridges took along in the run environment */
    struct commit_item *prev, *next;
};

/* Zeroed is empty. */
struct item_pool {
    struct commit_item *lent; /* the one whose memory was asked for */
    struct commit_item *spare;
    size_t n_spare;
};

/* Memory for a message to come; until item_new() takes it, or the next call, it may be used for another. */
struct msg_arena *item_memory(struct item_pool *pool);
/* size: as it was sent. is_in_memory: the message is in item_memory(), which goes with it. Else it is unpacked by protobuf-c. */
struct commit_item *item_new(struct item_pool *pool, const struct bus_identity *from, Busbar__Transact *message, size_t size, bool is_in_memory);
void item_forget_reply(struct commit_item *item);
void item_end(struct item_pool *pool, struct commit_item *item);
void item_end_list(struct item_pool *pool, struct commit_item **list);
void item_pool_fini(struct item_pool *pool);

#endif
