/* LD_PRELOAD: makes every write that waits for the disk take SLOW_SYNC_US microseconds longer.
 *
 * Why: the disk of a virtual machine often answers a sync from its host's memory, in a tenth of a millisecond, and then says nothing of how a
 * database shares syncs among its clients. A disk without such a cache takes milliseconds. The delay stands behind fsync, fdatasync and each
 * write to a file that was opened with O_DSYNC (LMDB writes its last page so); the real call is made as well. For both sides of a comparison alike.
 * Any thread; it sleeps, so the processor is free meanwhile, as it is while a disk works.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 4096 };
static bool is_synced[FILES_MAX]; /* by file number: opened with O_DSYNC */

int fsync(int fd);
int fdatasync(int fd);

static void *next_of(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void wait_for_the_disk(void)
{
    const char *text = getenv("SLOW_SYNC_US");
    long us = text != NULL ? strtol(text, NULL, 10) : 0;
    struct timespec delay = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&delay, NULL);
}

int fsync(int fd)
{
    int result = ((int (*)(int))next_of("fsync"))(fd);
    wait_for_the_disk();
    return result;
}

int fdatasync(int fd)
{
    int result = ((int (*)(int))next_of("fdatasync"))(fd);
    wait_for_the_disk();
    return result;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (mode_t)va_arg(arguments, int);
    va_end(arguments);
    int fd = ((int (*)(const char *, int, ...))next_of("open"))(path, flags, mode);
    if (fd >= 0 && fd < FILES_MAX) {
        is_synced[fd] = (flags & O_DSYNC) != 0;
    }
    return fd;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    ssize_t n = ((ssize_t(*)(int, const void *, size_t, off_t))next_of("pwrite"))(fd, bytes, size, offset);
    if (fd >= 0 && fd < FILES_MAX && is_synced[fd]) {
        wait_for_the_disk();
    }
    return n;
}
