/* Transactions on their way: sent in order, repeated until answered or too late. For files of lib/cfg only. */
#ifndef BUSBAR_CFG_OUTBOX_H
#define BUSBAR_CFG_OUTBOX_H

#include "lib/cfg/cfg.h"

enum { OUTBOX_WINDOW = 64 /* unanswered at once: what configdb remembers replies of; one synced commit serves them all */ };

struct outbox;
struct outbox *outbox_new(void);
void outbox_destroy(struct outbox **outbox);
void outbox_add(struct outbox *outbox, struct cfg_txn **txn, uint64_t deadline_ns,
                void (*done)(void *context, const struct cfg_result *result), void *context);
size_t outbox_size(const struct outbox *outbox);
/* Gives up what is too late, repeats what was not answered, sends what may go. */
void outbox_step(struct outbox *outbox, struct bus_socket *socket, uint64_t now_ns);
void outbox_on_reply(struct outbox *outbox, const Busbar__TransactReply *reply, uint64_t now_ns);
/* The connection lost something, or configdb is a new one: all unanswered are sent again. */
void outbox_rewind(struct outbox *outbox);

#endif
