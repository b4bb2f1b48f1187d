/* The bus: what is the same for ZeroMQ and memory.
 *
 * Keeps the sockets of a bus, numbers and bounds what is sent, dispatches to the transport, and knows the names of kinds, wires and
 * messages from wires.def. Sequence numbers are per peer: a connecting socket has one peer, named by an identity of zeroes.
 * A number is spent only when the transport took the message, so a receiver that sees a jump knows of a loss.
 * A bus may be shared by threads; each socket belongs to one of them.
 */
#include "lib/bus/bus.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "lib/base/memory.h"
#include "lib/bus/protocol.h"
#include "lib/bus/transport.h"

static int open_socket(struct bus *bus, enum wire wire, bool is_binder, const char *endpoint, struct bus_socket **out_socket)
{
    struct bus_socket *socket;
    int err = bus->transport->open(bus, wire, is_binder, endpoint, &socket);
    if (err < 0) {
        return err;
    }
    socket->bus = bus;
    socket->transport = socket->transport != NULL ? socket->transport : bus->transport;
    socket->wire = wire;
    socket->is_binder = is_binder;
    socket->endpoint = socket->endpoint != NULL ? socket->endpoint : memory_string(endpoint);
    pthread_mutex_lock(&bus->lock);
    socket->next = bus->sockets;
    if (socket->next != NULL) {
        socket->next->previous = socket;
    }
    bus->sockets = socket;
    pthread_mutex_unlock(&bus->lock);
    *out_socket = socket;
    return 0;
}

void bus_init(struct bus *bus, const struct transport *transport, const struct bus_identity *self)
{
    bus->transport = transport;
    bus->self = *self;
    bus->keys = NULL;
    bus->protocol_ahead = BUSBAR_PROTOCOL_AHEAD;
    bus->sockets = NULL;
    pthread_mutex_init(&bus->lock, NULL);
}

void bus_destroy(struct bus **bus)
{
    struct bus *b = *bus;
    if (b == NULL) {
        return;
    }
    *bus = NULL;
    while (b->sockets != NULL) {
        struct bus_socket *socket = b->sockets;
        bus_close(&socket);
    }
    pthread_mutex_destroy(&b->lock);
    b->transport->destroy(b);
}

const struct bus_identity *bus_self(const struct bus *bus)
{
    return &bus->self;
}

struct key_table *bus_keys(const struct bus *bus)
{
    return bus->keys;
}

int bus_bind(struct bus *bus, enum wire wire, const char *endpoint, struct bus_socket **out_socket)
{
    return open_socket(bus, wire, true, endpoint, out_socket);
}

int bus_connect(struct bus *bus, enum wire wire, const char *endpoint, struct bus_socket **out_socket)
{
    return open_socket(bus, wire, false, endpoint, out_socket);
}

void bus_close(struct bus_socket **socket)
{
    struct bus_socket *s = *socket;
    if (s == NULL) {
        return;
    }
    *socket = NULL;
    struct bus *bus = s->bus;
    pthread_mutex_lock(&bus->lock);
    if (s->previous != NULL) {
        s->previous->next = s->next;
    } else {
        bus->sockets = s->next;
    }
    if (s->next != NULL) {
        s->next->previous = s->previous;
    }
    pthread_mutex_unlock(&bus->lock);
    peer_set_fini(&s->peers);
    free(s->endpoint);
    s->transport->close(s);
}

const char *bus_socket_endpoint(const struct bus_socket *socket)
{
    return socket->endpoint;
}

int bus_fd(const struct bus_socket *socket)
{
    return socket->transport->fd(socket);
}

/* Numbers and sends: the body, or the shared one. */
static int send_numbered(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const void *body, size_t size,
                         const struct bus_shared *shared)
{
    if (size > BUS_MESSAGE_MAX_BYTES) {
        socket->counters.too_large++;
        return -ERROR_TOO_LARGE;
    }
    const struct bus_identity *peer = to != NULL ? to : &protocol_binder;
    struct envelope envelope = {.wire = socket->wire,
                                .protocol = bus_protocol(socket, to),
                                .newest = protocol_own(socket),
                                .type = (uint32_t)type,
                                .sequence = peer_set_next(&socket->peers, peer),
                                .from = socket->bus->self};
    const struct transport *transport = socket->transport;
    int err = shared != NULL ? transport->send_shared(socket, to, &envelope, shared) : transport->send(socket, to, &envelope, body, size);
    if (err < 0) {
        peer_set_take_back(&socket->peers, peer);
        return err;
    }
    socket->counters.sent++;
    return 0;
}

int bus_send(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const void *body, size_t size)
{
    return send_numbered(socket, to, type, body, size, NULL);
}

struct bus_shared *bus_share(struct bus_socket *socket, const void *body, size_t size)
{
    const struct transport *transport = socket->transport;
    if (transport->share != NULL) {
        return transport->share(body, size);
    }
    struct bus_shared *shared = memory_zeroed(sizeof *shared);
    *shared = (struct bus_shared){.transport = transport, .size = size, .bytes = memory_copy(body, size)};
    return shared;
}

void bus_shared_free(struct bus_shared **shared)
{
    if (*shared == NULL) {
        return;
    }
    if ((*shared)->bytes == NULL) {
        (*shared)->transport->share_free(*shared);
    } else {
        free((*shared)->bytes);
        free(*shared);
    }
    *shared = NULL;
}

int bus_send_shared(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const struct bus_shared *shared)
{
    return send_numbered(socket, to, type, shared->bytes, shared->size, shared->bytes == NULL ? shared : NULL);
}

void bus_hold(struct bus_socket *socket)
{
    if (socket->transport->hold != NULL) {
        socket->transport->hold(socket, true);
    }
}

void bus_flush(struct bus_socket *socket)
{
    if (socket->transport->hold != NULL) {
        socket->transport->hold(socket, false);
    }
}

int bus_recv(struct bus_socket *socket, struct bus_message *out_message)
{
    int err = socket->transport->recv(socket, out_message);
    if (err == 0) {
        socket->counters.received++;
    }
    return err;
}

void bus_message_fini(struct bus_message *message)
{
    struct bus_owned *owned = message->owner;
    if (owned != NULL) {
        owned->transport->message_free(owned);
    }
    *message = (struct bus_message){0};
}

void bus_wire_name(enum wire wire, char out_name[BUS_WIRE_NAME_SIZE])
{
    static const char *const names[WIRE_COUNT] = {
#define WIRE(name, number, protocol, binder) [WIRE_##name] = #name,
#include "lib/bus/wires.def"
    };
    size_t i = 0;
    for (; names[wire][i] != '\0' && i < BUS_WIRE_NAME_SIZE - 1; i++) {
        out_name[i] = (char)tolower((unsigned char)names[wire][i]);
    }
    out_name[i] = '\0';
}

int bus_endpoint(const char *run_dir, enum wire wire, enum process_kind kind, uint32_t instance, char *out_endpoint,
                 size_t room)
{
    char name[BUS_WIRE_NAME_SIZE];
    bus_wire_name(wire, name);
    char endpoint[sizeof("ipc://") + sizeof(((struct sockaddr_un *)0)->sun_path)];
    int n = snprintf(endpoint, sizeof endpoint, "ipc://%s/%s.%s.%u", run_dir, name, process_kind_name(kind), instance);
    size_t path_max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    if (n < 0 || (size_t)n > strlen("ipc://") + path_max || (size_t)n >= room) {
        return -ENAMETOOLONG;
    }
    memcpy(out_endpoint, endpoint, (size_t)n + 1);
    return 0;
}

bool bus_identity_equal(const struct bus_identity *a, const struct bus_identity *b)
{
    return a->kind == b->kind && a->instance == b->instance && a->start == b->start;
}

const char *process_kind_name(enum process_kind kind)
{
    switch (kind) {
    case PROCESS_CONFIGDB:
        return "configdb";
    case PROCESS_OFAGENT:
        return "ofagent";
    case PROCESS_SLOWPATH:
        return "slowpath";
    case PROCESS_FASTPATH:
        return "fastpath";
    case PROCESS_SWCTL:
        return "swctl";
    case PROCESS_ANY:
        return "any";
    }
    return "unknown";
}

const char *bus_message_name(enum wire wire, uint32_t type)
{
    static const struct {
        enum wire wire;
        uint32_t type;
        const char *name;
    } names[] = {
#define MESSAGE(w, name, number, message, senders) {WIRE_##w, (number), #name},
#include "lib/bus/wires.def"
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].wire == wire && names[i].type == type) {
            return names[i].name;
        }
    }
    return "UNKNOWN";
}

const struct bus_counters *bus_socket_counters(const struct bus_socket *socket)
{
    return &socket->counters;
}
