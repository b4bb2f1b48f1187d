/* The shard's frames: one region registered with every AF_XDP socket, and who owns each frame of it (I4).
 *
 * Small frames are a chunk of 4 KiB, data from UMEM_HEADROOM on; large ones are four chunks in a row, so that a frame of 9,000 bytes
 * is one piece for parser and executor. A frame is named by the offset of its first chunk. Taking, giving and moving are on the
 * packet path: O(1), no allocation; inline, and with a form for a whole burst, because a call and a count for each frame cost more than
 * what they guard. A frame that is not in the state a move comes from ends the process in every build. One thread.
 */
#ifndef BUSBAR_FASTPATH_UMEM_H
#define BUSBAR_FASTPATH_UMEM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum frame_state {
    FRAME_FREE,
    FRAME_FILL,    /* lent to a device for receiving: its fill or receive ring */
    FRAME_WORKER,  /* between a receive and a transmit burst */
    FRAME_PENDING, /* waits for an answer of the slowpath */
    FRAME_TX,      /* lent to a device for sending: its transmit or completion ring */
    FRAME_STATE_COUNT
};

enum {
    UMEM_CHUNK_BYTES = 4096,
    UMEM_LARGE_CHUNKS = 4,
    UMEM_HEADROOM = 256, /* what the kernel leaves before a received frame (XDP_PACKET_HEADROOM) */
    UMEM_SMALL_ROOM = UMEM_CHUNK_BYTES - UMEM_HEADROOM,
    UMEM_LARGE_ROOM = UMEM_LARGE_CHUNKS * UMEM_CHUNK_BYTES - UMEM_HEADROOM,
};
#define UMEM_NONE UINT64_MAX
/* The holder of frames of a device that knows itself which it has: umem_take_back() is not called for it. */
#define UMEM_HOLDER_OWN UINT16_MAX

struct umem {
    uint8_t *base; /* read by devices' code, which knows frames by offset */
    size_t size_bytes;
    bool has_huge_pages; /* reserved ones; else those the kernel has to spare */
    /* private */
    uint32_t n_small, n_large;
    uint32_t n_free_small, n_free_large;
    uint32_t *free_small, *free_large; /* stacks of frame numbers */
    uint8_t *state;                    /* by frame number: small ones, then large ones */
    uint16_t *holder;                  /* which device a lent frame is with, as it numbers itself */
    uint8_t *pieces;                   /* for the device that sends a frame in pieces: how many are under way */
    uint32_t counts[FRAME_STATE_COUNT];
};

/* -ENOMEM when the region cannot be mapped. */
int umem_new(uint32_t n_small, uint32_t n_large, struct umem **out_umem) MUST_CHECK;
void umem_destroy(struct umem **umem);

/* Frees every frame lent to the device, when it has closed and the kernel has let go of them. */
void umem_take_back(struct umem *umem, uint16_t holder);
/* The frame that holds the byte at `offset` of the region. */
uint64_t umem_frame_of(const struct umem *umem, uint64_t offset);
/* How many pieces of a frame under transmission are still out: raised by tx, lowered by completions. */
uint8_t *umem_pieces(struct umem *umem, uint64_t frame);
/* Bytes from the frame's start. */
size_t umem_frame_bytes(const struct umem *umem, uint64_t frame);
uint32_t umem_total(const struct umem *umem);
uint32_t umem_count(const struct umem *umem, enum frame_state state);
/* Walks every frame: each has one state, the counts agree, the free stacks hold exactly the free ones (I4). For tests and dp-show. */
bool umem_is_sound(const struct umem *umem);
const char *frame_state_name(enum frame_state state);

/* ---- the packet path ---- */

/* The frame's number, by any byte of it. */
static inline uint32_t umem_number(const struct umem *umem, uint64_t offset)
{
    uint64_t small_end = (uint64_t)umem->n_small * UMEM_CHUNK_BYTES;
    if (__builtin_expect(offset < small_end, 1)) {
        return (uint32_t)(offset / UMEM_CHUNK_BYTES);
    }
    return umem->n_small + (uint32_t)((offset - small_end) / (UMEM_LARGE_CHUNKS * UMEM_CHUNK_BYTES));
}

static inline uint64_t umem_frame_at(const struct umem *umem, uint32_t number)
{
    if (__builtin_expect(number < umem->n_small, 1)) {
        return (uint64_t)number * UMEM_CHUNK_BYTES;
    }
    uint64_t n_chunks = umem->n_small + (uint64_t)(number - umem->n_small) * UMEM_LARGE_CHUNKS;
    return n_chunks * UMEM_CHUNK_BYTES;
}

/* Changes the state of one frame; the caller corrects the counts. Returns the frame's number. */
static inline uint32_t umem_set_state(struct umem *umem, uint64_t frame, enum frame_state from, enum frame_state to)
{
    uint32_t number = umem_number(umem, frame);
    assert(number < umem->n_small + umem->n_large && umem->state[number] == from);
    umem->state[number] = (uint8_t)to;
    return number;
}

static inline void umem_count_moved(struct umem *umem, enum frame_state from, enum frame_state to, uint32_t n)
{
    umem->counts[from] -= n;
    umem->counts[to] += n;
}

static inline void umem_push_free(struct umem *umem, uint32_t number)
{
    if (__builtin_expect(number < umem->n_small, 1)) {
        umem->free_small[umem->n_free_small++] = number;
    } else {
        umem->free_large[umem->n_free_large++] = number;
    }
}

/* A free frame that holds `size` bytes from UMEM_HEADROOM on, now in `state`; UMEM_NONE when there is none. */
static inline uint64_t umem_take(struct umem *umem, size_t size, enum frame_state state)
{
    uint32_t number;
    if (size <= UMEM_SMALL_ROOM && umem->n_free_small > 0) {
        number = umem->free_small[--umem->n_free_small];
    } else if (size <= UMEM_LARGE_ROOM && size > UMEM_SMALL_ROOM && umem->n_free_large > 0) {
        number = umem->free_large[--umem->n_free_large];
    } else {
        return UMEM_NONE;
    }
    umem->state[number] = (uint8_t)state;
    umem_count_moved(umem, FRAME_FREE, state, 1);
    return umem_frame_at(umem, number);
}

/* Up to n free small frames, now in `state`; returns how many there were. */
static inline unsigned umem_take_small(struct umem *umem, unsigned n, enum frame_state state, uint64_t *out_frames)
{
    uint8_t *states = umem->state;
    n = n < umem->n_free_small ? n : umem->n_free_small;
    const uint32_t *top = umem->free_small + umem->n_free_small;
    for (unsigned i = 0; i < n; i++) {
        uint32_t number = *--top;
        states[number] = (uint8_t)state;
        out_frames[i] = (uint64_t)number * UMEM_CHUNK_BYTES;
    }
    umem->n_free_small -= n;
    umem_count_moved(umem, FRAME_FREE, state, n);
    return n;
}

static inline void umem_move(struct umem *umem, uint64_t frame, enum frame_state from, enum frame_state to)
{
    (void)umem_set_state(umem, frame, from, to);
    umem_count_moved(umem, from, to, 1);
}

static inline void umem_give(struct umem *umem, uint64_t frame, enum frame_state from)
{
    umem_push_free(umem, umem_set_state(umem, frame, from, FRAME_FREE));
    umem_count_moved(umem, from, FRAME_FREE, 1);
}

/* Of a burst, with what does not change held in registers (a store to a state may, to the compiler, change anything) and one look at the end
 * whether all were in the state they should have been in. */
static inline void umem_give_n(struct umem *umem, const uint64_t *frames, unsigned n, enum frame_state from)
{
    uint8_t *states = umem->state;
    uint32_t *top = umem->free_small + umem->n_free_small;
    uint32_t n_small = umem->n_small, wrong = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t number = frames[i] / UMEM_CHUNK_BYTES;
        if (__builtin_expect(number >= n_small, 0)) {
            umem->free_large[umem->n_free_large++] = umem_set_state(umem, frames[i], from, FRAME_FREE);
            continue;
        }
        wrong |= states[number] ^ (uint32_t)from;
        states[number] = FRAME_FREE;
        *top++ = (uint32_t)number;
    }
    assert(wrong == 0);
    umem->n_free_small = (uint32_t)(top - umem->free_small);
    umem_count_moved(umem, from, FRAME_FREE, n);
}

/* Lends a frame of the worker (or a free one just taken) to a device. */
static inline void umem_lend(struct umem *umem, uint64_t frame, enum frame_state from, enum frame_state to, uint16_t holder)
{
    umem->holder[umem_set_state(umem, frame, from, to)] = holder;
    umem_count_moved(umem, from, to, 1);
}

static inline void umem_lend_n(struct umem *umem, const uint64_t *frames, unsigned n, enum frame_state from, enum frame_state to,
                               uint16_t holder)
{
    uint8_t *states = umem->state;
    uint16_t *holders = umem->holder;
    uint32_t n_small = umem->n_small, wrong = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t number = frames[i] / UMEM_CHUNK_BYTES;
        if (__builtin_expect(number >= n_small, 0)) {
            holders[umem_set_state(umem, frames[i], from, to)] = holder;
            continue;
        }
        wrong |= states[number] ^ (uint32_t)from;
        states[number] = (uint8_t)to;
        holders[number] = holder;
    }
    assert(wrong == 0);
    umem_count_moved(umem, from, to, n);
}

#endif
