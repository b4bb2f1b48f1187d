/* Sockets to and for OpenFlow peers: active tcp: and ssl:, passive ptcp: and pssl:, and paths: unix:, punix: and the socket of a bridge. TLS comes on
 * top (conn_tls.h). Nothing waits. One thread. */
#ifndef BUSBAR_OFAGENT_CONN_TCP_H
#define BUSBAR_OFAGENT_CONN_TCP_H

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/cfg/target.h"

/* Starts connecting to a target (lib/cfg/target.h) that is not passive; relative paths are of `directory`. 0 and the socket, or -ERROR_SYNTAX,
 * -ERROR_UNSUPPORTED (another scheme), -errno. */
int conn_tcp_open(const char *text, const char *directory, int *out_fd, struct error_detail *detail) MUST_CHECK;
/* When the socket is writable: 0 connected, -EAGAIN not yet, or why it failed. */
int conn_tcp_finish(int fd) MUST_CHECK;
/* Listens at a path of the file system, replacing a socket that nobody listens on. 0 and the socket, -ERROR_IN_USE, -ENAMETOOLONG,
 * -EEXIST: that is another file, -errno. Whoever closes it unlinks the path before. */
int conn_tcp_listen(const char *path, int *out_fd) MUST_CHECK;
/* Listens at the address or absolute path of a passive target: 0 and the socket, or -errno, of a path as above. */
int conn_tcp_listen_at(const struct target *target, int *out_fd) MUST_CHECK;
/* 0 and a connection, or -EAGAIN when none waits, or none can be taken: with no descriptor left, who waits would keep a poll awake all the time, so the
 * listener is left alone until *again_ns, which starts as 0, and is not to be polled before. */
int conn_tcp_accept(int listener, uint64_t now_ns, uint64_t *again_ns, int *out_fd) MUST_CHECK;
#define CONN_TCP_ACCEPT_PAUSE_NS (100 * NS_PER_MS)

#endif
