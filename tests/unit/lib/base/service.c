/* Tests of lib/base/service.c: files come and go with the process, a second one is refused, wrong options are named.
 *
 * Each test has a run directory of its own. What ends or signals the process happens in a child.
 */
#include "lib/base/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char dir[64];
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    snprintf(place->dir, sizeof place->dir, "/tmp/busbar-service-XXXXXX");
    *state = place;
    return mkdtemp(place->dir) != NULL ? 0 : -1;
}

static int place_teardown(void **state)
{
    struct place *place = *state;
    int err = rmdir(place->dir); /* fails when a test left a file behind */
    free(place);
    return err;
}

static int open_in(struct service *service, const char *dir, const char *instance, struct error_detail *detail)
{
    char *argv[] = {"test", "--run", (char *)dir, "--instance", (char *)instance, "--log-level", "error", NULL};
    return service_open(service, "slowpath", 7, argv, NULL, 0, detail);
}

static bool exists(const char *dir, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void files_come_and_go_with_the_process(void **state)
{
    struct place *place = *state;
    struct service service;
    struct error_detail detail;
    char path[PATH_MAX], text[32] = "";

    assert_int_equal(open_in(&service, place->dir, "3", &detail), 0);
    assert_string_equal(service.name, "slowpath.3");
    assert_string_equal(service.run_dir, place->dir);
    assert_true(service.start_number != 0);
    assert_false(exists(place->dir, "slowpath.3.ready"));
    assert_int_equal(service_ready(&service), 0);
    assert_true(exists(place->dir, "slowpath.3.ready"));

    snprintf(path, sizeof path, "%s/slowpath.3.pid", place->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_int_equal(strtol(text, NULL, 10), getpid());

    service_close(&service);
    assert_false(exists(place->dir, "slowpath.3.pid"));
    assert_false(exists(place->dir, "slowpath.3.ready"));
    service_close(&service);
}

static void auto_takes_the_first_instance_that_is_free(void **state)
{
    struct place *place = *state;
    struct service services[3];
    struct error_detail detail;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(open_in(&services[i], place->dir, "auto", &detail), 0);
        assert_int_equal(services[i].instance, i + 1);
    }
    assert_string_equal(services[2].name, "slowpath.3");
    service_close(&services[1]);
    assert_int_equal(open_in(&services[1], place->dir, "auto", &detail), 0);
    assert_int_equal(services[1].instance, 2);
    for (unsigned i = 0; i < 3; i++) {
        service_close(&services[i]);
    }
}

static void a_directory_that_gives_its_group_lets_the_group_connect(void **state)
{
    struct place *place = *state;
    struct service service;
    struct error_detail detail;
    assert_int_equal(open_in(&service, place->dir, "1", &detail), 0);
    assert_int_equal(umask(0), 027);
    service_close(&service);
    assert_int_equal(chmod(place->dir, 02770), 0);
    assert_int_equal(open_in(&service, place->dir, "1", &detail), 0);
    assert_int_equal(umask(022), 007);
    service_close(&service);
}

static void a_second_process_of_the_name_is_refused(void **state)
{
    struct place *place = *state;
    struct service first, second;
    struct error_detail detail;
    char expected[32];

    assert_int_equal(open_in(&first, place->dir, "1", &detail), 0);
    assert_int_equal(open_in(&second, place->dir, "1", &detail), -ERROR_IN_USE);
    snprintf(expected, sizeof expected, "(pid %d)", getpid());
    assert_non_null(strstr(detail.text, expected));
    assert_true(exists(place->dir, "slowpath.1.pid"));
    assert_int_equal(open_in(&second, place->dir, "2", &detail), 0);
    service_close(&second);
    service_close(&first);
}

static void what_a_killed_process_left_is_taken_over(void **state)
{
    struct place *place = *state;
    struct service service;
    struct error_detail detail;

    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (open_in(&service, place->dir, "1", &detail) == 0 && service_ready(&service) == 0) {
            raise(SIGKILL);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(exists(place->dir, "slowpath.1.ready"));
    assert_int_equal(open_in(&service, place->dir, "1", &detail), 0);
    assert_false(exists(place->dir, "slowpath.1.ready"));
    service_close(&service);
}

static void the_directory_is_made_closed_to_others(void **state)
{
    struct place *place = *state;
    struct service service;
    struct error_detail detail;
    struct stat status;
    char dir[PATH_MAX];

    snprintf(dir, sizeof dir, "%s/run", place->dir);
    assert_int_equal(open_in(&service, dir, "1", &detail), 0);
    assert_int_equal(stat(dir, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    service_close(&service);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(open_in(&service, dir, "1", &detail), -EPERM);
    assert_non_null(strstr(detail.text, "other users"));
    assert_int_equal(rmdir(dir), 0);
}

static void a_directory_too_long_or_missing_is_refused(void **state)
{
    struct place *place = *state;
    struct service service;
    struct error_detail detail;
    char dir[PATH_MAX];

    int used = snprintf(dir, sizeof dir, "%s/", place->dir);
    memset(dir + used, 'd', 100);
    dir[used + 100] = '\0';
    assert_int_equal(open_in(&service, dir, "1", &detail), -ERROR_TOO_LARGE);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(open_in(&service, "/nowhere/at/all", "1", &detail), -ENOENT);
    assert_int_equal(open_in(&service, "/dev/null", "1", &detail), -ENOTDIR);
}

static void extra_options_reach_their_variables(void **state)
{
    struct place *place = *state;
    struct service service;
    struct error_detail detail;
    const char *db = "unset", *force = NULL, *absent = "unset";
    const struct service_option extra[] = {
        {.name = "db", .argument = "DIR", .help = "where", .value = &db},
        {.name = "force", .help = "a flag", .value = &force},
        {.name = "absent", .argument = "X", .help = "not given", .value = &absent},
    };
    char *argv[] = {"test", "--run", place->dir, "--db=/var/db", "--force", NULL};
    assert_int_equal(service_open(&service, "configdb", 5, argv, extra, 3, &detail), 0);
    assert_string_equal(db, "/var/db");
    assert_string_equal(force, "");
    assert_string_equal(absent, "unset");
    assert_int_equal(service.instance, 1);
    service_close(&service);
}

static void where_to_answer_who_watches_is_as_given(void **state)
{
    struct place *place = *state;
    struct error_detail detail;
    struct service service;
    char *dir = place->dir;
    char *with[] = {"test", "--run", dir, "--log-level", "error", "--metrics", "127.0.0.1:9464+", NULL};
    char *without[] = {"test", "--run", dir, "--log-level", "error", NULL};
    assert_int_equal(service_open(&service, "fastpath", 7, with, NULL, 0, &detail), 0);
    assert_string_equal(service.metrics, "127.0.0.1:9464+");
    service_close(&service);
    assert_int_equal(service_open(&service, "fastpath", 5, without, NULL, 0, &detail), 0);
    assert_null(service.metrics);
    service_close(&service);
}

static void a_signal_asks_to_stop_and_is_seen_by_poll(void **state)
{
    struct place *place = *state;
    struct service service;
    struct error_detail detail;

    assert_int_equal(open_in(&service, place->dir, "1", &detail), 0);
    assert_false(service_stopping(&service));
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_true(service_stopping(&service));
    assert_true(service_stopping(&service));
    service_close(&service);
    assert_int_equal(open_in(&service, place->dir, "1", &detail), 0);
    assert_false(service_stopping(&service));
    service_stop(&service);
    assert_true(service_stopping(&service));
    service_close(&service);
}

/* Runs service_open() in a child and returns its exit status; what it printed is in out_text. */
static int exit_status_of(const char *dir, const char *option, const char *value, char *out_text, size_t room)
{
    int ends[2], status = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct service service;
        struct error_detail detail;
        char *argv[] = {"busbar-test", "--run", (char *)dir, (char *)option, (char *)value, NULL};
        dup2(ends[1], STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        int err = service_open(&service, "slowpath", value != NULL ? 5 : 4, argv, NULL, 0, &detail);
        service_close(&service);
        _exit(err == 0 ? 100 : 101);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t n;
    while (used < room - 1 && (n = read(ends[0], out_text + used, room - 1 - used)) > 0) {
        used += (size_t)n;
    }
    out_text[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wrong_options_end_with_status_2_and_their_name(void **state)
{
    static const struct {
        const char *option, *value, *named;
    } wrong[] = {
        {"--instance", "0", "--instance 0"},
        {"--instance", "-1", "--instance -1"},
        {"--instance", "256", "--instance 256"},
        {"--instance", "1x", "--instance 1x"},
        {"--instance", "", "--instance"},
        {"--log-level", "loud", "--log-level loud"},
        {"--unknown", NULL, "--unknown"},
        {"surplus", NULL, "surplus"},
        {"--instance", NULL, "requires an argument"},
    };
    struct place *place = *state;
    char text[4096];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(exit_status_of(place->dir, wrong[i].option, wrong[i].value, text, sizeof text), 2);
        assert_non_null(strstr(text, wrong[i].named));
    }
}

static void help_and_version_print_and_succeed(void **state)
{
    struct place *place = *state;
    char text[4096];
    assert_int_equal(exit_status_of(place->dir, "--version", NULL, text, sizeof text), 0);
    assert_string_equal(text, BUSBAR_VERSION "\n");
    assert_int_equal(exit_status_of(place->dir, "--help", NULL, text, sizeof text), 0);
    assert_non_null(strstr(text, "--instance=N"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(where_to_answer_who_watches_is_as_given, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(files_come_and_go_with_the_process, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(auto_takes_the_first_instance_that_is_free, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_gives_its_group_lets_the_group_connect, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_second_process_of_the_name_is_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(what_a_killed_process_left_is_taken_over, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_directory_is_made_closed_to_others, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_directory_too_long_or_missing_is_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(extra_options_reach_their_variables, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_signal_asks_to_stop_and_is_seen_by_poll, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(wrong_options_end_with_status_2_and_their_name, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(help_and_version_print_and_succeed, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
