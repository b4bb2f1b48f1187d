/* Tests of lib/bus/endpoint.c: what is taken apart is put together again, and what is no endpoint is refused. */
#include "lib/bus/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char key[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
static const char other_key[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

static void address_and_key_are_told_apart(void **state)
{
    const struct {
        const char *text, *address;
        bool has_key;
    } rows[] = {{"tcp://10.0.0.1:7400", "tcp://10.0.0.1:7400", false},
                {"tcp://10.0.0.1:7400 rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "tcp://10.0.0.1:7400", true},
                {"tcp://[fe80::1%eth0]:1", "tcp://[fe80::1%eth0]:1", false},
                {"tcp://configdb-1.example:65535", "tcp://configdb-1.example:65535", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char address[ENDPOINT_ADDRESS_MAX + 1], has[KEY_TEXT_SIZE + 1];
        assert_int_equal(endpoint_split(rows[i].text, address, has), 0);
        assert_string_equal(address, rows[i].address);
        assert_string_equal(has, rows[i].has_key ? key : "");
    }
}

static void what_is_no_tcp_endpoint_is_refused(void **state)
{
    static const char *const rows[] = {"",
                                       "tcp://",
                                       "tcp://:7400",
                                       "tcp://host",
                                       "tcp://host:",
                                       "tcp://host:0",
                                       "tcp://host:65536",
                                       "tcp://host:123456",
                                       "tcp://host:12x",
                                       "ipc:///run/x",
                                       "tcp://a b:1",
                                       "tcp://host:1 ",
                                       "tcp://host:1 short",
                                       "tcp://ho/st:1",
                                       "tcp://fe80::1:1",
                                       "tcp://[]:1",
                                       "tcp://a;b:1",
                                       "TCP://host:1"};
    char address[ENDPOINT_ADDRESS_MAX + 1], has[KEY_TEXT_SIZE + 1], longest[400];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (endpoint_split(rows[i], address, has) != -ERROR_SYNTAX) {
            fail_msg("taken: %s", rows[i]);
        }
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest, "tcp://", 6);
    assert_int_equal(endpoint_split(longest, address, has), -ERROR_TOO_LARGE);
}

static void a_key_is_added_but_never_replaced(void **state)
{
    char text[ENDPOINT_TEXT_MAX + 1], again[ENDPOINT_TEXT_MAX + 1];
    assert_int_equal(endpoint_with_key("tcp://h:1", key, text), 0);
    assert_int_equal(endpoint_with_key(text, key, again), 0);
    assert_string_equal(text, again);
    assert_int_equal(endpoint_with_key(text, other_key, again), -ERROR_CONFLICT);
    assert_int_equal(endpoint_with_key("tcp://h:1", "short", again), -ERROR_SYNTAX);
}

static void the_next_ports_are_counted_from_the_first(void **state)
{
    char text[ENDPOINT_TEXT_MAX + 1], with[ENDPOINT_TEXT_MAX + 1], wanted[ENDPOINT_TEXT_MAX + 1];
    assert_int_equal(endpoint_next("tcp://[::1]:7409", 1, text), 0);
    assert_string_equal(text, "tcp://[::1]:7410");
    assert_int_equal(endpoint_with_key("tcp://h:9", key, with), 0);
    assert_int_equal(endpoint_next(with, 2, text), 0);
    snprintf(wanted, sizeof wanted, "tcp://h:11 %s", key);
    assert_string_equal(text, wanted);
    assert_int_equal(endpoint_next("tcp://h:65535", 1, text), -ERROR_RANGE);
}

static void an_address_to_listen_on_is_one_that_others_reach(void **state)
{
    char address[ENDPOINT_ADDRESS_MAX + 1];
    unsigned port = 1;
    struct error_detail detail;
    assert_int_equal(endpoint_listen("tcp://192.0.2.1", address, &port, &detail), 0);
    assert_string_equal(address, "tcp://192.0.2.1");
    assert_int_equal(port, 0);
    assert_int_equal(endpoint_listen("tcp://[2001:db8::1]:7400", address, &port, &detail), 0);
    assert_string_equal(address, "tcp://[2001:db8::1]");
    assert_int_equal(port, 7400);
    assert_int_equal(endpoint_listen("tcp://eth0", address, &port, &detail), 0);
    static const char *const wide[] = {"tcp://0.0.0.0", "tcp://0.0.0.0:7400", "tcp://*", "tcp://[::]:7400"};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        assert_int_equal(endpoint_listen(wide[i], address, &port, &detail), -ERROR_RANGE);
        assert_non_null(strstr(detail.text, "others are told this address"));
    }
    static const char *const bad[] = {"", "tcp://", "192.0.2.1", "ipc:///x", "tcp://a b", "tcp://h:99999", "tcp://fe80::1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (endpoint_listen(bad[i], address, &port, &detail) != -ERROR_SYNTAX) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_and_key_are_told_apart),
        cmocka_unit_test(what_is_no_tcp_endpoint_is_refused),
        cmocka_unit_test(a_key_is_added_but_never_replaced),
        cmocka_unit_test(the_next_ports_are_counted_from_the_first),
        cmocka_unit_test(an_address_to_listen_on_is_one_that_others_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
