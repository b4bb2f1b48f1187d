/* What the two implementations of the bus (bus_zmq.c, bus_hub.c) fill in, and what they share. For files of lib/bus only.
 *
 * bus.c keeps the list of sockets and dispatches; a transport embeds struct bus and struct bus_socket as its first member.
 */
#ifndef BUSBAR_BUS_TRANSPORT_H
#define BUSBAR_BUS_TRANSPORT_H

#include <pthread.h>

#include "lib/bus/bus.h"
#include "lib/bus/envelope.h"
#include "lib/bus/peer_set.h"

struct transport {
    int (*open)(struct bus *bus, enum wire wire, bool is_binder, const char *endpoint, struct bus_socket **out_socket);
    void (*close)(struct bus_socket *socket); /* frees it */
    int (*fd)(const struct bus_socket *socket);
    int (*send)(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope, const void *body,
                size_t size);
    /* A body held once for many sends. NULL: the transport copies bodies, and bus.c keeps the bytes. */
    struct bus_shared *(*share)(const void *body, size_t size);
    void (*share_free)(struct bus_shared *shared);
    int (*send_shared)(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope,
                       const struct bus_shared *shared);
    /* See bus_hold(). NULL: every message goes out at once. */
    void (*hold)(struct bus_socket *socket, bool is_held);
    /* One message that passed protocol_admit(), or -EAGAIN. */
    int (*recv)(struct bus_socket *socket, struct bus_message *out_message);
    void (*message_free)(void *owner);
    void (*destroy)(struct bus *bus); /* frees it; its sockets are closed already */
};

struct bus {
    const struct transport *transport;
    struct bus_identity self;
    struct key_table *keys; /* NULL: only ipc:// or memory */
    int protocol_ahead;     /* of wires.def: protocol.h */
    pthread_mutex_t lock; /* of `sockets` only: threads of one process may open sockets of their own */
    struct bus_socket *sockets;
};

struct bus_socket {
    const struct transport *transport; /* set by open(); NULL: the bus's */
    struct bus *bus;
    struct bus_socket *previous, *next;
    enum wire wire;
    bool is_binder;
    char *endpoint; /* malloc; the transport sets it when it is another than the given one */
    struct bus_counters counters;
    struct peer_set peers; /* what was sent to whom, for the sequence numbers, and what each understands */
    bool has_version_changed; /* of a connecting socket, and nobody has been told yet */
    struct envelope refusal; /* of a connecting socket: the last one that leaves nothing to speak in; wire 0: none */
};

/* What bus_message.owner points to: bus_message_fini() hands it back to who made it. */
struct bus_owned {
    const struct transport *transport;
};

/* A transport that shares embeds it as its first member. */
struct bus_shared {
    const struct transport *transport;
    size_t size;
    uint8_t *bytes; /* NULL: the transport has them */
};

void bus_init(struct bus *bus, const struct transport *transport, const struct bus_identity *self);

#endif
