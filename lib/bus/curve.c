/* CURVE on a socket (ZeroMQ RFC 26): the server's key is known to the client beforehand, the client's is judged by zap.c.
 *
 * libzmq copies a socket's options into each listener and connection when it is made, so one ROUTER can listen on ipc without keys and on
 * tcp with them. Without a ZAP handler libzmq would let every key in: zap_start() comes first, and a message without its User-Id is refused.
 * Keep-alive, because beats are only sent to who is thought to be there: a host that vanished is noticed within KEEPALIVE_* seconds and its place
 * in the router is freed. Costs a handshake of some 0.5 ms a connection and about 1 us a KiB. Called by the thread that owns the socket.
 */
#include "lib/bus/curve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "lib/bus/zap.h"

enum { KEEPALIVE_IDLE_S = 3, KEEPALIVE_INTERVAL_S = 1, KEEPALIVE_PROBES = 3, UNACKNOWLEDGED_MS = 5000 };

static int set_int(void *handle, int option, int value)
{
    return zmq_setsockopt(handle, option, &value, sizeof value) == 0 ? 0 : -errno;
}

static int set_text(void *handle, int option, const char *text)
{
    return zmq_setsockopt(handle, option, text, strlen(text)) == 0 ? 0 : -errno;
}

/* Keys have 40 characters and a 0. */
static int set_key(void *handle, int option, const char *key)
{
    return zmq_setsockopt(handle, option, key, KEY_TEXT_SIZE + 1) == 0 ? 0 : errno == EINVAL ? -ERROR_SYNTAX : -errno;
}

static int set_tcp(void *handle, const char *address)
{
    const struct {
        int option, value;
    } options[] = {{ZMQ_TCP_KEEPALIVE, 1},
                   {ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S},
                   {ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S},
                   {ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES},
                   {ZMQ_TCP_MAXRT, UNACKNOWLEDGED_MS},
                   {ZMQ_IPV6, strchr(address, '[') != NULL ? 1 : 0}};
    int err = 0;
    for (size_t i = 0; err == 0 && i < sizeof options / sizeof options[0]; i++) {
        err = set_int(handle, options[i].option, options[i].value);
    }
    return err;
}

static int last_endpoint(void *handle, const char *key, char out_endpoint[ENDPOINT_TEXT_MAX + 1])
{
    char real[ENDPOINT_ADDRESS_MAX + 1];
    size_t size = sizeof real;
    if (zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, real, &size) < 0) {
        return -errno;
    }
    return endpoint_with_key(real, key, out_endpoint);
}

int curve_bind(void *handle, const struct key_pair *pair, const char *address, unsigned port,
               char out_endpoint[ENDPOINT_TEXT_MAX + 1])
{
    char where[ENDPOINT_ADDRESS_MAX + 8];
    int err = set_tcp(handle, address);
    err = err < 0 ? err : set_text(handle, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN_TCP);
    err = err < 0 ? err : set_int(handle, ZMQ_CURVE_SERVER, 1);
    err = err < 0 ? err : set_key(handle, ZMQ_CURVE_SECRETKEY, pair->secret_key);
    if (err < 0) {
        return err;
    }
    if (port != 0) {
        snprintf(where, sizeof where, "%s:%u", address, port);
    } else {
        snprintf(where, sizeof where, "%s:*", address);
    }
    if (zmq_bind(handle, where) < 0) {
        return errno == EINVAL ? -ERROR_SYNTAX : -errno;
    }
    return last_endpoint(handle, pair->public_key, out_endpoint);
}

int curve_connect(void *handle, const struct key_pair *pair, const char *endpoint)
{
    char address[ENDPOINT_ADDRESS_MAX + 1], server[KEY_TEXT_SIZE + 1];
    int err = endpoint_split(endpoint, address, server);
    if (err == 0 && server[0] == '\0') {
        err = -ERROR_REFUSED;
    }
    err = err < 0 ? err : set_tcp(handle, address);
    err = err < 0 ? err : set_key(handle, ZMQ_CURVE_SERVERKEY, server);
    err = err < 0 ? err : set_key(handle, ZMQ_CURVE_PUBLICKEY, pair->public_key);
    err = err < 0 ? err : set_key(handle, ZMQ_CURVE_SECRETKEY, pair->secret_key);
    if (err < 0) {
        return err;
    }
    return zmq_connect(handle, address) == 0 ? 0 : errno == EINVAL ? -ERROR_SYNTAX : -errno;
}
