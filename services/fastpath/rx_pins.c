/* Pins in a bpffs.
 *
 *     RUN/bpf/                        or /sys/fs/bpf/busbar-<hash of RUN>/
 *         7-link  7-sockets  7-no_shard  7-counted  7-tier_queues  7-about     of the device with ifindex 7   (bpffs refuses names with dots)
 *         tier4_flows  tier4_slots  tier4_cpu                       of all, by the version of their layout
 *
 * Why by number and not by name: a device made anew under the old name has another number, and never finds the pin of the old one. A
 * number can come back only with a network namespace; rx_program.c compares what is pinned with what is on the device.
 * A pin that has been replaced is told by its inode number, which bpffs gives once only: one stat() a second a device says that the
 * program is still ours. Unpinned without us, each program is taken
 * off by a kernel thread at once, all of them queueing for the one lock of the network configuration; with the link in hand, its closing
 * is the last reference and takes it off there and then, one after the other. Control code.
 */
#include "services/fastpath/rx_pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

#define SYSTEM_BPFFS "/sys/fs/bpf"

static const char *const parts[] = {"link", "sockets", "no_shard", "counted", "tags", "tier_queues", "about"};

static bool is_bpffs(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static void write_path(const struct rx_pins *pins)
{
    char path[RX_PINS_PATH_BYTES];
    snprintf(path, sizeof path, "%s/pins.path", pins->run_dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd >= 0) {
        (void)dprintf(fd, "%s\n", pins->dir);
        close(fd);
    }
}

int rx_pins_open(const char *run_dir, struct rx_pins *out_pins, struct error_detail *detail)
{
    struct rx_pins pins = {.is_mounted = true};
    snprintf(pins.run_dir, sizeof pins.run_dir, "%s", run_dir);
    snprintf(pins.dir, sizeof pins.dir, "%s/bpf", run_dir);
    if (!is_bpffs(pins.dir) && is_bpffs(SYSTEM_BPFFS)) {
        pins.is_mounted = false;
        snprintf(pins.dir, sizeof pins.dir, SYSTEM_BPFFS "/busbar-%016llx", (unsigned long long)XXH3_64bits(run_dir, strlen(run_dir)));
    }
    if (mkdir(pins.dir, 0700) != 0 && errno != EEXIST) {
        int err = -errno;
        return error_set(detail, err, "%s: %s", pins.dir, error_text(err));
    }
    if (pins.is_mounted && !is_bpffs(pins.dir) &&
        mount("busbar", pins.dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
        int err = -errno;
        (void)rmdir(pins.dir);
        return error_set(detail, err, "mount of a bpffs at %s: %s", pins.dir, error_text(err));
    }
    write_path(&pins);
    *out_pins = pins;
    return 0;
}

int rx_pins_lock(const struct rx_pins *pins, int *out_fd)
{
    char path[RX_PINS_PATH_BYTES];
    snprintf(path, sizeof path, "%s/xdp.lock", pins->run_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int err = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

void rx_pins_unlock(int fd)
{
    close(fd);
}

void rx_pins_path(const struct rx_pins *pins, uint32_t ifindex, const char *what, char out_path[RX_PINS_PATH_BYTES])
{
    snprintf(out_path, RX_PINS_PATH_BYTES, "%s/%u-%s", pins->dir, ifindex, what);
}

uint64_t rx_pins_number(const struct rx_pins *pins, uint32_t ifindex)
{
    char path[RX_PINS_PATH_BYTES];
    struct stat status;
    rx_pins_path(pins, ifindex, "link", path);
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

size_t rx_pins_list(const struct rx_pins *pins, uint32_t *out_ifindexes, size_t max)
{
    DIR *dir = pins->dir[0] != '\0' ? opendir(pins->dir) : NULL;
    size_t n = 0;
    for (const struct dirent *entry; dir != NULL && n < max && (entry = readdir(dir)) != NULL;) {
        char *end;
        unsigned long ifindex = strtoul(entry->d_name, &end, 10);
        if (ifindex > 0 && ifindex <= INT32_MAX && strcmp(end, "-link") == 0) {
            out_ifindexes[n++] = (uint32_t)ifindex;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

int rx_pins_remove(const struct rx_pins *pins, uint32_t ifindex, uint64_t number)
{
    char path[RX_PINS_PATH_BYTES];
    if (pins->dir[0] == '\0' || (number != 0 && rx_pins_number(pins, ifindex) != number)) {
        return -1;
    }
    rx_pins_path(pins, ifindex, "link", path);
    int fd = bpf_obj_get(path);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        rx_pins_path(pins, ifindex, parts[i], path);
        (void)unlink(path);
    }
    return fd >= 0 ? fd : -1;
}

/* What is of no device (tier_maps.c), or of another version of ours. */
static void unlink_rest(const struct rx_pins *pins)
{
    DIR *dir = opendir(pins->dir);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

void rx_pins_remove_programs(const struct rx_pins *pins)
{
    uint32_t ifindexes[64];
    for (size_t n; (n = rx_pins_list(pins, ifindexes, 64)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            int fd = rx_pins_remove(pins, ifindexes[i], 0);
            if (fd >= 0) {
                close(fd);
            }
        }
        if (rx_pins_list(pins, ifindexes, 64) == n) {
            break; /* they do not go away */
        }
    }
    if (pins->dir[0] != '\0') {
        unlink_rest(pins);
    }
}

void rx_pins_remove_all(const struct rx_pins *pins)
{
    char path[RX_PINS_PATH_BYTES];
    rx_pins_remove_programs(pins);
    if (pins->dir[0] == '\0') {
        return;
    }
    if (pins->is_mounted) {
        (void)umount2(pins->dir, MNT_DETACH);
    }
    (void)rmdir(pins->dir);
    snprintf(path, sizeof path, "%s/pins.path", pins->run_dir);
    (void)unlink(path);
}
