/* Keys and certificates of TLS. See tls.h.
 *
 * A context is made of the three files and kept until one of them, or its name, changes: every beginning of a connection looks at their
 * inode, size and time of change, so that certificates are renewed by replacing files, without a restart. A connection under way
 * keeps the context it began with. Neither side resumes sessions: a resumed one would not be checked against a CA that is new.
 * Bootstrapping is for connections that we make: who comes to a listener must not be able to say whom we trust.
 * The ofagent's one thread. Reading the files costs a millisecond; a beginning without it three system calls.
 * Invariant: a context that does not check its peer is never kept.
 */
#include "services/ofagent/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"

enum file { FILE_KEY, FILE_CERTIFICATE, FILE_CA, FILE_COUNT };
static const char *const file_names[FILE_COUNT] = {"private key", "certificate", "CA certificate"};

struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct tls {
    char *paths[FILE_COUNT]; /* NULL: not set */
    bool bootstrap;
    struct stamp stamps[FILE_COUNT];
    SSL_CTX *context; /* of these files; NULL: to be made */
    BIO_METHOD *socket;
};

/* ---- the socket, without SIGPIPE ---- */

static int socket_write(BIO *bio, const char *bytes, int size)
{
    ssize_t n = send((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return (int)n;
}

static int socket_read(BIO *bio, char *bytes, int size)
{
    ssize_t n = recv((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)size, MSG_DONTWAIT);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(bio);
    } else if (n == 0) {
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    }
    return (int)n;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    if (command == BIO_CTRL_EOF) {
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    }
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static int socket_begin(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* ---- life ---- */

struct tls *tls_new(void)
{
    struct tls *tls = memory_zeroed(sizeof *tls);

    tls->socket = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "quiet socket");
    if (tls->socket == NULL || BIO_meth_set_write(tls->socket, socket_write) != 1 || BIO_meth_set_read(tls->socket, socket_read) != 1 ||
        BIO_meth_set_ctrl(tls->socket, socket_control) != 1 || BIO_meth_set_create(tls->socket, socket_begin) != 1) {
        log_error("tls-unusable error=\"no memory for a socket method\"");
        abort();
    }
    return tls;
}

static void forget(struct tls *tls)
{
    SSL_CTX_free(tls->context);
    tls->context = NULL;
}

void tls_destroy(struct tls **tls)
{
    if (*tls == NULL) {
        return;
    }
    forget(*tls);
    for (enum file i = 0; i < FILE_COUNT; i++) {
        free((*tls)->paths[i]);
    }
    BIO_meth_free((*tls)->socket);
    free(*tls);
    *tls = NULL;
}

void tls_configure(struct tls *tls, const char *private_key, const char *certificate, const char *ca_cert, bool bootstrap)
{
    const char *const paths[FILE_COUNT] = {[FILE_KEY] = private_key, [FILE_CERTIFICATE] = certificate, [FILE_CA] = ca_cert};

    for (enum file i = 0; i < FILE_COUNT; i++) {
        free(tls->paths[i]);
        tls->paths[i] = paths[i] != NULL ? memory_string(paths[i]) : NULL;
    }
    tls->bootstrap = bootstrap;
    forget(tls);
}

/* ---- a connection's beginning ---- */

/* What OpenSSL has to say, and nothing of it left for the next. */
static const char *reason(void)
{
    static char text[160];
    unsigned long number = ERR_peek_last_error();
    const char *words = ERR_SYSTEM_ERROR(number) ? error_text(-ERR_GET_REASON(number)) : ERR_reason_error_string(number);

    (void)snprintf(text, sizeof text, "%s", words != NULL ? words : "unknown error");
    ERR_clear_error();
    return text;
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Looks at the files. `needs_ca`: that one must be there. */
static int look(struct tls *tls, bool needs_ca, struct error_detail *detail)
{
    for (enum file i = 0; i < FILE_COUNT; i++) {
        struct stat status;
        if (tls->paths[i] == NULL) {
            return error_set(detail, -ERROR_REFUSED, "TLS: no %s is set (swctl set-ssl)", file_names[i]);
        }
        if (stat(tls->paths[i], &status) != 0) {
            if (i == FILE_CA && !needs_ca && errno == ENOENT) {
                forget(tls);
                continue;
            }
            return error_set(detail, -ERROR_REFUSED, "TLS: %s %s: %s", file_names[i], tls->paths[i], error_text(-errno));
        }
        struct stamp stamp = {.device = status.st_dev, .inode = status.st_ino, .size = status.st_size, .changed = status.st_ctim};
        if (!is_same(&stamp, &tls->stamps[i])) {
            tls->stamps[i] = stamp;
            forget(tls);
        }
    }
    return 0;
}

/* A context of the files that are there. */
static int make_context(const struct tls *tls, bool has_ca, SSL_CTX **out, struct error_detail *detail)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    enum file at = FILE_CERTIFICATE;

    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, tls->paths[FILE_CERTIFICATE]) != 1) {
        goto fail;
    }
    at = FILE_KEY;
    if (SSL_CTX_use_PrivateKey_file(context, tls->paths[FILE_KEY], SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(context) != 1) {
        goto fail;
    }
    at = FILE_CA;
    if (has_ca) {
        if (SSL_CTX_load_verify_locations(context, tls->paths[FILE_CA], NULL) != 1) {
            goto fail;
        }
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(tls->paths[FILE_CA]));
    }
    SSL_CTX_set_verify(context, has_ca ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 0);
    *out = context;
    return 0;
fail:
    SSL_CTX_free(context);
    return error_set(detail, -ERROR_REFUSED, "TLS: %s %s: %s", file_names[at], tls->paths[at], reason());
}

int tls_begin(struct tls *tls, int fd, bool is_server, SSL **out_ssl, struct error_detail *detail)
{
    bool may_bootstrap = tls->bootstrap && !is_server;
    int err = look(tls, !may_bootstrap, detail);

    ERR_clear_error();
    if (err != 0) {
        return err;
    }
    SSL_CTX *context = tls->context;
    if (context == NULL) {
        bool has_ca = !may_bootstrap || access(tls->paths[FILE_CA], F_OK) == 0;
        err = make_context(tls, has_ca, &context, detail);
        if (err != 0) {
            return err;
        }
        tls->context = has_ca ? context : NULL;
    }
    SSL *ssl = SSL_new(context);
    BIO *bio = BIO_new(tls->socket);
    if (tls->context == NULL) {
        SSL_CTX_free(context); /* the connection holds it */
    }
    if (ssl == NULL || bio == NULL) {
        SSL_free(ssl);
        BIO_free(bio);
        return error_set(detail, -ERROR_REFUSED, "TLS: %s", reason());
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    SSL_set_bio(ssl, bio, bio);
    if (is_server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    *out_ssl = ssl;
    return 0;
}

/* ---- bootstrapping ---- */

/* The file appears whole, or not at all; one that is there already stays. */
static int write_certificate(const char *path, X509 *certificate)
{
    char *temporary = memory_format("%s.%ld", path, (long)getpid());
    (void)unlink(temporary); /* of a process killed in the middle that had our number, as in a container */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int err = fd < 0 ? -errno : 0;
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (file != NULL) {
        bool is_written = PEM_write_X509(file, certificate) == 1 && fflush(file) == 0 && fsync(fd) == 0;
        is_written = fclose(file) == 0 && is_written;
        err = !is_written ? -EIO : link(temporary, path) != 0 && errno != EEXIST ? -errno : 0;
    } else if (fd >= 0) {
        err = -errno;
        (void)close(fd);
    }
    if (fd >= 0) {
        (void)unlink(temporary);
    }
    free(temporary);
    return err;
}

int tls_finish(struct tls *tls, SSL *ssl, struct error_detail *detail)
{
    if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0) {
        return 0;
    }
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    X509 *last = chain != NULL && sk_X509_num(chain) > 0 ? sk_X509_value(chain, sk_X509_num(chain) - 1) : NULL;
    if (last == NULL || X509_self_signed(last, 1) != 1) {
        ERR_clear_error();
        return error_set(detail, -ERROR_REFUSED, "TLS: the controller does not send the certificate of its CA: ca_cert cannot be taken from it");
    }
    if (tls->paths[FILE_CA] == NULL) {
        return error_set(detail, -ERROR_REFUSED, "TLS: ca_cert is not set any more");
    }
    int err = write_certificate(tls->paths[FILE_CA], last);
    if (err != 0) {
        return error_set(detail, -ERROR_REFUSED, "TLS: CA certificate %s: %s", tls->paths[FILE_CA], error_text(err));
    }
    log_info("tls-bootstrapped ca_cert=%s", tls->paths[FILE_CA]);
    return error_set(detail, -ERROR_REFUSED, "TLS: the controller's CA certificate has been taken into %s", tls->paths[FILE_CA]);
}
