/* What systemd is told of a process: ready, alive, stopping [sd_notify(3)].
 *
 * Nothing is told, at no cost, where nobody asks by NOTIFY_SOCKET. Embedded in struct service, through which main() uses it
 * (service_beat() in service.h). Main thread, but notify_stopping().
 */
#ifndef BUSBAR_BASE_NOTIFY_H
#define BUSBAR_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify {
    int fd;               /* -1: nobody asks */
    uint64_t watchdog_ns; /* after so long without a word the process is killed; 0: never */
    uint64_t told_ns;
    bool has_told, is_ready;
};

/* What NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say, each NULL when it is not set; `self` is our pid. What cannot be used is logged, and
 * nothing is told then: a process that serves and is not heard is for systemd to judge. */
void notify_open(struct notify *notify, const char *socket_name, const char *watchdog_us, const char *watchdog_pid, int64_t self);
/* The loop has gone round: to be called more often than once a second. The first time with `is_ready` says READY=1; before, more time for
 * the start is asked for; afterwards the watchdog is fed, four times in its time. */
void notify_beat(struct notify *notify, bool is_ready, uint64_t now_ns);
/* The end has begun, and may take as long as it takes. */
void notify_stopping(struct notify *notify);
/* Tolerates one that is zeroed and was never opened. */
void notify_close(struct notify *notify);

#endif
