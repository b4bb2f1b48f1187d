/* Capture files for tests: made byte by byte, so that nothing of what is tested made them. */
#ifndef BUSBAR_TESTS_FASTPATH_CAPTURES_H
#define BUSBAR_TESTS_FASTPATH_CAPTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/memory.h"

enum { CAPTURE_LINK_ETHERNET = 1, CAPTURE_LINK_RAW = 101 };

struct captures {
    char path[64]; /* a directory */
};

static inline void captures_begin(struct captures *c)
{
    (void)snprintf(c->path, sizeof c->path, "/tmp/busbar-capture-XXXXXX");
    assert_non_null(mkdtemp(c->path));
}

/* The caller frees it. */
static inline char *captures_path(const struct captures *c, const char *name)
{
    return memory_format("%s/%s", c->path, name);
}

/* Removes these files and the directory. */
static inline void captures_end(struct captures *c, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *path = captures_path(c, names[i]);
        (void)unlink(path);
        free(path);
    }
    assert_int_equal(rmdir(c->path), 0);
}

static inline void captures_u32(FILE *file, uint32_t value)
{
    assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
}

/* A classic capture with nanoseconds. */
static inline FILE *captures_new(const char *path, uint32_t link_type)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    captures_u32(file, 0xa1b23c4d);
    captures_u32(file, 2 | 4 << 16);
    captures_u32(file, 0);
    captures_u32(file, 0);
    captures_u32(file, 65535);
    captures_u32(file, link_type);
    return file;
}

/* `size` bytes were captured of a frame of `whole`. */
static inline void captures_add(FILE *file, uint64_t time_ns, const void *bytes, uint32_t size, uint32_t whole)
{
    captures_u32(file, (uint32_t)(time_ns / 1000000000));
    captures_u32(file, (uint32_t)(time_ns % 1000000000));
    captures_u32(file, size);
    captures_u32(file, whole);
    assert_true(size == 0 || fwrite(bytes, size, 1, file) == 1);
}

/* A frame of `size` bytes which are all `mark`. */
static inline void captures_add_mark(FILE *file, uint64_t time_ns, uint8_t mark, uint32_t size)
{
    uint8_t *bytes = memory_zeroed(size + 1);
    memset(bytes, mark, size);
    captures_add(file, time_ns, bytes, size, size);
    free(bytes);
}

#endif
