/* Our key, our certificate and whom we trust, for controllers under TLS: three PEM files, read when a connection begins and they have changed.
 *
 * TLS 1.2 and later, certificates of both sides required and checked against the CA; names in them are not looked at, as Open vSwitch does: the
 * CA is that of the switches and their controllers alone. One thread.
 */
#ifndef BUSBAR_OFAGENT_TLS_H
#define BUSBAR_OFAGENT_TLS_H

#include <stdbool.h>

#include "lib/base/error.h"

struct ssl_st;
struct tls;
struct tls *tls_new(void);
void tls_destroy(struct tls **tls);
/* Any may be NULL: not set. Holds for connections that begin from now on. */
void tls_configure(struct tls *tls, const char *private_key, const char *certificate, const char *ca_cert, bool bootstrap);
/* A conversation with the peer behind `fd`: 0, or -ERROR_REFUSED with what is missing or wrong. The caller frees it (SSL_free). */
int tls_begin(struct tls *tls, int fd, bool is_server, struct ssl_st **out_ssl, struct error_detail *detail) MUST_CHECK;
/* After the handshake. While there is no file ca_cert and `bootstrap` is set, the peer's CA is written into it: -ERROR_REFUSED, with a detail that
 * says so, since this connection was not checked and must not be used. 0 otherwise. */
int tls_finish(struct tls *tls, struct ssl_st *ssl, struct error_detail *detail) MUST_CHECK;

#endif
