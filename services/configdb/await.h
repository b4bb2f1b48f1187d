/* Questions "when has everybody applied version v?": kept until the answer is yes or their time is over. One thread. */
#ifndef BUSBAR_CONFIGDB_AWAIT_H
#define BUSBAR_CONFIGDB_AWAIT_H

#include "services/configdb/readers.h"

enum { AWAIT_MAX = 256 /* people and scripts that wait at once */, AWAIT_TIMEOUT_MAX_MS = 600000 };

struct await;
struct await *await_new(struct readers *readers, struct ring *ring);
void await_destroy(struct await **await);
/* Replies go through `reply`, at once or from await_step(). */
typedef void await_reply(void *context, const struct bus_identity *to, const Busbar__AwaitAppliedReply *reply);
void await_ask(struct await *await, const struct bus_identity *from, const Busbar__AwaitApplied *message, uint64_t now_ns);
void await_step(struct await *await, uint64_t now_ns, await_reply *reply, void *context);
size_t await_count(const struct await *await);

#endif
