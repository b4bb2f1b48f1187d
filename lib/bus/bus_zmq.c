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
 * Cost: 0.5 to 1 us a message and side, two system calls a batch for the mark. A socket belongs to one thread; libzmq's own I/O thread does the rest.
 */
#include "lib/bus/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
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
#include "lib/bus/transport.h"

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
};

struct zmq_socket {
    struct bus_socket socket; /* first */
    void *handle;
    int epoll_fd, mark_fd; /* -1: not opened */
    bool is_marked;        /* mark_fd is readable */
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

/* Who owns the directory of an ipc endpoint may put other sockets there: it is one of us. Else -1, which is nobody. */
static uid_t owner_of(const char *endpoint)
{
    struct stat status;
    char *path = memory_string(endpoint + strlen("ipc://"));
    bool is_known = stat(dirname(path), &status) == 0;
    free(path);
    return is_known ? status.st_uid : (uid_t)-1;
}

static int set_filter(void *handle, const char *endpoint)
{
    const uid_t allowed[] = {geteuid(), 0, owner_of(endpoint)};
    int err = 0;
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
     * stranger writes arbitrary bytes to a ROUTER. Nobody answers for the domain, so peers with today's handshake come in as before. */
    if (err == 0 && zmq_setsockopt(handle, ZMQ_ZAP_DOMAIN, "busbar", strlen("busbar")) < 0) {
        err = -errno;
    }
    if (err < 0) {
        return err;
    }
    if (!is_binder) {
        uint8_t id[ROUTING_ID_BYTES];
        routing_id_encode(self, id);
        return zmq_setsockopt(handle, ZMQ_ROUTING_ID, id, sizeof id) == 0 ? 0 : -errno;
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

static int check_endpoint(const char *endpoint, bool is_binder)
{
    if (strncmp(endpoint, "tcp://", 6) == 0) {
        return strrchr(endpoint + 6, ':') != NULL ? 0 : -ERROR_SYNTAX;
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
    if (s->handle != NULL) {
        zmq_close(s->handle);
    }
    free(s);
}

static int zmq_open(struct bus *bus, enum wire wire, bool is_binder, const char *endpoint, struct bus_socket **out_socket)
{
    int err = check_endpoint(endpoint, is_binder);
    if (err < 0) {
        return err;
    }
    struct zmq_socket *socket = memory_zeroed(sizeof *socket);
    socket->epoll_fd = socket->mark_fd = -1;
    socket->handle = zmq_socket(((struct zmq_bus *)bus)->context, is_binder ? ZMQ_ROUTER : ZMQ_DEALER);
    err = socket->handle == NULL ? -errno : set_options(socket->handle, is_binder, endpoint, &bus->self);
    err = err < 0 ? err : open_fds(socket);
    if (err == 0) {
        int result = is_binder ? zmq_bind(socket->handle, endpoint) : zmq_connect(socket->handle, endpoint);
        err = result == 0 ? 0 : errno == EINVAL ? -ERROR_SYNTAX : -errno;
    }
    if (err < 0) {
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
        uint8_t id[ROUTING_ID_BYTES];
        routing_id_encode(to, id);
        if (zmq_send(handle, id, sizeof id, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
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

static bool frames_are_valid(struct bus_socket *socket, zmq_msg_t frames[FRAMES_MAX], int n, struct envelope *out_envelope)
{
    int n_wanted = socket->is_binder ? 3 : 2;
    struct bus_identity by_route = {0};
    zmq_msg_t *head = &frames[n_wanted - 2];
    if (n != n_wanted || envelope_unpack(zmq_msg_data(head), zmq_msg_size(head), out_envelope) < 0) {
        socket->counters.malformed++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=malformed wire=%u frames=%d", socket->wire, n);
        return false;
    }
    if (socket->is_binder && (routing_id_decode(zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]), &by_route) < 0 ||
                              !bus_identity_equal(&by_route, &out_envelope->from))) {
        socket->counters.wrong_sender++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=wrong_route wire=%u claims=%s.%u", socket->wire,
                    process_kind_name(out_envelope->from.kind), out_envelope->from.instance);
        return false;
    }
    return envelope_check(out_envelope, zmq_msg_size(&frames[n_wanted - 1]), socket->wire, &socket->counters);
}

static void take(zmq_msg_t *body, const struct envelope *envelope, struct bus_message *out_message)
{
    struct zmq_owned *owned = memory_zeroed(sizeof *owned);
    owned->owned.transport = &bus_zmq_transport;
    zmq_msg_init(&owned->body);
    zmq_msg_move(&owned->body, body);
    *out_message = (struct bus_message){.type = envelope->type,
                                        .sequence = envelope->sequence,
                                        .from = envelope->from,
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
            take(&frames[n - 1], &envelope, out_message);
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
    while (zmq_ctx_term(b->context) < 0 && errno == EINTR) {
    }
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
    bus_init(&bus->bus, &bus_zmq_transport, self);
    return &bus->bus;
}
