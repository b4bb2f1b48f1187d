/* Where an OpenFlow peer is, as people write it in a controller's target. Pure; any thread.
 *
 *     tcp:ADDRESS[:PORT]  ssl:ADDRESS[:PORT]    we connect
 *     ptcp:[PORT][:ADDRESS]  pssl:...           we listen; without an address on every IPv4 address
 *     unix:PATH                                 we connect, punix:PATH we listen; of the file system that the ofagent sees
 *
 * Addresses only, IPv6 in []: a name would have to be asked for, which waits. A path without a leading "/" is one in the run directory.
 */
#ifndef BUSBAR_CFG_TARGET_H
#define BUSBAR_CFG_TARGET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/error.h"

enum { TARGET_PORT = 6653 /* IANA's of OpenFlow */ };
#define TARGET_WANTED "tcp:ADDRESS[:PORT], ssl:ADDRESS[:PORT], ptcp:[PORT][:ADDRESS], pssl:[PORT][:ADDRESS], unix:PATH or punix:PATH"

enum target_scheme { TARGET_TCP, TARGET_SSL, TARGET_PTCP, TARGET_PSSL, TARGET_UNIX, TARGET_PUNIX };

struct target {
    enum target_scheme scheme;
    struct sockaddr_storage address;
    socklen_t size; /* of the address */
};

/* 0, -ERROR_UNSUPPORTED (another scheme), -ERROR_SYNTAX, -ENAMETOOLONG (of a path). */
int target_parse(const char *text, struct target *out) MUST_CHECK;
/* Puts a relative path of unix: or punix: into this directory. 0, also for what has no path, or -ENAMETOOLONG. */
int target_place(struct target *target, const char *directory) MUST_CHECK;
/* The path of unix: and punix:, NULL of others. */
const char *target_path(const struct target *target);
/* Do peers come to us? */
bool target_is_passive(const char *text);
bool target_is_tls(const struct target *target);
/* May it stand in a configuration? */
bool target_is_valid(const char *text);

#endif
