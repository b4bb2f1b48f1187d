/* Heap memory for control code: these die with one message when there is none.
 *
 * Untested recovery from out-of-memory is worse than a restart, which this switch survives by design. The packet path
 * allocates nothing. All return zeroed memory but memory_resize(), whose new part is not.
 */
#ifndef BUSBAR_BASE_MEMORY_H
#define BUSBAR_BASE_MEMORY_H

#include <stddef.h>
#include <stdio.h>

void *memory_zeroed(size_t size) __attribute__((returns_nonnull));
/* The same on a boundary of 64 bytes, for structs that are aligned to cache lines. */
void *memory_lines(size_t size) __attribute__((returns_nonnull));
/* The same in pages of 2 MB where the kernel has some, for what is looked into at random; a size is rounded up to them. */
void *memory_huge(size_t size) __attribute__((returns_nonnull));
/* The same without touching them first: what becomes large little by little, and is looked into at random, costs a page of 2 MB now and then
 * instead of a small one at nearly every touch. Below 2 MB it is as memory_zeroed(). Given back with the same size; NULL is fine. */
void *memory_pages(size_t size) __attribute__((returns_nonnull));
void memory_pages_free(void *memory, size_t size);
void *memory_array(size_t count, size_t element_size) __attribute__((returns_nonnull));
void *memory_resize(void *old, size_t size) __attribute__((returns_nonnull));
void *memory_copy(const void *bytes, size_t size) __attribute__((returns_nonnull));
char *memory_string(const char *text) __attribute__((returns_nonnull));
/* A stream that is written into a string. When it is closed, *out_text is the caller's and *out_size its length; both must live until then. */
FILE *memory_stream(char **out_text, size_t *out_size) __attribute__((returns_nonnull));
/* printf into a new string. */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#endif
