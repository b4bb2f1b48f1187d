/* Frames and their owners.
 *
 *     base                                   n_small * 4 KiB                              size_bytes
 *     | small 0 | small 1 | ...              | large 0: 4 chunks | large 1 | ...         |
 *       ^256 data
 *
 *     FREE -> FILL -> WORKER -> TX -> FREE            forwarded: lent for receiving, ours for a burst, lent for sending
 *                     WORKER -> PENDING -> WORKER     waits for an answer
 *                     WORKER -> FREE                  dropped, consumed
 *             FREE -> WORKER                          a copy
 *
 * Why states: a frame with two owners is sent with somebody else's bytes, and one with none is a leak that shows after days. Each
 * move names the state it comes from, and a wrong one ends the process at once: it is our own mistake (I4).
 * Why stacks: the frame freed last is the one still in the CPU's cache. Cost: a nanosecond or two a move, the moves being inline
 * (umem.h); half of that for the frames of a burst moved together, whose counts change once.
 * Packet path, worker thread; new and destroy in control code.
 */
#include "services/fastpath/umem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/memory.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static uint8_t *map_region(size_t size, bool *out_is_huge)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
    *out_is_huge = base != MAP_FAILED;
    if (base == MAP_FAILED) {
        base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (base != MAP_FAILED) {
            (void)madvise(base, size, MADV_HUGEPAGE); /* large pages if the kernel has some to spare */
        }
    }
    return base == MAP_FAILED ? NULL : base;
}

int umem_new(uint32_t n_small, uint32_t n_large, struct umem **out_umem)
{
    struct umem *umem = memory_zeroed(sizeof *umem);
    size_t wanted = ((size_t)n_small + (size_t)n_large * UMEM_LARGE_CHUNKS) * UMEM_CHUNK_BYTES;
    umem->size_bytes = (wanted + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
    umem->base = map_region(umem->size_bytes, &umem->has_huge_pages);
    if (umem->base == NULL) {
        umem_destroy(&umem);
        return -ENOMEM;
    }
    umem->n_small = n_small;
    umem->n_large = n_large;
    umem->free_small = memory_array(n_small + 1, sizeof *umem->free_small);
    umem->free_large = memory_array(n_large + 1, sizeof *umem->free_large);
    umem->state = memory_zeroed(n_small + n_large + 1);
    umem->holder = memory_array(n_small + n_large + 1, sizeof *umem->holder);
    umem->pieces = memory_zeroed(n_small + n_large + 1);
    for (uint32_t i = n_small; i > 0; i--) {
        umem->free_small[umem->n_free_small++] = i - 1;
    }
    for (uint32_t i = n_large; i > 0; i--) {
        umem->free_large[umem->n_free_large++] = n_small + i - 1;
    }
    umem->counts[FRAME_FREE] = n_small + n_large;
    *out_umem = umem;
    return 0;
}

void umem_destroy(struct umem **umem)
{
    if (*umem == NULL) {
        return;
    }
    if ((*umem)->base != NULL) {
        munmap((*umem)->base, (*umem)->size_bytes);
    }
    free((*umem)->free_small);
    free((*umem)->free_large);
    free((*umem)->state);
    free((*umem)->holder);
    free((*umem)->pieces);
    free(*umem);
    *umem = NULL;
}

void umem_take_back(struct umem *umem, uint16_t holder)
{
    for (uint32_t i = 0; i < umem_total(umem); i++) {
        if (umem->holder[i] == holder && (umem->state[i] == FRAME_FILL || umem->state[i] == FRAME_TX)) {
            umem->pieces[i] = 0;
            umem_give(umem, umem_frame_at(umem, i), (enum frame_state)umem->state[i]);
        }
    }
}

uint8_t *umem_pieces(struct umem *umem, uint64_t frame)
{
    return &umem->pieces[umem_number(umem, frame)];
}

uint64_t umem_frame_of(const struct umem *umem, uint64_t offset)
{
    return umem_frame_at(umem, umem_number(umem, offset));
}

size_t umem_frame_bytes(const struct umem *umem, uint64_t frame)
{
    return umem_number(umem, frame) < umem->n_small ? UMEM_CHUNK_BYTES : (size_t)UMEM_LARGE_CHUNKS * UMEM_CHUNK_BYTES;
}

uint32_t umem_total(const struct umem *umem)
{
    return umem->n_small + umem->n_large;
}

uint32_t umem_count(const struct umem *umem, enum frame_state state)
{
    return umem->counts[state];
}

bool umem_is_sound(const struct umem *umem)
{
    uint32_t seen[FRAME_STATE_COUNT] = {0};
    uint32_t sum = 0;
    for (uint32_t i = 0; i < umem_total(umem); i++) {
        if (umem->state[i] >= FRAME_STATE_COUNT) {
            return false;
        }
        seen[umem->state[i]]++;
    }
    for (uint32_t i = 0; i < umem->n_free_small; i++) {
        if (umem->free_small[i] >= umem->n_small || umem->state[umem->free_small[i]] != FRAME_FREE) {
            return false;
        }
    }
    for (uint32_t i = 0; i < umem->n_free_large; i++) {
        if (umem->free_large[i] < umem->n_small || umem->state[umem->free_large[i]] != FRAME_FREE) {
            return false;
        }
    }
    for (int state = 0; state < FRAME_STATE_COUNT; state++) {
        sum += umem->counts[state];
        if (seen[state] != umem->counts[state]) {
            return false;
        }
    }
    return sum == umem_total(umem) && umem->n_free_small + umem->n_free_large == seen[FRAME_FREE];
}

const char *frame_state_name(enum frame_state state)
{
    static const char *const names[FRAME_STATE_COUNT] = {"free", "fill", "worker", "pending", "tx"};
    return (unsigned)state < FRAME_STATE_COUNT ? names[state] : "unknown";
}
