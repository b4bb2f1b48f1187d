/* The living shards, by their locks.
 *
 *     live = {1, 3}, device p1 with 4 queues:   queue 0 -> 1, 1 -> 3, 2 -> 1, 3 -> 3      queue q -> live[(q + hash of name) % n]
 *
 * Why locks and no messages: a lock is let go by the kernel whatever killed its holder, and needs no third process that could be dead
 * too. Why a file of its own beside the pid file: a shard that starts has its pid long before it knows any port, and queues given to it
 * then would lose what they receive. The hash spreads devices of one queue over the shards.
 * A look probes each file with a shared lock and lets go at once; two who look do not hinder each other, and who joins tries again.
 * For up to SHARD_SET_LOOK_MS two shards may think differently; the kernel gives a queue to one socket only, so one of them waits.
 * Cost: some ten system calls a look. Worker thread.
 */
#include "services/fastpath/shard_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum { PATH_BYTES = 128 };

static void path_of(const struct shard_set *set, uint32_t instance, char out_path[PATH_BYTES])
{
    snprintf(out_path, PATH_BYTES, "%s/fastpath.%u.live", set->run_dir, instance);
}

void shard_set_init(struct shard_set *set, const char *run_dir, uint32_t self)
{
    *set = (struct shard_set){.self = self, .fd = -1};
    if (run_dir == NULL) {
        set->live[0] = self;
        set->n_live = 1;
    } else {
        snprintf(set->run_dir, sizeof set->run_dir, "%s", run_dir);
    }
}

void shard_set_fini(struct shard_set *set)
{
    shard_set_leave(set);
}

int shard_set_join(struct shard_set *set)
{
    char path[PATH_BYTES];
    if (set->fd >= 0 || set->run_dir[0] == '\0') {
        return 0;
    }
    path_of(set, set->self, path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int err = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        close(fd);
        return err;
    }
    set->fd = fd;
    return 0;
}

bool shard_set_has_joined(const struct shard_set *set)
{
    return set->fd >= 0 || set->run_dir[0] == '\0';
}

void shard_set_leave(struct shard_set *set)
{
    char path[PATH_BYTES];
    if (set->fd >= 0) {
        path_of(set, set->self, path);
        (void)unlink(path);
        close(set->fd);
        set->fd = -1;
    }
}

static bool is_locked(const struct shard_set *set, uint32_t instance)
{
    char path[PATH_BYTES];
    path_of(set, instance, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    bool is_free = flock(fd, LOCK_SH | LOCK_NB) == 0; /* let go by close() */
    close(fd);
    return !is_free;
}

/* Puts the instance in its place; beyond the limit the highest goes. */
static void enter(struct shard_set *set, uint32_t instance)
{
    size_t at = set->n_live;
    while (at > 0 && set->live[at - 1] > instance) {
        at--;
    }
    if (at == SHARDS_MAX) {
        return;
    }
    set->n_live -= set->n_live == SHARDS_MAX;
    memmove(&set->live[at + 1], &set->live[at], (set->n_live - at) * sizeof set->live[0]);
    set->live[at] = instance;
    set->n_live++;
}

/* N of "fastpath.N.live", 0 for any other name. */
static uint32_t instance_of(const char *name)
{
    unsigned instance = 0;
    int end = 0;
    return sscanf(name, "fastpath.%3u.live%n", &instance, &end) == 1 && end > 0 && name[end] == '\0' ? instance : 0;
}

bool shard_set_look_now(struct shard_set *set)
{
    struct shard_set before = *set;
    DIR *dir = set->run_dir[0] != '\0' ? opendir(set->run_dir) : NULL;
    if (dir == NULL) {
        return false; /* no files left, or none ever: what was true stays */
    }
    set->n_live = 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        uint32_t instance = instance_of(entry->d_name);
        bool is_live = instance == set->self ? set->fd >= 0 : instance != 0 && is_locked(set, instance);
        if (is_live) {
            enter(set, instance);
        }
    }
    closedir(dir);
    bool has_changed = before.n_live != set->n_live || memcmp(before.live, set->live, set->n_live * sizeof set->live[0]) != 0;
    set->changes += has_changed;
    return has_changed;
}

bool shard_set_look(struct shard_set *set, uint64_t now_ns)
{
    if (set->looked_ns != 0 && now_ns - set->looked_ns < SHARD_SET_LOOK_MS * NS_PER_MS) {
        return false;
    }
    set->looked_ns = now_ns;
    return shard_set_look_now(set);
}

bool shard_set_has_us(const struct shard_set *set)
{
    for (size_t i = 0; i < set->n_live; i++) {
        if (set->live[i] == set->self) {
            return true;
        }
    }
    return false;
}

uint32_t shard_set_lowest(const struct shard_set *set)
{
    return set->n_live > 0 ? set->live[0] : 0;
}

bool shard_set_is_lowest(const struct shard_set *set)
{
    return set->n_live > 0 && set->live[0] == set->self;
}

uint32_t shard_set_owner(const struct shard_set *set, const char *device, uint32_t queue)
{
    uint32_t hash = 2166136261u; /* FNV-1a: stable from one build to the next, as all shards must agree */
    for (const char *at = device; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    }
    return set->n_live > 0 ? set->live[((hash >> 8) + queue) % set->n_live] : 0;
}

bool shard_set_owns(const struct shard_set *set, const char *device, uint32_t queue)
{
    return shard_set_owner(set, device, queue) == set->self;
}
