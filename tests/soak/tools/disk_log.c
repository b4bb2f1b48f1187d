/* disk_log.so: loaded into configdb (LD_PRELOAD), writes down each write and sync of the file DISK_LOG_OF in the file DISK_LOG (disk_log.h).
 *
 * LMDB writes with pwrite(), or lseek() and writev(), and syncs with fdatasync(); its last page goes through a second descriptor opened with O_DSYNC. A
 * truncation would be missed, so it ends the process. A short write is written down whole: LMDB gives such a transaction up.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/soak/tools/disk_log.h"

enum { FDS = 1024 };
static enum { FD_OTHER, FD_PLAIN, FD_THROUGH } kinds[FDS];
static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void put(const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        long n = syscall(SYS_write, log_fd, (const char *)bytes + done, size - done);
        if (n <= 0) {
            perror("disk_log: the log cannot be written");
            _exit(3);
        }
        done += (size_t)n;
    }
}

static void note(uint32_t kind, uint64_t begun_ns, uint64_t offset, const struct iovec *parts, int n_parts)
{
    struct disk_record record = {.begun_ns = begun_ns, .ended_ns = now_ns(), .offset = offset, .kind = kind};
    for (int i = 0; i < n_parts; i++) {
        record.size += (uint32_t)parts[i].iov_len;
    }
    pthread_mutex_lock(&lock);
    put(&record, sizeof record);
    for (int i = 0; i < n_parts; i++) {
        put(parts[i].iov_base, parts[i].iov_len);
    }
    pthread_mutex_unlock(&lock);
}

static int kind_of(int fd)
{
    return fd >= 0 && fd < FDS ? (int)kinds[fd] : FD_OTHER;
}

static int opened(int fd, const char *path, int flags)
{
    char whole[PATH_MAX];
    const char *of = getenv("DISK_LOG_OF"), *log = getenv("DISK_LOG");
    if (fd < 0 || fd >= FDS || of == NULL || log == NULL) {
        return fd;
    }
    kinds[fd] = FD_OTHER;
    if ((flags & O_ACCMODE) != O_RDONLY && realpath(path, whole) != NULL && strcmp(whole, of) == 0) {
        kinds[fd] = (flags & (O_DSYNC | O_SYNC)) != 0 ? FD_THROUGH : FD_PLAIN;
        if (log_fd < 0) {
            log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        }
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}

ssize_t pwritev(int fd, const struct iovec *parts, int n_parts, off_t offset)
{
    uint64_t begun_ns = now_ns();
    ssize_t n = syscall(SYS_pwritev, fd, parts, n_parts, offset, 0);
    if (kind_of(fd) != FD_OTHER && n > 0) {
        note(kind_of(fd) == FD_THROUGH ? DISK_WRITE_THROUGH : DISK_WRITE, begun_ns, (uint64_t)offset, parts, n_parts);
    }
    return n;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n_parts, off_t offset)
{
    return pwritev(fd, parts, n_parts, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    return pwritev(fd, &part, 1, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return pwrite(fd, bytes, size, offset);
}

static void missed(int fd, const char *what)
{
    if (kind_of(fd) != FD_OTHER) {
        fprintf(stderr, "disk_log: %s on the database is not written down\n", what);
        _exit(3);
    }
}

ssize_t writev(int fd, const struct iovec *parts, int n_parts)
{
    off_t offset = kind_of(fd) != FD_OTHER ? lseek(fd, 0, SEEK_CUR) : 0;
    uint64_t begun_ns = now_ns();
    ssize_t n = syscall(SYS_writev, fd, parts, n_parts);
    if (kind_of(fd) != FD_OTHER && n > 0) {
        note(kind_of(fd) == FD_THROUGH ? DISK_WRITE_THROUGH : DISK_WRITE, begun_ns, (uint64_t)offset, parts, n_parts);
    }
    return n;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    return writev(fd, &part, 1);
}

int ftruncate(int fd, off_t size)
{
    missed(fd, "ftruncate()");
    return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

static int sync_with(int fd, long call)
{
    uint64_t begun_ns = now_ns();
    int rc = (int)syscall(call, fd);
    if (kind_of(fd) != FD_OTHER && rc == 0) {
        note(DISK_SYNC, begun_ns, 0, NULL, 0);
    }
    return rc;
}

int fdatasync(int fd)
{
    return sync_with(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return sync_with(fd, SYS_fsync);
}
