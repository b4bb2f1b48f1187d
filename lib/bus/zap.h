/* Who may connect: the thread that libzmq asks about each new connection (ZeroMQ's ZAP, RFC 27). For files of lib/bus only. */
#ifndef BUSBAR_BUS_ZAP_H
#define BUSBAR_BUS_ZAP_H

#include <stdint.h>

#include "lib/bus/key_table.h"

#define ZAP_DOMAIN_IPC "busbar"     /* the uid has been checked by libzmq itself */
#define ZAP_DOMAIN_TCP "busbar-tcp" /* CURVE with a known key */

#define ZAP_USER_IPC "ipc" /* the User-Id of what came in over ipc; over tcp it is the public key. None: zap.c was not asked */

struct zap;
/* Before the first bind to tcp. The context and the keys are lent until zap_stop(). */
int zap_start(void *zmq_context, struct key_table *keys, struct zap **out_zap) MUST_CHECK;
/* After zmq_ctx_shutdown() of the context: ends the thread. */
void zap_stop(struct zap **zap);
uint64_t zap_refused(const struct zap *zap);

#endif
