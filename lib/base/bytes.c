/* The bounded reader and writer. See bytes.h for the contract.
 *
 * Every access goes through reader_bytes(), which holds the only bounds check; the rest composes it, in the header, because a flow_mod is some thirty
 * reads. The reader costs a compare a field, which decoders of control messages can afford; the frame parser of the packet path has checks of its own.
 */
#include "lib/base/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

int reader_finish(const struct reader *r)
{
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    return reader_left(r) == 0 ? 0 : -ERROR_TRAILING;
}

void writer_init(struct writer *w)
{
    *w = (struct writer){0};
}

void writer_fini(struct writer *w)
{
    free(w->bytes);
    *w = (struct writer){0};
}

void writer_clear(struct writer *w)
{
    w->size = 0;
}

uint8_t *writer_reserve(struct writer *w, size_t size)
{
    if (w->room - w->size < size || w->bytes == NULL) {
        size_t room = w->room != 0 ? w->room : 64;
        while (room - w->size < size) {
            room *= 2;
        }
        w->bytes = memory_resize(w->bytes, room);
        w->room = room;
    }
    return w->bytes + w->size;
}

uint8_t *writer_extend(struct writer *w, size_t size)
{
    uint8_t *start = writer_reserve(w, size);
    memset(start, 0, size);
    w->size += size;
    return start;
}

void writer_bytes(struct writer *w, const void *bytes, size_t size)
{
    uint8_t *to = writer_extend(w, size);
    if (size > 0) {
        memcpy(to, bytes, size);
    }
}

void writer_u8(struct writer *w, uint8_t value)
{
    writer_bytes(w, &value, sizeof value);
}

void writer_u16(struct writer *w, uint16_t value)
{
    struct be16 net = be16(value);
    writer_bytes(w, &net, sizeof net);
}

void writer_u32(struct writer *w, uint32_t value)
{
    struct be32 net = be32(value);
    writer_bytes(w, &net, sizeof net);
}

void writer_u64(struct writer *w, uint64_t value)
{
    struct be64 net = be64(value);
    writer_bytes(w, &net, sizeof net);
}

void writer_pad(struct writer *w, size_t size)
{
    (void)writer_extend(w, size);
}

void writer_patch_u16(struct writer *w, size_t offset, uint16_t value)
{
    assert(offset + 2 <= w->size);
    struct be16 net = be16(value);
    memcpy(w->bytes + offset, &net, sizeof net);
}
