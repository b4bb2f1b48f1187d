/* Tests of lib/cfg/target.c. */
#include "lib/cfg/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

/* "2 1 192.0.2.1 6653": scheme, TLS, address, port. */
static const char *read_as(const char *text)
{
    static char buffer[128];
    char host[INET6_ADDRSTRLEN] = "";
    struct target target;

    assert_int_equal(target_parse(text, &target), 0);
    bool is_v6 = target.address.ss_family == AF_INET6;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&target.address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&target.address;
    assert_int_equal(target.size, is_v6 ? sizeof *v6 : sizeof *v4);
    assert_non_null(inet_ntop(is_v6 ? AF_INET6 : AF_INET, is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, host, sizeof host));
    (void)snprintf(buffer, sizeof buffer, "%s%s %s %u", target_is_passive(text) ? "listen" : "connect",
                   target_is_tls(&target) ? " tls" : "", host, ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
    assert_true(target_is_valid(text));
    return buffer;
}

static void what_people_write_is_read(void **state)
{
    assert_string_equal(read_as("tcp:192.0.2.1:6633"), "connect 192.0.2.1 6633");
    assert_string_equal(read_as("tcp:192.0.2.1"), "connect 192.0.2.1 6653");
    assert_string_equal(read_as("ssl:192.0.2.1"), "connect tls 192.0.2.1 6653");
    assert_string_equal(read_as("ssl:[2001:db8::1]:65535"), "connect tls 2001:db8::1 65535");
    assert_string_equal(read_as("tcp:[2001:db8::1]"), "connect 2001:db8::1 6653");
    assert_string_equal(read_as("ptcp:"), "listen 0.0.0.0 6653");
    assert_string_equal(read_as("ptcp:6634"), "listen 0.0.0.0 6634");
    assert_string_equal(read_as("pssl:6634:127.0.0.1"), "listen tls 127.0.0.1 6634");
    assert_string_equal(read_as("pssl::127.0.0.1"), "listen tls 127.0.0.1 6653");
    assert_string_equal(read_as("ptcp:6653:[::]"), "listen :: 6653");
}

static void what_is_half_right_is_refused(void **state)
{
    static const char *const bad[] = {"tcp:",         "tcp:host:1",    "tcp:1.2.3:1",        "tcp:1.2.3.4:",   "tcp:1.2.3.4:0",     "tcp:1.2.3.4:65536",
                                      "tcp:[::1",     "tcp:[::1]x",    "tcp:[]:1",           "tcp:::1:6653",   "tcp: 1.2.3.4",      "tcp:1.2.3.4:66x",
                                      "ptcp:0",       "ptcp:65536",    "ptcp:x",             "ptcp:6653:",     "ptcp:6653:host",    "ptcp:6653:[::",
                                      "ptcp:6653:::", "pssl:-5",       "pssl:6653:1.2.3.4:", "unix:",          "unix:dir/",     "tcp:1.2.3.4:123456"};
    struct target target;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (target_parse(bad[i], &target) != -ERROR_SYNTAX) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_false(target_is_valid(bad[i]));
    }
    assert_int_equal(target_parse("", &target), -ERROR_UNSUPPORTED);
    assert_int_equal(target_parse("TCP:1.2.3.4", &target), -ERROR_UNSUPPORTED);
    assert_int_equal(target_parse("punix:", &target), -ERROR_SYNTAX);
}

static void a_path_is_of_the_run_directory_unless_it_says_another(void **state)
{
    char path[200] = "unix:/";
    struct target target;

    assert_int_equal(target_parse("unix:/run/x", &target), 0);
    assert_int_equal(target.scheme, TARGET_UNIX);
    assert_string_equal(target_path(&target), "/run/x");
    assert_true(target_is_valid("unix:/run/x") && target_is_valid("punix:br0.controller"));
    assert_true(target_is_passive("punix:/run/x") && !target_is_passive("unix:/run/x") && !target_is_tls(&target));
    assert_int_equal(target_place(&target, "/elsewhere"), 0);
    assert_string_equal(target_path(&target), "/run/x");
    assert_int_equal(target_parse("punix:br0.controller", &target), 0);
    assert_int_equal(target.scheme, TARGET_PUNIX);
    assert_int_equal(target_place(&target, "/run/busbar"), 0);
    assert_string_equal(target_path(&target), "/run/busbar/br0.controller");
    assert_int_equal(target_parse("tcp:192.0.2.1", &target), 0);
    assert_null(target_path(&target));
    assert_int_equal(target_place(&target, "/run/busbar"), 0);
    memset(path + 6, 'x', sizeof path - 7);
    path[5 + 107] = '\0'; /* the longest path that Linux takes, with its end */
    assert_int_equal(target_parse(path, &target), 0);
    path[5 + 107] = 'x';
    assert_int_equal(target_parse(path, &target), -ENAMETOOLONG);
    path[5 + 107] = '\0';
    path[5] = 'x'; /* relative, and so too long in any directory */
    assert_int_equal(target_parse(path, &target), 0);
    assert_int_equal(target_place(&target, "/r"), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_write_is_read),
        cmocka_unit_test(what_is_half_right_is_refused),
        cmocka_unit_test(a_path_is_of_the_run_directory_unless_it_says_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
