/* Datagrams to the socket that systemd names in NOTIFY_SOCKET.
 *
 * The protocol is a line or two of text [sd_notify(3)], so libsystemd, which would come into every container too, is not linked for it.
 * A name that begins with "@" is an abstract socket. The socket is connected once and never waited for: a word that finds no room is said
 * again at the next beat, and the watchdog's time has four of them.
 * Before READY=1 each beat asks for half a minute more [EXTEND_TIMEOUT_USEC]: a process whose loop turns but which has no configuration
 * yet, because configdb is away, is not to be killed for that; one whose loop hangs is.
 * Main thread. A send() of some 5 us every few seconds.
 */
#include "lib/base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

#define STARTING_EVERY_NS (5 * NS_PER_S)
#define STARTING "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=Waiting for the configuration"

static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof address.sun_path) {
        return -EINVAL;
    }
    memcpy(address.sun_path, name, size);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* 0: not a number. */
static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' ? value : 0;
}

static bool tell(struct notify *notify, const char *text)
{
    if (notify->fd < 0) {
        return false;
    }
    if (send(notify->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text)) {
        return true;
    }
    LOG_LIMITED(LOG_LEVEL_WARN, "notify_failed error=\"%s\"", error_text(-errno));
    return false;
}

void notify_open(struct notify *notify, const char *socket_name, const char *watchdog_us, const char *watchdog_pid, int64_t self)
{
    *notify = (struct notify){.fd = -1};
    if (socket_name == NULL || socket_name[0] == '\0') {
        return;
    }
    notify->fd = connect_to(socket_name);
    if (notify->fd < 0) {
        log_warn("notify_failed socket=%.108s error=\"%s\"", socket_name, error_text(notify->fd));
        notify->fd = -1;
        return;
    }
    bool is_for_us = watchdog_pid == NULL || number(watchdog_pid) == (uint64_t)self;
    uint64_t us = watchdog_us != NULL && is_for_us ? number(watchdog_us) : 0;
    notify->watchdog_ns = us < UINT64_MAX / NS_PER_US ? us * NS_PER_US : 0;
}

void notify_beat(struct notify *notify, bool is_ready, uint64_t now_ns)
{
    bool becomes_ready = is_ready && !notify->is_ready;
    uint64_t every_ns = notify->is_ready ? notify->watchdog_ns / 4 : STARTING_EVERY_NS;
    bool is_due = every_ns != 0 && (!notify->has_told || now_ns - notify->told_ns >= every_ns);
    if (notify->fd < 0 || (!becomes_ready && !is_due)) {
        return;
    }
    if (tell(notify, becomes_ready ? "READY=1\nSTATUS=" : notify->is_ready ? "WATCHDOG=1" : STARTING)) {
        notify->is_ready = is_ready || notify->is_ready;
        notify->has_told = true;
        notify->told_ns = now_ns;
    }
}

void notify_stopping(struct notify *notify)
{
    (void)tell(notify, "STOPPING=1\nSTATUS=");
}

void notify_close(struct notify *notify)
{
    if (notify->fd > 0) {
        close(notify->fd);
    }
    *notify = (struct notify){.fd = -1};
}
