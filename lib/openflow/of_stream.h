/* Framing: a byte stream becomes messages, with at most one message (64 KiB) of memory.
 *
 *     size = of_stream_room(&s, &room);  n = recv(fd, room, size);  of_stream_received(&s, n);
 *     while ((err = of_stream_next(&s, &bytes, &size)) > 0) { ...one whole message... }
 *
 * A header that claims fewer than eight bytes cannot be stepped over: -EPROTO. The owner then sends BAD_REQUEST/BAD_LEN with
 * of_stream_xid() and closes. The buffer grows to what the connection needs and is never above 64 KiB plus one read.
 */
#ifndef BUSBAR_OPENFLOW_OF_STREAM_H
#define BUSBAR_OPENFLOW_OF_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum { OF_STREAM_READ = 16384 };

struct of_stream {
    uint8_t *bytes; /* owned */
    size_t room;
    size_t begin; /* first byte not yet handed out */
    size_t end;   /* first free byte */
};

void of_stream_init(struct of_stream *s);
void of_stream_fini(struct of_stream *s);
/* Where to read to, and how much fits there (at least OF_STREAM_READ). Messages handed out before are invalid from here on. */
size_t of_stream_room(struct of_stream *s, uint8_t **out_room);
/* `size` bytes were put there. */
void of_stream_received(struct of_stream *s, size_t size);
/* 1: *out_bytes (lent until of_stream_room) is a whole message of *out_size bytes; 0: more input is needed; -EPROTO: see above. */
int of_stream_next(struct of_stream *s, const uint8_t **out_bytes, size_t *out_size) MUST_CHECK;
/* The xid of the message that of_stream_next() refused or is still waiting for; 0 while its header is not there. */
uint32_t of_stream_xid(const struct of_stream *s);

#endif
