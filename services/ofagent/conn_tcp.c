/* Sockets to and for OpenFlow peers. See conn_tcp.h.
 *
 * Connecting is two steps, start and finish, because a peer that does not answer must not hold up the others. TCP_NODELAY, since barriers and
 * packet-ins are small and somebody waits for them.
 * The ofagent's one thread. Invariant: a descriptor is handed out open or not at all.
 */
#include "services/ofagent/conn_tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/log.h"

enum { BACKLOG = 64 /* people and their tools */ };

static int unix_address(const char *path, struct sockaddr_un *out)
{
    if (strlen(path) >= sizeof out->sun_path) {
        return -ENAMETOOLONG;
    }
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    memcpy(out->sun_path, path, strlen(path));
    return 0;
}

static int start(const struct sockaddr *address, socklen_t size, int *out_fd)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err;

    if (fd < 0) {
        return -errno;
    }
    if (address->sa_family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    if (connect(fd, address, size) != 0 && errno != EINPROGRESS) {
        err = -errno;
        (void)close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

int conn_tcp_open(const char *text, const char *directory, int *out_fd, struct error_detail *detail)
{
    struct target target;
    int err = target_parse(text, &target);

    if (err == 0) {
        err = target_place(&target, directory);
    }
    if (err == -ENAMETOOLONG) {
        return error_set(detail, err, "%s: the path is too long", text);
    }
    if (err == -ERROR_UNSUPPORTED || (err == 0 && target_is_passive(text))) {
        return error_set(detail, -ERROR_UNSUPPORTED, "%s: tcp:ADDRESS[:PORT], ssl:ADDRESS[:PORT] or unix:PATH is expected", text);
    }
    if (err != 0) {
        return error_set(detail, err, "%s: an IP address, with [] around IPv6, and a port are expected", text);
    }
    return start((struct sockaddr *)&target.address, target.size, out_fd);
}

int conn_tcp_finish(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof(int);
    int error = 0;

    if (poll(&poll_fd, 1, 0) <= 0) {
        return -EAGAIN;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return -errno;
    }
    return -error;
}

/* Is somebody answering at this path? */
static bool is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    bool is_connected = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    (void)close(fd);
    return is_connected;
}

int conn_tcp_listen(const char *path, int *out_fd)
{
    struct sockaddr_un address;
    struct stat status;
    int err = unix_address(path, &address);

    if (err != 0) {
        return err;
    }
    if (is_alive(&address)) {
        return -ERROR_IN_USE;
    }
    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
        return -EEXIST; /* people write paths into a configuration, and mistakes */
    }
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0) {
        err = -errno;
        (void)close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

int conn_tcp_listen_at(const struct target *target, int *out_fd)
{
    if (target_path(target) != NULL) {
        return conn_tcp_listen(target_path(target), out_fd);
    }
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)); /* connections of the one before us may linger */
    if (bind(fd, (const struct sockaddr *)&target->address, target->size) != 0 || listen(fd, BACKLOG) != 0) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

int conn_tcp_accept(int listener, uint64_t now_ns, uint64_t *again_ns, int *out_fd)
{
    struct pollfd caller = {.fd = listener, .events = POLLIN};

    if (now_ns < *again_ns || poll(&caller, 1, 0) <= 0) {
        return -EAGAIN; /* accept() would have made a socket before it says so, six times the cost, and it is asked at each step */
    }
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            LOG_LIMITED(LOG_LEVEL_ERROR, "accept-failed error=\"%s\"", strerror(errno));
            *again_ns = now_ns + CONN_TCP_ACCEPT_PAUSE_NS;
        }
        return -EAGAIN;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* a local socket says no, and has none */
    *out_fd = fd;
    return 0;
}
