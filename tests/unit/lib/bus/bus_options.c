/* Tests of lib/bus/bus_options.c: tcp without keys is refused with a sentence that says what to do. */
#include "lib/bus/bus_options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/bus/key_table.h"

static const struct bus_identity self = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 5};
static const char server_key[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

struct place {
    char dir[64], path[128], public_path[160];
};

static int setup(void **state)
{
    static struct place p;
    struct key_pair pair;
    struct error_detail detail;
    snprintf(p.dir, sizeof p.dir, "%s/options.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(p.dir));
    snprintf(p.path, sizeof p.path, "%s/k", p.dir);
    snprintf(p.public_path, sizeof p.public_path, "%s.pub", p.path);
    assert_int_equal(key_pair_make("me", &pair), 0);
    assert_int_equal(key_file_write(p.path, &pair, &detail), 0);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    unlink(p->public_path);
    return rmdir(p->dir);
}

static void without_options_configdb_is_in_the_run_directory(void **state)
{
    struct bus_options options = {0};
    struct bus *bus;
    char config[ENDPOINT_TEXT_MAX + 1];
    struct error_detail detail;
    assert_int_equal(bus_options_open(&options, "/run/x", &self, &bus, config, &detail), 0);
    assert_string_equal(config, "ipc:///run/x/config.configdb.1");
    assert_null(bus_keys(bus));
    bus_destroy(&bus);
    options.config = "ipc:///elsewhere/c";
    assert_int_equal(bus_options_open(&options, "/run/x", &self, &bus, config, &detail), 0);
    assert_string_equal(config, "ipc:///elsewhere/c");
    bus_destroy(&bus);
}

static void with_keys_tcp_is_used(void **state)
{
    struct place *p = *state;
    struct bus_options options = {
        .config = "tcp://configdb:7400", .config_key = server_key, .key = p->path, .listen = "tcp://127.0.0.1"};
    struct bus *bus;
    char config[ENDPOINT_TEXT_MAX + 1], wanted[ENDPOINT_TEXT_MAX + 1];
    struct error_detail detail;
    assert_int_equal(bus_options_open(&options, "/run/x", &self, &bus, config, &detail), 0);
    snprintf(wanted, sizeof wanted, "tcp://configdb:7400 %s", server_key);
    assert_string_equal(config, wanted);
    assert_non_null(bus_keys(bus));
    assert_int_equal(key_table_size(bus_keys(bus)), 0);
    bus_destroy(&bus);
}

static void what_is_missing_is_named(void **state)
{
    struct place *p = *state;
    char open_path[160];
    struct key_pair pair;
    struct error_detail detail;
    snprintf(open_path, sizeof open_path, "%s/open", p->dir);
    assert_int_equal(key_pair_make("open", &pair), 0);
    assert_int_equal(key_file_write(open_path, &pair, &detail), 0);
    assert_int_equal(chmod(open_path, 0644), 0);
    const struct {
        struct bus_options options;
        const char *says;
    } rows[] = {
        {{.config = "tcp://h:1"}, "--key FILE"},
        {{.config = "tcp://h:1", .key = p->path}, "--config-key FILE"},
        {{.config = "tcp://h", .key = p->path, .config_key = server_key}, "tcp://HOST:PORT is expected"},
        {{.config = "tcp://h:1", .key = p->path, .config_key = "/nonexistent"}, "/nonexistent"},
        {{.config = "tcp://h:1", .key = "/nonexistent", .config_key = server_key}, "/nonexistent"},
        {{.listen = "tcp://127.0.0.1"}, "--key FILE"},
        {{.listen = "tcp://0.0.0.0", .key = p->path}, "others are told this address"},
        {{.listen = "127.0.0.1", .key = p->path}, "tcp://ADDRESS"},
        {{.listen = "tcp://127.0.0.1", .key = open_path}, "chmod 600"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bus *bus;
        char config[ENDPOINT_TEXT_MAX + 1];
        int err = bus_options_open(&rows[i].options, "/run/x", &self, &bus, config, &detail);
        if (err >= 0 || bus != NULL || strstr(detail.text, rows[i].says) == NULL) {
            fail_msg("row %zu: %d \"%s\"", i, err, detail.text);
        }
    }
    unlink(open_path);
    snprintf(open_path, sizeof open_path, "%s/open.pub", p->dir);
    unlink(open_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_options_configdb_is_in_the_run_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(with_keys_tcp_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
