/* The HTTP server of a process. See metrics.h.
 *
 * libmicrohttpd in its external mode: one epoll descriptor for the listener and all connections, and MHD_run() when it is readable. A
 * fastpath calls this in the thread of its packets, so everything is bounded: connections, what they may send (their memory), how long they may
 * say nothing, one request each, and one page rendered in METRICS_PAGE_MS, however many ask.
 * Cost: one system call a step while nobody asks; about 130 us a request, most of it the kernel's for the connection, and the page.
 * An address that cannot be had is no reason for a switch to stop forwarding: it goes on unwatched, says so, and tries again.
 * The caller's thread. Never waits.
 * Foreign bytes: parsed by libmicrohttpd; we see the method and the path.
 */
#include "lib/metrics/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/metrics/self.h"

enum { ADDRESS_MAX = 160, RUNS_PER_STEP = 4, CONNECTION_BYTES = 8 * 1024 };

struct place {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t size;
    uint16_t port;
    bool may_be_next;
};

struct metrics {
    const struct service *service;
    struct place place; /* as asked for */
    uint64_t again_ns;  /* nobody is answered: when to try again; 0: not known yet */
    struct metrics_source source;
    struct MHD_Daemon *daemon;
    int fd;
    int listener; /* until the daemon has it */
    struct self self;
    struct page page; /* the last one */
    uint64_t page_ns, now_ns;
    bool has_page, has_file;
    char address[ADDRESS_MAX];
    char file[PATH_MAX];
};

/* ---- the address ---- */

static bool parse_port(const char *text, struct place *out_place)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (end == text || text[0] < '0' || text[0] > '9' || port > UINT16_MAX || (*end != '\0' && strcmp(end, "+") != 0)) {
        return false;
    }
    out_place->port = (uint16_t)port;
    out_place->may_be_next = *end == '+';
    return true;
}

static bool parse_place(const char *text, struct place *out_place)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : 0;
    if (size == 0 || size >= sizeof host || !parse_port(colon + 1, out_place)) {
        return false;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    if (host[0] == '[' && host[size - 1] == ']') {
        host[size - 1] = '\0';
        out_place->at.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
        out_place->size = sizeof out_place->at.v6;
        return inet_pton(AF_INET6, host + 1, &out_place->at.v6.sin6_addr) == 1;
    }
    out_place->at.v4 = (struct sockaddr_in){.sin_family = AF_INET};
    out_place->size = sizeof out_place->at.v4;
    return inet_pton(AF_INET, host, &out_place->at.v4.sin_addr) == 1;
}

static int bind_to(struct place *place, uint16_t port, int *out_fd)
{
    int on = 1, fd = socket(place->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (place->at.any.sa_family == AF_INET) {
        place->at.v4.sin_port = htons(port);
    } else {
        place->at.v6.sin6_port = htons(port);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &place->at.any, place->size) != 0 || listen(fd, METRICS_CONNECTIONS_MAX) != 0 ||
        getsockname(fd, &place->at.any, &place->size) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

static int open_listener(struct metrics *metrics, struct place *place)
{
    int err = bind_to(place, place->port, &metrics->listener);
    for (int i = 1; err == -EADDRINUSE && place->may_be_next && i < METRICS_PORTS_MAX && place->port + i <= UINT16_MAX; i++) {
        err = bind_to(place, (uint16_t)(place->port + i), &metrics->listener);
    }
    return err;
}

/* As others reach it: any-address becomes the name of this host. */
static void name_address(const struct place *place, char out_address[ADDRESS_MAX])
{
    char host[HOST_NAME_MAX + 1] = "localhost";
    bool is_v4 = place->at.any.sa_family == AF_INET;
    bool is_any = is_v4 ? place->at.v4.sin_addr.s_addr == htonl(INADDR_ANY) : IN6_IS_ADDR_UNSPECIFIED(&place->at.v6.sin6_addr);
    unsigned port = ntohs(is_v4 ? place->at.v4.sin_port : place->at.v6.sin6_port);
    if (is_any) {
        (void)gethostname(host, sizeof host - 1);
        host[sizeof host - 1] = '\0';
    } else {
        (void)inet_ntop(place->at.any.sa_family, is_v4 ? (const void *)&place->at.v4.sin_addr : &place->at.v6.sin6_addr, host, sizeof host);
    }
    (void)snprintf(out_address, ADDRESS_MAX, is_v4 || is_any ? "%s:%u" : "[%s]:%u", host, port);
}

/* Under another name first: whoever watches the directory never sees half of it. */
static int write_file(struct metrics *metrics)
{
    char fresh[PATH_MAX];
    const struct service *service = metrics->service;
    int n = snprintf(metrics->file, sizeof metrics->file, "%s/%s.metrics.json", service->run_dir, service->name);
    int m = snprintf(fresh, sizeof fresh, "%s/.%s.metrics.new", service->run_dir, service->name);
    if (n >= (int)sizeof metrics->file || m >= (int)sizeof fresh) {
        return -ENAMETOOLONG;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (fd < 0) {
        return -errno;
    }
    int err = dprintf(fd, "[{\"targets\": [\"%s\"], \"labels\": {\"service\": \"%s\", \"process\": \"%s\"}}]\n", metrics->address,
                      service->kind, service->name) < 0 ? -errno : 0;
    if (close(fd) != 0 || (err == 0 && rename(fresh, metrics->file) != 0)) {
        err = -errno;
    }
    metrics->has_file = err == 0;
    return err;
}

/* ---- answers ---- */

static const struct page *render(struct metrics *metrics)
{
    if (metrics->has_page && metrics->now_ns - metrics->page_ns < METRICS_PAGE_MS * NS_PER_MS) {
        return &metrics->page;
    }
    struct page *page = &metrics->page;
    page->size = 0;
    page->is_cut = false;
    metrics->self.is_healthy = strcmp(metrics->source.state(metrics->source.context), "ok") == 0;
    self_fill(&metrics->self, page);
    metrics->source.fill(metrics->source.context, page);
    page_end(page);
    metrics->has_page = true;
    metrics->page_ns = metrics->now_ns;
    return page;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const void *bytes, size_t size)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;
    if (response != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close"); /* one request a connection: see above */
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        }
        result = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
    }
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    char line[512];
    int n = snprintf(line, sizeof line, "%s\n", text);
    return answer(connection, status, "text/plain; charset=utf-8", line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
                                  const char *body, size_t *body_size, void **own)
{
    struct metrics *metrics = context;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD are answered");
    }
    if (strcmp(path, "/metrics") == 0) {
        const struct page *page = render(metrics);
        return page->is_cut ? answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "there is more to tell than a page holds")
                            : answer(connection, MHD_HTTP_OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", page->text, page->size);
    }
    if (strcmp(path, "/healthz") == 0) {
        const char *state = metrics->source.state(metrics->source.context);
        return answer_text(connection, strcmp(state, "ok") == 0 ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, state);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz");
}

/* ---- birth, end, steps ---- */

static int start_daemon(struct metrics *metrics)
{
    metrics->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, metrics, MHD_OPTION_LISTEN_SOCKET, metrics->listener,
                                       MHD_OPTION_CONNECTION_LIMIT, (unsigned)METRICS_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                       (unsigned)METRICS_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (metrics->daemon == NULL) {
        return -EIO;
    }
    metrics->listener = -1;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    metrics->fd = info != NULL ? info->epoll_fd : -1;
    return metrics->fd >= 0 ? 0 : -EIO;
}

static void stop_answering(struct metrics *metrics)
{
    if (metrics->has_file) {
        (void)unlink(metrics->file);
    }
    if (metrics->daemon != NULL) {
        MHD_stop_daemon(metrics->daemon);
    }
    if (metrics->listener >= 0) {
        close(metrics->listener);
    }
    metrics->has_file = false;
    metrics->daemon = NULL;
    metrics->fd = metrics->listener = -1;
    metrics->address[0] = '\0';
}

/* What keeps us from answering, or nothing, for swctl status. */
static void tell_problem(const struct service *service, const char *text)
{
    char file[PATH_MAX];
    int n = snprintf(file, sizeof file, "%s/%s.metrics.problem", service->run_dir, service->name);
    if (n >= (int)sizeof file) {
        return;
    }
    (void)unlink(file);
    int fd = text != NULL ? open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640) : -1;
    if (fd >= 0) {
        (void)dprintf(fd, "%s\n", text);
        close(fd);
    }
}

static int start_answering(struct metrics *metrics)
{
    struct place place = metrics->place;
    int err = open_listener(metrics, &place);
    if (err == 0) {
        name_address(&place, metrics->address);
        err = start_daemon(metrics);
    }
    if (err == 0) {
        err = write_file(metrics);
    }
    if (err != 0) {
        stop_answering(metrics);
    } else {
        log_info("metrics address=%s", metrics->address);
    }
    return err;
}

static void try_to_answer(struct metrics *metrics)
{
    char text[512];
    int err = start_answering(metrics);
    (void)snprintf(text, sizeof text, "%.200s: %s", metrics->service->metrics, error_text(err));
    if (err != 0) {
        log_error("metrics_unanswered address=%s error=\"%s\" again_s=%d", metrics->service->metrics, error_text(err), METRICS_AGAIN_S);
    }
    tell_problem(metrics->service, err != 0 ? text : NULL);
}

int metrics_open(const struct service *service, const struct metrics_source *source, struct metrics **out_metrics, struct error_detail *detail)
{
    struct place place = {.size = 0};
    *out_metrics = NULL;
    tell_problem(service, NULL); /* of an earlier life */
    if (service->metrics == NULL) {
        return 0;
    }
    if (!parse_place(service->metrics, &place)) {
        return error_set(detail, -ERROR_SYNTAX, "--metrics %.100s: ADDRESS:PORT is expected, such as 127.0.0.1:9464", service->metrics);
    }
    struct metrics *metrics = memory_zeroed(sizeof *metrics);
    metrics->service = service;
    metrics->source = *source;
    metrics->fd = metrics->listener = -1;
    metrics->place = place;
    self_init(&metrics->self, service->kind, service->name);
    try_to_answer(metrics);
    *out_metrics = metrics;
    return 0;
}

void metrics_close(struct metrics **metrics)
{
    struct metrics *gone = *metrics;
    if (gone == NULL) {
        return;
    }
    *metrics = NULL;
    stop_answering(gone);
    tell_problem(gone->service, NULL);
    page_fini(&gone->page);
    free(gone);
}

int metrics_fd(const struct metrics *metrics)
{
    return metrics != NULL ? metrics->fd : -1;
}

const char *metrics_address(const struct metrics *metrics)
{
    return metrics->address;
}

void metrics_step(struct metrics *metrics, uint64_t now_ns)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    if (metrics == NULL) {
        return;
    }
    metrics->now_ns = now_ns;
    if (metrics->daemon == NULL && metrics->again_ns == 0) {
        metrics->again_ns = now_ns + METRICS_AGAIN_S * NS_PER_S;
    } else if (metrics->daemon == NULL && now_ns >= metrics->again_ns) {
        metrics->again_ns = now_ns + METRICS_AGAIN_S * NS_PER_S;
        try_to_answer(metrics);
    }
    if (metrics->daemon == NULL) {
        return;
    }
    for (int i = 0; i < RUNS_PER_STEP; i++) { /* what was read may be answered at once, without another event */
        (void)MHD_run(metrics->daemon);
        if (MHD_get_timeout(metrics->daemon, &wait_ms) != MHD_YES || wait_ms > 0) {
            break;
        }
    }
}
