/* The log. See log.h.
 *
 * The level and the name are process-wide on purpose: they are the process's, set by main() and the control wire. A line is put
 * together in a stack buffer and written with one write(), so lines of two threads do not mix.
 */
#include "lib/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, LIMIT_PER_SECOND = 10 };

static char process[64] = "busbar";
static _Atomic int current_level = LOG_LEVEL_INFO;

static const char *const names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn", [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug"};

void log_open(const char *process_name)
{
    snprintf(process, sizeof process, "%s", process_name);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return names[level];
}

int log_level_parse(const char *text, enum log_level *out_level)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out_level = (enum log_level)i;
            return 0;
        }
    }
    return -ERROR_UNKNOWN_NAME;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > log_get_level()) {
        return;
    }
    char line[LINE_MAX_BYTES];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, sizeof line - used, ".%06ldZ %s %s: ", now.tv_nsec / 1000, names[level], process);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + used, sizeof line - used, format, args);
    va_end(args);
    used = n < 0 ? used : used + (size_t)n;
    if (used > sizeof line - 2) {
        used = sizeof line - 2;
    }
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* nobody is left to tell */
}

bool log_limit_pass(struct log_limit *limit)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (limit->second != (uint64_t)now.tv_sec) {
        if (limit->n_held_back > 0) {
            log_write(LOG_LEVEL_WARN, "log_limited lines_held_back=%u", limit->n_held_back);
        }
        *limit = (struct log_limit){.second = (uint64_t)now.tv_sec};
    }
    if (limit->n_let_through < LIMIT_PER_SECOND) {
        limit->n_let_through++;
        return true;
    }
    limit->n_held_back++;
    return false;
}
