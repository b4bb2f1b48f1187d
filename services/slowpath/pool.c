/* Pieces by size, cut from chunks that become larger with the pool: 16 KB, then twice as much each time, up to 2 MB, which are large pages. So a
 * table of few rules stays small.
 *
 *     size      8, 16 ... 64  |  128, 192 ... 8 KB  |  16 KB, 32 KB ... 256 KB  |  more
 *     from      a row of 64   |  the chunk          |  the chunk                |  the system, each for itself
 *
 * Why not malloc: nodes of some 12 MB at 100,000 rules are visited at random, and with pages of 4 KB a wait for the translation of an address is
 * beside each wait for memory; and an update takes and gives back several. Measured: RATIONALE.md. What it costs: the address
 * sanitizer sees no piece that is used after it was given back. Cost: O(1). What is left at the end of a chunk is lost, an eighth of
 * it at most. Thread: the one that translates.
 */
#include "services/slowpath/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

enum {
    LINE = 64,
    SMALL_STEP = 8,
    ROW = 64,
    LINES_MAX = 128, /* 8 KB */
    LARGE_MAX = 256 << 10,
    N_SMALL = LINE / SMALL_STEP + 1,
    N_LARGE = 5,
    N_CLASSES = N_SMALL + LINES_MAX + N_LARGE + 1,
    CHUNK_FIRST = 16 << 10,
    CHUNK_MAX = 2 << 20
};

struct free_piece {
    struct free_piece *next;
};

struct chunk {
    struct chunk *next;
    uint8_t *memory; /* owned */
    size_t size;
};

struct pool {
    struct free_piece *free[N_CLASSES];
    uint8_t *at; /* the rest of the newest chunk */
    size_t left, chunk_size;
    struct chunk *chunks; /* owned */
};

/* The class of a size, and what its pieces have. */
static size_t class_of(size_t size, size_t *out_size)
{
    if (size <= LINE) {
        *out_size = (size + (size == 0) + SMALL_STEP - 1) / SMALL_STEP * SMALL_STEP;
        return *out_size / SMALL_STEP;
    }
    if (size <= (size_t)LINE * LINES_MAX) {
        size_t lines = (size + LINE - 1) / LINE;
        *out_size = lines * LINE;
        return N_SMALL + lines;
    }
    size_t number = N_SMALL + LINES_MAX + 1;
    for (*out_size = (size_t)LINE * LINES_MAX * 2; *out_size < size; *out_size *= 2) {
        number++;
    }
    return number;
}

struct pool *pool_new(void)
{
    struct pool *pool = memory_zeroed(sizeof *pool);
    pool->chunk_size = CHUNK_FIRST;
    return pool;
}

static struct chunk *add_chunk(struct pool *pool, size_t size)
{
    struct chunk *chunk = memory_zeroed(sizeof *chunk);
    chunk->memory = size < CHUNK_MAX ? memory_lines(size) : memory_pages(size);
    chunk->size = size;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    return chunk;
}

static void chunk_free(struct chunk *chunk)
{
    if (chunk->size < CHUNK_MAX) {
        free(chunk->memory);
    } else {
        memory_pages_free(chunk->memory, chunk->size);
    }
    free(chunk);
}

void pool_destroy(struct pool **pool)
{
    for (struct chunk *chunk = *pool != NULL ? (*pool)->chunks : NULL, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        chunk_free(chunk);
    }
    free(*pool);
    *pool = NULL;
}

static void *cut(struct pool *pool, size_t size)
{
    if (pool->left < size) {
        while (pool->chunk_size < size) {
            pool->chunk_size *= 2;
        }
        pool->at = add_chunk(pool, pool->chunk_size)->memory;
        pool->left = pool->chunk_size;
        pool->chunk_size *= pool->chunk_size < CHUNK_MAX ? 2 : 1;
    }
    void *piece = pool->at;
    pool->at += size;
    pool->left -= size;
    return piece;
}

static void put(struct pool *pool, size_t class, void *piece)
{
    struct free_piece *freed = piece;
    freed->next = pool->free[class];
    pool->free[class] = freed;
}

void *pool_take(struct pool *pool, size_t size)
{
    if (size > LARGE_MAX) {
        return size < CHUNK_MAX ? memory_lines(size) : memory_pages(size);
    }
    size_t rounded, class = class_of(size, &rounded);
    if (pool->free[class] == NULL && rounded < LINE) {
        uint8_t *row = cut(pool, rounded * ROW);
        for (size_t i = ROW; i-- > 0;) {
            put(pool, class, row + i * rounded);
        }
    }
    void *piece = pool->free[class];
    if (piece == NULL) {
        return cut(pool, rounded); /* which is zeroed yet */
    }
    pool->free[class] = pool->free[class]->next;
    return memset(piece, 0, size);
}

void pool_give(struct pool *pool, void *piece, size_t size)
{
    if (piece == NULL) {
        return;
    }
    if (size > LARGE_MAX) {
        if (size < CHUNK_MAX) {
            free(piece);
        } else {
            memory_pages_free(piece, size);
        }
        return;
    }
    size_t rounded, class = class_of(size, &rounded);
    put(pool, class, piece);
}
