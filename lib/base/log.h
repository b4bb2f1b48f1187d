/* The log: one line an event, an event word and then key=value, to standard error with a time stamp and level.
 *
 * error = somebody must act; warn = degraded; info = a state changed; debug = the rest. The level can be changed while the
 * process runs (control wire). Lines are cut at 1024 bytes. A line that outsiders can cause is given through LOG_LIMITED, which
 * lets 10 a second through per place and says how many it held back. Not called on the packet path.
 */
#ifndef BUSBAR_BASE_LOG_H
#define BUSBAR_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sets the name that starts each line ("fastpath.1"). Copies it. */
void log_open(const char *process_name);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error", "warn", "info", "debug". */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *text, enum log_level *out_level) MUST_CHECK;

void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

struct log_limit {
    uint64_t second;
    uint32_t n_let_through;
    uint32_t n_held_back;
};
bool log_limit_pass(struct log_limit *limit);
#define LOG_LIMITED(level, ...)                                                                                                \
    do {                                                                                                                       \
        static struct log_limit log_limit_here;                                                                                \
        if (log_limit_pass(&log_limit_here)) {                                                                                 \
            log_write(level, __VA_ARGS__);                                                                                     \
        }                                                                                                                      \
    } while (0)

#endif
