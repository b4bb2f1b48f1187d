/* tcp:// with CURVE on a ZeroMQ socket: the options for listening and for connecting. For files of lib/bus only. */
#ifndef BUSBAR_BUS_CURVE_H
#define BUSBAR_BUS_CURVE_H

#include "lib/bus/endpoint.h"

/* Binds `handle` to address (tcp://ADDRESS) at `port` (0: any), as a server with this pair. Options set here hold for this bind and later ones
 * of the socket, so bind to ipc before. out_endpoint: the real one, with the key. -EADDRINUSE... */
int curve_bind(void *handle, const struct key_pair *pair, const char *address, unsigned port,
               char out_endpoint[ENDPOINT_TEXT_MAX + 1]) MUST_CHECK;
/* Connects to an endpoint with a key, under this pair. -ERROR_REFUSED: the endpoint has no key. */
int curve_connect(void *handle, const struct key_pair *pair, const char *endpoint) MUST_CHECK;

#endif
