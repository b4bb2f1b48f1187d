/* Tests of services/ofagent/conn_tcp.c. */
#include "services/ofagent/conn_tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/memory.h"

static int refused(const char *target)
{
    struct error_detail detail = {{0}};
    int fd = -1;
    int err = conn_tcp_open(target, "/nowhere", &fd, &detail);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(detail.text, target));
    return err;
}

static void targets_that_are_none_are_refused_by_name(void **state)
{
    assert_int_equal(refused("ptcp:6653:127.0.0.1"), -ERROR_UNSUPPORTED);
    assert_int_equal(refused("tcp:"), -ERROR_SYNTAX);
    assert_int_equal(refused("tcp:controller.example:6653"), -ERROR_SYNTAX);
    assert_int_equal(refused("tcp:127.0.0.1:0"), -ERROR_SYNTAX);
    assert_int_equal(refused("tcp:127.0.0.1:65536"), -ERROR_SYNTAX);
    assert_int_equal(refused("tcp:127.0.0.1:12x"), -ERROR_SYNTAX);
    assert_int_equal(refused("tcp:127.0.0.1:-5"), -ERROR_SYNTAX);
    assert_int_equal(refused("tcp:[::1"), -ERROR_SYNTAX);
    assert_int_equal(refused("tcp:[::1]6653"), -ERROR_SYNTAX);
}

static void connects_to(int family, const char *format)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int listener = socket(family, SOCK_STREAM, 0);
    struct error_detail detail = {{0}};
    int fd;

    if (family == AF_INET) {
        ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
    }
    if (bind(listener, (struct sockaddr *)&address, size) != 0) {
        close(listener);
        skip(); /* no IPv6 on this machine */
    }
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    char *target = memory_format(format, ntohs(((struct sockaddr_in *)&address)->sin_port));
    assert_int_equal(conn_tcp_open(target, "/nowhere", &fd, &detail), 0);
    int accepted = accept(listener, NULL, NULL);
    assert_true(accepted >= 0);
    assert_int_equal(conn_tcp_finish(fd), 0);
    free(target);
    close(fd);
    close(accepted);
    close(listener);
}

static void ipv4_and_ipv6_addresses_are_connected_to(void **state)
{
    connects_to(AF_INET, "tcp:127.0.0.1:%u");
    connects_to(AF_INET6, "tcp:[::1]:%u");
}

static void a_refused_connection_says_so(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int bound = socket(AF_INET, SOCK_STREAM, 0);
    struct error_detail detail = {{0}};
    int fd;

    assert_int_equal(bind(bound, (struct sockaddr *)&address, size), 0); /* taken, but nobody listens */
    assert_int_equal(getsockname(bound, (struct sockaddr *)&address, &size), 0);
    char *target = memory_format("tcp:127.0.0.1:%u", ntohs(address.sin_port));
    int err = conn_tcp_open(target, "/nowhere", &fd, &detail);
    if (err == 0) {
        while ((err = conn_tcp_finish(fd)) == -EAGAIN) {
        }
        close(fd);
    }
    assert_int_equal(err, -ECONNREFUSED);
    free(target);
    close(bound);
}

static void a_dead_listeners_socket_is_replaced_and_a_living_ones_is_not(void **state)
{
    char path[] = "/tmp/conn-tcp-test-XXXXXX";
    int first, second, again;

    assert_non_null(mkdtemp(path));
    char *socket_path = memory_format("%s/s", path);
    assert_int_equal(conn_tcp_listen(socket_path, &first), 0);
    assert_int_equal(conn_tcp_listen(socket_path, &second), -ERROR_IN_USE);
    uint64_t again_ns = 0;
    assert_int_equal(conn_tcp_accept(first, 1, &again_ns, &again), 0); /* the one that asked whether we live */
    close(again);
    assert_int_equal(conn_tcp_accept(first, 1, &again_ns, &again), -EAGAIN);
    close(first);
    assert_int_equal(conn_tcp_listen(socket_path, &second), 0);
    close(second);
    assert_int_equal(unlink(socket_path), 0);
    assert_int_equal(rmdir(path), 0);
    free(socket_path);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    char path[] = "/tmp/conn-tcp-test-XXXXXX";
    struct target target;
    int fd = mkstemp(path), listener = -1;

    assert_true(fd >= 0);
    close(fd);
    char *text = memory_format("punix:%s", path);
    assert_int_equal(target_parse(text, &target), 0);
    assert_int_equal(conn_tcp_listen_at(&target, &listener), -EEXIST);
    assert_int_equal(listener, -1);
    assert_int_equal(unlink(path), 0); /* it is still there */
    free(text);
}

static void without_descriptors_a_listener_is_left_alone_for_a_while(void **state)
{
    char path[] = "/tmp/conn-tcp-test-XXXXXX";
    struct rlimit before, few;
    uint64_t again_ns = 0;
    int listener, client, fd;

    assert_non_null(mkdtemp(path));
    char *socket_path = memory_format("%s/s", path), *target = memory_format("unix:%s", socket_path);
    assert_int_equal(conn_tcp_listen(socket_path, &listener), 0);
    assert_int_equal(conn_tcp_open(target, "/nowhere", &client, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)client + 1, .rlim_max = before.rlim_max};
    int holes[64], n = 0; /* descriptors below the limit */
    while (n < 64 && (holes[n] = dup(client)) >= 0 && holes[n] < client) {
        n++;
    }
    close(holes[n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(conn_tcp_accept(listener, NS_PER_S, &again_ns, &fd), -EAGAIN);
    assert_int_equal(again_ns, NS_PER_S + CONN_TCP_ACCEPT_PAUSE_NS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(conn_tcp_accept(listener, again_ns - 1, &again_ns, &fd), -EAGAIN);
    assert_int_equal(conn_tcp_accept(listener, again_ns, &again_ns, &fd), 0); /* who waited is let in then */
    while (n > 0) {
        close(holes[--n]);
    }
    close(fd);
    close(client);
    close(listener);
    assert_int_equal(unlink(socket_path), 0);
    assert_int_equal(rmdir(path), 0);
    free(target);
    free(socket_path);
}

static void a_path_too_long_for_a_socket_is_refused(void **state)
{
    char path[300];
    int fd;

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(conn_tcp_listen(path, &fd), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_that_are_none_are_refused_by_name),
        cmocka_unit_test(ipv4_and_ipv6_addresses_are_connected_to),
        cmocka_unit_test(a_refused_connection_says_so),
        cmocka_unit_test(a_dead_listeners_socket_is_replaced_and_a_living_ones_is_not),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(without_descriptors_a_listener_is_left_alone_for_a_while),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
