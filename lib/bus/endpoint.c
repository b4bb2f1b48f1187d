/* Endpoints taken apart and put together.
 *
 * The texts come from command lines, from files and from other processes' service rows: bounded, and refused when they are not what they should
 * be. libzmq looks at the address itself once more. No state; any thread.
 */
#include "lib/bus/endpoint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char scheme[] = "tcp://";
enum { SCHEME_SIZE = sizeof scheme - 1, PORT_MAX = 65535 };

bool endpoint_is_tcp(const char *text)
{
    return strncmp(text, scheme, SCHEME_SIZE) == 0;
}

/* The number behind the last ':'; 0, and the size stays as it was, when there is none that is a port. */
static unsigned port_of(const char *address, size_t *out_host_size)
{
    size_t size = strlen(address), digits = 0;
    while (digits < size && isdigit((unsigned char)address[size - 1 - digits])) {
        digits++;
    }
    if (digits == 0 || digits > 5 || size - digits < SCHEME_SIZE + 2 || address[size - digits - 1] != ':') {
        return 0;
    }
    unsigned long port = strtoul(address + size - digits, NULL, 10);
    if (port == 0 || port > PORT_MAX) {
        return 0;
    }
    *out_host_size = size - digits - 1;
    return (unsigned)port;
}

/* A name, a number or [a number with colons]. */
static bool host_is_valid(const char *address, size_t host_size)
{
    const char *host = address + SCHEME_SIZE;
    size_t size = host_size - SCHEME_SIZE;
    bool is_v6 = size > 2 && host[0] == '[' && host[size - 1] == ']';
    for (size_t i = is_v6 ? 1 : 0; i < size - (is_v6 ? 1 : 0); i++) {
        bool is_good =
            isalnum((unsigned char)host[i]) || strchr("._-", host[i]) != NULL || (is_v6 && strchr(":%", host[i]) != NULL);
        if (host[i] == '\0' || !is_good) {
            return false;
        }
    }
    return size > 0;
}

int endpoint_split(const char *text, char out_address[ENDPOINT_ADDRESS_MAX + 1], char out_key[KEY_TEXT_SIZE + 1])
{
    char address[ENDPOINT_ADDRESS_MAX + 1];
    size_t size = strcspn(text, " "), host_size = 0;
    const char *key = text[size] == ' ' ? text + size + 1 : "";
    if (size > ENDPOINT_ADDRESS_MAX) {
        return -ERROR_TOO_LARGE;
    }
    memcpy(address, text, size);
    address[size] = '\0';
    if (!endpoint_is_tcp(address) || port_of(address, &host_size) == 0 || !host_is_valid(address, host_size) ||
        (text[size] == ' ' && !key_text_is_valid(key))) {
        return -ERROR_SYNTAX;
    }
    memcpy(out_address, address, size + 1);
    snprintf(out_key, KEY_TEXT_SIZE + 1, "%s", key);
    return 0;
}

int endpoint_with_key(const char *text, const char *key, char out_text[ENDPOINT_TEXT_MAX + 1])
{
    char address[ENDPOINT_ADDRESS_MAX + 1], has[KEY_TEXT_SIZE + 1];
    int err = endpoint_split(text, address, has);
    if (err == 0 && !key_text_is_valid(key)) {
        err = -ERROR_SYNTAX;
    }
    if (err == 0 && has[0] != '\0' && strcmp(has, key) != 0) {
        err = -ERROR_CONFLICT;
    }
    if (err == 0) {
        snprintf(out_text, ENDPOINT_TEXT_MAX + 1, "%s %s", address, key);
    }
    return err;
}

int endpoint_next(const char *text, unsigned further, char out_text[ENDPOINT_TEXT_MAX + 1])
{
    char address[ENDPOINT_ADDRESS_MAX + 1], key[KEY_TEXT_SIZE + 1], next[ENDPOINT_ADDRESS_MAX + 1];
    size_t host_size = 0;
    int err = endpoint_split(text, address, key);
    if (err != 0) {
        return err;
    }
    unsigned port = port_of(address, &host_size);
    if (further > PORT_MAX - port) {
        return -ERROR_RANGE;
    }
    int n = snprintf(next, sizeof next, "%.*s:%u", (int)host_size, address, port + further);
    if (n < 0 || (size_t)n >= sizeof next) {
        return -ERROR_TOO_LARGE;
    }
    snprintf(out_text, ENDPOINT_TEXT_MAX + 1, "%s%s%s", next, key[0] != '\0' ? " " : "", key);
    return 0;
}

int endpoint_listen(const char *text, char out_address[ENDPOINT_ADDRESS_MAX + 1], unsigned *out_port,
                    struct error_detail *detail)
{
    static const char *const nowhere[] = {"0.0.0.0", "[::]", "*"};
    size_t size = strlen(text);
    if (!endpoint_is_tcp(text) || size > ENDPOINT_ADDRESS_MAX - 6 /* of a port to come */) {
        return error_set(detail, -ERROR_SYNTAX, "%.100s: tcp://ADDRESS or tcp://ADDRESS:PORT is expected", text);
    }
    unsigned port = port_of(text, &size);
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        if (strlen(nowhere[i]) == size - SCHEME_SIZE && memcmp(text + SCHEME_SIZE, nowhere[i], size - SCHEME_SIZE) == 0) {
            return error_set(detail, -ERROR_RANGE,
                             "%.100s: others are told this address; give the one they reach this host by, or a device", text);
        }
    }
    if (!host_is_valid(text, size)) {
        return error_set(detail, -ERROR_SYNTAX, "%.100s: tcp://ADDRESS or tcp://ADDRESS:PORT is expected", text);
    }
    memcpy(out_address, text, size);
    out_address[size] = '\0';
    *out_port = port;
    return 0;
}
