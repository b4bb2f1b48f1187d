/* How many bytes of the heap are in use, in builds with and without the address sanitizer.
 *
 * Not resident memory, which the sanitizer's quarantine and the allocator's own caches blur: what is asked for is whether things pile up.
 * Tests only; any thread.
 */
#ifndef BUSBAR_TESTS_SOAK_HEAP_H
#define BUSBAR_TESTS_SOAK_HEAP_H

#include <malloc.h>
#include <stddef.h>

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static inline size_t heap_in_use(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

#endif
