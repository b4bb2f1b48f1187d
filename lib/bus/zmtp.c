/* ZMTP 3.0: greeting, READY, heads of frames.
 *
 * Why by hand: libzmq speaks it from a thread of its own, so each message crosses four threads on its way and back, which costs more than the
 * work for a small one (RATIONALE.md). What is needed of the protocol is this page; bus_direct.c does the rest in the caller's thread.
 * Any thread, no state. Never reads past the size given; never believes a size before it was compared with what is there.
 */
#include "lib/bus/zmtp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "lib/base/bytes.h"

enum { MECHANISM_BYTES = 20, MAJOR = 3, AT_MAJOR = 10, AT_MECHANISM = 12 };

static const char null_mechanism[MECHANISM_BYTES] = "NULL";
static const char ready_name[] = "\5READY";

void zmtp_greeting(uint8_t out_bytes[ZMTP_GREETING_BYTES])
{
    memset(out_bytes, 0, ZMTP_GREETING_BYTES);
    out_bytes[0] = 0xff;
    out_bytes[9] = 0x7f;
    out_bytes[AT_MAJOR] = MAJOR;
    memcpy(out_bytes + AT_MECHANISM, null_mechanism, MECHANISM_BYTES);
}

int zmtp_check_greeting(const uint8_t *bytes, size_t size)
{
    bool is_other = (size > 0 && bytes[0] != 0xff) || (size > 9 && (bytes[9] & 1) == 0) || (size > AT_MAJOR && bytes[AT_MAJOR] < MAJOR) ||
                    (size >= AT_MECHANISM + MECHANISM_BYTES && memcmp(bytes + AT_MECHANISM, null_mechanism, MECHANISM_BYTES) != 0);
    return is_other ? -ERROR_SYNTAX : size < ZMTP_GREETING_BYTES ? -EAGAIN : 0;
}

static size_t put(uint8_t *out, size_t at, const void *bytes, size_t size)
{
    memcpy(out + at, bytes, size);
    return at + size;
}

static size_t put_property(uint8_t *out, size_t at, const char *name, const void *value, size_t size)
{
    const uint8_t length[4] = {0, 0, 0, (uint8_t)size};
    out[at++] = (uint8_t)strlen(name);
    at = put(out, at, name, strlen(name));
    at = put(out, at, length, sizeof length);
    return put(out, at, value, size);
}

size_t zmtp_ready(const char *socket_type, const void *identity, size_t identity_size, uint8_t out_bytes[ZMTP_READY_MAX])
{
    assert(identity_size < 64 && strlen(socket_type) < 16);
    size_t at = 2;
    at = put(out_bytes, at, ready_name, sizeof ready_name - 1);
    at = put_property(out_bytes, at, "Socket-Type", socket_type, strlen(socket_type));
    at = put_property(out_bytes, at, "Identity", identity, identity_size);
    out_bytes[0] = ZMTP_COMMAND;
    out_bytes[1] = (uint8_t)(at - 2);
    return at;
}

static bool is_named(const uint8_t *name, size_t size, const char *wanted)
{
    return name != NULL && size == strlen(wanted) && strncasecmp((const char *)name, wanted, size) == 0; /* RFC 23: case-insensitive */
}

int zmtp_read_ready(const uint8_t *bytes, size_t size, const char *wanted_type, const uint8_t **out_identity, size_t *out_size)
{
    struct reader r = reader_of(bytes, size);
    const uint8_t *command = reader_bytes(&r, sizeof ready_name - 1);
    const uint8_t *identity = bytes;
    size_t identity_size = 0;
    bool has_type = false;
    if (command == NULL || memcmp(command, ready_name, sizeof ready_name - 1) != 0) {
        return -ERROR_SYNTAX;
    }
    while (reader_left(&r) > 0 && !r.failed) {
        size_t name_size = reader_u8(&r);
        const uint8_t *name = reader_bytes(&r, name_size);
        size_t value_size = reader_u32(&r);
        const uint8_t *value = reader_bytes(&r, value_size);
        if (r.failed) {
            break;
        }
        has_type = has_type || (is_named(name, name_size, "Socket-Type") && value_size == strlen(wanted_type) &&
                                memcmp(value, wanted_type, value_size) == 0);
        if (is_named(name, name_size, "Identity") && value_size <= ZMTP_IDENTITY_MAX) {
            identity = value;
            identity_size = value_size;
        }
    }
    if (reader_finish(&r) != 0 || !has_type) {
        return -ERROR_SYNTAX;
    }
    *out_identity = identity;
    *out_size = identity_size;
    return 0;
}

int zmtp_read_head(const uint8_t *bytes, size_t size, struct zmtp_frame *out_frame)
{
    struct reader r = reader_of(bytes, size);
    uint8_t flags = reader_u8(&r);
    if (!r.failed && ((flags & ~(ZMTP_MORE | ZMTP_LONG | ZMTP_COMMAND)) != 0 || (flags & (ZMTP_MORE | ZMTP_COMMAND)) == (ZMTP_MORE | ZMTP_COMMAND))) {
        return -ERROR_SYNTAX;
    }
    uint64_t body = (flags & ZMTP_LONG) != 0 ? reader_u64(&r) : reader_u8(&r);
    if (r.failed) {
        return -EAGAIN;
    }
    *out_frame = (struct zmtp_frame){.flags = flags, .head_size = (flags & ZMTP_LONG) != 0 ? ZMTP_HEAD_MAX : 2, .size = body};
    return 0;
}

size_t zmtp_head(uint8_t flags, size_t body_size, uint8_t out_bytes[ZMTP_HEAD_MAX])
{
    if (body_size <= UINT8_MAX) {
        out_bytes[0] = flags;
        out_bytes[1] = (uint8_t)body_size;
        return 2;
    }
    out_bytes[0] = flags | ZMTP_LONG;
    struct be64 net = be64(body_size);
    memcpy(out_bytes + 1, &net, sizeof net);
    return ZMTP_HEAD_MAX;
}
