/* The watchdog: a process, because a thread is stopped with the others.
 *
 * A shard that is stopped (SIGSTOP, a debugger, a page that does not come) keeps its sockets, and the kernel answers EBUSY to whoever
 * would take its queues. Only its death frees them. So the loop counts its rounds in a shared page, and a child that owns nothing else
 * looks every WATCHDOG_CHECK_MS: after WATCHDOG_CHECKS without a new count it kills the parent. A check that comes late says that the
 * machine stood still, and counting begins anew.
 * The child dies with its parent (PR_SET_PDEATHSIG). It holds no descriptor, so no lock of the parent's outlives it there.
 * Cost: ten wake-ups a second; a store a round. Main thread, before any other exists.
 */
#include "services/fastpath/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum { LATE_MS = WATCHDOG_CHECK_MS / 2 };

bool watchdog_must_kill(struct watchdog_view *view, uint64_t progress, uint64_t now_ns)
{
    bool is_late = now_ns - view->checked_ns > (WATCHDOG_CHECK_MS + LATE_MS) * NS_PER_MS;
    bool is_still = progress == view->progress && progress != 0 && !is_late;
    view->n_still = is_still ? view->n_still + 1 : 0;
    view->progress = progress;
    view->checked_ns = now_ns;
    return view->n_still >= WATCHDOG_CHECKS;
}

static void watch(pid_t parent, const volatile uint64_t *progress)
{
    struct watchdog_view view = {.checked_ns = clock_now_ns()};
    const struct timespec pause = {.tv_nsec = WATCHDOG_CHECK_MS * NS_PER_MS};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "busbar-watchdog");
    (void)close_range(0, ~0U, 0);
    while (getppid() == parent) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        if (watchdog_must_kill(&view, *progress, clock_now_ns()) && getppid() == parent) {
            kill(parent, SIGKILL);
        }
    }
    _exit(0);
}

int watchdog_open(struct watchdog *out_watchdog)
{
    void *page = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t parent = getpid();
    if (page == MAP_FAILED) {
        return -errno;
    }
    pid_t child = fork();
    if (child < 0) {
        int err = -errno;
        munmap(page, sizeof(uint64_t));
        return err;
    }
    if (child == 0) {
        watch(parent, page);
    }
    *out_watchdog = (struct watchdog){.child = child, .progress = page};
    return 0;
}

void watchdog_close(struct watchdog *watchdog)
{
    if (watchdog->child > 0) {
        kill(watchdog->child, SIGKILL);
        while (waitpid(watchdog->child, NULL, 0) < 0 && errno == EINTR) {
        }
        munmap((void *)(uintptr_t)watchdog->progress, sizeof(uint64_t));
    }
    *watchdog = (struct watchdog){0};
}
