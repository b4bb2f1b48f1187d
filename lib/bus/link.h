/* One connection of bus_direct.c: bytes in as messages, messages out as bytes. For files of lib/bus only.
 *
 *   in    recv() ──► block  [ greeting | READY | head frame, body frame | head fra ]      a message's body is lent out of the block, which lives as
 *                             read up to here ─┘                       half a message     long as somebody holds a message of it
 *   out   link_put() ──► pieces: own bytes │ a shared body │ own bytes ──► link_flush(): sendmsg(), sendfile()
 */
#ifndef BUSBAR_BUS_LINK_H
#define BUSBAR_BUS_LINK_H

#include <uthash.h>

#include "lib/bus/transport.h"

struct link_block {
    struct bus_owned owned; /* first: bus_message.owner is the block */
    uint32_t n_refs;        /* the link's (or the spare one's) and one for each message */
    size_t room, size;
    uint8_t bytes[];
};

/* What bus_share() gives on such a socket. */
struct link_shared {
    struct bus_shared shared; /* first; its `bytes` are NULL, so that bus.c leaves it to us */
    uint32_t n_refs;
    uint32_t n_puts; /* how many links it was given to */
    int fd;          /* -1, or a file in memory with the same bytes: sending from it copies nothing */
    uint8_t bytes[];
};

struct link_piece {
    struct link_shared *shared; /* NULL: the next bytes of `out` */
    size_t size;                /* left of it */
    size_t n_messages;          /* that end in it */
};

enum link_state { LINK_GREETING, LINK_READY, LINK_OPEN };

struct link {
    const struct transport *transport;
    int fd;
    enum link_state state;
    bool is_binder; /* our side is */
    bool has_identity;
    bool is_dead;    /* a send failed: what it has said may still be read */
    bool is_blocked; /* its owner waits for room in the socket */
    bool is_dirty;   /* has something to send, and its owner knows */
    struct bus_identity who; /* the peer; of a ROUTER's link with an identity of ours */
    uint64_t deadline_ns;    /* of the handshake */

    struct link_block *in; /* NULL: nothing read that was not given out */
    size_t start, scan;    /* the message that is being read, and its next frame */
    size_t n_frames, head_at, head_size; /* of that message; `head_at` from its start */

    uint8_t *out;
    size_t out_at, out_size, out_room;
    struct link_piece *pieces;
    size_t piece_at, n_pieces, piece_room;
    size_t n_queued; /* messages that did not go out whole */
    size_t n_waiting; /* bytes that did not go out, those of shared bodies too */

    struct link *prev, *next;             /* its owner's list */
    struct link *dirty_prev, *dirty_next; /* its owner's list of those to be flushed */
    UT_hash_handle hh;                    /* its owner's, by `who` */
};

/* A message as it was read. Everything is lent until the next call. */
struct link_message {
    const uint8_t *head, *body;
    size_t head_size, body_size;
    size_t n_frames; /* 2 is right; of the rest only the number is known */
};

/* Takes the fd. Greets and says READY as `self`. */
struct link *link_new(int fd, bool is_binder, const struct transport *transport, const struct bus_identity *self);
void link_destroy(struct link **link); /* closes the fd */

/* Reads what is there, once, into `*spare` when the link has no block (which takes it). 1: something came; 0: nothing; -ERROR_NOT_CONNECTED: the end. */
int link_fill(struct link *link, struct link_block **spare);
enum { LINK_NONE = 0, LINK_MESSAGE = 1, LINK_OPENED = 2 /* the handshake is done */ };
/* What was read, piece by piece; LINK_NONE: the rest is not whole. Negative: this peer speaks nonsense, to be destroyed. */
int link_next(struct link *link, struct link_message *out_message);
/* After LINK_NONE: gives an empty block back. */
void link_rest(struct link *link, struct link_block **spare);
/* Whether bytes are left that link_next() has not given out. */
bool link_has_more(const struct link *link);
/* One more reference to the block that the last message lies in: for bus_message.owner. */
struct link_block *link_hold(struct link *link);
void link_block_release(struct link_block **block);

/* Queues a message: the bytes, or the shared body. */
void link_put(struct link *link, const void *head, size_t head_size, const void *body, size_t size, struct link_shared *shared);
/* 0: all is out; -EAGAIN: the socket is full; -ERROR_NOT_CONNECTED. */
int link_flush(struct link *link) MUST_CHECK;
size_t link_waiting_bytes(const struct link *link); /* of its own bytes */

struct link_shared *link_share(const struct transport *transport, const void *bytes, size_t size);
void link_shared_release(struct link_shared **shared);
/* Nobody is given it any more: what waits goes out from memory, so that no stopped peer keeps a file open. */
void link_shared_end(struct link_shared *shared);

#endif
