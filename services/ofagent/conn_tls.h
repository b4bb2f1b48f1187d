/* TLS between a conn and its socket: the channel of ssl: controllers and pssl: listeners.
 *
 * The handshake is part of the first sends and receives; who does not come through it within SESSION_HELLO_NS has not said HELLO, and is closed for
 * that. Takes nothing of the socket, which stays the conn's. One thread.
 */
#ifndef BUSBAR_OFAGENT_CONN_TLS_H
#define BUSBAR_OFAGENT_CONN_TLS_H

#include "services/ofagent/channel.h"
#include "services/ofagent/tls.h"

/* `tls` outlives the channel. Errors: as tls_begin(). */
int conn_tls_new(struct tls *tls, int fd, bool is_server, struct channel **out_channel, struct error_detail *detail) MUST_CHECK;

#endif
