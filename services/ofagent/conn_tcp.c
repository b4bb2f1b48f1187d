/* Sockets to and for OpenFlow peers. See conn_tcp.h.
 *
 * Connecting is two steps, start and finish, because a peer that does not answer must not hold up the others. TCP_NODELAY, since barriers and
 * packet-ins are small and somebody waits for them.
 * The ofagent's one thread. Invariant: a descriptor is handed out open or not at all.
 */
#include "services/ofagent/conn_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/openflow/of_header.h"

enum { BACKLOG = 64 /* people and their tools */ };

static int read_port(const char *text, uint16_t *out_port)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || port == 0 || port > 65535) {
        return -ERROR_SYNTAX;
    }
    *out_port = (uint16_t)port;
    return 0;
}

/* "[2001:db8::1]:6653" or "192.0.2.1:6653", the port optional; `host` gets the address without brackets. */
static int split(const char *text, char *host, size_t room, uint16_t *out_port)
{
    bool is_bracketed = text[0] == '[';
    const char *end = is_bracketed ? strchr(text, ']') : strchr(text, ':');
    const char *begin = is_bracketed ? text + 1 : text;

    if (end == NULL) {
        if (is_bracketed) {
            return -ERROR_SYNTAX;
        }
        end = text + strlen(text);
    }
    size_t size = (size_t)(end - begin);
    if (size == 0 || size >= room) {
        return -ERROR_SYNTAX;
    }
    memcpy(host, begin, size);
    host[size] = '\0';
    end += is_bracketed;
    *out_port = OF_PORT_TCP;
    if (*end == '\0') {
        return 0;
    }
    return *end == ':' ? read_port(end + 1, out_port) : -ERROR_SYNTAX;
}

static int tcp_address(const char *text, struct sockaddr_storage *out, socklen_t *out_size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    char host[64];
    uint16_t port;
    int err = split(text, host, sizeof host, &port);

    if (err != 0) {
        return err;
    }
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *out_size = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *out_size = sizeof *v6;
        return 0;
    }
    return -ERROR_SYNTAX;
}

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

int conn_tcp_open(const char *target, int *out_fd, struct error_detail *detail)
{
    struct sockaddr_storage address;
    struct sockaddr_un local;
    socklen_t size = 0;
    int err;

    if (strncmp(target, "unix:", 5) == 0) {
        err = unix_address(target + 5, &local);
        return err != 0 ? error_set(detail, err, "%s: the path is too long", target)
                        : start((struct sockaddr *)&local, sizeof local, out_fd);
    }
    if (strncmp(target, "tcp:", 4) != 0) {
        return error_set(detail, -ERROR_UNSUPPORTED, "%s: tcp:ADDRESS[:PORT] or unix:PATH is expected", target);
    }
    err = tcp_address(target + 4, &address, &size);
    if (err != 0) {
        return error_set(detail, err, "%s: an IP address, with [] around IPv6, and a port are expected", target);
    }
    return start((struct sockaddr *)&address, size, out_fd);
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
    int err = unix_address(path, &address);

    if (err != 0) {
        return err;
    }
    if (is_alive(&address)) {
        return -ERROR_IN_USE;
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

int conn_tcp_accept(int listener, int *out_fd)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? -EAGAIN : -errno;
    }
    *out_fd = fd;
    return 0;
}
