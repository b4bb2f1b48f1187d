/* Endpoints as text. Over tcp an endpoint is its address and, behind a space, the public key of who answers there:
 *
 *     ipc:///run/busbar/session.fastpath.1
 *     tcp://192.0.2.1:40123 rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7
 *
 * One text, because an address without its key cannot be connected to; so the registry, the options and every connect have the same one.
 */
#ifndef BUSBAR_BUS_ENDPOINT_H
#define BUSBAR_BUS_ENDPOINT_H

#include "lib/bus/key_file.h"

enum { ENDPOINT_ADDRESS_MAX = 160, ENDPOINT_TEXT_MAX = ENDPOINT_ADDRESS_MAX + 1 + KEY_TEXT_SIZE /* without the 0 */ };

bool endpoint_is_tcp(const char *text);
/* Takes a tcp endpoint apart; out_key is "" when none is given. -ERROR_SYNTAX: not tcp://HOST:PORT[ KEY], -ERROR_TOO_LARGE. */
int endpoint_split(const char *text, char out_address[ENDPOINT_ADDRESS_MAX + 1], char out_key[KEY_TEXT_SIZE + 1]) MUST_CHECK;
/* Puts one together; `text` may have a key already, which must then be the same (-ERROR_CONFLICT). */
int endpoint_with_key(const char *text, const char *key, char out_text[ENDPOINT_TEXT_MAX + 1]) MUST_CHECK;
/* The endpoint of the same process `further` ports on: a process that listens on a given port has its wires on that and the following ones. */
int endpoint_next(const char *text, unsigned further, char out_text[ENDPOINT_TEXT_MAX + 1]) MUST_CHECK;

/* Where to listen: "tcp://ADDRESS" or "tcp://ADDRESS:PORT", ADDRESS a number or a device, as others reach it: not 0.0.0.0, [::] or *.
 * out_port is 0 when none is given. */
int endpoint_listen(const char *text, char out_address[ENDPOINT_ADDRESS_MAX + 1], unsigned *out_port,
                    struct error_detail *detail) MUST_CHECK;

#endif
