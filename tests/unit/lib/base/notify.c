/* Tests of lib/base/notify.c: what arrives at a socket that stands for systemd's, and when. Time is an argument. */
#include "lib/base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define WATCHDOG_US "8000000" /* fed every two seconds */

struct place {
    char dir[64], name[96];
    int fd;
};

static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
    return fd;
}

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    snprintf(place->dir, sizeof place->dir, "/tmp/busbar-notify-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->name, sizeof place->name, "%s/notify", place->dir);
    place->fd = listen_at(place->name);
    *state = place;
    return 0;
}

static int place_teardown(void **state)
{
    struct place *place = *state;
    close(place->fd);
    (void)unlink(place->name);
    int err = rmdir(place->dir);
    free(place);
    return err;
}

/* What came, "" when nothing did. */
static const char *heard(int fd)
{
    static char text[256];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void ready_is_said_once_and_only_when_it_is_true(void **state)
{
    struct place *place = *state;
    struct notify notify;
    notify_open(&notify, place->name, NULL, NULL, 7);
    notify_beat(&notify, false, 1);
    assert_non_null(strstr(heard(place->fd), "EXTEND_TIMEOUT_USEC="));
    notify_beat(&notify, false, 2 * NS_PER_S);
    assert_string_equal(heard(place->fd), "");
    notify_beat(&notify, false, 6 * NS_PER_S);
    assert_non_null(strstr(heard(place->fd), "EXTEND_TIMEOUT_USEC="));
    notify_beat(&notify, true, 6 * NS_PER_S + 1);
    assert_non_null(strstr(heard(place->fd), "READY=1\n"));
    notify_beat(&notify, true, 60 * NS_PER_S);
    assert_string_equal(heard(place->fd), ""); /* without a watchdog there is nothing to say */
    notify_stopping(&notify);
    assert_non_null(strstr(heard(place->fd), "STOPPING=1\n"));
    notify_close(&notify);
}

static void the_watchdog_is_fed_four_times_in_its_time(void **state)
{
    struct place *place = *state;
    struct notify notify;
    unsigned n = 0;
    notify_open(&notify, place->name, WATCHDOG_US, "7", 7);
    notify_beat(&notify, true, NS_PER_S);
    assert_non_null(strstr(heard(place->fd), "READY=1"));
    for (uint64_t ms = 1000; ms <= 9000; ms += 100) {
        notify_beat(&notify, true, ms * NS_PER_MS);
        const char *text = heard(place->fd);
        assert_true(text[0] == '\0' || strcmp(text, "WATCHDOG=1") == 0);
        n += text[0] != '\0';
    }
    assert_int_equal(n, 4);
    notify_close(&notify);
}

static void the_watchdog_of_another_process_is_not_fed(void **state)
{
    static const char *const useless[][2] = {{WATCHDOG_US, "8"}, {"x", NULL}, {"", "7"}, {"99999999999999999999", "7"}};
    struct place *place = *state;
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        struct notify notify;
        notify_open(&notify, place->name, useless[i][0], useless[i][1], 7);
        assert_int_equal(notify.watchdog_ns, 0);
        notify_close(&notify);
    }
}

static void an_abstract_socket_is_reached(void **state)
{
    char name[64];
    struct notify notify;
    snprintf(name, sizeof name, "@busbar-notify-%d", getpid());
    int fd = listen_at(name);
    notify_open(&notify, name, NULL, NULL, 7);
    notify_beat(&notify, true, 1);
    assert_non_null(strstr(heard(fd), "READY=1"));
    notify_close(&notify);
    close(fd);
}

static void nobody_asking_or_nobody_there_is_no_error(void **state)
{
    char too_long[200];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    const char *const names[] = {NULL, "", "/", "relative", "/nowhere/at/all", too_long};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct notify notify;
        notify_open(&notify, names[i], WATCHDOG_US, NULL, 7);
        assert_int_equal(notify.fd, -1);
        notify_beat(&notify, true, NS_PER_S);
        notify_stopping(&notify);
        notify_close(&notify);
    }
    struct notify zeroed = {0};
    notify_close(&zeroed);
    assert_int_equal(zeroed.fd, -1);
}

static void a_word_that_found_no_room_is_said_at_the_next_beat(void **state)
{
    struct place *place = *state;
    struct notify notify;
    notify_open(&notify, place->name, NULL, NULL, 7);
    while (send(notify.fd, "full", 4, MSG_NOSIGNAL) == 4) {
    }
    notify_beat(&notify, true, 1);
    assert_false(notify.is_ready);
    while (strcmp(heard(place->fd), "full") == 0) {
    }
    notify_beat(&notify, true, 2);
    assert_non_null(strstr(heard(place->fd), "READY=1"));
    notify_close(&notify);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ready_is_said_once_and_only_when_it_is_true, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_watchdog_is_fed_four_times_in_its_time, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_watchdog_of_another_process_is_not_fed, place_setup, place_teardown),
        cmocka_unit_test(an_abstract_socket_is_reached),
        cmocka_unit_test(nobody_asking_or_nobody_there_is_no_error),
        cmocka_unit_test_setup_teardown(a_word_that_found_no_room_is_said_at_the_next_beat, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
