/* The metrics that every process has. See self.h.
 *
 * All of it is read from the kernel when it is asked for: nothing is kept up to date that nobody may ever read. What cannot be read is NaN
 * and not a number that would be believed.
 * Cost: some five system calls a page; more in a kernel before 6.2, where open files are counted by listing them. The caller's thread.
 */
#include "lib/metrics/self.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STAT_STARTED = 22 /* field of /proc/PID/stat, counted from 1 */ };

/* The beginning of a small file of /proc, "" when it cannot be read. */
static void read_text(const char *path, char *out_text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out_text, room - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    out_text[n > 0 ? n : 0] = '\0';
}

static double clock_s(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) == 0 ? (double)t.tv_sec + (double)t.tv_nsec / 1e9 : NAN;
}

static double cpu_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

static double resident_bytes(void)
{
    char text[128];
    unsigned long long total, resident;
    read_text("/proc/self/statm", text, sizeof text);
    return sscanf(text, "%llu %llu", &total, &resident) == 2 ? (double)resident * (double)sysconf(_SC_PAGESIZE) : NAN;
}

static double open_fds(void)
{
    struct stat status;
    if (stat("/proc/self/fd", &status) != 0) {
        return NAN;
    }
    if (status.st_size > 0) { /* since Linux 6.2 */
        return (double)status.st_size;
    }
    DIR *dir = opendir("/proc/self/fd");
    double n = 0;
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n > 0 ? n - 1 : NAN; /* the folder itself was open */
}

static double max_fds(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) != 0 ? NAN : limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
}

/* /proc gives ticks since the machine started; the name in parentheses may have spaces in it. */
static double started_s(void)
{
    char text[1024];
    read_text("/proc/self/stat", text, sizeof text);
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < STAT_STARTED; field++) {
        at = strchr(at + 1, ' ');
    }
    double machine_s = clock_s(CLOCK_REALTIME) - clock_s(CLOCK_BOOTTIME);
    return at != NULL ? machine_s + (double)strtoull(at, NULL, 10) / (double)sysconf(_SC_CLK_TCK) : NAN;
}

void self_init(struct self *self, const char *service, const char *process)
{
    *self = (struct self){.service = service, .process = process, .started_s = started_s()};
}

void self_fill(const struct self *self, struct page *page)
{
    struct page_label labels[] = {{"version", BUSBAR_VERSION}, {"service", self->service}, {"process", self->process}};
    page_family(page, METRIC_INFO, "busbar_build_info", "", "Which build this is, and which process.");
    page_sample(page, labels, sizeof labels / sizeof labels[0], 1);
#define METRIC(type, name, unit, help, value)                                                                                   \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    page_sample(page, NULL, 0, value);
#include "lib/metrics/self.def"
#undef METRIC
}
