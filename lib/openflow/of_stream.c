/* Bytes of a connection become whole messages.
 *
 * One buffer: messages are handed out where they lie, and what is left of an unfinished one is moved to the front before the next read, so
 * each byte is moved at most once per read. The owner of the connection calls this; no thread but its own.
 * Invariant: begin <= end <= room, and room never exceeds one message and one read (64 KiB + 16 KiB).
 */
#include "lib/openflow/of_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/openflow/of_header.h"

void of_stream_init(struct of_stream *s)
{
    *s = (struct of_stream){.bytes = NULL};
}

void of_stream_fini(struct of_stream *s)
{
    free(s->bytes);
    of_stream_init(s);
}

size_t of_stream_room(struct of_stream *s, uint8_t **out_room)
{
    size_t kept = s->end - s->begin;

    if (s->begin > 0) {
        memmove(s->bytes, s->bytes + s->begin, kept);
        s->begin = 0;
        s->end = kept;
    }
    if (s->room - s->end < OF_STREAM_READ) {
        s->room = s->end + OF_STREAM_READ;
        s->bytes = memory_resize(s->bytes, s->room);
    }
    *out_room = s->bytes + s->end;
    return s->room - s->end;
}

void of_stream_received(struct of_stream *s, size_t size)
{
    s->end += size;
}

int of_stream_next(struct of_stream *s, const uint8_t **out_bytes, size_t *out_size)
{
    struct of_header header;
    size_t left = s->end - s->begin;

    if (left == 0 || of_header_read(s->bytes + s->begin, left, &header) != 0) {
        return 0;
    }
    if (header.length < OF_HEADER_SIZE) {
        return -EPROTO;
    }
    if (left < header.length) {
        return 0;
    }
    *out_bytes = s->bytes + s->begin;
    *out_size = header.length;
    s->begin += header.length;
    return 1;
}

uint32_t of_stream_xid(const struct of_stream *s)
{
    struct of_header header = {.xid = 0};

    if (s->end == s->begin || of_header_read(s->bytes + s->begin, s->end - s->begin, &header) != 0) {
        return 0;
    }
    return header.xid;
}
