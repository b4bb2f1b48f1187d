/* The shard's frames: one region registered with every AF_XDP socket, and who owns each frame of it (I4).
 *
 * Small frames are a chunk of 4 KiB, data from UMEM_HEADROOM on; large ones are four chunks in a row, so that a frame of 9,000 bytes
 * is one piece for parser and executor. A frame is named by the offset of its first chunk. Taking, giving and moving are on the
 * packet path: O(1), no allocation. One thread.
 */
#ifndef BUSBAR_FASTPATH_UMEM_H
#define BUSBAR_FASTPATH_UMEM_H

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

struct umem {
    uint8_t *base; /* read by devices' code, which knows frames by offset */
    size_t size_bytes;
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

/* A free frame that holds `size` bytes from UMEM_HEADROOM on, now in `state`; UMEM_NONE when there is none. */
uint64_t umem_take(struct umem *umem, size_t size, enum frame_state state);
void umem_move(struct umem *umem, uint64_t frame, enum frame_state from, enum frame_state to);
void umem_give(struct umem *umem, uint64_t frame, enum frame_state from);
/* Lends a frame of the worker (or a free one just taken) to a device. */
void umem_lend(struct umem *umem, uint64_t frame, enum frame_state from, enum frame_state to, uint16_t holder);
/* Frees every frame lent to the device, when it has closed and the kernel has let go of them. */
void umem_take_back(struct umem *umem, uint16_t holder);
/* How many pieces of a frame under transmission are still out: raised by tx, lowered by completions. */
uint8_t *umem_pieces(struct umem *umem, uint64_t frame);
/* The frame that holds the byte at `offset` of the region. */
uint64_t umem_frame_of(const struct umem *umem, uint64_t offset);
/* Bytes from the frame's start. */
size_t umem_frame_bytes(const struct umem *umem, uint64_t frame);
uint32_t umem_total(const struct umem *umem);
uint32_t umem_count(const struct umem *umem, enum frame_state state);
/* Walks every frame: each has one state, the counts agree, the free stacks hold exactly the free ones (I4). For tests and dp-show. */
bool umem_is_sound(const struct umem *umem);
const char *frame_state_name(enum frame_state state);

#endif
