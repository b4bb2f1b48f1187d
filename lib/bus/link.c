/* A connection of ZMTP: buffers, frames, the handshake.
 *
 * Why blocks: hundreds of small messages come with one recv(), and none of them is copied or allocated for. Links at rest hold no block: all links of a
 * socket read into one spare, which stays hot in the cache; a link keeps it only while half a message is in it. A block grows by doubling as bytes
 * really come, so a size that a peer only claims costs nothing. A message still held keeps its block: the link then goes on in a new one.
 *
 * Why a file: to send 64 kB to a thousand peers is to copy them a thousand times into pages that the kernel must find and clear first (14 us), and each
 * peer reads his from cold memory (11 us). Of a file in memory the sockets get references to the same pages instead: 4 us and 5 us.
 *
 * Cost: one system call a read or a flush, two with a file; a copy of what is sent (of shared bodies of more than SHARED_MIN the kernel makes one, from
 * FILE_MIN on and from the FILE_PEERS-th peer on it makes none).
 * Thread: the owner's. Foreign: every byte read. A frame of more than BUS_MESSAGE_MAX_BYTES, a command of more than ZMTP_COMMAND_MAX or anything that
 * is no frame ends the link; frames beyond the second of a message are counted and let go.
 */
#include "lib/bus/link.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/bus/zmtp.h"

enum {
    BLOCK_BYTES = 128 * 1024, /* what is read at once: what a unix socket holds is about twice that */
    READ_MIN = 16 * 1024,     /* less room than that is not worth a system call */
    SHARED_MIN = 2048,        /* below, a copy costs less than a piece of its own */
    FILE_MIN = 16 * 1024,     /* below, the copy costs less than the second system call */
    FILE_PEERS = 8,           /* to make the file costs as much as to send to so many from it */
    OUT_KEPT_BYTES = 256 * 1024,
    PIECE_MESSAGES = 32,      /* a piece is counted as waiting until it is out whole, so it does not grow for ever */
    IOV_MAX_HERE = 32,
};

static struct link_block *block_new(const struct transport *transport, size_t room)
{
    struct link_block *block = memory_resize(NULL, sizeof *block + room);
    *block = (struct link_block){.owned = {.transport = transport}, .n_refs = 1, .room = room};
    return block;
}

void link_block_release(struct link_block **block)
{
    if (*block != NULL && --(*block)->n_refs == 0) {
        free(*block);
    }
    *block = NULL;
}

struct link_shared *link_share(const struct transport *transport, const void *bytes, size_t size)
{
    struct link_shared *shared = memory_resize(NULL, sizeof *shared + size);
    *shared = (struct link_shared){.shared = {.transport = transport, .size = size}, .n_refs = 1, .fd = -1};
    memcpy(shared->bytes, size > 0 ? bytes : shared->bytes, size);
    return shared;
}

void link_shared_release(struct link_shared **shared)
{
    if (*shared != NULL && --(*shared)->n_refs == 0) {
        link_shared_end(*shared);
        free(*shared);
    }
    *shared = NULL;
}

void link_shared_end(struct link_shared *shared)
{
    if (shared->fd >= 0) {
        close(shared->fd);
    }
    shared->fd = -1;
}

/* sendfile() knows no MSG_NOSIGNAL: only where a peer that is gone does not end the process, as in every service (lib/base/service.c). Without a file
 * (too many are open, a filter of system calls) it goes on from memory. */
static void shared_make_file(struct link_shared *shared)
{
    struct sigaction pipe_action;
    size_t at = 0;
    ssize_t n = 1;
    if (sigaction(SIGPIPE, NULL, &pipe_action) < 0 || pipe_action.sa_handler == SIG_DFL) {
        return;
    }
    shared->fd = memfd_create("busbar-shared", MFD_CLOEXEC);
    while (shared->fd >= 0 && n > 0 && at < shared->shared.size) {
        n = write(shared->fd, shared->bytes + at, shared->shared.size - at);
        at += n > 0 ? (size_t)n : 0;
    }
    if (at < shared->shared.size) {
        link_shared_end(shared);
    }
}

/* ---- out ---- */

static struct link_piece *last_piece(struct link *link, struct link_shared *shared)
{
    struct link_piece *last = link->n_pieces > link->piece_at ? &link->pieces[link->n_pieces - 1] : NULL;
    if (last != NULL && shared == NULL && last->shared == NULL && last->n_messages < PIECE_MESSAGES) {
        return last;
    }
    if (link->n_pieces == link->piece_room && link->piece_at > link->piece_room / 2) {
        link->n_pieces -= link->piece_at;
        memmove(link->pieces, link->pieces + link->piece_at, link->n_pieces * sizeof *link->pieces);
        link->piece_at = 0;
    }
    if (link->n_pieces == link->piece_room) {
        link->piece_room = link->piece_room * 2 + 8;
        link->pieces = memory_resize(link->pieces, link->piece_room * sizeof *link->pieces);
    }
    link->pieces[link->n_pieces] = (struct link_piece){.shared = shared};
    return &link->pieces[link->n_pieces++];
}

static struct link_piece *put_bytes(struct link *link, const void *bytes, size_t size)
{
    struct link_piece *piece = last_piece(link, NULL);
    if (link->out_room - link->out_size < size && link->out_at > 0) {
        memmove(link->out, link->out + link->out_at, link->out_size - link->out_at);
        link->out_size -= link->out_at;
        link->out_at = 0;
    }
    if (link->out_room - link->out_size < size) {
        link->out_room = (link->out_size + size) * 2;
        link->out = memory_resize(link->out, link->out_room);
    }
    if (size > 0) {
        memcpy(link->out + link->out_size, bytes, size);
        link->out_size += size;
        piece->size += size;
        link->n_waiting += size;
    }
    return piece;
}

void link_put(struct link *link, const void *head, size_t head_size, const void *body, size_t size, struct link_shared *shared)
{
    uint8_t frame[ZMTP_HEAD_MAX];
    (void)put_bytes(link, frame, zmtp_head(ZMTP_MORE, head_size, frame));
    (void)put_bytes(link, head, head_size);
    struct link_piece *piece = put_bytes(link, frame, zmtp_head(0, size, frame));
    if (shared != NULL && size >= SHARED_MIN) {
        shared->n_refs++;
        if (++shared->n_puts == FILE_PEERS && size >= FILE_MIN) {
            shared_make_file(shared);
        }
        piece = last_piece(link, shared);
        piece->size = size;
        link->n_waiting += size;
    } else {
        piece = put_bytes(link, shared != NULL ? shared->bytes : body, size);
    }
    piece->n_messages++;
    link->n_queued++;
}

static bool piece_is_in_file(const struct link_piece *piece)
{
    return piece->shared != NULL && piece->shared->fd >= 0;
}

static size_t fill_iov(const struct link *link, struct iovec iov[IOV_MAX_HERE])
{
    size_t n = 0, own_at = link->out_at;
    for (size_t i = link->piece_at; i < link->n_pieces && n < IOV_MAX_HERE && !piece_is_in_file(&link->pieces[i]); i++) {
        const struct link_piece *piece = &link->pieces[i];
        uint8_t *at = piece->shared == NULL ? link->out + own_at : piece->shared->bytes + piece->shared->shared.size - piece->size;
        own_at += piece->shared == NULL ? piece->size : 0;
        iov[n++] = (struct iovec){.iov_base = at, .iov_len = piece->size};
    }
    return n;
}

static void went_out(struct link *link, size_t size)
{
    link->n_waiting -= size;
    while (link->piece_at < link->n_pieces && link->pieces[link->piece_at].size <= size) {
        struct link_piece *piece = &link->pieces[link->piece_at++];
        size -= piece->size;
        link->out_at += piece->shared == NULL ? piece->size : 0;
        link->n_queued -= piece->n_messages;
        link_shared_release(&piece->shared);
    }
    if (size > 0) {
        struct link_piece *piece = &link->pieces[link->piece_at];
        piece->size -= size;
        link->out_at += piece->shared == NULL ? size : 0;
    }
    if (link->piece_at == link->n_pieces) {
        link->piece_at = link->n_pieces = link->out_at = link->out_size = 0;
        if (link->out_room > OUT_KEPT_BYTES) {
            free(link->out);
            link->out = NULL;
            link->out_room = 0;
        }
    }
}

static ssize_t send_bytes(const struct link *link)
{
    struct iovec iov[IOV_MAX_HERE];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = fill_iov(link, iov)};
    return sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Where the kernel refuses it, from memory. */
static ssize_t send_from_file(const struct link *link, const struct link_piece *piece)
{
    off_t at = (off_t)(piece->shared->shared.size - piece->size);
    ssize_t sent = sendfile(link->fd, piece->shared->fd, &at, piece->size);
    bool is_refused = sent == 0 || (sent < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM || errno == EOVERFLOW));
    if (is_refused) {
        link_shared_end(piece->shared);
    }
    return is_refused ? send_bytes(link) : sent;
}

int link_flush(struct link *link)
{
    while (link->piece_at < link->n_pieces) {
        const struct link_piece *piece = &link->pieces[link->piece_at];
        ssize_t sent = piece_is_in_file(piece) ? send_from_file(link, piece) : send_bytes(link);
        if (sent < 0) {
            bool may_go_on = errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM;
            return may_go_on ? -EAGAIN : -ERROR_NOT_CONNECTED;
        }
        went_out(link, (size_t)sent);
    }
    return 0;
}

size_t link_waiting_bytes(const struct link *link)
{
    return link->out_size - link->out_at;
}

/* ---- in ---- */

/* A block with room to read into; what is in it from `start` on is kept. */
static void make_room(struct link *link, struct link_block **spare)
{
    if (link->in == NULL) {
        link->in = *spare != NULL ? *spare : block_new(link->transport, BLOCK_BYTES);
        *spare = NULL;
        link->in->size = 0;
        link->start = link->scan = 0;
        return;
    }
    size_t left = link->in->size - link->start;
    if (link->in->room - link->in->size >= READ_MIN) {
        return;
    }
    if (link->in->n_refs == 1 && link->in->room - left >= READ_MIN && link->start >= left) {
        memcpy(link->in->bytes, link->in->bytes + link->start, left);
    } else {
        struct link_block *block = block_new(link->transport, left * 2 > BLOCK_BYTES ? left * 2 : BLOCK_BYTES);
        memcpy(block->bytes, link->in->bytes + link->start, left);
        link_block_release(&link->in);
        link->in = block;
    }
    link->in->size = left;
    link->scan -= link->start;
    link->start = 0;
}

int link_fill(struct link *link, struct link_block **spare)
{
    make_room(link, spare);
    ssize_t got = recv(link->fd, link->in->bytes + link->in->size, link->in->room - link->in->size, MSG_DONTWAIT);
    if (got > 0) {
        link->in->size += (size_t)got;
        return 1;
    }
    bool is_nothing = got < 0 && (errno == EAGAIN || errno == EINTR);
    link_rest(link, spare);
    return is_nothing ? 0 : -ERROR_NOT_CONNECTED;
}

void link_rest(struct link *link, struct link_block **spare)
{
    if (link->in == NULL || link->start < link->in->size) {
        return;
    }
    if (link->in->n_refs == 1 && *spare == NULL && link->in->room == BLOCK_BYTES) {
        *spare = link->in;
        link->in = NULL;
    } else {
        link_block_release(&link->in);
    }
}

bool link_has_more(const struct link *link)
{
    return link->in != NULL && link->start < link->in->size;
}

struct link_block *link_hold(struct link *link)
{
    link->in->n_refs++;
    return link->in;
}

static int on_greeting(struct link *link)
{
    int err = zmtp_check_greeting(link->in->bytes + link->scan, link->in->size - link->scan);
    if (err == 0) {
        link->scan += ZMTP_GREETING_BYTES;
        link->start = link->scan;
        link->state = LINK_READY;
    }
    return err;
}

static int on_ready(struct link *link, const uint8_t *bytes, size_t size)
{
    const uint8_t *identity;
    size_t identity_size;
    int err = zmtp_read_ready(bytes, size, link->is_binder ? "DEALER" : "ROUTER", &identity, &identity_size);
    if (err == 0) {
        link->state = LINK_OPEN;
        link->has_identity = identity_size == ROUTING_ID_BYTES && routing_id_decode(identity, identity_size, &link->who) == 0;
    }
    return err;
}

/* A frame that is whole. Returns what link_next() does, LINK_NONE: go on. */
static int on_frame(struct link *link, const struct zmtp_frame *frame, const uint8_t *body, struct link_message *out_message)
{
    if ((frame->flags & ZMTP_COMMAND) != 0) {
        bool is_between = link->n_frames == 0;
        link->start = is_between ? link->scan : link->start;
        if (link->state == LINK_OPEN) {
            return is_between ? LINK_NONE : -ERROR_SYNTAX; /* a heartbeat: nobody here asks for any */
        }
        int err = on_ready(link, body, frame->size);
        return err == 0 ? LINK_OPENED : err;
    }
    if (link->state != LINK_OPEN) {
        return -ERROR_SYNTAX;
    }
    if (link->n_frames++ == 0) {
        link->head_at = (size_t)(body - link->in->bytes) - link->start;
        link->head_size = frame->size;
    }
    if ((frame->flags & ZMTP_MORE) != 0) {
        link->start = link->n_frames >= 2 ? link->scan : link->start; /* it is refused: nothing of it is kept */
        return LINK_NONE;
    }
    *out_message = (struct link_message){.n_frames = link->n_frames, .body = body, .body_size = frame->size};
    if (link->n_frames == 2) {
        out_message->head = link->in->bytes + link->start + link->head_at;
        out_message->head_size = link->head_size;
    }
    link->n_frames = 0;
    link->start = link->scan;
    return LINK_MESSAGE;
}

int link_next(struct link *link, struct link_message *out_message)
{
    int result = LINK_NONE;
    if (link->in != NULL && link->state == LINK_GREETING) {
        result = on_greeting(link);
        result = result == -EAGAIN ? LINK_NONE : result;
    }
    while (link->in != NULL && link->state != LINK_GREETING && result == LINK_NONE) {
        struct zmtp_frame frame;
        const uint8_t *at = link->in->bytes + link->scan;
        size_t left = link->in->size - link->scan;
        int err = zmtp_read_head(at, left, &frame);
        if (err == -EAGAIN) {
            return LINK_NONE;
        }
        size_t limit = link->state == LINK_OPEN && (err != 0 || (frame.flags & ZMTP_COMMAND) == 0) ? (size_t)BUS_MESSAGE_MAX_BYTES : (size_t)ZMTP_COMMAND_MAX;
        if (err != 0 || frame.size > limit) {
            return -ERROR_SYNTAX;
        }
        if (left - frame.head_size < frame.size) {
            return LINK_NONE;
        }
        link->scan += frame.head_size + (size_t)frame.size;
        result = on_frame(link, &frame, at + frame.head_size, out_message);
    }
    return result;
}

/* ---- life ---- */

struct link *link_new(int fd, bool is_binder, const struct transport *transport, const struct bus_identity *self)
{
    struct link *link = memory_zeroed(sizeof *link);
    uint8_t greeting[ZMTP_GREETING_BYTES], ready[ZMTP_READY_MAX], id[ROUTING_ID_BYTES];
    link->fd = fd;
    link->is_binder = is_binder;
    link->transport = transport;
    routing_id_encode(self, id);
    zmtp_greeting(greeting);
    (void)put_bytes(link, greeting, sizeof greeting);
    (void)put_bytes(link, ready, zmtp_ready(is_binder ? "ROUTER" : "DEALER", id, is_binder ? 0 : sizeof id, ready));
    return link;
}

void link_destroy(struct link **link)
{
    struct link *gone = *link;
    if (gone == NULL) {
        return;
    }
    *link = NULL;
    while (gone->piece_at < gone->n_pieces) {
        link_shared_release(&gone->pieces[gone->piece_at++].shared);
    }
    free(gone->pieces);
    free(gone->out);
    link_block_release(&gone->in);
    close(gone->fd);
    free(gone);
}
