/* The bus over ipc without ZeroMQ's threads: its protocol (zmtp.c) spoken from the thread that owns the socket.
 *
 *   bus_zmq.c   caller ─► libzmq's thread ─► kernel ─► libzmq's thread ─► receiver      four hand-overs between threads for a question and its answer,
 *   here        caller ──────────────────► kernel ──────────────────────► receiver      two system calls for many messages
 *
 * The peers need not know: this end may be libzmq's at the other, and foreign ZeroMQ sockets may connect. What bus_zmq.c promises holds here: mandatory
 * and hand-over routing, immediate, bounded queues and sizes, peers of other users closed before a byte is read. Only sockets that are not on tcp are
 * of this kind (bus_zmq.c decides at the opening).
 *
 *   poll ◄── epoll fd ◄─┬─ listening socket, connections      level-triggered, so what was left in the kernel shows
 *                       ├─ timer: handshakes that take too long, the next try to connect
 *                       └─ mark: messages were read from the kernel and not taken yet
 *
 * Without a thread things go on only in bus_recv() and bus_send(): an owner that does neither neither connects nor sends what waits for room. So every
 * owner polls bus_fd() and calls bus_recv(), which returns -EAGAIN once after each round over the connections, so that one peer cannot hold it.
 * With bus_hold() what is sent gathers until bus_flush(): a group of replies to one peer is one system call. The mark waits for that, too: who reads to the
 * end between the two spares it.
 * Cost: some 0.3 us a message and side, one or two system calls a burst. Thread: the owner's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/bus/direct.h"
#include "lib/bus/link.h"
#include "lib/bus/protocol.h"
#include "lib/bus/role.h"

enum {
    DIRECT_EVENTS = 64,        /* connections looked at in one round */
    DIRECT_ACCEPTS = 64,       /* new ones in one round, so that a flood of them does not hold the others */
    DIRECT_BACKLOG = 256,      /* connections waiting to be accepted */
    DIRECT_REFUSED_MAX = 256,  /* refused messages looked at in one call */
    DIRECT_GROUPS_MAX = 256,   /* of a peer: one who is in more is in none */
    DIRECT_HELD_BYTES = 64 * 1024, /* goes out although it is held: the peer may begin with it */
};
static const uint64_t DIRECT_RECONNECT_NS = 50 * NS_PER_MS;
static const uint64_t DIRECT_HANDSHAKE_NS = 2 * NS_PER_S; /* whoever connects and says nothing is closed */

struct direct_socket {
    struct bus_socket socket; /* first */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int epoll_fd, mark_fd, timer_fd, listen_fd; /* -1: none */
    bool is_marked, is_held;
    bool wants_mark; /* while it is held: what the mark is to be behind that */
    bool is_deaf; /* no descriptor was left for who comes: the next try is the timer's */
    struct bus_home home;
    ino_t inode; /* of the socket file we made */
    struct link *links;
    size_t n_links;
    struct link *by_identity;
    struct link *peer;    /* of a connecting socket; NULL: not connected */
    struct link *current; /* being read */
    struct link *dirty;   /* to be flushed */
    struct link_block *spare;
    struct epoll_event events[DIRECT_EVENTS];
    int n_events, at_event;
    bool is_round;           /* events were looked at since the last -EAGAIN */
    uint64_t reconnect_ns;
};

static const struct transport bus_direct_transport;

static struct direct_socket *direct_of(const struct bus_socket *socket)
{
    return (struct direct_socket *)(uintptr_t)socket;
}

static void direct_mark(struct direct_socket *s, bool is_marked)
{
    eventfd_t ignored;
    s->wants_mark = is_marked;
    if (s->is_marked != is_marked && !s->is_held) {
        (void)(is_marked ? eventfd_write(s->mark_fd, 1) : eventfd_read(s->mark_fd, &ignored));
        s->is_marked = is_marked;
    }
}

static void direct_set_timer(struct direct_socket *s, uint64_t wait_ns)
{
    const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(wait_ns / NS_PER_S), .tv_nsec = (long)(wait_ns % NS_PER_S)}};
    (void)timerfd_settime(s->timer_fd, 0, &when, NULL);
}

/* ---- connections ---- */

static void direct_forget_identity(struct direct_socket *s, struct link *link)
{
    struct link *found = NULL;
    HASH_FIND(hh, s->by_identity, &link->who, sizeof link->who, found);
    if (found == link) {
        HASH_DEL(s->by_identity, link);
    }
}

static void direct_clean(struct direct_socket *s, struct link *link)
{
    if (link->is_dirty) {
        link->is_dirty = false;
        DL_DELETE2(s->dirty, link, dirty_prev, dirty_next);
    }
}

static void direct_drop(struct direct_socket *s, struct link *link)
{
    direct_clean(s, link);
    direct_forget_identity(s, link);
    DL_DELETE(s->links, link);
    s->n_links--;
    for (int i = s->at_event; i < s->n_events; i++) {
        s->events[i].data.ptr = s->events[i].data.ptr == link ? NULL : s->events[i].data.ptr;
    }
    s->current = s->current == link ? NULL : s->current;
    if (s->peer == link) {
        s->peer = NULL;
        s->reconnect_ns = clock_now_ns() + DIRECT_RECONNECT_NS;
        direct_set_timer(s, DIRECT_RECONNECT_NS);
    }
    link_destroy(&link);
}

static void direct_watch(struct direct_socket *s, struct link *link, bool is_blocked)
{
    struct epoll_event event = {.events = EPOLLIN | (is_blocked ? (uint32_t)EPOLLOUT : 0u), .data.ptr = link};
    if (link->is_blocked != is_blocked) {
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, link->fd, &event);
        link->is_blocked = is_blocked;
    }
}

/* 0, also when the rest waits for room; -ERROR_NOT_CONNECTED: the peer is gone, and what it has said may still be read. */
static int direct_flush_link(struct direct_socket *s, struct link *link)
{
    int err = link_flush(link);
    direct_clean(s, link);
    if (err == -ERROR_NOT_CONNECTED) {
        link->is_dead = true;
        (void)shutdown(link->fd, SHUT_WR); /* a peer that lives after all sees the end and comes anew */
        direct_forget_identity(s, link);
        return err;
    }
    direct_watch(s, link, err == -EAGAIN);
    return 0;
}

/* Takes the fd. */
static struct link *direct_add(struct direct_socket *s, int fd)
{
    struct link *link = link_new(fd, s->socket.is_binder, &bus_direct_transport, &s->socket.bus->self);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    link->deadline_ns = clock_now_ns() + DIRECT_HANDSHAKE_NS;
    DL_APPEND(s->links, link);
    s->n_links++;
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 || direct_flush_link(s, link) < 0) {
        direct_drop(s, link);
        return NULL;
    }
    if (s->socket.is_binder && s->links->next == NULL) {
        direct_set_timer(s, DIRECT_HANDSHAKE_NS); /* it goes on while there are links */
    }
    return link;
}

static bool direct_is_member(int fd, gid_t gid)
{
    gid_t groups[DIRECT_GROUPS_MAX];
    socklen_t size = sizeof groups;
    bool is_member = false;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
        for (size_t i = 0; i < size / sizeof groups[0]; i++) {
            is_member = is_member || groups[i] == gid;
        }
    }
    return is_member;
}

static bool direct_may_come(const struct direct_socket *s, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    return peer.uid == geteuid() || peer.uid == 0 || peer.uid == s->home.uid ||
           (s->home.gid != (gid_t)-1 && (peer.gid == s->home.gid || direct_is_member(fd, s->home.gid)));
}

/* Level-triggered, who waits to be accepted would keep the owner awake all the time. */
static void direct_listen_to(struct direct_socket *s, bool is_heard)
{
    struct epoll_event event = {.events = is_heard ? (uint32_t)EPOLLIN : 0u, .data.ptr = &s->listen_fd};
    s->is_deaf = epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->listen_fd, &event) == 0 && !is_heard;
}

static void direct_accept(struct direct_socket *s)
{
    for (int i = 0; i < DIRECT_ACCEPTS; i++) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            LOG_LIMITED(LOG_LEVEL_ERROR, "accept_failed path=%s error=\"%s\"", s->path, strerror(errno));
            direct_listen_to(s, false);
            direct_set_timer(s, DIRECT_RECONNECT_NS);
        }
        if (fd < 0) {
            return;
        }
        bool is_full = s->n_links >= DIRECT_LINKS_MAX;
        if (is_full) {
            LOG_LIMITED(LOG_LEVEL_WARN, "connection_refused path=%s connections=%zu", s->path, s->n_links);
        }
        if (is_full || !direct_may_come(s, fd)) {
            close(fd);
            continue;
        }
        (void)direct_add(s, fd);
    }
}

/* A peer said who it is: an older connection of the same life gives way. */
static void direct_opened(struct direct_socket *s, struct link *link)
{
    struct link *older = NULL;
    if (!s->socket.is_binder) {
        direct_set_timer(s, 0); /* of the handshake */
    }
    if (!s->socket.is_binder || !link->has_identity) {
        return;
    }
    HASH_FIND(hh, s->by_identity, &link->who, sizeof link->who, older);
    if (older != NULL) {
        direct_drop(s, older);
    }
    HASH_ADD(hh, s->by_identity, who, sizeof link->who, link);
}

static void direct_connect(struct direct_socket *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, s->path, sizeof s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        s->peer = direct_add(s, fd);
    } else if (fd >= 0) {
        close(fd);
    }
    if (s->peer == NULL) {
        s->reconnect_ns = clock_now_ns() + DIRECT_RECONNECT_NS;
        direct_set_timer(s, DIRECT_RECONNECT_NS);
    } else {
        direct_set_timer(s, DIRECT_HANDSHAKE_NS);
    }
}

static void direct_on_timer(struct direct_socket *s)
{
    uint64_t ignored, now_ns = clock_now_ns();
    struct link *link, *next;
    if (read(s->timer_fd, &ignored, sizeof ignored) != (ssize_t)sizeof ignored) {
        return;
    }
    if (s->is_deaf) {
        direct_listen_to(s, true);
    }
    DL_FOREACH_SAFE(s->links, link, next)
    {
        if (link->state != LINK_OPEN && now_ns >= link->deadline_ns) {
            direct_drop(s, link);
        }
    }
    if (s->socket.is_binder && s->links != NULL) {
        direct_set_timer(s, DIRECT_HANDSHAKE_NS);
    } else if (!s->socket.is_binder && s->peer == NULL) {
        direct_connect(s);
    }
}

/* ---- receiving ---- */

/* Looks at one event; true when it made a link current. */
static bool direct_on_event(struct direct_socket *s, const struct epoll_event *event)
{
    struct link *link = event->data.ptr;
    if ((void *)link == &s->listen_fd) {
        direct_accept(s);
    } else if ((void *)link == &s->timer_fd) {
        direct_on_timer(s);
    }
    if (link == NULL || (void *)link == &s->listen_fd || (void *)link == &s->timer_fd || (void *)link == &s->mark_fd) {
        return false;
    }
    if ((event->events & EPOLLOUT) != 0 && !link->is_dead) {
        (void)direct_flush_link(s, link);
    }
    if ((event->events & ~(uint32_t)EPOLLOUT) == 0) {
        return false;
    }
    int got = link_fill(link, &s->spare);
    if (got < 0) {
        direct_drop(s, link);
    }
    s->current = got > 0 ? link : NULL;
    return got > 0;
}

/* A connecting socket that is open has one place where messages come from: it is read without asking where. */
static bool direct_read_peer(struct direct_socket *s)
{
    int got = link_fill(s->peer, &s->spare);
    if (got < 0) {
        direct_drop(s, s->peer);
    }
    s->current = got > 0 ? s->peer : NULL;
    s->is_round = got > 0;
    return got > 0;
}

static bool direct_next_link(struct direct_socket *s)
{
    struct link *peer = s->peer;
    if (peer != NULL && peer->state == LINK_OPEN && !peer->is_blocked && !peer->is_dead && s->at_event == s->n_events && !s->is_round) {
        return direct_read_peer(s);
    }
    if (s->at_event == s->n_events && !s->is_round) {
        int n = epoll_wait(s->epoll_fd, s->events, DIRECT_EVENTS, 0);
        s->n_events = n > 0 ? n : 0;
        s->at_event = 0;
        s->is_round = n > 0;
    }
    while (s->at_event < s->n_events) {
        const struct epoll_event event = s->events[s->at_event++];
        if (direct_on_event(s, &event)) {
            return true;
        }
    }
    s->is_round = false;
    return false;
}

static bool direct_is_valid(struct bus_socket *socket, const struct link *link, const struct link_message *message, struct envelope *out_envelope)
{
    if (message->n_frames != 2 || envelope_unpack(message->head, message->head_size, out_envelope) < 0) {
        socket->counters.malformed++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=malformed wire=%u frames=%zu", socket->wire, message->n_frames);
        return false;
    }
    if (socket->is_binder && !(link->has_identity && bus_identity_equal(&link->who, &out_envelope->from))) {
        socket->counters.wrong_sender++;
        LOG_LIMITED(LOG_LEVEL_WARN, "bus_refused reason=wrong_route wire=%u claims=%s.%u", socket->wire,
                    process_kind_name(out_envelope->from.kind), out_envelope->from.instance);
        return false;
    }
    return protocol_admit(socket, out_envelope, message->body_size);
}

static bool direct_take(struct direct_socket *s, struct link *link, const struct link_message *message, struct bus_message *out_message)
{
    struct envelope envelope;
    if (!direct_is_valid(&s->socket, link, message, &envelope)) {
        return false;
    }
    *out_message = (struct bus_message){.type = envelope.type,
                                        .sequence = envelope.sequence,
                                        .from = envelope.from,
                                        .role = role_of_kind(envelope.from.kind),
                                        .body = message->body,
                                        .size = message->body_size,
                                        .owner = link_hold(link)};
    return true;
}

/* The current link has nothing whole any more, or only nonsense. */
static void direct_leave(struct direct_socket *s, bool is_bad)
{
    struct link *link = s->current;
    s->current = NULL;
    if (is_bad) {
        direct_drop(s, link);
    } else {
        link_rest(link, &s->spare);
    }
}

static int direct_recv(struct bus_socket *socket, struct bus_message *out_message)
{
    struct direct_socket *s = direct_of(socket);
    for (int refused = 0; refused < DIRECT_REFUSED_MAX;) {
        struct link_message message;
        if (s->current == NULL && !direct_next_link(s)) {
            direct_mark(s, false);
            return -EAGAIN;
        }
        int got = link_next(s->current, &message);
        if (got == LINK_OPENED) {
            direct_opened(s, s->current);
        } else if (got != LINK_MESSAGE) {
            direct_leave(s, got < 0);
        } else if (direct_take(s, s->current, &message, out_message)) {
            direct_mark(s, link_has_more(s->current));
            return 0;
        } else {
            refused++;
        }
    }
    direct_mark(s, true);
    return -EAGAIN;
}

static void direct_message_free(void *owner)
{
    struct link_block *block = owner;
    link_block_release(&block);
}

/* ---- sending ---- */

/* A connecting socket that cannot send yet: the owner may do nothing but try, so its handshake and its next connection go on here. */
static void direct_advance(struct direct_socket *s)
{
    struct link_message ignored;
    if (s->peer == NULL && clock_now_ns() >= s->reconnect_ns) {
        direct_connect(s);
    }
    if (s->peer == NULL || s->current != NULL || (s->peer->state == LINK_OPEN && !s->peer->is_dead)) {
        return;
    }
    int got = link_fill(s->peer, &s->spare);
    if (got < 0) {
        direct_drop(s, s->peer);
        return;
    }
    s->current = got > 0 ? s->peer : NULL;
    while (s->current != NULL && s->current->state != LINK_OPEN) {
        got = link_next(s->current, &ignored); /* no message comes before the handshake is done */
        if (got != LINK_OPENED) {
            direct_leave(s, got < 0);
        } else {
            direct_opened(s, s->peer);
        }
    }
    if (s->current != NULL && !link_has_more(s->current)) {
        direct_leave(s, false);
    }
    direct_mark(s, s->current != NULL);
}

static int direct_find(struct direct_socket *s, const struct bus_identity *to, struct link **out_link)
{
    struct link *link = NULL;
    if (s->socket.is_binder) {
        if (to != NULL) {
            HASH_FIND(hh, s->by_identity, to, sizeof *to, link);
        }
        *out_link = link;
        return link != NULL ? 0 : -ERROR_NOT_CONNECTED;
    }
    if (s->peer == NULL || s->peer->state != LINK_OPEN || s->peer->is_dead) {
        direct_advance(s);
    }
    *out_link = s->peer;
    return s->peer != NULL && s->peer->state == LINK_OPEN && !s->peer->is_dead ? 0 : -EAGAIN;
}

static bool direct_is_full(const struct link *link)
{
    return link->n_queued >= BUS_QUEUE_MESSAGES || link->n_waiting >= DIRECT_WAITING_MAX;
}

static int direct_send_body(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope, const void *body, size_t size,
                            struct link_shared *shared)
{
    struct direct_socket *s = direct_of(socket);
    struct link *link;
    uint8_t head[ENVELOPE_MAX_BYTES];
    int err = direct_find(s, to, &link);
    if (err == 0 && direct_is_full(link)) {
        err = direct_flush_link(s, link);
        err = err == 0 && direct_is_full(link) ? -EAGAIN : err;
    }
    if (err == 0) {
        link_put(link, head, envelope_pack(envelope, head), body, size, shared);
        bool waits = s->is_held && link_waiting_bytes(link) < DIRECT_HELD_BYTES;
        if (waits && !link->is_dirty) {
            link->is_dirty = true;
            DL_APPEND2(s->dirty, link, dirty_prev, dirty_next);
        }
        err = waits ? 0 : direct_flush_link(s, link); /* also when it was blocked: an owner with much to do may not come to bus_recv() soon */
    }
    return err == -ERROR_NOT_CONNECTED && !socket->is_binder ? -EAGAIN : err;
}

static int direct_send(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope, const void *body, size_t size)
{
    return direct_send_body(socket, to, envelope, body, size, NULL);
}

static int direct_send_shared(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope, const struct bus_shared *shared)
{
    return direct_send_body(socket, to, envelope, NULL, shared->size, (struct link_shared *)(uintptr_t)shared);
}

static struct bus_shared *direct_share(const void *bytes, size_t size)
{
    return &link_share(&bus_direct_transport, bytes, size)->shared;
}

static void direct_share_free(struct bus_shared *shared)
{
    struct link_shared *mine = (struct link_shared *)shared;
    link_shared_end(mine);
    link_shared_release(&mine);
}

static void direct_hold(struct bus_socket *socket, bool is_held)
{
    struct direct_socket *s = direct_of(socket);
    s->is_held = is_held;
    direct_mark(s, s->wants_mark);
    while (!is_held && s->dirty != NULL) {
        (void)direct_flush_link(s, s->dirty); /* takes it off the list; a peer that is gone is noticed by its fd */
    }
}

/* ---- life ---- */

static int direct_fd(const struct bus_socket *socket)
{
    return direct_of(socket)->epoll_fd;
}

static void direct_close(struct bus_socket *socket)
{
    struct direct_socket *s = direct_of(socket);
    direct_hold(socket, false);
    while (s->links != NULL) {
        struct link *link = s->links;
        DL_DELETE(s->links, link);
        HASH_FIND(hh, s->by_identity, &link->who, sizeof link->who, s->current);
        if (s->current == link) {
            HASH_DEL(s->by_identity, link);
        }
        link_destroy(&link);
    }
    link_block_release(&s->spare);
    struct stat status;
    if (s->listen_fd >= 0 && lstat(s->path, &status) == 0 && status.st_ino == s->inode) {
        (void)unlink(s->path);
    }
    const int fds[] = {s->listen_fd, s->timer_fd, s->mark_fd, s->epoll_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    free(s);
}

static int direct_watch_fd(struct direct_socket *s, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};
    return *fd >= 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, *fd, &event) == 0 ? 0 : -errno;
}

static int direct_listen(struct direct_socket *s, struct bus_home home)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    memcpy(address.sun_path, s->path, sizeof s->path);
    s->home = home;
    s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(s->path); /* of a killed process: somebody alive was looked for */
    if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(s->listen_fd, DIRECT_BACKLOG) < 0 ||
        lstat(s->path, &status) < 0) {
        return -errno;
    }
    s->inode = status.st_ino;
    return direct_watch_fd(s, &s->listen_fd);
}

int bus_direct_open(struct bus *bus, bool is_binder, const char *endpoint, struct bus_home home, struct bus_socket **out_socket)
{
    struct direct_socket *s = memory_zeroed(sizeof *s);
    s->socket.transport = &bus_direct_transport;
    s->socket.bus = bus;
    s->socket.is_binder = is_binder;
    memcpy(s->path, endpoint + strlen("ipc://"), strnlen(endpoint + strlen("ipc://"), sizeof s->path - 1));
    s->listen_fd = -1;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->mark_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    int err = s->epoll_fd >= 0 ? direct_watch_fd(s, &s->mark_fd) : -errno;
    err = err < 0 ? err : direct_watch_fd(s, &s->timer_fd);
    if (err == 0 && is_binder) {
        err = direct_listen(s, home);
    } else if (err == 0) {
        direct_connect(s);
    }
    if (err < 0) {
        direct_close(&s->socket);
        return err;
    }
    *out_socket = &s->socket;
    return 0;
}

static const struct transport bus_direct_transport = {.close = direct_close,
                                                      .fd = direct_fd,
                                                      .send = direct_send,
                                                      .share = direct_share,
                                                      .share_free = direct_share_free,
                                                      .send_shared = direct_send_shared,
                                                      .hold = direct_hold,
                                                      .recv = direct_recv,
                                                      .message_free = direct_message_free};
