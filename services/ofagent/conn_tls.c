/* TLS as a channel. See conn_tls.h.
 *
 *     SHAKING ── both certificates are good ──► OPEN ── alert, end, error ──► FAILED (why)
 *        └── wrong certificate, not TLS, an alert ──────────────────────────────┘
 *
 * OpenSSL says after each call what it waits for, to read or to write; `read_waits` and `write_waits` keep that for the poll. Its own buffer
 * holds at most one record (16 KiB) beyond what the conn has taken, so input stays as bounded as in the clear.
 * After a failure no call is made any more: OpenSSL's state is undefined then.
 * The ofagent's one thread. Invariant: no byte of a peer is handed out before its certificate was checked.
 */
#include "services/ofagent/conn_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

struct conn_tls {
    struct channel channel;
    struct tls *tls;
    SSL *ssl;
    bool is_open, has_ended;
    short read_waits, write_waits; /* what the last try waits for: POLLIN or POLLOUT */
    int failed;                    /* 0: not */
    struct error_detail why;
};

static ssize_t fail(struct conn_tls *c, int err)
{
    c->failed = err;
    return err;
}

/* The alert or the check that has ended it, in words. */
static void explain(struct conn_tls *c)
{
    unsigned long number = ERR_peek_error();
    const char *words = number != 0 && !ERR_SYSTEM_ERROR(number) ? ERR_reason_error_string(number) : NULL;
    long verified = SSL_get_verify_result(c->ssl);

    if (words == NULL) {
        return;
    }
    if (ERR_GET_LIB(number) == ERR_LIB_SSL && ERR_GET_REASON(number) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        (void)error_set(&c->why, 0, "TLS: the peer's certificate is refused: %s", X509_verify_cert_error_string(verified));
    } else if (ERR_GET_LIB(number) == ERR_LIB_SSL && ERR_GET_REASON(number) > SSL_AD_REASON_OFFSET) {
        (void)error_set(&c->why, 0, "TLS: the peer refuses: %s", words);
    } else {
        (void)error_set(&c->why, 0, "TLS: %s", words);
    }
}

/* What OpenSSL's result means: -EAGAIN with `waits` set, 0 at the end, or the error it failed with. */
static ssize_t judge(struct conn_tls *c, int result, int saved_errno, short *waits)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *waits = POLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *waits = POLLOUT;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        c->has_ended = true;
        return 0;
    case SSL_ERROR_SYSCALL:
        return fail(c, saved_errno != 0 ? -saved_errno : -EPIPE);
    default:
        explain(c);
        ERR_clear_error();
        return fail(c, -EPROTONOSUPPORT);
    }
}

/* 0 when bytes may flow. */
static ssize_t shake(struct conn_tls *c)
{
    if (c->failed != 0) {
        return c->failed;
    }
    ERR_clear_error();
    if (c->is_open) {
        return 0;
    }
    errno = 0;
    int result = SSL_do_handshake(c->ssl);
    if (result != 1) {
        ssize_t err = judge(c, result, errno, &c->read_waits);
        c->write_waits = c->read_waits;
        return err != 0 ? err : fail(c, -EPIPE);
    }
    c->is_open = true;
    int err = tls_finish(c->tls, c->ssl, &c->why);
    return err == 0 ? 0 : fail(c, err);
}

static ssize_t tls_receive(struct channel *channel, uint8_t *bytes, size_t size)
{
    struct conn_tls *c = (struct conn_tls *)channel;
    ssize_t err = shake(c);

    if (err != 0 || c->has_ended) {
        return err;
    }
    errno = 0;
    c->read_waits = POLLIN;
    int n = SSL_read(c->ssl, bytes, (int)(size < INT32_MAX ? size : INT32_MAX));
    return n > 0 ? n : judge(c, n, errno, &c->read_waits);
}

static ssize_t tls_send(struct channel *channel, const uint8_t *bytes, size_t size)
{
    struct conn_tls *c = (struct conn_tls *)channel;
    ssize_t err = shake(c);

    if (err != 0) {
        return err;
    }
    errno = 0;
    c->write_waits = POLLOUT;
    int n = SSL_write(c->ssl, bytes, (int)(size < INT32_MAX ? size : INT32_MAX));
    if (n > 0) {
        return n;
    }
    err = judge(c, n, errno, &c->write_waits);
    return err != 0 ? err : fail(c, -EPIPE);
}

static short tls_events(const struct channel *channel, short wanted)
{
    const struct conn_tls *c = (const struct conn_tls *)channel;
    short events = 0;

    if (!c->is_open) {
        return c->read_waits;
    }
    events |= (wanted & POLLIN) != 0 ? c->read_waits : 0;
    events |= (wanted & POLLOUT) != 0 ? c->write_waits : 0;
    return events;
}

static bool tls_has_more(const struct channel *channel)
{
    const struct conn_tls *c = (const struct conn_tls *)channel;
    return c->is_open && c->failed == 0 && SSL_pending(c->ssl) > 0;
}

static const char *tls_why(const struct channel *channel)
{
    const struct conn_tls *c = (const struct conn_tls *)channel;

    if (c->why.text[0] != '\0') {
        return c->why.text;
    }
    return c->is_open ? NULL : "TLS: the peer has ended the handshake";
}

static void tls_channel_destroy(struct channel **channel)
{
    struct conn_tls *c = (struct conn_tls *)*channel;

    if (c == NULL) {
        return;
    }
    if (c->is_open && c->failed == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl); /* says that this is the end, if the socket takes it */
    }
    ERR_clear_error();
    SSL_free(c->ssl);
    free(c);
    *channel = NULL;
}

static const struct channel_kind kind = {.receive = tls_receive,
                                         .send = tls_send,
                                         .events = tls_events,
                                         .has_more = tls_has_more,
                                         .why = tls_why,
                                         .destroy = tls_channel_destroy};

int conn_tls_new(struct tls *tls, int fd, bool is_server, struct channel **out_channel, struct error_detail *detail)
{
    SSL *ssl;
    int err = tls_begin(tls, fd, is_server, &ssl, detail);

    if (err != 0) {
        return err;
    }
    struct conn_tls *c = memory_zeroed(sizeof *c);
    c->channel.kind = &kind;
    c->tls = tls;
    c->ssl = ssl;
    c->read_waits = is_server ? POLLIN : POLLOUT;
    c->write_waits = POLLOUT;
    *out_channel = &c->channel;
    return 0;
}
