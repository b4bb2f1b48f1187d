/* Copies of what controllers say and are told. See snoop.h.
 *
 * A listener is greeted with a HELLO, since tools wait for one, and what it says is read and forgotten. Messages come as they are on their
 * connections, so their versions differ from each other and from what the HELLOs say; `ovs-ofctl snoop` takes that.
 * The ofagent's one thread. Costs nothing while nobody listens, then a copy a message and listener.
 * Invariant: a message is told whole or not at all.
 */
#include "services/ofagent/snoop.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/ofagent/conn.h"
#include "services/ofagent/conn_tcp.h"

#define SNOOP_RETRY_NS (1 * NS_PER_S)

struct snoop {
    char *path;
    uint32_t versions;
    int listener; /* -1: none */
    uint64_t listen_again_ns, accept_again_ns;
    bool is_paused; /* no descriptor was left for who comes */
    struct conn *conns[SNOOPERS_MAX];
    size_t n_conns;
};

struct snoop *snoop_new(const char *path, uint32_t versions)
{
    struct snoop *snoop = memory_zeroed(sizeof *snoop);

    snoop->path = memory_string(path);
    snoop->versions = versions;
    snoop->listener = -1;
    return snoop;
}

static void let_go(struct snoop *snoop, size_t i)
{
    conn_destroy(&snoop->conns[i]);
    snoop->conns[i] = snoop->conns[--snoop->n_conns];
}

static void stop(struct snoop *snoop)
{
    if (snoop->listener >= 0) {
        (void)unlink(snoop->path);
        (void)close(snoop->listener);
        snoop->listener = -1;
    }
    while (snoop->n_conns > 0) {
        let_go(snoop, 0);
    }
}

void snoop_destroy(struct snoop **snoop)
{
    if (*snoop == NULL) {
        return;
    }
    stop(*snoop);
    free((*snoop)->path);
    free(*snoop);
    *snoop = NULL;
}

static void start(struct snoop *snoop, uint64_t now_ns)
{
    int err = conn_tcp_listen(snoop->path, &snoop->listener);

    if (err != 0) {
        snoop->listener = -1;
        snoop->listen_again_ns = now_ns + SNOOP_RETRY_NS;
        LOG_LIMITED(LOG_LEVEL_WARN, "snoop-failed path=%s error=\"%s\"", snoop->path, error_text(err));
    }
}

static void accept_all(struct snoop *snoop, uint64_t now_ns)
{
    int fd;

    while (snoop->n_conns < SNOOPERS_MAX && conn_tcp_accept(snoop->listener, now_ns, &snoop->accept_again_ns, &fd) == 0) {
        struct of_message hello = {.type = OF_HELLO, .hello = {.versions = snoop->versions}};
        struct conn *conn = conn_new(fd, NULL);
        hello.version = 1;
        for (uint8_t version = 1; version < 32; version++) {
            hello.version = (snoop->versions >> version & 1) != 0 ? version : hello.version;
        }
        if (of_encode(&hello, conn_output(conn)) != 0) {
            conn_destroy(&conn);
            continue;
        }
        snoop->conns[snoop->n_conns++] = conn;
    }
    snoop->is_paused = now_ns < snoop->accept_again_ns;
}

/* What it says is nothing to us. 0, or why it has to go. */
static int drain(struct conn *conn)
{
    const uint8_t *bytes;
    size_t size;
    int result;

    conn_begin_step(conn, true);
    while ((result = conn_next(conn, &bytes, &size)) > 0) {
    }
    return result < 0 ? result : conn_flush(conn);
}

void snoop_step(struct snoop *snoop, bool listens, uint64_t now_ns)
{
    if (!listens) {
        stop(snoop);
        return;
    }
    if (snoop->listener < 0 && now_ns >= snoop->listen_again_ns) {
        start(snoop, now_ns);
    }
    if (snoop->listener >= 0) {
        accept_all(snoop, now_ns);
    }
    for (size_t i = snoop->n_conns; i > 0; i--) {
        if (drain(snoop->conns[i - 1]) != 0) {
            let_go(snoop, i - 1);
        }
    }
}

int snoop_listener(const struct snoop *snoop)
{
    return snoop->listener;
}

bool snoop_is_watched(const struct snoop *snoop)
{
    return snoop->n_conns > 0;
}

void snoop_tell(struct snoop *snoop, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < snoop->n_conns; i++) {
        if (conn_has_room(snoop->conns[i])) {
            writer_bytes(conn_output(snoop->conns[i]), bytes, size);
        }
    }
}

size_t snoop_fds(const struct snoop *snoop, struct pollfd *out_fds)
{
    size_t n = 0;

    if (snoop->listener >= 0 && snoop->n_conns < SNOOPERS_MAX && !snoop->is_paused) {
        out_fds[n++] = (struct pollfd){.fd = snoop->listener, .events = POLLIN};
    }
    for (size_t i = 0; i < snoop->n_conns; i++) {
        out_fds[n++] = (struct pollfd){.fd = conn_fd(snoop->conns[i]), .events = conn_events(snoop->conns[i], true)};
    }
    return n;
}
