/* The role of what stands between a conn and its socket: TLS (conn_tls.h). A conn without one uses the socket itself.
 *
 * Nothing waits: receive and send answer -EAGAIN, and events() says what the socket is to be polled for instead, since a channel may have to
 * write before it can read. One thread.
 */
#ifndef BUSBAR_OFAGENT_CHANNEL_H
#define BUSBAR_OFAGENT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct channel;
struct channel_kind {
    /* How many bytes (> 0), 0 at the end of the stream, -EAGAIN, or why not. */
    ssize_t (*receive)(struct channel *channel, uint8_t *bytes, size_t size);
    ssize_t (*send)(struct channel *channel, const uint8_t *bytes, size_t size);
    /* POLLIN and POLLOUT to wait for when the conn wants to `wanted`. */
    short (*events)(const struct channel *channel, short wanted);
    /* Input that has left the socket already and waits in the channel. */
    bool (*has_more)(const struct channel *channel);
    /* Why it has failed, for people; NULL when the error number says it. */
    const char *(*why)(const struct channel *channel);
    void (*destroy)(struct channel **channel); /* the socket is the conn's */
};
struct channel {
    const struct channel_kind *kind;
};

#endif
