/* Files that commands write. See output_file.h.
 *
 * Renaming over a device or a pipe would take it away from everybody else: `swctl backup /dev/stdout` as root would leave a machine without one.
 * Cost: the bytes once, two syncs. One thread. Input: a name from the command line.
 */
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/memory.h"

bool file_is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The new name is on disk as well. */
static int sync_directory(const char *path)
{
    char *copy = memory_string(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
    if (fd >= 0) {
        close(fd);
    }
    free(copy);
    return err;
}

static int replace(const char *path, const void *bytes, size_t size, mode_t mode)
{
    char *beside = memory_format("%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    int err = fd < 0 ? -errno : 0;
    if (err == 0) {
        err = write_all(fd, bytes, size);
        err = err == 0 && fchmod(fd, mode) != 0 ? -errno : err;
        err = err == 0 && fsync(fd) != 0 ? -errno : err;
        err = close(fd) != 0 && err == 0 ? -errno : err;
        if (err == 0 && rename(beside, path) != 0) {
            err = -errno;
        }
        err = err == 0 ? sync_directory(path) : err;
        if (err != 0) {
            (void)unlink(beside);
        }
    }
    free(beside);
    return err;
}

static int write_into(int fd, const void *bytes, size_t size)
{
    int err = fd < 0 ? -errno : write_all(fd, bytes, size);
    if (fd > STDERR_FILENO && close(fd) != 0 && err == 0) {
        err = -errno;
    }
    return err;
}

int output_file_write(const char *path, const void *bytes, size_t size, mode_t mode, struct error_detail *detail)
{
    struct stat status;
    int err;
    if (file_is_standard(path)) {
        err = fflush(stdout) == 0 ? write_into(STDOUT_FILENO, bytes, size) : -errno;
    } else if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        err = write_into(open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY), bytes, size); /* a directory: EISDIR */
    } else {
        char *real = realpath(path, NULL); /* NULL: new */
        err = replace(real != NULL ? real : path, bytes, size, mode);
        free(real);
    }
    return err == 0 ? 0 : error_set(detail, err, "%.150s: not written: %s", path, error_text(err));
}
