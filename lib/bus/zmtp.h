/* The bytes of ZMTP 3.0, ZeroMQ's protocol, as far as a ROUTER and its DEALERs say them on ipc without a key (RFC 23; mechanism NULL, RFC 23 section 3.4).
 *
 *   greeting  ff 00*8 7f | 03 00 | "NULL" 00*16 | 00 | 00*31          64 bytes, both ways at once
 *   command   04 size | 05 "READY" | 0b "Socket-Type" size4 text | 08 "Identity" size4 bytes
 *   message   frame* : flags size body      flags: 1 more frames follow, 2 the size has 8 bytes, 4 a command
 *
 * Peers of libzmq speak 3.1, which is the same for these. All of it is foreign bytes: read by the bounded reader, refused by a result.
 */
#ifndef BUSBAR_BUS_ZMTP_H
#define BUSBAR_BUS_ZMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum {
    ZMTP_GREETING_BYTES = 64,
    ZMTP_HEAD_MAX = 9,          /* of a frame: flags and size */
    ZMTP_READY_MAX = 128,       /* what zmtp_ready() writes at most */
    ZMTP_IDENTITY_MAX = 255,
    ZMTP_COMMAND_MAX = 1024,    /* one of a handshake; libzmq's own are below 100 bytes */
};
enum { ZMTP_MORE = 1, ZMTP_LONG = 2, ZMTP_COMMAND = 4 };

struct zmtp_frame {
    uint8_t flags;
    size_t head_size; /* the body comes behind so many bytes */
    uint64_t size;    /* of the body; nobody has looked whether it is there */
};

void zmtp_greeting(uint8_t out_bytes[ZMTP_GREETING_BYTES]);
/* 0: the greeting of a peer we can talk to; -EAGAIN: fewer bytes than one, fine so far; -ERROR_SYNTAX: somebody else. */
int zmtp_check_greeting(const uint8_t *bytes, size_t size) MUST_CHECK;
/* The READY command of a socket ("ROUTER", "DEALER"), with its frame. identity_size: below 64. Returns its size. */
size_t zmtp_ready(const char *socket_type, const void *identity, size_t identity_size, uint8_t out_bytes[ZMTP_READY_MAX]);
/* Reads a READY command (the body of its frame). 0, with the peer's identity (of size 0 when it has none), lent by `bytes`; -ERROR_SYNTAX: it is no READY
 * or not of `wanted_type`. */
int zmtp_read_ready(const uint8_t *bytes, size_t size, const char *wanted_type, const uint8_t **out_identity, size_t *out_size) MUST_CHECK;
/* 0, -EAGAIN: the head is not whole yet, -ERROR_SYNTAX. */
int zmtp_read_head(const uint8_t *bytes, size_t size, struct zmtp_frame *out_frame) MUST_CHECK;
/* Writes the head of a frame; returns its size. */
size_t zmtp_head(uint8_t flags, size_t body_size, uint8_t out_bytes[ZMTP_HEAD_MAX]);

#endif
