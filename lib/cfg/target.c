/* Targets of controllers, read once for everybody: configdb refuses by it, the ofagent connects by it, the slowpath asks who is passive.
 *
 * Passive targets have their parts the other way round, as Open vSwitch writes them: the port first, because the address is what one leaves
 * out. Strictness is on purpose: a target that is half understood connects somewhere else.
 * Pure functions, any thread. Input is foreign; nothing is read past its end.
 */
#include "lib/cfg/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    enum target_scheme scheme;
} schemes[] = {
    {"tcp:", TARGET_TCP}, {"ssl:", TARGET_SSL}, {"ptcp:", TARGET_PTCP}, {"pssl:", TARGET_PSSL}, {"unix:", TARGET_UNIX}, {"punix:", TARGET_PUNIX},
};

/* Digits up to the end of `size` bytes. */
static int parse_port(const char *text, size_t size, uint16_t *out_port)
{
    if (size == 0 || size > 5 || strspn(text, "0123456789") < size) {
        return -ERROR_SYNTAX;
    }
    unsigned long port = strtoul(text, NULL, 10);
    if (port == 0 || port > 65535) {
        return -ERROR_SYNTAX;
    }
    *out_port = (uint16_t)port;
    return 0;
}

/* "192.0.2.1" or "[2001:db8::1]" in the first `size` bytes. */
static int parse_address(const char *text, size_t size, struct target *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->address;
    bool is_v6 = size > 2 && text[0] == '[' && text[size - 1] == ']';
    char host[INET6_ADDRSTRLEN];

    text += is_v6;
    size -= is_v6 ? 2 : 0;
    if (size == 0 || size >= sizeof host) {
        return -ERROR_SYNTAX;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    if (is_v6 && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        out->size = sizeof *v6;
        return 0;
    }
    if (!is_v6 && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        out->size = sizeof *v4;
        return 0;
    }
    return -ERROR_SYNTAX;
}

static void set_port(struct target *target, uint16_t port)
{
    if (target->address.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&target->address)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&target->address)->sin_port = htons(port);
    }
}

static int parse_active(const char *text, struct target *out)
{
    uint16_t port = TARGET_PORT;
    const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");

    if (end == NULL) {
        return -ERROR_SYNTAX;
    }
    end += text[0] == '[';
    int err = parse_address(text, (size_t)(end - text), out);
    if (err == 0 && *end != '\0') {
        err = *end == ':' ? parse_port(end + 1, strlen(end + 1), &port) : -ERROR_SYNTAX;
    }
    set_port(out, port);
    return err;
}

static int parse_passive(const char *text, struct target *out)
{
    uint16_t port = TARGET_PORT;
    size_t size = strcspn(text, ":");
    int err = size > 0 ? parse_port(text, size, &port) : 0;

    if (err == 0 && text[size] == ':') {
        err = parse_address(text + size + 1, strlen(text + size + 1), out);
    } else {
        out->address.ss_family = AF_INET; /* 0.0.0.0 */
        out->size = sizeof(struct sockaddr_in);
    }
    set_port(out, port);
    return err;
}

static int parse_path(const char *path, struct target *out)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&out->address;

    if (strlen(path) >= sizeof local->sun_path) {
        return -ENAMETOOLONG;
    }
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, strlen(path));
    out->size = sizeof *local;
    return path[0] != '\0' && path[strlen(path) - 1] != '/' ? 0 : -ERROR_SYNTAX;
}

int target_parse(const char *text, struct target *out)
{
    struct target target = {0};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i].word);
        if (strncmp(text, schemes[i].word, size) != 0) {
            continue;
        }
        target.scheme = schemes[i].scheme;
        bool is_passive = target.scheme == TARGET_PTCP || target.scheme == TARGET_PSSL;
        bool has_path = target.scheme == TARGET_UNIX || target.scheme == TARGET_PUNIX;
        int err = has_path     ? parse_path(text + size, &target)
                  : is_passive ? parse_passive(text + size, &target)
                               : parse_active(text + size, &target);
        if (err == 0) {
            *out = target;
        }
        return err;
    }
    return -ERROR_UNSUPPORTED;
}

const char *target_path(const struct target *target)
{
    return target->address.ss_family == AF_UNIX ? ((const struct sockaddr_un *)&target->address)->sun_path : NULL;
}

int target_place(struct target *target, const char *directory)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&target->address;
    char name[sizeof local->sun_path];

    if (target_path(target) == NULL || local->sun_path[0] == '/') {
        return 0;
    }
    memcpy(name, local->sun_path, sizeof name);
    int size = snprintf(local->sun_path, sizeof local->sun_path, "%s/%s", directory, name);
    return size < (int)sizeof local->sun_path ? 0 : -ENAMETOOLONG;
}

bool target_is_passive(const char *text)
{
    return strncmp(text, "ptcp:", 5) == 0 || strncmp(text, "pssl:", 5) == 0 || strncmp(text, "punix:", 6) == 0;
}

bool target_is_tls(const struct target *target)
{
    return target->scheme == TARGET_SSL || target->scheme == TARGET_PSSL;
}

bool target_is_valid(const char *text)
{
    struct target target;
    return target_parse(text, &target) == 0;
}
