/* The command line of swctl: what people type right and wrong. */
#include "cli/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct client client;
static struct line line;
static struct error_detail detail;

static int parse(char **words)
{
    int n = 0;
    while (words[n] != NULL) {
        n++;
    }
    client = (struct client){.timeout_ms = 1};
    detail.text[0] = '\0';
    line_fini(&line);
    line_init(&line);
    return line_parse(&client, n, words, &line, &detail);
}
#define PARSE(...) parse((char *[]){"swctl", __VA_ARGS__, NULL})

static void options_may_stand_anywhere(void **state)
{
    assert_int_equal(PARSE("--run", "/x", "add-br", "--json", "br0", "--timeout=2"), 0);
    assert_string_equal(client.run_dir, "/x");
    assert_true(client.wants_json);
    assert_int_equal(client.timeout_ms, 2000);
    assert_int_equal(line.n, 1);
    assert_string_equal(line.segments[0].command->words, "add-br");
    assert_string_equal(line.segments[0].arguments[0], "br0");
}

static void configdb_may_be_elsewhere(void **state)
{
    assert_int_equal(PARSE("--config", "tcp://h:1", "--config-key=a=b", "show", "--key", "-k"), 0);
    assert_string_equal(client.options.config, "tcp://h:1");
    assert_string_equal(client.options.config_key, "a=b");
    assert_string_equal(client.options.key, "-k");
    assert_int_equal(PARSE("key", "add", "n", "read", "p"), 0);
    assert_string_equal(line.segments[0].command->words, "key add");
    assert_int_equal(PARSE("--key"), -ERROR_SYNTAX);
}

static void commands_are_chained_by_two_dashes(void **state)
{
    assert_int_equal(PARSE("--may-exist", "add-br", "br0", "--", "add-port", "br0", "v0", "tag=3"), 0);
    assert_int_equal(line.n, 2);
    assert_true(line.segments[0].may_exist);
    assert_false(line.segments[1].may_exist);
    assert_int_equal(line.segments[1].n_arguments, 3);
}

static void two_words_make_one_command(void **state)
{
    assert_int_equal(PARSE("dp", "dump-flows"), 0);
    assert_string_equal(line.segments[0].command->words, "dp dump-flows");
    assert_int_equal(line.segments[0].n_arguments, 0);
}

static void mistakes_name_the_word(void **state)
{
    assert_int_equal(PARSE("add-bridge", "br0"), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "add-bridge"));
    assert_int_equal(PARSE("add-br"), -ERROR_SYNTAX);
    assert_non_null(strstr(detail.text, "too few"));
    assert_int_equal(PARSE("add-br", "a", "b"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("--jsn", "show"), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "--jsn"));
    assert_int_equal(PARSE("--timeout", "soon", "show"), -ERROR_RANGE);
    assert_int_equal(PARSE("show", "--run"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("add-br", "br0", "--"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("show", "--", "add-br", "br0"), -ERROR_SYNTAX);
    assert_non_null(strstr(detail.text, "chained"));
}

static void mistyped_commands_get_a_proposal(void **state)
{
    assert_int_equal(PARSE("add-prot", "br0", "x"), -ERROR_UNKNOWN_NAME);
    assert_string_equal(detail.text, "there is no command add-prot; did you mean add-port?");
    assert_int_equal(PARSE("dp", "shwo"), -ERROR_UNKNOWN_NAME);
    assert_string_equal(detail.text, "there is no command dp; did you mean dp show?");
    assert_int_equal(PARSE("frobnicate"), -ERROR_UNKNOWN_NAME);
    assert_string_equal(detail.text, "there is no command frobnicate (swctl help lists them)");
}

static void questions_come_behind_changes(void **state)
{
    assert_int_equal(PARSE("add-br", "br0", "--", "get", "bridge", "br0", "name", "--", "show"), 0);
    assert_int_equal(line.n, 3);
    assert_int_equal(PARSE("add-br", "br0", "--", "show", "--", "add-br", "br1"), -ERROR_SYNTAX);
    assert_non_null(strstr(detail.text, "chained before add-br"));
    assert_int_equal(PARSE("--", "--if-exists", "set", "bridge", "br0", "fail_mode=secure"), 0); /* as scripts for ovs-vsctl begin */
    assert_int_equal(line.n, 1);
    assert_true(line.segments[0].if_exists);
    assert_int_equal(PARSE("--", "--", "show"), 0);
    assert_int_equal(PARSE("add-br", "br0", "--", "--", "show"), -ERROR_SYNTAX);
}

static void options_of_a_command_are_refused_by_others(void **state)
{
    assert_int_equal(PARSE("dp", "dump-flows", "tcp", "--sort", "rate", "--top=20"), 0);
    assert_string_equal(line.segments[0].sort, "rate");
    assert_string_equal(line.segments[0].top, "20");
    assert_int_equal(line.segments[0].n_arguments, 1);
    assert_int_equal(PARSE("--columns=name,ofport", "-t", "3", "list", "port"), 0);
    assert_string_equal(line.segments[0].columns, "name,ofport");
    assert_int_equal(client.timeout_ms, 3000);
    assert_int_equal(PARSE("--columns=name", "show"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("--dry-run", "add-br", "br0"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("trace", "br0", "in_port=1", "--from-capture", "a.pcap", "--packet=3"), 0);
    assert_string_equal(line.segments[0].from_capture, "a.pcap");
    assert_string_equal(line.segments[0].packet, "3");
    assert_int_equal(PARSE("dp", "stats", "--packet", "3"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("dp", "stats", "--watch"), 0);
    assert_true(line.segments[0].watch);
    assert_int_equal(PARSE("dp", "show", "--watch"), -ERROR_SYNTAX);
    assert_non_null(strstr(detail.text, "--watch"));
    assert_int_equal(PARSE("dp", "stats", "--top", "3"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("dp", "dump-flows", "--sort"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("dp", "dump-flows", "--sorted=rate"), -ERROR_UNKNOWN_NAME);
}

static void a_single_dash_is_an_argument(void **state)
{
    assert_int_equal(PARSE("add-flows", "br0", "-"), 0);
    assert_string_equal(line.segments[0].arguments[1], "-");
}

static void too_many_commands_are_refused(void **state)
{
    char *words[4 * LINE_SEGMENTS_MAX + 8] = {"swctl"};
    size_t n = 1;
    for (int i = 0; i <= LINE_SEGMENTS_MAX; i++) {
        words[n++] = "del-br";
        words[n++] = "b";
        words[n++] = "--";
    }
    words[n - 1] = NULL;
    assert_int_equal(parse(words), -ERROR_TOO_LARGE);
}

static void changes_may_await_confirmation_and_nothing_else(void **state)
{
    static const char *const bad[] = {"0", "86401", "-5", "1.5", "x", ""};
    assert_int_equal(PARSE("commit", "--confirm", "60", "--", "del-port", "br0", "eth0"), 0);
    assert_int_equal(client.confirm_s, 60);
    assert_int_equal(PARSE("--confirm=5", "rollback", "12"), 0);
    assert_int_equal(client.confirm_s, 5);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(PARSE("--confirm", (char *)bad[i], "del-br", "br0"), -ERROR_RANGE);
    }
    assert_int_equal(PARSE("--confirm", "5", "show"), -ERROR_SYNTAX);
    assert_int_equal(PARSE("history", "--limit", "3"), 0);
    assert_string_equal(line.segments[0].limit, "3");
    assert_int_equal(PARSE("show", "--limit", "3"), -ERROR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere), cmocka_unit_test(commands_are_chained_by_two_dashes),
        cmocka_unit_test(configdb_may_be_elsewhere),
        cmocka_unit_test(two_words_make_one_command), cmocka_unit_test(mistakes_name_the_word),
        cmocka_unit_test(mistyped_commands_get_a_proposal), cmocka_unit_test(questions_come_behind_changes),
        cmocka_unit_test(options_of_a_command_are_refused_by_others),
        cmocka_unit_test(a_single_dash_is_an_argument), cmocka_unit_test(too_many_commands_are_refused),
        cmocka_unit_test(changes_may_await_confirmation_and_nothing_else),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    line_fini(&line);
    return failed;
}
