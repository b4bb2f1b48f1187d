/* Sockets to and for OpenFlow peers: active "tcp:HOST[:PORT]" and the unix listener of a bridge. Nothing waits. One thread. */
#ifndef BUSBAR_OFAGENT_CONN_TCP_H
#define BUSBAR_OFAGENT_CONN_TCP_H

#include "lib/base/error.h"

/* Starts connecting to "tcp:192.0.2.1:6653", "tcp:[2001:db8::1]:6653", "tcp:192.0.2.1" or "unix:/path". Addresses only: a name would have to
 * be asked for, which waits. 0 and the socket, or -ERROR_SYNTAX, -ERROR_UNSUPPORTED (another scheme), -errno. */
int conn_tcp_open(const char *target, int *out_fd, struct error_detail *detail) MUST_CHECK;
/* When the socket is writable: 0 connected, -EAGAIN not yet, or why it failed. */
int conn_tcp_finish(int fd) MUST_CHECK;
/* Listens at a path of the file system, replacing a socket that nobody listens on. 0 and the socket, -ERROR_IN_USE, -ENAMETOOLONG, -errno. */
int conn_tcp_listen(const char *path, int *out_fd) MUST_CHECK;
/* 0 and a connection, or -EAGAIN when none waits. */
int conn_tcp_accept(int listener, int *out_fd) MUST_CHECK;

#endif
