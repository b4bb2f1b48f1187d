/* One byte channel to an OpenFlow peer. See conn.h.
 *
 * The output is one growing buffer with a position in it: answers are appended by the codec directly, sent from the front, and the sent part
 * is given up when all has gone or when it is the larger half, so each byte is moved at most once.
 * The ofagent's one thread; one send and one receive call a step while little happens.
 * Invariant: begin <= output.size; a message handed out stays valid until the next conn_next().
 */
#include "services/ofagent/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/memory.h"

struct conn {
    int fd;
    struct channel *channel; /* NULL: none */
    struct of_stream input;
    struct writer output;
    size_t begin;        /* first byte of output not yet sent */
    size_t seen;         /* first byte that conn_appended() has not handed out */
    unsigned n_received; /* reads in this step */
    bool has_more;
    bool is_dry; /* the socket has been read to its end in this step */
};

struct conn *conn_new(int fd, struct channel *channel)
{
    struct conn *conn = memory_zeroed(sizeof *conn);
    conn->fd = fd;
    conn->channel = channel;
    of_stream_init(&conn->input);
    writer_init(&conn->output);
    return conn;
}

void conn_destroy(struct conn **conn)
{
    if (*conn == NULL) {
        return;
    }
    if ((*conn)->channel != NULL) {
        (*conn)->channel->kind->destroy(&(*conn)->channel);
    }
    (void)close((*conn)->fd);
    of_stream_fini(&(*conn)->input);
    writer_fini(&(*conn)->output);
    free(*conn);
    *conn = NULL;
}

int conn_fd(const struct conn *conn)
{
    return conn->fd;
}

static size_t backlog(const struct conn *conn)
{
    return conn->output.size - conn->begin;
}

short conn_events(const struct conn *conn, bool wants_input)
{
    short events = 0;

    if (wants_input && backlog(conn) < CONN_OUTPUT_STOP) {
        events |= POLLIN;
    }
    if (backlog(conn) > 0) {
        events |= POLLOUT;
    }
    return conn->channel != NULL ? conn->channel->kind->events(conn->channel, events) : events;
}

static ssize_t take(struct conn *conn, uint8_t *room, size_t size)
{
    if (conn->channel != NULL) {
        return conn->channel->kind->receive(conn->channel, room, size);
    }
    ssize_t n = recv(conn->fd, room, size, MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static ssize_t give(struct conn *conn, const uint8_t *bytes, size_t size)
{
    if (conn->channel != NULL) {
        return conn->channel->kind->send(conn->channel, bytes, size);
    }
    ssize_t n = send(conn->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

static int receive(struct conn *conn)
{
    uint8_t *room;
    size_t size = of_stream_room(&conn->input, &room);
    ssize_t n = take(conn, room, size);

    conn->n_received++;
    if (n > 0) {
        of_stream_received(&conn->input, (size_t)n);
        conn->is_dry = conn->channel == NULL && (size_t)n < size; /* an end of the connection is told by the next poll() */
        return 1;
    }
    if (n == 0) {
        return -EPIPE;
    }
    return n == -EAGAIN || n == -EINTR ? 0 : (int)n;
}

int conn_next(struct conn *conn, const uint8_t **out_bytes, size_t *out_size)
{
    for (;;) {
        if (backlog(conn) >= CONN_OUTPUT_STOP) {
            return 0;
        }
        int result = of_stream_next(&conn->input, out_bytes, out_size);
        if (result != 0) {
            return result;
        }
        if (conn->is_dry) {
            return 0;
        }
        if (conn->n_received >= CONN_RECEIVE_PER_STEP) {
            conn->has_more = true;
            return 0;
        }
        result = receive(conn);
        if (result <= 0) {
            return result;
        }
    }
}

uint32_t conn_xid(const struct conn *conn)
{
    return of_stream_xid(&conn->input);
}

struct writer *conn_output(struct conn *conn)
{
    return &conn->output;
}

size_t conn_appended(struct conn *conn, const uint8_t **out_bytes)
{
    /* What has been sent already may be cut within a message. */
    size_t from = conn->seen < conn->begin ? conn->output.size : conn->seen;

    *out_bytes = conn->output.bytes + from;
    conn->seen = conn->output.size;
    return conn->output.size - from;
}

bool conn_has_room(const struct conn *conn)
{
    return backlog(conn) < CONN_OUTPUT_ROOM;
}

static void give_up_sent(struct conn *conn)
{
    size_t left = backlog(conn);

    if (left == 0) {
        conn->output.size = 0;
        conn->begin = conn->seen = 0;
    } else if (conn->begin > left) {
        memmove(conn->output.bytes, conn->output.bytes + conn->begin, left);
        conn->output.size = left;
        conn->seen = conn->seen >= conn->begin ? conn->seen - conn->begin : left;
        conn->begin = 0;
    }
}

int conn_flush(struct conn *conn)
{
    while (backlog(conn) > 0) {
        ssize_t n = give(conn, conn->output.bytes + conn->begin, backlog(conn));
        if (n < 0) {
            return n == -EAGAIN || n == -EINTR ? 0 : (int)n;
        }
        conn->begin += (size_t)n;
        give_up_sent(conn);
    }
    return 0;
}

const char *conn_why(const struct conn *conn, int err)
{
    const char *why = conn->channel != NULL ? conn->channel->kind->why(conn->channel) : NULL;
    return why != NULL ? why : err == -EPIPE ? "closed by the peer" : error_text(err);
}

bool conn_is_overfull(struct conn *conn)
{
    return backlog(conn) > CONN_OUTPUT_MAX && (conn_flush(conn) != 0 || backlog(conn) > CONN_OUTPUT_MAX);
}

void conn_begin_step(struct conn *conn, bool may_have)
{
    conn->n_received = 0;
    conn->is_dry = !may_have && conn->channel == NULL; /* a channel may hold what the socket has no more */
    conn->has_more = false;
}

bool conn_has_more(const struct conn *conn)
{
    return conn->has_more || (conn->channel != NULL && conn->channel->kind->has_more(conn->channel));
}

bool conn_is_dead(const struct conn *conn)
{
    struct pollfd poll_fd = {.fd = conn->fd};

    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLHUP | POLLERR)) != 0;
}
