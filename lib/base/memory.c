/* Heap memory that does not return NULL. See memory.h.
 *
 * The one place where control code meets malloc. The message goes straight to standard error: the log might allocate.
 * Any thread; costs a compare beside malloc.
 */
#include "lib/base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *check(void *memory)
{
    if (memory == NULL) {
        fputs("fatal: out of memory\n", stderr);
        abort();
    }
    return memory;
}

enum { HUGE_BYTES = 2 << 20 };

void *memory_zeroed(size_t size)
{
    return check(calloc(1, size != 0 ? size : 1));
}

void *memory_lines(size_t size)
{
    size_t rounded = size != 0 ? (size + 63) / 64 * 64 : 64;
    return memset(check(aligned_alloc(64, rounded)), 0, rounded);
}

void *memory_huge(size_t size)
{
    size_t rounded = size != 0 ? (size + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES : HUGE_BYTES;
    void *memory = check(aligned_alloc(HUGE_BYTES, rounded));
    (void)madvise(memory, rounded, MADV_HUGEPAGE); /* small ones do too */
    return memset(memory, 0, rounded);
}

static size_t whole_pages(size_t size)
{
    return (size + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
}

void *memory_pages(size_t size)
{
    if (size < HUGE_BYTES) {
        return memory_zeroed(size);
    }
    size_t bytes = whole_pages(size);
    uint8_t *memory = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)check(memory != MAP_FAILED ? memory : NULL);
    size_t before = (HUGE_BYTES - (uintptr_t)memory % HUGE_BYTES) % HUGE_BYTES; /* what stands before and behind whole pages goes back */
    if (before > 0) {
        (void)munmap(memory, before);
    }
    (void)munmap(memory + before + bytes, HUGE_BYTES - before);
    (void)madvise(memory + before, bytes, MADV_HUGEPAGE); /* small ones do too */
    return memory + before;
}

void memory_pages_free(void *memory, size_t size)
{
    if (memory == NULL || size < HUGE_BYTES) {
        free(memory);
    } else {
        (void)munmap(memory, whole_pages(size));
    }
}

void *memory_array(size_t count, size_t element_size)
{
    return check(calloc(count != 0 ? count : 1, element_size));
}

void *memory_resize(void *old, size_t size)
{
    return check(realloc(old, size != 0 ? size : 1));
}

void *memory_copy(const void *bytes, size_t size)
{
    void *copy = memory_zeroed(size);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

char *memory_string(const char *text)
{
    return memory_copy(text, strlen(text) + 1);
}

FILE *memory_stream(char **out_text, size_t *out_size)
{
    return check(open_memstream(out_text, out_size));
}

char *memory_format(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    return check(size >= 0 ? text : NULL);
}
