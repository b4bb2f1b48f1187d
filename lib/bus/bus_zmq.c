/* The bus over ZeroMQ: a ROUTER for the process that binds a wire, a DEALER for each that connects.
 *
 * libzmq is used directly: what matters here (mandatory and hand-over routing, immediate, marks, filters of peers) are socket
 * options, and czmq's frames would add an allocation to each without hiding one of them.
 *
 * The routing id of a DEALER is its identity (envelope.c), so the ROUTER addresses one life of one process, and hand-over gives the place to
 * the newest connection of that life. Frames: [routing id,] envelope, body; every other count is refused. Nothing blocks.
 *
 * ZeroMQ's own fd is edge-triggered: it tells once that something happened inside, and sending may swallow that. A loop that poll()s it
 * can sleep on a full inbox. So bus_fd() is an epoll fd over two: ZeroMQ's, and an eventfd that we keep raised ("mark") while the last
 * bus_recv() gave a message, or a send saw one come in. It is level-triggered: readable whenever a bus_recv() might succeed.
 *
 *     poll ◄── epoll fd ◄─┬─ ZMQ_FD: something happened, not looked at yet
 *                         └─ eventfd: not read to the end yet
 *
 * On ipc the kernel tells the uid of who connects: others than our own, root and the owner of the directory are closed before a byte is read. libzmq would take
 * over the socket file of a living process in silence, so a bind first tries whether somebody answers there.
 * With keys a wire is also bound to tcp (curve.c, zap.c), on the same ROUTER; then each message's key is looked up (key_table.c) and its sender
 * must be of a kind that the key's role allows and be the one who has that identity (routes.c).
 * Cost: 0.5 to 1 us a message and side, two system calls a batch for the mark. A socket belongs to one thread; libzmq's own I/O thread does the rest.
 */
#include "lib/bus/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/bus/curve.h"
#include "lib/bus/direct.h"
#include "lib/bus/protocol.h"
#include "lib/bus/role.h"
#include "lib/bus/routes.h"
#include "lib/bus/transport.h"
#include "lib/bus/zap.h"

enum {
    RECONNECT_MS = 50,      /* a returned process is found again that fast; a failed try costs some 20 us */
    HANDSHAKE_MS = 2000,    /* whoever connects and says nothing is closed */
    BACKLOG = 256,          /* connections waiting to be accepted */
    RECV_REFUSED_MAX = 256, /* refused messages looked at in one call, so that garbage cannot hold the thread */
    FRAMES_MAX = 3,
};

struct zmq_bus {
    struct bus bus; /* first */
    void *context;
    struct key_pair pair; /* with bus.keys */
    struct zap *zap;      /* from the first bind on, when we listen on tcp; so no thread before (configdb forks) */
    char listen[ENDPOINT_ADDRESS_MAX + 1]; /* "": on ipc only */
    unsigned next_port; /* 0: any */
    uint32_t direct_wires; /* 1 << wire: without libzmq where possible */
};

struct zmq_socket {
    struct bus_socket socket; /* first */
    void *handle;
    int epoll_fd, mark_fd; /* -1: not opened */
    bool is_marked;        /* mark_fd is readable */
    bool is_on_tcp;        /* a ROUTER that listens there too */
    char *path; /* of the socket file it was bound to; NULL: none */
    ino_t inode;
    struct routes routes;  /* of such a one */
};

struct zmq_owned {
    struct bus_owned owned; /* first */
    zmq_msg_t body;
};

struct zmq_shared {
    struct bus_shared shared; /* first */
    zmq_msg_t body;           /* libzmq counts who refers to its bytes */
};

static const struct transport bus_zmq_transport;

static void *handle_of(const struct bus_socket *socket)
{
    return ((const struct zmq_socket *)socket)->handle;
}

static void set_mark(struct zmq_socket *socket, bool is_marked)
{
    eventfd_t ignored;
    if (socket->is_marked != is_marked) {
        (void)(is_marked ? eventfd_write(socket->mark_fd, 1) : eventfd_read(socket->mark_fd, &ignored));
        socket->is_marked = is_marked;
    }
}

static bool may_read(const struct zmq_socket *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket->handle, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

static int open_fds(struct zmq_socket *socket)
{
    int fds[2] = {-1, -1};
    size_t size = sizeof fds[0];
    socket->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    socket->mark_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (socket->epoll_fd < 0 || socket->mark_fd < 0 || zmq_getsockopt(socket->handle, ZMQ_FD, &fds[0], &size) < 0) {
        return -errno;
    }
    fds[1] = socket->mark_fd;
    for (int i = 0; i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        if (epoll_ctl(socket->epoll_fd, EPOLL_CTL_ADD, fds[i], &event) < 0) {
            return -errno;
        }
    }
    return 0;
}

static int set_int(void *handle, int option, int value)
{
    return zmq_setsockopt(handle, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* Over tcp with random bytes behind the identity, so that nobody can claim it: routes.c. */
static int set_routing_id(void *handle, bool is_tcp, const struct bus_identity *self)
{
    uint8_t id[ROUTE_ID_MAX];
    const uint64_t nonce[] = {random_start_number(), random_start_number()};
    _Static_assert(sizeof nonce == ROUTE_NONCE_BYTES, "the id is full");
    routing_id_encode(self, id);
    memcpy(id + ROUTING_ID_BYTES, nonce, sizeof nonce);
    return zmq_setsockopt(handle, ZMQ_ROUTING_ID, id, is_tcp ? sizeof id : ROUTING_ID_BYTES) == 0 ? 0 : -errno;
}

static struct bus_home home_of(const char *endpoint)
{
    struct bus_home home = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    struct stat status;
    char *path = memory_string(endpoint + strlen("ipc://"));
    if (stat(dirname(path), &status) == 0) {
        home.uid = status.st_uid;
        home.gid = (status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IWGRP) != 0 ? status.st_gid : (gid_t)-1;
    }
    free(path);
    return home;
}

static int set_filter(void *handle, const char *endpoint)
{
    const struct bus_home home = home_of(endpoint);
    const uid_t allowed[] = {geteuid(), 0, home.uid};
    int err = 0;
    if (home.gid != (gid_t)-1) {
        err = zmq_setsockopt(handle, ZMQ_IPC_FILTER_GID, &home.gid, sizeof home.gid) == 0 ? 0 : -errno;
    }
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && err == 0; i++) {
        err = zmq_setsockopt(handle, ZMQ_IPC_FILTER_UID, &allowed[i], sizeof allowed[i]) == 0 ? 0 : -errno;
    }
    return err;
}

static int set_options(void *handle, bool is_binder, const char *endpoint, const struct bus_identity *self)
{
    const struct {
        int option, value;
    } both[] = {{ZMQ_LINGER, 0},
                {ZMQ_IMMEDIATE, 1},
                {ZMQ_SNDHWM, BUS_QUEUE_MESSAGES},
                {ZMQ_RCVHWM, BUS_QUEUE_MESSAGES},
                {ZMQ_RECONNECT_IVL, RECONNECT_MS},
                {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS}};
    int err = 0;
    for (size_t i = 0; i < sizeof both / sizeof both[0] && err == 0; i++) {
        err = set_int(handle, both[i].option, both[i].value);
    }
    int64_t size_max = BUS_MESSAGE_MAX_BYTES;
    if (err == 0 && zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) < 0) {
        err = -errno;
    }
    /* With a domain set libzmq refuses ZMTP 1.0 and 2.0, whose handshake it aborts the process over (an assertion in version 4.3.4) when a
     * stranger writes arbitrary bytes to a ROUTER. Peers with today's handshake come in: nobody answers for the domain, or zap.c says yes. */
    if (err == 0 && zmq_setsockopt(handle, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN_IPC, strlen(ZAP_DOMAIN_IPC)) < 0) {
        err = -errno;
    }
    if (err < 0) {
        return err;
    }
    if (!is_binder) {
        return set_routing_id(handle, endpoint_is_tcp(endpoint), self);
    }
    err = strncmp(endpoint, "ipc://", 6) == 0 ? set_filter(handle, endpoint) : 0;
    err = err < 0 ? err : set_int(handle, ZMQ_BACKLOG, BACKLOG);
    err = err < 0 ? err : set_int(handle, ZMQ_ROUTER_MANDATORY, 1);
    return err < 0 ? err : set_int(handle, ZMQ_ROUTER_HANDOVER, 1);
}

/* Does a living process listen on the socket file? */
static bool ipc_is_taken(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    /* EAGAIN: its backlog is full, so it lives. */
    bool taken = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    return taken;
}

static int check_endpoint(const struct bus *bus, const char *endpoint, bool is_binder)
{
    if (endpoint_is_tcp(endpoint)) {
        char address[ENDPOINT_ADDRESS_MAX + 1], key[KEY_TEXT_SIZE + 1];
        int err = is_binder ? -ERROR_SYNTAX : endpoint_split(endpoint, address, key);
        return err == 0 && bus->keys == NULL ? -ERROR_REFUSED : err;
    }
    if (strncmp(endpoint, "ipc://", 6) != 0 || endpoint[6] == '\0') {
        return -ERROR_SYNTAX;
    }
    if (strlen(endpoint + 6) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        return -ENAMETOOLONG;
    }
    return is_binder && ipc_is_taken(endpoint + 6) ? -EADDRINUSE : 0;
}

static void zmq_close_socket(struct bus_socket *socket)
{
    struct zmq_socket *s = (struct zmq_socket *)socket;
    if (s->epoll_fd >= 0) {
        close(s->epoll_fd); /* before ZeroMQ closes the fd it watches */
    }
    if (s->mark_fd >= 0) {
        close(s->mark_fd);
    }
    struct stat status; /* libzmq leaves the file, and whoever looks for processes would take it for one that is silent */
    if (s->path != NULL && lstat(s->path, &status) == 0 && status.st_ino == s->inode) {
        (void)unlink(s->path); /* while it is ours for certain: a successor binds once nobody answers there */
    }
    free(s->path);
    if (s->handle != NULL) {
        zmq_close(s->handle);
    }
    routes_fini(&s->routes);
    free(s);
}

/* Binds where the endpoint says and, when the bus listens on tcp, there too. */
static int bind_socket(struct zmq_bus *bus, struct zmq_socket *socket, const char *endpoint)
{
    char real[ENDPOINT_TEXT_MAX + 1];
    bool is_on_tcp = bus->listen[0] != '\0';
    if (is_on_tcp && bus->zap == NULL) {
        int err = zap_start(bus->context, bus->bus.keys, &bus->zap); /* first: who is not asked about is refused */
        if (err < 0) {
            return err;
        }
    }
    if (zmq_bind(socket->handle, endpoint) < 0) {
        return errno == EINVAL ? -ERROR_SYNTAX : -errno;
    }
    struct stat status;
    if (strncmp(endpoint, "ipc://", 6) == 0 && lstat(endpoint + 6, &status) == 0) {
        socket->path = memory_string(endpoint + 6);
        socket->inode = status.st_ino;
    }
    if (!is_on_tcp) {
        return 0;
    }
    int err = curve_bind(socket->handle, &bus->pair, bus->listen, bus->next_port, real);
    if (err < 0) {
        log_error("listen_failed address=%s port=%u error=\"%s\"", bus->listen, bus->next_port, error_text(err));
        return err;
    }
    bus->next_port += bus->next_port != 0 ? 1 : 0;
    socket->socket.endpoint = memory_string(real);
    socket->is_on_tcp = true;
    return 0;
}

static int connect_socket(struct zmq_bus *bus, struct zmq_socket *socket, const char *endpoint)
{
    if (endpoint_is_tcp(endpoint)) {
        return curve_connect(socket->handle, &bus->pair, endpoint);
    }
    return zmq_connect(socket->handle, endpoint) == 0 ? 0 : errno == EINVAL ? -ERROR_SYNTAX : -errno;
}

static int zmq_open(struct bus *bus, enum wire wire, bool is_binder, const char *endpoint, struct bus_socket **out_socket)
{
    struct zmq_bus *b = (struct zmq_bus *)bus;
    int err = check_endpoint(bus, endpoint, is_binder);
    if (err < 0) {
        return err;
    }
    bool is_direct = (b->direct_wires & 1u << wire) != 0 && !endpoint_is_tcp(endpoint) && !(is_binder && b->listen[0] != '\0');
    if (is_direct) {
        return bus_direct_open(bus, is_binder, endpoint, home_of(endpoint), out_socket);
    }
    struct zmq_socket *socket = memory_zeroed(sizeof *socket);
    socket->epoll_fd = socket->mark_fd = -1;
    socket->handle = zmq_socket(b->context, is_binder ? ZMQ_ROUTER : ZMQ_DEALER);
    err = socket->handle == NULL ? -errno : set_options(socket->handle, is_binder, endpoint, &bus->self);
    err = err < 0 ? err : open_fds(socket);
    if (err == 0) {
        err = is_binder ? bind_socket(b, socket, endpoint) : connect_socket(b, socket, endpoint);
    }
    if (err < 0) {
        free(socket->socket.endpoint);
        zmq_close_socket(&socket->socket);
        return err;
    }
    *out_socket = &socket->socket;
    return 0;
}

static int zmq_fd_of(const struct bus_socket *socket)
{
    return ((const struct zmq_socket *)socket)->epoll_fd;
}

static int send_error(int number)
{
    switch (number) {
    case EHOSTUNREACH:
        return -ERROR_NOT_CONNECTED;
    case EAGAIN:
    case EINTR:
        return -EAGAIN;
    default:
        return -number;
    }
}

/* The first frame is refused or the whole message is taken: libzmq counts messages, not frames, and undoes what a dead pipe had begun. */
static int send_frames(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope, zmq_msg_t *body)
{
    void *handle = handle_of(socket);
    if (socket->is_binder) {
        if (to == NULL) {
            return -ERROR_NOT_CONNECTED;
        }
        const struct zmq_socket *s = (const struct zmq_socket *)socket;
        uint8_t id[ROUTE_ID_MAX];
        size_t id_size = ROUTING_ID_BYTES;
        if (!s->is_on_tcp) {
            routing_id_encode(to, id);
        } else if (routes_find(&s->routes, socket->bus->keys, to, id, &id_size) < 0) {
            return -ERROR_NOT_CONNECTED;
        }
        if (zmq_send(handle, id, id_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
            return send_error(errno);
        }
    }
    uint8_t head[ENVELOPE_MAX_BYTES];
    size_t head_size = envelope_pack(envelope, head);
    if (zmq_send(handle, head, head_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 || zmq_msg_send(body, handle, ZMQ_DONTWAIT) < 0) {
        return send_error(errno);
    }
    return 0;
}

/* Takes the body: it is closed when it could not be sent. */
static int send_message(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope, zmq_msg_t *body)
{
    struct zmq_socket *s = (struct zmq_socket *)socket;
    int err = send_frames(socket, to, envelope, body);
    if (err < 0) {
        zmq_msg_close(body);
    }
    if (!s->is_marked && may_read(s)) {
        set_mark(s, true);
    }
    return err;
}

static void fill(zmq_msg_t *body, const void *bytes, size_t size)
{
    if (zmq_msg_init_size(body, size) < 0) {
        log_error("bus_message size=%zu error=\"%s\"", size, zmq_strerror(errno));
        abort();
    }
    if (size > 0) {
        memcpy(zmq_msg_data(body), bytes, size);
    }
}

static int zmq_send_message(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope,
                            const void *bytes, size_t size)
{
    zmq_msg_t body;
    fill(&body, bytes, size);
    return send_message(socket, to, envelope, &body);
}

static struct bus_shared *zmq_share(const void *bytes, size_t size)
{
    struct zmq_shared *shared = memory_zeroed(sizeof *shared);
    shared->shared = (struct bus_shared){.transport = &bus_zmq_transport, .size = size};
    fill(&shared->body, bytes, size);
    return &shared->shared;
}

static void zmq_share_free(struct bus_shared *shared)
{
    zmq_msg_close(&((struct zmq_shared *)shared)->body);
    free(shared);
}

static int zmq_send_shared(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope,
                           const struct bus_shared *shared)
{
    zmq_msg_t body;
    zmq_msg_init(&body);
    if (zmq_msg_copy(&body, (zmq_msg_t *)(uintptr_t)&((const struct zmq_shared *)shared)->body) < 0) {
        return -errno;
    }
    return send_message(socket, to, envelope, &body);
}

/* Reads one message; frames beyond those expected are counted but not kept. Returns their number or -EAGAIN. */
static int recv_frames(void *handle, zmq_msg_t frames[FRAMES_MAX])
{
    int n = 0;
    bool more = true;
    while (more) {
        zmq_msg_t surplus;
        zmq_msg_t *frame = n < FRAMES_MAX ? &frames[n] : &surplus;
        if (frame == &surplus) {
            zmq_msg_init(frame);
        }
        if (zmq_msg_recv(frame, handle, ZMQ_DONTWAIT) < 0) {
            return -EAGAIN; /* nothing there, or a signal came; after the first frame the rest of a message is always there */
        }
        more = zmq_msg_more(frame) != 0;
        if (frame == &surplus) {
            zmq_msg_close(frame);
        }
        n++;
    }
    return n;
}

/* The key by which a message came in over tcp, or NULL: over ipc. Lent by the frame. */
static const char *key_of(const struct bus_socket *socket, zmq_msg_t *frame)
{
    const struct zmq_socket *s = (const struct zmq_socket *)socket;
    if (!s->is_on_tcp) {
        return NULL;
    }
    const char *user = zmq_msg_gets(frame, "User-Id");
    return user == NULL ? "" : strcmp(user, ZAP_USER_IPC) == 0 ? NULL : user; /* "": nobody looked at it; a key that is never known */
}

/* On a socket that listens on tcp: may this sender speak under the key he came with? The routing id is known to fit the envelope. */
static bool key_allows(struct bus_socket *socket, zmq_msg_t *route, zmq_msg_t *head, const struct bus_identity *from)
{
    struct zmq_socket *s = (struct zmq_socket *)socket;
    const char *key = key_of(socket, head);
    if (!s->is_on_tcp) {
        return true;
    }
    if (key != NULL && !role_fits(key_table_role(socket->bus->keys, key), from->kind)) {
        socket->counters.wrong_key++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=wrong_key wire=%u claims=%s.%u public=\"%s\" role=%s", socket->wire,
                    process_kind_name(from->kind), from->instance, key, role_name(key_table_role(socket->bus->keys, key)));
        return false;
    }
    if (!routes_learn(&s->routes, socket->bus->keys, from, zmq_msg_data(route), zmq_msg_size(route), key)) {
        socket->counters.wrong_sender++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=another_key wire=%u claims=%s.%u", socket->wire, process_kind_name(from->kind),
                    from->instance);
        return false;
    }
    return true;
}

/* Over tcp the identity is followed by the nonce. */
static bool route_fits(const struct bus_socket *socket, zmq_msg_t *route, zmq_msg_t *head, const struct bus_identity *from)
{
    struct bus_identity by_route;
    size_t size = key_of(socket, head) != NULL ? ROUTE_ID_MAX : ROUTING_ID_BYTES;
    return zmq_msg_size(route) == size && routing_id_decode(zmq_msg_data(route), ROUTING_ID_BYTES, &by_route) == 0 &&
           bus_identity_equal(&by_route, from);
}

static bool frames_are_valid(struct bus_socket *socket, zmq_msg_t frames[FRAMES_MAX], int n, struct envelope *out_envelope)
{
    int n_wanted = socket->is_binder ? 3 : 2;
    zmq_msg_t *head = &frames[n_wanted - 2];
    if (n != n_wanted || envelope_unpack(zmq_msg_data(head), zmq_msg_size(head), out_envelope) < 0) {
        socket->counters.malformed++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=malformed wire=%u frames=%d", socket->wire, n);
        return false;
    }
    if (socket->is_binder && !route_fits(socket, &frames[0], head, &out_envelope->from)) {
        socket->counters.wrong_sender++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=wrong_route wire=%u claims=%s.%u", socket->wire,
                    process_kind_name(out_envelope->from.kind), out_envelope->from.instance);
        return false;
    }
    return (!socket->is_binder || key_allows(socket, &frames[0], head, &out_envelope->from)) &&
           protocol_admit(socket, out_envelope, zmq_msg_size(&frames[n_wanted - 1]));
}

static void take(struct bus_socket *socket, zmq_msg_t *body, const struct envelope *envelope, struct bus_message *out_message)
{
    struct zmq_owned *owned = memory_zeroed(sizeof *owned);
    owned->owned.transport = &bus_zmq_transport;
    zmq_msg_init(&owned->body);
    zmq_msg_move(&owned->body, body);
    const char *key = key_of(socket, &owned->body);
    *out_message = (struct bus_message){.type = envelope->type,
                                        .sequence = envelope->sequence,
                                        .from = envelope->from,
                                        .role = key != NULL ? key_table_role(socket->bus->keys, key) : role_of_kind(envelope->from.kind),
                                        .key = key,
                                        .body = zmq_msg_data(&owned->body),
                                        .size = zmq_msg_size(&owned->body),
                                        .owner = owned};
}

static int zmq_recv_message(struct bus_socket *socket, struct bus_message *out_message)
{
    for (int tries = 0; tries < RECV_REFUSED_MAX; tries++) {
        zmq_msg_t frames[FRAMES_MAX];
        struct envelope envelope;
        for (int i = 0; i < FRAMES_MAX; i++) {
            zmq_msg_init(&frames[i]);
        }
        int n = recv_frames(handle_of(socket), frames);
        bool valid = n > 0 && frames_are_valid(socket, frames, n, &envelope);
        if (valid) {
            take(socket, &frames[n - 1], &envelope, out_message);
        }
        for (int i = 0; i < FRAMES_MAX; i++) {
            zmq_msg_close(&frames[i]);
        }
        if (valid || n < 0) {
            set_mark((struct zmq_socket *)socket, valid);
            return valid ? 0 : n;
        }
    }
    set_mark((struct zmq_socket *)socket, true);
    return -EAGAIN;
}

static void zmq_message_free(void *owner)
{
    struct zmq_owned *owned = owner;
    zmq_msg_close(&owned->body);
    free(owned);
}

static void zmq_destroy(struct bus *bus)
{
    struct zmq_bus *b = (struct zmq_bus *)bus;
    if (b->zap != NULL) {
        zmq_ctx_shutdown(b->context);
        zap_stop(&b->zap);
    }
    while (zmq_ctx_term(b->context) < 0 && errno == EINTR) {
    }
    key_table_destroy(&bus->keys);
    explicit_bzero(&b->pair, sizeof b->pair);
    free(b);
}

static const struct transport bus_zmq_transport = {.open = zmq_open,
                                                   .close = zmq_close_socket,
                                                   .fd = zmq_fd_of,
                                                   .send = zmq_send_message,
                                                   .share = zmq_share,
                                                   .share_free = zmq_share_free,
                                                   .send_shared = zmq_send_shared,
                                                   .recv = zmq_recv_message,
                                                   .message_free = zmq_message_free,
                                                   .destroy = zmq_destroy};

struct bus *bus_zmq_new(const struct bus_identity *self)
{
    struct zmq_bus *bus = memory_zeroed(sizeof *bus);
    bus->context = zmq_ctx_new();
    if (bus->context == NULL) {
        log_error("bus_context error=\"%s\"", zmq_strerror(errno));
        abort();
    }
    bus->direct_wires = 1u << WIRE_CONFIG | 1u << WIRE_SESSION | 1u << WIRE_USAGE | 1u << WIRE_PACKET;
    bus_init(&bus->bus, &bus_zmq_transport, self);
    return &bus->bus;
}

void bus_zmq_set_direct(struct bus *bus, uint32_t wires)
{
    ((struct zmq_bus *)bus)->direct_wires = wires;
}

int bus_zmq_use_keys(struct bus *bus, const struct key_pair *pair)
{
    if (zmq_has("curve") == 0) {
        return -ERROR_UNSUPPORTED;
    }
    ((struct zmq_bus *)bus)->pair = *pair;
    bus->keys = key_table_new();
    return 0;
}

int bus_zmq_listen(struct bus *bus, const char *address, unsigned port)
{
    struct zmq_bus *b = (struct zmq_bus *)bus;
    if (bus->keys == NULL) {
        return -ERROR_REFUSED;
    }
    snprintf(b->listen, sizeof b->listen, "%s", address);
    b->next_port = port;
    return 0;
}
