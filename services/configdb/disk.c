/* The thread of the disk, and its two places for work.
 *
 *   main thread   ask ─► [commit] ─► take          ask ─► [fold] ─► take
 *                          │  ▲                             │ ▲
 *   thread                 └─ work, fsync, eventfd ─────────┘─┘
 *
 * The eventfd is written under the lock when work is done and read under the lock when it is taken, so it is readable exactly while there is something
 * to take and the main loop never sleeps on a result.
 *
 * Cost: two wake-ups a commit, 30 to 60 us beside a sync of milliseconds. Threads: `lock` guards the places; `mode`, `thread` and `fd` are set
 * before the thread starts. Invariant I8: a result is taken once, by the thread that answers for it.
 */
#include "services/configdb/disk.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"

enum disk_state { DISK_IDLE, DISK_ASKED, DISK_WORKING, DISK_DONE };

struct disk_place {
    enum disk_state state;
    disk_work *work;
    void *context;
    int err;
};
struct disk {
    enum disk_mode mode;
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct disk_place places[DISK_KINDS]; /* under lock */
    bool quits;                           /* under lock */
};

/* Does the first that is asked for; called with the lock held, lets go of it meanwhile. False: nothing to do. */
static bool disk_work_once(struct disk *disk)
{
    struct disk_place *place = disk->places;
    while (place < disk->places + DISK_KINDS && place->state != DISK_ASKED) {
        place++;
    }
    if (place == disk->places + DISK_KINDS) {
        return false;
    }
    place->state = DISK_WORKING;
    pthread_mutex_unlock(&disk->lock);
    int err = place->work(place->context);
    pthread_mutex_lock(&disk->lock);
    place->err = err;
    place->state = DISK_DONE;
    if (disk->fd >= 0) {
        (void)!eventfd_write(disk->fd, 1);
    }
    pthread_cond_broadcast(&disk->changed);
    return true;
}

static void *disk_thread(void *context)
{
    struct disk *disk = context;
    pthread_mutex_lock(&disk->lock);
    while (disk_work_once(disk) || !disk->quits) {
        bool has_work = disk->places[DISK_COMMIT].state == DISK_ASKED || disk->places[DISK_FOLD].state == DISK_ASKED;
        if (!has_work && !disk->quits) {
            pthread_cond_wait(&disk->changed, &disk->lock);
        }
    }
    pthread_mutex_unlock(&disk->lock);
    return NULL;
}

struct disk *disk_new(enum disk_mode mode)
{
    struct disk *disk = memory_zeroed(sizeof *disk);
    disk->mode = mode;
    disk->fd = -1;
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->changed, NULL);
    if (mode != DISK_THREAD) {
        return disk;
    }
    disk->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (disk->fd < 0 || pthread_create(&disk->thread, NULL, disk_thread, disk) != 0) {
        log_warn("disk_without_thread why=\"no thread could be started; syncs hold up everything\"");
        disk->mode = DISK_INLINE;
    }
    return disk;
}

void disk_destroy(struct disk **disk)
{
    if (*disk == NULL) {
        return;
    }
    if ((*disk)->mode == DISK_THREAD) {
        pthread_mutex_lock(&(*disk)->lock);
        (*disk)->quits = true;
        pthread_cond_broadcast(&(*disk)->changed);
        pthread_mutex_unlock(&(*disk)->lock);
        pthread_join((*disk)->thread, NULL);
    }
    if ((*disk)->fd >= 0) {
        close((*disk)->fd);
    }
    pthread_cond_destroy(&(*disk)->changed);
    pthread_mutex_destroy(&(*disk)->lock);
    free(*disk);
    *disk = NULL;
}

void disk_ask(struct disk *disk, enum disk_kind kind, disk_work *work, void *context)
{
    pthread_mutex_lock(&disk->lock);
    assert(disk->places[kind].state == DISK_IDLE);
    disk->places[kind] = (struct disk_place){.state = DISK_ASKED, .work = work, .context = context};
    if (disk->mode == DISK_INLINE) {
        (void)disk_work_once(disk);
    }
    pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
}

bool disk_is_busy(struct disk *disk, enum disk_kind kind)
{
    pthread_mutex_lock(&disk->lock);
    bool is_busy = disk->places[kind].state != DISK_IDLE;
    pthread_mutex_unlock(&disk->lock);
    return is_busy;
}

/* With the lock held. */
static bool disk_take_locked(struct disk *disk, enum disk_kind kind, int *out_err)
{
    eventfd_t count;
    if (disk->places[kind].state != DISK_DONE) {
        return false;
    }
    *out_err = disk->places[kind].err;
    disk->places[kind].state = DISK_IDLE;
    bool has_more = disk->places[DISK_COMMIT].state == DISK_DONE || disk->places[DISK_FOLD].state == DISK_DONE;
    if (disk->fd >= 0 && !has_more) {
        (void)!eventfd_read(disk->fd, &count);
    }
    return true;
}

bool disk_take(struct disk *disk, enum disk_kind kind, int *out_err)
{
    pthread_mutex_lock(&disk->lock);
    bool is_done = disk_take_locked(disk, kind, out_err);
    pthread_mutex_unlock(&disk->lock);
    return is_done;
}

int disk_wait(struct disk *disk, enum disk_kind kind)
{
    int err = 0;
    pthread_mutex_lock(&disk->lock);
    while (disk->places[kind].state != DISK_IDLE && !disk_take_locked(disk, kind, &err)) {
        if (disk->mode == DISK_THREAD) {
            pthread_cond_wait(&disk->changed, &disk->lock);
        } else {
            (void)disk_work_once(disk);
        }
    }
    pthread_mutex_unlock(&disk->lock);
    return err;
}

int disk_fd(const struct disk *disk)
{
    return disk->fd;
}

bool disk_go(struct disk *disk)
{
    pthread_mutex_lock(&disk->lock);
    bool has_worked = disk_work_once(disk);
    pthread_mutex_unlock(&disk->lock);
    return has_worked;
}
