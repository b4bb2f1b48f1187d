/* One byte channel to an OpenFlow peer: a non-blocking stream socket, in the clear or under TLS (channel.h), whole messages in, bytes out,
 * both bounded.
 *
 * What is to be sent is appended to conn_output() and leaves as the socket takes it. The peer that does not read is held in two steps:
 * above CONN_OUTPUT_STOP no further request is handed out (conn_next() says "none"), and what nobody asked for (packet-ins) is not
 * to be appended any more (conn_has_room()). So a peer's backlog is at most CONN_OUTPUT_STOP plus the answer to one request, plus what may
 * neither be dropped nor put off: whoever appends that asks conn_is_overfull() first, and gives the peer up.
 * Tests use a socketpair. One thread.
 */
#ifndef BUSBAR_OFAGENT_CONN_H
#define BUSBAR_OFAGENT_CONN_H

#include <poll.h>

#include "lib/openflow/of_message.h"
#include "lib/openflow/of_stream.h"
#include "services/ofagent/channel.h"

enum {
    CONN_OUTPUT_STOP = 1024 * 1024, /* more than a window of TCP: a peer that reads never sees it */
    CONN_OUTPUT_ROOM = 512 * 1024,  /* packet-ins end here, so that answers still have room */
    CONN_OUTPUT_MAX = 16 << 20,     /* beyond this, what may not be dropped (FLOW_REMOVED, PORT_STATUS) ends the session */
    CONN_RECEIVE_PER_STEP = 8,      /* reads of OF_STREAM_READ bytes at one go: nobody starves the other sessions (I9) */
};

struct conn;
/* Takes the socket, which is connected and non-blocking, and the channel over it (NULL: bytes go as they are). */
struct conn *conn_new(int fd, struct channel *channel);
void conn_destroy(struct conn **conn);
int conn_fd(const struct conn *conn);
/* POLLIN while messages would be handed out, POLLOUT while there is something to send. */
short conn_events(const struct conn *conn, bool wants_input);

/* The next whole message, lent until the next call: 1; 0: none now; -EPROTO: cannot be framed; -EPIPE: the peer has closed; or -errno. */
int conn_next(struct conn *conn, const uint8_t **out_bytes, size_t *out_size) MUST_CHECK;
/* The xid of a message that could not be framed. */
uint32_t conn_xid(const struct conn *conn);
struct writer *conn_output(struct conn *conn);
/* What has been appended since the last call, whole messages, lent until the next append; 0 bytes when nothing has. To be asked before conn_flush(). */
size_t conn_appended(struct conn *conn, const uint8_t **out_bytes);
bool conn_has_room(const struct conn *conn); /* for what nobody asked for */
/* Is more than CONN_OUTPUT_MAX left after the socket has been offered it once more? */
bool conn_is_overfull(struct conn *conn);
/* Sends what the socket takes. 0 or -errno when it has failed. */
int conn_flush(struct conn *conn) MUST_CHECK;
/* What an error of conn_next() or conn_flush() means here, for people; lent until the next call. */
const char *conn_why(const struct conn *conn, int err);
/* A new step begins: reading is allowed CONN_RECEIVE_PER_STEP times again; with `may_have` false the socket is known to have nothing and is not asked. */
void conn_begin_step(struct conn *conn, bool may_have);
/* Whether conn_next() ended a step with input left over, so that waiting for the socket would be wrong. */
bool conn_has_more(const struct conn *conn);
/* Has the peer gone altogether? For sessions that are not read from and so do not see the end. Costs a system call. */
bool conn_is_dead(const struct conn *conn);

#endif
