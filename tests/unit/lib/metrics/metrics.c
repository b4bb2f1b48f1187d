/* The server over loopback: what is answered, what is refused, and that a step never waits. */
#include "lib/metrics/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"

struct group {
    char run_dir[64];
    struct service service;
    struct metrics *metrics;
    const char *state;
    int n_fills;
    size_t n_samples;
    uint64_t now_ns;
};

static void fill(const void *context, struct page *page)
{
    struct group *group = (struct group *)(uintptr_t)context;
    group->n_fills++;
    page_family(page, METRIC_COUNTER, "busbar_test_things_total", "", "Things.");
    for (size_t i = 0; i < group->n_samples; i++) {
        char number[24];
        (void)snprintf(number, sizeof number, "%zu", i);
        page_sample(page, &(struct page_label){"number", number}, 1, 7);
    }
}

static const char *state_of(const void *context)
{
    return ((const struct group *)context)->state;
}

static int open_at(struct group *group, const char *address, struct metrics **out_metrics, struct error_detail *detail)
{
    struct metrics_source source = {.fill = fill, .state = state_of, .context = group};
    group->service.metrics = address;
    return metrics_open(&group->service, &source, out_metrics, detail);
}

static int setup(void **state)
{
    struct group *group = calloc(1, sizeof *group);
    struct error_detail detail = {""};
    (void)snprintf(group->run_dir, sizeof group->run_dir, "/tmp/unit-metrics-XXXXXX");
    group->service = (struct service){.kind = "test", .instance = 2, .name = "test.2"};
    group->state = "ok";
    group->n_samples = 1;
    group->now_ns = 1000 * NS_PER_S;
    if (mkdtemp(group->run_dir) == NULL) {
        return -1;
    }
    memcpy(group->service.run_dir, group->run_dir, strlen(group->run_dir) + 1);
    *state = group;
    return open_at(group, "127.0.0.1:0", &group->metrics, &detail);
}

static int teardown(void **state)
{
    struct group *group = *state;
    metrics_close(&group->metrics);
    int err = rmdir(group->run_dir); /* nothing is left in it */
    free(group);
    return err;
}

static int connect_to(const struct metrics *metrics)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)strtoul(strrchr(metrics_address(metrics), ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Steps the server as a loop would until the peer has closed or `seconds` have passed; true: closed. */
static bool serve(struct group *group, int fd, char *out_text, size_t room, unsigned seconds)
{
    size_t size = 0;
    uint64_t end_ns = clock_now_ns() + seconds * NS_PER_S;
    while (clock_now_ns() < end_ns) {
        struct pollfd fds[] = {{.fd = metrics_fd(group->metrics), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
        (void)poll(fds, 2, 50);
        metrics_step(group->metrics, group->now_ns);
        ssize_t n = recv(fd, out_text + size, room - 1 - size, MSG_DONTWAIT);
        size += n > 0 ? (size_t)n : 0;
        out_text[size] = '\0';
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return true;
        }
    }
    return false;
}

static char *ask(struct group *group, const char *request)
{
    static char text[200000];
    int fd = connect_to(group->metrics);
    assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    assert_true(serve(group, fd, text, sizeof text, 5));
    close(fd);
    return text;
}

static void metrics_are_given(void **state)
{
    const char *text = ask(*state, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_non_null(strstr(text, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
    assert_non_null(strstr(text, "busbar_build_info{version=\"" BUSBAR_VERSION "\",service=\"test\",process=\"test.2\"} 1\n"));
    assert_non_null(strstr(text, "busbar_test_things_total{number=\"0\"} 7\n# EOF\n"));
    assert_non_null(strstr(text, "busbar_healthy 1\n"));
}

static void head_gives_no_body(void **state)
{
    const char *text = ask(*state, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void health_is_200_or_503_with_the_reason(void **state)
{
    struct group *group = *state;
    const char *text = ask(group, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\nok\n");
    group->state = "no configuration yet";
    group->now_ns += NS_PER_S;
    text = ask(group, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 503 "));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\nno configuration yet\n");
    assert_non_null(strstr(ask(group, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "busbar_healthy 0\n"));
}

static void other_methods_and_paths_are_refused(void **state)
{
    const char *text = ask(*state, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd");
    assert_non_null(strstr(text, "HTTP/1.1 405 "));
    assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
    assert_non_null(strstr(ask(*state, "DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 405 "));
    assert_non_null(strstr(ask(*state, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 "));
    assert_non_null(strstr(ask(*state, "GET /metrics/../x HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 "));
    assert_string_equal(ask(*state, "nonsense\r\n\r\n"), ""); /* closed */
}

static void a_page_is_rendered_once_for_all_who_ask_at_once(void **state)
{
    struct group *group = *state;
    for (int i = 0; i < 5; i++) {
        (void)ask(group, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    assert_int_equal(group->n_fills, 1);
    group->now_ns += METRICS_PAGE_MS * NS_PER_MS;
    (void)ask(group, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(group->n_fills, 2);
}

static void more_than_a_page_is_said_and_not_half_of_it(void **state)
{
    struct group *group = *state;
    group->n_samples = PAGE_MAX_BYTES / 30;
    assert_non_null(strstr(ask(group, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 500 "));
}

static void a_large_page_comes_whole(void **state)
{
    struct group *group = *state;
    group->n_samples = 3000;
    const char *text = ask(group, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(text, "busbar_test_things_total{number=\"2999\"} 7\n# EOF\n"));
}

static void who_says_nothing_is_closed_and_makes_room(void **state)
{
    struct group *group = *state;
    char text[100];
    int fds[METRICS_CONNECTIONS_MAX];
    for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        fds[i] = connect_to(group->metrics);
        metrics_step(group->metrics, group->now_ns);
    }
    int late = connect_to(group->metrics);
    assert_true(serve(group, fds[METRICS_CONNECTIONS_MAX - 1], text, sizeof text, 5));
    for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        assert_true(serve(group, fds[i], text, sizeof text, 5));
        close(fds[i]);
    }
    close(late);
    assert_non_null(strstr(ask(group, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 "));
}

static void the_address_is_told_in_the_run_directory(void **state)
{
    struct group *group = *state;
    char path[128], text[256] = "", expected[256];
    (void)snprintf(path, sizeof path, "%s/test.2.metrics.json", group->run_dir);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    (void)snprintf(expected, sizeof expected, "[{\"targets\": [\"%s\"], \"labels\": {\"service\": \"test\", \"process\": \"test.2\"}}]\n",
                   metrics_address(group->metrics));
    assert_string_equal(text, expected);
}

static void without_an_address_there_is_nothing(void **state)
{
    struct group group = {.state = "ok"};
    struct error_detail detail;
    struct metrics *metrics;
    assert_int_equal(open_at(&group, NULL, &metrics, &detail), 0);
    assert_null(metrics);
    assert_int_equal(metrics_fd(metrics), -1);
    metrics_step(metrics, 1);
    metrics_close(&metrics);
}

static void a_bad_address_is_refused(void **state)
{
    static const char *const bad[] = {"",         "127.0.0.1",      "127.0.0.1:",   "127.0.0.1:x", "127.0.0.1:70000", "localhost:1", ":80",
                                      "[::1]",    "::1]:80",        "127.0.0.1:-1", "127.0.0.1: 1", "127.0.0.1:1x",   "[::1:80"};
    struct group group = {.state = "ok"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error_detail detail = {""};
        struct metrics *metrics;
        if (open_at(&group, bad[i], &metrics, &detail) != -ERROR_SYNTAX) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
        assert_null(metrics);
        assert_non_null(strstr(detail.text, "ADDRESS:PORT is expected"));
    }
}

static void a_taken_port_is_tried_again_or_the_next_one_taken(void **state)
{
    struct group *group = *state;
    struct group other = {.state = "ok", .service = group->service};
    struct metrics *metrics;
    struct error_detail detail = {""};
    char next[64], taken[64], problem[sizeof other.service.run_dir + 64];
    uint64_t now_ns = group->now_ns;
    memcpy(other.service.name, "test.3", sizeof "test.3");
    (void)snprintf(problem, sizeof problem, "%s/test.3.metrics.problem", group->run_dir);
    (void)snprintf(taken, sizeof taken, "%s", metrics_address(group->metrics));
    assert_int_equal(open_at(&other, taken, &metrics, &detail), 0);
    assert_int_equal(metrics_fd(metrics), -1);
    assert_string_equal(metrics_address(metrics), "");
    assert_int_equal(access(problem, R_OK), 0);
    metrics_step(metrics, now_ns);
    metrics_step(metrics, now_ns + METRICS_AGAIN_S * NS_PER_S); /* it is still taken */
    assert_int_equal(metrics_fd(metrics), -1);
    metrics_close(&group->metrics);
    metrics_step(metrics, now_ns + 2 * METRICS_AGAIN_S * NS_PER_S - 1);
    assert_int_equal(metrics_fd(metrics), -1);
    metrics_step(metrics, now_ns + 2 * METRICS_AGAIN_S * NS_PER_S);
    assert_true(metrics_fd(metrics) >= 0);
    assert_string_equal(metrics_address(metrics), taken);
    assert_int_not_equal(access(problem, F_OK), 0);
    metrics_close(&metrics);
    assert_int_equal(open_at(group, taken, &group->metrics, &detail), 0);
    (void)snprintf(next, sizeof next, "%s+", metrics_address(group->metrics));
    assert_int_equal(open_at(&other, next, &metrics, &detail), 0);
    assert_string_not_equal(metrics_address(metrics), metrics_address(group->metrics));
    metrics_close(&metrics);
}

int main(void)
{
#define GROUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        GROUP_TEST(metrics_are_given),
        GROUP_TEST(head_gives_no_body),
        GROUP_TEST(health_is_200_or_503_with_the_reason),
        GROUP_TEST(other_methods_and_paths_are_refused),
        GROUP_TEST(a_page_is_rendered_once_for_all_who_ask_at_once),
        GROUP_TEST(more_than_a_page_is_said_and_not_half_of_it),
        GROUP_TEST(a_large_page_comes_whole),
        GROUP_TEST(who_says_nothing_is_closed_and_makes_room),
        GROUP_TEST(the_address_is_told_in_the_run_directory),
        cmocka_unit_test(without_an_address_there_is_nothing),
        cmocka_unit_test(a_bad_address_is_refused),
        GROUP_TEST(a_taken_port_is_tried_again_or_the_next_one_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
