/* The bounded reader and writer: the only code that touches foreign bytes.
 *
 * A reader never moves past its end: the first read that would do so marks it failed, returns zeroes from then on and
 * reader_finish() says -ERROR_TRUNCATED; so a decoder reads a whole struct and checks once. A decoder that leaves bytes over
 * gets -ERROR_TRAILING. A writer grows (control code only; dies on out-of-memory) up to a limit given at its birth.
 * Any thread; no state outside the struct.
 */
#ifndef BUSBAR_BASE_BYTES_H
#define BUSBAR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/endian.h"
#include "lib/base/error.h"

struct reader {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

static inline struct reader reader_of(const void *bytes, size_t size)
{
    static const uint8_t nothing[1];
    const uint8_t *start = bytes != NULL ? bytes : nothing;
    return (struct reader){.pos = start, .end = start + (bytes != NULL ? size : 0)};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->pos);
}

/* `size` bytes, lent as long as the input lives; NULL when there are not that many. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t size)
{
    if (r->failed || reader_left(r) < size) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->pos;
    r->pos += size;
    return bytes;
}

/* Copies `size` bytes to `out`, or zeroes when there are not that many. */
static inline void reader_copy(struct reader *r, void *out, size_t size)
{
    const uint8_t *bytes = reader_bytes(r, size);
    if (bytes != NULL) {
        memcpy(out, bytes, size);
    } else {
        memset(out, 0, size);
    }
}

static inline uint8_t reader_u8(struct reader *r)
{
    uint8_t value;
    reader_copy(r, &value, sizeof value);
    return value;
}

/* Network order in, host order out. */
static inline uint16_t reader_u16(struct reader *r)
{
    struct be16 value;
    reader_copy(r, &value, sizeof value);
    return host16(value);
}

static inline uint32_t reader_u32(struct reader *r)
{
    struct be32 value;
    reader_copy(r, &value, sizeof value);
    return host32(value);
}

static inline uint64_t reader_u64(struct reader *r)
{
    struct be64 value;
    reader_copy(r, &value, sizeof value);
    return host64(value);
}

static inline void reader_skip(struct reader *r, size_t size)
{
    (void)reader_bytes(r, size);
}

/* A reader of the next `size` bytes, which this one steps over; failed when there are not that many. */
static inline struct reader reader_sub(struct reader *r, size_t size)
{
    const uint8_t *bytes = reader_bytes(r, size);
    struct reader sub = reader_of(bytes, size);
    sub.failed = bytes == NULL;
    return sub;
}

/* 0, -ERROR_TRUNCATED when a read failed, -ERROR_TRAILING when bytes are left. */
int reader_finish(const struct reader *r) MUST_CHECK;

struct writer {
    uint8_t *bytes; /* owned */
    size_t size;
    size_t room;
};

void writer_init(struct writer *w);
void writer_fini(struct writer *w);
void writer_clear(struct writer *w);
/* Room for `size` more bytes, zeroed and counted as written; valid until the next call. */
uint8_t *writer_extend(struct writer *w, size_t size);
/* Room for `size` more bytes, neither zeroed nor counted: whoever fills some of it adds their number to w->size. */
uint8_t *writer_reserve(struct writer *w, size_t size);
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_u64(struct writer *w, uint64_t value);
void writer_bytes(struct writer *w, const void *bytes, size_t size);
void writer_pad(struct writer *w, size_t size);
/* Writes a 16-bit length at `offset`, for headers whose length is known last. */
void writer_patch_u16(struct writer *w, size_t offset, uint16_t value);

#endif
